"""One rule at work: the states of its detector, and the manners that all rules share. The engine's half of ``base.Context``.

Between what a detector says and a flag stand, in this order: scope, a person who has resolved it, cooldown, maintenance, ``for``.
What is held back waits as *pending* and becomes a flag when nothing holds it any more, unless the detector takes it back
first; an event (a thing without a state) that falls into cooldown or maintenance is dropped. Whatever is withheld is counted.

What always holds: a flag is raised once and cleared once under its id; the same trouble later has another id.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from nocwatch.detectors.board import Board, TimerKind
from nocwatch.detectors.rules import Rule
from nocwatch.flags import Blame, Evidence, Flag, FlagState, Severity, derived_id
from nocwatch.network import Station
from nocwatch.registry.places import Place, Places
from nocwatch.sessions import Session

STATES_MAX = 200_000
"""States a rule keeps: ten for each of 20,000 stations. Beyond it the oldest is forgotten, and counted."""
FLAGS_MAX = 50_000
"""Raised and pending flags of a rule: each connector of a big fleet at once. Beyond it new ones are dropped, and counted."""
ENDED_MAX = 10_000
"""Ids of ended flags that are remembered, so that none is raised twice; beyond it the oldest is forgotten."""
EVIDENCE_MAX = 20
"""Evidence on one flag: more than a person reads. The first ones stay; what comes later is counted."""


class Found(msgspec.Struct):
    """A flag with what the engine must know of it. ``ready_ns``: when its ``for`` is over; ``told``: reasons counted."""

    flag: Flag
    event: bool
    below: str
    ready_ns: int
    numbers: dict[str, float | int | str] = {}
    told: list[str] = []


class Kept(msgspec.Struct):
    """What a snapshot keeps of a rule. ``states`` is typed by the detector's ``State``."""

    name: str
    fingerprint: str
    states: msgspec.Raw
    pending: dict[str, Found]
    raised: dict[str, Found]
    ended: dict[str, str]
    cooldown: dict[str, int]
    counters: dict[str, int]


