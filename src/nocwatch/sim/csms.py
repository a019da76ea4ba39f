"""A simulated CSMS: serves stations on a WebSocket port, answers them, commands them, and misbehaves where it is told to.

What it answers is in ``answers16`` and ``answers201``, what it orders of its own accord in ``backoffice``. A handler that
fails, a client that is no station, a handshake that is none: each ends its own connection at most, never the server.
"""

# Seeded on purpose: the same seed plays the same life.

from __future__ import annotations

import base64
import itertools
import random
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import unquote

import msgspec
import structlog
import trio
from trio_websocket import ConnectionClosed, HandshakeError, WebSocketRequest, wrap_server_stream

from nocwatch.sim.answers16 import ANSWERS_16
from nocwatch.sim.answers201 import ANSWERS_21, ANSWERS_201
from nocwatch.sim.ledger import CsmsStation, Ledger
from nocwatch.sim.pace import Pace
from nocwatch.sim.settings import CsmsFault, CsmsSettings
from nocwatch.sim.wire import Answer, Payload, Peer, Socket, not_implemented

OBSERVED_MAX = 100_000
"""Messages remembered for tests: minutes of a small fleet; older ones go."""
HANDSHAKE_S_MAX = 10.0
PING_ANSWER_S_MAX = 20.0
CALL_S_MIN = 2.0
"""Real seconds on top of 30 unscaled ones before a call counts as unanswered."""
HANDSHAKE = "(handshake)"
"""In the place of an action where a fault is looked for."""
SUBPROTOCOLS = ("ocpp2.1", "ocpp2.0.1", "ocpp1.6")
"""In the order of preference."""

log = structlog.get_logger(__name__)


class Observed:
    """One message that the CSMS sent or received.

    Attributes:
        number: rises by one for each, over all stations.
        outgoing: sent by the CSMS.
        message: the decoded JSON, None where it was none.
    """

    __slots__ = ("message", "number", "outgoing", "station", "subprotocol", "text")

    def __init__(
        self, number: int, station: str, subprotocol: str | None, *, outgoing: bool, text: str, message: Any
    ) -> None:
        self.number, self.station, self.subprotocol, self.outgoing = number, station, subprotocol, outgoing
        self.text, self.message = text, message

    @property
    def action(self) -> str:
        """Of a CALL; empty for all else."""
        match self.message:
            case [2, _, str() as action, *_]:
                return action
            case _:
                return ""

    @property
    def payload(self) -> Payload:
        match self.message:
            case [2, _, _, dict() as payload] | [3, _, dict() as payload]:
                return payload
            case _:
                return {}


