"""What is to be told to whom, and how that went. Rows of the store; ``alerts/dispatcher.py`` sends them.

What always holds: a row is made in the transaction that keeps the alert's revision, once for each receiver, and never again.
For one alert and receiver rows go out in order of revision.
"""

# ruff: noqa: S608 - names in the SQL are our own tables and columns; values are always parameters

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from nocwatch.alerts.alert import Alert
from nocwatch.alerts.notification import OutboxCounts, OutboxRow

_ALERT = msgspec.json.Decoder(Alert)

ERROR_CHARACTERS_MAX = 500
"""Of a receiver's answer that are kept: enough to see what it is, not a page of HTML."""


_FIRST_THAT_WAITS = (
    "status = 'waiting' AND NOT EXISTS (SELECT 1 FROM outbox AS before WHERE before.alert = o.alert "
    "AND before.receiver = o.receiver AND before.revision < o.revision AND before.status = 'waiting')"
)


def due(reader: sqlite3.Connection, receiver: str, now_ns: int, limit: int) -> list[OutboxRow]:
    """Rows whose time has come, the oldest first; of each alert only the first that waits."""
    rows = reader.execute(
        "SELECT number, alert, receiver, revision, attempts, document, at_ns FROM outbox AS o WHERE receiver = ? "
        f"AND next_attempt_ns <= ? AND {_FIRST_THAT_WAITS} ORDER BY next_attempt_ns, number LIMIT ?",
        (receiver, now_ns, limit),
    )
    return [
        OutboxRow(
            number=number,
            alert_id=alert,
            receiver=name,
            revision=revision,
            attempts=attempts,
            at_ns=at_ns,
            alert=_ALERT.decode(document),
        )
        for number, alert, name, revision, attempts, document, at_ns in rows
    ]


def next_due_ns(reader: sqlite3.Connection, receiver: str) -> int | None:
    """When the next row of the receiver comes due; None where none waits."""
    row = reader.execute(
        f"SELECT min(next_attempt_ns) FROM outbox AS o WHERE receiver = ? AND {_FIRST_THAT_WAITS}",
        (receiver,),
    ).fetchone()
    return None if row[0] is None else int(row[0])


def delivered(writer: sqlite3.Connection, number: int, at_ns: int) -> None:
    _end(writer, number, "delivered", at_ns, "")


def given_up(writer: sqlite3.Connection, number: int, at_ns: int, error: str) -> None:
    _end(writer, number, "given_up", at_ns, error)


def retry(writer: sqlite3.Connection, number: int, next_attempt_ns: int, error: str) -> None:
    writer.execute(
        "UPDATE outbox SET attempts = attempts + 1, next_attempt_ns = ?, last_error = ? WHERE number = ? AND status = 'waiting'",
        (next_attempt_ns, error[:ERROR_CHARACTERS_MAX], number),
    )


def supersede(writer: sqlite3.Connection, number: int, at_ns: int) -> bool:
    """Drops a row where a newer revision of its alert waits for the same receiver. For one that failed before, or is old.

    Where that newer one says only that all is over, and the receiver never heard that it had begun, it goes too. Not so where
    the watch has no memory of how it went on: it may not be over, so its beginning is told.
    """
    row = writer.execute(
        "SELECT alert, receiver, revision FROM outbox WHERE number = ?", (number,)
    ).fetchone()
    if row is None:
        return False
    alert, receiver, revision = row
    newer = writer.execute(
        "SELECT number, state, json_extract(CAST(document AS TEXT), '$.forgotten') FROM outbox "
        "WHERE alert = ? AND receiver = ? AND revision > ? AND status = 'waiting' ORDER BY revision",
        (alert, receiver, revision),
    ).fetchall()
    if not newer:
        return False
    told = writer.execute(
        "SELECT state FROM outbox WHERE alert = ? AND receiver = ? AND status = 'delivered' ORDER BY revision DESC LIMIT 1",
        (alert, receiver),
    ).fetchone()
    unheard = told is None or told[0] == "resolved"
    _, state, forgotten = newer[-1]
    if unheard and forgotten and len(newer) == 1:
        return False
    _end(writer, number, "superseded", at_ns, None)
    if unheard and state == "resolved" and not forgotten:
        for other, *_ in newer:
            _end(writer, other, "superseded", at_ns, None)
    return True


def abandon(writer: sqlite3.Connection, known: Sequence[str], at_ns: int) -> int:
    """Gives up all rows of receivers that are not known; how many that were."""
    return writer.execute(
        "UPDATE outbox SET status = 'given_up', done_at_ns = ?, last_error = 'There is no such receiver any more.' "
        "WHERE status = 'waiting' AND receiver NOT IN (SELECT value FROM json_each(?))",
        (at_ns, msgspec.json.encode(known).decode()),
    ).rowcount


def counts(reader: sqlite3.Connection) -> list[OutboxCounts]:
    """How many rows of each receiver are in each status."""
    found: dict[str, dict[str, int]] = {}
    for receiver, status, number in reader.execute(
        "SELECT receiver, status, count(*) FROM outbox GROUP BY receiver, status"
    ):
        found.setdefault(receiver, {})[status] = number
    return [OutboxCounts(receiver=receiver, **number) for receiver, number in sorted(found.items())]


def _end(writer: sqlite3.Connection, number: int, status: str, at_ns: int, error: str | None) -> None:
    writer.execute(
        "UPDATE outbox SET status = ?, done_at_ns = ?, attempts = attempts + ?, last_error = coalesce(?, last_error) "
        "WHERE number = ? AND status = 'waiting'",
        (
            status,
            at_ns,
            status != "superseded",
            None if error is None else error[:ERROR_CHARACTERS_MAX],
            number,
        ),
    )
