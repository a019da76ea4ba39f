"""OCPP 2.0.1: each message that matters, and what it says."""

from __future__ import annotations

import pytest
from tests.support.talking import START_NS, Talk, every, meaning, oddities, only

from nocwatch.ocpp.events import (
    AuthorizeAnswered,
    AuthorizeAsked,
    Booted,
    Command,
    CommandAnswered,
    Commanded,
    ComponentReported,
    ConfigurationSeen,
    EndAnswered,
    Metered,
    Oddity,
    StatusReported,
    TransactionAnswered,
    TransactionBegan,
    TransactionEnded,
    TransactionUpdated,
)
from nocwatch.ocpp.planning import Reservation

AT = "2026-11-21T10:00:00Z"
TOKEN = {"idToken": "h:1", "type": "ISO14443"}


def talk_201() -> Talk:
    return Talk("ocpp2.0.1")


def transaction_event(kind: str, number: int, **more: object) -> dict[str, object]:
    info = {"transactionId": "t-1", **more.pop("info", {})}
    return {
        "eventType": kind,
        "timestamp": AT,
        "triggerReason": "CablePluggedIn",
        "seqNo": number,
        "transactionInfo": info,
        **more,
    }


def register(value: float, context: str) -> list[dict[str, object]]:
    return [
        {
            "timestamp": AT,
            "sampledValue": [{"value": value, "context": context, "unitOfMeasure": {"unit": "kWh"}}],
        }
    ]


def test_a_session_from_started_to_ended():
    talk = talk_201()
    talk.says(2, "1", "TransactionEvent", transaction_event("Started", 0, evse={"id": 1, "connectorId": 2}, idToken=TOKEN, offline=True, reservationId=4,
              info={"chargingState": "EVConnected", "remoteStartId": 8}, meterValue=register(1.5, "Transaction.Begin")))  # fmt: skip
    talk.hears(
        3, "1", {"idTokenInfo": {"status": "Accepted", "groupIdToken": {"idToken": "h:2", "type": "Central"}}}
    )
    talk.says(2, "2", "TransactionEvent", transaction_event("Updated", 1, info={"chargingState": "Charging"}))
    talk.hears(3, "2", {})
    talk.says(
        2,
        "3",
        "TransactionEvent",
        transaction_event(
            "Ended", 2, info={"stoppedReason": "EVDisconnected"}, meterValue=register(3, "Transaction.End")
        ),
    )
    talk.hears(3, "3", {"idTokenInfo": {"status": "Accepted"}})
    began, first, answered, updated, last, ended, end_answered = meaning(talk.events)
    assert isinstance(began, TransactionBegan)
    assert (began.transaction, began.evse, began.connector, began.token, began.token_type) == (
        "t-1",
        1,
        2,
        "h:1",
        "ISO14443",
    )
    assert (began.meter_wh, began.reservation, began.remote_start_id, began.sequence_number) == (
        1500,
        4,
        8,
        0,
    )
    assert (began.charging_state, began.trigger, began.offline, began.event_at_ns) == (
        "EVConnected",
        "CablePluggedIn",
        True,
        START_NS,
    )
    assert isinstance(first, Metered)
    assert (first.evse, first.connector, first.transaction, first.offline, first.samples[0].value) == (
        1,
        2,
        "t-1",
        True,
        1500,
    )
    assert isinstance(answered, TransactionAnswered)
    assert (answered.transaction, answered.status, answered.parent) == ("t-1", "Accepted", "h:2")
    assert isinstance(updated, TransactionUpdated)
    assert (updated.transaction, updated.sequence_number, updated.charging_state, updated.offline) == (
        "t-1",
        1,
        "Charging",
        False,
    )
    assert isinstance(last, Metered)
    assert isinstance(ended, TransactionEnded)
    assert (ended.transaction, ended.meter_wh, ended.reason, ended.sequence_number) == (
        "t-1",
        3000,
        "EVDisconnected",
        2,
    )
    assert isinstance(end_answered, EndAnswered)
    assert (end_answered.transaction, end_answered.status) == ("t-1", "Accepted")
    assert oddities(talk.events) == []


def test_a_token_that_is_judged_in_mid_session_is_told():
    talk = talk_201()
    talk.says(2, "1", "TransactionEvent", transaction_event("Updated", 1, idToken=TOKEN))
    answered = only(talk.hears(3, "1", {"idTokenInfo": {"status": "Blocked"}}), TransactionAnswered)
    assert (answered.status, answered.transaction) == ("Blocked", "t-1")


