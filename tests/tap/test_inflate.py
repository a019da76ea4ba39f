"""Compression: every way to agree on it, and every way to lose it."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.wire import Deflater, frame

from nocwatch.frames import Kind
from nocwatch.tap.inflate import DEFLATE_ERROR, FINAL_BLOCKS_MAX, TAIL, Inflater, Terms, negotiated
from nocwatch.tap.websocket import MESSAGE_BYTES_MAX, Decoder, Message

LIMIT = 1 << 20
METER = b'[2,"%d","MeterValues",{"connectorId":1,"meterValue":[{"sampledValue":[{"value":"%d"}]}]}]'


@pytest.mark.parametrize(
    ("header", "station", "csms"),
    [
        ("permessage-deflate", Terms(), Terms()),
        ("permessage-deflate; client_no_context_takeover", Terms(takeover=False), Terms()),
        ("x-other, Permessage-Deflate;server_max_window_bits=10", Terms(), Terms(window_bytes=1024)),
        ('permessage-deflate; client_max_window_bits="9"', Terms(window_bytes=512), Terms()),
        ("permessage-deflate; client_max_window_bits", Terms(), Terms()),
        ("permessage-deflate; client_max_window_bits=99", Terms(), Terms()),
        ("permessage-deflate; server_max_window_bits=8", Terms(), Terms(window_bytes=512)),
    ],
)
def test_terms_are_read_for_each_side(header, station, csms):
    assert negotiated(header) == (station, csms)


@pytest.mark.parametrize("header", ["", "x-webkit-deflate-frame", ";;,", "permessage-deflated"])
def test_no_agreement_is_none(header):
    assert negotiated(header) is None


@given(st.lists(st.binary(max_size=3000), max_size=15), st.booleans(), st.integers(9, 15))
@settings(deadline=None, max_examples=100)
def test_what_was_deflated_comes_back_whatever_the_terms(messages, takeover, bits):
    deflate = Deflater(takeover=takeover, bits=bits)
    inflater = Inflater(Terms(takeover=takeover, window_bytes=1 << bits))
    for message in messages:
        assert inflater.inflate(deflate(message), LIMIT) == (message, "")
        assert len(inflater.window) <= 1 << bits


def test_a_bomb_costs_the_limit_and_the_talk_goes_on():
    decoder = Decoder(masked=False, deflate=Terms(takeover=False))
    bomb = Deflater()(b"[" * (200 * MESSAGE_BYTES_MAX))
    assert len(bomb) < 300_000
    deflate = Deflater(takeover=False)
    seen = decoder.feed(
        frame(bomb, masked=False, reserved=0x40) + frame(deflate(b"[3]"), masked=False, reserved=0x40)
    )
    assert [message.reason for message in seen] == ["too_long", ""]
    assert len(seen[0].payload) <= 256
    assert seen[1].payload == b"[3]"


@pytest.mark.parametrize("missing", [1, 2, 3, 10])
def test_a_message_that_was_cut_short_is_no_whole_one_and_what_is_put_behind_it_no_part_of_it(missing):
    """Cut within a stored block, the four bytes that every sender leaves out once came out as text."""
    stored = zlib.compressobj(0, wbits=-15)
    data = stored.compress(b'[2,"1","Heartbeat",{}]') + stored.flush(zlib.Z_SYNC_FLUSH)
    whole = data.removesuffix(TAIL)
    assert Inflater(Terms()).inflate(whole, LIMIT) == (b'[2,"1","Heartbeat",{}]', "")
    assert Inflater(Terms()).inflate(whole[:-missing], LIMIT)[1] == DEFLATE_ERROR
    assert Inflater(Terms()).inflate(Deflater()(METER % (1, 1))[:-missing], LIMIT)[1] == DEFLATE_ERROR


def test_a_sender_that_leaves_the_tail_on_or_has_nothing_to_say_is_still_read():
    deflate = Deflater()
    inflater = Inflater(Terms())
    assert inflater.inflate(deflate(b"[3]") + TAIL, LIMIT) == (b"[3]", "")
    assert inflater.inflate(b"", LIMIT) == (b"", "")
    assert inflater.inflate(deflate(b"[3]"), LIMIT) == (b"[3]", "")


def test_damage_is_named_and_the_next_message_that_stands_alone_is_read():
    decoder = Decoder(masked=False, deflate=Terms())
    seen = decoder.feed(frame(b"\xff\xff\xff", masked=False, reserved=0x40))
    assert [message.reason for message in seen] == ["deflate_error"]
    assert decoder.feed(frame(Deflater()(b"[3]"), masked=False, reserved=0x40))[0].payload == b"[3]"


def test_after_a_gap_nothing_is_invented_and_what_stands_alone_is_read():
    deflate = Deflater()
    decoder = Decoder(masked=False, deflate=Terms())
    first = frame(deflate(METER % (1, 1)), masked=False, reserved=0x40)
    assert decoder.feed(first)[0].payload == METER % (1, 1)
    deflate(METER % (2, 2))  # lost
    decoder.lose()
    seen = decoder.feed(frame(deflate(METER % (3, 3)), masked=False, reserved=0x40))
    assert [(message.kind, message.reason) for message in seen] == [(Kind.GARBLED, "lost_context")]
    fresh = bytes(range(65, 91)) * 2
    assert decoder.feed(frame(deflate(fresh), masked=False, reserved=0x40)) == [Message(Kind.TEXT, fresh)]


def test_without_takeover_a_gap_costs_only_what_lay_in_it():
    deflate = Deflater(takeover=False)
    decoder = Decoder(masked=False, deflate=Terms(takeover=False))
    decoder.feed(frame(deflate(METER % (1, 1)), masked=False, reserved=0x40))
    decoder.lose()
    assert decoder.feed(frame(deflate(METER % (2, 2)), masked=False, reserved=0x40))[0].payload == METER % (
        2,
        2,
    )


@given(st.lists(st.text("abcdefgh", max_size=400), min_size=1, max_size=40), st.integers(0, 5))
@settings(deadline=None, max_examples=100)
def test_what_is_read_after_a_gap_is_what_was_sent(texts, lost):
    deflate = Deflater()
    inflater = Inflater(Terms())
    inflater.lose()
    for index, text in enumerate(texts):
        data = deflate(text.encode())
        if index >= lost:
            output, reason = inflater.inflate(data, LIMIT)
            assert reason == "lost_context" or output == text.encode()


def test_compression_that_nobody_agreed_to_is_read_and_counted():
    decoder = Decoder(masked=True)
    deflate = Deflater()
    for number in (1, 2):
        assert decoder.feed(frame(deflate(METER % (number, 7)), reserved=0x40)) == [
            Message(Kind.TEXT, METER % (number, 7))
        ]
    assert decoder.counted == {"reserved_bits": 2}


def test_blocks_marked_final_are_read():
    stream = zlib.compressobj(wbits=-15)
    data = stream.compress(b"Hello") + stream.flush(zlib.Z_FINISH)
    inflater = Inflater(Terms())
    assert inflater.inflate(data + b"\x00", LIMIT) == (b"Hello", "")
    assert inflater.inflate(data, LIMIT) == (b"Hello", "")


def test_a_message_of_nothing_but_final_blocks_is_given_up():
    stream = zlib.compressobj(wbits=-15)
    empty = stream.flush(zlib.Z_FINISH)
    assert Inflater(Terms()).inflate(empty * (FINAL_BLOCKS_MAX + 1), LIMIT)[1] == "deflate_error"
