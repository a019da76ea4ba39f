"""From an accepted socket to a pair that the pump carries, or to a refusal. One short-lived trio task a connection.

The CSMS decides: it is dialled before the station hears anything, and its answer goes back as it came, whatever it is
(``negotiation.py``). The relay answers itself only where there is no CSMS to answer, or where the request cannot be
handed on safely.

Always holds: what a station sends behind its head waits until the CSMS has said 101, so nothing can be smuggled behind a
handshake; whatever ends a handshake, both sockets are closed or the pump's, and it is counted under a bounded reason.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Sequence

import trio

from nocwatch import clock
from nocwatch.proxy import negotiation, sockets, tls
from nocwatch.proxy.answers import AnswerHead, own_answer
from nocwatch.proxy.counters import Counters
from nocwatch.proxy.dial import Upstream
from nocwatch.proxy.ends import Link
from nocwatch.proxy.failure import Failure
from nocwatch.proxy.handshake import Flaw, RequestHead, find_head, parse_request
from nocwatch.proxy.listener import Listener
from nocwatch.proxy.pump import Pump
from nocwatch.proxy.recorder import Guard, LinkInfo
from nocwatch.proxy.settings import Limits

PARTINGS_MAX = 64
"""Refused stations that are still given a moment to read why. They no longer count among the links, so that those who
were refused cannot keep others out; beyond this many, the rest is closed without a word."""

_LATE = Failure(408, "handshake_timeout", "the request's head did not arrive in time")
_LEFT = negotiation.LEFT
_SENTENCES = {
    Flaw.TOO_LARGE: "the request's head is too large",
    Flaw.NOT_HTTP: "this is no HTTP request",
    Flaw.METHOD: "a WebSocket begins with GET",
    Flaw.LINE_END: "the request's head has a bare line end or NUL",
    Flaw.HEADER: "a header of the request is malformed",
    Flaw.FOLDED: "a header of the request is folded",
    Flaw.SMUGGLING: "the request has both Content-Length and Transfer-Encoding",
    Flaw.BODY: "a WebSocket handshake has no body",
    Flaw.HOSTS: "the request has several Host headers",
}


class _Arrival:
    """One accepted connection.

    Attributes:
        sock: the plain socket, then the TLS one in its place; None once the pump has it.
        speaks: something can be said on it: there is no TLS, or its handshake is done.
        last: what to say before closing, when it gets no link; None for nothing at all.
    """

    __slots__ = ("address", "last", "listener", "sock", "speaks")

    def __init__(self, sock: socket.socket, address: object, listener: Listener) -> None:
        self.sock: socket.socket | None = sock
        self.address = address
        self.listener = listener
        self.speaks = listener.context is None
        self.last: bytes | None = None


class Pairing:
    """Makes pairs for one relay process.

    Attributes:
        upstreams: in the order in which they are asked; may be replaced at any time (reload).
    """

    def __init__(
        self,
        upstreams: Sequence[Upstream],
        limits: Limits,
        pump: Pump,
        guard: Guard,
        counters: Counters,
        numbers: Iterator[int],
        links_max: int,
    ) -> None:
        self.upstreams = upstreams
        self._limits = limits
        self._pump = pump
        self._guard = guard
        self._counters = counters
        self._numbers = numbers
        self._links_max = links_max
        self._partings = 0

    async def welcome(self, sock: socket.socket, address: object, listener: Listener) -> None:
        """Sees one connection through its handshake. Never raises OSError."""
        arrival = _Arrival(sock, address, listener)
        try:
            self._counters.handshakes_open += 1
            try:
                await self._meet(arrival, sock)
            finally:
                self._counters.handshakes_open -= 1
            if arrival.sock is not None and arrival.last is not None and self._partings < PARTINGS_MAX:
                self._partings += 1
                try:
                    await sockets.farewell(arrival.sock, arrival.last)
                finally:
                    self._partings -= 1
        finally:
            if arrival.sock is not None:
                arrival.sock.close()

    async def _meet(self, arrival: _Arrival, sock: socket.socket) -> None:
        outcome: tuple[RequestHead, bytes] | Failure = _LATE
        try:
            sockets.tune(sock, self._limits)
            if self._counters.handshakes_open + self._counters.links_open > self._links_max:
                self._unheard(arrival, Failure(503, "links_max", "the relay is full"))
                return
            with trio.move_on_after(self._limits.handshake_timeout):
                if arrival.listener.context is not None:
                    arrival.sock = sock = await sockets.secure(sock, arrival.listener.context)
                    arrival.speaks = True
                outcome = await self._request(sock)
        except ssl.SSLError as error:
            outcome = Failure(None, tls.station_reason(error))
        except OSError:
            outcome = _LEFT
        if isinstance(outcome, Failure):
            self._unheard(arrival, outcome)
        else:
            await self._pair(arrival, sock, *outcome)

    async def _request(self, sock: socket.socket) -> tuple[RequestHead, bytes] | Failure:
        received = bytearray()
        searched = 0
        while True:
            data = await sockets.receive(sock)
            if not data:
                return _LEFT if received else Failure(None, "empty")
            received += data
            found = find_head(received, self._limits.head_size_max, searched)
            searched = len(received)
            if found is None:
                continue
            request = found if isinstance(found, Flaw) else parse_request(bytes(received[:found]))
            if isinstance(request, Flaw):
                status = 431 if request is Flaw.TOO_LARGE else 400
                return Failure(status, request.value, _SENTENCES[request])
            return request, bytes(received[len(request.raw) :])

    async def _pair(
        self, arrival: _Arrival, station: socket.socket, request: RequestHead, rest: bytes
    ) -> None:
        info = _info(station, arrival.address, request)
        label = arrival.listener.settings.label
        upstream = next((each for each in self.upstreams if each.takes(request, label)), None)
        if upstream is None:
            nowhere = Failure(502, "no_route", "no central system is configured for this path")
            self._refuse(arrival, info, nowhere)
            return
        info.upstream = upstream.name
        reached = await upstream.dial()
        if isinstance(reached, Failure):
            self._refuse(arrival, info, reached)
            return
        csms = reached.sock
        try:
            head = request.rewritten(reached.host_header, reached.prefix)
            outcome = await self._negotiate(station, csms, head, info)
        except BaseException:
            csms.close()
            raise
        if isinstance(outcome, Failure):
            csms.close()
            self._refuse(arrival, info, outcome)
            return
        answer, glued = outcome
        if answer.status == 101:
            arrival.sock = None
            self._pump.adopt(Link(next(self._numbers), info), station, csms, rest, glued)
            return
        csms.close()
        arrival.last = b""
        self._refused(info, "csms", "answer", f"answer_{answer.status}")

    async def _negotiate(
        self, station: socket.socket, csms: socket.socket, head: bytes, info: LinkInfo
    ) -> tuple[AnswerHead, bytes] | Failure:
        """The CSMS's answer, which has been handed back to the station, and bytes that came behind a 101."""
        name = info.upstream
        silent = Failure(504, "upstream_silent", f"the central system {name} did not answer in time")
        outcome: tuple[AnswerHead, bytes] | Failure = silent
        try:
            with trio.move_on_after(self._limits.answer_timeout) as hurry:
                outcome = await negotiation.ask(station, csms, head, name, self._limits.head_size_max)
                if not isinstance(outcome, Failure):
                    answer, glued = outcome
                    info.http_status = answer.status
                    info.subprotocol, info.extensions = answer.subprotocol, answer.extensions
                    await sockets.send_all(station, answer.raw)
                    if answer.status != 101:
                        limit = self._limits.answer_body_max
                        await negotiation.hand_back_body(station, csms, answer, glued, limit)
        except OSError:
            return _LEFT  # negotiation lets out no errors but those of sending to the station
        if hurry.cancelled_caught and not isinstance(outcome, Failure) and outcome[0].status == 101:
            return _LEFT  # it did not even take the answer's head
        return outcome

    def _refuse(self, arrival: _Arrival, info: LinkInfo, failure: Failure) -> None:
        info.http_status = failure.status
        self._refused(info, "station" if failure is _LEFT else "relay", failure.reason, failure.reason)
        self._last_words(arrival, failure)

    def _unheard(self, arrival: _Arrival, failure: Failure) -> None:
        """Refuses a connection without an identity: counted, but no link event, which would be one of nobody."""
        self._count(failure.reason)
        self._last_words(arrival, failure)

    def _last_words(self, arrival: _Arrival, failure: Failure) -> None:
        if failure.status is not None and arrival.speaks:
            arrival.last = own_answer(failure.status, failure.sentence)

    def _refused(self, info: LinkInfo, by: str, reason: str, counted: str) -> None:
        self._count(counted)
        self._guard.link(clock.now_ns(), next(self._numbers), info.event("refused", by=by, reason=reason))

    def _count(self, reason: str) -> None:
        refused = self._counters.refused
        refused[reason] = refused.get(reason, 0) + 1


def _info(station: socket.socket, address: object, request: RequestHead) -> LinkInfo:
    """What is known before the CSMS has spoken. The security profile as OCPP counts them: 0 to 3, None for TLS alone."""
    info = LinkInfo(station=request.station, remote_address=sockets.address_text(address))
    basic = request.authorization == "basic"
    if isinstance(station, ssl.SSLSocket):
        info.tls = station.version()
        certificate = station.getpeercert(binary_form=True)
        info.security_profile = 3 if certificate else 2 if basic else None
    else:
        info.security_profile = 1 if basic else 0
    return info
