"""Authorisations: the acts that lead to a transaction, or to an attempt without one (remote starts: ``remote_starts.py``).

An act opens a session at once, so that a person sees it; a transaction that follows within the join window takes that session
over. An Authorize that may belong to a transaction under way (to stop it, or to bring the token of a cable-first start) stays
*loose* until it shows where it belongs.
"""

from __future__ import annotations

from nocwatch.moments import SECOND_NS
from nocwatch.ocpp.events import (
    AuthorizeAnswered,
    AuthorizeAsked,
    CallRefused,
    CallUnanswered,
)
from nocwatch.state import remote_starts
from nocwatch.state.cards import (
    SHOWN_WITHIN_NS,
    attach,
    attempt_of,
    charged_then,
    csms_error,
    from_loose,
    others_apart,
    waits,
)
from nocwatch.state.causes import failed_card
from nocwatch.state.facts import Authorization, CsmsError
from nocwatch.state.memory import Loose
from nocwatch.state.patience import give_up, lapsed, plug_in_ns, window_ns
from nocwatch.state.remote_starts import REMOTE_STARTS
from nocwatch.state.session import SessionState, step
from nocwatch.state.tracker import Tracker

LOOSE_MAX = 16
"""Loose authorisations of a station; a card held to the reader again and again gives no more."""


# --- Authorize ---------------------------------------------------------------------------------------------------------


def on_authorize_asked(tracker: Tracker, event: AuthorizeAsked) -> None:
    if _find_authorization(tracker, event.token, event.at_ns) is not None:
        return
    act = Authorization(
        token=event.token,
        token_type=event.token_type,
        connection=event.connection,
        asked_at_ns=event.at_ns,
        frame=event.frame,
    )
    waiting = [each for each in tracker.under_way() if not each.began and each.token == event.token]
    if waiting and not (lapsed(tracker, waiting[-1], event.at_ns) or _too_slow(tracker, waiting[-1])):
        attach(tracker, waiting[-1], act)
        return
    if waiting:
        give_up(tracker, waiting[-1], event.at_ns)
    began = [each for each in tracker.under_way() if each.began and each.free_since_ns is None]
    tokenless = [each for each in began if each.token is None and _may_be_its(each, act)]
    if len(tokenless) == 1:
        attach(tracker, tokenless[0], act)
        return
    own = [each for each in began if each.token == event.token]
    for session in own[-1:]:
        step(
            session,
            tracker.settings,
            event.at_ns,
            "authorize",
            "The token was presented again",
            (event.frame,),
        )
        tracker.touch(session)
    busy = {(each.evse, each.connector) for each in began}
    all_busy = bool(busy) and len(busy) >= len(tracker.state.connectors)
    if own or tokenless or all_busy:
        if len(tracker.state.loose) >= LOOSE_MAX:
            _belongs_to_nothing(tracker, tracker.state.loose[0])
        tracker.state.loose.append(Loose(authorization=act, own=bool(own)))
        tracker.wait("loose", act.frame, event.at_ns + window_ns(tracker))
        return
    attempt_of(tracker, act)


def on_authorize_answered(tracker: Tracker, event: AuthorizeAnswered) -> None:
    found = _find_authorization(tracker, event.token, event.asked_at_ns)
    if found is None:
        return
    act, session = found
    act.answered_at_ns, act.answer_frame = event.at_ns, event.frame
    act.status, act.parent = event.status, event.parent
    act.token_type = act.token_type or event.token_type
    refused = event.status != "Accepted"
    if session is None:
        if refused and (session := _of_its_own(tracker, act)) is not None:
            give_up(tracker, session, event.at_ns)
        return
    if refused and session.charged and session.token is None:
        # It charges already, so another's card was accepted or none was wanted: this one is somebody else's.
        others_apart(tracker, session, {each.token for each in session.authorizations if each is not act})
        return
    name = "refused" if refused else "authorised"
    step(
        session, tracker.settings, event.at_ns, name, f"Authorize was answered {event.status}", (event.frame,)
    )
    tracker.touch(session, "the answer to Authorize came late")
    if session.open and not session.began:
        if refused:
            give_up(tracker, session, event.at_ns)
        elif session.remote is None:
            tracker.wait("attempt", session.id, event.at_ns + max(window_ns(tracker), plug_in_ns(tracker)))


def on_unanswered(tracker: Tracker, event: CallUnanswered) -> None:
    """No answer came. An authorisation has failed by that; a remote start still has its time."""
    if event.action == "Authorize":
        found = _authorization_by_frame(tracker, event.frame)
        if found is None:
            return
        act, session = found
        act.failed_by = "link_lost" if event.link_lost else "silence"
        session = session or _of_its_own(tracker, act)
        if session is not None:
            tracker.touch(session)
            if session.open and not session.began:
                give_up(tracker, session, event.at_ns)
    elif event.action in REMOTE_STARTS:
        remote_starts.on_unanswered(tracker, event)


