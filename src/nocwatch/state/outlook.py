"""What the charging profiles of a station mean for its sessions and connectors: limits over time, and notes of what concerned whom.

Which profiles stand is ``profiles.py``'s, which of them wins ``limits.py``'s. What always holds: the past of a plan is never rewritten.
"""

from __future__ import annotations

import msgspec

from nocwatch.plans import Plan, ProfileNote
from nocwatch.state.limits import HORIZON_NS, STEPS_MAX, TRANSACTION, Installed, Situation, joined, limits
from nocwatch.state.memory import ConnectorState
from nocwatch.state.session import SessionState
from nocwatch.state.tracker import Tracker

NOTES_MAX = 16
"""Profiles that a session tells of; a load manager sends one a minute, and the last ones matter."""
TIMER = "limits"
"""Kind of the timer that looks ahead again."""


def began(tracker: Tracker, session: SessionState) -> None:
    """A transaction begins under the profiles that stand."""
    if tracker.late or not tracker.state.profiles:
        return
    for each in tracker.state.profiles:
        if not each.session and each.profile.purpose == TRANSACTION:
            _claim(each, session)
        if each.in_force and concerns(each, session):
            note(session, each)
    _plan(tracker, session, session.started_at_ns)
    connector = tracker.connector_of(session)
    if connector is not None:
        tracker.touch_connector(connector)


def follow(tracker: Tracker, attempt: SessionState, session: SessionState) -> None:
    """An attempt turned out to be part of a transaction under way: what was planned for the one is the other's."""
    moved = [each for each in tracker.state.profiles if each.session == attempt.id]
    for each in moved:
        each.session = session.id
    if moved:
        refresh(tracker, moved, tracker.now_ns)


def refresh(tracker: Tracker, touched: list[Installed], at_ns: int) -> None:
    """After profiles came or went: sessions under way and connectors that they concern."""
    for session in tracker.under_way():
        for each in touched:
            if concerns(each, session):
                note(session, each)
                tracker.touch(session)
        if session.began and any(concerns(each, session) for each in touched):
            _plan(tracker, session, at_ns)
    for connector in tracker.state.connectors.values():
        if any(each.covers(connector.evse, connector.connector) for each in touched):
            _stand(tracker, connector, at_ns)
    _look_again(tracker)


def replan(tracker: Tracker, session: SessionState, at_ns: int) -> None:
    """Something else that limits rest on has changed: priority."""
    if tracker.state.profiles:
        _plan(tracker, session, at_ns)


def on_horizon(tracker: Tracker, _subject: str) -> None:
    """What was planned ahead is nearly used up: profiles that recur go on."""
    for session in tracker.under_way():
        if session.began and session.plan is not None:
            _plan(tracker, session, tracker.now_ns)
    for connector in tracker.state.connectors.values():
        if connector.standing:
            _stand(tracker, connector, tracker.now_ns)
    _look_again(tracker)


def _plan(tracker: Tracker, session: SessionState, at_ns: int) -> None:
    plan = session.plan or Plan()
    found = [each for each in tracker.state.profiles if each.in_force and concerns(each, session)]
    situation = Situation(session.started_at_ns, plan.priority is True)
    after = limits(found, situation, at_ns) if found else ()
    both = joined(plan.limits, after, at_ns)
    if both != plan.limits:
        session.plan = msgspec.structs.replace(plan, limits=both)
        tracker.touch(session)


def _stand(tracker: Tracker, connector: ConnectorState, at_ns: int) -> None:
    """What a connector may give while nobody charges there."""
    found = [
        each
        for each in tracker.state.profiles
        if each.in_force
        and not each.session
        and each.profile.purpose != TRANSACTION
        and each.covers(connector.evse, connector.connector)
    ]
    connector.standing = limits(found, Situation(), at_ns) if found else ()
    tracker.touch_connector(connector)


def _look_again(tracker: Tracker) -> None:
    goes_on = any(
        each.profile.kind == "Recurring"
        or any(len(schedule.periods) > STEPS_MAX // 2 for schedule in each.profile.schedules)
        for each in tracker.state.profiles
        if each.in_force
    )
    if goes_on:
        tracker.wait(TIMER, "", tracker.now_ns + HORIZON_NS // 2)


def concerns(each: Installed, session: SessionState) -> bool:
    """Whether a profile is meant for this session."""
    if each.profile.purpose == TRANSACTION:
        return bool(each.session) and each.session == session.id
    return each.covers(session.evse, session.connector)


def note(session: SessionState, each: Installed) -> None:
    """What a session tells of a profile: one note of each, as it stands now."""
    said = [
        period.limit
        for schedule in each.profile.schedules
        for period in schedule.periods
        if period.limit is not None
    ]
    told = ProfileNote(
        id=each.profile.id,
        purpose=each.profile.purpose,
        kind=each.profile.kind,
        stack_level=each.profile.stack_level,
        by=each.by,
        at_ns=each.asked_at_ns,
        status=each.status,
        least=min(said, default=None),
        most=max(said, default=None),
        unit=each.profile.schedules[0].unit[:1] if each.profile.schedules else "",
        frames=each.frames,
        ended_at_ns=each.ended_at_ns,
    )
    plan = session.plan or Plan()
    others = [other for other in plan.profiles if other.frames[:1] != told.frames[:1]]
    dropped = plan.dropped + max(len(others) + 1 - NOTES_MAX, 0)
    notes = sorted([*others, told], key=lambda each: each.at_ns)[-NOTES_MAX:]
    session.plan = msgspec.structs.replace(plan, profiles=tuple(notes), dropped=dropped)


def _claim(each: Installed, session: SessionState) -> None:
    """A profile whose transaction had not begun when it was asked for."""
    named = each.profile.transaction
    if named is not None and named in (session.transaction, *session.other_transactions):
        each.session = session.id
