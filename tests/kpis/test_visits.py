"""Which attempts are one visit, and how it went."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nocwatch.kpis.visits import SWEEP_AT, Attempt, VisitSums, visits
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


def summed(attempts: Iterable[Attempt]) -> VisitSums:
    total = VisitSums()
    for _, sums in visits(attempts):
        total += sums
    return total


@pytest.mark.parametrize(("story", "attempts", "wanted"), STORIES, ids=[story for story, *_ in STORIES])
def test_visit(story: str, attempts: list[Attempt], wanted: VisitSums) -> None:
    assert summed(attempts) == wanted


def by_driver(attempts: list[Attempt]) -> VisitSums:
    """The same by the letter: each driver's attempts alone, and all are held to the end."""
    drivers: dict[object, list[list[Attempt]]] = {}
    for each in attempts:
        if each.outcome == "ongoing":
            continue
        known = bool(each.token)
        own = drivers.setdefault(
            (each.place, each.token) if known else (each.station, each.evse, each.connector), []
        )
        gap_ns = each.started_at_ns - max(before.stopped_at_ns for before in own[-1]) if own else 0
        if not own or gap_ns > (30 if known else 2) * MINUTE_NS:
            own.append([])
        own[-1].append(each)
    total = VisitSums()
    for visit in (visit for own in drivers.values() for visit in own):
        outcomes = [each.outcome for each in visit]
        if S in outcomes or F in outcomes:
            well = outcomes[0] == S
            total += VisitSums(1, int(well), int(S in outcomes and not well), int(S not in outcomes))
    return total


tries = st.builds(
    attempt,
    start=st.integers(0, 300),
    end=st.integers(0, 300),
    outcome=st.sampled_from([S, F, C, R, "ongoing"]),
    token=st.sampled_from([None, "", "k1", "k2", "k3", "k4"]),
    station=st.sampled_from(["CP1", "CP2", "CP3"]),
    place=st.sampled_from(["depot", "harbour"]),
)


@settings(deadline=None, max_examples=80)
@given(attempts=st.lists(tries, max_size=40), sweep_at=st.integers(1, 5))
def test_visits_that_are_over_are_let_go_and_no_visit_is_another_for_it(
    attempts: list[Attempt], sweep_at: int
) -> None:
    told = [
        each._replace(stopped_at_ns=max(each.started_at_ns, each.stopped_at_ns))
        for each in sorted(attempts, key=lambda each: each.started_at_ns)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nocwatch.kpis.visits.SWEEP_AT", sweep_at)
        assert summed(told) == by_driver(told)


def test_of_a_year_of_guests_only_those_are_held_that_may_still_go_on() -> None:
    taken = 0

    def guests() -> Iterator[Attempt]:
        nonlocal taken
        for number in range(10 * SWEEP_AT):
            taken += 1
            yield attempt(number, number + 20, S, token=f"guest{number}")

    held = [taken - told for told, _ in enumerate(visits(guests()), 1)]
    assert len(held) == 10 * SWEEP_AT
    assert max(held) <= SWEEP_AT
