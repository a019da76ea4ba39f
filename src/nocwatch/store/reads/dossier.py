"""What a report about one station is made from: its versions, its sessions counted beside everyone's, its link and its errors.

Reads only, on a connection that it is given; each answer is a sum or has a limit.
"""

from __future__ import annotations

import sqlite3

from nocwatch.frames import Direction
from nocwatch.store.tallies import Complaint, Ended, Era, Tally

GROUPS_MAX = 50
"""Kinds of link ends or errors that are told apart: a page has no room for more."""


def tallies(reader: sqlite3.Connection, from_ns: int, until_ns: int) -> list[Tally]:
    """Sessions of all stations that started in the time."""
    return [
        Tally(*row)
        for row in reader.execute(
            "SELECT station, outcome, coalesce(reason, ''), count(*) FROM sessions "
            "WHERE started_at_ns >= ? AND started_at_ns < ? GROUP BY 1, 2, 3",
            (from_ns, until_ns),
        )
    ]


def blames(reader: sqlite3.Connection, station: str, from_ns: int, until_ns: int) -> dict[str, int]:
    """Failed sessions of a station, by whose fault they look like."""
    return {
        str(blame): int(number)
        for blame, number in reader.execute(
            "SELECT coalesce(blame, 'unknown'), count(*) FROM sessions WHERE station = ? AND started_at_ns >= ? "
            "AND started_at_ns < ? AND +outcome = 'failed' GROUP BY 1 ORDER BY 2 DESC, 1",
            (station, from_ns, until_ns),
        )
    }


def eras(reader: sqlite3.Connection, station: str) -> list[Era]:
    """Changes of firmware, the oldest first; a change of the CSMS alone is none."""
    found: list[Era] = []
    for row in reader.execute(
        "SELECT from_ns, firmware FROM eras WHERE station = ? ORDER BY from_ns", (station,)
    ):
        if not found or found[-1].firmware != row[1]:
            found.append(Era(*row))
    return found


def link_events(reader: sqlite3.Connection, station: str, from_ns: int, until_ns: int) -> list[Ended]:
    return [
        Ended(*row)
        for row in reader.execute(
            "SELECT action, reason, count(*) FROM frames WHERE station = ? AND at_ns >= ? AND at_ns < ? "
            "AND kind = 'link' GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT ?",
            (station, from_ns, until_ns, GROUPS_MAX),
        )
    ]


def complaints(reader: sqlite3.Connection, station: str, from_ns: int, until_ns: int) -> list[Complaint]:
    found = []
    for direction, action, code, unanswered, number in reader.execute(
        "SELECT direction, action, error_code, unanswered, count(*) FROM frames WHERE station = ? AND at_ns >= ? "
        "AND at_ns < ? AND (error_code <> '' OR unanswered = 1) GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC, 2, 3 LIMIT ?",
        (station, from_ns, until_ns, GROUPS_MAX),
    ):
        said_by_station = direction == int(Direction.FROM_STATION)
        # A call without an answer lies with the side that it was put to.
        by_station = said_by_station is not bool(unanswered)
        found.append(Complaint("station" if by_station else "csms", action, code, number))
    return found


def first_frame_ns(reader: sqlite3.Connection, station: str) -> int | None:
    """The oldest frame that is kept of it."""
    row = reader.execute("SELECT min(at_ns) FROM frames WHERE station = ?", (station,)).fetchone()
    return None if row[0] is None else int(row[0])
