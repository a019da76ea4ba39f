"""What a machine can run out of, and clocks that jump: survived, and counted."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest
import trio
from tests.relay.test_workers import figures
from tests.support import relaying
from tests.support.deployment import Deployment, until
from tests.support.relaying import (
    ANSWER,
    PATIENCE_S,
    REQUEST,
    Csms,
    MemoryJournal,
    connect,
    listening_csms,
    paired,
    read_exactly,
    read_head,
    running,
    settings_for,
)

from nocwatch import clock
from nocwatch.frames import Link, LinkEvent
from nocwatch.journal.reader import Reader
from nocwatch.journal.settings import JournalSettings
from nocwatch.moments import SECOND_NS
from nocwatch.records import RecordKind
from nocwatch.relay import Relay
from nocwatch.relay.recorder import JournalRecorder
from nocwatch.relay.worker import shared
from nocwatch.tap.gate import Gate
from nocwatch.tap.tap import Tap

DESCRIPTORS = 40
"""So few that accepts fail soon: the relay itself needs a dozen."""


async def test_out_of_descriptors_links_live_on_and_stations_are_let_in_when_there_are_some_again(
    tmp_path: Path,
) -> None:
    async with listening_csms() as csms:
        deployment = Deployment(tmp_path)
        deployment.ports["csms"] = csms.port
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        try:
            await deployment.relay()
            resource.prlimit(
                deployment.running["relay"].pid, resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS)
            )
            station = await trio.open_tcp_stream("127.0.0.1", deployment.ports["relay"])
            relaying._opened.append(station)
            await station.send_all(REQUEST)
            far, _ = await csms.welcome()
            assert await read_head(station) == ANSWER
            idle = [
                await trio.open_tcp_stream("127.0.0.1", deployment.ports["relay"]) for _ in range(DESCRIPTORS)
            ]
            await until(lambda: "cannot accept; trying again" in deployment.log("relay"), "accepts fail")
            await station.send_all(b"still here")
            assert await read_exactly(far, 10) == b"still here"
            for each in idle:
                await each.aclose()
            again = await trio.open_tcp_stream("127.0.0.1", deployment.ports["relay"])
            relaying._opened.append(again)
            await again.send_all(REQUEST)
            await csms.welcome()
            assert await read_head(again) == ANSWER
            assert (await figures(deployment))["accept_errors_total"] > 0
            assert await deployment.stop("relay") == 0
        finally:
            deployment.end()
            assert resource.getrlimit(resource.RLIMIT_NOFILE) == before


async def test_no_memory_for_a_link_costs_that_station_its_try_and_nobody_else() -> None:
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, _):
        linked = await paired(relay, csms)
        adopt = relay._pump.adopt
        relay._pump.adopt = lambda *_, **__: _no_memory()  # type: ignore[method-assign]
        unlucky = await connect(relay)
        await unlucky.send_all(REQUEST)
        await csms.welcome()
        with trio.fail_after(PATIENCE_S):
            while relay.counters.refused.get("relay_fault") != 1:
                await trio.sleep(0.001)
        relay._pump.adopt = adopt  # type: ignore[method-assign]
        await paired(relay, csms)
        await linked[0].send_all(b"up")
        assert await read_exactly(linked[1], 2) == b"up"
        assert relay.counters.handshakes_open == 0


def _no_memory() -> None:
    raise MemoryError


class Jumping:
    """A wall clock that somebody sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.by_ns = 0
        real = clock.now_ns
        monkeypatch.setattr(clock, "now_ns", lambda: real() + self.by_ns)


