"""Key figures of a window, from the store's sums and the operator's registry: what ``report kpis`` and ``/api/kpis`` answer.

What always holds: sums are pooled within each group before anything is divided.
"""

from __future__ import annotations

import fnmatch
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cache

import msgspec

from nocwatch.kpis import figures
from nocwatch.kpis.figures import Figure
from nocwatch.kpis.grouping import UNKNOWN, By, Cell, Group, Query, group_of, name_of, pooled
from nocwatch.kpis.repairs import Repairs, repairs
from nocwatch.kpis.visits import Attempt, VisitSums, visits
from nocwatch.moments import HOUR_NS
from nocwatch.registry.places import Place, Places, Scope
from nocwatch.store.reads import cells as cell_reads
from nocwatch.store.reads import service
from nocwatch.store.reads.closed_hours import closed_cells

_VISITS = ("well", "troubled", "failed")
VISIT_NS_MAX = 6 * HOUR_NS
"""How far beyond the window attempts are looked at that a visit may be made of: no driver tries for longer."""


class GroupFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one group."""

    group: str
    figures: list[Figure]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Figures by group, of the window as it was rounded to hours and cut at now."""

    from_ns: int
    until_ns: int
    by: str
    groups: list[GroupFigures]


def place_of(reader: sqlite3.Connection, places: Places) -> Callable[[str], Place]:
    """Facts of a station: the registry's word, and where it says nothing of vendor, model and firmware the boot's."""
    boots = {row[0]: row[1:] for row in reader.execute("SELECT id, vendor, model, firmware FROM stations")}
    known: dict[str, Place] = {}

    def place(station: str) -> Place:
        if station not in known:
            said = places.place(station)
            vendor, model, firmware = boots.get(station, ("", "", ""))
            known[station] = msgspec.structs.replace(
                said,
                vendor=said.vendor or vendor,
                model=said.model or model,
                firmware=said.firmware or firmware,
            )
        return known[station]

    return place


def stations_of(reader: sqlite3.Connection, place: Callable[[str], Place], scope: Scope) -> list[str] | None:
    """Stations in the scope; None for all. Firmware is left to the eras: what a station runs now says nothing of May.

    Current is left to the connectors: many a station has both kinds. ``(unknown)``, as the group of those of which nothing is said is called, picks these.
    """
    scope = scope.model_copy(update={"firmware": None, "current": None})
    asked = scope.model_dump(exclude_none=True)
    if not asked:
        return None
    unsaid = {name: UNKNOWN for name, pattern in asked.items() if pattern == UNKNOWN}
    names = reader.execute(
        "SELECT id FROM stations UNION SELECT station FROM connectors UNION SELECT station FROM hour_keys"
    )
    return [name for (name,) in names if name and scope.covers(_said(place(name), unsaid))]


def _said(place: Place, unsaid: Mapping[str, str]) -> Place:
    missing = {name: word for name, word in unsaid.items() if not getattr(place, name)}
    return msgspec.structs.replace(place, **missing) if missing else place


def sockets_of(
    reader: sqlite3.Connection, place: Callable[[str], Place], scope: Scope
) -> list[tuple[str, int, int]] | None:
    """Connectors of the scope's current that any sum is of; None where it names no current."""
    wanted = scope.current
    if wanted is None:
        return None
    return [
        (station, evse, connector)
        for station, evse, connector in reader.execute("SELECT station, evse, connector FROM hour_keys")
        if station and of_current(wanted, place(station), evse, connector)
    ]


def of_current(wanted: str, place: Place, evse: int, connector: int) -> bool:
    """Whether a connector is of that kind, by its own entry."""
    return fnmatch.fnmatchcase(name_of("current", place, evse, connector, ""), wanted)


