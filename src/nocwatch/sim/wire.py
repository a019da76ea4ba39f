"""One end of an OCPP-J connection over any WebSocket: calls, answers, and what a faulty peer would send instead.

Used by stations and CSMS alike. Not the tap: it reads its own messages only, and does not validate them. One call is
outstanding at a time in each direction; whatever the handler does wrong is answered with InternalError and never ends the
connection, let alone the server.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import msgspec
import structlog
import trio
from trio_websocket import ConnectionClosed

Payload: TypeAlias = dict[str, Any]

ANSWER_DELAYED_MAX = 64
"""Delayed answers of one connection: a peer that keeps to one outstanding call has one; more are dropped and counted."""
CLOSE_S_MAX = 3.0
"""Time for the peer's Close frame before the socket is simply shut."""

log = structlog.get_logger(__name__)


class Socket(Protocol):
    """What a ``Peer`` needs of a WebSocket: trio-websocket's methods. All but ``aclose`` raise ConnectionClosed where it is over."""

    async def get_message(self) -> str | bytes: ...

    async def send_message(self, message: str, /) -> None: ...

    async def ping(self) -> None: ...

    async def aclose(self, code: int = 1000, reason: str | None = None) -> None: ...


class CallFailed(Exception):  # noqa: N818 - named for what happened, as are those below it
    """The peer did not give a result."""


class LinkLost(CallFailed):
    """The connection ended before the answer came."""


class CallTimeout(CallFailed):
    """No answer within the time limit; the connection is still there."""


