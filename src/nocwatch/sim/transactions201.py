"""How a simulated station tells a transaction in OCPP 2.0.1: TransactionEvents with their meter values. No sockets, no waiting.

Everything else that it says and answers is in ``dialect201``.

What always holds: sequence numbers of a transaction rise by one; EVSE and token are told once, in the first event that can.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nocwatch.sim import registers, sampling
from nocwatch.sim.parts import Message, Transaction, fixed
from nocwatch.sim.physics import Reading
from nocwatch.sim.sampling import Value
from nocwatch.sim.wire import Payload

if TYPE_CHECKING:
    from nocwatch.sim.station import SimStation

_TO_201 = {"HardReset": "ImmediateReset", "SoftReset": "Reboot", "UnlockCommand": "Other"}


class Transactions201:
    """The half of ``Dialect201`` that knows transactions."""

    def __init__(self, station: SimStation) -> None:
        self._station = station

    def tx_start(self, tx: Transaction, trigger: str) -> list[Message]:
        if tx.id is None:
            tx.id = self._station.make_transaction_id()
        tx.charging_state = "EVConnected"
        reading = registers.at_ends(tx, tx.start, self._station.profile.quirks)
        values = self.energies(reading, "Transaction.Begin")
        started = self._event(tx, "Started", trigger, values=values)
        if tx.reservation is not None:
            started.build()["reservationId"] = tx.reservation
        return [started]

    def tx_authorised(self, tx: Transaction, trigger: str) -> list[Message]:
        return [self._event(tx, "Updated", trigger)]

    def tx_state(self, tx: Transaction, state: str, trigger: str = "ChargingStateChanged") -> list[Message]:
        tx.charging_state = state
        return [self._event(tx, "Updated", trigger)]

    def tx_meter(self, tx: Transaction, reading: Reading, context: str = "Sample.Periodic") -> list[Message]:
        reading = registers.as_sample(tx, reading, self._station.profile.quirks)
        if "values_without_id" in self._station.profile.quirks:
            moment = {"timestamp": self._station.clock.text(), "sampledValue": self.sampled(reading, context)}
            payload = {"evseId": tx.connector.socket.evse, "meterValue": [moment]}
            return [Message("MeterValues", fixed(payload), attempts_max=1)]
        trigger = "Trigger" if context == "Trigger" else "MeterValuePeriodic"
        return [self._event(tx, "Updated", trigger, values=self.sampled(reading, context))]

    def _triggered(self, tx: Transaction) -> list[Message]:
        reading = tx.connector.meter.reading(self._station.pace.now())
        return self.tx_meter(tx, registers.sampled(tx, reading), "Trigger")

    def tx_stop(self, tx: Transaction, reason: str, trigger: str, reading: Reading) -> list[Message]:
        reading = registers.at_ends(tx, reading, self._station.profile.quirks)
        tx.charging_state = "Idle" if reason in ("EVDisconnected", "Timeout") else "EVConnected"
        values = self.energies(reading, "Transaction.End")
        return [self._event(tx, "Ended", trigger, values=values, stopped_reason=_TO_201.get(reason, reason))]

    def _event(
        self,
        tx: Transaction,
        kind: str,
        trigger: str,
        *,
        values: list[Payload] | None = None,
        stopped_reason: str | None = None,
    ) -> Message:
        now = self._station.clock.text()
        info: Payload = {"transactionId": tx.id, "chargingState": tx.charging_state}
        if tx.remote_id is not None and kind == "Started":
            info["remoteStartId"] = tx.remote_id
        if stopped_reason:
            info["stoppedReason"] = stopped_reason
        payload: Payload = {
            "eventType": kind,
            "timestamp": now,
            "triggerReason": trigger,
            "seqNo": tx.sequence,
            "transactionInfo": info,
        }
        tx.sequence += 1
        if not self._station.online:
            payload["offline"] = True
        if not tx.told_evse:
            tx.told_evse = True
            payload["evse"] = {"id": tx.connector.socket.evse, "connectorId": tx.connector.socket.connector}
        asked = False
        if tx.authorised and not tx.told_token:
            tx.told_token = asked = True
            payload["idToken"] = {"idToken": tx.token, "type": tx.token_type}
            if tx.remote_id is not None:
                info["remoteStartId"] = tx.remote_id
        if values:
            payload["meterValue"] = [{"timestamp": now, "sampledValue": values}]

        def answered(answer: Payload | None) -> None:
            if asked:
                info = (answer or {}).get("idTokenInfo", {})
                self._station.tx_answered(tx, str(info.get("status", "Accepted")))

        return Message("TransactionEvent", lambda: payload, answered=answered)

    def sampled(self, reading: Reading, context: str) -> list[Payload]:
        """The measurands of one reading as 2.0.1 writes them: numbers with a unit."""
        return [_written(each) for each in sampling.values(reading, context, self._station.profile.quirks)]

    def energies(self, reading: Reading, context: str) -> list[Payload]:
        """The energy registers alone."""
        return [_written(each) for each in sampling.energies(reading, context, self._station.profile.quirks)]


def _written(value: Value) -> Payload:
    named = {
        "measurand": value.measurand,
        "phase": value.phase,
        "context": value.context,
        "location": value.location,
    }
    written: Payload = {"value": round(value.value, value.digits)}
    if value.unit:
        kilo = value.unit == sampling.KILO
        written["unitOfMeasure"] = {"unit": "Wh", "multiplier": 3} if kilo else {"unit": value.unit}
    return written | {key: text for key, text in named.items() if text}
