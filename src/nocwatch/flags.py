"""A flag: something is wrong (or was), what shows it, whose fault it looks like, and what to do. Made by detectors."""

from __future__ import annotations

import hashlib
from enum import StrEnum

import msgspec


class Severity(StrEnum):
    """How soon a person must know."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for info, 2 for critical: worst last."""
        return ("info", "warning", "critical").index(self.value)


class Category(StrEnum):
    """The groups of the detector catalogue."""

    FAILED_SESSION = "failed_session"
    CONNECTIVITY = "connectivity"
    KPI = "kpi"
    HARDWARE = "hardware"
    METERING = "metering"
    FRAUD = "fraud"
    POLICY = "policy"
    PROTOCOL = "protocol"
    CAPACITY = "capacity"
    OURSELVES = "ourselves"


class Blame(StrEnum):
    """Whose fault it is."""

    CHARGER = "charger"
    CSMS = "csms"
    NETWORK = "network"
    VEHICLE = "vehicle"
    DRIVER = "driver"
    NOCWATCH = "nocwatch"
    UNKNOWN = "unknown"


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a person can check.

    Attributes:
        text: a sentence with its numbers and units.
        at_ns: when it was so, UTC; 0 where no one moment is meant.
        frames: refs of the frames that show it.
        session: id of the session that shows it.
        stations: identities of the stations that it speaks of, where the flag has not one station.
    """

    text: str
    at_ns: int = 0
    frames: tuple[str, ...] = ()
    session: str | None = None
    stations: tuple[str, ...] = ()


class FlagState(StrEnum):
    """A flag is raised once and cleared once; the same trouble later is another flag."""

    RAISED = "raised"
    CLEARED = "cleared"


class Flag(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule found.

    Attributes:
        id: derived from rule, key and onset: the same trouble read twice is the same flag.
        rule: name of the rule; ``detector`` its detector.
        key: what it is about, within the rule (station, station/connector, token hash …).
        station: identity; None for a flag about the fleet, whose ``subject`` then says about what.
        session: id of the session concerned.
        onset_at_ns: when the trouble began; ``at_ns`` when this state was reached (raised or cleared).
        advice: what to do next, a sentence or two.
        late: raised by replayed (offline) data: recorded, and nobody is paged.
        inhibited_by: id of the raised flag that explains this one (a whole site is gone): recorded and shown below it, and
            nobody is paged. It can be lifted while the flag is raised.
        forgotten: it was cleared by the watch, which had no memory of it after a start; whatever the engine says later holds instead.
    """

    id: str
    rule: str
    detector: str
    category: Category
    severity: Severity
    key: str
    station: str | None
    evse: int | None = None
    connector: int | None = None
    session: str | None = None
    subject: str = ""
    state: FlagState = FlagState.RAISED
    onset_at_ns: int
    at_ns: int
    summary: str
    advice: str = ""
    blame: Blame = Blame.UNKNOWN
    evidence: tuple[Evidence, ...] = ()
    runbook: str = ""
    labels: dict[str, str] = {}
    late: bool = False
    inhibited_by: str = ""
    cleared_because: str = ""
    forgotten: bool = False


def derived_id(*parts: str | int | None) -> str:
    """16 hexadecimal digits from what a thing is, so that making it again gives the same id."""
    text = "\x1f".join("" if part is None else str(part) for part in parts)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
