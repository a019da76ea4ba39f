"""Figures, uptime and outages as rows of a table and as documents: the same names on the command line and in the API. Pure.

Shares are told in percent, times in minutes or hours: what the unit or the column's name says.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from nocwatch.kpis.figures import Figure
from nocwatch.kpis.uptime import OutageLine, PortMonth
from nocwatch.moments import MINUTE_NS, rfc3339
from nocwatch.tables import Cell

FIGURE_COLUMNS = (
    "group",
    "figure",
    "value",
    "unit",
    "low",
    "high",
    "number",
    "numerator",
    "denominator",
    "asked_for",
    "detail",
    "benchmark",
    "few",
)
UPTIME_COLUMNS = (
    "regulation",
    "month",
    "station",
    "evse",
    "connector",
    "evse_id",
    "site",
    "total_min",
    "outage_min",
    "excluded_min",
    "uptime_percent",
    "by_service_outage_min",
    "by_service_excluded_min",
    "by_service_percent",
    "unknown_min",
    "outages",
    "year_percent",
    "year_by_service_percent",
    "asked_for_percent",
    "holds",
)
UPTIME_SHORT = (
    "regulation",
    "month",
    "station",
    "evse",
    "connector",
    "site",
    "outage_min",
    "excluded_min",
    "uptime_percent",
    "by_service_percent",
    "unknown_min",
    "outages",
    "holds",
)
"""Of a table for a terminal, which has no room for all twenty; files have them all."""
OUTAGE_COLUMNS = (
    "regulation",
    "station",
    "evse",
    "connector",
    "from",
    "until",
    "minutes",
    "excluded_min",
    "cause",
    "note",
    "evidence",
    "by_evidence",
)


def figure_rows(group: str, figures: Iterable[Figure]) -> list[list[Cell]]:
    return [[group, *document.values()][: len(FIGURE_COLUMNS)] for document in map(figure_document, figures)]


def figure_document(figure: Figure) -> dict[str, Any]:
    """In the order of the columns; the words for people come last."""
    scale = 100.0 if figure.unit == "%" else 1.0
    return {
        "figure": figure.name,
        "value": _scaled(figure.value, scale),
        "unit": figure.unit,
        "low": _scaled(figure.low, scale),
        "high": _scaled(figure.high, scale),
        "number": figure.number,
        "numerator": _scaled(figure.numerator, 1.0),
        "denominator": _scaled(figure.denominator, 1.0),
        "asked_for": _scaled(figure.mark, scale),
        "detail": figure.detail or None,
        "benchmark": figure.benchmark or None,
        "few": figure.few,
        "title": figure.title,
        "source": figure.source,
    }


def uptime_document(row: PortMonth) -> dict[str, Any]:
    """In the order of the columns."""
    return {
        "regulation": row.regulation,
        "month": row.month,
        "station": row.station,
        "evse": row.evse,
        "connector": row.connector,
        "evse_id": row.evse_id or None,
        "site": row.site or None,
        "total_min": _minutes(row.total_ns),
        "outage_min": _minutes(row.outage_ns),
        "excluded_min": _minutes(row.excluded_ns),
        "uptime_percent": _percent(row.fault_free),
        "by_service_outage_min": _minutes(row.service_outage_ns),
        "by_service_excluded_min": _minutes(row.service_excluded_ns),
        "by_service_percent": _percent(row.by_service),
        "unknown_min": _minutes(row.unknown_ns),
        "outages": len(row.outages),
        "year_percent": _percent(row.year_fault_free),
        "year_by_service_percent": _percent(row.year_by_service),
        "asked_for_percent": _percent(row.required),
        "holds": row.holds,
    }


def outage_document(regulation: str, line: OutageLine) -> dict[str, Any]:
    evse, connector = line.port.evse, line.port.connector
    return {
        "regulation": regulation,
        "station": line.port.station,
        "evse": None if evse < 0 else evse,
        "connector": None if connector < 0 else connector,
        "from": rfc3339(line.from_ns),
        "until": rfc3339(line.until_ns),
        "minutes": _minutes(line.until_ns - line.from_ns),
        "excluded_min": _minutes(line.excluded_ns),
        "cause": line.cause or None,
        "note": line.note or None,
        "evidence": line.evidence,
        "by_evidence": line.by_evidence,
    }


def _minutes(length_ns: int) -> float:
    return round(length_ns / MINUTE_NS, 2)


def _percent(share: float | None) -> float | None:
    """To the thousandth, and never rounded up to what was not reached."""
    return None if share is None else math.floor(share * 100_000 + 1e-6) / 1000


def _scaled(value: float | None, scale: float) -> float | None:
    if value is None:
        return None
    scaled = round(value * scale, 4)
    return int(scaled) if scaled == int(scaled) else scaled
