"""A session under way, held against what is known of its socket now. Pure.

A session goes on until its stop is heard, and that may be minutes after the socket is free, or never: its own record says
"Charging" all that time. What a person sees must be no older than what the station said last of the socket, or say how old it is.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from nocwatch.console.views import words
from nocwatch.console.views.sessions import Banner
from nocwatch.moments import MINUTE_NS
from nocwatch.network import Connector, ConnectorStatus, Station
from nocwatch.sessions import Milestone, Session

QUIET_NS = 5 * MINUTE_NS
"""A station that says nothing for so long while it charges is told as that: meter readings and heartbeats come more often."""
_NOT_BEGUN = (Milestone.CREATED, Milestone.STARTING)
_FREE = (ConnectorStatus.AVAILABLE, ConnectorStatus.RESERVED)


def socket_of(session: Session, station: Station) -> Connector | None:
    """Its connector; None where it named none that is known."""
    for each in station.connectors:
        if each.session == session.id:
            return each
    if session.evse is None and session.connector is None:
        return None
    for each in station.connectors:
        if each.evse == session.evse and session.connector in (None, each.connector):
            return each
    return None


def standing(session: Session, station: Station | None, now_ns: int) -> Banner | None:
    """What holds instead of the session's own word; None where nothing says otherwise."""
    if session.over or station is None:
        return None
    silent = words.span(max(0, now_ns - station.last_seen_ns))
    if station.unknown_since_ns is not None:
        return Banner(
            "nodata", "nodata", "No data", f"the station was last heard {silent} before now", live=False
        )
    if not station.online:
        detail = f"no link for {words.span(now_ns - station.since_ns)}; the session may go on without it"
        return Banner("offline", "offline", "Offline", detail, live=False)
    socket = socket_of(session, station)
    if socket is None or session.phase in _NOT_BEGUN or socket.since_ns <= session.started_at_ns:
        return None
    lasted = words.span(max(0, now_ns - socket.since_ns))
    if socket.status in _FREE:
        return Banner(
            "finishing", "preparing", "Socket free", f"for {lasted}, and no stop was heard yet", live=False
        )
    if socket.status is ConnectorStatus.FINISHING:
        return Banner(
            "finishing", "preparing", "Finishing", f"for {lasted}, and no stop was heard yet", live=True
        )
    if socket.status in (ConnectorStatus.FAULTED, ConnectorStatus.UNAVAILABLE):
        error = f"{socket.error_code}, " if socket.error_code not in ("", "NoError") else ""
        word = socket.status.value
        return Banner(
            word.lower(), word.lower(), word, f"{error}for {lasted}; no stop was heard yet", live=True
        )
    return None


def quiet(session: Session, station: Station | None, now_ns: int) -> str:
    """That the station has been silent for long, where it has."""
    if session.over or station is None or now_ns - station.last_seen_ns < QUIET_NS:
        return ""
    return f"the station was last heard {words.ago(station.last_seen_ns, now_ns)}"


def in_short(session: Session, stations: Mapping[str, Station], now_ns: int) -> str:
    """For a row of a list: ``socket free``; empty where it is as the session says."""
    found = None if session.over else standing(session, stations.get(session.station), now_ns)
    return "" if found is None else found.word.lower()


def without_power(session: Session) -> Session:
    """Of a socket that is free, broken or not heard of, the last reading is not the power now."""
    return msgspec.structs.replace(session, power_w=None)
