"""What a session's energy saves and emits, against the fuel that as many kilometres take. Pure; factors are the registry's.

What always holds: of what no factor is known nothing is said; a saving is net of what the grid emits, and may be negative.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import msgspec

from nocwatch.money import currency as money
from nocwatch.registry.model import Factors, Vehicle

_GRAMS = 1000


class Impact(msgspec.Struct, frozen=True, kw_only=True):
    """Of one session; None where a factor is missing.

    Attributes:
        distance_km: how far the energy takes an electric car.
        co2_emitted_kg, nox_emitted_g: by making the electricity.
        co2_avoided_kg, nox_avoided_g: what a petrol car would have emitted over that distance; ``saved`` the difference.
        fuel_litres: what it would have burnt; ``fuel_cost`` the price of that.
    """

    distance_km: Decimal | None = None
    co2_emitted_kg: Decimal | None = None
    co2_avoided_kg: Decimal | None = None
    co2_saved_kg: Decimal | None = None
    nox_emitted_g: Decimal | None = None
    nox_avoided_g: Decimal | None = None
    nox_saved_g: Decimal | None = None
    fuel_litres: Decimal | None = None
    fuel_cost: Decimal | None = None


def impact(micro_wh: int, factors: Factors, vehicle: Vehicle | None = None, currency: str = "EUR") -> Impact:
    """Of so much energy.

    Args:
        micro_wh: the session's energy.
        factors: the registry's.
        vehicle: whose ``fuel_litres_per_100km`` is better than the fleet's.
        currency: of ``fuel_price_per_litre``, for its rounding.
    """
    kwh = Fraction(micro_wh, 10**9)
    km = kwh * 100 / Fraction(factors.kwh_per_100km) if factors.kwh_per_100km else None
    co2_out, co2_in = _times(kwh, factors.co2_grid_g_per_kwh), _times(km, factors.co2_petrol_g_per_km)
    nox_out, nox_in = _times(kwh, factors.nox_grid_mg_per_kwh), _times(km, factors.nox_petrol_mg_per_km)
    consumption = vehicle.fuel_litres_per_100km if vehicle else None
    litres = _times(km, consumption if consumption is not None else factors.fuel_litres_per_100km)
    litres = None if litres is None else litres / 100
    cost = _times(litres, factors.fuel_price_per_litre)
    return Impact(
        distance_km=_told(km, 1, 1),
        co2_emitted_kg=_told(co2_out, _GRAMS),
        co2_avoided_kg=_told(co2_in, _GRAMS),
        co2_saved_kg=_told(_less(co2_in, co2_out or Fraction()), _GRAMS),
        nox_emitted_g=_told(nox_out, _GRAMS),
        nox_avoided_g=_told(nox_in, _GRAMS),
        nox_saved_g=_told(_less(nox_in, nox_out or Fraction()), _GRAMS),
        fuel_litres=_told(litres, 1, 2),
        fuel_cost=None if cost is None else money.rounded(cost, money.unit(currency)),
    )


def _times(amount: Fraction | None, factor: Decimal | None) -> Fraction | None:
    return None if amount is None or factor is None else amount * Fraction(factor)


def _less(amount: Fraction | None, other: Fraction) -> Fraction | None:
    return None if amount is None else amount - other


def _told(amount: Fraction | None, divisor: int, digits: int = 3) -> Decimal | None:
    return None if amount is None else money.shown(amount / divisor, digits)
