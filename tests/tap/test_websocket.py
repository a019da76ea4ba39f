"""The decoder against independent ones (wsproto sends, websockets reads), and against what no library would send."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.wire import chunked, frame
from websockets.extensions.permessage_deflate import PerMessageDeflate as WebsocketsDeflate
from websockets.frames import Opcode
from websockets.protocol import Protocol, Side, State
from wsproto.extensions import PerMessageDeflate
from wsproto.frame_protocol import CloseReason, FrameProtocol

from nocwatch.frames import Kind
from nocwatch.tap.inflate import negotiated
from nocwatch.tap.websocket import (
    FRAME_BYTES_BELIEVED_MAX,
    MESSAGE_BYTES_MAX,
    STRIKES_MAX,
    Decoder,
    Message,
    looks_like_start,
    unmask,
)

CALL = b'[2,"1","Heartbeat",{}]'

texts = st.one_of(
    st.text(max_size=40), st.text('[]{}",:0123456789abc', min_size=100, max_size=700), st.just("é" * 40_000)
)
steps = st.one_of(
    st.tuples(st.just("text"), st.lists(texts, min_size=1, max_size=3)),
    st.tuples(st.just("binary"), st.lists(st.binary(max_size=300), min_size=1, max_size=3)),
    st.tuples(st.sampled_from(["ping", "pong"]), st.binary(max_size=125)),
)
chunk_sizes = st.lists(st.integers(1, 400), max_size=300)
windows = st.none() | st.integers(9, 15)


def agreed(station_alone: bool, csms_alone: bool, station_bits: int | None, csms_bits: int | None) -> str:
    """The CSMS's answer for these terms (RFC 7692, 7.1)."""
    return "; ".join([
        "permessage-deflate",
        *(["client_no_context_takeover"] if station_alone else []),
        *(["server_no_context_takeover"] if csms_alone else []),
        *([f"client_max_window_bits={station_bits}"] if station_bits else []),
        *([f"server_max_window_bits={csms_bits}"] if csms_bits else []),
    ])  # fmt: skip


extensions = st.just("") | st.builds(agreed, st.booleans(), st.booleans(), windows, windows)


def sender_of(extension: str, *, from_station: bool) -> FrameProtocol:
    held = []
    if extension:
        deflate = PerMessageDeflate()
        deflate.finalize(extension)
        held.append(deflate)
    return FrameProtocol(client=from_station, extensions=held)


def read_by_websockets(extension: str, data: bytes, *, from_station: bool) -> list[tuple[Kind, bytes]]:
    """The other library's view. (wsproto's own reader loses compressed messages that have a ping inside.)"""
    reader = Protocol(Side.SERVER if from_station else Side.CLIENT, state=State.OPEN, max_size=None)
    if extension:
        both = negotiated(extension)
        ours, theirs = both if from_station else both[::-1]
        bits = [terms.window_bytes.bit_length() - 1 for terms in (ours, theirs)]
        reader.extensions = [WebsocketsDeflate(not ours.takeover, not theirs.takeover, *bits)]
    kinds = {
        Opcode.TEXT: Kind.TEXT,
        Opcode.BINARY: Kind.BINARY,
        Opcode.PING: Kind.PING,
        Opcode.PONG: Kind.PONG,
    }
    reader.receive_data(data)
    out: list[tuple[Kind, bytes]] = []
    opcode, message = Opcode.TEXT, b""
    for part in reader.events_received():
        if part.opcode in (Opcode.PING, Opcode.PONG):
            out.append((kinds[part.opcode], bytes(part.data)))
            continue
        opcode = part.opcode if part.opcode is not Opcode.CONT else opcode
        message += part.data
        if part.fin:
            out.append((kinds[opcode], message))
            message = b""
    assert reader.parser_exc is None
    return out


