"""Sums of each connector over a window, for key figures: spans of 32 UTC days, days beside them, and hours beside those.

Bands that still last are in no sum yet: what they have of the window is added here. Where sums are told apart by firmware or
CSMS, an hour belongs to what held when it began.
"""

# ruff: noqa: S608 - names in the SQL are our own tables and columns; values are always parameters

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from nocwatch.kpis.grouping import Cell, add
from nocwatch.moments import HOUR_NS
from nocwatch.store.rollups import COLUMNS, DAY_HOURS, MONTH_DAYS, MONTH_HOURS, columns_of, is_station
from nocwatch.store.summing import COUNTS

_FOR_EVER = 1 << 40
Era = tuple[int, int, str]
"""From which hour, until which, and what held."""
WHOLE_TIME: Sequence[Era] = ((0, _FOR_EVER, ""),)
"""Of a station whose sums are not told apart."""


def cells(
    reader: sqlite3.Connection,
    stations: Sequence[str] | None,
    from_ns: int,
    until_ns: int,
    now_ns: int,
    split: str = "",
    *,
    whole: bool = False,
) -> list[Cell]:
    """Of these stations or of all; the window is rounded outwards to whole hours.

    ``whole``: of all together, from the row that holds the fleet's sums; its counts then stand in one cell of no station.
    """
    first, last = from_ns // HOUR_NS, -(-until_ns // HOUR_NS)
    found = Cells()
    asked = Asked(stations, first, last, split, whole)
    for row in _sums(reader, asked):
        add(found.at(*row[:4]).sums, dict(zip(COLUMNS, row[4:], strict=True)))
    for row in _start_times(reader, asked):
        if row[5]:
            add(found.at(*row[:4]).start_times, {row[4]: row[5]})
    for *key, counts in _start_months(reader, asked):
        add(found.at(*key).start_times, COUNTS.decode(counts))
    _time(reader, found, stations, split, (first * HOUR_NS, min(last * HOUR_NS, now_ns)))
    for each in found.values():
        # Of the whole fleet the one cell has what is unknown, and the connectors' cells what is known: below zero then.
        each.sums["known_ns"] = each.sums.get("known_ns", 0) - each.sums.get("unknown_ns", 0)
    return list(found.values())


class Asked(NamedTuple):
    """Which connectors' sums: of these stations or of all, in which hours, told apart by what; ``whole`` of all together."""

    stations: Sequence[str] | None
    first: int
    last: int
    split: str
    whole: bool

    @property
    def grouped(self) -> str:
        """By connector and part. Where there is but one part it is not named: rows come by connector, and need not be sorted then."""
        return f"GROUP BY k.station, k.evse, k.connector{', e.part' if self.split else ''}"


class Cells(dict[tuple[str, int, int, str], Cell]):
    """Cells by what they are of; one that is asked for is made."""

    def at(self, station: str, evse: int, connector: int, part: str) -> Cell:
        key = (station, evse, connector, part)
        if key not in self:
            self[key] = Cell(*key, {}, {})
        return self[key]


def _time(
    reader: sqlite3.Connection,
    found: Cells,
    stations: Sequence[str] | None,
    split: str,
    window: tuple[int, int],
) -> None:
    """Adds the time since each connector's first sight, and of bands that last what they have of the window."""
    eras, (from_ns, until_ns) = eras_of(reader, split), window
    for station, evse, connector, first_ns in of_stations(
        reader, "SELECT station, evse, connector, first_ns FROM connectors", stations
    ):
        if not is_station(evse, connector):
            for part, length_ns in _within(eras, station, max(from_ns, first_ns), until_ns):
                add(found.at(station, evse, connector, part).sums, {"known_ns": length_ns})
    for station, evse, connector, status, since_ns in of_stations(
        reader, "SELECT station, evse, connector, status, from_ns FROM states", stations, "until_ns IS NULL"
    ):
        if not is_station(evse, connector):
            for part, length_ns in _within(eras, station, max(from_ns, since_ns), until_ns):
                lasting = found.at(station, evse, connector, part).sums
                add(lasting, dict.fromkeys(columns_of(status), length_ns))


_FEW = "likelihood(e.first < e.last, 0.0001)"
"""Of a table that is made for the query SQLite takes a million rows for granted, and would read all hours first to know which to skip."""
_MONTHS, _DAYS, _HOURS = ("months", "month"), ("days", "day"), ("hours", "hour")
_WINDOW = f"""SELECT *, (first + {MONTH_HOURS - 1}) / {MONTH_HOURS} AS first_month, last / {MONTH_HOURS} AS last_month,
    (first + {DAY_HOURS - 1}) / {DAY_HOURS} AS first_day, last / {DAY_HOURS} AS last_day"""
_IN_MONTHS = ("e.first_month", "e.last_month")
_RANGES = (
    (_MONTHS, _IN_MONTHS),
    (_DAYS, ("e.first_day", f"min(e.last_day, e.first_month * {MONTH_DAYS})")),
    (_DAYS, (f"max(e.first_month, e.last_month) * {MONTH_DAYS}", "e.last_day")),
    (_HOURS, ("e.first", f"min(e.last, e.first_day * {DAY_HOURS})")),
    (_HOURS, (f"max(e.first_day, e.last_day) * {DAY_HOURS}", "e.last")),
)
"""What of the window is taken from which table: whole months, the days around them, the hours around those."""
_BESIDE_MONTHS = (
    ("e.first", f"min(e.last, e.first_month * {MONTH_HOURS})"),
    (f"max(e.first_month, e.last_month) * {MONTH_HOURS}", "e.last"),
)