class CallRefused(CallFailed):
    """The peer answered with a CALLERROR.

    Attributes:
        code: such as ``InternalError``.
    """

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}" if description else code)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a handler wants said.

    Attributes:
        payload: of the CALLRESULT.
        error: code and description of a CALLERROR in its place.
        delay_s: real seconds to wait before it is sent; other messages go on meanwhile.
        silent: say nothing at all.
        message_id: answer under another id (a fault).
        copies: how often it is sent (a fault where above 1).
        after: called when it is out.
    """

    payload: Payload | None = None
    error: tuple[str, str] | None = None
    delay_s: float = 0.0
    silent: bool = False
    message_id: str | None = None
    copies: int = 1
    after: Callable[[], None] | None = None


Handler: TypeAlias = Callable[[str, Payload], Answer]
Saw: TypeAlias = Callable[[bool, str], None]
"""Called with (outgoing, text) for each message."""


def not_implemented(action: str) -> Answer:
    return Answer(error=("NotImplemented", f"{action} is not implemented"))


class _Pending:
    __slots__ = ("answer", "error", "event")

    def __init__(self) -> None:
        self.event = trio.Event()
        self.answer: Payload | None = None
        self.error: CallFailed | None = None


class Peer:
    """See the module's text. ``run`` must be running for anything to be received.

    Attributes:
        counters: messages by what became of them: ``unmatched`` answers, ``unreadable`` texts, ``handler_errors``, ``delayed_dropped``.
        unheard: while set, what arrives is given to it, unread by the OCPP layer (a hung station).
    """

    def __init__(
        self,
        websocket: Socket,
        handle: Handler,
        *,
        make_id: Callable[[], str],
        timeout_s: float = 30.0,
        saw: Saw | None = None,
    ) -> None:
        self.websocket = websocket
        self.timeout_s = timeout_s
        self.counters = {"unmatched": 0, "unreadable": 0, "handler_errors": 0, "delayed_dropped": 0}
        self.unheard: Callable[[str], None] | None = None
        self._handle = handle
        self._make_id = make_id
        self._saw = saw
        self._pending: dict[str, _Pending] = {}
        self._one_call = trio.Lock()
        self._delayed = 0
        self._nursery: trio.Nursery | None = None
        self._over = False
        self._closing: trio.Event | None = None

    @property
    def over(self) -> bool:
        """The connection has ended."""
        return self._over

    async def run(self) -> None:
        """Receives until the connection ends; then every waiting call fails with LinkLost."""
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                while True:
                    try:
                        text = await self.websocket.get_message()
                    except ConnectionClosed:
                        break
                    if self.unheard is None:
                        await self._receive(text)
                    elif isinstance(text, str):
                        self.unheard(text)
                nursery.cancel_scope.cancel()
            if self._closing is not None:
                await (
                    self._closing.wait()
                )  # who runs us ends the reader with us, and the peer's Close is still to be read
        finally:
            self._over = True
            for pending in self._pending.values():
                pending.error = LinkLost("the connection ended")
                pending.event.set()
            self._pending.clear()

    async def call(
        self,
        action: str,
        payload: Payload,
        *,
        message_id: str | None = None,
        timeout_s: float | None = None,
        sent: Callable[[], None] | None = None,
    ) -> Payload:
        """Sends a CALL and waits for its result; calls wait for each other. ``sent`` is called when its turn has come.

        Raises:
            LinkLost, CallTimeout, CallRefused: no result came.
        """
        async with self._one_call:
            message_id = message_id or self._make_id()
            pending = self._pending[message_id] = _Pending()
            try:
                await self.send([2, message_id, action, payload])
                if sent is not None:
                    sent()
                with trio.move_on_after(self.timeout_s if timeout_s is None else timeout_s) as scope:
                    await pending.event.wait()
            finally:
                self._pending.pop(message_id, None)
            if scope.cancelled_caught:
                raise CallTimeout(f"{action} was not answered")
            if pending.error is not None:
                raise pending.error
            return pending.answer or {}

    async def send(self, message: list[Any]) -> None:
        """Sends any message as JSON.

        Raises:
            LinkLost: the connection has ended.
        """
        await self.send_text(msgspec.json.encode(message).decode())

    async def send_text(self, text: str) -> None:
        """Sends any text, OCPP or not."""
        if self._over:
            raise LinkLost("the connection ended")
        try:
            await self.websocket.send_message(text)
        except ConnectionClosed:
            raise LinkLost("the connection ended") from None
        if self._saw:
            self._saw(True, text)

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Closes in good order, within ``CLOSE_S_MAX``."""
        self._closing = trio.Event()
        with trio.move_on_after(CLOSE_S_MAX):
            await self.websocket.aclose(code, reason)
        self._closing.set()

    async def _receive(self, text: str | bytes) -> None:
        if self._saw:
            self._saw(False, text if isinstance(text, str) else text.decode("utf-8", "replace"))
        match _decode(text):
            case [2, str() as message_id, str() as action, dict() as payload]:
                await self._called(message_id, action, payload)
            case [3, str() as message_id, dict() as payload]:
                self._settle(message_id, payload, None)
            case [4, str() as message_id, str() as code, *rest]:
                self._settle(message_id, None, CallRefused(code, str(rest[0]) if rest else ""))
            case [2, str() as message_id, *_]:
                self.counters["unreadable"] += 1
                await self._quietly(
                    [4, message_id, "FormationViolation", "a CALL is [2, id, action, {…}]", {}]
                )
            case _:
                self.counters["unreadable"] += 1

    async def _called(self, message_id: str, action: str, payload: Payload) -> None:
        try:
            answer = self._handle(action, payload)
        except Exception:
            # A handler's mistake is this simulator's own: it must show in the log, and must not end the connection.
            self.counters["handler_errors"] += 1
            log.exception("handler failed", action=action)
            answer = Answer(error=("InternalError", "the handler failed"))
        if answer.silent:
            return
        if answer.delay_s <= 0:
            await self._reply(message_id, answer)
        elif self._delayed >= ANSWER_DELAYED_MAX or self._nursery is None:
            self.counters["delayed_dropped"] += 1
        else:
            self._delayed += 1
            self._nursery.start_soon(self._reply_later, message_id, answer)

    async def _reply_later(self, message_id: str, answer: Answer) -> None:
        await trio.sleep(answer.delay_s)
        self._delayed -= 1
        await self._reply(message_id, answer)

    async def _reply(self, message_id: str, answer: Answer) -> None:
        message_id = answer.message_id or message_id
        for _ in range(answer.copies):
            if answer.error:
                await self._quietly([4, message_id, answer.error[0], answer.error[1], {}])
            else:
                await self._quietly([3, message_id, answer.payload or {}])
        if answer.after:
            answer.after()

    async def _quietly(self, message: list[Any]) -> None:
        try:
            await self.send(message)
        except LinkLost:
            return  # run() sees the end of the connection too, and is the one to act on it

    def _settle(self, message_id: str, answer: Payload | None, error: CallFailed | None) -> None:
        pending = self._pending.pop(message_id, None)
        if pending is None:
            self.counters["unmatched"] += 1
            return
        pending.answer, pending.error = answer, error
        pending.event.set()


def _decode(text: str | bytes) -> object:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
