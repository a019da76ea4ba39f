"""Whose card it is: acts that become a try of their own, or the transaction's that a cable began before anybody showed one (2.x).

When an Authorize is heard, answered or given up is told in ``attempts.py``. What always holds: each card is in one place: loose, with the
transaction that waits for its token, or a try of its own.
"""

from __future__ import annotations

from collections.abc import Callable

from nocwatch.moments import SECOND_NS
from nocwatch.ocpp.events import TransactionEnded, TransactionUpdated
from nocwatch.sessions import Milestone
from nocwatch.state.causes import failed_card
from nocwatch.state.facts import TOGETHER_NS, Authorization, CsmsError
from nocwatch.state.joining import join
from nocwatch.state.memory import Loose
from nocwatch.state.patience import give_up, make_room, plug_in_ns, window_ns
from nocwatch.state.session import ACTS_MAX, SessionState, step
from nocwatch.state.tracker import Tracker

SHOWN_WITHIN_NS = 3600 * SECOND_NS
"""Who shows a card for a cable that waits does so soon; a vehicle that stands there for days hides no other's try."""


def charged_then(tracker: Tracker, act: Authorization) -> bool:
    """Whether a transaction of its token was really under way: not one of which only the word that it was over came late, or never."""
    latest_ns = act.asked_at_ns - TOGETHER_NS
    return any(
        each.began
        and each.token == act.token
        and each.started_at_ns <= act.asked_at_ns
        and (each.free_since_ns is None or each.free_since_ns > latest_ns)
        and (each.stopped_at_ns is None or each.stopped_at_ns > latest_ns)
        for each in tracker.newest_first()
    )


def waits(session: SessionState) -> bool:
    """A transaction that a cable began, and that waits for its driver's act."""
    return session.token is None and _unasked(session)


def attempt_of(tracker: Tracker, act: Authorization) -> SessionState:
    """A try of its own."""
    session = _attempt(tracker, act)
    attach(tracker, session, act)
    return session


def attach(tracker: Tracker, session: SessionState, act: Authorization) -> None:
    if len(session.authorizations) >= ACTS_MAX:
        session.authorizations.pop(0)
    session.authorizations.append(act)
    text = "A token was presented"
    step(session, tracker.settings, act.asked_at_ns, Milestone.CREATED.value, text, (act.frame,))
    tracker.touch(session)


def from_loose(tracker: Tracker, loose: Loose) -> SessionState:
    """A loose authorisation belongs to nothing else: a try of its own."""
    session = _attempt(tracker, loose.authorization)
    _take(tracker, session, loose)
    return session


def csms_error(tracker: Tracker, session: SessionState, error: CsmsError) -> None:
    if len(session.csms_errors) < ACTS_MAX:
        session.csms_errors.append(error)
    text = f"Authorize was answered {error.code}"
    step(session, tracker.settings, error.at_ns, "csms_error", text, (error.frame,))
    tracker.touch(session)


def others_apart(tracker: Tracker, session: SessionState, tokens: set[str]) -> None:
    """Other cards that were shown while a transaction waited for its own are tries of their own."""
    _apart(tracker, session, [each for each in session.authorizations if each.token not in tokens])


def later_apart(tracker: Tracker, session: SessionState, event: TransactionUpdated) -> None:
    """It names its token: cards that were shown after that was taken are others'. A question to the CSMS overtakes what waits in the queue."""
    if event.token is not None and not session.token_said and event.event_at_ns is not None:
        taken_ns = tracker.true_ns(event) + TOGETHER_NS
        _apart(tracker, session, [each for each in session.authorizations if each.asked_at_ns > taken_ns])


def _apart(tracker: Tracker, session: SessionState, others: list[Authorization]) -> None:
    if not others:
        return
    kept = [each for each in session.authorizations if each not in others]
    if session.token in {each.token for each in others} - {each.token for each in kept}:
        session.token, session.token_type = None, ""
    frames = {frame for each in others for frame in (each.frame, each.answer_frame) if frame}
    errors = [each for each in session.csms_errors if each.frame in frames]
    session.authorizations = kept
    session.csms_errors = [each for each in session.csms_errors if each not in errors]
    session.steps = [each for each in session.steps if each.milestone or not frames.intersection(each.frames)]
    tracker.touch(session)
    for act in others:
        own = _attempt(tracker, act, "apart")
        attach(tracker, own, act)
        _answered(tracker, own, act)
        for error in errors:
            if error.frame == act.answer_frame:
                csms_error(tracker, own, error)
        if act.failed_by or failed_card(act):
            give_up(tracker, own, act.answered_at_ns or act.asked_at_ns)


