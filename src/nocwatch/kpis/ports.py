"""Ports and when they were out of service, from what their connectors said and from how their sessions went. Pure.

A port is what charges one vehicle at a time: an EVSE, in OCPP 1.6 a connector. It is down only when all its connectors are, or
when the station said so of itself (connector 0, EVSE 0).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from nocwatch.flags import Blame
from nocwatch.kpis.spans import Span, both, merged
from nocwatch.network import ConnectorStatus
from nocwatch.sessions import Outcome

FAILED_IN_A_ROW = 2
"""Sessions that failed by the charger, one after the other, from which on a port is not in service by evidence."""
FAULTS = frozenset({ConnectorStatus.FAULTED, ConnectorStatus.UNAVAILABLE})
DOWN = FAULTS | {ConnectorStatus.OFFLINE}


class Port(NamedTuple):
    """``connector`` is -1 for an EVSE with its connectors (2.x), ``evse`` -1 for a connector of 1.6."""

    station: str
    evse: int
    connector: int


class DownBand(NamedTuple):
    """A time in which a connector was not in service, or nothing was known of it (``No data``)."""

    from_ns: int
    until_ns: int
    status: ConnectorStatus
    error_code: str = ""


class Try(NamedTuple):
    """A session at a port, as evidence of service."""

    from_ns: int
    until_ns: int
    outcome: str
    blame: str | None


class Outage(NamedTuple):
    """A time out of service, with what shows it."""

    from_ns: int
    until_ns: int
    evidence: str


class PortFacts(NamedTuple):
    """All that uptime is made from, of one port.

    Attributes:
        since_ns: when it was first heard of.
        connectors: bands of each connector; ``station``: of the station itself.
        tries: of its sessions that are over at least the failures by the charger that no success parts, and the first success after
            them; in any order.
    """

    port: Port
    since_ns: int
    connectors: Mapping[int, Sequence[DownBand]]
    station: Sequence[DownBand]
    tries: Sequence[Try]


def outages(
    facts: PortFacts, statuses: frozenset[ConnectorStatus], spans: Sequence[Span] | None = None
) -> list[Outage]:
    """When the port was down by what was said of it (or of that only ``spans``), each with the words and error codes said meanwhile."""
    spans = down_spans(facts, statuses) if spans is None else spans
    said = sorted(band for bands in (*facts.connectors.values(), facts.station) for band in bands)
    return [Outage(start, end, _words(said, start, end, statuses)) for start, end in spans]


def down_spans(facts: PortFacts, statuses: frozenset[ConnectorStatus]) -> list[Span]:
    together: list[Span] | None = None
    for bands in facts.connectors.values():
        spans = merged((band.from_ns, band.until_ns) for band in bands if band.status in statuses)
        together = spans if together is None else both(together, spans)
    own = [(band.from_ns, band.until_ns) for band in facts.station if band.status in statuses]
    return merged([*(together or ()), *own])


def _words(
    bands: Iterable[DownBand], from_ns: int, until_ns: int, statuses: frozenset[ConnectorStatus]
) -> str:
    words: dict[str, None] = {}
    for band in bands:
        if band.status in statuses and band.from_ns < until_ns and band.until_ns > from_ns:
            error = "" if band.error_code in ("", "NoError") else f" ({band.error_code})"
            words[band.status.value + error] = None
    return ", ".join(words)


def no_service(tries: Iterable[Try], until_ns: int) -> list[Outage]:
    """When a port served nobody though people tried: from the first of several failures in a row to the next success.

    Only failures by the charger count; what the vehicle, the driver or the CSMS spoilt says nothing of the port. A run that no
    success has ended lasts until ``until_ns``.
    """
    found: list[Outage] = []
    run: list[Try] = []
    for each in sorted(tries):
        if each.outcome == Outcome.SUCCESS.value:
            found += _run(run, each.from_ns)
            run = []
        elif each.outcome == Outcome.FAILED.value and each.blame == Blame.CHARGER.value:
            run.append(each)
    return found + _run(run, until_ns)


def _run(run: Sequence[Try], until_ns: int) -> list[Outage]:
    if len(run) < FAILED_IN_A_ROW or until_ns <= run[0].from_ns:
        return []
    return [Outage(run[0].from_ns, until_ns, f"{len(run)} sessions in a row failed by the charger")]
