"""What a session would cost, as its page shows it: lines, shares, margin, savings, and what it all rests on. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from nocwatch.console.views.words import NOBREAK, THIN, UNKNOWN
from nocwatch.money import Estimate, Impact, Line
from nocwatch.registry.imported import Imported

_KINDS = {
    "start": "Start fee",
    "energy": "Energy",
    "time": "Time",
    "idle": "Idle after charging",
    "parking": "Parking after the stop",
    "minimum": "Up to the minimum",
}


class Row(NamedTuple):
    """A line of the panel; ``strong``: a sum."""

    label: str
    figure: str
    note: str = ""
    strong: bool = False


class Panel(NamedTuple):
    """Prices and savings; ``total`` for the card, empty where no price is known."""

    total: str
    provisional: bool
    rows: list[Row]
    savings: list[Row]
    rests_on: tuple[str, ...]


def panel(found: Estimate) -> Panel | None:
    """None where nothing can be said of money: no tariff, no factors."""
    rows, savings = list(_price(found)), list(_savings(found.impact, found.currency))
    if not rows and not savings:
        return None
    total = money(found.price.total, found.currency) if found.price else ""
    return Panel(total, found.provisional, rows, savings, found.rests_on)


def money(amount: Decimal | None, currency: str) -> str:
    """``1 234.50 EUR``; a dash where it is not known."""
    return UNKNOWN if amount is None else f"{plain(amount)}{NOBREAK}{currency}".rstrip()


def plain(amount: Decimal) -> str:
    return f"{amount:,f}".replace(",", THIN).replace("-", "\u2212")


def _price(found: Estimate) -> Iterator[Row]:
    bill, currency = found.price, found.currency
    if bill is None:
        return
    for line in bill.lines:
        yield Row(_label(line), money(line.amount, currency), _note(line, currency))
    if bill.vat:
        yield Row("Net", money(bill.net, currency))
        yield Row("VAT", money(bill.vat, currency), f"{found.vat_percent}{NOBREAK}%")
    if bill.cash_rounding:
        yield Row("Rounding", money(bill.cash_rounding, currency))
    yield Row("Price", money(bill.total, currency), strong=True)
    if found.split is not None:
        yield Row("Team share", money(found.split.team_share, currency), f"at most {plain(found.split.cap)}")
        yield Row("Driver share", money(found.split.driver_share, currency))
    if found.cost is not None and found.margin is not None:
        yield Row("Cost of the energy", money(found.cost, currency))
        yield Row("Loss" if found.margin < 0 else "Margin", money(found.margin, currency), "net less cost")


def _label(line: Line) -> str:
    return f"{_KINDS[line.kind]}, {line.window}" if line.window else _KINDS[line.kind]


def _note(line: Line, currency: str) -> str:
    if not line.unit:
        return ""
    return f"{plain(line.quantity.normalize())}{NOBREAK}{line.unit} at {plain(line.rate)}{NOBREAK}{currency}"


def _savings(found: Impact, currency: str) -> Iterator[Row]:
    for label, value, unit in (
        ("CO₂ saved", found.co2_saved_kg, "kg"),
        ("CO₂ emitted", found.co2_emitted_kg, "kg"),
        ("NOx saved", found.nox_saved_g, "g"),
        ("Fuel saved", found.fuel_litres, "l"),
    ):
        if value is not None:
            yield Row(label, f"{plain(value)}{NOBREAK}{unit}")
    if found.fuel_cost is not None:
        yield Row("Cost of that fuel", money(found.fuel_cost, currency))


def imported(records: tuple[Imported, ...]) -> list[Row]:
    """What other systems say, each with where it came from."""
    return [
        Row(
            each.kind.capitalize(),
            " · ".join(f"{name} {value}" for name, value in each.facts.items()),
            each.source,
        )
        for each in records
    ]
