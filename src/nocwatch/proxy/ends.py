"""A link and its two ends, as the pump keeps them: the sockets, what waits for them, and who ended what.

State and nothing else: what is done with it is ``pump.py``. What always holds: an end is *calm* only while the pump's
shortest way suits it, and whoever changes what that depends on calls ``settle`` or sets ``calm`` to False.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Callable

from nocwatch.proxy.recorder import LinkInfo
from nocwatch.proxy.secured import Secured

SIDES = ("station", "csms")
"""By ``End.side``."""

_DEAD = frozenset({errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN})
_RESET = frozenset({errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED, errno.ENOTCONN})


class Link:
    """One station's connection and the CSMS's that belongs to it.

    Attributes:
        connection: its number, unique over lanes and restarts.
        info: what the open event said.
        by, reason: who ended it, by what; empty while neither side has.
        half_closed_at: trio time since which one side has ended, all it sent is delivered, and, as far as was looked, nothing
            has moved; None otherwise.
        live: the event that tells of it at the head of a segment, kept ready: ten thousand are told of at once.
        let_go: to be called when it has ended; None where nobody counts.
    """

    __slots__ = ("by", "connection", "half_closed_at", "info", "let_go", "live", "reason")

    def __init__(self, connection: int, info: LinkInfo) -> None:
        self.connection = connection
        self.info = info
        self.by = ""
        self.reason = ""
        self.half_closed_at: float | None = None
        self.live = b""
        self.let_go: Callable[[], None] | None = None

    def ended(self, by: str, reason: str) -> None:
        """The first who ends a link has ended it, whatever follows."""
        if not self.by:
            self.by, self.reason = by, reason


class End:
    """One socket of a link.

    Attributes:
        side: 0 the station's, 1 the CSMS's.
        key: connection << 1 | side, the recorder's name for what this end sends.
        peer: the other end; None when the link has ended.
        out: what this end could not take yet; None when nothing waits.
        eof: it has ended its sending.
        stopped: it is not read until the peer is writable again.
        queued: it used up its turn, and stands in the queue for the next.
        calm: none of the above: the hot loop need look no further.
        tls: the socket where it speaks TLS, which alone knows whether a read has emptied it; else None.
    """

    __slots__ = (
        "calm",
        "eof",
        "fd",
        "key",
        "link",
        "out",
        "peer",
        "queued",
        "recv",
        "send",
        "side",
        "sock",
        "stopped",
        "tls",
    )

    peer: End | None

    def __init__(self, sock: socket.socket, side: int, link: Link) -> None:
        self.sock = sock
        self.fd = sock.fileno()
        self.side = side
        self.link = link
        self.key = link.connection << 1 | side
        self.peer = None
        self.out: bytes | None = None
        self.eof = self.stopped = self.queued = False
        self.recv: Callable[[int], bytes] = sock.recv
        self.send: Callable[[bytes], int] = sock.send
        self.calm = True
        self.tls = sock if isinstance(sock, Secured) else None

    def read_first(self, glued: bytes) -> None:
        """What came with the head is what this end reads next, before all that its socket still has."""
        recv = self.recv

        def receive_glued(_: int) -> bytes:
            self.recv = recv
            return glued

        self.recv = receive_glued

    def settle(self) -> None:
        self.calm = self.out is None and not (self.eof or self.stopped or self.queued)


def reason_of(error: BaseException) -> str:
    """What a link's end by this error is called: ``timeout``, ``reset`` or ``error``."""
    number = error.errno if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) else None
    return "timeout" if number in _DEAD else "reset" if number in _RESET else "error"
