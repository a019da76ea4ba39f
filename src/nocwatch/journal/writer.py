"""One lane's writer: takes records in memory, writes them as blocks in a worker thread, begins and expires segments.

The relay's hot path calls ``add_chunks`` and never waits: neither for the disk nor for a thread. What always holds:
``kill -9`` loses what was added in the last flush interval; a loss of power what was written since the last fdatasync,
a second; a disk that is full or slow loses what does not fit the buffer, counted, with a GAP record in its place.

Without trio (the sinks' spool, tests): ``add``, then ``flush_sync`` from any one thread, ``close`` at the end.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import NamedTuple, Self

import structlog
import trio

from nocwatch import clock, moments
from nocwatch.journal.appender import SegmentAppender
from nocwatch.journal.blocks import BlockFlag, encode_block
from nocwatch.journal.buffer import Batch, Buffer, observed, slices
from nocwatch.journal.counters import COUNTERS
from nocwatch.journal.errors import JournalError
from nocwatch.journal.lane import LaneLock, recover
from nocwatch.journal.retention import expire
from nocwatch.journal.segments import lane_folder
from nocwatch.journal.settings import JournalSettings
from nocwatch.journal.threads import NoThreadError, in_thread
from nocwatch.records import RecordKind

FLUSH_INTERVAL_S = 0.02
"""What ``kill -9`` may cost. One flush writes all that has gathered, in blocks, so there is no need to be woken early."""
SYNC_INTERVAL_S = 1.0
RETENTION_INTERVAL_S = 5.0
RETRY_INTERVAL_S_MAX = 1.0
"""A disk that fails is asked again after 20 ms, 40 ms … up to this."""
CLOSE_TIMEOUT_S = 5.0
"""How long the end of the relay may wait for a disk that hangs."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_log = structlog.get_logger(__name__)


class _Encoded(NamedTuple):
    """A block on its way to the disk."""

    data: bytes
    first_sequence: int
    records: int
    data_size: int
    observed: tuple[int, int]
    cost: int
    begins_segment: bool


def no_links() -> Iterable[tuple[int, bytes]]:
    """The ``live`` of a lane that has no links, such as a spool."""
    return ()


