"""How often something may happen: so many a second, and so many at once after a rest. By one clock value each.

PURE: takes the time as an argument. The rule is the generic cell rate algorithm: for each allowed event the moment at which
the account would be empty moves on by one interval, and an event is allowed while that moment is not further ahead than a
burst is long. So one number says everything, and a number in the past is as good as none.
"""

from __future__ import annotations

import math
from collections import OrderedDict

RETRY_AFTER_MAX_S = 60
"""The longest wait that is asked of a station. One that waits longer is a station that people miss."""


class Rate:
    """One account, with places in the queue: those who come too soon are asked back one after the other, not all at once."""

    __slots__ = ("_burst_s", "_empty_at", "_interval_s", "_promised_at")

    def __init__(self, per_second: float, burst: int) -> None:
        self._interval_s = 1 / per_second
        self._burst_s = (burst - 1) * self._interval_s
        self._empty_at = self._promised_at = -math.inf

    def wait_s(self, now: float) -> int | None:
        """Takes one; None where that is allowed, otherwise after how many seconds to come back."""
        if self._empty_at - now <= self._burst_s:
            self._empty_at = max(self._empty_at, now) + self._interval_s
            return None
        first_at = self._empty_at - self._burst_s
        place_at = max(self._promised_at, first_at)
        if (
            place_at > now + RETRY_AFTER_MAX_S
        ):  # the queue is longer than anyone is asked to wait: the rest share its places
            place_at = first_at
        self._promised_at = place_at + self._interval_s
        return min(RETRY_AFTER_MAX_S, max(1, math.ceil(place_at - now)))


class Rates:
    """An account for each key, in bounded memory.

    Where there is no room for another, the one used longest ago is forgotten. As a rule it is at rest, and costs nothing to
    forget; otherwise it is counted, and begins with a full burst should it come again.

    Attributes:
        forgotten: how many accounts were given up that were not at rest.
    """

    __slots__ = ("_burst_s", "_empty_at", "_interval_s", "_keys_max", "forgotten")

    def __init__(self, per_second: float, burst: int, keys_max: int) -> None:
        self._interval_s = 1 / per_second
        self._burst_s = (burst - 1) * self._interval_s
        self._keys_max = keys_max
        self._empty_at: OrderedDict[int, float] = OrderedDict()
        self.forgotten = 0

    def __len__(self) -> int:
        return len(self._empty_at)

    def wait_s(self, key: int, now: float) -> int | None:
        """Takes one of this key's; None where that is allowed, otherwise after how many seconds to come back."""
        empty_at = self._empty_at.get(key)
        if empty_at is None:
            if len(self._empty_at) >= self._keys_max:
                self._make_room(now)
            empty_at = now
        wait = empty_at - now - self._burst_s
        if wait <= 0:
            self._empty_at[key] = max(empty_at, now) + self._interval_s
        self._empty_at.move_to_end(key)
        return None if wait <= 0 else min(RETRY_AFTER_MAX_S, max(1, math.ceil(wait)))

    def _make_room(self, now: float) -> None:
        _, empty_at = self._empty_at.popitem(last=False)
        self.forgotten += empty_at > now
