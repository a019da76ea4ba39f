"""Columns of the session reports: names that stay, and where each value comes from. Pure.

Four sets: ``short`` is for a terminal; ``virta`` has the columns of Virta's charging session report, in its order and by its names; ``log`` those of a charging
log for people; ``full`` the first, and all that nocwatch knows beside it.

What always holds: a value that is not known is None. Names and order are what scripts rely on: a new column goes to the end.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from nocwatch.moments import HOUR_NS
from nocwatch.reports.amounts import Amounts
from nocwatch.reports.book import Book
from nocwatch.sessions import Session, StartSource


class Told(msgspec.Struct, frozen=True):
    """What a row is made from."""

    session: Session
    book: Book
    amounts: Amounts


class Kind(StrEnum):
    """How a value is written."""

    PLAIN = "plain"
    MOMENT = "moment"
    """Nanoseconds since 1970."""
    SPAN = "span"
    """Nanoseconds."""


class Column(msgspec.Struct, frozen=True):
    """One column.

    Attributes:
        title: in tables and CSV; ``key``: in JSON.
        value: from what is known; None where it is not.
    """

    title: str
    key: str
    value: Callable[[Told], Any]
    kind: Kind = Kind.PLAIN


def whole(value: float | None, digits: int = 3) -> float | int | None:
    """Without a fraction that says nothing: 10000 and not 10000.0."""
    if value is None:
        return None
    rounded = round(value, digits)
    return int(rounded) if rounded == int(rounded) else rounded


_METHODS = {
    StartSource.RFID: "RFID",
    StartSource.REMOTE: "remote",
    StartSource.PLUG_AND_CHARGE: "plug and charge",
    StartSource.AUTOCHARGE: "autocharge",
    StartSource.TERMINAL: "terminal",
    StartSource.FREE: "free",
}


def _duration(told: Told) -> int | None:
    session = told.session
    return None if session.stopped_at_ns is None else max(0, session.stopped_at_ns - session.started_at_ns)


def _average_w(told: Told) -> float | int | None:
    """From start to stop; while it goes on there is no such figure that a row could keep."""
    length_ns, energy_wh = _duration(told), told.session.energy_wh
    return None if not length_ns or energy_wh is None else whole(energy_wh / (length_ns / HOUR_NS), 1)


def _confidence(told: Told) -> float | int | None:
    known = told.session.start_source is not StartSource.UNKNOWN
    return whole(told.session.start_confidence, 2) if known else None


def _free(told: Told) -> bool | None:
    return told.book.place(told.session).free_usage if told.book.place(told.session).known else None


def _plug(told: Told) -> str | None:
    current = told.book.current(told.session)
    return current.upper() if current else None


def _location(told: Told) -> str | None:
    # Private alone does not tell a home from an office.
    return "Public" if told.book.place(told.session).access == "public" else None


def price_basis(amounts: Amounts) -> str | None:
    """What prices rest on, where there are any: they are never what was billed."""
    return None if amounts.price is None else "estimate"


def _currency(told: Told) -> str | None:
    return told.amounts.currency or told.book.billed(told.session).currency


def _cpo_share(told: Told) -> Decimal | None:
    """In the row's currency, or not at all."""
    found = told.book.billed(told.session)
    return found.cpo_share if found.currency == _currency(told) else None


def _who(told: Told) -> str | None:
    """Driver and vehicle; else what is seen of the token."""
    named = (told.book.driver(told.session), told.book.vehicle(told.session))
    return " / ".join(each for each in named if each) or told.session.token


def _evse(told: Told) -> str:
    """A name that tells one socket from another."""
    session = told.session
    numbers = ".".join(str(each) for each in (session.evse, session.connector) if each is not None)
    return told.book.evse_id(session) or "/".join(
        each for each in (told.book.place(session).name or session.station, numbers) if each
    )


def _kwh(told: Told) -> float | int | None:
    return None if told.session.energy_wh is None else whole(told.session.energy_wh / 1000, 6)


def _rounded(energy_wh: float | None) -> float | None:
    return None if energy_wh is None else round(energy_wh / 1000, 2)


