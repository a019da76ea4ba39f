"""The note in a journal that was made from files and not by a relay: there is nobody to wait for.

It says up to which record of each lane the folder is a recording. A relay that is started over such a folder writes on behind
it, and from then on the journal is a live one: nothing needs to be taken away for that, nor can be forgotten.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

NAME = "recorded.json"


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """How far a recording reaches.

    Attributes:
        until_ns: time of its last record.
        lanes: lane → sequence of the record that would come next.
    """

    until_ns: int
    lanes: dict[int, int]

    def is_all(self, lanes: Mapping[int, int]) -> bool:
        """Whether a reader who wants these records next has met nothing but the recording."""
        return all(sequence <= self.lanes.get(lane, 0) for lane, sequence in lanes.items())


def note(journal: Path, recorded: Recorded) -> None:
    """Leaves the note in the folder.

    Raises:
        OSError: what the disk says.
    """
    with os.fdopen(os.open(journal / NAME, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.encode(recorded))
        file.flush()
        os.fsync(file.fileno())


def noted(journal: Path) -> Recorded | None:
    """The note; None where a relay made the journal, and where the note cannot be read: then the usual is expected."""
    try:
        return msgspec.json.decode((journal / NAME).read_bytes(), type=Recorded)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
