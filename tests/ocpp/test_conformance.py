"""Payloads held against the published schemas: what is told, what is known and left alone, and what it may cost."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.talking import START_NS, Talk, every, oddities, only

from nocwatch.moments import SECOND_NS
from nocwatch.ocpp import conformance, quirks, schemas, versions
from nocwatch.ocpp.conformance import Conformance
from nocwatch.ocpp.events import Misspoke, Oddity
from nocwatch.ocpp.habits import Habits

AT = "2026-11-21T10:00:00Z"


def boot(vendor: str, **more: object) -> dict[str, object]:
    return {"chargePointVendor": vendor, "chargePointModel": "m", **more}


def status(**more: object) -> dict[str, object]:
    return {"connectorId": 1, "errorCode": "NoError", "status": "Available", **more}


def sampled(**more: object) -> dict[str, object]:
    return {"connectorId": 1, "meterValue": [{"timestamp": AT, "sampledValue": [{"value": "1", **more}]}]}


def told(talk: Talk) -> list[str]:
    return [event.text for event in every(talk.events, Misspoke) if event.oddity is Oddity.AGAINST_SCHEMA]


def talk16() -> Talk:
    return Talk("ocpp1.6", Habits())


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (status(info="x" * 51), "StatusNotification: maxLength info"),
        (status(errorCode="Kaputt"), "StatusNotification: enum errorCode (Kaputt)"),
        (status(mood="fine"), "StatusNotification: additionalProperties (mood)"),
        (status(timestamp="21.11.2026"), None),  # its reader says so already
        (status(), None),
    ],
)
def test_what_does_not_fit_is_told_in_words_of_the_schema(payload, text):
    talk = talk16()
    talk.says(2, "1", "StatusNotification", payload)
    assert [each[: len(text or "")] for each in told(talk)] == ([text] if text else [])


def test_a_missing_field_is_named_with_its_place():
    talk = talk16()
    talk.says(2, "1", "SignCertificate", {})
    assert told(talk) == ["SignCertificate: required csr"]


def test_a_field_where_there_are_none_is_named_by_the_rule_and_not_by_the_station():
    talk = talk16()
    talk.says(2, "1", "Heartbeat", {"mood": {"deep": 1}})
    talk.says(2, "2", "Heartbeat", {"humour": 1})
    talk.hears(3, "2", {"currentTime": AT})
    talk.says(2, "3", "StatusNotification", status())
    talk.hears(3, "3", {"mood": 1})
    assert told(talk) == [
        "Heartbeat: additionalProperties (mood)",
        "StatusNotification: additionalProperties (mood)",
    ]
    assert talk.habits is not None
    assert talk.habits.conformance.reasons == {
        "Heartbeat additionalProperties": 2,
        "StatusNotification.conf additionalProperties": 1,
    }


def test_a_text_that_is_no_word_of_the_list_is_one_misfit():
    talk = talk16()
    talk.hears(2, "1", "ClearCache", {})
    talk.says(3, "1", {"status": "Perhaps"})
    assert told(talk) == ["ClearCache: enum status (Perhaps)"]


def test_an_object_where_a_word_belongs_does_not_bring_its_own_names_in():
    talk = talk16()
    talk.hears(2, "1", "ClearCache", {})
    talk.says(3, "1", {"status": {"mood": {"deep": 1}}})
    assert told(talk) == [
        "ClearCache: type status (an object); enum status (an object); additionalProperties status"
    ]


def test_answers_are_held_against_their_own_schema():
    talk = talk16()
    talk.says(2, "1", "Heartbeat", {})
    talk.hears(3, "1", {})
    assert told(talk) == ["Heartbeat: required currentTime"]
    assert talk.habits is not None
    assert talk.habits.conformance.reasons == {"Heartbeat.conf required currentTime": 1}


@pytest.mark.parametrize("subprotocol", ["ocpp2.0.1", "ocpp2.1"])
def test_each_version_has_its_own_schemas(subprotocol):
    talk = Talk(subprotocol, Habits())
    talk.says(2, "1", "StatusNotification", {"timestamp": AT, "connectorStatus": "Occupied", "evseId": 1, "connectorId": 1, "extra": 1})  # fmt: skip
    assert told(talk) == ["StatusNotification: additionalProperties (extra)"]


def test_the_same_again_is_counted_and_told_ever_more_rarely():
    talk = talk16()
    for number in range(600):
        talk.wait(2).says(2, str(number), "StatusNotification", status(mood="fine"))
    assert told(talk) == [
        "StatusNotification: additionalProperties (mood)",
        "StatusNotification: additionalProperties (mood), 10 times",
        "StatusNotification: additionalProperties (mood), 100 times",
    ]
    assert talk.habits is not None
    assert talk.habits.conformance.reasons == {"StatusNotification additionalProperties": 32 + 568 // 8}


def test_a_new_connection_does_not_tell_it_all_again():
    habits = Habits()
    for _ in range(5):
        talk = Talk("ocpp1.6", habits)
        talk.wait(60).says(2, "1", "StatusNotification", status(mood="fine"))
    assert told(talk) == []
    assert habits.conformance.reasons == {"StatusNotification additionalProperties": 5}


def test_what_the_gate_hashed_or_redacted_is_not_held_against_the_station():
    talk = talk16()
    talk.says(2, "1", "Authorize", {"idTag": "h:0123456789abcdef0123"})
    talk.says(2, "2", "SignCertificate", {"csr": "[redacted: 9000 characters]" + "x" * 600})
    talk.hears(2, "3", "DataTransfer", {"vendorId": "v", "data": "[redacted: 12 characters]"})
    assert told(talk) == []


@pytest.mark.parametrize(
    ("vendor", "action", "payload"),
    [
        ("", "MeterValues", sampled(measurand="Temperature", unit="Celsius")),
        ("", "MeterValues", sampled(measurand="Temperature", unit="Celcius")),
        ("", "MeterValues", sampled(measurand="Frequency", unit="Hz")),
        ("x", "BootNotification", boot("x", chargePointModel="a model with a long, proud name")),
        ("x", "BootNotification", boot("x", firmwareVersion="7" * 50)),
        ("Legrand", "StatusNotification", status(errorCode="Error")),
        ("OpenEVSE", "MeterValues", sampled(value=1)),
        ("OpenEVSE", "MeterValues", sampled(measurand="Temperature", unit="C")),
        ("Schneider Electric", "BootNotification", boot("Schneider Electric", chargeBoxSerialNumber="E" * 33)),
    ],
)  # fmt: skip
def test_known_quirks_of_a_vendor_are_not_reported(vendor, action, payload):
    talk = talk16()
    talk.says(2, "0", "BootNotification", boot(vendor or "any"))
    talk.says(2, "1", action, payload)
    assert told(talk) == []


def test_each_quirk_is_a_field_of_its_schema_and_is_reported_of_another_vendor():
    talk = talk16()
    talk.says(2, "0", "BootNotification", boot("Other"))
    talk.says(2, "1", "StatusNotification", status(errorCode="Error"))
    assert told(talk) == ["StatusNotification: enum errorCode (Error)"]
    assert {quirk.keyword for quirk in quirks.QUIRKS} <= {
        "enum",
        "maxLength",
        "type",
        "required",
        "additionalProperties",
    }


def test_a_quirk_of_the_station_does_not_excuse_the_csms():
    talk = talk16()
    talk.says(2, "0", "BootNotification", boot("OpenEVSE"))
    talk.hears(2, "1", "ChangeConfiguration", {"key": "HeartbeatInterval", "value": 60})
    assert told(talk) == ["ChangeConfiguration: type value (60)"]


def test_a_flood_is_sampled_and_what_is_rare_is_checked_all_the_same():
    talk = talk16()
    for number in range(400):  # in 40 s
        talk.says(2, str(number), "MeterValues", sampled())
    talk.says(2, "rare", "StatusNotification", status(mood="fine"))
    assert talk.habits is not None
    checked = talk.habits.conformance
    assert checked.kinds["MeterValues"] == 400
    assert 330 <= checked.unchecked <= 360
    assert told(talk) == ["StatusNotification: additionalProperties (mood)"]


def test_the_budget_is_of_record_time_and_comes_back():
    budget = Conformance()
    assert sum(budget.due("MeterValues", 100, START_NS) for _ in range(100)) == 21
    assert not budget.due("MeterValues", 100, START_NS)
    assert budget.due("StatusNotification", 100, START_NS)  # the first of its kind
    later_ns = START_NS + 60 * SECOND_NS
    assert sum(budget.due("MeterValues", 100, later_ns) for _ in range(8)) == 1


def test_long_messages_cost_more_and_the_longest_are_left_out():
    budget = Conformance()
    assert budget.due("NotifyReport", conformance.BYTES_MAX, START_NS)
    assert budget.free_at_ns == START_NS + 9 * SECOND_NS
    assert not budget.due("NotifyReport", conformance.BYTES_MAX + 1, START_NS + 3600 * SECOND_NS)


def test_reasons_are_bounded():
    judged = Conformance(reasons={str(number): 1 for number in range(conformance.REASONS_MAX)})
    judged.judge("1.6", "StatusNotification", {}, "", answer=False)
    assert len(judged.reasons) == conformance.REASONS_MAX + 1
    assert judged.reasons[conformance.OTHER] == 3


def test_every_action_has_a_schema_for_call_and_answer():
    for table in versions.TABLES.values():
        for action in table.actions:
            assert schemas.validator(table.name, action, answer=False) is not None
            assert (
                schemas.validator(table.name, action, answer=True) is not None
                or action == "NotifyPeriodicEventStream"
            )


def test_a_conformance_goes_through_a_snapshot():
    talk = talk16()
    talk.says(2, "1", "StatusNotification", status(mood="fine"))
    frozen = msgspec.msgpack.encode(talk.habits)
    assert msgspec.msgpack.decode(frozen, type=Habits) == talk.habits


NESTED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from([(table.name, action) for table in versions.TABLES.values() for action in sorted(table.actions)]),
    st.dictionaries(st.sampled_from(["connectorId", "meterValue", "evse", "transactionInfo", "chargingProfile", "idToken", "status", "customData", "x"]), NESTED, max_size=4),
)  # fmt: skip
def test_whatever_the_payload_it_is_judged_and_reasons_are_of_the_schema(kind, payload):
    version, action = kind
    for answer in (False, True):
        judged = Conformance()
        judged.judge(version, action, payload, "", answer=answer)
        for reason in judged.reasons:
            assert reason.split()[0] == (f"{action}.conf" if answer else action)
            assert set(re.findall(r"\w+", reason.partition(" ")[2])) <= words(version, action, answer=answer)


@cache
def words(version: str, action: str, *, answer: bool) -> set[str]:
    """All words of a schema: names of fields and rules."""
    folder = files("ocpp").joinpath({"1.6": "v16", "2.0.1": "v201", "2.1": "v21"}[version], "schemas")
    names = [f"{action}Response.json"] if answer else [f"{action}Request.json", f"{action}.json"]
    text = next(folder.joinpath(name) for name in names if folder.joinpath(name).is_file()).read_text("utf-8")
    return {*re.findall(r"\w+", text), "unreadable"}


def test_a_payload_nested_without_end_is_a_misfit_and_no_crash():
    payload: dict[str, object] = {}
    inner = payload
    for _ in range(500):
        inner["a"] = {}
        inner = inner["a"]
    assert (
        schemas.misfits(schemas.validator("1.6", "MeterValues", answer=False), payload)[0].keyword
        == "unreadable"
    )


def test_without_habits_nothing_is_checked():
    talk = Talk("ocpp1.6")
    assert oddities(talk.says(2, "1", "StatusNotification", status(mood="fine"))) == []
    assert only(talk16().says(2, "1", "StatusNotification", status(mood="fine")), Misspoke).direction == 0
