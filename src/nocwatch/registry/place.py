"""What frames cannot tell of one station, and the scope that picks stations by it. Pure values.

A station that the registry lacks has a ``Place`` all the same: its identity, and nothing else.
"""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Mapping
from datetime import date
from functools import lru_cache

import msgspec
from pydantic import BaseModel, ConfigDict


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one station: the registry's word before the boot's. Empty text where nothing is known.

    Attributes:
        current: ``ac`` or ``dc`` where all its connectors are of one kind, else empty.
        access: ``public`` or ``private``.
        country: two letters, by option with the part of it: ``US-CA``.
        powers_kw_max: rated power by ``EVSE/connector`` as the registry numbers them; asked for by ``power_kw``.
        evse_ids: by EVSE. ``kinds``, ``currents``: by ``EVSE/connector``.
        regulations: that it falls under: as the registry says, else by country, current and access.
        team_pays: whether it covers anything of a price; ``team_plan``: under which plan.
        overstay_allowed_s: how long a car may stay after charging; None where nothing is said.
    """

    station: str
    known: bool = False
    name: str = ""
    site: str = ""
    site_name: str = ""
    operator: str = ""
    team: str = ""
    vendor: str = ""
    model: str = ""
    firmware: str = ""
    current: str = ""
    access: str = ""
    timezone: str = "UTC"
    latitude: float | None = None
    longitude: float | None = None
    meter_register: str = "lifetime"
    free_usage: bool = False
    quirks: tuple[str, ...] = ()
    charge_point_id: str = ""
    on_call: str = ""
    powers_kw_max: dict[str, float] = {}
    operator_name: str = ""
    team_name: str = ""
    country: str = ""
    address: str = ""
    opening_hours: str = ""
    tariff: str = ""
    meter_shared: bool = False
    local_updates: bool = False
    overnight: bool = False
    overstay_allowed_s: float | None = None
    team_pays: bool = True
    team_plan: str = ""
    swap_until: date | None = None
    commissioned: date | None = None
    regulations: tuple[str, ...] = ()
    evse_ids: dict[int, str] = {}
    kinds: dict[str, str] = {}
    currents: dict[str, str] = {}

    def power_kw(self, evse: int | None, connector: int | None) -> float | None:
        """Rated power of a connector as messages name it; None where the registry does not tell.

        OCPP 1.6 has no EVSEs (None): its connector n is EVSE n, connector 1, of the registry. Of an EVSE without a connector's
        number (2.x), the strongest.
        """
        if evse is None:
            evse, connector = connector, 1
        if connector is not None:
            return self.powers_kw_max.get(f"{evse}/{connector}")
        of_evse = [kw for name, kw in self.powers_kw_max.items() if name.partition("/")[0] == str(evse)]
        return max(of_evse, default=None)

    def evse_id(self, evse: int | None, connector: int | None) -> str:
        """Such as ``DE*ACM*E1``, of a connector as messages name it; empty where the registry does not tell."""
        number = connector if evse is None else evse
        return self.evse_ids.get(number or 0, "")

    def plug(self, evse: int | None, connector: int | None) -> str:
        """The connector's kind, such as ``ccs2``; empty where it is not known, or the EVSE has several."""
        return _one(self.kinds, evse, connector)

    def current_of(self, evse: int | None, connector: int | None) -> str:
        """``ac`` or ``dc``, of the connector; the station's where that one is not known."""
        return _one(self.currents, evse, connector) or self.current

    def distance_km(self, other: Place) -> float | None:
        """Great-circle distance (haversine, earth radius 6371 km); None where a coordinate is unknown."""
        if (
            self.latitude is None
            or self.longitude is None
            or other.latitude is None
            or other.longitude is None
        ):
            return None
        lat1, lon1, lat2, lon2 = map(
            math.radians, (self.latitude, self.longitude, other.latitude, other.longitude)
        )
        a = (
            math.sin((lat2 - lat1) / 2) ** 2
            + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
        )
        return 2 * 6371.0 * math.asin(math.sqrt(min(1.0, a)))


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which a scope is excluded (registry ``exclusions``) or worked on (``maintenance``)."""

    scope: Scope
    from_ns: int
    until_ns: int
    cause: str = ""
    note: str = ""


class Scope(BaseModel):
    """Picks stations: every field that is given must match, exactly or as a glob (``depot-*``), case-sensitively."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    site: str | None = None
    operator: str | None = None
    team: str | None = None
    vendor: str | None = None
    model: str | None = None
    firmware: str | None = None
    station: str | None = None
    current: str | None = None
    access: str | None = None

    def covers(self, place: Place) -> bool:
        return all(fnmatch.fnmatchcase(getattr(place, name), pattern) for name, pattern in _patterns(self))


@lru_cache(maxsize=4096)
def _patterns(scope: Scope) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in scope.model_dump().items() if value is not None)


def _one(by_connector: Mapping[str, str], evse: int | None, connector: int | None) -> str:
    if evse is None:
        evse, connector = connector, None
    if connector is not None:
        return by_connector.get(f"{evse}/{connector}", "")
    found = {value for name, value in by_connector.items() if name.partition("/")[0] == str(evse)}
    return found.pop() if len(found) == 1 else ""
