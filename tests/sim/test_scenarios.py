"""Each shipped scenario shows what it promises, as seen by the CSMS."""

from __future__ import annotations

import pytest
import trio.testing
from tests.sim.test_inmemory import lived
from tests.support.simulation import calls, heard, network, told, until

from nocwatch.sessions import Outcome, Reason, StartSource
from nocwatch.sim.scenario import load, shipped

FAULTS = {
    "zero_energy_session", "remote_start_no_transaction", "lost_stop", "station_offline", "flapping", "socket_state_gap",
    "success_rate_drop", "faulted", "register_rollback", "cloned_token_overlap", "token_brute_force",
}  # fmt: skip


def test_every_shipped_scenario_loads_and_each_fault_has_one():
    assert {"demo", "ordinary", "quirks", *FAULTS} <= set(shipped())
    for name in shipped():
        assert load(name).scenario == name


def register(observed) -> list[float]:
    """The energy registers of a station's MeterValues or TransactionEvents, in the order in which they came."""
    return [
        float(sample["value"])
        for each in observed
        for value in each.payload.get("meterValue", [])
        for sample in value["sampledValue"]
        if sample["measurand"] == "Energy.Active.Import.Register"
    ]


async def test_zero_energy_session_gives_nothing_in_more_than_two_minutes_and_its_neighbour_charges():
    async with network("zero_energy_session", speed=100) as (csms, fleet):
        truths = await told(fleet, "CP1", count=2)
        (truth,) = await told(fleet, "CP2")
        start, stop = calls(csms, "CP1", "StartTransaction"), calls(csms, "CP1", "StopTransaction")
    by_connector = {each.connector: each for each in truths}
    assert by_connector[1].energy_wh == truth.energy_wh == 0.0
    assert by_connector[2].outcome is Outcome.SUCCESS
    assert len(start) == len(stop) == 2
    stops = {each.payload["transactionId"]: each.payload["meterStop"] for each in stop}
    assert stops[by_connector[1].transaction] == by_connector[1].meter_start_wh


async def test_remote_start_is_accepted_and_only_the_driver_who_is_there_charges():
    async with network("remote_start_no_transaction", speed=60) as (csms, fleet):
        (truth,) = await told(fleet, "CP3")
        (nobody,) = await told(fleet, "CP2")
        accepted = [
            o
            for o in csms.observed
            if not o.outgoing and o.payload == {"status": "Accepted"} and o.message[0] == 3
        ]
    assert len(accepted) >= 3
    assert (truth.outcome, truth.start_source, truth.token) == (
        Outcome.SUCCESS,
        StartSource.REMOTE,
        "APP00000903",
    )
    assert (nobody.reason, nobody.transaction) == (Reason.REMOTE_START_NO_TX, None)
    assert calls(csms, "CP1", "StartTransaction") == []
    assert calls(csms, "CP2", "TransactionEvent") == []


async def test_lost_stop_frees_the_connector_without_a_word():
    async with network("lost_stop", speed=60) as (csms, fleet):
        (first,) = await told(fleet, "CP1")
        (second,) = await told(fleet, "CP2")
        both = await told(fleet, "CP3", count=2)
        await heard(csms, "CP1", "StatusNotification", connectorId=1, status="Available", count=2)
        await heard(csms, "CP2", "StatusNotification", evseId=1, connectorStatus="Available", count=2)
    assert first.reason is second.reason is both[0].reason is Reason.LOST_STOP
    assert both[1].outcome is Outcome.SUCCESS
    assert calls(csms, "CP1", "StopTransaction") == []
    assert all(o.payload["eventType"] != "Ended" for o in calls(csms, "CP2", "TransactionEvent"))
    assert len(calls(csms, "CP3", "StartTransaction")) == 2


async def test_station_offline_keeps_charging_and_tells_it_afterwards():
    async with network("station_offline", speed=60) as (csms, fleet):
        (truth,) = await told(fleet, "CP2")
        (old,) = await told(fleet, "CP4")
        assert not fleet.stations["CP1"].online
        assert "CP1" not in {identity for identity, station in csms.stations.items() if station.peer}
        boots = len(calls(csms, "CP2", "BootNotification"))
        starts = calls(csms, "CP4", "StartTransaction")
        stops = calls(csms, "CP4", "StopTransaction")
    assert truth.late
    assert old.late
    assert truth.outcome is old.outcome is Outcome.SUCCESS
    assert boots == 1, "a lost network is no restart"
    assert len(starts) == len(stops) == 1


async def test_flapping_reconnects_again_and_again():
    async with network("flapping", speed=60) as (csms, fleet):
        await until(lambda: fleet.stations["CP1"].uplink.counters["connections"] >= 8)
        await heard(csms, "CP2", "BootNotification", count=8)
        assert fleet.stations["CP3"].uplink.counters["connections"] == 2
        assert len(calls(csms, "CP1", "BootNotification")) == 1


