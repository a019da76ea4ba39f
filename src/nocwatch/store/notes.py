"""What people write into the store: annotations, the audit, and their acts on alerts."""

# ruff: noqa: S608 - names in the SQL are our own tables and columns; values are always parameters

from __future__ import annotations

import sqlite3

import msgspec

from nocwatch.alerts.acts import Act
from nocwatch.store.reads.paging import Where, key_of, limited, page
from nocwatch.store.values import Annotation, AuditEntry, Page

_ACT = msgspec.json.Decoder(Act)

VALUE_CHARACTERS_MAX = 4000
"""Of an annotation: a paragraph or two, not a document."""


def annotate(writer: sqlite3.Connection, note: Annotation) -> None:
    """Sets the field; an empty value removes it."""
    key = (note.subject_kind, note.subject, note.name)
    if not note.value:
        writer.execute("DELETE FROM annotations WHERE subject_kind = ? AND subject = ? AND name = ?", key)
        return
    writer.execute(
        "INSERT INTO annotations VALUES (?,?,?,?,?,?) ON CONFLICT DO UPDATE SET value = excluded.value, "
        "by_whom = excluded.by_whom, at_ns = excluded.at_ns",
        (*key, note.value[:VALUE_CHARACTERS_MAX], note.by, note.at_ns),
    )


def annotations_of(reader: sqlite3.Connection, subject_kind: str, subject: str) -> list[Annotation]:
    return [
        Annotation(subject_kind=subject_kind, subject=subject, name=name, value=value, by=by, at_ns=at_ns)
        for name, value, by, at_ns in reader.execute(
            "SELECT name, value, by_whom, at_ns FROM annotations WHERE subject_kind = ? AND subject = ? ORDER BY name",
            (subject_kind, subject),
        )
    ]


def audit(writer: sqlite3.Connection, entry: AuditEntry) -> int:
    """Appends; the entry's own ``id`` is ignored, the one it got is returned."""
    number = writer.execute(
        "INSERT INTO audit (at_ns, by_whom, action, subject, details, remote_address) VALUES (?,?,?,?,?,?)",
        (entry.at_ns, entry.by, entry.action, entry.subject, entry.details, entry.remote_address),
    ).lastrowid
    assert number is not None
    return number


def audit_entries(
    reader: sqlite3.Connection, subject: str | None, after: str | None, limit: int
) -> Page[AuditEntry]:
    """The newest first."""
    limit = limited(limit)
    where = Where()
    where.equal("subject", subject)
    if key := key_of(after, int):
        where.add("id < ?", *key)
    rows = reader.execute(
        f"SELECT id, at_ns, by_whom, action, subject, details, remote_address FROM audit {where.sql} ORDER BY id DESC LIMIT ?",
        (*where.values, limit + 1),
    )
    entries = [
        AuditEntry(
            id=row[0],
            at_ns=row[1],
            by=row[2],
            action=row[3],
            subject=row[4],
            details=row[5],
            remote_address=row[6],
        )
        for row in rows
    ]
    return page(entries, limit, lambda entry: (entry.id,))


def keep_act(writer: sqlite3.Connection, act: Act) -> None:
    writer.execute("INSERT OR IGNORE INTO acts VALUES (?,?,?)", (act.id, act.at_ns, msgspec.json.encode(act)))


def acts(reader: sqlite3.Connection, since_ns: int) -> list[Act]:
    """Acts made at or after that pipeline time, in their order."""
    rows = reader.execute("SELECT document FROM acts WHERE at_ns >= ? ORDER BY at_ns, id", (since_ns,))
    return [_ACT.decode(row[0]) for row in rows]
