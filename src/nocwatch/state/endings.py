"""How transactions end: by a stop, a stop that comes late, twice or without a start, or by none at all.

What always holds: of several stops one counts, a lost stop is opened again by the one that comes after all, and none is discarded.
"""

from __future__ import annotations

from collections.abc import Iterable

from nocwatch.moments import SECOND_NS
from nocwatch.network import ConnectorStatus
from nocwatch.ocpp.events import EndAnswered, QueueReported, TransactionEnded
from nocwatch.sessions import Milestone
from nocwatch.state import joining, meter, mistaken
from nocwatch.state.facts import Ending
from nocwatch.state.lookup import (
    adopt,
    by_transaction,
    call_name,
    keep,
    of_transaction,
    put_right,
    same_moment,
    same_place,
)
from nocwatch.state.register import no_reading
from nocwatch.state.session import SessionState, issue, sequence, step
from nocwatch.state.statuses import release
from nocwatch.state.tracker import Tracker, usable

UNLIKE = -1
"""A stop whose register cannot follow the session's is another's."""
NO_START = "The start of the transaction was never seen."

# --- ended -------------------------------------------------------------------------------------------------------------


def on_ended(tracker: Tracker, event: TransactionEnded) -> None:
    if event.transaction is None and event.meter_wh is None:
        tracker.count("state_empty_stops")  # it names nothing and says nothing: it is no transaction's
        return
    session = _stopped_session(tracker, event)
    if session is None:
        session = adopt(
            tracker, event.transaction, event.evse, event.connector, event.at_ns, event.when_ns, event.frame
        )
        step(
            session,
            tracker.settings,
            event.when_ns,
            "stop_without_start",
            "A stop came, and no start was seen",
            (event.frame,),
        )
        issue(session, NO_START, event.when_ns, event.frame)
    joining.claim_loose(tracker, session, event.token, stop=True)
    mistaken.nobodys(tracker, session, event)
    sequence(session, event.sequence_number, offline=event.offline)
    keep(session.end_calls, call_name(event))
    if session.ending is Ending.STOP:
        _stopped_again(tracker, session, event)
        return
    because = "the stop came after all" if not session.open else ""
    if because:
        tracker.reopen(session, because)
    _stop(tracker, session, event, because)


def _stop(tracker: Tracker, session: SessionState, event: TransactionEnded, because: str) -> None:
    put_right(session, event)
    session.end_frames.append(event.frame)
    session.stop_frame, session.end_said_us = event.frame, event.said_us
    session.stop_heard_ns = event.at_ns
    session.stop_reason, session.stop_token, session.end_trigger = event.reason, event.token, event.trigger
    session.late = session.late or tracker.late
    session.evse = session.evse if session.evse is not None else event.evse
    session.connector = session.connector if session.connector is not None else event.connector
    meter_wh = meter.in_wh(session.meter, event.meter_wh)
    if meter_wh is not None and meter_wh != -1:
        session.meter_stop_wh = meter_wh
    # Where the station's clock was set back meanwhile, receive time is the best there is.
    when_ns = event.when_ns if event.when_ns >= session.started_at_ns else event.at_ns
    if why := meter.end(session.meter, meter_wh, when_ns, tracker.gate(session, event)):
        issue(
            session,
            f"The register at the stop ({meter_wh:.0f} Wh) does not count: {why}.",
            event.when_ns,
            event.frame,
        )
    text = f"Stopped: {event.reason or 'Local'}" + (f" ({event.trigger})" if event.trigger else "")
    tracker.close(session, Ending.STOP, when_ns, because)
    stopped_at_ns = session.stopped_at_ns
    assert stopped_at_ns is not None
    step(session, tracker.settings, stopped_at_ns, Milestone.STOPPED.value, text, (event.frame,))
    _after_stop(tracker, session, event, stopped_at_ns)


