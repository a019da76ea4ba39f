"""What has been found and is not yet in InfluxDB: lines on disk, in the journal's own machinery (records of kind LINES).

One writer (the watch) and one reader (``sinks/influx.py``), which deletes what it is past. Where InfluxDB stays away so long
that the spool reaches its size, the oldest segments go first; the reader meets the gap and counts it. Nothing here waits for
InfluxDB.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from nocwatch.journal.settings import JournalSettings
from nocwatch.journal.writer import Writer
from nocwatch.records import RecordKind
from nocwatch.sinks.settings import InfluxSettings

RECORD_BYTES_MAX = 256 * 1024
"""Lines are gathered into records of about this size: small enough for any batch, large enough to cost nothing each."""
KEPT_FOR = "366d"
"""An outage that is longer than a year is none."""
RETAIN_EVERY_S = 5.0
SEGMENTS_MIN = 4
"""The spool is dropped by whole segments; with fewer of them one would be most of it."""


class Spool:
    """Takes lines. ``add`` is memory only, ``flush`` is for a worker thread."""

    def __init__(self, settings: InfluxSettings) -> None:
        segment = max(64 * 1024, min(16 * 2**20, settings.spool_size_max // SEGMENTS_MIN))
        path = Path(settings.spool)
        bounds = {
            "keep_for": KEPT_FOR,
            "size_max": f"{settings.spool_size_max}B",
            "segment_size": f"{segment}B",
        }
        self._writer = Writer(path, 0, JournalSettings.model_validate({"path": path, **bounds}))
        self._retained_s = time.monotonic()

    @property
    def counters(self) -> dict[str, int]:
        """The journal writer's: what could not be written is in ``journal_dropped_records``."""
        return self._writer.counters

    def add(self, lines: Sequence[str], at_ns: int) -> None:
        """In memory, until ``flush``. Beyond the buffer's bound lines are dropped, and counted."""
        gathered: list[bytes] = []
        size = 0
        for line in lines:
            encoded = line.encode("utf-8", "replace")
            gathered.append(encoded)
            size += len(encoded)
            if size >= RECORD_BYTES_MAX:
                self._put(gathered, at_ns)
                gathered, size = [], 0
        if gathered:
            self._put(gathered, at_ns)

    def _put(self, lines: list[bytes], at_ns: int) -> None:
        self._writer.add(at_ns, RecordKind.LINES, 0, 0, packed(lines))

    def flush(self, *, durable: bool = False) -> bool:
        """To disk. False where the disk refuses: the lines stay in memory and are tried again."""
        good = self._writer.flush_sync(durable=durable)
        if time.monotonic() - self._retained_s > RETAIN_EVERY_S:
            self.retain()
        return good

    def retain(self) -> None:
        """Drops the oldest segments while all of them are larger than ``influx.spool_size_max``."""
        self._retained_s = time.monotonic()
        self._writer.retain()

    def close(self) -> None:
        self._writer.close()


def packed(lines: list[bytes]) -> bytes:
    """Lines as the data of a LINES record. Not joined by line feeds: a string field may hold one."""
    return msgspec.msgpack.encode(lines)


def unpacked(data: bytes) -> list[bytes]:
    """The lines of a LINES record.

    Raises:
        ValueError: it is none.
    """
    return msgspec.msgpack.decode(data, type=list[bytes])
