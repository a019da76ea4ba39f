"""Holds the store against the pipeline, once after each start: what the pipeline has no memory of must not stand for ever.

A snapshot that cannot be used, a journal that no longer reaches back to where a trouble began, rules that were edited just
before a kill: then the rebuilt pipeline does not know a flag that the store has raised, or makes the alert anew with fewer
revisions than people were told. Nobody would ever end those. So each flag and alert that stands in the store alone is ended
there with the reason, and an alert that the store is ahead with goes on after the store's revision. A session that goes on in
the store alone is ended too: where it ended nobody saw, so it counts for no key figure of tries.

What always holds: it is done when all is read that the store had seen, and never before; what is written and the act that
makes it known to the pipeline are one transaction, so a kill leaves it done or not begun; done twice it changes nothing.
The act is kept like a person's and done again at its place after a restart. What the pipeline itself says later holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec
import structlog
import trio

from nocwatch import clock
from nocwatch.alerts.acts import Act, ActKind, Stored
from nocwatch.alerts.alert import Alert, AlertState, Notice
from nocwatch.flags import Blame, Evidence, Flag, FlagState, derived_id
from nocwatch.journal.cursor import Cursor
from nocwatch.kpis.counting import FORGOTTEN
from nocwatch.pipeline import Pipeline, Step
from nocwatch.sessions import Milestone, Outcome, Reason, Session, SessionStep
from nocwatch.store.store import Store
from nocwatch.store.values import AuditEntry

ThingT = TypeVar("ThingT")

log = structlog.get_logger("nocwatch.watch")

THINGS_MAX = 500
"""Flags and alerts of one transaction: people's acts and the console wait some ten milliseconds for it, not for all of a fleet."""
BECAUSE = (
    "nocwatch was started again without its memory of how this began, and watches it no more. "
    "It may not be over: have a look. If it is found anew, it is told anew."
)
LOST = (
    "nocwatch was started again without its memory of this session, which was last heard of then. "
    "How it ended is not known; what comes of it now is a session of its own."
)
US = "nocwatch"
"""Who did it, in audit and acts."""


class Known(msgspec.Struct, frozen=True):
    """What the pipeline knows at one moment.

    Attributes:
        now_ns: its time.
        flags: ids of those that stand.
        alerts: id → revision, of all in the book; ``open`` those that fire or are acknowledged.
        sessions: ids of those under way.
    """

    now_ns: int
    flags: frozenset[str]
    alerts: Mapping[str, int]
    open: frozenset[str]
    sessions: frozenset[str]


class Alignment(msgspec.Struct, frozen=True):
    """What is to be written together, and then made known to the pipeline."""

    step: Step
    act: Act
    audit: list[AuditEntry]
    sessions: dict[str, Session] = {}


def known(pipeline: Pipeline) -> Known:
    """Call it in the loop's own thread."""
    book = pipeline.book
    return Known(
        pipeline.now_ns,
        frozenset(pipeline.engine.known),
        book.revisions,
        frozenset(alert.id for alert in book.open),
        frozenset(each.id for station in pipeline.stations for each in pipeline.sessions(station)),
    )


def reached(cursor: Cursor, store: bytes | None) -> bool:
    """Whether all is read again that the store had seen: of each lane that still is the one it was.

    Args:
        cursor: how far the journal is read.
        store: the cursor that the store kept with its last batch, as JSON; None where it has none.
    """
    try:
        goal = msgspec.json.decode(store, type=Cursor) if store else Cursor()
    except msgspec.DecodeError:
        return True
    return all(
        cursor.lanes.get(lane, 0) >= sequence
        for lane, sequence in goal.lanes.items()
        if cursor.identities.get(lane) == goal.identities.get(lane)
    )


async def misaligned(store: Store, pipeline: Pipeline) -> list[Alignment]:
    """What stands in the store and not in the pipeline, in portions.

    Raises:
        StoreUnavailableError: it cannot be read now.
    """
    found = await trio.to_thread.run_sync(_misaligned, store, known(pipeline))
    flags, alerts = (sum(len(getattr(each.step, kind)) for each in found) for kind in ("flags", "alerts"))
    sessions = sum(len(each.sessions) for each in found)
    if flags or alerts or sessions:
        log.warning(
            "the watch has no memory of what the store has; it is ended there",
            flags=flags,
            alerts=alerts,
            sessions=sessions,
        )
    return found


