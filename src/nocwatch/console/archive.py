"""The store as the pages read it: every query in a thread, what all pages ask for kept for a second.

What always holds: no page waits for the database in the trio thread, at most ``READERS_MAX`` queries run at once, and a
store that is locked or full is told as a sentence, not as a traceback.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import trio

from nocwatch.console.services import Services
from nocwatch.console.views import windows
from nocwatch.console.views.refusals import Refused, refused
from nocwatch.moments import DAY_NS
from nocwatch.store.values import Band, FrameFilter, LastSession, Overview, StationFlags

ResultT = TypeVar("ResultT")

READERS_MAX = 4
"""Queries at once: a page takes milliseconds, and two cores have other work too."""
FRESH_S = 1.0
"""How old an answer that every page needs (counts, flags by station) may be."""
KEPT_S = 60.0
"""How old the answer to a question about weeks or months may be."""
KEPT_MAX = 24
"""Of such answers; one of ten thousand stations takes some ten MiB, and the oldest gives way."""
STRIP_STATIONS_MAX = 200
REFUSALS_MAX = 500
"""Attempts that are read to say who is turned away: where nobody gets through, the last ones tell all."""


class Archive:
    """Reads of one console."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.store = services.store
        self._limiter = trio.CapacityLimiter(READERS_MAX)
        self._flags: tuple[float, dict[str, StationFlags]] = (-math.inf, {})
        self._quiet: tuple[float, dict[str, str]] = (-math.inf, {})
        self._overview: tuple[float, Overview | None] = (-math.inf, None)
        self._first: tuple[float, int | None] = (-math.inf, None)
        self._kept: dict[Hashable, tuple[float, Any]] = {}

    async def read(self, query: Callable[[], ResultT]) -> ResultT:
        """Runs the query in a thread."""
        return await trio.to_thread.run_sync(query, limiter=self._limiter)

    async def flags_by_station(self) -> dict[str, StationFlags]:
        now_s = trio.current_time()
        at_s, held = self._flags
        if now_s - at_s >= FRESH_S:
            held = await self.read(self.store.raised_by_station)
            self._flags = (now_s, held)
        return held

    async def quiet_flags(self) -> dict[str, str]:
        """Raised flags whose alert a person has resolved, and who that was."""
        now_s = trio.current_time()
        at_s, held = self._quiet
        if now_s - at_s >= FRESH_S:
            held = await self.read(self.store.quiet_flags)
            self._quiet = (now_s, held)
        return held

    async def refused(self) -> list[Refused]:
        """Who was turned away in 24 h, of the newest ``REFUSALS_MAX`` attempts."""
        since_ns = self.services.windows_end_ns() - DAY_NS
        wanted = FrameFilter(kinds=("link",), actions=("refused",), from_ns=since_ns)
        page = await self.read(lambda: self.store.frames(wanted, None, REFUSALS_MAX))
        return refused(page.items)

    async def overview(self) -> Overview:
        now_s, end_ns = trio.current_time(), self.services.windows_end_ns()
        at_s, held = self._overview
        if held is None or now_s - at_s >= FRESH_S:
            held = await self.read(lambda: self.store.overview(end_ns))
            self._overview = (now_s, held)
        return held

    async def kept(self, question: Hashable, query: Callable[[], ResultT]) -> ResultT:
        """The answer, not older than ``KEPT_S``: sums over months, which nobody needs by the second."""
        now_s = trio.current_time()
        at_s, held = self._kept.get(question, (-math.inf, None))
        if held is None or now_s - at_s >= KEPT_S:
            held = await self.read(query)
            self._kept.pop(question, None)
            while len(self._kept) >= KEPT_MAX:
                del self._kept[next(iter(self._kept))]
            self._kept[question] = (now_s, held)
        found: ResultT = held
        return found

    def stale(self) -> None:
        """Somebody has just changed something by hand: the next page must show it."""
        self._flags, self._quiet, self._overview = (-math.inf, {}), (-math.inf, {}), (-math.inf, None)
        self._kept.clear()

    async def usual_span_ns(self) -> int:
        """How far back a page looks where nobody says: what there is, a day at most."""
        now_s, end_ns = trio.current_time(), self.services.windows_end_ns()
        at_s, first_ns = self._first
        grown = first_ns is not None and end_ns - first_ns > DAY_NS
        if not grown and now_s - at_s >= FRESH_S:
            first_ns = await self.read(self.store.first_known_ns)
            self._first = (now_s, first_ns)
        return windows.usual(first_ns, end_ns)

    async def rows_of(
        self, stations: list[str], span_ns: int
    ) -> tuple[dict[str, LastSession], dict[str, list[Band]]]:
        """Last session and bands of the last so long, of the stations of one page."""
        end_ns = self.services.windows_end_ns()
        wanted = stations[:STRIP_STATIONS_MAX]

        def query() -> tuple[dict[str, LastSession], dict[str, list[Band]]]:
            return self.store.last_sessions(wanted), self.store.states_of(wanted, end_ns - span_ns, end_ns)

        return await self.read(query)
