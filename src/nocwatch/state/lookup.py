"""Which session a transaction id, a call or a place means; and a session for a transaction whose start was not seen."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from nocwatch.moments import SECOND_NS
from nocwatch.ocpp.events import EndAnswered, TransactionAnswered, TransactionBegan, TransactionEnded
from nocwatch.sessions import Milestone
from nocwatch.state.patience import make_room_for_transaction
from nocwatch.state.session import ACTS_MAX, SessionState, step
from nocwatch.state.tracker import Tracker, usable

NEAR_NS = 60 * SECOND_NS
ZONE_NS_MAX = 14 * 3600 * SECOND_NS
"""A clock is wrong by more than a minute and no more than a zone can be; any other difference is not of its making."""


def adopt(
    tracker: Tracker,
    transaction: int | str | None,
    evse: int | None,
    connector: int | None,
    at_ns: int,
    when_ns: int,
    frame: str,
) -> SessionState:
    """A transaction of which the start was not seen: the watch began later, or the station never sent it."""
    make_room_for_transaction(tracker, frame)
    session = tracker.new_session(at_ns, "adopted", transaction if transaction is not None else frame, frame)
    session.began = True
    session.transaction = transaction if transaction != -1 else None
    session.evse, session.connector = evse, connector
    session.started_at_ns = min(when_ns, at_ns)
    session.late = tracker.late
    step(
        session,
        tracker.settings,
        session.started_at_ns,
        Milestone.CREATED.value,
        "Under way when it was first seen",
        (frame,),
    )
    step(session, tracker.settings, session.started_at_ns, Milestone.STARTING.value)
    tracker.touch(session)
    return session


def by_transaction(
    tracker: Tracker, transaction: int | str, when_ns: int | None = None
) -> SessionState | None:
    """The session of that id: of several (a CSMS that begins anew) the one under way, then the newest that fits the time."""
    known = of_transaction(tracker, transaction)
    if not known:
        return None
    under_way = [each for each in known if each.open]
    if under_way:
        return under_way[0]
    fitting = [each for each in known if when_ns is None or each.started_at_ns <= when_ns + 60 * SECOND_NS]
    return (fitting or known)[0]


def of_transaction(tracker: Tracker, transaction: int | str) -> list[SessionState]:
    """All of that id, the newest first; several where the CSMS gives one id again and again."""
    return [
        each
        for each in tracker.newest_first()
        if each.transaction == transaction or transaction in each.other_transactions
    ]


def same_place(one: SessionState, other: SessionState) -> bool:
    if one.evse is not None or other.evse is not None:
        return one.evse == other.evse  # 2.x: one transaction an EVSE
    return one.connector is not None and one.connector == other.connector


def same_moment(one: SessionState, other: SessionState) -> bool:
    return one.transaction is not None and one.transaction == other.transaction and usable(one.transaction)


def put_right(session: SessionState, event: TransactionBegan | TransactionEnded) -> None:
    """By how much the clock is wrong became certain between start and stop: what was said before is put right too."""
    if not event.clock_shift_s:
        return
    if session.start_seen and (began_ns := _right(session.began_said_us, session.started_at_ns, event)):
        session.steps = [
            msgspec.structs.replace(each, at_ns=began_ns) if each.at_ns == session.started_at_ns else each
            for each in session.steps
        ]
        session.started_at_ns = session.meter.start_at_ns = began_ns
    if session.stopped_at_ns is not None and (
        ended_ns := _right(session.end_said_us, session.stopped_at_ns, event)
    ):
        session.stopped_at_ns = session.meter.stop_at_ns = ended_ns


def _right(said_us: int | None, known_ns: int, event: TransactionBegan | TransactionEnded) -> int | None:
    """The moment by what is known now; None where that is no news, or no matter of a zone."""
    if said_us is None:
        return None
    at_ns = said_us * 1000 - event.clock_shift_s * SECOND_NS
    return at_ns if NEAR_NS < abs(at_ns - known_ns) <= ZONE_NS_MAX else None


def call_name(event: TransactionBegan | TransactionAnswered | TransactionEnded | EndAnswered) -> str:
    return f"{event.connection}/{event.message_id}"


def keep(kept: list[str] | list[int | str], value: str | int) -> None:
    if value not in kept:
        kept.append(value)  # type: ignore[arg-type]
        del kept[:-ACTS_MAX]


def sessions_on(
    sessions: Iterable[SessionState], evse: int | None, connector: int | None
) -> list[SessionState]:
    """Those of an EVSE or connector."""
    return [
        each
        for each in sessions
        if each.evse == evse and (connector is None or each.connector in (None, connector))
    ]
