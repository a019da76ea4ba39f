"""OCPP 1.6: what the CSMS asks of a station [16 §5], as the fields of ``Commanded``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nocwatch.ocpp import planning
from nocwatch.ocpp.events import Command
from nocwatch.ocpp.fields import Hearing, Payload, as_json
from nocwatch.ocpp.table import CommandReader


def _remote_start(hearing: Hearing, payload: Payload) -> dict[str, Any]:
    return {
        "connector": hearing.integer(payload, "connectorId"),
        "token": hearing.optional_text(payload, "idTag", required=True),
        "text": as_json(payload.get("chargingProfile")),
        "profile": planning.profile(hearing, hearing.object(payload, "chargingProfile")),
    }


def _remote_stop(hearing: Hearing, payload: Payload) -> dict[str, Any]:
    return {"transaction": hearing.integer(payload, "transactionId", required=True)}


def _reset(hearing: Hearing, payload: Payload) -> dict[str, Any]:
    return {"text": hearing.text(payload, "type", required=True)}


def _unlock(hearing: Hearing, payload: Payload) -> dict[str, Any]:
    return {"connector": hearing.integer(payload, "connectorId", required=True)}


def _availability(hearing: Hearing, payload: Payload) -> dict[str, Any]:
    connector = hearing.integer(payload, "connectorId", required=True)
    return {"connector": connector, "text": hearing.text(payload, "type", required=True)}


def _reserve(hearing: Hearing, payload: Payload) -> dict[str, Any]:
    return {
        "connector": hearing.integer(payload, "connectorId", required=True),
        "token": hearing.optional_text(payload, "idTag", required=True),
        "reservation": planning.Reservation(
            hearing.integer(payload, "reservationId", required=True),
            planning.moment(hearing, payload, "expiryDate"),
        ),
    }


def _cancel(hearing: Hearing, payload: Payload) -> dict[str, Any]:
    return {"reservation": planning.Reservation(hearing.integer(payload, "reservationId", required=True))}


def _set_profile(hearing: Hearing, payload: Payload) -> dict[str, Any]:
    profile = hearing.object(payload, "csChargingProfiles", required=True)
    transaction = hearing.integer(profile, "transactionId")
    return {
        "connector": hearing.integer(payload, "connectorId", required=True),
        "transaction": transaction,
        "text": as_json(profile),
        "profile": planning.profile(hearing, profile, transaction),
    }


def _clear_profile(hearing: Hearing, payload: Payload) -> dict[str, Any]:
    return {
        "connector": hearing.integer(payload, "connectorId"),
        "text": as_json(payload),
        "clearing": planning.choice(hearing, payload, "id"),
    }


def _update_firmware(hearing: Hearing, payload: Payload) -> dict[str, Any]:
    signed = hearing.object(payload, "firmware")
    return {"text": hearing.text(signed or payload, "location", required=True)}


def _send_log(hearing: Hearing, payload: Payload) -> dict[str, Any]:
    """GetDiagnostics, and GetLog of the security extension: where the station is to send its logs."""
    log = hearing.object(payload, "log")
    return {
        "text": hearing.text(log, "remoteLocation") or hearing.text(payload, "location", required=not log)
    }


def _trigger(hearing: Hearing, payload: Payload) -> dict[str, Any]:
    return {
        "connector": hearing.integer(payload, "connectorId"),
        "text": hearing.text(payload, "requestedMessage", required=True),
    }


COMMANDS: Mapping[str, tuple[Command, CommandReader]] = {
    "RemoteStartTransaction": (Command.REMOTE_START, _remote_start),
    "RemoteStopTransaction": (Command.REMOTE_STOP, _remote_stop),
    "Reset": (Command.RESET, _reset),
    "UnlockConnector": (Command.UNLOCK, _unlock),
    "ChangeAvailability": (Command.CHANGE_AVAILABILITY, _availability),
    "ReserveNow": (Command.RESERVE, _reserve),
    "CancelReservation": (Command.CANCEL_RESERVATION, _cancel),
    "SetChargingProfile": (Command.SET_PROFILE, _set_profile),
    "ClearChargingProfile": (Command.CLEAR_PROFILE, _clear_profile),
    "UpdateFirmware": (Command.UPDATE_FIRMWARE, _update_firmware),
    "SignedUpdateFirmware": (Command.UPDATE_FIRMWARE, _update_firmware),
    "GetDiagnostics": (Command.SEND_LOG, _send_log),
    "GetLog": (Command.SEND_LOG, _send_log),
    "TriggerMessage": (Command.TRIGGER, _trigger),
    "ExtendedTriggerMessage": (Command.TRIGGER, _trigger),
}