class Writer:
    """Writes one lane. Holds its lock from the constructor until ``close``.

    Args:
        path: the journal's folder.
        lane: number of the lane; the folder is ``lane-<n>``.
        settings: bounds. ``settings.path`` is not looked at.
        live: (connection, JSON of its ``live`` LINK record) of each link now open. Called where ``run`` or
            ``flush_sync`` runs, never in the worker thread.

    Attributes:
        counters: since the writer was made, by name; FORMAT.md says what each counts.
        newest_begin: see ``Tail``; -1 too where the lane could not be opened yet.

    Raises:
        LaneHeldError: another writer holds the lane.
        JournalError: the folder cannot be written.
    """

    def __init__(
        self,
        path: Path,
        lane: int,
        settings: JournalSettings,
        live: Callable[[], Iterable[tuple[int, bytes]]] = no_links,
    ) -> None:
        self.lane, self.newest_begin = lane, -1
        self.counters: dict[str, int] = dict.fromkeys(COUNTERS, 0)
        self._root, self._folder = path, lane_folder(path, lane)
        self._settings, self._live = settings, live
        self._lock: LaneLock | None = None
        self._buffer = Buffer(settings.buffer_max, self.counters)
        self._identity, self._sequence, self._flags = 0, 0, 0  # see _open_lane
        self._file = SegmentAppender(self._folder)
        self._rotates_at = -1  # how many segments had been begun when the next one was asked for
        self._blocks: deque[_Encoded] = deque()
        self._file_lock = Lock()
        self._closed = False
        self._failing = ""  # what failed last, while it fails
        self._buffer.last_ns = self._file.born_ns
        self._buffer.add_live(self._file.born_ns, list(live()), begins_segment=False)
        try:
            self._open_lane()
        except JournalError as error:
            # Chargers must not wait for someone to tidy the disk: with a full one the lane is opened as soon as it goes.
            if not (isinstance(error.__cause__, OSError) and error.__cause__.errno in _FULL):
                raise
            self._count_error("open", error.__cause__)

    def _open_lane(self) -> None:
        lock = LaneLock(self._folder)
        try:
            tail = recover(self._root, self.lane, lock)
        except BaseException:
            lock.release()
            raise
        self.counters["journal_torn_bytes"] = tail.torn_bytes
        self.newest_begin = tail.newest_begin
        self._identity, self._sequence, self._flags = tail.identity, tail.next_sequence, tail.flags
        self._file.resume(tail.segment.path if tail.segment else None, tail.size)
        self._lock = lock

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def next_sequence(self) -> int:
        """Of the next record that is encoded; all below it are on disk, or on the way."""
        return self._sequence

    # What the relay calls: memory only.

    def add(self, at_ns: int, kind: RecordKind, connection: int, direction: int, data: bytes) -> None:
        """One record, in memory. Dropped and counted where the buffer is full or ``data`` exceeds RECORD_DATA_MAX."""
        self._buffer.add(at_ns, kind, connection, direction, data)

    def add_chunks(self, at_ns: int, keys: list[int], chunks: list[bytes]) -> None:
        """The chunks of one poll batch, in memory; the lists are copied and may be cleared by the caller.

        Args:
            at_ns: when they were received.
            keys: ``connection << 1 | direction`` of each.
            chunks: the bytes of each.
        """
        self._buffer.add_chunks(at_ns, keys, chunks)

    # What brings it to the disk.

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Writes until cancelled, then writes what is left, closes the lane and lets go of it.

        Never raises for the disk, nor for a thread that the system does not give: that is a disk that does not answer.
        """
        limiter = trio.CapacityLimiter(3)  # its own: threads of others cannot keep the journal waiting
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._repeat, self.sync, SYNC_INTERVAL_S, limiter)
                nursery.start_soon(self._repeat, self.retain, RETENTION_INTERVAL_S, limiter)
                task_status.started()
                pause_s = FLUSH_INTERVAL_S
                while True:
                    await trio.sleep(pause_s)
                    self._begin_segment_if_due()
                    flushed = await self._try(self._flush, limiter)
                    pause_s = FLUSH_INTERVAL_S if flushed else min(2 * pause_s, RETRY_INTERVAL_S_MAX)
        finally:
            with trio.move_on_after(CLOSE_TIMEOUT_S, shield=True) as scope:
                try:
                    await in_thread(self.close, limiter)
                except NoThreadError:
                    self.close()  # nobody waits for this thread's next turn any more
            if scope.cancelled_caught:
                _log.error("journal_not_closed", lane=self.lane, reason="the disk does not answer")

    async def _repeat(
        self, work: Callable[[], object], interval_s: float, limiter: trio.CapacityLimiter
    ) -> None:
        while True:
            await trio.sleep(interval_s)
            await self._try(work, limiter)

    async def _try(self, work: Callable[[], object], limiter: trio.CapacityLimiter) -> bool:
        try:
            done = await in_thread(work, limiter)
        except NoThreadError as error:
            self._count_error("thread", error)
            return False
        self._works_again("thread")
        return bool(done)

    def flush_sync(self, *, durable: bool = False) -> bool:
        """Writes all that was added before; ``durable`` waits for the disk too. False where the disk refused.

        What it refused stays in memory and is tried again by the next call. Not to be mixed with ``run``.
        """
        assert not self._closed, "the writer is closed"
        self._begin_segment_if_due()
        return self._flush() and (not durable or self.sync())

    def sync(self) -> bool:
        """Calls fdatasync for what was written since the last one. False, and counted, where the disk failed."""
        with self._file_lock:
            fds = self._file.take_unsynced()
        good = True
        for fd in fds:
            try:
                os.fdatasync(fd)
            except OSError as error:
                good = False
                self._count_error("sync", error)
            finally:
                os.close(fd)
        if fds:
            self.counters["journal_syncs"] += 1
        return good

    def retain(self) -> None:
        """Deletes the segments that the settings no longer keep."""
        try:
            expired = expire(self._root, self._settings, clock.now_ns())
        except OSError as error:
            self._count_error("retention", error)
            return
        self.counters["journal_expired_segments"] += expired.segments
        self.counters["journal_expired_bytes"] += expired.bytes

    def close(self) -> None:
        """Writes what is left and an end marker, and lets go of the lane. What the disk refuses now is lost, and counted."""
        with self._file_lock:
            if self._closed:
                return
            self._closed = True
        if self._flush() and self._file.segment is not None:
            end = encode_block(self.lane, self._identity, self._sequence, (), (), b"", (), BlockFlag.END)
            self._blocks.append(_Encoded(end, self._sequence, 0, 0, (0, 0), 0, begins_segment=False))
            self._flush()
        self._give_up()
        self.sync()
        self._file.close()
        if self._lock is not None:
            self._lock.release()

    def _give_up(self) -> None:
        """Counts what will never be written, and says so: no tick will."""
        before = self.counters["journal_dropped_records"]
        for block in self._blocks:
            self._count_lost(*block.observed)
        self._blocks.clear()
        while (batch := self._buffer.take()) is not None:
            self._count_lost(*observed(batch.kinds, batch.chunks, sum(map(len, batch.chunks))))
        if lost := self.counters["journal_dropped_records"] - before:
            with suppress(OSError):
                _log.error("journal_end_lost", lane=self.lane, records=lost)

    def _count_lost(self, records: int, size: int) -> None:
        self.counters["journal_dropped_records"] += records
        self.counters["journal_dropped_bytes"] += size
        self.counters["journal_dropped_timestamp_seconds"] = clock.now_ns() // moments.SECOND_NS

    def _begin_segment_if_due(self) -> None:
        file = self._file
        if file.size == 0 or self._rotates_at == file.begun:
            return
        age_ns = clock.now_ns() - file.born_ns
        if (
            file.size >= self._settings.segment_size
            or age_ns >= self._settings.segment_for * moments.SECOND_NS
        ):
            self._rotates_at = file.begun
            self._buffer.add_live(self._buffer.last_ns, list(self._live()), begins_segment=True)

    def _flush(self) -> bool:
        with self._file_lock:
            if self._lock is None:
                try:
                    self._open_lane()
                except JournalError as error:
                    self._count_error("open", error.__cause__ or error)
                    return False
            while True:
                while self._blocks:
                    if not self._write(self._blocks[0]):
                        return False
                    self._blocks.popleft()
                if (batch := self._buffer.take()) is not None:
                    self._encode(batch)
                elif not self._buffer.settle():
                    return True

    def _encode(self, batch: Batch) -> None:
        """Gives the records their sequence and makes blocks of them."""
        cost = batch.cost
        begins = batch.begins_segment
        for start, stop, size in slices(batch):
            data = encode_block(
                self.lane, self._identity, self._sequence, batch.times[start:stop], batch.keys[start:stop],
                batch.kinds[start:stop], batch.chunks[start:stop], self._flags,
            )  # fmt: skip
            counts = observed(batch.kinds[start:stop], batch.chunks[start:stop], size)
            self._blocks.append(_Encoded(data, self._sequence, stop - start, size, counts, cost, begins))
            self._sequence += stop - start
            self._flags, cost, begins = 0, 0, False

    def _write(self, block: _Encoded) -> bool:
        begun = self._file.begun
        try:
            self._file.append(block.data, block.first_sequence, begins_segment=block.begins_segment)
        except OSError as error:
            self._count_error("write", error)
            return False
        finally:
            self.counters["journal_segments"] += self._file.begun - begun
        self._works_again("write")
        self.counters["journal_records"] += block.records
        self.counters["journal_bytes"] += block.data_size
        self.counters["journal_written_bytes"] += len(block.data)
        self.counters["journal_blocks"] += 1
        self._buffer.done(block.cost)
        return True

    def _works_again(self, what: str) -> None:
        if self._failing == what:
            self._failing = ""
            with suppress(OSError):
                _log.info("journal_disk_works_again", lane=self.lane)

    def _count_error(self, what: str, error: BaseException) -> None:
        """Counts each, logs the first of a row: a disk that stays full is one line, not one each second."""
        if isinstance(error, OSError):
            self._buffer.reason = "disk_full" if error.errno in _FULL else "write_error"
        if self._failing != what:
            self._failing = what
            reason = getattr(error, "strerror", None) or str(error)
            with suppress(
                OSError
            ):  # the log may be on the same disk, unguarded where logs.py did not set it up
                _log.error("journal_disk_error", lane=self.lane, during=what, error=reason)
        self.counters["journal_write_errors"] += 1
