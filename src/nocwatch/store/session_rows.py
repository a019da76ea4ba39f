"""Sessions as they go into their table: all of a batch in a few statements. Runs on the writer's thread, in its transaction.

A session under way is told once a minute, and most of what it is found by stays as it is: such a row is written without its
indices. What always holds: a lower revision never overwrites a higher one, and the hourly sums follow by difference.
"""

# ruff: noqa: S608 - names in the SQL are our own tables and columns; values are always parameters

from __future__ import annotations

import sqlite3
from collections.abc import Collection

import msgspec

from nocwatch.kpis.chains import Link
from nocwatch.kpis.counting import counted
from nocwatch.plans import in_a_word
from nocwatch.sessions import Session
from nocwatch.store import chains
from nocwatch.store.batch import Row, or_none
from nocwatch.store.rollups import SessionPart, Sums

COUNTED = SessionPart._fields
"""Columns that hours are made from, as they stand in the table."""
FOUND_BY = (
    "station",
    "evse",
    "connector",
    "started_at_ns",
    "outcome",
    "reason",
    "transaction_id",
    "token",
    "reservation",
    "limited",
)
"""Columns of indices; a test asks SQLite whether these are all."""
OTHERS = ("upstream", "blame", "start_source", "late", "revision", "cost", "currency")
_COLUMNS = (*COUNTED, *(name for name in FOUND_BY if name not in COUNTED), *OTHERS)
_KEYS = tuple(_COLUMNS.index(name) for name in FOUND_BY)
_REST = tuple(index for index, name in enumerate(_COLUMNS) if name not in FOUND_BY)
_TOKEN = _COLUMNS.index("token")
COST_MILLIONTHS_MAX = 2**63 - 1
"""What the column holds: nine billions; a cost beyond that is no cost."""

_ENCODE = msgspec.json.Encoder().encode
_KNOWN = f"SELECT id, number, revision, visit, {', '.join(_COLUMNS)} FROM sessions WHERE id IN (SELECT value FROM json_each(?))"
_INSERT = f"INSERT INTO sessions ({', '.join(_COLUMNS)}, id) VALUES ({','.join('?' * (len(_COLUMNS) + 1))})"
_UPDATE = f"UPDATE sessions SET {', '.join(f'{name} = ?' for name in _COLUMNS)} WHERE number = ?"
_GO_ON = f"UPDATE sessions SET {', '.join(f'{_COLUMNS[index]} = ?' for index in _REST)} WHERE number = ?"
_DOCUMENT = (
    "INSERT INTO session_documents SELECT number, ? FROM sessions WHERE id = ? "
    "ON CONFLICT (number) DO UPDATE SET document = excluded.document"
)


def put(writer: sqlite3.Connection, sessions: Collection[Session], sums: Sums) -> None:
    """Keeps the higher revision of each; of two alike the later word, which a replay makes the same."""
    ids = msgspec.json.encode([session.id for session in sessions]).decode()
    known = {row[0]: row[1:] for row in writer.execute(_KNOWN, (ids,))}
    fresh: list[Row] = []
    found_anew: list[Row] = []
    going_on: list[Row] = []
    documents: list[tuple[bytes, str]] = []
    moves: list[chains.Move] = []
    for session in sessions:
        before = known.get(session.id)
        if before is not None and before[1] > session.revision:
            continue
        row = row_of(session)
        if before is None:
            fresh.append((*row, session.id))
            attempt = None
        else:
            number, held = before[0], before[3:]
            attempt = _attempt(session.id, held, before[2])
            sums.session(SessionPart(*held[: len(COUNTED)]), -1)
            if all(row[index] == held[index] for index in _KEYS):
                going_on.append((*[row[index] for index in _REST], number))
            else:
                found_anew.append((*row, number))
        sums.session(SessionPart(*row[: len(COUNTED)]), 1)
        now = _attempt(session.id, row, None if before is None else before[2])
        if now != attempt:
            moves.append((attempt, now))
        documents.append((_ENCODE(session), session.id))
    told = chains.settle(writer, moves, sums)
    writer.executemany(_INSERT, fresh)
    writer.executemany(_UPDATE, found_anew)
    writer.executemany(_GO_ON, going_on)
    writer.executemany(_DOCUMENT, documents)
    chains.put(writer, told)


def _attempt(session_id: str, row: Row, told: int | None) -> Link | None:
    """What of a row makes chains; None where it is no attempt, or none that is over."""
    part = SessionPart(*row[: len(COUNTED)])
    if not part.attempts:
        return None
    until_ns = part.changed_at_ns if part.stopped_at_ns is None else part.stopped_at_ns
    return Link(
        part.started_at_ns,
        max(part.started_at_ns, until_ns),
        session_id,
        row[_TOKEN],
        part.station,
        part.evse,
        part.connector,
        part.outcome,
        told,
    )


def row_of(session: Session) -> Row:
    """In the order of the columns."""
    cost, currency, reservation, limited = _planned(session)
    return (
        session.station,
        or_none(session.evse),
        or_none(session.connector),
        session.started_at_ns,
        session.stopped_at_ns,
        session.changed_at_ns,
        session.energy_wh,
        session.outcome.value,
        *counted(session),
        session.reason,
        None if session.transaction is None else str(session.transaction),
        session.token or None,
        reservation,
        limited,
        session.upstream,
        session.blame,
        session.start_source,
        session.late,
        session.revision,
        cost,
        currency,
    )


def _planned(session: Session) -> tuple[int | None, str | None, int | None, str]:
    """Cost as reported, its currency, the reservation's id, and the plan in a word: what sessions are searched by."""
    reported = session.costs.reported if session.costs is not None else None
    cost = None if reported is None or reported.amount is None else round(reported.amount * 1_000_000)
    if cost is not None and abs(cost) > COST_MILLIONTHS_MAX:
        cost = None
    limits = session.plan.limits if session.plan is not None else ()
    return (
        cost,
        None if cost is None or reported is None else reported.currency,
        None if session.reservation is None else session.reservation.id,
        in_a_word(limits).value,
    )
