"""From acts to transactions: which attempt led to the transaction that begins, and which authorisation belongs to it.

Joined by remote start id, or by token, place and time: within the join window of the act. An attempt that had been given up is
opened again.
"""

from __future__ import annotations

from nocwatch.ocpp.events import TransactionBegan
from nocwatch.state import outlook
from nocwatch.state.facts import Ending
from nocwatch.state.patience import lapsed
from nocwatch.state.session import ACTS_MAX, SessionState, near, step
from nocwatch.state.tracker import Tracker


def take_over(tracker: Tracker, event: TransactionBegan) -> SessionState | None:
    """The attempt that leads to this transaction, opened again where it had been given up; None where there is none."""
    best: SessionState | None = None
    for session in tracker.newest_first():
        if session.began or not _within(tracker, session, event) or not _place_fits(session, event):
            continue
        if _same_remote_start(session, event.remote_start_id):
            best = session
            break
        if _same_token(session, event.token) and (best is None or (session.open and not best.open)):
            best = session
    if best is None and event.token is None and event.transaction is not None:
        # Cable first in 2.x: the token comes later, and the only driver who is waiting is the one who plugged in.
        waiting = [
            each
            for each in tracker.under_way()
            if not each.began
            and _place_fits(each, event)
            and each.likely_evse in (None, event.evse)
            and not lapsed(tracker, each, event.when_ns)
        ]
        best = waiting[0] if len(waiting) == 1 and _within(tracker, waiting[0], event) else None
    if best is not None:
        tracker.calm("attempt", best.id)
        if not best.open:
            tracker.reopen(best, "the transaction came after all")
    return best


def claim_loose(tracker: Tracker, session: SessionState, token: str | None, *, stop: bool = False) -> None:
    """Loose authorisations of that token have shown where they belong."""
    if token is None:
        return
    for loose in [each for each in tracker.state.loose if each.authorization.token == token]:
        tracker.state.loose.remove(loose)
        tracker.calm("loose", loose.authorization.frame)
        if not stop and len(session.authorizations) < ACTS_MAX:
            session.authorizations.append(loose.authorization)
    if not stop:
        _claim_lent(tracker, session, token)


def _claim_lent(tracker: Tracker, session: SessionState, token: str) -> None:
    """Takes back what was given to a neighbour that waited for its token: another driver's card at the same reader."""
    for other in tracker.under_way():
        if other is session or not other.began or other.token is not None:
            continue
        lent = [each for each in other.authorizations if each.token == token]
        if not lent:
            continue
        frames = {frame for each in lent for frame in (each.frame, each.answer_frame) if frame}
        moved = [each for each in other.steps if not each.milestone and frames.intersection(each.frames)]
        other.authorizations = [each for each in other.authorizations if each.token != token]
        other.steps = [each for each in other.steps if each not in moved]
        session.authorizations = (session.authorizations + lent)[-ACTS_MAX:]
        session.steps += moved
        tracker.touch(other)


def absorb(tracker: Tracker, session: SessionState, token: str | None, remote_start_id: int | None) -> None:
    """A transaction that is under way names its token or remote start now: what was an attempt of its own belongs to it."""
    claim_loose(tracker, session, token)
    for other in tracker.under_way():
        if other.began or other is session:
            continue
        if _same_remote_start(other, remote_start_id) or (token is not None and other.token == token):
            session.authorizations.extend(other.authorizations[: ACTS_MAX - len(session.authorizations)])
            session.remote = session.remote or other.remote
            outlook.follow(tracker, other, session)
            other.led_to = session.id
            step(other, tracker.settings, tracker.now_ns, "joined", f"Led to session {session.id}")
            tracker.close(other, Ending.ATTEMPT, tracker.now_ns)
            return


def _within(tracker: Tracker, session: SessionState, event: TransactionBegan) -> bool:
    acts = [each.asked_at_ns for each in session.authorizations] + (
        [session.remote.asked_at_ns] if session.remote else []
    )
    window = tracker.settings.join_window
    if tracker.late:
        # A replayed start belongs to the acts of its own time, and not to those of now.
        return any(near(act, event.when_ns, window) for act in acts)
    # A start that waited in the station's queue, behind a message that the CSMS refused, names the time of its act.
    return session.open or any(
        near(act, event.at_ns, window) or near(act, event.when_ns, window) for act in acts
    )


def _place_fits(session: SessionState, event: TransactionBegan) -> bool:
    if session.evse is not None and event.evse is not None and session.evse != event.evse:
        return False
    return session.connector is None or event.connector is None or session.connector == event.connector


def _same_remote_start(session: SessionState, remote_start_id: int | None) -> bool:
    return (
        session.remote is not None
        and remote_start_id is not None
        and session.remote.remote_start_id == remote_start_id
    )


def _same_token(session: SessionState, token: str | None) -> bool:
    """The token of the act; a remote start that was refused leads nowhere, so its token says nothing."""
    refused = session.remote is not None and session.remote.status not in ("", "Accepted")
    return token is not None and session.token == token and not refused
