"""A network in memory: stations reach their CSMS without sockets, and every byte passes before the eyes of a relay.

For simulated days in seconds of real time, on trio's ``MockClock``. It is a dialler (``dialling.Dialer``) on the stations' side and gives
the CSMS the other ends. What the relay sees, it gives off as the journal's records: LINK and CHUNK, in the order of their times.

What always holds: what was sent arrives in order and after the way's time; what a station sends is seen when it gets to the CSMS, so what is
under way when the network is lost is seen by nobody; what the CSMS sends is seen when it leaves, whether or not the station gets it.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import count

import msgspec
import trio
from trio_websocket import ConnectionClosed

from nocwatch.moments import SECOND_NS
from nocwatch.records import Record, RecordKind
from nocwatch.sim.csms import SimCsms
from nocwatch.sim.dialling import Offer, Rejected

BEGIN_NS = 1_772_431_200 * SECOND_NS
"""When virtual time begins: Monday, 2 March 2026, 06:00 UTC."""
WAY_S = 0.03
"""From one end to the other: a cellular link of the better kind."""
HANDSHAKE_S = 0.12
FROM_STATION, FROM_CSMS = 0, 1
_TEXT, _CLOSE = 0x81, 0x88
_NO_MASK = bytes(4)
"""A mask of zeros: a client's frame must have one [RFC 6455 §5.3], and this one leaves the text readable."""


def wall_ns() -> int:
    """Virtual time of day; for ``Pace``."""
    return BEGIN_NS + int(trio.current_time() * SECOND_NS)


class End:
    """One end of a connection, with the methods of ``wire.Socket``.

    Attributes:
        other: the far end.
        received: called with each text or close frame, or None for a FIN, at the moment when it is received.
        sent: alike, when it is sent.
        missed: called with each text that was on its way here and will not arrive.
    """

    __slots__ = ("_inbox", "_news", "_over", "missed", "other", "received", "sent")

    def __init__(self) -> None:
        self._inbox: deque[tuple[float, str | None, bytes | None]] = deque()
        self._news: trio.Event | None = None
        self._over = False
        self.other: End
        self.received: Callable[[bytes | None, int], None] = _unseen
        self.sent: Callable[[bytes | None, int], None] = _unseen
        self.missed: Callable[[str], None] = _unmissed

    async def get_message(self) -> str:
        while not self._over:
            if not self._inbox:
                self._news = trio.Event()
                await self._news.wait()
                continue
            due_s, text, data = self._inbox[0]
            if due_s > trio.current_time():
                await trio.sleep_until(due_s)
                continue
            self._inbox.popleft()
            if text is None:
                self.received(data, _CLOSE)
                self.end()
                break
            self.received(data, _TEXT)
            return text
        raise ConnectionClosed(None)

    async def send_message(self, message: str) -> None:
        if self._over:
            await trio.lowlevel.checkpoint()
            raise ConnectionClosed(None)
        data = message.encode()
        self.sent(data, _TEXT)
        self.other.put(message, data)

    async def ping(self) -> None:
        """Answered by the far end's WebSocket layer, whatever its OCPP layer does."""
        await trio.sleep(2 * WAY_S)
        if self._over:
            raise ConnectionClosed(None)

    async def aclose(self, code: int = 1000, reason: str | None = None) -> None:
        """Says goodbye; what was sent before arrives before."""
        await trio.lowlevel.checkpoint()
        if not self._over:
            data = struct.pack("!H", code) + (reason or "").encode()
            self.sent(data, _CLOSE)
            self.other.put(None, data)
            self.end()

    def put(self, text: str | None, data: bytes | None) -> None:
        """Something is on its way here; without a text a close frame, without data a FIN."""
        if not self._over:
            self._inbox.append((trio.current_time() + WAY_S, text, data))
            self._wake()
        elif text is not None:
            self.missed(text)

    def end(self) -> None:
        """Nothing more is received; what is under way is lost."""
        self._over = True
        for _, text, _ in self._inbox:
            if text is not None:
                self.missed(text)
        self._inbox.clear()
        self._wake()

    def _wake(self) -> None:
        if self._news is not None:
            self._news.set()
            self._news = None


def _unseen(data: bytes | None, opcode: int) -> None:
    del data, opcode


