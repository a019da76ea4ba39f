"""What is remembered of one session, and the record that everyone sees of it. No decisions: those are in ``verdict.py``.

A ``SessionState`` is changed in place by the tracker of its station and is part of the snapshot; ``record`` makes the frozen
``Session`` of it. What always holds: the id never changes, and the timeline never forgets a milestone.
"""

from __future__ import annotations

import msgspec

from nocwatch.flags import Evidence, derived_id
from nocwatch.moments import SECOND_NS
from nocwatch.ocpp.events import TransactionEnded
from nocwatch.plans import Booking, Costs, Plan
from nocwatch.sessions import Milestone, Session, SessionStep
from nocwatch.state import by_power, meter
from nocwatch.state.facts import TOGETHER_NS, Facts, Hole, Order, Verdict
from nocwatch.state.meter import Meter
from nocwatch.state.register import SLACK_WH, UNTIMED_SLACK_WH, Gate, no_reading
from nocwatch.state.settings import StateSettings
from nocwatch.state.start_source import start_source
from nocwatch.state.verdict import judge

ACTS_MAX = 16
"""Authorisations, errors, issues and message ids of a session; a retry loop must not fill the memory."""


class Guess(msgspec.Struct, frozen=True, kw_only=True):
    """A stop that was taken for a session's by its likeness alone.

    Attributes:
        meter: of the session, as it was before.
        unheard_of: the stop's number was nobody's, so it may be of a transaction whose start was never seen; else it names several.
    """

    stop: TransactionEnded
    meter: Meter
    unheard_of: bool = False


class SessionState(Facts, kw_only=True):
    """A session under way, or one that is remembered for what may still come.

    Attributes:
        created_at_ns: its first act; what the id is derived from.
        calls: ``connection/message id`` of the calls that began it, retries included.
        begin_frames: frames of those calls; ``end_frames`` of the stops.
        began_said_us: the station's time stamp of the start as it stood, to know a retry by; ``end_said_us`` of the stop.
        closed_at_ns: pipeline time of its end, None while it goes on.
        last_heard_ns: pipeline time of the last sign of the transaction.
        free_since_ns: event time from which its connector is said to be Available, although nothing was heard of its end.
        end_calls: as ``calls``, of the stops; ``complete_at_ns`` when a stop was answered.
        other_transactions: further ids that the CSMS gave to retries of the start.
        sequence_high, sequence_missing: 2.x seqNo: the highest seen, and those below it that were not.
        sequence_excused: missing ones that were Updated messages of an offline time (E04.FR.07, FR.08).
        likely_evse: of an attempt that names no place: the one that was taken first after its card was accepted.
        reading_frame: frame of the last register reading that counted; ``reading_number`` its seqNo (2.x), ``reading_heard_ns`` when it was heard.
        resumed: it went on after a boot, or was taken up again (2.1 TxResumed).
        token_said: the transaction's own messages named its token; else it is that of the act which seemed to lead to it.
        let_go: its connector was Available again after the act: the station waits for no vehicle any more.
        unnumbered: 1.6: samples of it said -1 since the start was last sent: the station does not know its number.
        elsewhere: the same card's failures on other connectors, where they show that it was the vehicle.
        guess: the stop that ended it, where it was taken for this one's because it was the likeliest.
        verdict: as last judged; ``told`` is the record as last given off, ``told_verdict`` its verdict at its first end.
    """

    id: str
    station: str
    evse: int | None = None
    connector: int | None = None
    upstream: str = ""
    created_at_ns: int
    calls: list[str] = msgspec.field(default_factory=list)
    begin_frames: list[str] = msgspec.field(default_factory=list)
    end_frames: list[str] = msgspec.field(default_factory=list)
    began_said_us: int | None = None
    closed_at_ns: int | None = None
    last_heard_ns: int = 0
    free_since_ns: int | None = None
    sequence_low: int | None = None
    sequence_high: int | None = None
    sequence_excused: list[int] = msgspec.field(default_factory=list)
    complete_at_ns: int | None = None
    end_calls: list[str] = msgspec.field(default_factory=list)
    end_said_us: int | None = None
    other_transactions: list[int | str] = msgspec.field(default_factory=list)
    likely_evse: int | None = None
    reading_frame: str = ""
    reading_number: int | None = None
    reading_heard_ns: int = 0
    power_w: float | None = None
    power_w_max: float | None = None
    soc_percent: float | None = None
    suspended_by: str | None = None
    interrupted: bool = False
    steps: list[SessionStep] = msgspec.field(default_factory=list)
    steps_dropped: int = 0
    issues: list[Evidence] = msgspec.field(default_factory=list)
    late: bool = False
    costs: Costs | None = None
    reservation: Booking | None = None
    resumed: bool = False
    token_said: bool = False
    let_go: bool = False
    unnumbered: bool = False
    elsewhere: tuple[Evidence, ...] = ()
    guess: Guess | None = None
    verdict: Verdict = Verdict()
    told: Session | None = None
    told_verdict: Verdict | None = None
    told_energy_wh: float | None = None
    revised_because: str = ""

    @property
    def open(self) -> bool:
        return self.ending is None


