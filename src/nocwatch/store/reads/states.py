"""Bands of the socket timeline: from when to when a connector was in which status.

Reads only, on a connection that it is given. A band that nothing has ended has no end; none is made up here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from nocwatch.network import ConnectorStatus
from nocwatch.store.batch import NONE
from nocwatch.store.values import Band

BANDS_MAX = 5000
"""Of one connector and query: a connector that flickers more often than a screen has pixels is drawn by its latest."""


def of_station(reader: sqlite3.Connection, station: str, from_ns: int, until_ns: int) -> list[Band]:
    """Bands that touch the time, by connector and start. Ends are as they are, not cut to the time asked for."""
    bands = []
    for evse, connector in reader.execute(
        "SELECT evse, connector FROM connectors WHERE station = ? ORDER BY evse, connector", (station,)
    ).fetchall():
        here = (station, evse, connector)
        # The band in which the time begins is the last one that started before it: found by index, however long ago.
        rows = reader.execute(
            "SELECT from_ns, until_ns, status, error_code FROM states WHERE station = ? AND evse = ? AND connector = ? "
            "AND from_ns >= coalesce((SELECT max(from_ns) FROM states WHERE station = ? AND evse = ? AND connector = ? "
            "AND from_ns <= ?), ?) AND from_ns < ? ORDER BY from_ns DESC LIMIT ?",
            (*here, *here, from_ns, from_ns, until_ns, BANDS_MAX),
        ).fetchall()
        bands += [
            Band(
                station=station,
                evse=None if evse == NONE else evse,
                connector=connector,
                from_ns=start_ns,
                until_ns=end_ns,
                status=ConnectorStatus(status),
                error_code=error_code,
            )
            for start_ns, end_ns, status, error_code in reversed(rows)
            if end_ns is None or end_ns > from_ns
        ]
    return bands


def of_stations(
    reader: sqlite3.Connection, stations: Iterable[str], from_ns: int, until_ns: int
) -> dict[str, list[Band]]:
    """The same for each of several stations: the strips of one page of the fleet."""
    return {station: of_station(reader, station, from_ns, until_ns) for station in stations}


def first_known_ns(reader: sqlite3.Connection) -> int | None:
    """From when on anything is known of any connector."""
    found: int | None = reader.execute("SELECT min(first_ns) FROM connectors").fetchone()[0]
    return found
