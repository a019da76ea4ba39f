"""OCPP 2.0.1 [201], and as much of 2.1 as has the same form: what its messages mean.

Settings and monitored components are in ``v201_device``, plans and costs in ``v201_plans``.
"""

from __future__ import annotations

from typing import Any

from nocwatch.ocpp import metering, v16, v201_plans
from nocwatch.ocpp.events import (
    AuthorizeAnswered,
    AuthorizeAsked,
    Booted,
    EndAnswered,
    StatusReported,
    TransactionAnswered,
    TransactionBegan,
    TransactionEnded,
    TransactionUpdated,
)
from nocwatch.ocpp.fields import Hearing, Payload
from nocwatch.ocpp.table import Events, Table, command_answers, command_calls, connector_status
from nocwatch.ocpp.v201_commands import COMMANDS, token_of
from nocwatch.ocpp.v201_device import events_notified, report, variables_read, variables_set

ACTIONS = frozenset({
    "Authorize", "BootNotification", "CancelReservation", "CertificateSigned", "ChangeAvailability", "ClearCache", "ClearChargingProfile",
    "ClearDisplayMessage", "ClearVariableMonitoring", "ClearedChargingLimit", "CostUpdated", "CustomerInformation", "DataTransfer",
    "DeleteCertificate", "FirmwareStatusNotification", "Get15118EVCertificate", "GetBaseReport", "GetCertificateStatus",
    "GetChargingProfiles", "GetCompositeSchedule", "GetDisplayMessages", "GetInstalledCertificateIds", "GetLocalListVersion", "GetLog",
    "GetMonitoringReport", "GetReport", "GetTransactionStatus", "GetVariables", "Heartbeat", "InstallCertificate", "LogStatusNotification",
    "MeterValues", "NotifyChargingLimit", "NotifyCustomerInformation", "NotifyDisplayMessages", "NotifyEVChargingNeeds",
    "NotifyEVChargingSchedule", "NotifyEvent", "NotifyMonitoringReport", "NotifyReport", "PublishFirmware",
    "PublishFirmwareStatusNotification", "ReportChargingProfiles", "RequestStartTransaction", "RequestStopTransaction",
    "ReservationStatusUpdate", "ReserveNow", "Reset", "SecurityEventNotification", "SendLocalList", "SetChargingProfile",
    "SetDisplayMessage", "SetMonitoringBase", "SetMonitoringLevel", "SetNetworkProfile", "SetVariableMonitoring", "SetVariables",
    "SignCertificate", "StatusNotification", "TransactionEvent", "TriggerMessage", "UnlockConnector", "UnpublishFirmware",
    "UpdateFirmware",
})  # fmt: skip


def _booted(hearing: Hearing, payload: Payload) -> Events:
    station = hearing.object(payload, "chargingStation", required=True)
    return [
        Booted(
            version=hearing.version,
            vendor=hearing.text(station, "vendorName", required=True),
            model=hearing.text(station, "model", required=True),
            firmware=hearing.text(station, "firmwareVersion"),
            serial=hearing.text(station, "serialNumber"),
            reason=hearing.text(payload, "reason"),
            **hearing.stamp,
        )
    ]


def _status(hearing: Hearing, payload: Payload) -> Events:
    evse = hearing.integer(payload, "evseId", required=True)
    connector = hearing.integer(payload, "connectorId", required=True)
    status = connector_status(hearing, payload, "connectorStatus")
    if evse is None or connector is None or status is None:
        return []
    return [StatusReported(evse=evse, connector=connector, status=status, **hearing.timed(payload))]


def _meter_values(hearing: Hearing, payload: Payload) -> Events:
    evse = hearing.integer(payload, "evseId", required=True)
    return list(metering.metered(hearing, payload, "meterValue", evse=evse, connector=None, transaction=None))


def _authorize(hearing: Hearing, payload: Payload) -> Events:
    token, kind = token_of(hearing, payload, required=True)
    return [AuthorizeAsked(token=token or "", token_type=kind, **hearing.stamp)]


def _token_info(hearing: Hearing, answer: Payload, *, required: bool) -> dict[str, Any]:
    info = hearing.object(answer, "idTokenInfo", required=required)
    group = hearing.object(info, "groupIdToken")
    status = hearing.text(info, "status", required=bool(info))
    return {"status": status, "parent": hearing.optional_text(group, "idToken")}


def _authorized(hearing: Hearing, call: Payload, answer: Payload) -> Events:
    token, kind = token_of(_quiet(hearing), call)
    return [
        AuthorizeAnswered(
            token=token or "",
            token_type=kind,
            asked_at_ns=hearing.asked_at_ns,
            **_token_info(hearing, answer, required=True),
            **hearing.stamp,
        )
    ]


