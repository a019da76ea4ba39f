"""The segment that a lane's writer writes: its file, where its last whole block ends, and what the disk owes.

It knows no records, and asks nobody when a new segment is due; ``writer.py`` does. What always holds: a block is in the
file whole or is cut away before the next one, so that a half-written block is only ever the last; what was written is
among the descriptors that ``take_unsynced`` hands out, once. Not for two threads at once: the writer holds its lock.
"""

from __future__ import annotations

import os
from pathlib import Path

from nocwatch import clock
from nocwatch.journal.cursor import sync_folder
from nocwatch.journal.segments import segment_path


class SegmentAppender:
    """Appends blocks to a lane's newest segment.

    Attributes:
        segment: the file; None before the first one is begun.
        size: of the segment, up to the end of its last whole block.
        born_ns: when it was begun; of one that was there before, when this was made.
        begun: how many segments this has begun.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._fd = -1
        self._broken = False  # bytes of a failed write may stand behind size
        self._dirty = False  # something was written since the last take_unsynced
        self._unsynced: list[int] = []
        self.segment: Path | None = None
        self.size = 0
        self.born_ns = clock.now_ns()
        self.begun = 0

    def resume(self, segment: Path | None, size: int) -> None:
        """Goes on in a segment that a former writer left, ``size`` bytes of which are good."""
        self.segment, self.size = segment, size

    def append(self, block: bytes, first_sequence: int, *, begins_segment: bool) -> None:
        """Writes one block, in a new segment where it begins one.

        Args:
            block: all its bytes.
            first_sequence: of its records; the name of a segment that begins with it.
            begins_segment: unless the segment is empty.

        Raises:
            OSError: the disk refused. Nothing of the block counts as written, and the call may be repeated.
        """
        self._make_ready(first_sequence, begins_segment=begins_segment)
        view = memoryview(block)
        self._broken = True
        while view:
            view = view[os.write(self._fd, view) :]
        self._broken = False
        self.size += len(block)
        self._dirty = True

    def take_unsynced(self) -> list[int]:
        """Descriptors that wait for fdatasync; the caller closes them."""
        fds, self._unsynced = self._unsynced, []
        if self._dirty and self._fd >= 0:
            fds.append(os.dup(self._fd))  # a copy, so that writing and closing need not wait for a slow disk
            self._dirty = False
        return fds

    def close(self) -> None:
        """Lets go of the file. What was not synced by then is the system's to write."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _make_ready(self, first_sequence: int, *, begins_segment: bool) -> None:
        """The right segment is open and ends where its last whole block ends."""
        if begins_segment and self.segment is not None and self.size > 0:
            if self._fd >= 0:
                self._cut()
                self._unsynced.append(self._fd)
            self._fd, self.segment = -1, None
        if self.segment is None:
            path = segment_path(self._folder, first_sequence)
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            self.segment, self.size, self._broken = path, 0, True
            self.born_ns = clock.now_ns()
            self.begun += 1
            sync_folder(self._folder)
        elif self._fd < 0:
            self._fd = os.open(self.segment, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        self._cut()

    def _cut(self) -> None:
        if self._broken:
            os.ftruncate(self._fd, self.size)
            self._broken = False
