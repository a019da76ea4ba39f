"""The watch's loop: journal → tap → pipeline → store, spool and followers, one batch after the other.

What always holds: a batch is in the store, with its cursor, before anyone is told of it and before the snapshot moves past it.
A store that cannot take a batch now is waited for, and the journal keeps what comes meanwhile. The loop rests between slices,
so that the console, which lives in the same process, answers while a backlog is read.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import structlog
import trio

from nocwatch import clock, moments
from nocwatch.alerts.acts import Act
from nocwatch.alerts.alert import Alert
from nocwatch.console.live import Hub
from nocwatch.errors import NocwatchError
from nocwatch.flags import Flag
from nocwatch.frames import Frame, Sighting, Tick
from nocwatch.journal.reader import Reader
from nocwatch.network import Station
from nocwatch.pipeline import Pipeline, Step
from nocwatch.records import Record
from nocwatch.sessions import Session
from nocwatch.sinks.lines import LineMaker
from nocwatch.sinks.metrics import Tally
from nocwatch.sinks.spool import Spool
from nocwatch.sinks.usage import Usage
from nocwatch.state.changes import ConnectorChanged, SessionChanged, StationChanged
from nocwatch.store.batch import Batch
from nocwatch.store.errors import StoreUnavailableError
from nocwatch.store.store import Store
from nocwatch.tap.tap import Tap
from nocwatch.watch import snapshot as snapshots

RECORDS_MAX = 8192
"""Records in a batch while a backlog is read: half a second of work. A larger one costs the store less a record, since rows of one
station lie together; live batches are what came in the last 50 ms, whatever this says."""
SLICE_S = 0.02
"""How long the pipeline may work before others get their turn: a page that waits this long is not noticed."""
IDLE_S = 0.05
"""Rest where the journal has nothing new; with the writer's 20 ms this is most of the way from frame to alert."""
STORE_PAUSE_S = 1.0
SNAPSHOT_EVERY_S = 30.0
FRESH_NS = 30 * moments.SECOND_NS
"""Followers are told of what is younger than this; a backlog is not news, and the pages are read anew at its end."""

log = structlog.get_logger("nocwatch.watch")


