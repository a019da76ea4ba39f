"""Which limit holds when: the charging profiles that a station has taken, put together as OCPP tells it to. Pure.

Of each purpose the profile of the highest stack level that has a step at that moment counts (a connector's own default before
the station's); one of the transaction goes before a default; and of what is left the lowest holds, that of the station
and that of others than the CSMS among them [OCPP 1.6 §3.13, 2.0.1 part 2 K01]. What the station really does is its own affair: this
is what it was told, and said yes to. What always holds: no profile makes these functions raise, and their answers are bounded.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import msgspec

from nocwatch.moments import DAY_NS, SECOND_NS
from nocwatch.ocpp.planning import ChargingProfile, Period, Schedule
from nocwatch.plans import Limit

STEPS_MAX = 96
"""Steps of one answer, and of a schedule as it is kept: a day in quarters of an hour."""
HORIZON_NS = 2 * DAY_NS
"""How far ahead is looked: longer than a car stays, and a timer looks again then."""
MAINS_V = 230.0
PHASES = 3
"""What amperes are taken as, to compare them with watts: only which of two limits is lower rests on it."""
STEP_S_MAX = 366 * 86_400.0
"""A step later than this in its schedule is no plan, whatever it is."""
MOMENT_NS_MAX = 2**62
"""The year 2116: a moment beyond it is a mistake, and would not fit into what is kept."""

TRANSACTION = "TxProfile"
DEFAULT = "TxDefaultProfile"
PRIORITY = "PriorityCharging"
EXTERNAL = "ChargingStationExternalConstraints"
GENERATION = "LocalGeneration"
ACCEPTED = "Accepted"
_CYCLES = {"Daily": DAY_NS, "Weekly": 7 * DAY_NS}


class Installed(msgspec.Struct, kw_only=True):
    """A charging profile that a station was given.

    Attributes:
        evse, connector: None or 0 where it is meant for all of them.
        status: the station's answer; empty while it is awaited.
        from_ns: since when it is in force, None where it never was; ``ended_at_ns`` until when.
        session: id of the session that it was made for.
        moved_frame: of the message that gave it its present limit, where that is another (2.1 dynamic schedules).
        by: ``csms``, or who else limits.
    """

    profile: ChargingProfile
    evse: int | None = None
    connector: int | None = None
    connection: int
    message_id: str
    asked_at_ns: int
    frame: str
    answer_frame: str = ""
    status: str = ""
    from_ns: int | None = None
    ended_at_ns: int | None = None
    session: str = ""
    moved_frame: str = ""
    by: str = "csms"

    @property
    def in_force(self) -> bool:
        return self.from_ns is not None and self.ended_at_ns is None

    @property
    def everywhere(self) -> bool:
        return not self.evse and not self.connector

    def covers(self, evse: int | None, connector: int | None) -> bool:
        """2.x gives a profile to an EVSE, 1.6 to a connector."""
        if self.everywhere:
            return True
        return self.evse == evse if self.evse else evse is None and self.connector == connector

    @property
    def frames(self) -> tuple[str, ...]:
        return tuple(each for each in (self.frame, self.answer_frame) if each)


class Situation(NamedTuple):
    """Of whom limits are asked: ``began_ns`` of the transaction, None where there is none."""

    began_ns: int | None = None
    priority: bool = False


class _Step(NamedTuple):
    each: Installed
    period: Period
    unit: str

    @property
    def watts(self) -> float:
        limit = self.period.limit or 0.0
        return limit * MAINS_V * (self.period.phases or PHASES) if self.unit == "A" else limit


def kept(profile: ChargingProfile) -> tuple[ChargingProfile, int]:
    """The profile with no more steps than are remembered, and how many were left out."""
    schedules = tuple(
        msgspec.structs.replace(
            each,
            periods=tuple(sorted(each.periods, key=lambda period: period.start_s)[:STEPS_MAX]),
            starts_at_ns=_sane(each.starts_at_ns),
        )
        for each in profile.schedules
    )
    left_out = sum(max(len(each.periods) - STEPS_MAX, 0) for each in profile.schedules)
    fit = msgspec.structs.replace(
        profile,
        schedules=schedules,
        purpose=profile.purpose[:40],
        kind=profile.kind[:20],
        valid_from_ns=_sane(profile.valid_from_ns),
        valid_to_ns=_sane(profile.valid_to_ns),
    )
    return fit, left_out


def limits(
    profiles: list[Installed], situation: Situation, from_ns: int, until_ns: int | None = None
) -> tuple[Limit, ...]:
    """What these profiles, all of them in force, allow from a moment on; each step differs from the one before it."""
    until_ns = from_ns + HORIZON_NS if until_ns is None else until_ns
    ahead: set[int] = set()
    for each in profiles:
        ahead.update(islice(_turns(each, situation.began_ns, from_ns, until_ns), STEPS_MAX * 4))
    found: list[Limit] = []
    for at_ns in [from_ns, *heapq.nsmallest(STEPS_MAX * 2, ahead)]:
        now = _at(profiles, situation, at_ns)
        if (not found and now.limit is None) or (found and _alike(found[-1], now)):
            continue
        found.append(now)
        if len(found) == STEPS_MAX:
            break
    return tuple(found)


def joined(before: tuple[Limit, ...], after: tuple[Limit, ...], at_ns: int) -> tuple[Limit, ...]:
    """What has been until now, and from now on what is planned anew: the past of a plan is never rewritten."""
    past = [each for each in before if each.from_ns < at_ns]
    rest = [*after]
    if past and not rest and past[-1].limit is not None:
        rest = [Limit(from_ns=at_ns)]
    if past and rest and rest[0].from_ns > at_ns and past[-1].limit is not None:
        rest.insert(0, Limit(from_ns=at_ns))
    if past and rest and _alike(past[-1], rest[0]):
        rest = rest[1:]
    # A load manager sends a limit each ten seconds: the course stays, and what nobody could charge under.
    rest = rest[: max(STEPS_MAX - len(past), STEPS_MAX // 2)]
    while len(past) + len(rest) > STEPS_MAX:
        spare = range(1, len(past) - 1)
        del past[min(spare, key=lambda at: (past[at].nothing, past[at + 1].from_ns - past[at - 1].from_ns))]
    return (*past, *rest)


def chosen(schedules: tuple[Schedule, ...], base_ns: int, frame: str) -> tuple[Limit, ...]:
    """The plan that a vehicle made for itself; its steps count from ``base_ns``."""
    steps = [
        Limit(from_ns=base_ns + int(period.start_s * SECOND_NS), limit=period.limit, unit=schedule.unit[:1],
              phases=period.phases, by="vehicle", frame=frame)
        for schedule in schedules[:1]
        for period in schedule.periods[:STEPS_MAX]
        if 0 <= period.start_s <= STEP_S_MAX
    ]  # fmt: skip
    return tuple(sorted(steps, key=lambda each: each.from_ns))


def _at(profiles: list[Installed], situation: Situation, at_ns: int) -> Limit:
    best: dict[str, tuple[tuple[bool, int, int], _Step]] = {}
    for each in profiles:
        purpose = each.profile.purpose
        step = None if purpose == GENERATION else _step(each, situation.began_ns, at_ns)
        if step is None:
            continue
        group = f"{EXTERNAL} {each.by}" if purpose == EXTERNAL else purpose
        rank = (not each.everywhere, each.profile.stack_level or 0, each.from_ns or 0)
        if group not in best or rank > best[group][0]:
            best[group] = (rank, step)
    own = [group for group in (PRIORITY, TRANSACTION, DEFAULT) if group in best]
    if not situation.priority and PRIORITY in own:
        own.remove(PRIORITY)
    for group in (PRIORITY, TRANSACTION, DEFAULT):
        if group not in own[:1]:
            best.pop(group, None)
    if not best:
        return Limit(from_ns=at_ns)
    lowest = min((step for _, step in best.values()), key=lambda step: step.watts)
    profile = lowest.each.profile
    return Limit(
        from_ns=at_ns,
        limit=lowest.period.limit,
        unit=lowest.unit,
        phases=lowest.period.phases,
        purpose=profile.purpose,
        stack_level=profile.stack_level,
        by=lowest.each.by,
        frame=lowest.each.moved_frame or lowest.each.frame,
    )


def _step(each: Installed, began_ns: int | None, at_ns: int) -> _Step | None:
    """The step of a profile at a moment; None where it has none then, or one that limits nothing."""
    profile = each.profile
    if profile.valid_from_ns is not None and at_ns < profile.valid_from_ns:
        return None
    if profile.valid_to_ns is not None and at_ns >= profile.valid_to_ns:
        return None
    for schedule in profile.schedules:
        base_ns = _base_ns(each, schedule, began_ns, at_ns)
        if base_ns is None or at_ns < base_ns:
            continue
        passed_s = (at_ns - base_ns) / SECOND_NS
        if schedule.duration_s is not None and passed_s >= schedule.duration_s:
            continue
        passed = [period for period in schedule.periods if period.start_s <= passed_s]
        if passed:
            last = passed[-1]
            return None if last.limit is None else _Step(each, last, schedule.unit[:1])
    return None


def _base_ns(each: Installed, schedule: Schedule, began_ns: int | None, at_ns: int) -> int | None:
    if each.profile.kind == "Relative":
        return began_ns
    starts_ns = schedule.starts_at_ns if schedule.starts_at_ns is not None else each.from_ns
    cycle_ns = _CYCLES.get(each.profile.recurrency) if each.profile.kind == "Recurring" else None
    if starts_ns is None or cycle_ns is None or at_ns < starts_ns:
        return starts_ns
    return at_ns - (at_ns - starts_ns) % cycle_ns


def _turns(each: Installed, began_ns: int | None, from_ns: int, until_ns: int) -> Iterator[int]:
    """Moments at which a profile may say something else, in no order."""
    for moment in (each.profile.valid_from_ns, each.profile.valid_to_ns):
        if moment is not None and from_ns < moment < until_ns:
            yield moment
    cycle_ns = _CYCLES.get(each.profile.recurrency) if each.profile.kind == "Recurring" else None
    for schedule in each.profile.schedules:
        base_ns = _base_ns(each, schedule, began_ns, from_ns)
        while base_ns is not None and base_ns < until_ns:
            for second in [*(period.start_s for period in schedule.periods), schedule.duration_s or 0.0]:
                at_ns = base_ns + int(min(max(second, 0.0), STEP_S_MAX) * SECOND_NS)
                if from_ns < at_ns < until_ns:
                    yield at_ns
            if cycle_ns is None:
                break
            base_ns += cycle_ns


def _alike(one: Limit, other: Limit) -> bool:
    """The same limit for the same cause; a profile that is sent again and again is no news."""
    if one.limit is None or other.limit is None:
        return one.limit is other.limit
    return (one.limit, one.unit, one.phases, one.purpose, one.by) == (
        other.limit,
        other.unit,
        other.phases,
        other.purpose,
        other.by,
    )


def _sane(at_ns: int | None) -> int | None:
    return at_ns if at_ns is None or 0 <= at_ns < MOMENT_NS_MAX else None