def on_refused(tracker: Tracker, event: CallRefused) -> None:
    """A CALLERROR to an act: of the CSMS to an Authorize, of the station to a remote start."""
    if event.action == "Authorize":
        found = _authorization_by_frame(tracker, event.call_frame)
        if found is None:
            return
        act, session = found
        act.failed_by, act.answer_frame = event.error_code, event.frame
        error = CsmsError(
            action="Authorize",
            code=event.error_code,
            description=event.description[:80],
            at_ns=event.at_ns,
            frame=event.frame,
        )
        if session is None:
            next(each for each in tracker.state.loose if each.authorization is act).error = error
            if (own := _of_its_own(tracker, act)) is not None:
                give_up(tracker, own, event.at_ns)
            return
        csms_error(tracker, session, error)
        if session.open and not session.began:
            give_up(tracker, session, event.at_ns)
    elif event.action in REMOTE_STARTS:
        remote_starts.on_refused(tracker, event)


# --- what came of them -------------------------------------------------------------------------------------------------


def on_patience_ended(tracker: Tracker, session_id: str) -> None:
    """Nothing came of an attempt."""
    session = tracker.state.sessions.get(session_id)
    if session is not None and session.open and not session.began:
        give_up(tracker, session, tracker.now_ns)


def on_loose_ended(tracker: Tracker, frame: str) -> None:
    """A loose authorisation has had its time: while a cable waits that it may have been shown for, it gets more, for an hour.

    So does one with the token of a transaction that is under way: its stop may be in the station's queue, and say that it was over before.
    """
    loose = next((each for each in tracker.state.loose if each.authorization.frame == frame), None)
    if loose is None:
        return
    act, under_way = loose.authorization, tracker.under_way()
    if loose.own:
        own = any(each.began and each.token == act.token for each in under_way)
        may_be = own and charged_then(tracker, act)
    else:
        may_be = any(waits(each) for each in under_way)
    if may_be and tracker.now_ns - act.asked_at_ns < SHOWN_WITHIN_NS:
        tracker.wait("loose", frame, tracker.now_ns + window_ns(tracker))
    else:
        _belongs_to_nothing(tracker, loose)


def _belongs_to_nothing(tracker: Tracker, loose: Loose) -> None:
    """An attempt of its own, unless it came with a running transaction's token."""
    if loose.own and charged_then(tracker, loose.authorization):
        tracker.state.loose.remove(loose)
        tracker.calm("loose", loose.authorization.frame)
    else:
        give_up(tracker, from_loose(tracker, loose), tracker.now_ns)


# --- pieces ------------------------------------------------------------------------------------------------------------


def _too_slow(tracker: Tracker, session: SessionState) -> bool:
    """Whether the answer to the last card came so late that its driver had given up: the same one shown again is another try."""
    if session.remote is not None or not session.authorizations:
        return False
    last = session.authorizations[-1]
    slow_ns = int(tracker.settings.answer_slow * SECOND_NS)
    return last.answered_at_ns is not None and last.answered_at_ns - last.asked_at_ns > slow_ns


def _may_be_its(session: SessionState, act: Authorization) -> bool:
    """Whether a transaction that waits for its token may get this one: not where another's card may still lead to it."""
    return all(each.token == act.token or failed_card(each) for each in session.authorizations)


def _of_its_own(tracker: Tracker, act: Authorization) -> SessionState | None:
    """A loose authorisation has failed: a try of its own, unless it came with a running transaction's token, or a cable waits for one."""
    loose = next(each for each in tracker.state.loose if each.authorization is act)
    if loose.own or any(waits(each) for each in tracker.under_way()):
        return None
    return from_loose(tracker, loose)


def _find_authorization(
    tracker: Tracker, token: str, asked_at_ns: int
) -> tuple[Authorization, SessionState | None] | None:
    for act, session in _authorizations(tracker):
        if act.asked_at_ns == asked_at_ns and act.token == token:
            return act, session
    return None


def _authorization_by_frame(tracker: Tracker, frame: str) -> tuple[Authorization, SessionState | None] | None:
    for act, session in _authorizations(tracker):
        if act.frame == frame:
            return act, session
    return None


def _authorizations(tracker: Tracker) -> list[tuple[Authorization, SessionState | None]]:
    found: list[tuple[Authorization, SessionState | None]] = [
        (each.authorization, None) for each in tracker.state.loose
    ]
    for session in tracker.acting():
        found += [(act, session) for act in session.authorizations]
    return found
