"""The records of all files, joined: a station with its site's facts, a token with its driver's. Pure.

What always holds: references were checked before, so what is named is there; tokens are kept as their key-hashes alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

from nocwatch.moments import SECOND_NS
from nocwatch.registry.hours import hours
from nocwatch.registry.imported import Imports
from nocwatch.registry.model import (
    AccessProfile,
    Exclusion,
    Factors,
    Links,
    Maintenance,
    Operator,
    RegistryFile,
    Site,
    StationRecord,
    Team,
    TokenPrefix,
    Vehicle,
)
from nocwatch.registry.people import People, Prefixed, Profile, TokenFacts
from nocwatch.registry.place import Place, Window
from nocwatch.registry.places import House, Places

TokenHash = Callable[[str], str]


def join(
    files: tuple[RegistryFile, ...],
    token_hash: TokenHash,
    imports: Imports | None = None,
    calendars: Iterable[Window] = (),
    prefixed: Mapping[str, str] | None = None,
) -> Places:
    """The look-ups of all files, with what was imported and what stands in calendars."""
    sites = {site.id: site for file in files for site in file.sites}
    operators = {each.id: each for file in files for each in file.operators}
    teams = {each.id: each for file in files for each in file.teams}
    places = {
        station.id: _place(station, sites.get(station.site or ""), operators, teams)
        for file in files
        for station in file.stations
    }
    house = House(
        tariffs={each.id: each for file in files for each in file.tariffs},
        factors=next((file.factors for file in files if "factors" in file.model_fields_set), Factors()),
        links=next((file.links for file in files if "links" in file.model_fields_set), Links()),
        update_hosts=tuple(host for file in files for host in file.update_hosts),
    )
    return Places(
        places,
        maintenance=(
            *(
                window
                for file in files
                for each in file.maintenance
                for window in _window(each, each.from_, each.until)
            ),
            *calendars,
        ),
        exclusions=tuple(
            window
            for file in files
            for each in file.exclusions
            for window in _window(each, each.from_, each.until)
        ),
        people=_people(files, token_hash, prefixed),
        house=house,
        imports=imports,
    )


def _place(
    station: StationRecord, site: Site | None, operators: dict[str, Operator], teams: dict[str, Team]
) -> Place:
    site = site or Site(id="-")
    operator = operators.get(site.operator or "")
    team = teams.get(site.team or "")
    current = _current(station)
    there = station.site is not None
    return Place(
        station=station.id,
        known=True,
        name=station.name,
        site=station.site or "",
        site_name=site.name,
        operator=site.operator or "",
        operator_name=operator.name if operator else "",
        team=site.team or "",
        team_name=team.name if team else "",
        team_pays=team.paying if team else True,
        team_plan=team.plan if team else "",
        vendor=station.vendor,
        model=station.model,
        current=current,
        access=site.access if there else "",
        timezone=site.timezone,
        country=site.country,
        address=site.address,
        opening_hours=site.opening_hours,
        latitude=site.latitude,
        longitude=site.longitude,
        meter_register=station.meter_register,
        meter_shared=station.meter_shared,
        free_usage=station.free_usage,
        quirks=station.quirks,
        charge_point_id=station.charge_point_id,
        on_call=site.on_call,
        tariff=station.tariff or "",
        local_updates=station.local_updates,
        overnight=station.overnight,
        overstay_allowed_s=station.overstay_allowed,
        swap_until=station.swap_until,
        commissioned=station.commissioned,
        regulations=_regulations(station, site, current) if there else station.regulations or (),
        evse_ids={evse.id: evse.evse_id for evse in station.evses if evse.evse_id},
        powers_kw_max={
            f"{evse.id}/{each.id}": each.power_kw_max
            for evse in station.evses
            for each in evse.connectors
            if each.power_kw_max is not None
        },
        kinds={
            f"{evse.id}/{each.id}": each.kind
            for evse in station.evses
            for each in evse.connectors
            if each.kind
        },
        currents={
            f"{evse.id}/{each.id}": each.current
            for evse in station.evses
            for each in evse.connectors
            if each.current
        },
    )


def _regulations(station: StationRecord, site: Site, current: str) -> tuple[str, ...]:
    """As it is written, else by country, current and access: public stations of the United States with DC, all of the United Kingdom."""
    if station.regulations is not None:
        return station.regulations
    country, _, part = site.country.upper().partition("-")
    if site.access != "public":
        return ()
    if country in ("GB", "UK"):
        return ("uk",)
    if country == "US" and current == "dc":
        return ("nevi", "california") if part == "CA" else ("nevi",)
    return ()


def _current(station: StationRecord) -> str:
    kinds = {connector.current for evse in station.evses for connector in evse.connectors}
    kind = kinds.pop() if len(kinds) == 1 else None
    return kind or ""


def _window(of: Exclusion | Maintenance, begin: datetime | None, end: datetime | None) -> Iterator[Window]:
    """None of a time of work that only names a calendar."""
    if begin is not None and end is not None:
        yield Window(
            scope=of.scope,
            from_ns=int(begin.timestamp()) * SECOND_NS,
            until_ns=int(end.timestamp()) * SECOND_NS,
            cause=of.cause,
            note=of.note,
        )


def _people(
    files: tuple[RegistryFile, ...], token_hash: TokenHash, prefixed: Mapping[str, str] | None
) -> People:
    vehicles = [vehicle for file in files for vehicle in file.vehicles]
    prefixes = sorted(
        (each for file in files for each in file.token_prefixes), key=lambda each: -len(each.prefix)
    )
    return People(
        tokens={
            token_hash(token.uid): TokenFacts(
                driver=token.driver or "",
                parent=token_hash(token.parent) if token.parent else "",
                kind=token.kind,
                provider=token.provider or _provider(token.uid, prefixes),
                roaming=_roaming(token.uid, prefixes),
                shared=token.shared,
                master=token.master,
            )
            for file in files
            for token in file.tokens
        },
        drivers={each.id: each for file in files for each in file.drivers},
        groups={each.id: each for file in files for each in file.groups},
        vehicles={each.id: each for each in vehicles},
        vehicle_tokens={
            token_hash(said): vehicle.id for vehicle in vehicles for said in _says_of_itself(vehicle)
        },
        profiles=tuple(_profile(each, token_hash) for file in files for each in file.access_profiles),
        deny=any(file.access_default == "deny" for file in files),
        prefixed=Prefixed(
            {
                each.prefix.casefold(): TokenFacts(provider=each.provider, roaming=each.roaming)
                for each in prefixes
            },
            prefixed if prefixed is not None else {},
        ),
    )


def _of(uid: str, prefixes: Iterable[TokenPrefix]) -> TokenPrefix | None:
    """The longest that the token begins with, in any case of letters."""
    return next((each for each in prefixes if uid.casefold().startswith(each.prefix.casefold())), None)


def _provider(uid: str, prefixes: Iterable[TokenPrefix]) -> str:
    found = _of(uid, prefixes)
    return found.provider if found else ""


def _roaming(uid: str, prefixes: Iterable[TokenPrefix]) -> bool:
    found = _of(uid, prefixes)
    return found.roaming if found else False


def _says_of_itself(vehicle: Vehicle) -> set[str]:
    """The ways in which stations write a controller's MAC address and a VIN as a token."""
    found = {vehicle.vin} if vehicle.vin else set()
    digits = re.sub(r"[^0-9A-Fa-f]", "", vehicle.evccid)
    if vehicle.evccid:
        pairs = [digits[index : index + 2] for index in range(0, len(digits), 2)]
        found |= {vehicle.evccid, digits, ":".join(pairs), "-".join(pairs), f"VID:{digits}"}
    return found


def _profile(profile: AccessProfile, token_hash: TokenHash) -> Profile:
    return Profile(
        id=profile.id,
        tariff=profile.tariff or "",
        public=profile.public,
        groups=frozenset(profile.groups),
        drivers=frozenset(profile.drivers),
        vehicles=frozenset(profile.vehicles),
        tokens=frozenset(map(token_hash, profile.tokens)),
        sites=frozenset(profile.sites),
        evses=frozenset(profile.evses),
        hours=hours(profile.days, profile.from_, profile.to),
    )
