"""What all lists share: conditions, opaque cursors, and walking ranks from the worst down.

What always holds: a page is cut by the sort key and never by an offset, so page 1000 costs what page 1 does, and rows that
come in meanwhile shift nothing.
"""

# ruff: noqa: S608 - names in the SQL are our own tables and columns; values are always parameters

from __future__ import annotations

import base64
import binascii
import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, TypeVar

import msgspec

from nocwatch.store.errors import BadCursorError
from nocwatch.store.values import Page

ItemT = TypeVar("ItemT")

LIMIT_MAX = 1000
"""Items of a page: more is more than a browser should draw at once."""
STATIONS_BY_INDEX_MAX = 64
"""Up to so many stations are looked up one by one by their index; a longer list is tested while walking in order."""


class Where:
    """Conditions joined by AND, with their values in order."""

    def __init__(self) -> None:
        self.conditions: list[str] = []
        self.values: list[Any] = []

    def add(self, condition: str, *values: Any) -> None:
        self.conditions.append(condition)
        self.values.extend(values)

    def equal(self, column: str, value: Any) -> None:
        if value is not None:
            self.add(f"{column} = ?", value)

    def among(self, column: str, values: Iterable[Any] | None) -> None:
        if values is not None:
            listed = list(values)
            if len(listed) == 1:
                self.add(f"{column} = ?", listed[0])
            elif len(listed) <= STATIONS_BY_INDEX_MAX:
                self.add(f"{column} IN ({','.join('?' * len(listed))})", *listed)
            else:
                # The plus keeps SQLite from gathering every row of thousands of stations only to sort them.
                self.add(
                    f"+{column} IN (SELECT value FROM json_each(?))", msgspec.json.encode(listed).decode()
                )

    def contains(self, columns: Sequence[str], text: str | None) -> None:
        if text:
            pattern = f"%{escaped(text)}%"
            self.add(
                "(" + " OR ".join(f"{column} LIKE ? ESCAPE '\\'" for column in columns) + ")",
                *[pattern] * len(columns),
            )

    def copy(self) -> Where:
        other = Where()
        other.conditions = list(self.conditions)
        other.values = list(self.values)
        return other

    @property
    def sql(self) -> str:
        return "WHERE " + " AND ".join(self.conditions) if self.conditions else ""


def escaped(text: str) -> str:
    """Text that LIKE takes literally."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def cursor_of(*key: int | str) -> str:
    """An opaque name for a place in a list."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def key_of(cursor: str | None, *types: type) -> tuple[Any, ...] | None:
    """The sort key in a cursor.

    Raises:
        BadCursorError: where ``cursor_of`` did not make it for this list.
    """
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(
            cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True
        )
        key = msgspec.json.decode(raw)
    except (ValueError, binascii.Error, UnicodeEncodeError, msgspec.DecodeError):
        key = None
    if (
        not isinstance(key, list)
        or len(key) != len(types)
        or not all(type(part) is kind for part, kind in zip(key, types, strict=True))
        or any(isinstance(part, int) and not -(2**63) <= part < 2**63 for part in key)
    ):
        raise BadCursorError("this is no place in this list; begin again without it")
    return tuple(key)


def limited(limit: int) -> int:
    """A page's size within its bounds."""
    return max(1, min(limit, LIMIT_MAX))


def page(rows: list[ItemT], limit: int, place: Callable[[ItemT], tuple[int | str, ...]]) -> Page[ItemT]:
    """A page of at most ``limit`` rows out of ``limit + 1`` that were asked for."""
    if len(rows) <= limit:
        return Page(rows, None)
    return Page(rows[:limit], cursor_of(*place(rows[limit - 1])))


def walk_ranks(
    reader: sqlite3.Connection,
    select: str,
    where: Where,
    ranks: Collection[int],
    time_column: str,
    after: tuple[Any, ...] | None,
    limit: int,
) -> list[tuple[Any, ...]]:
    """Rows in order of rank, time, id, each descending, at most ``limit``; one index walk for each rank, worst first."""
    rows: list[tuple[Any, ...]] = []
    for rank in sorted(ranks, reverse=True):
        if after is not None and rank > after[0]:
            continue
        here = where.copy()
        here.add("rank = ?", rank)
        if after is not None and rank == after[0]:
            here.add(f"({time_column}, id) < (?, ?)", *after[1:])
        rows += reader.execute(
            f"{select} {here.sql} ORDER BY {time_column} DESC, id DESC LIMIT ?",
            (*here.values, limit - len(rows)),
        ).fetchall()
        if len(rows) >= limit:
            break
    return rows
