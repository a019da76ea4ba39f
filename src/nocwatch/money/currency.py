"""How money is rounded: once, to what the currency has, and so that the lines of a bill add up to its total. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction

_WITHOUT = frozenset(
    [
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "UYI",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    ]
)
_THREE = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])
_FOUR = frozenset(["CLF", "UYW"])
_PRECISION = 60
"""Digits: more than any bill has, so that nothing is rounded before it is meant to be."""


def minor_digits(currency: str) -> int:
    """Digits behind the point that the currency has [ISO 4217]: two for most."""
    if currency in _WITHOUT:
        return 0
    return 3 if currency in _THREE else 4 if currency in _FOUR else 2


def unit(currency: str) -> Decimal:
    """The smallest amount: ``0.01`` for EUR, ``1`` for JPY, ``0.001`` for KWD."""
    return Decimal(1).scaleb(-minor_digits(currency))


def rounded(amount: Fraction | Decimal, step: Decimal) -> Decimal:
    """To the nearest multiple of ``step``; half of it upwards, as on a bill."""
    with localcontext(prec=_PRECISION):
        steps = _nearest(Fraction(amount) / Fraction(step))
        return (Decimal(steps) * step).quantize(step)


def shared_out(amounts: Sequence[Fraction], total: Decimal, step: Decimal) -> list[Decimal]:
    """The amounts rounded so that they add up to ``total``: who lost most by rounding down gets a step first.

    Each differs from its exact amount by less than a step, as long as ``total`` is the rounded sum.
    """
    with localcontext(prec=_PRECISION):
        exact = [amount / Fraction(step) for amount in amounts]
        steps = [each.numerator // each.denominator for each in exact]
        missing = int(total / step) - sum(steps)
        order = sorted(range(len(exact)), key=lambda index: steps[index] - exact[index])
        for index in order[:missing]:
            steps[index] += 1
        return [(Decimal(each) * step).quantize(step) for each in steps]


def _nearest(value: Fraction) -> int:
    doubled = 2 * value + 1
    return doubled.numerator // (2 * doubled.denominator) if value >= 0 else -_nearest(-value)


def shown(amount: Fraction, digits: int) -> Decimal:
    """A quantity as a decimal of so many digits."""
    with localcontext(prec=_PRECISION):
        return (Decimal(amount.numerator) / Decimal(amount.denominator)).quantize(
            Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP
        )
