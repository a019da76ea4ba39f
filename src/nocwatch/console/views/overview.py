"""The first page: is anything wrong now, in one sentence, and the figures that lead to their lists. Pure.

How nocwatch itself is, in figures, is ``system.py``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from nocwatch.console.addresses import path
from nocwatch.console.views import words
from nocwatch.console.views.looks import LOOKS, SEVERITIES
from nocwatch.console.views.sessions import REASONS
from nocwatch.flags import Flag, FlagState, Severity
from nocwatch.moments import DAY_NS
from nocwatch.network import ConnectorStatus, Station
from nocwatch.registry.places import Places
from nocwatch.sessions import Session
from nocwatch.store.values import DayKpi, Overview

CHANGES_MAX = 16
UPSTREAM_UP = "upstream_up_"
"""How the relay's counters begin that are 0 while a CSMS cannot be reached; its name follows."""
LINE = 0.95
"""The 95 % line of the charger-level dashboard: a rate below it stands out."""
SAMPLE_MIN = 20
"""Fewer sessions than this tell little about a rate: it is shown, and not coloured."""


class Verdict(NamedTuple):
    """One sentence and its colour."""

    text: str
    css: str
    icon: str


class Card(NamedTuple):
    """One figure that leads to the list behind it; ``calm`` where it is nothing to look at."""

    label: str
    figure: str
    unit: str
    note: str
    href: str
    css: str = ""
    icon: str = ""
    calm: bool = False


class ChangeLine(NamedTuple):
    """One thing that happened."""

    at_ns: int
    text: str
    href: str
    css: str
    icon: str


Counts = Sequence[tuple[ConnectorStatus, int]]


def _plural(count: int, one: str, many: str) -> str:
    return f"{words.number(count)} {one if count == 1 else many}"


def upstreams_down(status: Mapping[str, Any]) -> list[str]:
    """Names of the CSMSs that the relay cannot reach."""
    relay = status.get("relay", {})
    return sorted(
        name.removeprefix(UPSTREAM_UP)
        for name, up in relay.items()
        if name.startswith(UPSTREAM_UP) and not up
    )


def verdict(
    counts: Counts, counted: Overview, reasons: Sequence[str], down: Sequence[str] = (), unknown: int = 0
) -> Verdict:
    """Worst first: ourselves blind, then a CSMS out of reach (``down``), then what fires, then what is offline or ``unknown``."""
    if reasons:
        return Verdict("nocwatch itself needs a look", "faulted", "critical")
    if down:
        several = "CSMSs" if len(down) > 1 else "CSMS"
        return Verdict(
            f"The {several} {', '.join(down)} cannot be reached: stations get 502", "faulted", "critical"
        )
    firing = counted.alerts_firing
    critical, others = firing.get(Severity.CRITICAL.value, 0), firing.get(Severity.WARNING.value, 0)
    by_state = dict(counts)
    if critical:
        return Verdict(
            f"{_plural(critical, 'critical alert needs', 'critical alerts need')} a person",
            "faulted",
            "critical",
        )
    if others:
        return Verdict(
            f"{_plural(others, 'warning needs', 'warnings need')} a person", "preparing", "warning"
        )
    away = by_state.get(ConnectorStatus.FAULTED, 0) + by_state.get(ConnectorStatus.OFFLINE, 0)
    if away:
        return Verdict(
            f"Nothing fires; {_plural(away, 'station is', 'stations are')} faulted or offline",
            "muted",
            "info",
        )
    if unknown:
        return Verdict(
            f"Nothing fires; of {_plural(unknown, 'station', 'stations')} nothing is known any more",
            "muted",
            "nodata",
        )
    if not by_state:
        return Verdict("No station has connected yet", "muted", "nodata")
    return Verdict("All is well", "available", "done")


