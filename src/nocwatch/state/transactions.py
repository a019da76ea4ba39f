"""Transactions of 1.6 and 2.x: begun, answered, updated, ended, and what stations make of that.

In 1.6 a StartTransaction opens a provisional transaction under its message id; the answer brings the id. In 2.x the station
names it. What always holds: one transaction is one session, whatever is retried, replayed, reordered or lost; none is discarded.
"""

from __future__ import annotations

from collections.abc import Iterable

from nocwatch.clock import SECOND_NS
from nocwatch.network import ConnectorStatus
from nocwatch.ocpp.events import (
    CallRefused,
    EndAnswered,
    TransactionAnswered,
    TransactionBegan,
    TransactionEnded,
    TransactionUpdated,
)
from nocwatch.sessions import Milestone
from nocwatch.state import attempts, meter
from nocwatch.state.register import no_reading
from nocwatch.state.session import ACTS_MAX, SessionState, issue, near, sequence, step, token_of, unstep
from nocwatch.state.statuses import charging_state, release
from nocwatch.state.tracker import Tracker, usable
from nocwatch.state.verdict import CsmsError, Ending

NO_START = "The start of the transaction was never seen"
RETRY_WITHIN_S = 300.0
"""A start without a usable time stamp that is sent again unanswered is a retry for so long."""


# --- begun -------------------------------------------------------------------------------------------------------------


def on_began(tracker: Tracker, event: TransactionBegan) -> None:
    known = _known_start(tracker, event)
    if known is not None and known.start_seen:
        _retried(tracker, known, event)
        return
    session = known or attempts.take_over(tracker, event)
    if session is None:
        name = event.transaction if event.transaction is not None else event.message_id
        session = tracker.new_session(event.at_ns, "start", name, event.frame)
    _begin(tracker, session, event)
    _supersede(tracker, session, event.frame)


def _begin(tracker: Tracker, session: SessionState, event: TransactionBegan) -> None:
    session.began = session.start_seen = True
    session.started_at_ns, session.began_event_at_ns = event.when_ns, event.event_at_ns
    if session.stopped_at_ns is not None:
        # The start came after the stop: queues overtake each other.
        session.started_at_ns = min(session.started_at_ns, session.stopped_at_ns)
        session.issues = [each for each in session.issues if each.text != NO_START]
        unstep(session, "stop_without_start")
    session.late = session.late or tracker.late
    session.last_heard_ns = tracker.now_ns
    session.calls.append(_call(event))
    session.begin_frames.append(event.frame)
    if event.transaction is not None:
        session.transaction = event.transaction
    session.evse = event.evse if event.evse is not None else session.evse
    session.connector = event.connector if event.connector is not None else session.connector
    session.begin_trigger = event.trigger
    session.remote_start_id = event.remote_start_id
    session.token = None if session.remote is None and not session.authorizations else session.token
    token_of(session, event.token, event.token_type)
    if session.token is None:
        session.token = event.token
    attempts.claim_loose(tracker, session, event.token)
    session.meter.untimed = session.meter.untimed or event.implausible_time
    meter.begin(session.meter, event.meter_wh, event.when_ns)
    sequence(session, event.sequence_number, offline=event.offline)
    connector = None if tracker.late else tracker.connector_of(session)
    if connector is not None and connector.taken_at_ns is not None and connector.taken_at_ns <= event.when_ns:
        step(
            session,
            tracker.settings,
            min(connector.taken_at_ns, session.created_at_ns),
            Milestone.CREATED.value,
            "The connector was taken",
        )
        session.plugged = True
    step(session, tracker.settings, min(session.created_at_ns, event.when_ns), Milestone.CREATED.value)
    text = (
        "StartTransaction"
        if event.transaction is None
        else f"Transaction {event.transaction} started ({event.trigger})"
    )
    if event.transaction is None or event.trigger in ("Authorized", "RemoteStart"):
        step(session, tracker.settings, event.when_ns, Milestone.STARTING.value, text, (event.frame,))
    step(session, tracker.settings, event.when_ns, "started", text, (event.frame,))
    charging_state(tracker, session, event.charging_state, event.when_ns, event.frame)
    tracker.touch(session, "the start came late")


