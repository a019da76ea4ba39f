"""How a simulated station speaks OCPP 1.6: its messages, and its answers to the CSMS's calls. No sockets, no waiting."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nocwatch.sim import registers, sampling
from nocwatch.sim.clockwork import from_text
from nocwatch.sim.parts import Booking, Connector, Message, RemoteStart, Transaction, fixed
from nocwatch.sim.physics import Reading
from nocwatch.sim.sampling import Value
from nocwatch.sim.wire import Answer, Payload, not_implemented

if TYPE_CHECKING:
    from nocwatch.sim.station import SimStation

_STOP_REASONS = frozenset({
    "EmergencyStop", "EVDisconnected", "HardReset", "Local", "Other", "PowerLoss", "Reboot", "Remote", "SoftReset",
    "UnlockCommand", "DeAuthorized",
})  # fmt: skip
_TO_16 = {
    "ImmediateReset": "HardReset",
    "Timeout": "Other",
    "SOCLimitReached": "Local",
    "StoppedByEV": "EVDisconnected",
}


class Dialect16:
    """OCPP 1.6 edition 2 with the security whitepaper's messages."""

    version = "1.6"
    free_token = "FREE"
    """What stands for the card where none is shown."""

    def __init__(self, station: SimStation) -> None:
        self._station = station
        self._handlers: dict[str, Callable[[Payload], Answer]] = {
            "RemoteStartTransaction": self._remote_start,
            "RemoteStopTransaction": self._remote_stop,
            "Reset": self._reset,
            "GetConfiguration": self._get_configuration,
            "ChangeConfiguration": self._change_configuration,
            "TriggerMessage": self._trigger,
            "ExtendedTriggerMessage": self._trigger,
            "ChangeAvailability": self._change_availability,
            "UnlockConnector": self._unlock,
            "SetChargingProfile": self._set_profile,
            "ClearChargingProfile": lambda _: Answer(payload={"status": "Unknown"}),
            "GetCompositeSchedule": lambda _: Answer(payload={"status": "Rejected"}),
            "ClearCache": lambda _: Answer(payload={"status": "Accepted"}),
            "DataTransfer": lambda _: Answer(payload={"status": "UnknownVendorId"}),
            "GetDiagnostics": self._get_diagnostics,
            "GetLog": lambda _: Answer(payload={"status": "Rejected"}),
            "UpdateFirmware": lambda _: Answer(payload={}),
            "SignedUpdateFirmware": lambda _: Answer(payload={"status": "Rejected"}),
            "GetLocalListVersion": lambda _: Answer(payload={"listVersion": 0}),
            "SendLocalList": lambda _: Answer(payload={"status": "NotSupported"}),
            "ReserveNow": self._reserve,
            "CancelReservation": self._cancel_reservation,
            "CertificateSigned": lambda _: Answer(payload={"status": "Rejected"}),
            "InstallCertificate": lambda _: Answer(payload={"status": "Rejected"}),
            "DeleteCertificate": lambda _: Answer(payload={"status": "NotFound"}),
            "GetInstalledCertificateIds": lambda _: Answer(payload={"status": "NotFound"}),
        }

    # What the station says

    def boot(self, reason: str) -> tuple[str, Payload]:
        del reason  # 1.6 has no field for it
        profile = self._station.profile
        return "BootNotification", {
            "chargePointVendor": profile.hardware.vendor[:20],
            "chargePointModel": profile.hardware.model[:20],
            "chargePointSerialNumber": profile.serial[:25],
            "firmwareVersion": profile.firmware,
        }

    def announcements(self) -> list[Message]:
        """The state of everything, after a boot."""
        return [
            self._status(0, "Available"),
            *(self.status(connector) for connector in self._station.connectors),
        ]

    def status(self, connector: Connector) -> Message:
        status = connector.status if connector.operative or connector.status != "Available" else "Unavailable"
        return self._status(connector.socket.number, status, connector)

    def announced_as(self, connector: Connector) -> str:
        """What would be different in a status message: equal texts need no message."""
        return f"{connector.status} {connector.error_code} {connector.operative}"

    def _status(self, number: int, status: str, connector: Connector | None = None) -> Message:
        payload: Payload = {
            "connectorId": number,
            "errorCode": connector.error_code if connector else "NoError",
            "status": status,
            "timestamp": self._station.clock.text(),
        }
        if connector and connector.error_info:
            payload["info"] = connector.error_info[:50]
        elif connector and "wordy" in self._station.profile.quirks:
            payload["info"] = (
                f"Connector {number} is {status}; it takes cards, the app and the vehicle itself"
            )
        if connector and connector.vendor_error:
            payload |= {
                "vendorId": self._station.profile.hardware.vendor,
                "vendorErrorCode": connector.vendor_error[:50],
            }
        return Message("StatusNotification", lambda: payload, durable=False)

    def authorize(self, token: str, token_type: str) -> tuple[str, Payload]:
        del token_type
        return "Authorize", {"idTag": token[:20]}

    def authorize_status(self, answer: Payload) -> str:
        return str(answer.get("idTagInfo", {}).get("status", "Invalid"))

    def tx_start(self, tx: Transaction, trigger: str) -> list[Message]:
        del trigger
        payload: Payload = {
            "connectorId": tx.connector.socket.number,
            "idTag": tx.token[:20],
            "meterStart": int(registers.at_ends(tx, tx.start, self._station.profile.quirks).register_wh),
            "timestamp": self._station.clock.text(tx.started_at_ns),
        }
        if tx.reservation is not None:
            payload["reservationId"] = tx.reservation

        def answered(answer: Payload | None) -> None:
            if answer is not None and isinstance(answer.get("transactionId"), int):
                tx.id = answer["transactionId"]
            status = str((answer or {}).get("idTagInfo", {}).get("status", "Accepted"))
            self._station.tx_answered(tx, status)

        return [Message("StartTransaction", lambda: payload, answered=answered)]

    def tx_authorised(self, tx: Transaction, trigger: str) -> list[Message]:
        del tx, trigger
        return []

    def tx_state(self, tx: Transaction, state: str, trigger: str = "ChargingStateChanged") -> list[Message]:
        del state, trigger, tx  # 1.6 tells it by StatusNotification
        return []

    def tx_meter(self, tx: Transaction, reading: Reading, context: str = "Sample.Periodic") -> list[Message]:
        reading = registers.as_sample(tx, reading, self._station.profile.quirks)
        sampled = {"timestamp": self._station.clock.text(), "sampledValue": self.sampled(reading, context)}
        payload: Payload = {"connectorId": tx.connector.socket.number, "meterValue": [sampled]}
        if "values_without_id" in self._station.profile.quirks:
            return [Message("MeterValues", fixed(payload), attempts_max=1)]
        return [Message("MeterValues", lambda: {**payload, "transactionId": tx.id_16}, attempts_max=1)]

    def _triggered(self, tx: Transaction) -> list[Message]:
        reading = tx.connector.meter.reading(self._station.pace.now())
        return self.tx_meter(tx, registers.sampled(tx, reading), "Trigger")

    def tx_stop(self, tx: Transaction, reason: str, trigger: str, reading: Reading) -> list[Message]:
        del trigger
        reading = registers.at_ends(tx, reading, self._station.profile.quirks)
        reason = _TO_16.get(reason, reason)
        stop: Payload = {"meterStop": int(reading.register_wh), "timestamp": self._station.clock.text()}
        if reason != "Local" or self._station.says_local:
            stop["reason"] = reason if reason in _STOP_REASONS else "Other"
        if reason in ("Local", "Remote"):
            stop["idTag"] = tx.token[:20]
        if self._station.sends_transaction_data:
            stop["transactionData"] = [
                {"timestamp": stop["timestamp"], "sampledValue": self.energies(reading, "Transaction.End")}
            ]
        return [Message("StopTransaction", lambda: {**stop, "transactionId": tx.id_16})]

    def reservation_over(self, number: int, how: str) -> list[Message]:
        del number, how
        return []  # 1.6 tells it by StatusNotification alone

    def heartbeat(self) -> tuple[str, Payload]:
        return "Heartbeat", {}

    def sampled(self, reading: Reading, context: str) -> list[Payload]:
        """The measurands of one reading as 1.6 writes them: all values are text."""
        return [_written(each) for each in sampling.values(reading, context, self._station.profile.quirks)]

    def energies(self, reading: Reading, context: str) -> list[Payload]:
        """The energy registers alone."""
        return [_written(each) for each in sampling.energies(reading, context, self._station.profile.quirks)]

    # What the station answers

    def handle(self, action: str, payload: Payload) -> Answer:
        handler = self._handlers.get(action)
        return handler(payload) if handler else not_implemented(action)

    def _remote_start(self, payload: Payload) -> Answer:
        number = payload.get("connectorId")
        accepted = self._station.commands.remote_start(number, RemoteStart(str(payload["idTag"])))
        return _status(accepted)

    def _remote_stop(self, payload: Payload) -> Answer:
        return _status(self._station.commands.remote_stop(payload.get("transactionId")))

    def _reserve(self, payload: Payload) -> Answer:
        booking = Booking(int(payload["reservationId"]), str(payload["idTag"]))
        until_ns = from_text(str(payload["expiryDate"]))
        status = self._station.commands.reserve(payload.get("connectorId"), booking, until_ns)
        return Answer(payload={"status": status})

    def _cancel_reservation(self, payload: Payload) -> Answer:
        return _status(self._station.commands.cancel_reservation(payload.get("reservationId")))

    def _reset(self, payload: Payload) -> Answer:
        reason = "HardReset" if payload.get("type") == "Hard" else "SoftReset"
        return Answer(payload={"status": "Accepted"}, after=lambda: self._station.commands.reset_soon(reason))

    def _get_configuration(self, payload: Payload) -> Answer:
        configuration = self._station.commands.configuration()
        wanted = payload.get("key") or list(configuration)
        known = [
            {"key": key, "readonly": configuration[key][1], "value": configuration[key][0]}
            for key in wanted
            if key in configuration
        ]
        answer: Payload = {"configurationKey": known}
        if unknown := [key for key in wanted if key not in configuration]:
            answer["unknownKey"] = unknown
        return Answer(payload=answer)

    def _change_configuration(self, payload: Payload) -> Answer:
        return Answer(
            payload={"status": self._station.commands.configure(str(payload["key"]), str(payload["value"]))}
        )

    def _trigger(self, payload: Payload) -> Answer:
        number = payload.get("connectorId")
        match payload.get("requestedMessage"):
            case "BootNotification":
                follow_up = [Message("BootNotification", lambda: self.boot("Triggered")[1], durable=False)]
            case "Heartbeat":
                follow_up = [Message("Heartbeat", dict, durable=False)]
            case "StatusNotification":
                follow_up = [
                    self.status(c) for c in self._station.connectors if number in (None, 0, c.socket.number)
                ]
            case "MeterValues":
                follow_up = [
                    message
                    for c in self._station.connectors
                    if c.transaction and number in (None, c.socket.number)
                    for message in self._triggered(c.transaction)
                ]
            case _:
                return Answer(payload={"status": "NotImplemented"})
        return Answer(payload={"status": "Accepted"}, after=lambda: self._station.enqueue(follow_up))

    def _change_availability(self, payload: Payload) -> Answer:
        status = self._station.commands.change_availability(
            payload.get("connectorId") or None, operative=payload.get("type") == "Operative"
        )
        return Answer(payload={"status": status})

    def _unlock(self, payload: Payload) -> Answer:
        return Answer(
            payload={
                "status": "Unlocked"
                if self._station.commands.unlock(payload.get("connectorId"))
                else "UnlockFailed"
            }
        )

    def _set_profile(self, payload: Payload) -> Answer:
        self._station.commands.limit_power(payload.get("connectorId") or None, payload["csChargingProfiles"])
        return Answer(payload={"status": "Accepted"})

    def _get_diagnostics(self, payload: Payload) -> Answer:
        del payload
        statuses = [
            Message("DiagnosticsStatusNotification", fixed({"status": status}), durable=False)
            for status in ("Uploading", "Uploaded")
        ]
        return Answer(
            payload={"fileName": f"{self._station.profile.serial}.zip"},
            after=lambda: self._station.enqueue(statuses),
        )


def _written(value: Value) -> Payload:
    named = {
        "measurand": value.measurand,
        "unit": value.unit,
        "phase": value.phase,
        "context": value.context,
        "location": value.location,
    }
    return {"value": f"{value.value:.{value.digits}f}"} | {key: text for key, text in named.items() if text}


def _status(accepted: bool) -> Answer:
    return Answer(payload={"status": "Accepted" if accepted else "Rejected"})
