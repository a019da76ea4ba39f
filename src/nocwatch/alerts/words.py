"""An alert in words: what, where, since when, whose fault, what to do. Pure; templates only arrange them.

Whoever is woken reads the first screen and no more: the subject holds severity, place and sentence, and the body's first
lines the rest. Links come after that.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from nocwatch.alerts.alert import Alert, AlertState, Notice
from nocwatch.flags import Blame, Flag
from nocwatch.moments import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS

EVIDENCE_MAX = 8
"""Sentences of evidence in a message; the console has the rest."""
OTHERS_MAX = 10
"""Further flags of a group that are named."""

BLAMES = {
    Blame.CHARGER: "The charger.",
    Blame.CSMS: "The CSMS.",
    Blame.NETWORK: "The network between charger and CSMS.",
    Blame.VEHICLE: "The vehicle.",
    Blame.DRIVER: "The driver.",
    Blame.UNKNOWN: "Not clear yet.",
}
_OPENINGS = {
    Notice.WORSE: "Now {severity}",
    Notice.REOPENED: "Again {severity}",
    Notice.REPEAT: "Still {severity}",
    Notice.JOINED: "More: {severity}",
}


def words(alert: Alert, flags: Sequence[Flag], console_url: str = "") -> dict[str, Any]:
    """What templates can name: plain text, numbers, lists and mappings only."""
    zone, zone_name = _zone(alert.labels.get("timezone", ""))
    over = alert.state is AlertState.RESOLVED
    base = console_url.rstrip("/")
    evidence = [
        {
            "text": item.text,
            "about": flag.station or "" if alert.station is None else "",
            "at": moment(item.at_ns, zone) if item.at_ns else "",
            "frames": list(item.frames),
        }
        for flag in flags
        for item in flag.evidence
    ]
    others = [flag.summary for flag in flags if flag.summary != alert.summary]
    return {
        "opening": opening(alert),
        "severity": alert.severity.value,
        "severity_word": alert.severity.value.capitalize(),
        "state": alert.state.value,
        "notice": alert.notice.value,
        "over": over,
        "forgotten": alert.forgotten,
        "what": alert.summary,
        "where": where(alert),
        "place": place(alert),
        "since": moment(alert.started_at_ns, zone),
        "lasted": span(alert.at_ns - alert.started_at_ns),
        "at": moment(alert.at_ns, zone),
        "timezone": zone_name,
        "fault": BLAMES[alert.blame],
        "blame": alert.blame.value,
        "advice": alert.advice,
        "because": alert.resolved_because,
        "on_call": alert.labels.get("on_call", ""),
        "count": alert.flag_count,
        "open_count": alert.open_count,
        "others": others[:OTHERS_MAX],
        "others_left": max(0, alert.flag_count - 1 - min(len(others), OTHERS_MAX))
        if alert.flag_count > 1
        else 0,
        "evidence": evidence[:EVIDENCE_MAX],
        "evidence_left": max(0, len(evidence) - EVIDENCE_MAX),
        "rule": alert.rule,
        "group": alert.group,
        "runbook": alert.runbook,
        "labels": dict(alert.labels),
        "station": alert.station or "",
        "site": alert.site,
        "session": alert.session or "",
        "id": alert.id,
        "links": _links(alert, base),
    }


def opening(alert: Alert) -> str:
    """The first words: the severity, that it is over, or that nobody knows whether it is."""
    if alert.state is AlertState.RESOLVED:
        return "Not watched any more" if alert.forgotten else "Over"
    text = _OPENINGS.get(alert.notice, "{severity}").format(severity=alert.severity.value)
    return text[:1].upper() + text[1:]


def place(alert: Alert) -> str:
    """Station or site in a few words, for the subject."""
    labels = alert.labels
    if alert.station is not None:
        return labels.get("station_name") or alert.station
    if alert.site:
        return labels.get("site_name") or alert.site
    return alert.subject or "Network"


def where(alert: Alert) -> str:
    """Everything about the place, from the nearest to the farthest: connector, station, site."""
    labels = alert.labels
    parts = []
    if alert.connector is not None:
        evse = f"EVSE {alert.evse}, " if alert.evse is not None else ""
        parts.append(f"{evse}connector {alert.connector}")
    if alert.station is not None:
        parts.append(_named(labels.get("station_name", ""), alert.station))
    if alert.site:
        parts.append(_named(labels.get("site_name", ""), alert.site))
    if not parts and alert.subject:
        parts.append(alert.subject)
    return ", ".join(parts) or "The whole network"


def moment(at_ns: int, zone: tzinfo) -> str:
    """``21 Nov 2026 13:00:07``."""
    at = datetime.fromtimestamp(at_ns // SECOND_NS, zone)
    return f"{at.day} {_MONTHS[at.month - 1]} {at:%Y %H:%M:%S}"


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def span(length_ns: int) -> str:
    """A length of time in its two largest units: ``3 min``, ``2 h 5 min``, ``4 d 1 h``."""
    length_ns = max(0, length_ns)
    if length_ns < MINUTE_NS:
        return f"{length_ns // SECOND_NS} s"
    if length_ns < HOUR_NS:
        return f"{length_ns // MINUTE_NS} min"
    large, small, large_ns, small_ns = (
        ("h", "min", HOUR_NS, MINUTE_NS) if length_ns < DAY_NS else ("d", "h", DAY_NS, HOUR_NS)
    )
    rest = length_ns % large_ns // small_ns
    return f"{length_ns // large_ns} {large}" + (f" {rest} {small}" if rest else "")


def _named(name: str, identity: str) -> str:
    return f"{name} ({identity})" if name and name != identity else identity


def _zone(name: str) -> tuple[tzinfo, str]:
    if name:
        try:
            return ZoneInfo(name), name
        except (ZoneInfoNotFoundError, ValueError):
            return UTC, "UTC"
    return UTC, "UTC"


def _links(alert: Alert, base: str) -> list[dict[str, str]]:
    links = []
    if base:
        links.append({"text": "Open the alert", "url": f"{base}/alerts/{quote(alert.id, safe='')}"})
        if alert.session:
            links.append({"text": "Session", "url": f"{base}/sessions/{quote(alert.session, safe='')}"})
        if alert.station:
            links.append({"text": "Station", "url": f"{base}/stations/{quote(alert.station, safe='')}"})
    if alert.runbook.startswith(("http://", "https://")):
        links.append({"text": "Runbook", "url": alert.runbook})
    return links
