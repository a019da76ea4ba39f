"""The journal as a trace, and a trace as a journal.

An export has passed the gate: tokens are key-hashed, secrets are gone; it is as private as the stations' names are. An
imported journal holds unmasked frames and link records, so that everything that reads journals reads it.
"""

from __future__ import annotations

import fnmatch
import shutil
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from nocwatch.errors import NocwatchError
from nocwatch.frames import Frame, Kind, Link, LinkEvent, Sighting
from nocwatch.journal import recorded
from nocwatch.journal.reader import Reader
from nocwatch.journal.settings import JournalSettings
from nocwatch.journal.writer import Writer
from nocwatch.records import RecordKind
from nocwatch.tap.gate import Gate
from nocwatch.tap.tap import Tap
from nocwatch.trace.files import Traces
from nocwatch.trace.lines import Json, frame_line, link_line
from nocwatch.trace.naming import Namer
from nocwatch.trace.reading import read_traces

_OF_UPSTREAMS = (LinkEvent.UPSTREAM_DOWN, LinkEvent.UPSTREAM_UP)
_OPCODES = {Kind.TEXT: 0x1, Kind.BINARY: 0x2, Kind.CLOSE: 0x8, Kind.PING: 0x9, Kind.PONG: 0xA}
FLUSH_EVERY_RECORDS = 4096


def export_journal(
    journal: Path,
    gate: Gate,
    station: str | None = None,
    from_ns: int | None = None,
    until_ns: int | None = None,
    *,
    links: bool = False,
) -> Iterator[Json]:
    """Message lines (and link lines where asked for) of a journal, in its order.

    Args:
        journal: the folder.
        gate: of the installation, so that the same token has the same hash as on its screens.
        station: identity or glob; None for all.
        from_ns: the first moment; None for the oldest there is.
        until_ns: the last moment.
        links: with link lines, without which a reader cannot know when a station was offline.

    Raises:
        JournalError: the folder is no journal.
    """
    namer = Namer()
    reader, tap = Reader(journal), Tap(gate)
    while records := reader.read():
        for record in records:
            for sighting in tap.feed(record):
                namer.note(sighting)
                if until_ns is not None and sighting.received_at_ns > until_ns:
                    return
                if from_ns is not None and sighting.received_at_ns < from_ns:
                    continue
                if (line := _line(sighting, namer, links)) is not None and _wanted(line, station):
                    yield line


def _wanted(line: Json, station: str | None) -> bool:
    return station is None or fnmatch.fnmatchcase(str(line.get("chargePointId", "")), station)


def _line(sighting: Sighting, namer: Namer, links: bool) -> Json | None:
    if isinstance(sighting, Frame):
        if sighting.kind is not Kind.TEXT and not links:
            return None
        return frame_line(sighting, namer.version(sighting.connection), namer.name(sighting.connection))
    if isinstance(sighting, Link) and links:
        if not sighting.station and sighting.event not in _OF_UPSTREAMS:
            return None  # a scanner that asked for ``/``: a link line of nobody is no line of a trace
        if sighting.implied:
            return None  # nobody saw it: the message that it was made for says as much
        return link_line(sighting, namer.name(sighting.connection) if sighting.connection else None)
    return None


class Written(NamedTuple):
    """What an import has put into a journal; ticks between the lines are not counted.

    Attributes:
        frames: OCPP messages, pings and pongs; ``links`` link events that the traces told.
    """

    stations: int
    frames: int
    links: int


def import_traces(files: Sequence[Path] | Traces, journal: Path, until_ns: int | None = None) -> Written:
    """Writes traces into a journal of their own, with the ticks between their lines, and on to ``until_ns``.

    The tokens stay as they are in the trace: a journal is raw, and the gate stands behind it.

    Returns:
        What was written.

    Raises:
        NocwatchError: the folder exists already, or a file cannot be read (file:line).
    """
    if journal.exists() and (not journal.is_dir() or any(journal.iterdir())):
        raise NocwatchError(f"{journal}: there is something already; name a folder that does not exist")
    was_there = journal.exists()
    try:
        return _import(files, journal, until_ns)
    except BaseException:
        # Half a journal is of no use, and would be in the way of the next try.
        shutil.rmtree(journal, ignore_errors=True)
        if was_there:
            journal.mkdir(mode=0o700, parents=True)
        raise


def _import(files: Sequence[Path] | Traces, journal: Path, until_ns: int | None) -> Written:
    written, frames, links, until_at_ns = 0, 0, 0, 0
    stations: set[str] = set()
    with Writer(
        journal, 0, JournalSettings.model_validate({"path": journal, "keep_for": "36500d"})
    ) as writer:
        for sighting in read_traces(files, OpenGate(), until_ns):
            kind, data, direction, connection = _record(sighting)
            writer.add(sighting.received_at_ns, kind, connection, direction, data)
            written += 1
            if isinstance(sighting, Frame):
                frames += 1
                stations.add(sighting.station)
            elif isinstance(sighting, Link):
                links += not sighting.implied
            until_at_ns = max(until_at_ns, sighting.received_at_ns)
            if written % FLUSH_EVERY_RECORDS == 0:
                writer.flush_sync()
        writer.flush_sync(durable=True)
        reach = recorded.Recorded(until_ns=until_at_ns, lanes={0: writer.next_sequence})
    recorded.note(journal, reach)
    return Written(len(stations), frames, links)


class OpenGate(Gate):
    """A gate that lets everything through: for what stays as private as it was."""

    def __init__(self) -> None:
        super().__init__(bytes(32))

    def text(self, payload: bytes) -> bytes:
        return payload


def _record(sighting: Sighting) -> tuple[RecordKind, bytes, int, int]:
    if isinstance(sighting, Frame):
        return RecordKind.CHUNK, _encoded(sighting), int(sighting.direction), sighting.connection
    if isinstance(sighting, Link):
        fields = {name: getattr(sighting, name) for name in sighting.__struct_fields__}
        for ours in ("lane", "sequence", "received_at_ns", "connection"):
            del fields[ours]
        return RecordKind.LINK, msgspec.json.encode(fields), 0, sighting.connection
    return RecordKind.TICK, msgspec.json.encode(sighting.counters), 0, 0


def _encoded(frame: Frame) -> bytes:
    """An unmasked WebSocket frame [RFC 6455 §5.2]; the tap reads masked and unmasked ones from either side."""
    size = len(frame.payload)
    first = 0x80 | _OPCODES[frame.kind]
    if size < 126:
        head = struct.pack("!BB", first, size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", first, 126, size)
    else:
        head = struct.pack("!BBQ", first, 127, size)
    return head + frame.payload
