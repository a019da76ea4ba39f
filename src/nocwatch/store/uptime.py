"""Uptime of each port month by month, as a grantee files it, from the store's states and sessions and the operator's registry.

What always holds: an outage, and what is taken off it, is in the list that stands behind the percentage.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec

from nocwatch.kpis.excused import Exclusion, Excused
from nocwatch.kpis.opening import closed
from nocwatch.kpis.ports import Port, PortFacts
from nocwatch.kpis.regulations import CLOSED, NEVI, REGULATIONS, WORK, Regulation
from nocwatch.kpis.uptime import PortMonth, Seen, Uptime, pooled, uptime
from nocwatch.moments import DAY_NS, SECOND_NS
from nocwatch.registry.places import Place, Places, Scope
from nocwatch.store.key_figures import of_current, place_of, stations_of
from nocwatch.store.reads import service

YEAR_NS = 365 * DAY_NS
"""525 600 minutes, the year of 23 CFR 680.116(b)(3)."""
NETWORK = "(network)"


def months(from_ns: int, until_ns: int, timezone: str) -> list[tuple[str, int, int]]:
    """The calendar months that the time touches: name, beginning, end."""
    zone = ZoneInfo(timezone)
    at = datetime.fromtimestamp(from_ns // SECOND_NS, zone)
    year, month = at.year, at.month
    found = []
    while (start_ns := _midnight_ns(year, month, zone)) < until_ns:
        year, month, name = (year + month // 12, month % 12 + 1, f"{year:04d}-{month:02d}")
        found.append((name, start_ns, _midnight_ns(year, month, zone)))
    return found


def _midnight_ns(year: int, month: int, zone: ZoneInfo) -> int:
    return int(datetime(year, month, 1, tzinfo=zone).timestamp()) * SECOND_NS


def uptime_months(
    reader: sqlite3.Connection,
    places: Places,
    scope: Scope,
    wanted: Sequence[tuple[str, int, int]],
    now_ns: int,
    regulations: Sequence[str] = (),
) -> list[PortMonth]:
    """By regulation, month and port.

    Args:
        reader: a connection to the store.
        places: the registry.
        scope: which stations.
        wanted: months, as ``months`` makes them; one that still lasts is told up to ``now_ns``.
        now_ns: now.
        regulations: for every port; without any each port is told by those that its registry entry falls under, and, where no
            port falls under any, those of which the registry tells no country by NEVI's text.
    """
    if not wanted:
        return []
    place = place_of(reader, places)
    stations = stations_of(reader, place, scope)
    first_ns = min(start - YEAR_NS for _, start, _ in wanted)
    last_ns = min(now_ns, max(end for _, _, end in wanted))
    heard = service.ports(reader, stations, first_ns, last_ns)
    facts = sorted(
        (
            _in_service(each, place(each.port.station))
            for each in heard
            if scope.current is None or of_current(scope.current, place(each.port.station), *each.port[1:])
        ),
        key=lambda each: each.port,
    )
    own = {each.port: _own(place(each.port.station)) for each in facts}
    names = tuple(regulations) or tuple(
        name for name in REGULATIONS if any(name in each for each in own.values())
    )
    excused = _Excusing(places, first_ns, last_ns)

    found: list[PortMonth] = []
    for regulation in [REGULATIONS[name] for name in names] or [NEVI]:
        mine = [
            each
            for each in facts
            if (
                regulations
                or regulation.name in own[each.port]
                or (not names and not place(each.port.station).country)
            )
            and _speaks_of(regulation, place(each.port.station), each.port)
        ]
        for name, start_ns, end_ns in wanted:
            until_ns = min(end_ns, now_ns)
            if start_ns < until_ns:
                month = _Month(name, start_ns, until_ns, _year_start_ns(regulation, until_ns))
                found += _month(regulation, month, mine, place, excused)
    return found


class _Month(msgspec.Struct, frozen=True):
    name: str
    from_ns: int
    until_ns: int
    year_ns: int


def _month(
    regulation: Regulation,
    month: _Month,
    facts: Sequence[PortFacts],
    place: Callable[[str], Place],
    excused: _Excusing,
) -> list[PortMonth]:
    nows, years, rows = [], [], []
    for each in facts:
        off = excused.of(place(each.port.station))
        seen = Seen.of(regulation, each, month.until_ns)
        now = uptime(regulation, each, off, month.from_ns, month.until_ns, seen=seen)
        if now.total_ns <= 0:
            continue
        year = uptime(regulation, each, off, month.year_ns, month.until_ns, listed=False, seen=seen)
        nows.append(now)
        years.append(year)
        row = _row(regulation, month, [now], [year])
        at = place(each.port.station)
        evse, connector = _number(each.port.evse), _number(each.port.connector)
        rows.append(
            msgspec.structs.replace(
                row,
                station=each.port.station,
                evse=evse,
                connector=connector,
                evse_id=at.evse_id(evse, connector),
                site=at.site,
                holds=None if regulation.pooled else row.holds,
                outages=now.outages,
            )
        )
    return [*rows, _row(regulation, month, nows, years)] if regulation.pooled and rows else rows


def _row(regulation: Regulation, month: _Month, nows: Sequence[Uptime], years: Sequence[Uptime]) -> PortMonth:
    """Of the network; a port's says whose it is."""
    fault_free, by_service = pooled(nows)
    year_fault_free, year_by_service = pooled(years)
    return PortMonth(
        regulation=regulation.name,
        month=month.name,
        station=NETWORK,
        evse=None,
        connector=None,
        evse_id="",
        site="",
        total_ns=sum(each.total_ns for each in nows),
        outage_ns=sum(each.outage_ns for each in nows),
        excluded_ns=sum(each.excluded_ns for each in nows),
        fault_free=fault_free,
        service_outage_ns=sum(each.service_outage_ns for each in nows),
        service_excluded_ns=sum(each.service_excluded_ns for each in nows),
        by_service=by_service,
        unknown_ns=sum(each.unknown_ns for each in nows),
        year_fault_free=year_fault_free,
        year_by_service=year_by_service,
        required=regulation.required,
        holds=regulation.holds(year_fault_free),
    )


