"""Uptime of a port in a time, by one regulation: outages, what is taken off them, and the percentage, stated twice. Pure.

*Fault-free* is what the port said of itself. *By evidence of service* also takes the times in which it served nobody though
people tried, and those of which nothing is known. The second is never better than the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from nocwatch.kpis.excused import Exclusion, Excused, year_of
from nocwatch.kpis.ports import Outage, Port, PortFacts, down_spans, no_service, outages
from nocwatch.kpis.regulations import Regulation
from nocwatch.kpis.spans import Span, both, length_ns, merged, without
from nocwatch.network import ConnectorStatus

NOT_KNOWN = frozenset({ConnectorStatus.NO_DATA})


class OutageLine(msgspec.Struct, frozen=True, kw_only=True):
    """One outage as it is filed. ``until_ns`` is None where it lasted at the end of the time.

    Attributes:
        excluded_ns: how much of it is taken off; ``cause`` why (the longest cause where there are several), else empty.
        by_evidence: whether only the evidence of service shows it.
    """

    port: Port
    from_ns: int
    until_ns: int
    excluded_ns: int
    cause: str
    note: str
    evidence: str
    by_evidence: bool = False


class Uptime(msgspec.Struct, frozen=True, kw_only=True):
    """One port in one time. ``total_ns`` is the regulation's T: the time, from when the port was first heard of."""

    port: Port
    from_ns: int
    until_ns: int
    total_ns: int
    outage_ns: int
    excluded_ns: int
    service_outage_ns: int
    service_excluded_ns: int
    unknown_ns: int
    outages: tuple[OutageLine, ...] = ()

    @property
    def fault_free(self) -> float | None:
        return _share(self.total_ns, self.outage_ns, self.excluded_ns)

    @property
    def by_service(self) -> float | None:
        return _share(self.total_ns, self.service_outage_ns, self.service_excluded_ns)


class Seen(NamedTuple):
    """What a port went through by one text, whichever time is asked for up to the same end: reckoned once for a month and its year."""

    down: Sequence[Span]
    unknown: Sequence[Span]
    unserved: Sequence[Outage]

    @staticmethod
    def of(regulation: Regulation, facts: PortFacts, until_ns: int) -> Seen:
        return Seen(
            down_spans(facts, regulation.down),
            down_spans(facts, NOT_KNOWN),
            no_service(facts.tries, until_ns),
        )


class PortMonth(msgspec.Struct, frozen=True, kw_only=True):
    """One row: a port, or the network of a regulation that asks for its mean, in one month.

    Attributes:
        month: ``2026-10``, by the report's time zone.
        fault_free, by_service: of the month. ``year_fault_free``, ``year_by_service``: of the 365 days to the month's end, or,
            of the United Kingdom, of the calendar year so far.
        holds: whether the year's fault-free figure is what the text asks for.
    """

    regulation: str
    month: str
    station: str
    evse: int | None
    connector: int | None
    evse_id: str
    site: str
    total_ns: int
    outage_ns: int
    excluded_ns: int
    fault_free: float | None
    service_outage_ns: int
    service_excluded_ns: int
    by_service: float | None
    unknown_ns: int
    year_fault_free: float | None
    year_by_service: float | None
    required: float
    holds: bool | None
    outages: tuple[OutageLine, ...] = ()


def pooled(parts: Iterable[Uptime]) -> tuple[float | None, float | None]:
    """Fault-free and by evidence, of several ports or months together: sums, not a mean of percentages."""
    every = list(parts)
    total = sum(each.total_ns for each in every)
    return (
        _share(total, sum(each.outage_ns for each in every), sum(each.excluded_ns for each in every)),
        _share(
            total,
            sum(each.service_outage_ns for each in every),
            sum(each.service_excluded_ns for each in every),
        ),
    )


def _share(total_ns: int, outage_ns: int, excluded_ns: int) -> float | None:
    return (total_ns - (outage_ns - excluded_ns)) / total_ns if total_ns > 0 else None


