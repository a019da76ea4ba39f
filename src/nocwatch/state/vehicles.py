"""Vehicles that fail wherever they plug in: one card's failures on several connectors, each of which serves others.

One connector cannot show it: who does not talk to whom is seen only where the same driver fails elsewhere too. What always holds: a
success of the card takes all of it back; a card that is in two places at once is several people's, and shows nothing; what was found
of a session stays with it, whatever is forgotten here.
"""

from __future__ import annotations

from itertools import combinations
from typing import TypeAlias

import msgspec

from nocwatch.flags import Blame, Evidence
from nocwatch.moments import DAY_NS
from nocwatch.sessions import Outcome, Reason
from nocwatch.state.memory import StationState
from nocwatch.state.session import SessionState

SEVERAL = 3
"""Connectors, that of the session among them: two may have failed by themselves, and all of one station together. It is said of the third one, and of those after it."""
WITHIN_NS = DAY_NS
"""Between two of these failures: after a day it may be another vehicle, or a mended one."""
TOKENS_MAX = 10_000
"""Cards whose failures are remembered, some hundred bytes each; the one that failed first is forgotten first."""
FAILURES_MAX = 8
"""Of one card: more would say the same."""

_VEHICLES = frozenset({Reason.EV_COMM, Reason.ZERO_ENERGY})
"""What a vehicle may be the reason of, where nothing else explains it."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """One session of a card that failed on a connector which serves others."""

    session: str
    station: str
    evse: int | None
    connector: int | None
    from_ns: int
    until_ns: int
    frame: str


Failures: TypeAlias = dict[str, list[Failure]]
"""By token."""


def weigh(failures: Failures, state: StationState, session: SessionState) -> None:
    """Takes a session that is over into account, and blames the vehicle where its card has failed so elsewhere.

    An order of the CSMS shows no card: many name one token for all their customers.
    """
    verdict, token = session.verdict, session.token
    if not token or session.ending is None or session.remote is not None:
        return
    if verdict.outcome is Outcome.SUCCESS:
        failures.pop(token, None)
        return
    if verdict.reason not in _VEHICLES or verdict.blame not in (Blame.CHARGER, Blame.UNKNOWN):
        return
    if not session.elsewhere and _serves_others(state, session):
        own = _failure(session)
        known = [each for each in failures.get(token, []) if each.session != session.id]
        session.elsewhere = _elsewhere(known, own)
        if token not in failures and len(failures) >= TOKENS_MAX:
            del failures[next(iter(failures))]
        failures[token] = [*known, own][-FAILURES_MAX:]
    if session.elsewhere:
        session.verdict = msgspec.structs.replace(
            verdict, blame=Blame.VEHICLE, evidence=verdict.evidence + session.elsewhere
        )


def _serves_others(state: StationState, session: SessionState) -> bool:
    """Whether the last of another's sessions there that succeeded or failed did succeed."""
    for each in reversed(state.sessions.values()):
        outcome = each.verdict.outcome
        if (
            each.ending is not None
            and _place(each) == _place(session)
            and each.token != session.token
            and outcome in (Outcome.SUCCESS, Outcome.FAILED)
        ):
            return outcome is Outcome.SUCCESS
    return False


def _elsewhere(known: list[Failure], own: Failure) -> tuple[Evidence, ...]:
    if any(_at_once(one, other) for one, other in combinations([*known, own], 2)):
        return ()
    others = {
        (each.station, _place(each)): each
        for each in known
        if _place(each) != _place(own) or each.station != own.station
        if 0 <= own.until_ns - each.until_ns <= WITHIN_NS
    }
    if len(others) < SEVERAL - 1 or all(each.station == own.station for each in others.values()):
        return ()  # the connectors of one station have one supply and one computer
    return tuple(
        Evidence(
            text=f"The same card failed so at {each.station}, {_named(each)}, where others charge.",
            at_ns=each.until_ns,
            frames=(each.frame,) if each.frame else (),
            session=each.session,
        )
        for each in others.values()
    )


def _at_once(one: Failure, other: Failure) -> bool:
    return one.from_ns < other.until_ns and other.from_ns < one.until_ns


def _failure(session: SessionState) -> Failure:
    return Failure(
        session=session.id,
        station=session.station,
        evse=session.evse,
        connector=session.connector,
        from_ns=session.started_at_ns,
        until_ns=session.stopped_at_ns or session.started_at_ns,
        frame=session.stop_frame,
    )


def _place(of: SessionState | Failure) -> tuple[int | None, int | None]:
    return (of.evse, None) if of.evse is not None else (None, of.connector)


def _named(each: Failure) -> str:
    return f"EVSE {each.evse}" if each.evse is not None else f"connector {each.connector}"
