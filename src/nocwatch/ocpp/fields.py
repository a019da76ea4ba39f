"""Reading payloads that may hold anything: each reader gives the value where it is one, and else says so and goes on.

A ``Hearing`` is one message being read: what all its events have in common, and the faults found on the way. Numbers in
quotes and texts that should be numbers are taken for what they mean (stations send both), and are said as faults.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import msgspec

from nocwatch.moments import SECOND_NS
from nocwatch.ocpp import clocks

Payload: TypeAlias = dict[str, Any]

FAULTS_MAX = 8
"""Named for one message; the rest would say the same."""
TEXT_MAX = 500
"""The longest text field of 1.6 that matters here has 500 characters (configuration values) [16 §7]."""
INTEGER_MAX = 1 << 63
"""Larger than any id a station can mean; databases end here."""

encode_json = msgspec.json.Encoder().encode


class Hearing:
    """One message being read.

    Attributes:
        stamp: the fields that every event of this message has.
        asked_at_ns: with an answer: when its call was heard.
        clock: the station's, where it is the station that speaks.
        faults: what was wrong with which field.
    """

    __slots__ = ("asked_at_ns", "at_ns", "clock", "faults", "message_id", "stamp", "version")

    def __init__(
        self,
        stamp: dict[str, Any],
        message_id: str,
        version: str,
        asked_at_ns: int = 0,
        clock: clocks.StationClock | None = None,
    ) -> None:
        self.clock = clock
        self.stamp = stamp
        self.at_ns: int = stamp["at_ns"]
        self.message_id = message_id
        self.version = version
        self.asked_at_ns = asked_at_ns
        self.faults: list[str] = []

    def fault(self, field: str, what: str) -> None:
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(f"{field}: {what}")

    def text(self, payload: Payload, field: str, required: bool = False) -> str:
        """Empty where absent. Cut to ``TEXT_MAX``."""
        return self.optional_text(payload, field, required) or ""

    def optional_text(self, payload: Payload, field: str, required: bool = False) -> str | None:
        value = payload.get(field)
        if isinstance(value, str):
            return value if len(value) <= TEXT_MAX else value[:TEXT_MAX]
        if value is None:
            if required:
                self.fault(field, "missing")
            return None
        self.fault(field, "no text")
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return str(value)

    def integer(self, payload: Payload, field: str, required: bool = False) -> int | None:
        value = payload.get(field)
        if isinstance(value, int) and not isinstance(value, bool):
            return self._in_range(value, field)
        if value is None:
            if required:
                self.fault(field, "missing")
            return None
        self.fault(field, "no integer")
        number = _number(value)
        if number is None or not math.isfinite(number) or number != int(number):
            return None
        return self._in_range(int(number), field)

    def _in_range(self, value: int, field: str) -> int | None:
        if -INTEGER_MAX <= value < INTEGER_MAX:
            return value
        self.fault(field, "out of range")
        return None

    def number(self, payload: Payload, field: str, required: bool = False) -> float | None:
        """Finite, or None."""
        value = payload.get(field)
        if value is None:
            if required:
                self.fault(field, "missing")
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fault(field, "no number")
        number = _number(value)
        return number if number is not None and math.isfinite(number) else None

    def truth(self, payload: Payload, field: str) -> bool:
        value = payload.get(field)
        if value is None or isinstance(value, bool):
            return bool(value)
        self.fault(field, "not true or false")
        return value in {1, "1", "true", "True"} if isinstance(value, int | str) else False

    def object(self, payload: Payload, field: str, required: bool = False) -> Payload:
        """Empty where absent."""
        value = payload.get(field)
        if isinstance(value, dict):
            return value
        if value is not None:
            self.fault(field, "no object")
        elif required:
            self.fault(field, "missing")
        return {}

    def objects(self, payload: Payload, field: str, required: bool = False) -> list[Payload]:
        """A list of objects; a single object counts as a list of one."""
        value = payload.get(field)
        if value is None:
            if required:
                self.fault(field, "missing")
            return []
        if isinstance(value, dict):
            self.fault(field, "no list")
            return [value]
        if not isinstance(value, list):
            self.fault(field, "no list")
            return []
        items = [item for item in value if isinstance(item, dict)]
        if len(items) < len(value):
            self.fault(field, "holds what is no object")
        return items

    def timed(self, payload: Payload, field: str = "timestamp") -> dict[str, Any]:
        """The stamp with the station's own time stamp, where it has a plausible one."""
        value = payload.get(field)
        if value is None:
            return self.stamp
        event_ns = clocks.parse(value) if isinstance(value, str) else None
        if event_ns is None:
            self.fault(field, "no time stamp")
            return {**self.stamp, "implausible_time": True}
        said_us = event_ns // 1000
        if not clocks.plausible(event_ns, self.at_ns):
            return {**self.stamp, "said_us": said_us, "implausible_time": True}
        if self.clock is not None and (shift_s := self.clock.shift_s(event_ns, self.at_ns)):
            event_ns -= shift_s * SECOND_NS
            stamp = {**self.stamp, "said_us": said_us, "event_at_ns": event_ns, "clock_shift_s": shift_s}
            # As long as it is not certain by how much the clock is wrong, spans between its time stamps say little.
            return stamp if shift_s == self.clock.ahead_s else {**stamp, "implausible_time": True}
        return {**self.stamp, "said_us": said_us, "event_at_ns": event_ns}


def _number(value: object) -> float | None:
    if isinstance(value, str):
        try:
            return float(value) if "_" not in value else None
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def as_json(value: object) -> str:
    """Compact JSON of a part of a payload, for events' ``text``; empty for None."""
    return "" if value is None else encode_json(value).decode()
