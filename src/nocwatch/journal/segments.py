"""Segments on disk: their names, their lock, and block-wise reading of one of them. FORMAT.md describes the layout.

Nothing here writes records. What always holds: ``SegmentFile.next`` never gives a block that is not whole and checked,
and never moves over bytes that it did not understand; moving over damage is the caller's decision.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

from nocwatch.journal.blocks import (
    HEADER_SIZE,
    MAGIC,
    BlockError,
    BlockHeader,
    Damage,
    check_body,
    decode_header,
    decode_records,
)
from nocwatch.records import Record

SUFFIX = ".seg"
LOCK_NAME = "lock"
_WINDOW = 1 << 20
"""Bytes read at once: large enough that system calls do not matter, small enough to hold one for each lane."""


class Segment(NamedTuple):
    """One file of a lane. ``first_sequence`` is what its name says."""

    first_sequence: int
    path: Path


class Block(NamedTuple):
    """A checked block and the records in it."""

    header: BlockHeader
    offset: int
    records: list[Record]


def lane_folder(root: Path, lane: int) -> Path:
    return root / f"lane-{lane}"


def segment_path(folder: Path, first_sequence: int) -> Path:
    return folder / f"{first_sequence:020d}{SUFFIX}"


def list_lanes(root: Path) -> list[int]:
    """Numbers of the lanes that have a folder; none where the journal is not there yet."""
    try:
        names = os.listdir(root)  # noqa: PTH208 - names are enough, and this is asked at each poll
    except FileNotFoundError:
        return []
    return sorted(int(name[5:]) for name in names if name.startswith("lane-") and name[5:].isdecimal())


def list_segments(folder: Path) -> list[Segment]:
    """The lane's segments, oldest first."""
    try:
        names = os.listdir(folder)  # noqa: PTH208
    except FileNotFoundError:
        return []
    stems = (name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX))
    return [
        Segment(int(stem), folder / f"{stem}{SUFFIX}")
        for stem in sorted(stems)
        if len(stem) == 20 and stem.isdecimal()
    ]


def lane_is_held(folder: Path) -> bool:
    """Whether a writer holds the lane now. A writer that was killed holds it no more: the kernel let go for it."""
    try:
        fd = os.open(folder / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


class SegmentFile:
    """Reads one segment block by block, also while it is being written.

    Attributes:
        segment: which one.
        offset: where the next block begins.
    """

    def __init__(self, segment: Segment) -> None:
        self.segment = segment
        self.offset = 0
        self._fd = os.open(segment.path, os.O_RDONLY | os.O_CLOEXEC)
        self._buffer = b""
        self._base = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    @property
    def size(self) -> int:
        return os.fstat(self._fd).st_size

    @property
    def deleted(self) -> bool:
        """Whether the file has no name any more."""
        return os.fstat(self._fd).st_nlink == 0

    def has_block(self) -> bool:
        """Whether ``next`` would give a block now."""
        offset = self.offset
        try:
            return self.next() is not None
        except BlockError:
            return False
        finally:
            self.offset = offset

    def next(self) -> Block | None:
        """The next block, or None where there is not (yet) a whole one.

        Raises:
            BlockError: where the bytes at ``offset`` are no block. ``offset`` stays.
        """
        try:
            return self._whole()
        except BlockError:
            # The writer may have cut a half-written block and put another in its place between two reads: look afresh.
            self._buffer = b""
            return self._whole()

    def _whole(self) -> Block | None:
        try:
            return self._next()
        except BlockError as error:
            if error.damage == "truncated":
                return None
            raise

    def _next(self) -> Block:
        header = self._header()
        offset = self.offset
        if self._have(header.size):
            header = self._header()  # what was read before may have been cut and written anew
        records = decode_records(header, self._buffer, offset - self._base)
        self.offset = offset + header.size
        return Block(header, offset, records)

    def headers(self) -> Iterator[tuple[int, BlockHeader]]:
        """Offset and header of each block from here on, bodies unread, until the end or the first damage."""
        try:
            while True:
                header = self._header()
                offset = self.offset
                if offset + header.size > self.size:
                    return
                self.offset += header.size
                yield offset, header
        except BlockError:
            return

    def skip_below(self, sequence: int, identity: int | None) -> int | None:
        """Moves to the block that holds that sequence, or to one of another lane.

        Gives the sequence after the last block passed, None where none was.
        """
        passed: int | None = None
        for offset, header in self.headers():
            if header.next_sequence > sequence or identity not in (None, header.identity):
                self.offset = offset
                break
            passed = header.next_sequence
        return passed

    def find_block(self, lane: int, identity: int | None) -> int | None:
        """Offset of the first whole and good block of that lane after ``offset``, None where there is none.

        The identity keeps bytes that a peer made up to look like a block from being taken for one.
        """
        at = self.offset + 1
        while window := os.pread(self._fd, _WINDOW, at):
            found = window.find(MAGIC)
            while found >= 0:
                if self._is_block(at + found, lane, identity):
                    return at + found
                found = window.find(MAGIC, found + 1)
            if len(window) < len(MAGIC):
                break
            at += len(window) - len(MAGIC) + 1
        return None

    def header_here(self) -> BlockHeader | None:
        """The header at ``offset`` where it is a good one, whatever its body is."""
        try:
            return self._header()
        except BlockError:
            return None

    def damage_here(self) -> Damage:
        """Why there is no block at ``offset``."""
        try:
            header = self._header()
            self._have(header.size)
            check_body(header, self._buffer, self.offset - self._base)
        except BlockError as error:
            return error.damage
        return "lengths"

    def _is_block(self, offset: int, lane: int, identity: int | None) -> bool:
        try:
            header = decode_header(os.pread(self._fd, HEADER_SIZE, offset))
            if header.lane != lane or identity not in (None, header.identity):
                return False
            check_body(header, os.pread(self._fd, header.size, offset))
        except BlockError:
            return False
        return True

    def _header(self) -> BlockHeader:
        self._have(HEADER_SIZE)
        return decode_header(self._buffer, self.offset - self._base)

    def _have(self, size: int) -> bool:
        """Makes ``size`` bytes from ``offset`` on stand in the buffer, as far as the file has them. True where it read."""
        start = self.offset - self._base
        if start >= 0 and start + size <= len(self._buffer):
            return False
        self._base = self.offset
        self._buffer = os.pread(self._fd, max(size, _WINDOW), self.offset)
        return True
