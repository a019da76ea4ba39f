"""Chains: attempts of one driver that follow one another closely, at whichever stations. Pure.

A visit never reaches beyond its chain, whatever the registry says of sites. What a chain at a single station counts for does not
depend on the registry at all, and is kept as a sum; where a chain has several stations, which of them stand at one site decides,
and its visits are made when they are asked for (``visits.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from nocwatch.kpis.visits import (
    FAILED,
    KNOWN_GAP_NS,
    TROUBLED,
    UNKNOWN_GAP_NS,
    WELL,
    Attempt,
    VisitSums,
    visits,
)

VERSION = 1
"""Of what is a chain and how it is told: another number makes the store tell all chains anew."""
CHAIN_MAX = 1000
"""Attempts of one chain; no driver makes as many. A card that a whole fleet shares does, and would be read over and over."""

NO_VISIT, VISIT_WELL, VISIT_TROUBLED, VISIT_FAILED, ASKED, ASKED_FURTHER = range(6)
"""What is told of an attempt. The first of a chain has what the chain counts for, or ``ASKED`` where its visits are made when
they are asked for, and the further ones of such a chain have ``ASKED_FURTHER``; all other attempts have None."""
BEGINS = frozenset({NO_VISIT, VISIT_WELL, VISIT_TROUBLED, VISIT_FAILED, ASKED})
_TOLD = {WELL: VISIT_WELL, TROUBLED: VISIT_TROUBLED, FAILED: VISIT_FAILED}


class Driver(NamedTuple):
    """A token, or where there is none the connector."""

    token: str | None
    station: str = ""
    evse: int = -1
    connector: int = -1

    @property
    def gap_ns(self) -> int:
        return KNOWN_GAP_NS if self.token else UNKNOWN_GAP_NS


class Link(NamedTuple):
    """An attempt as a link of a chain, in the order of its fields; ``told``: what is told of it so far."""

    started_at_ns: int
    ended_at_ns: int
    id: str
    token: str | None
    station: str
    evse: int
    connector: int
    outcome: str
    told: int | None = None

    @property
    def driver(self) -> Driver:
        if self.token:
            return Driver(self.token)
        return Driver(None, self.station, self.evse, self.connector)


def chains(links: Iterable[Link], gap_ns: int) -> Iterator[list[Link]]:
    """Of one driver, in order of their start; within a chain in the order in which visits are made of them.

    Of one that becomes longer than ``CHAIN_MAX`` pieces are given, the first of them longer than that.
    """
    chain: list[Link] = []
    until_ns = 0
    for each in links:
        if chain and (each.started_at_ns - until_ns > gap_ns or len(chain) > CHAIN_MAX):
            yield sorted(chain)
            chain = []
        until_ns = max(until_ns, each.ended_at_ns) if chain else each.ended_at_ns
        chain.append(each)
    if chain:
        yield sorted(chain)


def told_of(chain: Sequence[Link]) -> list[int | None]:
    """What is told of each attempt of a chain."""
    if len({each.station for each in chain}) > 1:
        return [ASKED, *(ASKED_FURTHER for _ in chain[1:])]
    judged = next((sums for _, sums in visits(map(attempt_of, chain))), VisitSums())
    return [_TOLD.get(judged, NO_VISIT), *(None for _ in chain[1:])]


def attempt_of(link: Link) -> Attempt:
    """At its own station: where there is but one, its site changes nothing."""
    return Attempt(
        link.station,
        link.station,
        link.evse,
        link.connector,
        link.token,
        link.started_at_ns,
        link.ended_at_ns,
        link.outcome,
    )
