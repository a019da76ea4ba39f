"""The relay's delay as counters: the names under which a tick and /metrics hold a histogram, and the way back.

PURE. The relay counts (``proxy/stopwatch.py``), the watch and both /metrics read. A tick holds integers that can be added over lanes,
so each bucket is a counter of its own, and those that are still 0 are left out.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

BOUNDS_US = (100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 1_000_000)
"""Upper bounds of the buckets. Below 100 µs the bound that is measured says nothing; beyond a second nothing is normal."""

DIRECTIONS = ("from_station", "from_csms")
PREFIX = "delay_"
FAMILY = "nocwatch_{}_delay_seconds"
MEANING = "How long the relay kept a chunk at most, from when it could have arrived until it was handed on."
_INF = "inf"


class Delay(msgspec.Struct, frozen=True):
    """Of one direction, since the relay's start.

    Attributes:
        chunks: how many a bucket holds, by ``BOUNDS_US``; one more for what lies beyond the last bound.
        sum_us: of all chunks.
    """

    chunks: tuple[int, ...]
    sum_us: int

    @property
    def count(self) -> int:
        return sum(self.chunks)

    def cumulative(self) -> list[tuple[str, int]]:
        """Pairs of upper bound in seconds, as Prometheus writes it, and how many are not above it."""
        bounds = [f"{bound / 1e6:g}" for bound in BOUNDS_US] + ["+Inf"]
        total, found = 0, []
        for bound, number in zip(bounds, self.chunks, strict=True):
            total += number
            found.append((bound, total))
        return found

    def below_us(self, share: float) -> int | None:
        """The bound below which this share of the chunks lies; None where there are none, or it lies beyond the last."""
        wanted, total = share * self.count, 0
        for bound, number in zip(BOUNDS_US, self.chunks, strict=False):
            total += number
            if total and total >= wanted:
                return bound
        return None


def counters(direction: str, delay: Delay) -> dict[str, int]:
    """As a tick holds it: ``delay_from_station_le_250us`` and so on, and ``delay_from_station_sum_us``."""
    start = f"{PREFIX}{direction}_"
    names = [f"{start}le_{bound}us" for bound in BOUNDS_US] + [f"{start}le_{_INF}"]
    found = {name: number for name, number in zip(names, delay.chunks, strict=True) if number}
    return {**found, f"{start}sum_us": delay.sum_us} if found else {}


def read(tick: Mapping[str, int]) -> dict[str, Delay]:
    """Delays by direction from a tick's counters; a direction of which nothing was told has none."""
    found = {}
    for direction in DIRECTIONS:
        start = f"{PREFIX}{direction}_"
        names = [f"{start}le_{bound}us" for bound in BOUNDS_US] + [f"{start}le_{_INF}"]
        delay = Delay(tuple(tick.get(name, 0) for name in names), tick.get(f"{start}sum_us", 0))
        if delay.count:
            found[direction] = delay
    return found
