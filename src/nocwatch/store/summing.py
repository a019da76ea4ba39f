"""The sums that key figures are made from, as they go into the tables: hours, days, start times, answer times, eras.

What always holds: all are kept by difference inside the batch's own transaction: what a row adds now, minus what it had added.
So a retry, a duplicate or another verdict counts nothing twice, and sums outlive the rows that they were made from.
"""

# ruff: noqa: S608 - names in the SQL are our own tables and columns; values are always parameters

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import structlog

from nocwatch.frames import Direction
from nocwatch.kpis.chains import VERSION as CHAINS_VERSION
from nocwatch.kpis.chains import Link
from nocwatch.kpis.counting import VERSION, counted
from nocwatch.kpis.spread import bucket_of
from nocwatch.moments import HOUR_NS
from nocwatch.network import Station
from nocwatch.sessions import Session
from nocwatch.store import chains
from nocwatch.store.rollups import COLUMNS, DAY_HOURS, MONTH_HOURS, BandPart, Key, SessionPart, Sums

SESSION_PART = (
    "station, evse, connector, started_at_ns, stopped_at_ns, changed_at_ns, energy_wh, outcome, "
    "attempts, delivered, valid_stops, refused, start_ns"
)
_DECODER = msgspec.json.Decoder(Session)
_log = structlog.get_logger()
COUNTS = msgspec.json.Decoder(dict[int, int])
"""Of ``start_months``."""
_JOIN = (
    "UPDATE frames SET answer = a.answer, answer_time_ns = a.answer_time_ns FROM (SELECT json_extract(value, '$[0]') AS answer, "
    "json_extract(value, '$[1]') AS answer_time_ns, json_extract(value, '$[2]') AS call FROM json_each(?)) AS a "
    "WHERE frames.id = a.call AND frames.answer IS NULL "
    "RETURNING station, action, at_ns, direction, frames.answer_time_ns"
)
"""All answers of a batch in one statement."""
RECOUNT_ROWS = 2000
"""Sessions, with their documents, that are in memory at once when all are counted anew: some megabytes, whatever the store."""
_RECOUNTED = (
    f"SELECT number, document, {SESSION_PART} FROM sessions JOIN session_documents USING (number) "
    "WHERE number > ? ORDER BY number LIMIT ?"
)


def add(writer: sqlite3.Connection, sums: Sums) -> None:
    _add_rows(writer, "hours", "hour", sums.rows)
    _add_rows(writer, "days", "day", sums.longer(DAY_HOURS))
    _add_rows(writer, "months", "month", sums.longer(MONTH_HOURS))
    writer.executemany("INSERT OR IGNORE INTO hour_keys VALUES (?, ?, ?)", {key[:3] for key in sums.rows})
    writer.executemany(
        "INSERT INTO start_times VALUES (?,?,?,?,?,?) ON CONFLICT DO UPDATE SET number = number + excluded.number",
        [(*key, number) for key, number in sums.start_times.items() if number],
    )
    _add_start_months(writer, sums.start_months())


def _add_start_months(writer: sqlite3.Connection, months: dict[Key, dict[int, int]]) -> None:
    rows = []
    for key, more in months.items():
        held = writer.execute(
            "SELECT counts FROM start_months WHERE station = ? AND evse = ? AND connector = ? AND month = ?",
            key,
        ).fetchone()
        counts: dict[int, int] = COUNTS.decode(held[0]) if held else {}
        for bucket, number in more.items():
            counts[bucket] = counts.get(bucket, 0) + number
        rows.append(
            (
                *key,
                msgspec.json.encode({each: counts[each] for each in sorted(counts) if counts[each]}).decode(),
            )
        )
    writer.executemany(
        "INSERT INTO start_months VALUES (?,?,?,?,?) ON CONFLICT DO UPDATE SET counts = excluded.counts", rows
    )


def _add_rows(writer: sqlite3.Connection, table: str, span: str, rows: dict[Key, list[int]]) -> None:
    names = ", ".join(COLUMNS)
    marks = ",".join("?" * (4 + len(COLUMNS)))
    updates = ", ".join(f"{name} = {name} + excluded.{name}" for name in COLUMNS)
    writer.executemany(
        f"INSERT INTO {table} (station, evse, connector, {span}, {names}) VALUES ({marks}) "
        f"ON CONFLICT (station, evse, connector, {span}) DO UPDATE SET {updates}",
        [(*key, *row) for key, row in rows.items() if any(row)],
    )


