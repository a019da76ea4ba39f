"""How a simulated station speaks OCPP 2.0.1: its messages, and its answers to the CSMS's calls. No sockets, no waiting.

What it says of transactions is in ``transactions201``.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING

from nocwatch.sim import wishes
from nocwatch.sim.clockwork import from_text
from nocwatch.sim.parts import Booking, Connector, Message, RemoteStart, fixed
from nocwatch.sim.transactions201 import Transactions201
from nocwatch.sim.wire import Answer, Payload, not_implemented

if TYPE_CHECKING:
    from nocwatch.sim.station import SimStation

_STATUSES = {
    "Available": "Available",
    "Reserved": "Reserved",
    "Unavailable": "Unavailable",
    "Faulted": "Faulted",
}
_FAULT_VARIABLES = {
    "GroundFailure": ("GroundFaultDetector", "Problem"),
    "OverCurrentFailure": ("OverCurrentProtection", "Problem"),
    "HighTemperature": ("TemperatureSensor", "Problem"),
    "ConnectorLockFailure": ("ConnectorPlugRetentionLock", "Problem"),
    "PowerMeterFailure": ("FiscalMetering", "Problem"),
}
_VARIABLES = {
    ("OCPPCommCtrlr", "HeartbeatInterval"): "HeartbeatInterval",
    ("SampledDataCtrlr", "TxUpdatedInterval"): "MeterValueSampleInterval",
    ("TxCtrlr", "EVConnectionTimeOut"): "ConnectionTimeOut",
    ("OCPPCommCtrlr", "WebSocketPingInterval"): "WebSocketPingInterval",
}
"""Component and variable → the station's own name of the setting."""


