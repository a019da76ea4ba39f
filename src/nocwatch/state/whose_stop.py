"""Whose stop it is: by its number where that names one transaction, else by its token, register and time.

What is done with it is told in ``endings.py``. What always holds: a stop that was taken for a session's by its likeness alone is remembered
as such (``guessed_stop``), until the session's own comes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from nocwatch.ocpp.events import TransactionEnded
from nocwatch.sessions import Milestone
from nocwatch.state import meter
from nocwatch.state.facts import Ending
from nocwatch.state.lookup import by_transaction, call_name, of_transaction
from nocwatch.state.register import Gate, no_reading
from nocwatch.state.session import SessionState
from nocwatch.state.tracker import Tracker, usable
from nocwatch.state.unset import stands_still

WH_NS = 3.6e12
"""Watts and nanoseconds of a watt-hour."""
UNLIKE = -1
"""A stop whose register cannot follow the session's is another's."""


def session_of(tracker: Tracker, event: TransactionEnded) -> SessionState | None:
    """The session that the stop ends, or ended already; None where it is of a transaction of which nothing else was seen."""
    if event.transaction is None or not usable(event.transaction):
        return _guess(tracker, event, tracker.newest_first())
    known = of_transaction(tracker, event.transaction)
    if len(known) > 1 and (likely := _guess(tracker, event, known)) is not None:
        return likely  # a CSMS that gives one id again and again
    found = by_transaction(tracker, event.transaction, event.when_ns)
    if found is not None or isinstance(event.transaction, str):
        return found
    # The start's answer was not seen (the watch began later): of the provisional transactions the likeliest is the one. Not one of
    # which the station said -1: it has no number for that.
    waiting = [
        (_likeness(tracker, each, event), each.started_at_ns, each.id)
        for each in tracker.under_way()
        if each.calls and each.transaction is None and not each.unnumbered and not _is_before(event, each)
    ]
    likeness, _, session_id = max(waiting, default=(UNLIKE, 0, ""))
    if likeness <= 0:
        return None
    session = tracker.state.sessions[session_id]
    session.transaction = event.transaction
    session.guessed_stop = event
    return session


def _guess(
    tracker: Tracker, event: TransactionEnded, sessions: Iterable[SessionState]
) -> SessionState | None:
    """A stop whose id names none or several: of the sessions that may be meant, by its own words, the likeliest."""
    call = call_name(event)
    best: SessionState | None = None
    best_score = (0, False, 0.0, 0)
    again: SessionState | None = None
    for session in sessions:
        if not session.began:
            continue
        if session.ending is Ending.STOP:
            if call in session.end_calls or _is_again(session, event):
                if call in session.end_calls or not stands_still(event.said_us or 0):
                    return session
                again = again or session
            if again is None and _is_of_its_end(tracker, session, event):
                again = session
            if not _may_be_another(session, event):
                continue
        if _is_before(event, session):
            continue
        # Of equals the one whose register would be nearest to the stop's by then, and then the newest.
        follows, off_wh = _off_wh(tracker, session, event)
        score = (_likeness(tracker, session, event), follows, -off_wh, session.started_at_ns)
        if score > best_score:
            best, best_score = session, score
    return best or again


def _is_again(session: SessionState, event: TransactionEnded) -> bool:
    """The stop that ended the session, sent again: it says the same time, and the same register or token.

    Two transactions of one token do not end at one moment, but by a clock that was never set all do.
    """
    if event.said_us is None or session.end_said_us != event.said_us:
        return False
    if event.event_at_ns is not None and event.token is not None and event.token == session.stop_token:
        return True
    meter_wh = meter.in_wh(session.meter, event.meter_wh)
    return session.meter_stop_wh == (None if meter_wh is None or no_reading(meter_wh) else meter_wh)


def _is_of_its_end(tracker: Tracker, session: SessionState, event: TransactionEnded) -> bool:
    """Another register of the moment and the reason that the session ended with, where neither stop names a token."""
    return (
        event.event_at_ns is not None
        and session.end_said_us == event.said_us
        and event.token is None
        and session.stop_token is None
        and session.stop_reason == event.reason
        and _can_follow(tracker, session, event)
    )


def _may_be_another(session: SessionState, event: TransactionEnded) -> bool:
    """Whether the stop that ended the session was but taken for its own, and this one may be it: the connector was never free since."""
    if session.guessed_stop is None or usable(event.transaction):
        return False
    released = any(each.name == Milestone.RELEASED.value for each in session.steps)
    return not released and event.token in (None, session.token)


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


def _off_wh(tracker: Tracker, session: SessionState, event: TransactionEnded) -> tuple[bool, float]:
    """Whether the register of the stop can follow the last reading, and how far it is from where that would be by then.

    Infinite where nothing is known of it.
    """
    meter_wh, last = meter.in_wh(session.meter, event.meter_wh), meter.last_reading(session.meter)
    if meter_wh is None or no_reading(meter_wh) or last is None:
        return False, math.inf
    span_ns = event.when_ns - last[1]
    rise_wh = _rise_wh(tracker.gate(session, event), last, meter_wh, event.when_ns)
    follows = rise_wh is not None
    rise_wh = meter_wh - last[0] if rise_wh is None else rise_wh
    return follows, abs(rise_wh - (meter.power_w(session.meter) or 0.0) * max(span_ns, 0) / WH_NS)


def _rise_wh(gate: Gate, before: tuple[float, int], value: float, at_ns: int) -> float | None:
    """What flowed between two readings, also where the register began anew with the station's computer; None where the one cannot follow the other."""
    wh, before_ns = before
    rise_wh = gate.rise_wh(wh, value, at_ns - before_ns)
    anew = 0 <= value <= gate.allowance_wh(at_ns - before_ns) and gate.anew(before_ns, at_ns)
    return value if rise_wh is None and anew else rise_wh


def _can_follow(tracker: Tracker, session: SessionState, event: TransactionEnded) -> bool:
    """Whether the register at the stop can follow the session's; of no register anything can be."""
    book, gate = session.meter, tracker.gate(session, event)
    meter_wh = meter.in_wh(book, event.meter_wh)
    if meter_wh is None or no_reading(meter_wh):
        return True
    known = [] if book.start_wh is None else [(book.start_wh, book.start_at_ns)]
    last = meter.last_reading(book)
    known += [] if last is None else [last]
    return not known or any(_rise_wh(gate, each, meter_wh, event.when_ns) is not None for each in known)
