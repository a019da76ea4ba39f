"""What a session would cost, as a report's columns ask for it. The one seam between reports and the estimate of prices. Pure."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TypeAlias

import msgspec

from nocwatch.sessions import Session


class Amounts(msgspec.Struct, frozen=True, kw_only=True):
    """Estimated from the tariff; what is not known is None.

    Attributes:
        price: tax included; ``net`` and ``vat`` are its parts.
    """

    currency: str | None = None
    vat_percent: Decimal | None = None
    vat: Decimal | None = None
    net: Decimal | None = None
    price: Decimal | None = None
    cost: Decimal | None = None
    margin: Decimal | None = None


UNKNOWN = Amounts()

Pricing: TypeAlias = Callable[[Session], Amounts]


def unpriced(_: Session) -> Amounts:
    """Where there is nothing to estimate by."""
    return UNKNOWN
