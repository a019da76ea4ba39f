"""What the relay says of itself: which CSMS it reaches, whom it turned away, when it began. From its link events and its ticks.

A link event tells of a CSMS the moment that it goes or comes; it can be lost (a full disk, a killed relay), and a relay that
was restarted knows nothing of what the former one had met. So each tick is held against what was heard before it: a worker
whose last word was "down" and whose tick says otherwise takes that word back.

What always holds: the last word about a CSMS holds, whichever worker said it; a worker that is gone says nothing any more;
what is told of refusals adds up to what the ticks count from the first tick on.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from nocwatch.frames import Link, LinkEvent, Tick
from nocwatch.moments import SECOND_NS
from nocwatch.state.changes import AnyChange, RelayTold, UpstreamChanged

UPSTREAMS_MAX = 64
"""Upstreams are configured, not learnt; the bound is for a journal that was not written by our relay."""
LANES_MAX = 16
"""As many workers as a relay may have."""
REASONS_MAX = 1024
"""Reasons of refusals that are counted: some fifty words, and the statuses of answers."""
TOLD_EVERY_NS = 10 * SECOND_NS
"""So often refusals are told at most: soon enough for a person, and nothing for those who count them."""
FRESH_NS = 60 * SECOND_NS
"""A relay whose first tick comes so soon after its start has refused nobody whom it did not count since then."""

_REFUSED, _UP = "refused_", "upstream_up_"


class LaneWord(msgspec.Struct):
    """The last word of one worker.

    Attributes:
        started_s: when it began, in seconds since 1970; 0 where it did not say.
        up: upstream → whether its last dial did not fail.
        refused: as its last tick counted them; ``counted`` from its first one on.
    """

    started_s: int = 0
    up: dict[str, bool] = {}
    refused: dict[str, int] = {}
    counted: bool = False


class RelayMemory(msgspec.Struct):
    """What is remembered of the relay.

    Attributes:
        lanes: the last word of each worker.
        waiting: refusals that were counted and not told yet.
        told_at_ns: when something was told.
    """

    lanes: dict[int, LaneWord] = {}
    waiting: dict[str, int] = {}
    told_at_ns: int = 0


class Relays:
    """The relay of one journal.

    Attributes:
        upstreams: name → whether it is up.
    """

    def __init__(self, counters: dict[str, int]) -> None:
        self.upstreams: dict[str, bool] = {}
        self.memory = RelayMemory()
        self._counters = counters

    def linked(self, link: Link, now_ns: int) -> list[AnyChange]:
        """``upstream_down`` or ``upstream_up``."""
        up = link.event is LinkEvent.UPSTREAM_UP
        word = self._lane(link.lane)
        if word is not None and (link.upstream in word.up or len(word.up) < UPSTREAMS_MAX):
            word.up[link.upstream] = up
        return self._is(link.upstream, now_ns, (link.ref,), up=up, reason=link.reason)

    def ticked(self, tick: Tick, now_ns: int) -> list[AnyChange]:
        """A tick of one worker; one without counters says nothing."""
        counters = tick.counters
        if not counters or (word := self._lane(tick.lane)) is None:
            return []
        workers = counters.get("workers", 0)
        for lane in [each for each in self.memory.lanes if workers and each >= workers]:
            del self.memory.lanes[lane]
        began = self._began(word, counters.get("start_time_seconds", 0))
        self._count(word, counters, now_ns, began=began)
        changes: list[AnyChange] = []
        ups = {
            name.removeprefix(_UP): bool(value) for name, value in counters.items() if name.startswith(_UP)
        }
        for upstream in word.up.keys() - ups.keys() if ups else ():
            del word.up[upstream]  # the configuration has it no more
        for upstream, up in ups.items():
            if word.up.get(upstream, True) is not up and len(word.up) < UPSTREAMS_MAX:
                word.up[upstream] = up
                changes += self._is(upstream, now_ns, (), up=up, reason="")
        for upstream in [name for name, up in self.upstreams.items() if not up]:
            if not any(each.up.get(upstream) is False for each in self.memory.lanes.values()):
                changes += self._is(upstream, now_ns, (), up=True, reason="")
        due = self.memory.waiting and now_ns - self.memory.told_at_ns >= TOLD_EVERY_NS
        if due or began:
            refused, self.memory.waiting = self.memory.waiting, {}
            self.memory.told_at_ns = now_ns
            started_ns = word.started_s * SECOND_NS if began else 0
            changes.append(RelayTold(station="", at_ns=now_ns, refused=refused, started_at_ns=started_ns))
        return changes

    def _lane(self, lane: int) -> LaneWord | None:
        if lane not in self.memory.lanes and len(self.memory.lanes) >= LANES_MAX:
            return None
        return self.memory.lanes.setdefault(lane, LaneWord())

    @staticmethod
    def _began(word: LaneWord, started_s: int) -> bool:
        """Whether another relay than before is at work in this lane."""
        before, word.started_s = word.started_s, started_s or word.started_s
        return started_s not in (0, before)

    def _count(self, word: LaneWord, counters: Mapping[str, int], now_ns: int, *, began: bool) -> None:
        waiting = self.memory.waiting
        # Of a relay that had run for long before its first tick here nobody knows when it refused whom.
        from_now = word.counted or (began and now_ns - word.started_s * SECOND_NS <= FRESH_NS)
        word.counted = True
        for name, value in counters.items():
            reason = name.removeprefix(_REFUSED)
            if reason == name or (reason not in word.refused and len(word.refused) >= REASONS_MAX):
                continue
            before, word.refused[reason] = word.refused.get(reason, 0), value
            # A worker that follows one that crashed counts on; a relay that was restarted begins at 0.
            more = value - before if value >= before else value
            if more and from_now:
                waiting[reason] = waiting.get(reason, 0) + more

    def _is(
        self, upstream: str, now_ns: int, frames: tuple[str, ...], *, up: bool, reason: str
    ) -> list[AnyChange]:
        if upstream not in self.upstreams and len(self.upstreams) >= UPSTREAMS_MAX:
            self._counters["state_upstreams_dropped"] = self._counters.get("state_upstreams_dropped", 0) + 1
            return []
        before, self.upstreams[upstream] = self.upstreams.get(upstream, True), up
        if before is up:
            return []
        change = UpstreamChanged(
            station="", at_ns=now_ns, frames=frames, upstream=upstream, up=up, reason="" if up else reason
        )
        return [change]
