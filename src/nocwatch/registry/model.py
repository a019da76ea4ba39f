"""The operator's registry as it is written: one model for each kind of record. Validated, not yet joined.

Everything is optional; a file may hold any of the lists. References between records are checked in ``load.py``, where it is
known which file each record stands in.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from nocwatch.quantities import Duration
from nocwatch.registry.addresses import template_mistake
from nocwatch.registry.fields import (
    Amount,
    Day,
    Divisor,
    Factor,
    Identity,
    Moment,
    OpeningHours,
    Record,
    TimeOfDay,
    TimeZone,
)
from nocwatch.registry.place import Scope

QUIRKS = frozenset(
    {
        "kwh_labelled_wh",
        "faulted_without_error",
        "vendor_error_on_healthy",
        "status_out_of_order",
        "register_drops_to_zero",
        "register_minus_one",
        "preparing_after_finishing",
        "local_time_labelled_z",
        "no_subprotocol",
        "unit_absent",
    }
)
"""Known to be harmless at some vendors; a station's ``quirks`` name those that it has."""

Cause = Literal[
    "utility_outage",
    "vehicle_fault",
    "scheduled_maintenance",
    "vandalism",
    "natural_disaster",
    "connectivity",
    "other",
]
"""What regulations may let a port be down for; which of them counts where is the regulation's matter."""
_BACKWARDS = "it ends before it begins: 'until' must be after 'from'"


def _quirk(value: str) -> str:
    if value not in QUIRKS:
        raise ValueError(f"{value!r} is no known quirk; known are {', '.join(sorted(QUIRKS))}")
    return value


Quirk = Annotated[str, AfterValidator(_quirk)]


class Operator(Record):
    id: Identity
    name: str = ""
    country: str = ""
    country_code_party: str = ""


class Team(Record):
    id: Identity
    name: str = ""
    operator: str | None = None
    paying: bool = True
    plan: str = ""


class Site(Record):
    id: Identity
    name: str = ""
    operator: str | None = None
    team: str | None = None
    address: str = ""
    country: str = ""
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None
    timezone: TimeZone = "UTC"
    access: Literal["public", "private"] = "public"
    opening_hours: OpeningHours = ""
    on_call: str = ""


class ConnectorRecord(Record):
    id: Annotated[int, Field(ge=1)]
    kind: str = ""
    current: Literal["ac", "dc"] | None = None
    power_kw_max: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None


class EvseRecord(Record):
    id: Annotated[int, Field(ge=1)]
    evse_id: str = ""
    connectors: tuple[ConnectorRecord, ...] = ()


class StationRecord(Record):
    id: Identity
    name: str = ""
    site: str | None = None
    vendor: str = ""
    model: str = ""
    commissioned: date | None = None
    charge_point_id: str = ""
    meter_register: Literal["lifetime", "session", "boot"] = "lifetime"
    meter_shared: bool = False
    free_usage: bool = False
    swap_until: date | None = None
    quirks: tuple[Quirk, ...] = ()
    local_updates: bool = False
    overstay_allowed: Duration | None = None
    overnight: bool = False
    regulations: tuple[Literal["nevi", "uk", "california"], ...] | None = None
    tariff: str | None = None
    evses: tuple[EvseRecord, ...] = ()


class Token(Record):
    uid: Identity
    driver: str | None = None
    parent: str | None = None
    kind: str = "rfid"
    provider: str | None = None
    shared: bool = False
    master: bool = False


class TokenPrefix(Record):
    prefix: Identity
    provider: str
    roaming: bool = True


class Driver(Record):
    id: Identity
    name: str = ""
    contact: str = ""
    group: str | None = None


class Group(Record):
    id: Identity
    name: str = ""


class Vehicle(Record):
    id: Identity
    name: str = ""
    driver: str | None = None
    make: str = ""
    model: str = ""
    battery_kwh: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    evccid: str = ""
    vin: str = ""
    fuel_litres_per_100km: Divisor | None = None


class TariffWindow(Record):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    days: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    from_: Annotated[TimeOfDay, Field(alias="from")] = "00:00"
    to: TimeOfDay = "24:00"
    per_kwh: Amount | None = None
    per_hour: Amount | None = None
    per_idle_hour: Amount | None = None
    per_parking_hour: Amount | None = None
    cost_per_kwh: Amount | None = None


