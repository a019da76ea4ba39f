"""Timers without a clock: what waits is named by a key, and comes due when records say that its time has come.

Pure, and part of a snapshot. A record costs what it sets: a heap with lazy deletion, O(log n) a timer.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

DUE_NS_MAX = (1 << 63) - 1
"""The year 2262: what is due later never is, and a snapshot has no room for it."""

K = TypeVar("K", bound=Hashable)


class Timers(Generic[K]):
    """At most one pending moment for each key.

    Two timers of one moment come due in the order in which they were set, so a replay is the same to the letter.
    """

    __slots__ = ("_due", "_heap", "_order")

    def __init__(self) -> None:
        self._due: dict[K, tuple[int, int]] = {}
        self._heap: list[tuple[int, int, K]] = []
        self._order = 0

    def __len__(self) -> int:
        return len(self._due)

    def set(self, key: K, due_ns: int) -> None:
        """Come due at ``due_ns``; replaces the key's former moment."""
        due_ns = min(due_ns, DUE_NS_MAX)
        self._order += 1
        self._due[key] = (due_ns, self._order)
        heapq.heappush(self._heap, (due_ns, self._order, key))
        if len(self._heap) > 64 and len(self._heap) > 4 * len(self._due):
            self._rebuild()

    def cancel(self, key: K) -> None:
        """Forget the key's moment; nothing happens where it has none."""
        self._due.pop(key, None)

    def due_ns(self, key: K) -> int | None:
        moment = self._due.get(key)
        return moment[0] if moment else None

    def has_due(self, now_ns: int) -> bool:
        """Whether something may be due: False is certain, and costs next to nothing."""
        return bool(self._heap) and self._heap[0][0] <= now_ns

    def pop_due(self, now_ns: int) -> Iterator[tuple[K, int]]:
        """Each key whose moment is at or before ``now_ns``, with that moment, in order.

        What is set while iterating is included, when it is due.
        """
        while self._heap and self._heap[0][0] <= now_ns:
            due_ns, order, key = heapq.heappop(self._heap)
            if self._due.get(key) == (due_ns, order):
                del self._due[key]
                yield key, due_ns

    def dump(self) -> list[tuple[K, int]]:
        """Pending moments in the order in which they would come due: what a snapshot keeps."""
        return [(key, due_ns) for key, (due_ns, _) in sorted(self._due.items(), key=lambda item: item[1])]

    def load(self, moments: list[tuple[K, int]]) -> None:
        self.__init__()  # type: ignore[misc]
        for key, due_ns in moments:
            self.set(key, due_ns)

    def _rebuild(self) -> None:
        # Keys that are set again and again (a heartbeat's time-out) would otherwise leave their old moments in the heap.
        self._heap = [(due_ns, order, key) for key, (due_ns, order) in self._due.items()]
        heapq.heapify(self._heap)