def _misaligned(store: Store, known: Known) -> list[Alignment]:
    lost = [flag for flag in store.raised_flags() if flag not in known.flags]
    made = [_of_flags(store.flags_by_id(some), known.now_ns) for some in _portions(lost)]
    ended: list[Alert] = []
    behind: dict[str, Stored] = {}
    for each in store.standing_alerts(known.open):
        mine = known.alerts.get(each.id)
        if mine is None:
            if each.open and (alert := store.alert(each.id)) is not None:
                ended.append(_ended(alert, each.told, known.now_ns))
        elif mine < each.revision and (each.open or not each.resolved_by):
            behind[each.id] = Stored(each.revision, each.told)
    made += [_of_alerts(some, known.now_ns) for some in _portions(ended)]
    unknown = [session for session in store.ongoing_sessions() if session not in known.sessions]
    made += [_of_sessions(store, some, known.now_ns) for some in _portions(unknown)]
    if behind:
        step = Step(None, known.now_ns)
        made.append(Alignment(step, _act(known.now_ns, alerts=behind), []))
    return made


def _portions(things: list[ThingT]) -> list[list[ThingT]]:
    return [things[begin : begin + THINGS_MAX] for begin in range(0, len(things), THINGS_MAX)]


def _of_flags(flags: list[Flag], now_ns: int) -> Alignment:
    ended = [
        msgspec.structs.replace(
            flag,
            state=FlagState.CLEARED,
            at_ns=max(now_ns, flag.at_ns),
            cleared_because=BECAUSE,
            forgotten=True,
        )
        for flag in flags
    ]
    act = _act(now_ns, flags=tuple(flag.id for flag in flags))
    return Alignment(Step(None, now_ns, flags=ended), act, [_entry(flag.id) for flag in flags])


def _of_alerts(ended: list[Alert], now_ns: int) -> Alignment:
    act = _act(now_ns, alerts={alert.id: Stored(alert.revision, told=False) for alert in ended})
    return Alignment(Step(None, now_ns, alerts=ended), act, [_entry(alert.id) for alert in ended])


def _ended(alert: Alert, told: bool, now_ns: int) -> Alert:
    return msgspec.structs.replace(
        alert,
        state=AlertState.RESOLVED,
        open_count=0,
        at_ns=max(now_ns, alert.at_ns),
        # Told to whoever heard of it, and never by two ends: a service that opened an incident for it must close that one.
        notice=Notice.RESOLVED if told else Notice.NONE,
        resolved_because=BECAUSE,
        resolved_by="",
        forgotten=True,
        revision=alert.revision + 1,
    )


def _of_sessions(store: Store, ids: list[str], now_ns: int) -> Alignment:
    found = [session for each in ids if (session := store.session(each)) is not None]
    ended = {session.id: _left(session) for session in found}
    return Alignment(Step(None, now_ns), _act(now_ns), [_entry(each) for each in ended], ended)


def _left(session: Session) -> Session:
    """As it was when it was last heard of. Of one revision, so that a pipeline that comes to know it again has the word."""
    at_ns = session.changed_at_ns
    return msgspec.structs.replace(
        session,
        outcome=Outcome.FAILED,
        reason=Reason.UNKNOWN,
        blame=Blame.UNKNOWN,
        blame_evidence=(Evidence(text=LOST, at_ns=at_ns),),
        stopped_at_ns=at_ns,
        power_w=None,
        phase=Milestone.FAILED,
        steps=(*session.steps, SessionStep(at_ns=at_ns, name=FORGOTTEN, text=LOST)),
    )


def _act(now_ns: int, flags: tuple[str, ...] = (), alerts: dict[str, Stored] | None = None) -> Act:
    alerts = alerts or {}
    return Act(
        id=f"{clock.now_ns():016x}{derived_id(*flags, *alerts)}",
        kind=ActKind.ALIGN,
        at_ns=now_ns,
        by=US,
        flags=flags,
        alerts=alerts,
    )


def _entry(subject: str) -> AuditEntry:
    return AuditEntry(id=0, at_ns=clock.now_ns(), by=US, action="forget", subject=subject, details=BECAUSE)
