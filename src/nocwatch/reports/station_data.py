"""The report about a station for programs: JSON with everything, CSV with its figures. Pure. Names stay as they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from nocwatch.reports.station import Share, StationReport
from nocwatch.reports.station_page import commands, trace_window
from nocwatch.reports.writing import Style
from nocwatch.tables import Cell
from nocwatch.trace.results import flag_json, session_json

COLUMNS = ("part", "stations", "item", "number", "of", "share", "low", "high", "time_s")


def as_json(report: StationReport, style: Style) -> str:
    """One object; shares between 0 and 1, times as text, lengths in seconds."""

    def moment(at_ns: int) -> str:
        return style.moment(at_ns, "UTC")

    out = report.outages
    found: dict[str, Any] = {
        "station": msgspec.structs.asdict(report.identity),
        "from": moment(report.from_ns),
        "until": moment(report.until_ns),
        "made_at": moment(report.at_ns),
        "anonymised": report.anonymised,
        "firmware_over_time": [
            {"seen_from": moment(each.from_ns), "firmware": each.firmware or None} for each in report.eras
        ],
        "outcomes": report.outcomes,
        "failed": report.failed,
        "reasons": report.reasons,
        "blames": report.blames,
        "cohorts": report.cohorts,
        "error_codes": [
            {"code": each.code, "number": each.number, "time_s": each.time_ns / 1e9} for each in report.faults
        ],
        "outages": {
            "known": out.seen,
            "number": out.number if out.seen else None,
            "time_s": out.time_ns / 1e9 if out.seen else None,
            "longest": [
                {
                    "from": moment(begin),
                    "until": None if end >= report.until_ns else moment(end),
                    "time_s": (end - begin) / 1e9,
                }
                for begin, end in out.longest
            ],
        },
        "links": report.links,
        "messages_failed": report.complaints,
        "messages_kept_from": None if report.first_frame_ns is None else moment(report.first_frame_ns),
        "flags": [flag_json(each) for each in report.flags],
        "flags_more": report.flags_more,
        "failed_sessions": [
            {
                **session_json(each),
                "blame_evidence": [evidence.text for evidence in each.blame_evidence],
                "trace": dict(zip(("from", "until"), trace_window(each), strict=True))
                | {"commands": commands(each, report.options)},
            }
            for each in report.examples
        ],
    }
    return msgspec.json.format(msgspec.json.encode(found)).decode() + "\n"


def figures(report: StationReport) -> Iterator[tuple[Cell, ...]]:
    """Rows of ``COLUMNS``: counts, shares with their intervals, lengths of time; what does not apply is empty."""
    yield _row("failed", "this station", "", report.failed)
    for reason, found in report.reasons.items():
        yield _row("reason", "this station", reason, found)
    for cohort in report.cohorts:
        yield _row("failed", cohort.name, "", cohort.failed)
        for reason, found in cohort.reasons.items():
            yield _row("reason", cohort.name, reason, found)
    for outcome, number in report.outcomes.items():
        yield ("outcome", "this station", outcome, number, None, None, None, None, None)
    for blame, number in report.blames.items():
        yield ("blame", "this station", blame, number, None, None, None, None, None)
    for fault in report.faults:
        yield _timed("error_code", fault.code, fault.number, fault.time_ns)
    if report.outages.seen:
        yield _timed("outages", "", report.outages.number, report.outages.time_ns)


def _row(part: str, stations: str, item: str, found: Share) -> tuple[Cell, ...]:
    shares = (found.share, found.low, found.high)
    rounded = (None if each is None else round(each, 6) for each in shares)
    return (part, stations, item, found.number, found.of, *rounded, None)


def _timed(part: str, item: str, number: int, time_ns: int) -> tuple[Cell, ...]:
    return (part, "this station", item, number, None, None, None, None, round(time_ns / 1e9, 3))
