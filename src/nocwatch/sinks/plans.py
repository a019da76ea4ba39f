"""What was planned and paid, as InfluxDB line protocol: limits over time, running costs, reservations. Pure; the rest is in ``lines.py``.

What always holds: a limit is written when its time has come, never before, because a plan can change and a point cannot be taken back;
the same change gives the same lines.
"""

from __future__ import annotations

from nocwatch.plans import Costs, Limit, Plan, in_a_word
from nocwatch.sessions import Session
from nocwatch.sinks.escapes import FOLD_NS, string
from nocwatch.state.changes import ReservationChanged, SessionChanged


def planned(change: SessionChanged, tags: str) -> list[str]:
    """Limits that came to hold with this change, and costs that were said. ``tags`` of the connector, from the first comma on."""
    before, now = change.before, change.now
    made = []
    if now.plan is not None and (before is None or before.plan is not now.plan or now.plan.limits):
        known = _held(before.plan, before.changed_at_ns) if before is not None else set()
        made += [
            _limit(each, now, tags)
            for each in now.plan.limits
            if each.from_ns <= change.at_ns and each not in known
        ]
    if now.costs is not None and (before is None or before.costs != now.costs):
        notes = before.costs.notes if before is not None and before.costs is not None else ()
        made += [
            _costs(now.costs, at, now, tags) for at, each in enumerate(now.costs.notes) if each not in notes
        ]
    if change.ended and now.plan is not None and now.plan.limits and now.stopped_at_ns is not None:
        # Nobody charges any more: a panel must not draw the limit on.
        made.append(_limit(Limit(from_ns=now.stopped_at_ns + FOLD_NS), now, tags))
    return made


def fields_of(session: Session) -> list[str]:
    """What the point of a session has of it."""
    reported = session.costs.reported if session.costs is not None else None
    made = []
    if reported is not None and reported.amount is not None:
        made.append(f"cost={float(reported.amount)!r},currency={string(reported.currency)}")
    if session.plan is not None and (word := in_a_word(session.plan.limits)):
        made.append(f'limited="{word}"')
    if session.reservation is not None:
        made.append(f"reservation={session.reservation.id}i")
    return made


def reservation(change: ReservationChanged, tags: str, at_ns: int) -> str:
    """What became of a reservation, when it did."""
    now = change.now
    fields = f'reservation={now.id}i,state="{now.state}",standing={int(now.ended_at_ns is None)}i'
    if now.session:
        fields += f',session="{now.session}"'
    return f"reservations{tags} {fields} {at_ns}"


def _limit(each: Limit, session: Session, tags: str) -> str:
    fields = f'limited={int(each.limit is not None)}i,session="{session.id}"'
    if each.limit is not None:
        unit = "limit_a" if each.unit == "A" else "limit_w"
        fields += f",{unit}={float(each.limit)!r},purpose={string(each.purpose)},by={string(each.by)}"
    return f"limits{tags} {fields} {_own(each.from_ns, session)}"


def _costs(costs: Costs, at: int, session: Session, tags: str) -> str:
    each = costs.notes[at]
    fields = f'by="{each.by}",final={int(each.final)}i,session="{session.id}"'
    if each.amount is not None:
        fields += f",cost={float(each.amount)!r},currency={string(each.currency)}"
    if each.failure:
        fields += f",failure={string(each.failure)}"
    return f"costs{tags} {fields} {_own(each.at_ns, session)}"


def _held(plan: Plan | None, at_ns: int) -> set[Limit]:
    return set() if plan is None else {each for each in plan.limits if each.from_ns <= at_ns}


def _own(at_ns: int, session: Session) -> int:
    """Times of a session's own, so that two sessions of one moment do not overwrite each other."""
    return at_ns // FOLD_NS * FOLD_NS + int(session.id[:3], 16)
