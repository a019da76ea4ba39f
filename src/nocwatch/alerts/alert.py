"""An alert: what people are told about flags. A value; its life is ``lifecycle.py``, its way out ``dispatcher.py``.

Several flags can share one alert (see ``group_by`` of a route). Ids are derived, so reading the journal twice gives the same
alerts; of two copies the one with the higher ``revision`` holds.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from nocwatch.flags import Blame, Severity


class AlertState(StrEnum):
    """Where an alert is in its life. Words of docs/trace.md, with the one that only a person can bring about."""

    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"

    @property
    def rank(self) -> int:
        """2 for firing, 0 for resolved: what needs a person first has the highest."""
        return ("resolved", "acknowledged", "firing").index(self.value)


class Notice(StrEnum):
    """Why a revision of an alert is told to its receivers; ``NONE`` is kept and shown, and nobody is told."""

    NONE = ""
    FIRING = "firing"
    WORSE = "worse"
    """Its severity rose."""
    JOINED = "joined"
    """More flags came into its group since it was last told."""
    REOPENED = "reopened"
    """It had been resolved a short time before."""
    REPEAT = "repeat"
    """It still fires, nobody has acknowledged it, and ``repeat_interval`` has passed."""
    RESOLVED = "resolved"


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert as it stands.

    Attributes:
        id: derived from route, group and the first flag's onset.
        group: what its flags have in common, ``name=value`` joined by commas, such as ``site=depot,rule=station_offline``.
        receivers: names, as the routes gave them.
        flags: ids of flags that joined, the oldest first; of a large group only the first (``entry.LISTED_MAX``).
        flag_count: how many have joined in all; ``raised_count`` how many of them are still raised; ``open_count`` those of them
            that no person has ended with the alert.
        severity: the worst of its flags so far.
        station: None where its flags are of several stations, or of the fleet; ``site`` alike, empty.
        summary: the sentence of the flag that is told (the worst, the oldest of them).
        started_at_ns: the earliest onset of its flags; ``at_ns`` when this revision was reached, pipeline time.
        inhibited_by: id of the alert that makes this one superfluous; empty where none does.
        silenced_by: id of the silence that covers it; empty where none does.
        notice: why this revision is told, if it is.
        said: what made this revision, where state and notice do not say it: a silence that began or ended. Times in it are RFC 3339.
        resolved_because: a sentence, once resolved.
        forgotten: it was ended by the watch, which had no memory of it after a start; whatever the book says later holds instead.
        labels: of the rule, and facts of the place (``station_name``, ``site_name``, ``timezone`` …).
    """

    id: str
    state: AlertState = AlertState.FIRING
    group: str = ""
    route: str = ""
    receivers: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    flag_count: int = 0
    open_count: int = 0
    raised_count: int = 0
    severity: Severity
    rule: str = ""
    detector: str = ""
    category: str = ""
    station: str | None = None
    evse: int | None = None
    connector: int | None = None
    session: str | None = None
    site: str = ""
    subject: str = ""
    summary: str
    advice: str = ""
    runbook: str = ""
    blame: Blame = Blame.UNKNOWN
    started_at_ns: int
    at_ns: int
    acknowledged_by: str = ""
    acknowledged_at_ns: int | None = None
    note: str = ""
    inhibited_by: str = ""
    silenced_by: str = ""
    notice: Notice = Notice.NONE
    said: str = ""
    resolved_because: str = ""
    resolved_by: str = ""
    forgotten: bool = False
    revision: int = 0
    labels: dict[str, str] = {}
