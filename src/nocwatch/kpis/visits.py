"""Visits: the attempts of one driver at one site that belong together, and how they went. Pure.

A driver is known by the token: attempts within 30 minutes of one another at one site are one visit. Of an unknown driver, those
on one connector within 2 minutes. Between two attempts counts the time from the end of the one to the start of the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from nocwatch.moments import MINUTE_NS
from nocwatch.sessions import Outcome

KNOWN_GAP_NS = 30 * MINUTE_NS
UNKNOWN_GAP_NS = 2 * MINUTE_NS
_SUCCESS, _FAILED, _ONGOING = Outcome.SUCCESS.value, Outcome.FAILED.value, Outcome.ONGOING.value


class Attempt(NamedTuple):
    """What of a session counts for visits. ``place``: the site, or the station where it has none."""

    place: str
    station: str
    evse: int
    connector: int
    token: str | None
    started_at_ns: int
    stopped_at_ns: int
    outcome: str


class VisitSums(NamedTuple):
    """Visits, of them those that went well at once, those that went well at last, and those that never did.

    A visit whose attempts were all cancelled or refused is none: the driver did not want, or was not allowed.
    """

    visits: int = 0
    first_attempt: int = 0
    troubled: int = 0
    failed: int = 0

    def __add__(self, other: object) -> VisitSums:
        if not isinstance(other, VisitSums):
            return NotImplemented
        return VisitSums(*(one + two for one, two in zip(self, other, strict=True)))

    def times(self, number: int) -> VisitSums:
        return VisitSums(*(number * each for each in self))


WELL = VisitSums(1, first_attempt=1)
TROUBLED = VisitSums(1, troubled=1)
FAILED = VisitSums(1, failed=1)


SWEEP_AT = 1024
"""Visits that may go on before those that cannot are judged: a large fleet has fewer at a time."""


class _Visit:
    """One that may go on: its first attempt, when its last one ended, and what came of them."""

    __slots__ = ("failed", "first", "success", "until_ns")

    def __init__(self, first: Attempt) -> None:
        self.first = first
        self.until_ns = first.stopped_at_ns
        self.success = first.outcome == _SUCCESS
        self.failed = first.outcome == _FAILED

    def add(self, attempt: Attempt) -> None:
        self.until_ns = max(self.until_ns, attempt.stopped_at_ns)
        if attempt.outcome == _SUCCESS:
            self.success = True
        elif attempt.outcome == _FAILED:
            self.failed = True

    def judged(self) -> VisitSums | None:
        if self.first.outcome == _SUCCESS:
            return WELL
        return TROUBLED if self.success else FAILED if self.failed else None


def visits(attempts: Iterable[Attempt]) -> Iterator[tuple[Attempt, VisitSums]]:
    """Each visit's first attempt, and what the visit counts for. Attempts come in order of time.

    Of a year's million only the visits that may still go on are held.
    """
    under_way: dict[tuple[object, ...], _Visit] = {}
    sweep_at = SWEEP_AT
    for each in attempts:
        if each.outcome == _ONGOING:
            continue
        token, started_ns = each.token, each.started_at_ns
        driver = (each.place, token) if token else (each.station, each.evse, each.connector)
        visit = under_way.get(driver)
        if visit is not None and started_ns - visit.until_ns <= (KNOWN_GAP_NS if token else UNKNOWN_GAP_NS):
            visit.add(each)
            continue
        if visit is not None and (sums := visit.judged()) is not None:
            yield visit.first, sums
        under_way[driver] = _Visit(each)
        if len(under_way) >= sweep_at:
            over = [key for key, held in under_way.items() if started_ns - held.until_ns > KNOWN_GAP_NS]
            for visit in map(under_way.pop, over):
                if (sums := visit.judged()) is not None:
                    yield visit.first, sums
            sweep_at = max(SWEEP_AT, 2 * len(under_way))
    for visit in under_way.values():
        if (sums := visit.judged()) is not None:
            yield visit.first, sums
