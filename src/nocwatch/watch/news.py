"""What one batch changed, the latest of each thing, for those who follow live. Told once the batch is in the store."""

from __future__ import annotations

from collections.abc import Mapping

from nocwatch.alerts.alert import Alert
from nocwatch.console.live import Hub
from nocwatch.flags import Flag
from nocwatch.frames import Frame
from nocwatch.network import Station
from nocwatch.pipeline import Step
from nocwatch.sessions import Session
from nocwatch.state.changes import ConnectorChanged, SessionChanged, StationChanged


class News:
    """Gathers while a batch is taken in, and is published after it."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._stations: dict[str, None] = {}
        self._things: dict[str, Session | Flag | Alert] = {}
        self._frames: list[Frame] = []

    def add(self, step: Step) -> None:
        if isinstance(step.sighting, Frame) and self._hub.wants_frames(step.sighting.station):
            self._frames.append(step.sighting)
        for change in step.changes:
            if isinstance(change, StationChanged | ConnectorChanged):
                self._stations[change.station] = None
            elif isinstance(change, SessionChanged):
                self._things[change.now.id] = change.now
        for flag in step.flags:
            self._things[flag.id] = flag
        for alert in step.alerts:
            self._things[alert.id] = alert

    def publish(self, stations: Mapping[str, Station]) -> None:
        for name in self._stations:
            if name in stations:
                self._hub.publish(stations[name])
        for thing in (*self._frames, *self._things.values()):
            self._hub.publish(thing)