def _sums(reader: sqlite3.Connection, asked: Asked) -> list[tuple]:  # type: ignore[type-arg]
    sums = ", ".join(f"sum({name}) AS {name}" for name in COLUMNS)
    parts = " UNION ALL ".join(
        f"SELECT k.station, k.evse, k.connector, e.part, {sums} FROM {joined(asked, *part)} {asked.grouped}"
        for part in _RANGES
    )
    return read(
        reader, asked, f"SELECT station, evse, connector, part, {sums} FROM ({parts}) GROUP BY 1, 2, 3, 4"
    )


def _start_times(reader: sqlite3.Connection, asked: Asked) -> list[tuple]:  # type: ignore[type-arg]
    parts = " UNION ALL ".join(
        f"SELECT k.station, k.evse, k.connector, e.part, h.bucket, h.number FROM "
        f"{joined(asked, ('start_times', 'hour'), between)}"
        for between in _BESIDE_MONTHS
    )
    return read(
        reader,
        asked,
        f"SELECT station, evse, connector, part, bucket, sum(number) FROM ({parts}) GROUP BY 1, 2, 3, 4, 5",
    )


def _start_months(reader: sqlite3.Connection, asked: Asked) -> list[tuple]:  # type: ignore[type-arg]
    run = joined(asked, ("start_months", "month"), _IN_MONTHS)
    return read(reader, asked, f"SELECT k.station, k.evse, k.connector, e.part, h.counts FROM {run}")


def joined(asked: Asked, table: tuple[str, str], between: tuple[str, str], also: str = "") -> str:
    """Connectors ``k`` with their part ``e`` of the window, each with its run ``h`` of a table; ``also``: what else the run hangs on."""
    name, span = table
    where = "k.station = ''" if asked.whole else "k.station <> ''"
    if asked.stations is not None:
        where += " AND k.station IN (SELECT value FROM json_each(:stations))"
    return (
        f"hour_keys AS k CROSS JOIN e ON {_FEW}{' AND e.station = k.station' if asked.split else ''} {also} CROSS JOIN {name} AS h "
        f"ON h.station = k.station AND h.evse = k.evse AND h.connector = k.connector "
        f"AND h.{span} >= {between[0]} AND h.{span} < {between[1]} WHERE {where}"
    )


def read(reader: sqlite3.Connection, asked: Asked, sql: str, also: str = "", **values: object) -> list[tuple]:  # type: ignore[type-arg]
    """``also``: another table of the query, before ``e``."""
    spans = "SELECT '' AS station, '' AS part, :first AS first, :last AS last"
    if asked.split:
        spans = (
            f"SELECT station, part, max(first, :first) AS first, min(last, :last) AS last FROM ({_era_sql(asked.split)} "
            f"UNION ALL SELECT DISTINCT station, '', 0, {_FOR_EVER} FROM hour_keys "
            "WHERE station NOT IN (SELECT station FROM eras))"
        )
    stations = None if asked.stations is None else msgspec.json.encode(list(asked.stations)).decode()
    return reader.execute(
        f"WITH {also} e AS MATERIALIZED ({_WINDOW} FROM ({spans}) WHERE first < last) {sql}",
        {"first": asked.first, "last": asked.last, "stations": stations, **values},
    ).fetchall()


def _era_sql(split: str) -> str:
    # The first era reaches back for ever: what ran before a station was first described is most likely the same.
    hour = f"(from_ns + {HOUR_NS - 1}) / {HOUR_NS}"
    return (
        f"SELECT station, {split} AS part, CASE WHEN row_number() OVER w = 1 THEN 0 ELSE {hour} END AS first, "
        f"coalesce(lead({hour}) OVER w, {_FOR_EVER}) AS last FROM eras WINDOW w AS (PARTITION BY station ORDER BY from_ns)"
    )


def eras_of(reader: sqlite3.Connection, split: str) -> dict[str, list[Era]]:
    found: dict[str, list[Era]] = {}
    if split:
        for station, part, first, last in reader.execute(_era_sql(split)):
            found.setdefault(station, []).append((first, last, part))
    return found


def _within(
    eras: dict[str, list[Era]], station: str, from_ns: int, until_ns: int
) -> Iterator[tuple[str, int]]:
    for first, last, part in eras.get(station, WHOLE_TIME):
        length_ns = min(until_ns, last * HOUR_NS) - max(from_ns, first * HOUR_NS)
        if length_ns > 0:
            yield part, length_ns


def of_stations(
    reader: sqlite3.Connection, sql: str, stations: Sequence[str] | None, condition: str = "1"
) -> list[tuple]:  # type: ignore[type-arg]
    sql += f" WHERE {condition}"
    if stations is None:
        return reader.execute(sql).fetchall()
    return reader.execute(
        sql + " AND station IN (SELECT value FROM json_each(?))",
        (msgspec.json.encode(list(stations)).decode(),),
    ).fetchall()


def answer_times(
    reader: sqlite3.Connection, from_ns: int, until_ns: int, upstream: str | None = None
) -> dict[tuple[str, str], dict[int, int]]:
    """(upstream, action) → bucket → how many answers."""
    found: dict[tuple[str, str], dict[int, int]] = {}
    for name, action, bucket, number in reader.execute(
        "SELECT upstream, action, bucket, sum(number) FROM answer_times WHERE hour >= ? AND hour < ? "
        "GROUP BY upstream, action, bucket",
        (from_ns // HOUR_NS, -(-until_ns // HOUR_NS)),
    ):
        if upstream is None or name == upstream:
            found.setdefault((name, action), {})[bucket] = number
    return found
