"""What a session or a band adds to the hours it touches. Pure, in whole numbers, so that sums never drift.

The hourly sums are kept by difference: what the new row adds, minus what the stored row had added. So applying a row twice
adds nothing, and ``store.rebuild_hours`` must give the same table from scratch (a test compares them).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from nocwatch.kpis.chains import VISIT_FAILED, VISIT_TROUBLED, VISIT_WELL, Link
from nocwatch.kpis.spread import bucket_of
from nocwatch.moments import HOUR_NS
from nocwatch.network import ConnectorStatus
from nocwatch.sessions import Outcome

COLUMNS = (
    "started",
    "success",
    "failed",
    "cancelled",
    "rejected",
    "energy_j",
    "charging_ns",
    "occupied_ns",
    "down_ns",
    "unknown_ns",
    "attempts",
    "delivered",
    "valid_stops",
    "visits_well",
    "visits_troubled",
    "visits_failed",
    "refused",
)
_INDEX = {name: index for index, name in enumerate(COLUMNS)}
FLEET = ("", -1, -1)
"""The row that holds the sum over all connectors: KPIs of the whole fleet do not read ten thousand stations."""
JOULES_PER_WH = 3600
DAY_HOURS = 24
MONTH_DAYS = 32
"""Of the longest sums: a whole number of days, and no month of any calendar."""
MONTH_HOURS = MONTH_DAYS * DAY_HOURS
HOURS_MAX = 24 * 400
"""Of one session or band. A longer one (a clock that jumped) counts for its last 400 days: a bound on one transaction."""

_OCCUPIED = {
    ConnectorStatus.PREPARING,
    ConnectorStatus.CHARGING,
    ConnectorStatus.SUSPENDED_EV,
    ConnectorStatus.SUSPENDED_EVSE,
    ConnectorStatus.FINISHING,
    ConnectorStatus.OCCUPIED,
}
_DOWN = {ConnectorStatus.OFFLINE, ConnectorStatus.FAULTED, ConnectorStatus.UNAVAILABLE}
_OUTCOMES = {
    Outcome.SUCCESS.value: "success",
    Outcome.FAILED.value: "failed",
    Outcome.CANCELLED.value: "cancelled",
    Outcome.REJECTED.value: "rejected",
}

_COUNTED = ("attempts", "delivered", "valid_stops", "refused")
_VISITS = {VISIT_WELL: "visits_well", VISIT_TROUBLED: "visits_troubled", VISIT_FAILED: "visits_failed"}

Key = tuple[str, int, int, int]
"""Station, EVSE, connector, hour (since 1970)."""


class SessionPart(NamedTuple):
    """What of a session counts for the hours."""

    station: str
    evse: int
    connector: int
    started_at_ns: int
    stopped_at_ns: int | None
    changed_at_ns: int
    energy_wh: float | None
    outcome: str
    attempts: int = 0
    delivered: int = 0
    valid_stops: int = 0
    refused: int = 0
    start_ns: int | None = None


class BandPart(NamedTuple):
    """What of a band counts for the hours; a band without an end counts nothing yet."""

    station: str
    evse: int
    connector: int
    from_ns: int
    until_ns: int | None
    status: str


class Sums:
    """Differences to the hourly table, gathered over a batch."""

    def __init__(self) -> None:
        self.rows: dict[Key, list[int]] = {}
        self.start_times: dict[tuple[str, int, int, int, int], int] = {}
        """By station, EVSE, connector, hour and bucket."""

    def session(self, part: SessionPart, sign: int) -> None:
        """Counts in the hour of the start; the energy is spread evenly over the session's time."""
        hour = part.started_at_ns // HOUR_NS
        self._add(part[:3], hour, "started", sign)
        if column := _OUTCOMES.get(part.outcome):
            self._add(part[:3], hour, column, sign)
        for column in _COUNTED:
            if amount := getattr(part, column):
                self._add(part[:3], hour, column, sign * amount)
        if part.start_ns is not None:
            for where in (part[:3], FLEET):
                key = (*where, hour, bucket_of(part.start_ns))
                self.start_times[key] = self.start_times.get(key, 0) + sign
        if part.energy_wh:
            until_ns = part.changed_at_ns if part.stopped_at_ns is None else part.stopped_at_ns
            for at, share in spread(round(part.energy_wh * JOULES_PER_WH), part.started_at_ns, until_ns):
                self._add(part[:3], at, "energy_j", sign * share)

    def visit(self, first: Link, sign: int) -> None:
        """Counts in the hour in which its first attempt began; what is told of all other attempts counts nothing."""
        if column := _VISITS.get(first.told or 0):
            self._add(
                (first.station, first.evse, first.connector), first.started_at_ns // HOUR_NS, column, sign
            )

    def band(self, part: BandPart, sign: int) -> None:
        columns = columns_of(part.status)
        if part.until_ns is None or not columns or is_station(part.evse, part.connector):
            return
        for hour, length_ns in hours(part.from_ns, part.until_ns):
            for column in columns:
                self._add(part[:3], hour, column, sign * length_ns)

    def longer(self, span_hours: int) -> dict[Key, list[int]]:
        """The same differences by UTC day, or by spans of days."""
        found: dict[Key, list[int]] = {}
        for (station, evse, connector, hour), row in self.rows.items():
            key = (station, evse, connector, hour // span_hours)
            known = found.get(key)
            found[key] = row if known is None else [one + two for one, two in zip(known, row, strict=True)]
        return found

    def start_months(self) -> dict[Key, dict[int, int]]:
        """The differences of start times, by bucket, of 32 days each."""
        found: dict[Key, dict[int, int]] = {}
        for (station, evse, connector, hour, bucket), number in self.start_times.items():
            counts = found.setdefault((station, evse, connector, hour // MONTH_HOURS), {})
            counts[bucket] = counts.get(bucket, 0) + number
        return found

    def _add(self, where: tuple[str, int, int], hour: int, column: str, amount: int) -> None:
        index = _INDEX[column]
        for key in ((*where, hour), (*FLEET, hour)):
            row = self.rows.get(key)
            if row is None:
                row = self.rows[key] = [0] * len(COLUMNS)
            row[index] += amount


def columns_of(status: str) -> tuple[str, ...]:
    """The sums that time in a status goes to. Available and Reserved go to none: they are what is left of known time."""
    if status == ConnectorStatus.CHARGING.value:
        return ("charging_ns", "occupied_ns")
    if status in _OCCUPIED_WORDS:
        return ("occupied_ns",)
    if status in _DOWN_WORDS:
        return ("down_ns",)
    if status == ConnectorStatus.NO_DATA.value:
        return ("unknown_ns",)
    return ()


_OCCUPIED_WORDS = frozenset(status.value for status in _OCCUPIED)
_DOWN_WORDS = frozenset(status.value for status in _DOWN)


def is_station(evse: int, connector: int) -> bool:
    """Whether the number stands for the station itself: connector 0 in 1.6, EVSE 0 in 2.x."""
    return connector == 0 if evse < 0 else evse == 0


def hours(from_ns: int, until_ns: int) -> Iterator[tuple[int, int]]:
    """Each hour that the time touches, with how much of it; at most the last ``HOURS_MAX``."""
    from_ns = max(from_ns, until_ns - HOURS_MAX * HOUR_NS)
    while from_ns < until_ns:
        hour = from_ns // HOUR_NS
        end_ns = min(until_ns, (hour + 1) * HOUR_NS)
        yield hour, end_ns - from_ns
        from_ns = end_ns


def spread(amount: int, from_ns: int, until_ns: int) -> Iterator[tuple[int, int]]:
    """An amount over the hours of a time, by length, in whole numbers whose sum is the amount."""
    parts = list(hours(from_ns, until_ns))
    if not parts:
        yield from_ns // HOUR_NS, amount
        return
    total_ns = sum(length for _, length in parts)
    passed_ns = given = 0
    for hour, length_ns in parts:
        passed_ns += length_ns
        share = amount * passed_ns // total_ns - given
        given += share
        yield hour, share