def test_what_the_station_tells_of_itself():
    talk = talk_201()
    talk.says(
        2,
        "1",
        "BootNotification",
        {
            "reason": "Watchdog",
            "chargingStation": {
                "vendorName": "ACME",
                "model": "X2",
                "serialNumber": "S",
                "firmwareVersion": "3",
            },
        },
    )
    talk.says(
        2,
        "2",
        "StatusNotification",
        {"timestamp": AT, "connectorStatus": "Occupied", "evseId": 1, "connectorId": 1},
    )
    talk.says(2, "3", "MeterValues", {"evseId": 1, "meterValue": register(1, "Sample.Clock")})
    talk.says(2, "4", "Authorize", {"idToken": TOKEN})
    talk.hears(3, "4", {"idTokenInfo": {"status": "Invalid"}})
    booted = only(talk.events, Booted)
    assert (booted.vendor, booted.model, booted.serial, booted.firmware, booted.reason, booted.version) == (
        "ACME",
        "X2",
        "S",
        "3",
        "Watchdog",
        "2.0.1",
    )
    status = only(talk.events, StatusReported)
    assert (status.evse, status.connector, status.status) == (1, 1, "Occupied")
    metered = only(talk.events, Metered)
    assert (metered.evse, metered.connector, metered.samples[0].value) == (1, None, 1000)
    assert (only(talk.events, AuthorizeAsked).token, only(talk.events, AuthorizeAsked).token_type) == (
        "h:1",
        "ISO14443",
    )
    answered = only(talk.events, AuthorizeAnswered)
    assert (answered.token, answered.token_type, answered.status, answered.parent) == (
        "h:1",
        "ISO14443",
        "Invalid",
        None,
    )
    assert oddities(talk.events)[:1] == [Oddity.OVERLAPPING_CALL]


def event(component: dict[str, object], variable: str, value: str, **more: object) -> dict[str, object]:
    return {
        "eventId": 1,
        "timestamp": AT,
        "trigger": "Alerting",
        "component": component,
        "variable": {"name": variable},
        "actualValue": value,
        **more,
    }


def test_events_of_components():
    talk = talk_201()
    talk.says(2, "1", "NotifyEvent", {"generatedAt": AT, "seqNo": 0, "eventData": [
        event({"name": "Connector", "evse": {"id": 1, "connectorId": 2}}, "AvailabilityState", "Faulted"),
        event({"name": "EVSE", "evse": {"id": 1}}, "AvailabilityState", "Unavailable"),
        event({"name": "ChargingStation"}, "AvailabilityState", "Available"),
        event({"name": "ConnectorHolsterRelease", "evse": {"id": 2}}, "Problem", "true", techCode="E7", techInfo="relay", cleared=True),
    ]})  # fmt: skip
    assert [(s.evse, s.connector, s.status) for s in every(talk.events, StatusReported)] == [
        (1, 2, "Faulted"),
        (1, 0, "Unavailable"),
        (0, 0, "Available"),
    ]
    reported = only(talk.events, ComponentReported)
    assert (reported.evse, reported.component, reported.variable, reported.value) == (
        2,
        "ConnectorHolsterRelease",
        "Problem",
        "true",
    )
    assert (reported.tech_code, reported.tech_info, reported.cleared, reported.trigger) == (
        "E7",
        "relay",
        True,
        "Alerting",
    )


