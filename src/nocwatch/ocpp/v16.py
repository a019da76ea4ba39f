"""OCPP 1.6, edition 2, with the security extension [16, E16, SW]: what its messages mean."""

from __future__ import annotations

from typing import Any

from nocwatch.ocpp import metering
from nocwatch.ocpp.events import (
    AuthorizeAnswered,
    AuthorizeAsked,
    BootAnswered,
    Booted,
    ConfigurationSeen,
    EndAnswered,
    FirmwareReported,
    Heartbeat,
    SecurityReported,
    StatusReported,
    TransactionAnswered,
    TransactionBegan,
    TransactionEnded,
    UploadReported,
)
from nocwatch.ocpp.fields import Hearing, Payload
from nocwatch.ocpp.table import Events, Table, command_answers, command_calls, connector_status
from nocwatch.ocpp.v16_commands import COMMANDS

ACTIONS = frozenset({
    "Authorize", "BootNotification", "CancelReservation", "CertificateSigned", "ChangeAvailability", "ChangeConfiguration", "ClearCache",
    "ClearChargingProfile", "DataTransfer", "DeleteCertificate", "DiagnosticsStatusNotification", "ExtendedTriggerMessage",
    "FirmwareStatusNotification", "GetCompositeSchedule", "GetConfiguration", "GetDiagnostics", "GetInstalledCertificateIds",
    "GetLocalListVersion", "GetLog", "Heartbeat", "InstallCertificate", "LogStatusNotification", "MeterValues", "RemoteStartTransaction",
    "RemoteStopTransaction", "ReserveNow", "Reset", "SecurityEventNotification", "SendLocalList", "SetChargingProfile", "SignCertificate",
    "SignedFirmwareStatusNotification", "SignedUpdateFirmware", "StartTransaction", "StatusNotification", "StopTransaction",
    "TriggerMessage", "UnlockConnector", "UpdateFirmware",
})  # fmt: skip
SETTINGS_MAX = 1000
"""Of one GetConfiguration; the standard has some sixty keys, vendors add some hundred."""


def _booted(hearing: Hearing, payload: Payload) -> Events:
    serial = hearing.text(payload, "chargePointSerialNumber") or hearing.text(
        payload, "chargeBoxSerialNumber"
    )
    return [
        Booted(
            version=hearing.version,
            vendor=hearing.text(payload, "chargePointVendor", required=True),
            model=hearing.text(payload, "chargePointModel", required=True),
            firmware=hearing.text(payload, "firmwareVersion"),
            serial=serial,
            **hearing.stamp,
        )
    ]


def boot_answered(hearing: Hearing, _: Payload, answer: Payload) -> Events:
    """The same in 2.x."""
    status = hearing.text(answer, "status", required=True)
    return [BootAnswered(status=status, interval_s=hearing.number(answer, "interval"), **hearing.stamp)]


def heartbeat(hearing: Hearing, _: Payload) -> Events:
    """The same in 2.x."""
    return [Heartbeat(**hearing.stamp)]


def security(hearing: Hearing, payload: Payload) -> Events:
    """The same in 2.x."""
    kind = hearing.text(payload, "type", required=True)
    return [
        SecurityReported(type=kind, tech_info=hearing.text(payload, "techInfo"), **hearing.timed(payload))
    ]


def firmware(hearing: Hearing, payload: Payload) -> Events:
    """The same in 2.x."""
    return [FirmwareReported(status=hearing.text(payload, "status", required=True), **hearing.stamp)]


def log_status(hearing: Hearing, payload: Payload) -> Events:
    """DiagnosticsStatusNotification, and the LogStatusNotification that took its place; the latter in 2.x too."""
    status = hearing.text(payload, "status", required=True)
    return [UploadReported(status=status, request=hearing.integer(payload, "requestId"), **hearing.stamp)]


def _status(hearing: Hearing, payload: Payload) -> Events:
    connector = hearing.integer(payload, "connectorId", required=True)
    status = connector_status(hearing, payload, "status")
    if connector is None or status is None:
        return []
    return [
        StatusReported(
            evse=None,
            connector=connector,
            status=status,
            error_code=hearing.text(payload, "errorCode"),
            vendor_error=hearing.text(payload, "vendorErrorCode"),
            info=hearing.text(payload, "info"),
            **hearing.timed(payload),
        )
    ]


def _meter_values(hearing: Hearing, payload: Payload) -> Events:
    return list(
        metering.metered(
            hearing,
            payload,
            "meterValue",
            evse=None,
            connector=hearing.integer(payload, "connectorId", required=True),
            transaction=hearing.integer(payload, "transactionId"),
        )
    )


def _authorize(hearing: Hearing, payload: Payload) -> Events:
    return [AuthorizeAsked(token=hearing.text(payload, "idTag", required=True), **hearing.stamp)]


