"""Visits: the attempts of one driver at one site that belong together, and how they went. Pure.

A driver is known by the token: attempts within 30 minutes of one another at one site are one visit. Of an unknown driver, those
on one connector within 2 minutes. Between two attempts counts the time from the end of the one to the start of the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import NamedTuple

from nocwatch.moments import MINUTE_NS
from nocwatch.sessions import Outcome

KNOWN_GAP_NS = 30 * MINUTE_NS
UNKNOWN_GAP_NS = 2 * MINUTE_NS
_SUCCESS, _FAILED, _ONGOING = Outcome.SUCCESS.value, Outcome.FAILED.value, Outcome.ONGOING.value
_TIME = attrgetter("started_at_ns", "stopped_at_ns")


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


class _Visit:
    """One that may go on: its first attempt, when its last one ended, and what came of them."""

    __slots__ = ("failed", "first", "success", "until_ns")

    def __init__(self, first: Attempt) -> None:
        self.first = first
        self.until_ns = 0
        self.success = self.failed = False

    def add(self, attempt: Attempt) -> None:
        self.until_ns = max(self.until_ns, attempt.stopped_at_ns)
        if attempt.outcome == _SUCCESS:
            self.success = True
        elif attempt.outcome == _FAILED:
            self.failed = True

    def judged(self) -> Iterator[tuple[Attempt, VisitSums]]:
        if self.first.outcome == _SUCCESS:
            yield self.first, WELL
        elif self.success:
            yield self.first, TROUBLED
        elif self.failed:
            yield self.first, FAILED


def visits(attempts: Iterable[Attempt]) -> Iterator[tuple[Attempt, VisitSums]]:
    """Each visit's first attempt, and what the visit counts for. Attempts may come in any order, and are quickest in that of time."""
    under_way: dict[tuple[object, ...], _Visit] = {}
    for each in sorted(attempts, key=_TIME):
        if each.outcome == _ONGOING:
            continue
        token = each.token
        driver = (each.place, token) if token else (each.station, each.evse, each.connector)
        visit = under_way.get(driver)
        if visit is None or each.started_at_ns - visit.until_ns > (KNOWN_GAP_NS if token else UNKNOWN_GAP_NS):
            if visit is not None:
                yield from visit.judged()
            visit = under_way[driver] = _Visit(each)
        visit.add(each)
    for visit in under_way.values():
        yield from visit.judged()
