"""What a station believes the time to be, and how it writes it: right, 1970, year 1, local time labelled Z, an offset in short."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from datetime import UTC, datetime

from nocwatch.moments import HOUR_NS, SECOND_NS
from nocwatch.sim.pace import Pace

_WRONG = {"clock_1970": "1970", "clock_year_1": "year 1", "clock_local_as_z": "local"}
_OFFSETS = {"offset_02": "+02", "offset_0200": "+0200"}


class StationClock:
    """Makes timestamps for messages.

    Attributes:
        wrong: ``""``, ``1970`` (a clock without battery that nobody sets), ``year 1`` (no clock at all) or ``local`` (two hours ahead, labelled Z).
        offset: how the offset is written where it is not UTC, empty where it is.
    """

    LOCAL_AHEAD_NS = 2 * HOUR_NS
    NO_TIME = "0001-01-01T00:00:00Z"
    """What a program writes that was never told the time."""

    def __init__(self, pace: Pace, quirks: AbstractSet[str] = frozenset()) -> None:
        self.wrong = next((wrong for quirk, wrong in _WRONG.items() if quirk in quirks), "")
        self.offset = next((written for quirk, written in _OFFSETS.items() if quirk in quirks), "")
        self._pace = pace
        self._powered_at_ns = pace.wall_ns()

    def now_ns(self) -> int:
        """Real receive-comparable time, for the simulator's own truth."""
        return self._pace.wall_ns()

    def text(self, at_ns: int | None = None) -> str:
        """RFC 3339 with milliseconds, as this station would write that moment."""
        at_ns = self.now_ns() if at_ns is None else at_ns
        if self.wrong == "year 1":
            return self.NO_TIME
        if self.wrong == "1970":
            at_ns -= self._powered_at_ns
        elif self.wrong == "local":
            at_ns += self.LOCAL_AHEAD_NS
        if self.offset:
            return milliseconds(at_ns + self.LOCAL_AHEAD_NS).removesuffix("Z") + self.offset
        return milliseconds(at_ns)


def milliseconds(at_ns: int) -> str:
    """``2026-11-21T09:45:49.123Z``."""
    seconds, rest = divmod(at_ns, SECOND_NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1_000_000:03d}Z"


def from_text(text: str) -> int:
    """The moment that a CSMS wrote, which says its offset."""
    moment = datetime.fromisoformat(text)
    return int(moment.timestamp()) * SECOND_NS + moment.microsecond * 1000
