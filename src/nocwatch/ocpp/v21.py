"""OCPP 2.1 [21 part 2]: the messages that 2.0.1 does not have; all others mean what ``v201`` says.

What has no reader here is named and counted: tariffs, grid control (DER) and periodic event streams change nothing about a
session or a fault that another message does not say. VatNumberValidation and addresses name a customer: nothing is read of them.
"""

from __future__ import annotations

from typing import Any

from nocwatch.ocpp import planning
from nocwatch.ocpp.events import (
    BatterySwapped,
    Command,
    GridAlarmed,
    LimitMoved,
    PriorityNoted,
    Settled,
    WebPaymentStarted,
)
from nocwatch.ocpp.fields import Hearing, Payload
from nocwatch.ocpp.table import Events, command_answers, command_calls
from nocwatch.ocpp.v201 import ACTIONS as ACTIONS_201
from nocwatch.ocpp.v201 import TABLE as TABLE_201
from nocwatch.ocpp.v201_commands import token_of
from nocwatch.ocpp.v201_plans import amount

BATTERIES_MAX = 16
"""Of one swap: a scooter takes two, a lorry some."""

ACTIONS = ACTIONS_201 | frozenset({
    "AFRRSignal", "AdjustPeriodicEventStream", "BatterySwap", "ChangeTransactionTariff", "ClearDERControl", "ClearTariffs",
    "ClosePeriodicEventStream", "GetCertificateChainStatus", "GetDERControl", "GetPeriodicEventStream", "GetTariffs",
    "NotifyAllowedEnergyTransfer", "NotifyDERAlarm", "NotifyDERStartStop", "NotifyPeriodicEventStream", "NotifyPriorityCharging",
    "NotifySettlement", "NotifyWebPaymentStarted", "OpenPeriodicEventStream", "PullDynamicScheduleUpdate", "ReportDERControl",
    "RequestBatterySwap", "SetDERControl", "SetDefaultTariff", "UpdateDynamicSchedule", "UsePriorityCharging", "VatNumberValidation",
})  # fmt: skip


def _settled(hearing: Hearing, payload: Payload) -> Events:
    return [
        Settled(
            transaction=hearing.optional_text(payload, "transactionId"),
            status=hearing.text(payload, "status", required=True),
            amount=amount(hearing, payload, "settlementAmount", required=True),
            reference=hearing.text(payload, "pspRef", required=True),
            text=hearing.text(payload, "statusInfo"),
            **hearing.timed(payload, "settlementTime"),
        )
    ]


def _web_payment(hearing: Hearing, payload: Payload) -> Events:
    evse = hearing.integer(payload, "evseId", required=True)
    patience_s = hearing.number(payload, "timeout", required=True)
    return [WebPaymentStarted(evse=evse, patience_s=patience_s, **hearing.stamp)]


def _priority(hearing: Hearing, payload: Payload) -> Events:
    transaction = hearing.optional_text(payload, "transactionId", required=True)
    activated = hearing.truth(payload, "activated")
    return [PriorityNoted(transaction=transaction, activated=activated, **hearing.stamp)]


def _grid_alarm(hearing: Hearing, payload: Payload) -> Events:
    return [
        GridAlarmed(
            control=hearing.text(payload, "controlType", required=True),
            fault=hearing.text(payload, "gridEventFault"),
            ended=hearing.truth(payload, "alarmEnded"),
            info=hearing.text(payload, "extraInfo"),
            **hearing.timed(payload),
        )
    ]


def _swapped(hearing: Hearing, payload: Payload) -> Events:
    token, token_type = token_of(hearing, payload, required=True)
    return [
        BatterySwapped(
            kind=hearing.text(payload, "eventType", required=True),
            request=hearing.integer(payload, "requestId", required=True),
            token=token,
            token_type=token_type,
            batteries=tuple(
                planning.Battery(
                    slot=hearing.integer(each, "evseId", required=True),
                    soc_percent=hearing.number(each, "soC"),
                    soh_percent=hearing.number(each, "soH"),
                    serial=hearing.text(each, "serialNumber"),
                )
                for each in hearing.objects(payload, "batteryData", required=True)[:BATTERIES_MAX]
            ),
            **hearing.stamp,
        )
    ]


def _moved(hearing: Hearing, call: Payload, answer: Payload) -> Events:
    """UpdateDynamicSchedule, or PullDynamicScheduleUpdate: the one has the limit in its call, the other in its answer."""
    quiet = Hearing(hearing.stamp, hearing.message_id, hearing.version)
    if hearing.text(answer, "status", required=True) != "Accepted":
        return []
    update = quiet.object(call, "scheduleUpdate") or hearing.object(answer, "scheduleUpdate")
    if "limit" not in update:
        return []  # a setpoint, or an offer to discharge: no limit
    profile = quiet.integer(call, "chargingProfileId")
    return [LimitMoved(profile=profile, limit=quiet.number(update, "limit"), **hearing.stamp)]


def _use_priority(hearing: Hearing, payload: Payload) -> dict[str, Any]:
    activate = hearing.truth(payload, "activate")
    return {
        "transaction": hearing.optional_text(payload, "transactionId", required=True),
        "text": "activate" if activate else "deactivate",
    }


def _request_swap(hearing: Hearing, payload: Payload) -> dict[str, Any]:
    return {
        "token": token_of(hearing, payload, required=True)[0],
        "remote_start_id": hearing.integer(payload, "requestId", required=True),
    }


_COMMANDS = {
    "UsePriorityCharging": (Command.PRIORITY, _use_priority),
    "RequestBatterySwap": (Command.SWAP_BATTERY, _request_swap),
}

TABLE = TABLE_201._replace(
    name="2.1",
    actions=ACTIONS,
    calls={
        **TABLE_201.calls,
        "NotifySettlement": _settled,
        "NotifyWebPaymentStarted": _web_payment,
        "NotifyPriorityCharging": _priority,
        "NotifyDERAlarm": _grid_alarm,
        "BatterySwap": _swapped,
        **command_calls(_COMMANDS),
    },
    answers={
        **TABLE_201.answers,
        "UpdateDynamicSchedule": _moved,
        "PullDynamicScheduleUpdate": _moved,
        **command_answers(_COMMANDS),
    },
    csms_actions=TABLE_201.csms_actions | _COMMANDS.keys() | {"UpdateDynamicSchedule"},
)
