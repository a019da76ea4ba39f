"""What the store's queries take and give: filters, pages, and rows that are no value of another room.

Sessions, flags and alerts come back as the values that were put in.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from nocwatch.alerts.alert import AlertState, Notice
from nocwatch.flags import Category, FlagState, Severity
from nocwatch.frames import Direction
from nocwatch.kpis.counting import CountsAs
from nocwatch.network import ConnectorStatus
from nocwatch.plans import Limited
from nocwatch.sessions import Outcome, Reason, StartSource

ItemT = TypeVar("ItemT")


class Page(msgspec.Struct, Generic[ItemT], frozen=True):
    """A part of a list. ``next`` is opaque: hand it in as ``after`` for what follows; None at the end."""

    items: list[ItemT]
    next: str | None = None


class SessionFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which sessions. Fields that are None do not narrow; all that are given must hold.

    Attributes:
        stations: any of these (a site is its stations).
        sockets: any of these (station, EVSE, connector), as the tables have them.
        from_ns: started at or after; ``until_ns`` started before.
        overlapping: from and until are about the whole session instead: under way at some time between them.
        ended: only those that are over (True), or under way (False).
        counts_as: those behind a key figure. ``firmware``: a glob; started in an hour that
            counts for it; empty for one that is unknown.
        limited: by charging profiles: ``limited`` at all, ``nothing`` where they allowed nothing at some time.
        costed: with a cost that was reported (True), or without.
        text: a part of the station's identity, or the beginning of a session id, transaction or token hash; a reservation's number.
        order: ``newest`` or ``oldest`` start first.
    """

    station: str | None = None
    stations: tuple[str, ...] | None = None
    sockets: tuple[tuple[str, int, int], ...] | None = None
    evse: int | None = None
    connector: int | None = None
    outcomes: tuple[Outcome, ...] | None = None
    reasons: tuple[Reason, ...] | None = None
    start_source: StartSource | None = None
    token: str | None = None
    upstream: str | None = None
    reservation: int | None = None
    limited: Limited | None = None
    costed: bool | None = None
    from_ns: int | None = None
    until_ns: int | None = None
    overlapping: bool = False
    ended: bool | None = None
    counts_as: CountsAs | None = None
    firmware: str | None = None
    late: bool | None = None
    text: str | None = None
    order: str = "newest"


class FlagFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which flags. Order: raised before cleared, then the worst, then the newest; or ``newest`` alone.

    ``from_ns`` and ``until_ns``: raised at some time between them. ``text``: a part of summary, station or subject.
    """

    station: str | None = None
    stations: tuple[str, ...] | None = None
    session: str | None = None
    rules: tuple[str, ...] | None = None
    categories: tuple[Category, ...] | None = None
    severities: tuple[Severity, ...] | None = None
    state: FlagState | None = None
    from_ns: int | None = None
    until_ns: int | None = None
    late: bool | None = None
    text: str | None = None
    order: str = "worst"


class AlertFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which alerts. Order: firing, quietly firing, acknowledged, resolved; in each the worst, then the newest; or ``newest`` alone.

    An alert fires quietly where it is silenced or another one explains it.

    ``text``: a part of summary, station, site or group. ``flag``: alerts that hold this flag.
    """

    station: str | None = None
    stations: tuple[str, ...] | None = None
    site: str | None = None
    rules: tuple[str, ...] | None = None
    severities: tuple[Severity, ...] | None = None
    states: tuple[AlertState, ...] | None = None
    receiver: str | None = None
    flag: str | None = None
    from_ns: int | None = None
    until_ns: int | None = None
    text: str | None = None
    order: str = "worst"


class FrameFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which frames and link events, newest first (or ``oldest``).

    Attributes:
        session: those of the session's station, from a minute before its first act to a minute after its last.
        kinds: of ``frames.Kind``, and ``link``.
        troubled: only errors, calls that were never answered, and what is no OCPP.
        text: a part of the payload.
    """

    station: str | None = None
    session: str | None = None
    connection: int | None = None
    direction: Direction | None = None
    actions: tuple[str, ...] | None = None
    kinds: tuple[str, ...] | None = None
    message_id: str | None = None
    from_ns: int | None = None
    until_ns: int | None = None
    troubled: bool = False
    text: str | None = None
    order: str = "newest"


class StoredFrame(msgspec.Struct, frozen=True, kw_only=True):
    """A frame or link event with what its message said.

    Attributes:
        ref: its name in evidence and URLs.
        kind: of ``frames.Kind``; ``link`` for a link event, whose ``action`` is the event and ``payload`` its fields as JSON.
        type: 2 CALL … 6 SEND; None where it is no OCPP message.
        payload: text; what is no UTF-8 comes with replacement characters.
        answer_time_ns: of an answer, and of a call that was answered.
        call: of an answer, its call's ref; ``answer``: of a call, its answer's ref.
        unanswered: of a call, no answer came in time (one may have come late: ``answer``).
        oddity: what was wrong with it, of ``ocpp.events.Oddity``; empty where nothing.
    """

    ref: str
    at_ns: int
    station: str
    connection: int
    direction: Direction
    kind: str
    type: int | None = None
    action: str = ""
    message_id: str = ""
    version: str = ""
    payload: str = ""
    answer_time_ns: int | None = None
    call: str | None = None
    answer: str | None = None
    unanswered: bool = False
    error_code: str = ""
    oddity: str = ""
    code: int | None = None
    reason: str = ""


class StoredSample(msgspec.Struct, frozen=True, kw_only=True):
    """One moment of a session's curve; fields as in ``state.changes.SessionMetered``."""

    at_ns: int
    station: str
    evse: int | None = None
    connector: int | None = None
    register_wh: float | None = None
    energy_wh: float | None = None
    power_w: float | None = None
    current_a: float | None = None
    voltage_v: float | None = None
    soc_percent: float | None = None
    implausible: str = ""
    frame: str = ""


