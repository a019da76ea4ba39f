"""WebSocket bytes made of a fuzzer's input: proper frames, odd ones and noise, so that mutations reach behind the framing."""

from __future__ import annotations

from tests.fuzz.source import Source
from tests.support.wire import Deflater, frame

EXTENSIONS = (
    "",
    "permessage-deflate",
    "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
    "permessage-deflate; server_no_context_takeover",
    "permessage-deflate; server_max_window_bits=9; client_max_window_bits=9",
    "permessage-deflate; client_max_window_bits=12; client_no_context_takeover",
)
TERMS = (
    (),
    (True, 15, True, 15),
    (False, 15, False, 15),
    (True, 15, False, 15),
    (True, 9, True, 9),
    (False, 12, True, 15),
)
"""Of each extension: takeover and window bits of the station, then of the CSMS."""
LINES = (
    b'[2,"1","Heartbeat",{}]',
    b'[3,"1",{"currentTime":"2026-11-21T10:00:00Z"}]',
    b'[2,"2","Authorize",{"idTag":"AABBCCDD"}]',
    b"[" + b"0," * 300 + b"0]",
    '[2,"é"]'.encode(),
    b"\xff\xfe",
)


BOMB = Deflater()(b"[0" * 700_000)


def deflater(extension: int, *, from_station: bool) -> Deflater | None:
    if not extension:
        return None
    terms = TERMS[extension]
    takeover, bits = terms[:2] if from_station else terms[2:]
    return Deflater(takeover=bool(takeover), bits=int(bits))


def story(source: Source, deflate: Deflater | None, *, masked: bool) -> bytes:
    """One step of a stream."""
    step = source.number(8)
    if step == 0:
        return source.take(source.number(80))
    if step == 1:
        head, payload = source.byte(), source.take(source.number(160))
        masks = masked if source.byte() & 7 else not masked
        return frame(payload, head & 15, final=bool(head & 128), reserved=head & 0x70, masked=masks)
    if step == 2:
        return frame(source.one_of(LINES), 1 + (source.byte() & 1), masked=masked)
    if step == 3:
        payload = source.one_of(LINES) if source.byte() & 1 else source.take(source.number(200))
        data = deflate(payload) if deflate else payload
        if source.byte() & 15 == 1:
            data = data[:-1]
        return frame(data, 1 + (source.byte() & 1), masked=masked, reserved=0x40)
    if step == 4:
        return _fragments(source, deflate, masked=masked)
    if step == 5:
        return frame(
            source.take(source.number(4)) * source.number(30_000), 1 + (source.byte() & 1), masked=masked
        )
    if step == 6:
        return frame(source.take(source.number(125)), source.one_of((8, 9, 10)), masked=masked)
    if step == 7:
        length = source.one_of((0, 125, 126, 65_535, 65_536, 1 << 20, (1 << 20) + 1, (64 << 20) + 1, 1 << 63))
        mask = 128 if masked else 0
        return bytes([source.byte(), mask | 127]) + length.to_bytes(8, "big") + source.take(source.number(50))
    bomb = source.byte() & 15 == 1  # each costs milliseconds
    return frame(BOMB if bomb else b"[3]", 1, masked=masked, reserved=0x40 if bomb else 0)


def _fragments(source: Source, deflate: Deflater | None, *, masked: bool) -> bytes:
    payload = source.one_of(LINES) * (1 + source.number(3))
    data = deflate(payload) if deflate else payload
    wire, at, opcode = b"", 0, 1
    reserved = 0x40 if deflate else 0
    while True:
        size = source.number(60)
        final = at + size >= len(data) or not source
        piece = data[at:] if final else data[at : at + size]
        wire += frame(piece, opcode, final=final, reserved=reserved, masked=masked)
        if final:
            return wire
        at, opcode, reserved = at + size, 0, 0
        if source.byte() & 3 == 1:
            wire += frame(source.take(source.number(9)), 9, masked=masked)
