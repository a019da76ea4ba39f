"""The watch's loop: journal → tap → pipeline → store, spool and followers, one batch after the other.

What always holds: a batch is in the store, with its cursor, before anyone is told of it and before the snapshot moves past it.
What people do comes between two batches, never within one, and is kept before it is done. A store that cannot take a batch
now is waited for, and the journal keeps what comes meanwhile. A record that a bug of ours cannot deal with is counted, told
and passed over. The loop rests between slices, so that the console, which lives in the same process, answers while a
backlog is read.
"""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import structlog
import trio

from nocwatch import clock, moments
from nocwatch.alerts.acts import Act
from nocwatch.console.live import Hub
from nocwatch.detectors.rules import Rule
from nocwatch.errors import NocwatchError
from nocwatch.frames import Frame, Tick
from nocwatch.journal.reader import Reader
from nocwatch.pipeline import Pipeline, Step
from nocwatch.records import Record
from nocwatch.registry.places import Places
from nocwatch.sinks.metrics import Tally
from nocwatch.sinks.spool import Spool
from nocwatch.store.batch import Batch
from nocwatch.store.errors import StoreUnavailableError
from nocwatch.store.store import Store
from nocwatch.tap.tap import Tap
from nocwatch.watch import aligning
from nocwatch.watch import snapshot as snapshots
from nocwatch.watch.keeping import Keeping, is_past, refused
from nocwatch.watch.news import News
from nocwatch.watch.points import Points

RECORDS_MAX = 8192
"""Records in a batch while a backlog is read: half a second of work. A larger one costs the store less a record, since rows of one
station lie together; live batches are what came in the last 50 ms, whatever this says."""
SLICE_S = 0.02
"""How long the pipeline may work before others get their turn: a page that waits this long is not noticed."""
IDLE_S = 0.05
"""Rest where the journal has nothing new; with the writer's 20 ms this is most of the way from frame to alert."""
ACT_PATIENCE_S = 5.0
"""How long a person's act waits for the batch at hand, half a second of work: after this the store is to blame, and they are told so."""
SNAPSHOT_EVERY_S = 30.0
FRESH_NS = 30 * moments.SECOND_NS
"""Followers are told of what is younger than this; a backlog is not news, and the pages are read anew at its end."""

log = structlog.get_logger("nocwatch.watch")