VIRTA: tuple[Column, ...] = (
    Column("Created", "created", lambda told: told.session.started_at_ns, Kind.MOMENT),
    Column("Charge ID", "charge_id", lambda told: told.session.id),
    Column("Station ID", "station_id", lambda told: told.session.station),
    Column("EVSE-ID", "evse_id", lambda told: told.book.evse_id(told.session)),
    Column("Station name", "station_name", lambda told: told.book.place(told.session).name or None),
    Column("CPO name", "cpo_name", lambda told: told.book.cpo_name(told.session)),
    Column("Start time", "start_time", lambda told: told.session.started_at_ns, Kind.MOMENT),
    Column("Stop time", "stop_time", lambda told: told.session.stopped_at_ns, Kind.MOMENT),
    Column("Duration", "duration_s", _duration, Kind.SPAN),
    Column("Energy (Wh)", "energy_wh", lambda told: whole(told.session.energy_wh)),
    Column("Meter start", "meter_start_wh", lambda told: whole(told.session.meter_start_wh)),
    Column("Meter stop", "meter_stop_wh", lambda told: whole(told.session.meter_stop_wh)),
    Column("VAT P", "vat_percent", lambda told: told.amounts.vat_percent),
    Column("VAT", "vat", lambda told: told.amounts.vat),
    Column("Net", "net", lambda told: told.amounts.net),
    Column("Price", "price", lambda told: told.amounts.price),
    Column("Currency", "currency", _currency),
    Column("Public/Private", "access", lambda told: told.book.place(told.session).access.title() or None),
    Column("Free usage", "free_usage", _free),
    Column("Plug type", "plug_type", _plug),
    Column("Charge method", "charge_method", lambda told: _METHODS.get(told.session.start_source)),
    Column("Operator", "operator", lambda told: told.book.party(told.session)),
    Column("Provider ID", "provider_id", lambda told: told.book.provider(told.session)),
    Column("Transaction ID", "transaction_id", lambda told: told.session.transaction),
    Column("CPO share", "cpo_share", _cpo_share),
    Column("Billing type", "billing_type", lambda told: told.book.billed(told.session).billing_type),
    Column("Location type", "location_type", _location),
)

LOG: tuple[Column, ...] = (
    Column("Date", "date", lambda told: told.session.started_at_ns, Kind.MOMENT),
    Column("Driver / Vehicle", "driver_vehicle", _who),
    Column("Site", "site", lambda told: told.book.site(told.session)),
    Column("EVSE", "evse", _evse),
    Column("Charge Delivered (kWh)", "charge_delivered_kwh", _kwh),
    Column("Session status", "session_status", lambda told: "Complete" if told.session.over else "Ongoing"),
    Column("Total amount", "total_amount", lambda told: told.amounts.price),
    Column("Currency", "currency", lambda told: told.amounts.currency),
    Column("Session reference", "session_reference", lambda told: told.session.id),
)