def test_settings_are_seen_when_reported_read_and_set():
    talk = talk_201()
    heartbeat = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}
    power = {
        "component": {"name": "EVSE", "evse": {"id": 1}},
        "variable": {"name": "Power", "instance": "Max"},
    }
    talk.says(2, "1", "NotifyReport", {"requestId": 1, "generatedAt": AT, "seqNo": 0, "reportData": [
        {**heartbeat, "variableAttribute": [{"value": "60"}, {"type": "MaxSet", "value": "900"}, {"type": ["odd"], "value": "1"}]},
        {**power, "variableAttribute": [{"type": "Actual", "value": "22000"}]},
    ]})  # fmt: skip
    talk.hears(2, "2", "GetVariables", {"getVariableData": [heartbeat]})
    talk.says(
        3,
        "2",
        {
            "getVariableResult": [
                {**heartbeat, "attributeStatus": "Accepted", "attributeValue": "61"},
                {**power, "attributeStatus": "UnknownVariable"},
            ]
        },
    )
    talk.hears(
        2,
        "3",
        "SetVariables",
        {"setVariableData": [{**heartbeat, "attributeValue": "62"}, {**power, "attributeValue": "1"}]},
    )
    talk.says(
        3,
        "3",
        {
            "setVariableResult": [
                {**heartbeat, "attributeStatus": "RebootRequired"},
                {**power, "attributeStatus": "Rejected"},
            ]
        },
    )
    assert [(seen.name, seen.value, seen.changed) for seen in every(talk.events, ConfigurationSeen)] == [
        ("OCPPCommCtrlr.HeartbeatInterval", "60", False), ("EVSE#1.Power[Max]", "22000", False),
        ("OCPPCommCtrlr.HeartbeatInterval", "61", False), ("OCPPCommCtrlr.HeartbeatInterval", "62", True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("action", "payload", "answer", "command", "expected"),
    [
        ("RequestStartTransaction", {"evseId": 1, "remoteStartId": 5, "idToken": TOKEN}, "Accepted", Command.REMOTE_START, {"evse": 1, "token": "h:1", "remote_start_id": 5}),
        ("RequestStopTransaction", {"transactionId": "t-1"}, "Rejected", Command.REMOTE_STOP, {"transaction": "t-1"}),
        ("Reset", {"type": "OnIdle", "evseId": 1}, "Scheduled", Command.RESET, {"evse": 1, "text": "OnIdle"}),
        ("UnlockConnector", {"evseId": 1, "connectorId": 2}, "Unlocked", Command.UNLOCK, {"evse": 1, "connector": 2}),
        ("ChangeAvailability", {"operationalStatus": "Inoperative", "evse": {"id": 1, "connectorId": 1}}, "Accepted", Command.CHANGE_AVAILABILITY, {"evse": 1, "connector": 1, "text": "Inoperative"}),
        ("ReserveNow", {"id": 3, "expiryDateTime": AT, "evseId": 1, "idToken": TOKEN}, "Accepted", Command.RESERVE, {"evse": 1, "token": "h:1", "reservation": Reservation(3, START_NS)}),
        ("CancelReservation", {"reservationId": 3}, "Accepted", Command.CANCEL_RESERVATION, {"reservation": Reservation(3)}),
        ("SetChargingProfile", {"evseId": 1, "chargingProfile": {"id": 1, "transactionId": "t-1"}}, "Accepted", Command.SET_PROFILE, {"evse": 1, "transaction": "t-1", "text": '{"id":1,"transactionId":"t-1"}'}),
        ("ClearChargingProfile", {"chargingProfileCriteria": {"evseId": 2}}, "Unknown", Command.CLEAR_PROFILE, {"evse": 2}),
        ("UpdateFirmware", {"requestId": 1, "firmware": {"location": "https://x/y"}}, "Accepted", Command.UPDATE_FIRMWARE, {"text": "https://x/y"}),
        ("GetLog", {"logType": "SecurityLog", "requestId": 1, "log": {"remoteLocation": "https://x/in"}}, "Accepted", Command.SEND_LOG, {"text": "https://x/in"}),
        ("TriggerMessage", {"requestedMessage": "BootNotification"}, "Accepted", Command.TRIGGER, {"text": "BootNotification"}),
    ],
)  # fmt: skip
def test_each_command_and_its_answer(action, payload, answer, command, expected):
    talk = talk_201()
    commanded = only(talk.hears(2, "c", action, payload), Commanded)
    answered = only(talk.says(3, "c", {"status": answer}), CommandAnswered)
    assert commanded.command is answered.command is command
    assert answered.status == answer
    for name, value in expected.items():
        assert getattr(commanded, name) == getattr(answered, name) == value
    assert oddities(talk.events) == []


def test_the_answer_to_a_remote_start_may_name_the_transaction():
    talk = talk_201()
    talk.hears(2, "c", "RequestStartTransaction", {"remoteStartId": 5, "idToken": TOKEN})
    assert (
        only(talk.says(3, "c", {"status": "Accepted", "transactionId": "t-9"}), CommandAnswered).transaction
        == "t-9"
    )


def test_an_event_without_its_transaction_still_gives_its_samples():
    talk = talk_201()
    events = talk.says(
        2,
        "1",
        "TransactionEvent",
        {
            "eventType": "Updated",
            "seqNo": 1,
            "triggerReason": "x",
            "transactionInfo": {},
            "meterValue": register(1, "Sample.Clock"),
        },
    )
    assert every(events, TransactionUpdated) == []
    assert only(events, Metered).samples[0].value == 1000
    assert oddities(events) == [Oddity.BAD_PAYLOAD]


def test_a_token_that_is_text_where_the_object_belongs_is_read():
    events = talk_201().says(2, "1", "TransactionEvent", transaction_event("Started", 0, idToken="h:1"))
    assert only(events, TransactionBegan).token == "h:1"
    assert oddities(events) == [Oddity.BAD_PAYLOAD]
