"""The journal's error: it always says which segment or folder, and at which byte where there is one."""

from __future__ import annotations

from pathlib import Path

from nocwatch.errors import NocwatchError


class JournalError(NocwatchError):
    """The journal cannot be used as asked. Damage is no reason to raise it while reading: that becomes a GAP record.

    Attributes:
        path: the segment, or the folder of the lane or journal.
        offset: byte in the segment, None where the trouble is not at one.
    """

    def __init__(self, message: str, path: Path, offset: int | None = None) -> None:
        self.path, self.offset = path, offset
        where = f"{path} at byte {offset}" if offset is not None else str(path)
        super().__init__(f"{where}: {message}")


class LaneHeldError(JournalError):
    """Another writer holds the lane: for good, or until the links of a relay that is ending have had their grace."""

    status = 1