def put_answers(writer: sqlite3.Connection, answers: Iterable[Sequence[Any]]) -> None:
    """Joins answers to their calls; those of the CSMS are counted, each once: a call that has its answer is left alone."""
    upstreams: dict[str, str] = {}
    found: dict[tuple[str, str, int, int], int] = {}
    first: dict[int, Sequence[Any]] = {}
    for each in answers:
        first.setdefault(each[2], each)
    asked = writer.execute(_JOIN, (msgspec.json.encode(list(first.values())).decode(),)).fetchall()
    for station, action, at_ns, direction, answer_time_ns in asked:
        if answer_time_ns is None:
            continue
        if direction != int(Direction.FROM_STATION):
            continue
        if station not in upstreams:
            upstreams[station] = _upstream(writer, station, at_ns)
        key = (upstreams[station], action, at_ns // HOUR_NS, bucket_of(answer_time_ns))
        found[key] = found.get(key, 0) + 1
    writer.executemany(
        "INSERT INTO answer_times VALUES (?,?,?,?,?) ON CONFLICT DO UPDATE SET number = number + excluded.number",
        [(*key, number) for key, number in found.items()],
    )


def _upstream(writer: sqlite3.Connection, station: str, at_ns: int) -> str:
    row = writer.execute(
        "SELECT upstream FROM eras WHERE station = ? ORDER BY from_ns <= ? DESC, "
        "CASE WHEN from_ns <= ? THEN -from_ns ELSE from_ns END LIMIT 1",
        (station, at_ns, at_ns),
    ).fetchone()
    return str(row[0]) if row else ""


def put_era(writer: sqlite3.Connection, at_ns: int, station: Station) -> None:
    """Begins an era where firmware or upstream are others than before. What is not known yet begins none."""
    before = writer.execute(
        "SELECT from_ns, firmware, upstream FROM eras WHERE station = ? AND from_ns <= ? ORDER BY from_ns DESC LIMIT 1",
        (station.id, at_ns),
    ).fetchone()
    firmware = station.firmware or (before[1] if before else "")
    upstream = station.upstream or (before[2] if before else "")
    if before is not None and (firmware, upstream) == before[1:]:
        return
    if before is not None and _fills(before[1], firmware) and _fills(before[2], upstream):
        # It was the same all along, and nobody had said so.
        writer.execute(
            "UPDATE eras SET firmware = ?, upstream = ? WHERE station = ? AND from_ns = ?",
            (firmware, upstream, station.id, before[0]),
        )
        return
    writer.execute("INSERT OR REPLACE INTO eras VALUES (?, ?, ?, ?)", (station.id, at_ns, firmware, upstream))


def _fills(before: str, now: str) -> bool:
    return before in ("", now)


def rebuild_hours(writer: sqlite3.Connection) -> None:
    """Makes the sums anew from the sessions and states that are kept: after a repair, and to check them by.

    Sums of what retention has deleted are lost by it; ``recount`` keeps them.
    """
    for table in ("hours", "days", "months", "start_times", "start_months"):
        writer.execute(f"DELETE FROM {table}")
    sums = Sums()
    for row in writer.execute(f"SELECT {SESSION_PART} FROM sessions"):
        sums.session(SessionPart(*row), 1)
    for row in writer.execute(f"SELECT {chains.LINK} FROM sessions WHERE visit IS NOT NULL"):
        sums.visit(Link(*row), 1)
    for row in writer.execute("SELECT station, evse, connector, from_ns, until_ns, status FROM states"):
        sums.band(BandPart(*row), 1)
    add(writer, sums)


def recount(writer: sqlite3.Connection) -> int:
    """Counts the kept sessions by the definitions of this nocwatch, where they were counted by others; how many changed.

    By difference, so that sums of sessions that are gone stay. Visits are made of attempts: they are told anew where other sessions are such.
    """
    changed, others = 0, False
    if not _is_of(writer, "kpi_version", VERSION):
        _tell(writer, "the sessions in the store are counted anew, which takes up to a minute for a million")
        changed, others = _recount_sessions(writer)
        _note(writer, "kpi_version", VERSION)
    if others or not _is_of(writer, "visits_version", CHAINS_VERSION):
        _tell(
            writer, "the visits in the store are told anew, which takes about a minute for a million attempts"
        )
        chains.tell_all(writer, add)
        _note(writer, "visits_version", CHAINS_VERSION)
    return changed


def _tell(writer: sqlite3.Connection, what: str) -> None:
    """Of a store that holds any session: whoever upgrades waits for it."""
    if writer.execute("SELECT 1 FROM sessions LIMIT 1").fetchone():
        _log.info(what)


def _is_of(writer: sqlite3.Connection, name: str, version: int) -> bool:
    row = writer.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return row is not None and int(row[0]) == version


def _note(writer: sqlite3.Connection, name: str, version: int) -> None:
    writer.execute(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, version),
    )


def _recount_sessions(writer: sqlite3.Connection) -> tuple[int, bool]:
    """How many sessions changed, and whether other ones than before are attempts."""
    changed, others, last = 0, False, -1
    while rows := writer.execute(_RECOUNTED, (last, RECOUNT_ROWS)).fetchall():
        sums = Sums()
        for last, document, *values in rows:
            before = SessionPart(*values)
            now = SessionPart(*before[:8], *counted(_DECODER.decode(document)))
            if now == before:
                continue
            changed += 1
            others = others or now.attempts != before.attempts
            sums.session(before, -1)
            sums.session(now, 1)
            writer.execute(
                "UPDATE sessions SET attempts = ?, delivered = ?, valid_stops = ?, refused = ?, start_ns = ? WHERE number = ?",
                (*now[8:], last),
            )
        add(writer, sums)
    return changed, others