def _number(number: int) -> int | None:
    return None if number < 0 else number


def _in_service(facts: PortFacts, place: Place) -> PortFacts:
    """From the day on which its station was commissioned: what it said on the builders' desk is no outage."""
    if place.commissioned is None:
        return facts
    day = place.commissioned
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(place.timezone))
    return facts._replace(since_ns=max(facts.since_ns, int(midnight.timestamp()) * SECOND_NS))


def _own(place: Place) -> tuple[str, ...]:
    return place.regulations


def _speaks_of(regulation: Regulation, place: Place, port: Port) -> bool:
    """Whether the text is about such a port; one of which the registry tells neither current nor power is not left out."""
    evse, connector = _number(port.evse), _number(port.connector)
    current = place.current_of(evse, connector)
    power_kw = place.power_kw(evse, connector)
    if regulation.current and current and current != regulation.current:
        return False
    return regulation.power_kw_min is None or power_kw is None or power_kw >= regulation.power_kw_min


def _year_start_ns(regulation: Regulation, until_ns: int) -> int:
    if not regulation.pooled:
        return until_ns - YEAR_NS
    # The instant before, so that December's year is its own.
    year = datetime.fromtimestamp((until_ns - 1) // SECOND_NS, UTC).year
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * SECOND_NS


class _Excusing:
    """The registry's exclusions, its maintenance as scheduled work, and closed hours; ready once for stations that have the same."""

    def __init__(self, places: Places, from_ns: int, until_ns: int) -> None:
        self._places, self._from_ns, self._until_ns = places, from_ns, until_ns
        self._closed: dict[tuple[str, str], list[Exclusion]] = {}
        self._ready: dict[tuple[object, ...], Excused] = {}
        self._known: dict[str, Excused] = {}

    def of(self, place: Place) -> Excused:
        if place.station not in self._known:
            own, hours = self._own(place), (place.opening_hours, place.timezone)
            key = (*own, hours)
            if key not in self._ready:
                self._ready[key] = Excused([*own, *self._outside(*hours)])
            self._known[place.station] = self._ready[key]
        return self._known[place.station]

    def _own(self, place: Place) -> list[Exclusion]:
        from_ns, until_ns = self._from_ns, self._until_ns
        found = [
            Exclusion(each.from_ns, each.until_ns, each.cause, each.note)
            for each in self._places.exclusions_of(place, from_ns, until_ns)
        ]
        return found + [
            Exclusion(max(each.from_ns, from_ns), min(each.until_ns, until_ns), WORK, each.note)
            for each in self._places.maintenance
            if each.from_ns < until_ns and each.until_ns > from_ns and each.scope.covers(place)
        ]

    def _outside(self, hours: str, timezone: str) -> list[Exclusion]:
        if (hours, timezone) not in self._closed:
            spans = closed(hours, timezone, self._from_ns, self._until_ns)
            self._closed[hours, timezone] = [Exclusion(start, end, CLOSED) for start, end in spans]
        return self._closed[hours, timezone]
