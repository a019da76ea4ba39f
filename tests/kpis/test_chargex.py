"""ChargeX key figures on worked examples: what each session counts for, and what comes of the sums."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.alerts import MINUTE, NOON, SECOND
from tests.support.history import a_session

from nocwatch.kpis.counting import Counted, counted
from nocwatch.kpis.figures import of_start_times, of_sums
from nocwatch.kpis.ratios import wilson
from nocwatch.kpis.spread import bucket_of, lower_ns, quantile_s
from nocwatch.sessions import Milestone, Outcome, Reason, Session, SessionStep


def a_step(name: str, after: int, *, milestone: bool = False) -> SessionStep:
    return SessionStep(at_ns=NOON + after, name=name, milestone=milestone)


def session(outcome: Outcome, energy_wh: float | None, *steps: SessionStep, **more: object) -> Session:
    made = a_session(outcome=outcome, energy_wh=energy_wh, **more)
    return Session(**{name: getattr(made, name) for name in made.__struct_fields__} | {"steps": steps})


CHARGING = a_step(Milestone.CHARGING, 30 * SECOND, milestone=True)
STOPPED = a_step(Milestone.STOPPED, 20 * MINUTE, milestone=True)

WORKED = [
    (
        "a charge as it should be",
        session(Outcome.SUCCESS, 12_000, CHARGING, STOPPED, stop_reason="Local"),
        (1, 1, 1),
    ),
    (
        "an authorisation that led to nothing",
        session(Outcome.CANCELLED, None, reason=Reason.AUTH_UNUSED),
        (1, 0, 0),
    ),
    ("a card that was refused", session(Outcome.REJECTED, None, reason=Reason.AUTH_REJECTED), (1, 0, 0)),
    ("a start without power", session(Outcome.FAILED, 0.0, STOPPED, stop_reason="Local"), (1, 0, 0)),
    (
        "power, then an emergency stop",
        session(Outcome.FAILED, 900, CHARGING, STOPPED, stop_reason="EmergencyStop"),
        (1, 1, 0),
    ),
    (
        "power, and no stop ever came",
        session(Outcome.FAILED, 8_000, CHARGING, reason=Reason.LOST_STOP),
        (1, 1, 0),
    ),
    (
        "a 1.6 station that never says Charging",
        session(Outcome.FAILED, 51, STOPPED, stop_reason="Other"),
        (1, 1, 0),
    ),
    (
        "fifty watt-hours are not yet power",
        session(Outcome.FAILED, 50, STOPPED, stop_reason="Local"),
        (1, 0, 0),
    ),
    ("a little power, and the driver left", session(Outcome.CANCELLED, 80, CHARGING, STOPPED), (1, 1, 1)),
    ("still under way", session(Outcome.ONGOING, 5_000, CHARGING), (0, 0, 0)),
    (
        "a card that turned out to be another session's",
        session(Outcome.CANCELLED, None, a_step("joined", 9)),
        (0, 0, 0),
    ),
]


@pytest.mark.parametrize(("story", "given_session", "cells"), WORKED, ids=[story for story, *_ in WORKED])
def test_what_a_session_counts_for(story: str, given_session: Session, cells: tuple[int, int, int]) -> None:
    assert counted(given_session)[:3] == cells


def test_the_worked_examples_together() -> None:
    sums = dict.fromkeys(Counted._fields[:4], 0)
    for _, each, _ in WORKED:
        for name, amount in zip(Counted._fields[:4], counted(each), strict=False):
            sums[name] += amount
    figures = {figure.name: figure for figure in of_sums(sums)}
    # Nine attempts are over, power flowed in five, two of these were stopped as they should.
    assert figures["charge_start_success"].value == 5 / 9
    assert figures["charge_end_success"].value == 2 / 5
    assert figures["session_success"].value == 2 / 9
    assert figures["charger_start_success"].value == 5 / 8
    start = figures["charge_start_success"].value * figures["charge_end_success"].value
    assert figures["session_success"].value == pytest.approx(start)
    assert figures["session_success"].number == 9


def test_sums_are_pooled_and_ratios_are_not_averaged() -> None:
    busy, idle = {"attempts": 99, "delivered": 99}, {"attempts": 1, "delivered": 0}
    both = {name: busy[name] + idle[name] for name in busy}
    assert of_sums(both)[0].value == 0.99


def test_nothing_to_divide_by_is_no_figure_and_not_zero() -> None:
    assert all(figure.value is None and figure.low is None for figure in of_sums({}))


STARTS = [
    ("from the card, where the plug came first", ["preparing", "authorised"], [2, 12], 18),
    ("from the plug, where the card came first", ["authorised", "ev_connected"], [3, 20], 10),
    ("from the order, where there is no card", ["preparing", "starting"], [1, 25], 5),
    ("not known, where nothing came before", [], [], None),
]


@pytest.mark.parametrize(("story", "names", "at_s", "wanted_s"), STARTS, ids=[story for story, *_ in STARTS])
def test_charge_start_time(story: str, names: list[str], at_s: list[int], wanted_s: int | None) -> None:
    steps = [
        a_step(name, at * SECOND, milestone=name == "starting") for name, at in zip(names, at_s, strict=True)
    ]
    found = counted(session(Outcome.SUCCESS, 9_000, *steps, CHARGING)).start_ns
    assert found == (None if wanted_s is None else wanted_s * SECOND)


def test_wilson_on_the_published_example() -> None:
    # Newcombe 1998, table I: 81 of 263, method 3 without continuity correction.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=0.0001)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=0.0001)
    assert wilson(0, 0) == (0.0, 1.0)


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 10**15))
def test_a_bucket_holds_its_duration_and_is_narrow(length_ns: int) -> None:
    bucket = bucket_of(length_ns)
    assert lower_ns(bucket) <= length_ns < lower_ns(bucket + 1)
    assert lower_ns(bucket + 1) - lower_ns(bucket) <= max(1000, length_ns / 8 + 1000)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(10**6, 10**12), min_size=1, max_size=60), st.sampled_from([0.1, 0.25, 0.5, 0.95]))
def test_quantiles_are_within_an_eighth_of_the_exact_ones(lengths: list[int], share: float) -> None:
    counts: dict[int, int] = {}
    for each in lengths:
        counts[bucket_of(each)] = counts.get(bucket_of(each), 0) + 1
    ordered = sorted(lengths)
    rank = max(1, -int(-share * len(lengths) // 1))
    exact_s = ordered[rank - 1] / 1e9
    assert quantile_s(counts, share) == pytest.approx(exact_s, rel=0.13)


def test_charge_start_times_say_how_many_they_are() -> None:
    figures = of_start_times({bucket_of(10 * SECOND): 3})
    assert [figure.name for figure in figures] == [
        f"charge_start_time_p{share}" for share in (10, 25, 50, 75)
    ]
    assert {figure.number for figure in figures} == {3}
    assert of_start_times({})[0].value is None
