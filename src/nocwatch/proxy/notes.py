"""What one turn of the pump has to tell: the chunks it carried and the links that ended, gathered and told in one call.

Not on the way of any byte: what is noted here has been sent. The pump's loop appends to ``keys`` and ``chunks`` and counts
in ``moved`` and ``reads`` by itself, since a call a chunk is what it cannot afford; all others call ``chunk``.
"""

from __future__ import annotations

from nocwatch.proxy.counters import Counters
from nocwatch.proxy.ends import End, Link
from nocwatch.proxy.recorder import Guard
from nocwatch.proxy.stopwatch import Stopwatch


class Notes:
    """Of one pump, emptied each turn; so it holds what one turn can carry at most.

    Attributes:
        keys: ``connection << 1 | direction`` of each chunk.
        chunks: their bytes.
        moved: bytes, by side.
        reads: chunks, by side.
    """

    __slots__ = ("_counters", "_endings", "_guard", "_stopwatch", "chunks", "keys", "moved", "reads")

    def __init__(self, guard: Guard, counters: Counters, stopwatch: Stopwatch) -> None:
        self._guard = guard
        self._stopwatch = stopwatch
        self._counters = counters
        self._endings: list[tuple[int, bytes]] = []
        self.keys: list[int] = []
        self.chunks: list[bytes] = []
        self.moved = [0, 0]
        self.reads = [0, 0]

    def chunk(self, end: End, data: bytes) -> None:
        """One chunk that this end had sent."""
        self.keys.append(end.key)
        self.chunks.append(data)
        self.moved[end.side] += len(data)
        self.reads[end.side] += 1

    def opened(self, at_ns: int, link: Link) -> None:
        """A link begins: told at once, before its first chunk can be."""
        opened = link.info.event("open")
        link.live = opened.replace(b'"open"', b'"live"', 1)
        self._counters.links += 1
        self._counters.links_open += 1
        self._guard.link(at_ns, link.connection, opened)

    def closed(self, link: Link) -> None:
        """A link has ended; told behind the turn's chunks."""
        self._counters.links_open -= 1
        if link.let_go is not None:
            link.let_go()
        ending = f"{link.by}_{link.reason}"
        self._counters.closed[ending] = self._counters.closed.get(ending, 0) + 1
        self._endings.append((link.connection, link.info.event("closed", by=link.by, reason=link.reason)))

    def tell(self, at_ns: int) -> None:
        """Tells the recorder of the turn: the chunks first, so that no link has bytes after its end."""
        if self.chunks:
            self._stopwatch.sent(self.reads)
            keys, chunks = self.keys, self.chunks
            self.keys, self.chunks = [], []
            self._guard.chunks(at_ns, keys, chunks)
            moved, reads, counters = self.moved, self.reads, self._counters
            counters.bytes_from_station += moved[0]
            counters.bytes_from_csms += moved[1]
            counters.chunks_from_station += reads[0]
            counters.chunks_from_csms += reads[1]
            moved[0] = moved[1] = reads[0] = reads[1] = 0
        if self._endings:
            endings, self._endings = self._endings, []
            for connection, event in endings:
                self._guard.link(at_ns, connection, event)
