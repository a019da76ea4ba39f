"""Stations and CSMSs with odd ways of their own: what they say, read from the wire of a network in memory."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest
import trio
import trio.testing
from tests.sim.test_inmemory import lived, one, sightings
from tests.support.simulation import scenario

from nocwatch.flags import Blame
from nocwatch.frames import Frame, Link, LinkEvent
from nocwatch.sessions import Reason
from nocwatch.sim.dialling import by_url
from nocwatch.sim.hardware import CATALOGUE, Profile
from nocwatch.sim.scenario import Scenario
from nocwatch.sim.station import SimStation


def station(version: str, *quirks: str, **fields: Any) -> Scenario:
    """One station with these quirks, at which drivers come and go."""
    world = one(version, **fields)
    return world.model_copy(
        update={"stations": (world.stations[0].model_copy(update={"quirks": quirks}),)}, deep=True
    )


def said(records: list[Any], action: str) -> list[dict[str, Any]]:
    """The payloads of the calls of that action."""
    messages = [json.loads(each.payload) for each in sightings(records) if isinstance(each, Frame)]
    return [each[3] for each in messages if each[0] == 2 and each[2] == action]


async def test_stops_with_other_registers_come_before_and_after_the_right_one(
    autojump_clock: trio.testing.MockClock,
) -> None:
    del autojump_clock
    world = scenario(
        stations=[{"id": "CP1", "hardware": "hpc150", "version": "1.6", "meter_interval": "20s"}],
        steps=[{"at": "20s", "every": "2m", "station": "CP1", "wire": {"kind": "several_stops"}}],
    )
    records, truths, _ = await lived(world, 1.0)
    by_id: dict[int, list[int]] = {}
    for stop in said(records, "StopTransaction"):
        by_id.setdefault(stop["transactionId"], []).append(stop["meterStop"])
    assert len(truths) >= 8
    for truth in truths:
        told = by_id[truth.transaction]
        assert len(set(told)) == len(told) > 1
        assert max(told) == truth.meter_stop_wh
    assert any(told[0] < max(told) for told in by_id.values())
    assert any(told[-1] < max(told) for told in by_id.values())


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_samples_without_the_transaction_name_its_place(
    version: str, autojump_clock: trio.testing.MockClock
) -> None:
    del autojump_clock
    records, _, _ = await lived(station(version, "values_without_id"), 0.5)
    values = said(records, "MeterValues")
    assert len(values) > 5
    assert all("transactionId" not in each for each in values)
    assert {each.get("connectorId", each.get("evseId")) for each in values} == {1, 2}


@pytest.mark.parametrize("version", ["1.6", "2.1"])
async def test_a_station_that_is_asked_before_its_boot_begins_anew_until_it_is_let_alone(
    version: str, autojump_clock: trio.testing.MockClock
) -> None:
    del autojump_clock
    world = station(version, "loops_on_early_call", csms={"asks_early": 0.7, "seed": 2})
    records, truths, fleet = await lived(world, 1.0)
    opened = [each for each in sightings(records) if isinstance(each, Link) and each.event is LinkEvent.OPEN]
    assert len(opened) > 1
    assert len(said(records, "BootNotification")) == len(opened)
    assert fleet.stations["CP1"].actions.count(("link", "booted")) == 1
    assert truths, "once its boot was accepted, it may be asked"


async def test_a_station_that_says_16_over_201_is_understood_after_its_next_handshake_too(
    autojump_clock: trio.testing.MockClock,
) -> None:
    del autojump_clock
    steps = [{"at": "10m", "station": "CP1", "offline": {"lasting": "60s"}}]
    records, _, fleet = await lived(station("1.6", "v16_on_201", steps=steps), 0.5)
    links = [each for each in sightings(records) if isinstance(each, Link)]
    assert [each.event for each in links] == [LinkEvent.OPEN, LinkEvent.CLOSED, LinkEvent.OPEN]
    assert fleet.stations["CP1"].online


async def test_a_station_that_took_another_socket_with_a_question_unanswered_says_the_rest_over_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    del autojump_clock
    world = one(
        "2.0.1",
        csms={"faults": [{"station": "CP1", "action": "TransactionEvent", "share": 1.0, "delay": "9s"}]},
        steps=[{"at": "10m", "station": "CP1", "wire": {"kind": "second_socket"}}],
    )
    often = world.stations[0].model_copy(update={"meter_interval": 20.0})
    records, _, _ = await lived(world.model_copy(update={"stations": (often,)}), 1.0)
    seen = sightings(records)
    opened = [each.sequence for each in seen if isinstance(each, Link) and each.event is LinkEvent.OPEN]
    assert len(opened) == 2
    later = [
        json.loads(each.payload) for each in seen if isinstance(each, Frame) and each.sequence > opened[1]
    ]
    assert len([each for each in later if each[0] == 2 and each[2] == "TransactionEvent"]) > 20


async def test_of_sockets_that_take_over_from_each_other_none_is_left_behind(
    autojump_clock: trio.testing.MockClock,
) -> None:
    del autojump_clock
    world = one(
        "1.6",
        csms={"faults": [{"station": "CP1", "refuse": 503, "share": 0.6}], "seed": 3},
        steps=[{"at": "1m", "every": "2m", "station": "CP1", "wire": {"kind": "second_socket"}}],
    )
    records, _, fleet = await lived(world, 2.0)
    links = [each for each in sightings(records) if isinstance(each, Link)]
    opened = [each.connection for each in links if each.event is LinkEvent.OPEN]
    closed = [each.connection for each in links if each.event is LinkEvent.CLOSED]
    assert len(opened) > 20
    left = set(opened) - set(closed)
    assert len(left) <= 2, "the one in use, and one that it took over from a moment ago"
    assert fleet.stations["CP1"].uplink.counters["connections"] == len(opened)


async def test_what_changes_while_a_station_announces_itself_is_told_after_it() -> None:
    profile = Profile("CP1", "2.0.1", CATALOGUE["hpc300"], "3.4.1", "VO000000001")
    leaving = SimStation(profile, by_url("ws://127.0.0.1:1/"))
    leaving.wants_boot = False
    leaving.connectors[0].status = "Finishing"

    class Csms:
        """Takes its time, in which the driver leaves."""

        told: ClassVar[list[Any]] = []

        async def call(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
            await trio.lowlevel.checkpoint()
            self.told.append((action, payload["connectorStatus"]))
            leaving.set_status(leaving.connectors[0], "Available")
            return {}

    assert await leaving._greet(Csms())  # type: ignore[arg-type]
    assert Csms.told == [
        ("StatusNotification", "Occupied"),
        ("StatusNotification", "Available"),
        ("StatusNotification", "Available"),
    ]


async def test_a_question_that_nobody_answers_ends_an_oddity_and_no_life(
    autojump_clock: trio.testing.MockClock,
) -> None:
    del autojump_clock
    world = scenario(
        stations=[{"id": "CP1", "hardware": "hpc150", "version": "2.0.1"}],
        steps=[{"at": "20s", "every": "2m", "station": "CP1", "wire": {"kind": "same_id_again"}}],
        csms={"faults": [{"action": "Heartbeat", "silent": True}]},
    )
    records, _, fleet = await lived(world, 0.1)
    assert len(said(records, "Heartbeat")) >= 2
    assert fleet.crashes == 0


async def test_an_order_to_a_socket_that_its_station_reads_no_more_is_lived_as_lost(
    autojump_clock: trio.testing.MockClock,
) -> None:
    del autojump_clock
    world = scenario(
        stations=[{"id": "CP1", "hardware": "hpc150", "version": "1.6"}],
        csms={
            "faults": [{"station": "CP1", "refuse": 503, "share": 1.0, "after": "9m"}],
            "steps": [{"at": "605s", "station": "CP1", "remote_start": "APP99000001"}],
        },
        steps=[{"at": "10m", "station": "CP1", "wire": {"kind": "second_socket"}}],
    )
    _, truths, _ = await lived(world, 0.25)
    lost = [(each.token, each.reason, each.blame) for each in truths]
    assert lost == [("APP99000001", Reason.CONNECTIVITY, Blame.UNKNOWN)]


async def test_a_charge_that_began_offline_is_ended_by_the_next_loss_once_its_station_was_back(
    autojump_clock: trio.testing.MockClock,
) -> None:
    del autojump_clock
    offline = {"lasting": "2m", "abruptly": True}
    world = scenario(
        stations=[{"id": "CP1", "hardware": "hpc150", "version": "1.6"}],
        steps=[
            {"at": "2m", "station": "CP1", "offline": offline},
            {"at": "3m", "station": "CP1", "zero_energy": {"lasting": "110s"}},
            {"at": "270s", "station": "CP1", "offline": offline},
        ],
    )
    _, truths, _ = await lived(world, 0.25)
    assert [(each.reason, each.blame) for each in truths] == [(Reason.CONNECTIVITY, Blame.NETWORK)]