class News:
    """What one batch changed, the latest of each thing: for those who follow live."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._stations: dict[str, None] = {}
        self._things: dict[str, Session | Flag | Alert] = {}
        self._frames: list[Frame] = []

    def add(self, step: Step) -> None:
        if isinstance(step.sighting, Frame) and self._hub.wants_frames(step.sighting.station):
            self._frames.append(step.sighting)
        for change in step.changes:
            if isinstance(change, StationChanged | ConnectorChanged):
                self._stations[change.station] = None
            elif isinstance(change, SessionChanged):
                self._things[change.now.id] = change.now
        for flag in step.flags:
            self._things[flag.id] = flag
        for alert in step.alerts:
            self._things[alert.id] = alert

    def publish(self, stations: Mapping[str, Station]) -> None:
        for name in self._stations:
            if name in stations:
                self._hub.publish(stations[name])
        for thing in (*self._frames, *self._things.values()):
            self._hub.publish(thing)


class Follower:
    """Reads the journal and keeps everything up to date.

    Attributes:
        counters: what passed, since the start.
        behind_s: age of the newest record that has been taken in, at the time when it was; 0 while all is read.
        relay: the last tick of each lane.
        trouble: a sentence while the store cannot take anything, empty while it can.
    """

    def __init__(
        self,
        journal: Path,
        snapshot_file: Path,
        tap: Tap,
        pipeline: Pipeline,
        store: Store,
        spool: Spool | None,
        hub: Hub,
        wake_dispatcher: Callable[[], None],
    ) -> None:
        self._journal, self._snapshot_file = journal, snapshot_file
        self._tap, self._store, self._spool, self._hub = tap, store, spool, hub
        self._wake_dispatcher = wake_dispatcher
        self.pipeline = pipeline
        self._maker = LineMaker(pipeline.place)
        self._usage = Usage(self._maker.tags)
        self.tally = Tally()
        self.counters: Counter[str] = Counter()
        self.behind_s = 0.0
        self.read_at_ns = 0
        self.relay: dict[int, Tick] = {}
        self.trouble = ""
        self.caught_up = False
        self._reader = Reader(journal)
        self._acts: deque[Act] = deque()

    @property
    def journal_counters(self) -> Mapping[str, int]:
        """What reading the journal met: gaps, missing records."""
        return self._reader.counters

    # --- starting ------------------------------------------------------------------------------------------------------

    def restore(self) -> None:
        """Goes on from the snapshot where there is one that can be used; reads the journal from its start otherwise."""
        kept = snapshots.load(self._snapshot_file)
        if kept is not None and snapshots.ahead(kept.cursor, self._store.cursor()):
            snapshots.put_aside(
                self._snapshot_file, "the store has less than it: another one was put in place"
            )
            kept = None
        if kept is not None:
            try:
                self._tap.restore(kept.tap)
                self.pipeline.restore(kept.pipeline)
                self._usage.restore(kept.usage)
                self._reader = Reader(self._journal, kept.cursor)
            except ValueError as error:
                # A half-restored state would be worse than none: whoever called makes fresh parts and starts anew.
                snapshots.put_aside(self._snapshot_file, str(error))
                raise
        # What people did after the snapshot was taken is done again at the same pipeline time.
        self._acts.extend(self._store.acts(self.pipeline.now_ns))

    # --- running -------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until cancelled; then the batch at hand is finished and a snapshot is taken."""
        saved_s = trio.current_time()
        try:
            while True:
                records = await trio.to_thread.run_sync(self._reader.read, RECORDS_MAX)
                if records:
                    with trio.CancelScope(shield=True):  # a batch is whole or not begun
                        await self._take(records)
                else:
                    while self._acts:
                        await self._do(self._acts.popleft())
                    self.behind_s, self.caught_up = 0.0, True
                    await trio.sleep(IDLE_S)
                if trio.current_time() - saved_s > SNAPSHOT_EVERY_S:
                    await self.save()
                    saved_s = trio.current_time()
        finally:
            with trio.CancelScope(shield=True):
                await self.save()

    async def do(self, act: Act) -> Step:
        """What a person did, now: kept, so that a restart does it again at the same place, and done.

        Raises:
            NocwatchError: it cannot be done, with a sentence why; nothing is kept then.
        """
        act = msgspec.structs.replace(act, at_ns=self.pipeline.now_ns)
        step = self.pipeline.act(act)
        await trio.to_thread.run_sync(self._store.keep_act, act)
        await self._told(step)
        return step

    async def _do(self, act: Act) -> None:
        try:
            await self._told(self.pipeline.act(act))
        except NocwatchError as error:
            log.warning("an act could not be done again after the restart", act=act.id, error=str(error))

    async def _told(self, step: Step) -> None:
        batch, news = Batch(), News(self._hub)
        batch.add_step(None, (), (), step.flags, step.alerts)
        news.add(step)
        self._count(step)
        await self._apply(batch)
        await self._spooled(self._maker.lines(step), step.at_ns)
        news.publish(self.pipeline.stations)

    async def save(self) -> None:
        """Takes a snapshot; a disk that refuses is told and counted, and the former snapshot stays."""
        snapshot = snapshots.Snapshot(
            cursor=self._reader.cursor,
            tap=self._tap.snapshot(),
            pipeline=self.pipeline.snapshot(),
            usage=self._usage.snapshot(),
        )
        try:
            await trio.to_thread.run_sync(self._flush_spool)
            await trio.to_thread.run_sync(snapshots.save, self._snapshot_file, snapshot)
            self.counters["snapshots_total"] += 1
        except OSError as error:
            self.counters["snapshot_errors_total"] += 1
            log.error(
                "the snapshot could not be written", file=str(self._snapshot_file), error=error.strerror
            )

    def _flush_spool(self) -> None:
        """Before a snapshot, which must not pass points that are not on disk: after a restart they could not be found again.

        Raises:
            OSError: the disk refuses.
        """
        if self._spool is not None and not self._spool.flush(durable=True):
            raise OSError(None, "the disk does not take the InfluxDB spool")

    async def _spooled(self, lines: list[str], at_ns: int) -> None:
        if self._spool is not None and lines:
            self._spool.add(lines, at_ns)
            self.counters["points_total"] += len(lines)
            await trio.to_thread.run_sync(self._spool.flush)

    async def _take(self, records: Sequence[Record]) -> None:
        batch, news, lines = Batch(), News(self._hub), []
        since = time.perf_counter()
        for record in records:
            for sighting in self._tap.feed(record):
                while self._acts and self._acts[0].at_ns < sighting.received_at_ns:
                    await self._do(self._acts.popleft())
                step = self._feed(sighting, batch, news)
                if self._spool is not None:
                    lines += self._maker.lines(step)
                    lines += self._usage.lines(step)
            if time.perf_counter() - since > SLICE_S:
                await trio.lowlevel.checkpoint()
                since = time.perf_counter()
        self.counters["records_total"] += len(records)
        batch.cursor = msgspec.json.encode(self._reader.cursor)
        await self._apply(batch)
        await self._spooled(lines, records[-1].at_ns)
        self.read_at_ns = records[-1].at_ns
        age_ns = clock.now_ns() - self.read_at_ns
        self.behind_s = max(0.0, age_ns / 1e9)
        self.caught_up = age_ns < FRESH_NS
        if age_ns < FRESH_NS:
            news.publish(self.pipeline.stations)

    def _feed(self, sighting: Sighting, batch: Batch, news: News) -> Step:
        step = self.pipeline.feed(sighting)
        batch.add_step(sighting, step.events, step.changes, step.flags, step.alerts)
        news.add(step)
        self._count(step)
        return step

    def _count(self, step: Step) -> None:
        if isinstance(step.sighting, Frame):
            self.counters["frames_total"] += 1
        elif isinstance(step.sighting, Tick):
            self.relay[step.sighting.lane] = step.sighting
        for change in step.changes:
            if isinstance(change, SessionChanged):
                self.tally.session(change)
        for flag in step.flags:
            self.tally.flag(flag)
        self.counters["alerts_total"] += len(step.alerts)

    async def _apply(self, batch: Batch) -> None:
        while True:
            try:
                await trio.to_thread.run_sync(self._store.apply, batch)
            except StoreUnavailableError as error:
                self.counters["store_retries_total"] += 1
                if self.trouble != str(error):
                    log.error(
                        "the store cannot take anything; the journal keeps what comes", error=str(error)
                    )
                self.trouble = str(error)
                await trio.sleep(STORE_PAUSE_S)
            else:
                self.trouble = ""
                if batch.alerts:
                    self._wake_dispatcher()
                return
