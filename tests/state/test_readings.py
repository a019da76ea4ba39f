"""Which numbers of one moment a session takes."""

from __future__ import annotations

from nocwatch.ocpp.events import Sample
from nocwatch.state.readings import choose

ENERGY, POWER = "Energy.Active.Import.Register", "Power.Active.Import"


def test_overall_wins_over_the_phases_and_they_are_never_added() -> None:
    chosen = choose(
        (
            Sample(ENERGY, 100, "Wh", "L1"),
            Sample(ENERGY, 310, "Wh"),
            Sample(ENERGY, 100, "Wh", "L2"),
            Sample(ENERGY, 100, "Wh", "L3"),
            Sample(POWER, 1000, "W", "L1"),
            Sample(POWER, 1100, "W", "L2"),
            Sample(POWER, 1200, "W", "L3"),
        )
    )
    assert (chosen.register_wh, chosen.register_key, chosen.power_w) == (310, "Outlet/", 3300)


def test_phases_are_summed_where_there_is_nothing_else() -> None:
    chosen = choose(
        (Sample(ENERGY, 100, "Wh", "L2-N"), Sample(ENERGY, 120, "Wh", "L1-N"), Sample(ENERGY, 999, "Wh", "N"))
    )
    assert (chosen.register_wh, chosen.register_key) == (220, "Outlet/L1+L2")


def test_outlet_wins_over_inlet() -> None:
    chosen = choose(
        (
            Sample(ENERGY, 105, "Wh", location="Inlet"),
            Sample(ENERGY, 100, "Wh"),
            Sample(POWER, 7, "W", location="Inlet"),
        )
    )
    assert (chosen.register_wh, chosen.power_w) == (100, 7)


def test_current_is_the_largest_phase_and_voltage_the_mean() -> None:
    chosen = choose(
        (
            Sample("Current.Import", 10, "A", "L1"),
            Sample("Current.Import", 16, "A", "L2"),
            Sample("SoC", 41, "Percent"),
            Sample("Voltage", 230, "V", "L1-N"),
            Sample("Voltage", 232, "V", "L2-N"),
            Sample("Current.Import", 1, "A", "N"),
        )
    )
    assert (chosen.current_a, chosen.voltage_v, chosen.soc_percent) == (16, 231, 41)


def test_nothing_is_none() -> None:
    assert choose(()).register_wh is None
