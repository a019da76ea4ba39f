"""Starts of 1.6 that were overtaken by their own samples or stop: queues do that, and only the answer's number tells whether it is so.

Such a start waits for its answer while a transaction without a start is remembered that it may belong to. What always holds: none
is dropped; without an answer it begins when the patience with calls ends, or its socket does.
"""

from __future__ import annotations

from nocwatch.moments import SECOND_NS
from nocwatch.ocpp.events import TransactionBegan
from nocwatch.state.lookup import call_name
from nocwatch.state.memory import Overtaken
from nocwatch.state.session import SessionState
from nocwatch.state.tracker import Tracker

PATIENCE_NS = 31 * SECOND_NS
"""A second more than a call's: its end brings the start back by itself, and this is for calls of which nothing more is heard."""
WAITING_MAX = 8
"""Starts that wait; a station has a few connectors and sends one at a time."""


def waits(tracker: Tracker, event: TransactionBegan) -> bool:
    """Whether the start is to wait for its number; it is kept then."""
    waiting = tracker.state.overtaken
    if event.transaction is not None or len(waiting) >= WAITING_MAX or not _has_candidate(tracker, event):
        return False
    if all(each.began.frame != event.frame for each in waiting):
        waiting.append(Overtaken(began=event, late=tracker.late))
        tracker.wait("overtaken", call_name(event), tracker.now_ns + PATIENCE_NS)
    return True


def take(tracker: Tracker, call: str) -> Overtaken | None:
    """The start of that call, which waits no longer."""
    for each in tracker.state.overtaken:
        if call_name(each.began) == call:
            tracker.state.overtaken.remove(each)
            tracker.calm("overtaken", call)
            return each
    return None


def take_frame(tracker: Tracker, frame: str) -> Overtaken | None:
    """The start in that frame: its call was refused, or not answered."""
    return next((take(tracker, call_name(each.began)) for each in tracker.state.overtaken if each.began.frame == frame), None)  # fmt: skip


def startless(tracker: Tracker, transaction: int | str | None) -> SessionState | None:
    """The transaction of that number whose start was not seen."""
    return next(
        (each for each in tracker.newest_first() if _startless(each) and each.transaction == transaction),
        None,
    )


def _has_candidate(tracker: Tracker, event: TransactionBegan) -> bool:
    return any(
        _startless(each) and event.when_ns <= each.started_at_ns and each.connector in (None, event.connector)
        for each in tracker.newest_first()
    )


def _startless(session: SessionState) -> bool:
    return session.began and not session.start_seen and isinstance(session.transaction, int)
