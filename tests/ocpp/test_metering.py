"""Sampled values, in all the ways in which meters and firmware write them."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.talking import START_NS

from nocwatch.ocpp import metering
from nocwatch.ocpp.events import Sample
from nocwatch.ocpp.fields import Hearing


def hearing() -> Hearing:
    return Hearing({"station": "CP1", "connection": 1, "at_ns": START_NS, "frame": "0-1-0"}, "a", "1.6")


def read(*sampled: object) -> tuple[list[Sample], list[str]]:
    heard = hearing()
    payload = {"meterValue": [{"timestamp": "2026-11-21T10:00:00Z", "sampledValue": list(sampled)}]}
    events = metering.metered(heard, payload, "meterValue", evse=None, connector=1, transaction=None)
    return [sample for event in events for sample in event.samples], heard.faults


def test_a_value_without_fields_is_the_energy_register_in_wh_at_the_outlet():
    assert read({"value": "17"}) == (
        [Sample("Energy.Active.Import.Register", 17, "Wh", "", "Outlet", "Sample.Periodic")],
        [],
    )


@pytest.mark.parametrize(
    ("sampled", "value", "unit"),
    [
        ({"value": "12.345", "unit": "kWh"}, 12345, "Wh"),
        ({"value": "12.345", "unit": "KWH"}, 12345, "Wh"),
        ({"value": "7.4", "measurand": "Power.Active.Import", "unit": "kW"}, 7400, "W"),
        ({"value": "7400", "measurand": "Power.Active.Import"}, 7400, "W"),
        ({"value": "16", "measurand": "Current.Import"}, 16, "A"),
        ({"value": "16000", "measurand": "Current.Import", "unit": "mA"}, 16, "A"),
        ({"value": "230", "measurand": "Voltage"}, 230, "V"),
        ({"value": "0.0125", "unit": "MWh"}, 12500, "Wh"),
        ({"value": "0.35", "measurand": "Power.Active.Import", "unit": "MW"}, 350_000, "W"),
        ({"value": "80", "measurand": "SoC"}, 80, "Percent"),
        ({"value": "80", "measurand": "SoC", "unit": "%"}, 80, "Percent"),
        ({"value": "21.5", "measurand": "Temperature", "unit": "Celcius"}, 21.5, "Celsius"),
        ({"value": "68", "measurand": "Temperature", "unit": "Fahrenheit"}, 20, "Celsius"),
        ({"value": "300.15", "measurand": "Temperature", "unit": "K"}, 27, "Celsius"),
        ({"value": "1", "measurand": "Power.Reactive.Import", "unit": "kvar"}, 1000, "var"),
        ({"value": "1", "measurand": "Energy.Reactive.Import.Register"}, 1, "varh"),
        ({"value": "0.98", "measurand": "Power.Factor"}, 0.98, ""),
        ({"value": "5", "measurand": "X.Vendor", "unit": "furlongs"}, 5, "furlongs"),
        ({"value": 12.3, "unitOfMeasure": {"unit": "Wh", "multiplier": 3}}, 12300, "Wh"),
        ({"value": 12.3, "unitOfMeasure": {"unit": "kWh", "multiplier": -1}}, 1230, "Wh"),
        ({"value": 5, "unitOfMeasure": {}}, 5, "Wh"),
        ({"value": "  42 "}, 42, "Wh"),
        ({"value": "12,5"}, 12.5, "Wh"),
        ({"value": "12.5 kWh"}, 12500, "Wh"),
        ({"value": "1e3"}, 1000, "Wh"),
        ({"value": "-5.0"}, -5, "Wh"),
        ({"value": "4294967299"}, 4294967299, "Wh"),
        (
            {"value": "7", "unit": None, "phase": None, "measurand": None, "location": None, "context": None},
            7,
            "Wh",
        ),
    ],
)
def test_each_way_of_writing_comes_to_one(sampled, value, unit):
    (sample,), faults = read(sampled)
    assert (sample.value, sample.unit) == (pytest.approx(value), unit)
    assert faults == []


@pytest.mark.parametrize(
    "value",
    [
        "NaN",
        "nan",
        "inf",
        "-Infinity",
        "1e999",
        "",
        "n/a",
        "1_000",
        "12.5.1",
        None,
        True,
        [1],
        {},
        10**400,
        "9" * 500,
    ],
)
def test_what_is_no_finite_number_is_refused_and_named(value):
    samples, faults = read({"value": value}, {"value": "1"})
    assert [sample.value for sample in samples] == [1]
    assert faults[0].startswith("value: ")


def test_a_signed_block_is_no_reading_and_no_fault():
    assert read({"value": "OCMF|{}", "format": "SignedData"}) == ([], [])


def test_labels_stay_as_they_are():
    (sample,), _ = read(
        {
            "value": "1",
            "measurand": "Voltage",
            "phase": "L1-N",
            "location": "Inlet",
            "context": "Transaction.Begin",
        }
    )
    assert (sample.phase, sample.location, sample.context) == ("L1-N", "Inlet", "Transaction.Begin")


def test_names_in_other_capitals_are_those_names():
    (sample,), faults = read(
        {"value": "7.4", "unit": "KW", "measurand": "power.active.import", "phase": "l1-n", "location": "INLET", "context": "transaction.end"}
    )  # fmt: skip
    assert sample == Sample("Power.Active.Import", 7400, "W", "L1-N", "Inlet", "Transaction.End")
    assert faults == []


def test_a_label_of_another_type_is_a_fault_and_the_value_stays():
    samples, faults = read({"value": "1", "measurand": ["Voltage"], "phase": 3})
    assert samples[0].measurand == "Energy.Active.Import.Register"
    assert faults == ["measurand: no text", "phase: no text"]


def test_an_absurd_multiplier_is_a_fault():
    samples, faults = read({"value": 1, "unitOfMeasure": {"multiplier": 400}})
    assert (samples[0].value, faults) == (1, ["multiplier: no small integer"])


def test_each_meter_value_has_its_own_time():
    heard = hearing()
    payload = {"meterValue": [
        {"timestamp": "2026-11-21T09:59:00Z", "sampledValue": [{"value": "1"}]},
        {"timestamp": "1970-01-01T00:00:00Z", "sampledValue": [{"value": "2"}]},
        {"sampledValue": [{"value": "3"}]},
        {"timestamp": "2026-11-21T10:00:00Z", "sampledValue": []},
    ]}  # fmt: skip
    events = metering.metered(heard, payload, "meterValue", evse=1, connector=None, transaction="t")
    assert [(event.event_at_ns, event.implausible_time) for event in events] == [
        (START_NS - 60 * 10**9, False),
        (None, True),
        (None, False),
    ]


def sample(
    value: float, phase: str = "", location: str = "Outlet", context: str = "Sample.Periodic"
) -> dict[str, str]:
    return {"value": str(value), "phase": phase, "location": location, "context": context}


@pytest.mark.parametrize(
    ("sampled", "register"),
    [
        ([sample(5)], 5),
        ([sample(5, context="Transaction.End"), sample(4)], 5),
        ([sample(9, location="Inlet"), sample(5)], 5),
        ([sample(9, location="Inlet")], 9),
        ([sample(3, "L1"), sample(9), sample(3, "L2"), sample(3, "L3")], 9),
        ([sample(3, "L1"), sample(4, "L2"), sample(5, "L3")], 12),
        ([sample(3, "L1")], None),
        ([], None),
    ],
)
def test_the_register_is_overall_or_the_sum_of_phases_never_both(sampled, register):
    payload = {"meterValue": [{"sampledValue": sampled}]}
    events = metering.metered(hearing(), payload, "meterValue", evse=1, connector=None, transaction="t")
    assert metering.register_wh(events, metering.END) == register


def test_without_a_context_the_register_is_the_first_at_the_start_and_the_last_at_the_end():
    payload = {
        "meterValue": [
            {"sampledValue": [sample(1)]},
            {"sampledValue": [sample(2)]},
            {"sampledValue": [sample(3, "L1")]},
        ]
    }
    events = metering.metered(hearing(), payload, "meterValue", evse=1, connector=None, transaction="t")
    assert metering.register_wh(events, metering.BEGIN) == 1
    assert metering.register_wh(events, metering.END) == 2


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
fields = ["value", "measurand", "unit", "phase", "location", "context", "format", "unitOfMeasure"]


@given(
    st.one_of(
        anything,
        st.lists(st.one_of(anything, st.dictionaries(st.sampled_from(fields), anything)), max_size=4),
    )
)
@example(
    [
        None,
        {
            "measurand": [],
            "value": 0,
            "unit": [],
            "phase": [],
            "location": [],
            "context": [],
            "unitOfMeasure": [],
        },
        {"value": 0, "context": [], "unitOfMeasure": []},
    ]
)
@settings(deadline=None, max_examples=300)
def test_no_payload_makes_it_raise_and_no_reading_is_infinite(sampled):
    heard = hearing()
    for event in metering.metered(
        heard, {"meterValue": [{"sampledValue": sampled}]}, "meterValue", evse=1, connector=1, transaction=1
    ):
        assert all(math.isfinite(sample.value) for sample in event.samples)
