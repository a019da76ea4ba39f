"""An act that seemed to lead to a transaction, and did not: in 2.x a cable may begin it, and only later the token shows whose it is.

What always holds: the act becomes a try of its own again, with what was said of it, and the transaction keeps nothing of it.
"""

from __future__ import annotations

from nocwatch.network import ConnectorStatus
from nocwatch.ocpp.events import TransactionEnded, TransactionUpdated
from nocwatch.sessions import Milestone
from nocwatch.state.causes import ACCEPTED
from nocwatch.state.patience import make_room, patience_ns, plug_in_ns, window_ns
from nocwatch.state.session import SessionState, step
from nocwatch.state.tracker import Tracker

_STOPS = frozenset({"StopAuthorized", "RemoteStop", "Deauthorized"})
"""Whose token may be that of another card of the same group."""
_TAKEN = frozenset({ConnectorStatus.PREPARING.value, ConnectorStatus.OCCUPIED.value})


def part(tracker: Tracker, session: SessionState, event: TransactionUpdated) -> None:
    """The transaction names its token for the first time: an act with another one was not its driver's."""
    if event.token is None or session.token is None or session.token_said or event.token == session.token:
        return
    remote = session.remote
    named = remote is not None and event.remote_start_id == remote.remote_start_id is not None
    if named or event.trigger in _STOPS:
        return
    _give_back(tracker, session, event.token)


def nobodys(tracker: Tracker, session: SessionState, event: TransactionEnded) -> None:
    """A transaction that ends and never named a token nor an order: a remote start that waited with it led nowhere."""
    asked = session.asked_at_ns is not None or session.begin_trigger == "RemoteStart" or session.charged
    if session.remote is None or not session.start_seen or not isinstance(event.transaction, str):
        return
    if not (asked or session.token_said or session.remote_start_id is not None or event.token is not None):
        _give_back(tracker, session, None)


def _give_back(tracker: Tracker, session: SessionState, token: str | None) -> None:
    """Makes a try of its own of the acts that were not of this token; where there is none, of the remote start alone."""
    remote = session.remote
    act_token = session.token if remote is None else remote.token
    make_room(tracker)
    own = tracker.new_session(session.created_at_ns, "apart", act_token, session.begin_frames[0])
    own.token, own.token_type = act_token, session.token_type
    own.authorizations = [
        each for each in session.authorizations if token is not None and each.token != token
    ]
    own.remote, session.remote = remote, None
    own.status_at_remote = session.status_at_remote
    if remote is not None:
        own.evse, own.connector = session.evse, session.connector
        own.plugged = own.status_at_remote in _TAKEN
        own.begin_frames = [remote.frame]
    session.token, session.token_type = None, ""
    session.authorizations = [each for each in session.authorizations if each not in own.authorizations]
    _share_steps(tracker, session, own)
    tracker.touch(session)
    tracker.touch(own)
    tracker.wait("attempt", own.id, max(_due_ns(tracker, own), tracker.now_ns))


def _share_steps(tracker: Tracker, session: SessionState, own: SessionState) -> None:
    acts = [(each.frame, each.answer_frame) for each in own.authorizations]
    acts += [(own.remote.frame, own.remote.answer_frame)] if own.remote is not None else []
    frames = {frame for act in acts for frame in act if frame}
    own.steps = [each for each in session.steps if frames.intersection(each.frames)]
    session.steps = [each for each in session.steps if not frames.intersection(each.frames)]
    step(session, tracker.settings, session.started_at_ns, Milestone.CREATED.value)


def _due_ns(tracker: Tracker, own: SessionState) -> int:
    """Until when the act may still lead to something, as if it had never been taken for the transaction's."""
    if own.remote is not None:
        return own.remote.asked_at_ns + patience_ns(tracker)
    last = own.authorizations[-1] if own.authorizations else None
    if last is None or last.failed_by or last.status not in ACCEPTED:
        return tracker.now_ns
    return last.asked_at_ns + max(window_ns(tracker), plug_in_ns(tracker))
