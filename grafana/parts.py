"""What panels of the charger dashboard share: whose points, of which time, and links into the console."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard as d

STATION = '"station" =~ /^${station:regex}$/'
"""Not by equality: only as a regular expression are quotes in a station's name escaped. InfluxDB makes an equality of it."""
WINDOW = f"{STATION} AND $timeFilter"
WEEK, MONTH = "6d/d", "29d/d"


def set_to(name: str, value: object) -> d.DynamicConfigValue:
    """One property of a field that is overridden."""
    return d.DynamicConfigValue(id_val=name, value=value)


def link(kind: str) -> dict[str, object]:
    """From a cell into the console: ``sessions``, ``frames``."""
    return {
        "title": "Open in the console",
        "url": f"${{console}}/{kind}/${{__value.raw}}",
        "targetBlank": True,
    }
