"""OCPP 2.x: reservations, what vehicle and grid ask for, costs, and what 2.1 notes about a transaction [201, 21 part 2].

The course of a transaction is in ``v201``, the messages that 2.1 alone has are in ``v21``. Amounts of money become decimals
from the shortest text of the number that was sent, so that 0.1 stays 0.1.
"""

from __future__ import annotations

from decimal import Decimal

from nocwatch.frames import Direction
from nocwatch.ocpp import planning
from nocwatch.ocpp.events import (
    ChargingNeeds,
    ChargingPlanned,
    CostReported,
    LimitNoted,
    QueueReported,
    ReservationUpdated,
    TransactionNoted,
)
from nocwatch.ocpp.fields import Hearing, Payload
from nocwatch.ocpp.table import Events

_NOTED = frozenset({"costDetails", "preconditioningStatus", "evseSleep"})
_NOTED_INFO = frozenset({"operationMode", "tariffId", "transactionLimit"})


def transaction_notes(
    hearing: Hearing, payload: Payload, info: Payload, transaction: str | None, *, final: bool
) -> Events:
    """What a TransactionEvent of 2.1 has beyond that of 2.0.1: usually nothing."""
    events: Events = []
    if not _NOTED.isdisjoint(payload) or not _NOTED_INFO.isdisjoint(info):
        noted = TransactionNoted(
            transaction=transaction,
            by=Direction.FROM_STATION,
            preconditioning=hearing.text(payload, "preconditioningStatus"),
            evse_sleep=hearing.truth(payload, "evseSleep") if "evseSleep" in payload else None,
            operation_mode=hearing.text(info, "operationMode"),
            tariff=hearing.text(info, "tariffId"),
            limit=planning.transaction_limit(hearing, info),
            **hearing.timed(payload),
        )
        says = (noted.preconditioning, noted.operation_mode, noted.tariff, noted.limit)
        if noted.evse_sleep is not None or any(says):
            events.append(noted)
    if details := hearing.object(payload, "costDetails"):
        events.append(_cost_details(hearing, payload, details, transaction, final=final))
    return events


def answer_notes(hearing: Hearing, answer: Payload, transaction: str | None, *, final: bool) -> Events:
    """The CSMS's answer to a TransactionEvent: the cost so far (2.0.1 too), and limits (2.1)."""
    events: Events = []
    if answer.get("totalCost") is not None:
        cost = amount(hearing, answer, "totalCost")
        if cost is not None:
            events.append(
                CostReported(
                    transaction=transaction,
                    by=Direction.FROM_CSMS,
                    amount=cost,
                    final=final,
                    **hearing.stamp,
                )
            )
    if limit := planning.transaction_limit(hearing, answer):
        events.append(
            TransactionNoted(transaction=transaction, by=Direction.FROM_CSMS, limit=limit, **hearing.stamp)
        )
    return events


def cost_updated(hearing: Hearing, payload: Payload) -> Events:
    """CostUpdated: the running cost, for the station's display."""
    cost = amount(hearing, payload, "totalCost", required=True)
    transaction = hearing.optional_text(payload, "transactionId", required=True)
    if cost is None:
        return []
    return [
        CostReported(transaction=transaction, by=Direction.FROM_CSMS, amount=cost, **hearing.stamp),
    ]


def queue_reported(hearing: Hearing, call: Payload, answer: Payload) -> Events:
    """GetTransactionStatus was answered."""
    quiet = Hearing(hearing.stamp, hearing.message_id, hearing.version)
    return [
        QueueReported(
            transaction=quiet.optional_text(call, "transactionId"),
            messages_in_queue=hearing.truth(answer, "messagesInQueue"),
            ongoing=hearing.truth(answer, "ongoingIndicator") if "ongoingIndicator" in answer else None,
            **hearing.stamp,
        )
    ]


def reservation_updated(hearing: Hearing, payload: Payload) -> Events:
    return [
        ReservationUpdated(
            reservation=hearing.integer(payload, "reservationId", required=True),
            status=hearing.text(payload, "reservationUpdateStatus", required=True),
            **hearing.stamp,
        )
    ]


