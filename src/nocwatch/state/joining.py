"""From acts to transactions: which attempt led to the transaction that begins, and which authorisation belongs to it.

Joined by remote start id, or by token, place and time: within the join window of the act. An attempt that had been given up is
opened again.
"""

from __future__ import annotations

from msgspec import structs

from nocwatch.moments import SECOND_NS
from nocwatch.ocpp.events import TransactionBegan, TransactionUpdated
from nocwatch.state import outlook
from nocwatch.state.causes import ACCEPTED, failed_card
from nocwatch.state.facts import TOGETHER_NS, Ending
from nocwatch.state.patience import lapsed, patience_ns, plug_in_ns, too_late, window_ns
from nocwatch.state.session import ACTS_MAX, SessionState, near, step
from nocwatch.state.tracker import Tracker

NAMED_WITHIN_S = 3600.0
"""A remote start that was given up is known by its number and token for so long: the transaction that names both may be far back in the
station's queue, and some CSMSs begin anew to count."""

REFUSED_FOR_NS = 30 * SECOND_NS
"""A station that charges with a card that was refused does so at once; who shows it again later tries anew."""


def take_over(tracker: Tracker, event: TransactionBegan) -> SessionState | None:
    """The attempt that leads to this transaction, opened again where it had been given up; None where there is none."""
    best: SessionState | None = None
    for session in tracker.newest_first():
        if (
            session.began
            or session.led_to
            or not _within(tracker, session, event)
            or not _place_fits(session, event)
        ):
            continue
        if _has_left(tracker, session, event):
            continue
        if _same_remote_start(session, event.remote_start_id):
            best = session
            break
        if _same_token(session, event.token) and (
            best is None or _rank(tracker, session, event.when_ns) > _rank(tracker, best, event.when_ns)
        ):
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
        best = best or _meanwhile(tracker, event)
    if best is not None:
        tracker.calm("attempt", best.id)
        if not best.open:
            tracker.reopen(best, "the transaction came after all")
    return best


def claim_loose(
    tracker: Tracker,
    session: SessionState,
    token: str | None,
    when_ns: int,
    *,
    stop: bool = False,
    after_ns: int | None = None,
) -> bool:
    """Loose authorisations of that token have shown where they belong; one that nobody could charge with began nothing.

    Nor did one that was shown long before ``when_ns`` and now: a token that charges here may be shown, and charge elsewhere hours later;
    or long after (``after_ns`` where it is known how long), where the word of the transaction waited in the queue. Whether there was any
    that began the transaction.
    """
    if token is None:
        return False
    claimed, within_ns = False, max(window_ns(tracker), plug_in_ns(tracker))
    after_ns = within_ns if after_ns is None else after_ns
    for loose in [each for each in tracker.state.loose if each.authorization.token == token]:
        act = loose.authorization
        if not stop and (
            failed_card(act)
            or act.asked_at_ns - when_ns > after_ns
            or min(abs(at_ns - act.asked_at_ns) for at_ns in (when_ns, tracker.now_ns)) > within_ns
        ):
            continue
        tracker.state.loose.remove(loose)
        tracker.calm("loose", loose.authorization.frame)
        if not stop and len(session.authorizations) < ACTS_MAX:
            session.authorizations.append(loose.authorization)
            claimed = True
    if not stop:
        _claim_lent(tracker, session, token)
    return claimed


def _claim_lent(tracker: Tracker, session: SessionState, token: str) -> None:
    """Takes back what was given to a neighbour that waited for its token: another driver's card at the same reader."""
    for other in tracker.under_way():
        if other is session or not other.began or other.token_said or other.token not in (None, token):
            continue
        lent = [each for each in other.authorizations if each.token == token]
        if not lent:
            continue
        frames = {frame for each in lent for frame in (each.frame, each.answer_frame) if frame}
        moved = [each for each in other.steps if not each.milestone and frames.intersection(each.frames)]
        other.authorizations = [each for each in other.authorizations if each.token != token]
        other.token, other.token_type = None, ""
        other.steps = [each for each in other.steps if each not in moved]
        session.authorizations = (session.authorizations + lent)[-ACTS_MAX:]
        session.steps += moved
        tracker.touch(other)


def absorb(tracker: Tracker, session: SessionState, event: TransactionUpdated, token: str | None) -> None:
    """A transaction that is under way names its token or remote start: what was an attempt of its own belongs to it.

    Where that was said long after it was so, because it waited in the station's queue, the attempt may have been given up since.
    """
    remote_start_id, when_ns = event.remote_start_id, tracker.true_ns(event)
    # Once its card was taken nobody shows another for it: the same one again is for what comes next.
    after_ns = TOGETHER_NS if event.event_at_ns is not None else None
    known = claim_loose(tracker, session, token, when_ns, after_ns=after_ns) or any(
        each.token == token and each.status == "Accepted" for each in session.authorizations
    )
    fitting = []
    for other in tracker.newest_first():
        if other.began or other.led_to or other is session:
            continue
        if known and not _same_remote_start(other, remote_start_id):
            continue  # its act is known: an earlier one with that token led to nothing
        ordered = _same_remote_start(other, remote_start_id)
        if (ordered or (token is not None and other.token == token)) and not _all_after(
            tracker, other, when_ns
        ):
            rank = _rank(tracker, other, when_ns)
            named = (ordered or _untimed(event)) and _near_acts(other, when_ns, NAMED_WITHIN_S)
            late = _same_token(other, token) and not _turned_away(other)
            if other.open or ((rank[0] or named) and late):
                fitting.append((rank, other))
    if not fitting:
        return
    join(tracker, session, max(fitting, key=lambda each: each[0])[1])