def _tag_info(hearing: Hearing, answer: Payload, *, required: bool) -> dict[str, Any]:
    info = hearing.object(answer, "idTagInfo", required=required)
    status = hearing.text(info, "status", required=bool(info))
    return {"status": status, "parent": hearing.optional_text(info, "parentIdTag")}


def _authorized(hearing: Hearing, call: Payload, answer: Payload) -> Events:
    return [
        AuthorizeAnswered(
            token=_quiet(hearing).text(call, "idTag"),
            asked_at_ns=hearing.asked_at_ns,
            **_tag_info(hearing, answer, required=True),
            **hearing.stamp,
        )
    ]


def _start(hearing: Hearing, payload: Payload) -> Events:
    return [
        TransactionBegan(
            message_id=hearing.message_id,
            transaction=None,
            evse=None,
            connector=hearing.integer(payload, "connectorId", required=True),
            token=hearing.optional_text(payload, "idTag", required=True),
            meter_wh=hearing.number(payload, "meterStart", required=True),
            reservation=hearing.integer(payload, "reservationId"),
            **hearing.timed(payload),
        )
    ]


def _started(hearing: Hearing, _: Payload, answer: Payload) -> Events:
    return [
        TransactionAnswered(
            message_id=hearing.message_id,
            transaction=hearing.integer(answer, "transactionId", required=True),
            asked_at_ns=hearing.asked_at_ns,
            **_tag_info(hearing, answer, required=True),
            **hearing.stamp,
        )
    ]


def _stop(hearing: Hearing, payload: Payload) -> Events:
    transaction = hearing.integer(payload, "transactionId", required=True)
    metered = metering.metered(
        hearing, payload, "transactionData", evse=None, connector=None, transaction=transaction
    )
    ended = TransactionEnded(
        message_id=hearing.message_id,
        transaction=transaction,
        token=hearing.optional_text(payload, "idTag"),
        meter_wh=hearing.number(payload, "meterStop", required=True),
        reason=hearing.optional_text(payload, "reason"),
        **hearing.timed(payload),
    )
    return [*metered, ended]


def _stopped(hearing: Hearing, call: Payload, answer: Payload) -> Events:
    transaction = _quiet(hearing).integer(call, "transactionId")
    status = _tag_info(hearing, answer, required=False)["status"]
    return [
        EndAnswered(message_id=hearing.message_id, transaction=transaction, status=status, **hearing.stamp)
    ]


def _configuration_changed(hearing: Hearing, call: Payload, answer: Payload) -> Events:
    if hearing.text(answer, "status", required=True) not in {"Accepted", "RebootRequired"}:
        return []
    quiet = _quiet(hearing)
    value = quiet.text(call, "value")
    return [ConfigurationSeen(name=quiet.text(call, "key"), value=value, changed=True, **hearing.stamp)]


def _configuration_read(hearing: Hearing, _: Payload, answer: Payload) -> Events:
    return [
        ConfigurationSeen(name=name, value=hearing.text(item, "value"), **hearing.stamp)
        for item in hearing.objects(answer, "configurationKey")[:SETTINGS_MAX]
        if (name := hearing.text(item, "key", required=True))
    ]


def _quiet(hearing: Hearing) -> Hearing:
    """To read the call's payload again with: its faults were told when it was heard."""
    return Hearing(hearing.stamp, hearing.message_id, hearing.version)


TABLE = Table(
    name="1.6",
    actions=ACTIONS,
    calls={
        "BootNotification": _booted,
        "Heartbeat": heartbeat,
        "StatusNotification": _status,
        "MeterValues": _meter_values,
        "Authorize": _authorize,
        "StartTransaction": _start,
        "StopTransaction": _stop,
        "SecurityEventNotification": security,
        "FirmwareStatusNotification": firmware,
        "SignedFirmwareStatusNotification": firmware,
        "DiagnosticsStatusNotification": log_status,
        "LogStatusNotification": log_status,
        **command_calls(COMMANDS),
    },
    answers={
        "BootNotification": boot_answered,
        "Authorize": _authorized,
        "StartTransaction": _started,
        "StopTransaction": _stopped,
        "ChangeConfiguration": _configuration_changed,
        "GetConfiguration": _configuration_read,
        **command_answers(COMMANDS),
    },
    csms_actions=frozenset({*COMMANDS, "ChangeConfiguration", "GetConfiguration"}),
    shapes={
        "BootNotification": frozenset({"chargePointVendor", "chargePointModel"}),
        "StatusNotification": frozenset({"errorCode", "status"}),
        "MeterValues": frozenset({"connectorId"}),
        "Authorize": frozenset({"idTag"}),
        "ChangeAvailability": frozenset({"type", "connectorId"}),
        "ReserveNow": frozenset({"idTag", "reservationId"}),
        "SetChargingProfile": frozenset({"csChargingProfiles"}),
        "ClearChargingProfile": frozenset({"id", "connectorId", "chargingProfilePurpose", "stackLevel"}),
        "UpdateFirmware": frozenset({"location"}),
        "TriggerMessage": frozenset({"connectorId"}),
    },
)
