"""What is remembered of each station and each connector for its gaps, and the settings that a rule can give. Values only.

What always holds: a connector's picture names its station, and the station's picture lists its connectors, so that each finds the other.
"""

from __future__ import annotations

import msgspec
from pydantic import Field

from nocwatch.detectors.base import Settings
from nocwatch.flags import Evidence
from nocwatch.moments import SECOND_NS
from nocwatch.quantities import Duration


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


def to_ns(seconds: float) -> int:
    return round(seconds * SECOND_NS)
