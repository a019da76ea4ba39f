"""Stations behind one address, as a site's router shows them: where many of them lose their links at once, it was the network.

Not where stations stand, which the registry knows and this room does not: an address is what the link itself shows. One station's
tracker cannot see its neighbours, so this is asked at the end of each link.

What always holds: ends by the CSMS or the relay show nothing of a site; a station whose reset was ordered is away for that; what was
judged within the last seconds is judged again when the others' losses are heard of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv6Address, ip_address, ip_network
from itertools import islice

from nocwatch.moments import SECOND_NS
from nocwatch.state.changes import AnyChange
from nocwatch.state.facts import Hole
from nocwatch.state.memory import StationState
from nocwatch.state.tracker import Tracker

TOGETHER_WITHIN_NS = 10 * SECOND_NS
"""Losses so near to each other have one cause: routers come down in a moment, and a relay hears of each link on its own."""
STATIONS_MIN = 3
"""Two at once may be chance, or two connectors' computers behind one fuse."""
SHARE_MIN = 0.5
"""Of the stations there: fewer have come down by themselves. Behind a balancer that hides addresses, a site of its own is not seen."""
ORDERED_NS = 300 * SECOND_NS
"""Within which a reset that the CSMS ordered explains that a station is away."""
FRAMES_MAX = 4
"""Of the others' ends that are named."""
BECAUSE = "other stations behind the same address lost their links with it"

Losses = dict[str, dict[str, int]]
"""Network → station → when it lost its last link; the last few seconds."""


class Neighbours:
    """Who is behind which address.

    Attributes:
        lost: what the snapshot keeps, the latest last; who is there follows from the stations' own memory.
    """

    def __init__(self) -> None:
        self.lost: Losses = {}
        self._marked: set[str] = set()
        self._there: dict[str, set[str]] = {}
        self._back: dict[str, set[str]] = {}
        """Of those who are there: who was among the lost when it came."""
        self._network: dict[str, str] = {}

    def restore(self, lost: Losses, stations: list[StationState]) -> None:
        self.lost, self._marked, self._there, self._back, self._network = lost, set(), {}, {}, {}
        for each in stations:
            if each.online:
                self.opened(each)

    def opened(self, state: StationState) -> None:
        """The station has a link, or another one."""
        network = network_of(state.remote_address)
        if self._network.get(state.id) != network:
            self._gone(state.id)
            self._network[state.id] = network
            self._there.setdefault(network, set()).add(state.id)
            if state.id in self.lost.get(network, ()):
                self._back.setdefault(network, set()).add(state.id)

    def closed(self, tracker: Tracker, trackers: Mapping[str, Tracker]) -> list[AnyChange]:
        """A link of the station ended: what that says of the others' losses. Its own is marked, and told with the rest of it."""
        state = tracker.state
        if state.online:
            self.opened(state)  # over another link, maybe from another address
            return []
        if not state.holes or state.holes[-1].from_ns != tracker.now_ns:
            return []
        network = self._gone(state.id)
        if not network or state.holes[-1].by in ("csms", "relay") or _ordered(tracker):
            return []
        lost = self._lose(network, state.id, tracker.now_ns)
        if not self._many(network, lost):
            self._marked.discard(network)
            return []
        # Of a thousand that go down together each is marked once: the first ones when they turn out to be many, then one by one.
        fresh = {state.id: tracker.now_ns} if network in self._marked else lost
        self._marked.add(network)
        return _mark(tracker, lost, fresh, trackers)

    def _lose(self, network: str, station: str, now_ns: int) -> dict[str, int]:
        """Who lost a link there within the last seconds, this one last. What is older is forgotten, here and of all networks."""
        lost = self.lost.pop(network, {})
        lost.pop(station, None)
        lost[station] = now_ns
        _forget(lost, now_ns)
        self.lost[network] = lost
        while (first := next(iter(self.lost))) != network and not _forget(self.lost[first], now_ns):
            del self.lost[first]
            self._marked.discard(first)
        return lost

    def _many(self, network: str, lost: dict[str, int]) -> bool:
        there = self._there.get(network, set())
        if len(lost) < STATIONS_MIN or len(lost) < SHARE_MIN * len(there):
            return False
        # Who is back already is among both. Of a thousand that go down most are not, and they are not counted each time.
        back = sum(each in lost for each in self._back.get(network, ()))
        return len(lost) >= SHARE_MIN * (len(lost) + len(there) - back)

    def _gone(self, station: str) -> str:
        network = self._network.pop(station, "")
        there = self._there.get(network)
        if there is not None:
            there.discard(station)
            self._back.get(network, set()).discard(station)
            if not there:
                del self._there[network]
                self._back.pop(network, None)
        return network


def _forget(lost: dict[str, int], now_ns: int) -> bool:
    """Takes out what is too long ago; whether anything is left."""
    while lost and now_ns - lost[first := next(iter(lost))] > TOGETHER_WITHIN_NS:
        del lost[first]
    return bool(lost)


def _mark(
    tracker: Tracker, lost: dict[str, int], fresh: dict[str, int], trackers: Mapping[str, Tracker]
) -> list[AnyChange]:
    """Each of the fresh losses was one of many; what was judged by it since is judged again."""
    named = [hole for _, hole in islice(_holes(lost, trackers), FRAMES_MAX + 1)]
    changes: list[AnyChange] = []
    for its, hole in _holes(fresh, trackers):
        if hole.others:
            continue
        hole.others = len(lost) - 1
        hole.others_frames = tuple(each.frame for each in named if each is not hole)[:FRAMES_MAX]
        if its is tracker:
            continue
        its.now_ns, its.frame, its.late = tracker.now_ns, tracker.frame, False
        for session in its.newest_first():
            if session.closed_at_ns is not None and session.closed_at_ns >= hole.from_ns:
                its.touch(session, BECAUSE)
        changes += its.flush()
    return changes


def _holes(lost: dict[str, int], trackers: Mapping[str, Tracker]) -> Iterator[tuple[Tracker, Hole]]:
    for station, at_ns in lost.items():
        if (its := trackers.get(station)) is None:
            continue
        for hole in its.state.holes:
            if hole.from_ns == at_ns:
                yield its, hole


def _ordered(tracker: Tracker) -> bool:
    return any(
        each.name == "reset" and each.done_ns is None and tracker.now_ns - each.at_ns <= ORDERED_NS
        for each in tracker.state.orders
    )


def network_of(address: str) -> str:
    """What stations of one site have in common: the address without its port, of IPv6 the first 64 bits; empty where it is none."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        number = ip_address(host)
    except ValueError:
        return ""
    if not isinstance(number, IPv6Address):
        return str(number)
    mapped = number.ipv4_mapped
    return str(mapped) if mapped is not None else str(ip_network((int(number), 64), strict=False))
