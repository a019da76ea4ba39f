"""Which stations a report is of, and what is said where nothing is. It asks a registry and a store, and changes neither.

What always holds: whoever asked for what is not there is told which of their words it was, and the one that they likely meant.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

from nocwatch.errors import NocwatchError
from nocwatch.moments import rfc3339
from nocwatch.reports.book import Book
from nocwatch.sentences import likely
from nocwatch.store.reading import every_session
from nocwatch.store.values import SessionFilter


def stations_of(book: Book, seen: Collection[str], asked: dict[str, str | None]) -> tuple[str, ...] | None:
    """The stations that all filters name; None where none is given. Fields are those of a place.

    Raises:
        NocwatchError: there is none.
    """
    given = {name: value for name, value in asked.items() if value is not None}
    if not given:
        return None
    found = book.stations_of(seen, **given)
    if not found:
        raise NocwatchError(_why_none(book, seen, given))
    return tuple(found)


def nothing_found(reader: sqlite3.Connection) -> str:
    """From when to when there are sessions, for who asked for a time or a thing that has none."""
    ends = [next(every_session(reader, SessionFilter(order=order)), None) for order in ("oldest", "newest")]
    if ends[0] is None or ends[1] is None:
        return "there is no session in the store yet"
    first, last = (rfc3339(each.started_at_ns)[:19] + "Z" for each in ends if each is not None)
    return f"no session is such a one; those in the store began from {first} to {last}"


def _why_none(book: Book, seen: Collection[str], given: dict[str, str]) -> str:
    known = {*seen, *book.places.stations()}
    for name, value in given.items():
        if book.stations_of(seen, **{name: value}):
            continue
        there = {str(getattr(book.places.place(each), name)) for each in known} - {""}
        if name == "station":
            return f"--station {value}: no station that was seen or is in the registry is such a one{likely(value, there)}"
        if not there:
            return f"--{name} {value}: no station has any {name}; that is told by the registry (--set registry=FOLDER)"
        return f"--{name} {value}: no station that was seen or is in the registry has such a {name}{likely(value, there)}"
    words = " ".join(f"--{name} {value}" for name, value in given.items())
    return f"{words}: no station that was seen or is in the registry is all of that"
