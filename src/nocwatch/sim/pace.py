"""How fast simulated life goes, and small things that tasks wait for.

Behaviour is written in unscaled seconds; ``speed`` divides every wait and multiplies every energy. Timestamps on the wire
stay real time, unless another wall clock is given (``inmemory``).
"""

from __future__ import annotations

from collections.abc import Callable

import trio

from nocwatch.clock import now_ns


class Pace:
    """Turns unscaled seconds into waits.

    Attributes:
        wall_ns: what a clock on the wall shows: nanoseconds since 1970, UTC.
    """

    __slots__ = ("speed", "wall_ns")

    def __init__(self, speed: float = 1.0, wall_ns: Callable[[], int] = now_ns) -> None:
        if not speed > 0:
            raise ValueError(f"speed must be above 0, not {speed}")
        self.speed = speed
        self.wall_ns = wall_ns

    async def sleep(self, seconds: float) -> None:
        await trio.sleep(max(0.0, seconds) / self.speed)

    def now(self) -> float:
        """Unscaled seconds on a clock that only moves on; for differences."""
        return trio.current_time() * self.speed

    def real(self, seconds: float) -> float:
        """Real seconds that these unscaled ones take."""
        return seconds / self.speed


class Lamp:
    """A boolean that tasks can wait for to go on or off."""

    __slots__ = ("_changed", "_on")

    def __init__(self, *, on: bool = False) -> None:
        self._on = on
        self._changed = trio.Event()

    def __bool__(self) -> bool:
        return self._on

    def turn(self, *, on: bool) -> None:
        if on is not self._on:
            self._on = on
            self._changed.set()
            self._changed = trio.Event()

    async def wait(self, *, on: bool = True) -> None:
        while self._on is not on:
            await self._changed.wait()