def _after_stop(tracker: Tracker, session: SessionState, event: TransactionEnded, stopped_at_ns: int) -> None:
    """The connector after a stop: free already, or waiting for the vehicle to leave."""
    connector = tracker.connector_of(session)
    if connector is None:
        return
    if event.trigger == "EVDeparted":
        release(tracker, session, stopped_at_ns, event.frame)
    elif connector.reported is ConnectorStatus.AVAILABLE:
        if not tracker.late or connector.reported_at_ns >= stopped_at_ns:
            release(tracker, session, max(stopped_at_ns, connector.reported_at_ns), event.frame)
    elif not tracker.late and not tracker.on_connector(connector):
        connector.unreleased = session.id
        connector.charging_state = "Idle" if session.version.startswith("2") else ""
        tracker.touch_connector(connector, stopped_at_ns)


def _stopped_again(tracker: Tracker, session: SessionState, event: TransactionEnded) -> None:
    """A retried stop changes nothing; one with another register may be the better one."""
    if event.frame in session.end_frames:
        return
    keep(session.end_frames, event.frame)
    meter_wh = meter.in_wh(session.meter, event.meter_wh)
    if meter_wh is None or meter_wh in (-1, session.meter_stop_wh):
        step(
            session, tracker.settings, event.at_ns, "stop_retried", "The stop was sent again", (event.frame,)
        )
        tracker.touch(session)
        return
    why = meter.end(session.meter, meter_wh, event.when_ns, tracker.gate(session, event))
    said = f"a second stop came with {meter_wh:.0f} Wh instead of {session.meter_stop_wh or 0:.0f} Wh"
    if not why and session.meter.stop_wh == meter_wh:
        session.meter_stop_wh = meter_wh
    issue(session, f"{said[0].upper()}{said[1:]}.", event.at_ns, event.frame)
    tracker.touch(session, said)


def _stopped_session(tracker: Tracker, event: TransactionEnded) -> SessionState | None:
    if event.transaction is None or not usable(event.transaction):
        return _guess(tracker, event, tracker.newest_first())
    known = of_transaction(tracker, event.transaction)
    if len(known) > 1 and (likely := _guess(tracker, event, known)) is not None:
        return likely  # a CSMS that gives one id again and again
    found = by_transaction(tracker, event.transaction, event.when_ns)
    if found is not None or isinstance(event.transaction, str):
        return found
    # The start's answer was not seen (the watch began later): of the provisional transactions the likeliest is the one.
    waiting = [
        (_likeness(tracker, each, event), each.started_at_ns, each.id)
        for each in tracker.under_way()
        if each.calls and each.transaction is None and not _is_before(event, each)
    ]
    likeness, _, session_id = max(waiting, default=(UNLIKE, 0, ""))
    if likeness <= 0:
        return None
    session = tracker.state.sessions[session_id]
    session.transaction = event.transaction
    return session


def _guess(
    tracker: Tracker, event: TransactionEnded, sessions: Iterable[SessionState]
) -> SessionState | None:
    """A stop whose id names none or several: of the sessions that may be meant, by its own words, the likeliest."""
    call = call_name(event)
    best: SessionState | None = None
    best_score = (0, 0)
    for session in sessions:
        if not session.began:
            continue
        if session.ending is Ending.STOP:
            again = session.end_said_us == event.said_us and session.meter_stop_wh in (event.meter_wh, None)
            if call in session.end_calls or (again and event.said_us is not None):
                return session
            continue
        if _is_before(event, session):
            continue
        score = _likeness(tracker, session, event)
        if (score, session.started_at_ns) > best_score:
            best, best_score = session, (score, session.started_at_ns)
    return best


def _is_before(event: TransactionEnded, session: SessionState) -> bool:
    """Whether the stop came before the session began: by the times, and by the station's clock as it stood where both have it."""
    if session.started_at_ns <= event.when_ns:
        return False
    return event.said_us is None or session.began_said_us is None or event.said_us < session.began_said_us


def _likeness(tracker: Tracker, session: SessionState, event: TransactionEnded) -> int:
    """How much speaks for it that the stop is this session's; nothing does where that is not more than 0."""
    if not _can_follow(tracker, session, event):
        return UNLIKE
    score = 1
    if session.transaction == event.transaction and event.transaction is not None:
        score += 8  # the CSMS did give that id
    elif session.start_answered_at_ns is None:
        score += 6  # -1 is what a station says that never got the answer
    if session.open:
        score += 2
    if event.token is not None and event.token == session.token:
        score += 3
    return score