class Follower:
    """Reads the journal and keeps everything up to date.

    Attributes:
        counters: what passed, since the start.
        behind_s: age of the newest record that has been taken in, at the time when it was; 0 while all is read.
        relay: the last tick of each lane, of before the start too.
        reader: where in the journal it stands, and what reading met: gaps, missing records.
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
        self._tap, self._store, self._hub = tap, store, hub
        self._wake_dispatcher = wake_dispatcher
        self.pipeline = pipeline
        self._points = Points(spool, pipeline.place)
        self.tally = Tally()
        self.counters: Counter[str] = Counter()
        self.behind_s = 0.0
        self.read_at_ns = 0
        self.relay: dict[int, Tick] = {}
        self.caught_up = False
        self._aligned = False
        self._goal = store.cursor()
        self.reader = Reader(journal)
        self._acts: deque[Act] = deque()
        self._last: tuple[int, int] | None = None
        self._saved_s = -math.inf
        self._turn = trio.Lock()
        self._owed: deque[Step] = deque()
        self._keeping = Keeping(store, wake_dispatcher, self.counters)

    @property
    def trouble(self) -> str:
        """A sentence while the store cannot take anything, empty while it can."""
        return self._keeping.trouble

    @property
    def settled(self) -> bool:
        """Whether what stands in the store is so now, as far as can be known: only then is it for people to hear.

        A watch without a journal has nothing to wait for.
        """
        return self.caught_up and (self._aligned or not self.pipeline.now_ns)

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
                self._points.usage.restore(kept.usage)
                self.relay = dict(kept.relay)
                self.reader = Reader(self._journal, kept.cursor)
            except ValueError as error:
                # A half-restored state would be worse than none: whoever called makes fresh parts and starts anew.
                snapshots.put_aside(self._snapshot_file, str(error))
                raise
        # What people did after the snapshot was taken is done again at the same pipeline time.
        self._acts.extend(self._store.acts(self.pipeline.now_ns))

    # --- running -------------------------------------------------------------------------------------------------------

    async def run(self, *, to_end: bool = False) -> None:
        """Until cancelled, or to the journal's end; then the batch at hand is finished and a snapshot is taken.

        Where the store cannot take that batch, and where a fault ends the loop, the former snapshot stays: what was read
        since is read again.
        """
        self._saved_s = trio.current_time()
        try:
            while True:
                idle = await self._round()
                if to_end and idle and not self.reader.held_back and self.settled:
                    await self.save()
                    return
                if idle:
                    await trio.sleep(IDLE_S)
                if trio.current_time() - self._saved_s > SNAPSHOT_EVERY_S:
                    await self.save()
        except trio.Cancelled:
            if self._keeping.whole:
                with trio.CancelScope(shield=True):
                    await self.save()
            raise

    async def _round(self) -> bool:
        """One look into the journal, and what came of it; whether there was nothing new."""
        records = await trio.to_thread.run_sync(self.reader.read, RECORDS_MAX)
        with trio.CancelScope(shield=True) as shield:  # a batch is whole or not begun
            async with self._turn:
                await self._pay(shield)
                if records:
                    await self._take(records, shield)
                elif self._acts:
                    await self._catch_up_acts(shield)
                if not records and not self.reader.held_back:
                    self.behind_s, self.caught_up = 0.0, True
                if not self._aligned and self.caught_up and len(records) < RECORDS_MAX:
                    await self._align(shield)
        return not records

    async def do(self, act: Act) -> Step:
        """What a person did, now: kept, so that a restart does it again at the same place, and then done.

        Raises:
            StoreUnavailableError: nothing was kept, nothing is done; or it was kept, and shows later, and the sentence says so.
            NocwatchError: it cannot be done, with a sentence why.
        """
        if not self.trouble:
            with trio.move_on_after(ACT_PATIENCE_S):
                async with self._turn:
                    with trio.CancelScope(shield=True):  # whoever asked may be gone; what was begun is done
                        return await self._done(act)
        raise refused(self.trouble or "it takes very long over what came before")

    async def _done(self, act: Act) -> Step:
        act = msgspec.structs.replace(act, at_ns=self.pipeline.now_ns, after=self._last)
        try:
            await trio.to_thread.run_sync(self._store.keep_act, act)
        except StoreUnavailableError as error:
            raise refused(str(error)) from None
        step = self.pipeline.act(act)
        self._owed.append(step)
        with trio.move_on_after(ACT_PATIENCE_S):
            await self._pay()
        if self._owed:
            raise StoreUnavailableError(
                "io",
                f"The store failed just now ({self.trouble}). What you did is kept, and shows as soon as the store can be written to.",
            )
        return step

    async def _pay(self, shield: trio.CancelScope | None = None) -> None:
        """Acts that were done while the store stopped taking anything come into it before all that follows them."""
        while self._owed:
            await self._told(self._owed[0], shield=shield)
            self._owed.popleft()

    def take_over(self, rules: Sequence[Rule], places: Places) -> None:
        """Changed rules and registry, from the next record on.

        A snapshot follows at once: records from before the change are not to be read again under the new rules.
        """
        self.pipeline.set_rules(rules)
        self.pipeline.set_places(places)
        self._saved_s = -math.inf

    async def _catch_up_acts(self, shield: trio.CancelScope) -> None:
        while self._acts:
            if step := self._again(self._acts.popleft()):
                await self._told(step, shield=shield)

    def _again(self, act: Act) -> Step | None:
        try:
            return self.pipeline.act(act)
        except NocwatchError as error:
            log.info("an act has nothing to do after the restart", act=act.id, reason=str(error))
            return None

    async def _align(self, shield: trio.CancelScope) -> None:
        """Ends in the store what the pipeline has no memory of, once all is read that the store had seen."""
        if not self.pipeline.now_ns or not aligning.reached(self.reader.cursor, self._goal):
            return
        await self._catch_up_acts(shield)
        try:
            found = await aligning.misaligned(self._store, self.pipeline)
        except StoreUnavailableError:
            return  # the next round tries again
        for each in found:
            acts = [msgspec.structs.replace(each.act, after=self._last)]
            batch = Batch(acts=acts, audit=each.audit, sessions=each.sessions)
            await self._told(each.step, batch, shield)
            if step := self._again(each.act):
                await self._told(step, Batch(), shield)
            self.counters["forgotten_total"] += len((*each.step.flags, *each.step.alerts, *each.sessions))
        self._aligned = True
        self._wake_dispatcher()

    async def _told(
        self, step: Step, batch: Batch | None = None, shield: trio.CancelScope | None = None
    ) -> None:
        batch, news = batch or Batch(), News(self._hub)
        batch.add_step(None, (), (), step.flags, step.alerts)
        news.add(step)
        await self._keeping.keep(batch, shield)
        self.counters["points_total"] += await self._points.keep(self._points.of(step), step.at_ns)
        self._count(step)
        news.publish(self.pipeline.stations)

    async def save(self) -> None:
        """Takes a snapshot; a disk that refuses is told and counted, and the former snapshot stays."""
        async with self._turn:
            if not self._owed:  # a snapshot never passes what the store lacks
                await self._save()

    async def _save(self) -> None:
        self._saved_s = trio.current_time()
        try:
            snapshot = snapshots.Snapshot(
                cursor=self.reader.cursor,
                tap=self._tap.snapshot(),
                pipeline=self.pipeline.snapshot(),
                usage=self._points.usage.snapshot(),
                relay=dict(self.relay),
            )
            await trio.to_thread.run_sync(self._points.flush)
            await trio.to_thread.run_sync(snapshots.save, self._snapshot_file, snapshot)
            self.counters["snapshots_total"] += 1
        except Exception as error:  # the former one stays, and after a restart more is read again
            self.counters["snapshot_errors_total"] += 1
            if isinstance(error, OSError):
                log.error(
                    "the snapshot could not be written", file=str(self._snapshot_file), error=error.strerror
                )
            else:
                log.exception("the snapshot could not be made: a bug of nocwatch", error=repr(error))

    async def _take(self, records: Sequence[Record], shield: trio.CancelScope) -> None:
        batch, news, lines = Batch(), News(self._hub), list[str]()
        since = time.perf_counter()
        for record in records:
            try:
                self._take_one(record, batch, news, lines)
            except Exception as error:  # a bug of ours must not blind the watch for all other stations
                self.counters["record_failures_total"] += 1
                log.exception(
                    "a record could not be dealt with: a bug of nocwatch",
                    lane=record.lane,
                    sequence=record.sequence,
                    error=repr(error),
                )
            self._last = (record.lane, record.sequence)
            if time.perf_counter() - since > SLICE_S:
                await trio.lowlevel.checkpoint()
                since = time.perf_counter()
        self.counters["records_total"] += len(records)
        batch.cursor = msgspec.json.encode(self.reader.cursor)
        batch.token_prefixes = self._tap.gate.prefixes.take()
        # Before its alerts are in the store: of a backlog nobody is told until its end.
        self.caught_up &= clock.now_ns() - records[-1].at_ns < FRESH_NS
        await self._keeping.keep(batch, shield)
        self.counters["points_total"] += await self._points.keep(lines, records[-1].at_ns)
        self.read_at_ns = records[-1].at_ns
        age_ns = clock.now_ns() - self.read_at_ns
        self.behind_s, self.caught_up = max(0.0, age_ns / 1e9), age_ns < FRESH_NS
        if self.caught_up:
            news.publish(self.pipeline.stations)

    def _take_one(self, record: Record, batch: Batch, news: News, lines: list[str]) -> None:
        for sighting in self._tap.feed(record):
            at_ns = sighting.received_at_ns
            while self._acts and is_past(self._acts[0], record.lane, record.sequence, at_ns):
                if step := self._again(self._acts.popleft()):
                    self._keep(step, batch, news, lines)
            self._keep(self.pipeline.feed(sighting), batch, news, lines)

    def _keep(self, step: Step, batch: Batch, news: News, lines: list[str]) -> None:
        batch.add_step(step.sighting, step.events, step.changes, step.flags, step.alerts)
        news.add(step)
        self._count(step)
        lines += self._points.of(step)

    def _count(self, step: Step) -> None:
        if isinstance(step.sighting, Frame):
            self.counters["frames_total"] += 1
        elif isinstance(step.sighting, Tick):
            self.relay[step.sighting.lane] = step.sighting
        self.tally.step(step)
        self.counters["alerts_total"] += len(step.alerts)
