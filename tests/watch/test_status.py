"""Whether the watch can do its job, and what its operator should know besides: two things, told apart."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
import trio
from tests.support.deployment import free_port, until

from nocwatch import clock
from nocwatch.config import Configuration
from nocwatch.journal.drops import TOLD_FOR_S
from nocwatch.journal.settings import JournalSettings
from nocwatch.journal.writer import Writer
from nocwatch.moments import SECOND_NS, rfc3339
from nocwatch.records import RecordKind
from nocwatch.watch.process import Watch


class Room:
    """A data folder whose relay is the test: it ticks what the test says."""

    def __init__(self, folder: Path, influx: dict[str, str] | None = None) -> None:
        self.configuration = Configuration.model_validate(
            {
                "data": str(folder),
                "privacy": {"key_file": str(folder / "privacy.key")},
                "journal": {"path": str(folder / "journal")},
                "store": {"url": f"sqlite:///{folder}/nocwatch.db"},
                "alerts": {"file": str(folder / "alerts.jsonl")},
                "influx": influx or {},
                "console": {"listen": "127.0.0.1:0"},
                "metrics": {"listen": "127.0.0.1:0"},
            }
        )
        journal = JournalSettings.model_validate({"path": folder / "journal"})
        # A lane that is held and silent is waited for, so each is begun when it has something to say.
        self._lane = functools.cache(lambda lane: Writer(folder / "journal", lane, journal))

    def tick(self, at_ns: int, lane: int = 0, **counters: int) -> None:
        self._lane(lane).add(at_ns, RecordKind.TICK, 0, 0, msgspec.json.encode(counters))
        assert self._lane(lane).flush_sync()

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[Watch]:
        """A watch that has read what the relay said so far."""
        async with trio.open_nursery() as nursery:
            watch = await nursery.start(Watch(self.configuration).run)
            await until(lambda: watch.follower.caught_up and watch.follower.relay, "the ticks are read")
            yield watch
            nursery.cancel_scope.cancel()


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


async def test_a_watch_that_has_read_nothing_yet_is_not_ready(room: Room) -> None:
    room.tick(clock.now_ns())
    watch = Watch(room.configuration)
    (reason,), _ = watch.status.ready()
    assert "still reading the journal" in reason
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch.run)
        await until(lambda: watch.status.ready()[0] == [], lambda: str(watch.status.ready()))
        nursery.cancel_scope.cancel()


async def test_what_others_cannot_do_is_a_remark_and_the_watch_stays_ready(tmp_path: Path) -> None:
    """InfluxDB away, a CSMS away, observations lost: a watch taken out of service for it would tell nobody."""
    room = Room(tmp_path, {"url": f"http://127.0.0.1:{free_port()}", "spool": str(tmp_path / "spool")})
    lost_at_s = clock.now_ns() // SECOND_NS
    room.tick(clock.now_ns())
    lost = {"journal_dropped_records": 812, "journal_dropped_timestamp_seconds": lost_at_s}
    async with room.watching() as watch:

        def ready() -> bool:
            room.tick(clock.now_ns(), upstream_up_main=0, **lost)
            reasons, remarks = watch.status.ready()
            return not reasons and len(remarks) == 3

        await until(ready, lambda: str(watch.status.ready()))
        _, remarks = watch.status.ready()
        for said, remark in zip(("812 records", "CSMS main", "InfluxDB"), remarks, strict=True):
            assert said in remark


async def test_a_loss_of_yesterday_is_in_the_figures_and_no_longer_a_remark(room: Room) -> None:
    now_ns = clock.now_ns()
    long_ago = now_ns // SECOND_NS - TOLD_FOR_S - 60
    room.tick(now_ns, journal_dropped_records=812, journal_dropped_timestamp_seconds=long_ago)
    async with room.watching() as watch:
        assert not [remark for remark in watch.status.ready()[1] if "812" in remark]
        relay = watch.status.as_sections()["relay"]
        assert relay["journal_dropped_records"] == 812
        assert relay["journal_dropped_at_ns"] == long_ago * SECOND_NS


async def test_of_two_lanes_the_newer_loss_counts_and_the_losses_add_up(room: Room) -> None:
    now_ns = clock.now_ns()
    for lane, ago_s in ((0, 120), (1, 600)):
        room.tick(now_ns, lane, journal_dropped_records=10, journal_dropped_timestamp_seconds=now_ns // SECOND_NS - ago_s)  # fmt: skip
    async with room.watching() as watch:
        await until(lambda: len(watch.follower.relay) == 2, "both lanes are read")
        (loss,) = [remark for remark in watch.status.ready()[1] if "20 records" in remark]
        assert "the last 2 min ago" in loss


async def test_a_relay_that_no_longer_ticks_is_a_reason(room: Room) -> None:
    room.tick(clock.now_ns() - 20 * SECOND_NS)
    async with room.watching() as watch:
        (reason,), _ = watch.status.ready()
        assert "silent" in reason


async def test_a_worker_that_no_longer_ticks_is_told_by_its_number(room: Room) -> None:
    now_ns = clock.now_ns()
    room.tick(now_ns - 8 * SECOND_NS, 1, workers=2, links_open=3)
    room._lane(1).close()  # its process is gone
    room.tick(now_ns, 0, workers=2, links_open=4)
    async with room.watching() as watch:
        await until(lambda: len(watch.follower.relay) == 2, "both lanes are read")
        (reason,), _ = watch.status.ready()
        assert reason.startswith("Worker 1 of the relay has been silent for ")


async def test_a_worker_that_the_configuration_took_away_is_neither_missed_nor_counted(room: Room) -> None:
    now_ns = clock.now_ns()
    room.tick(now_ns - 60 * SECOND_NS, 1, workers=2, links_open=3)
    room._lane(1).close()  # its process is gone
    room.tick(now_ns, 0, workers=1, links_open=4)
    async with room.watching() as watch:
        await until(lambda: len(watch.follower.relay) == 2, "both lanes are read")
        assert watch.status.ready()[0] == []
        assert watch.status.relay_counters()["links_open"] == 4


async def test_workers_that_run_out_one_after_the_other_are_a_remark_and_none_is_silent(room: Room) -> None:
    """A drain with a grace of minutes: the worker without links ends at once, the other when its links have."""
    now_ns = clock.now_ns()
    room.tick(now_ns - 60 * SECOND_NS, 1, workers=2, draining=1, ended=1)
    room._lane(1).close()  # its process is gone
    room.tick(now_ns, 0, workers=2, draining=1, ended=0, links_open=7)
    async with room.watching() as watch:
        await until(lambda: len(watch.follower.relay) == 2, "both lanes are read")
        reasons, remarks = watch.status.ready()
        assert reasons == []
        assert remarks == [
            "The relay, or a worker of it, is shutting down; 7 links are left on those that run."
        ]
        assert watch.status.relay_silent_s() < 30


async def test_a_worker_that_hangs_while_the_others_run_out_is_silent_all_the_same(room: Room) -> None:
    now_ns = clock.now_ns()
    room.tick(now_ns - 20 * SECOND_NS, 1, workers=2, draining=1, ended=0, links_open=3)
    room._lane(1).close()
    room.tick(now_ns, 0, workers=2, draining=1, ended=0, links_open=7)
    async with room.watching() as watch:
        await until(lambda: len(watch.follower.relay) == 2, "both lanes are read")
        (reason,), _ = watch.status.ready()
        assert reason.startswith("Worker 1 of the relay has been silent for ")


async def test_a_relay_that_was_shut_down_is_told_as_that_from_its_last_word_on(room: Room) -> None:
    now_ns = clock.now_ns()
    room.tick(now_ns - 3600 * SECOND_NS, 1, workers=2, draining=1, ended=1)
    room._lane(1).close()
    room.tick(now_ns - 20 * SECOND_NS, 0, workers=2, draining=1, ended=1)
    async with room.watching() as watch:
        await until(lambda: len(watch.follower.relay) == 2, "both lanes are read")
        (reason,), remarks = watch.status.ready()
        assert reason.startswith("The relay was shut down 2")
        assert "no charger can connect" in reason
        assert remarks == []
        assert 20 <= watch.status.relay_silent_s() < 600


async def test_a_watch_that_is_restarted_over_a_dead_relays_journal_says_at_once_what_became_of_it(
    room: Room,
) -> None:
    """Its snapshot stands behind the last tick: of the relay nothing more is to be read."""
    ended_ns = clock.now_ns() - 3 * 3600 * SECOND_NS
    room.tick(ended_ns, links_open=0, draining=1, ended=1, refused_bad_path=3)
    async with room.watching():
        pass
    async with room.watching() as watch:
        (reason,), remarks = watch.status.ready()
        assert reason.startswith(
            f"The relay was shut down 3 h ago, at {rfc3339(ended_ns)[:19]}Z, and has not"
        )
        assert remarks == []
        assert watch.status.relay_counters()["refused_bad_path"] == 3
