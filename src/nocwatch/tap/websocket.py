"""WebSocket framing (RFC 6455) for a listener: one direction's bytes, in any chunking, into messages.

Not an endpoint: it answers nothing, enforces nothing, and goes on where an endpoint would have to close. What it cannot
decode becomes one ``GARBLED`` message with a bounded reason, and it picks up after it.

What always holds: whatever bytes come, ``feed`` never raises, keeps at most ``MESSAGE_BYTES_MAX`` of a frame and the
same of a fragmented message, and costs time in proportion to the bytes (a compressed message: to ``MESSAGE_BYTES_MAX``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from nocwatch.frames import Kind
from nocwatch.tap.heads import (
    BINARY,
    CLOSE,
    CONTINUATION,
    CONTROL_BYTES_MAX,
    MESSAGE_BYTES_MAX,
    PING,
    PONG,
    TEXT,
    looks_like_start,
    unmask,
)
from nocwatch.tap.inflate import TOO_LONG, Inflater, Terms

FRAME_BYTES_BELIEVED_MAX = 64 << 20
"""A length above it is taken for noise read as a header: waiting it out would leave the direction deaf."""
STRIKES_MAX = 3
"""So many broken frames in a row, and these bytes are no frames: look for the next place that is one."""
KEPT_BYTES_MAX = 256
"""Of a garbled message: what ``Frame.payload`` may hold."""

_KINDS = {TEXT: Kind.TEXT, BINARY: Kind.BINARY, CLOSE: Kind.CLOSE, PING: Kind.PING, PONG: Kind.PONG}

# Reasons, beside those of inflate.py. Bounded: they are labels of a counter.
RESERVED_BITS = "reserved_bits"
RESERVED_OPCODE = "reserved_opcode"
BAD_CONTROL = "bad_control_frame"
BAD_LENGTH = "bad_length"
BAD_UTF8 = "bad_utf8"
ORPHAN = "orphan_continuation"
INTERRUPTED = "interrupted_message"
UNSYNCHRONISED = "unsynchronised"
GAP = "gap"


class Message(NamedTuple):
    """One message or control frame. ``payload`` has not passed the gate. ``reason`` as in ``Frame``."""

    kind: Kind
    payload: bytes
    code: int | None = None
    reason: str = ""


class Decoder(msgspec.Struct):
    """One direction of one connection. All of it is state, and all of it goes into a snapshot.

    Attributes:
        masked: whether this side must mask (stations do): used to recognise a frame, never to refuse one.
        deflate: terms where compression was agreed.
        synchronised: the next byte begins a frame, or goes on with the one begun.
        buffer: bytes of a frame that is not complete; ``wanted``: how many there must be before it is worth a look.
        skip: payload bytes of an over-long frame still to pass over; ``skip_final`` of its header.
        message, opcode, compressed: the fragmented message under way; opcode 0 where there is none.
        overlong: the message under way was given up; the rest of it is dropped.
        counted: things that were decoded all the same, by reason; taken and emptied by the tap.
    """

    masked: bool
    deflate: Terms | None = None
    synchronised: bool = True
    buffer: bytearray = msgspec.field(default_factory=bytearray)
    wanted: int = 2
    skip: int = 0
    skip_final: bool = False
    message: bytearray = msgspec.field(default_factory=bytearray)
    opcode: int = 0
    compressed: bool = False
    overlong: bool = False
    strikes: int = 0
    inflater: Inflater | None = None
    counted: dict[str, int] = msgspec.field(default_factory=dict)

    def whole_text(self, data: bytes) -> bytes | None:
        """The fast path: the payload, where ``data`` is exactly one whole, plain text frame and nothing is under way."""
        size = len(data)
        if size < 6 or data[0] != 0x81 or self.buffer or self.opcode or self.skip or not self.synchronised:
            return None
        length = data[1]
        if length > 127:
            length &= 127
            if length < 126:
                if size != 6 + length:
                    return None
                payload = unmask(data[6:], data[2:6])
            elif length == 126 and size == 8 + (data[2] << 8 | data[3]):
                payload = unmask(data[8:], data[4:8])
            else:
                return None
        elif length < 126:
            if size != 2 + length:
                return None
            payload = data[2:]
        elif length == 126 and size == 4 + (data[2] << 8 | data[3]):
            payload = data[4:]
        else:
            return None
        if not payload.isascii() and not _is_utf8(payload):
            return None
        self.strikes = 0
        return payload

    def feed(self, data: bytes) -> list[Message]:
        """Everything that is complete with ``data``."""
        out: list[Message] = []
        if not self.synchronised:
            if not looks_like_start(data, masked=self.masked, deflate=self.deflate is not None):
                self.count("unsynchronised_bytes", len(data))
                return out
            self.synchronised = True
        if self.skip:
            data = self._pass_over(data)
        if self.buffer:
            self.buffer += data
            if len(self.buffer) < self.wanted:
                return out
            data = bytes(self.buffer)
            self.buffer.clear()
        position = 0
        size = len(data)
        while position < size and self.synchronised:
            position = self._frame(data, position, size, out.append)
        return out

    def lose(self) -> list[Message]:
        """Bytes were dropped before the next chunk (a gap in the journal)."""
        under_way = bool(self.buffer or self.opcode or self.skip)
        self._forget()
        if self.inflater is not None:
            self.inflater.lose()
        elif self.deflate is not None:
            self.inflater = Inflater(self.deflate)
            self.inflater.lose()
        return [Message(Kind.GARBLED, b"", None, GAP)] if under_way else []

    def count(self, reason: str, by: int = 1) -> None:
        self.counted[reason] = self.counted.get(reason, 0) + by

    def _forget(self) -> None:
        self.synchronised = False
        self.buffer.clear()
        self.message.clear()
        self.wanted, self.skip, self.opcode, self.strikes, self.overlong = 2, 0, 0, 0, False

    def _pass_over(self, data: bytes) -> bytes:
        taken = min(self.skip, len(data))
        self.skip -= taken
        if not self.skip and self.skip_final:
            self._message_over()
        return data[taken:]

    def _wait(self, data: bytes, position: int, wanted: int) -> int:
        self.buffer += data[position:]
        self.wanted = wanted
        return len(data)

    def _frame(self, data: bytes, position: int, size: int, emit: Callable[[Message], None]) -> int:
        """One frame from ``position``; the position after it."""
        if size - position < 2:
            return self._wait(data, position, 2)
        head, second = data[position], data[position + 1]
        length = second & 0x7F
        start = position + 2
        if length > CONTROL_BYTES_MAX:
            width = 2 if length == 126 else 8
            if size - start < width:
                return self._wait(data, position, 2 + width)
            length = int.from_bytes(data[start : start + width], "big")
            start += width
        key = b""
        if second & 0x80:
            if size - start < 4:
                return self._wait(data, position, start + 4 - position)
            key = data[start : start + 4]
            start += 4
        if length > MESSAGE_BYTES_MAX:
            return self._overlong_frame(head, length, start, size, emit)
        end = start + length
        if end > size:
            return self._wait(data, position, end - position)
        payload = data[start:end]
        if key and length:
            payload = unmask(payload, key)
        self._take(head, payload, emit)
        if self.strikes >= STRIKES_MAX:
            self._lost(emit)
        return end

    def _overlong_frame(
        self, head: int, length: int, start: int, size: int, emit: Callable[[Message], None]
    ) -> int:
        if length > FRAME_BYTES_BELIEVED_MAX:
            emit(Message(Kind.GARBLED, b"", None, BAD_LENGTH))
            self._lost(emit)
            return size
        if head & 0x08 or not self.overlong:
            emit(Message(Kind.GARBLED, b"", None, TOO_LONG))
        data_frame = not head & 0x08
        if data_frame:
            self._give_up(head & 0x0F or self.opcode or BINARY)
        taken = min(length, size - start)
        self.skip = length - taken
        self.skip_final = data_frame and bool(head & 0x80)
        if not self.skip and self.skip_final:
            self._message_over()
        return start + taken

    def _lost(self, emit: Callable[[Message], None]) -> None:
        self._forget()
        if self.inflater is not None:
            self.inflater.lose()
        emit(Message(Kind.GARBLED, b"", None, UNSYNCHRONISED))

    def _take(self, head: int, payload: bytes, emit: Callable[[Message], None]) -> None:
        opcode = head & 0x0F
        if opcode in {CONTINUATION, TEXT, BINARY}:
            self._take_data(head, opcode, payload, emit)
        elif opcode not in _KINDS:
            self.strikes += 1
            emit(Message(Kind.GARBLED, b"", None, RESERVED_OPCODE))
        elif head & 0x70 or not head & 0x80 or len(payload) > CONTROL_BYTES_MAX:
            self.strikes += 1
            emit(Message(Kind.GARBLED, b"", None, BAD_CONTROL))
        else:
            self.strikes = 0
            emit(_closing(payload) if opcode == CLOSE else Message(_KINDS[opcode], payload))

    def _take_data(self, head: int, opcode: int, payload: bytes, emit: Callable[[Message], None]) -> None:
        final = bool(head & 0x80)
        if opcode == CONTINUATION:
            self._continue(payload, emit, final=final)
            return
        if self.opcode:
            # A new message before the old one's end: the old one is lost, the new one is taken.
            self.strikes += 1
            if not self.overlong:
                emit(Message(Kind.GARBLED, b"", None, INTERRUPTED))
            self._message_over()
        if final:
            emit(self._complete(opcode, payload, head & 0x70))
        else:
            self.opcode = opcode
            self.compressed = bool(head & 0x40)
            self.message += payload

    def _continue(self, payload: bytes, emit: Callable[[Message], None], *, final: bool) -> None:
        if not self.opcode:
            # Also what is left of a message whose beginning lies in a gap: said once, with its last fragment.
            self.count(ORPHAN)
            if final:
                self.strikes += 1
                emit(Message(Kind.GARBLED, b"", None, ORPHAN))
            return
        if self.overlong:
            if final:
                self._message_over()
            return
        if len(self.message) + len(payload) > MESSAGE_BYTES_MAX:
            emit(
                Message(
                    Kind.GARBLED,
                    b"" if self.compressed else bytes(self.message[:KEPT_BYTES_MAX]),
                    None,
                    TOO_LONG,
                )
            )
            self._give_up(self.opcode)
            if final:
                self._message_over()
            return
        self.message += payload
        if final:
            emit(self._complete(self.opcode, bytes(self.message), 0x40 if self.compressed else 0))
            self._message_over()

    def _give_up(self, opcode: int) -> None:
        self.message.clear()
        self.opcode = opcode
        self.overlong = True
        if self.inflater is not None:
            self.inflater.lose()

    def _message_over(self) -> None:
        self.message.clear()
        self.opcode = 0
        self.overlong = False

    def _complete(self, opcode: int, payload: bytes, reserved: int) -> Message:
        if reserved & 0x30 or (reserved and self.deflate is None):
            self.count(RESERVED_BITS)
        if reserved & 0x40:
            if self.inflater is None:
                self.inflater = Inflater(self.deflate or Terms())
            plain, reason = self.inflater.inflate(payload, MESSAGE_BYTES_MAX)
            if reason and self.deflate is None and payload[:1] in {b"[", b"{"} and _is_utf8(payload):
                plain, reason = payload, ""  # the bit was set without agreement and without meaning
            if reason:
                # Its framing was whole, so these are frames: no strike.
                return Message(
                    Kind.GARBLED, plain[:KEPT_BYTES_MAX] if reason == TOO_LONG else b"", None, reason
                )
            payload = plain
        if opcode == TEXT and not payload.isascii() and not _is_utf8(payload):
            if reserved & 0x30:
                return Message(Kind.GARBLED, b"", None, RESERVED_BITS)
            return Message(Kind.GARBLED, payload[:KEPT_BYTES_MAX], None, BAD_UTF8)
        self.strikes = 0
        return Message(_KINDS[opcode], payload)


def _closing(payload: bytes) -> Message:
    if len(payload) < 2:
        return Message(Kind.CLOSE, b"", 1005)
    return Message(
        Kind.CLOSE, b"", int.from_bytes(payload[:2], "big"), payload[2:].decode("utf-8", "replace")
    )


def _is_utf8(payload: bytes) -> bool:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True
