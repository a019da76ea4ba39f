"""How long a vehicle kept its place after the last energy, beside what the registry allows there. Pure.

Told of sessions that are over, and by their readings: of one under way the last reading is no end, and of two points nobody knows
when the energy ended. Nothing is charged by it here; a fee for it is the tariff's (``money/price.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from nocwatch.console.views import words
from nocwatch.moments import MINUTE_NS, SECOND_NS
from nocwatch.money.curve import Basis, Curve, Point
from nocwatch.registry.place import Place
from nocwatch.sessions import Session

TOLD_NS = 5 * MINUTE_NS
"""A stop that follows within so much is part of the charge: the driver unplugs."""


class Stay(NamedTuple):
    """``text``: how long; ``allowed``: of how much, empty where the registry says nothing; ``over``: longer than that."""

    text: str
    allowed: str
    over: bool


def after_energy(session: Session, points: Sequence[Point], place: Place) -> Stay | None:
    """None where there is nothing to tell."""
    if not session.over or session.stopped_at_ns is None or not session.energy_wh:
        return None
    curve = Curve(session, points)
    length_ns = session.stopped_at_ns - curve.flowed_until_ns
    if curve.basis is Basis.TWO_POINTS or length_ns < TOLD_NS:
        return None
    allowed_s = place.overstay_allowed_s
    if allowed_s is None:
        return Stay(words.span(length_ns), "", False)
    allowed_ns = int(allowed_s * SECOND_NS)
    return Stay(words.span(length_ns), words.span(allowed_ns), length_ns > allowed_ns)
