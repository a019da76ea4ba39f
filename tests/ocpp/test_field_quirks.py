"""What stations and back ends were seen to do in the field: each is survived, read as far as it can be, and named."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.talking import START_NS, Talk, every, meaning, oddities, only

from nocwatch.frames import Direction
from nocwatch.moments import DAY_NS
from nocwatch.ocpp.conversation import Conversation
from nocwatch.ocpp.events import (
    Booted,
    CallRefused,
    EndAnswered,
    Metered,
    Oddity,
    Spoke,
    StatusReported,
    TransactionAnswered,
    TransactionBegan,
    TransactionEnded,
)
from nocwatch.ocpp.versions import TABLES

AT = "2026-11-21T10:00:00Z"
START = {"connectorId": 1, "idTag": "h:1", "meterStart": 0, "timestamp": AT}


@pytest.mark.parametrize("transaction", [0, -1, -2_147_483_648, 2**63 - 1])
def test_a_transaction_id_of_any_size_is_an_id(transaction):
    talk = Talk()
    talk.says(2, "1", "StartTransaction", START)
    talk.hears(3, "1", {"transactionId": transaction, "idTagInfo": {"status": "Accepted"}})
    talk.says(2, "2", "StopTransaction", {"transactionId": transaction, "meterStop": 5, "timestamp": AT})
    talk.hears(3, "2", {})
    assert only(talk.events, TransactionAnswered).transaction == transaction
    assert (
        only(talk.events, TransactionEnded).transaction
        == only(talk.events, EndAnswered).transaction
        == transaction
    )
    assert oddities(talk.events) == []


def test_an_id_that_no_database_can_hold_is_a_fault():
    talk = Talk()
    talk.says(2, "1", "StartTransaction", START)
    events = talk.hears(3, "1", {"transactionId": 2**70, "idTagInfo": {"status": "Accepted"}})
    assert only(events, TransactionAnswered).transaction is None
    assert oddities(events) == [Oddity.BAD_PAYLOAD]


@pytest.mark.parametrize("transaction", [{}, {"transactionId": 0}, {"transactionId": None}])
def test_meter_values_of_no_transaction(transaction):
    events = Talk().says(
        2,
        "1",
        "MeterValues",
        {
            "connectorId": 1,
            **transaction,
            "meterValue": [{"timestamp": AT, "sampledValue": [{"value": "5"}]}],
        },
    )
    assert only(events, Metered).transaction == transaction.get("transactionId")


def test_a_meter_that_stops_at_minus_one_is_told_as_it_is():
    ended = only(
        Talk().says(2, "1", "StopTransaction", {"transactionId": 1, "meterStop": -1, "timestamp": AT}),
        TransactionEnded,
    )
    assert ended.meter_wh == -1


def test_a_free_station_sends_an_empty_tag_and_it_stays_empty():
    assert only(Talk().says(2, "1", "StartTransaction", {**START, "idTag": ""}), TransactionBegan).token == ""


def test_a_stop_without_a_start_is_a_stop():
    ended = only(
        Talk().says(2, "1", "StopTransaction", {"transactionId": 9, "meterStop": 5, "timestamp": AT}),
        TransactionEnded,
    )
    assert (ended.reason, ended.token) == (None, None)


def test_the_same_start_under_a_new_id_is_told_twice():
    talk = Talk()
    talk.says(2, "1", "StartTransaction", START)
    talk.wait(60).expire()
    talk.says(2, "2", "StartTransaction", START)
    assert [event.message_id for event in every(talk.events, TransactionBegan)] == ["1", "2"]


def test_a_back_end_that_errors_on_every_stop_is_named_each_time():
    talk = Talk()
    for number in range(3):
        talk.says(2, str(number), "StopTransaction", {"transactionId": 9, "meterStop": 5, "timestamp": AT})
        talk.hears(4, str(number), "InternalError", "", {})
    assert [event.action for event in every(talk.events, CallRefused)] == ["StopTransaction"] * 3


def test_a_back_end_that_answers_under_another_id_is_told_and_the_call_stays_open():
    talk = Talk()
    talk.says(2, "a", "StartTransaction", START)
    assert oddities(talk.hears(3, "b", {})) == [Oddity.UNPAIRED_ANSWER]
    assert talk.conversation.next_expiry_ns is not None


@pytest.mark.parametrize(
    ("timestamp", "event_at_ns", "implausible"),
    [
        ("1970-01-01T00:01:00Z", None, True),
        ("0001-01-01T00:00:00Z", None, True),
        ("2026-11-21T12:00:00+02:00", START_NS, False),
        ("2026-11-21T10:00:00", START_NS, False),
        ("2026-11-19T10:00:00Z", START_NS - 2 * DAY_NS, False),
        ("2026-11-23T10:00:00Z", None, True),
        ("yesterday", None, True),
        (None, None, False),
    ],
)
def test_clocks_of_stations(timestamp, event_at_ns, implausible):
    events = Talk().says(
        2,
        "1",
        "StatusNotification",
        {"connectorId": 1, "status": "Available", "errorCode": "NoError", "timestamp": timestamp},
    )
    status = only(events, StatusReported)
    assert (status.event_at_ns, status.implausible_time) == (event_at_ns, implausible)
    assert status.when_ns == (event_at_ns or status.at_ns)


@pytest.mark.parametrize(
    ("fields", "error_code"),
    [
        ({"status": "Faulted", "errorCode": "E42: door"}, "E42: door"),
        ({"status": "Faulted", "errorCode": "NoError"}, "NoError"),
        (
            {"status": "Available", "errorCode": "NoError", "vendorErrorCode": "0x0000", "info": "null"},
            "NoError",
        ),
        ({"status": "charging", "errorCode": ""}, ""),
        ({"status": "SuspendedEV"}, ""),
    ],
)
def test_error_codes_outside_the_list_pass_as_they_are(fields, error_code):
    status = only(Talk().says(2, "1", "StatusNotification", {"connectorId": 1, **fields}), StatusReported)
    assert status.error_code == error_code


@pytest.mark.parametrize("status", ["Broken", "Offline", "No data", "", 7, None])
def test_a_status_that_is_none_is_named_and_changes_nothing(status):
    events = Talk().says(
        2, "1", "StatusNotification", {"connectorId": 1, "status": status, "errorCode": "NoError"}
    )
    assert meaning(events) == []
    assert oddities(events) == [Oddity.BAD_PAYLOAD]


def test_a_call_without_a_payload_is_understood_and_named():
    events = Talk().says(2, "1", "Heartbeat")
    assert oddities(events) == [Oddity.BAD_PAYLOAD]
    assert [type(event).__name__ for event in meaning(events)] == ["Heartbeat"]


def test_numeric_message_ids_pair():
    talk = Talk()
    talk.says(2, 17, "StartTransaction", START)
    assert (
        only(
            talk.hears(3, 17, {"transactionId": 1, "idTagInfo": {"status": "Accepted"}}), TransactionAnswered
        ).transaction
        == 1
    )


def test_a_flood_of_old_meter_values_keeps_its_own_times():
    talk = Talk()
    for number in range(50):
        talk.says(
            2,
            str(number),
            "MeterValues",
            {
                "connectorId": 1,
                "meterValue": [
                    {"timestamp": f"2026-11-20T10:{number:02}:00Z", "sampledValue": [{"value": "1"}]}
                ],
            },
        )
        talk.hears(3, str(number), {})
    times = [event.event_at_ns for event in every(talk.events, Metered)]
    assert times == sorted(times)
    assert times[0] == START_NS - DAY_NS


def test_a_probe_of_1_6_before_the_2_0_1_connection_leaves_no_trace():
    probe, real = Talk(None), Talk("ocpp2.0.1")
    probe.says(2, "1", "BootNotification", {"chargePointVendor": "v", "chargePointModel": "m"})
    real.says(
        2,
        "1",
        "BootNotification",
        {"reason": "PowerUp", "chargingStation": {"vendorName": "v", "model": "m"}},
    )
    assert [only(talk.events, Booted).version for talk in (probe, real)] == ["1.6", "2.0.1"]
    assert oddities(probe.events + real.events) == []


# --- anything at all ------------------------------------------------------------------------------------------------------

FIELDS = [
    "connectorId", "idTag", "meterStart", "timestamp", "transactionId", "meterStop", "meterValue", "sampledValue", "value", "status",
    "errorCode", "idTagInfo", "chargingStation", "evse", "id", "idToken", "idTokenInfo", "eventType", "transactionInfo", "seqNo",
    "triggerReason", "eventData", "component", "variable", "name", "actualValue", "reportData", "variableAttribute", "setVariableData",
    "setVariableResult", "getVariableResult", "attributeStatus", "attributeType", "configurationKey", "key", "csChargingProfiles",
    "chargingProfile", "firmware", "location", "evseId", "connectorStatus", "unitOfMeasure", "multiplier", "offline", "transactionData",
    "interval", "type", "groupIdToken", "chargingProfileCriteria", "instance", "cleared", "requestedMessage",
]  # fmt: skip
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=6),
    st.sampled_from(["Accepted", "Started", "Updated", "Ended", "Connector", "AvailabilityState", AT, "Available"]),
)  # fmt: skip
anything = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5),
    max_leaves=15,
)
actions = st.sampled_from(
    sorted({action for table in TABLES.values() for action in {*table.calls, *table.answers}})
)


@given(actions, anything, anything, st.booleans(), st.sampled_from(["ocpp1.6", "ocpp2.0.1", "ocpp2.1", None]))
@settings(deadline=None, max_examples=500)
def test_no_payload_of_any_action_makes_it_raise(action, payload, answer, from_csms, subprotocol):
    talk = Talk(subprotocol)
    call, reply = (talk.hears, talk.says) if from_csms else (talk.says, talk.hears)
    assert only(call(2, "1", action, payload), Spoke).action == action
    assert only(reply(3, "1", answer), Spoke).action == action
    talk.conversation = Conversation.restore(talk.conversation.snapshot())


@given(st.lists(st.tuples(st.sampled_from(Direction), st.binary(max_size=60)), max_size=20))
@settings(deadline=None, max_examples=100)
def test_no_text_makes_it_raise(lines):
    talk = Talk(None)
    for direction, payload in lines:
        assert talk.line(direction, payload)
