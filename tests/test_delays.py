"""The relay's delay on its way through a tick."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nocwatch.delays import BOUNDS_US, DIRECTIONS, Delay, counters, read

DELAYS = st.builds(
    Delay,
    st.lists(st.integers(0, 10**9), min_size=len(BOUNDS_US) + 1, max_size=len(BOUNDS_US) + 1).map(tuple),
    st.integers(0, 10**15),
)


@given(DELAYS, DELAYS)
def test_a_tick_gives_back_what_was_put_into_it(station: Delay, csms: Delay) -> None:
    tick = {"links_open": 3}
    for direction, delay in zip(DIRECTIONS, (station, csms), strict=True):
        tick |= counters(direction, delay)
    told = {name: each for name, each in zip(DIRECTIONS, (station, csms), strict=True) if each.count}
    assert read(tick) == told


def test_a_relay_that_carried_nothing_makes_its_ticks_no_longer() -> None:
    assert counters("from_csms", Delay((0,) * (len(BOUNDS_US) + 1), 0)) == {}


def test_the_ticks_of_two_workers_add_up_to_one_histogram() -> None:
    one = Delay((5, *[0] * len(BOUNDS_US)), 200)
    other = Delay((0, 0, 2, *[0] * (len(BOUNDS_US) - 2)), 900)
    ticks = [counters("from_station", each) for each in (one, other)]
    total = {name: sum(tick.get(name, 0) for tick in ticks) for tick in ticks for name in tick}
    assert read(total)["from_station"].cumulative()[:4] == [
        ("0.0001", 5),
        ("0.00025", 5),
        ("0.0005", 7),
        ("0.001", 7),
    ]


def test_99_of_100_lie_below_the_bound_that_is_told() -> None:
    delay = Delay((90, 9, 0, 1, *[0] * (len(BOUNDS_US) - 3)), 0)
    assert delay.below_us(0.9) == 100
    assert delay.below_us(0.99) == 250
    assert delay.below_us(1.0) == 1000


def test_beyond_the_last_bound_nothing_is_promised() -> None:
    delay = Delay((*[0] * len(BOUNDS_US), 1), 5_000_000)
    assert delay.below_us(0.5) is None
    assert delay.cumulative()[-1] == ("+Inf", 1)