def _known_start(tracker: Tracker, event: TransactionBegan) -> SessionState | None:
    """The session of the same start, sent before; or in 2.x of the same transaction, whatever was seen of it."""
    if event.transaction is not None:
        return _by_transaction(tracker, event.transaction)
    for session in tracker.newest_first():
        if (
            not session.start_seen
            or session.connector != event.connector
            or (session.token or "") != (event.token or "")
        ):
            continue
        meter_wh = None if event.meter_wh is None or no_reading(event.meter_wh) else event.meter_wh
        if session.meter.start_wh != meter_wh or session.began_event_at_ns != event.event_at_ns:
            continue
        if event.event_at_ns is not None or _call(event) in session.calls:
            return session
        if session.start_answered_at_ns is None and near(session.started_at_ns, event.at_ns, RETRY_WITHIN_S):
            return session
    return None


def _retried(tracker: Tracker, session: SessionState, event: TransactionBegan) -> None:
    sequence(session, event.sequence_number, offline=event.offline)
    if event.frame in session.begin_frames:
        return
    _keep(session.calls, _call(event))
    _keep(session.begin_frames, event.frame)
    step(session, tracker.settings, event.at_ns, "start_retried", "The start was sent again", (event.frame,))
    tracker.touch(session)


def _supersede(tracker: Tracker, session: SessionState, frame: str) -> None:
    """A connector has one transaction: an older one that is still open has lost its stop."""
    there = [
        each
        for each in tracker.under_way()
        if each.began and each is not session and _same_place(each, session)
    ]
    if not there:
        return
    for older in there:
        if older.started_at_ns <= session.started_at_ns and not _same_moment(older, session):
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


# --- answered ----------------------------------------------------------------------------------------------------------


def on_answered(tracker: Tracker, event: TransactionAnswered) -> None:
    call = _call(event)
    session = next((each for each in tracker.newest_first() if call in each.calls), None)
    if session is None and isinstance(event.transaction, str):
        session = _by_transaction(tracker, event.transaction)
    if session is None:
        return
    if event.transaction is not None and event.transaction != session.transaction:
        if session.transaction is not None:
            _keep(session.other_transactions, session.transaction)
        session.transaction = event.transaction
    if session.start_answered_at_ns is None:
        session.start_answered_at_ns, session.start_answer_frame = event.at_ns, event.frame
    if event.status:
        session.start_status, session.start_answer_frame = event.status, event.frame
        name = "accepted" if event.status == "Accepted" else "refused"
        named = f" as {event.transaction}" if isinstance(event.transaction, int) else ""
        step(
            session,
            tracker.settings,
            event.at_ns,
            name,
            f"The start was answered {event.status}{named}",
            (event.frame,),
        )
    tracker.touch(session, "the answer to the start came late")


def on_end_answered(tracker: Tracker, event: EndAnswered) -> None:
    call = _call(event)
    session = next((each for each in tracker.newest_first() if call in each.end_calls), None)
    if session is None or session.complete_at_ns is not None:
        return
    session.complete_at_ns = max(event.at_ns, session.stopped_at_ns or 0)
    tracker.touch(session)


def on_refused(tracker: Tracker, event: CallRefused) -> None:
    """The CSMS answered a start, an update or a stop with an error."""
    if event.action in ("StartTransaction", "StopTransaction", "TransactionEvent", "MeterValues"):
        for session in tracker.newest_first():
            begin = event.call_frame in session.begin_frames
            if begin or event.call_frame in session.end_frames:
                _csms_error(tracker, session, "the start" if begin else "end", event)
                return
        return
    attempts.on_refused(tracker, event)


def _csms_error(tracker: Tracker, session: SessionState, action: str, event: CallRefused) -> None:
    if len(session.csms_errors) >= ACTS_MAX or any(
        each.action == action and each.code == event.error_code for each in session.csms_errors
    ):
        return  # a station that retries its stop for ever gives one issue
    session.csms_errors.append(
        CsmsError(
            action=action,
            code=event.error_code,
            description=event.description[:80],
            at_ns=event.at_ns,
            frame=event.frame,
        )
    )
    said = "stop" if action == "end" else "start"
    step(
        session,
        tracker.settings,
        event.at_ns,
        "csms_error",
        f"The {said} was answered {event.error_code}",
        (event.frame,),
    )
    tracker.touch(session, f"the CSMS answered the {said} with {event.error_code}")


# --- updated -----------------------------------------------------------------------------------------------------------


