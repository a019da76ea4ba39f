"""Taking a lane for writing: its lock, its torn tail, and where its sequence goes on.

What always holds: one writer a lane; a sequence number that a reader may have seen is never given to another record;
nothing behind the last good block stays in the file. FORMAT.md, *Opening a lane*, has the rules in words.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from pathlib import Path

import msgspec
import structlog

from nocwatch.journal.blocks import BlockError, BlockFlag
from nocwatch.journal.errors import JournalError, LaneHeldError
from nocwatch.journal.segments import LOCK_NAME, Segment, SegmentFile, lane_folder, list_segments
from nocwatch.records import RecordKind

RESUME_SKIP = 1 << 20
"""After a loss of power, records since the last fdatasync (a second or two) may be gone although readers saw them in the
page cache; of a damaged end nobody knows how many there were. So many numbers are left out, more than a lane can write
in that time."""
_LOCK_TRIES = 50
_LOCK_PAUSE_S = 0.02
"""One second: a reader's look at the lock takes microseconds, and a relay that was just killed is gone within it."""

_log = structlog.get_logger(__name__)


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """What the lock file says: who wrote here last, and in which run of the machine."""

    pid: int
    boot: str


class LaneLock:
    """The exclusive lock of a lane; let go by ``release`` or by the end of the process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._fd = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JournalError(
                f"the journal cannot be opened for writing: {error.strerror}", folder
            ) from error
        for _ in range(_LOCK_TRIES):
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_LOCK_PAUSE_S)
            else:
                self.boot = _boot()
                self.previous = self._read()
                self._write()
                return
        holder = self._read()
        os.close(self._fd)
        by = f" (process {holder.pid})" if holder else ""
        raise LaneHeldError(
            f"another relay writes to this lane{by}; stop it, or give this one its own journal.path", folder
        )

    @property
    def same_boot(self) -> bool:
        """Whether the machine has run on since the last writer, so that what it wrote is in the page cache at least."""
        return self.boot != "" and self.previous is not None and self.previous.boot == self.boot

    def release(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _read(self) -> Holder | None:
        try:
            return msgspec.json.decode(os.pread(self._fd, 4096, 0), type=Holder)
        except (msgspec.DecodeError, OSError):
            return None

    def _write(self) -> None:
        """Who holds the lane, for messages. A full disk must not keep the relay from starting, so it may fail."""
        try:
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, msgspec.json.encode(Holder(pid=os.getpid(), boot=self.boot)), 0)
        except OSError as error:
            _log.warning("journal_lock_not_described", folder=str(self._folder), error=error.strerror)


class Tail(msgspec.Struct, frozen=True, kw_only=True):
    """Where a lane goes on.

    Attributes:
        segment: the last one, None in a new lane.
        size: its bytes after the torn tail was cut.
        next_sequence: of the next record.
        identity: of the lane.
        flags: for the next block.
        torn_bytes: cut away.
        newest_begin: the highest upper half of a connection's number that the end of the lane tells of; -1: none.
    """

    segment: Segment | None
    size: int
    next_sequence: int
    identity: int
    flags: int
    torn_bytes: int
    newest_begin: int = -1


class _Scan(msgspec.Struct, frozen=True, kw_only=True):
    """What one segment holds. ``good_end``: where the last good block ends, 0 where there is none."""

    identity: int | None
    good_end: int
    size: int
    next_sequence: int
    newest_begin: int
    ended: bool
    torn_head: bool
    """What stands after the last good block is the beginning of a block, as a writer that was killed leaves it."""


class _Ticked(msgspec.Struct, frozen=True):
    """What the end of a lane is searched for in a TICK: also a relay that let nobody in has begun its numbers."""

    connections_begin: int = -1


def recover(root: Path, lane: int, lock: LaneLock) -> Tail:
    """Finds the end of the lane, cuts what was half written, and decides the next sequence.

    Raises:
        JournalError: where the last segment can be neither read nor cut.
    """
    found = list_segments(lane_folder(root, lane))
    if not found:
        return Tail(segment=None, size=0, next_sequence=1, identity=_new_identity(), flags=0, torn_bytes=0)
    last = found[-1]
    try:
        scan = _scan(last, lane)
        identity, next_sequence, newest_begin = scan.identity, scan.next_sequence, scan.newest_begin
        if (identity is None or newest_begin < 0) and (before := _before(found[:-1], lane)) is not None:
            identity = before.identity if identity is None else identity
            next_sequence = max(next_sequence, before.next_sequence)
            newest_begin = max(newest_begin, before.newest_begin)
        torn = scan.size - scan.good_end
        keep = scan.identity is not None or torn == 0 or scan.torn_head
        if torn and keep:
            os.truncate(last.path, scan.good_end)
            _log.warning("journal_torn_tail_cut", segment=str(last.path), offset=scan.good_end, bytes=torn)
    except OSError as error:
        raise JournalError(f"the segment cannot be recovered: {error.strerror}", last.path) from error
    next_sequence = max(next_sequence, last.first_sequence)
    clean = scan.ended and torn == 0
    damaged = torn > 0 and not scan.torn_head
    skip = damaged or not (clean or lock.same_boot)
    if not keep:
        # No block of it can be read, and it is no torn beginning either: it is left for `verify` and for readers to
        # report, and a new segment with another name is begun.
        _log.error("journal_segment_unreadable", segment=str(last.path), bytes=scan.size)
        next_sequence, skip = next_sequence + 1, True
    return Tail(
        segment=last if keep else None,
        size=scan.good_end if keep else 0,
        next_sequence=next_sequence + (RESUME_SKIP if skip else 0),
        identity=_new_identity() if identity is None else identity,
        flags=BlockFlag.RESUMED if skip else 0,
        torn_bytes=torn if keep else 0,
        newest_begin=newest_begin,
    )


def _before(segments: list[Segment], lane: int) -> _Scan | None:
    """The newest readable one of these segments."""
    for segment in reversed(segments):
        scan = _scan(segment, lane)
        if scan.identity is not None:
            return scan
    return None


def _scan(segment: Segment, lane: int) -> _Scan:
    with SegmentFile(segment) as file:
        identity: int | None = None
        good_end, next_sequence, ended = 0, 0, False
        newest, ticked = 0, b""
        while True:
            try:
                block = file.next()
            except BlockError:
                block = None
            if block is not None:
                header = block.header
                identity = header.identity if identity is None else identity
                good_end, next_sequence = file.offset, max(next_sequence, header.next_sequence)
                ended = bool(header.flags & BlockFlag.END)
                for record in block.records:
                    newest = max(newest, record.connection)
                    ticked = record.data if record.kind is RecordKind.TICK else ticked
            elif (behind := file.find_block(lane, identity)) is not None:
                file.offset = behind
            else:
                break
        size = file.size
        promised = file.header_here()
        # Where the torn block's header is whole, its numbers were on disk: they are not given to other records.
        return _Scan(
            identity=identity,
            good_end=good_end,
            size=size,
            next_sequence=max(next_sequence, promised.next_sequence if promised else 0),
            newest_begin=max(newest >> 32 if newest else -1, _begun(ticked)),
            ended=ended,
            torn_head=size > good_end and file.damage_here() == "truncated",
        )


def _begun(ticked: bytes) -> int:
    try:
        return msgspec.json.decode(ticked, type=_Ticked).connections_begin
    except msgspec.DecodeError:  # there is none, or it is not one of ours
        return -1


def _new_identity() -> int:
    return secrets.randbits(62) | 1


def _boot() -> str:
    """Names this run of the machine; empty where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
