"""How an alert comes to be and what it has in common with one more flag. Pure."""

from __future__ import annotations

import msgspec

from nocwatch.alerts.alert import Alert, AlertState
from nocwatch.alerts.labels import labels_of, site_of
from nocwatch.flags import Flag, Severity, derived_id
from nocwatch.registry.places import Places


def first(flag: Flag, route: str, group: str, places: Places, now_ns: int) -> Alert:
    """The alert that a flag begins; not yet a revision."""
    return Alert(
        id=derived_id("alert", route, group, flag.id),
        group=group,
        route=route,
        severity=flag.severity,
        rule=flag.rule,
        detector=flag.detector,
        category=flag.category.value,
        station=flag.station,
        evse=flag.evse,
        connector=flag.connector,
        site=site_of(flag, places),
        subject=flag.subject,
        summary=flag.summary,
        started_at_ns=flag.onset_at_ns,
        at_ns=now_ns,
        labels=labels_of(flag, places),
    )


def reopened(alert: Alert, severity: Severity) -> Alert:
    """The alert firing again, with nothing of how it ended."""
    return msgspec.structs.replace(
        alert,
        state=AlertState.FIRING,
        severity=severity,
        acknowledged_by="",
        acknowledged_at_ns=None,
        note="",
        resolved_because="",
        resolved_by="",
    )


def common(alert: Alert, flag: Flag, places: Places) -> Alert:
    """The alert with only what it has in common with one more flag."""
    labels = labels_of(flag, places)
    same_station = alert.station == flag.station
    return msgspec.structs.replace(
        alert,
        station=alert.station if same_station else None,
        evse=alert.evse if same_station and alert.evse == flag.evse else None,
        connector=alert.connector if same_station and alert.connector == flag.connector else None,
        site=alert.site if alert.site == site_of(flag, places) else "",
        rule=alert.rule if alert.rule == flag.rule else "",
        detector=alert.detector if alert.detector == flag.detector else "",
        category=alert.category if alert.category == flag.category.value else "",
        subject=alert.subject if alert.subject == flag.subject else "",
        labels={name: value for name, value in alert.labels.items() if labels.get(name) == value},
    )
