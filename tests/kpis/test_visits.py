"""Which attempts are one visit, and how it went."""

from __future__ import annotations

import pytest

from nocwatch.kpis.visits import Attempt, VisitSums, visits
from nocwatch.moments import MINUTE_NS

DRIVER = "k1"
S, F, C, R = "success", "failed", "cancelled", "rejected"


def attempt(
    start: int, end: int, outcome: str, token: str | None = DRIVER, station: str = "CP1", place: str = "depot"
) -> Attempt:
    return Attempt(place, station, 1, 1, token, start * MINUTE_NS, end * MINUTE_NS, outcome)


STORIES = [
    ("at once", [attempt(0, 40, S)], VisitSums(1, 1, 0, 0)),
    (
        "at the second charger of the site",
        [attempt(0, 1, F), attempt(5, 60, S, station="CP2")],
        VisitSums(1, 0, 1, 0),
    ),
    ("never", [attempt(0, 1, F), attempt(3, 4, F)], VisitSums(1, 0, 0, 1)),
    ("after a refused card", [attempt(0, 1, R), attempt(2, 40, S)], VisitSums(1, 0, 1, 0)),
    ("changed her mind", [attempt(0, 1, C)], VisitSums()),
    ("came back after 31 minutes", [attempt(0, 1, F), attempt(32, 60, S)], VisitSums(2, 1, 0, 1)),
    ("came back after 30 minutes", [attempt(0, 1, F), attempt(31, 60, S)], VisitSums(1, 0, 1, 0)),
    ("another site", [attempt(0, 1, F), attempt(5, 60, S, place="harbour")], VisitSums(2, 1, 0, 1)),
    (
        "unknown driver, same plug, 2 minutes",
        [attempt(0, 1, F, None), attempt(3, 60, S, None)],
        VisitSums(1, 0, 1, 0),
    ),
    ("unknown driver, 3 minutes", [attempt(0, 1, F, None), attempt(4, 60, S, None)], VisitSums(2, 1, 0, 1)),
    ("still charging", [attempt(0, 1, "ongoing")], VisitSums()),
]


@pytest.mark.parametrize(("story", "attempts", "wanted"), STORIES, ids=[story for story, *_ in STORIES])
def test_visit(story: str, attempts: list[Attempt], wanted: VisitSums) -> None:
    for order in (attempts, attempts[::-1]):
        total = VisitSums()
        for _, sums in visits(order):
            total += sums
        assert total == wanted
