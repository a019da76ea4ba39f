"""What a CSMS plans with simulated stations: a connector that is kept for a driver, and what the energy costs."""

from __future__ import annotations

import pytest
import trio
from tests.support.simulation import calls, heard, network, scenario, until, violations

from nocwatch.sim.dialling import by_url
from nocwatch.sim.hardware import CATALOGUE, Profile
from nocwatch.sim.parts import Booking
from nocwatch.sim.scenario import load
from nocwatch.sim.station import SimStation
from nocwatch.sim.tokens import card

DRIVER, ANOTHER = card(1), card(2)
VERSIONS = pytest.mark.parametrize(
    ("version", "hardware", "started"),
    [("1.6", "hpc150", "StartTransaction"), ("2.0.1", "hpc300", "TransactionEvent")],
)


def kept(version: str, hardware: str, *visits: dict[str, object]):
    return scenario(
        stations=[{"id": "CP1", "hardware": hardware, "version": version, "meter_interval": "10s"}],
        steps=[{"station": "CP1", **each} for each in visits],
        csms={"steps": [{"at": "2s", "station": "CP1", "reserve": DRIVER}]},
    )


@VERSIONS
async def test_a_reserved_connector_waits_for_its_driver_and_the_start_names_the_reservation(
    version, hardware, started
):
    another = {"at": "20s", "visit": {"token": ANOTHER}}
    his = {"at": "40s", "visit": {"token": DRIVER, "charge": "30s"}}
    async with network(kept(version, hardware, another, his)) as (csms, fleet):
        order = await csms.wait_for(lambda seen: seen.action == "ReserveNow")
        number = order.payload.get("reservationId", order.payload.get("id"))
        reserved = (
            {"connectorStatus": "Reserved", "evseId": 1}
            if version == "2.0.1"
            else {"status": "Reserved", "connectorId": 1}
        )
        await heard(csms, "CP1", "StatusNotification", **reserved)
        await heard(csms, "CP1", started, reservationId=number)
        assert ("connector 1", f"kept for another than {ANOTHER}") in fleet.stations["CP1"].actions
        assert fleet.stations["CP1"].connectors[0].booking is None


async def test_a_reservation_that_nobody_uses_expires_and_is_told(autojump_clock):
    """By the wall's clock, as the order says it."""
    profile = Profile("CP1", "2.0.1", CATALOGUE["hpc300"], "3.4.1", "VO000000001")
    station = SimStation(profile, by_url("ws://127.0.0.1:1/"))
    connector = station.connectors[0]
    with trio.fail_after(3600):
        async with trio.open_nursery() as nursery:
            await nursery.start(station.run)
            commands = station.commands
            soon_ns = station.clock.now_ns() + 900 * 10**9
            assert commands.reserve(1, Booking(7, DRIVER), soon_ns) == "Accepted"
            assert commands.reserve(1, Booking(8, ANOTHER), soon_ns) == "Occupied"
            assert connector.status == "Reserved"
            await until(lambda: connector.status == "Available")
            assert trio.current_time() >= 890
            assert connector.booking is None
            assert commands.reserve(1, Booking(9, DRIVER), soon_ns) == "Accepted"
            assert not commands.cancel_reservation(8)
            assert commands.cancel_reservation(9)
            assert connector.status == "Available"
            nursery.cancel_scope.cancel()


async def test_a_station_is_told_what_it_costs_while_it_charges_and_in_all_at_the_end():
    asked = scenario(
        stations=[{"id": "CP1", "hardware": "hpc300", "version": "2.0.1", "meter_interval": "10s"}],
        steps=[{"at": "5s", "station": "CP1", "visit": {"token": DRIVER, "charge": "3m"}}],
        csms={"prices": [{"station": "CP*", "per_kwh": 0.5, "every": "20s"}], "chores_every": None},
    )
    async with network(asked) as (csms, _):
        await heard(csms, "CP1", "TransactionEvent", eventType="Ended")
        final = await csms.wait_for(
            lambda seen: seen.outgoing and "totalCost" in seen.text and seen.action == ""
        )
        running = [each.payload["totalCost"] for each in csms.observed if each.action == "CostUpdated"]
        assert len(running) >= 3
        assert running == sorted(running)
        registers = [
            sampled["value"]
            for each in calls(csms, "CP1", "TransactionEvent")
            for meter in each.payload.get("meterValue", ())
            for sampled in meter["sampledValue"]
            if sampled.get("measurand", "Energy.Active.Import.Register") == "Energy.Active.Import.Register"
        ]
        assert final.payload["totalCost"] == round((registers[-1] - registers[0]) / 1000 * 0.5, 2)
        assert final.payload["totalCost"] >= running[-1] > 0


async def test_a_wordy_station_says_more_than_the_schema_has_room_for():
    talks = scenario(stations=[{"id": "CP1", "hardware": "ac22", "version": "1.6", "quirks": ["wordy"]}])
    async with network(talks) as (csms, _):
        told = await heard(csms, "CP1", "StatusNotification", connectorId=1)
        (violation,) = violations("1.6", "StatusNotification", told.payload, answer=False)
        assert "too long" in str(violation)


async def test_the_demo_shows_a_newcomer_one_session_with_all_that_was_planned_for_it():
    """And a station whose messages do not fit: what the session's page and the station's page can show is there."""
    async with network(load("demo"), speed=20.0, fail_after_s=60.0) as (csms, _):
        started = await csms.wait_for(
            lambda seen: seen.station == "HAF-06" and "reservationId" in seen.payload and not seen.outgoing
        )
        assert started.payload["eventType"] == "Started"
        assert started.payload["evse"]["id"] == 2
        limits = [
            each for each in csms.observed if each.action == "SetChargingProfile" and each.station == "HAF-06"
        ]
        assert limits
        transaction = started.payload["transactionInfo"]["transactionId"]
        await csms.wait_for(
            lambda seen: seen.action == "CostUpdated" and seen.payload["transactionId"] == transaction
        )
        told = await heard(csms, "HAF-02", "StatusNotification", connectorId=1)
        assert violations("1.6", "StatusNotification", told.payload, answer=False)