class SimCsms:
    """See the module's text.

    Attributes:
        stations: identity → what the CSMS knows of it; kept while offline.
        observed: messages, the oldest first.
        counters: ``connections``, ``refused``, ``failed_handshakes``, ``crashed`` connections.
        on_event: called after each change that the back office reacts to: (station, what).
        answers: version → action → function; tests replace entries.
    """

    def __init__(
        self, settings: CsmsSettings | None = None, *, remember: bool = True, pace: Pace | None = None
    ) -> None:
        self.settings = settings or CsmsSettings()
        self.pace = pace or Pace(self.settings.speed)
        self.stations: dict[str, CsmsStation] = {}
        self.ledger = Ledger(random.Random(f"{self.settings.seed}/csms"))
        self.observed: deque[Observed] = deque(maxlen=OBSERVED_MAX)
        self.counters = {"connections": 0, "refused": 0, "failed_handshakes": 0, "crashed": 0}
        self.on_event: Callable[[CsmsStation, str], None] | None = None
        self.answers = {"1.6": dict(ANSWERS_16), "2.0.1": dict(ANSWERS_201), "2.1": dict(ANSWERS_21)}
        self._remember = remember
        self._rng = random.Random(f"{self.settings.seed}/csms/faults")
        self._ids = itertools.count(1)
        self._started_s = 0.0
        self._numbers = itertools.count(1)
        self._news = trio.Event()

    async def serve(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        ssl_context: ssl.SSLContext | None = None,
        task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serves until cancelled; tells ``task_status`` the port.

        Raises:
            OSError: the port is taken, or not ours to take.
        """
        self._started_s = self.pace.now()
        listeners: list[Any]
        if ssl_context:
            listeners = list(
                await trio.open_ssl_over_tcp_listeners(port, ssl_context, host=host, https_compatible=True)
            )
            bound = listeners[0].transport_listener.socket.getsockname()[1]
        else:
            listeners = list(await trio.open_tcp_listeners(port, host=host))
            bound = listeners[0].socket.getsockname()[1]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, self._connection, listeners)
            task_status.started(bound)

    @property
    def elapsed_s(self) -> float:
        """Unscaled seconds since the start."""
        return self.pace.now() - self._started_s

    async def call(
        self, identity: str, action: str, payload: Payload, *, timeout_s: float | None = None
    ) -> Payload:
        """Sends a call to a station.

        Raises:
            LinkLost, CallTimeout, CallRefused: no result came.
            KeyError: no such station has ever connected.
        """
        return await self.stations[identity].call(action, payload, timeout_s=timeout_s)

    async def wait_for(self, wanted: Callable[[Observed], bool], *, count: int = 1) -> Observed:
        """The ``count``-th message so far or to come for which that holds."""
        seen, last = 0, 0
        while True:
            news = self._news
            for observed in list(self.observed):
                if observed.number > last:
                    last = observed.number
                    if wanted(observed):
                        seen += 1
                        if seen == count:
                            return observed
            await news.wait()

    # One connection

    async def _connection(self, stream: trio.abc.Stream) -> None:
        try:
            async with trio.open_nursery() as nursery:
                with trio.move_on_after(HANDSHAKE_S_MAX) as scope:
                    request = await wrap_server_stream(nursery, stream)
                if not scope.cancelled_caught:
                    await self._handshake(request)
                nursery.cancel_scope.cancel()
        except* (
            HandshakeError,
            ConnectionClosed,
            OSError,
            trio.BrokenResourceError,
            trio.ClosedResourceError,
        ):
            self.counters["failed_handshakes"] += 1
        except* Exception:
            # One connection's failure must not end the server; it is the simulator's own mistake, and shows in the log.
            self.counters["crashed"] += 1
            log.exception("a connection crashed")
        finally:
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(stream)

    async def _handshake(self, request: WebSocketRequest) -> None:
        identity = unquote(request.path.split("?")[0].rstrip("/").rsplit("/", 1)[-1])
        status = self.refusal(identity, request.headers)
        if status is not None:
            extra = [(b"WWW-Authenticate", b'Basic realm="csms"')] if status == 401 else []
            await request.reject(status, extra_headers=extra, body=b"refused\n")
            return
        subprotocol = self.choice(request.proposed_subprotocols)
        await self.converse(identity, subprotocol, await request.accept(subprotocol=subprotocol))

    def choice(self, offered: Sequence[str]) -> str | None:
        """The subprotocol for a station that offers these."""
        return next((name for name in SUBPROTOCOLS if name in offered), None)

    async def converse(self, identity: str, subprotocol: str | None, websocket: Socket) -> None:
        """One connection from its handshake to its end."""
        self.counters["connections"] += 1
        station = self.stations.setdefault(identity, CsmsStation(identity))
        if subprotocol and not station.misnamed:
            station.version = subprotocol.removeprefix("ocpp")

        def saw(outgoing: bool, text: str) -> None:
            self._saw(station, subprotocol, outgoing, text)

        def handle(action: str, payload: Payload) -> Answer:
            return self._called(station, action, payload)

        peer = Peer(
            websocket, handle, make_id=self._make_id, timeout_s=CALL_S_MIN + self.pace.real(30.0), saw=saw
        )
        station.peer = peer
        try:
            async with trio.open_nursery() as nursery:
                if self.settings.ping_every:
                    nursery.start_soon(self._pings, peer, self.settings.ping_every)
                self._happened(station, "connected")
                await peer.run()
                nursery.cancel_scope.cancel()
        finally:
            # The clean-up of an old socket must not evict the new one of the same station (lbbrhzn PR#2122).
            if station.peer is peer:
                station.peer = None
                self._happened(station, "disconnected")

    def _make_id(self) -> str:
        return f"csms-{next(self._ids):08d}"

    async def _pings(self, peer: Peer, every_s: float) -> None:
        while True:
            await trio.sleep(every_s)  # real seconds: it looks after the network, not after behaviour
            with trio.move_on_after(PING_ANSWER_S_MAX) as scope:
                try:
                    await peer.websocket.ping()
                except ConnectionClosed:
                    return
            if scope.cancelled_caught:
                await peer.close(1001, "no pong")

    def refusal(self, identity: str, headers: Sequence[tuple[bytes, bytes]]) -> int | None:
        """The HTTP status with which this handshake is refused; None where it is not."""
        fault = self._fault(identity, HANDSHAKE)
        status = int(fault.refuse) if fault and fault.refuse else None
        password = self.settings.passwords.get(identity)
        if status is None and password is not None:
            wanted = b"Basic " + base64.b64encode(f"{identity}:{password}".encode())
            given = next((value for name, value in headers if name.lower() == b"authorization"), b"")
            status = None if given == wanted else 401
        self.counters["refused"] += status is not None
        return status

    # Messages

    def _called(self, station: CsmsStation, action: str, payload: Payload) -> Answer:
        station.learn_version(action, payload)
        fault = self._fault(station.identity, action)
        if fault and (fault.error or fault.silent):
            return (
                Answer(silent=True)
                if fault.silent
                else Answer(error=(fault.error or "InternalError", "as ordered"))
            )
        function = self.answers[station.version_or_16].get(action)
        if function is None:
            return not_implemented(action)
        self.ledger.transaction_id_forced = fault.transaction_id if fault else None
        result = function(self, station, payload)
        after = lambda: self._happened(station, action)  # noqa: E731 - a name would say no more
        if fault is None:
            return Answer(payload=result, after=after)
        return Answer(
            payload=result,
            after=after,
            delay_s=self.pace.real(fault.delay or 0.0),
            message_id=self._make_id() if fault.other_id else None,
            copies=fault.copies or 1,
        )

    def _fault(self, station: str, action: str) -> CsmsFault | None:
        for fault in self.settings.faults:
            # A refusal concerns the handshake only, whatever its ``action``; all else concerns messages only.
            name = "*" if fault.refuse is not None else action
            concerned = (fault.refuse is not None) is (action == HANDSHAKE)
            if (
                concerned
                and fault.applies(station, name, self.elapsed_s)
                and self._rng.random() < fault.share
            ):
                return fault
        return None

    def _happened(self, station: CsmsStation, what: str) -> None:
        if self.on_event:
            self.on_event(station, what)

    def _saw(self, station: CsmsStation, subprotocol: str | None, outgoing: bool, text: str) -> None:
        if not self._remember:
            return
        self.observed.append(
            Observed(
                next(self._numbers),
                station.identity,
                subprotocol,
                outgoing=outgoing,
                text=text,
                message=_decode(text),
            )
        )
        self._news.set()
        self._news = trio.Event()


def _decode(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None
