"""Frames, link events and meter samples: by filter, by name, and those that belong to one session.

Reads only, on a connection that it is given; each answer has a limit.
"""

# ruff: noqa: S608 - names in the SQL are our own tables and columns; values are always parameters

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

from nocwatch.frames import Direction
from nocwatch.moments import MINUTE_NS
from nocwatch.store.batch import NONE
from nocwatch.store.ids import id_of_ref, ref_of
from nocwatch.store.reads import sessions
from nocwatch.store.reads.paging import Where, key_of, limited, page
from nocwatch.store.values import FrameFilter, Page, StoredFrame, StoredSample

AROUND_SESSION_NS = MINUTE_NS
"""What comes just before a session's first act and just after its last belongs to its story."""
REFS_MAX = 500
"""Frames looked up by name at once: a flag's evidence names a few dozen."""
SAMPLES_MAX = 20_000
"""A curve of a day at one sample in five seconds; beyond it the latest are left out, and a screen has no pixels for them."""

_COLUMNS = (
    "id, station, at_ns, connection, direction, kind, type, action, message_id, version, answer_time_ns, call, answer, "
    "unanswered, error_code, oddity, code, reason, payload"
)


def find(reader: sqlite3.Connection, wanted: FrameFilter, after: str | None, limit: int) -> Page[StoredFrame]:
    limit = limited(limit)
    where = Where()
    station = wanted.station
    if wanted.session is not None:
        session = sessions.one(reader, wanted.session)
        if session is None:
            return Page([], None)
        station = session.station
        first_ns = min([session.started_at_ns, *(step.at_ns for step in session.steps)])
        where.add("at_ns >= ?", first_ns - AROUND_SESSION_NS)
        if session.over:
            last_ns = max(
                [session.stopped_at_ns or 0, session.changed_at_ns, *(step.at_ns for step in session.steps)]
            )
            where.add("at_ns <= ?", last_ns + AROUND_SESSION_NS)
    where.equal("station", station)
    where.equal("connection", wanted.connection)
    where.equal("direction", None if wanted.direction is None else int(wanted.direction))
    where.among("action", wanted.actions)
    where.among("kind", wanted.kinds)
    where.equal("message_id", wanted.message_id)
    if wanted.from_ns is not None:
        where.add("at_ns >= ?", wanted.from_ns)
    if wanted.until_ns is not None:
        where.add("at_ns < ?", wanted.until_ns)
    if wanted.troubled:
        where.add("(unanswered = 1 OR error_code <> '' OR oddity <> '')")
    where.contains(("CAST(payload AS TEXT)",), wanted.text)
    newest = wanted.order != "oldest"
    if key := key_of(after, int, str):
        where.add(f"(at_ns, id) {'<' if newest else '>'} (?, ?)", key[0], id_of_ref(key[1]))
    way = "DESC" if newest else "ASC"
    rows = reader.execute(
        f"SELECT {_COLUMNS} FROM frames {where.sql} ORDER BY at_ns {way}, id {way} LIMIT ?",
        (*where.values, limit + 1),
    )
    return page([_frame(row) for row in rows], limit, lambda frame: (frame.at_ns, frame.ref))


def by_ref(reader: sqlite3.Connection, refs: Iterable[str]) -> list[StoredFrame]:
    """Those of the frames that are there, in order of time; names that are none are passed over."""
    ids = [row_id for ref in list(refs)[:REFS_MAX] if (row_id := id_of_ref(ref)) is not None]
    if not ids:
        return []
    marks = ",".join("?" * len(ids))
    rows = reader.execute(f"SELECT {_COLUMNS} FROM frames WHERE id IN ({marks}) ORDER BY at_ns, id", ids)
    return [_frame(row) for row in rows]


def samples(reader: sqlite3.Connection, session_id: str) -> list[StoredSample]:
    """A session's curve in order of time."""
    rows = reader.execute(
        "SELECT frame, station, evse, connector, at_ns, register_wh, energy_wh, power_w, current_a, voltage_v, soc_percent, "
        "implausible FROM samples WHERE session = ? ORDER BY at_ns, frame, ordinal LIMIT ?",
        (session_id, SAMPLES_MAX),
    )
    return [
        StoredSample(
            frame=ref_of(row[0]),
            station=row[1],
            evse=_number(row[2]),
            connector=_number(row[3]),
            at_ns=row[4],
            register_wh=row[5],
            energy_wh=row[6],
            power_w=row[7],
            current_a=row[8],
            voltage_v=row[9],
            soc_percent=row[10],
            implausible=row[11],
        )
        for row in rows
    ]


def _number(value: int) -> int | None:
    return None if value == NONE else value


def _frame(row: tuple[Any, ...]) -> StoredFrame:
    (
        row_id,
        station,
        at_ns,
        connection,
        direction,
        kind,
        kind_of_message,
        action,
        message_id,
        version,
        answer_time_ns,
        call,
        answer,
        unanswered,
        error_code,
        oddity,
        code,
        reason,
        payload,
    ) = row
    return StoredFrame(
        ref=ref_of(row_id),
        station=station,
        at_ns=at_ns,
        connection=connection,
        direction=Direction(direction),
        kind=kind,
        type=kind_of_message,
        action=action,
        message_id=message_id,
        version=version,
        answer_time_ns=answer_time_ns,
        call=None if call is None else ref_of(call),
        answer=None if answer is None else ref_of(answer),
        unanswered=bool(unanswered),
        error_code=error_code,
        oddity=oddity,
        code=code,
        reason=reason,
        payload=payload.decode("utf-8", "replace"),
    )
