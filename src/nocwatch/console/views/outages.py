"""Uptime of ports as a page shows it: both statements, what they rest on, and the outages behind them. Pure.

What always holds: a percentage is never rounded up to what was not reached, and every outage leads to what shows it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from nocwatch.console.addresses import path
from nocwatch.console.views import words
from nocwatch.console.views.figures import Bar
from nocwatch.kpis.regulations import REGULATIONS
from nocwatch.kpis.uptime import OutageLine, PortMonth
from nocwatch.moments import DAY_NS, HOUR_NS, SECOND_NS

AXIS_FROM = 0.90
"""Of the bars: what is asked for is 97 and 99 percent."""
APART = 0.01
"""Between the two statements: a port that says Available and serves nobody."""
WINDOW_MAX_NS = 31 * DAY_NS
"""Of a station's timeline."""


class OutageRow(NamedTuple):
    """One outage; ``href`` leads to what shows it, ``word`` says what that is."""

    from_ns: int
    until_ns: int
    lasted: str
    evidence: str
    excluded: str
    cause: str
    note: str
    href: str
    word: str


class PortRow(NamedTuple):
    """One port, or the network of a text that asks for its mean (``station`` empty).

    Attributes:
        bar: from what the evidence of service says to what the port said.
        apart: whether the two differ so much that somebody should look.
        holds: whether the year is what the text asks for; None where that is not asked of the port.
    """

    station: str
    port: str
    evse_id: str
    site: str
    fault_free: str
    by_service: str
    bar: Bar | None
    apart: bool
    outage: str
    excluded: str
    unknown: str
    year_fault_free: str
    year_by_service: str
    holds: bool | None
    outages: list[OutageRow]


class TextRows(NamedTuple):
    """One regulation: what it asks for, how many ports keep it, and a page of them, the worst first."""

    name: str
    title: str
    source: str
    asked_for: str
    network: PortRow | None
    ports: int
    failing: int
    rows: list[PortRow]


def texts(found: Iterable[PortMonth], first: int, rows_max: int) -> list[TextRows]:
    """By regulation, in the order in which they come."""
    gathered: dict[str, list[PortMonth]] = {}
    for row in found:
        gathered.setdefault(row.regulation, []).append(row)
    made = []
    for name, rows in gathered.items():
        regulation = REGULATIONS[name]
        ports = sorted((row for row in rows if row.evse is not None or row.connector is not None), key=_worst)
        network = next((row for row in rows if row.evse is None and row.connector is None), None)
        made.append(
            TextRows(
                name,
                regulation.title,
                regulation.source,
                ("more than " if regulation.strictly else "") + words.percent(regulation.required, 0),
                None if network is None else _row(network),
                len(ports),
                sum(row.holds is False for row in ports),
                [_row(row) for row in ports[first : first + rows_max]],
            )
        )
    return made


def _worst(row: PortMonth) -> tuple[bool, float, float, str, int, int]:
    month = 2.0 if row.fault_free is None else row.fault_free
    service = 2.0 if row.by_service is None else row.by_service
    return row.holds is not False, month, service, row.station, row.evse or -1, row.connector or -1


def _row(row: PortMonth) -> PortRow:
    network = row.evse is None and row.connector is None
    return PortRow(
        "" if network else row.station,
        "" if network else port_name(row.evse, row.connector),
        row.evse_id,
        row.site,
        share(row.fault_free),
        share(row.by_service),
        _bar(row),
        row.fault_free is not None and row.by_service is not None and row.fault_free - row.by_service > APART,
        words.span(row.outage_ns) if row.outage_ns else "none",
        words.span(row.excluded_ns) if row.excluded_ns else "",
        words.span(row.unknown_ns) if row.unknown_ns else "",
        share(row.year_fault_free),
        share(row.year_by_service),
        row.holds,
        [_outage(line) for line in row.outages],
    )


def port_name(evse: int | None, connector: int | None) -> str:
    return f"EVSE {evse}" if evse is not None else f"connector {connector}"


def share(value: float | None) -> str:
    """To the hundredth of a percent, downwards."""
    return words.UNKNOWN if value is None else words.percent(math.floor(value * 10_000 + 1e-6) / 10_000, 2)


def _bar(row: PortMonth) -> Bar | None:
    if row.fault_free is None or row.by_service is None:
        return None

    def at(value: float) -> float:
        return max(0.0, (value - AXIS_FROM) / (1 - AXIS_FROM)) * 100

    low, high = at(row.by_service), at(row.fault_free)
    return Bar(low, high - low, high, at(row.required))


def _outage(line: OutageLine) -> OutageRow:
    return OutageRow(
        line.from_ns,
        line.until_ns,
        words.span(line.until_ns - line.from_ns),
        line.evidence,
        words.span(line.excluded_ns) if line.excluded_ns else "",
        words.sentence(line.cause) if line.cause else "",
        line.note,
        *_shown_by(line),
    )


def _shown_by(line: OutageLine) -> tuple[str, str]:
    port = line.port
    if line.by_evidence and line.evidence:
        where = f"&evse={port.evse}" if port.evse >= 0 else f"&connector={port.connector}"
        window = f"&from={line.from_ns // SECOND_NS}&until={-(-line.until_ns // SECOND_NS)}"
        return f"/sessions?station={path(port.station)}{where}{window}", "sessions"
    from_ns = line.from_ns - HOUR_NS
    until_ns = min(line.until_ns + HOUR_NS, from_ns + WINDOW_MAX_NS)
    window = f"from={from_ns // SECOND_NS}&until={until_ns // SECOND_NS}"
    return f"/stations/{path(port.station)}?{window}", "timeline"
