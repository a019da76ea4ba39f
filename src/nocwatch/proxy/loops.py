"""Which connections this relay has made and awaits an answer on, so that one that comes back to it is known as its own.

Else one station would take all places: each connection to ourselves makes another. All workers of a relay write into one
table in memory, since the kernel deals a worker's own dial to any of them.

Always holds: to write and to ask cost a few microseconds, whatever the number of dials. Two dials with one port and two
destinations share a place, and the later one has it: for that moment the earlier one's loop goes one round further.
"""

from __future__ import annotations

import mmap
import os
import socket
from contextlib import suppress
from hashlib import blake2b

from nocwatch.proxy.networks import plain_host

PLACES = 1 << 16
"""One for each port that a dial can have."""
_HASH_SIZE = 8


class Dials:
    """The table.

    Args:
        shared: descriptor of memory that ``memory`` made; None for a relay of one process.
    """

    def __init__(self, shared: int | None = None) -> None:
        size = PLACES * _HASH_SIZE
        self._map = mmap.mmap(-1 if shared is None else shared, size)
        self._places: memoryview[int] = memoryview(self._map).cast("Q")

    def begin(self, sock: socket.socket) -> tuple[int, int] | None:
        """One that we have made; to be given to ``end``. None where it has broken already."""
        with suppress(OSError):
            port, mark = _mark(sock.getsockname(), sock.getpeername())
            self._places[port] = mark
            return port, mark
        return None

    def end(self, begun: tuple[int, int] | None) -> None:
        if begun is not None and self._places[begun[0]] == begun[1]:
            self._places[begun[0]] = 0

    def has(self, sock: socket.socket) -> bool:
        """Whether an accepted connection is the other end of one of these."""
        with suppress(OSError):  # it has left
            peer = sock.getpeername()
            known = self._places[peer[1]]
            return bool(known) and known == _mark(peer, sock.getsockname())[1]
        return False


def memory() -> int:
    """For the processes of one relay; to be closed by whoever asked for it.

    Raises:
        OSError: there is none.
    """
    descriptor = os.memfd_create("nocwatch-dials", os.MFD_CLOEXEC)
    try:
        os.ftruncate(descriptor, PLACES * _HASH_SIZE)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _mark(dialling: tuple[str, int], dialled: tuple[str, int]) -> tuple[int, int]:
    """The port of the one who dialled, and what tells the connection from all others: both ends, never 0.

    One end alone may be a station's on this machine too, to which the kernel gave the same port for another destination.
    """
    text = f"{plain_host(dialling[0])} {dialling[1]} {plain_host(dialled[0])} {dialled[1]}"
    return dialling[1], int.from_bytes(blake2b(text.encode(), digest_size=_HASH_SIZE).digest()) | 1
