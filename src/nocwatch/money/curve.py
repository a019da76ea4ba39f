"""How much energy had flowed by a moment: the register's curve, straight between its readings. Pure.

What always holds: it begins with nothing at the start, never falls, and ends with the session's energy; so whatever pieces a session
is cut into, their energies add up to it, to the last micro-watt-hour.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

import msgspec

from nocwatch.moments import HOUR_NS
from nocwatch.sessions import Session

_MICRO = 1_000_000
ENERGY_WH_MAX = 1e10
"""Ten gigawatt-hours: no session has them, but a register that lies may; more is counted as so much."""


class Point(Protocol):
    """A reading: the store's samples are such, ``CurvePoint`` too."""

    @property
    def at_ns(self) -> int: ...
    @property
    def energy_wh(self) -> float | None: ...
    @property
    def implausible(self) -> str: ...


class CurvePoint(msgspec.Struct, frozen=True):
    """Energy of the session by a moment."""

    at_ns: int
    energy_wh: float | None
    implausible: str = ""


class Basis(StrEnum):
    """What the course of the energy rests on."""

    READINGS = "readings"
    TWO_POINTS = "two_points"
    """Start and end alone: a straight line between them."""


def points_of_hours(hours: Iterable[tuple[int, float]]) -> list[CurvePoint]:
    """Readings that say the same as the energy of each hour: (its beginning, Wh)."""
    found: list[CurvePoint] = []
    total = Decimal(0)
    for begin_ns, energy_wh in sorted(hours):
        if not found or found[-1].at_ns < begin_ns:
            found.append(CurvePoint(begin_ns, float(total)))
        total += Decimal(str(energy_wh))
        found.append(CurvePoint(begin_ns + HOUR_NS, float(total)))
    return found


class Curve:
    """Of one session, from its start to its end.

    Attributes:
        from_ns, until_ns: the session; to the last that was heard where no stop is known.
        basis: what it rests on; ``readings``: how many there are.
        total: micro-watt-hours.
    """

    __slots__ = ("_at", "_energy", "basis", "from_ns", "readings", "total", "until_ns")

    def __init__(self, session: Session, points: Sequence[Point]) -> None:
        self.from_ns = session.started_at_ns
        self.until_ns = max(session.stopped_at_ns or session.changed_at_ns, self.from_ns)
        self.total = max(0, micro_wh(session.energy_wh or 0.0))
        self._at, self._energy = [self.from_ns], [0]
        for point in sorted(points, key=lambda each: each.at_ns):
            if point.energy_wh is None or point.implausible not in ("", "wrapped"):
                continue
            if not self.from_ns < point.at_ns < self.until_ns:
                continue
            energy = min(max(micro_wh(point.energy_wh), self._energy[-1]), self.total)
            if point.at_ns == self._at[-1]:
                self._energy[-1] = energy
            else:
                self._at.append(point.at_ns)
                self._energy.append(energy)
        self.readings = len(self._at) - 1
        self.basis = Basis.READINGS if self.readings else Basis.TWO_POINTS
        self._at.append(self.until_ns)
        self._energy.append(self.total)

    def micro_wh(self, at_ns: int) -> int:
        """What had flowed by then."""
        if at_ns >= self.until_ns:
            return self.total  # of a session without length all of it
        if at_ns <= self.from_ns:
            return 0
        after = bisect_right(self._at, at_ns)
        left, right = self._at[after - 1], self._at[after]
        flowed = self._energy[after] - self._energy[after - 1]
        return self._energy[after - 1] + flowed * (at_ns - left) // (right - left)

    def between(self, from_ns: int, until_ns: int) -> int:
        """Micro-watt-hours of a piece."""
        return self.micro_wh(until_ns) - self.micro_wh(from_ns)

    @property
    def span(self) -> tuple[int, int]:
        """In which all of its energy lies; where the clock stood still, the moment before it."""
        return (
            (self.from_ns, self.until_ns)
            if self.until_ns > self.from_ns
            else (self.from_ns - 1, self.from_ns)
        )

    @property
    def flowed_until_ns(self) -> int:
        """When the last energy had flowed; the end where no reading tells."""
        if self.basis is Basis.TWO_POINTS:
            return self.until_ns
        return next(at for at, energy in zip(self._at, self._energy, strict=True) if energy == self.total)


def micro_wh(energy_wh: float) -> int:
    """As a whole number: a float is taken as what it is written as; what is none counts for nothing."""
    if not math.isfinite(energy_wh):
        return 0
    return round(Decimal(str(min(max(energy_wh, -ENERGY_WH_MAX), ENERGY_WH_MAX))) * _MICRO)
