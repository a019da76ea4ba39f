"""The watch's memory on disk: the whole state of tap, pipeline and sinks at one place in the journal.

After a restart the watch goes on from here and reads the rest of the journal again; ids are derived, so reading twice changes
nothing. A snapshot that cannot be used (another version, damaged, ahead of the store) is put aside, told, and the journal is
read from its start. Its sum stands before it: a flipped bit in a number would be believed for ever otherwise.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec
import structlog

from nocwatch.frames import Tick
from nocwatch.journal.cursor import Cursor, sync_folder

VERSION = 1
_MAGIC = b"nocwatch snapshot\n"
_SUM_SIZE = hashlib.sha256().digest_size

log = structlog.get_logger("nocwatch.watch")


class Snapshot(msgspec.Struct, kw_only=True):
    """All that must be remembered, at ``cursor``.

    Attributes:
        relay: the last tick of each lane: a relay that is gone says nothing more, and what it said last is why.
    """

    version: int = VERSION
    cursor: Cursor
    tap: bytes
    pipeline: bytes
    usage: bytes
    relay: dict[int, Tick] = {}


def save(path: Path, snapshot: Snapshot) -> None:
    """Puts it in place whole or not at all.

    Raises:
        OSError: what the disk says; the former snapshot is still there then.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".tmp")
    body = msgspec.msgpack.encode(snapshot)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(_MAGIC + hashlib.sha256(body).digest())
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


def load(path: Path) -> Snapshot | None:
    """The snapshot, None where there is none that can be used."""
    try:
        snapshot = msgspec.msgpack.decode(_body(path.read_bytes()), type=Snapshot)
        if snapshot.version == VERSION:
            return snapshot
        reason = f"it is of version {snapshot.version}, this is version {VERSION}"
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        reason = str(error)
    put_aside(path, reason)
    return None


def _body(data: bytes) -> memoryview:
    """What follows the sum.

    Raises:
        msgspec.DecodeError: it is another file, or not what was written.
    """
    whole = memoryview(data)
    begins = len(_MAGIC) + _SUM_SIZE
    if whole[: len(_MAGIC)] != _MAGIC:
        raise msgspec.DecodeError("it is no snapshot, or one of a former release")
    if hashlib.sha256(whole[begins:]).digest() != whole[len(_MAGIC) : begins]:
        raise msgspec.DecodeError("its sum is wrong: it is damaged")
    return whole[begins:]


def ahead(cursor: Cursor, store: bytes | None) -> bool:
    """Whether a snapshot at ``cursor`` has seen what the store does not have.

    A batch is in the store before a snapshot passes it. So this store is another one (the former was damaged and moved away), or
    lost its last transactions with the power: going on from the snapshot would leave a hole for good.

    Args:
        cursor: the snapshot's.
        store: the cursor that the store kept with its last batch, as JSON; None where it has none.
    """
    try:
        kept = msgspec.json.decode(store, type=Cursor) if store else Cursor()
    except msgspec.DecodeError:
        return True
    return any(
        kept.lanes.get(lane, 0) < sequence or kept.identities.get(lane) != cursor.identities.get(lane)
        for lane, sequence in cursor.lanes.items()
    )


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
