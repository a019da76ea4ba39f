"""From an accepted socket to a pair that the pump carries, or to a refusal. One short-lived trio task a connection.

The CSMS decides: it is dialled before the station hears anything, and its answer goes back as it came, whatever it is.
The relay answers itself only where there is no CSMS to answer, or where the request cannot be handed on safely.

Always holds: what a station sends behind its head waits until the CSMS has said 101, so nothing can be smuggled behind a
handshake; whatever ends a handshake, both sockets are closed or the pump's, and it is counted under a bounded reason.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import suppress

import msgspec
import trio

from nocwatch import clock
from nocwatch.proxy import sockets
from nocwatch.proxy.answers import INTERIM_MAX, AnswerHead, Body, find_answer, own_answer, parse_answer
from nocwatch.proxy.counters import Counters
from nocwatch.proxy.dial import Failure, Upstream
from nocwatch.proxy.handshake import Flaw, RequestHead, find_head, parse_request
from nocwatch.proxy.listener import Listener
from nocwatch.proxy.pump import Link, Pump
from nocwatch.proxy.recorder import Guard, LinkInfo
from nocwatch.proxy.settings import Limits

STATION_CHECK_S = 1.0
"""While the CSMS thinks about its answer, this often it is looked whether the station still waits for it."""

_LEFT = Failure(None, "station_left")
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

    async def welcome(self, sock: socket.socket, address: object, listener: Listener) -> None:
        """Sees one connection through its handshake. Never raises OSError."""
        counters = self._counters
        counters.handshakes_open += 1
        try:
            if counters.handshakes_open + counters.links_open > self._links_max:
                await self._refuse_unheard(sock, listener, Failure(503, "links_max", "the relay is full"))
                return
            sockets.tune(sock, self._limits)
            request: RequestHead | Failure = _LEFT
            rest = b""
            with trio.move_on_after(self._limits.handshake_timeout) as hurry:
                secured = await self._secured(sock, listener)
                if secured is None:
                    return
                sock = secured
                request, rest = await self._request(sock)
            if hurry.cancelled_caught:
                late = Failure(408, "handshake_timeout", "the request's head did not arrive in time")
                await self._refuse_unheard(sock, listener, late)
            elif isinstance(request, Failure):
                await self._refuse_unheard(sock, listener, request)
            else:
                await self._pair(sock, address, listener, request, rest)
        except OSError:
            self._count(_LEFT.reason)
            sock.close()
        except BaseException:
            sock.close()
            raise
        finally:
            counters.handshakes_open -= 1

    async def _secured(self, sock: socket.socket, listener: Listener) -> socket.socket | None:
        if listener.context is None:
            return sock
        try:
            return await sockets.secure(sock, listener.context)
        except ssl.SSLError:
            self._count("station_tls")
            return None

    async def _request(self, sock: socket.socket) -> tuple[RequestHead | Failure, bytes]:
        received = bytearray()
        searched = 0
        while True:
            data = await sockets.receive(sock)
            if not data:
                return Failure(None, "station_left" if received else "empty"), b""
            received += data
            found = find_head(received, self._limits.head_size_max, searched)
            searched = len(received)
            if found is None:
                continue
            request = found if isinstance(found, Flaw) else parse_request(bytes(received[:found]))
            if isinstance(request, Flaw):
                return Failure(
                    431 if request is Flaw.TOO_LARGE else 400, request.value, _SENTENCES[request]
                ), b""
            return request, bytes(received[len(request.raw) :])

    async def _pair(
        self, station: socket.socket, address: object, listener: Listener, request: RequestHead, rest: bytes
    ) -> None:
        info = _info(station, address, request)
        upstream = next(
            (each for each in self.upstreams if each.takes(request, listener.settings.label)), None
        )
        if upstream is None:
            nowhere = Failure(502, "no_route", "no central system is configured for this path")
            await self._refuse(station, info, nowhere)
            return
        info.upstream = upstream.name
        csms = await upstream.dial()
        if isinstance(csms, Failure):
            await self._refuse(station, info, csms)
            return
        try:
            settings = upstream.settings
            host = None if settings.keep_host else settings.host_header
            failure = await self._negotiate(
                station, csms, request.rewritten(host, settings.prefix), rest, info
            )
        except OSError:
            failure = _LEFT  # of the two, only sending to the station lets its errors out
        except BaseException:
            csms.close()
            raise
        if failure is not None:
            csms.close()
            await self._refuse(station, info, failure)

    async def _negotiate(
        self, station: socket.socket, csms: socket.socket, head: bytes, rest: bytes, info: LinkInfo
    ) -> Failure | None:
        """Hands the head over and the answer back; the pair to the pump after a 101.

        Returns:
            Why the station must get an answer of ours; None when it got the CSMS's.
        """
        silent = Failure(504, "upstream_silent", f"the central system {info.upstream} did not answer in time")
        answer: AnswerHead | Failure = silent
        glued = b""
        with trio.move_on_after(self._limits.answer_timeout) as hurry:
            with suppress(
                OSError
            ):  # it may have answered before it broke, a 503 for example; reading will tell
                await sockets.send_all(csms, head)
            answer, glued = await self._answer(station, csms, info.upstream)
            if isinstance(answer, AnswerHead) and answer.status != 101:
                await self._hand_back(station, csms, answer, glued)
        if isinstance(answer, Failure):
            return answer
        info.http_status, info.subprotocol, info.extensions = (
            answer.status,
            answer.subprotocol,
            answer.extensions,
        )
        if answer.status == 101:
            await self._join(station, csms, answer, rest, glued, info)
            return None
        csms.close()
        self._refused(
            info, "csms", "upstream_slow" if hurry.cancelled_caught else "answer", f"answer_{answer.status}"
        )
        await sockets.farewell(station)
        return None

    async def _join(
        self,
        station: socket.socket,
        csms: socket.socket,
        answer: AnswerHead,
        rest: bytes,
        glued: bytes,
        info: LinkInfo,
    ) -> None:
        with trio.move_on_after(self._limits.answer_timeout) as hurry:
            await sockets.send_all(station, answer.raw)
        if hurry.cancelled_caught:
            sockets.reset(csms)
            self._refused(info, "relay", _LEFT.reason, _LEFT.reason)
            station.close()
            return
        self._pump.adopt(Link(next(self._numbers), info), station, csms, rest, glued)

    async def _answer(
        self, station: socket.socket, csms: socket.socket, name: str
    ) -> tuple[AnswerHead | Failure, bytes]:
        """The final answer's head and what came behind it; interim answers are passed on."""
        garbage = Failure(502, "upstream_garbage", f"the central system {name} gave no HTTP answer")
        received = b""
        interim = 0
        while True:
            try:
                end = find_answer(received)
            except ValueError:
                return garbage, b""
            if end is not None:
                answer = parse_answer(received[:end])
                if answer is None or end > self._limits.head_size_max:
                    return garbage, b""
                received = received[end:]
                if not answer.interim:
                    return answer, received
                interim += 1
                if interim > INTERIM_MAX:
                    return garbage, b""
                await sockets.send_all(station, answer.raw)
                continue
            if len(received) > self._limits.head_size_max:
                return garbage, b""
            data = await self._receive_while_it_waits(station, csms)
            if isinstance(data, Failure):
                return data, b""
            if not data:
                return Failure(
                    502, "upstream_closed", f"the central system {name} closed without an answer"
                ), b""
            received += data

    async def _receive_while_it_waits(self, station: socket.socket, csms: socket.socket) -> bytes | Failure:
        while True:
            with trio.move_on_after(STATION_CHECK_S):
                try:
                    return await sockets.receive(csms)
                except OSError:
                    return b""
            if sockets.has_left(station):
                return _LEFT

    async def _hand_back(
        self, station: socket.socket, csms: socket.socket, answer: AnswerHead, glued: bytes
    ) -> None:
        """A refusal of the CSMS: head and body as they came, until the body ends, or the limits do."""
        body = Body(answer)
        await sockets.send_all(station, answer.raw)
        passed = 0
        data = glued
        while passed <= self._limits.answer_body_max:
            try:
                taken = body.feed(data)
            except ValueError:
                return  # a broken coding: the station sees as much of it as we understood, then the end
            await sockets.send_all(station, data[:taken])
            passed += taken
            if body.done:
                return
            try:
                data = await sockets.receive(csms)
            except OSError:
                return
            if not data:
                return

    async def _refuse(self, station: socket.socket, info: LinkInfo, failure: Failure) -> None:
        info.http_status = failure.status
        self._refused(info, "station" if failure is _LEFT else "relay", failure.reason, failure.reason)
        await self._say(station, failure)

    async def _refuse_unheard(self, station: socket.socket, listener: Listener, failure: Failure) -> None:
        """A connection without an identity: counted, but no link event, which would be one of nobody."""
        self._count(failure.reason)
        if listener.context is not None and not isinstance(station, ssl.SSLSocket):
            station.close()  # TLS has not begun: an answer in the clear would be noise
            return
        await self._say(station, failure)

    async def _say(self, station: socket.socket, failure: Failure) -> None:
        if failure.status is None:
            station.close()
        else:
            await sockets.farewell(station, own_answer(failure.status, failure.sentence))

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
        return msgspec.structs.replace(info, security_profile=3 if certificate else 2 if basic else None)
    return msgspec.structs.replace(info, security_profile=1 if basic else 0)
