"""All that is remembered of one station, as values: what a snapshot keeps. No behaviour beyond looking things up."""

from __future__ import annotations

import msgspec

from nocwatch.access import Access
from nocwatch.network import Connector, ConnectorStatus, Station
from nocwatch.ocpp.events import TransactionBegan
from nocwatch.plans import Booking, Limit
from nocwatch.state.facts import Authorization, CsmsError, Hole, Order
from nocwatch.state.limits import Installed
from nocwatch.state.session import SessionState

NUMBER_MAX = 0xFFFF
"""Highest number of an EVSE or connector that is believed: numbers from the wire have no bound of their own."""


class LinkState(msgspec.Struct, kw_only=True):
    """A live connection.

    Attributes:
        implied: it is known by its messages alone, so only silence can tell that it is over.
    """

    connection: int
    opened_at_ns: int
    upstream: str = ""
    remote_address: str = ""
    access: Access | None = None
    implied: bool = False


class ConnectorState(msgspec.Struct, kw_only=True):
    """A connector, or the controller.

    Attributes:
        reported_at_ns: event time of the status last taken over; a replayed older one does not overwrite it.
        charging_state: of the transaction on it (2.x); it refines ``Occupied``.
        taken_at_ns: when it was last seen to be left Available: a vehicle was plugged in, or a driver came.
        freed_at_ns: when it last became Available, and was not before.
        session: id of the session under way; ``unreleased`` of one that stopped while the vehicle stays plugged.
        standing: limits while nobody charges there; ``limits`` those that hold for whoever is there now.
        told: as last given off.
    """

    evse: int | None
    connector: int
    reported: ConnectorStatus = ConnectorStatus.NO_DATA
    reported_at_ns: int = 0
    shown: ConnectorStatus = ConnectorStatus.NO_DATA
    since_ns: int
    error_code: str = ""
    vendor_error: str = ""
    charging_state: str = ""
    taken_at_ns: int | None = None
    freed_at_ns: int = 0
    session: str | None = None
    unreleased: str | None = None
    power_w: float | None = None
    standing: tuple[Limit, ...] = ()
    limits: tuple[Limit, ...] = ()
    told: Connector | None = None


class Loose(msgspec.Struct, kw_only=True):
    """An Authorize that may belong to a transaction under way (to stop it, or to bring the token after a cable-first start).

    ``own``: it carries the token of a transaction under way, so it is no attempt of its own if nothing comes of it.
    ``error``: the CSMS answered it with an error.
    """

    authorization: Authorization
    own: bool
    error: CsmsError | None = None


class Overtaken(msgspec.Struct, kw_only=True):
    """A start of 1.6 that waits for its number, because a stop came before it. ``late``: it was a replay."""

    began: TransactionBegan
    late: bool


class StationState(msgspec.Struct, kw_only=True):
    """One station.

    Attributes:
        sessions: those under way and those remembered, in the order of their first acts.
        under_way: ids of the former.
        closed_links: sequence of the end of each of the last connections, to know what is read again; ``link_closed_ns`` when the last one ended.
        lag_ns: least time from a live time stamp to its reception: the error of the station's clock.
        boot_pending: the last boot was not accepted yet: the next one is the same.
        subprotocol: as last negotiated.
        kwh_said_wh: since its boot a session has shown that its registers are in kWh and say Wh.
        unset_lag_us: least time since the boot from a status's stamp by a clock that was never set to its reception; ``unset_said_us`` that stamp.
        triggered_boot_at_ns: the CSMS asked for a BootNotification; it is no restart.
        profiles: charging profiles, those in force and the last that are not; ``bookings`` reservations alike.
        grid_alarm: what is wrong with the grid as the station says (2.1); empty while nothing is.
        unknown_since_ns: nothing has been known of it since then; None while something is. ``known_again_ns`` ended the last such time.
        restarts: times within which its computer began anew: from the loss of its link to the boot. The last few.
        swap_frame: the last battery swap that was counted.
    """

    id: str
    links: list[LinkState] = []
    closed_links: dict[int, int] = {}
    link_closed_ns: int = 0
    since_ns: int
    last_seen_ns: int = 0
    upstream: str = ""
    version: str = ""
    subprotocol: str = ""
    remote_address: str = ""
    access: Access | None = None
    vendor: str = ""
    model: str = ""
    firmware: str = ""
    serial: str = ""
    boots: int = 0
    boot_pending: bool = False
    booted_at_ns: int | None = None
    restarts: tuple[tuple[int, int], ...] = ()
    kwh_said_wh: bool = False
    unset_lag_us: int | None = None
    unset_said_us: int | None = None
    triggered_boot_at_ns: int | None = None
    heartbeat_interval_s: float | None = None
    configuration: dict[str, str] = {}
    controller: ConnectorState | None = None
    connectors: dict[int, ConnectorState] = {}
    sessions: dict[str, SessionState] = {}
    under_way: list[str] = []
    loose: list[Loose] = []
    overtaken: list[Overtaken] = []
    holes: list[Hole] = []
    orders: list[Order] = []
    profiles: list[Installed] = []
    bookings: list[Booking] = []
    grid_alarm: str = ""
    swap_frame: str = ""
    lag_ns: int | None = None
    unknown_since_ns: int | None = None
    known_again_ns: int = 0
    told: Station | None = None

    @property
    def online(self) -> bool:
        return bool(self.links)


def connector_key(evse: int | None, connector: int) -> int | None:
    """The key of a connector, None where the numbers cannot be."""
    if not (0 <= connector <= NUMBER_MAX and 0 <= (evse or 0) <= NUMBER_MAX):
        return None
    return (evse or 0) << 16 | connector
