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
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import trio

from nocwatch.proxy import clients, negotiation, sockets, tls
from nocwatch.proxy.admission import BUSY_RETRY_S
from nocwatch.proxy.answers import AnswerHead
from nocwatch.proxy.counters import Counters
from nocwatch.proxy.credentials import hashed_user
from nocwatch.proxy.dial import Upstream
from nocwatch.proxy.door import Arrival, Door
from nocwatch.proxy.ends import Link
from nocwatch.proxy.failure import Failure
from nocwatch.proxy.forwarded import told
from nocwatch.proxy.handshake import Flaw, RequestHead, find_head, parse_request
from nocwatch.proxy.listener import Listener
from nocwatch.proxy.loops import Dials
from nocwatch.proxy.negotiation import LEFT
from nocwatch.proxy.patience import Patience
from nocwatch.proxy.proxy_protocol import looks_like_header
from nocwatch.proxy.pump import Pump
from nocwatch.proxy.recorder import Guard, LinkInfo
from nocwatch.proxy.refusing import Refusing
from nocwatch.proxy.secured import Secured
from nocwatch.proxy.settings import Limits

STATION_CHECK_S = 1.0
"""When the CSMS has thought about its answer for so long, it is looked whether the station still waits for it."""

PARTINGS_MAX = 64
"""Refused stations that are still given a moment to read why. They no longer count among the links, so that those who
were refused cannot keep others out; beyond this many, the rest is closed without a word."""

_LATE = Failure(408, "handshake_timeout", "the request's head did not arrive in time")
_FULL = Failure(503, "links_max", "the relay is full", BUSY_RETRY_S)
_STRAY_HEADER = Failure(
    400, "proxy_header_unexpected", "a PROXY header came where none is expected (relay.listen: trusted)"
)
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


_LOOP = Failure(
    508, "loop", "this is nocwatch's own connection: the address of the central system leads back to nocwatch"
)


