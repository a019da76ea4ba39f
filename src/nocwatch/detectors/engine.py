"""The frame for all detectors: events and time in, flags out. Pure.

An event reaches the rules that named its type, whose scope has its station, and no others: one table type → rules, one heap of
timers. The station stage comes first (OCPP events and changes of one station), then the fleet stage, which sees changes and
answers to Authorize only; flags of one stage never feed the other, so each stage could run on a machine of its own.

A bug in a detector must not stop the watch: it is caught here, counted by rule, and told as a flag about
ourselves, "rule X failed". The rule goes on with the next event: nothing is switched off in silence.

What always holds: the same rules, registry, events and times give the same flags with the same ids, also when a snapshot was
taken and restored in between.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from nocwatch.detectors.base import Stage
from nocwatch.detectors.board import Board, FleetView, TimerKind
from nocwatch.detectors.rules import Rule
from nocwatch.detectors.running import Kept, Running
from nocwatch.flags import Flag, FlagState
from nocwatch.moments import SECOND_NS
from nocwatch.network import Station
from nocwatch.ocpp.events import AuthorizeAnswered, Event, OcppEvent
from nocwatch.registry.places import Place, Places
from nocwatch.state.changes import FLEET_CHANGES, Change, SessionChanged, StationChanged

FLEET_HEARS: frozenset[type] = frozenset((*FLEET_CHANGES, AuthorizeAnswered))
"""What crosses from the station stage to the fleet stage."""
REPLAY_NS = 60 * SECOND_NS
"""A time stamp this much older than its receipt, and older than the socket it came by, was waiting offline [OCPP 1.6 §3.7]."""
SNAPSHOT_VERSION = 1


class _Snapshot(msgspec.Struct):
    version: int
    now_ns: int
    rules: list[Kept]
    timers: list[tuple[tuple[str, TimerKind, str], int]]
    failing: dict[str, Flag]
    waiting: list[Flag]


class Engine:
    """All rules at work."""

    def __init__(self, rules: Sequence[Rule], places: Places, fleet: FleetView) -> None:
        self._board = Board(places, fleet)
        self._running: dict[str, Running] = {}
        self._table: dict[type, tuple[Running, ...]] = {}
        for rule in rules:
            if rule.enabled:
                self._running[rule.name] = Running(rule, self._board)
        self._tabulate()

    # --- in the stream ----------------------------------------------------------------------------------------------

    def feed(self, now_ns: int, events: Sequence[OcppEvent | Change] = ()) -> list[Flag]:
        """Flags that were raised, worsened or cleared up to ``now_ns``, in the order in which that happened.

        Time moves forward only. Moments that come due before an event are met before it, each at its own time.
        """
        board = self._board
        now_ns = max(now_ns, board.now_ns)
        table = self._table
        concerning = [event for event in events if type(event) in table]
        # Changes that came due between two records have their own times, and stand after what the record itself said.
        for event in sorted(concerning, key=_at_ns) if len(concerning) > 1 else concerning:
            self._advance(min(max(event.at_ns, board.now_ns), now_ns))
            board.late = self._is_late(event)
            kind = type(event)
            if kind is SessionChanged:
                board.session_at_hand = event.now  # type: ignore[union-attr]
            elif kind is StationChanged:
                self._station_changed(event)  # type: ignore[arg-type]
            station = event.station
            for running in table[kind]:
                # Written out, the coverage and _guarded alike, because this is where the time goes.
                covered = running.coverage.get(station)
                if covered or (covered is None and running.covers(station)):
                    try:
                        running.rule.detector.on(event, running)
                    except Exception as error:  # noqa: BLE001 - a detector's bug must not stop the pipeline
                        self._failed(running, error)
            board.late = False
            board.session_at_hand = None
        self._advance(now_ns)
        return self._take()

    def resolve(self, flag_id: str, now_ns: int, because: str) -> list[Flag]:
        """A person ends a flag: it stays ended while the same trouble lasts. Empty where no such flag is raised."""
        self._board.now_ns = max(now_ns, self._board.now_ns)
        for running in self._running.values():
            for key, found in running.flags.raised.items():
                if found.flag.id == flag_id:
                    running.flags.end(key, because, by_person=True)
                    return self._take()
        for rule, flag in list(self._board.failing.items()):
            if flag.id == flag_id:
                self._board.recover(rule, because)
        return self._take()

    def place(self, station: str) -> Place:
        """Facts of a station: the registry's word, filled up with what its boot said. The same object until they change."""
        return self._board.place(station)

    @property
    def raised(self) -> list[Flag]:
        """Flags that stand now, those about ourselves first."""
        standing = [
            found.flag for running in self._running.values() for found in running.flags.raised.values()
        ]
        return [*self._board.failing.values(), *standing]

    @property
    def known(self) -> set[str]:
        """Ids of flags that stand, and of those whose end will be told with the next ``feed``."""
        return {flag.id for flag in (*self.raised, *self._board.out)}

    @property
    def counters(self) -> dict[str, dict[str, int]]:
        """What happened to each rule, how often: raised, cleared, cooldown, maintenance, failures, states_evicted and so on.

        On top of these ``states``, ``pending`` and ``standing``: how many there are now.
        """
        return {
            name: {
                **running.counters,
                "states": len(running.states),
                "pending": len(running.flags.pending),
                "standing": len(running.flags.raised),
            }
            for name, running in self._running.items()
        }

    # --- changed by an operator -------------------------------------------------------------------------------------

    def set_rules(self, rules: Sequence[Rule]) -> None:
        """Takes over changed rules. What this clears or raises comes with the next ``feed``.

        A rule with the same detector and settings keeps its state, whatever else changed. With other settings its states are
        dropped and counted, its raised flags stay until the detector clears them. Flags of a rule that is gone are cleared.
        """
        wanted = {rule.name: rule for rule in rules if rule.enabled}
        for name, running in list(self._running.items()):
            rule = wanted.get(name)
            if rule is None or rule.detector.name != running.rule.detector.name:
                self._retire(
                    running,
                    "the rule was taken away" if rule is None else "the rule has another detector now",
                )
        before, self._running = self._running, {}
        for name, rule in wanted.items():
            running = before.get(name) or Running(rule, self._board)
            self._running[name] = running
            if name not in before:
                self._begin(running)
            else:
                self._swap(running, rule)
        self._tabulate()

    def set_places(self, places: Places) -> None:
        """Takes over a changed registry. What this clears or raises comes with the next ``feed``."""
        self._board.places = places
        self._board.forget_place()
        for running in self._running.values():
            for station in running.known_stations():
                self._recheck(running, station)

    # --- snapshots --------------------------------------------------------------------------------------------------

    def snapshot(self) -> bytes:
        """The whole state, for ``restore`` by the same version of nocwatch, with the same or other rules."""
        board = self._board
        kept = [running.keep() for running in self._running.values()]
        return msgspec.msgpack.encode(
            _Snapshot(SNAPSHOT_VERSION, board.now_ns, kept, board.timers.dump(), board.failing, board.out)
        )

    def restore(self, data: bytes) -> None:
        """Takes over a snapshot; the fleet must have been restored before. Rules may have changed: see ``set_rules``.

        Raises:
            ValueError: where it is of another version or damaged.
        """
        snapshot = msgspec.msgpack.decode(data, type=_Snapshot)
        if snapshot.version != SNAPSHOT_VERSION:
            raise ValueError(f"a snapshot of version {snapshot.version}; this is version {SNAPSHOT_VERSION}")
        board = self._board
        board.now_ns, board.out, board.failing = snapshot.now_ns, snapshot.waiting, snapshot.failing
        board.timers.load(snapshot.timers)
        board.forget_place()
        kept = {each.name: each for each in snapshot.rules}
        for name, each in kept.items():
            running = self._running.get(name)
            if running is None or not each.fingerprint.startswith(f"{running.rule.detector.name} "):
                self._forget_kept(each)
        for name, running in self._running.items():
            mine = kept.get(name)
            if (
                mine is None
                or not mine.fingerprint.startswith(f"{running.rule.detector.name} ")
                or not running.take_up(mine)
            ):
                self._begin(running)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _tabulate(self) -> None:
        # Facts of stations change scopes, so these are heard even where no rule names them.
        table: dict[type, list[Running]] = {StationChanged: []}
        for stage in Stage:
            for running in self._running.values():
                detector = running.rule.detector
                if detector.stage is not stage:
                    continue
                for kind in detector.hears:
                    assert stage is Stage.STATION or kind in FLEET_HEARS, (
                        f"{detector.name} cannot hear {kind.__name__}"
                    )
                    table.setdefault(kind, []).append(running)
        self._table = {kind: tuple(listeners) for kind, listeners in table.items()}

    def _advance(self, now_ns: int) -> None:
        board = self._board
        if board.timers.has_due(now_ns):
            for (rule, kind, key), due_ns in board.timers.pop_due(now_ns):
                board.now_ns = max(due_ns, board.now_ns)
                if kind is TimerKind.FAILURE:
                    board.recover(rule, "it has not failed for 24 h")
                elif (running := self._running.get(rule)) is not None:
                    self._guarded(running, running.due, kind, key)
        board.now_ns = max(now_ns, board.now_ns)

    def _guarded(self, running: Running, call: Callable[..., None], *arguments: Any) -> None:
        try:
            call(*arguments)
        except Exception as error:  # noqa: BLE001 - a detector's bug must not stop the pipeline
            self._failed(running, error)

    def _failed(self, running: Running, error: Exception) -> None:
        running.counters["failures"] += 1
        self._board.report(running.rule.name, error)

    def _is_late(self, event: Event | Change) -> bool:
        if isinstance(event, Change):
            return event.late
        if event.offline or event.event_at_ns is None or event.at_ns - event.event_at_ns <= REPLAY_NS:
            return event.offline
        station = self._board.fleet.stations.get(event.station)
        return station is not None and station.online and event.event_at_ns < station.since_ns

    def _station_changed(self, event: StationChanged) -> None:
        if event.before is not None and _facts(event.before) == _facts(event.now):
            return
        self._board.forget_place(event.station)
        for running in self._running.values():
            self._recheck(running, event.station)

    def _recheck(self, running: Running, station: str) -> None:
        came = running.recheck(station)
        if came is False:
            running.flags.end_all("the station is in the rule's scope no more", station)
        elif came and (seen := self._board.fleet.stations.get(station)) is not None:
            self._guarded(running, running.rule.detector.begin, seen, running)

    def _begin(self, running: Running) -> None:
        for station in list(self._board.fleet.stations.values()):
            if running.covers(station.id):
                self._guarded(running, running.rule.detector.begin, station, running)

    def _swap(self, running: Running, rule: Rule) -> None:
        changed = running.rule.fingerprint != rule.fingerprint
        rescoped = running.rule.scope != rule.scope
        if changed or running.rule.summary is not rule.summary:
            self._board.recover(rule.name, "the rule was changed")
        running.change(rule)
        if rescoped:
            for station in running.known_stations():
                self._recheck(running, station)
        if changed:
            running.drop_states(len(running.states))
            self._begin(running)

    def _retire(self, running: Running, because: str) -> None:
        name = running.rule.name
        running.flags.end_all(because)
        self._board.recover(name, because)
        for timer in self._board.timers_of(name):
            self._board.timers.cancel(timer)
        del self._running[name]

    def _forget_kept(self, kept: Kept) -> None:
        board = self._board
        for found in kept.raised.values():
            board.out.append(
                msgspec.structs.replace(
                    found.flag,
                    state=FlagState.CLEARED,
                    at_ns=board.now_ns,
                    cleared_because="the rule was taken away",
                )
            )
        board.recover(kept.name, "the rule was taken away")
        for timer in board.timers_of(kept.name):
            board.timers.cancel(timer)

    def _take(self) -> list[Flag]:
        flags, self._board.out = self._board.out, []
        return flags


_at_ns = attrgetter("at_ns")


def _facts(station: Station) -> tuple[str, str, str]:
    return station.vendor, station.model, station.firmware