def cards(
    counts: Counts,
    connectors: Counter[ConnectorStatus],
    counted: Overview,
    today: DayKpi | None,
    expiring: int = 0,
    unknown: int = 0,
) -> list[Card]:
    """``expiring``: stations whose certificate ends soon; a card only where there are any. ``unknown``: of which nothing is known any more."""
    by_state = dict(counts)
    total = sum(by_state.values())
    online = total - by_state.get(ConnectorStatus.OFFLINE, 0) - unknown
    found = [
        Card(
            "Stations online",
            words.number(online),
            f"of {words.number(total)}",
            f"{words.number(unknown)} not known" if unknown else "with a live link",
            f"/fleet?state={path(ConnectorStatus.NO_DATA.value)}" if unknown else "/fleet",
            calm=False,
        )
    ]
    for status, note in (
        (ConnectorStatus.OFFLINE, "without a link"),
        (ConnectorStatus.FAULTED, "on a connector"),
    ):
        count = by_state.get(status, 0)
        look = LOOKS[status]
        found.append(
            Card(
                status.value,
                words.number(count),
                "",
                note,
                f"/fleet?state={status.value}",
                look.css,
                look.icon,
                calm=not count,
            )
        )
    charging = connectors.get(ConnectorStatus.CHARGING, 0)
    found.append(
        Card(
            "Charging",
            words.number(charging),
            "connectors",
            _plural(counted.sessions_ongoing, "session", "sessions"),
            "/sessions?outcome=ongoing&range=all",
            "charging",
            "charging",
            calm=not charging,
        )
    )
    found.append(_success(today))
    energy = today.energy_wh if today else 0.0
    found.append(
        Card(
            "Energy today",
            words.number(energy / 1000, 0 if energy >= 1e6 else 1),
            "kWh",
            _plural(today.sessions if today else 0, "session", "sessions"),
            "/sessions?range=24h",
        )
    )
    raised = counted.flags_raised
    flags = sum(raised.values())
    critical = raised.get(Severity.CRITICAL.value, 0)
    css = "faulted" if critical else "preparing" if raised.get(Severity.WARNING.value, 0) else "muted"
    found.append(
        Card(
            "Flags raised",
            words.number(flags),
            "",
            f"{words.number(critical)} critical",
            "/flags?state=raised&range=all",
            css,
            "flags",
            calm=not flags,
        )
    )
    if expiring:
        note = "within 30 days, or have ended"
        found.append(
            Card(
                "Certificates end",
                words.number(expiring),
                "stations",
                note,
                "/fleet?expiring=1",
                "preparing",
                "warning",
            )
        )
    return found


def _success(today: DayKpi | None) -> Card:
    if today is None or today.success_rate is None:
        return Card("Success today", words.UNKNOWN, "", "none judged yet", "/sessions?range=24h", calm=True)
    count = today.success + today.failed
    css, icon = ("preparing", "warning") if today.success_rate < LINE and count >= SAMPLE_MIN else ("", "")
    note = f"{words.number(today.success)} of {words.number(count)}" + (", few" if count < SAMPLE_MIN else "")
    figure = words.number(today.success_rate * 100, 1)
    return Card("Success today", figure, "%", note, "/sessions?outcome=success,failed&range=24h", css, icon)


def _presence(station: Station, places: Places) -> ChangeLine:
    at_ns, said, css, icon = station.since_ns, "came online", "muted", "available"
    if station.unknown_since_ns is not None:
        at_ns, said, icon = station.unknown_since_ns, "has said nothing for long: no data", "nodata"
    elif not station.online:
        said, css, icon = "went offline", "offline", "offline"
    name = places.place(station.id).name or station.id
    return ChangeLine(at_ns, f"{name} {said}", f"/stations/{path(station.id)}", css, icon)


def changes(
    stations: Iterable[Station], flags: Iterable[Flag], failed: Iterable[Session], places: Places, now_ns: int
) -> list[ChangeLine]:
    """The latest of what happened in 24 h, newest first."""
    found = [line for station in stations if now_ns - (line := _presence(station, places)).at_ns < DAY_NS]
    for flag in flags:
        if flag.inhibited_by:
            continue  # the flag above it says the same
        raised = flag.state is FlagState.RAISED
        css = SEVERITIES[flag.severity] if raised else "muted"
        text = flag.summary if raised else f"Cleared: {flag.summary}"
        found.append(
            ChangeLine(
                flag.at_ns, text, f"/flags/{path(flag.id)}", css, flag.severity.value if raised else "done"
            )
        )
    for session in failed:
        name = places.place(session.station).name or session.station
        reason = REASONS[session.reason] if session.reason else "reason not known"
        found.append(
            ChangeLine(
                session.changed_at_ns,
                f"{name}: session failed, {reason}",
                f"/sessions/{path(session.id)}",
                "faulted",
                "faulted",
            )
        )
    return sorted(found, key=lambda change: -change.at_ns)[:CHANGES_MAX]
