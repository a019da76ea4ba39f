"""The watch's memory on disk: the whole state of tap, pipeline and sinks at one place in the journal.

After a restart the watch goes on from here and reads the rest of the journal again; ids are derived, so reading twice changes
nothing. A snapshot that cannot be used (another version, damaged) is put aside, told, and the journal is read from its start.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import structlog

from nocwatch.journal.cursor import Cursor, sync_folder

VERSION = 1

log = structlog.get_logger("nocwatch.watch")


class Snapshot(msgspec.Struct, kw_only=True):
    """All that must be remembered, at ``cursor``."""

    version: int = VERSION
    cursor: Cursor
    tap: bytes
    pipeline: bytes
    usage: bytes


def save(path: Path, snapshot: Snapshot) -> None:
    """Puts it in place whole or not at all.

    Raises:
        OSError: what the disk says; the former snapshot is still there then.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".tmp")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.msgpack.encode(snapshot))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


def load(path: Path) -> Snapshot | None:
    """The snapshot, None where there is none that can be used."""
    try:
        snapshot = msgspec.msgpack.decode(path.read_bytes(), type=Snapshot)
        if snapshot.version == VERSION:
            return snapshot
        reason = f"it is of version {snapshot.version}, this is version {VERSION}"
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        reason = str(error)
    put_aside(path, reason)
    return None


def put_aside(path: Path, reason: str) -> None:
    """Keeps a snapshot that is of no use for whoever wants to know why, and says what follows."""
    aside = path.with_name(path.name + ".unusable")
    try:
        path.replace(aside)
    except OSError as error:
        reason = f"{reason}; it could not be put aside: {error.strerror}"
    log.warning(
        "the snapshot cannot be used; reading the journal from its start", reason=reason, file=str(aside)
    )
