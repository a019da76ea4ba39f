"""Transactions of 1.6 and 2.x: begun, answered, updated, ended, and what stations make of that.

In 1.6 a StartTransaction opens a provisional transaction under its message id; the answer brings the id. In 2.x the station
names it. What always holds: one transaction is one session, whatever is retried, replayed, reordered or lost; none is discarded.
"""

from __future__ import annotations

from nocwatch.ocpp.events import (
    CallRefused,
    TransactionAnswered,
    TransactionBegan,
    TransactionUpdated,
)
from nocwatch.sessions import Milestone
from nocwatch.state import (
    attempts,
    bookings,
    cards,
    joining,
    meter,
    mistaken,
    outlook,
    overtaken,
    remote_starts,
    unset,
)
from nocwatch.state.endings import NO_START, heard_after_end, resumed, supersede
from nocwatch.state.facts import CsmsError, Ending
from nocwatch.state.lookup import adopt, by_transaction, call_name, keep, put_right
from nocwatch.state.memory import Overtaken
from nocwatch.state.patience import make_room_for_transaction, patience_ns
from nocwatch.state.register import no_reading
from nocwatch.state.session import ACTS_MAX, SessionState, heard, near, sequence, step, token_of, unstep
from nocwatch.state.statuses import charging_state
from nocwatch.state.tracker import Tracker

RETRY_WITHIN_S = 300.0
"""A start without a usable time stamp that is sent again is a retry for so long."""
TOLD_AGAIN_WITHIN_S = 86_400.0
"""The same where it says the same time again, however wrong: stations keep a start until its answer has reached them."""

NOW_WITHIN_US = 60 * 1_000_000
"""A time that the station's clock came to less than a minute ago is that of now: a start may have waited behind another call."""


# --- begun -------------------------------------------------------------------------------------------------------------


def on_began(tracker: Tracker, event: TransactionBegan) -> None:
    known = _known_start(tracker, event)
    if known is not None and known.start_seen:
        _retried(tracker, known, event)
        return
    session = known or joining.take_over(tracker, event)
    if session is None and overtaken.waits(tracker, event):
        return
    _began(tracker, session, event)


def _began(tracker: Tracker, session: SessionState | None, event: TransactionBegan) -> None:
    if session is None:
        name = event.transaction if event.transaction is not None else event.message_id
        make_room_for_transaction(tracker, event.frame)
        session = tracker.new_session(event.at_ns, "start", name, event.frame)
    _begin(tracker, session, event)
    supersede(tracker, session, event.frame)
    remote_starts.passed_over(tracker, session)


def _begin(tracker: Tracker, session: SessionState, event: TransactionBegan) -> None:
    session.began = session.start_seen = True
    session.started_at_ns, session.began_said_us = event.when_ns, event.said_us
    if session.stopped_at_ns is not None:
        put_right(session, event)
        # The start came after the stop: queues overtake each other.
        session.started_at_ns = min(session.started_at_ns, session.stopped_at_ns)
        session.issues = [each for each in session.issues if each.text != NO_START]
        unstep(session, "stop_without_start")
    session.late = session.late or tracker.late
    session.last_heard_ns = tracker.now_ns
    session.calls.append(call_name(event))
    session.begin_frames.append(event.frame)
    if event.transaction is not None:
        session.transaction = event.transaction
    session.evse = event.evse if event.evse is not None else session.evse
    session.connector = event.connector if event.connector is not None else session.connector
    session.begin_trigger = event.trigger
    session.remote_start_id = event.remote_start_id
    session.token = None if session.remote is None and not session.authorizations else session.token
    token_of(session, event.token, event.token_type)
    session.token_said = session.token_said or event.token is not None
    if session.token is None:
        session.token = event.token
    joining.claim_loose(tracker, session, event.token, tracker.true_ns(event))
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
    bookings.used(tracker, session, event)
    outlook.began(tracker, session)
    tracker.touch(session, "the start came late")


def on_start_failed(tracker: Tracker, call_frame: str) -> None:
    """A start that waited for its number gets none: its call was refused, or was not answered."""
    if (waiting := overtaken.take_frame(tracker, call_frame)) is not None:
        _late_begin(tracker, waiting, None)


def on_overtaken_ended(tracker: Tracker, call: str) -> None:
    """Nothing more was heard of the call of a start that waited for its number."""
    if (waiting := overtaken.take(tracker, call)) is not None:
        _late_begin(tracker, waiting, None)


def _late_begin(tracker: Tracker, waiting: Overtaken, session: SessionState | None) -> None:
    event, tracker.late = waiting.began, waiting.late
    known = _known_start(tracker, event)
    if known is not None and known.start_seen:
        _retried(tracker, known, event)
    else:
        _began(tracker, session, event)


def _known_start(tracker: Tracker, event: TransactionBegan) -> SessionState | None:
    """The session of the same start, sent before; or in 2.x of the same transaction, whatever was seen of it."""
    if event.transaction is not None:
        return by_transaction(tracker, event.transaction)
    for session in tracker.newest_first():
        if (
            not session.start_seen
            or session.connector != event.connector
            or (session.token or "") != (event.token or "")
        ):
            continue
        meter_wh = None if event.meter_wh is None or no_reading(event.meter_wh) else event.meter_wh
        if session.meter.start_said != meter_wh or session.began_said_us != event.said_us:
            continue
        if (not unset.is_unset(event) and event.event_at_ns is not None) or call_name(event) in session.calls:
            return session
        unanswered, said = session.start_answered_at_ns is None, event.said_us is not None
        again = said and (unanswered or _is_past(tracker, session, event))
        within_s = TOLD_AGAIN_WITHIN_S if again else RETRY_WITHIN_S
        goes_on = said and session.ending is not Ending.STOP
        if (unanswered or goes_on) and near(session.started_at_ns, event.at_ns, within_s):
            return session
    return None


