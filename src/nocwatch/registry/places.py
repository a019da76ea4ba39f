"""Facts about stations that frames cannot tell, and the scope that picks stations by them. Pure look-ups.

Built by ``registry/load.py`` from the operator's files. A station that the registry lacks has a ``Place`` all the same.
"""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Mapping
from functools import lru_cache

import msgspec
from pydantic import BaseModel, ConfigDict


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one station: the registry's word before the boot's. Empty text where nothing is known.

    Attributes:
        current: ``ac`` or ``dc`` where all its connectors are of one kind, else empty.
        access: ``public`` or ``private``.
        powers_kw_max: rated power by ``EVSE/connector`` as the registry numbers them; asked for by ``power_kw``.
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


class TokenFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the registry says of a token, found by its key-hash."""

    driver: str = ""
    parent: str = ""
    provider: str = ""
    shared: bool = False
    master: bool = False


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


class Places:
    """The registry as the pipeline sees it. Immutable: a reload makes another one."""

    def __init__(
        self,
        places: Mapping[str, Place] | None = None,
        tokens: Mapping[str, TokenFacts] | None = None,
        maintenance: tuple[Window, ...] = (),
        exclusions: tuple[Window, ...] = (),
        update_hosts: tuple[str, ...] = (),
    ) -> None:
        self._places = dict(places or {})
        self._tokens = dict(tokens or {})
        self.maintenance = maintenance
        self.exclusions = exclusions
        self.update_hosts = update_hosts
        self._sites = {place.site: place.site_name for place in self._places.values() if place.site}

    def place(self, station: str) -> Place:
        """Facts of the station; an unknown station has its identity and nothing else."""
        return self._places.get(station) or Place(station=station)

    def token(self, token_hash: str | None) -> TokenFacts:
        """Facts of a token by its key-hash; empty facts where it is unknown."""
        return self._tokens.get(token_hash or "", _UNKNOWN_TOKEN)

    def site_name(self, site: str) -> str:
        """What people call the site; its id where the registry does not tell."""
        return self._sites.get(site) or site

    def stations(self) -> tuple[str, ...]:
        return tuple(self._places)

    def in_maintenance(self, place: Place, now_ns: int) -> Window | None:
        """The window in which the station is being worked on now."""
        for window in self.maintenance:
            if window.from_ns <= now_ns < window.until_ns and window.scope.covers(place):
                return window
        return None


_UNKNOWN_TOKEN = TokenFacts()