@given(st.lists(steps, max_size=12), extensions, chunk_sizes, st.booleans(), st.data())
@settings(deadline=None, max_examples=150)
def test_it_reads_what_an_independent_decoder_reads(script, extension, sizes, from_station, data):
    sender = sender_of(extension, from_station=from_station)
    wire = b""
    for kind, content in script:
        if kind == "ping":
            wire += sender.ping(content)
        elif kind == "pong":
            wire += sender.pong(content)
        else:
            for index, part in enumerate(content):
                wire += sender.send_data(part, fin=index == len(content) - 1)
                if index < len(content) - 1 and data.draw(st.booleans()):
                    wire += sender.ping(b"in between")
    expected = read_by_websockets(extension, wire, from_station=from_station)
    wire += sender.close(CloseReason.GOING_AWAY, "bye")
    terms = negotiated(extension)
    decoder = Decoder(masked=from_station, deflate=terms[0 if from_station else 1] if terms else None)
    seen: list[Message] = []
    frozen_at = data.draw(st.integers(0, len(sizes)))
    for index, chunk in enumerate(chunked(wire, sizes)):
        if index == frozen_at:
            decoder = msgspec.msgpack.decode(msgspec.msgpack.encode(decoder), type=Decoder)
        whole = decoder.whole_text(chunk)
        seen += decoder.feed(chunk) if whole is None else [Message(Kind.TEXT, whole)]
    assert [(message.kind, message.payload) for message in seen[:-1]] == expected
    assert seen[-1] == Message(Kind.CLOSE, b"", 1001, "bye")
    assert not decoder.counted


@given(st.lists(st.binary(max_size=200), max_size=20), st.booleans(), extensions)
@example([b"\x81\xff" + b"\xff" * 8], True, "")
@example([b"\x01\x80", b"\0\0\0\0"], True, "")
@settings(deadline=None, max_examples=300)
def test_noise_never_raises_and_never_fills_memory(chunks, masked, extension):
    terms = negotiated(extension)
    decoder = Decoder(masked=masked, deflate=terms[0] if terms else None)
    for chunk in chunks:
        decoder.whole_text(chunk)
        for message in decoder.feed(chunk):
            assert message.kind is not Kind.GARBLED or message.reason
    assert len(decoder.buffer) <= sum(map(len, chunks))


@given(st.binary(max_size=300), st.binary(min_size=4, max_size=4))
def test_unmasking_is_the_xor_of_the_specification(data, key):
    assert unmask(data, key) == bytes(byte ^ key[index % 4] for index, byte in enumerate(data))


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("size", [6, 7, 125, 126, 127, 65_535, 65_536])
def test_a_whole_text_frame_is_read_the_same_on_either_path(size, masked):
    payload = b"[" + b"7" * (size - 2) + b"]"
    wire = frame(payload, masked=masked)
    assert Decoder(masked=masked).feed(wire) == [Message(Kind.TEXT, payload)]
    assert Decoder(masked=masked).whole_text(wire) == (payload if size < 65_536 else None)
    assert Decoder(masked=masked).whole_text(wire[:-1]) is None
    assert Decoder(masked=masked).whole_text(wire + b"\x89") is None


def test_a_ping_between_fragments_comes_first_and_hurts_neither():
    wire = frame(CALL[:5], final=False) + frame(b"?", 9) + frame(CALL[5:], 0)
    assert Decoder(masked=True).feed(wire) == [Message(Kind.PING, b"?"), Message(Kind.TEXT, CALL)]


def test_a_close_without_a_code_is_1005():
    assert Decoder(masked=True).feed(frame(b"", 8)) == [Message(Kind.CLOSE, b"", 1005)]


def test_a_station_that_forgets_its_mask_is_still_read():
    assert Decoder(masked=True).feed(frame(CALL, masked=False)) == [Message(Kind.TEXT, CALL)]


