"""A fleet with rules over it: plays are its stations, flags are what comes out.

    watched = Watched("station_offline")
    cp1 = watched.play("CP1").begin()
    cp1.close(); watched.wait(200)
    assert watched.summaries() == ["CP1 has had no socket for 3 min."]

All plays share the fleet, the engine and the clock. ``sightings`` keeps everything in order, so that a story can be fed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.support.play import T0_NS, Play

from nocwatch.detectors.engine import Engine
from nocwatch.detectors.rules import Rule, make_rule
from nocwatch.flags import Flag, FlagState
from nocwatch.frames import Link, LinkEvent, Sighting, Tick
from nocwatch.moments import SECOND_NS
from nocwatch.registry.places import House, Place, Places, Scope, Window
from nocwatch.state.fleet import Fleet, Moved


class Watched:
    """Plays, fleet and engine together. ``rules`` are rules, or names of detectors with their defaults."""

    def __init__(self, *rules: Rule | str, places: Places | None = None) -> None:
        self.rules = [
            make_rule(rule=each, detector=each) if isinstance(each, str) else each for each in rules
        ]
        self.fleet = Fleet()
        self.engine = Engine(self.rules, places or Places(), self.fleet)
        self.clock = [0.0]
        self.flags: list[Flag] = []
        self.sightings: list[Sighting] = []
        self.plays: dict[str, Play] = {}
        self.relay: dict[str, int] = {}
        """What each tick counts, of the relay."""

    def play(self, station: str, version: str = "1.6") -> Play:
        play = Play(station, version, fleet=self.fleet, feed=self.feed, clock=self.clock)
        # Each play counts its frames and connections by itself; these must not meet.
        play._ids = play.connection = 1_000_000 * (len(self.plays) + 1)
        self.plays[station] = play
        return play

    def feed(self, sighting: Sighting) -> Moved:
        self.sightings.append(sighting)
        moved = self.fleet.feed(sighting)
        self.flags += self.engine.feed(sighting.received_at_ns, [*moved.events, *moved.changes])
        return moved

    @property
    def now_ns(self) -> int:
        return T0_NS + round(self.clock[0] * SECOND_NS)

    def wait(self, seconds: float) -> None:
        """Passes the time in ticks of a second, as the relay does; of a minute where it is long."""
        step = 1.0 if seconds <= 3600 else 60.0
        end = self.clock[0] + seconds
        while self.clock[0] + step < end:
            self.clock[0] += step
            self.tick()
        self.clock[0] = end
        self.tick()

    def tick(self) -> None:
        number = len(self.sightings) << 16
        self.feed(Tick(lane=0, sequence=number, received_at_ns=self.now_ns, counters=dict(self.relay)))

    def upstream(self, name: str, *, up: bool, reason: str = "") -> None:
        event = LinkEvent.UPSTREAM_UP if up else LinkEvent.UPSTREAM_DOWN
        self.feed(
            Link(
                lane=0, sequence=len(self.sightings) << 16, received_at_ns=self.now_ns, connection=0, station="",
                event=event, upstream=name, reason=reason,
            )
        )  # fmt: skip

    def said(self, ref: str) -> str:
        """The text of a frame, or what happened to a link, by its name in evidence."""
        seen = next(each for each in self.sightings if not isinstance(each, Tick) and each.ref == ref)
        return seen.event.value if isinstance(seen, Link) else seen.payload.decode()

    # --- what came of it ----------------------------------------------------------------------------------------------

    @property
    def raised(self) -> list[Flag]:
        """Each flag that was raised, as it was first raised, in order."""
        first: dict[str, Flag] = {}
        for flag in self.flags:
            if flag.state is FlagState.RAISED:
                first.setdefault(flag.id, flag)
        return list(first.values())

    @property
    def standing(self) -> list[Flag]:
        """Flags raised and not cleared, as they stand."""
        return self.engine.raised

    @property
    def cleared(self) -> list[Flag]:
        return [flag for flag in self.flags if flag.state is FlagState.CLEARED]

    @property
    def only(self) -> Flag:
        (flag,) = self.raised
        return flag

    def summaries(self) -> list[str]:
        return [flag.summary for flag in self.raised]


def places(
    *known: Place,
    tokens: dict[str, Any] | None = None,
    maintenance: Sequence[Window] = (),
    house: House | None = None,
) -> Places:
    return Places({each.station: each for each in known}, tokens or {}, tuple(maintenance), house=house)


def place(station: str, site: str = "", **more: Any) -> Place:
    return Place(station=station, known=True, site=site, **more)


def window(from_s: float, until_s: float, **scope: str) -> Window:
    """A maintenance window, in seconds of the play."""
    return Window(
        scope=Scope(**scope),
        from_ns=T0_NS + round(from_s * SECOND_NS),
        until_ns=T0_NS + round(until_s * SECOND_NS),
    )
