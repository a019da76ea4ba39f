"""A record of the journal, as a value: what the relay saw, or what it counted, and when.

These values are all that relay and watch have in common. How they lie on disk is the journal's matter
(``journal/blocks.py`` and ``journal/FORMAT.md``); what the bytes of a chunk mean is the tap's. Pure: no files, no clock.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec


class RecordKind(IntEnum):
    """What a record holds. FORMAT.md lists the JSON fields of LINK, TICK and GAP."""

    CHUNK = 0
    LINK = 1
    TICK = 2
    GAP = 3
    LINES = 4


class Record(msgspec.Struct, frozen=True):
    """One thing that was seen.

    Attributes:
        lane: which writer wrote it.
        sequence: rises within the lane and never repeats.
        at_ns: when it was seen, UTC; may step back with the clock, the sequence does not.
        kind: what ``data`` is.
        connection: number of the connection, 0 where it concerns none; below 2**63.
        direction: 0 from the station, 1 from the CSMS; 0 where there is none.
        data: raw bytes of a CHUNK, line protocol of LINES, a JSON object of the others.
    """

    lane: int
    sequence: int
    at_ns: int
    kind: RecordKind
    connection: int
    direction: int
    data: bytes


class Gap(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the data of a GAP record says: observations are missing before this point.

    Attributes:
        records: how many are missing; 0 where nobody knows.
        bytes: how many bytes of data, or of the damaged stretch of file.
        reason: ``disk_full``, ``slow_disk``, ``write_error`` by the writer; ``corrupt``, ``hole``, ``expired``,
            ``unclean_start``, ``replaced`` made up by the reader.
        segment: of damage: the file, relative to the journal's folder.
        offset: of damage: where in that file it begins.
    """

    records: int
    bytes: int
    reason: str
    segment: str | None = None
    offset: int | None = None
