"""Registers that lie: what counts, what is kept out, and what it adds up to."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nocwatch.moments import MINUTE_NS
from nocwatch.state import meter
from nocwatch.state.meter import Meter
from nocwatch.state.readings import Readings
from nocwatch.state.register import Gate, Register, read

GATE = Gate(1_000_000.0)


def read_all(values: list[float]) -> tuple[list[str], float | None]:
    register = Register()
    return [
        read(register, value, minute * MINUTE_NS, GATE) for minute, value in enumerate(values)
    ], register.energy_wh


@pytest.mark.parametrize(
    ("values", "kept_out", "energy"),
    [
        ([1000, 1500, 2000], {}, 1000),
        ([1000, -1, 2000], {1: "minus_one"}, 1000),
        ([1000, -500, 2000], {1: "negative"}, 1000),
        ([1000, float("nan"), 2000], {1: "not_a_number"}, 1000),
        ([100_000, 0, 100_500], {1: "dropped_to_zero"}, 500),
        ([100_000, 0, 0, 0, 100_500], {1: "dropped_to_zero"}, 500),
        ([100_000, 101_000, 0, 400, 900], {2: "dropped_to_zero"}, 1900),
        ([100_000, 101_000, 300, 700], {2: "fell"}, 1700),
        ([100_000, 101_000, 90_000, 90_500], {2: "fell"}, 1500),
        ([100_000, 99_995, 100_400], {}, 400),
        ([2**32 - 500, 2**32 - 100, 300, 900], {2: "wrapped"}, 1400),
        ([1e8 - 500, 1e8 - 100, 300, 900], {2: "wrapped"}, 1400),
        ([2**31 - 500, 2**31 - 100, 300 - 2**31, 900 - 2**31], {2: "wrapped"}, 1400),
        ([2**32 - 400, 0, 2**32 - 300, 2**32 - 100], {1: "wrapped"}, 300),
        ([-5000, -4000, -3000], {0: "negative"}, 2000),
        ([-5000, 1000, 2000], {0: "negative"}, 1000),
        ([1000, 1500, 2e12, 2000], {2: "jumped"}, 1000),
        ([10, 12, 12_500, 13_000], {}, 12_990),
        ([100, 110, 110_000, 111_000], {2: "jumped"}, 1010),
        ([5000, 5000, 5000], {}, 0),
        ([0, 500, 900], {}, 900),
    ],
)
def test_a_register_from_the_field(values: list[float], kept_out: dict[int, str], energy: float) -> None:
    whys, got = read_all(values)
    assert {index: why for index, why in enumerate(whys) if why} == kept_out
    assert got == energy


def test_a_reading_that_overtook_another_is_not_a_fall() -> None:
    register = Register()
    assert [read(register, value, minute * MINUTE_NS, GATE) for minute, value in ((0, 1000), (2, 3000), (1, 2000))] == [
        "", "", "out_of_order",
    ]  # fmt: skip
    assert register.energy_wh == 2000


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.tuples(st.floats(-(2**33), 2**34) | st.sampled_from([0.0, -1.0, 2.0**32]), st.integers(0, 5)),
        max_size=40,
    )
)
def test_energy_is_never_negative_and_never_more_than_can_have_flowed(steps: list[tuple[float, int]]) -> None:
    register, minute = Register(), 0
    for value, minutes in steps:
        minute += minutes
        read(register, value, minute * MINUTE_NS, GATE)
        energy = register.energy_wh or 0.0
        assert energy >= 0
        assert energy <= GATE.power_w_max * minute / 60 + 3 * GATE.slack_wh * (len(steps) + 1)


def samples(book: Meter, *values: float, key: str = "Outlet/", first: int = 1) -> None:
    for minute, value in enumerate(values, first):
        meter.sample(book, Readings(register_wh=value, register_key=key), minute * MINUTE_NS, GATE)


def test_start_and_stop_alone() -> None:
    book = Meter()
    meter.begin(book, 1000, 0)
    assert meter.energy_wh(book, GATE) is None
    meter.end(book, 6000, 60 * MINUTE_NS, GATE)
    assert meter.energy_wh(book, GATE) == 5000


@pytest.mark.parametrize("stop", [-1.0, 200.0, 1e13])
def test_a_stop_that_cannot_be_leaves_the_samples(stop: float) -> None:
    book = Meter()
    meter.begin(book, 10_000, 0)
    samples(book, 11_000, 12_000, 13_000)
    assert meter.end(book, stop, 4 * MINUTE_NS, GATE)
    assert meter.energy_wh(book, GATE) == 3000


def test_session_relative_samples_and_a_lifetime_start_and_stop() -> None:
    book = Meter()
    meter.begin(book, 5_000_000, 0)
    samples(book, 0, 1000, 2000)
    assert meter.energy_wh(book, GATE) == 2000
    assert meter.end(book, 5_002_500, 4 * MINUTE_NS, GATE) == ""
    assert meter.energy_wh(book, GATE) == 2500


def test_a_start_of_zero_and_lifetime_samples() -> None:
    book = Meter()
    meter.begin(book, 0, 0)
    samples(book, 5_000_000, 5_001_000)
    meter.end(book, 5_002_000, 3 * MINUTE_NS, GATE)
    assert meter.energy_wh(book, GATE) == 2000


def test_first_samples_of_zero_before_the_real_register() -> None:
    book = Meter()
    meter.begin(book, 5_000_000, 0)
    samples(book, 0, 0, 5_001_000, 5_002_000)
    assert meter.energy_wh(book, GATE) == 2000


def test_reset_in_mid_session_sums_the_rises() -> None:
    book = Meter()
    meter.begin(book, 5_000_000, 0)
    samples(book, 5_001_000, 5_002_000, 0, 500, 1000)
    meter.end(book, 1500, 6 * MINUTE_NS, GATE)
    assert meter.energy_wh(book, GATE) == 3500


def test_outlet_wins_and_inlet_is_not_added() -> None:
    book = Meter()
    samples(book, 1000, 2000, key="Inlet/")
    samples(book, 1000, 1900, key="Outlet/")
    assert meter.energy_wh(book, GATE) == 900


def test_overall_and_phases_are_not_added() -> None:
    book = Meter()
    samples(book, 1000, 2000, key="Outlet/L1+L2+L3")
    samples(book, 1000, 2050, key="Outlet/")
    assert meter.energy_wh(book, GATE) == 1050


def test_intervals_where_there_is_no_register() -> None:
    book = Meter()
    for minute in (1, 2, 2, 3):
        meter.sample(book, Readings(interval_wh=100), minute * MINUTE_NS, GATE)
    assert meter.energy_wh(book, GATE) == 300


def test_a_backlog_without_a_clock_is_believed_within_a_vehicles_appetite() -> None:
    book = Meter(untimed=True)
    gate = Gate(1_000_000.0, 250_000.0)
    meter.begin(book, 10_000, 0)
    meter.end(book, 52_000, 1000, gate)
    assert meter.energy_wh(book, gate) == 42_000


def test_power_follows_from_the_register() -> None:
    book = Meter()
    samples(book, 1000, 1100)
    assert meter.power_w(book) == 6000


def test_session_relative_samples_count_from_the_start_and_not_from_the_first_sample() -> None:
    book = Meter()
    meter.begin(book, 5_000_000, 0)
    samples(book, 600, 1000)
    assert meter.energy_wh(book, GATE) == 1000
