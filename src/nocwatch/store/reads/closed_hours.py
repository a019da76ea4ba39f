"""What of the sums lies in hours in which a site is closed: it is taken off utilisation, which is of open time.

Only connectors whose site has opening hours that are understood are looked at, hour by hour. Of an hour that is closed in part its
share is taken, as if what the hour holds were spread evenly over it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from nocwatch.kpis.grouping import Cell, add
from nocwatch.kpis.opening import closed
from nocwatch.kpis.spans import Span, cut, length_ns
from nocwatch.moments import HOUR_NS
from nocwatch.registry.places import Place
from nocwatch.store.reads.cells import WHOLE_TIME, Cells, Era, eras_of, of_stations
from nocwatch.store.rollups import columns_of, is_station

Connector = tuple[str, int, int]
_TAKEN = {"occupied_ns": "closed_occupied_ns", "charging_ns": "closed_charging_ns"}


class _Closed:
    """A site's closed time in the window, and how much of each hour that is."""

    def __init__(self, spans: list[Span]) -> None:
        self.spans = spans
        self.of_hour: dict[int, int] = {}
        for begin, end in spans:
            for hour in range(begin // HOUR_NS, -(-end // HOUR_NS)):
                length = min(end, (hour + 1) * HOUR_NS) - max(begin, hour * HOUR_NS)
                self.of_hour[hour] = self.of_hour.get(hour, 0) + length


def closed_cells(
    reader: sqlite3.Connection,
    stations: Sequence[str] | None,
    place: Callable[[str], Place],
    window: tuple[int, int],
    split: str = "",
) -> list[Cell]:
    """``closed_ns``, and what of it was occupied and charging, of each connector of a site that closes; of whole hours up to now."""
    from_ns, until_ns = window
    known: dict[tuple[str, str], _Closed] = {}
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
        if hours not in known:
            known[hours] = _Closed(closed(*hours, from_ns, until_ns))
        here = (station, evse, connector)
        spans = cut(known[hours].spans, max(from_ns, first_ns), until_ns)
        if spans:
            parts = eras.get(station, WHOLE_TIME)
            _time(found, here, parts, spans, lasting.get(here))
            _hours(reader, found, here, parts, known[hours].of_hour, window)
    return list(found.values())


def _time(
    found: Cells,
    here: Connector,
    parts: Sequence[Era],
    spans: list[Span],
    lasting: tuple[str, int] | None,
) -> None:
    """Closed time since the first sight; and what lasts, which is in no hour's sum yet."""
    for first, last, part in parts:
        inside = cut(spans, first * HOUR_NS, last * HOUR_NS)
        if not inside:
            continue
        sums = found.at(*here, part).sums
        add(sums, {"closed_ns": length_ns(inside)})
        if lasting is not None:
            status, since_ns = lasting
            _take(sums, columns_of(status), length_ns(cut(inside, since_ns, inside[-1][1])))


def _take(sums: dict[str, int], columns: Sequence[str], length: int) -> None:
    for column in columns:
        if column == "unknown_ns":
            add(sums, {"closed_ns": -length})
        elif column in _TAKEN:
            add(sums, {_TAKEN[column]: length})


def _hours(
    reader: sqlite3.Connection,
    found: Cells,
    here: Connector,
    parts: Sequence[Era],
    of_hour: dict[int, int],
    window: tuple[int, int],
) -> None:
    rows = reader.execute(
        "SELECT hour, occupied_ns, charging_ns, unknown_ns FROM hours WHERE station = ? AND evse = ? AND connector = ? "
        "AND hour >= ? AND hour < ? AND (occupied_ns > 0 OR unknown_ns > 0)",
        (*here, window[0] // HOUR_NS, -(-window[1] // HOUR_NS)),
    )
    for hour, *amounts in rows:
        # Of a year of a large fleet these are a million rows, and most are of open hours.
        if not (share_ns := of_hour.get(hour, 0)):
            continue
        part = next((name for first, last, name in parts if first <= hour < last), None)
        if part is not None:
            sums = found.at(*here, part).sums
            for column, amount in zip(("occupied_ns", "charging_ns", "unknown_ns"), amounts, strict=True):
                _take(sums, (column,), amount * share_ns // HOUR_NS)
