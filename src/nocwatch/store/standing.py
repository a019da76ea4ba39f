"""What stands in the store as raised or open, in short: for the watch to hold against what its pipeline knows after a start."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import msgspec

from nocwatch.alerts.alert import AlertState
from nocwatch.sessions import Outcome
from nocwatch.store.apply import ALERT_STATE_RANK, FLAG_OPEN_RANK


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where the store is with an alert.

    Attributes:
        open: it fires or is acknowledged.
        told: the last that any receiver was told of it, or will be, is that it fires.
        resolved_by: the person who ended it; empty where nobody did.
    """

    id: str
    revision: int
    open: bool
    told: bool
    resolved_by: str


def raised_flags(reader: sqlite3.Connection) -> list[str]:
    """Ids of all flags that stand, the oldest of each severity first."""
    rows = reader.execute(
        "SELECT id FROM flags WHERE rank >= ? ORDER BY rank, onset_at_ns, id", (FLAG_OPEN_RANK,)
    )
    return [row[0] for row in rows]


def ongoing_sessions(reader: sqlite3.Connection) -> list[str]:
    """Ids of all sessions that go on, the oldest first."""
    rows = reader.execute(
        "SELECT id FROM sessions WHERE outcome = ? ORDER BY started_at_ns, id", (Outcome.ONGOING.value,)
    )
    return [row[0] for row in rows]


def standing_alerts(reader: sqlite3.Connection, others: Iterable[str]) -> list[Standing]:
    """All open alerts, and those of the others that are kept."""
    rows = reader.execute(
        "SELECT id, revision, state, json_extract(CAST(document AS TEXT), '$.resolved_by') FROM alerts "
        "WHERE rank >= ? OR id IN (SELECT value FROM json_each(?)) ORDER BY started_at_ns, id",
        (ALERT_STATE_RANK, msgspec.json.encode(list(others)).decode()),
    ).fetchall()
    return [
        Standing(
            id=alert,
            revision=revision,
            open=state != AlertState.RESOLVED,
            told=_told(reader, alert),
            resolved_by=by or "",
        )
        for alert, revision, state, by in rows
    ]


def _told(reader: sqlite3.Connection, alert: str) -> bool:
    row = reader.execute(
        "SELECT state FROM outbox WHERE alert = ? AND status IN ('waiting', 'delivered') ORDER BY revision DESC LIMIT 1",
        (alert,),
    ).fetchone()
    return row is not None and row[0] != AlertState.RESOLVED
