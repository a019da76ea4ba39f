"""Energy behaves like energy."""

# Seeded on purpose: the same seed plays the same life.
# ruff: noqa: S311

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from nocwatch.sim.physics import Meter, Vehicle, draw_vehicle


def charged(current: str, vehicle: Vehicle, seconds: int, limit_w: float = 150_000.0, step_s: int = 10):
    meter = Meter(random.Random(1), current=current, register_wh=1_000_000.0)
    meter.connect(vehicle, limit_w)
    meter.switch(0.0, on=True)
    return [meter.reading(float(at)) for at in range(0, seconds + 1, step_s)], meter


def test_dc_power_ramps_up_holds_and_tapers():
    readings, _ = charged("dc", Vehicle(60_000, 0.2, 100_000), 3600)
    powers = [r.power_w for r in readings]
    assert powers[0] < 10_000
    assert max(powers) > 95_000
    assert powers[-1] < 0.2 * max(powers)
    assert all(0 < r.soc_percent <= 100 for r in readings)


def test_ac_single_phase_draws_from_one_phase_only():
    readings, _ = charged("ac", Vehicle(50_000, 0.3, 7_360, phases=1), 600, 22_000)
    first, *others = readings[-1].current_a
    assert 28 < first < 33
    assert others == [0.0, 0.0]
    assert readings[-1].soc_percent is None


def test_dc_power_is_volts_times_amperes():
    readings, _ = charged("dc", Vehicle(60_000, 0.3, 100_000), 60)
    last = readings[-1]
    assert abs(last.voltage_v[0] * last.current_a[0] - last.power_w) < 1


def test_a_full_battery_takes_nothing_more():
    vehicle = Vehicle(10_000, 0.9, 100_000)
    readings, meter = charged("dc", vehicle, 7200)
    assert vehicle.full
    before = meter.register_wh
    meter.advance(10_000.0)
    assert meter.register_wh == before
    assert readings[-1].power_w == 0.0


def test_nothing_flows_through_an_open_contactor():
    _, meter = charged("dc", Vehicle(60_000, 0.3, 100_000), 60)
    meter.switch(60.0, on=False)
    before = meter.register_wh
    assert meter.reading(600.0).power_w == 0.0
    assert meter.register_wh == before


@settings(deadline=None, max_examples=50)
@given(
    seed=st.integers(0, 10_000),
    current=st.sampled_from(["ac", "dc"]),
    steps=st.lists(st.floats(0, 900), max_size=30),
)
def test_the_register_never_falls_and_energy_stays_within_power_times_time(seed, current, steps):
    limit_w = 22_000.0 if current == "ac" else 150_000.0
    meter = Meter(random.Random(seed), current=current, register_wh=0.0)
    vehicle = draw_vehicle(random.Random(seed), current, limit_w)
    meter.connect(vehicle, limit_w)
    meter.switch(0.0, on=True)
    now_s, last_wh = 0.0, 0.0
    for step in steps:
        now_s += step
        reading = meter.reading(now_s)
        assert reading.register_wh >= last_wh
        assert reading.power_w <= limit_w
        last_wh = reading.register_wh
    assert meter.register_wh <= limit_w * now_s / 3600 + 1e-6
    assert 0 <= vehicle.soc <= 1
