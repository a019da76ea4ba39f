"""Whose a frame is on a session's page: a station talks about all of its sockets over one link."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nocwatch.console.views.whose import Whose, of_session
from nocwatch.frames import Direction
from nocwatch.sessions import Session, SessionStep
from nocwatch.store.values import StoredFrame


def call(
    ref: str, action: str, payload: dict[str, Any], answer: dict[str, Any] | None = None
) -> list[StoredFrame]:
    """A call of the station, and its answer where it has one."""
    said = StoredFrame(
        ref=ref, at_ns=1, station="CP1", connection=1, direction=Direction.FROM_STATION, kind="text", type=2,
        action=action, payload=json.dumps([2, ref, action, payload]), answer=f"{ref}-answer" if answer is not None else None,
    )  # fmt: skip
    if answer is None:
        return [said]
    told = StoredFrame(
        ref=f"{ref}-answer", at_ns=2, station="CP1", connection=1, direction=Direction.FROM_CSMS, kind="text", type=3,
        action=action, payload=json.dumps([3, ref, answer]), call=ref,
    )  # fmt: skip
    return [said, told]


OLD = Session(
    id="s", station="CP1", connector=1, transaction=4711, token="h:aa", started_at_ns=1, changed_at_ns=1,
    steps=(SessionStep(at_ns=1, name="stopping", text="another card of its group", frames=("proof",)),),
)  # fmt: skip
NEW = Session(
    id="s",
    station="CP1",
    evse=1,
    connector=1,
    transaction="tx-1",
    token="h:aa",
    started_at_ns=1,
    changed_at_ns=1,
)
OWN, STATION, OTHER = Whose.OWN, Whose.STATION, Whose.OTHER


@pytest.mark.parametrize(
    ("session", "action", "payload", "answer", "whose"),
    [
        (OLD, "MeterValues", {"connectorId": 1, "transactionId": 4711, "meterValue": []}, {}, OWN),
        (OLD, "MeterValues", {"connectorId": 2, "transactionId": 4712, "meterValue": []}, {}, OTHER),
        (OLD, "MeterValues", {"connectorId": 1, "transactionId": 4700, "meterValue": []}, {}, OTHER),
        (OLD, "MeterValues", {"connectorId": 1, "meterValue": []}, {}, OWN),
        (OLD, "MeterValues", {"connectorId": 0, "meterValue": []}, {}, STATION),
        (OLD, "StatusNotification", {"connectorId": 1, "status": "Charging"}, {}, OWN),
        (OLD, "StatusNotification", {"connectorId": 2, "status": "Charging"}, {}, OTHER),
        (OLD, "StatusNotification", {"connectorId": 0, "status": "Faulted"}, {}, STATION),
        (OLD, "StartTransaction", {"connectorId": 1, "idTag": "h:aa"}, {"transactionId": 4711}, OWN),
        (OLD, "StartTransaction", {"connectorId": 1, "idTag": "h:aa"}, {"transactionId": 4800}, OTHER),
        (OLD, "StopTransaction", {"transactionId": 4711, "meterStop": 1}, {}, OWN),
        (OLD, "StopTransaction", {"transactionId": 4712, "meterStop": 1}, {}, OTHER),
        (OLD, "Authorize", {"idTag": "h:aa"}, {}, OWN),
        (OLD, "Authorize", {"idTag": "h:bb"}, {}, OTHER),
        (OLD, "RemoteStartTransaction", {"idTag": "h:aa"}, {"status": "Accepted"}, OWN),
        (OLD, "RemoteStartTransaction", {"idTag": "h:bb", "connectorId": 2}, {"status": "Accepted"}, OTHER),
        (OLD, "Heartbeat", {}, {"currentTime": "2026-01-01T00:00:00Z"}, STATION),
        (OLD, "BootNotification", {"chargePointVendor": "A", "chargePointModel": "B"}, {}, STATION),
        (OLD, "Reset", {"type": "Soft"}, None, STATION),
        (NEW, "TransactionEvent", {"transactionInfo": {"transactionId": "tx-1"}}, {}, OWN),
        (NEW, "TransactionEvent", {"transactionInfo": {"transactionId": "tx-2"}, "evse": {"id": 1}}, {}, OTHER),
        (NEW, "StatusNotification", {"evseId": 1, "connectorId": 1, "connectorStatus": "Occupied"}, {}, OWN),
        (NEW, "StatusNotification", {"evseId": 2, "connectorId": 1, "connectorStatus": "Occupied"}, {}, OTHER),
        (NEW, "MeterValues", {"evseId": 0, "meterValue": []}, {}, STATION),
        (NEW, "Authorize", {"idToken": {"idToken": "h:bb", "type": "ISO14443"}}, {}, OTHER),
        (NEW, "NotifyEvent", {"eventData": []}, {}, STATION),
    ],
)  # fmt: skip
def test_a_frame_is_the_sessions_own_the_stations_or_anothers(
    session: Session, action: str, payload: dict[str, Any], answer: dict[str, Any] | None, whose: Whose
) -> None:
    frames = call("f", action, payload, answer)
    expected = [] if whose is OTHER else [(frame, whose) for frame in frames]
    assert of_session(frames, session) == expected


def test_what_the_session_rests_on_is_its_own_whatever_it_names() -> None:
    frames = call("proof", "Authorize", {"idTag": "h:bb"}, {"idTagInfo": {"status": "Accepted"}})
    assert [whose for _, whose in of_session(frames, OLD)] == [OWN, OWN]


def test_a_driver_of_whom_no_socket_is_known_yet_sees_sockets_as_the_stations() -> None:
    waiting = Session(id="s", station="CP1", token="h:aa", started_at_ns=1, changed_at_ns=1)
    frames = call("f", "StatusNotification", {"connectorId": 2, "status": "Preparing"}, {})
    assert {whose for _, whose in of_session(frames, waiting)} == {STATION}


def test_text_that_is_no_message_is_the_stations() -> None:
    broken = StoredFrame(
        ref="f", at_ns=1, station="CP1", connection=1, direction=Direction.FROM_STATION, kind="text", payload="[2,"
    )  # fmt: skip
    assert of_session([broken], OLD) == [(broken, STATION)]
