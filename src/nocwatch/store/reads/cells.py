"""Sums of each connector over a window, for key figures: whole UTC days from the daily table, the rest from the hourly one.

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
from nocwatch.store.rollups import COLUMNS, DAY_HOURS, columns_of, is_station

_SUMS = ", ".join(f"sum(h.{name})" for name in COLUMNS)
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
    for table, span, begin, end in _parts(first, last, whole_days=not split):
        asked = _Asked(stations, table, span, begin, end, split, whole)
        for row in _rows(reader, asked, _SUMS):
            add(found.at(*row[:4]).sums, dict(zip(COLUMNS, row[4:], strict=True)))
    asked = _Asked(stations, "start_times", "hour", first, last, split, whole)
    for row in _rows(reader, asked, "h.bucket, sum(h.number)", ", h.bucket"):
        if row[5]:
            add(found.at(*row[:4]).start_times, {row[4]: row[5]})
    _time(reader, found, stations, split, (first * HOUR_NS, min(last * HOUR_NS, now_ns)))
    for each in found.values():
        # Of the whole fleet the one cell has what is unknown, and the connectors' cells what is known: below zero then.
        each.sums["known_ns"] = each.sums.get("known_ns", 0) - each.sums.get("unknown_ns", 0)
    return list(found.values())


class _Asked(NamedTuple):
    stations: Sequence[str] | None
    table: str
    span: str
    first: int
    last: int
    split: str
    whole: bool


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


def _parts(first: int, last: int, *, whole_days: bool) -> Iterator[tuple[str, str, int, int]]:
    day, until_day = -(-first // DAY_HOURS), last // DAY_HOURS
    if not whole_days or day >= until_day:
        yield "hours", "hour", first, last
        return
    yield "days", "day", day, until_day
    for begin, end in ((first, day * DAY_HOURS), (until_day * DAY_HOURS, last)):
        if begin < end:
            yield "hours", "hour", begin, end


def _rows(reader: sqlite3.Connection, asked: _Asked, values: str, group: str = "") -> list[tuple]:  # type: ignore[type-arg]
    stations, table, span, first, last, split, whole = asked
    here = "h.station = k.station AND h.evse = k.evse AND h.connector = k.connector"
    where = "k.station = ''" if whole else "k.station <> ''"
    parameters: list[object] = [first, last]
    if stations is not None:
        where += " AND k.station IN (SELECT value FROM json_each(?))"
        parameters.append(msgspec.json.encode(list(stations)).decode())
    if not split:
        return reader.execute(
            f"SELECT k.station, k.evse, k.connector, '', {values} FROM hour_keys AS k CROSS JOIN {table} AS h ON {here} "
            f"AND h.{span} >= ? AND h.{span} < ? WHERE {where} GROUP BY k.station, k.evse, k.connector{group}",
            parameters,
        ).fetchall()
    return reader.execute(
        f"WITH e AS MATERIALIZED ({_era_sql(split)}) "
        f"SELECT k.station, k.evse, k.connector, coalesce(e.part, ''), {values} FROM hour_keys AS k "
        f"LEFT JOIN e ON e.station = k.station CROSS JOIN {table} AS h ON {here} "
        f"AND h.{span} >= max(coalesce(e.first, 0), ?) AND h.{span} < min(coalesce(e.last, {_FOR_EVER}), ?) "
        f"WHERE {where} GROUP BY k.station, k.evse, k.connector, e.part{group}",
        parameters,
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
