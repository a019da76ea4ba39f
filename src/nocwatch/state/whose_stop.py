"""Whose stop it is: by its number where that names one transaction, else by its token, register and time.

What is done with it is told in ``endings.py``. What always holds: a stop that was taken for a session's by its likeness alone is remembered
as such (``SessionState.guess``), until the session's own comes.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import msgspec

from nocwatch.ocpp.events import TransactionEnded
from nocwatch.sessions import Milestone
from nocwatch.state import meter
from nocwatch.state.facts import Ending
from nocwatch.state.likeness import NOBODY, UNLIKE, Score, can_follow, fit, likeness, score
from nocwatch.state.lookup import by_transaction, call_name, of_transaction, same_place
from nocwatch.state.meter import Meter
from nocwatch.state.register import no_reading
from nocwatch.state.session import Guess, SessionState
from nocwatch.state.tracker import Tracker, usable
from nocwatch.state.unset import stands_still

STATIONS_STOPS = frozenset({"PowerLoss", "Reboot", "HardReset", "SoftReset"})
"""Reasons that end whatever charges at the station, at one moment."""


class Whose(NamedTuple):
    """The answer.

    Attributes:
        session: None where the stop is of a transaction of which nothing else was seen.
        guess: what was known before, where it is but the likeliest.
        instead: it is taken in the place of the stop that was taken for the session's before.
    """

    session: SessionState | None
    guess: Guess | None = None
    instead: bool = False


def find(tracker: Tracker, event: TransactionEnded) -> Whose:
    """The session that the stop ends, or ended already."""
    if event.transaction is None or not usable(event.transaction):
        return _likeliest(tracker, event, list(tracker.newest_first()))
    known = of_transaction(tracker, event.transaction)
    if len(known) > 1:  # a CSMS that gives one id again and again
        # A register that none of them can have come to says nothing.
        for said in (event, msgspec.structs.replace(event, meter_wh=None)):
            likely = _likeliest(tracker, said, known)
            if likely.session is not None:
                guess = likely.guess
                return likely._replace(guess=guess and msgspec.structs.replace(guess, stop=event))
    found = by_transaction(tracker, event.transaction, event.when_ns)
    if found is not None or isinstance(event.transaction, str):
        guess = None if found is None else found.guess
        return Whose(found, instead=guess is not None and guess.stop.transaction != event.transaction)
    # The start's answer was not seen (the watch began later): of the provisional transactions the likeliest is the one. Not one of
    # which the station said -1: it has no number for that.
    waiting = [
        (likeness(tracker, each, event), each.started_at_ns, each.id)
        for each in tracker.under_way()
        if each.calls and each.transaction is None and not each.unnumbered
    ]
    like, _, session_id = max(waiting, default=(UNLIKE, 0, ""))
    if like <= 0:
        return Whose(None)
    session = tracker.state.sessions[session_id]
    session.transaction = event.transaction
    return Whose(session, guessed(session.meter, event, unheard_of=True))


def next_likeliest(tracker: Tracker, session: SessionState) -> SessionState | None:
    """Whose the stop may be that was taken for that session's, and is not; None where it is nobody else's."""
    assert session.guess is not None
    event = session.guess.stop
    number = event.transaction
    several = (
        tracker.newest_first()
        if number is None or not usable(number)
        else iter(of_transaction(tracker, number))
    )
    others = [
        (score(tracker, each, event), each.id)
        for each in several
        if each is not session and each.began and each.ending is not Ending.STOP
    ]
    best, session_id = max(others, default=(NOBODY, ""))
    return tracker.state.sessions[session_id] if best > NOBODY else None


def may_be(tracker: Tracker, session: SessionState, stop: TransactionEnded) -> bool:
    """Whether that session's register, number and time let the stop be its own."""
    return likeness(tracker, session, stop) > 0


def _likeliest(tracker: Tracker, event: TransactionEnded, sessions: list[SessionState]) -> Whose:
    """A stop whose id names none or several: of the sessions that may be meant, by its own words, the likeliest."""
    call = call_name(event)
    again: SessionState | None = None
    found: list[tuple[Score, SessionState]] = []
    for session in (each for each in sessions if each.began):
        ended = session.ending is Ending.STOP
        same = ended and _is_again(session, event)
        if ended and (call in session.end_calls or (same and not stands_still(event.said_us or 0))):
            return Whose(session)
        if same or (ended and _is_of_its_end(tracker, session, event)):
            again = again or session
        if ended and not _may_be_another(session, event):
            continue
        if (fits := score(tracker, session, event)) > NOBODY:
            found.append((fits, session))
    best = max(found, key=lambda each: each[0])[1] if found else None
    if best is None and again is not None and event.reason not in STATIONS_STOPS:
        return Whose(again)
    taken = _taken_for_another(tracker, event, best, sessions)
    if taken is not None and taken.guess is not None:
        return Whose(taken, guessed(taken.guess.meter, event), instead=True)
    if best is None:
        return Whose(again)
    guess = guessed(best.meter, event) if len(found) > 1 else None
    return Whose(best, guess, instead=best.ending is Ending.STOP)


def _taken_for_another(
    tracker: Tracker, event: TransactionEnded, best: SessionState | None, sessions: list[SessionState]
) -> SessionState | None:
    """The session whose stop this is rather than the one that was taken for it, which is then the next likeliest's.

    Two stops are held against two sessions, once as they were heard and once the other way round.
    """
    rest = (UNLIKE, 0, 0.0) if best is None else fit(tracker, best, event)
    found: list[tuple[tuple[float, ...], str]] = []
    for session in sessions:
        guess = session.guess
        if guess is None or guess.unheard_of or session is best or _left_before(tracker, session, event):
            continue
        other = next_likeliest(tracker, session)
        its = fit(tracker, session, event, guess.meter)
        if other is None or its[0] <= 0:
            continue
        exchanged = _sum(its, fit(tracker, other, guess.stop))
        as_heard = _sum(fit(tracker, session, guess.stop, guess.meter), rest)
        if exchanged > as_heard:
            gain = tuple(one - two for one, two in zip(exchanged, as_heard, strict=True))
            found.append((gain, session.id))
    return tracker.state.sessions[max(found)[1]] if found else None


def _left_before(tracker: Tracker, session: SessionState, event: TransactionEnded) -> bool:
    """Whether the session's connector was free, or another's, by the time of the stop."""
    free = any(each.name == Milestone.RELEASED.value and each.at_ns < event.when_ns for each in session.steps)
    return free or any(
        each.began
        and same_place(each, session)
        and session.started_at_ns < each.started_at_ns <= event.when_ns
        for each in tracker.newest_first()
    )


def _sum(one: tuple[int, int, float], other: tuple[int, int, float]) -> tuple[int, int, float]:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]


def guessed(book: Meter, stop: TransactionEnded, *, unheard_of: bool = False) -> Guess:
    """The guess that the stop is the session's with that meter."""
    return Guess(stop=stop, meter=copy.deepcopy(book), unheard_of=unheard_of)


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
        and can_follow(tracker, session, event)
    )


def _may_be_another(session: SessionState, event: TransactionEnded) -> bool:
    """Whether the stop that ended the session was but taken for its own, and this one may be it: the connector was never free since."""
    if session.guess is None or not session.guess.unheard_of or usable(event.transaction):
        return False
    released = any(each.name == Milestone.RELEASED.value for each in session.steps)
    return not released and event.token in (None, session.token)