def key_figures(reader: sqlite3.Connection, places: Places, query: Query, now_ns: int) -> Report:
    """Some hundred milliseconds for a month of a thousand stations."""
    place = place_of(reader, places)
    stations = stations_of(reader, place, query.scope)
    from_ns, until_ns = query.from_ns // HOUR_NS * HOUR_NS, -(-query.until_ns // HOUR_NS) * HOUR_NS
    split = query.split
    current = query.scope.current
    whole = stations is None and query.by is By.FLEET and not split and current is None
    cells = cell_reads.cells(reader, stations, from_ns, until_ns, now_ns, split, whole=whole)
    open_until_ns = min(until_ns, now_ns)
    cells += closed_cells(reader, stations, place, (from_ns, open_until_ns), split)
    # Outages and visits are told apart neither by firmware nor by CSMS: they are no figures of either.
    facts = [] if split else service.ports(reader, stations, from_ns, min(until_ns, now_ns), tried=False)
    tried = None if split else _tried(reader, stations, from_ns, until_ns, place)
    answers: dict[tuple[str, str], dict[int, int]] = {}
    if stations is None and not (query.scope.firmware or current) and query.by in ("fleet", "upstream"):
        answers = cell_reads.answer_times(reader, from_ns, until_ns, query.upstream)
    if split:
        wanted = query.upstream if query.upstream is not None else query.scope.firmware
        cells = [
            cell for cell in cells if wanted is None or fnmatch.fnmatchcase(cell.part or UNKNOWN, wanted)
        ]
    if current is not None:
        cells = [
            cell for cell in cells if of_current(current, place(cell.station), cell.evse, cell.connector)
        ]
        facts = [each for each in facts if of_current(current, place(each.port.station), *each.port[1:])]
    groups = pooled(cells, query.by, place)
    sockets = _sockets(cells) if query.by == By.CONNECTOR else {}
    for each in facts:
        found = repairs(each, from_ns, until_ns, now_ns)
        for connector in sockets.get((each.port.station, each.port.evse), [each.port.connector]):
            group = group_of(
                groups, name_of(query.by, place(each.port.station), each.port.evse, connector, "")
            )
            group.repairs = (group.repairs or Repairs()) + found
    if tried is not None and query.by != By.CONNECTOR:
        _add_visits(groups, tried, query, place, (from_ns, until_ns))
    told = [_told(group) for _, group in sorted(groups.items()) if _anything(group)]
    if answers:
        told = _with_answers(told, answers, query.by)
    return Report(from_ns=from_ns, until_ns=min(until_ns, max(now_ns, from_ns)), by=query.by, groups=told)


def _sockets(cells: list[Cell]) -> dict[tuple[str, int], list[int]]:
    """Connectors of each EVSE: what its port went through is told of each of them, not of one that does not exist."""
    found: dict[tuple[str, int], set[int]] = {}
    for cell in cells:
        if cell.evse >= 0 and cell.connector > 0:
            found.setdefault((cell.station, cell.evse), set()).add(cell.connector)
    return {port: sorted(connectors) for port, connectors in found.items()}


def _add_visits(
    groups: dict[str, Group],
    asked: Iterator[Attempt],
    query: Query,
    place: Callable[[str], Place],
    window: tuple[int, int],
) -> None:
    """Visits as they were summed, and those of which none are summed because it hangs on the sites (``kpis/chains.py``)."""
    for group in groups.values():
        well, troubled, failed = (group.sums.get(f"visits_{word}", 0) for word in _VISITS)
        if number := well + troubled + failed:
            group.visits = VisitSums(number, well, troubled, failed)
    # Where a card is shared there are hundreds of thousands of some three kinds: counted first, and added up by connector.
    counted = Counter(
        (first.station, first.evse, first.connector, sums)
        for first, sums in visits(asked)
        if window[0] <= first.started_at_ns < window[1]
    )
    current = query.scope.current
    for (station, evse, connector, sums), number in counted.items():
        there = place(station)
        if current is None or of_current(current, there, evse, connector):
            group = group_of(groups, name_of(query.by, there, evse, connector, ""))
            group.visits = (group.visits or VisitSums()) + sums.times(number)


def _anything(group: Group) -> bool:
    """False of what was counted and taken back: a session whose connector was learnt later was one of no connector before."""
    return (
        any(group.sums.values())
        or any(group.start_times.values())
        or group.visits is not None
        or any(group.repairs or ())
    )


def _tried(
    reader: sqlite3.Connection,
    stations: list[str] | None,
    from_ns: int,
    until_ns: int,
    place: Callable[[str], Place],
) -> Iterator[Attempt] | None:
    """Attempts of the window's visits that are in no sum.

    A visit is of the window in which it began, and may have begun before it or go on after it.
    """
    return service.attempts(
        reader, stations, from_ns - VISIT_NS_MAX, until_ns + VISIT_NS_MAX, _site_of(place)
    )


def _site_of(place: Callable[[str], Place]) -> Callable[[str], str]:
    """Asked once for each of hundreds of thousands of sessions."""
    return cache(lambda station: place(station).site or station)


def _told(group: Group) -> GroupFigures:
    found = [*figures.of_sums(group.sums), *figures.of_start_times(group.start_times)]
    if group.visits is not None:
        found += figures.of_visits(group.visits)
    if group.repairs is not None:
        found += figures.of_repairs(group.repairs)
    return GroupFigures(group=group.name, figures=found)


def _with_answers(
    told: list[GroupFigures], answers: dict[tuple[str, str], dict[int, int]], by: str
) -> list[GroupFigures]:
    found = []
    for each in told:
        mine = {key: counts for key, counts in answers.items() if by == "fleet" or key[0] == each.group}
        found.append(GroupFigures(group=each.group, figures=each.figures + figures.of_answers(mine)))
    return found
