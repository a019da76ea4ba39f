"""How long an act is waited for, and its end where nothing came of it."""

from __future__ import annotations

from nocwatch.moments import SECOND_NS
from nocwatch.state.facts import Ending
from nocwatch.state.presence import number
from nocwatch.state.session import SessionState, step
from nocwatch.state.tracker import Tracker


def give_up(tracker: Tracker, session: SessionState, at_ns: int) -> None:
    tracker.close(session, Ending.ATTEMPT, at_ns)


def make_room(tracker: Tracker) -> None:
    """Before a new attempt: the oldest that waits is closed early where there are too many."""
    waiting = [each for each in tracker.under_way() if not each.began]
    if len(waiting) >= tracker.settings.attempts_max:
        tracker.count("state_attempts_closed_early")
        give_up(tracker, waiting[0], tracker.now_ns)


def make_room_for_transaction(tracker: Tracker, frame: str) -> None:
    """Before a new one: numbers and places that a station makes up must not fill the memory."""
    began = [each for each in tracker.under_way() if each.began]
    if len(began) < tracker.settings.transactions_max:
        return
    tracker.count("state_sessions_closed_early")
    oldest = min(began, key=lambda each: each.last_heard_ns)
    text = "Too many transactions are open at the station"
    step(oldest, tracker.settings, tracker.now_ns, "lost_stop", text, (frame,) if frame else ())
    tracker.close(oldest, Ending.LOST_STOP, tracker.now_ns)


def window_ns(tracker: Tracker) -> int:
    return int(tracker.settings.join_window * SECOND_NS)


def plug_in_ns(tracker: Tracker) -> int:
    """The station's own patience with a driver who has not plugged in."""
    settings = tracker.state.configuration
    said = settings.get("ConnectionTimeOut") or settings.get("TxCtrlr.EVConnectionTimeOut") or ""
    return int((number(said) or 0.0) * SECOND_NS)


def patience_ns(tracker: Tracker) -> int:
    return max(int(tracker.settings.remote_start_patience * SECOND_NS), plug_in_ns(tracker))


def lapsed(tracker: Tracker, session: SessionState, at_ns: int) -> bool:
    """Whether the station has long given up waiting for the vehicle: who shows the card again then tries anew."""
    return session.remote is None and (session.let_go or too_late(tracker, session, at_ns))


def too_late(tracker: Tracker, session: SessionState, at_ns: int) -> bool:
    """Whether the vehicle is plugged in too long after the card was shown, by what the station has said of its patience."""
    patience_ns = plug_in_ns(tracker)
    last_ns = max((each.asked_at_ns for each in session.authorizations), default=at_ns)
    return patience_ns > 0 and at_ns - last_ns > patience_ns
