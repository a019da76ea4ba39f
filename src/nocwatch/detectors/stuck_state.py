"""A connector, or a transaction, that has been in one state for longer than drivers stay."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from pydantic import Field

from nocwatch.detectors import wording
from nocwatch.detectors.base import Context, Detector, Hears, Settings
from nocwatch.detectors.reading import began, start_frames
from nocwatch.flags import Blame, Category, Evidence, Severity
from nocwatch.moments import SECOND_NS
from nocwatch.network import Connector, ConnectorStatus, Station
from nocwatch.plans import BookingState
from nocwatch.quantities import Duration
from nocwatch.sessions import Session
from nocwatch.state.changes import ConnectorChanged, ReservationChanged, SessionChanged

BOOKINGS_MAX = 32
"""Reservations of a station that are remembered while they stand; the oldest goes first."""
OFFLINE_RETRY_NS = 3600 * SECOND_NS
"""So often a transaction of a station without a socket is looked at again."""
_WATCHED = frozenset({ConnectorStatus.PREPARING, ConnectorStatus.FINISHING, ConnectorStatus.RESERVED})
_STANDS = frozenset({BookingState.STANDING, BookingState.EXPIRED})
_ADVICE = {
    ConnectorStatus.PREPARING: "Someone plugged in, or was let in, and does not charge: see what the last attempt there failed by. If nobody is there, the cable's or "
    "the station's sensor says so wrongly: reset it, and if it comes back, send someone.",
    ConnectorStatus.FINISHING: "The vehicle blocks the connector, or the station does not see that it left. If nobody is there, reset the station; if cars stay here over night, "
    "say so in the registry (overnight).",
    ConnectorStatus.RESERVED: "The reservation is over, and the connector is still kept: cancel it by its number in the CSMS, and reset the station if that changes nothing.",
}


class StuckStateSettings(Settings):
    """What a rule can set of ``stuck_state``."""

    preparing: Duration = Field(default=1800.0, description="So long a connector may be Preparing.")
    finishing: Duration = Field(default=4 * 3600.0, description="So long a connector may be Finishing.")
    reserved: Duration = Field(
        default=300.0, description="So long after its time a reservation may hold a connector."
    )
    transaction: Duration = Field(default=24 * 3600.0, description="So long a transaction may last.")
    overnight: Duration = Field(
        default=12 * 3600.0,
        description="So much longer Finishing and a transaction may last where the registry says that cars stay over night.",
    )


class Stay(msgspec.Struct):
    """Of a connector its state, of a session (key: ``session <id>``) its transaction, of a station (key: ``station <id>``) its reservations.

    Attributes:
        ends_ns: reservation → when its time is over, where that is known; ``places`` alike its EVSE and connector.
    """

    station: str = ""
    evse: int | None = None
    connector: int | None = None
    status: ConnectorStatus | None = None
    since_ns: int = 0
    frames: tuple[str, ...] = ()
    ends_ns: dict[int, int] = {}
    places: dict[int, tuple[int | None, int | None]] = {}


class StuckState(Detector[StuckStateSettings, Stay]):
    """Stuck state.

    Sees a connector that is Preparing for `preparing`, Finishing for `finishing`, or still Reserved `reserved` after its reservation's time; and a
    transaction that has lasted for `transaction`. Of 2.x the state is the one that the transaction's charging state shows. Where the registry says
    `overnight`, Finishing and a transaction may last `overnight` longer. One flag a connector or transaction, which clears with the state.

    Stays quiet while the station has no socket; on Reserved where no reservation's time is known; and on Preparing after Finishing of a station
    with the quirk `preparing_after_finishing`.
    """

    name = "stuck_state"
    category = Category.CONNECTIVITY
    severity = Severity.INFO
    hears: ClassVar[Hears] = (ConnectorChanged, SessionChanged, ReservationChanged)
    Settings = StuckStateSettings
    State = Stay
    title = "Stuck state"
    advice = (
        "See on the station's timeline what came before, and whether energy still flows. If the car is there, call its driver; if it is gone, the "
        "transaction's stop was lost: close it in the CSMS by hand, with its own last register."
    )
    numbers: ClassVar[dict[str, str]] = {"stuck_s": "since the state began, s"}

    def on(self, event: Any, context: Context[Stay]) -> None:
        if isinstance(event, ConnectorChanged):
            before = None if event.before is None else event.before.status
            self._connector(event.station, event.now, before, event.frames, context)
        elif isinstance(event, SessionChanged):
            self._session(event.now, context)
        else:
            self._booked(event, context)

    def begin(self, station: Station, context: Context[Stay]) -> None:
        for each in station.connectors:
            self._connector(station.id, each, None, (), context)
        for session in context.sessions(station.id):
            self._session(session, context)

    def due(self, key: str, context: Context[Stay]) -> None:
        stay = context.peek(key)
        if stay is None:
            return
        station = context.station(stay.station)
        if station is not None and not station.online:
            if stay.status is None:
                context.wake(key, context.now_ns + OFFLINE_RETRY_NS)
            return  # of a connector it is told when the station is back
        due_ns = self._due_ns(stay, context)
        if due_ns is None or context.now_ns < due_ns:
            self._wake(key, stay, context)
        else:
            self._tell(key, stay, context)

    # --- what is heard -------------------------------------------------------------------------------------------------

    def _connector(
        self,
        station: str,
        now: Connector,
        before: ConnectorStatus | None,
        frames: tuple[str, ...],
        context: Context[Stay],
    ) -> None:
        if now.status is ConnectorStatus.OFFLINE or 0 in (now.evse, now.connector):
            return
        key = wording.socket_key(station, now.evse, now.connector)
        stay = context.peek(key)
        if stay is not None and stay.status is now.status:
            if before is ConnectorStatus.OFFLINE:
                self._wake(key, stay, context)
            return
        if stay is not None:
            context.calm(key)
            context.forget(key)
        context.clear_flag(key, f"the connector is {now.status}")
        known_noise = (
            now.status is ConnectorStatus.PREPARING
            and before is ConnectorStatus.FINISHING
            and "preparing_after_finishing" in context.place(station).quirks
        )
        if now.status not in _WATCHED or known_noise:
            return
        stay = context.state(key)
        stay.station, stay.evse, stay.connector = station, now.evse, now.connector
        stay.status, stay.since_ns, stay.frames = now.status, context.now_ns, frames
        self._wake(key, stay, context)

    def _session(self, session: Session, context: Context[Stay]) -> None:
        key = f"session {session.id}"
        if session.over:
            if context.peek(key) is not None:
                context.calm(key)
                context.forget(key)
            context.clear_flag(key, "the transaction is over")
        elif context.peek(key) is None and began(session):
            stay = context.state(key)
            stay.station, stay.since_ns, stay.frames = (
                session.station,
                session.started_at_ns,
                start_frames(session),
            )
            self._wake(key, stay, context)

    def _booked(self, event: ReservationChanged, context: Context[Stay]) -> None:
        booking, known = event.now, context.state(f"station {event.station}")
        known.ends_ns.pop(booking.id, None)
        known.places.pop(booking.id, None)
        if booking.state in _STANDS and booking.expires_at_ns is not None:
            known.ends_ns[booking.id] = booking.expires_at_ns
            known.places[booking.id] = (booking.evse, booking.connector)
            for oldest in list(known.ends_ns)[:-BOOKINGS_MAX]:
                del known.ends_ns[oldest], known.places[oldest]
        station = context.station(event.station)
        for each in station.connectors if station is not None else ():
            key = wording.socket_key(event.station, each.evse, each.connector)
            stay = context.peek(key)
            if stay is not None and stay.status is ConnectorStatus.RESERVED:
                self._wake(key, stay, context)

    # --- when it is too long -------------------------------------------------------------------------------------------

    def _wake(self, key: str, stay: Stay, context: Context[Stay]) -> None:
        due_ns = self._due_ns(stay, context)
        if due_ns is not None and not context.raised(key):
            context.wake(key, max(due_ns, context.now_ns))

    def _due_ns(self, stay: Stay, context: Context[Stay]) -> int | None:
        settings = self.settings
        more_s = settings.overnight if context.place(stay.station).overnight else 0.0
        if stay.status is ConnectorStatus.PREPARING:
            return stay.since_ns + round(settings.preparing * SECOND_NS)
        if stay.status is ConnectorStatus.FINISHING:
            return stay.since_ns + round((settings.finishing + more_s) * SECOND_NS)
        if stay.status is None:
            return stay.since_ns + round((settings.transaction + more_s) * SECOND_NS)
        ends_ns = self._booked_until_ns(stay, context)
        return None if ends_ns is None else ends_ns + round(settings.reserved * SECOND_NS)

    def _booked_until_ns(self, stay: Stay, context: Context[Stay]) -> int | None:
        """The end of the last reservation that may hold the connector: one that was over before it became Reserved does not."""
        known = context.peek(f"station {stay.station}")
        if known is None:
            return None
        fitting = [
            ends_ns
            for booking, ends_ns in known.ends_ns.items()
            if ends_ns >= stay.since_ns
            and known.places[booking][0] in (None, 0, stay.evse)
            and known.places[booking][1] in (None, 0, stay.connector)
        ]
        return max(fitting, default=None)

    def _tell(self, key: str, stay: Stay, context: Context[Stay]) -> None:
        since_ns, session, evse, connector = stay.since_ns, None, stay.evse, stay.connector
        if stay.status is None:
            session = next(
                (each for each in context.sessions(stay.station) if f"session {each.id}" == key), None
            )
            if session is None:
                context.forget(key)
                return
            evse, connector = session.evse, session.connector
        where = wording.socket(evse, connector)
        if stay.status is ConnectorStatus.RESERVED:
            since_ns = self._booked_until_ns(stay, context) or since_ns
            what = f"{where} is still Reserved, {wording.span(context.now_ns - since_ns)} after its reservation's time"
        elif session is not None:
            name = "the transaction" if session.transaction is None else f"transaction {session.transaction}"
            what = f"{name} on {where} has lasted for {wording.span(context.now_ns - since_ns)}"
        else:
            what = f"{where} has been {stay.status} for {wording.span(context.now_ns - since_ns)}"
        text = (
            f"The transaction began at {wording.moment(since_ns)}."
            if session is not None
            else f"{where[0].upper()}{where[1:]} was {stay.status} at {wording.moment(stay.since_ns)}, and has been since."
        )
        place = context.place(stay.station)
        context.raise_flag(
            key,
            f"{place.name or stay.station}: {what}.",
            station=stay.station,
            evse=evse,
            connector=connector,
            session=None if session is None else session.id,
            onset_ns=since_ns,
            blame=Blame.UNKNOWN,
            advice="" if stay.status is None else _ADVICE[stay.status],
            evidence=(Evidence(text=text, at_ns=stay.since_ns, frames=tuple(filter(None, stay.frames))),),
            numbers={"stuck_s": (context.now_ns - since_ns) / SECOND_NS},
        )
