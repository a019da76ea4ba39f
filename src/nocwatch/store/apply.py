"""Puts a batch into the tables. Runs on the writer's thread, inside one transaction.

What always holds: applying a batch again changes nothing. A session of a lower revision never overwrites a higher one, a
raised flag never a cleared one, an alert of a lower revision never a higher; what was sent is not sent again. A flag that the
watch ended because it had no memory of it (``forgotten``) gives way to whatever is said of it.
"""

# ruff: noqa: S608 - names in the SQL are our own tables and columns; values are always parameters

from __future__ import annotations

import sqlite3

import msgspec

from nocwatch.alerts.alert import Alert, AlertState, Notice
from nocwatch.flags import Flag, FlagState
from nocwatch.network import Station
from nocwatch.store import notes, session_rows, summing, tokens
from nocwatch.store.batch import Batch, Row
from nocwatch.store.rollups import BandPart, Sums

ENCODER = msgspec.json.Encoder()

FRAME_COLUMNS = 19


def apply(writer: sqlite3.Connection, batch: Batch) -> None:
    """All of the batch; the caller's transaction makes it one act."""
    sums = Sums()
    marks = ",".join("?" * FRAME_COLUMNS)
    writer.executemany(f"INSERT OR IGNORE INTO frames VALUES ({marks})", batch.frames)
    for at_ns, station in batch.stations.values():
        put_station(writer, at_ns, station)
    summing.put_answers(writer, batch.answers)  # after the stations, which say whose answers these are
    writer.executemany("UPDATE frames SET unanswered = 1 WHERE id = ?", batch.unanswered)
    writer.executemany("INSERT OR IGNORE INTO samples VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)", batch.samples)
    for row in batch.states:
        put_state(writer, row, sums)
    session_rows.put(writer, batch.sessions.values(), sums)
    for flag in batch.flags.values():
        put_flag(writer, flag)
    for alert in batch.alerts:
        put_alert(writer, alert)
    for act in batch.acts:
        notes.keep_act(writer, act)
    for entry in batch.audit:
        notes.audit(writer, entry)
    tokens.put(writer, batch.token_prefixes, batch.at_ns)
    summing.add(writer, sums)
    if batch.cursor is not None:
        put_meta(writer, "cursor", batch.cursor)
    if batch.at_ns:
        put_meta(writer, "at_ns", batch.at_ns)


def put_meta(writer: sqlite3.Connection, name: str, value: bytes | int) -> None:
    writer.execute(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )


def put_state(writer: sqlite3.Connection, row: Row, sums: Sums) -> None:
    """Sets the point (connector, since) → status; bands are the times between points, whatever the order they come in."""
    station, evse, connector, from_ns, status, error_code = row
    here = (station, evse, connector, from_ns)
    before = writer.execute(
        "SELECT from_ns, until_ns, status, error_code FROM states WHERE station = ? AND evse = ? AND connector = ? "
        "AND from_ns <= ? ORDER BY from_ns DESC LIMIT 1",
        here,
    ).fetchone()
    if before is not None and before[0] == from_ns:
        _, until_ns, old_status, old_error = before
        if (old_status, old_error) != (status, error_code):
            writer.execute(
                "UPDATE states SET status = ?, error_code = ? WHERE station = ? AND evse = ? AND connector = ? AND from_ns = ?",
                (status, error_code, *here),
            )
            sums.band(BandPart(*here, until_ns, old_status), -1)
            sums.band(BandPart(*here, until_ns, status), 1)
        return
    if before is not None:
        until_ns = before[
            1
        ]  # what lasted until the next point lasts to the new one, and the new one from there
        writer.execute(
            "UPDATE states SET until_ns = ? WHERE station = ? AND evse = ? AND connector = ? AND from_ns = ?",
            (from_ns, station, evse, connector, before[0]),
        )
        sums.band(BandPart(station, evse, connector, before[0], before[1], before[2]), -1)
        sums.band(BandPart(station, evse, connector, before[0], from_ns, before[2]), 1)
    else:
        after = writer.execute(
            "SELECT min(from_ns) FROM states WHERE station = ? AND evse = ? AND connector = ? AND from_ns > ?",
            here,
        ).fetchone()
        until_ns = after[0]
        writer.execute(
            "INSERT INTO connectors VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET first_ns = min(first_ns, excluded.first_ns)",
            here,
        )
    writer.execute("INSERT INTO states VALUES (?, ?, ?, ?, ?, ?, ?)", (*here, until_ns, status, error_code))
    sums.band(BandPart(*here, until_ns, status), 1)


