"""A transaction from its first energy to its end: phases, samples, whatever cuts in, the stop, and the truth of it.

What always holds: the truth is told once, when the stop was answered or given up (at once where the stop is lost), and says what really
happened and not what was planned.
"""

from __future__ import annotations

import dataclasses

import msgspec

from nocwatch.flags import Blame
from nocwatch.moments import SECOND_NS
from nocwatch.sessions import Outcome, Reason
from nocwatch.sim import registers, wishes
from nocwatch.sim.parts import Interrupt, Message
from nocwatch.sim.physics import Reading
from nocwatch.sim.stay import PATIENCE_S, Stay
from nocwatch.sim.truth import CONNECTIVITY, Course, Truth, verdict
from nocwatch.sim.wire import Payload

_FAULT_STOPS = {
    "GroundFailure": "GroundFault",
    "OverCurrentFailure": "OvercurrentFault",
    "UnderVoltage": "PowerQuality",
    "OverVoltage": "PowerQuality",
}


async def charge(stay: Stay) -> tuple[str, str]:
    """Plays the phases; the reason and the trigger of the stop."""
    assert stay.tx is not None
    if interrupt := await stay.connector.pause(stay.pace, 2.0):
        return _interrupted(stay, interrupt)
    stay.station.enqueue(wishes.needs(stay.station, stay.tx, stay.plan.vehicle))
    stay.next_sample_s = stay.pace.now() + (stay.station.meter_interval_s or float("inf"))
    for name, seconds in stay.plan.phases:
        _enter(stay, name)
        until_s = stay.pace.now() + seconds
        while stay.pace.now() < until_s:
            wait_s = min(until_s, stay.next_sample_s) - stay.pace.now()
            if interrupt := await stay.connector.pause(stay.pace, wait_s):
                return _interrupted(stay, interrupt)
            _enter(stay, "suspended_ev" if name == "charge" and stay.plan.vehicle.full else name)
            _sample_when_due(stay)
    return _planned_stop(stay)


def _enter(stay: Stay, name: str) -> None:
    """What flows now, and what is said of it. Once more where nothing changed changes nothing."""
    assert stay.tx is not None
    holder = _holder(stay, name)
    if stay.entered == (name, holder):
        return
    stay.entered = (name, holder)
    stay.withholds(holder)
    stay.connector.meter.switch(stay.pace.now(), on=holder is None)
    suspended = {Blame.VEHICLE: "SuspendedEV", Blame.CSMS: "SuspendedEVSE"}
    # A charger that does not close its contactor says that it charges.
    state = (
        "SuspendedEVSE"
        if name == "suspended_evse"
        else suspended.get(holder, "Charging")
        if holder
        else "Charging"
    )
    stay.status(state)
    if stay.tx.charging_state != state:
        stay.station.enqueue(stay.dialect.tx_state(stay.tx, state))


def _holder(stay: Stay, name: str) -> Blame | None:
    """Who keeps the energy back; None where it flows."""
    if name == "suspended_ev":
        return Blame.VEHICLE
    if name == "suspended_evse":
        return Blame.CHARGER
    if stay.connector.meter.limit_w <= 0:
        return Blame.CSMS
    return stay.plan.withholds if stay.plan.vehicle.power_w_max <= 0 else None


def _sample_when_due(stay: Stay) -> None:
    assert stay.tx is not None
    now_s = stay.pace.now()
    if now_s < stay.next_sample_s:
        return
    stay.next_sample_s += stay.station.meter_interval_s or float("inf")
    reading = registers.sampled(stay.tx, _reading(stay))
    stay.station.enqueue(stay.dialect.tx_meter(stay.tx, reading))


def _reading(stay: Stay) -> Reading:
    now_s, meter, plan = stay.pace.now(), stay.connector.meter, stay.plan
    assert stay.tx is not None
    if plan.rollback_wh and now_s - stay.started_s >= plan.rollback_after_s:
        meter.advance(now_s)
        if meter.roll_back(plan.rollback_wh):
            registers.turned_back(stay.tx)
        stay.plan = plan = dataclasses.replace(plan, rollback_wh=0.0)
    if plan.dip_after_s and now_s - stay.started_s >= plan.dip_after_s:
        meter.dip, stay.plan = True, dataclasses.replace(plan, dip_after_s=0.0)
    return meter.reading(now_s)


def _planned_stop(stay: Stay) -> tuple[str, str]:
    plan = stay.plan
    if plan.error_code:
        status = "Finishing" if plan.error_code == "EVCommunicationError" else "Faulted"
        stay.station.set_fault(stay.connector, plan.error_code, status=status)
        stay.connector.forget_interrupts()
        return _interrupted(stay, Interrupt("fault", plan.error_code))
    return {
        "Local": ("Local", "StopAuthorized"),
        "lost": ("Local", "StopAuthorized"),
        "EVDisconnected": ("EVDisconnected", "EVCommunicationLost"),
        "SOCLimitReached": ("SOCLimitReached", "ChargingStateChanged"),
        "EmergencyStop": ("EmergencyStop", "AbnormalCondition"),
        "PowerLoss": ("PowerLoss", "AbnormalCondition"),
    }.get(plan.stop, (plan.stop, "AbnormalCondition"))


