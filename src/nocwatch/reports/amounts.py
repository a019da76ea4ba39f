"""What a session would cost, as a report's columns ask for it. The one seam between reports and the estimate of prices. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TypeAlias

import msgspec

from nocwatch.money import Line, estimate
from nocwatch.money.curve import Point
from nocwatch.money.impact import Impact
from nocwatch.registry.model import Factors
from nocwatch.registry.places import Places
from nocwatch.sessions import Session


class Amounts(msgspec.Struct, frozen=True, kw_only=True):
    """Estimated from the tariff; what is not known is None.

    Attributes:
        price: what is paid, tax included; ``net`` and ``vat`` are its parts, up to the rounding of cash.
        impact: what it saves and emits, by the driver's vehicle where it is known.
        tariff: its id. ``lines`` of the bill, for people.
        team_share, driver_share: who pays how much, where the tariff has a cap.
    """

    currency: str | None = None
    vat_percent: Decimal | None = None
    vat: Decimal | None = None
    net: Decimal | None = None
    price: Decimal | None = None
    cost: Decimal | None = None
    margin: Decimal | None = None
    impact: Impact = Impact()
    tariff: str | None = None
    lines: str | None = None
    team_share: Decimal | None = None
    driver_share: Decimal | None = None


UNKNOWN = Amounts()
NO_FACTORS = Factors()

Points: TypeAlias = Callable[[str], Sequence[Point]]
"""The curve of a session, by its id."""


def amounts(session: Session, places: Places, points: Points) -> Amounts:
    """The estimate of one session. Its curve is asked for only where the price hangs on it."""
    tariff = places.tariff(session)
    if tariff is None and places.house.factors == NO_FACTORS:
        return UNKNOWN
    by_curve = tariff is not None and bool(tariff.windows or tariff.per_idle_hour)
    found = estimate(
        session,
        points(session.id) if by_curve else (),
        tariff=tariff,
        place=places.place(session.station),
        factors=places.house.factors,
        vehicle=places.people.vehicle(session.token),
    )
    price = found.price
    return Amounts(
        currency=found.currency or None,
        vat_percent=found.vat_percent,
        vat=price.vat if price else None,
        net=price.net if price else None,
        price=price.total if price else None,
        cost=found.cost,
        margin=found.margin,
        impact=found.impact,
        tariff=found.tariff or None,
        lines="; ".join(map(in_words, found.lines)) or None,
        team_share=found.split.team_share if found.split else None,
        driver_share=found.split.driver_share if found.split else None,
    )


def in_words(line: Line) -> str:
    """``energy 20 kWh at 0.49 = 9.80``, with the tariff's window where one held."""
    of_window = f" ({line.window})" if line.window else ""
    if not line.unit:
        return f"{line.kind} {line.amount:f}{of_window}"
    return (
        f"{line.kind} {line.quantity.normalize():f} {line.unit} at {line.rate:f} = {line.amount:f}{of_window}"
    )
