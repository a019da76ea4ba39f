"""Sums of days from the hourly table, and the counts of the first page.

Bands that still last are in no hour yet: what they have of each day is added here. There is one for each connector, however
long it has lasted, so that this stays cheap.
"""

# ruff: noqa: S608 - names in the SQL are our own tables and columns; values are always parameters

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec

from nocwatch.flags import Severity
from nocwatch.moments import DAY_NS, HOUR_NS, SECOND_NS
from nocwatch.sessions import Outcome
from nocwatch.store.apply import ALERT_QUIET_RANK, ALERT_STATE_RANK, FLAG_OPEN_RANK
from nocwatch.store.reads.paging import Where
from nocwatch.store.rollups import COLUMNS, FLEET, JOULES_PER_WH, columns_of, is_station
from nocwatch.store.values import DayKpi, Overview

DAYS_MAX = 1830
"""As many as hours are kept for by default."""


def days_until(now_ns: int, days: int, timezone: str) -> list[tuple[int, int]]:
    """The last so many days of a time zone, the one of ``now_ns`` last: (midnight, next midnight) each."""
    zone = ZoneInfo(timezone)
    today = datetime.fromtimestamp(now_ns // SECOND_NS, zone).date()
    # Midnights by the calendar: a day of the change to daylight saving has 23 hours.
    marks = [
        int(datetime.combine(today + timedelta(days=offset), datetime.min.time(), zone).timestamp())
        * SECOND_NS
        for offset in range(1 - days, 2)
    ]
    return list(pairwise(marks))


def kpi_days(
    reader: sqlite3.Connection, stations: Sequence[str] | None, days: int, now_ns: int, timezone: str = "UTC"
) -> list[DayKpi]:
    """Sums of each of the last days, the oldest first, today's up to ``now_ns``.

    Hours belong to the day in which they begin; time zones with half-hour offsets are half an hour off for it.
    """
    spans = days_until(now_ns, max(1, min(days, DAYS_MAX)), timezone)
    totals = [dict.fromkeys(COLUMNS, 0) for _ in spans]
    first, last = spans[0][0] // HOUR_NS, spans[-1][1] // HOUR_NS
    day_of_hour = {}
    for index, (from_ns, until_ns) in enumerate(spans):
        for hour in range(-(-from_ns // HOUR_NS), -(-until_ns // HOUR_NS)):
            day_of_hour[hour] = index
    for row in _hour_rows(reader, stations, first, last):
        index = day_of_hour.get(row[0], -1)
        if index >= 0:
            day = totals[index]
            for name, amount in zip(COLUMNS, row[1:], strict=True):
                day[name] += amount
    known = _known(reader, stations, spans, now_ns, totals)
    return [
        DayKpi(
            from_ns=from_ns,
            until_ns=until_ns,
            sessions=day["started"],
            success=day["success"],
            failed=day["failed"],
            cancelled=day["cancelled"],
            rejected=day["rejected"],
            ongoing=day["started"] - day["success"] - day["failed"] - day["cancelled"] - day["rejected"],
            energy_wh=day["energy_j"] / JOULES_PER_WH,
            charging_ns=day["charging_ns"],
            occupied_ns=day["occupied_ns"],
            down_ns=day["down_ns"],
            known_ns=max(0, known_ns - day["unknown_ns"]),
        )
        for (from_ns, until_ns), day, known_ns in zip(spans, totals, known, strict=True)
    ]


def _hour_rows(
    reader: sqlite3.Connection, stations: Sequence[str] | None, first: int, last: int
) -> list[tuple[int, ...]]:
    sums = ", ".join(f"sum({name})" for name in COLUMNS)
    if stations is None:
        where = "station = ? AND evse = ? AND connector = ? AND hour >= ? AND hour < ?"
        return reader.execute(
            f"SELECT hour, {', '.join(COLUMNS)} FROM hours WHERE {where}",
            (*FLEET, first, last),
        ).fetchall()
    return reader.execute(
        f"SELECT hour, {sums} FROM json_each(?) AS asked JOIN hour_keys AS k ON k.station = asked.value "
        "CROSS JOIN hours AS h ON h.station = k.station AND h.evse = k.evse AND h.connector = k.connector "
        "AND h.hour >= ? AND h.hour < ? GROUP BY hour",
        (msgspec.json.encode(list(stations)).decode(), first, last),
    ).fetchall()


def _known(
    reader: sqlite3.Connection,
    stations: Sequence[str] | None,
    spans: Sequence[tuple[int, int]],
    now_ns: int,
    totals: Sequence[dict[str, int]],
) -> list[int]:
    """Connector time since each connector's first sight, for each day; adds the bands that still last to ``totals``."""
    where = Where()
    where.among("station", stations)
    begun = [
        first_ns
        for evse, connector, first_ns in reader.execute(
            f"SELECT evse, connector, first_ns FROM connectors {where.sql}", where.values
        )
        if not is_station(evse, connector)
    ]
    where.add("until_ns IS NULL")
    lasting: dict[tuple[str, ...], list[int]] = {}
    for evse, connector, status, from_ns in reader.execute(
        f"SELECT evse, connector, status, from_ns FROM states {where.sql}",
        where.values,
    ):
        columns = columns_of(status)
        if columns and not is_station(evse, connector):
            lasting.setdefault(columns, []).append(from_ns)
    for columns, starts in lasting.items():
        for day, amount in zip(totals, _time_since(starts, spans, now_ns), strict=True):
            for name in columns:
                day[name] += amount
    return _time_since(begun, spans, now_ns)


def _time_since(starts: list[int], spans: Sequence[tuple[int, int]], now_ns: int) -> list[int]:
    """For each day, the sum over all starts of the time from the start (or midnight) to the day's end (or now).

    One pass over sorted starts, and not days times connectors: twenty thousand connectors over a year take milliseconds.
    """
    starts = sorted(starts)
    sums = []
    passed = 0
    for from_ns, until_ns in spans:
        end_ns = min(until_ns, now_ns)
        while passed < len(starts) and starts[passed] <= from_ns:
            passed += 1
        total = passed * max(0, end_ns - from_ns)
        index = passed
        while index < len(starts) and starts[index] < end_ns:
            total += end_ns - starts[index]
            index += 1
        sums.append(total)
    return sums


def overview(reader: sqlite3.Connection, now_ns: int) -> Overview:
    outcomes: dict[str, int] = {outcome.value: 0 for outcome in Outcome}
    energy_wh = 0.0
    for outcome, number, energy in reader.execute(
        "SELECT outcome, count(*), total(energy_wh) FROM sessions WHERE started_at_ns >= ? AND started_at_ns < ? GROUP BY outcome",
        (now_ns - DAY_NS, now_ns + DAY_NS),
    ):
        outcomes[outcome] = number
        energy_wh += energy
    return Overview(
        stations=_count(reader, "SELECT count(*) FROM stations"),
        sessions_ongoing=_count(reader, "SELECT count(*) FROM sessions WHERE outcome = 'ongoing'"),
        sessions_24h=outcomes,
        energy_24h_wh=energy_wh,
        flags_raised={
            severity.value: _count(
                reader, "SELECT count(*) FROM flags WHERE rank = ?", FLAG_OPEN_RANK + severity.rank
            )
            for severity in Severity
        },
        alerts_firing={
            severity.value: _count(
                reader, "SELECT count(*) FROM alerts WHERE rank = ?", 2 * ALERT_STATE_RANK + severity.rank
            )
            for severity in Severity
        },
        alerts_acknowledged=_count(
            reader,
            "SELECT count(*) FROM alerts WHERE rank >= ? AND rank < ?",
            ALERT_STATE_RANK,
            ALERT_QUIET_RANK,
        ),
        outbox_waiting=_count(reader, "SELECT count(*) FROM outbox WHERE status = 'waiting'"),
        outbox_given_up=_count(
            reader, "SELECT count(*) FROM outbox WHERE status = 'given_up' AND at_ns >= ?", now_ns - DAY_NS
        ),
    )


def _count(reader: sqlite3.Connection, sql: str, *values: int) -> int:
    return int(reader.execute(sql, values).fetchone()[0])
