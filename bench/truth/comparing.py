"""Which session was rebuilt of which life, and where the two tell different things. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nocwatch.flags import Blame
from nocwatch.moments import SECOND_NS
from nocwatch.sessions import Session
from nocwatch.sim.truth import Truth
from truth.lives import GATE, Life

NEAR_NS = 120 * SECOND_NS
"""A session without a number of its own, by place and token, begins this near to the life that it is of."""
LATE_NS = 3 * 3600 * SECOND_NS
"""One with a number, or a register at its start, this near: longer than any queue of the bench is held up."""
ROUNDING_WH = 1.0
"""Registers show whole watt-hours: start and stop are rounded, so their difference may be one off."""
NOBODY = "nobody lived it"
NO_SESSION = "no session"


@dataclass(frozen=True)
class Compared:
    """One life beside its session; either may be missing.

    Attributes:
        blamed: one of the two names a blame at all.
        words: what CSMS, vehicle and terminal said beside is known as it was said; ``spoken``: they said something.
    """

    truth: Truth | None
    session: Session | None
    outcome: bool
    reason: bool
    energy: bool
    blame: bool
    blamed: bool
    words: bool = True
    spoken: bool = False

    @property
    def whole(self) -> bool:
        return self.outcome and self.reason and self.energy and self.blame and self.words

    def text(self) -> str:
        """``truth → verdict``, without what differs from one to the next: to count alike ones."""
        return f"{told(self.truth) if self.truth else NOBODY} → {told(self.session) if self.session else NO_SESSION}" + (
            "" if self.energy else " (energy)"
        ) + ("" if self.words else " (words)")  # fmt: skip

    def example(self) -> str:
        """One of them, to be found again in its world."""
        one = self.truth or self.session
        assert one is not None
        text = f"{one.station}/{one.evse or ''}.{one.connector} {one.transaction}"
        if self.truth is not None:
            text += f" lived {_numbers(self.truth)}"
        return text + (f" rebuilt {_numbers(self.session)}" if self.session is not None else "")


def compare(life: Life) -> list[Compared]:
    """Every life with its session, and the sessions that nobody lived."""
    found = [_compare(truth, session) for truth, session in pairs(life)]
    known = {each.session.id for each in found if each.session is not None}
    strangers = [each for each in life.sessions.values() if each.id not in known and not _absorbed(each)]
    found += [_compare(None, session) for session in strangers]
    return found


def pairs(life: Life) -> Iterable[tuple[Truth, Session | None]]:
    """By the transaction's number first, the nearest where it was given twice; what has none by token, place and time.

    A transaction whose start was told late, by a clock that was never set, is known by its token and the register at its start.
    """
    left: dict[str, list[Session]] = {}
    for session in life.sessions.values():
        if not _absorbed(session):
            left.setdefault(session.station, []).append(session)
    chosen: dict[int, Session] = {}
    for fits in (_same_transaction, _same_act, _same_start, _same_place):
        wanted = [
            (*_apart_ns(truth, session), index, n, truth, session)
            for index, truth in enumerate(life.truths)
            if index not in chosen
            for n, session in enumerate(left.get(truth.station, ()))
            if fits(truth, session)
        ]
        taken: set[str] = set()
        for _, _, index, _, _, session in sorted(wanted, key=lambda each: each[:4]):
            if index not in chosen and session.id not in taken:
                chosen[index] = session
                taken.add(session.id)
        for station, sessions in left.items():
            left[station] = [each for each in sessions if each.id not in taken]
    for index, truth in enumerate(life.truths):
        yield truth, chosen.get(index)


def _absorbed(session: Session) -> bool:
    """An act that became part of another session's; key figures count it with that one (``kpis.counting``)."""
    return any(step.name == "joined" for step in session.steps)


def _same_transaction(truth: Truth, session: Session) -> bool:
    return (
        truth.transaction not in (None, 0, -1)
        and truth.transaction == session.transaction
        and abs(session.started_at_ns - truth.started_at_ns) < LATE_NS
    )


def _same_act(truth: Truth, session: Session) -> bool:
    return _same_place(truth, session) and _token(truth) == session.token


