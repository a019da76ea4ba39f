"""How a simulated station speaks OCPP 2.1: as 2.0.1 does, and what 2.1 adds for sessions. No sockets, no waiting.

Its transactions outlive a reset that the CSMS orders with ImmediateAndResume: they are told of with trigger TxResumed afterwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nocwatch.sim.dialect201 import Dialect201
from nocwatch.sim.parts import Message, fixed
from nocwatch.sim.wire import Answer, Payload

if TYPE_CHECKING:
    from nocwatch.sim.station import SimStation


class Dialect21(Dialect201):
    """OCPP 2.1 edition 1."""

    version = "2.1"

    def __init__(self, station: SimStation) -> None:
        super().__init__(station)
        rejected = {"status": "Rejected"}
        self._handlers |= {
            "UsePriorityCharging": self._use_priority,
            "GetTariffs": lambda _: Answer(payload={"status": "NoTariff"}),
            "SetDefaultTariff": lambda _: Answer(payload=rejected),
            "RequestBatterySwap": lambda _: Answer(payload=rejected),
            "UpdateDynamicSchedule": lambda _: Answer(payload=rejected),
        }

    def _use_priority(self, payload: Payload) -> Answer:
        """A driver in a hurry: accepted for a transaction under way, and confirmed by NotifyPriorityCharging."""
        wanted = payload.get("transactionId")
        there = [c.transaction for c in self._station.connectors if c.transaction]
        tx = next((each for each in there if each.id == wanted), None)
        if tx is None:
            return Answer(payload={"status": "NoProfile"})
        activated = bool(payload.get("activate"))

        def answered(answer: Payload | None) -> None:
            tx.priority = activated if answer is not None else tx.priority

        told = {"transactionId": wanted, "activated": activated}
        message = Message("NotifyPriorityCharging", fixed(told), durable=False, answered=answered)
        return Answer(payload={"status": "Accepted"}, after=lambda: self._station.enqueue([message]))
