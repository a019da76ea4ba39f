"""The hub of live changes: the watch publishes what changed, each follower (an open page, an API client) takes it.

It is no history: a follower that comes back asks for the page again. What always holds: publishing never waits and costs
one look where nobody follows; a follower holds the latest of each thing, so that a station that changes ten times before
its page is written to arrives once, as it stands; a follower that falls ``PENDING_MAX`` things behind is let go and told to
come back. All of it runs in the watch's one trio thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, TypeAlias

import trio

from nocwatch.alerts.alert import Alert
from nocwatch.flags import Flag
from nocwatch.frames import Frame
from nocwatch.network import Station
from nocwatch.sessions import Session

Thing: TypeAlias = Station | Session | Flag | Alert | Frame

PENDING_MAX = 4096
"""Things a follower may be behind. A site of 4,000 stations coming back at once still fits; each entry is a reference to
a value that lives anyway, so a follower at its limit holds some 400 KiB."""

KINDS = ("station", "session", "flag", "alert", "frame")
"""Frames are sent only to who asks for them, and only of one station: a network's frames are too many for a page."""


class Interest(NamedTuple):
    """What a follower wants: kinds, and one station or (None) all of them."""

    kinds: frozenset[str]
    station: str | None = None

    def covers(self, kind: str, station: str | None) -> bool:
        if kind not in self.kinds:
            return False
        if kind == "frame":
            return self.station is not None and self.station == station
        return self.station is None or self.station == station


class Behind(Exception):  # noqa: N818 — a state of a follower, not an error of the program
    """The follower fell too far behind, and what it holds is no more complete."""


class Closing(Exception):  # noqa: N818
    """The hub is closing: the watch stops."""


class Follower:
    """One who follows. Its changes are taken with ``take``."""

    def __init__(self, interest: Interest) -> None:
        self.interest = interest
        self.behind = False
        self.closing = False
        self._pending: dict[tuple[str, str], Thing] = {}
        self._ready = trio.Event()

    def put(self, kind: str, key: str, thing: Thing) -> None:
        self._pending.pop((kind, key), None)  # the latest goes to the end: order is that of the last change
        self._pending[kind, key] = thing
        if len(self._pending) > PENDING_MAX:
            self._pending.clear()
            self.behind = True
        self._ready.set()

    def close(self) -> None:
        self.closing = True
        self._ready.set()

    async def take(self, timeout_s: float) -> list[tuple[str, str, Thing]]:
        """What changed since the last call; waits up to ``timeout_s`` for something, and is empty after that.

        Raises:
            Behind: more than ``PENDING_MAX`` things waited.
            Closing: nothing more will come.
        """
        with trio.move_on_after(timeout_s):
            await self._ready.wait()
        if self.behind:
            raise Behind
        if self.closing:
            raise Closing
        taken = [(kind, key, thing) for (kind, key), thing in self._pending.items()]
        self._pending.clear()
        self._ready = trio.Event()
        return taken


class Full(Exception):  # noqa: N818
    """As many follow as the settings allow."""


class Hub:
    """Between the watch and those who follow.

    Attributes:
        counters: ``published`` (with at least one taker), ``followers_dropped`` (too slow), ``followers_refused``.
    """

    def __init__(self, followers_max: int = 200) -> None:
        self.followers_max = followers_max
        self.counters = {"published": 0, "followers_dropped": 0, "followers_refused": 0}
        self._followers: set[Follower] = set()

    def __len__(self) -> int:
        return len(self._followers)

    def wants_frames(self, station: str) -> bool:
        """Whether it is of use to publish this station's frames."""
        return any(follower.interest.covers("frame", station) for follower in self._followers)

    def publish(self, thing: Thing) -> None:
        """Tells the followers that ``thing`` changed; it is the whole thing as it stands now."""
        if not self._followers:
            return
        kind, key, station = _name(thing)
        taken = False
        for follower in [*self._followers]:
            if follower.interest.covers(kind, station):
                follower.put(kind, key, thing)
                taken = True
                if follower.behind:
                    self._followers.discard(follower)
                    self.counters["followers_dropped"] += 1
        self.counters["published"] += taken

    @contextmanager
    def follow(self, interest: Interest) -> Iterator[Follower]:
        """Follows while the block runs.

        Raises:
            Full: ``followers_max`` follow already.
        """
        if len(self._followers) >= self.followers_max:
            self.counters["followers_refused"] += 1
            raise Full
        follower = Follower(interest)
        self._followers.add(follower)
        try:
            yield follower
        finally:
            self._followers.discard(follower)

    def close(self) -> None:
        """Lets every follower go, so that a stopping server need not wait for open pages."""
        for follower in self._followers:
            follower.close()


def _name(thing: Thing) -> tuple[str, str, str | None]:
    """Kind, key, station."""
    match thing:
        case Station():
            return "station", thing.id, thing.id
        case Session():
            return "session", thing.id, thing.station
        case Flag():
            return "flag", thing.id, thing.station
        case Alert():
            return "alert", thing.id, thing.station
        case Frame():
            return "frame", thing.ref, thing.station
