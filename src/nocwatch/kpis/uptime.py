"""Uptime of a port in a time, by one regulation: outages, what is taken off them, and the percentage, stated twice. Pure.

*Fault-free* is what the port said of itself. *By evidence of service* also takes the times in which it served nobody though
people tried, and those of which nothing is known. The second is never better than the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from nocwatch.kpis.ports import Outage, Port, PortFacts, down_spans, no_service, outages
from nocwatch.kpis.regulations import CLOSED, Regulation, cause_of
from nocwatch.kpis.spans import Span, both, cut, length_ns, merged, without
from nocwatch.moments import SECOND_NS
from nocwatch.network import ConnectorStatus

NOT_KNOWN = frozenset({ConnectorStatus.NO_DATA})


class Exclusion(NamedTuple):
    """A time that the operator's registry excludes, with its cause."""

    from_ns: int
    until_ns: int
    cause: str
    note: str = ""


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
) -> Uptime:
    """Of one port, from ``from_ns`` (or its first sight) to ``until_ns``, which is not later than now; ``listed`` with its outages.

    Closed hours come as exclusions with the cause ``outside_opening_hours``. They are taken off the outages; of a regulation
    that assesses open hours alone (United Kingdom) also off the time.
    """
    start_ns = max(from_ns, facts.since_ns)
    if start_ns >= until_ns:
        return _nothing(facts.port, from_ns, until_ns)
    # A yearly allowance is used up from the year's beginning, whichever month is asked for.
    year_ns = min(start_ns, max(facts.since_ns, _year_ns(start_ns)))
    closed = cut(_of_cause(exclusions, CLOSED), year_ns, until_ns) if regulation.pooled else []
    year = without([(year_ns, until_ns)], closed)
    open_time = cut(year, start_ns, until_ns)
    unserved = no_service(facts.tries, until_ns)
    said = both(down_spans(facts, regulation.down), year)
    unknown = without(both(down_spans(facts, NOT_KNOWN), year), said)
    service = merged([*said, *unknown, *both(_spans(unserved), year)])
    off = allowances(regulation, exclusions, service)
    said, unknown, service = (cut(spans, start_ns, until_ns) for spans in (said, unknown, service))
    allowed = merged(span for spans in off.values() for span in spans)
    lines: list[OutageLine] = []
    if listed:
        lines += _lines(facts.port, outages(facts, regulation.down), said, exclusions, off)
        shown = without(service, merged([*said, *unknown]))
        lines += _lines(facts.port, unserved, shown, exclusions, off, by_evidence=True)
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


def allowances(
    regulation: Regulation, exclusions: Sequence[Exclusion], down: Sequence[Span]
) -> dict[str, list[Span]]:
    """By cause, the times that the regulation lets be taken off: cut to its limits for each event and each calendar year."""
    found: dict[str, list[Span]] = {}
    for cause, longest_ns in regulation.excluded.items():
        windows = merged(_of_cause(exclusions, cause))
        if longest_ns is not None:
            windows = [(start, min(end, start + longest_ns)) for start, end in windows]
        yearly_ns = regulation.yearly_ns.get(cause)
        # A yearly allowance is used up by time that was down, not by the window that was announced.
        found[cause] = _within_years(both(windows, down), yearly_ns) if yearly_ns is not None else windows
    return found


def _within_years(spans: Sequence[Span], yearly_ns: int) -> list[Span]:
    found: list[Span] = []
    left: dict[int, int] = {}
    for start_ns, end_ns in spans:
        at_ns = start_ns
        while at_ns < end_ns:
            year = _year_ns(at_ns)
            next_ns = _year_ns(at_ns, 1)
            until_ns = min(end_ns, next_ns)
            used = min(until_ns - at_ns, left.setdefault(year, yearly_ns))
            left[year] -= used
            found.append((at_ns, at_ns + used))
            at_ns = until_ns
    return merged(found)


def _year_ns(at_ns: int, years: int = 0) -> int:
    """The beginning of the calendar year (UTC), or of one after it."""
    year = datetime.fromtimestamp(at_ns // SECOND_NS, UTC).year + years
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * SECOND_NS


def _of_cause(exclusions: Iterable[Exclusion], cause: str) -> list[Span]:
    return [(each.from_ns, each.until_ns) for each in exclusions if cause_of(each.cause) == cause]


def _spans(found: Iterable[Outage]) -> list[Span]:
    return merged((each.from_ns, each.until_ns) for each in found)


def _lines(
    port: Port,
    found: Iterable[Outage],
    counted: Sequence[Span],
    exclusions: Sequence[Exclusion],
    off: dict[str, list[Span]],
    *,
    by_evidence: bool = False,
) -> Iterable[OutageLine]:
    """One for each stretch of an outage that counts, with what is taken off it."""
    for each in found:
        for start, end in both([(each.from_ns, each.until_ns)], counted):
            shares = {cause: length_ns(both([(start, end)], spans)) for cause, spans in off.items()}
            taken = length_ns(both([(start, end)], merged(span for spans in off.values() for span in spans)))
            cause = max(shares, key=lambda name: shares[name]) if taken else ""
            notes = (
                exclusion.note
                for exclusion in exclusions
                if exclusion.note
                and cause_of(exclusion.cause) == cause
                and exclusion.from_ns < end
                and exclusion.until_ns > start
            )
            yield OutageLine(
                port=port,
                from_ns=start,
                until_ns=end,
                excluded_ns=taken,
                cause=cause,
                note=next(notes, ""),
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