def _same_start(truth: Truth, session: Session) -> bool:
    near = abs(session.started_at_ns - truth.started_at_ns) <= LATE_NS
    start_wh = truth.meter_start_wh
    same = start_wh is not None and session.meter_start_wh == start_wh and _token(truth) == session.token
    return truth.began and near and same and _there(truth, session)


def _same_place(truth: Truth, session: Session) -> bool:
    near = _apart_ns(truth, session)[0] <= NEAR_NS
    return near and _there(truth, session) and _alike(truth, session)


def _apart_ns(truth: Truth, session: Session) -> tuple[int, int]:
    """How far life and session are from each other: by their nearer ends, then by both.

    A card that waited before its answer, or before the question, has its end in common with what was heard of it.
    """
    begun_ns = abs(session.started_at_ns - truth.started_at_ns)
    ended_ns = abs((session.stopped_at_ns or session.started_at_ns) - truth.stopped_at_ns)
    return min(begun_ns, ended_ns), begun_ns + ended_ns


def _token(truth: Truth) -> str | None:
    return GATE.token(truth.token) if truth.token else None


def _alike(truth: Truth, session: Session) -> bool:
    """A transaction is not an attempt."""
    return truth.began == any(step.name in ("started", "stop_without_start") for step in session.steps) or (
        truth.began and session.meter_stop_wh is not None
    )


def _there(truth: Truth, session: Session) -> bool:
    if session.evse is None and session.connector is None:
        return True
    return truth.evse == session.evse and session.connector in (None, truth.connector)


def _compare(truth: Truth | None, session: Session | None) -> Compared:
    if truth is None or session is None:
        return Compared(
            truth, session, outcome=False, reason=False, energy=False, blame=False, blamed=truth is None or truth.blame is not None
        )  # fmt: skip
    return Compared(
        truth,
        session,
        outcome=truth.outcome == session.outcome,
        reason=truth.reason == session.reason,
        energy=_energy(truth, session),
        blame=truth.blame == session.blame,
        blamed=truth.blame is not None or session.blame is not None,
        words=all(lived == rebuilt for lived, rebuilt in _words(truth, session)),
        spoken=bool(_words(truth, session)),
    )


def _words(truth: Truth, session: Session) -> list[tuple[object, object]]:
    """What was said beside the course of the charge, beside what is known of it."""
    costs, plan = session.costs, session.plan
    reported, settled = (costs.reported, costs.settled) if costs is not None else (None, None)
    needs, priority = (plan.needs, plan.priority) if plan is not None else (None, None)
    pairs = (
        (
            truth.cost,
            float(reported.amount) if reported is not None and reported.amount is not None else None,
        ),
        (
            truth.settled,
            float(settled.amount) if settled is not None and settled.amount is not None else None,
        ),
        (truth.needs_wh, needs.energy_wh if needs is not None else None),
        (truth.priority, priority),
    )
    return [(lived, rebuilt) for lived, rebuilt in pairs if lived is not None]


def _energy(truth: Truth, session: Session) -> bool:
    missing_wh = truth.energy_wh - (session.energy_wh or 0.0)
    return -ROUNDING_WH <= missing_wh <= ROUNDING_WH + truth.hidden_wh


def told(one: Truth | Session) -> str:
    """Outcome, reason and blame."""
    blame = one.blame if one.blame is not None else None
    return " ".join(str(each) for each in (one.outcome, one.reason, f"({blame})" if blame else "") if each)


def _numbers(one: Truth | Session) -> str:
    lasted_s = ((one.stopped_at_ns or one.started_at_ns) - one.started_at_ns) / SECOND_NS
    hidden = f", {one.hidden_wh:.1f} hidden" if isinstance(one, Truth) and one.hidden_wh else ""
    energy = "no energy" if one.energy_wh is None else f"{one.energy_wh:.1f} Wh{hidden}"
    cause = f", {one.cause}" if isinstance(one, Truth) and one.cause else ""
    return f"[{energy}, {lasted_s:.0f} s, {one.stop_reason or '-'}{cause}]"


UNKNOWN = Blame.UNKNOWN
