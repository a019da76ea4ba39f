"""OCPP 1.6: each message that matters, and what it says."""

from __future__ import annotations

import pytest
from tests.support.talking import START_NS, Talk, every, meaning, oddities, only

from nocwatch.ocpp.events import (
    AuthorizeAsked,
    Booted,
    Command,
    CommandAnswered,
    Commanded,
    ConfigurationSeen,
    EndAnswered,
    FirmwareReported,
    Metered,
    Misspoke,
    Oddity,
    SecurityReported,
    StatusReported,
    TransactionAnswered,
    TransactionBegan,
    TransactionEnded,
)
from nocwatch.ocpp.planning import Reservation

AT = "2026-11-21T10:00:00Z"


def test_a_session_from_start_to_stop():
    talk = Talk()
    talk.says(
        2,
        "1",
        "StartTransaction",
        {"connectorId": 2, "idTag": "h:1", "meterStart": 1000, "reservationId": 9, "timestamp": AT},
    )
    talk.hears(3, "1", {"transactionId": 77, "idTagInfo": {"status": "Accepted", "parentIdTag": "h:2"}})
    talk.says(
        2,
        "2",
        "MeterValues",
        {
            "connectorId": 2,
            "transactionId": 77,
            "meterValue": [{"timestamp": AT, "sampledValue": [{"value": "1500"}]}],
        },
    )
    talk.hears(3, "2", {})
    talk.says(2, "3", "StopTransaction", {
        "transactionId": 77, "idTag": "h:1", "meterStop": 2000, "timestamp": AT, "reason": "Local",
        "transactionData": [{"timestamp": AT, "sampledValue": [{"value": "2", "unit": "kWh", "context": "Transaction.End"}]}],
    })  # fmt: skip
    talk.hears(3, "3", {"idTagInfo": {"status": "Accepted"}})
    began, answered, metered, at_end, ended, end_answered = meaning(talk.events)
    assert isinstance(began, TransactionBegan)
    assert (began.connector, began.token, began.meter_wh, began.reservation, began.transaction) == (
        2,
        "h:1",
        1000,
        9,
        None,
    )
    assert (began.event_at_ns, began.evse) == (START_NS, None)
    assert isinstance(answered, TransactionAnswered)
    assert (answered.transaction, answered.status, answered.parent, answered.message_id) == (
        77,
        "Accepted",
        "h:2",
        "1",
    )
    assert answered.asked_at_ns == began.at_ns
    assert isinstance(metered, Metered)
    assert (metered.connector, metered.transaction, metered.samples[0].value) == (2, 77, 1500)
    assert isinstance(at_end, Metered)
    assert (at_end.transaction, at_end.samples[0].value, at_end.samples[0].context) == (
        77,
        2000,
        "Transaction.End",
    )
    assert isinstance(ended, TransactionEnded)
    assert (ended.transaction, ended.meter_wh, ended.reason, ended.token) == (77, 2000, "Local", "h:1")
    assert isinstance(end_answered, EndAnswered)
    assert (end_answered.transaction, end_answered.status, end_answered.message_id) == (77, "Accepted", "3")
    assert oddities(talk.events) == []


def test_what_the_station_tells_of_itself():
    talk = Talk()
    talk.says(
        2,
        "1",
        "BootNotification",
        {
            "chargePointVendor": "ACME",
            "chargePointModel": "X1",
            "firmwareVersion": "1.2",
            "chargeBoxSerialNumber": "S",
        },
    )
    talk.says(
        2,
        "2",
        "StatusNotification",
        {
            "connectorId": 1,
            "status": "Faulted",
            "errorCode": "GroundFailure",
            "vendorErrorCode": "0x1",
            "info": "leak",
            "timestamp": AT,
        },
    )
    talk.says(
        2,
        "3",
        "SecurityEventNotification",
        {"type": "TamperDetectionActivated", "timestamp": AT, "techInfo": "door"},
    )
    talk.says(2, "4", "FirmwareStatusNotification", {"status": "Installed"})
    talk.says(2, "5", "SignedFirmwareStatusNotification", {"status": "InvalidSignature"})
    talk.says(2, "6", "Authorize", {"idTag": "h:1"})
    booted = only(talk.events, Booted)
    assert (booted.vendor, booted.model, booted.firmware, booted.serial, booted.version) == (
        "ACME",
        "X1",
        "1.2",
        "S",
        "1.6",
    )
    status = only(talk.events, StatusReported)
    assert (status.connector, status.status, status.error_code, status.vendor_error, status.info) == (
        1,
        "Faulted",
        "GroundFailure",
        "0x1",
        "leak",
    )
    assert only(talk.events, SecurityReported).tech_info == "door"
    assert [event.status for event in every(talk.events, FirmwareReported)] == [
        "Installed",
        "InvalidSignature",
    ]
    assert only(talk.events, AuthorizeAsked).token == "h:1"


