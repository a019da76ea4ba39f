"""What a scrape tells, taken at one moment between two records, so that it can be put into text in a thread meanwhile.

The fleet, the engine and the book belong to the watch's loop: read from another thread they would change under the reader,
and their caches would be written from both sides. Taking the figures costs a few microseconds a station.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nocwatch.network import Station
from nocwatch.registry.places import Place
from nocwatch.sinks.metrics import Figures


@dataclass(frozen=True, slots=True)
class Held:
    """Figures that stand still. Implements ``sinks.metrics.Figures``."""

    stations: Mapping[str, Station]
    places: Mapping[str, Place]
    relay: Mapping[str, int]
    own: Mapping[str, int]
    gauges: Mapping[str, float]
    tap: Mapping[str, int]
    state: Mapping[str, int]
    told: Mapping[tuple[str, str], int]
    firing: Mapping[str, int]
    raised: Mapping[tuple[str, str], int]
    against_schema: Mapping[str, int]

    def place(self, station: str) -> Place:
        return self.places[station]

    def relay_counters(self) -> Mapping[str, int]:
        return self.relay

    def own_counters(self) -> Mapping[str, int]:
        return self.own

    def own_gauges(self) -> Mapping[str, float]:
        return self.gauges

    def tap_counters(self) -> Mapping[str, int]:
        return self.tap

    def state_counters(self) -> Mapping[str, int]:
        return self.state

    def notifications(self) -> Mapping[tuple[str, str], int]:
        return self.told

    def alerts_firing(self) -> Mapping[str, int]:
        return self.firing

    def flags_raised(self) -> Mapping[tuple[str, str], int]:
        return self.raised

    def misfits(self) -> Mapping[str, int]:
        return self.against_schema


def hold(figures: Figures) -> Held:
    """Takes them now; call it in the loop's own thread."""
    stations = dict(figures.stations)
    return Held(
        stations=stations,
        places={name: figures.place(name) for name in stations},
        relay=figures.relay_counters(),
        own=figures.own_counters(),
        gauges=figures.own_gauges(),
        tap=figures.tap_counters(),
        state=figures.state_counters(),
        told=figures.notifications(),
        firing=figures.alerts_firing(),
        raised=figures.flags_raised(),
        against_schema=figures.misfits(),
    )