@pytest.mark.parametrize("jump_s", [-86_400, 86_400], ids=["backwards", "forwards"])
async def test_a_clock_that_jumps_a_day_ends_no_link_and_loses_no_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump_s: int
) -> None:
    """Records bear the new time, in the order in which they came; what waits, waits by another clock."""
    jumping = Jumping(monkeypatch)
    journal = JournalSettings(path=tmp_path)
    async with listening_csms() as csms, trio.open_nursery() as nursery:
        relay = Relay(settings_for(csms.port, limits={"half_closed_max": "1h"}), journal)

        async def run(*, task_status: trio.TaskStatus[Relay]) -> None:
            await relay.run(task_status=task_status)

        await nursery.start(run)
        station, far = await paired(relay, csms)
        await station.send_all(b"before")
        assert await read_exactly(far, 6) == b"before"
        await far.send_eof()  # half closed: its hour is measured by a clock that nobody sets
        jumping.by_ns = jump_s * SECOND_NS
        ticked = relay.writer.counters["journal_records"]
        await until(lambda: relay.writer.counters["journal_records"] > ticked + 1, "it ticks on")
        await station.send_all(b"after")
        assert await read_exactly(far, 5) == b"after"
        again = await paired(relay, csms)
        await again[0].send_all(b"new")
        assert await read_exactly(again[1], 3) == b"new"
        relay.stop()
    records = []
    with Reader(tmp_path) as reader:
        while batch := reader.read():
            records += batch
    assert [each.sequence for each in records] == sorted(each.sequence for each in records)
    said = [each.data for each in records if each.kind is RecordKind.CHUNK]
    assert said == [b"before", b"after", b"new"]
    times = {each.data: each.at_ns for each in records if each.kind is RecordKind.CHUNK}
    assert abs((times[b"after"] - times[b"before"]) / SECOND_NS - jump_s) < 3600
    assert not [each for each in records if each.kind is RecordKind.GAP]


@pytest.mark.parametrize("comes_back", [True, False])
async def test_links_of_a_killed_relay_end_in_the_watch_also_where_the_clock_was_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, comes_back: bool
) -> None:
    jumping = Jumping(monkeypatch)
    journal = JournalSettings(path=tmp_path)
    tap, seen = Tap(Gate(b"key")), []
    with Reader(tmp_path) as reader:

        def watched() -> list[Link]:
            while batch := reader.read():
                for record in batch:
                    seen.extend(tap.feed(record))
            return [each for each in seen if isinstance(each, Link)]

        async def live(csms: Csms, *, told: str) -> None:
            async with trio.open_nursery() as nursery:
                relay = Relay(settings_for(csms.port), journal)

                async def run(*, task_status: trio.TaskStatus[Relay]) -> None:
                    await relay.run(task_status=task_status)

                await nursery.start(run)
                if told == "open" or comes_back:
                    await paired(relay, csms)
                await until(lambda: told in {each.event for each in watched()}, lambda: str(watched()))
                # As a relay that is killed: from now on nothing comes to the disk.
                relay._guard.recorder = JournalRecorder(MemoryJournal())
                nursery.cancel_scope.cancel()

        async with listening_csms() as csms:
            await live(csms, told=LinkEvent.OPEN)
            jumping.by_ns = -400 * 86_400 * SECOND_NS
            await live(csms, told=LinkEvent.CLOSED)
        first = watched()[0]
        (ended,) = [each for each in watched() if each.event is LinkEvent.CLOSED]
        assert (ended.connection, ended.reason) == (first.connection, "relay_lost")
        assert all(each.connection > first.connection for each in watched() if each not in (first, ended))


async def test_two_boots_of_a_machine_without_a_clock_number_their_connections_differently(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its clock begins in 1970 each time; the first relay lets nobody in, and leaves ticks alone."""
    monkeypatch.setattr(clock, "now_ns", lambda: SECOND_NS)
    begun = []
    for _ in range(3):
        async with trio.open_nursery() as nursery:
            relay = Relay(settings_for(1), JournalSettings(path=tmp_path))
            begun.append(relay.tick()["connections_begin"])
            nursery.start_soon(relay.run)
            await until(lambda relay=relay: relay.writer.counters["journal_records"], "it ticks")  # type: ignore[misc]
            nursery.cancel_scope.cancel()
    assert begun == [0, 1, 2]


def test_a_worker_that_cannot_see_the_common_table_of_dials_carries_on_with_its_own() -> None:
    """The table saves a looped station places; no worker is worth less without it."""
    nothing_to_map = os.open("/dev/null", os.O_RDWR)
    assert shared(nothing_to_map) is None
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(nothing_to_map)
    assert shared(-1) is None
