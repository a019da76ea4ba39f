"""Reads the journal: all lanes merged into one order, from a cursor on, while writers write.

The order is (time, lane, sequence), where time is the running maximum within a lane, so that a clock that steps back
cannot turn a lane's order round. It is the same at each reading: nothing is given out as long as a lane that is *live*
(its writer holds its lock) might still bring something earlier. With one lane nothing ever waits.

What always holds: reading never raises for damage (it becomes a GAP record) and never blocks; not for use from two
threads at once.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Self

from nocwatch import clock
from nocwatch.journal.cursor import Cursor
from nocwatch.journal.follow import LaneFollower
from nocwatch.journal.segments import lane_is_held, list_lanes
from nocwatch.moments import SECOND_NS
from nocwatch.records import Record

SILENCE_NS_MAX = 10 * SECOND_NS
"""A live lane that brings nothing for so long is not waited for: a relay ticks each second, so its disk hangs or it does.
What it brings later is given out late, and counted in ``journal_read_late_records``."""

COUNTERS = (
    "journal_read_records",
    "journal_read_gaps",
    "journal_read_missing_records",
    "journal_read_corrupt_bytes",
    "journal_read_rewinds",
    "journal_read_late_records",
)


class Reader:
    """All lanes of a journal, from a cursor on.

    Args:
        path: the journal's folder; it need not be there yet.
        cursor: where to begin; the empty one is the oldest record that is kept.
        now_ns: the clock; only to know for how long a live lane has been silent.

    Attributes:
        counters: since the reader was made; FORMAT.md says what each counts.
        held_back: whether the last ``read`` left records that a live lane might still precede: then an empty list does not
            mean that all is read.
    """

    def __init__(
        self, path: Path, cursor: Cursor | None = None, now_ns: Callable[[], int] = clock.now_ns
    ) -> None:
        self._root = path
        self._now_ns = now_ns
        self._start = cursor or Cursor()
        self._lanes: dict[int, LaneFollower] = {}
        self._highest_ns = 0
        self.held_back = False
        self.counters: dict[str, int] = dict.fromkeys(COUNTERS, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for lane in self._lanes.values():
            lane.close()

    @property
    def cursor(self) -> Cursor:
        """Behind what ``read`` gave out last; reading from here gives what comes next."""
        lanes, identities = dict(self._start.lanes), dict(self._start.identities)
        for number, lane in self._lanes.items():
            if lane.next_sequence is not None:
                lanes[number] = lane.next_sequence
            if lane.identity is not None:
                identities[number] = lane.identity
        return Cursor(lanes=lanes, identities=identities)

    def read(self, records_max: int = 4096) -> list[Record]:
        """What comes next, at most ``records_max`` records; an empty list where there is nothing new (yet)."""
        records: list[Record] = []
        while len(records) < records_max:
            waiting = self._fill()
            taken = self._merge(records_max - len(records), waiting)
            if not taken:
                break
            records += taken
        self.held_back = any(lane.available for lane in self._lanes.values())
        self.counters["journal_read_records"] += len(records)
        return records

    def _fill(self) -> list[LaneFollower]:
        """Reads on where a queue is empty. Gives the lanes that have nothing and are live.

        A lane's lock is looked at after the other lanes were read, and a lane without a writer is then read once more:
        so whatever a writer that starts or dies meanwhile puts into it is later than all that was read.
        """
        empty: list[LaneFollower] = []
        for lane in self._lanes.values():
            if lane.available or lane.fill():
                lane.silent_since_ns = None
            else:
                empty.append(lane)
        for number in list_lanes(self._root):
            if number not in self._lanes:
                lane = self._follow(number)
                if not lane.fill():
                    empty.append(lane)
        if len(self._lanes) < 2:
            return []
        return [lane for lane in empty if self._is_waited_for(lane)]

    def _is_waited_for(self, lane: LaneFollower) -> bool:
        held = lane_is_held(lane.folder)
        if held and not lane.live:
            lane.silent_since_ns = None  # its writer has just come
        lane.live = held
        if lane.fill():
            lane.silent_since_ns = None
            return False
        if lane.silent_since_ns is None:
            lane.silent_since_ns = self._now_ns()
        return held and self._now_ns() - lane.silent_since_ns <= SILENCE_NS_MAX

    def _follow(self, number: int) -> LaneFollower:
        start = self._start
        lane = LaneFollower(
            self._root,
            number,
            start.lanes.get(number),
            start.identities.get(number),
            self._count,
        )
        self._lanes[number] = lane
        return lane

    def _merge(self, most: int, waiting: list[LaneFollower]) -> list[Record]:
        """Records in order, until a queue runs empty or a live lane has to be waited for."""
        ready = [lane for lane in self._lanes.values() if lane.available]
        if len(ready) == 1 and not waiting:
            records = ready[0].take(most)
            self._highest_ns = max(self._highest_ns, ready[0].delivered_ns)
            return records
        records = []
        while ready and len(records) < most:
            ready.sort(key=_place)
            first = ready[0]
            head_ns = first.head_ns
            bounds = [_place(lane) for lane in ready[1:2]]
            bounds += [(lane.key_ns, lane.lane) for lane in waiting]
            if bounds:
                key_ns, number = min(bounds)
                taken = first.take(most - len(records), key_ns + (first.lane < number))
            else:
                taken = first.take(most - len(records))
            if not taken:
                break
            if head_ns < self._highest_ns:
                self._count("journal_read_late_records", len(taken))
            self._highest_ns = max(self._highest_ns, first.delivered_ns)
            records += taken
            if not first.available:
                break
        return records

    def _count(self, name: str, by: int) -> None:
        self.counters[name] += by


def _place(lane: LaneFollower) -> tuple[int, int]:
    return lane.head_ns, lane.lane
