"""What waits in memory to be written: bounded by bytes, cheap to add to, honest about what it had to drop.

It does no I/O and knows of blocks only how large they may be. What always holds: records leave in the order in which they were added; where
observations were dropped, a GAP record stands where the loss begins, before whatever is taken next, and one where it
ends, before the next chunk: two, however many link events and ticks the reserve let through between them; a new segment
begins exactly between two additions, so that the ``live`` records at its head say who was connected at that moment.

Locking: additions and ``take`` may come from different threads. The lock is held for list operations only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from threading import Lock

import msgspec

from nocwatch.journal.blocks import RECORD_DATA_MAX
from nocwatch.moments import SECOND_NS
from nocwatch.records import Gap, RecordKind

BATCH_BYTES = 256 << 10
"""A batch is closed above this: one block, one write, short enough that the relay does not wait for the interpreter."""
BATCH_RECORDS = 4096
RECORD_COST = 96
"""Memory of a record beside its data (objects and list slots), so that a flood of tiny chunks is bounded too."""
RESERVE_SHARE = 8
"""Link events and ticks may use an eighth more than the bound: they are few, and without them chunks have no name."""
LIVE_AT_ONCE = 512
"""Of the links told of at a segment's head: some 200 KiB, so one batch."""
BLOCK_DATA_AIM = 1 << 20
BLOCK_RECORDS_AIM = 16_384
"""A batch above either becomes several blocks: a reader holds one whole block of each lane in memory."""

_GAP = RecordKind.GAP.value
_CHUNK, _LINK = bytes([RecordKind.CHUNK]), bytes([RecordKind.LINK])


class Batch:
    """Records that become one block, or a few where they are large. ``begins_segment``: a new segment comes first."""

    __slots__ = ("begins_segment", "chunks", "cost", "keys", "kinds", "times")

    def __init__(self, *, begins_segment: bool = False) -> None:
        self.times: list[int] = []
        self.keys: list[int] = []
        self.kinds = bytearray()
        self.chunks: list[bytes] = []
        self.cost = 0
        self.begins_segment = begins_segment

    def append(self, at_ns: int, kind: RecordKind, key: int, data: bytes) -> None:
        self.times.append(at_ns)
        self.keys.append(key)
        self.kinds.append(kind)
        self.chunks.append(data)
        self.cost += len(data) + RECORD_COST