def _can_follow(tracker: Tracker, session: SessionState, event: TransactionEnded) -> bool:
    """Whether the register at the stop can follow the session's; of no register anything can be."""
    book, gate = session.meter, tracker.gate(session, event)
    meter_wh = meter.in_wh(book, event.meter_wh)
    if meter_wh is None or no_reading(meter_wh):
        return True
    known = [] if book.start_wh is None else [(book.start_wh, book.start_at_ns)]
    last = meter.last_reading(book)
    known += [] if last is None else [last]
    return not known or any(gate.fits(wh, meter_wh, event.when_ns - at_ns) for wh, at_ns in known)


# --- no stop -----------------------------------------------------------------------------------------------------------


def supersede(tracker: Tracker, session: SessionState, frame: str) -> None:
    """A connector has one transaction: an older one that is still open has lost its stop."""
    there = [
        each
        for each in tracker.under_way()
        if each.began and each is not session and same_place(each, session)
    ]
    if not there:
        return
    for older in there:
        if older.started_at_ns <= session.started_at_ns and not same_moment(older, session):
            _lose(tracker, older, session.started_at_ns, "A new transaction began on the connector", frame)
    there = [each for each in there if each.open]
    for extra in there[: max(len(there) + 1 - tracker.settings.open_sessions_max, 0)]:
        tracker.count("state_sessions_closed_early")
        _lose(tracker, extra, tracker.now_ns, "Too many transactions are open on the connector", frame)


def _lose(tracker: Tracker, session: SessionState, at_ns: int, text: str, frame: str) -> None:
    connector = tracker.connector_of(session)
    if (
        connector is not None
        and connector.reported is ConnectorStatus.AVAILABLE
        and session.started_at_ns <= connector.reported_at_ns
    ):
        at_ns = min(at_ns, connector.reported_at_ns)
    step(session, tracker.settings, at_ns, "lost_stop", text, (frame,) if frame else ())
    tracker.close(session, Ending.LOST_STOP, at_ns)


def on_free(tracker: Tracker, session_id: str) -> None:
    """A connector has been Available for ten minutes, and its transaction is still open."""
    session = tracker.state.sessions.get(session_id)
    if session is None or not session.open or not tracker.state.links:
        return  # offline: the stop may be in the station's queue; the wait begins anew when it is back
    quiet_until_ns = session.last_heard_ns + int(tracker.settings.lost_stop_after * SECOND_NS)
    if quiet_until_ns > tracker.now_ns:
        tracker.wait("free", session_id, quiet_until_ns)
        return
    _lose(tracker, session, tracker.now_ns, "The connector is free, and no stop came", "")


def on_queue(tracker: Tracker, event: QueueReported) -> None:
    """2.x: the station was asked whether it still has messages, of one transaction or of any."""
    for session in tracker.under_way():
        if not session.began or event.transaction not in (None, session.transaction):
            continue
        if event.messages_in_queue:
            session.last_heard_ns = tracker.now_ns  # the stop may be among them: its ten minutes begin anew
        elif event.transaction is not None and event.ongoing is False:
            text = "The station says that the transaction is over, and has no more messages of it"
            _lose(tracker, session, tracker.now_ns, text, event.frame)


def on_end_answered(tracker: Tracker, event: EndAnswered) -> None:
    call = call_name(event)
    session = next((each for each in tracker.newest_first() if call in each.end_calls), None)
    if session is None or session.complete_at_ns is not None:
        return
    session.complete_at_ns = max(event.at_ns, session.stopped_at_ns or 0)
    tracker.touch(session)


def resumed(tracker: Tracker, session: SessionState, at_ns: int, frame: str) -> None:
    """The transaction goes on after a boot."""
    session.interrupted, session.resumed = False, True
    step(session, tracker.settings, at_ns, "resumed", "The transaction goes on after the boot", (frame,))
    tracker.touch(session)


def heard_after_end(tracker: Tracker, session: SessionState, when_ns: int) -> None:
    """A sign of a transaction that was given up: it goes on, unless it is old or another one is there now."""
    if tracker.late or session.ending not in (Ending.LOST_STOP, Ending.ABANDONED):
        return
    taken = any(each.began and same_place(each, session) for each in tracker.under_way())
    if when_ns > (session.stopped_at_ns or 0) and not taken:
        tracker.reopen(session, "the transaction was heard of again")
