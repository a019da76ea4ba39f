"""One rule at work: the states of its detector, its moments, and which stations it covers. The engine's half of ``base.Context``.

Not here: what becomes of a flag between the detector's word and the stream (``standing.py``).

What always holds: a detector's states and what waits go with its settings. Where those changed, both are dropped and counted,
and only raised flags stay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from nocwatch.detectors.board import Board, TimerKind
from nocwatch.detectors.rules import Rule
from nocwatch.detectors.standing import EVIDENCE_MAX, Found, Standing
from nocwatch.flags import Blame, Evidence, Flag, Severity, derived_id
from nocwatch.network import Station
from nocwatch.registry.places import Place, Places
from nocwatch.sessions import LastReading, Session

STATES_MAX = 200_000
"""States a rule keeps: ten for each of 20,000 stations. Beyond it the oldest is forgotten, and counted."""


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
        self.counters: Counter[str] = Counter()
        self.flags = Standing(rule, board, self.counters)
        self.coverage: dict[str, bool] = {}
        """Stations whose coverage was asked for; the engine looks here before it asks ``covers``."""

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

    def last_reading(self, session: str) -> LastReading | None:
        return self.board.fleet.last_reading(session)

    def raised(self, key: str) -> bool:
        return key in self.flags.raised or key in self.flags.pending

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
        self.flags.found(Found(flag, event, below, now_ns + rule.for_ns, dict(numbers or {})))

    def clear_flag(self, key: str, because: str) -> None:
        self.flags.clear(key, because)

    # --- what the engine asks ---------------------------------------------------------------------------------------

    def covers(self, station: str) -> bool:
        """Whether the rule's scope has the station; cached until its place or its boot's facts change."""
        covered = self.coverage.get(station)
        if covered is None:
            covered = self.coverage[station] = not station or self.rule.scope.covers(
                self.board.place(station)
            )
        return covered

    def change(self, rule: Rule) -> None:
        """The operator changed the rule; what must follow from that the engine knows."""
        self.rule = self.flags.rule = rule

    def recheck(self, station: str) -> bool | None:
        """The station's facts changed: True where it came into scope, False where it left, None where nothing changed."""
        before = self.coverage.pop(station, None)
        now = self.covers(station)
        return None if before is None or before == now else now

    def known_stations(self) -> list[str]:
        """Stations whose coverage was asked for."""
        return list(self.coverage)

    def due(self, kind: TimerKind, key: str) -> None:
        """A moment of this rule's has come."""
        if kind is TimerKind.WAKE:
            self.rule.detector.due(key, self)
        else:
            self.flags.due(kind, key)

    # --- snapshots --------------------------------------------------------------------------------------------------

    def keep(self) -> Kept:
        return Kept(
            name=self.rule.name,
            fingerprint=self.rule.fingerprint,
            states=msgspec.Raw(msgspec.msgpack.encode(self.states)),
            pending=self.flags.pending,
            raised=self.flags.raised,
            ended=self.flags.ended,
            cooldown=self.flags.cooldown,
            counters=dict(self.counters),
        )

    def take_up(self, kept: Kept) -> bool:
        """Takes over what a snapshot kept; False where its states belong to other settings and were dropped."""
        flags = self.flags
        flags.raised, flags.pending, flags.ended = kept.raised, kept.pending, kept.ended
        flags.cooldown = kept.cooldown
        self.counters.clear()  # and not another counter: the flags count in this one
        self.counters.update(kept.counters)
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
        for key in list(self.flags.pending):
            self.flags.clear(key, "the rule's settings changed")
        for timer in self.board.timers_of(self.rule.name, TimerKind.WAKE):
            self.board.timers.cancel(timer)