class Dialect201(Transactions201):
    """OCPP 2.0.1 edition 3."""

    version = "2.0.1"
    free_token = ""
    """What stands for the card where none is shown: with type NoAuthorization the text is empty."""

    def __init__(self, station: SimStation) -> None:
        super().__init__(station)
        self._event_ids = itertools.count(1)
        rejected = {"status": "Rejected"}
        self._handlers: dict[str, Callable[[Payload], Answer]] = {
            "RequestStartTransaction": self._request_start,
            "RequestStopTransaction": self._request_stop,
            "Reset": self._reset,
            "GetVariables": self._get_variables,
            "SetVariables": self._set_variables,
            "TriggerMessage": self._trigger,
            "ChangeAvailability": self._change_availability,
            "UnlockConnector": self._unlock,
            "SetChargingProfile": self._set_profile,
            "GetTransactionStatus": self._transaction_status,
            "ClearChargingProfile": lambda _: Answer(payload={"status": "Unknown"}),
            "GetChargingProfiles": lambda _: Answer(payload={"status": "NoProfiles"}),
            "GetCompositeSchedule": lambda _: Answer(payload=rejected),
            "ClearCache": lambda _: Answer(payload={"status": "Accepted"}),
            "DataTransfer": lambda _: Answer(payload={"status": "UnknownVendorId"}),
            "GetBaseReport": lambda _: Answer(payload={"status": "NotSupported"}),
            "GetReport": lambda _: Answer(payload={"status": "NotSupported"}),
            "GetMonitoringReport": lambda _: Answer(payload={"status": "NotSupported"}),
            "GetLog": lambda _: Answer(payload=rejected),
            "UpdateFirmware": lambda _: Answer(payload=rejected),
            "GetLocalListVersion": lambda _: Answer(payload={"versionNumber": 0}),
            "SendLocalList": lambda _: Answer(payload={"status": "Failed"}),
            "ReserveNow": self._reserve,
            "CancelReservation": self._cancel_reservation,
            "CertificateSigned": lambda _: Answer(payload=rejected),
            "InstallCertificate": lambda _: Answer(payload=rejected),
            "DeleteCertificate": lambda _: Answer(payload={"status": "NotFound"}),
            "GetInstalledCertificateIds": lambda _: Answer(payload={"status": "NotFound"}),
            "SetNetworkProfile": lambda _: Answer(payload=rejected),
            "CustomerInformation": lambda _: Answer(payload=rejected),
            "CostUpdated": lambda _: Answer(payload={}),
        }

    # What the station says

    def boot(self, reason: str) -> tuple[str, Payload]:
        profile = self._station.profile
        return "BootNotification", {
            "reason": reason,
            "chargingStation": {
                "vendorName": profile.hardware.vendor,
                "model": profile.hardware.model[:20],
                "serialNumber": profile.serial[:25],
                "firmwareVersion": profile.firmware,
            },
        }

    def announcements(self) -> list[Message]:
        return [self.status(connector) for connector in self._station.connectors]

    def status(self, connector: Connector) -> Message:
        payload = {
            "timestamp": self._station.clock.text(),
            "connectorStatus": self._word(connector),
            "evseId": connector.socket.evse,
            "connectorId": connector.socket.connector,
        }
        return Message("StatusNotification", lambda: payload, durable=False)

    def announced_as(self, connector: Connector) -> str:
        return self._word(connector)

    def fault_event(self, connector: Connector, *, cleared: bool) -> list[Message]:
        """NotifyEvent of the component that reports the trouble; it carries the code, which StatusNotification cannot.

        Without a link it is kept, as OfflineQueuingSeverity lets a station keep what is severe [OCPP 2.0.1 part 2, N07].
        """
        component, variable = _FAULT_VARIABLES.get(connector.error_code, ("Connector", "Problem"))
        event = {
            "eventId": next(self._event_ids),
            "timestamp": self._station.clock.text(),
            "trigger": "Alerting",
            "actualValue": "false" if cleared else "true",
            "cleared": cleared,
            "techCode": connector.vendor_error or connector.error_code,
            "eventNotificationType": "HardWiredNotification",
            "component": {
                "name": component,
                "evse": {"id": connector.socket.evse, "connectorId": connector.socket.connector},
            },
            "variable": {"name": variable},
        }
        payload = {"generatedAt": event["timestamp"], "seqNo": 0, "eventData": [event]}
        return [Message("NotifyEvent", lambda: payload)]

    def _word(self, connector: Connector) -> str:
        if not connector.operative and connector.status == "Available":
            return "Unavailable"
        return _STATUSES.get(connector.status, "Occupied")

    def authorize(self, token: str, token_type: str) -> tuple[str, Payload]:
        return "Authorize", {"idToken": {"idToken": token, "type": token_type}}

    def authorize_status(self, answer: Payload) -> str:
        return str(answer.get("idTokenInfo", {}).get("status", "Invalid"))

    def reservation_over(self, number: int, how: str) -> list[Message]:
        told = {"reservationId": number, "reservationUpdateStatus": how}
        return [Message("ReservationStatusUpdate", fixed(told), durable=False)]

    def heartbeat(self) -> tuple[str, Payload]:
        return "Heartbeat", {}

    # What the station answers

    def handle(self, action: str, payload: Payload) -> Answer:
        handler = self._handlers.get(action)
        return handler(payload) if handler else not_implemented(action)

    def _request_start(self, payload: Payload) -> Answer:
        token = payload["idToken"]
        request = RemoteStart(str(token["idToken"]), str(token["type"]), int(payload["remoteStartId"]))
        return _status(self._station.commands.remote_start(payload.get("evseId"), request))

    def _request_stop(self, payload: Payload) -> Answer:
        return _status(self._station.commands.remote_stop(payload.get("transactionId")))

    def _reserve(self, payload: Payload) -> Answer:
        booking = Booking(int(payload["id"]), str(payload["idToken"]["idToken"]))
        until_ns = from_text(str(payload["expiryDateTime"]))
        status = self._station.commands.reserve(payload.get("evseId"), booking, until_ns)
        return Answer(payload={"status": status})

    def _cancel_reservation(self, payload: Payload) -> Answer:
        return _status(self._station.commands.cancel_reservation(payload.get("reservationId")))

    def _reset(self, payload: Payload) -> Answer:
        reason = "ImmediateReset" if payload.get("type") == "Immediate" else "Reboot"
        resume = payload.get("type") == "ImmediateAndResume"
        return Answer(
            payload={"status": "Accepted"},
            after=lambda: self._station.commands.reset_soon(reason, resume=resume),
        )

    def _get_variables(self, payload: Payload) -> Answer:
        configuration = self._station.commands.configuration()
        results = []
        for each in payload["getVariableData"]:
            result: Payload = {"component": each["component"], "variable": each["variable"]}
            if each["component"]["name"] not in {component for component, _ in _VARIABLES}:
                result["attributeStatus"] = "UnknownComponent"
            elif (name := _VARIABLES.get((each["component"]["name"], each["variable"]["name"]))) is None:
                result["attributeStatus"] = "UnknownVariable"
            else:
                result |= {"attributeStatus": "Accepted", "attributeValue": configuration[name][0]}
            results.append(result)
        return Answer(payload={"getVariableResult": results})

    def _set_variables(self, payload: Payload) -> Answer:
        results = []
        for each in payload["setVariableData"]:
            name = _VARIABLES.get((each["component"]["name"], each["variable"]["name"]))
            status = (
                self._station.commands.configure(name, str(each["attributeValue"]))
                if name
                else "UnknownVariable"
            )
            results.append(
                {"attributeStatus": status, "component": each["component"], "variable": each["variable"]}
            )
        return Answer(payload={"setVariableResult": results})

    def _trigger(self, payload: Payload) -> Answer:
        evse = payload.get("evse", {}).get("id")
        match payload.get("requestedMessage"):
            case "BootNotification":
                follow_up = [Message("BootNotification", lambda: self.boot("Triggered")[1], durable=False)]
            case "Heartbeat":
                follow_up = [Message("Heartbeat", dict, durable=False)]
            case "StatusNotification":
                follow_up = [
                    self.status(c) for c in self._station.connectors if evse in (None, c.socket.evse)
                ]
            case "TransactionEvent" | "MeterValues":
                follow_up = [
                    message
                    for c in self._station.connectors
                    if c.transaction and evse in (None, c.socket.evse)
                    for message in self._triggered(c.transaction)
                ]
            case _:
                return Answer(payload={"status": "NotImplemented"})
        return Answer(payload={"status": "Accepted"}, after=lambda: self._station.enqueue(follow_up))

    def _change_availability(self, payload: Payload) -> Answer:
        evse = payload.get("evse", {}).get("id") or None
        return Answer(
            payload={
                "status": self._station.commands.change_availability(
                    evse, operative=payload["operationalStatus"] == "Operative"
                )
            }
        )

    def _unlock(self, payload: Payload) -> Answer:
        return Answer(
            payload={
                "status": "Unlocked"
                if self._station.commands.unlock(payload.get("evseId"))
                else "UnknownConnector"
            }
        )

    def _set_profile(self, payload: Payload) -> Answer:
        self._station.commands.limit_power(payload.get("evseId") or None, payload["chargingProfile"])
        chosen = wishes.chosen_schedule(self._station, payload.get("evseId") or 0, payload["chargingProfile"])
        return Answer(payload={"status": "Accepted"}, after=lambda: self._station.enqueue(chosen))

    def _transaction_status(self, payload: Payload) -> Answer:
        wanted = payload.get("transactionId")
        answer: Payload = {"messagesInQueue": self._station.queue_length > 0}
        if wanted is not None:
            answer["ongoingIndicator"] = any(
                c.transaction and c.transaction.id == wanted for c in self._station.connectors
            )
        return Answer(payload=answer)


def _status(accepted: bool) -> Answer:
    return Answer(payload={"status": "Accepted" if accepted else "Rejected"})