async def test_socket_state_gap_is_a_boot_without_statuses():
    async with network("socket_state_gap", speed=60) as (csms, _):
        boot = await heard(csms, "CP1", "BootNotification", count=2)
        after = await heard(csms, "CP1", "StatusNotification", connectorId=0, count=2)
        between = [o for o in calls(csms, "CP1", "Heartbeat") if boot.number < o.number < after.number]
        statuses = [
            o for o in calls(csms, "CP1", "StatusNotification") if boot.number < o.number < after.number
        ]
        healthy = await heard(csms, "CP3", "BootNotification", count=2)
        await csms.wait_for(
            lambda o: o.station == "CP3" and o.number > healthy.number and o.action == "StatusNotification"
        )
    assert between, "it lives, and says nothing of its connectors"
    assert statuses == []


async def test_success_rate_drops_where_the_lives_turn_bad(autojump_clock: trio.testing.MockClock):
    """On virtual time: at 600 times the speed of life a busy machine is a CSMS that orders starts for drivers who have left."""
    del autojump_clock
    _, truths, _ = await lived(load("success_rate_drop"), 1.0)
    failed = [t for t in truths if t.outcome is Outcome.FAILED]
    assert len(failed) >= 8
    assert {t.reason for t in failed} <= {Reason.EV_COMM, Reason.CONNECTOR_LOCK}
    assert all(t.station.startswith("BAD") for t in failed)
    first = truths.index(failed[0])
    assert sum(t.outcome is Outcome.SUCCESS for t in truths[:first]) >= 20


async def test_faulted_connectors_break_and_heal():
    async with network("faulted", speed=60) as (csms, fleet):
        status = await heard(csms, "CP1", "StatusNotification", status="Faulted")
        event = await heard(csms, "CP2", "NotifyEvent")
        (truth,) = await told(fleet, "CP2")
        odd = await heard(csms, "CP4", "StatusNotification", status="Faulted")
        healed = await heard(csms, "CP1", "StatusNotification", connectorId=1, status="Available", count=2)
    assert status.payload["errorCode"] == "GroundFailure"
    assert status.payload["vendorErrorCode"] == "0x0031"
    assert event.payload["eventData"][0]["techCode"] == "HighTemperature"
    assert (truth.outcome, truth.reason) == (Outcome.FAILED, Reason.THERMAL)
    assert odd.payload["errorCode"] == "NoError"
    assert healed.number > status.number


@pytest.mark.parametrize(("station", "action"), [("CP1", "MeterValues"), ("CP2", "TransactionEvent")])
async def test_register_falls_and_stays_down_for_two_samples_at_least(station, action):
    async with network("register_rollback", speed=60) as (csms, fleet):
        await told(fleet, station)
        values = register(calls(csms, station, action))
    highest = max(values[:6])
    below = [
        value for value in values if value < highest - 10 and values.index(value) > values.index(highest)
    ]
    assert len(below) >= 4, "two samples are what a detector asks for; the sampling may miss one"


async def test_a_dip_of_one_reading_is_no_rollback():
    async with network("register_rollback", speed=60) as (csms, fleet):
        await told(fleet, "CP3")
        values = register(calls(csms, "CP3", "MeterValues"))
    assert values.count(0.0) == 1
    rest = [value for value in values if value]
    assert rest == sorted(rest)


async def test_cloned_token_charges_at_two_stations_at_once():
    async with network("cloned_token_overlap", speed=60) as (csms, fleet):
        (one,) = await told(fleet, "CP1")
        (other,) = await told(fleet, "CP2")
        (honest,) = await told(fleet, "CP3")
    assert one.token == other.token != honest.token
    assert one.outcome is other.outcome is Outcome.SUCCESS
    assert one.started_at_ns < other.started_at_ns < one.stopped_at_ns
    assert calls(csms, "CP1", "Authorize")


async def test_brute_force_tries_many_cards_and_all_are_refused():
    async with network("token_brute_force", speed=60) as (csms, _):
        await heard(csms, "CP1", "Authorize", count=40)
        await heard(csms, "CP2", "Authorize", count=40)
        tried = {o.payload["idTag"] for o in calls(csms, "CP1", "Authorize")}
        answers = {
            o.message[1]: o.payload
            for o in csms.observed
            if o.outgoing and o.message[0] == 3 and o.station == "CP1"
        }
        refused = [answers[o.message[1]] for o in calls(csms, "CP1", "Authorize") if o.message[1] in answers]
    assert len(tried) == 40
    assert len(refused) >= 39
    assert all(each["idTagInfo"]["status"] == "Invalid" for each in refused)