def left_without(tracker: Tracker, session: SessionState, event: TransactionEnded) -> None:
    """A cable that waited for its driver's card is pulled, and no word was said of whose it was.

    The first card that failed meanwhile was its driver's: who shows one does so soon after plugging in, or comes back, fails, and leaves.
    Any other that failed was not, nor was one of another time.
    """
    if not _unasked(session) or event.token is not None:
        return
    from_ns, until_ns = session.started_at_ns, event.when_ns

    def then(act: Authorization) -> bool:
        if not from_ns - TOGETHER_NS <= act.asked_at_ns <= until_ns + TOGETHER_NS:
            return False
        return act.asked_at_ns - from_ns <= SHOWN_WITHIN_NS or until_ns - act.asked_at_ns <= window_ns(
            tracker
        )

    meanwhile = [each for each in session.authorizations if then(each)]
    its = [each for each in meanwhile if failed_card(each)][:1] or _one_more(tracker, session, then)
    others_apart(tracker, session, {each.token for each in its or meanwhile})
    if its and not all(map(failed_card, session.authorizations)):
        # The same card once more, accepted just before that was told: it is of what comes next.
        _apart(tracker, session, [each for each in session.authorizations if not failed_card(each)])


def _one_more(
    tracker: Tracker, session: SessionState, then: Callable[[Authorization], bool]
) -> list[Authorization]:
    """The first card of that time that failed elsewhere. It is the session's now.

    It is loose where several cables waited, a neighbour's second one where only that was known to wait, else a try that is over.
    """
    for loose in tracker.state.loose:
        act = loose.authorization
        if not loose.own and failed_card(act) and then(act):
            _take(tracker, session, loose)
            return [act]
    for neighbour in [each for each in tracker.under_way() if each is not session and _unasked(each)]:
        if tried := [each.token for each in neighbour.authorizations if failed_card(each)]:
            others_apart(tracker, neighbour, {tried[0]})
    for other in list(tracker.state.sessions.values()):
        acts = other.authorizations
        placed = (
            other.evse is not None
            or other.remote is not None
            or other.likely_evse not in (None, session.evse)
        )
        if other.began or other.open or other.led_to or placed or not acts:
            continue
        if failed_card(acts[-1]) and all(map(then, acts)):
            session.csms_errors += other.csms_errors
            join(tracker, session, other)
            return acts
    return []


def _unasked(session: SessionState) -> bool:
    """A cable began it, and the station has not said yet who asked for energy. What charges asks nobody any more."""
    asked = (
        session.token_said or session.asked_at_ns is not None or session.remote is not None or session.charged
    )
    return session.began and session.start_seen and isinstance(session.transaction, str) and not asked


def _attempt(tracker: Tracker, act: Authorization, kind: str = "authorize") -> SessionState:
    make_room(tracker)
    session = tracker.new_session(act.asked_at_ns, kind, act.token, act.frame)
    session.token, session.token_type = act.token, act.token_type
    tracker.wait("attempt", session.id, act.asked_at_ns + max(window_ns(tracker), plug_in_ns(tracker)))
    return session


def _take(tracker: Tracker, session: SessionState, loose: Loose) -> None:
    """The loose authorisation is this session's."""
    tracker.state.loose.remove(loose)
    tracker.calm("loose", loose.authorization.frame)
    attach(tracker, session, loose.authorization)
    _answered(tracker, session, loose.authorization)
    if loose.error is not None:
        csms_error(tracker, session, loose.error)


def _answered(tracker: Tracker, session: SessionState, act: Authorization) -> None:
    """The step that tells of the answer, where there was one."""
    if act.status:
        name = "authorised" if act.status == "Accepted" else "refused"
        text = f"Authorize was answered {act.status}"
        step(
            session, tracker.settings, act.answered_at_ns or act.asked_at_ns, name, text, (act.answer_frame,)
        )
