"""Forgets what has been kept long enough, in small transactions, so that the watch's batches hardly wait.

What always holds: sums of hours stay when the sessions and states they were made from go. The socket timeline keeps the band
that lasts, however old. Space goes back to the disk in steps too (incremental vacuum).
"""

# ruff: noqa: S608 - names in the SQL are our own tables and columns; values are always parameters

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import structlog
import trio

from nocwatch.moments import DAY_NS, HOUR_NS, SECOND_NS
from nocwatch.store import tokens
from nocwatch.store.errors import StoreUnavailableError
from nocwatch.store.ids import LANES_MAX, lane_range
from nocwatch.store.rollups import MONTH_DAYS
from nocwatch.store.settings import StoreSettings
from nocwatch.store.store import Store

CHUNK_ROWS = 2000
"""Rows of one transaction: a few milliseconds."""
PAUSE_S = 0.05
"""Between transactions, for the watch's batches; 40,000 rows a second all the same."""
VACUUM_PAGES = 500
"""Pages given back in one step: 2 MB."""
INTERVAL_S = 600.0
"""How often to look."""

MONTH_NS = MONTH_DAYS * DAY_NS
"""Of the longest sums; one is kept until its last day is over."""

Step = Callable[[sqlite3.Connection], int]

_log = structlog.get_logger()


