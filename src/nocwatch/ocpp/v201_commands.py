"""OCPP 2.0.1: what the CSMS asks of a station [201 part 2], as the fields of ``Commanded``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nocwatch.ocpp import planning
from nocwatch.ocpp.events import Command
from nocwatch.ocpp.fields import Hearing, Payload, as_json
from nocwatch.ocpp.table import CommandReader


def token_of(hearing: Hearing, payload: Payload, *, required: bool = False) -> tuple[str | None, str]:
    """(key-hash, type). A plain text where the object belongs counts as the token."""
    value = payload.get("idToken")
    if isinstance(value, str):
        hearing.fault("idToken", "no object")
        return value, ""
    token = hearing.object(payload, "idToken", required=required)
    if not token:
        return None, ""
    return hearing.optional_text(token, "idToken", required=True), hearing.text(token, "type", required=True)


def _place(hearing: Hearing, payload: Payload) -> dict[str, Any]:
    place = hearing.object(payload, "evse")
    return {"evse": hearing.integer(place, "id"), "connector": hearing.integer(place, "connectorId")}


def _remote_start(hearing: Hearing, payload: Payload) -> dict[str, Any]:
    return {
        "evse": hearing.integer(payload, "evseId"),
        "token": token_of(hearing, payload, required=True)[0],
        "remote_start_id": hearing.integer(payload, "remoteStartId", required=True),
        "text": as_json(payload.get("chargingProfile")),
        "profile": planning.profile(hearing, hearing.object(payload, "chargingProfile")),
    }


def _remote_stop(hearing: Hearing, payload: Payload) -> dict[str, Any]:
    return {"transaction": hearing.optional_text(payload, "transactionId", required=True)}


def _reset(hearing: Hearing, payload: Payload) -> dict[str, Any]:
    return {"evse": hearing.integer(payload, "evseId"), "text": hearing.text(payload, "type", required=True)}


def _unlock(hearing: Hearing, payload: Payload) -> dict[str, Any]:
    return {
        "evse": hearing.integer(payload, "evseId", required=True),
        "connector": hearing.integer(payload, "connectorId", required=True),
    }


def _availability(hearing: Hearing, payload: Payload) -> dict[str, Any]:
    return {**_place(hearing, payload), "text": hearing.text(payload, "operationalStatus", required=True)}


def _reserve(hearing: Hearing, payload: Payload) -> dict[str, Any]:
    return {
        "evse": hearing.integer(payload, "evseId"),
        "token": token_of(hearing, payload, required=True)[0],
        "reservation": planning.Reservation(
            hearing.integer(payload, "id", required=True),
            planning.moment(hearing, payload, "expiryDateTime"),
            hearing.text(payload, "connectorType"),
        ),
    }


def _cancel(hearing: Hearing, payload: Payload) -> dict[str, Any]:
    return {"reservation": planning.Reservation(hearing.integer(payload, "reservationId", required=True))}


def _set_profile(hearing: Hearing, payload: Payload) -> dict[str, Any]:
    profile = hearing.object(payload, "chargingProfile", required=True)
    transaction = hearing.optional_text(profile, "transactionId")
    return {
        "evse": hearing.integer(payload, "evseId", required=True),
        "transaction": transaction,
        "text": as_json(profile),
        "profile": planning.profile(hearing, profile, transaction),
    }


def _clear_profile(hearing: Hearing, payload: Payload) -> dict[str, Any]:
    criteria = hearing.object(payload, "chargingProfileCriteria")
    return {
        "evse": hearing.integer(criteria, "evseId"),
        "text": as_json(payload),
        "clearing": planning.choice(hearing, payload, "chargingProfileId"),
    }


def _update_firmware(hearing: Hearing, payload: Payload) -> dict[str, Any]:
    return {
        "text": hearing.text(hearing.object(payload, "firmware", required=True), "location", required=True)
    }


def _send_log(hearing: Hearing, payload: Payload) -> dict[str, Any]:
    return {
        "text": hearing.text(hearing.object(payload, "log", required=True), "remoteLocation", required=True)
    }


def _trigger(hearing: Hearing, payload: Payload) -> dict[str, Any]:
    return {**_place(hearing, payload), "text": hearing.text(payload, "requestedMessage", required=True)}


COMMANDS: Mapping[str, tuple[Command, CommandReader]] = {
    "RequestStartTransaction": (Command.REMOTE_START, _remote_start),
    "RequestStopTransaction": (Command.REMOTE_STOP, _remote_stop),
    "Reset": (Command.RESET, _reset),
    "UnlockConnector": (Command.UNLOCK, _unlock),
    "ChangeAvailability": (Command.CHANGE_AVAILABILITY, _availability),
    "ReserveNow": (Command.RESERVE, _reserve),
    "CancelReservation": (Command.CANCEL_RESERVATION, _cancel),
    "SetChargingProfile": (Command.SET_PROFILE, _set_profile),
    "ClearChargingProfile": (Command.CLEAR_PROFILE, _clear_profile),
    "UpdateFirmware": (Command.UPDATE_FIRMWARE, _update_firmware),
    "GetLog": (Command.SEND_LOG, _send_log),
    "TriggerMessage": (Command.TRIGGER, _trigger),
}
