"""The picture of a socket has a gap: no status after a boot, no meter values while charging, a change that was never told."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any, ClassVar

import msgspec
from pydantic import Field

from nocwatch.detectors import wording
from nocwatch.detectors.base import Context, Detector, Hears, Settings
from nocwatch.flags import Blame, Category, Evidence, Severity
from nocwatch.moments import HOUR_NS, SECOND_NS
from nocwatch.network import ConnectorStatus, Station
from nocwatch.ocpp.events import BootAnswered, Command, Commanded, ConfigurationSeen, StatusReported
from nocwatch.quantities import Duration
from nocwatch.state.changes import ConnectorChanged, LinkClosed, LinkOpened, SessionChanged, SessionMetered

GAPS_KEPT = 9
"""Latest gaps between meter values of a connector, for its own median; three make one."""
TRIGGERED_WITHIN_NS = 60 * SECOND_NS
"""A boot this soon after the CSMS asked for one was told and not made: no status is due."""
HOLE_WATCHED_NS = HOUR_NS
"""How long after a reconnect replayed messages may still show that something changed meanwhile."""
_INTERVAL_NAMES = frozenset(
    {"MeterValueSampleInterval", "SampledDataCtrlr.TxUpdatedInterval", "SampledDataTxUpdatedInterval"}
)
_THRESHOLD_NAMES = frozenset({"OCPPCommCtrlr.OfflineThreshold", "OfflineThreshold"})


class SocketStateGapSettings(Settings):
    """What a rule can set of ``socket_state_gap``."""

    status_after_boot: Duration = Field(
        default=60.0, description="A status must come this soon after a boot was accepted."
    )
    meter_intervals: float = Field(
        default=3.0, gt=1, description="So many intervals without a meter value while Charging."
    )
    hole_min: Duration = Field(
        default=60.0, description="A time without socket is a hole from here on, or from OfflineThreshold on."
    )
    status_after_reconnect: Duration = Field(
        default=60.0, description="What changed in a hole must be told this soon after it."
    )


class Picture(msgspec.Struct):
    """Of a station (key: ``station <id>``) or of a connector (key: ``socket <key>``).

    Attributes:
        boot_at_ns, boot_frame: the accepted boot after which no status has come yet.
        triggered_at_ns: when the CSMS last asked for a BootNotification.
        interval_s: meter interval as configured, 0 where not known. ``threshold_s``: OfflineThreshold.
        lost_at_ns: since when there is no socket; ``hole``: the last time without one (from, until).
        changed: connectors that changed in the hole (key → why) and have not told it.
        told: connectors that have told a status since the hole.
        charging: the connector is. ``metered_at_ns``: the last meter value; ``gaps_ns``: between the latest ones.
    """

    boot_at_ns: int = 0
    boot_frame: str = ""
    triggered_at_ns: int = 0
    interval_s: float = 0.0
    threshold_s: float = 0.0
    lost_at_ns: int = 0
    hole: tuple[int, int] | None = None
    changed: dict[str, Evidence] = {}
    told: list[str] = []
    sockets: list[str] = []
    station: str = ""
    evse: int | None = None
    connector: int | None = None
    charging: bool = False
    charging_since_ns: int = 0
    metered_at_ns: int = 0
    gaps_ns: list[int] = []
    frames: tuple[str, ...] = ()


class SocketStateGap(Detector[SocketStateGapSettings, Picture]):
    """Gap in the socket's state.

    Sees three gaps, one flag each. *Boot*: no StatusNotification within `status_after_boot` of an accepted boot. *Meter*: a connector
    is Charging and no meter value came for `meter_intervals` times the interval, which is the configured one
    (MeterValueSampleInterval, SampledDataCtrlr.TxUpdatedInterval) or else the median of the connector's own gaps. *Hole*: in a time without
    socket a transaction began or ended, as its replay shows, and the connector's status was not told within
    `status_after_reconnect`. Each clears when what was missing comes.

    Stays quiet on a boot that the CSMS asked for by TriggerMessage, where the interval is not known, on a station without socket (`station_offline` speaks), and on holes shorter than
    `hole_min` or the station's OfflineThreshold.
    """

    name = "socket_state_gap"
    category = Category.CONNECTIVITY
    severity = Severity.WARNING
    hears: ClassVar[Hears] = (
        BootAnswered, Commanded, StatusReported, ConfigurationSeen, ConnectorChanged, SessionMetered, SessionChanged, LinkOpened, LinkClosed,
    )  # fmt: skip
    Settings = SocketStateGapSettings
    State = Picture
    title = "Gap in the socket's state"
    advice = (
        "What the screens show of this connector may be out of date. Send TriggerMessage(StatusNotification) or (MeterValues); if the "
        "station answers and still keeps quiet by itself, check its configuration and tell its vendor."
    )
    numbers: ClassVar[dict[str, str]] = {"gap_s": "how long what was due has been missing, s"}

    def __init__(self, settings: SocketStateGapSettings) -> None:
        super().__init__(settings)
        self._table: dict[type, Callable[[Any, Context[Picture]], None]] = {
            BootAnswered: self._boot,
            Commanded: self._commanded,
            StatusReported: self._status,
            ConfigurationSeen: self._configured,
            ConnectorChanged: self._connector,
            SessionMetered: self._metered,
            SessionChanged: self._session,
            LinkOpened: self._opened,
            LinkClosed: self._closed,
        }

    def on(self, event: Any, context: Context[Picture]) -> None:
        self._table[type(event)](event, context)

    def begin(self, station: Station, context: Context[Picture]) -> None:
        for each in station.connectors:
            if station.online and each.reported is ConnectorStatus.CHARGING:
                self._charging(station.id, each.evse, each.connector, (), context)

    def due(self, key: str, context: Context[Picture]) -> None:
        kind, _, name = key.partition(" ")
        if kind == "boot":
            self._tell_boot(name, context)
        elif kind == "socket":
            self._tell_meter(key, context.state(key), context)
        else:
            self._tell_hole(name, context.state(f"station {name}"), context)

    # --- no status after a boot -------------------------------------------------------------------------------------

    def _boot(self, event: BootAnswered, context: Context[Picture]) -> None:
        if event.status != "Accepted":
            context.calm(f"boot {event.station}")
            return
        state = context.state(f"station {event.station}")
        if state.triggered_at_ns and context.now_ns - state.triggered_at_ns <= TRIGGERED_WITHIN_NS:
            return
        state.boot_at_ns, state.boot_frame = context.now_ns, event.frame
        context.wake(f"boot {event.station}", context.now_ns + _ns(self.settings.status_after_boot))

    def _commanded(self, event: Commanded, context: Context[Picture]) -> None:
        if event.command is Command.TRIGGER and "BootNotification" in event.text:
            context.state(f"station {event.station}").triggered_at_ns = context.now_ns

    def _status(self, event: StatusReported, context: Context[Picture]) -> None:
        state = context.state(f"station {event.station}")
        if state.boot_at_ns:
            state.boot_at_ns = 0
            context.calm(f"boot {event.station}")
            context.clear_flag(f"{event.station}/boot", "a status came")
        key = wording.socket_key(event.station, event.evse, event.connector)
        if state.hole is not None and key not in state.told:
            state.told.append(key)
            state.changed.pop(key, None)
        context.clear_flag(f"{key}/hole", "the connector told its status")

    def _tell_boot(self, station: str, context: Context[Picture]) -> None:
        state = context.state(f"station {station}")
        gap_ns = context.now_ns - state.boot_at_ns
        context.raise_flag(
            f"{station}/boot",
            f"{context.place(station).name or station} has told no status since its boot was accepted {wording.span(gap_ns)} ago.",
            station=station,
            onset_ns=state.boot_at_ns,
            blame=Blame.CHARGER,
            evidence=(
                Evidence(
                    text=f"Boot accepted at {wording.moment(state.boot_at_ns)}.",
                    at_ns=state.boot_at_ns,
                    frames=(state.boot_frame,),
                ),
            ),
            numbers={"gap_s": gap_ns / SECOND_NS},
        )

    # --- no meter values while charging -----------------------------------------------------------------------------

    def _configured(self, event: ConfigurationSeen, context: Context[Picture]) -> None:
        if event.name not in _INTERVAL_NAMES and event.name not in _THRESHOLD_NAMES:
            return
        try:
            seconds = float(event.value)
        except ValueError:
            return
        state = context.state(f"station {event.station}")
        if event.name in _THRESHOLD_NAMES:
            state.threshold_s = max(0.0, seconds)
            return
        state.interval_s = max(0.0, seconds)
        for key in state.sockets:
            if (socket := context.peek(key)) is not None and socket.charging:
                self._wait(key, socket, context)

    def _connector(self, event: ConnectorChanged, context: Context[Picture]) -> None:
        now = event.now
        if now.status is ConnectorStatus.CHARGING:
            self._charging(event.station, now.evse, now.connector, event.frames, context)
            return
        key = _socket(event.station, now.evse, now.connector)
        socket = context.peek(key)
        if socket is not None and socket.charging:
            socket.charging = False
            context.calm(key)
        if now.reported is not ConnectorStatus.CHARGING:
            context.clear_flag(_meter_key(key), f"the connector reports {now.reported}")

    def _charging(
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

    def _metered(self, event: SessionMetered, context: Context[Picture]) -> None:
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

    def _wait(self, key: str, socket: Picture, context: Context[Picture]) -> None:
        interval_ns = self._interval_ns(socket, context)
        if interval_ns and not context.raised(_meter_key(key)):
            since = socket.metered_at_ns or socket.charging_since_ns
            context.wake(key, max(context.now_ns, since + round(self.settings.meter_intervals * interval_ns)))

    def _interval_ns(self, socket: Picture, context: Context[Picture]) -> int:
        station = context.peek(f"station {socket.station}")
        if station is not None and station.interval_s > 0:
            return _ns(station.interval_s)
        return round(median(socket.gaps_ns)) if len(socket.gaps_ns) >= 3 else 0

    def _tell_meter(self, key: str, socket: Picture, context: Context[Picture]) -> None:
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

    # --- a hole in the state's timeline -----------------------------------------------------------------------------

    def _closed(self, event: LinkClosed, context: Context[Picture]) -> None:
        if not event.last:
            return
        state = context.state(f"station {event.station}")
        state.lost_at_ns, state.hole, state.changed, state.told = context.now_ns, None, {}, []
        context.calm(f"boot {event.station}")
        context.calm(f"hole {event.station}")
        for key in state.sockets:
            if (socket := context.peek(key)) is not None:
                socket.charging = False
                context.calm(key)

    def _opened(self, event: LinkOpened, context: Context[Picture]) -> None:
        state = context.peek(f"station {event.station}")
        if state is None or not event.first:
            return
        lost_at_ns, state.lost_at_ns = state.lost_at_ns, 0
        if lost_at_ns and context.now_ns - lost_at_ns > _ns(max(self.settings.hole_min, state.threshold_s)):
            state.hole = (lost_at_ns, context.now_ns)

    def _session(self, event: SessionChanged, context: Context[Picture]) -> None:
        session = event.now
        state = context.peek(f"station {event.station}")
        if state is None or state.hole is None or (session.connector is None and session.evse is None):
            return
        begin_ns, end_ns = state.hole
        if context.now_ns - end_ns > HOLE_WATCHED_NS:
            state.hole, state.changed, state.told = None, {}, []
            return
        key = wording.socket_key(event.station, session.evse, session.connector)
        if key in state.told or key in state.changed or session.transaction is None:
            return
        for what, at_ns in (("began", session.started_at_ns), ("ended", session.stopped_at_ns)):
            if at_ns is not None and begin_ns < at_ns < end_ns:
                text = f"Transaction {session.transaction} {what} at {wording.moment(at_ns)}, while the station had no socket."
                state.changed[key] = Evidence(text=text, at_ns=at_ns, frames=event.frames, session=session.id)
                context.wake(
                    f"hole {event.station}", context.now_ns + _ns(self.settings.status_after_reconnect)
                )
                return

    def _tell_hole(self, station: str, state: Picture, context: Context[Picture]) -> None:
        if state.hole is None:
            return
        begin_ns, end_ns = state.hole
        for key, evidence in state.changed.items():
            evse, connector = (None if part == "-" else int(part) for part in key.rsplit("/", 2)[1:])
            context.raise_flag(
                f"{key}/hole",
                f"{context.place(station).name or station}, {wording.socket(evse, connector)}: the state changed in {wording.span(end_ns - begin_ns)} without a "
                "socket, and the station has not told it.",
                station=station,
                evse=evse,
                connector=connector,
                session=evidence.session,
                onset_ns=begin_ns,
                blame=Blame.CHARGER,
                evidence=(
                    Evidence(
                        text=f"No socket from {wording.moment(begin_ns)} to {wording.moment(end_ns)}.",
                        at_ns=begin_ns,
                    ),
                    evidence,
                ),
                numbers={"gap_s": (context.now_ns - begin_ns) / SECOND_NS},
            )
        state.changed = {}


def _socket(station: str, evse: int | None, connector: int | None) -> str:
    return f"socket {wording.socket_key(station, evse, connector)}"


def _meter_key(key: str) -> str:
    return f"{key.removeprefix('socket ')}/meter"


def _ns(seconds: float) -> int:
    return round(seconds * SECOND_NS)