def join(tracker: Tracker, session: SessionState, other: SessionState) -> None:
    """The attempt turned out to be part of the session."""
    because = "" if other.open else "the transaction came after all"
    if because:
        tracker.reopen(other, because)
    # Each keeps its own: what is still answered is the session's alone (``acting``), before a restart and after it.
    session.authorizations.extend(
        map(structs.replace, other.authorizations[: ACTS_MAX - len(session.authorizations)])
    )
    if session.remote is None and other.remote is not None:
        session.remote = structs.replace(other.remote)
    outlook.follow(tracker, other, session)
    other.led_to = session.id
    step(other, tracker.settings, tracker.now_ns, "joined", f"Led to session {session.id}")
    tracker.close(other, Ending.ATTEMPT, tracker.now_ns, because)


def _meanwhile(tracker: Tracker, event: TransactionBegan) -> SessionState | None:
    """Cable first, and told late: the card that was shown while the start waited in the station's queue, where there was but one."""
    latest_ns = min(event.when_ns + window_ns(tracker), event.at_ns)
    shown = [
        each
        for each in tracker.newest_first()
        if not (each.began or each.open or each.led_to or each.remote)
        and each.likely_evse in (None, event.evse)
        and all(event.when_ns <= act <= latest_ns for act in _acts(each))
    ]
    return shown[0] if len(shown) == 1 else None


def _turned_away(session: SessionState) -> bool:
    """Nobody charges with a card that was refused, or for which the station got no answer while it waited."""
    return bool(session.authorizations) and all(map(failed_card, session.authorizations))


def _has_left(tracker: Tracker, session: SessionState, event: TransactionBegan) -> bool:
    """Whether a driver who was turned away, or for whose cable the station no longer waits, has gone before the transaction began: another try.

    The connector was free in between, or nobody would have waited for so long.
    """
    if session.remote is not None:
        return False
    if not _turned_away(session):
        timed = event.event_at_ns is not None
        return timed and too_late(tracker, session, tracker.true_ns(event) - TOGETHER_NS)
    last = max(session.authorizations, key=lambda each: max(each.asked_at_ns, each.answered_at_ns or 0))
    last_ns = max(last.asked_at_ns, last.answered_at_ns or 0)
    waits_ns = REFUSED_FOR_NS if last.status not in ACCEPTED else patience_ns(tracker)
    if tracker.true_ns(event) - last_ns > waits_ns:
        return True
    connector = tracker.connector(event.evse, event.connector)
    return connector is not None and max(_acts(session)) < connector.freed_at_ns <= event.when_ns


def _rank(tracker: Tracker, session: SessionState, when_ns: int) -> tuple[bool, bool]:
    """Of several tries with one token: first one that came shortly before what it led to, then one that still waits."""
    latest_ns = when_ns + TOGETHER_NS
    led = any(latest_ns - window_ns(tracker) <= act <= latest_ns for act in _acts(session))
    return led, session.open


def _acts(session: SessionState) -> list[int]:
    return [each.asked_at_ns for each in session.authorizations] + (
        [session.remote.asked_at_ns] if session.remote else []
    )


def _near_acts(session: SessionState, when_ns: int, within_s: float) -> bool:
    return any(near(act, when_ns, within_s) for act in _acts(session))


def _within(tracker: Tracker, session: SessionState, event: TransactionBegan) -> bool:
    acts = _acts(session)
    window = NAMED_WITHIN_S if _untimed(event) else tracker.settings.join_window
    if tracker.late:
        # A replayed start belongs to the acts of its own time, and not to those of now.
        return any(near(act, event.when_ns, window) for act in acts)
    # A start that waited in the station's queue, behind a message that the CSMS refused, names the time of its act: not one of long after.
    began_ns = tracker.true_ns(event)
    if _all_after(tracker, session, began_ns):
        return False
    return session.open or any(near(act, event.at_ns, window) or near(act, began_ns, window) for act in acts)


def _all_after(tracker: Tracker, session: SessionState, when_ns: int) -> bool:
    """Whether its acts were long after that moment, and so led to something else."""
    return all(act > when_ns + window_ns(tracker) for act in _acts(session))


def _untimed(event: TransactionBegan | TransactionUpdated) -> bool:
    """Whether nobody knows how long it was in the queue: the last card of its token may have been shown before that."""
    return event.implausible_time and event.event_at_ns is None


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
