"""A play-book for OCPP: what each side says, line by line, and the events that come of it."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from nocwatch.frames import Direction, Frame, Kind
from nocwatch.moments import SECOND_NS
from nocwatch.ocpp.conversation import Conversation
from nocwatch.ocpp.events import Misspoke, OcppEvent, Oddity, Spoke
from nocwatch.ocpp.habits import Habits

START_NS = 1_795_255_200 * SECOND_NS
"""2026-11-21T10:00:00Z."""
E = TypeVar("E")


class Talk:
    """One connection. Each line takes a tenth of a second unless ``wait`` says more."""

    def __init__(self, subprotocol: str | None = "ocpp1.6", habits: Habits | None = None) -> None:
        self.habits = habits
        self.conversation = Conversation("CP1", 7, subprotocol)
        self.now_ns = START_NS
        self.sequence = 0
        self.events: list[OcppEvent] = []

    def wait(self, seconds: float) -> Talk:
        self.now_ns += int(seconds * SECOND_NS)
        return self

    def says(self, *message: Any) -> list[OcppEvent]:
        """The station's line."""
        return self.line(Direction.FROM_STATION, json.dumps(message).encode())

    def hears(self, *message: Any) -> list[OcppEvent]:
        """The CSMS's line."""
        return self.line(Direction.FROM_CSMS, json.dumps(message).encode())

    def line(
        self, direction: Direction, payload: bytes, kind: Kind = Kind.TEXT, reason: str = ""
    ) -> list[OcppEvent]:
        self.sequence += 1
        self.now_ns += SECOND_NS // 10
        events = self.conversation.feed(
            Frame(
                lane=0,
                sequence=self.sequence << 16,
                received_at_ns=self.now_ns,
                connection=7,
                station="CP1",
                direction=direction,
                kind=kind,
                payload=payload,
                reason=reason,
            ),
            self.habits,
        )
        self.events += events
        return events

    def expire(self) -> list[OcppEvent]:
        events = self.conversation.expire(self.now_ns)
        self.events += events
        return events


def only(events: list[OcppEvent], kind: type[E]) -> E:
    """The one event of this kind."""
    (event,) = [event for event in events if isinstance(event, kind)]
    return event


def every(events: list[OcppEvent], kind: type[E]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]


def oddities(events: list[OcppEvent]) -> list[Oddity]:
    return [event.oddity for event in events if isinstance(event, Misspoke)]


def meaning(events: list[OcppEvent]) -> list[OcppEvent]:
    """Without Spoke and Misspoke."""
    return [event for event in events if not isinstance(event, Spoke | Misspoke)]
