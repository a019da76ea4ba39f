"""Charging profiles of one station: asked for, taken, refused, cleared; and what they mean for sessions and connectors.

A profile counts from the moment at which the station accepted it until it is cleared or another takes its place; one that was made for
a transaction counts for that alone. What always holds: the past of a plan is never rewritten, a message that is read twice changes
nothing, and what is remembered is bounded (``profiles_max``; the oldest that is not in force gives way first).
"""

from __future__ import annotations

import msgspec

from nocwatch.ocpp.events import (
    CallRefused,
    CallUnanswered,
    CommandAnswered,
    Commanded,
    LimitMoved,
    LimitNoted,
)
from nocwatch.ocpp.planning import ChargingProfile, Choice, Period
from nocwatch.state.limits import (
    ACCEPTED,
    EXTERNAL,
    TRANSACTION,
    Installed,
    kept,
)
from nocwatch.state.lookup import by_transaction
from nocwatch.state.outlook import concerns, note, refresh
from nocwatch.state.session import step
from nocwatch.state.tracker import Tracker

WORD_MAX = 20
"""Characters of a word from the wire that is kept."""


# --- asked, answered, refused ------------------------------------------------------------------------------------------


def on_asked(tracker: Tracker, event: Commanded) -> None:
    """SetChargingProfile, or a remote start that brings a profile."""
    if event.profile is None or any(each.frame == event.frame for each in tracker.state.profiles):
        return
    profile, left_out = kept(event.profile)
    if left_out:
        tracker.count("state_profile_steps_dropped")
    _install(
        tracker,
        Installed(
            profile=profile,
            evse=event.evse,
            connector=event.connector,
            connection=event.connection,
            message_id=event.message_id,
            asked_at_ns=event.at_ns,
            frame=event.frame,
            session=_meant(tracker, event, profile),
        ),
    )


def on_answered(tracker: Tracker, event: CommandAnswered) -> None:
    """The station's word on a profile."""
    each = _waiting(tracker, event.connection, event.message_id)
    if each is None:
        return
    each.answer_frame = event.frame
    _settled(tracker, each, event.status[:WORD_MAX] or "no status", event.at_ns)


def on_refused(tracker: Tracker, event: CallRefused) -> None:
    """A CALLERROR to it."""
    for each in tracker.state.profiles:
        if each.frame == event.call_frame and not each.status:
            each.answer_frame = event.frame
            _settled(tracker, each, event.error_code[:WORD_MAX] or "error", event.at_ns)


def on_unanswered(tracker: Tracker, event: CallUnanswered) -> None:
    for each in tracker.state.profiles:
        if each.frame == event.frame and not each.status:
            _settled(tracker, each, "no answer", event.at_ns)


def on_cleared(tracker: Tracker, event: CommandAnswered) -> None:
    """ClearChargingProfile, where the station did it."""
    if event.status != ACCEPTED:
        return
    choice = event.clearing or Choice()
    gone = [
        each
        for each in tracker.state.profiles
        if each.in_force and each.by == "csms" and _chosen(each, choice, event.evse, event.connector)
    ]
    for each in gone:
        each.ended_at_ns = event.at_ns
    if gone:
        refresh(tracker, gone, event.at_ns)


def on_limit(tracker: Tracker, event: LimitNoted) -> None:
    """Somebody but the CSMS limits, or no longer."""
    source = event.source[:WORD_MAX] or "unknown"
    before = [
        each
        for each in tracker.state.profiles
        if each.in_force and each.by == source and (not event.evse or each.evse == event.evse)
    ]
    if any(each.frame == event.frame for each in before):
        return
    for each in before:
        each.ended_at_ns = event.at_ns
    touched = before
    if not event.cleared:
        profile, _ = kept(
            ChargingProfile(
                id=None, purpose=EXTERNAL, kind="Absolute", stack_level=None, schedules=event.schedules
            )
        )
        made = Installed(
            profile=profile,
            evse=event.evse,
            connection=event.connection,
            message_id="",
            asked_at_ns=event.at_ns,
            frame=event.frame,
            status=ACCEPTED,
            from_ns=event.at_ns,
            by=source,
        )
        _install(tracker, made)
        touched = [*before, made]
    if touched:
        refresh(tracker, touched, event.at_ns)


