"""What is no longer kept: segments by age, by total size, or because their only reader is past them.

Deletes whole segments, oldest first, and never the last one of a lane: it says where the lane's sequence goes on.
Any number of writers may do this at once; a segment that another has deleted meanwhile is no error.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from nocwatch.journal.cursor import Cursor
from nocwatch.journal.segments import lane_folder, list_lanes, list_segments
from nocwatch.journal.settings import JournalSettings
from nocwatch.moments import SECOND_NS


class Expired(NamedTuple):
    """What was deleted."""

    segments: int
    bytes: int


def expire(root: Path, settings: JournalSettings, now_ns: int) -> Expired:
    """Deletes sealed segments last written before ``now_ns - keep_for``, then the oldest while all exceed ``size_max``.

    Raises:
        OSError: where the folder cannot be read or a segment not deleted.
    """
    sealed: list[tuple[int, Path, int]] = []  # last written, path, bytes
    total = 0
    for lane in list_lanes(root):
        segments = list_segments(lane_folder(root, lane))
        written_ns = 0  # a later segment counts as written later, whatever a clock that was set back says
        for index, segment in enumerate(segments):
            try:
                status = segment.path.stat()
            except FileNotFoundError:
                continue
            total += status.st_size
            written_ns = max(written_ns, status.st_mtime_ns)
            if index + 1 < len(segments):
                sealed.append((written_ns, segment.path, status.st_size))
    oldest_ns = now_ns - int(settings.keep_for * SECOND_NS)
    count = size = 0
    for written_ns, path, length in sorted(sealed):
        if written_ns >= oldest_ns and total <= settings.size_max:
            break
        path.unlink(missing_ok=True)
        total -= length
        count, size = count + 1, size + length
    return Expired(count, size)


def delete_below(root: Path, cursor: Cursor) -> Expired:
    """Deletes the segments all of whose records are below the cursor. For a spool with one reader, after its cursor is saved.

    Raises:
        OSError: where a segment cannot be deleted.
    """
    count = size = 0
    for lane, wanted in cursor.lanes.items():
        for segment, following in pairwise(list_segments(lane_folder(root, lane))):
            if following.first_sequence > wanted:
                break
            length = segment.path.stat().st_size
            segment.path.unlink(missing_ok=True)
            count, size = count + 1, size + length
    return Expired(count, size)
