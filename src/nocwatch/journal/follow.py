"""Follows one lane: its blocks in order over all segments, with a GAP record wherever something is missing.

It waits for nothing and decides nothing about other lanes (``reader.py`` merges). What always holds: sequences rise;
a half-written block at the end of the newest segment is "nothing yet", never damage; damage costs the block it hit.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import msgspec

from nocwatch.journal.blocks import BlockError, BlockFlag
from nocwatch.journal.segments import Block, Segment, SegmentFile, lane_folder, list_segments, segment_path
from nocwatch.records import Gap, Record, RecordKind

_LISTING_EVERY = 64
"""Idle polls after which the folder is listed although it does not seem to have changed."""


class _Damage(NamedTuple):
    """A stretch of a segment that was passed over because it could not be read."""

    segment: Path
    offset: int
    bytes: int


class LaneFollower:
    """One lane's records, queued block by block.

    Attributes:
        lane: number of the lane.
        expected: sequence of the next record to be read from disk; None where the oldest is wanted.
        identity: of the lane; None where none of its blocks was seen.
        key_ns: running maximum of the times of what was read: the merge's key, which never steps back in a lane.
        live: whether the reader last found a writer holding the lane; kept here for it.
        silent_since_ns: since when the reader finds nothing new here; kept here for it.
    """

    def __init__(
        self,
        root: Path,
        lane: int,
        expected: int | None,
        identity: int | None,
        count: Callable[[str, int], None],
    ) -> None:
        self.lane = lane
        self.folder = lane_folder(root, lane)
        self.expected = expected
        self.identity = identity
        self.key_ns = 0
        self.live = False
        self.silent_since_ns: int | None = None
        self._root = root
        self._count = count
        self._delivered_ns = 0
        self._records: list[Record] = []
        self._keys: list[int] = []
        self._head = 0
        self._file: SegmentFile | None = None
        self._damage: _Damage | None = None
        self._missing = "hole"
        self._idle = 0
        self._listed: list[Segment] = []
        self._listed_ns = 0

    # The queue.

    @property
    def available(self) -> int:
        return len(self._records) - self._head

    @property
    def head_ns(self) -> int:
        """Merge key of the first record waiting."""
        return self._keys[self._head]

    @property
    def next_sequence(self) -> int | None:
        """Where a cursor that has seen all that was taken stands."""
        return self._records[self._head].sequence if self.available else self.expected

    @property
    def delivered_ns(self) -> int:
        return self._delivered_ns

    def take(self, most: int, below_ns: int | None = None) -> list[Record]:
        """Up to ``most`` records from the queue, those with a key below ``below_ns`` only."""
        end = min(len(self._records), self._head + most)
        if below_ns is not None:
            end = bisect_left(self._keys, below_ns, self._head, end)
        taken = self._records[self._head : end]
        if taken:
            self._head = end
            self._delivered_ns = self._keys[end - 1]
        return taken

    # Filling it.

    def fill(self) -> bool:
        """Queues the next block's records. False where there is nothing new. The queue must be empty."""
        while True:
            if self._file is None and not self._open_first():
                return False
            assert self._file is not None
            try:
                block = self._file.next()
            except BlockError:
                block = None
                if self._pass_damage(self._file):
                    continue
            if block is not None:
                self._idle = 0
                if self._accept(block):
                    return True
            elif not self._open_following(self._file):
                return False

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _accept(self, block: Block) -> bool:
        header, records = block.header, block.records
        gap = self._gap(block)
        if gap is None and self.expected is not None and header.first_sequence < self.expected:
            records = [record for record in records if record.sequence >= self.expected]
        self.expected = header.next_sequence if gap else max(self.expected or 0, header.next_sequence)
        self.identity = header.identity
        self._damage, self._missing = None, "hole"
        if gap is not None:
            records = [gap, *records]
        if not records:
            return False
        keys = list(accumulate((record.at_ns for record in records), max, initial=self.key_ns))
        del keys[0]
        self._records, self._keys, self._head = records, keys, 0
        self.key_ns = keys[-1]
        return True

    def _gap(self, block: Block) -> Record | None:
        """What is missing before that block, as a record in place of the first missing one."""
        header = block.header
        at_ns = block.records[0].at_ns if block.records else self.key_ns
        if self.identity is not None and header.identity != self.identity:
            self.key_ns = 0  # another lane's times say nothing about this one's
            return self._gap_record(header.first_sequence - 1, at_ns, 0, "replaced", block)
        if self.expected is None or header.first_sequence <= self.expected:
            if self._damage is not None and self.expected is None:
                return self._gap_record(header.first_sequence - 1, at_ns, 0, "corrupt", block)
            return None
        missing = header.first_sequence - self.expected
        if self._damage is not None:
            return self._gap_record(self.expected, at_ns, missing, "corrupt", block)
        if header.flags & BlockFlag.RESUMED:
            return self._gap_record(self.expected, at_ns, 0, "unclean_start", block)
        return self._gap_record(self.expected, at_ns, missing, self._missing, block)

    def _gap_record(self, sequence: int, at_ns: int, missing: int, reason: str, block: Block) -> Record:
        assert self._file is not None
        damage = self._damage or _Damage(self._file.segment.path, block.offset, 0)
        gap = Gap(
            records=missing,
            bytes=damage.bytes,
            reason=reason,
            segment=str(damage.segment.relative_to(self._root)),
            offset=damage.offset,
        )
        self._count("journal_read_gaps", 1)
        self._count("journal_read_missing_records", missing)
        return Record(self.lane, max(sequence, 0), at_ns, RecordKind.GAP, 0, 0, msgspec.json.encode(gap))

    # Moving over segments.

    def _open_first(self) -> bool:
        """The segment in which ``expected`` stands, or the oldest."""
        while segments := list_segments(self.folder):
            wanted = segments[0]
            if self.expected is not None:
                if wanted.first_sequence > self.expected:
                    self._missing = "expired"
                for each in segments:
                    if each.first_sequence <= self.expected:
                        wanted = each
            if not self._open(wanted):
                continue  # deleted between the two calls
            assert self._file is not None
            header = self._file.header_here()
            if wanted != segments[0] and header is not None and self.identity not in (None, header.identity):
                self._file.close()  # another lane in the old one's place: all of it is new
                self.expected = 0
                continue
            self._seek(self._file, is_last=wanted == segments[-1])
            return True
        return False

    def _seek(self, file: SegmentFile, *, is_last: bool) -> None:
        if self.expected is None:
            return
        passed = file.skip_below(self.expected, self.identity)
        if is_last and passed is not None and passed < self.expected and file.offset == file.size:
            # The lane ends before the cursor: an older copy of the journal was put in place.
            self._count("journal_read_rewinds", 1)
            self.expected = passed

    def _open_following(self, file: SegmentFile) -> bool:
        """Goes on to the next segment, once nothing more can come in this one. False where there is nothing to go to."""
        self._idle += 1
        following = self._following(file.segment)
        lost = file.deleted or file.size < file.offset
        if following is None and not lost:
            return False
        # The writer is past this segment; what it wrote between our last look and the new segment's birth is here now.
        if file.has_block():
            return True
        if file.size > file.offset and self._pass_damage(file, sealed=True):
            return True
        if not lost and following is not None and self._open(following):
            file.close()
        else:
            self.close()  # deleted, or replaced by another: the place has to be looked for again
        return True

    def _following(self, segment: Segment) -> Segment | None:
        """The segment after that one. The folder is listed again only where it may have changed."""
        try:
            changed_ns = self.folder.stat().st_mtime_ns
        except FileNotFoundError:
            return None
        # A folder's time is as coarse as the kernel's tick, so it may hide a change: the name that the next segment
        # should have is asked for as well, and once in a while the folder is listed anyway.
        fresh = changed_ns == self._listed_ns and self._idle % _LISTING_EVERY
        index = bisect_right(self._listed, segment.first_sequence, key=_first_sequence)
        if index == len(self._listed) and (
            not fresh or segment_path(self.folder, self.expected or 0).exists()
        ):
            self._listed, self._listed_ns = list_segments(self.folder), changed_ns
            index = bisect_right(self._listed, segment.first_sequence, key=_first_sequence)
        return self._listed[index] if index < len(self._listed) else None

    def _open(self, segment: Segment) -> bool:
        try:
            self._file = SegmentFile(segment)
        except FileNotFoundError:
            return False
        self._idle = 0
        return True

    def _pass_damage(self, file: SegmentFile, *, sealed: bool = False) -> bool:
        """Moves to the next good block behind the damage. False where there is none, in this segment."""
        offset = file.offset
        found = file.find_block(self.lane, self.identity)
        if found is None and not sealed:
            return False
        end = file.size if found is None else found
        self._count("journal_read_corrupt_bytes", end - offset)
        if self._damage is None:
            self._damage = _Damage(file.segment.path, offset, end - offset)
        else:
            self._damage = self._damage._replace(bytes=self._damage.bytes + end - offset)
        file.offset = end
        return found is not None


def _first_sequence(segment: Segment) -> int:
    return segment.first_sequence
