"""What an input costs grows as its length grows, not as its square: found by repeating a part of it, as an attacker would."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.fuzz.source import Source

from nocwatch.ocpp import envelope
from nocwatch.proxy.answers import Body, find_answer, parse_answer
from nocwatch.proxy.credentials import hashed_user
from nocwatch.proxy.forwarded import told, true_address
from nocwatch.proxy.handshake import Flaw, find_head, parse_request
from nocwatch.proxy.networks import Networks
from nocwatch.proxy.proxy_protocol import SIGNATURE, V2_BYTES_MAX, read_header
from nocwatch.tap.gate import Gate
from nocwatch.tap.inflate import Terms, negotiated
from nocwatch.tap.websocket import Decoder

SHORT_BYTES = 8 << 10
TIMES = 8
FIRST_TIMES, FIRST_S = 2, 0.002
"""First a look at twice the short size: what takes less than this there takes no 64 ms at the long one, a square or not."""
LONG_S = 0.03
"""What takes less than this at the long size is not looked at again: 64 KiB in 30 ms is no harm."""
RATIO_MAX = 28
"""Of the long one's time to the short one's. Linear is 8, a square 64."""
_TRUSTED = Networks(["0.0.0.0/0", "::/0"])
"""So that every hop is looked at."""


def _request(data: bytes) -> None:
    raw = b"GET /" + data + b"\r\n\r\n"
    found = find_head(raw, 1 << 20)
    if isinstance(found, int) and not isinstance(found, Flaw):
        parse_request(raw[:found])
    sofar, searched = bytearray(), 0
    step = 1 + len(raw) // 256
    for at in range(0, len(raw), step):
        sofar += raw[at : at + step]
        if find_head(sofar, 1 << 20, searched) is not None:
            break
        searched = len(sofar)


def _headers(data: bytes) -> None:
    parse_request(b"GET / HTTP/1.1\r\n" + data + b"\r\n\r\n")


def _answer(data: bytes) -> None:
    raw = b"HTTP/1.1 401 No\r\n" + data + b"\r\n\r\n"
    end = find_answer(raw)
    head = parse_answer(raw[:end]) if end else None
    if head is not None:
        body = Body(head)
        try:
            for at in range(end or 0, len(raw), 64):
                body.feed(raw[at : at + 64])
        except ValueError:
            pass


def _proxy_header(data: bytes) -> None:
    for header in (b"PROXY " + data, SIGNATURE + b"\x21\x11" + (V2_BYTES_MAX - 16).to_bytes(2, "big") + data):
        read_header(header)


def _forwarded(data: bytes) -> None:
    line = data.replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b"")
    head = b"GET / HTTP/1.1\r\nX-Forwarded-For: " + line + b"\r\nForwarded: " + line + b"\r\n\r\n"
    true_address("10.0.0.1", 1, head, "x-forwarded-for", _TRUSTED)
    true_address("10.0.0.1", 1, head, "forwarded", _TRUSTED)
    told(head, "forwarded", "203.0.113.7")


def _credentials(data: bytes) -> None:
    hashed_user(b"Basic " + data, b"key")


def _chunks(data: bytes) -> None:
    head = parse_answer(b"HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert head is not None
    body = Body(head)
    try:
        for at in range(0, len(data), 16):
            body.feed(data[at : at + 16])
    except ValueError:
        pass


def _gate(data: bytes) -> None:
    Gate(b"key").text(data)


def _value(data: bytes) -> None:
    """As one long text in a message that the gate must look into."""
    text = data.decode("latin-1").replace("\\", "\\\\").replace('"', '\\"')
    clean = "".join(max(letter, " ") for letter in text)
    Gate(b"key").text(f'[2,"1","DataTransfer",{{"idTag":"1","x":"{clean}"}}]'.encode())


def _key(data: bytes) -> None:
    text = _in_a_text(data)
    Gate(b"key").text(f'[2,"1","DataTransfer",{{"idTag":"1","{text}":"x"}}]'.encode())


def _envelope(data: bytes) -> None:
    envelope.parse(b"[" + data + b"]")


def _frames(data: bytes) -> None:
    decoder = Decoder(masked=True, deflate=Terms())
    for at in range(0, len(data), 64):
        decoder.feed(data[at : at + 64])


def _from_csms(data: bytes) -> None:
    decoder = Decoder(masked=False, deflate=Terms(takeover=False))
    for at in range(0, len(data), 16):
        decoder.feed(data[at : at + 16])


def _extensions(data: bytes) -> None:
    negotiated(data.decode("latin-1"))


_CONTROLS = bytes(max(32, number) for number in range(256))


def _in_a_text(data: bytes) -> str:
    plain = data.translate(_CONTROLS).replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return plain.decode("latin-1")


READERS: list[Callable[[bytes], None]] = [
    _request, _headers, _proxy_header, _forwarded, _credentials, _answer, _chunks, _gate, _value, _key, _envelope, _frames, _from_csms, _extensions,
]  # fmt: skip


def growth(data: bytes) -> None:
    """Some beginning, one thing many times, some end: eight times as many cost eight times as much."""
    source = Source(data)
    reader = source.one_of(READERS)
    beginning = source.take(source.number(40))
    part = source.take(1 + source.number(24))
    end = source.rest()
    if not part:
        return
    count = SHORT_BYTES // len(part)
    if _cost(reader, beginning + part * (count * FIRST_TIMES) + end) < FIRST_S:
        return
    if _cost(reader, beginning + part * (count * TIMES) + end) < LONG_S:
        return
    short = min(_cost(reader, beginning + part * count + end) for _ in range(3))
    long = min(_cost(reader, beginning + part * (count * TIMES) + end) for _ in range(3))
    assert long < LONG_S or long < short * RATIO_MAX, (reader.__name__, beginning, part, end, short, long)


def _cost(reader: Callable[[bytes], None], data: bytes) -> float:
    since = time.process_time()
    reader(data)
    return time.process_time() - since
