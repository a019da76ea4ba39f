"""Counts and faults that outlive the process that noted them: also a ``kill -9`` in the midst of its work.

Counts lie in a file that is mapped into memory, so that another process reads them while they rise and a successor counts
on. A fault is one line of JSON, written at once.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import msgspec

from nocwatch import clock

STATUSES = (101, 400, 401, 403, 404, 408, 429, 431, 502, 503, 504)
STATION_COUNTS = (
    "connected", "secured", "resumed", "plain_to_tls", "alive", "mute", "unanswered", "bytes_sent", "bytes_received", "ended", "stalls", "flooded",
    *(f"csms_{each}" for each in STATUSES), *(f"relay_{each}" for each in STATUSES),
)  # fmt: skip
"""Of the stations: ``csms_*`` are answers that carry the CSMS's mark, ``relay_*`` the relay's own, ``mute`` ends
without one, ``unanswered`` those of them to which the relay owed an answer of its own, ``plain_to_tls`` those that said HTTP where TLS
is spoken. ``secured`` handshakes of TLS came about, ``resumed`` of them by an earlier session."""
CSMS_COUNTS = ("accepted", "heads", "alive", "bytes_sent", "bytes_received", "ended", "stalls", "starts")
AUDIT_COUNTS = (
    "records", "chunk_bytes", "checked_bytes", "anchored", "opened", "refused", "closed", "whole", "gaps", "disk_full", "slow_disk", "write_error", "gap_records",
    "gap_bytes", "other_gaps",
)  # fmt: skip
"""Of the journal: ``checked_bytes`` of chunks were compared with their stream, ``anchored`` streams found again after a gap,
``whole`` links whose both streams are there from the first byte to the last."""


class Tally:
    """Named whole numbers in a file."""

    def __init__(self, path: Path, names: tuple[str, ...]) -> None:
        with path.open("ab") as file:
            file.truncate(8 * len(names))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 8 * len(names))
        self._values = memoryview(self._map).cast("q")
        self._places = {name: index for index, name in enumerate(names)}

    def add(self, name: str, count: int = 1) -> None:
        self._values[self._places[name]] += count

    def set(self, name: str, value: int) -> None:
        self._values[self._places[name]] = value

    def __getitem__(self, name: str) -> int:
        return self._values[self._places[name]]

    def all(self) -> dict[str, int]:
        return {name: self[name] for name in self._places}


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Something that should not have been.

    Attributes:
        kind: ``tls``, ``bytes``, ``head``, ``answer`` (another than was due), ``short``, ``reset``, ``fin``, ``stuck``, ``journal``.
        who: ``station``, ``csms`` or ``auditor``.
        name: of the connection: station.attempt.
        began_ns, ended_ns: between these it happened; a CSMS that was away meanwhile may excuse it.
        said: the rest, for people.
    """

    kind: str
    who: str
    name: str
    began_ns: int
    ended_ns: int
    said: str


class Faults:
    """The file of all processes' faults."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC)

    def note(self, kind: str, who: str, name: str, began_ns: int, said: str) -> None:
        fault = Fault(kind=kind, who=who, name=name, began_ns=began_ns, ended_ns=clock.now_ns(), said=said)
        os.write(self._fd, msgspec.json.encode(fault) + b"\n")


def read_faults(path: Path) -> list[Fault]:
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [msgspec.json.decode(line, type=Fault) for line in lines]
