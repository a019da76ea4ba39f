"""What stations make of their meters: the same energy, labelled in the ways of the field."""

# Seeded on purpose: the same seed plays the same life.
# ruff: noqa: S311

from __future__ import annotations

import random

import pytest

from nocwatch.sim.physics import Meter, Reading, Vehicle
from nocwatch.sim.sampling import ENERGY, Value, energies, values


def reading(phases: int = 3) -> Reading:
    meter = Meter(random.Random(1), current="ac", register_wh=3_000_000.0)
    meter.connect(Vehicle(60_000, 0.3, 11_000, phases=phases), 22_000)
    meter.switch(0.0, on=True)
    return meter.reading(600.0)


def registers(found: list[Value]) -> list[Value]:
    return [each for each in found if each.measurand in (ENERGY, "")]


@pytest.mark.parametrize(("phases", "rising"), [(1, [True, False, False]), (3, [True, True, True])])
def test_registers_of_phases_rise_where_current_flows_and_add_up_to_the_whole(
    phases: int, rising: list[bool]
) -> None:
    shown = reading(phases)
    found = registers(values(shown, "Sample.Periodic", {"phases_only"}))
    assert [each.phase for each in found] == ["L1", "L2", "L3"]
    assert [each.value > 1_000_001 for each in found] == rising
    assert sum(each.value for each in found) == pytest.approx(shown.register_wh, abs=1)


def test_a_station_that_says_no_unit_says_none_at_all() -> None:
    assert {each.unit for each in values(reading(), "Sample.Periodic", {"no_unit"})} == {""}


def test_a_bare_value_has_no_name_no_unit_no_place_and_no_context() -> None:
    shown = reading()
    assert values(shown, "Sample.Periodic", {"bare_values"}) == [
        Value(shown.register_wh, location="", digits=0)
    ]


def test_the_inlet_comes_first_and_shows_the_losses_too() -> None:
    inlet, outlet = registers(values(reading(), "Sample.Periodic", {"inlet_too"}))
    assert (inlet.location, outlet.location) == ("Inlet", "Outlet")
    assert inlet.value > outlet.value


def test_begin_and_end_are_in_watt_hours_where_only_the_samples_are_mislabelled() -> None:
    shown, quirks = reading(), {"kwh_labelled_wh"}
    (begin,), (sample, *_) = (
        energies(shown, "Transaction.Begin", quirks),
        values(shown, "Sample.Periodic", quirks),
    )
    assert begin.value == shown.register_wh
    assert (sample.value, sample.unit) == (shown.register_wh / 1000, "Wh")
