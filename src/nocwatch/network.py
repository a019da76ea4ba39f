"""Stations and connectors as everyone sees them: console, metrics, sinks. Built by ``state/``, read-only elsewhere."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from nocwatch.access import Access
from nocwatch.plans import Booking, Limit


class ConnectorStatus(StrEnum):
    """What a connector is doing: 1.6's words, with 2.x's Occupied; the language of console, Grafana and alerts."""

    AVAILABLE = "Available"
    PREPARING = "Preparing"
    CHARGING = "Charging"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"
    FINISHING = "Finishing"
    OCCUPIED = "Occupied"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"
    OFFLINE = "Offline"
    """A statement about the link, not about the socket: nothing was heard since ``since_ns``."""
    NO_DATA = "No data"
    """Nothing is known. Never drawn as Available."""


class Connector(msgspec.Struct, frozen=True, kw_only=True):
    """One connector as it stands.

    Attributes:
        evse: None in 1.6.
        connector: number; in 2.x within its EVSE.
        status: as shown: Offline while the station has no link; ``reported`` is what the station last said.
        since_ns: since when ``status`` holds.
        error_code: of the last StatusNotification, ``NoError`` where all is well.
        session: id of the session under way.
        limits: what its charging profiles allow, by time: of that session, or for whoever comes next.
    """

    evse: int | None
    connector: int
    status: ConnectorStatus
    reported: ConnectorStatus
    since_ns: int
    error_code: str = ""
    vendor_error: str = ""
    session: str | None = None
    power_w: float | None = None
    limits: tuple[Limit, ...] = ()


class Station(msgspec.Struct, frozen=True, kw_only=True):
    """One station as it stands.

    Attributes:
        online: at least one live connection.
        since_ns: since when ``online`` holds.
        unknown_since_ns: since when nothing is known of it, its connection included: of a recording that tells of no connections
            the station has said nothing for long. None while something is known.
        last_seen_ns: the last byte from the station.
        connections: numbers of its live connections, the newest last.
        access: how it proved who it is on the newest of them; None where nobody saw it begin.
        connectors: by EVSE and number, without the controller.
        controller: connector 0 of 1.6, EVSE 0 of 2.x: the station itself; None until it spoke for itself.
        reservations: those that stand.
        grid_alarm: what is wrong with the grid as the station says (2.1), empty while nothing is.
        configuration: settings as read or set that bear on sessions, by 1.6's key or 2.x's Component.Variable.
    """

    id: str
    online: bool
    since_ns: int
    last_seen_ns: int
    connections: tuple[int, ...] = ()
    upstream: str = ""
    version: str = ""
    remote_address: str = ""
    access: Access | None = None
    vendor: str = ""
    model: str = ""
    firmware: str = ""
    serial: str = ""
    boots: int = 0
    booted_at_ns: int | None = None
    heartbeat_interval_s: float | None = None
    connectors: tuple[Connector, ...] = ()
    controller: Connector | None = None
    configuration: dict[str, str] = {}
    reservations: tuple[Booking, ...] = ()
    grid_alarm: str = ""
    unknown_since_ns: int | None = None

    @property
    def there(self) -> bool:
        """Online, and nothing speaks against it: what people mean by it."""
        return self.online and self.unknown_since_ns is None
