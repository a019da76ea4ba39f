"""Authorisations and remote starts: the acts that lead to a transaction, or to an attempt without one.

An act opens a session at once, so that a person sees it; a transaction that follows within the join window takes that session
over. An Authorize that may belong to a transaction under way (to stop it, or to bring the token of a cable-first start) stays
*loose* until it shows where it belongs.
"""

from __future__ import annotations

from nocwatch.moments import SECOND_NS
from nocwatch.network import ConnectorStatus
from nocwatch.ocpp.events import (
    AuthorizeAnswered,
    AuthorizeAsked,
    CallRefused,
    CallUnanswered,
    Command,
    CommandAnswered,
    Commanded,
)
from nocwatch.sessions import Milestone
from nocwatch.state.facts import Authorization, CsmsError, Ending, RemoteStart
from nocwatch.state.memory import Loose
from nocwatch.state.presence import number, on_ordered
from nocwatch.state.session import ACTS_MAX, SessionState, step
from nocwatch.state.tracker import Tracker

LOOSE_MAX = 16
"""Loose authorisations of a station; a card held to the reader again and again gives no more."""
_REMOTE_STARTS = ("RemoteStartTransaction", "RequestStartTransaction")


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
    if waiting:
        _attach(tracker, waiting[-1], act)
        return
    began = [each for each in tracker.under_way() if each.began]
    tokenless = [each for each in began if each.token is None]
    if len(tokenless) == 1:
        _attach(tracker, tokenless[0], act)
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
        tracker.state.loose.append(Loose(authorization=act, own=bool(own)))
        del tracker.state.loose[:-LOOSE_MAX]
        tracker.wait("loose", act.frame, event.at_ns + _window_ns(tracker))
        return
    _attempt_of(tracker, act)


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
        loose = next(each for each in tracker.state.loose if each.authorization is act)
        if refused and not loose.own:
            session = _from_loose(tracker, loose)
            _give_up(tracker, session, event.at_ns)
        return
    name = "refused" if refused else "authorised"
    step(
        session, tracker.settings, event.at_ns, name, f"Authorize was answered {event.status}", (event.frame,)
    )
    tracker.touch(session, "the answer to Authorize came late")
    if session.open and not session.began:
        if refused:
            _give_up(tracker, session, event.at_ns)
        elif session.remote is None:
            tracker.wait("attempt", session.id, event.at_ns + max(_window_ns(tracker), _plug_in_ns(tracker)))


def on_unanswered(tracker: Tracker, event: CallUnanswered) -> None:
    """No answer came. An authorisation has failed by that; a remote start still has its time."""
    if event.action == "Authorize":
        found = _authorization_by_frame(tracker, event.frame)
        if found is None:
            return
        act, session = found
        act.failed_by = "link_lost" if event.link_lost else "silence"
        if session is not None:
            tracker.touch(session)
            if session.open and not session.began:
                _give_up(tracker, session, event.at_ns)
    elif event.action in _REMOTE_STARTS:
        for session in tracker.newest_first():
            if (
                session.remote is not None
                and session.remote.frame == event.frame
                and session.remote.answered_at_ns is None
            ):
                session.remote.failed_by = "link_lost" if event.link_lost else "silence"


def on_refused(tracker: Tracker, event: CallRefused) -> None:
    """A CALLERROR to an act: of the CSMS to an Authorize, of the station to a remote start."""
    if event.action == "Authorize":
        found = _authorization_by_frame(tracker, event.call_frame)
        if found is None:
            return
        act, session = found
        act.failed_by = event.error_code
        if session is None:
            return
        error = CsmsError(
            action="Authorize",
            code=event.error_code,
            description=event.description[:80],
            at_ns=event.at_ns,
            frame=event.frame,
        )
        if len(session.csms_errors) < ACTS_MAX:
            session.csms_errors.append(error)
        step(
            session,
            tracker.settings,
            event.at_ns,
            "csms_error",
            f"Authorize was answered {event.error_code}",
            (event.frame,),
        )
        tracker.touch(session)
        if session.open and not session.began:
            _give_up(tracker, session, event.at_ns)
    elif event.action in _REMOTE_STARTS:
        for session in tracker.newest_first():
            if session.remote is not None and session.remote.frame == event.call_frame:
                session.remote.failed_by = event.error_code
                session.remote.answered_at_ns, session.remote.answer_frame = event.at_ns, event.frame
                if session.open and not session.began:
                    _give_up(tracker, session, event.at_ns)
                return


# --- remote starts -----------------------------------------------------------------------------------------------------


def on_commanded(tracker: Tracker, event: Commanded) -> None:
    if event.command is not Command.REMOTE_START:
        return
    remote = RemoteStart(
        connection=event.connection,
        message_id=event.message_id,
        asked_at_ns=event.at_ns,
        frame=event.frame,
        token=event.token,
        remote_start_id=event.remote_start_id,
    )
    for session in tracker.under_way():
        known = session.remote
        if known is not None and (known.message_id, known.connection) == (
            remote.message_id,
            remote.connection,
        ):
            return
        if (
            known is not None
            and remote.remote_start_id is not None
            and known.remote_start_id == remote.remote_start_id
        ):
            return
    session = _for_remote_start(tracker, event)
    session.remote = remote
    if not session.began:
        session.token = event.token
        session.evse = event.evse or session.evse
        session.connector = event.connector or session.connector
        _status_at_remote(tracker, session)
        tracker.wait("attempt", session.id, event.at_ns + max(_patience_ns(tracker), _window_ns(tracker)))
    step(
        session,
        tracker.settings,
        event.at_ns,
        Milestone.CREATED.value,
        "The CSMS asked for a remote start",
        (event.frame,),
    )
    tracker.touch(session)