class Running:
    """A rule at work, and the context that its detector sees."""

    def __init__(self, rule: Rule, board: Board) -> None:
        self.rule = rule
        self.board = board
        self.states: dict[str, Any] = {}
        self.pending: dict[str, Found] = {}
        self.raised_flags: dict[str, Found] = {}
        self.ended: dict[str, str] = {}  # id → its key where a person ended it, else empty
        self.cooldown: dict[str, int] = {}
        self.counters: Counter[str] = Counter()
        self._coverage: dict[str, bool] = {}

    # --- what a detector sees ---------------------------------------------------------------------------------------

    @property
    def now_ns(self) -> int:
        return self.board.now_ns

    @property
    def places(self) -> Places:
        return self.board.places

    def state(self, key: str) -> Any:
        state = self.states.get(key)
        if state is None:
            if len(self.states) >= STATES_MAX:
                self.forget(next(iter(self.states)))
                self.counters["states_evicted"] += 1
            state = self.states[key] = self.rule.detector.State()
        return state

    def peek(self, key: str) -> Any:
        return self.states.get(key)

    def forget(self, key: str) -> None:
        self.states.pop(key, None)
        self.calm(key)

    def wake(self, key: str, due_ns: int) -> None:
        self.board.timers.set((self.rule.name, TimerKind.WAKE, key), due_ns)

    def calm(self, key: str) -> None:
        self.board.timers.cancel((self.rule.name, TimerKind.WAKE, key))

    def station(self, station: str) -> Station | None:
        return self.board.fleet.stations.get(station)

    def place(self, station: str) -> Place:
        return self.board.place(station)

    def in_maintenance(self, station: str) -> bool:
        return self.board.places.in_maintenance(self.board.place(station), self.board.now_ns) is not None

    def sessions(self, station: str) -> tuple[Session, ...]:
        return self.board.fleet.sessions(station)

    def raised(self, key: str) -> bool:
        return key in self.raised_flags or key in self.pending

    def raise_flag(  # noqa: PLR0913 - what a flag has, by name
        self,
        key: str,
        summary: str,
        *,
        station: str | None,
        onset_ns: int | None = None,
        evidence: tuple[Evidence, ...] = (),
        evse: int | None = None,
        connector: int | None = None,
        session: str | None = None,
        subject: str = "",
        severity: Severity | None = None,
        blame: Blame = Blame.UNKNOWN,
        advice: str = "",
        event: bool = False,
        below: str = "",
        numbers: Mapping[str, float | int | str] | None = None,
    ) -> None:
        if station is not None and not self.covers(station):
            return
        rule, detector, now_ns = self.rule, self.rule.detector, self.board.now_ns
        onset = now_ns if onset_ns is None else onset_ns
        flag = Flag(
            id=derived_id(rule.name, key, onset),
            rule=rule.name,
            detector=detector.name,
            category=detector.category,
            severity=rule.severity or severity or detector.severity,
            key=key,
            station=station,
            evse=evse,
            connector=connector,
            session=session,
            subject=subject,
            onset_at_ns=onset,
            at_ns=now_ns,
            summary=summary,
            advice=advice or detector.advice,
            blame=blame,
            evidence=evidence[:EVIDENCE_MAX],
            runbook=rule.runbook,
            labels=dict(rule.labels),
            late=self.board.late,
        )
        found = Found(flag, event, below, now_ns + rule.for_ns, dict(numbers or {}))
        if (standing := self.raised_flags.get(key)) is not None:
            self._take_over(standing, found, emit=True)
        elif (waiting := self.pending.get(key)) is not None:
            self._take_over(waiting, found, emit=False)
        elif self._fresh(found):
            self._consider(found)

    def clear_flag(self, key: str, because: str) -> None:
        if self.pending.pop(key, None) is not None:
            self.board.timers.cancel((self.rule.name, TimerKind.PENDING, key))
            self.counters["not_held"] += 1
        self.end(key, because)

    # --- what the engine asks ---------------------------------------------------------------------------------------

    def covers(self, station: str) -> bool:
        """Whether the rule's scope has the station; cached until its place or its boot's facts change."""
        covered = self._coverage.get(station)
        if covered is None:
            covered = self._coverage[station] = not station or self.rule.scope.covers(
                self.board.place(station)
            )
        return covered

    def recheck(self, station: str) -> bool | None:
        """The station's facts changed: True where it came into scope, False where it left, None where nothing changed."""
        before = self._coverage.pop(station, None)
        now = self.covers(station)
        return None if before is None or before == now else now

    def known_stations(self) -> list[str]:
        """Stations whose coverage was asked for."""
        return list(self._coverage)

    def due(self, kind: TimerKind, key: str) -> None:
        """A moment of this rule's has come."""
        if kind is TimerKind.WAKE:
            self.rule.detector.due(key, self)
        elif kind is TimerKind.PENDING:
            if (found := self.pending.pop(key, None)) is not None:
                self._consider(found)
        elif kind is TimerKind.CLEAR:
            self.end(key, f"{_span(self.rule.clear_after_ns)} have passed since it was raised")
        else:
            self.cooldown.pop(key, None)

    def end(self, key: str, because: str, *, by_person: bool = False) -> None:
        """Clears the key's flag if one is raised."""
        found = self.raised_flags.pop(key, None)
        if found is None:
            return
        board, rule = self.board, self.rule
        board.timers.cancel((rule.name, TimerKind.CLEAR, key))
        flag = msgspec.structs.replace(
            found.flag, state=FlagState.CLEARED, at_ns=board.now_ns, cleared_because=because
        )
        board.out.append(flag)
        self.counters["cleared"] += 1
        self.ended[flag.id] = key if by_person else ""
        if len(self.ended) > ENDED_MAX:
            del self.ended[next(iter(self.ended))]
        if not found.event:
            self._cool_down(found)
        # A person who resolves the site's flag does not want its stations' flags back one by one.
        if not by_person:
            for child in self.raised_flags.values():
                if child.below == key:
                    self._take_over(child, msgspec.structs.replace(child, below=""), emit=True)

    def end_all(self, because: str, station: str | None = None) -> None:
        """Clears every flag, raised or waiting, or those of one station."""
        for waiting in [key for key, each in self.pending.items() if station in (None, each.flag.station)]:
            self.clear_flag(waiting, because)
        for standing in [
            key for key, each in self.raised_flags.items() if station in (None, each.flag.station)
        ]:
            self.end(standing, because)

    # --- between a detector's word and a flag -----------------------------------------------------------------------

    def _fresh(self, found: Found) -> bool:
        """Whether it may become a flag under its id; a person's word holds until the trouble has another onset."""
        ended = self.ended.get(found.flag.id)
        if ended:
            self.counters["resolved_by_person"] += 1
            return False
        if ended is not None:
            now_ns = self.board.now_ns
            found.flag = msgspec.structs.replace(
                found.flag, id=derived_id(self.rule.name, found.flag.key, now_ns), onset_at_ns=now_ns
            )
        if len(self.raised_flags) + len(self.pending) >= FLAGS_MAX:
            self.counters["flags_dropped"] += 1
            return False
        return True

    def _consider(self, found: Found) -> None:
        key, now_ns = found.flag.key, self.board.now_ns
        due_ns = found.ready_ns
        for reason, until_ns in self._obstacles(found):
            if reason not in found.told:
                found.told = [*found.told, reason]
                self.counters[reason] += 1
            if found.event:
                return
            due_ns = max(due_ns, until_ns)
        if due_ns > now_ns:
            self.pending[key] = found
            self.board.timers.set((self.rule.name, TimerKind.PENDING, key), due_ns)
        else:
            self._raise(found)

    def _obstacles(self, found: Found) -> list[tuple[str, int]]:
        held: list[tuple[str, int]] = []
        now_ns, station = self.board.now_ns, found.flag.station
        if self.cooldown and (until_ns := self.cooldown.get(_cooldown_key(found.flag), 0)) > now_ns:
            held.append(("cooldown", until_ns))
        if station is not None and self.rule.detector.quiet_in_maintenance and self.board.places.maintenance:
            window = self.board.places.in_maintenance(self.board.place(station), now_ns)
            if window is not None:
                held.append(("maintenance", window.until_ns))
        return held

    def _raise(self, found: Found) -> None:
        board, rule, key = self.board, self.rule, found.flag.key
        found.flag = msgspec.structs.replace(
            found.flag,
            at_ns=board.now_ns,
            summary=self._summary(found),
            inhibited_by=self._id_of(found.below),
        )
        self.raised_flags[key] = found
        self.counters["raised"] += 1
        board.out.append(found.flag)
        if found.event:
            board.timers.set((rule.name, TimerKind.CLEAR, key), board.now_ns + rule.clear_after_ns)
            self._cool_down(found)

    def _take_over(self, standing: Found, news: Found, *, emit: bool) -> None:
        """A higher severity, new evidence, another place in the hierarchy: into the flag that stands."""
        old, new = standing.flag, news.flag
        fresh = tuple(each for each in new.evidence if each not in old.evidence)
        room = EVIDENCE_MAX - len(old.evidence)
        self.counters["evidence_dropped"] += max(0, len(fresh) - room)
        fresh = fresh[:room]
        worse = new.severity.rank > old.severity.rank
        flag = msgspec.structs.replace(
            old, severity=new.severity if worse else old.severity, evidence=old.evidence + fresh
        )
        if worse or fresh:
            standing.numbers = news.numbers
            flag = msgspec.structs.replace(flag, summary=new.summary, advice=new.advice, blame=new.blame)
        standing.below = news.below
        flag = msgspec.structs.replace(
            flag, late=old.late and new.late, inhibited_by=self._id_of(news.below) if emit else ""
        )
        standing.flag = flag
        if emit and flag != old:
            if worse or fresh:
                flag = msgspec.structs.replace(flag, summary=self._summary(standing))
            standing.flag = msgspec.structs.replace(flag, at_ns=self.board.now_ns)
            self.board.out.append(standing.flag)

    def _summary(self, found: Found) -> str:
        flag, template = found.flag, self.rule.summary
        if template is None:
            return flag.summary
        session = self.board.session(flag.session)
        place, station = Place(station=flag.subject), None
        if flag.station is not None:
            place, station = self.board.place(flag.station), self.station(flag.station)
        try:
            return template.fill(flag, place, station, session, found.numbers)
        except Exception as error:  # noqa: BLE001 - an operator's template must not cost the flag: its own sentence stands
            self.counters["template_failures"] += 1
            self.board.report(self.rule.name, error)
            return flag.summary

    def _cool_down(self, found: Found) -> None:
        if self.rule.cooldown_ns > 0:
            key, until_ns = _cooldown_key(found.flag), self.board.now_ns + self.rule.cooldown_ns
            self.cooldown[key] = until_ns
            self.board.timers.set((self.rule.name, TimerKind.COOLDOWN, key), until_ns)

    def _id_of(self, key: str) -> str:
        if not key:
            return ""
        if (found := self.raised_flags.get(key)) is not None:
            return found.flag.id
        # A person has resolved it, and what hangs below it is known as well.
        return next((id_ for id_, ended in reversed(self.ended.items()) if ended == key), "")

    # --- snapshots --------------------------------------------------------------------------------------------------

    def keep(self) -> Kept:
        return Kept(
            name=self.rule.name,
            fingerprint=self.rule.fingerprint,
            states=msgspec.Raw(msgspec.msgpack.encode(self.states)),
            pending=self.pending,
            raised=self.raised_flags,
            ended=self.ended,
            cooldown=self.cooldown,
            counters=dict(self.counters),
        )

    def take_up(self, kept: Kept) -> bool:
        """Takes over what a snapshot kept; False where its states belong to other settings and were dropped."""
        self.raised_flags, self.ended, self.cooldown = kept.raised, kept.ended, kept.cooldown
        self.pending = kept.pending
        self.counters = Counter(kept.counters)
        if kept.fingerprint == self.rule.fingerprint and (states := self._decoded(kept.states)) is not None:
            self.states = states
            return True
        self.drop_states(len(msgspec.msgpack.decode(kept.states)))
        return False

    def _decoded(self, states: msgspec.Raw) -> dict[str, Any] | None:
        """States of the detector; None where their shape has changed since, by an upgrade of nocwatch."""
        shape: Any = dict[str, self.rule.detector.State]  # type: ignore[name-defined]
        try:
            return cast("dict[str, Any]", msgspec.msgpack.decode(states, type=shape))
        except msgspec.ValidationError:
            return None

    def drop_states(self, count: int) -> None:
        """Forgets what the detector knew and what waits; raised flags stay until the detector says that it is well."""
        self.counters["states_dropped"] += count
        self.states = {}
        for key in list(self.pending):
            self.clear_flag(key, "the rule's settings changed")
        for timer in self.board.timers_of(self.rule.name, TimerKind.WAKE):
            self.board.timers.cancel(timer)


def _cooldown_key(flag: Flag) -> str:
    # A flag about a session has the session's key, which never comes again: what must cool down is the connector.
    return flag.key if flag.session is None else f"{flag.station}/{flag.evse}/{flag.connector}"


def _span(span_ns: int) -> str:
    hours, seconds = divmod(span_ns // 1_000_000_000, 3600)
    return f"{hours} h" if not seconds else f"{span_ns // 1_000_000_000} s"