def session_id(station: str, first_act_at_ns: int, kind: str, name: str | int | None) -> str:
    """The id: from the station, the first act's receive time in microseconds, and what that act was and named.

    Microseconds, because a trace's time stamps have no more: a journal and the trace exported from it give the same ids. The
    name (message id of a start, transaction of 2.x, token of an Authorize) tells acts of one read apart.
    """
    return derived_id("session", station, first_act_at_ns // 1000, kind, name)


def step(
    state: SessionState,
    settings: StateSettings,
    at_ns: int,
    name: str,
    text: str = "",
    frames: tuple[str, ...] = (),
) -> None:
    """Adds an entry of the timeline. A milestone counts once; a micro-transition is dropped beyond the limit."""
    milestone = name in _MILESTONES
    if milestone and any(each.name == name for each in state.steps):
        return
    if not milestone and len(state.steps) >= settings.steps_max:
        state.steps_dropped += 1
        return
    state.steps.append(SessionStep(at_ns=at_ns, name=name, milestone=milestone, text=text, frames=frames))


def unstep(state: SessionState, *names: str) -> None:
    """Takes milestones back that turned out not to be reached: a lost stop that came after all."""
    state.steps = [each for each in state.steps if each.name not in names]


def heard(state: SessionState, now_ns: int, when_ns: int) -> None:
    """A sign of the transaction, of that time: what said before that its connector is free spoke too early."""
    state.last_heard_ns = now_ns
    if state.free_since_ns is not None and state.free_since_ns < when_ns:
        state.free_since_ns = None


def issue(state: SessionState, text: str, at_ns: int, *frames: str) -> None:
    """Something that went wrong without deciding the outcome. The same words count once."""
    if len(state.issues) < ACTS_MAX and all(each.text != text for each in state.issues):
        state.issues.append(Evidence(text=text, at_ns=at_ns, frames=frames))


def rejudge(state: SessionState, holes: list[Hole], orders: list[Order], settings: StateSettings) -> None:
    """The verdict anew, from all that is known; and with it the last milestone, Completed or Failed."""
    if state.ending is None:
        state.verdict = Verdict()
        return
    state.energy_wh = energy_wh(state, settings)
    state.verdict = judge(state, holes, orders, settings)


def record(state: SessionState, now_ns: int, settings: StateSettings) -> Session:
    """The session as it stands, one revision on from the last record."""
    verdict = state.verdict
    source, confidence = start_source(state)
    return Session(
        id=state.id,
        station=state.station,
        evse=state.evse,
        connector=state.connector,
        transaction=state.transaction,
        upstream=state.upstream,
        version=state.version,
        started_at_ns=state.started_at_ns,
        stopped_at_ns=state.stopped_at_ns,
        changed_at_ns=now_ns,
        energy_wh=energy_wh(state, settings),
        meter_start_wh=register_wh(state, state.meter.start_wh, settings),
        meter_stop_wh=register_wh(state, state.meter_stop_wh, settings),
        power_w=state.power_w,
        power_w_max=state.power_w_max,
        soc_percent=state.soc_percent,
        outcome=verdict.outcome,
        reason=verdict.reason,
        blame=verdict.blame,
        blame_evidence=verdict.evidence,
        stop_reason=state.stop_reason,
        start_source=source,
        start_confidence=confidence,
        token=state.token or None,
        phase=_phase(state),
        suspended_by=state.suspended_by,
        steps=_timeline(state.steps),
        issues=tuple(state.issues) + verdict.issues,
        late=state.late,
        plan=_plan(state),
        costs=state.costs,
        reservation=state.reservation,
        resumed=state.resumed,
        revision=0 if state.told is None else state.told.revision + 1,
        revised_because=state.revised_because,
    )


def sequence(state: SessionState, number: int | None, *, offline: bool) -> None:
    """Takes a seqNo in: gaps are counted within the transaction, whatever number it began with [OCPP 2.0.1 E01.FR.07]."""
    if number is None:
        return
    if state.sequence_high is None or state.sequence_low is None:
        state.sequence_high = state.sequence_low = number
        return
    missing = state.sequence_missing
    if number > state.sequence_high:
        gap = range(state.sequence_high + 1, min(number, state.sequence_high + 1 + _GAP_MAX))
        (state.sequence_excused if offline else missing).extend(gap[: _GAP_MAX - len(missing)])
        state.sequence_high = number
    elif number < state.sequence_low:
        missing.extend(range(number + 1, state.sequence_low)[: _GAP_MAX - len(missing)])
        state.sequence_low = number
    elif number in missing:
        missing.remove(number)


def token_of(state: SessionState, token: str | None, token_type: str) -> None:
    """The first token that the station names for the session; a later, non-empty one fills a gap and replaces nothing."""
    if token is not None and not state.token:
        state.token = token
        state.token_type = token_type or state.token_type


def gate_of(untimed: bool, settings: StateSettings, restarts: tuple[tuple[int, int], ...] = ()) -> Gate:
    """What is believed of a session's registers."""
    return Gate(settings.power_w_max, UNTIMED_SLACK_WH if untimed else SLACK_WH, restarts)


def energy_wh(state: SessionState, settings: StateSettings) -> float | None:
    """The session's energy so far."""
    return by_power.energy_wh(state.flowed, state.meter, gate_of(state.meter.untimed, settings))


def register_wh(state: SessionState, said_wh: float | None, settings: StateSettings) -> float | None:
    """A register of the session in Wh, as far as frames tell that it is in kWh."""
    if said_wh is None or not state.flowed.thousandth or no_reading(said_wh):
        return said_wh
    energy = meter.energy_wh(state.meter, gate_of(state.meter.untimed, settings))
    return said_wh * by_power.factor(state.flowed, energy)


def near(first_ns: int, second_ns: int, seconds: float) -> bool:
    return abs(first_ns - second_ns) <= seconds * SECOND_NS


def _plan(state: SessionState) -> Plan | None:
    """The plan as it was: what was to come after the end never came."""
    plan, stopped_ns = state.plan, state.stopped_at_ns
    if plan is None or stopped_ns is None:
        return plan
    limits = tuple(each for each in plan.limits if each.from_ns <= stopped_ns)
    return plan if len(limits) == len(plan.limits) else msgspec.structs.replace(plan, limits=limits)


def _timeline(steps: list[SessionStep]) -> tuple[SessionStep, ...]:
    """Steps as people read them: in the order in which they were, and milestones that fall together in theirs.

    A station's time stamp is often a whole second, and beside it stand moments that the relay saw to the microsecond. A step
    that seems to come before its forerunner by no more than that is moved to it. More than that is no matter of clocks.
    """
    told: list[SessionStep] = []
    reached_ns: int | None = None
    for each in sorted((each for each in steps if each.milestone), key=lambda each: _ORDER[each.name]):
        behind_ns = 0 if reached_ns is None else reached_ns - each.at_ns
        moved = 0 < behind_ns < TOGETHER_NS
        told.append(msgspec.structs.replace(each, at_ns=reached_ns) if moved else each)
        reached_ns = max(told[-1].at_ns, reached_ns or 0)
    first_ns = told[0].at_ns if told else 0
    for each in (each for each in steps if not each.milestone):
        moved = 0 < first_ns - each.at_ns < TOGETHER_NS
        told.append(msgspec.structs.replace(each, at_ns=first_ns) if moved else each)
    return tuple(sorted(told, key=lambda each: each.at_ns))


_MILESTONES = frozenset(each.value for each in Milestone)
_ORDER = {each.value: index for index, each in enumerate(Milestone)}
_GAP_MAX = 64
"""Missing seqNos that are remembered: one is enough to say that the record is incomplete."""


def _phase(state: SessionState) -> Milestone:
    """The furthest milestone: Failed and Completed come after Stopped, Released after all."""
    reached = [each.name for each in state.steps if each.milestone]
    return Milestone(max(reached, key=_ORDER.__getitem__)) if reached else Milestone.CREATED