def on_command_answered(tracker: Tracker, event: CommandAnswered) -> None:
    if event.command is not Command.REMOTE_START:
        on_ordered(tracker, event)
        return
    for session in tracker.newest_first():
        remote = session.remote
        if (
            remote is not None
            and remote.message_id == event.message_id
            and remote.connection == event.connection
        ):
            break
    else:
        return
    assert remote is not None
    remote.answered_at_ns, remote.answer_frame, remote.status = event.at_ns, event.frame, event.status
    accepted = event.status == "Accepted"
    if accepted:
        step(
            session,
            tracker.settings,
            event.at_ns,
            Milestone.STARTING.value,
            "Remote start accepted",
            (event.frame,),
        )
    else:
        step(
            session,
            tracker.settings,
            event.at_ns,
            "refused",
            f"Remote start answered {event.status}",
            (event.frame,),
        )
    tracker.touch(session, "the answer to the remote start came late")
    if session.open and not session.began:
        if accepted:
            tracker.wait("attempt", session.id, event.at_ns + _patience_ns(tracker))
        else:
            _give_up(tracker, session, event.at_ns)


# --- what came of them -------------------------------------------------------------------------------------------------


def on_patience_ended(tracker: Tracker, session_id: str) -> None:
    """Nothing came of an attempt."""
    session = tracker.state.sessions.get(session_id)
    if session is not None and session.open and not session.began:
        _give_up(tracker, session, tracker.now_ns)


def on_loose_ended(tracker: Tracker, frame: str) -> None:
    """A loose authorisation belongs to nothing: an attempt of its own, unless it came with a running transaction's token."""
    for loose in tracker.state.loose:
        if loose.authorization.frame == frame:
            if loose.own:
                tracker.state.loose.remove(loose)
            else:
                _give_up(tracker, _from_loose(tracker, loose), tracker.now_ns)
            return


# --- pieces ------------------------------------------------------------------------------------------------------------


def _attempt_of(tracker: Tracker, act: Authorization) -> SessionState:
    waiting = [each for each in tracker.under_way() if not each.began]
    if len(waiting) >= tracker.settings.attempts_max:
        tracker.count("state_attempts_closed_early")
        _give_up(tracker, waiting[0], tracker.now_ns)
    session = tracker.new_session(act.asked_at_ns, "authorize", act.token, act.frame)
    session.token, session.token_type = act.token, act.token_type
    tracker.wait("attempt", session.id, act.asked_at_ns + max(_window_ns(tracker), _plug_in_ns(tracker)))
    _attach(tracker, session, act)
    return session


def _attach(tracker: Tracker, session: SessionState, act: Authorization) -> None:
    if len(session.authorizations) >= ACTS_MAX:
        session.authorizations.pop(0)
    session.authorizations.append(act)
    step(
        session,
        tracker.settings,
        act.asked_at_ns,
        Milestone.CREATED.value,
        "A token was presented",
        (act.frame,),
    )
    tracker.touch(session)


def _from_loose(tracker: Tracker, loose: Loose) -> SessionState:
    tracker.state.loose.remove(loose)
    tracker.calm("loose", loose.authorization.frame)
    return _attempt_of(tracker, loose.authorization)


def _give_up(tracker: Tracker, session: SessionState, at_ns: int) -> None:
    tracker.close(session, Ending.ATTEMPT, at_ns)


def _for_remote_start(tracker: Tracker, event: Commanded) -> SessionState:
    """The session of a remote start: a cable-first transaction that waits for its token, a waiting card, or a new one."""
    for session in reversed(tracker.under_way()):
        if session.remote is not None:
            continue
        if session.began and session.token is None and event.evse in (None, 0, session.evse):
            return session
        if not session.began and event.token is not None and session.token == event.token:
            return session
    waiting = [each for each in tracker.under_way() if not each.began]
    if len(waiting) >= tracker.settings.attempts_max:
        tracker.count("state_attempts_closed_early")
        _give_up(tracker, waiting[0], tracker.now_ns)
    return tracker.new_session(event.at_ns, "remote", event.message_id, event.frame)


def _status_at_remote(tracker: Tracker, session: SessionState) -> None:
    known = [
        each
        for each in tracker.state.connectors.values()
        if (session.evse is None or each.evse == session.evse) and session.connector in (None, each.connector)
    ]
    if len(known) == 1 and known[0].reported is not ConnectorStatus.NO_DATA:
        session.status_at_remote = known[0].shown.value
        session.plugged = known[0].shown in (ConnectorStatus.PREPARING, ConnectorStatus.OCCUPIED)
    elif known and all(each.reported is ConnectorStatus.AVAILABLE for each in known):
        session.status_at_remote = ConnectorStatus.AVAILABLE.value


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
    for session in tracker.newest_first():
        found += [(act, session) for act in session.authorizations]
    return found


def _window_ns(tracker: Tracker) -> int:
    return int(tracker.settings.join_window * SECOND_NS)


def _plug_in_ns(tracker: Tracker) -> int:
    """The station's own patience with a driver who has not plugged in."""
    settings = tracker.state.configuration
    said = settings.get("ConnectionTimeOut") or settings.get("TxCtrlr.EVConnectionTimeOut") or ""
    return int((number(said) or 0.0) * SECOND_NS)


def _patience_ns(tracker: Tracker) -> int:
    return max(int(tracker.settings.remote_start_patience * SECOND_NS), _plug_in_ns(tracker))
