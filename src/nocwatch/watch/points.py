"""Points for InfluxDB on their way into the spool: what a step makes, and how it gets on the disk. Idle where there is no InfluxDB."""

from __future__ import annotations

from collections.abc import Callable

import trio

from nocwatch.pipeline import Step
from nocwatch.registry.places import Place
from nocwatch.sinks.lines import LineMaker
from nocwatch.sinks.spool import Spool
from nocwatch.sinks.usage import Usage


class Points:
    """Makes lines of steps and keeps them."""

    def __init__(self, spool: Spool | None, place: Callable[[str], Place]) -> None:
        self._spool = spool
        self._maker = LineMaker(place)
        self.usage = Usage(self._maker.tags)

    def of(self, step: Step) -> list[str]:
        """The step's lines; none where nobody wants them."""
        if self._spool is None:
            return []
        lines = self._maker.lines(step)
        if step.sighting is not None:
            lines += self.usage.lines(step)
        return lines

    async def keep(self, lines: list[str], at_ns: int) -> int:
        """Puts them into the spool; how many those were."""
        if self._spool is None or not lines:
            return 0
        self._spool.add(lines, at_ns)
        await trio.to_thread.run_sync(self._spool.flush)
        return len(lines)

    def flush(self) -> None:
        """Before a snapshot, which must not pass points that are not on disk: after a restart they could not be found again.

        Raises:
            OSError: the disk refuses.
        """
        if self._spool is not None and not self._spool.flush(durable=True):
            raise OSError(None, "the disk does not take the InfluxDB spool")
