"""The way to the CSMS: one address after another, TLS and its pins, and whether the upstream is up.

A failed dial is a value: a status for the station and a bounded reason. An upstream counts as down when no connection
to any of its addresses comes about; what it answers is its own affair. Which address comes first is ``addresses.py``.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from fnmatch import fnmatchcase
from typing import NamedTuple

import structlog
import trio

from nocwatch.proxy import sockets, tls
from nocwatch.proxy.addresses import Address, Place, in_order
from nocwatch.proxy.failure import Failure
from nocwatch.proxy.handshake import RequestHead
from nocwatch.proxy.resuming import Sessions
from nocwatch.proxy.secured import Secured
from nocwatch.proxy.settings import Limits, Target, UpstreamSettings
from nocwatch.proxy.x509 import Certificate, read_certificate

_log = structlog.get_logger(__name__)

_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})


class Reached(NamedTuple):
    """A connection to the CSMS, TLS included.

    Attributes:
        host_header: what a request's Host becomes; None leaves the station's.
        target: which of the upstream's URLs it is.
    """

    sock: socket.socket
    host_header: bytes | None
    target: Target


class Upstream:
    """One CSMS: its settings, its TLS context, and what the last dials showed.

    Attributes:
        up: None until the first dial.
        on_fallback: the last dial that succeeded went to a fallback.
        context: of TLS; None for ``ws``.
        certificate: of the CSMS, as the last dial saw it.
    """

    def __init__(
        self, settings: UpstreamSettings, limits: Limits, changed: Callable[[Upstream, Failure | None], None]
    ) -> None:
        self.settings = settings
        self.up: bool | None = None
        self.on_fallback = False
        self.name = settings.name
        self.context = context_of(settings)
        self.certificate: Certificate | None = None
        self._sessions = Sessions()
        self._seen = b""
        self._places = [Place(each) for each in settings.targets]
        self._matches = _patterns(settings)
        self._limits = limits
        self._changed = changed

    @property
    def label(self) -> str:
        return f"upstream {self.name}"

    def renewed(self) -> tls.Context | None:
        """What ``context`` should become, its files having changed; None where they have not. For a thread.

        Raises:
            NocwatchError: a file is of no use.
        """
        if self.context is None or self.context.stamp == tls.stamp(self.settings.tls):
            return None
        return context_of(self.settings)

    def remarks(self) -> list[str]:
        """What an operator should know of it."""
        told = []
        if self.on_fallback:
            told.append(f"the central system {self.name} was last reached on a fallback")
        if self.context is not None and self.settings.tls.verify == "none":
            told.append(
                f"the certificate of the central system {self.name} is not verified (tls.verify: none)"
            )
        return told

    def takes(self, request: RequestHead, listener: str) -> bool:
        values = (request.path, listener, request.station)
        return all(fnmatchcase(values[index], pattern) for index, pattern in self._matches)

    async def dial(self, until: float) -> Reached | Failure:
        """A connection, TLS included, or why there is none. Never raises OSError.

        Args:
            until: the deadline of the caller's cancel scope, in trio's time. To be cancelled then is a dial that failed:
                ``too_late``.
        """
        try:
            result = await self._dial(until)
        except trio.Cancelled:
            if trio.current_time() >= until:  # otherwise nobody waits for it any more
                self._is(self.too_late())
            raise
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

    async def _dial(self, until: float) -> Reached | Failure:
        failure = self.too_late()
        places = in_order(self._places)
        for index, place in enumerate(places):
            scope, its_end = _share(until, len(places) - index)
            with scope:
                try:
                    outcome = await self._try(place, its_end)
                except trio.Cancelled:
                    if trio.current_time() >= its_end:
                        place.failed()
                    raise
                if not isinstance(outcome, Failure):
                    self._came_to(place)
                    keep = self.settings.keep_host
                    return Reached(outcome, None if keep else place.target.host_header, place.target)
                failure = outcome
                if failure.reason != "relay_out_of_resources":
                    place.failed()
                continue
            failure = self.too_late()
        return failure

    async def _try(self, place: Place, until: float) -> socket.socket | Failure:
        nowhere = Failure(502, "upstream_unknown_host", f"the central system {self.name} has no address")
        try:
            addresses = await place.addresses()
        except OSError:
            return nowhere
        failure = nowhere
        for index, address in enumerate(addresses):
            scope, its_end = _share(until, len(addresses) - index)
            with scope:
                try:
                    outcome = await self._connect(address, place.target)
                except trio.Cancelled:
                    if trio.current_time() >= its_end:
                        address.failed()
                    raise
                if not isinstance(outcome, Failure):
                    address.worked()
                    return outcome
                failure = outcome
                if failure.reason != "relay_out_of_resources":
                    address.failed()
                continue
            failure = self.too_late()
        return failure

    def _came_to(self, place: Place) -> None:
        place.worked()
        on_fallback = place is not self._places[0]
        if on_fallback != self.on_fallback:
            self.on_fallback = on_fallback
            tell = _log.warning if on_fallback else _log.info
            tell("upstream on a fallback" if on_fallback else "upstream no longer on a fallback",
                 upstream=self.name, address=f"{place.target.host}:{place.target.port}")  # fmt: skip

    async def _connect(self, address: Address, target: Target) -> socket.socket | Failure:
        try:
            sock = socket.socket(address.family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        except OSError:
            return Failure(503, "relay_out_of_resources", "the relay is out of descriptors or memory")
        try:
            sockets.tune(sock, self._limits)
            number = sock.connect_ex(address.at)  # type: ignore[arg-type]  # as getaddrinfo gave it
            if number == errno.EINPROGRESS:
                await trio.lowlevel.wait_writable(sock)
                number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if number:
                sock.close()
                return self._failure(number)
            if self.context is not None:
                sock = secured = await self._secure(sock, self.context, self._asked_for(target))
                if not self._is_who_it_should_be(secured):
                    sock.close()
                    return Failure(
                        502,
                        "upstream_pin",
                        f"the certificate of the central system {self.name} is not a pinned one",
                    )
        except ssl.SSLError as error:
            why = getattr(error, "verify_message", "") or getattr(error, "reason", "") or "the CSMS left"
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

    def _asked_for(self, target: Target) -> str:
        return self.settings.tls.server_name or target.host

    async def _secure(self, sock: socket.socket, context: tls.Context, name: str) -> Secured:
        session = self._sessions.of(context, name, trio.current_time())
        try:
            return await sockets.secure(sock, context, name, session)
        except (
            BaseException
        ):  # a RST and time that is up as well: it may be the session that the CSMS cannot cope with
            if session is not None:
                self._sessions.forget(name)
            raise

    def answered(self, reached: Reached) -> None:
        """The CSMS has answered: the next dial need not pay for all of TLS again."""
        if isinstance(reached.sock, Secured):
            self._sessions.keep(self._asked_for(reached.target), reached.sock, trio.current_time())

    def gave_no_answer(self, reached: Reached, failure: Failure) -> None:
        """It closed, or said what is no HTTP. Not to be called for one that is slow: in a storm it would have to do all of TLS as well."""
        its_fault = failure.status is not None  # otherwise it is the station that has left
        if its_fault and isinstance(reached.sock, Secured) and reached.sock.resumed:
            self._sessions.forget(self._asked_for(reached.target))

    def _is_who_it_should_be(self, sock: Secured) -> bool:
        seen = sock.peer_certificate() or b""
        if seen != self._seen or self.certificate is None:
            try:
                self.certificate = read_certificate(seen)
            except ValueError:
                self.certificate = None
            self._seen = seen
        pins = self.settings.tls.pins
        return not pins or (self.certificate is not None and tls.is_pinned(self.certificate, pins))

    def too_late(self) -> Failure:
        """What a dial comes to whose time is up."""
        return Failure(
            504, "upstream_timeout", f"the central system {self.name} does not answer a connection"
        )

    def _failure(self, number: int | None) -> Failure:
        if number in _OURS:
            return Failure(503, "relay_out_of_resources", "the relay is out of descriptors, ports or memory")
        if number == errno.ETIMEDOUT:
            return self.too_late()
        reason = "upstream_refused" if number == errno.ECONNREFUSED else "upstream_unreachable"
        return Failure(502, reason, f"the central system {self.name} is not reachable")


def _patterns(settings: UpstreamSettings) -> list[tuple[int, str]]:
    match = settings.match
    return [
        (i, pattern)
        for i, pattern in enumerate((match.path, match.listener, match.station))
        if pattern is not None
    ]


def context_of(settings: UpstreamSettings) -> tls.Context | None:
    """Of TLS, its files read anew; None for ``ws``.

    Raises:
        NocwatchError: a file cannot be read, or is of no use.
    """
    return tls.client_context(settings.tls, f"upstream {settings.name}") if settings.secure else None


def _share(until: float, left: int) -> tuple[AbstractContextManager[object, bool], float]:
    """A scope for one of so many, and its end: of the time that remains a part, so that a dead one leaves some to the rest.

    The last may have it all, and needs no scope beside the caller's.
    """
    if left == 1:
        return _ALL_OF_IT, until
    now = trio.current_time()
    its_end = now + (until - now) / left
    return trio.move_on_at(its_end), its_end


_ALL_OF_IT = suppress()  # noqa: B022 - a scope that does nothing; nullcontext has not the type of one