class Buffer:
    """The bounded buffer before the disk.

    Attributes:
        size_max: bytes, overheads included. After an overflow records are taken again below three quarters of it, so
            that one long hole is left in each stream and not many small ones.
        cost: bytes taken now.
        reason: why the disk does not keep up, for GAP records; the writer sets it.
        last_ns: time of the last record added.
    """

    def __init__(self, size_max: int, counters: dict[str, int]) -> None:
        self.size_max = size_max
        self.cost = 0
        self.reason = "slow_disk"
        self.last_ns = 0
        self._counters = counters
        self._bound = size_max
        self._lost_records = 0
        self._lost_bytes = 0
        self._in_hole = False  # a GAP says that a loss has begun, and no chunk has been taken since
        self._lock = Lock()
        self._open = Batch()
        self._closed: deque[Batch] = deque()

    def add(self, at_ns: int, kind: RecordKind, connection: int, direction: int, data: bytes) -> None:
        important = kind in (RecordKind.LINK, RecordKind.TICK)
        bound = self.size_max + self.size_max // RESERVE_SHARE if important else self._bound
        with self._lock:
            if self.cost + len(data) + RECORD_COST > bound or len(data) > RECORD_DATA_MAX:
                self._drop(at_ns, 1, len(data))
                return
            if important:
                # What is lost from here on is of the same hole: told once, before the chunk that ends it.
                if self._lost_records and not self._in_hole:
                    self._mark_gap(at_ns)
                    self._in_hole = True
            elif self._lost_records or self._in_hole:
                self._end_hole(at_ns)
            self.last_ns = at_ns
            self._append(at_ns, kind, connection << 1 | direction, data)

    def add_chunks(self, at_ns: int, keys: list[int], chunks: list[bytes]) -> None:
        count = len(chunks)
        size = sum(map(len, chunks))
        cost = size + count * RECORD_COST
        with self._lock:
            if self.cost + cost > self._bound:
                self._drop(at_ns, count, size)
                return
            if self._lost_records or self._in_hole:
                self._end_hole(at_ns)
            self.last_ns = at_ns
            self._extend(at_ns, _CHUNK, keys, chunks, cost)

    def add_live(self, at_ns: int, live: list[tuple[int, bytes]], *, begins_segment: bool) -> None:
        """LINK records of the links now open; with ``begins_segment`` what was added before goes to the segment before.

        They are taken without regard to the bound: there are as many as links, and the relay bounds those.
        """
        with self._lock:
            self._close_batch()
            self._open = Batch(begins_segment=begins_segment)
            for start in range(0, len(live), LIVE_AT_ONCE):
                some = live[start : start + LIVE_AT_ONCE]
                keys, events = [each[0] << 1 for each in some], [each[1] for each in some]
                cost = sum(map(len, events)) + len(events) * RECORD_COST
                self._extend(at_ns, _LINK, keys, events, cost)

    def take(self) -> Batch | None:
        """The oldest batch, or None. It stays counted until ``done``."""
        with self._lock:
            if not self._closed:
                self._close_batch()
            return self._closed.popleft() if self._closed else None

    def done(self, cost: int) -> None:
        """So many bytes were written, or given up."""
        with self._lock:
            self.cost -= cost
            if self.cost < self._bound:
                self._bound = self.size_max
            self._counters["journal_buffered_bytes"] = self.cost

    def settle(self) -> bool:
        """Writing works again and all is written: marks what was dropped, also where nothing is added after it.

        True where there was something to mark.
        """
        with self._lock:
            dropped = self._lost_records > 0
            self._end_hole(self.last_ns)
            self.reason = "slow_disk"
            return dropped

    def _extend(self, at_ns: int, kind: bytes, keys: list[int], chunks: list[bytes], cost: int) -> None:
        """Many of one kind at once: a call for each would be most of what they cost."""
        batch = self._open
        batch.times += [at_ns] * len(keys)
        batch.keys += keys
        batch.chunks += chunks
        batch.kinds += kind * len(keys)
        batch.cost += cost
        self.cost += cost
        if batch.cost > BATCH_BYTES or len(batch.times) > BATCH_RECORDS:
            self._close_batch()

    def _append(self, at_ns: int, kind: RecordKind, key: int, data: bytes) -> None:
        batch = self._open
        before = batch.cost
        batch.append(at_ns, kind, key, data)
        self.cost += batch.cost - before
        if batch.cost > BATCH_BYTES or len(batch.times) > BATCH_RECORDS:
            self._close_batch()

    def _close_batch(self) -> None:
        if self._open.times:
            self._closed.append(self._open)
            self._open = Batch()

    def _drop(self, at_ns: int, records: int, size: int) -> None:
        self._bound = self.size_max - self.size_max // 4
        self._lost_records += records
        self._lost_bytes += size
        self._counters["journal_dropped_records"] += records
        self._counters["journal_dropped_bytes"] += size
        self._counters["journal_dropped_timestamp_seconds"] = at_ns // SECOND_NS

    def _end_hole(self, at_ns: int) -> None:
        self._in_hole = False
        if self._lost_records:
            self._mark_gap(at_ns)

    def _mark_gap(self, at_ns: int) -> None:
        gap = Gap(records=self._lost_records, bytes=self._lost_bytes, reason=self.reason)
        self._lost_records = self._lost_bytes = 0
        self._append(at_ns, RecordKind.GAP, 0, msgspec.json.encode(gap))


def slices(batch: Batch) -> Iterator[tuple[int, int, int]]:
    """(start, stop, bytes of data) of the blocks that a batch becomes: usually one."""
    start = size = 0
    for index, chunk in enumerate(batch.chunks):
        if index > start and (size + len(chunk) > BLOCK_DATA_AIM or index - start >= BLOCK_RECORDS_AIM):
            yield start, index, size
            start, size = index, 0
        size += len(chunk)
    if batch.chunks:
        yield start, len(batch.chunks), size


def observed(kinds: bytes | bytearray, chunks: list[bytes], size: int) -> tuple[int, int]:
    """Records and bytes of data of what was seen: without GAPs, since what they tell of was counted when it was dropped.

    ``size``: bytes of all ``chunks``.
    """
    if _GAP not in kinds:
        return len(chunks), size
    gaps = [len(chunk) for kind, chunk in zip(kinds, chunks, strict=True) if kind == _GAP]
    return len(chunks) - len(gaps), size - sum(gaps)
