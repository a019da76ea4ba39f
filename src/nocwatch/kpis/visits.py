"""Visits: the attempts of one driver at one site that belong together, and how they went. Pure.

A driver is known by the token: attempts within 30 minutes of one another at one site are one visit. Of an unknown driver, those
on one connector within 2 minutes. Between two attempts counts the time from the end of the one to the start of the next.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from nocwatch.moments import MINUTE_NS
from nocwatch.sessions import Outcome

KNOWN_GAP_NS = 30 * MINUTE_NS
UNKNOWN_GAP_NS = 2 * MINUTE_NS
_NO_TRY = frozenset({Outcome.ONGOING.value})


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


def visits(attempts: Iterable[Attempt]) -> list[tuple[Attempt, VisitSums]]:
    """Each visit's first attempt, and what the visit counts for. Attempts may come in any order."""
    ordered = sorted(
        (each for each in attempts if each.outcome not in _NO_TRY),
        key=lambda each: (_driver(each), each.started_at_ns, each.stopped_at_ns),
    )
    found: list[tuple[Attempt, VisitSums]] = []
    visit: list[Attempt] = []
    until_ns = 0
    for each in ordered:
        gap_ns = KNOWN_GAP_NS if each.token else UNKNOWN_GAP_NS
        if visit and (_driver(visit[0]) != _driver(each) or each.started_at_ns - until_ns > gap_ns):
            found += _judged(visit)
            visit = []
            until_ns = 0
        visit.append(each)
        until_ns = max(until_ns, each.stopped_at_ns)
    return found + (_judged(visit) if visit else [])


def _driver(attempt: Attempt) -> tuple[str, ...]:
    if attempt.token:
        return ("token", attempt.place, attempt.token)
    return ("connector", attempt.station, str(attempt.evse), str(attempt.connector))


def _judged(visit: list[Attempt]) -> list[tuple[Attempt, VisitSums]]:
    outcomes = [each.outcome for each in visit]
    success, failed = Outcome.SUCCESS.value in outcomes, Outcome.FAILED.value in outcomes
    if not success and not failed:
        return []
    first = outcomes[0] == Outcome.SUCCESS.value
    return [
        (
            visit[0],
            VisitSums(1, int(first), int(success and not first), int(not success)),
        )
    ]
