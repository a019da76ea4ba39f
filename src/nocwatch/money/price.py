"""What a session would cost by a tariff: lines by window, fees, value added tax. Pure, exact until the one rounding at the end.

What always holds: the lines add up to the subtotal, net and tax to the price; cutting a window in two changes no total.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import msgspec

from nocwatch.moments import HOUR_NS, SECOND_NS
from nocwatch.money import currency as money
from nocwatch.money.curve import Curve
from nocwatch.registry.hours import Hours, cuts, hours, local
from nocwatch.registry.model import Tariff

_MICRO_PER_KWH = 10**9


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the bill.

    Attributes:
        kind: ``energy``, ``start``, ``time``, ``idle``, ``parking``, ``minimum``.
        window: the tariff's window, such as ``mon, tue 22:00 to 06:00``; empty where none held.
        quantity: kWh or hours (``unit``); 1 of a fee.
        rate: for one of them, as the tariff says it.
        amount: rounded; with the other lines it adds up to the subtotal.
    """

    kind: str
    window: str = ""
    quantity: Decimal
    unit: str = ""
    rate: Decimal
    amount: Decimal


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """A bill.

    Attributes:
        lines: add up to ``subtotal``: gross where the tariff's prices have the tax in them, net otherwise.
        net, vat: add up to ``gross``, both rounded to the currency's smallest unit.
        cash_rounding: what rounding to ``round_to`` adds or takes.
        total: what is paid: gross and cash rounding.
    """

    lines: tuple[Line, ...]
    subtotal: Decimal
    net: Decimal
    vat: Decimal
    gross: Decimal
    cash_rounding: Decimal
    total: Decimal


class _Raw(NamedTuple):
    kind: str
    window: str
    quantity: Fraction
    unit: str
    rate: Decimal
    amount: Fraction


def price(tariff: Tariff, curve: Curve, timezone: str, released_ns: int | None) -> Price:
    """The bill of a session in which energy has flowed.

    Args:
        tariff: the prices.
        curve: when the energy flowed, and from when until when the transaction went on.
        timezone: the site's, by which the tariff's windows are meant.
        released_ns: when the connector was free; None where that is not known.
    """
    raw = list(_lines(tariff, curve, timezone, released_ns))
    exact = sum((line.amount for line in raw), Fraction())
    if exact < tariff.minimum:
        lacking = Fraction(tariff.minimum) - exact
        raw.append(_Raw("minimum", "", Fraction(1), "", tariff.minimum, lacking))
        exact += lacking
    return _billed(tariff, raw, exact)


def free(tariff: Tariff) -> Price:
    """The bill of who pays nothing."""
    return _billed(tariff, [], Fraction())


def _lines(tariff: Tariff, curve: Curve, timezone: str, released_ns: int | None) -> Iterator[_Raw]:
    if tariff.connection_fee:
        fee = tariff.connection_fee
        yield _Raw("start", "", Fraction(1), "", fee, Fraction(fee))
    start_ns, stop_ns = curve.from_ns, curve.until_ns
    spans = (
        ("energy", "per_kwh", *curve.span),
        ("time", "per_hour", start_ns, stop_ns),
        ("idle", "per_idle_hour", curve.flowed_until_ns + _ns(tariff.idle_free), stop_ns),
        ("parking", "per_parking_hour", stop_ns + _ns(tariff.parking_free), released_ns or stop_ns),
    )
    for kind, key, from_ns, until_ns in spans:
        by_rate: dict[tuple[str, Decimal], int] = {}
        for piece_from, piece_until, window, rate in rated(tariff, key, from_ns, until_ns, timezone):
            quantity = (
                curve.between(piece_from, piece_until) if kind == "energy" else piece_until - piece_from
            )
            by_rate[window, rate] = by_rate.get((window, rate), 0) + quantity
        for (window, rate), whole in by_rate.items():
            if whole and rate:
                quantity_ = Fraction(whole, _MICRO_PER_KWH if kind == "energy" else HOUR_NS)
                unit = "kWh" if kind == "energy" else "h"
                yield _Raw(kind, window, quantity_, unit, rate, quantity_ * Fraction(rate))


def rated(
    tariff: Tariff, key: str, from_ns: int, until_ns: int, timezone: str
) -> list[tuple[int, int, str, Decimal]]:
    """A span in pieces of one rate each: from, until, window, rate. The first window that names the key holds."""
    base = getattr(tariff, key) or Decimal(0)
    windows: list[tuple[Hours, Decimal]] = []
    for each in tariff.windows:
        own = getattr(each, key)
        if own is not None:
            windows.append((hours(each.days, each.from_, each.to), own))
    if not windows:
        return [(from_ns, until_ns, "", base)] if until_ns > from_ns else []
    found = []
    for begin, end in cuts(from_ns, until_ns, timezone, (each for each, _ in windows)):
        wall = local(begin, timezone)
        window, rate = next(((str(times), own) for times, own in windows if times.hold(wall)), ("", base))
        found.append((begin, end, window, rate))
    return found


def _billed(tariff: Tariff, raw: list[_Raw], exact: Fraction) -> Price:
    step = money.unit(tariff.currency)
    with_vat = 1 + Fraction(tariff.vat_percent) / 100
    exact_net, exact_gross = (exact / with_vat, exact) if tariff.vat_included else (exact, exact * with_vat)
    net, gross = money.rounded(exact_net, step), money.rounded(exact_gross, step)
    subtotal = gross if tariff.vat_included else net
    amounts = money.shared_out([line.amount for line in raw], subtotal, step)
    lines = tuple(
        Line(
            kind=line.kind,
            window=line.window,
            quantity=money.shown(line.quantity, 4),
            unit=line.unit,
            rate=line.rate,
            amount=amount,
        )
        for line, amount in zip(raw, amounts, strict=True)
    )
    total = gross
    if tariff.round_to is not None:
        total = money.rounded(exact_gross, tariff.round_to) + Decimal(0).quantize(step)
    return Price(
        lines=lines,
        subtotal=subtotal,
        net=net,
        vat=gross - net,
        gross=gross,
        cash_rounding=total - gross,
        total=total,
    )


def _ns(seconds: float) -> int:
    return round(seconds * SECOND_NS)
