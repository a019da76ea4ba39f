"""Looking at a journal without following it: what is there, whether it is whole, what came last.

For ``nocwatch journal stat``, ``verify`` and ``tail``, for the console's system page and for ``doctor``. Reads only.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from nocwatch.journal.blocks import BlockError, BlockFlag
from nocwatch.journal.cursor import Cursor
from nocwatch.journal.errors import JournalError
from nocwatch.journal.reader import Reader
from nocwatch.journal.segments import (
    Segment,
    SegmentFile,
    lane_folder,
    lane_is_held,
    list_lanes,
    list_segments,
)
from nocwatch.records import Record


class LaneStat(msgspec.Struct, frozen=True, kw_only=True):
    """What a lane holds.

    Attributes:
        lane: its number.
        live: a writer holds it now.
        ended: its writer closed it in good order.
        segments: how many.
        bytes: of them all on disk.
        first_sequence: of the oldest record that is kept; equal to ``next_sequence`` where there is none.
        next_sequence: of the record to come.
        oldest_ns: time of the oldest record; None where there is none.
        newest_ns: time of the newest record.
    """

    lane: int
    live: bool
    ended: bool
    segments: int
    bytes: int
    first_sequence: int
    next_sequence: int
    oldest_ns: int | None
    newest_ns: int | None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something wrong in a segment.

    Attributes:
        segment: file, relative to the journal's folder.
        offset: byte at which it begins.
        bytes: how many bytes cannot be read; 0 for a hole.
        records: how many records are missing; 0 where nobody knows.
        what: ``hole``, ``unclean_start``, ``torn`` (a half-written end), or why the bytes are no block (FORMAT.md).
    """

    segment: str
    offset: int
    bytes: int
    records: int
    what: str

    @property
    def words(self) -> str:
        """``lane-0/….seg at 99508: 1 record damaged (checksum)``."""
        records = f"{self.records} {'record' if self.records == 1 else 'records'}"
        where = f"{self.segment} at {self.offset}"
        if self.what == "hole":
            return f"{where}: {records} missing"
        if self.what == "unclean_start":
            return f"{where}: the writer before ended unasked; what it had not written is lost"
        if self.what == "foreign":
            return f"{where}: from here on another writer's journal"
        if self.what == "torn":
            return f"{where}: {self.bytes} bytes of a write that was cut short"
        lost = f"{records} damaged" if self.records else f"{self.bytes} bytes damaged"
        return f"{where}: {lost} ({self.what.replace('_', ' ')})"


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What ``verify`` read and what it found."""

    segments: int
    blocks: int
    records: int
    bytes: int
    findings: tuple[Finding, ...]


def stat(path: Path) -> list[LaneStat]:
    """The lanes of the journal. Reads the headers of the newest segments, not their records.

    Raises:
        JournalError: where there is no journal.
    """
    return [_stat_lane(path, lane) for lane in _lanes(path)]


def verify(path: Path) -> Verification:
    """Reads every block of every segment and checks it.

    Raises:
        JournalError: where there is no journal, or a segment cannot be opened.
    """
    segments = blocks = records = size = 0
    findings: list[Finding] = []
    for lane in _lanes(path):
        check = _LaneCheck(path, lane)
        for segment, is_last in _with_last(list_segments(lane_folder(path, lane))):
            try:
                check.segment(segment, is_last=is_last)
            except FileNotFoundError:
                continue  # retention was quicker
            except OSError as error:
                raise JournalError(f"cannot be read: {error.strerror}", segment.path) from error
            segments += 1
        blocks, records, size = blocks + check.blocks, records + check.records, size + check.bytes
        findings += check.findings
    return Verification(
        segments=segments, blocks=blocks, records=records, bytes=size, findings=tuple(findings)
    )


def tail(path: Path, records: int = 20) -> Iterator[Record]:
    """The newest records of all lanes, merged as a reader has them: at least so many, where there are.

    It begins where a segment begins, because there the ``live`` records stand that say which link is whose: without them
    nobody could decode what follows.

    Raises:
        JournalError: where there is no journal.
    """
    starts = {lane: _start_of_last(list_segments(lane_folder(path, lane)), records) for lane in _lanes(path)}
    return _from(path, Cursor(lanes={lane: start for lane, start in starts.items() if start}))


def _from(path: Path, cursor: Cursor) -> Iterator[Record]:
    with Reader(path, cursor) as reader:
        while more := reader.read():
            yield from more


def _lanes(path: Path) -> list[int]:
    lanes = list_lanes(path)
    if not lanes:
        raise JournalError("there is no journal here", path)
    return lanes


def _stat_lane(root: Path, lane: int) -> LaneStat:
    folder = lane_folder(root, lane)
    segments = list_segments(folder)
    size = 0
    for segment in segments:
        try:
            size += segment.path.stat().st_size
        except FileNotFoundError:
            continue  # retention was quicker
    newest_ns, next_sequence, ended = None, 0, False
    for segment in reversed(segments):
        with SegmentFile(segment) as file:
            last = None
            for offset, header in file.headers():
                next_sequence, ended = (
                    max(next_sequence, header.next_sequence),
                    bool(header.flags & BlockFlag.END),
                )
                last = offset if header.count else last
            if last is not None:
                file.offset = last
                newest_ns = _last_ns(file)
                break
    oldest: Record | None = None
    for segment in segments:
        with SegmentFile(segment) as file:
            oldest = _first_record(file)
        if oldest is not None:
            break
    return LaneStat(
        lane=lane,
        live=lane_is_held(folder),
        ended=ended,
        segments=len(segments),
        bytes=size,
        first_sequence=oldest.sequence if oldest else next_sequence,
        next_sequence=next_sequence,
        oldest_ns=oldest.at_ns if oldest else None,
        newest_ns=newest_ns,
    )


def _first_record(file: SegmentFile) -> Record | None:
    try:
        while (block := file.next()) is not None:
            if block.records:
                return block.records[0]
    except BlockError:
        pass
    return None


def _last_ns(file: SegmentFile) -> int | None:
    try:
        block = file.next()
    except BlockError:
        return None
    return block.records[-1].at_ns if block and block.records else None


def _with_last(segments: list[Segment]) -> Iterator[tuple[Segment, bool]]:
    return ((segment, segment is segments[-1]) for segment in segments)


def _start_of_last(segments: list[Segment], records: int) -> int | None:
    """First sequence of the segment from which on there are that many records; None for the oldest."""
    wanted = records
    for segment in reversed(segments):
        with SegmentFile(segment) as file:
            wanted -= sum(header.count for _, header in file.headers())
        if wanted <= 0:
            return segment.first_sequence
    return None


class _LaneCheck:
    """Goes through one lane's segments, oldest first."""

    def __init__(self, root: Path, lane: int) -> None:
        self.blocks = self.records = self.bytes = 0
        self.findings: list[Finding] = []
        self._root, self._lane = root, lane
        self._expected: int | None = None
        self._identity: int | None = None
        self._damaged = False

    def segment(self, segment: Segment, *, is_last: bool) -> None:
        with SegmentFile(segment) as file:
            while self._step(file, segment, is_last=is_last):
                pass
            self.bytes += file.size

    def _step(self, file: SegmentFile, segment: Segment, *, is_last: bool) -> bool:
        offset = file.offset
        try:
            block = file.next()
        except BlockError as error:
            return self._damage(file, segment, error.damage)
        if block is None:
            if file.size == offset:
                return False
            if is_last and lane_is_held(lane_folder(self._root, self._lane)):
                return False  # being written
            return self._damage(file, segment, "torn")
        header = block.header
        if self._expected is not None and header.first_sequence > self._expected and not self._damaged:
            resumed = bool(header.flags & BlockFlag.RESUMED)
            missing = 0 if resumed else header.first_sequence - self._expected
            self._find(segment, offset, 0, missing, "unclean_start" if resumed else "hole")
        if self._identity not in (None, header.identity):
            self._find(segment, offset, 0, 0, "foreign")
        self._identity, self._expected, self._damaged = header.identity, header.next_sequence, False
        self.blocks, self.records = self.blocks + 1, self.records + header.count
        return True

    def _damage(self, file: SegmentFile, segment: Segment, what: str) -> bool:
        offset = file.offset
        header = file.header_here()
        found = file.find_block(self._lane, self._identity)
        file.offset = file.size if found is None else found
        self._find(segment, offset, file.offset - offset, header.count if header else 0, what)
        self._damaged = True
        return found is not None

    def _find(self, segment: Segment, offset: int, size: int, records: int, what: str) -> None:
        name = str(segment.path.relative_to(self._root))
        self.findings.append(Finding(segment=name, offset=offset, bytes=size, records=records, what=what))