def put_station(writer: sqlite3.Connection, at_ns: int, station: Station) -> None:
    writer.execute(
        "INSERT INTO stations VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET at_ns = excluded.at_ns, "
        "first_seen_ns = min(first_seen_ns, excluded.first_seen_ns), vendor = excluded.vendor, model = excluded.model, "
        "firmware = excluded.firmware, document = excluded.document WHERE excluded.at_ns >= at_ns",
        (station.id, at_ns, at_ns, station.vendor, station.model, station.firmware, ENCODER.encode(station)),
    )
    summing.put_era(writer, at_ns, station)


FLAG_OPEN_RANK = 10
ALERT_STATE_RANK = 10
ALERT_QUIET_RANK = 15
"""Of an alert that fires and pages nobody, because another one explains it or a person silenced it: after those that need a person."""


def alert_rank(alert: Alert) -> int:
    """What needs a person first has the highest."""
    return alert_ranks(alert.state)[bool(alert.inhibited_by or alert.silenced_by)] + alert.severity.rank


def alert_ranks(state: AlertState) -> tuple[int, int]:
    """Ranks of a state at the least severity: of an alert that people hear of, and of a quiet one."""
    rank = ALERT_STATE_RANK * state.rank
    return rank, ALERT_QUIET_RANK if state is AlertState.FIRING else rank


def put_flag(writer: sqlite3.Connection, flag: Flag) -> None:
    raised = flag.state is FlagState.RAISED
    rank = flag.severity.rank + (FLAG_OPEN_RANK if raised else 0)
    writer.execute(
        "INSERT INTO flags VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET rule = excluded.rule, "
        "category = excluded.category, severity = excluded.severity, rank = excluded.rank, station = excluded.station, "
        "session = excluded.session, subject = excluded.subject, state = excluded.state, onset_at_ns = excluded.onset_at_ns, "
        "at_ns = excluded.at_ns, late = excluded.late, summary = excluded.summary, document = excluded.document "
        "WHERE (excluded.state = 'cleared') > (flags.state = 'cleared') "
        "OR (excluded.state = flags.state AND excluded.at_ns >= flags.at_ns) "
        "OR json_extract(CAST(flags.document AS TEXT), '$.forgotten')",
        (
            flag.id,
            flag.rule,
            flag.category,
            flag.severity,
            rank,
            flag.station,
            flag.session,
            flag.subject,
            flag.state,
            flag.onset_at_ns,
            flag.at_ns,
            flag.late,
            flag.summary,
            ENCODER.encode(flag),
        ),
    )


def put_alert(writer: sqlite3.Connection, alert: Alert) -> None:
    document = ENCODER.encode(alert)
    writer.execute(
        "INSERT INTO alerts VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET rule = excluded.rule, "
        "severity = excluded.severity, rank = excluded.rank, station = excluded.station, site = excluded.site, "
        "state = excluded.state, group_name = excluded.group_name, started_at_ns = excluded.started_at_ns, "
        "at_ns = excluded.at_ns, summary = excluded.summary, revision = excluded.revision, document = excluded.document "
        "WHERE excluded.revision >= alerts.revision",
        (
            alert.id,
            alert.rule,
            alert.severity,
            alert_rank(alert),
            alert.station,
            alert.site,
            alert.state,
            alert.group,
            alert.started_at_ns,
            alert.at_ns,
            alert.summary,
            alert.revision,
            document,
        ),
    )
    writer.executemany(
        "INSERT OR IGNORE INTO alert_flags VALUES (?, ?)", [(flag, alert.id) for flag in alert.flags]
    )
    writer.execute(
        "INSERT OR IGNORE INTO alert_moments VALUES (?,?,?,?,?,?,?)",
        (
            alert.id,
            alert.revision,
            alert.at_ns,
            alert.state,
            alert.notice,
            alert.severity,
            moment_text(alert),
        ),
    )
    if alert.notice is not Notice.NONE:
        writer.executemany(
            "INSERT OR IGNORE INTO outbox (alert, receiver, revision, state, notice, at_ns, next_attempt_ns, document) "
            "VALUES (?,?,?,?,?,?,?,?)",
            [
                (
                    alert.id,
                    receiver,
                    alert.revision,
                    alert.state,
                    alert.notice,
                    alert.at_ns,
                    alert.at_ns,
                    document,
                )
                for receiver in alert.receivers
            ],
        )


def moment_text(alert: Alert) -> str:
    """What an alert's history says of a revision."""
    if alert.said:
        return alert.said
    if alert.resolved_because:
        return alert.resolved_because
    if alert.acknowledged_by:
        return f"{alert.acknowledged_by}: {alert.note}" if alert.note else alert.acknowledged_by
    return alert.summary
