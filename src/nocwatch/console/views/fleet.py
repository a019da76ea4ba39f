"""The fleet as rows: worst first, counted by state, filtered by what is typed. Pure, and quick for 10,000 stations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from nocwatch.console.views import words
from nocwatch.console.views.access import ends_soon
from nocwatch.console.views.looks import LOOKS, worst
from nocwatch.console.views.timeline import name as socket_name
from nocwatch.flags import Severity
from nocwatch.network import Connector, ConnectorStatus, Station
from nocwatch.registry.places import Place, Places
from nocwatch.store.values import StationFlags

NO_FLAGS: Mapping[str, StationFlags] = {}


class Cell(NamedTuple):
    """One connector in a row."""

    css: str
    icon: str
    number: str
    title: str
    session: str | None


class FleetRow(NamedTuple):
    """One station in a list, before its last session and its strip are known.

    Attributes:
        state: the station's worst, which is what it is counted and ordered by.
        since_ns: since when that holds.
    """

    station: Station
    place: Place
    name: str
    state: ConnectorStatus
    since_ns: int
    flags: StationFlags | None
    order: tuple[int, int, int, str]


def state_of(station: Station) -> tuple[ConnectorStatus, int]:
    """A station's worst state and since when: Offline without a link; No data where it never spoke of a connector, or nothing is known any more."""
    if station.unknown_since_ns is not None:
        return ConnectorStatus.NO_DATA, station.unknown_since_ns
    if not station.online:
        return ConnectorStatus.OFFLINE, station.since_ns
    if not station.connectors:
        return ConnectorStatus.NO_DATA, station.since_ns
    state = worst([connector.status for connector in station.connectors])
    return state, max(connector.since_ns for connector in station.connectors if connector.status is state)


def row(station: Station, places: Places, flags: StationFlags | None) -> FleetRow:
    place = places.place(station.id)
    state, since_ns = state_of(station)
    # A critical flag is as urgent as a fault; a warning comes before all that is well.
    severity = flags.worst.rank if flags is not None else -1
    urgency = (
        0
        if severity == Severity.CRITICAL.rank
        else min(LOOKS[state].rank, 3 if severity == Severity.WARNING.rank else 99)
    )
    return FleetRow(
        station,
        place,
        place.name or station.id,
        state,
        since_ns,
        flags,
        (urgency, LOOKS[state].rank, -since_ns, station.id),
    )


class FleetFilter(NamedTuple):
    """What a list of stations is narrowed to; empty text does not narrow."""

    text: str = ""
    state: str = ""
    site: str = ""
    flagged: str = ""
    vendor: str = ""
    expiring_at_ns: int | None = None
    """Only those whose certificate ends soon, as seen at that moment."""

    def covers(self, each: FleetRow) -> bool:
        if self.expiring_at_ns is not None and not ends_soon(each.station, self.expiring_at_ns):
            return False
        if self.state and each.state.value != self.state:
            return False
        if self.site and each.place.site != self.site:
            return False
        if self.vendor and (each.place.vendor or each.station.vendor) != self.vendor:
            return False
        if self.flagged and (each.flags is None or self.flagged not in ("any", each.flags.worst.value)):
            return False
        return not self.text or all(word in _haystack(each) for word in self.text.lower().split())


def _haystack(each: FleetRow) -> str:
    station, place = each.station, each.place
    parts = (
        station.id,
        place.name,
        place.site,
        place.site_name,
        station.vendor,
        station.model,
        station.firmware,
        station.remote_address,
    )
    return "\n".join(parts).lower()


def rows(
    stations: Iterable[Station], places: Places, flags: Mapping[str, StationFlags], wanted: FleetFilter
) -> list[FleetRow]:
    """All that match, worst first."""
    found = [
        each for station in stations if wanted.covers(each := row(station, places, flags.get(station.id)))
    ]
    found.sort(key=lambda each: each.order)
    return found


def counts(stations: Iterable[Station]) -> list[tuple[ConnectorStatus, int]]:
    """Stations by worst state, worst first; states that nobody is in are left out."""
    counter = Counter(state_of(station)[0] for station in stations)
    return sorted(counter.items(), key=lambda pair: LOOKS[pair[0]].rank)


def connectors(stations: Iterable[Station]) -> Counter[ConnectorStatus]:
    """Connectors by state."""
    return Counter(connector.status for station in stations for connector in station.connectors)


def is_hearsay(connector: Connector) -> bool:
    """Whether what the station said last is all that there is: it is not to be had from the socket now."""
    return (
        connector.status in (ConnectorStatus.OFFLINE, ConnectorStatus.NO_DATA)
        and connector.reported is not ConnectorStatus.NO_DATA
    )


def cells(station: Station, now_ns: int) -> list[Cell]:
    return [_cell(connector, now_ns) for connector in station.connectors]


def _cell(connector: Connector, now_ns: int) -> Cell:
    shown = LOOKS[connector.status]
    parts = [
        f"{socket_name(connector.evse, connector.connector)}: {connector.status.value}",
        f"for {words.span(now_ns - connector.since_ns)}",
    ]
    if connector.power_w is not None and connector.status is ConnectorStatus.CHARGING:
        parts.append(words.kw(connector.power_w))
    if connector.error_code not in {"", "NoError"}:
        parts.append(connector.error_code)
    if connector.vendor_error:
        parts.append(connector.vendor_error)
    if is_hearsay(connector):
        parts.append(f"last said {connector.reported.value}")
    number = str(connector.connector) if connector.evse is None else f"{connector.evse}·{connector.connector}"
    return Cell(shown.css, shown.icon, number, ", ".join(parts), connector.session)
