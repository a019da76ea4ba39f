"""What is known of a station's manners across its connections: vendor, clock, units, and how it keeps to the schemas.

A conversation hears one connection; what it learns here outlives it. Values and small judgements: who the station is and
what it does are ``state``'s. All of it is in the snapshot.
"""

from __future__ import annotations

from typing import Any

import msgspec

from nocwatch.frames import Direction
from nocwatch.ocpp.calls import TEXT_MAX
from nocwatch.ocpp.clocks import StationClock
from nocwatch.ocpp.conformance import Conformance
from nocwatch.ocpp.events import Booted, Metered, Misspoke, OcppEvent, Oddity
from nocwatch.ocpp.fields import Payload
from nocwatch.ocpp.units import Units

ASKED_MAX = 16
"""Ids of the CSMS's calls that are remembered: those of the sockets before, to which an answer may still come."""


class Habits(msgspec.Struct):
    """One station's.

    Attributes:
        vendor: as of its last boot, for the quirks that are known of it.
        asked: message ids of the CSMS's last calls, on whichever connection.
    """

    vendor: str = ""
    asked: list[str] = []
    clock: StationClock = msgspec.field(default_factory=StationClock)
    conformance: Conformance = msgspec.field(default_factory=Conformance)
    units: Units = msgspec.field(default_factory=Units)

    def ask(self, message_id: str) -> None:
        """The CSMS has called it under that id."""
        self.asked.append(message_id)
        del self.asked[:-ASKED_MAX]

    def hear(self, events: list[OcppEvent], stamp: dict[str, Any]) -> list[OcppEvent]:
        """What the station's own message shows beyond what it says."""
        odd: list[OcppEvent] = []
        for event in events:
            if type(event) is Metered:
                if text := self.units.hear(event):
                    odd.append(_odd(Oddity.WRONG_UNIT, text, stamp))
            elif type(event) is Booted:
                self.vendor = event.vendor
                self.units = Units()  # a new firmware may have mended it
        if self.clock.news:
            self.clock.news = False
            odd.append(_odd(Oddity.LOCAL_TIME, self.clock.words(), stamp))
        return odd

    def judge(
        self,
        version: str,
        action: str,
        payload: Payload,
        direction: Direction,
        stamp: dict[str, Any],
        *,
        answer: bool = False,
    ) -> list[OcppEvent]:
        """Holds a payload against its schema; the vendor's quirks excuse the station alone."""
        vendor = self.vendor if direction is Direction.FROM_STATION else ""
        text = self.conformance.judge(version, action, payload, vendor, answer=answer)
        return [_odd(Oddity.AGAINST_SCHEMA, text, stamp, direction)] if text else []


def _odd(
    oddity: Oddity, text: str, stamp: dict[str, Any], direction: Direction = Direction.FROM_STATION
) -> Misspoke:
    return Misspoke(direction=direction, oddity=oddity, text=text[:TEXT_MAX], **stamp)