def on_updated(tracker: Tracker, event: TransactionUpdated) -> None:
    session = _by_transaction(tracker, event.transaction)
    if session is None:
        session = adopt(
            tracker, event.transaction, event.evse, event.connector, event.at_ns, event.when_ns, event.frame
        )
    sequence(session, event.sequence_number, offline=event.offline)
    session.last_heard_ns = tracker.now_ns
    if session.evse is None or (session.connector is None and event.connector is not None):
        session.evse = event.evse if event.evse is not None else session.evse
        session.connector = event.connector if event.connector is not None else session.connector
        tracker.touch(session)
    if event.token is not None and session.token is None:
        attempts.absorb(tracker, session, event.token, event.remote_start_id)
        token_of(session, event.token, event.token_type)
        tracker.touch(session)
    if event.remote_start_id is not None and session.remote_start_id is None:
        session.remote_start_id = event.remote_start_id
        if session.remote is None:
            attempts.absorb(tracker, session, None, event.remote_start_id)
        tracker.touch(session)
    if not session.open:
        _heard_after_end(tracker, session, event.when_ns)
    if session.open:
        _triggered(tracker, session, event)
        charging_state(tracker, session, event.charging_state, event.when_ns, event.frame)


_TRIGGERS = {
    "Authorized": ("starting", "Authorised"),
    "RemoteStart": ("starting", "Started by the CSMS"),
    "StopAuthorized": ("stopping", "Stop authorised"),
    "RemoteStop": ("stopping", "Stopped by the CSMS"),
    "Deauthorized": ("deauthorised", "The authorisation was withdrawn"),
    "AbnormalCondition": ("abnormal_condition", "The station reports an abnormal condition"),
    "EVCommunicationLost": ("ev_communication_lost", "The communication with the vehicle was lost"),
    "EVDetected": ("ev_detected", "A vehicle was detected"),
    "CablePluggedIn": ("ev_connected", "The cable was plugged in"),
    "UnlockCommand": ("unlock", "Unlocked by the CSMS"),
    "ResetCommand": ("reset", "Reset by the CSMS"),
    "TxResumed": ("resumed", "The transaction goes on after a restart"),
}


def _triggered(tracker: Tracker, session: SessionState, event: TransactionUpdated) -> None:
    if (known := _TRIGGERS.get(event.trigger)) is not None:
        step(session, tracker.settings, event.when_ns, known[0], known[1], (event.frame,))
        tracker.touch(session)
    if session.interrupted and not tracker.late:
        resumed(tracker, session, event.when_ns, event.frame)


def resumed(tracker: Tracker, session: SessionState, at_ns: int, frame: str) -> None:
    """The transaction goes on after a boot."""
    session.interrupted = False
    step(session, tracker.settings, at_ns, "resumed", "The transaction goes on after the boot", (frame,))
    tracker.touch(session)


def _heard_after_end(tracker: Tracker, session: SessionState, when_ns: int) -> None:
    """A sign of a transaction that was given up: it goes on, unless it is old or another one is there now."""
    stopped_at_ns = session.stopped_at_ns or 0
    if (
        session.ending in (Ending.LOST_STOP, Ending.ABANDONED)
        and when_ns > stopped_at_ns
        and not tracker.late
    ):
        if not any(each.began and _same_place(each, session) for each in tracker.under_way()):
            tracker.reopen(session, "the transaction was heard of again")


heard_after_end = _heard_after_end


# --- ended -------------------------------------------------------------------------------------------------------------


def on_ended(tracker: Tracker, event: TransactionEnded) -> None:
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
    attempts.claim_loose(tracker, session, event.token, stop=True)
    sequence(session, event.sequence_number, offline=event.offline)
    _keep(session.end_calls, _call(event))
    if session.ending is Ending.STOP:
        _stopped_again(tracker, session, event)
        return
    because = "the stop came after all" if not session.open else ""
    if because:
        tracker.reopen(session, because)
    _stop(tracker, session, event, because)