def test_a_message_that_never_ends_costs_one_limit_and_the_next_one_is_read():
    decoder = Decoder(masked=True)
    part = frame(b"x" * 65_536, 0, final=False)
    seen = decoder.feed(frame(b"x", final=False))
    for _ in range(3 * MESSAGE_BYTES_MAX // 65_536):
        seen += decoder.feed(part)
        assert len(decoder.message) + len(decoder.buffer) <= MESSAGE_BYTES_MAX
    seen += decoder.feed(frame(b"end", 0) + frame(CALL))
    assert [(message.kind, message.reason) for message in seen] == [
        (Kind.GARBLED, "too_long"),
        (Kind.TEXT, ""),
    ]


def test_an_overlong_frame_is_passed_over_and_the_next_one_is_read():
    decoder = Decoder(masked=False)
    wire = frame(b"x" * (MESSAGE_BYTES_MAX + 1), masked=False) + frame(CALL, masked=False)
    seen = []
    for chunk in chunked(wire, [5, 4, 100_000, 1, 600_000]):
        seen += decoder.feed(chunk)
        assert len(decoder.buffer) < 20
    assert [(message.kind, message.reason) for message in seen] == [
        (Kind.GARBLED, "too_long"),
        (Kind.TEXT, ""),
    ]


def test_a_frame_in_single_bytes_costs_its_length_not_its_square():
    decoder = Decoder(masked=True)
    payload = b"[" + b" " * 200_000 + b"]"
    seen = []
    for byte in frame(payload):
        seen += decoder.feed(bytes([byte]))
    assert seen == [Message(Kind.TEXT, payload)]


def test_a_length_that_cannot_be_is_noise_and_the_next_chunk_is_looked_at():
    decoder = Decoder(masked=False)
    seen = decoder.feed(b"\x81\x7f" + (FRAME_BYTES_BELIEVED_MAX + 1).to_bytes(8, "big") + b"xyz")
    assert [message.reason for message in seen] == ["bad_length", "unsynchronised"]
    assert decoder.feed(b"more noise") == []
    assert decoder.feed(frame(CALL, masked=False)) == [Message(Kind.TEXT, CALL)]
    assert decoder.counted == {"unsynchronised_bytes": 10}


def test_a_peer_that_speaks_no_websocket_is_given_up_until_it_does():
    decoder = Decoder(masked=True)
    broken = frame(b"?", 3) * STRIKES_MAX
    assert [message.reason for message in decoder.feed(broken)] == ["reserved_opcode"] * STRIKES_MAX + [
        "unsynchronised"
    ]
    assert not decoder.synchronised
    assert decoder.feed(frame(CALL)) == [Message(Kind.TEXT, CALL)]


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        (frame(b"?", 11), "reserved_opcode"),
        (frame(b"?", 9, final=False), "bad_control_frame"),
        (frame(b"?" * 126, 9), "bad_control_frame"),
        (frame(b"?", 9, reserved=0x40), "bad_control_frame"),
        (frame(b"\xff\xfe"), "bad_utf8"),
        (frame(b"rest", 0), "orphan_continuation"),
    ],
)
def test_each_broken_frame_has_its_name_and_the_next_one_is_read(wire, reason):
    garbled, text = Decoder(masked=True).feed(wire + frame(CALL))
    assert (garbled.kind, garbled.reason) == (Kind.GARBLED, reason)
    assert text == Message(Kind.TEXT, CALL)


def test_a_message_cut_short_by_the_next_is_told_and_the_next_is_read():
    garbled, text = Decoder(masked=True).feed(frame(b"[2,", final=False) + frame(CALL))
    assert garbled.reason == "interrupted_message"
    assert text == Message(Kind.TEXT, CALL)


def test_reserved_bits_without_agreement_are_counted_and_plain_text_is_read():
    decoder = Decoder(masked=True)
    assert (
        decoder.feed(frame(CALL, reserved=0x20) + frame(CALL, reserved=0x40))
        == [Message(Kind.TEXT, CALL)] * 2
    )
    assert decoder.counted == {"reserved_bits": 2}


def test_after_a_gap_it_waits_for_what_looks_like_a_frame():
    decoder = Decoder(masked=True)
    wire = frame(CALL)
    decoder.feed(wire[:10])
    assert [message.reason for message in decoder.lose()] == ["gap"]
    assert decoder.feed(wire[12:]) == []
    assert decoder.feed(wire[:10]) == []
    assert decoder.feed(wire[10:]) == [Message(Kind.TEXT, CALL)]


def test_what_is_left_of_a_message_after_a_gap_is_told_once():
    decoder = Decoder(masked=False)
    decoder.lose()
    rest = frame(b"x", 0, final=False, masked=False) * 2 + frame(b"x", 0, masked=False)
    seen = decoder.feed(rest) + decoder.feed(frame(CALL, masked=False))
    assert [(message.kind, message.reason) for message in seen] == [
        (Kind.GARBLED, "orphan_continuation"),
        (Kind.TEXT, ""),
    ]
    assert decoder.counted == {"orphan_continuation": 3}


@pytest.mark.parametrize(
    ("data", "masked", "expected"),
    [
        (frame(CALL), True, True),
        (frame(CALL)[:12], True, True),
        (frame(CALL), False, False),
        (frame(b"hello"), True, False),
        (frame(b"", 9), True, True),
        (frame(b"", 9) + frame(CALL), True, True),
        (frame(b"", 9) + b"x", True, False),
        (frame(b"\x03\xe8", 8), True, True),
        (frame(b"", 11), True, False),
        (frame(b"", 3), True, False),
        (b"", True, False),
        (b"\x81", True, False),
    ],
)
def test_what_looks_like_a_frame(data, masked, expected):
    assert looks_like_start(data, masked=masked, deflate=False) is expected