def uptime(
    regulation: Regulation,
    facts: PortFacts,
    exclusions: Sequence[Exclusion],
    from_ns: int,
    until_ns: int,
    *,
    listed: bool = True,
    seen: Seen | None = None,
) -> Uptime:
    """Of one port, from ``from_ns`` (or its first sight) to ``until_ns``, which is not later than now; ``listed`` with its outages.

    Closed hours come as exclusions with the cause ``outside_opening_hours``. They are taken off the outages; of a regulation
    that assesses open hours alone (United Kingdom) also off the time.
    """
    start_ns = max(from_ns, facts.since_ns)
    if start_ns >= until_ns:
        return _nothing(facts.port, from_ns, until_ns)
    excused = exclusions if isinstance(exclusions, Excused) else Excused(exclusions)
    seen = seen or Seen.of(regulation, facts, until_ns)
    # A yearly allowance is used up from the year's beginning, whichever month is asked for.
    year_ns = min(start_ns, max(facts.since_ns, year_of(start_ns)))
    year = excused.open_time(year_ns, until_ns) if regulation.pooled else [(year_ns, until_ns)]
    said = both(seen.down, year)
    unknown = without(both(seen.unknown, year), said)
    service = merged([*said, *unknown, *both(_spans(seen.unserved), year)])
    off = excused.allowances(regulation, service)
    allowed = excused.allowed(regulation, off)
    open_time = year
    if start_ns > year_ns:
        said, unknown, service, open_time = (
            both(spans, [(start_ns, until_ns)]) for spans in (said, unknown, service, year)
        )
    lines: list[OutageLine] = []
    if listed:
        off_list = _Off(excused, off, allowed)
        lines += _lines(
            facts.port,
            outages(facts, regulation.down, [each for each in seen.down if each[1] > start_ns]),
            said,
            off_list,
        )
        shown = without(service, merged([*said, *unknown]))
        lines += _lines(
            facts.port,
            [each for each in seen.unserved if each.until_ns > start_ns],
            shown,
            off_list,
            by_evidence=True,
        )
    return Uptime(
        port=facts.port,
        from_ns=start_ns,
        until_ns=until_ns,
        total_ns=length_ns(open_time),
        outage_ns=length_ns(said),
        excluded_ns=length_ns(both(said, allowed)),
        service_outage_ns=length_ns(service),
        service_excluded_ns=length_ns(both(service, allowed)),
        unknown_ns=length_ns(unknown),
        outages=tuple(sorted(lines, key=lambda line: (line.from_ns, line.until_ns))),
    )


def _spans(found: Iterable[Outage]) -> list[Span]:
    return merged((each.from_ns, each.until_ns) for each in found)


class _Off(NamedTuple):
    """What is taken off outages: by cause, and together."""

    excused: Excused
    by_cause: Mapping[str, Sequence[Span]]
    allowed: Sequence[Span]


def _lines(
    port: Port, found: Iterable[Outage], counted: Sequence[Span], off: _Off, *, by_evidence: bool = False
) -> Iterable[OutageLine]:
    """One for each stretch of an outage that counts, with what is taken off it."""
    for each in found:
        for start, end in both([(each.from_ns, each.until_ns)], counted):
            taken = length_ns(both([(start, end)], off.allowed))
            shares = {cause: length_ns(both([(start, end)], spans)) for cause, spans in off.by_cause.items()}
            cause = max(shares, key=lambda name: shares[name]) if taken else ""
            yield OutageLine(
                port=port,
                from_ns=start,
                until_ns=end,
                excluded_ns=taken,
                cause=cause,
                note=off.excused.note(cause, start, end),
                evidence=each.evidence,
                by_evidence=by_evidence,
            )


def _nothing(port: Port, from_ns: int, until_ns: int) -> Uptime:
    return Uptime(
        port=port,
        from_ns=from_ns,
        until_ns=until_ns,
        total_ns=0,
        outage_ns=0,
        excluded_ns=0,
        service_outage_ns=0,
        service_excluded_ns=0,
        unknown_ns=0,
    )