def on_moved(tracker: Tracker, event: LimitMoved) -> None:
    """2.1: a profile that is in force has another limit from now on."""
    for each in tracker.state.profiles:
        if (
            not each.in_force
            or each.profile.id != event.profile
            or event.profile is None
            or each.moved_frame == event.frame
        ):
            continue
        moved = tuple(
            msgspec.structs.replace(
                schedule,
                periods=(Period(0.0, event.limit, schedule.periods[0].phases if schedule.periods else None),),
            )
            for schedule in each.profile.schedules[:1]
        )
        each.profile = msgspec.structs.replace(each.profile, schedules=moved)
        each.moved_frame = event.frame
        refresh(tracker, [each], event.at_ns)


# --- pieces ------------------------------------------------------------------------------------------------------------


def _settled(tracker: Tracker, each: Installed, status: str, at_ns: int) -> None:
    each.status = status
    touched = [each]
    if status == ACCEPTED:
        each.from_ns = at_ns
        for other in tracker.state.profiles:
            if other is not each and other.in_force and _replaces(each, other):
                other.ended_at_ns = at_ns
                touched.append(other)
    for session in tracker.under_way():
        if concerns(each, session):
            # A profile that was refused concerns the session too: somebody wanted it otherwise.
            note(session, each)
            word = "accepted" if status == ACCEPTED else f"answered {status}"
            step(
                session,
                tracker.settings,
                at_ns,
                "charging_profile",
                f"{each.profile.purpose or 'Without a purpose'} {word}",
                each.frames,
            )
            tracker.touch(session)
    if status == ACCEPTED:
        refresh(tracker, touched, at_ns)


def _install(tracker: Tracker, each: Installed) -> None:
    known = tracker.state.profiles
    known.append(each)
    if len(known) > tracker.settings.profiles_max:
        alive = {session.id for session in tracker.under_way()}
        idle = [old for old in known[:-1] if not old.in_force or (old.session and old.session not in alive)]
        known.remove((idle or known)[0])
        if not idle:
            tracker.count("state_profiles_dropped")


def _waiting(tracker: Tracker, connection: int, message_id: str) -> Installed | None:
    """Of several calls under one id the newest: a CSMS may use an id again."""
    for each in reversed(tracker.state.profiles):
        if (each.connection, each.message_id) == (connection, message_id) and not each.status:
            return each
    return None


def _meant(tracker: Tracker, event: Commanded, profile: ChargingProfile) -> str:
    """Id of the session that a transaction's profile is for; empty where that is not known yet, or it is for all."""
    if profile.purpose != TRANSACTION:
        return ""
    if profile.transaction is not None:
        found = by_transaction(tracker, profile.transaction)
        return "" if found is None else found.id
    for session in reversed(tracker.under_way()):
        remote = session.remote
        if remote is not None and (remote.connection, remote.message_id) == (
            event.connection,
            event.message_id,
        ):
            return session.id
    there = [
        each
        for each in tracker.under_way()
        if each.began and (each.evse == event.evse if event.evse else each.connector == event.connector)
    ]
    return there[-1].id if there else ""


def _replaces(new: Installed, old: Installed) -> bool:
    """The same id, or the same purpose and level at the same place [OCPP 1.6 §5.16.3, 2.0.1 K01.FR.05]."""
    if old.by != new.by:
        return False
    if new.profile.id is not None and new.profile.id == old.profile.id:
        return True
    here = (new.profile.purpose, new.profile.stack_level or 0, new.session)
    place = (new.evse or 0, new.connector or 0)
    return here == (old.profile.purpose, old.profile.stack_level or 0, old.session) and place == (
        old.evse or 0,
        old.connector or 0,
    )


def _chosen(each: Installed, choice: Choice, evse: int | None, connector: int | None) -> bool:
    if choice.id is not None:
        return each.profile.id == choice.id
    if choice.purpose and each.profile.purpose != choice.purpose:
        return False
    if choice.stack_level is not None and (each.profile.stack_level or 0) != choice.stack_level:
        return False
    return (evse is None or (each.evse or 0) == evse) and (
        connector is None or (each.connector or 0) == connector
    )
