"""What all rules at work share: the time, the timers, the registry, the fleet as it stands, and where flags go.

Not a detector's business: a detector sees ``base.Context``.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import PurePath
from typing import Protocol

import msgspec

from nocwatch.flags import Category, Evidence, Flag, FlagState, Severity, derived_id
from nocwatch.moments import DAY_NS
from nocwatch.network import Station
from nocwatch.registry.places import Place, Places
from nocwatch.sessions import LastReading, Session
from nocwatch.timers import Timers

FAILURE_RULE = "rule_failed"
"""Name of the flag about ourselves that a failing rule raises. It is no detector: no rule can switch it off."""
FAILURE_CLEARS_AFTER_NS = DAY_NS
"""A failing rule's flag clears when it has not failed for a day."""


class TimerKind(StrEnum):
    """What a timer is for."""

    WAKE = "wake"
    PENDING = "pending"
    CLEAR = "clear"
    COOLDOWN = "cooldown"
    FAILURE = "failure"


class FleetView(Protocol):
    """The state's read-only side, which detectors may look at."""

    @property
    def stations(self) -> Mapping[str, Station]: ...

    def sessions(self, station_id: str) -> tuple[Session, ...]:
        """The station's sessions under way."""

    def session_by_id(self, session_id: str) -> Session | None:
        """A session under way, or one that is still remembered."""

    def last_reading(self, session_id: str) -> LastReading | None:
        """The last energy register of such a session that counts."""


class Board:
    """Shared by the engine and its rules."""

    def __init__(self, places: Places, fleet: FleetView) -> None:
        self.places = places
        self.fleet = fleet
        self.now_ns = 0
        self.late = False
        """Whether the event that is being looked at comes from replayed data."""
        self.session_at_hand: Session | None = None
        """The session that the event is about: one that has ended is in no list of sessions under way."""
        self.timers: Timers[tuple[str, TimerKind, str]] = Timers()
        self.out: list[Flag] = []
        self.failing: dict[str, Flag] = {}
        self._places: dict[str, Place] = {}

    def place(self, station: str) -> Place:
        """Registry's word before the boot's; cached until either changes."""
        place = self._places.get(station)
        if place is None:
            place = self.places.place(station)
            seen = self.fleet.stations.get(station)
            if seen is not None:
                place = msgspec.structs.replace(
                    place,
                    vendor=place.vendor or seen.vendor,
                    model=place.model or seen.model,
                    firmware=seen.firmware or place.firmware,
                )
            self._places[station] = place
        return place

    def forget_place(self, station: str | None = None) -> None:
        """The facts of the station, or of all, changed."""
        if station is None:
            self._places.clear()
        else:
            self._places.pop(station, None)

    def session(self, session: str | None) -> Session | None:
        """A session by its id: the one at hand, or one that the fleet remembers."""
        if session is None:
            return None
        if self.session_at_hand is not None and self.session_at_hand.id == session:
            return self.session_at_hand
        return self.fleet.session_by_id(session)

    def timers_of(self, rule: str, *kinds: TimerKind) -> list[tuple[str, TimerKind, str]]:
        """Pending timers of a rule, of those kinds or of all."""
        return [key for key, _ in self.timers.dump() if key[0] == rule and (not kinds or key[1] in kinds)]

    def report(self, rule: str, error: Exception) -> None:
        """A rule failed on something: one flag about ourselves, however often it fails, and the pipeline goes on."""
        self.timers.set((rule, TimerKind.FAILURE, ""), self.now_ns + FAILURE_CLEARS_AFTER_NS)
        if rule in self.failing:
            return
        flag = Flag(
            id=derived_id(FAILURE_RULE, rule, self.now_ns),
            rule=FAILURE_RULE,
            detector=FAILURE_RULE,
            category=Category.OURSELVES,
            severity=Severity.WARNING,
            key=rule,
            station=None,
            subject=rule,
            onset_at_ns=self.now_ns,
            at_ns=self.now_ns,
            summary=f"Rule {rule} failed: {type(error).__name__}: {error}"[:500],
            advice="What this rule watches for may go unseen until it is mended. Report it with the journal's slice around this "
            "moment; where the rule has a summary template of its own, check that first.",
            evidence=(Evidence(text=f"It failed at {_where(error)}.", at_ns=self.now_ns),),
        )
        self.failing[rule] = flag
        self.out.append(flag)

    def recover(self, rule: str, because: str) -> None:
        """The failing rule is well again, changed, or gone."""
        flag = self.failing.pop(rule, None)
        if flag is not None:
            self.timers.cancel((rule, TimerKind.FAILURE, ""))
            self.out.append(
                msgspec.structs.replace(
                    flag, state=FlagState.CLEARED, at_ns=self.now_ns, cleared_because=because
                )
            )


def _where(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "an unknown place"
    return f"{PurePath(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
