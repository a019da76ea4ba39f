"""What a station believes the time to be: right, 1970 until its first boot answer, or local time labelled Z."""

from __future__ import annotations

from datetime import UTC, datetime

from nocwatch.moments import HOUR_NS, SECOND_NS
from nocwatch.sim.pace import Pace


class StationClock:
    """Makes timestamps for messages.

    Attributes:
        wrong: ``""``, ``1970`` (a clock without battery that nobody sets) or ``local`` (two hours ahead, labelled Z).
    """

    LOCAL_AHEAD_NS = 2 * HOUR_NS

    def __init__(self, pace: Pace, wrong: str = "") -> None:
        self.wrong = wrong
        self._pace = pace
        self._powered_at_ns = pace.wall_ns()

    def now_ns(self) -> int:
        """Real receive-comparable time, for the simulator's own truth."""
        return self._pace.wall_ns()

    def text(self, at_ns: int | None = None) -> str:
        """RFC 3339 with milliseconds, as this station would write that moment."""
        at_ns = self.now_ns() if at_ns is None else at_ns
        if self.wrong == "1970":
            at_ns -= self._powered_at_ns
        elif self.wrong == "local":
            at_ns += self.LOCAL_AHEAD_NS
        return milliseconds(at_ns)


def milliseconds(at_ns: int) -> str:
    """``2026-11-21T09:45:49.123Z``."""
    seconds, rest = divmod(at_ns, SECOND_NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1_000_000:03d}Z"


def from_text(text: str) -> int:
    """The moment that a CSMS wrote, which says its offset."""
    moment = datetime.fromisoformat(text)
    return int(moment.timestamp()) * SECOND_NS + moment.microsecond * 1000
