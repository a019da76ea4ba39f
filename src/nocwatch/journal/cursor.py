"""Where a reader stands, and how that survives a crash: the file holds the old cursor or the new one, never half of each.

It says nothing of whether what was read was also dealt with: a reader saves after its work is safe, not before.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from nocwatch.journal.errors import JournalError


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """Where to go on reading. The empty one is the oldest record that is kept, of every lane.

    Attributes:
        lanes: lane → sequence of the next record wanted.
        identities: lane → which lane it was, to notice that a journal was deleted and begun anew.
    """

    lanes: dict[int, int] = {}
    identities: dict[int, int] = {}


def load_cursor(path: Path) -> Cursor:
    """The saved cursor, or the empty one where there is no such file.

    Raises:
        JournalError: where the file is there but is no cursor. Reading everything again in silence would be worse.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Cursor)
    except FileNotFoundError:
        return Cursor()
    except OSError as error:
        raise JournalError(f"the cursor cannot be read: {error.strerror}", path) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise JournalError(
            f"this is no cursor: {error}. Delete it to read from the oldest record on", path
        ) from error


def save_cursor(path: Path, cursor: Cursor) -> None:
    """Puts the cursor in place whole or not at all, and on disk when it returns.

    Raises:
        OSError: what the disk says; the old cursor is still there then.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".tmp")
    with fresh.open("wb") as file:
        file.write(msgspec.json.encode(cursor))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes names that were made or removed in that folder last a loss of power."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