def needs(hearing: Hearing, payload: Payload) -> Events:
    """NotifyEVChargingNeeds: the AC, DC or bidirectional parameters, whichever the vehicle has."""
    said = hearing.object(payload, "chargingNeeds", required=True)
    ac = hearing.object(said, "acChargingParameters")
    dc = hearing.object(said, "dcChargingParameters")
    both = hearing.object(said, "v2xChargingParameters")

    def first(*places: tuple[Payload, str]) -> float | None:
        found = (hearing.number(place, field) for place, field in places if field in place)
        return next((number for number in found if number is not None), None)

    return [
        ChargingNeeds(
            evse=hearing.integer(payload, "evseId", required=True),
            transfer=hearing.text(said, "requestedEnergyTransfer", required=True),
            departure_at_ns=planning.moment(hearing, said, "departureTime"),
            energy_wh=first((ac, "energyAmount"), (dc, "energyAmount"), (both, "evTargetEnergyRequest")),
            current_a_min=first((ac, "evMinCurrent"), (both, "minChargeCurrent")),
            current_a_max=first((ac, "evMaxCurrent"), (dc, "evMaxCurrent"), (both, "maxChargeCurrent")),
            voltage_v_max=first((ac, "evMaxVoltage"), (dc, "evMaxVoltage"), (both, "maxVoltage")),
            power_w_max=first((dc, "evMaxPower"), (both, "maxChargePower")),
            soc_percent=first((dc, "stateOfCharge")),
            soc_percent_full=first((dc, "fullSoC"), (both, "targetSoC")),
            soc_percent_bulk=first((dc, "bulkSoC")),
            capacity_wh=first((dc, "evEnergyCapacity")),
            **hearing.timed(payload),
        )
    ]


def planned(hearing: Hearing, payload: Payload) -> Events:
    """NotifyEVChargingSchedule."""
    return [
        ChargingPlanned(
            evse=hearing.integer(payload, "evseId", required=True),
            schedules=planning.schedules(hearing, payload),
            base_at_ns=planning.moment(hearing, payload, "timeBase"),
            **hearing.stamp,
        )
    ]


def limit_noted(hearing: Hearing, payload: Payload) -> Events:
    """NotifyChargingLimit."""
    limit = hearing.object(payload, "chargingLimit", required=True)
    return [
        LimitNoted(
            evse=hearing.integer(payload, "evseId"),
            source=hearing.text(limit, "chargingLimitSource", required=True),
            grid_critical=hearing.truth(limit, "isGridCritical"),
            schedules=planning.schedules(hearing, payload) if "chargingSchedule" in payload else (),
            **hearing.stamp,
        )
    ]


def limit_cleared(hearing: Hearing, payload: Payload) -> Events:
    """ClearedChargingLimit."""
    return [
        LimitNoted(
            evse=hearing.integer(payload, "evseId"),
            source=hearing.text(payload, "chargingLimitSource", required=True),
            cleared=True,
            **hearing.stamp,
        )
    ]


def amount(hearing: Hearing, payload: Payload, field: str, required: bool = False) -> Decimal | None:
    """Money, as it was written."""
    number = hearing.number(payload, field, required=required)
    return None if number is None else Decimal(repr(number)).normalize() + 0


def _cost_details(
    hearing: Hearing, payload: Payload, details: Payload, transaction: str | None, *, final: bool
) -> CostReported:
    cost = hearing.object(details, "totalCost", required=True)
    total = hearing.object(cost, "total")
    usage = hearing.object(details, "totalUsage")
    failed = hearing.truth(details, "failureToCalculate")
    taxed = "inclTax" if total.get("inclTax") is not None else "exclTax"
    energy_kwh = hearing.number(usage, "energy")
    return CostReported(
        transaction=transaction,
        by=Direction.FROM_STATION,
        amount=None if failed else amount(hearing, total, taxed),
        currency=hearing.text(cost, "currency")[:3],
        final=final,
        energy_wh=None if energy_kwh is None else round(energy_kwh * 1000, 6),
        charging_s=hearing.number(usage, "chargingTime"),
        idle_s=hearing.number(usage, "idleTime"),
        failure=(hearing.text(details, "failureReason") or "not said") if failed else "",
        **hearing.timed(payload),
    )
