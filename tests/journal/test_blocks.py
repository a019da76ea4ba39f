"""Blocks: what comes out is what went in, and nothing else is taken for a block."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nocwatch.journal.blocks import (
    BLOCK_DATA_MAX,
    HEADER_SIZE,
    MAGIC,
    BlockError,
    decode_header,
    decode_records,
    encode_block,
)
from nocwatch.records import Record, RecordKind

records = st.lists(
    st.tuples(
        st.integers(-(1 << 63), (1 << 63) - 1),
        st.integers(0, (1 << 63) - 1),
        st.integers(0, 1),
        st.sampled_from(RecordKind),
        st.binary(max_size=200),
    ),
    max_size=40,
)


def block_of(each: list[tuple[int, int, int, RecordKind, bytes]], first: int = 5) -> bytes:
    return encode_block(
        3,
        99,
        first,
        [r[0] for r in each],
        [r[1] << 1 | r[2] for r in each],
        bytes(r[3] for r in each),
        [r[4] for r in each],
    )


@settings(deadline=None, max_examples=200)
@given(records, st.binary(max_size=30))
def test_what_was_seen_is_read_back_as_it_was(
    each: list[tuple[int, int, int, RecordKind, bytes]], before: bytes
) -> None:
    block = before + block_of(each) + b"rest"
    header = decode_header(block, len(before))
    assert (header.lane, header.identity, header.first_sequence, header.next_sequence) == (
        3,
        99,
        5,
        5 + len(each),
    )
    assert header.size == len(block) - len(before) - 4
    assert decode_records(header, block, len(before)) == [
        Record(3, 5 + index, at_ns, kind, connection, direction, data)
        for index, (at_ns, connection, direction, kind, data) in enumerate(each)
    ]


@settings(deadline=None, max_examples=200)
@given(records, st.data())
def test_a_flipped_bit_anywhere_is_seen(
    each: list[tuple[int, int, int, RecordKind, bytes]], data: st.DataObject
) -> None:
    block = bytearray(block_of(each))
    block[data.draw(st.integers(0, len(block) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(BlockError):
        decode_records(decode_header(bytes(block)), bytes(block))


def test_a_block_cut_at_any_byte_is_truncated_and_not_damaged() -> None:
    block = block_of([(1, 2, 0, RecordKind.CHUNK, b"hello"), (2, 2, 1, RecordKind.CHUNK, b"")])
    for length in range(len(block)):
        with pytest.raises(BlockError) as caught:
            decode_records(decode_header(block[:length]), block[:length])
        assert caught.value.damage == "truncated"


def by_the_document(count: int, size: int, version: int = 1, first: int = 1, body: bytes = b"") -> bytes:
    """A block put together from FORMAT.md alone, as someone would in another language."""
    head = struct.pack("<8sHHIIIQQI", MAGIC, version, 2, 0, count, size, first, 77, zlib.crc32(body))
    return head + struct.pack("<I", zlib.crc32(head)) + body


def test_a_block_written_after_the_document_is_read() -> None:
    body = struct.pack("<2q2Q2I2B", -5, 6, 9 << 1 | 1, 0, 3, 2, 0, 2) + b"abc{}"
    block = by_the_document(2, 5, first=41, body=body)
    assert decode_records(decode_header(block), block) == [
        Record(2, 41, -5, RecordKind.CHUNK, 9, 1, b"abc"),
        Record(2, 42, 6, RecordKind.TICK, 0, 0, b"{}"),
    ]
    assert len(block) == HEADER_SIZE + 2 * 21 + 5 == 48 + 47


@pytest.mark.parametrize(
    ("block", "damage"),
    [
        (by_the_document(0, 0, version=2), "version"),
        (by_the_document(65_537, 0), "limits"),
        (by_the_document(0, BLOCK_DATA_MAX + 1), "limits"),
        (by_the_document(0, 0, first=(1 << 47) + 1), "limits"),
        (b"GET / HTTP/1.1\r\n" * 3, "magic"),
        (by_the_document(1, 3, body=struct.pack("<qQIB", 0, 0, 2, 0) + b"abc"), "lengths"),
    ],
)
def test_each_damage_has_its_name(block: bytes, damage: str) -> None:
    with pytest.raises(BlockError) as caught:
        decode_records(decode_header(block), block)
    assert caught.value.damage == damage


def test_a_kind_of_a_later_version_is_left_out_and_the_rest_is_read() -> None:
    block = encode_block(0, 1, 1, [1, 2, 3], [0, 0, 0], bytes([0, 200, 0]), [b"a", b"b", b"c"])
    assert [(each.sequence, each.data) for each in decode_records(decode_header(block), block)] == [
        (1, b"a"),
        (3, b"c"),
    ]