def _stop(tracker: Tracker, session: SessionState, event: TransactionEnded, because: str) -> None:
    session.end_frames.append(event.frame)
    session.stop_frame, session.end_event_at_ns = event.frame, event.event_at_ns
    session.stop_reason, session.stop_token, session.end_trigger = event.reason, event.token, event.trigger
    session.late = session.late or tracker.late
    session.evse = session.evse if session.evse is not None else event.evse
    session.connector = session.connector if session.connector is not None else event.connector
    if event.meter_wh is not None and event.meter_wh != -1:
        session.meter_stop_wh = event.meter_wh
    if why := meter.end(session.meter, event.meter_wh, event.when_ns, tracker.gate(session, event)):
        issue(
            session,
            f"The register at the stop ({event.meter_wh:.0f} Wh) does not count: {why}",
            event.when_ns,
            event.frame,
        )
    text = f"Stopped: {event.reason or 'Local'}" + (f" ({event.trigger})" if event.trigger else "")
    tracker.close(session, Ending.STOP, event.when_ns, because)
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
    _keep(session.end_frames, event.frame)
    same = event.meter_wh is None or event.meter_wh in (-1, session.meter_stop_wh)
    if same:
        step(
            session, tracker.settings, event.at_ns, "stop_retried", "The stop was sent again", (event.frame,)
        )
        tracker.touch(session)
        return
    assert event.meter_wh is not None
    why = meter.end(session.meter, event.meter_wh, event.when_ns, tracker.gate(session, event))
    said = f"a second stop came with {event.meter_wh:.0f} Wh instead of {session.meter_stop_wh or 0:.0f} Wh"
    if not why and session.meter.stop_wh == event.meter_wh:
        session.meter_stop_wh = event.meter_wh
    issue(session, said[0].upper() + said[1:], event.at_ns, event.frame)
    tracker.touch(session, said)


def _stopped_session(tracker: Tracker, event: TransactionEnded) -> SessionState | None:
    if event.transaction is None or not usable(event.transaction):
        return _guess(tracker, event)
    found = _by_transaction(tracker, event.transaction, event.when_ns)
    if found is not None or isinstance(event.transaction, str):
        return found
    # The start's answer was not seen (the watch began later): the only provisional transaction is the one.
    waiting = [
        each
        for each in tracker.under_way()
        if each.began and each.transaction is None and each.started_at_ns <= event.when_ns
    ]
    if len(waiting) == 1 and waiting[0].start_answered_at_ns is None and waiting[0].calls:
        waiting[0].transaction = event.transaction
        return waiting[0]
    return None


def _guess(tracker: Tracker, event: TransactionEnded) -> SessionState | None:
    """A stop with id 0, −1 or none: of the sessions that may be meant, by its own words, the likeliest."""
    call = _call(event)
    best: SessionState | None = None
    best_score = (-1, 0)
    for session in tracker.newest_first():
        if not session.began:
            continue
        if session.ending is Ending.STOP:
            again = session.end_event_at_ns == event.event_at_ns and session.meter_stop_wh in (
                event.meter_wh,
                None,
            )
            if call in session.end_calls or (again and event.event_at_ns is not None):
                return session
            continue
        if session.started_at_ns > event.when_ns:
            continue
        score = _likeness(session, event)
        if (score, session.started_at_ns) > best_score:
            best, best_score = session, (score, session.started_at_ns)
    return best


def _likeness(session: SessionState, event: TransactionEnded) -> int:
    score = 0
    if session.transaction == event.transaction and event.transaction is not None:
        score += 8  # the CSMS did give that id
    elif session.start_answered_at_ns is None:
        score += 6  # −1 is what a station says that never got the answer
    if session.open:
        score += 2
    if event.token is not None and event.token == session.token:
        score += 3
    if (
        event.meter_wh is not None
        and session.meter.start_wh is not None
        and event.meter_wh >= session.meter.start_wh
    ):
        score += 1
    return score


# --- pieces ------------------------------------------------------------------------------------------------------------


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


def _by_transaction(
    tracker: Tracker, transaction: int | str, when_ns: int | None = None
) -> SessionState | None:
    """The session of that id: of several (a CSMS that begins anew) the one under way, then the newest that fits the time."""
    known = [
        each
        for each in tracker.newest_first()
        if each.transaction == transaction or transaction in each.other_transactions
    ]
    if not known:
        return None
    under_way = [each for each in known if each.open]
    if under_way:
        return under_way[0]
    fitting = [each for each in known if when_ns is None or each.started_at_ns <= when_ns + 60 * SECOND_NS]
    return (fitting or known)[0]


def _same_place(one: SessionState, other: SessionState) -> bool:
    if one.evse is not None or other.evse is not None:
        return one.evse == other.evse  # 2.x: one transaction an EVSE
    return one.connector is not None and one.connector == other.connector


def _same_moment(one: SessionState, other: SessionState) -> bool:
    return one.transaction is not None and one.transaction == other.transaction and usable(one.transaction)


def _call(event: TransactionBegan | TransactionAnswered | TransactionEnded | EndAnswered) -> str:
    return f"{event.connection}/{event.message_id}"


def _keep(kept: list[str] | list[int | str], value: str | int) -> None:
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
