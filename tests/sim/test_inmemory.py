"""A network in memory: days of simulated life in seconds, seen as a relay sees it, and the same from the same seed."""

from __future__ import annotations

import trio
import trio.testing
from tests.support.simulation import scenario

from nocwatch.frames import Frame, Link, LinkEvent
from nocwatch.records import Record, RecordKind
from nocwatch.sim.backoffice import BackOffice
from nocwatch.sim.csms import SimCsms
from nocwatch.sim.fleet import Fleet
from nocwatch.sim.inmemory import BEGIN_NS, Network, wall_ns
from nocwatch.sim.pace import Pace
from nocwatch.sim.scenario import Scenario
from nocwatch.sim.truth import Truth
from nocwatch.tap.gate import Gate
from nocwatch.tap.tap import Tap

BUSY = {
    "gap": {"min": "20s", "max": "60s"},
    "charge": {"min": "60s", "max": "3m"},
    "linger": {"min": "5s", "max": "20s"},
}


async def lived(world: Scenario, hours: float) -> tuple[list[Record], list[Truth], Fleet]:
    """So many virtual hours of a world."""
    records: list[Record] = []
    truths: list[Truth] = []
    pace = Pace(1.0, wall_ns)
    csms = SimCsms(world.csms.model_copy(update={"ping_every": None}), remember=False, pace=pace)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(BackOffice(csms).run)
        network = Network(csms, nursery, records.append)
        fleet = Fleet(network.dial, world, seed=5, pace=pace, on_truth=truths.append)
        nursery.start_soon(fleet.run)
        await trio.sleep(hours * 3600)
        nursery.cancel_scope.cancel()
    assert fleet.crashes == 0
    assert csms.counters["crashed"] == 0
    return records, truths, fleet


def sightings(records: list[Record]) -> list[Frame | Link]:
    tap = Tap(Gate(b"a key of the tests, 32 bytes long"))
    seen = [each for record in records for each in tap.feed(record) if isinstance(each, Frame | Link)]
    assert not [name for name in tap.counters if name.startswith("garbled")]
    return seen


def one(version: str, **fields: object) -> Scenario:
    station = {"id": "CP1", "hardware": "hpc150", "version": version, "life": "busy"}
    return scenario(stations=[station], lives={"busy": BUSY}, **fields)


async def test_a_day_passes_in_seconds_and_every_message_is_seen_in_order(
    autojump_clock: trio.testing.MockClock,
) -> None:
    del autojump_clock
    records, truths, _ = await lived(one("1.6"), 24.0)
    assert len(truths) > 200
    assert BEGIN_NS <= records[0].at_ns <= records[-1].at_ns <= BEGIN_NS + 24 * 3600 * 10**9
    assert [each.at_ns for each in records] == sorted(each.at_ns for each in records)
    frames = [each for each in sightings(records) if isinstance(each, Frame)]
    assert sum(b'"StartTransaction"' in each.payload for each in frames) >= len(truths)


async def test_what_was_under_way_when_the_network_is_lost_is_seen_by_nobody(
    autojump_clock: trio.testing.MockClock,
) -> None:
    del autojump_clock
    steps = [{"at": "10m", "station": "CP1", "offline": {"lasting": "5m"}}]
    records, _, _ = await lived(one("2.0.1", steps=steps), 0.5)
    links = [each for each in sightings(records) if isinstance(each, Link)]
    assert [each.event for each in links] == [LinkEvent.OPEN, LinkEvent.CLOSED, LinkEvent.OPEN]
    assert (links[1].by, links[1].reason) == ("station", "reset")
    lost_ns, back_ns = links[1].received_at_ns, links[2].received_at_ns
    assert 290 < (back_ns - lost_ns) / 1e9 < 330
    chunks = [each for each in records if each.kind is RecordKind.CHUNK]
    assert not [each for each in chunks if lost_ns < each.at_ns < back_ns]


async def test_a_station_that_hangs_up_says_so(autojump_clock: trio.testing.MockClock) -> None:
    del autojump_clock
    steps = [{"at": "10m", "station": "CP1", "offline": {"lasting": "60s", "abruptly": False}}]
    records, _, _ = await lived(one("2.1", steps=steps), 0.4)
    links = [each for each in sightings(records) if isinstance(each, Link)]
    assert (links[0].subprotocol, links[1].by, links[1].code) == ("ocpp2.1", "station", 1000)


async def test_a_station_that_is_refused_is_told_and_tries_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    del autojump_clock
    records, truths, fleet = await lived(one("1.6", csms={"passwords": {"CP1": "which it lacks"}}), 0.2)
    links = [each for each in sightings(records) if isinstance(each, Link)]
    assert {each.http_status for each in links} == {401}
    assert len(links) > 3
    assert not truths
    assert not fleet.stations["CP1"].online


async def test_a_transaction_of_21_outlives_a_reset_that_is_to_resume_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    del autojump_clock
    world = scenario(
        stations=[{"id": "CP1", "hardware": "hpc300", "version": "2.1"}],
        steps=[{"at": "20s", "station": "CP1", "visit": {"charge": "5m"}}],
        csms={"steps": [{"at": "2m", "station": "CP1", "reset": "Resume"}]},
    )
    records, truths, _ = await lived(world, 0.3)
    said = b"".join(each.payload for each in sightings(records) if isinstance(each, Frame))
    assert said.count(b'"TxResumed"') == 1
    assert said.count(b'"BootNotification"') == 2
    assert [each.outcome.value for each in truths] == ["success"]
