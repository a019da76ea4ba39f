"""Input of a fuzzer, spent piece by piece: the same bytes always build the same thing, and no bytes are the wrong ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Source:
    """Reads from the front; what is asked for beyond the end is zeros, so that a short input is a short story."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    def number(self, most: int) -> int:
        """0 to ``most``."""
        return (self.byte() if most < 256 else self.byte() << 8 | self.byte()) % (most + 1)

    def take(self, count: int) -> bytes:
        piece = self._data[self._at : self._at + count]
        self._at += count
        return piece

    def rest(self) -> bytes:
        return self.take(len(self._data))

    def one_of(self, things: Sequence[T]) -> T:
        return things[self.number(len(things) - 1)]


def pieces(data: bytes, source: Source) -> list[bytes]:
    """``data`` in pieces: some of a byte, some of a head's length, some long."""
    out = []
    at = 0
    while at < len(data):
        size = (1, 2, 3, 5, 14, 100, 4096, 1 << 20)[source.byte() & 7] if source else len(data)
        out.append(data[at : at + size])
        at += size
    return out
