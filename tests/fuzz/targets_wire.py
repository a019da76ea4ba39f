"""What must hold of the tap for every stream: the framing, the compression, and the records around them."""

from __future__ import annotations

import re
import zlib

import msgspec
from tests.fuzz.source import Source, pieces
from tests.fuzz.wire_stories import EXTENSIONS, TERMS, deflater, story
from websockets.exceptions import ProtocolError
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame as TheirFrame
from websockets.frames import Opcode
from websockets.protocol import Protocol, Side, State

from nocwatch.frames import Frame, Kind, Link, Sighting
from nocwatch.records import Record, RecordKind
from nocwatch.tap.gate import Gate
from nocwatch.tap.inflate import TAIL, WINDOW_BYTES_MAX, negotiated
from nocwatch.tap.tap import NAMELESS_MAX, Tap
from nocwatch.tap.websocket import (
    BAD_UTF8,
    KEPT_BYTES_MAX,
    MESSAGE_BYTES_MAX,
    UNSYNCHRONISED,
    Decoder,
    Message,
)

HEAD_BYTES_MAX = 14
KINDS = {Opcode.TEXT: Kind.TEXT, Opcode.BINARY: Kind.BINARY, Opcode.PING: Kind.PING, Opcode.PONG: Kind.PONG}
NAMES = re.compile(r"[a-z][a-z0-9_]{2,40}")


class Judge(PerMessageDeflate):
    """The library's, but it gives up where it is no judge: it takes messages for whole that end within a block, or after a last one.

    Attributes:
        cut_short: it gave up at a message that ends within a block.
    """

    cut_short = False
    _mine: zlib._Decompress | None = None
    _message = b""

    def decode(self, frame: TheirFrame, *, max_size: int | None = None) -> TheirFrame:
        data = frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)
        if data and (frame.rsv1 or self.decode_cont_data):
            if self._mine is None or (frame.rsv1 and self.remote_no_context_takeover):
                self._mine = zlib.decompressobj(wbits=-self.remote_max_window_bits)
            self._message = (b"" if frame.rsv1 else self._message) + bytes(frame.data)
            try:
                self._mine.decompress(bytes(frame.data), 1 << 24)
                if frame.fin:
                    self._look_at_the_end(self._mine)
            except zlib.error:
                raise ProtocolError("no judge") from None
        return super().decode(frame, max_size=max_size)

    def _look_at_the_end(self, stream: zlib._Decompress) -> None:
        if stream.eof or stream.unconsumed_tail:
            raise ProtocolError("no judge")
        if stream.decompress(TAIL, 1) or stream.eof or not _at_a_blocks_end(stream):
            self.cut_short = bool(self._message) and not self._message.endswith(TAIL)
            raise ProtocolError("no judge")


def _at_a_blocks_end(stream: zlib._Decompress) -> bool:
    probe = stream.copy()
    try:
        return not probe.decompress(b"\x03\x00", 1) and probe.eof
    except zlib.error:
        return False


def theirs(extension: int, wire: bytes, *, from_station: bool) -> tuple[list[Message], bool]:
    """What the ``websockets`` library reads until it closes or gives up, and whether that was at a message cut short."""
    reader = Protocol(
        Side.SERVER if from_station else Side.CLIENT, state=State.OPEN, max_size=MESSAGE_BYTES_MAX
    )
    judge = None
    if extension:
        terms = TERMS[extension]
        takeover, bits = terms[:2] if from_station else terms[2:]
        judge = Judge(not takeover, True, int(bits), 15)
        reader.extensions = [judge]
    out: list[Message] = []
    kind, message, begun = Kind.TEXT, b"", False
    reader.receive_data(wire)
    frames = [event for event in reader.events_received() if isinstance(event, TheirFrame)]
    for part in frames:
        if part.opcode is Opcode.CLOSE:
            data = bytes(part.data)
            code = int.from_bytes(data[:2], "big") if data else 1005
            out.append(Message(Kind.CLOSE, b"", code, data[2:].decode()))
            break
        if part.opcode in (Opcode.PING, Opcode.PONG):
            out.append(Message(KINDS[part.opcode], bytes(part.data)))
            continue
        if not begun:
            kind, message = KINDS[part.opcode], b""
        message += bytes(part.data)
        begun = not part.fin
        if part.fin:
            out.append(_judged(kind, message))
    return out, judge is not None and judge.cut_short


def _judged(kind: Kind, message: bytes) -> Message:
    if kind is Kind.TEXT:
        try:
            message.decode()
        except UnicodeDecodeError:
            return Message(Kind.GARBLED, message[:KEPT_BYTES_MAX], None, BAD_UTF8)
    return Message(kind, message)


def _fresh(extension: int, *, from_station: bool) -> Decoder:
    terms = negotiated(EXTENSIONS[extension])
    return Decoder(masked=from_station, deflate=terms[0 if from_station else 1] if terms else None)


def _fed(decoder: Decoder, chunk: bytes) -> list[Message]:
    whole = decoder.whole_text(chunk)
    return decoder.feed(chunk) if whole is None else [Message(Kind.TEXT, whole)]


def _bounded(decoder: Decoder) -> None:
    assert len(decoder.buffer) <= MESSAGE_BYTES_MAX + HEAD_BYTES_MAX, len(decoder.buffer)
    assert len(decoder.message) <= MESSAGE_BYTES_MAX
    assert decoder.inflater is None or len(decoder.inflater.window) <= WINDOW_BYTES_MAX
    assert len(decoder.counted) < 20


