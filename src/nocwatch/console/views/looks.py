"""How each state looks: its CSS name, sign and rank. The language of docs/look: console, Grafana and alerts share it.

Colours stand in ``static/console.css`` alone, as ``--<css>``; nothing here knows a colour.
"""

from __future__ import annotations

from typing import NamedTuple

from nocwatch.flags import Severity
from nocwatch.network import ConnectorStatus
from nocwatch.sessions import Outcome


class Look(NamedTuple):
    """Of one state.

    Attributes:
        css: class and colour name; ``icon`` the symbol in ``templates/signs.svg``.
        sign: as a character, for text.
        rank: 0 needs a person first; higher is calmer.
    """

    css: str
    icon: str
    sign: str
    rank: int


LOOKS: dict[ConnectorStatus, Look] = {
    ConnectorStatus.FAULTED: Look("faulted", "faulted", "✕", 0),
    ConnectorStatus.OFFLINE: Look("offline", "offline", "⌀", 1),
    ConnectorStatus.NO_DATA: Look("nodata", "nodata", "?", 2),
    ConnectorStatus.UNAVAILABLE: Look("unavailable", "unavailable", "\u2013", 3),
    ConnectorStatus.SUSPENDED_EVSE: Look("suspendedevse", "suspended", "⏸", 4),
    ConnectorStatus.SUSPENDED_EV: Look("suspendedev", "suspended", "⏸", 5),
    ConnectorStatus.PREPARING: Look("preparing", "preparing", "◐", 6),
    ConnectorStatus.FINISHING: Look("finishing", "preparing", "◐", 7),
    ConnectorStatus.OCCUPIED: Look("occupied", "preparing", "◐", 8),
    ConnectorStatus.CHARGING: Look("charging", "charging", "⚡", 9),
    ConnectorStatus.RESERVED: Look("reserved", "reserved", "◇", 10),
    ConnectorStatus.AVAILABLE: Look("available", "available", "○", 11),
}

OUTCOMES: dict[Outcome, tuple[str, str]] = {
    Outcome.ONGOING: ("charging", "charging"),
    Outcome.SUCCESS: ("muted", "done"),
    Outcome.CANCELLED: ("unavailable", "unavailable"),
    Outcome.REJECTED: ("preparing", "unavailable"),
    Outcome.FAILED: ("faulted", "faulted"),
}
"""Outcome → colour name and symbol. A success is calm: colour is for what is wrong or moving."""

SEVERITIES: dict[Severity, str] = {
    Severity.INFO: "muted",
    Severity.WARNING: "preparing",
    Severity.CRITICAL: "faulted",
}
"""Severity → colour name."""


def look(status: ConnectorStatus) -> Look:
    return LOOKS[status]


def worst(statuses: list[ConnectorStatus]) -> ConnectorStatus:
    """The one that needs a person first; No data where there is none."""
    return min(statuses, key=lambda status: LOOKS[status].rank, default=ConnectorStatus.NO_DATA)
