"""Faults that a journal meets in the field, made on purpose."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from nocwatch.journal.reader import Reader
from nocwatch.journal.segments import Segment, lane_folder, list_segments
from nocwatch.journal.settings import JournalSettings
from nocwatch.journal.writer import Writer
from nocwatch.records import Gap, Record, RecordKind

SMALL = JournalSettings.model_validate({"segment_size": "64KiB", "buffer_max": "1MiB", "size_max": "1GiB"})


ROOMY = SMALL.model_copy(update={"buffer_max": 64 << 20})


def crash(writer: Writer) -> None:
    """What ``kill -9`` leaves: nothing in memory is written, the kernel lets go of the lock."""
    if writer._file._fd >= 0:
        os.close(writer._file._fd)
        writer._file._fd = -1
    writer._closed = True
    assert writer._lock is not None
    writer._lock.release()


def segments(root: Path, lane: int = 0) -> list[Segment]:
    return list_segments(lane_folder(root, lane))


def chunk(writer: Writer, data: bytes, at_ns: int = 1, connection: int = 7) -> None:
    writer.add_chunks(at_ns, [connection << 1], [data])


def write(writer: Writer, *data: bytes, at_ns: int = 1) -> None:
    """Each as a block of its own."""
    for each in data:
        chunk(writer, each, at_ns)
        assert writer.flush_sync()


def read_all(reader: Reader) -> list[Record]:
    records: list[Record] = []
    while more := reader.read():
        records += more
    return records


def journal_of(root: Path) -> list[Record]:
    """All that a reader gets who begins at the oldest record now."""
    with Reader(root) as reader:
        return read_all(reader)


def gaps(records: list[Record]) -> list[Gap]:
    return [msgspec.json.decode(each.data, type=Gap) for each in records if each.kind is RecordKind.GAP]


def chunks(records: list[Record]) -> list[bytes]:
    return [each.data for each in records if each.kind is RecordKind.CHUNK]


def flip(path: Path, offset: int, bit: int = 0) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1 << bit]))


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """Makes the kernel refuse to write beyond that size, as a full disk does, also where one may not mount anything."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
