"""The registry's look-ups: stations, people, tariffs, exclusions, addresses. Pure; built by ``registry/load.py`` from the files.

A station, a token or a vehicle that the registry lacks is no mistake: each look-up has an answer for it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from nocwatch.registry.addresses import filled, host_allowed
from nocwatch.registry.imported import Imports
from nocwatch.registry.model import Factors, Links, Tariff
from nocwatch.registry.people import Access, People, TokenFacts
from nocwatch.registry.place import Place, Scope, Window
from nocwatch.sessions import Session

__all__ = ["House", "Place", "Places", "Scope", "TokenFacts", "Window"]


class House(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for the whole operator: prices, factors, addresses."""

    tariffs: dict[str, Tariff] = {}
    factors: Factors = Factors()
    links: Links = Links()
    update_hosts: tuple[str, ...] = ()


class Places:
    """The registry as the pipeline sees it. Immutable: a reload makes another one."""

    def __init__(
        self,
        places: Mapping[str, Place] | None = None,
        tokens: Mapping[str, TokenFacts] | None = None,
        maintenance: tuple[Window, ...] = (),
        exclusions: tuple[Window, ...] = (),
        *,
        people: People | None = None,
        house: House | None = None,
        imports: Imports | None = None,
    ) -> None:
        self._places = dict(places or {})
        self.people = people or People(tokens=tokens)
        self.house = house or House()
        self.imports = imports or Imports()
        # A calendar has thousands, and is asked at each flag.
        self.maintenance = tuple(sorted(maintenance, key=lambda each: each.from_ns))
        self._begins = [each.from_ns for each in self.maintenance]
        self._longest_ns = max((each.until_ns - each.from_ns for each in self.maintenance), default=0)
        self.exclusions = exclusions
        self._sites = {place.site: place.site_name for place in self._places.values() if place.site}

    @property
    def update_hosts(self) -> tuple[str, ...]:
        return self.house.update_hosts

    def place(self, station: str) -> Place:
        """Facts of the station; an unknown station has its identity and nothing else."""
        return self._places.get(station) or Place(station=station)

    def token(self, token_hash: str | None) -> TokenFacts:
        """Facts of a token by its key-hash; empty facts where it is unknown."""
        return self.people.token(token_hash)

    def site_name(self, site: str) -> str:
        """What people call the site; its id where the registry does not tell."""
        return self._sites.get(site) or site

    def stations(self) -> tuple[str, ...]:
        return tuple(self._places)

    def unknown(self, seen: Iterable[str]) -> tuple[str, ...]:
        """Those of the stations that were seen that the registry lacks."""
        return tuple(sorted({each for each in seen if each not in self._places}))

    def in_maintenance(self, place: Place, now_ns: int) -> Window | None:
        """The window in which the station is being worked on now."""
        index = bisect_right(self._begins, now_ns) - 1
        while index >= 0 and self._begins[index] > now_ns - self._longest_ns:
            window = self.maintenance[index]
            if now_ns < window.until_ns and window.scope.covers(place):
                return window
            index -= 1
        return None

    def exclusions_of(self, place: Place, from_ns: int, until_ns: int) -> tuple[Window, ...]:
        """Those of a station within a span, cut to it, in order; they may overlap."""
        found = [
            msgspec.structs.replace(
                each, from_ns=max(each.from_ns, from_ns), until_ns=min(each.until_ns, until_ns)
            )
            for each in self.exclusions
            if each.from_ns < until_ns and from_ns < each.until_ns and each.scope.covers(place)
        ]
        return tuple(sorted(found, key=lambda each: (each.from_ns, each.until_ns)))

    def access(self, session: Session) -> Access:
        """What the access profiles say of a session, by its start."""
        place = self.place(session.station)
        evse_id = place.evse_id(session.evse, session.connector)
        return self.people.access(session.token, place.site, evse_id, place.timezone, session.started_at_ns)

    def tariff(self, session: Session) -> Tariff | None:
        """That of its access profile, else its station's."""
        tariffs = self.house.tariffs
        return tariffs.get(self.access(session).tariff) or tariffs.get(self.place(session.station).tariff)

    def station_link(self, station: str) -> str:
        """Its page in the CSMS; empty where no template is given, or something that it names is not known."""
        return filled(self.house.links.station, self._named(station))

    def session_link(
        self, session: Session, kind: Literal["session", "refund", "receipt"] = "session"
    ) -> str:
        """A session's page in the CSMS, or that of its refund or receipt; empty as with ``station_link``."""
        named = {**self._named(session.station), "transaction": session.transaction, "session": session.id}
        return filled(getattr(self.house.links, kind), named)

    def host_allowed(self, address: str) -> bool | None:
        """Whether firmware may come from, and logs go to, that address; None where the operator has named no hosts."""
        return host_allowed(address, self.house.update_hosts)

    def _named(self, station: str) -> dict[str, object]:
        place = self.place(station)
        return {"station": station, "charge_point_id": place.charge_point_id, "site": place.site}
