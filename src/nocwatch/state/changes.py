"""What became so: the events that the state gives off, for detectors, store and screens. Made by ``state/`` alone.

Detectors of the station stage see these and the OCPP events of their station; the fleet stage sees those marked *fleet*.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from nocwatch.network import Connector, Station
from nocwatch.plans import Booking, BookingState
from nocwatch.sessions import Session


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What all changes have.

    Attributes:
        at_ns: pipeline time at which it became known.
        frames: refs of what shows it.
        late: it comes from replayed offline data: KPIs count it, nobody is paged.
    """

    station: str
    at_ns: int
    frames: tuple[str, ...] = ()
    late: bool = False


class LinkOpened(Change, frozen=True, kw_only=True):
    """*fleet*. A connection of the station opened; ``first`` where it had no other live one."""

    connection: int
    first: bool
    upstream: str = ""
    remote_address: str = ""


class LinkRefused(Change, frozen=True, kw_only=True):
    """*fleet*. A handshake did not lead to a link."""

    http_status: int
    upstream: str = ""
    remote_address: str = ""
    reason: str = ""


class LinkClosed(Change, frozen=True, kw_only=True):
    """*fleet*. A connection ended; ``last`` where no live one is left: the station is offline from here."""

    connection: int
    last: bool
    by: str = ""
    code: int | None = None
    reason: str = ""
    upstream: str = ""


class UpstreamChanged(Change, frozen=True, kw_only=True):
    """*fleet*. An upstream went down or came back (``station`` is empty); ``reason``: why the relay does not reach it."""

    upstream: str
    up: bool
    reason: str = ""


class RelayTold(Change, frozen=True, kw_only=True):
    """*fleet*. What the relay's ticks say of itself (``station`` is empty): at most every ten seconds, and when it began.

    Attributes:
        refused: connections that it turned away since it was last told, by reason.
        started_at_ns: when it began, where that is news; else 0.
    """

    refused: dict[str, int] = {}
    started_at_ns: int = 0


class StationChanged(Change, frozen=True, kw_only=True):
    """*fleet*. Something of the station's record changed (vendor, firmware, version, presence …)."""

    before: Station | None
    now: Station


class ConnectorChanged(Change, frozen=True, kw_only=True):
    """*fleet*. A connector's status, error code or session changed.

    ``event_at_ns`` is the station's own time of the change where plausible, else ``at_ns``.
    """

    before: Connector | None
    now: Connector
    event_at_ns: int


class SessionChanged(Change, frozen=True, kw_only=True):
    """*fleet*. A session began, went on, ended, or was judged anew. ``before`` is None at its first sight.

    ``ended``: it went from ongoing to over with this change; ``reopened``: it was over and is not any more;
    ``revised``: its verdict changed after its end.
    """

    before: Session | None
    now: Session
    ended: bool = False
    reopened: bool = False
    revised: bool = False


class SessionMetered(Change, frozen=True, kw_only=True):
    """Samples that belong to a session (or, with ``session`` None, to none).

    Attributes:
        measured_at_ns: event time where plausible, else receive time.
        register_wh: the chosen overall energy register, None where the samples have none.
        register_key: which register that is: ``connector/location/phase``.
        energy_wh: of the session so far.
        implausible: why a reading was kept out of the sums (``dropped_to_zero``, ``minus_one``, ``wrapped`` …), else empty.
    """

    session: str | None
    evse: int | None
    connector: int | None
    measured_at_ns: int
    register_wh: float | None = None
    register_key: str = ""
    energy_wh: float | None = None
    power_w: float | None = None
    current_a: float | None = None
    voltage_v: float | None = None
    soc_percent: float | None = None
    implausible: str = ""


class ReservationChanged(Change, frozen=True, kw_only=True):
    """A reservation was made, refused, used, cancelled, missed, or its time passed."""

    before: BookingState | None
    now: Booking


AnyChange: TypeAlias = (
    LinkOpened
    | LinkRefused
    | LinkClosed
    | UpstreamChanged
    | RelayTold
    | StationChanged
    | ConnectorChanged
    | SessionChanged
    | SessionMetered
    | ReservationChanged
)

FLEET_CHANGES: tuple[type[Change], ...] = (
    LinkOpened,
    LinkRefused,
    LinkClosed,
    UpstreamChanged,
    RelayTold,
    StationChanged,
    ConnectorChanged,
    SessionChanged,
)
"""What crosses from the station stage to the fleet stage. On top of these: AuthorizeAnswered of ``ocpp.events``."""