def _transaction(hearing: Hearing, payload: Payload) -> Events:
    kind = hearing.text(payload, "eventType", required=True)
    stamp = hearing.timed(payload)
    offline = hearing.truth(payload, "offline")
    if offline:
        stamp = {**stamp, "offline": True}
    info = hearing.object(payload, "transactionInfo", required=True)
    place = hearing.object(payload, "evse")
    transaction = hearing.optional_text(info, "transactionId", required=True)
    evse = hearing.integer(place, "id")
    connector = hearing.integer(place, "connectorId")
    token, token_type = token_of(hearing, payload)
    number = hearing.integer(payload, "seqNo", required=True)
    metered = metering.metered(
        hearing,
        payload,
        "meterValue",
        evse=evse,
        connector=connector,
        transaction=transaction,
        offline=offline,
        sequence_number=number,
    )
    common: dict[str, Any] = {
        "transaction": transaction,
        "evse": evse,
        "connector": connector,
        "token": token,
        "sequence_number": number,
        "trigger": hearing.text(payload, "triggerReason", required=True),
        **stamp,
    }
    notes = v201_plans.transaction_notes(hearing, payload, info, transaction, final=kind == "Ended")
    charging_state = hearing.text(info, "chargingState")
    remote_start_id = hearing.integer(info, "remoteStartId")
    if kind == "Started":
        began = TransactionBegan(
            message_id=hearing.message_id,
            token_type=token_type,
            meter_wh=metering.register_wh(metered, metering.BEGIN),
            reservation=hearing.integer(payload, "reservationId"),
            remote_start_id=remote_start_id,
            charging_state=charging_state,
            **common,
        )
        return [began, *metered, *notes]
    if kind == "Ended":
        ended = TransactionEnded(
            message_id=hearing.message_id,
            meter_wh=metering.register_wh(metered, metering.END),
            reason=hearing.optional_text(info, "stoppedReason"),
            **common,
        )
        return [*metered, ended, *notes]
    if kind != "Updated":
        hearing.fault("eventType", f"{kind[:40]} is no event type")
    if transaction is None:
        return [*metered, *notes]
    updated = TransactionUpdated(
        token_type=token_type, charging_state=charging_state, remote_start_id=remote_start_id, **common
    )
    return [updated, *metered, *notes]


def _transaction_answered(hearing: Hearing, call: Payload, answer: Payload) -> Events:
    quiet = _quiet(hearing)
    kind = quiet.text(call, "eventType")
    transaction = quiet.optional_text(quiet.object(call, "transactionInfo"), "transactionId")
    said = _token_info(hearing, answer, required=False)
    notes = v201_plans.answer_notes(hearing, answer, transaction, final=kind == "Ended") if answer else []
    if kind == "Ended":
        status = said["status"]
        return [
            EndAnswered(
                message_id=hearing.message_id, transaction=transaction, status=status, **hearing.stamp
            ),
            *notes,
        ]
    if kind != "Started" and not said["status"]:
        return notes
    return [
        TransactionAnswered(
            message_id=hearing.message_id,
            transaction=transaction,
            asked_at_ns=hearing.asked_at_ns,
            **said,
            **hearing.stamp,
        ),
        *notes,
    ]


def _quiet(hearing: Hearing) -> Hearing:
    """To read the call's payload again with: its faults were told when it was heard."""
    return Hearing(hearing.stamp, hearing.message_id, hearing.version)


TABLE = Table(
    name="2.0.1",
    actions=ACTIONS,
    calls={
        "BootNotification": _booted,
        "Heartbeat": v16.heartbeat,
        "StatusNotification": _status,
        "MeterValues": _meter_values,
        "Authorize": _authorize,
        "TransactionEvent": _transaction,
        "NotifyEvent": events_notified,
        "NotifyReport": report,
        "SecurityEventNotification": v16.security,
        "FirmwareStatusNotification": v16.firmware,
        "LogStatusNotification": v16.log_status,
        "CostUpdated": v201_plans.cost_updated,
        "ReservationStatusUpdate": v201_plans.reservation_updated,
        "NotifyEVChargingNeeds": v201_plans.needs,
        "NotifyEVChargingSchedule": v201_plans.planned,
        "NotifyChargingLimit": v201_plans.limit_noted,
        "ClearedChargingLimit": v201_plans.limit_cleared,
        **command_calls(COMMANDS),
    },
    answers={
        "BootNotification": v16.boot_answered,
        "Authorize": _authorized,
        "TransactionEvent": _transaction_answered,
        "GetVariables": variables_read,
        "SetVariables": variables_set,
        "GetTransactionStatus": v201_plans.queue_reported,
        **command_answers(COMMANDS),
    },
    csms_actions=frozenset(
        {*COMMANDS, "CostUpdated", "GetTransactionStatus", "GetVariables", "SetVariables"}
    ),
    shapes={
        "BootNotification": frozenset({"chargingStation"}),
        "StatusNotification": frozenset({"evseId", "connectorStatus"}),
        "MeterValues": frozenset({"evseId"}),
        "Authorize": frozenset({"idToken"}),
        "ChangeAvailability": frozenset({"operationalStatus"}),
        "ReserveNow": frozenset({"idToken", "id"}),
        "SetChargingProfile": frozenset({"chargingProfile"}),
        "ClearChargingProfile": frozenset({"chargingProfileId", "chargingProfileCriteria"}),
        "UpdateFirmware": frozenset({"firmware", "requestId"}),
        "TriggerMessage": frozenset({"evse"}),
        "UnlockConnector": frozenset({"evseId"}),
        "Reset": frozenset({"evseId"}),
    },
)