def steps(settings: StoreSettings, now_ns: int) -> list[tuple[str, Step]]:
    """One step for each kind of row: deletes at most a chunk and says how many rows that were."""

    def before(kept_for_s: float) -> int:
        return now_ns - int(kept_for_s * SECOND_NS)

    sessions_ns = before(settings.sessions_for)
    return [
        ("frames", lambda writer: _frames(writer, before(settings.frames_for))),
        ("samples", lambda writer: _samples(writer, before(settings.samples_for))),
        ("states", lambda writer: _states(writer, before(settings.states_for))),
        ("sessions", lambda writer: _sessions(writer, sessions_ns)),
        ("flags", lambda writer: _flags(writer, sessions_ns)),
        ("alerts", lambda writer: _alerts(writer, sessions_ns)),
        ("outbox", lambda writer: _outbox(writer, sessions_ns)),
        ("acts", lambda writer: _simple(writer, "acts", "id", "at_ns", sessions_ns)),
        ("audit", lambda writer: _simple(writer, "audit", "id", "at_ns", sessions_ns)),
        ("hours", lambda writer: _hours(writer, "hours", "hour", before(settings.hours_for) // HOUR_NS)),
        ("days", lambda writer: _hours(writer, "days", "day", before(settings.hours_for) // DAY_NS)),
        ("months", lambda writer: _hours(writer, "months", "month", before(settings.hours_for) // MONTH_NS)),
        (
            "start_months",
            lambda writer: _hours(writer, "start_months", "month", before(settings.hours_for) // MONTH_NS),
        ),
        (
            "start_times",
            lambda writer: _hours(writer, "start_times", "hour", before(settings.hours_for) // HOUR_NS),
        ),
        ("answer_times", lambda writer: _answer_times(writer, before(settings.hours_for) // HOUR_NS)),
        ("eras", lambda writer: _eras(writer, before(settings.hours_for))),
        ("token_prefixes", lambda writer: tokens.forget(writer, sessions_ns, CHUNK_ROWS)),
    ]


def forget(store: Store, now_ns: int, pause: Callable[[], None] = lambda: None) -> dict[str, int]:
    """Everything that is due, now; kind → rows. Blocks; ``run`` does the same beside other work."""
    gone: dict[str, int] = {}
    for name, step in steps(store.settings, now_ns):
        while True:
            rows = store.database.write(step)
            gone[name] = gone.get(name, 0) + rows
            pause()
            if rows < CHUNK_ROWS:
                break
    while store.database.write(vacuum_step):
        pause()
    return gone


async def run(store: Store, now_ns: Callable[[], int | None]) -> None:
    """Forgets every ten minutes, until cancelled. ``now_ns`` as for ``look``."""
    while True:
        await look(store, now_ns)
        await trio.sleep(INTERVAL_S)


async def look(store: Store, now_ns: Callable[[], int | None]) -> None:
    """Forgets what is due. A store that cannot be reached is tried again the next time.

    ``now_ns`` says the time; None while nothing is to be forgotten.
    """
    if (at_ns := now_ns()) is None:
        return
    try:
        gone = await trio.to_thread.run_sync(
            lambda: forget(store, at_ns, lambda: trio.from_thread.run(trio.sleep, PAUSE_S))
        )
    except StoreUnavailableError as error:
        _log.warning("retention_put_off", error=str(error), reason=error.reason)
    else:
        if told := {name: rows for name, rows in gone.items() if rows}:
            _log.info("retention", **told)


def vacuum_step(writer: sqlite3.Connection) -> int:
    """Gives some free pages back; how many are left beyond what is worth keeping for new rows."""
    free = int(writer.execute("PRAGMA freelist_count").fetchone()[0])
    pages = int(writer.execute("PRAGMA page_count").fetchone()[0])
    # A tenth stays: the next days' rows go there.
    spare = free - pages // 10
    if spare < VACUUM_PAGES:
        return 0
    writer.execute(f"PRAGMA incremental_vacuum({VACUUM_PAGES})").fetchall()
    return spare - VACUUM_PAGES


def _frames(writer: sqlite3.Connection, before_ns: int) -> int:
    return writer.execute(
        "DELETE FROM frames WHERE id IN (SELECT id FROM frames WHERE at_ns < ? ORDER BY at_ns LIMIT ?)",
        (before_ns, CHUNK_ROWS),
    ).rowcount


def _samples(writer: sqlite3.Connection, before_ns: int) -> int:
    """From the head of each lane; a sample that came late (replayed by a station) goes when the head has reached it."""
    gone = 0
    for lane in range(LANES_MAX):
        first, last = lane_range(lane)
        head = writer.execute(
            "SELECT frame FROM samples WHERE frame BETWEEN ? AND ? ORDER BY frame LIMIT 1", (first, last)
        ).fetchone()
        if head is None:
            continue
        gone += writer.execute(
            "DELETE FROM samples WHERE (frame, ordinal) IN "
            "(SELECT frame, ordinal FROM samples WHERE frame BETWEEN ? AND ? ORDER BY frame LIMIT ?) AND at_ns < ?",
            (first, last, CHUNK_ROWS - gone, before_ns),
        ).rowcount
        if gone >= CHUNK_ROWS:
            break
    return gone


def _states(writer: sqlite3.Connection, before_ns: int) -> int:
    rows = writer.execute(
        "SELECT station, evse, connector, from_ns FROM states WHERE until_ns IS NOT NULL AND until_ns < ? ORDER BY until_ns LIMIT ?",
        (before_ns, CHUNK_ROWS),
    ).fetchall()
    writer.executemany(
        "DELETE FROM states WHERE station = ? AND evse = ? AND connector = ? AND from_ns = ?", rows
    )
    return len(rows)


def _sessions(writer: sqlite3.Connection, before_ns: int) -> int:
    numbers = writer.execute(
        "SELECT number FROM sessions WHERE started_at_ns < ? AND outcome <> 'ongoing' ORDER BY started_at_ns LIMIT ?",
        (before_ns, CHUNK_ROWS),
    ).fetchall()
    writer.executemany("DELETE FROM session_documents WHERE number = ?", numbers)
    writer.executemany("DELETE FROM sessions WHERE number = ?", numbers)
    return len(numbers)


def _flags(writer: sqlite3.Connection, before_ns: int) -> int:
    """With what says which alerts told of them: an alert's document names only some of its flags."""
    ids = writer.execute(
        "SELECT id FROM flags WHERE onset_at_ns < ? AND state = 'cleared' AND at_ns < ? ORDER BY onset_at_ns LIMIT ?",
        (before_ns, before_ns, CHUNK_ROWS),
    ).fetchall()
    writer.executemany("DELETE FROM alert_flags WHERE flag = ?", ids)
    writer.executemany("DELETE FROM flags WHERE id = ?", ids)
    return len(ids)


def _alerts(writer: sqlite3.Connection, before_ns: int) -> int:
    ids = writer.execute(
        "SELECT id, document FROM alerts WHERE started_at_ns < ? AND state = 'resolved' AND at_ns < ? ORDER BY started_at_ns LIMIT ?",
        (before_ns, before_ns, CHUNK_ROWS),
    ).fetchall()
    for alert_id, document in ids:
        writer.execute("DELETE FROM alert_moments WHERE alert = ?", (alert_id,))
        writer.execute(
            "DELETE FROM alert_flags WHERE alert = ? AND flag IN (SELECT value FROM json_each(?, '$.flags'))",
            (alert_id, document),
        )
        writer.execute("DELETE FROM alerts WHERE id = ?", (alert_id,))
    return len(ids)


def _outbox(writer: sqlite3.Connection, before_ns: int) -> int:
    gone = 0
    for status in ("delivered", "given_up", "superseded"):
        gone += writer.execute(
            "DELETE FROM outbox WHERE number IN (SELECT number FROM outbox WHERE status = ? AND at_ns < ? ORDER BY at_ns LIMIT ?)",
            (status, before_ns, CHUNK_ROWS - gone),
        ).rowcount
    return gone


def _simple(writer: sqlite3.Connection, table: str, key: str, column: str, before_ns: int) -> int:
    return writer.execute(
        f"DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} WHERE {column} < ? ORDER BY {column} LIMIT ?)",
        (before_ns, CHUNK_ROWS),
    ).rowcount


def _hours(writer: sqlite3.Connection, table: str, span: str, before: int) -> int:
    """Connector by connector, since the hour or day comes after it in the key."""
    gone = 0
    for station, evse, connector in writer.execute(
        "SELECT station, evse, connector FROM hour_keys"
    ).fetchall():
        gone += writer.execute(
            f"DELETE FROM {table} WHERE station = ? AND evse = ? AND connector = ? AND {span} < ?",
            (station, evse, connector, before),
        ).rowcount
        if gone >= CHUNK_ROWS:
            break
    return gone


def _answer_times(writer: sqlite3.Connection, before: int) -> int:
    gone = 0
    for upstream, action in writer.execute("SELECT DISTINCT upstream, action FROM answer_times").fetchall():
        gone += writer.execute(
            "DELETE FROM answer_times WHERE upstream = ? AND action = ? AND hour < ?",
            (upstream, action, before),
        ).rowcount
        if gone >= CHUNK_ROWS:
            break
    return gone


def _eras(writer: sqlite3.Connection, before_ns: int) -> int:
    """Those that another one has followed before the hours begin that are kept."""
    return writer.execute(
        "DELETE FROM eras WHERE (station, from_ns) IN (SELECT station, from_ns FROM (SELECT station, from_ns, "
        "lead(from_ns) OVER (PARTITION BY station ORDER BY from_ns) AS next_ns FROM eras) WHERE next_ns < ? LIMIT ?)",
        (before_ns, CHUNK_ROWS),
    ).rowcount
