"""The picture of a socket has a gap: no status after a boot, no meter values while charging, a change that was never told.

Here an event finds the gaps that it concerns; each gap is judged in a module of its own: ``boots``, ``meters``, ``holes``. What is
remembered is in ``picture``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from nocwatch.detectors.base import Context, Detector, Hears
from nocwatch.detectors.socket_state_gap.boots import Boots
from nocwatch.detectors.socket_state_gap.holes import Holes
from nocwatch.detectors.socket_state_gap.meters import Meters
from nocwatch.detectors.socket_state_gap.picture import Picture, SocketStateGapSettings
from nocwatch.flags import Category, Severity
from nocwatch.network import ConnectorStatus, Station
from nocwatch.ocpp.events import BootAnswered, Commanded, ConfigurationSeen, StatusReported
from nocwatch.state.changes import ConnectorChanged, LinkClosed, LinkOpened, SessionChanged, SessionMetered
from nocwatch.state.presence import SECONDS_MAX

_INTERVAL_NAMES = frozenset(
    {"MeterValueSampleInterval", "SampledDataCtrlr.TxUpdatedInterval", "SampledDataTxUpdatedInterval"}
)
_THRESHOLD_NAMES = frozenset({"OCPPCommCtrlr.OfflineThreshold", "OfflineThreshold"})


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
        self._boots, self._meters, self._holes = Boots(settings), Meters(settings), Holes(settings)
        self._table: dict[type, Callable[[Any, Context[Picture]], None]] = {
            BootAnswered: self._boots.answered,
            Commanded: self._boots.commanded,
            StatusReported: self._status,
            ConfigurationSeen: self._configured,
            ConnectorChanged: self._meters.changed,
            SessionMetered: self._meters.metered,
            SessionChanged: self._holes.session,
            LinkOpened: self._holes.opened,
            LinkClosed: self._lost,
        }

    def on(self, event: Any, context: Context[Picture]) -> None:
        self._table[type(event)](event, context)

    def begin(self, station: Station, context: Context[Picture]) -> None:
        for each in station.connectors:
            if station.online and each.reported is ConnectorStatus.CHARGING:
                self._meters.charging(station.id, each.evse, each.connector, (), context)

    def due(self, key: str, context: Context[Picture]) -> None:
        kind, _, name = key.partition(" ")
        if kind == "boot":
            self._boots.due(name, context)
        elif kind == "socket":
            self._meters.due(key, context)
        else:
            self._holes.due(name, context)

    def _status(self, event: StatusReported, context: Context[Picture]) -> None:
        state = context.state(f"station {event.station}")
        self._boots.told(event.station, state, context)
        self._holes.told(event, state, context)

    def _configured(self, event: ConfigurationSeen, context: Context[Picture]) -> None:
        if event.name not in _INTERVAL_NAMES and event.name not in _THRESHOLD_NAMES:
            return
        try:
            seconds = float(event.value)
        except ValueError:
            return
        if not seconds <= SECONDS_MAX:
            return  # nor is it a number
        state = context.state(f"station {event.station}")
        if event.name in _THRESHOLD_NAMES:
            state.threshold_s = max(0.0, seconds)
            return
        state.interval_s = max(0.0, seconds)
        self._meters.interval_changed(state, context)

    def _lost(self, event: LinkClosed, context: Context[Picture]) -> None:
        if not event.last:
            return
        state = context.state(f"station {event.station}")
        context.calm(f"boot {event.station}")
        self._holes.lost(event.station, state, context)
        self._meters.lost(state, context)