def _interrupted(stay: Stay, interrupt: Interrupt) -> tuple[str, str]:
    assert stay.tx is not None
    match interrupt.kind:
        case "remote_stop":
            return "Remote", "RemoteStop"
        case "denied":
            return "DeAuthorized", "Deauthorized"
        case "fault":
            stay.tx.error_code = interrupt.detail
            reason = _FAULT_STOPS.get(interrupt.detail, "Other") if stay.dialect.version != "1.6" else "Other"
            return reason, "AbnormalCondition"
        case "unlock":
            return "UnlockCommand", "UnlockCommand"
        case "ordered_reset":
            stay.tx.ordered = True
            return interrupt.detail or "Other", "ResetCommand"
        case "socket_lost":
            stay.tx.error_code = CONNECTIVITY
            return "Other", "AbnormalCondition"
        case _:
            return interrupt.detail or "Other", "ResetCommand"


async def stop(stay: Stay, reason: str, trigger: str) -> None:
    tx, station, meter = stay.tx, stay.station, stay.connector.meter
    assert tx is not None
    meter.switch(stay.pace.now(), on=False)
    reading = meter.reading(stay.pace.now())
    if stay.plan.early_stop:
        station.enqueue(stay.dialect.tx_stop(tx, reason, trigger, tx.last))
    registers.ended(tx, None if stay.plan.minus_one else reading, station.profile.quirks)
    if stay.plan.minus_one:
        reading = dataclasses.replace(reading, register_wh=-1.0, power_w=0.0, phases_wh=(-1.0, -1.0, -1.0))
    tx.ended, tx.late = True, tx.late or not station.online
    messages = stay.dialect.tx_stop(tx, reason, trigger, reading)
    lost_by = None if tx.offline_from_start or station.uplink.connected else station.uplink.ended_by
    truth = _truth(stay, reason, reading, lost_by)

    def told(answer: Payload | None) -> None:
        # Answered or given up: the session is over either way.
        over = msgspec.structs.replace(truth, transaction=tx.id, cost=(answer or {}).get("totalCost"))
        if not wishes.has_terminal(station):
            station.tell(over)
            return
        amount = round(truth.energy_wh / 1000 * wishes.PRICE_PER_KWH, 2) if over.cost is None else over.cost
        pay = lambda settled: station.tell(msgspec.structs.replace(over, settled=settled))  # noqa: E731 - a name would say no more
        station.enqueue(wishes.settlement(station, tx, amount, pay))

    messages[-1].answered = told
    if "retries_stop_for_ever" in station.profile.quirks:
        messages[-1].attempts_max = None
    station.enqueue(messages)
    if stay.plan.late_stop:
        station.enqueue(stay.dialect.tx_stop(tx, reason, trigger, tx.start))
    for _ in range(stay.plan.stop_copies - 1):
        station.enqueue([Message(messages[-1].action, messages[-1].build)])
    if stay.plan.late_values:
        station.enqueue(stay.dialect.tx_meter(tx, reading, "Transaction.End"))
    stay.connector.transaction = None


def _truth(stay: Stay, reason: str, reading: Reading, lost_by: Blame | None = None) -> Truth:
    tx, now_ns = stay.tx, stay.station.clock.now_ns()
    assert tx is not None
    register_wh, quirks = stay.connector.meter.register_wh, stay.station.profile.quirks
    energy_wh = register_wh - tx.real_start_wh
    # A verdict goes by what the meter shows, and that is whole watt-hours.
    metered_wh = round(register_wh) - round(tx.real_start_wh) - tx.hidden_wh
    if stay.authorised_after_s > PATIENCE_S:
        tx.denied = tx.denied or Reason.AUTH_TIMEOUT
    # What a meter hides is the charger's doing.
    withheld_by = stay.withheld_by or (Blame.CHARGER if tx.hidden_wh else None)
    outcome, why, blame = verdict(
        metered_wh,
        (now_ns - max(tx.started_at_ns, stay.asked_at_ns)) / SECOND_NS,
        reason,
        Course(tx.error_code, tx.refused, tx.denied, tx.ordered, withheld_by, lost_by),
    )
    return Truth(
        station=stay.station.identity,
        evse=stay.connector.socket.evse if stay.dialect.version != "1.6" else None,
        connector=stay.connector.socket.number
        if stay.dialect.version == "1.6"
        else stay.connector.socket.connector,
        transaction=tx.id,
        outcome=outcome,
        reason=why,
        blame=blame,
        energy_wh=energy_wh,
        hidden_wh=tx.hidden_wh,
        meter_start_wh=registers.at_ends(tx, tx.start, quirks).register_wh,
        meter_stop_wh=registers.at_ends(tx, reading, quirks).register_wh,
        stop_reason=reason,
        token=tx.token,
        start_source=tx.source,
        started_at_ns=tx.started_at_ns,
        stopped_at_ns=now_ns,
        late=tx.late,
        needs_wh=tx.needs_wh,
        priority=tx.priority,
        cause=stay.plan.cause,
    )


def lose_the_stop(stay: Stay) -> None:
    """The station forgets the transaction: the connector is free, and nothing was said."""
    tx = stay.tx
    assert tx is not None
    stay.connector.meter.switch(stay.pace.now(), on=False)
    registers.ended(tx, None, stay.station.profile.quirks)
    truth = _truth(stay, "Local", stay.connector.meter.reading(stay.pace.now()))
    lost = {
        "outcome": Outcome.FAILED,
        "reason": Reason.LOST_STOP,
        "blame": Blame.CHARGER,
        "meter_stop_wh": None,
        "stop_reason": None,
    }
    stay.station.tell(msgspec.structs.replace(truth, **lost))
    stay.connector.transaction = None
