"""No meter values while a connector is Charging, for longer than its interval explains.

The interval is the configured one, or else the median of the connector's own gaps; where neither is known nothing is due.

What always holds: one flag for a connector (key ``<socket>/meter``); a meter value ends it, and so does a connector that says itself that it
charges no more. Without a socket nothing is due.
"""

from __future__ import annotations

from statistics import median

from nocwatch.detectors import wording
from nocwatch.detectors.base import Context
from nocwatch.detectors.socket_state_gap.picture import Picture, SocketStateGapSettings, to_ns
from nocwatch.flags import Blame, Evidence
from nocwatch.moments import HOUR_NS, SECOND_NS
from nocwatch.network import ConnectorStatus
from nocwatch.state.changes import ConnectorChanged, SessionMetered

GAPS_KEPT = 9
"""Latest gaps between meter values of a connector, for its own median; three make one."""


class Meters:
    """The meter values of all connectors; what is remembered of them is the detector's state, kept in the context."""

    def __init__(self, settings: SocketStateGapSettings) -> None:
        self.settings = settings

    def changed(self, event: ConnectorChanged, context: Context[Picture]) -> None:
        now = event.now
        if now.status is ConnectorStatus.CHARGING:
            self.charging(event.station, now.evse, now.connector, event.frames, context)
            return
        key = _socket(event.station, now.evse, now.connector)
        socket = context.peek(key)
        if socket is not None and socket.charging:
            socket.charging = False
            context.calm(key)
        if now.reported is not ConnectorStatus.CHARGING:
            context.clear_flag(_meter_key(key), f"the connector reports {now.reported}")

    def charging(
        self,
        station: str,
        evse: int | None,
        connector: int,
        frames: tuple[str, ...],
        context: Context[Picture],
    ) -> None:
        key = _socket(station, evse, connector)
        socket = context.state(key)
        if socket.charging:
            return
        if not socket.station:
            socket.station, socket.evse, socket.connector = station, evse, connector
            context.state(f"station {station}").sockets.append(key)
        socket.charging, socket.charging_since_ns, socket.frames = True, context.now_ns, frames
        socket.metered_at_ns = 0
        self._wait(key, socket, context)

    def metered(self, event: SessionMetered, context: Context[Picture]) -> None:
        if event.connector is None and event.evse is None:
            return
        key = _socket(event.station, event.evse, event.connector if event.connector is not None else 1)
        socket = context.peek(key)
        if socket is None or not socket.charging:
            return
        gap_ns = context.now_ns - socket.metered_at_ns
        if not event.late:
            # Several moments in one message are one gap; what was replayed says nothing about the interval.
            if socket.metered_at_ns and gap_ns >= SECOND_NS and not context.raised(_meter_key(key)):
                socket.gaps_ns = [*socket.gaps_ns[-(GAPS_KEPT - 1) :], gap_ns]
            socket.metered_at_ns, socket.frames = context.now_ns, event.frames
        context.clear_flag(
            _meter_key(key),
            f"a meter value came after {wording.span(gap_ns)}"
            if gap_ns < HOUR_NS * 100
            else "a meter value came",
        )
        self._wait(key, socket, context)

    def interval_changed(self, station: Picture, context: Context[Picture]) -> None:
        """The station has another interval, or told it."""
        for key in station.sockets:
            if (socket := context.peek(key)) is not None and socket.charging:
                self._wait(key, socket, context)

    def lost(self, station: Picture, context: Context[Picture]) -> None:
        """The station has no socket: none of its connectors can tell anything."""
        for key in station.sockets:
            if (socket := context.peek(key)) is not None:
                socket.charging = False
                context.calm(key)

    def _wait(self, key: str, socket: Picture, context: Context[Picture]) -> None:
        interval_ns = self._interval_ns(socket, context)
        if interval_ns and not context.raised(_meter_key(key)):
            since = socket.metered_at_ns or socket.charging_since_ns
            context.wake(key, max(context.now_ns, since + round(self.settings.meter_intervals * interval_ns)))

    def _interval_ns(self, socket: Picture, context: Context[Picture]) -> int:
        station = context.peek(f"station {socket.station}")
        if station is not None and station.interval_s > 0:
            return to_ns(station.interval_s)
        return round(median(socket.gaps_ns)) if len(socket.gaps_ns) >= 3 else 0

    def due(self, key: str, context: Context[Picture]) -> None:
        socket = context.state(key)
        interval_ns = self._interval_ns(socket, context)
        if not socket.charging or not interval_ns:
            return
        since = socket.metered_at_ns or socket.charging_since_ns
        gap_ns = context.now_ns - since
        session = next(
            (
                each
                for each in context.sessions(socket.station)
                if (each.evse, each.connector) == (socket.evse, socket.connector)
            ),
            None,
        )
        last = (
            f"the last one at {wording.moment(since)}"
            if socket.metered_at_ns
            else f"none since Charging began at {wording.moment(since)}"
        )
        context.raise_flag(
            _meter_key(key),
            f"{context.place(socket.station).name or socket.station}, {wording.socket(socket.evse, socket.connector)}: Charging, and no meter value for "
            f"{wording.span(gap_ns)}; one is due every {wording.span(interval_ns)}.",
            station=socket.station,
            evse=socket.evse,
            connector=socket.connector,
            session=session.id if session else None,
            onset_ns=since,
            blame=Blame.CHARGER,
            evidence=(
                Evidence(
                    text=f"Meter values: {last}; interval {wording.span(interval_ns)}.",
                    at_ns=since,
                    frames=socket.frames,
                ),
            ),
            numbers={"gap_s": gap_ns / SECOND_NS},
        )


def _socket(station: str, evse: int | None, connector: int | None) -> str:
    return f"socket {wording.socket_key(station, evse, connector)}"


def _meter_key(key: str) -> str:
    return f"{key.removeprefix('socket ')}/meter"