def frames(data: bytes) -> None:
    """Cut anywhere, frozen and thawed anywhere, it reads the same, and reads what another library reads."""
    source = Source(data)
    way = source.byte()
    from_station, extension = bool(way & 1), (way >> 1) % len(EXTENSIONS)
    plan = Source(source.take(source.number(16)))
    deflate = deflater(extension, from_station=from_station)
    wire = b""
    while source and len(wire) < 4 << 20:
        wire += story(source, deflate, masked=from_station)
    whole = _fresh(extension, from_station=from_station)
    seen = whole.feed(wire)
    _bounded(whole)
    for message in seen:
        assert len(message.payload) <= MESSAGE_BYTES_MAX
        if message.kind is Kind.GARBLED:
            assert NAMES.fullmatch(message.reason), message.reason
            assert len(message.payload) <= KEPT_BYTES_MAX
    in_step = _until_lost(seen)
    straight = _fresh(extension, from_station=from_station)
    thawed = _fresh(extension, from_station=from_station)
    parts: list[Message] = []
    for chunk in pieces(wire, plan):
        got = _fed(straight, chunk)
        assert _fed(thawed, chunk) == got
        assert msgspec.msgpack.encode(thawed) == msgspec.msgpack.encode(straight)
        _bounded(straight)
        parts += got
        if len(chunk) < 4096:
            thawed = msgspec.msgpack.decode(msgspec.msgpack.encode(thawed), type=Decoder)
    if _lost(seen) or _lost(parts):
        assert _until_lost(parts) == in_step, "cut otherwise, it reads otherwise"
    else:
        assert parts == seen, "cut otherwise, it reads otherwise"
        assert straight.counted == whole.counted
    judged, cut_short = theirs(extension, wire, from_station=from_station)
    if judged and judged[-1].kind is Kind.CLOSE:
        in_step = in_step[: len(judged)]
    assert in_step[: len(judged)] == judged, (in_step[: len(judged)], judged)
    if cut_short:
        assert in_step[len(judged)].kind is Kind.GARBLED, "a message cut short was taken for a whole one"


def _lost(messages: list[Message]) -> bool:
    return any(message.reason == UNSYNCHRONISED and message.kind is Kind.GARBLED for message in messages)


def _until_lost(messages: list[Message]) -> list[Message]:
    """Where it picks up again depends on where a chunk begins, and may."""
    for index, message in enumerate(messages):
        if message.reason == UNSYNCHRONISED and message.kind is Kind.GARBLED:
            return messages[: index + 1]
    return messages


# --- records -----------------------------------------------------------------------------------------------------------

EVENTS = ("open", "live", "closed", "refused", "upstream_down", "upstream_up", "else")
STATIONS = ("CP1", "CP2", "", "é" * 300)


def tap(data: bytes) -> None:
    """Whatever the journal holds: it never raises, every sighting has its own number, and a snapshot loses nothing."""
    source = Source(data)
    straight, thawed = Tap(Gate(b"key")), Tap(Gate(b"key"))
    at_ns = sequence = 0
    seen: set[tuple[int, int]] = set()
    while source:
        step = source.number(9)
        if step == 9:
            thawed.restore(thawed.snapshot())
            continue
        at_ns += source.byte() * 10_000_000
        sequence += 1
        lane = source.number(1)
        connection = (1 + source.number(1)) << 32 | source.number(3)
        kind, body = _body(source, step)
        record = Record(lane, sequence, at_ns, kind, connection, source.byte() & 1, body)
        got = straight.feed(record)
        assert thawed.feed(record) == got
        for sighting in got:
            _numbered(sighting, record, seen)
        assert thawed.counters == straight.counters
    assert all(NAMES.fullmatch(name) for name in straight.counters), straight.counters
    assert straight.connections <= NAMELESS_MAX + 16
    assert thawed.snapshot() == straight.snapshot()


def _numbered(sighting: Sighting, record: Record, seen: set[tuple[int, int]]) -> None:
    assert sighting.sequence >> 16 == record.sequence
    assert sighting.lane == record.lane
    number = (sighting.lane, sighting.sequence)
    assert number not in seen, "two sightings of one number"
    seen.add(number)
    if isinstance(sighting, Frame | Link):
        assert sighting.station or (
            isinstance(sighting, Link) and sighting.event.value not in {"open", "closed"}
        )


def _body(source: Source, step: int) -> tuple[RecordKind, bytes]:
    if step <= 3:
        wire = b""
        deflate = deflater(source.number(len(EXTENSIONS) - 1), from_station=True)
        for _ in range(1 + source.number(2)):
            wire += story(source, deflate, masked=bool(source.byte() & 1))
        return RecordKind.CHUNK, wire[: 1 << 16]
    if step <= 5:
        event = {
            "event": source.one_of(EVENTS),
            "station": source.one_of(STATIONS),
            "extensions": source.one_of(EXTENSIONS),
        }
        return RecordKind.LINK, msgspec.json.encode(event)
    if step == 6:
        return RecordKind.TICK, msgspec.json.encode({"links": source.byte()})
    if step == 7:
        return RecordKind.GAP, b'{"records":0,"bytes":0,"reason":"hole"}'
    return source.one_of((RecordKind.LINK, RecordKind.TICK, RecordKind.GAP, RecordKind.LINES)), source.take(
        source.number(120)
    )
