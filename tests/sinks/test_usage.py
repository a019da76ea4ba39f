"""Quarters of an hour: what a day's utilisation is summed from, over restarts and over times when nobody looked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.history import status

from nocwatch.frames import Tick
from nocwatch.moments import SECOND_NS
from nocwatch.network import ConnectorStatus as S
from nocwatch.pipeline import Step
from nocwatch.sinks.usage import CONNECTORS_MAX, FIELDS, QUARTER_NS, SILENCE_NS_MAX, Usage
from nocwatch.state.changes import ConnectorChanged

MIDNIGHT_NS = 1_790_035_200 * SECOND_NS
assert MIDNIGHT_NS % QUARTER_NS == 0


def usage() -> Usage:
    return Usage(lambda station: f",station={station}")


def step(at_s: float, *changes: ConnectorChanged) -> Step:
    at_ns = MIDNIGHT_NS + round(at_s * SECOND_NS)
    return Step(Tick(lane=0, sequence=0, received_at_ns=at_ns), at_ns, changes=changes)


def turns(at_s: float, word: S, connector: int = 1) -> Step:
    return step(at_s, status(word, MIDNIGHT_NS + round(at_s * SECOND_NS), connector=connector))


def ticks(until_s: int, every_s: int = 30, since_s: int = 0) -> list[Step]:
    return [step(at) for at in range(since_s, until_s + 1, every_s)]


def played(steps: Iterable[Step], part: Usage | None = None) -> list[str]:
    part = part or usage()
    return [line for each in sorted(steps, key=lambda each: each.at_ns) for line in part.lines(each)]


def seconds(line: str) -> dict[str, float]:
    return {
        name: float(value)
        for name, _, value in (field.partition("=") for field in line.split(" ")[1].split(","))
    }


def begins_s(line: str) -> int:
    return (int(line.rsplit(" ", 1)[1]) - MIDNIGHT_NS) // SECOND_NS


def quarters(lines: Sequence[str]) -> dict[int, dict[str, float]]:
    return {begins_s(line): seconds(line) for line in lines if line.startswith("usage,")}


def states(lines: Sequence[str]) -> list[tuple[int, str]]:
    return [(begins_s(line), line.split('"')[1]) for line in lines if line.startswith("states,")]


def test_an_hour_with_a_charge_in_it() -> None:
    story = [
        turns(0, S.AVAILABLE),
        turns(600, S.PREPARING),
        turns(660, S.CHARGING),
        turns(2700, S.FINISHING),
        turns(3000, S.AVAILABLE),
    ]
    found = quarters(played([*story, *ticks(3600)]))
    assert list(found) == [0, 900, 1800, 2700]
    assert (found[0]["available_s"], found[0]["occupied_s"], found[0]["charging_s"]) == (600, 60, 240)
    assert found[900]["charging_s"] == found[1800]["charging_s"] == 900
    assert (found[2700]["occupied_s"], found[2700]["available_s"]) == (300, 600)
    assert all(sum(each.values()) == 900 for each in found.values())


def test_the_last_quarter_of_a_day_belongs_to_that_day() -> None:
    found = quarters(played([turns(85_000, S.CHARGING), *ticks(86_400, 20, since_s=85_000)]))
    assert list(found)[-1] == 85_500


def test_every_quarter_says_again_in_which_state_the_connector_is() -> None:
    assert states(played([turns(0, S.AVAILABLE), *ticks(1800)])) == [(900, "Available"), (1800, "Available")]


def test_while_nobody_looked_nothing_is_known() -> None:
    """The relay was off from 1000 s to 4000 s: no quarter says Available of it, and the timeline shows No data."""
    lines = played([turns(0, S.AVAILABLE), *ticks(1000, 20), *ticks(5400, 20, since_s=4000)])
    found = quarters(lines)
    assert list(found) == [0, 900, 3600, 4500]
    assert (found[900]["available_s"], found[900]["unknown_s"]) == (100, 800)
    assert (found[3600]["unknown_s"], found[3600]["available_s"]) == (400, 500)
    assert found[4500]["available_s"] == 900
    assert states(lines) == [
        (900, "Available"),
        (1000, "No data"),
        (4000, "Available"),
        (4500, "Available"),
        (5400, "Available"),
    ]


def test_a_silence_within_one_quarter_is_unknown_too() -> None:
    lines = played([turns(0, S.CHARGING), *ticks(100, 20), *ticks(900, 20, since_s=500)])
    assert quarters(lines)[0] == dict.fromkeys(FIELDS, 0) | {"charging_s": 500, "unknown_s": 400}


def test_a_relay_that_is_replaced_is_no_silence() -> None:
    away_s = SILENCE_NS_MAX // SECOND_NS
    lines = played([turns(0, S.AVAILABLE), *ticks(400, 20), *ticks(900, 20, since_s=400 + away_s)])
    assert quarters(lines)[0]["available_s"] == 900


def test_a_month_of_silence_makes_two_quarters_and_not_thousands() -> None:
    month_s = 30 * 86_400
    lines = played([turns(0, S.AVAILABLE), *ticks(60), *ticks(month_s + 1800, since_s=month_s)])
    assert list(quarters(lines)) == [0, month_s, month_s + 900]


def test_a_clock_that_steps_back_takes_nothing_away() -> None:
    found = quarters(played([turns(0, S.AVAILABLE), *ticks(900)]))
    part = usage()
    again = []
    for each in [turns(0, S.AVAILABLE), *ticks(600), step(600), step(600), *ticks(900, since_s=630)]:
        again += part.lines(each)
    assert quarters(again) == found


def test_a_station_that_invents_connectors_does_not_fill_the_memory() -> None:
    part = usage()
    part._running.update(dict.fromkeys(range(CONNECTORS_MAX)))  # type: ignore[arg-type]
    part.lines(turns(0, S.AVAILABLE, connector=7))
    assert len(part._running) == CONNECTORS_MAX


STORY = st.lists(
    st.tuples(st.integers(1, 400), st.sampled_from(list(S)), st.integers(1, 3)), min_size=1, max_size=60
)


def told(story: Sequence[tuple[int, S, int]]) -> list[Step]:
    at, steps = 0, []
    for pause, word, connector in story:
        steps += ticks(at + pause, 50, since_s=at)
        at += pause
        steps.append(turns(at, word, connector))
    return [*steps, *ticks(at + 2000, 50, since_s=at)]


@given(story=STORY)
@settings(deadline=None, max_examples=60)
def test_each_whole_quarter_adds_up_to_900_seconds(story: list[tuple[int, S, int]]) -> None:
    lines = played(told(story))
    by_connector: dict[str, list[str]] = {}
    for line in lines:
        if line.startswith("usage,"):
            by_connector.setdefault(line.split(" ")[0], []).append(line)
    assert by_connector
    for series in by_connector.values():
        totals = [sum(seconds(line).values()) for line in series]
        assert all(abs(total - 900) < 0.01 for total in totals[1:])
        assert 0 <= totals[0] <= 900.01


@given(story=STORY, cut=st.floats(0, 1))
@settings(deadline=None, max_examples=60)
def test_a_restart_at_any_point_changes_no_line(story: list[tuple[int, S, int]], cut: float) -> None:
    steps = told(story)
    place = int(cut * len(steps))
    before, after = usage(), usage()
    lines = [line for each in steps[:place] for line in before.lines(each)]
    after.restore(before.snapshot())
    lines += [line for each in steps[place:] for line in after.lines(each)]
    assert lines == [line for part in [usage()] for each in steps for line in part.lines(each)]
