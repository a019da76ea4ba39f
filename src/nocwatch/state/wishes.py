"""What vehicle, driver, payment and grid say beside the course of a transaction: needs, plans of the vehicle, priority, limits to end at.

Profiles are in ``profiles.py``, money in ``costs.py``. What always holds: what cannot be told which session it belongs to is counted and
changes nothing.
"""

from __future__ import annotations

import msgspec

from nocwatch.frames import Direction
from nocwatch.ocpp.events import (
    BatterySwapped,
    ChargingNeeds,
    ChargingPlanned,
    CommandAnswered,
    GridAlarmed,
    PriorityNoted,
    TransactionNoted,
)
from nocwatch.plans import EndsAt, Needs, Plan
from nocwatch.state import outlook
from nocwatch.state.limits import ACCEPTED, MOMENT_NS_MAX, chosen
from nocwatch.state.lookup import by_transaction
from nocwatch.state.session import SessionState, step
from nocwatch.state.tracker import Tracker

WORD_MAX = 40
"""Characters of a word from the wire that is kept."""


def on_needs(tracker: Tracker, event: ChargingNeeds) -> None:
    """NotifyEVChargingNeeds: it names an EVSE, and means the vehicle there."""
    session = _on_evse(tracker, event.evse)
    if session is None:
        tracker.count("state_needs_unplaced")
        return
    departure_ns = event.departure_at_ns
    needs = Needs(
        at_ns=event.when_ns,
        frame=event.frame,
        transfer=event.transfer[:WORD_MAX],
        departure_at_ns=departure_ns
        if departure_ns is not None and 0 <= departure_ns < MOMENT_NS_MAX
        else None,
        energy_wh=event.energy_wh,
        power_w_max=event.power_w_max,
        current_a_max=event.current_a_max,
        soc_percent=event.soc_percent,
        soc_percent_full=event.soc_percent_full,
        capacity_wh=event.capacity_wh,
    )
    if needs == (session.plan or Plan()).needs:
        return
    _change(tracker, session, needs=needs)
    asked = f" {event.energy_wh / 1000:.1f} kWh" if event.energy_wh is not None else ""
    step(
        session, tracker.settings, event.when_ns, "charging_needs", f"The vehicle asked for{asked} {event.transfer[:WORD_MAX]}".replace("  ", " "),
        (event.frame,),
    )  # fmt: skip


def on_planned(tracker: Tracker, event: ChargingPlanned) -> None:
    """NotifyEVChargingSchedule: what the vehicle made of what it was offered."""
    session = _on_evse(tracker, event.evse)
    if session is None:
        tracker.count("state_needs_unplaced")
        return
    base_ns = event.base_at_ns if event.base_at_ns is not None else event.at_ns
    if not 0 <= base_ns < MOMENT_NS_MAX:
        base_ns = event.at_ns
    plan = chosen(event.schedules, base_ns, event.frame)
    if plan == (session.plan or Plan()).vehicle:
        return
    _change(tracker, session, vehicle=plan)
    step(
        session,
        tracker.settings,
        event.at_ns,
        "vehicle_plan",
        "The vehicle chose its schedule",
        (event.frame,),
    )


def on_noted(tracker: Tracker, event: TransactionNoted) -> None:
    """What 2.1 says about a transaction; what it does not say again stays as it was."""
    session = _of(tracker, event.transaction)
    if session is None:
        return
    plan = session.plan or Plan()
    by = "csms" if event.by is Direction.FROM_CSMS else "station"
    ends_at = plan.ends_at
    if event.limit is not None:
        said = msgspec.structs.asdict(event.limit)
        ends_at = EndsAt(by=by, frame=event.frame, **said)
        if plan.ends_at is not None and all(getattr(plan.ends_at, name) == said[name] for name in said):
            ends_at = plan.ends_at  # repeated with every message
    _change(
        tracker,
        session,
        ends_at=ends_at,
        preconditioning=event.preconditioning[:WORD_MAX] or plan.preconditioning,
        operation_mode=event.operation_mode[:WORD_MAX] or plan.operation_mode,
        tariff=event.tariff[:WORD_MAX] or plan.tariff,
        evse_sleep=plan.evse_sleep if event.evse_sleep is None else event.evse_sleep,
    )


def on_priority(tracker: Tracker, event: PriorityNoted) -> None:
    """2.1: the driver asked at the station to charge without limits, or no longer."""
    session = _of(tracker, event.transaction)
    if session is not None:
        _prioritise(tracker, session, event.activated, event.at_ns, event.frame)


def on_priority_answered(tracker: Tracker, event: CommandAnswered) -> None:
    """2.1 UsePriorityCharging, where the station did it."""
    session = _of(tracker, event.transaction) if event.status == ACCEPTED else None
    if session is not None:
        _prioritise(tracker, session, event.text == "activate", event.at_ns, event.frame)


def on_grid_alarm(tracker: Tracker, event: GridAlarmed) -> None:
    """2.1 NotifyDERAlarm: of the station, and of the sessions that it came into."""
    fault = (event.fault or event.control)[:WORD_MAX]
    standing = "" if event.ended else fault
    if tracker.state.grid_alarm != standing:
        tracker.state.grid_alarm = standing
        tracker.touch_station()
    said = f"The grid is well again ({fault})" if event.ended else f"The grid is out of bounds: {fault}"
    for session in tracker.under_way():
        if session.began and all(event.frame not in each.frames for each in session.steps):
            step(session, tracker.settings, event.when_ns, "grid_alarm", said, (event.frame,))
            tracker.touch(session)


def on_swapped(tracker: Tracker, event: BatterySwapped) -> None:
    """2.1: batteries were put in, taken out, or left; a station that swaps has no sessions, so the count is the station's."""
    if event.frame != tracker.state.swap_frame:
        tracker.state.swap_frame = event.frame
        tracker.count("state_battery_swaps")


def _prioritise(tracker: Tracker, session: SessionState, activated: bool, at_ns: int, frame: str) -> None:
    plan = session.plan or Plan()
    if (plan.priority or False) is activated and plan.priority is not None:
        return
    _change(tracker, session, priority=activated)
    said = "Charging with priority" if activated else "Priority ended"
    step(session, tracker.settings, at_ns, "priority", said, (frame,))
    outlook.replan(tracker, session, at_ns)


def _change(tracker: Tracker, session: SessionState, **said: object) -> None:
    before = session.plan or Plan()
    after = msgspec.structs.replace(before, **said)
    if after != before:
        session.plan = after
        tracker.touch(session)


def _of(tracker: Tracker, transaction: int | str | None) -> SessionState | None:
    found = None if transaction is None else by_transaction(tracker, transaction)
    if found is None:
        tracker.count("state_notes_unplaced")
    return found


def _on_evse(tracker: Tracker, evse: int | None) -> SessionState | None:
    """2.x has one transaction an EVSE; before it begins, what waits there."""
    there = [each for each in tracker.under_way() if evse is not None and each.evse == evse]
    began = [each for each in there if each.began]
    return (began or there or [None])[-1]  # type: ignore[list-item]
