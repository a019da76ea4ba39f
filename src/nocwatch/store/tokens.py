"""With which of the operator's prefixes tokens began: kept, since behind the gate nobody can tell any more."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable


def put(writer: sqlite3.Connection, pairs: Iterable[tuple[str, str]], at_ns: int) -> None:
    """Of a token that was noted before, the latest word holds: the operator's prefixes have changed."""
    writer.executemany(
        "INSERT INTO token_prefixes VALUES (?, ?, ?) ON CONFLICT (token) DO UPDATE SET prefix = excluded.prefix, "
        "at_ns = max(at_ns, excluded.at_ns)",
        ((token, prefix, at_ns) for token, prefix in pairs),
    )


def prefixed(reader: sqlite3.Connection, limit: int = -1) -> list[tuple[str, str]]:
    """Key-hash and prefix; of more than the limit the latest noted."""
    return reader.execute(
        "SELECT token, prefix FROM token_prefixes ORDER BY at_ns DESC LIMIT ?", (limit,)
    ).fetchall()


def forget(writer: sqlite3.Connection, before_ns: int, rows: int) -> int:
    """Those noted before that of which no session is kept any more."""
    return writer.execute(
        "DELETE FROM token_prefixes WHERE token IN (SELECT t.token FROM token_prefixes AS t WHERE t.at_ns < ? "
        "AND NOT EXISTS (SELECT 1 FROM sessions AS s WHERE s.token = t.token) LIMIT ?)",
        (before_ns, rows),
    ).rowcount
