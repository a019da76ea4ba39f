"""What is remembered of each station and each group (site, upstream), and the settings that a rule can give. Values only.

What always holds: a group's members are the stations that named it last, and ``gone`` is the number of those without a socket.
"""

from __future__ import annotations

import msgspec
from pydantic import Field, model_validator

from nocwatch.detectors.base import Context, Settings
from nocwatch.errors import MisplacedError
from nocwatch.moments import SECOND_NS
from nocwatch.quantities import Duration, duration_text


class StationOfflineSettings(Settings):
    """What a rule can set of ``station_offline``."""

    after: Duration = Field(default=180.0, description="How long a station must be without a socket.")
    critical_after: Duration = Field(default=900.0, description="From here on it is critical.")
    together: Duration = Field(
        default=300.0,
        description="Stations of a group that dropped no further apart than this dropped for one reason.",
    )
    group_stations_min: int = Field(default=2, ge=2, description="Fewer stations than this are no group.")

    @model_validator(mode="after")
    def _critical_comes_later(self) -> StationOfflineSettings:
        if self.critical_after < self.after:
            raise MisplacedError(
                [
                    (
                        ("critical_after",),
                        f"this is before after ({duration_text(self.after)}), and must not be",
                    )
                ]
            )
        return self


REFUSED_MINUTES_MAX = 60
"""Minutes for which refusals are remembered: a group is told after three, and told again while its cause changes."""


class Presence(msgspec.Struct):
    """Of a station (key: ``station <id>``), of a group (key: ``site <id>``, ``upstream <name>``), or of the relay (``relay``).

    Attributes:
        offline_since_ns: of a station without a socket; 0 while it has one.
        told: the flag of the station's absence was raised.
        members: of a group: station → since when it is offline, 0 while it is online. ``gone``: how many are offline.
        down_since_ns: of an upstream that the relay cannot reach.
        onset_ns: of a group that is gone: when that began.
        settle_at_ns: when a group that is coming back is looked at again.
        refused_reason: of a station, why it was turned away the last time; ``down_reason``: of an upstream, why it is not reached.
        cause: of a group that is gone, the cause that was told.
        refused: of the relay: minute → reason → how many it turned away.
        started_at_ns: when the relay began.
        standing: keys of the groups that are gone, kept with the relay.
    """

    offline_since_ns: int = 0
    told: bool = False
    site: str = ""
    upstream: str = ""
    by: str = ""
    code: int | None = None
    reason: str = ""
    frames: tuple[str, ...] = ()
    refusals: int = 0
    http_status: int = 0
    refused_frames: tuple[str, ...] = ()
    members: dict[str, int] = {}
    gone: int = 0
    down_since_ns: int = 0
    onset_ns: int = 0
    settle_at_ns: int = 0
    refused_reason: str = ""
    down_reason: str = ""
    cause: str = ""
    refused: dict[int, dict[str, int]] = {}
    started_at_ns: int = 0
    standing: list[str] = []


def groups_of(state: Presence) -> list[str]:
    """Keys of the station's groups, the wider one first."""
    groups = [f"upstream {state.upstream}"] if state.upstream else []
    return [*groups, f"site {state.site}"] if state.site else groups


def stands(key: str, group: Presence, context: Context[Presence]) -> bool:
    """The group is gone: also where a person has resolved its flag."""
    return bool(group.onset_ns) or context.raised(key)


def to_ns(seconds: float) -> int:
    return round(seconds * SECOND_NS)