def _is_past(tracker: Tracker, session: SessionState, event: TransactionBegan) -> bool:
    """Whether a time that cannot be, and was said before, is not the station's time of now: a clock that was never set runs all the same.

    After a boot it may begin anew and come to the same time again; what statuses have said since tells, where there are any. One that
    stands still tells nothing.
    """
    if event.said_us is None or unset.stands_still(event.said_us):
        return False
    booted = (tracker.state.booted_at_ns or 0) > session.started_at_ns
    lag_us = tracker.state.unset_lag_us if booted else None
    return lag_us is None or event.at_ns // 1000 - event.said_us > lag_us + NOW_WITHIN_US


def _retried(tracker: Tracker, session: SessionState, event: TransactionBegan) -> None:
    sequence(session, event.sequence_number, offline=event.offline)
    if event.frame in session.begin_frames:
        return
    keep(session.calls, call_name(event))
    keep(session.begin_frames, event.frame)
    session.unnumbered = False
    step(session, tracker.settings, event.at_ns, "start_retried", "The start was sent again", (event.frame,))
    tracker.touch(session)


# --- answered ----------------------------------------------------------------------------------------------------------


def on_answered(tracker: Tracker, event: TransactionAnswered) -> None:
    call = call_name(event)
    if (waiting := overtaken.take(tracker, call)) is not None:
        _late_begin(tracker, waiting, overtaken.startless(tracker, event.transaction))
    session = next((each for each in tracker.newest_first() if call in each.calls), None)
    if session is None and isinstance(event.transaction, str):
        session = by_transaction(tracker, event.transaction)
    if session is None:
        return
    if event.transaction is not None and event.transaction != session.transaction:
        if session.transaction is not None:
            keep(session.other_transactions, session.transaction)
        session.transaction = event.transaction
    if session.start_answered_at_ns is None:
        session.start_answered_at_ns, session.start_answer_frame = event.at_ns, event.frame
    if event.status:
        # What was accepted once is withdrawn afterwards, not refused: a retry is often answered ConcurrentTx.
        if session.start_status != "Accepted":
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


def on_refused(tracker: Tracker, event: CallRefused) -> None:
    """The CSMS answered a start, an update or a stop with an error."""
    on_start_failed(tracker, event.call_frame)
    if event.action in ("StartTransaction", "StopTransaction", "TransactionEvent", "MeterValues"):
        for session in tracker.newest_first():
            if event.call_frame in session.end_frames:
                _csms_error(tracker, session, "end", event)
                return
            # What was first seen of a transaction need not be its start.
            if session.start_seen and event.call_frame in session.begin_frames:
                _csms_error(tracker, session, "the start", event)
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
    session = by_transaction(tracker, event.transaction)
    if session is None:
        session = adopt(
            tracker, event.transaction, event.evse, event.connector, event.at_ns, event.when_ns, event.frame
        )
    sequence(session, event.sequence_number, offline=event.offline)
    heard(session, tracker.now_ns, event.when_ns)
    if session.evse is None or (session.connector is None and event.connector is not None):
        session.evse = event.evse if event.evse is not None else session.evse
        session.connector = event.connector if event.connector is not None else session.connector
        tracker.touch(session)
    cards.later_apart(tracker, session, event)
    mistaken.part(tracker, session, event)
    remote = session.remote
    if event.token is not None and session.token is None and remote is not None:
        named = event.remote_start_id is not None and event.remote_start_id == remote.remote_start_id
        if not named and remote.token != event.token:
            # The station took up another token than the one of the remote start, which may still lead to something.
            own = remote_starts.apart(tracker, session, remote)
            tracker.wait("attempt", own.id, max(remote.asked_at_ns + patience_ns(tracker), tracker.now_ns))
    if event.token is not None and session.token is None:
        cards.others_apart(tracker, session, {event.token})
        joining.absorb(tracker, session, event, event.token)
        token_of(session, event.token, event.token_type)
        tracker.touch(session)
        remote_starts.refused_rightly(tracker, session, _shown_ns(session, event))
    if event.remote_start_id is not None and session.remote_start_id is None:
        session.remote_start_id = event.remote_start_id
        if session.remote is None:
            joining.absorb(tracker, session, event, None)
        tracker.touch(session)
    session.token_said = session.token_said or event.token is not None
    if not session.open:
        heard_after_end(tracker, session, event.when_ns)
    if session.open:
        _triggered(tracker, session, event)
        charging_state(tracker, session, event.charging_state, event.when_ns, event.frame)


def _shown_ns(session: SessionState, event: TransactionUpdated) -> int:
    """Since when the driver's card may have been at the reader: its question to the CSMS waits while the start has no answer."""
    asked_ns = min([event.when_ns, *(each.asked_at_ns for each in session.authorizations)])
    answered_ns = session.start_answered_at_ns
    return session.started_at_ns if answered_ns is None or answered_ns >= asked_ns else asked_ns


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
    if event.trigger in ("Authorized", "RemoteStart") and session.asked_at_ns is None:
        session.asked_at_ns = event.when_ns
    if (known := _TRIGGERS.get(event.trigger)) is not None:
        step(session, tracker.settings, event.when_ns, known[0], known[1], (event.frame,))
        session.resumed = session.resumed or event.trigger == "TxResumed"
        tracker.touch(session)
    if session.interrupted and not tracker.late:
        resumed(tracker, session, event.when_ns, event.frame)