class Tariff(Record):
    id: Identity
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "EUR"
    vat_percent: Annotated[Decimal, Field(ge=0, le=100, decimal_places=9)] = Decimal(0)
    vat_included: bool = False
    connection_fee: Amount = Decimal(0)
    per_kwh: Amount = Decimal(0)
    per_hour: Amount = Decimal(0)
    per_idle_hour: Amount = Decimal(0)
    idle_free: Duration = 0.0
    per_parking_hour: Amount = Decimal(0)
    parking_free: Duration = 0.0
    minimum: Amount = Decimal(0)
    round_to: Divisor | None = None
    windows: tuple[TariffWindow, ...] = ()
    price_cap: Amount | None = None
    cost_per_kwh: Amount | None = None


class AccessProfile(Record):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    id: Identity
    tariff: str | None = None
    public: bool = False
    groups: tuple[str, ...] = ()
    drivers: tuple[str, ...] = ()
    vehicles: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    evses: tuple[str, ...] = ()
    days: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    from_: Annotated[TimeOfDay, Field(alias="from")] = "00:00"
    to: TimeOfDay = "24:00"


class Exclusion(Record):
    """A time that regulators' uptime leaves out, where their text names its cause; other key figures take nothing off."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    scope: Scope = Scope()
    from_: Annotated[Moment, Field(alias="from")]
    until: Moment
    cause: Cause = "other"
    note: str = ""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.until <= self.from_:
            raise ValueError(_BACKWARDS)
        return self


class Maintenance(Record):
    """A time of work, or a calendar of such times."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    scope: Scope = Scope()
    from_: Annotated[Moment | None, Field(alias="from")] = None
    until: Moment | None = None
    calendar: str = ""
    timezone: TimeZone = "UTC"
    cause: str = ""
    note: str = ""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.calendar:
            if self.from_ is not None or self.until is not None:
                raise ValueError("either a calendar, or 'from' and 'until'")
        elif self.from_ is None or self.until is None:
            raise ValueError("this needs 'from' and 'until', or a calendar")
        elif self.until <= self.from_:
            raise ValueError(_BACKWARDS)
        return self


class Factors(Record):
    co2_grid_g_per_kwh: Factor | None = None
    nox_grid_mg_per_kwh: Factor | None = None
    co2_petrol_g_per_km: Factor | None = None
    nox_petrol_mg_per_km: Factor | None = None
    kwh_per_100km: Divisor | None = None
    fuel_litres_per_100km: Factor | None = None
    fuel_price_per_litre: Amount | None = None


def _of_station(value: str) -> str:
    if mistake := template_mistake(value, "station"):
        raise ValueError(mistake)
    return value


def _of_session(value: str) -> str:
    if mistake := template_mistake(value, "session"):
        raise ValueError(mistake)
    return value


SessionLink = Annotated[str, AfterValidator(_of_session)]


class Links(Record):
    station: Annotated[str, AfterValidator(_of_station)] = ""
    session: SessionLink = ""
    refund: SessionLink = ""
    receipt: SessionLink = ""


class RegistryFile(Record):
    """One file of the registry; the folder is the sum of its files."""

    operators: tuple[Operator, ...] = ()
    teams: tuple[Team, ...] = ()
    sites: tuple[Site, ...] = ()
    stations: tuple[StationRecord, ...] = ()
    tokens: tuple[Token, ...] = ()
    token_prefixes: tuple[TokenPrefix, ...] = ()
    drivers: tuple[Driver, ...] = ()
    groups: tuple[Group, ...] = ()
    vehicles: tuple[Vehicle, ...] = ()
    tariffs: tuple[Tariff, ...] = ()
    access_profiles: tuple[AccessProfile, ...] = ()
    access_default: Literal["allow", "deny"] = "allow"
    exclusions: tuple[Exclusion, ...] = ()
    maintenance: tuple[Maintenance, ...] = ()
    update_hosts: tuple[str, ...] = ()
    factors: Factors = Factors()
    links: Links = Links()
