"""The way from a sighting to people, as a pure function: sighting → OCPP events → changes → flags → alerts.

No I/O and no clock: time comes with the sightings. The same journal gives the same steps, live, after a restart (snapshot
plus the rest of the journal) and in a replay. What persons do (acknowledge, resolve, silence) comes in by methods of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from nocwatch.alerts.acts import Act, ActKind
from nocwatch.alerts.alert import Alert
from nocwatch.alerts.lifecycle import AlertBook
from nocwatch.alerts.settings import AlertSettings
from nocwatch.detectors.engine import Engine
from nocwatch.detectors.rules import Rule
from nocwatch.errors import NocwatchError
from nocwatch.flags import Flag
from nocwatch.frames import Sighting
from nocwatch.network import Station
from nocwatch.ocpp.events import OcppEvent
from nocwatch.registry.places import Place, Places
from nocwatch.sessions import Session
from nocwatch.state.changes import Change
from nocwatch.state.fleet import Fleet

SNAPSHOT_VERSION = 1
"""Rises when what a snapshot holds changes its meaning; a snapshot of another version is not used (the journal is read anew)."""


class Step(msgspec.Struct, frozen=True):
    """All that one sighting caused.

    Attributes:
        sighting: None where a person's act caused it.
        events: what OCPP messages said.
        changes: what became so.
        flags: raised, worsened or cleared, in this order of time.
        alerts: new states of alerts.
    """

    sighting: Sighting | None
    at_ns: int
    events: Sequence[OcppEvent] = ()
    changes: Sequence[Change] = ()
    flags: Sequence[Flag] = ()
    alerts: Sequence[Alert] = ()


class _Snapshot(msgspec.Struct):
    version: int
    now_ns: int
    fleet: bytes
    engine: bytes
    alerts: bytes


class Pipeline:
    """Holds the whole state: fleet, detectors, alerts."""

    def __init__(self, rules: Sequence[Rule], places: Places, alerts: AlertSettings) -> None:
        self.fleet = Fleet()
        self.engine = Engine(list(rules), places, self.fleet)
        self.book = AlertBook(alerts, places)
        self.now_ns = 0

    @property
    def stations(self) -> Mapping[str, Station]:
        return self.fleet.stations

    def sessions(self, station: str) -> tuple[Session, ...]:
        """The station's sessions under way."""
        return self.fleet.sessions(station)

    def feed(self, sighting: Sighting) -> Step:
        """One sighting, in the journal's order."""
        # The relay's clock can step back; the pipeline's time never does, or timers would come due twice.
        self.now_ns = max(self.now_ns, sighting.received_at_ns)
        moved = self.fleet.feed(sighting)
        flags = self.engine.feed(self.now_ns, [*moved.events, *moved.changes])
        return Step(sighting, self.now_ns, moved.events, moved.changes, flags, self._alerts(flags))

    def place(self, station: str) -> Place:
        """What is known of a station: the registry's word, filled up with what its boot said."""
        return self.engine.place(station)

    def act(self, act: Act) -> Step:
        """What a person did: acknowledged, resolved, silenced, or cleared a flag.

        Raises:
            NocwatchError: it cannot be done, with a sentence why.
        """
        if act.kind is ActKind.CLEAR_FLAG:
            flags = self.engine.resolve(act.flag, act.at_ns, f"{act.by}: {act.note}")
            if not flags:
                raise NocwatchError("this flag is not raised any more")
            return Step(None, self.now_ns, flags=flags, alerts=self._alerts(flags))
        if act.kind is ActKind.ALIGN:
            # Those of its flags that this pipeline does know: after an older snapshot was put back, or rules as they were before.
            flags = [flag for flag in self.engine.raised if flag.id in act.flags] if act.flags else []
            return Step(None, self.now_ns, flags=flags, alerts=self.book.act(act))
        return Step(None, self.now_ns, alerts=self.book.act(act))

    def set_rules(self, rules: Sequence[Rule]) -> None:
        """Takes over changed rules; the state of unchanged ones stays."""
        self.engine.set_rules(list(rules))

    def set_places(self, places: Places) -> None:
        """Takes over a changed registry."""
        self.engine.set_places(places)
        self.book.set_places(places)

    def snapshot(self) -> bytes:
        """The whole state; ``restore`` in a fresh pipeline with the same rules goes on as if nothing had been."""
        return msgspec.msgpack.encode(
            _Snapshot(
                SNAPSHOT_VERSION,
                self.now_ns,
                self.fleet.snapshot(),
                self.engine.snapshot(),
                self.book.snapshot(),
            )
        )

    def restore(self, data: bytes) -> None:
        """Takes over a snapshot.

        Raises:
            ValueError: where it is of another version or damaged (msgspec's errors are ValueErrors).
        """
        snapshot = msgspec.msgpack.decode(data, type=_Snapshot)
        if snapshot.version != SNAPSHOT_VERSION:
            raise ValueError(f"snapshot of version {snapshot.version}; this is version {SNAPSHOT_VERSION}")
        self.fleet.restore(snapshot.fleet)
        self.engine.restore(snapshot.engine)
        self.book.restore(snapshot.alerts)
        self.now_ns = snapshot.now_ns

    def _alerts(self, flags: Sequence[Flag]) -> list[Alert]:
        alerts = self.book.advance(self.now_ns)
        for flag in flags:
            alerts += self.book.feed(flag)
        return alerts