def _unmissed(text: str) -> None:
    del text


class Network:
    """Connects stations with ``csms`` within ``nursery``; ``see`` is given what a relay between them would write down.

    Args:
        missed: called with a station's identity and each text of the CSMS that did not reach it.

    Attributes:
        connections: opened so far.
    """

    def __init__(
        self,
        csms: SimCsms,
        nursery: trio.Nursery,
        see: Callable[[Record], None],
        missed: Callable[[str, str], None] | None = None,
    ) -> None:
        self._csms, self._nursery, self._see, self._missed = csms, nursery, see, missed
        self._sequence = count()
        self._numbers = count(1)
        self.connections = 0

    @asynccontextmanager
    async def dial(self, offer: Offer) -> AsyncIterator[End]:
        """A ``dialling.Dialer``."""
        await trio.sleep(HANDSHAKE_S)
        identity = offer.path.rsplit("/", 1)[-1]
        number = next(self._numbers)
        status = self._csms.refusal(identity, offer.headers)
        if status is not None:
            self._link(number, {"event": "refused", "station": identity, "by": "csms", "http_status": status})
            raise Rejected(status)
        subprotocol = self._csms.choice(offer.subprotocols)
        self.connections += 1
        self._link(
            number, {"event": "open", "station": identity, "subprotocol": subprotocol, "upstream": "csms"}
        )
        station, csms = End(), End()
        station.other, csms.other = csms, station
        if self._missed is not None:
            station.missed = partial(self._missed, identity)
        line = _Line(self, number, identity)
        csms.received = line.from_station
        csms.sent = line.from_csms
        self._nursery.start_soon(self._serve, line, csms, identity, subprotocol)
        try:
            yield station
        finally:
            station.end()
            line.left_by_station(csms, lost=offer.lost)

    async def _serve(self, line: _Line, end: End, identity: str, subprotocol: str | None) -> None:
        await self._csms.converse(identity, subprotocol, end)
        end.end()
        line.over("csms", "fin")

    def _link(self, number: int, said: dict[str, object]) -> None:
        self.record(RecordKind.LINK, number, 0, msgspec.json.encode(said))

    def record(self, kind: RecordKind, number: int, direction: int, data: bytes) -> None:
        self._see(Record(0, next(self._sequence), wall_ns(), kind, number, direction, data))


class _Line:
    """What the relay sees of one connection."""

    __slots__ = ("_identity", "_network", "_number", "_over")

    def __init__(self, network: Network, number: int, identity: str) -> None:
        self._network, self._number, self._identity, self._over = network, number, identity, False

    def from_station(self, data: bytes | None, opcode: int) -> None:
        if data is not None:
            self._frame(data, opcode, FROM_STATION)
        if opcode == _CLOSE:
            self.over("station", "fin")

    def from_csms(self, data: bytes | None, opcode: int) -> None:
        if data is not None:
            self._frame(data, opcode, FROM_CSMS)
        if opcode == _CLOSE:
            self.over("csms", "fin")

    def _frame(self, data: bytes, opcode: int, direction: int) -> None:
        if not self._over:
            mask = direction == FROM_STATION
            frame = frame_head(len(data), opcode, masked=mask) + data
            self._network.record(RecordKind.CHUNK, self._number, direction, frame)

    def left_by_station(self, csms: End, *, lost: bool) -> None:
        """The station's end is gone: what it had sent still arrives after a FIN, and not where the network was lost."""
        if lost:
            csms.end()
            self.over("station", "reset")
        else:
            csms.put(None, None)

    def over(self, by: str, reason: str) -> None:
        if not self._over:
            self._over = True
            said = {"event": "closed", "station": self._identity, "by": by, "reason": reason}
            self._network.record(RecordKind.LINK, self._number, 0, msgspec.json.encode(said))


def frame_head(length: int, opcode: int, *, masked: bool) -> bytes:
    """The head of a WebSocket frame [RFC 6455 §5.2]."""
    bit = 0x80 if masked else 0
    if length < 126:
        head = bytes((opcode, bit | length))
    elif length < 1 << 16:
        head = bytes((opcode, bit | 126)) + length.to_bytes(2)
    else:
        head = bytes((opcode, bit | 127)) + length.to_bytes(8)
    return head + _NO_MASK if masked else head
