"""What of the sums lies in hours in which a site is closed: it is taken off utilisation, which is of open time.

Only connectors whose site has opening hours that are understood are looked at, hour by hour. Of an hour that is closed in part its
share is taken, as if what the hour holds were spread evenly over it.
"""

# ruff: noqa: S608 - names in the SQL are our own tables and columns; values are always parameters

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate

import msgspec

from nocwatch.kpis.grouping import Cell, add
from nocwatch.kpis.opening import closed
from nocwatch.kpis.spans import Span
from nocwatch.moments import HOUR_NS, MINUTE_NS
from nocwatch.registry.places import Place
from nocwatch.store.reads.cells import WHOLE_TIME, Asked, Cells, eras_of, joined, of_stations, read
from nocwatch.store.rollups import columns_of, is_station

Connector = tuple[str, int, int]
_TAKEN = {"occupied_ns": "closed_occupied_ns", "charging_ns": "closed_charging_ns"}


class _Closed:
    """A site's closed time in the window, and how much of each hour that is."""

    def __init__(self, spans: list[Span]) -> None:
        self._begins = [begin for begin, _ in spans]
        self._spans = spans
        self._before = list(accumulate((end - begin for begin, end in spans), initial=0))
        self.of_hour: dict[int, int] = {}
        for begin, end in spans:
            for hour in range(begin // HOUR_NS, -(-end // HOUR_NS)):
                length = min(end, (hour + 1) * HOUR_NS) - max(begin, hour * HOUR_NS)
                self.of_hour[hour] = self.of_hour.get(hour, 0) + length

    def length_ns(self, from_ns: int, until_ns: int) -> int:
        """How long it is closed within that time."""
        return max(0, self._until_ns(until_ns) - self._until_ns(from_ns)) if from_ns < until_ns else 0

    def _until_ns(self, at_ns: int) -> int:
        index = bisect_right(self._begins, at_ns) - 1
        if index < 0:
            return 0
        begin, end = self._spans[index]
        return self._before[index] + min(end, at_ns) - begin

    def runs(self) -> list[tuple[int, int, int]]:
        """Hours, first and last, of which as many minutes are closed. All but those that the window cuts have whole minutes."""
        found: list[tuple[int, int, int]] = []
        for hour, share_ns in sorted(self.of_hour.items()):
            minutes, rest = divmod(share_ns, MINUTE_NS)
            if rest:
                continue
            if found and found[-1][1:] == (hour, minutes):
                found[-1] = (found[-1][0], hour + 1, minutes)
            else:
                found.append((hour, hour + 1, minutes))
        return found

    def cut_hours(self) -> dict[int, int]:
        return {hour: share_ns for hour, share_ns in self.of_hour.items() if share_ns % MINUTE_NS}


def closed_cells(
    reader: sqlite3.Connection,
    stations: Sequence[str] | None,
    place: Callable[[str], Place],
    window: tuple[int, int],
    split: str = "",
) -> list[Cell]:
    """``closed_ns``, and what of it was occupied and charging, of each connector of a site that closes; of whole hours up to now."""
    from_ns, until_ns = window
    alike: dict[tuple[str, str], tuple[_Closed, set[Connector]]] = {}
    eras, found = eras_of(reader, split), Cells()
    lasting = {
        (station, evse, connector): (status, since_ns)
        for station, evse, connector, status, since_ns in of_stations(
            reader,
            "SELECT station, evse, connector, status, from_ns FROM states",
            stations,
            "until_ns IS NULL",
        )
    }
    for station, evse, connector, first_ns in of_stations(
        reader, "SELECT station, evse, connector, first_ns FROM connectors", stations
    ):
        there = place(station)
        if is_station(evse, connector) or not there.opening_hours:
            continue
        hours = (there.opening_hours, there.timezone)
        if hours not in alike:
            alike[hours] = _Closed(closed(*hours, from_ns, until_ns)), set()
        shut, connectors = alike[hours]
        here = (station, evse, connector)
        since_ns = max(from_ns, first_ns)
        if shut.length_ns(since_ns, until_ns):
            connectors.add(here)
            for first, last, part in eras.get(station, WHOLE_TIME):
                span = max(since_ns, first * HOUR_NS), min(until_ns, last * HOUR_NS)
                _time(found, (*here, part), span, shut, lasting.get(here))
    for shut, connectors in alike.values():
        _hours(reader, found, shut, connectors, Asked(None, *_hours_of(window), split, whole=False))
    return list(found.values())


def _time(
    found: Cells,
    here: tuple[str, int, int, str],
    span: tuple[int, int],
    shut: _Closed,
    lasting: tuple[str, int] | None,
) -> None:
    """Closed time since the first sight; and what lasts, which is in no hour's sum yet."""
    length_ns = shut.length_ns(*span)
    if length_ns:
        sums = found.at(*here).sums
        add(sums, {"closed_ns": length_ns})
        if lasting is not None:
            status, since_ns = lasting
            _take(sums, columns_of(status), shut.length_ns(max(since_ns, span[0]), span[1]))


def _take(sums: dict[str, int], columns: Sequence[str], length: int) -> None:
    for column in columns:
        if column == "unknown_ns":
            add(sums, {"closed_ns": -length})
        elif column in _TAKEN:
            add(sums, {_TAKEN[column]: length})


def _hours_of(window: tuple[int, int]) -> tuple[int, int]:
    return window[0] // HOUR_NS, -(-window[1] // HOUR_NS)


_SUMMED = ("occupied_ns", "charging_ns", "unknown_ns")
_RUNS = (
    "c AS MATERIALIZED (SELECT json_extract(value, '$[0]') AS first, json_extract(value, '$[1]') AS last, "
    "json_extract(value, '$[2]') AS minutes FROM json_each(:runs)), "
)


def _hours(
    reader: sqlite3.Connection, found: Cells, shut: _Closed, connectors: set[Connector], asked: Asked
) -> None:
    """What the closed hours hold of use."""
    if not connectors:
        return
    asked = asked._replace(stations=sorted({station for station, _, _ in connectors}))
    between = ("max(e.first, c.first)", "min(e.last, c.last)")
    sums = ", ".join(f"sum(h.{name} * c.minutes / 60)" for name in _SUMMED)
    rows = read(
        reader,
        asked,
        f"SELECT k.station, k.evse, k.connector, e.part, {sums} FROM "
        f"{joined(asked, ('hours', 'hour'), between, 'CROSS JOIN c ON likelihood(c.minutes > 0, 0.0001)')} {asked.grouped}",
        _RUNS,
        runs=msgspec.json.encode(shut.runs()).decode(),
    )
    for hour, share_ns in shut.cut_hours().items():
        between = (f"max(e.first, {hour})", f"min(e.last, {hour + 1})")
        held = read(
            reader,
            asked,
            f"SELECT k.station, k.evse, k.connector, e.part, {', '.join(_SUMMED)} FROM "
            f"{joined(asked, ('hours', 'hour'), between)}",
        )
        rows += [(*row[:4], *(amount * share_ns // HOUR_NS for amount in row[4:])) for row in held]
    for row in rows:
        if row[:3] in connectors:
            for column, amount in zip(_SUMMED, row[4:], strict=True):
                if amount:
                    _take(found.at(*row[:4]).sums, (column,), amount)
