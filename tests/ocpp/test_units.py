"""Registers whose unit is wrong by a thousand: said when the power values leave no other explanation, and only then."""

from __future__ import annotations

import pytest
from tests.support.talking import Talk, every

from nocwatch.ocpp.events import Misspoke, Oddity
from nocwatch.ocpp.habits import Habits


def charge(
    talk: Talk,
    *,
    register_per_kwh: float,
    unit: str = "Wh",
    power_w: float = 11_000,
    minutes: int = 60,
    every_min: int = 1,
    base: float = 500,
    step: float = 0.001,
) -> list[str]:
    """A charge whose register counts so much for each true kWh; what was said about units."""
    for minute in range(0, minutes + 1, every_min):
        true_kwh = power_w / 1000 * minute / 60
        register = round((base + true_kwh * register_per_kwh) / step) * step
        values = [{"value": str(register), "unit": unit}, {"value": str(power_w), "unit": "W", "measurand": "Power.Active.Import"}]  # fmt: skip
        talk.wait(60 * every_min - 0.1)
        talk.says(2, str(talk.sequence), "MeterValues", {"connectorId": 1, "meterValue": [{"sampledValue": values}]})  # fmt: skip
    return [event.text for event in every(talk.events, Misspoke) if event.oddity is Oddity.WRONG_UNIT]


def fresh() -> Talk:
    return Talk("ocpp1.6", Habits())


def test_kwh_labelled_wh():
    (text,) = charge(fresh(), register_per_kwh=1)
    assert "kWh labelled Wh" in text


def test_whole_kwh_labelled_wh_are_found_a_little_later():
    (text,) = charge(fresh(), register_per_kwh=1, step=1)
    assert "kWh labelled Wh" in text


def test_wh_labelled_kwh():
    (text,) = charge(fresh(), register_per_kwh=1000, unit="kWh")
    assert "Wh labelled kWh" in text


@pytest.mark.parametrize(
    ("register_per_kwh", "more"),
    [
        (1000, {}),
        (1, {"unit": "kWh"}),
        (900, {}),
        (1000, {"power_w": 150_000, "every_min": 5}),
        (0, {}),
        (30, {}),
        (1, {"minutes": 20}),
        (1, {"power_w": 0}),
        (1, {"every_min": 40, "minutes": 400}),
        (1, {"power_w": 11_000_000}),
    ],
    ids=["right", "right in kWh", "rough", "fast", "register stands still", "no unit explains it", "too little yet", "no power", "samples far apart", "power in a wrong unit"],
)  # fmt: skip
def test_nothing_is_said_where_it_is_not_certain(register_per_kwh, more):
    assert charge(fresh(), register_per_kwh=register_per_kwh, **more) == []


def test_it_is_said_once_and_again_after_a_boot():
    talk = fresh()
    charge(talk, register_per_kwh=1)
    assert len(charge(talk, register_per_kwh=1)) == 1
    talk.says(2, "b", "BootNotification", {"chargePointVendor": "v", "chargePointModel": "m"})
    assert len(charge(talk, register_per_kwh=1)) == 2


def test_a_register_that_begins_anew_is_counted_anew():
    talk = fresh()
    charge(talk, register_per_kwh=1000, minutes=26)
    # It fell, and passes its first value once more: the two runs are nothing to be added up.
    assert charge(talk, register_per_kwh=1000, base=506 - 2 * 11_000 / 60, minutes=60) == []


def test_a_station_that_invents_connectors_does_not_fill_the_memory():
    talk = fresh()
    values = [{"value": "1"}, {"value": "1", "measurand": "Power.Active.Import"}]
    for number in range(100):
        talk.says(
            2, str(number), "MeterValues", {"connectorId": number, "meterValue": [{"sampledValue": values}]}
        )
    assert talk.habits is not None
    assert len(talk.habits.units.runs) == 32
