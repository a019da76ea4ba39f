"""How transactions end: by a stop, a stop that comes late, twice or without a start, or by none at all.

What always holds: of several stops one counts, a lost stop is opened again by the one that comes after all, and none is discarded.
"""

from __future__ import annotations

from nocwatch.moments import SECOND_NS
from nocwatch.network import ConnectorStatus
from nocwatch.ocpp.events import EndAnswered, QueueReported, StatusReported, TransactionEnded
from nocwatch.sessions import Milestone
from nocwatch.state import cards, joining, meter, mistaken, whose_stop
from nocwatch.state.facts import TOGETHER_NS, Ending
from nocwatch.state.kilo import IN_KWH
from nocwatch.state.lookup import (
    adopt,
    call_name,
    keep,
    put_right,
    same_moment,
    same_place,
)
from nocwatch.state.register import JITTER_WH
from nocwatch.state.session import SessionState, issue, sequence, step
from nocwatch.state.statuses import OF_TRANSACTIONS, release
from nocwatch.state.tracker import Tracker

NO_START = "The start of the transaction was never seen."

# --- ended -------------------------------------------------------------------------------------------------------------


def on_ended(tracker: Tracker, event: TransactionEnded) -> None:
    if event.transaction is None and event.meter_wh is None:
        tracker.count("state_empty_stops")  # it names nothing and says nothing: it is no transaction's
        return
    whose = whose_stop.find(tracker, event)
    session = whose.session
    if session is None:
        session = _startless(tracker, event)
    elif whose.instead:
        assert session.guess is not None
        to = None if session.guess.unheard_of else whose_stop.next_likeliest(tracker, session)
        _give_back(tracker, session, to, "its own stop came after that of another transaction")
    session.guess = whose.guess or session.guess
    joining.claim_loose(tracker, session, event.token, event.when_ns, stop=True)
    # A remote start that was not its driver's hides no card that was.
    mistaken.nobodys(tracker, session, event)
    cards.left_without(tracker, session, event)
    sequence(session, event.sequence_number, offline=event.offline)
    keep(session.end_calls, call_name(event))
    if session.ending is Ending.STOP:
        _stopped_again(tracker, session, event)
        return
    because = "the stop came after all" if not session.open else ""
    if because:
        tracker.reopen(session, because)
    _stop(tracker, session, event, because)


def _startless(tracker: Tracker, event: TransactionEnded) -> SessionState:
    """A session for a stop of which the start was never seen."""
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
    return session


def on_status(tracker: Tracker, event: StatusReported) -> None:
    """A connector of 1.6 has just finished: of a stop that may have been another's it shows that it was its own."""
    if event.status is not ConnectorStatus.FINISHING or event.evse is not None or event.implausible_time:
        return
    its = next(
        (each for each in tracker.newest_first() if each.began and each.connector == event.connector), None
    )
    if its is None or its.ending is Ending.STOP:
        return
    for other in tracker.newest_first():
        guess = other.guess
        if guess is None or guess.unheard_of or abs(guess.stop.when_ns - event.when_ns) > TOGETHER_NS:
            continue
        there = tracker.connector_of(other)
        still = there is not None and there.reported in OF_TRANSACTIONS
        if still and whose_stop.may_be(tracker, its, guess.stop):
            _give_back(tracker, other, its, "the stop was that of the connector that has finished")
            return


def still_charging(tracker: Tracker, session: SessionState, register_wh: float, when_ns: int) -> bool:
    """A sample of its connector after the end: where its stop was but taken for its own, and the register goes on from there, it was not."""
    guess, stopped_at_ns = session.guess, session.stopped_at_ns
    if guess is None or session.meter_stop_wh is None or stopped_at_ns is None:
        return False
    released = any(each.name == Milestone.RELEASED.value for each in session.steps)
    if released or session.ending is not Ending.STOP or when_ns <= stopped_at_ns:
        return False
    rose = register_wh > session.meter_stop_wh + JITTER_WH
    span_ns = when_ns - stopped_at_ns
    if not (rose and tracker.gate(session).fits(session.meter_stop_wh, register_wh, span_ns)):
        return False
    to = None if guess.unheard_of else whose_stop.next_likeliest(tracker, session)
    if to is None and not guess.unheard_of:
        return False
    _give_back(tracker, session, to, "its own stop is still to come: the connector went on charging")
    return True


def _give_back(tracker: Tracker, session: SessionState, to: SessionState | None, because: str) -> None:
    """The stop that was taken for its own is another's: of the session ``to``, or of a transaction without a start."""
    assert session.guess is not None
    guess, session.guess = session.guess, None
    stop = guess.stop
    tracker.reopen(session, because)
    if guess.unheard_of:
        session.transaction = None
    session.meter_stop_wh = session.end_said_us = session.stop_reason = session.stop_token = None
    session.stop_frame, session.meter = "", guess.meter
    meter.unend(session.meter)  # the stop's own data may have been read before it
    session.issues = [each for each in session.issues if stop.frame not in each.frames]
    session.end_frames = [each for each in session.end_frames if each != stop.frame]
    session.end_calls = [each for each in session.end_calls if each != call_name(stop)]
    own = to or _startless(tracker, stop)
    own.guess = None if to is None else whose_stop.guessed(to.meter, stop)
    after_all = "" if own.open else "the stop came after all"
    tracker.reopen(own, after_all)
    own.complete_at_ns, session.complete_at_ns = session.complete_at_ns, None
    keep(own.end_calls, call_name(stop))
    _stop(tracker, own, stop, after_all)


def _stop(tracker: Tracker, session: SessionState, event: TransactionEnded, because: str) -> None:
    put_right(session, event)
    session.end_frames.append(event.frame)
    session.stop_frame, session.end_said_us = event.frame, event.said_us
    session.stop_heard_ns, session.stop_untimed = event.at_ns, event.implausible_time
    session.stop_reason, session.stop_token, session.end_trigger = event.reason, event.token, event.trigger
    session.late = session.late or tracker.late
    session.evse = session.evse if session.evse is not None else event.evse
    session.connector = session.connector if session.connector is not None else event.connector
    # Where the station's clock was set back meanwhile, receive time is the best there is.
    when_ns = event.when_ns if event.when_ns >= session.started_at_ns else event.at_ns
    if meter.find_kilo(session.meter, event.meter_wh, when_ns):
        issue(session, IN_KWH, event.when_ns, event.frame)
    meter_wh = meter.in_wh(session.meter, event.meter_wh)
    if meter_wh is not None and meter_wh != -1:
        session.meter_stop_wh = meter_wh
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
    elif connector.charging_state and not tracker.on_connector(connector):
        connector.charging_state = "Idle"  # told late, but nothing goes on there any more
        tracker.touch_connector(connector)


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
    if session.free_since_ns is not None:
        at_ns = min(at_ns, session.free_since_ns)
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
