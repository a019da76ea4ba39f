"""The way to the CSMS: names to addresses, one connection after another, TLS, and whether the upstream is up.

A failed dial is a value: a status for the station and a bounded reason. An upstream counts as down when no connection
to it comes about; what it answers is its own affair.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Callable
from fnmatch import fnmatchcase

import trio

from nocwatch.errors import NocwatchError
from nocwatch.proxy import sockets
from nocwatch.proxy.failure import Failure
from nocwatch.proxy.handshake import RequestHead
from nocwatch.proxy.settings import Limits, UpstreamSettings

ADDRESSES_FRESH_S = 5.0
"""How long a resolved name is used again: ten thousand stations that reconnect at once ask the resolver once, and a
CSMS that moves is followed within seconds."""

_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})
_Address = tuple[int, object]


class Upstream:
    """One CSMS: its settings, its TLS context, and what the last dials showed.

    Attributes:
        up: None until the first dial.
        host_header: what a request's Host becomes; None leaves the station's.
        prefix: path that goes before the request's own.
    """

    def __init__(
        self, settings: UpstreamSettings, limits: Limits, changed: Callable[[Upstream, Failure | None], None]
    ) -> None:
        self.settings = settings
        self.up: bool | None = None
        self.name = settings.name
        self.host_header = None if settings.keep_host else settings.host_header
        self.prefix = settings.prefix
        self._matches = _patterns(settings)
        self._limits = limits
        self._changed = changed
        self._context = _context(settings) if settings.tls else None
        self._addresses: list[_Address] = []
        self._resolved_at = float("-inf")
        self._resolving = trio.Lock()

    def takes(self, request: RequestHead, listener: str) -> bool:
        values = (request.path, listener, request.station)
        return all(fnmatchcase(values[index], pattern) for index, pattern in self._matches)

    async def dial(self) -> socket.socket | Failure:
        """A connected socket, TLS included, or why there is none. Never raises OSError."""
        result: socket.socket | Failure = Failure(
            504, "upstream_timeout", f"the central system {self.name} cannot be reached in time"
        )
        with trio.move_on_after(self._limits.dial_timeout):
            result = await self._dial()
        if isinstance(result, Failure):
            if result.reason != "relay_out_of_resources":
                self._is(result)
        else:
            self._is(None)
        return result

    def _is(self, failure: Failure | None) -> None:
        up, was = failure is None, self.up
        self.up = up
        # The first dial of all tells nothing new when it succeeds.
        if up != (was is not False):
            self._changed(self, failure)

    async def _dial(self) -> socket.socket | Failure:
        try:
            addresses = await self._resolved()
        except OSError:
            return Failure(502, "upstream_unknown_host", f"the central system {self.name} has no address")
        failure = Failure(502, "upstream_unreachable", f"the central system {self.name} has no address")
        for left in range(len(addresses), 0, -1):
            family, address = addresses[len(addresses) - left]
            # Each address gets its share of the time that remains, so that a dead first one leaves some to the rest.
            with trio.move_on_after((trio.current_effective_deadline() - trio.current_time()) / left):
                connected = await self._connect(family, address)
                if not isinstance(connected, Failure):
                    return connected
                failure = connected
                continue
            failure = Failure(
                504, "upstream_timeout", f"the central system {self.name} does not answer a connection"
            )
        self._resolved_at = float("-inf")
        return failure

    async def _resolved(self) -> list[_Address]:
        async with self._resolving:
            if trio.current_time() - self._resolved_at > ADDRESSES_FRESH_S:
                found = await trio.socket.getaddrinfo(
                    self.settings.host, self.settings.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
                )
                self._addresses = [(int(family), address) for family, _, _, _, address in found]
                self._resolved_at = trio.current_time()
            return self._addresses

    async def _connect(self, family: int, address: object) -> socket.socket | Failure:
        try:
            sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        except OSError:
            return Failure(503, "relay_out_of_resources", "the relay is out of descriptors or memory")
        try:
            sockets.tune(sock, self._limits)
            number = sock.connect_ex(address)  # type: ignore[arg-type]  # as getaddrinfo gave it
            if number == errno.EINPROGRESS:
                await trio.lowlevel.wait_writable(sock)
                number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if number:
                sock.close()
                return self._failure(number)
            if self._context is not None:
                sock = await sockets.secure(sock, self._context, self.settings.host)
        except ssl.SSLError as error:
            why = getattr(error, "verify_message", "") or error.reason or "TLS failed"
            return Failure(
                502, "upstream_tls", f"no secure connection to the central system {self.name}: {why}"
            )
        except OSError as error:
            sock.close()
            return self._failure(error.errno)
        except BaseException:
            sock.close()
            raise
        return sock

    def _failure(self, number: int | None) -> Failure:
        if number in _OURS:
            return Failure(503, "relay_out_of_resources", "the relay is out of descriptors, ports or memory")
        if number == errno.ETIMEDOUT:
            return Failure(
                504, "upstream_timeout", f"the central system {self.name} does not answer a connection"
            )
        reason = "upstream_refused" if number == errno.ECONNREFUSED else "upstream_unreachable"
        return Failure(502, reason, f"the central system {self.name} is not reachable")


def _patterns(settings: UpstreamSettings) -> list[tuple[int, str]]:
    match = settings.match
    return [
        (i, pattern)
        for i, pattern in enumerate((match.path, match.listener, match.station))
        if pattern is not None
    ]


def _context(settings: UpstreamSettings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.ca)
    except OSError as error:
        why = error.strerror or "it holds no certificates"
        raise NocwatchError(f"upstream {settings.name}: {settings.ca} cannot be read: {why}") from None
