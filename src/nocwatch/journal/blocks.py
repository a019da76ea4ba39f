"""The blocks that carry the journal's records, as bytes. Pure: bytes in, values out, and the other way round.

A block is one header, four arrays (times, keys, lengths, kinds) and the joined data of its records, so that a poll
batch costs the relay a few list operations and the disk one write. FORMAT.md is the reference for the bytes.

It knows no files and no segments (``segments.py``). What always holds: a block that decodes is what was encoded, whole;
anything else is a ``BlockError`` with a bounded reason.
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from collections.abc import Sequence
from enum import IntFlag
from itertools import accumulate, pairwise
from typing import Literal, TypeAlias

import msgspec

from nocwatch.records import Record, RecordKind

MAGIC = b"\x93NWJ\r\n\x1a\n"
"""Begins with a byte that no UTF-8 text holds at a character's start, so that JSON on the wire cannot look like it."""
VERSION = 1
_HEADER = struct.Struct("<8sHHIIIQQII")
HEADER_SIZE = _HEADER.size
_CHECKED = HEADER_SIZE - 4  # the header's own checksum is its last four bytes
RECORD_SIZE = 8 + 8 + 4 + 1
"""Bytes of a block that a record takes beside its data."""

BLOCK_RECORDS_MAX = 65_536
"""More is no block: a reader holds one block of each lane in memory."""
RECORD_DATA_MAX = 16 << 20
"""A chunk is one ``recv`` (64 KiB at most), a LINES record one batch of lines: 16 MiB is room enough for both."""
BLOCK_DATA_MAX = 2 * RECORD_DATA_MAX
"""Upper bound of the data of one block, so that a damaged length cannot make a reader allocate without end."""
LANES_MAX = 65_536
SEQUENCE_MAX = 1 << 47
"""A frame's sequence is ``record sequence << 16 | index`` and must fit a signed 64-bit column."""

KINDS = tuple(RecordKind)

Damage: TypeAlias = Literal[
    "magic", "header_checksum", "version", "limits", "body_checksum", "lengths", "truncated", "foreign"
]


class BlockFlag(IntFlag):
    """What a block says beside its records."""

    NONE = 0
    END = 1
    """The writer closed the lane here in good order; the block has no records."""
    RESUMED = 2
    """The writer came back after a loss of power or to a damaged end, and left sequence numbers out that readers may have seen."""


class BlockError(ValueError):
    """These bytes are no block. ``damage`` says what is wrong with them."""

    def __init__(self, damage: Damage) -> None:
        self.damage = damage
        super().__init__(damage)


class BlockHeader(msgspec.Struct, frozen=True):
    """The head of a block, checked.

    Attributes:
        lane: of the writer.
        flags: see ``BlockFlag``.
        count: records in the block.
        data_size: bytes of their data together.
        first_sequence: of its first record; of a block without records the sequence of the next one to come.
        identity: a random number given to the lane when it was made; tells a lane from one that took its place.
        body_checksum: CRC-32 of what follows the header.
    """

    lane: int
    flags: int
    count: int
    data_size: int
    first_sequence: int
    identity: int
    body_checksum: int

    @property
    def size(self) -> int:
        """Bytes of the whole block, header included."""
        return HEADER_SIZE + self.count * RECORD_SIZE + self.data_size

    @property
    def next_sequence(self) -> int:
        return self.first_sequence + self.count


def encode_block(
    lane: int,
    identity: int,
    first_sequence: int,
    times: Sequence[int],
    keys: Sequence[int],
    kinds: bytes | bytearray,
    chunks: Sequence[bytes],
    flags: int = 0,
) -> bytes:
    """One block of ``len(times)`` records; the four sequences are of equal length.

    Args:
        lane: 0 to 65535.
        identity: of the lane.
        first_sequence: of the first record.
        times: nanoseconds UTC.
        keys: ``connection << 1 | direction``.
        kinds: one byte a record.
        chunks: data.
        flags: see ``BlockFlag``.
    """
    lengths = list(map(len, chunks))
    body = b"".join((_packed("q", times), _packed("Q", keys), _packed("I", lengths), kinds, *chunks))
    head = _HEADER.pack(
        MAGIC, VERSION, lane, flags, len(lengths), sum(lengths), first_sequence, identity, zlib.crc32(body), 0
    )[:_CHECKED]
    return b"".join((head, zlib.crc32(head).to_bytes(4, "little"), body))


def decode_header(buffer: bytes, offset: int = 0) -> BlockHeader:
    """The header that begins at ``offset``.

    Raises:
        BlockError: where there is none, or not all of it (``truncated``).
    """
    if len(buffer) - offset < HEADER_SIZE:
        raise BlockError("truncated")
    magic, version, lane, flags, count, size, first, identity, body, head = _HEADER.unpack_from(
        buffer, offset
    )
    if magic != MAGIC:
        raise BlockError("magic")
    if zlib.crc32(buffer[offset : offset + _CHECKED]) != head:
        raise BlockError("header_checksum")
    if version != VERSION:
        raise BlockError("version")
    if count > BLOCK_RECORDS_MAX or size > BLOCK_DATA_MAX or first + count > SEQUENCE_MAX:
        raise BlockError("limits")
    return BlockHeader(lane, flags, count, size, first, identity, body)


def check_body(header: BlockHeader, buffer: bytes, offset: int = 0) -> None:
    """Raises ``BlockError`` unless the block at ``offset`` is there whole and its body is what was written."""
    end = offset + header.size
    if len(buffer) < end:
        raise BlockError("truncated")
    if zlib.crc32(memoryview(buffer)[offset + HEADER_SIZE : end]) != header.body_checksum:
        raise BlockError("body_checksum")


def decode_records(header: BlockHeader, buffer: bytes, offset: int = 0) -> list[Record]:
    """The records of the block at ``offset``, in order. Kinds that this version does not know are left out.

    Raises:
        BlockError: where the body is not what was written, or does not add up.
    """
    check_body(header, buffer, offset)
    count, lane = header.count, header.lane
    at = offset + HEADER_SIZE
    times = _unpacked("q", buffer, at, count)
    keys = _unpacked("Q", buffer, at + 8 * count, count)
    lengths = _unpacked("I", buffer, at + 16 * count, count)
    kinds = buffer[at + 20 * count : at + 21 * count]
    ends = list(accumulate(lengths, initial=at + 21 * count))
    if ends[-1] != offset + header.size:
        raise BlockError("lengths")
    known = len(KINDS)
    return [
        Record(lane, sequence, at_ns, KINDS[kind], key >> 1, key & 1, buffer[begin:end])
        for sequence, at_ns, key, kind, (begin, end) in zip(
            range(header.first_sequence, header.next_sequence),
            times,
            keys,
            kinds,
            pairwise(ends),
            strict=True,
        )
        if kind < known
    ]


def _packed(code: str, values: Sequence[int]) -> bytes:
    packed = array(code, values)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def _unpacked(code: str, buffer: bytes, offset: int, count: int) -> array[int]:
    unpacked = array(code)
    unpacked.frombytes(buffer[offset : offset + count * unpacked.itemsize])
    if sys.byteorder == "big":
        unpacked.byteswap()
    return unpacked