_OWN: tuple[Column, ...] = (
    Column("Site", "site", lambda told: told.book.site(told.session)),
    Column("Team", "team", lambda told: told.book.team(told.session)),
    Column("Driver", "driver", lambda told: told.book.driver(told.session)),
    Column("Vehicle", "vehicle", lambda told: told.book.vehicle(told.session)),
    Column("Token", "token", lambda told: told.session.token),
    Column("EVSE number", "evse_number", lambda told: told.session.evse),
    Column("Connector number", "connector_number", lambda told: told.session.connector),
    Column("Outcome", "outcome", lambda told: told.session.outcome.value),
    Column("Reason", "reason", lambda told: told.session.reason.value if told.session.reason else None),
    Column("Blame", "blame", lambda told: told.session.blame.value if told.session.blame else None),
    Column("Stop reason", "stop_reason", lambda told: told.session.stop_reason),
    Column("Peak power (W)", "power_w_max", lambda told: whole(told.session.power_w_max)),
    Column("State of charge (%)", "soc_percent", lambda told: whole(told.session.soc_percent)),
    Column("Energy cost", "energy_cost", lambda told: told.amounts.cost),
    Column("Margin", "margin", lambda told: told.amounts.margin),
    Column("OCPP version", "ocpp_version", lambda told: told.session.version or None),
    Column("Upstream", "upstream", lambda told: told.session.upstream or None),
    Column("Late", "late", lambda told: told.session.late),
    Column("Revised because", "revised_because", lambda told: told.session.revised_because or None),
    Column("Roaming", "roaming", lambda told: told.book.roaming(told.session)),
    Column("Distance (km)", "distance_km", lambda told: told.amounts.impact.distance_km),
    Column("CO2 emitted (kg)", "co2_emitted_kg", lambda told: told.amounts.impact.co2_emitted_kg),
    Column("CO2 saved (kg)", "co2_saved_kg", lambda told: told.amounts.impact.co2_saved_kg),
    Column("NOx saved (g)", "nox_saved_g", lambda told: told.amounts.impact.nox_saved_g),
    Column("Fuel avoided (l)", "fuel_avoided_l", lambda told: told.amounts.impact.fuel_litres),
    Column("Fuel cost avoided", "fuel_cost_avoided", lambda told: told.amounts.impact.fuel_cost),
    Column("Charged", "charged", lambda told: told.book.billed(told.session).charged),
    Column("Charged currency", "charged_currency", lambda told: told.book.billed(told.session).currency),
    Column("Invoice", "invoice", lambda told: told.book.billed(told.session).invoice),
    Column("Invoice state", "invoice_state", lambda told: told.book.billed(told.session).invoice_state),
    Column("Receipt", "receipt", lambda told: told.book.billed(told.session).receipt),
    Column("Rating", "rating_stars", lambda told: told.book.billed(told.session).stars),
    Column("Odometer (km)", "odometer_km", lambda told: told.book.billed(told.session).odometer_km),
    Column("Imported from", "imported_from", lambda told: told.book.billed(told.session).source),
    Column("Price basis", "price_basis", lambda told: price_basis(told.amounts)),
    Column("Team plan", "team_plan", lambda told: told.book.team_plan(told.session)),
    Column("Average power (W)", "power_w_mean", _average_w),
    Column("Start confidence", "start_confidence", _confidence),
    Column("Tariff", "tariff", lambda told: told.amounts.tariff),
    Column("Price lines", "price_lines", lambda told: told.amounts.lines),
    Column("Team share", "team_share", lambda told: told.amounts.team_share),
    Column("Driver share", "driver_share", lambda told: told.amounts.driver_share),
    Column("Driver contact", "driver_contact", lambda told: told.book.contact(told.session)),
)


def _name(told: Told) -> str:
    return told.book.place(told.session).name or told.session.station


def _socket(told: Told) -> str | None:
    session = told.session
    return ".".join(str(each) for each in (session.evse, session.connector) if each is not None) or None


SHORT: tuple[Column, ...] = (
    Column("Start time", "start_time", lambda told: told.session.started_at_ns, Kind.MOMENT),
    Column("Station", "station", _name),
    Column("Socket", "socket", _socket),
    Column("Outcome", "outcome", lambda told: told.session.outcome.value),
    Column("Reason", "reason", lambda told: told.session.reason.value if told.session.reason else None),
    Column("kWh", "energy_kwh", lambda told: _rounded(told.session.energy_wh)),
    Column("Duration", "duration_s", _duration, Kind.SPAN),
    Column("Session", "session", lambda told: told.session.id),
)
"""What fits a terminal of 120 columns: when, where, what became of it, and the name by which every other command and page knows it."""


class ColumnSet(StrEnum):
    """Which columns."""

    SHORT = "short"
    VIRTA = "virta"
    LOG = "log"
    FULL = "full"


SETS: dict[ColumnSet, tuple[Column, ...]] = {
    ColumnSet.SHORT: SHORT,
    ColumnSet.VIRTA: VIRTA,
    ColumnSet.LOG: LOG,
    ColumnSet.FULL: VIRTA + _OWN,
}