class Pairing:
    """Makes pairs for one relay process.

    Attributes:
        upstreams: in the order in which they are asked; may be replaced at any time (reload).
        admission: who may come; changed by its ``change``, at any time.
        privacy_key: what user names are hashed with for the journal; without it they are not recorded at all.
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
        dials: Dials | None = None,
    ) -> None:
        self.upstreams = upstreams
        self._limits = limits
        self._pump = pump
        self._counters = counters
        self._numbers = numbers
        self._links_max = links_max
        self._refusing = Refusing(guard, counters, numbers)
        self._asking: dict[Arrival, tuple[float, Callable[[], None]]] = {}
        self._dials = dials or Dials()
        self._partings = 0
        self._door = Door(counters)
        self.admission = self._door.admission
        self.privacy_key = b""

    async def welcome(self, sock: socket.socket, address: object, listener: Listener) -> None:
        """Sees one connection through its handshake. Never raises OSError."""
        arrival = Arrival(sock, address, listener)
        late = partial(self._refusing.unheard, arrival, _LATE)
        arrival.patience = patience = Patience(self._limits.handshake_timeout, late)
        try:
            self._counters.handshakes_open += 1
            try:
                with patience.scope:
                    await self._meet(arrival, sock)
                if patience.scope.cancelled_caught:
                    patience.then()
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
            if arrival.leave is not None:
                arrival.leave()

    def sweep(self) -> None:
        """Gives up for stations that left while their CSMS thinks about its answer. Called once a second."""
        before = trio.current_time() - STATION_CHECK_S
        for arrival, (since, then) in list(self._asking.items()):
            if since <= before and arrival.sock is not None and sockets.has_left(arrival.sock):
                arrival.patience.over(then)

    async def _meet(self, arrival: Arrival, sock: socket.socket) -> None:
        outcome: tuple[RequestHead, bytes] | Failure
        try:
            sockets.tune(
                sock, self._limits
            )  # the listening socket's options would miss whoever came before it had them
            if self._counters.handshakes_open + self._counters.links_open > self._links_max:
                self._refusing.turn_away(arrival, _FULL)
                return
            failure = None
            if self._door.waits(arrival.listener):
                failure = await self._door.arrive(arrival, sock)
                if failure is not None and not self._door.answers_behind_tls(arrival, failure):
                    self._refusing.turn_away(arrival, failure)
                    return
            if arrival.listener.context is not None:
                arrival.sock = sock = await sockets.secure(sock, arrival.listener.context)
                arrival.speaks = True
            if failure is not None:
                self._refusing.turn_away(arrival, failure)
                return
            outcome = await self._request(sock)
        except ssl.SSLError as error:
            outcome = Failure(None, tls.station_reason(error))
        except OSError:
            outcome = LEFT
        if isinstance(outcome, Failure):
            self._refusing.unheard(arrival, outcome)
        else:
            await self._pair(arrival, sock, *outcome)

    async def _request(self, sock: socket.socket) -> tuple[RequestHead, bytes] | Failure:
        received = bytearray()
        searched = 0
        while True:
            data = await sockets.receive(sock)
            if not data:
                return LEFT if received else Failure(None, "empty")
            received += data
            found = find_head(received, self._limits.head_size_max, searched)
            searched = len(received)
            if found is None:
                continue
            request = found if isinstance(found, Flaw) else parse_request(bytes(received[:found]))
            if isinstance(request, Flaw):
                if looks_like_header(received):
                    return _STRAY_HEADER
                status = 431 if request is Flaw.TOO_LARGE else 400
                return Failure(status, request.value, _SENTENCES[request])
            return request, bytes(received[len(request.raw) :])

    async def _pair(
        self, arrival: Arrival, station: socket.socket, request: RequestHead, rest: bytes
    ) -> None:
        refusal = self._door.read(arrival, request) or (_LOOP if self._dials.has(station) else None)
        info = self._info(station, arrival.remote_address, request)
        if refusal is None:
            refusal = clients.refusal(arrival.listener.settings.tls, info.certificate, request.station)
        if refusal is not None:
            self._refusing.refuse(arrival, info, refusal)
            return
        label = arrival.listener.settings.label
        upstream = next((each for each in self.upstreams if each.takes(request, label)), None)
        if upstream is None:
            nowhere = Failure(502, "no_route", "no central system is configured for this path")
            self._refusing.refuse(arrival, info, nowhere)
            return
        info.upstream = upstream.name
        arrival.patience.begins(
            self._limits.dial_timeout, partial(self._refusing.refuse, arrival, info, upstream.too_late())
        )
        reached = await upstream.dial(arrival.patience.scope.deadline)
        if isinstance(reached, Failure):
            self._refusing.refuse(arrival, info, reached)
            return
        csms = reached.sock
        try:
            head = request.rewritten(reached.host_header, reached.target.prefix)
            if (header := upstream.settings.address_header) is not None:
                head = told(head, header, arrival.hop)
            outcome = await self._negotiate(arrival, station, csms, head, info)
        except BaseException:
            csms.close()
            raise
        if isinstance(outcome, Failure):
            upstream.gave_no_answer(reached, outcome)
            csms.close()
            self._refusing.refuse(arrival, info, outcome)
            return
        answer, glued = outcome
        upstream.answered(reached)
        if answer.status == 101:
            link = Link(next(self._numbers), info)
            link.let_go, arrival.leave = arrival.leave, None
            arrival.sock = None
            try:
                self._pump.adopt(link, station, csms, rest, glued)
            except BaseException:  # no memory for it: nobody else would close them
                arrival.leave, link.let_go = link.let_go, None
                station.close()
                csms.close()
                raise
            return
        csms.close()
        self._refusing.answered(arrival, info, answer.status)

    async def _negotiate(
        self, arrival: Arrival, station: socket.socket, csms: socket.socket, head: bytes, info: LinkInfo
    ) -> tuple[AnswerHead, bytes] | Failure:
        """The CSMS's answer, which has been handed back to the station, and bytes that came behind a 101."""
        name, patience = info.upstream, arrival.patience
        silent = Failure(504, "upstream_silent", f"the central system {name} did not answer in time")
        patience.begins(self._limits.answer_timeout, partial(self._refusing.refuse, arrival, info, silent))
        left = partial(self._refusing.refuse, arrival, info, LEFT)
        begun = self._dials.begin(csms)
        try:
            self._asking[arrival] = trio.current_time(), left
            outcome = await negotiation.ask(station, csms, head, name, self._limits.head_size_max)
            if isinstance(outcome, Failure):
                return outcome
            answer, glued = outcome
            info.http_status = answer.status
            info.subprotocol, info.extensions = answer.subprotocol, answer.extensions
            if answer.status == 101:
                patience.then = left  # it does not even take this head
                await sockets.send_all(station, answer.raw)
            else:
                # Whoever leaves with a body half read has had its answer all the same.
                patience.then = partial(self._refusing.answered, arrival, info, answer.status)
                self._asking[arrival] = trio.current_time(), patience.then
                await sockets.send_all(station, answer.raw)
                await negotiation.hand_back_body(station, csms, answer, glued, self._limits.answer_body_max)
        except OSError:
            return LEFT  # negotiation lets out no errors but those of sending to the station
        finally:
            self._asking.pop(arrival, None)
            self._dials.end(begun)
        return outcome

    def _info(self, station: socket.socket, remote_address: str, request: RequestHead) -> LinkInfo:
        """What is known before the CSMS has spoken. The security profile as OCPP counts them: 0 to 3, None for TLS alone."""
        info = LinkInfo(
            station=request.station, remote_address=remote_address, authorization=request.authorization
        )
        basic = request.authorization == "basic"
        if basic:
            info.user = hashed_user(request.credentials, self.privacy_key)
        if isinstance(station, Secured):
            info.tls = station.version()
            info.certificate = clients.shown_by(station)
            info.security_profile = 3 if info.certificate else 2 if basic else None
        else:
            info.security_profile = 1 if basic else 0
        return info
