"""Where stations connect: bound sockets, TLS contexts, and an accept loop that nothing ends but its cancellation."""

from __future__ import annotations

import errno
import socket
from collections import deque
from collections.abc import Callable, Iterable

import structlog
import trio

from nocwatch.errors import NocwatchError, NotNowError
from nocwatch.proxy import tls
from nocwatch.proxy.counters import Counters
from nocwatch.proxy.settings import Limits, ListenerSettings, split_address
from nocwatch.proxy.trust import Trust

_log = structlog.get_logger(__name__)

BACKLOG = 4096
"""Connections that the kernel keeps for us. A whole fleet that reconnects at once must find room; it costs nothing
while nobody does. The kernel cuts it to net.core.somaxconn."""

ACCEPTS_MAX = 256
"""Accepts in one turn; they take some 2 ms."""

WELCOMES_MAX = 32
"""Handshakes begun in one turn, so that a storm of them leaves the pump its share. So many are taken also where there is no
room for more links: to be told so."""

PAUSE_S = 0.1
"""Rest after an accept that failed for want of descriptors or memory: the connection stays in the backlog."""

_NOT_ALLOWED = frozenset({errno.EACCES, errno.EPERM})
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Listener:
    """One bound address.

    Attributes:
        settings: what it was made from.
        address: ``host:port`` as bound: with the real port where the settings said 0.
        context: of TLS; None where the listener is plain.
        trust: load balancers whose word about an address is believed; None where there are none.
    """

    def __init__(self, settings: ListenerSettings, sock: socket.socket | None = None) -> None:
        """Binds, unless it is given a socket that listens already.

        Raises:
            NotNowError: the address is taken, or not ours yet.
            NocwatchError: it is not allowed, or a certificate cannot be read.
        """
        self.settings = settings
        self.trust = Trust.of(settings)
        self.context = context_of(settings)
        self._sock = sock or bind(settings.address, "relay.listen")
        self.address = bound_address(self._sock)
        self._waiting: deque[tuple[socket.socket, object]] = deque()

    def take_over(self, settings: ListenerSettings, context: tls.Context | None) -> None:
        """Greets stations in another way from now on; links and handshakes under way keep what they have."""
        self.settings, self.context, self.trust = settings, context, Trust.of(settings)

    @property
    def label(self) -> str:
        return f"listener {self.settings.label}"

    def renewed(self) -> tls.Context | None:
        """What ``context`` should become, its files having changed; None where they have not. For a thread.

        Raises:
            NocwatchError: a file is of no use.
        """
        settings, context = self.settings, self.context
        if context is None or settings.tls is None or context.stamp == tls.stamp(settings.tls):
            return None
        return context_of(settings)

    async def accept(
        self,
        limits: Limits,
        counters: Counters,
        welcome: Callable[[socket.socket, object, Listener], None],
    ) -> None:
        """Hands every connection on, until cancelled.

        What comes in the same instant is taken from the kernel at once, since that forgets whom its backlog has no room
        for until they ask again, a second later; and handed on at a pace that leaves the links their share. Never more than
        there is room for: those who wait must not use up the descriptors of those who are served.
        """
        try:
            while True:
                if not self._waiting:
                    await trio.lowlevel.wait_readable(self._sock)
                if not self._take(limits.links_max, counters):
                    await trio.sleep(PAUSE_S)
                for _ in range(min(WELCOMES_MAX, len(self._waiting))):
                    counters.handshakes_waiting -= 1
                    welcome(*self._waiting.popleft(), self)
                await trio.lowlevel.checkpoint()
        finally:
            counters.handshakes_waiting -= len(self._waiting)
            for sock, _ in self._waiting:
                sock.close()
            self._waiting.clear()

    def _take(self, links_max: int, counters: Counters) -> bool:
        """What waits in the kernel, as far as there is room. False where we are out of descriptors or memory."""
        room = links_max - counters.links_open - counters.handshakes_open - counters.handshakes_waiting
        for _ in range(min(ACCEPTS_MAX, max(room, WELCOMES_MAX - counters.handshakes_waiting))):
            try:
                self._waiting.append(self._sock.accept())
            except BlockingIOError:
                break
            except (OSError, MemoryError) as error:
                counters.accept_errors += 1
                if isinstance(error, MemoryError) or error.errno in _EXHAUSTED:
                    _log.warning("cannot accept; trying again", error=str(error) or "out of memory")
                    return False
                break  # others (ECONNABORTED, network errors of that one connection) are the peer's
            counters.accepted += 1
            counters.handshakes_waiting += 1
        return True

    def close(self) -> None:
        self._sock.close()


def expect_free(addresses: Iterable[tuple[str, str]]) -> None:
    """Tries whether each address can be had, and lets it go again: before anything is made on the disk for nothing.

    Args:
        addresses: key of the configuration and host:port.

    Raises:
        NocwatchError: as ``bind``, for the first that cannot.
    """
    for key, address in addresses:
        bind(address, key).close()


def bind(address: str, key: str, *, shared: bool = False) -> socket.socket:
    """A listening, non-blocking socket.

    What cannot be had is most often only "not now": an address that the machine does not have yet, a port that the former
    process still holds, a name that nobody resolves yet. Each passes without anybody touching the configuration, so whoever
    started the process shall try again. What is not allowed stays so however often it is asked for.

    Args:
        address: host:port.
        key: of the configuration, for the message.
        shared: others that are bound in the same way may have the address too; the kernel deals stations out to them.

    Raises:
        NotNowError: the address is taken, or not ours yet.
        NocwatchError: it is not allowed.
    """
    host, port = split_address(address)
    sock: socket.socket | None = None
    try:
        family, kind, protocol, _, target = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, protocol)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(target)
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        if sock is not None:
            sock.close()
        why = error.strerror
        if error.errno == errno.EADDRINUSE:
            other = (
                "'relay.listen=[{address: \"HOST:PORT\"}]'" if key == "relay.listen" else f"{key}=HOST:PORT"
            )
            why = f"another program listens there; end it, or take another address: --set {other}"
        error_type = NocwatchError if error.errno in _NOT_ALLOWED else NotNowError
        raise error_type(f"{key}: cannot listen on {address}: {why}") from None
    return sock


def bound_address(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def context_of(settings: ListenerSettings) -> tls.Context | None:
    """Of TLS, its files read anew; None where the listener is plain.

    Raises:
        NocwatchError: a file cannot be read, or is of no use.
    """
    return tls.server_context(settings.tls, f"relay.listen {settings.address}") if settings.tls else None