@pytest.mark.parametrize(
    ("action", "payload", "answer", "command", "expected"),
    [
        ("RemoteStartTransaction", {"connectorId": 1, "idTag": "h:1"}, "Accepted", Command.REMOTE_START, {"connector": 1, "token": "h:1"}),
        ("RemoteStopTransaction", {"transactionId": 5}, "Rejected", Command.REMOTE_STOP, {"transaction": 5}),
        ("Reset", {"type": "Hard"}, "Accepted", Command.RESET, {"text": "Hard"}),
        ("UnlockConnector", {"connectorId": 2}, "UnlockFailed", Command.UNLOCK, {"connector": 2}),
        ("ChangeAvailability", {"connectorId": 0, "type": "Inoperative"}, "Scheduled", Command.CHANGE_AVAILABILITY, {"connector": 0, "text": "Inoperative"}),
        ("ReserveNow", {"connectorId": 1, "idTag": "h:1", "reservationId": 3, "expiryDate": AT}, "Occupied", Command.RESERVE, {"connector": 1, "token": "h:1", "reservation": Reservation(3, START_NS)}),
        ("CancelReservation", {"reservationId": 3}, "Accepted", Command.CANCEL_RESERVATION, {"reservation": Reservation(3)}),
        ("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": {"transactionId": 5, "stackLevel": 0}}, "Accepted", Command.SET_PROFILE, {"connector": 1, "transaction": 5, "text": '{"transactionId":5,"stackLevel":0}'}),
        ("ClearChargingProfile", {"id": 4}, "Unknown", Command.CLEAR_PROFILE, {"text": '{"id":4}'}),
        ("UpdateFirmware", {"location": "https://x/y", "retrieveDate": AT}, None, Command.UPDATE_FIRMWARE, {"text": "https://x/y"}),
        ("SignedUpdateFirmware", {"requestId": 1, "firmware": {"location": "https://x/z"}}, "Accepted", Command.UPDATE_FIRMWARE, {"text": "https://x/z"}),
        ("GetDiagnostics", {"location": "ftp://x/in"}, None, Command.SEND_LOG, {"text": "ftp://x/in"}),
        ("GetLog", {"logType": "DiagnosticsLog", "requestId": 1, "log": {"remoteLocation": "https://x/in"}}, "Accepted", Command.SEND_LOG, {"text": "https://x/in"}),
        ("TriggerMessage", {"requestedMessage": "Heartbeat"}, "NotImplemented", Command.TRIGGER, {"text": "Heartbeat"}),
        ("ExtendedTriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": 1}, "Accepted", Command.TRIGGER, {"connector": 1}),
    ],
)  # fmt: skip
def test_each_command_and_its_answer(action, payload, answer, command, expected):
    talk = Talk()
    commanded = only(talk.hears(2, "c", action, payload), Commanded)
    answered = only(talk.wait(1).says(3, "c", {"status": answer} if answer else {}), CommandAnswered)
    assert commanded.command is answered.command is command
    assert answered.status == (answer or "Accepted")
    assert answered.asked_at_ns == commanded.at_ns
    for name, value in expected.items():
        assert getattr(commanded, name) == getattr(answered, name) == value
    assert oddities(talk.events) == []


def test_settings_are_seen_when_read_and_when_their_change_is_accepted():
    talk = Talk()
    talk.hears(2, "1", "GetConfiguration", {})
    talk.says(
        3,
        "1",
        {
            "configurationKey": [
                {"key": "HeartbeatInterval", "readonly": False, "value": "60"},
                {"key": "Empty", "readonly": True},
            ]
        },
    )
    for message_id, status in (("2", "Accepted"), ("3", "Rejected"), ("4", "RebootRequired")):
        talk.hears(2, message_id, "ChangeConfiguration", {"key": "HeartbeatInterval", "value": message_id})
        talk.says(3, message_id, {"status": status})
    assert [(event.name, event.value, event.changed) for event in every(talk.events, ConfigurationSeen)] == [
        ("HeartbeatInterval", "60", False), ("Empty", "", False), ("HeartbeatInterval", "2", True), ("HeartbeatInterval", "4", True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("action", "payload", "fault", "kept"),
    [
        ("StartTransaction", {"connectorId": "1", "idTag": "h:1", "meterStart": "10", "timestamp": AT}, "connectorId: no integer; meterStart: no number", {"connector": 1, "meter_wh": 10.0}),
        ("StartTransaction", {"connectorId": 1, "meterStart": 10}, "idTag: missing", {"token": None}),
        ("StartTransaction", {"connectorId": [], "idTag": 5, "meterStart": {}, "timestamp": 9}, "connectorId: no integer; idTag: no text; meterStart: no number; timestamp: no time stamp", {"connector": None, "token": "5", "meter_wh": None, "implausible_time": True}),
    ],
)  # fmt: skip
def test_a_field_of_the_wrong_type_is_named_and_the_rest_is_read(action, payload, fault, kept):
    talk = Talk()
    event, odd = talk.says(2, "1", action, payload)[1:]
    assert isinstance(odd, Misspoke)
    assert (odd.oddity, odd.text) == (Oddity.BAD_PAYLOAD, f"{action}: {fault}")
    for name, value in kept.items():
        assert getattr(event, name) == value


def test_the_big_part_of_a_stop_is_not_kept_for_its_answer():
    talk = Talk()
    data = [{"timestamp": AT, "sampledValue": [{"value": str(n)}]} for n in range(5000)]
    talk.says(
        2,
        "1",
        "StopTransaction",
        {"transactionId": 7, "meterStop": 1, "timestamp": AT, "transactionData": data},
    )
    assert len(talk.conversation.waiting[0]["1"].payload) < 200
    assert only(talk.hears(3, "1", {}), EndAnswered).transaction == 7
