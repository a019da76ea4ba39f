"""Who charges: tokens, drivers, groups, vehicles, and what the operator's access profiles allow them. Pure look-ups.

nocwatch never authorises: what a profile forbids is told, not prevented. Tokens and vehicles are known by their key-hashes alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from nocwatch.registry.hours import Hours, local
from nocwatch.registry.model import Driver, Group, Vehicle


class TokenFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the registry says of a token, found by its key-hash.

    Attributes:
        parent: key-hash of the group token.
        kind: ``rfid``, ``app``, … as the registry calls it.
        roaming: its provider is a roaming partner.
    """

    driver: str = ""
    parent: str = ""
    kind: str = ""
    provider: str = ""
    roaming: bool = False
    shared: bool = False
    master: bool = False


class Prefixed(NamedTuple):
    """What tokens that the registry lacks begin with.

    Attributes:
        facts: prefix in lower case → what is known of such a token.
        seen: key-hash → prefix, as the gate notes them; it may grow meanwhile.
    """

    facts: Mapping[str, TokenFacts]
    seen: Mapping[str, str]


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """An access profile; its tokens by their key-hashes."""

    id: str
    tariff: str = ""
    public: bool = False
    groups: frozenset[str] = frozenset()
    drivers: frozenset[str] = frozenset()
    vehicles: frozenset[str] = frozenset()
    tokens: frozenset[str] = frozenset()
    sites: frozenset[str] = frozenset()
    evses: frozenset[str] = frozenset()
    hours: Hours

    def covers(self, site: str, evse_id: str) -> bool:
        """Whether it is about that place; about all where it names none."""
        return not (self.sites or self.evses) or site in self.sites or evse_id in self.evses


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """What the profiles say of one charge.

    Attributes:
        profile: under which it falls; empty where none allows it, or none is about it.
        tariff: that profile's.
        breach: why it is none of what the profiles allow, as a sentence; empty where it is no breach.
    """

    profile: str = ""
    tariff: str = ""
    breach: str = ""


class People:
    """Immutable: a reload makes another one."""

    def __init__(
        self,
        *,
        tokens: Mapping[str, TokenFacts] | None = None,
        drivers: Mapping[str, Driver] | None = None,
        groups: Mapping[str, Group] | None = None,
        vehicles: Mapping[str, Vehicle] | None = None,
        vehicle_tokens: Mapping[str, str] | None = None,
        profiles: tuple[Profile, ...] = (),
        deny: bool = False,
        prefixed: Prefixed | None = None,
    ) -> None:
        """``vehicle_tokens``: key-hash of what a vehicle says of itself (EVCCID, VIN) → its id; ``deny``: ``access_default``."""
        self.tokens = dict(tokens or {})
        self._prefixed = prefixed or Prefixed({}, {})
        self.drivers, self.groups = dict(drivers or {}), dict(groups or {})
        self.vehicles = dict(vehicles or {})
        self.profiles = profiles
        self._vehicle_tokens, self._deny = dict(vehicle_tokens or {}), deny
        self._of_driver: dict[str, list[Vehicle]] = {}
        for vehicle in self.vehicles.values():
            if vehicle.driver:
                self._of_driver.setdefault(vehicle.driver, []).append(vehicle)

    def token(self, token: str | None) -> TokenFacts:
        """Facts of a token: its own, else those of its prefix; empty facts where neither is known."""
        known = self.tokens.get(token or "")
        return known or self._prefixed.facts.get(self._prefixed.seen.get(token or "", ""), _UNKNOWN)

    @property
    def prefixes(self) -> tuple[str, ...]:
        """Of tokens, as the registry has them, in lower case."""
        return tuple(self._prefixed.facts)

    def driver(self, token: str | None) -> Driver | None:
        """Whose token it is; of a vehicle that authorises itself its driver."""
        named = self.drivers.get(self.token(token).driver)
        if named is not None:
            return named
        vehicle = self._itself(token)
        return self.drivers.get(vehicle.driver or "") if vehicle else None

    def group(self, token: str | None) -> Group | None:
        driver = self.driver(token)
        return self.groups.get(driver.group or "") if driver else None

    def vehicle(self, token: str | None) -> Vehicle | None:
        """The vehicle that said who it is, else its driver's only one; of a driver with several nobody can tell."""
        itself = self._itself(token)
        if itself is not None:
            return itself
        driver = self.driver(token)
        of_driver = self._of_driver.get(driver.id, []) if driver else []
        return of_driver[0] if len(of_driver) == 1 else None

    def access(self, token: str | None, site: str, evse_id: str, timezone: str, at_ns: int) -> Access:
        """What the profiles say of a charge that begins there and then. A master token opens everything: it breaches nothing."""
        found = self._by_profiles(token, site, evse_id, timezone, at_ns)
        return Access() if found.breach and self.token(token).master else found

    def _by_profiles(self, token: str | None, site: str, evse_id: str, timezone: str, at_ns: int) -> Access:
        named = [each for each in self.profiles if self._names(each, token)]
        public = [each for each in self.profiles if each.public and each.covers(site, evse_id)]
        there = [each for each in named if each.covers(site, evse_id)]
        wall = local(at_ns, timezone)
        for profile in (*there, *public):
            if profile.hours.hold(wall):
                return Access(profile=profile.id, tariff=profile.tariff)
        if named and not there:
            return Access(breach=f"{_listed(named)} does not allow it at this place")
        late = there or public
        if late:
            times = ", ".join(str(each.hours) for each in late)
            return Access(
                breach=f"{_listed(late)} allows it {times}; it began at {wall:%H:%M} on {wall:%A}, local time"
            )
        return Access(breach="no access profile names this token" if self._deny else "")

    def _itself(self, token: str | None) -> Vehicle | None:
        return self.vehicles.get(self._vehicle_tokens.get(token or "", ""))

    def _names(self, profile: Profile, token: str | None) -> bool:
        return any(name in names for name, names in self._ways(profile, token) if name)

    def _ways(self, profile: Profile, token: str | None) -> Iterator[tuple[str, frozenset[str]]]:
        driver, vehicle = self.driver(token), self.vehicle(token)
        yield token or "", profile.tokens
        yield self.token(token).parent, profile.tokens
        yield driver.id if driver else "", profile.drivers
        yield (driver.group or "") if driver else "", profile.groups
        yield vehicle.id if vehicle else "", profile.vehicles


def _listed(profiles: list[Profile]) -> str:
    return "access profile " + ", ".join(each.id for each in profiles)


_UNKNOWN = TokenFacts()
