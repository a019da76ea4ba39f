"""Price, cost, margin and impact of one session, as far as the registry tells what they rest on. Pure.

What always holds: it is an estimate, says so, and says what it rests on. It is not a bill: the CSMS alone knows what was charged.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

import msgspec

from nocwatch.money import currency as money
from nocwatch.money.curve import Basis, Curve, Point
from nocwatch.money.impact import Impact, impact
from nocwatch.money.price import Line, Price, free, price, rated
from nocwatch.registry.model import Factors, Tariff, Vehicle
from nocwatch.registry.places import Place, Places
from nocwatch.sessions import Session

_NO_FACTORS = Factors()


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """Who pays how much of the price, by the tariff's ``price_cap``.

    Attributes:
        cap: what the team covers at most.
        covered: what it covers of this session, the team's share; ``driver_share`` the rest.
    """

    cap: Decimal
    covered: Decimal
    team_share: Decimal
    driver_share: Decimal


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """Of one session. Amounts are in ``currency``; what cannot be told is None, and ``missing`` says why.

    Attributes:
        estimate: always true, so that nobody takes a line of a report for a bill.
        provisional: the session goes on; so far.
        energy_kwh: what it was reckoned with.
        price: the bill, with its lines.
        split: where the tariff has a cap.
        cost: of the energy, without tax; ``margin`` the net price less that.
        rests_on: the inputs, each a short sentence.
        missing: what is not known, each a short sentence.
    """

    estimate: bool = True
    provisional: bool = False
    session: str
    tariff: str = ""
    currency: str = ""
    timezone: str = "UTC"
    vat_percent: Decimal | None = None
    energy_kwh: Decimal | None = None
    energy_basis: Basis = Basis.TWO_POINTS
    price: Price | None = None
    split: Split | None = None
    cost: Decimal | None = None
    margin: Decimal | None = None
    impact: Impact = Impact()
    rests_on: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[Line, ...]:
        return self.price.lines if self.price else ()


def estimate(
    session: Session,
    points: Sequence[Point],
    *,
    tariff: Tariff | None,
    place: Place,
    factors: Factors = _NO_FACTORS,
    vehicle: Vehicle | None = None,
) -> Estimate:
    """What this session would cost, and what it saves.

    Args:
        session: as it stands.
        points: its curve; the store's samples, or ``points_of_hours``; without any a straight line is taken.
        tariff: that holds for it (``Places.tariff``); None where none is known.
        place: its station: time zone, free usage.
        factors: the registry's.
        vehicle: where it is known (``Places.vehicle``).
    """
    curve = Curve(session, points)
    known = session.energy_wh is not None
    currency = tariff.currency if tariff else "EUR"
    bill = _bill(session, curve, tariff, place) if tariff and known else None
    cost = _cost(curve, tariff, place.timezone) if tariff and known else None
    return Estimate(
        provisional=not session.over,
        session=session.id,
        tariff=tariff.id if tariff else "",
        currency=tariff.currency if tariff else "",
        timezone=place.timezone,
        vat_percent=tariff.vat_percent if tariff else None,
        energy_kwh=money.shown(Fraction(curve.total, 10**9), 3) if known else None,
        energy_basis=curve.basis,
        price=bill,
        split=_split(bill, tariff, place) if tariff and bill else None,
        cost=cost,
        margin=bill.net - cost if bill and cost is not None else None,
        impact=impact(curve.total, factors, vehicle, currency) if known else Impact(),
        rests_on=_rests_on(curve, tariff, place) if known else (),
        missing=_missing(session, tariff, cost),
    )


def estimated(session: Session, points: Sequence[Point], places: Places) -> Estimate:
    """The same, by all that the registry knows of the session."""
    return estimate(
        session,
        points,
        tariff=places.tariff(session),
        place=places.place(session.station),
        factors=places.house.factors,
        vehicle=places.people.vehicle(session.token),
    )


def _bill(session: Session, curve: Curve, tariff: Tariff, place: Place) -> Price:
    if place.free_usage or not curve.total:
        return free(tariff)
    return price(tariff, curve, place.timezone, session.milestones.get("released"))


def _cost(curve: Curve, tariff: Tariff, timezone: str) -> Decimal | None:
    """None where some of the energy flowed at a time of which the tariff does not tell what energy costs."""
    pieces = [
        (curve.between(begin, end), window, rate)
        for begin, end, window, rate in rated(tariff, "cost_per_kwh", *curve.span, timezone)
    ]
    if tariff.cost_per_kwh is None and (
        not curve.total or any(energy and not window for energy, window, _ in pieces)
    ):
        return None
    exact = sum((Fraction(energy, 10**9) * Fraction(rate) for energy, _, rate in pieces), Fraction())
    return money.rounded(exact, money.unit(tariff.currency))


def _split(bill: Price, tariff: Tariff, place: Place) -> Split | None:
    """A team that does not pay covers nothing, whatever the tariff would let it."""
    if tariff.price_cap is None:
        return None
    cap = money.rounded(tariff.price_cap if place.team_pays else Decimal(), money.unit(tariff.currency))
    covered = min(bill.total, cap)
    return Split(cap=cap, covered=covered, team_share=covered, driver_share=bill.total - covered)


def _rests_on(curve: Curve, tariff: Tariff | None, place: Place) -> tuple[str, ...]:
    found = [
        f"the course of the energy: {curve.readings} meter reading{'' if curve.readings == 1 else 's'}, straight lines between them"
        if curve.basis is Basis.READINGS
        else "the course of the energy: a straight line, as no meter reading came between start and end"
    ]
    if place.meter_shared:
        found.append("a meter that counts other loads too (meter_shared): the energy may be too high")
    if tariff is not None:
        found.append(f"tariff {tariff.id} as it stands in the registry now")
        if tariff.windows:
            found.append(f"local time of {place.timezone}")
        if tariff.per_idle_hour and curve.basis is Basis.TWO_POINTS:
            found.append("no idle time: without readings nobody knows when the energy ended")
        if not curve.total:
            found.append("nothing is charged where no energy flowed")
    if place.free_usage:
        found.append("free usage at this station")
    return tuple(found)


def _missing(session: Session, tariff: Tariff | None, cost: Decimal | None) -> tuple[str, ...]:
    found = []
    if session.energy_wh is None:
        found.append("the energy of the session is not known")
    if tariff is None:
        found.append("no tariff: neither an access profile nor the station names one in the registry")
    elif tariff.cost_per_kwh is None and all(each.cost_per_kwh is None for each in tariff.windows):
        found.append("what the energy costs: the tariff has no cost_per_kwh")
    elif cost is None and session.energy_wh:
        found.append("what the energy costs: the tariff has a cost_per_kwh at some times only")
    return tuple(found)