class Band(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which a connector's status did not change. ``until_ns`` is None while it lasts."""

    station: str
    evse: int | None
    connector: int
    status: ConnectorStatus
    from_ns: int
    until_ns: int | None
    error_code: str = ""


class LastSession(msgspec.Struct, frozen=True, kw_only=True):
    """The newest session of a station, in short."""

    id: str
    outcome: Outcome
    reason: Reason | None
    started_at_ns: int
    stopped_at_ns: int | None
    energy_wh: float | None


class TokenTotals(msgspec.Struct, frozen=True, kw_only=True):
    """What one token has done so far. ``more``: there were older sessions, which are not in the sums."""

    sessions: int
    stations: int
    energy_wh: float
    since_ns: int
    more: bool = False


class StationFlags(msgspec.Struct, frozen=True, kw_only=True):
    """A station's raised flags: how many of each severity, and the sentence of the worst, newest one.

    ``quiet``: those whose alert a person has resolved; they count in no severity.
    """

    info: int = 0
    warning: int = 0
    critical: int = 0
    quiet: int = 0
    worst: Severity
    summary: str = ""
    flag: str = ""


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """Counts for the first page and the system page. ``*_24h``: of the 24 hours before the given time.

    ``alerts_firing``: those that need a person, not those that are silenced or that another one explains.
    """

    stations: int
    sessions_ongoing: int
    sessions_24h: dict[str, int]
    energy_24h_wh: float
    flags_raised: dict[str, int]
    alerts_firing: dict[str, int]
    alerts_acknowledged: int
    outbox_waiting: int
    outbox_given_up: int


class DayKpi(msgspec.Struct, frozen=True, kw_only=True):
    """Sums of one day. Ratios are left to ``success_rate`` and ``utilisation``: pool sums, never average ratios.

    Attributes:
        from_ns: midnight in the asked time zone; ``until_ns`` the next.
        sessions: started in the day, with their outcomes as they stand; ``ongoing`` of them.
        energy_wh: spread evenly over each session's time.
        charging_ns: connector time with status Charging; ``occupied_ns`` with a vehicle (charging included).
        known_ns: connector time of which anything is known; ``down_ns`` Offline, Faulted or Unavailable.
    """

    from_ns: int
    until_ns: int
    sessions: int = 0
    success: int = 0
    failed: int = 0
    cancelled: int = 0
    rejected: int = 0
    ongoing: int = 0
    energy_wh: float = 0.0
    charging_ns: int = 0
    occupied_ns: int = 0
    down_ns: int = 0
    known_ns: int = 0

    @property
    def success_rate(self) -> float | None:
        """Successes / (success + failed), as docs/kpis.md has it; None where neither happened."""
        return self.success / (self.success + self.failed) if self.success + self.failed else None

    @property
    def utilisation(self) -> float | None:
        """Occupied time / known time; None where nothing is known."""
        return self.occupied_ns / self.known_ns if self.known_ns else None

    @property
    def utilisation_charging(self) -> float | None:
        return self.charging_ns / self.known_ns if self.known_ns else None

    @property
    def availability(self) -> float | None:
        return 1 - self.down_ns / self.known_ns if self.known_ns else None


class AlertMoment(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of an alert's history."""

    at_ns: int
    revision: int
    state: AlertState
    notice: Notice
    severity: Severity
    text: str = ""


class Annotation(msgspec.Struct, frozen=True, kw_only=True):
    """A field that people added to a session, station, flag or alert."""

    subject_kind: str
    subject: str
    name: str
    value: str
    by: str
    at_ns: int


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what, when, to what. Written once, never changed."""

    id: int
    at_ns: int
    by: str
    action: str
    subject: str = ""
    details: str = ""
    remote_address: str = ""
