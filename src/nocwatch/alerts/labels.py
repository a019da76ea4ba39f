"""What an alert is known by: the facts that routes, silences and inhibitions match on. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from nocwatch.alerts.alert import Alert
from nocwatch.flags import Flag
from nocwatch.registry.places import Place, Places

PLACE_LABELS = ("operator", "team", "vendor", "model", "firmware", "current", "access")
"""Facts of the place that are matched on under their own name."""


def site_of(flag: Flag, places: Places) -> str:
    """The flag's site: its station's, or of a fleet flag the one it says it is about."""
    if flag.station is not None:
        return places.place(flag.station).site
    kind, _, name = flag.subject.partition("=")
    return name if kind == "site" else ""


def facts_of(flag: Flag, places: Places) -> dict[str, str]:
    """Everything that the flag's alert can be matched and grouped by; empty text where nothing is known."""
    place = places.place(flag.station) if flag.station is not None else Place(station="")
    facts = {name: str(getattr(place, name)) for name in PLACE_LABELS}
    facts |= {
        "severity": flag.severity.value,
        "rule": flag.rule,
        "detector": flag.detector,
        "category": flag.category.value,
        "blame": flag.blame.value,
        "station": flag.station or "",
        "site": site_of(flag, places),
        "subject": flag.subject,
    }
    facts |= {f"label.{name}": value for name, value in flag.labels.items()}
    return facts


def group_of(flag: Flag, group_by: tuple[str, ...], facts: Mapping[str, str]) -> str:
    """The name of the flag's group: ``rule=station_offline,site=depot``."""
    if "flag" in group_by:
        return f"rule={flag.rule},key={flag.key}"
    return ",".join(f"{name}={facts.get(name, '')}" for name in group_by)


def labels_of(flag: Flag, places: Places) -> dict[str, str]:
    """What the alert carries on: the rule's labels, and what people call the place."""
    labels = dict(flag.labels)
    if flag.station is None:
        site = site_of(flag, places)
        name = places.site_name(site)
        return labels if name == site else {"site_name": name, **labels}
    place = places.place(flag.station)
    known = {
        "station_name": place.name,
        "site_name": place.site_name,
        "timezone": place.timezone,
        "on_call": place.on_call,
        **{name: str(getattr(place, name)) for name in PLACE_LABELS},
    }
    return {**{name: value for name, value in known.items() if value}, **labels}


def matchers_like(alert: Alert) -> dict[str, str]:
    """Matchers of a silence for alerts like this one: its rule, and its station, site or subject, taken literally."""
    facts = {"rule": alert.rule, "station": alert.station or ""}
    if not alert.station:
        facts |= {"site": alert.site, "subject": alert.subject}
    return {name: _LITERAL.sub(r"[\1]", value) for name, value in facts.items() if value}


_LITERAL = re.compile(r"([*?\[])")


def matched_by(alert: Alert) -> dict[str, str]:
    """The alert's own facts, for silences and inhibitions: what its flags have in common."""
    facts = {
        "severity": alert.severity.value,
        "rule": alert.rule,
        "category": alert.category,
        "blame": alert.blame.value,
        "station": alert.station or "",
        "site": alert.site,
        "subject": alert.subject,
        "detector": alert.detector,
    }
    for name, value in alert.labels.items():
        facts[name if name in PLACE_LABELS else f"label.{name}"] = value
    return facts
