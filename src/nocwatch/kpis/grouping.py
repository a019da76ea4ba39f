"""Which connectors' sums go together: by station, site, vendor, firmware and so on. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple, TypeVar

import msgspec

from nocwatch.kpis.ports import Port
from nocwatch.kpis.repairs import Repairs
from nocwatch.kpis.visits import VisitSums
from nocwatch.registry.places import Place, Scope

KeyT = TypeVar("KeyT")


class By(StrEnum):
    """What figures can be told apart by."""

    FLEET = "fleet"
    STATION = "station"
    CONNECTOR = "connector"
    SITE = "site"
    TEAM = "team"
    OPERATOR = "operator"
    VENDOR = "vendor"
    MODEL = "model"
    FIRMWARE = "firmware"
    CURRENT = "current"
    ACCESS = "access"
    UPSTREAM = "upstream"


ERAS = ("firmware", "upstream")
"""What a station does not keep for ever: its hours are told apart by what held when each began."""
UNKNOWN = "(unknown)"


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for.

    Attributes:
        from_ns, until_ns: the window; whole hours, rounded outwards.
        by: what the figures are told apart by. ``scope``: which stations; ``upstream``: only what went to that CSMS.
    """

    from_ns: int
    until_ns: int
    by: By = By.FLEET
    scope: Scope = Scope()
    upstream: str | None = None

    @property
    def eras(self) -> frozenset[str]:
        """What sums have to be told apart by, for the groups or for the filter. More than one cannot be answered."""
        asked = {"upstream": self.upstream, "firmware": self.scope.firmware}
        return frozenset(name for name in ERAS if self.by == name or asked[name] is not None)

    @property
    def split(self) -> str:
        """The one of them; empty where there is none."""
        return next(iter(self.eras), "")


class Cell(NamedTuple):
    """Sums of one connector, and of one era where they are told apart by it."""

    station: str
    evse: int
    connector: int
    part: str
    sums: dict[str, int]
    start_times: dict[int, int]


class Group(msgspec.Struct, kw_only=True):
    """Pooled sums of one group."""

    name: str
    sums: dict[str, int] = {}
    start_times: dict[int, int] = {}
    visits: VisitSums | None = None
    repairs: Repairs | None = None


def name_of(by: str, place: Place, evse: int, connector: int, part: str) -> str:
    """The group that a connector's sums belong to."""
    if by == "fleet":
        return "fleet"
    if by == "connector":
        return f"{place.station}/{connector}" if evse < 0 else f"{place.station}/{evse}/{max(connector, 0)}"
    if by in ERAS:
        return part or UNKNOWN
    if by == "current":
        # Its own: many a station has both kinds.
        of_connector = place.current_of(evse if evse >= 0 else None, connector if connector >= 0 else None)
        return of_connector or UNKNOWN
    return getattr(place, by) or UNKNOWN


def pooled(cells: Iterable[Cell], by: str, place: Callable[[str], Place]) -> dict[str, Group]:
    groups: dict[str, Group] = {}
    for cell in cells:
        group = group_of(groups, name_of(by, place(cell.station), cell.evse, cell.connector, cell.part))
        add(group.sums, cell.sums)
        add(group.start_times, cell.start_times)
    return groups


def group_of(groups: dict[str, Group], name: str) -> Group:
    if name not in groups:
        groups[name] = Group(name=name, sums={}, start_times={})
    return groups[name]


def add(total: dict[KeyT, int], more: Mapping[KeyT, int]) -> None:
    for key, amount in more.items():
        total[key] = total.get(key, 0) + amount


def port_of(station: str, evse: int, connector: int) -> Port:
    """What charges one vehicle at a time: the EVSE of 2.x, the connector of 1.6."""
    return Port(station, evse, -1) if evse >= 0 else Port(station, -1, connector)
