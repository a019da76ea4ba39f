"""The entries of the book and their revisions: what is told of an alert, and when to look at it again. Pure.

What happened to an alert is decided in ``lifecycle.py``; here it becomes the alert's next revision, with what its flags, the silences
and the inhibitions say of it now. When people are told: ``entry.py``.

What always holds: a revision is made where something changed or people must be told, and no other; what changes for an alert may
change its neighbours, which it keeps quiet, in the same step; an entry goes when it may no longer reopen and none of its flags stand.
"""

from __future__ import annotations

import msgspec

from nocwatch.alerts.acts import Silence, Stored
from nocwatch.alerts.alert import Alert, Notice
from nocwatch.alerts.entry import Entry, due_notice, told
from nocwatch.alerts.quiet import Inhibitions, Silences, told_of
from nocwatch.alerts.routes import Routes
from nocwatch.alerts.settings import AlertSettings
from nocwatch.timers import Timers

ALERTS_MAX = 50_000
"""Alerts in the book, open ones and those that may reopen: five of each station of a large fleet. A flag beyond it gets no
alert, is counted in ``counters["alerts_over_limit"]``, and stands on the flags page all the same."""
AHEAD_MAX = 10_000
"""Alerts of which the store has later revisions than this book, and which it has not made: a start without memory, with alerts of
a whole fleet open. Beyond it the oldest is forgotten; should it ever come again, its first revisions are taken for old ones."""


class Revisions:
    """The entries, found by id, by key and by flag.

    Attributes:
        now_ns: time of what is being worked on.
        entries: alert's id → entry. ``by_key``: route and group → the id of the latest; ``by_flag``: raised flag → alert's id.
        timers: ``alert|<id>`` and ``silence|<id>``.
        ahead: id of an alert that is not in the book → revision that the store has of it.
    """

    def __init__(self, settings: AlertSettings) -> None:
        self.routes = Routes(settings)
        self.now_ns = 0
        self.entries: dict[str, Entry] = {}
        self.by_key: dict[str, str] = {}
        self.by_flag: dict[str, str] = {}
        self.timers: Timers[str] = Timers()
        self.silences = Silences()
        self.ahead: dict[str, int] = {}
        self._inhibitions = Inhibitions(settings.inhibit)

    @property
    def full(self) -> bool:
        """Whether there is no room for another alert."""
        return len(self.entries) >= ALERTS_MAX

    def at(self, now_ns: int) -> None:
        """Time moves forward only."""
        self.now_ns = max(self.now_ns, now_ns)

    def add(self, entry: Entry) -> None:
        """A new entry; it takes the place of an older one of its key that may not reopen."""
        self.entries[entry.alert.id] = entry
        self.by_key[entry.key] = entry.alert.id

    def settled(self, entry: Entry, alert: Alert) -> list[Alert]:
        """The entry's next revision, and those of alerts that it keeps quiet, or no longer."""
        neighbours = self._inhibitions.note(alert)
        alerts = self._revised(entry, alert)
        for name in neighbours:
            other = self.entries[name]
            alerts += self._revised(other, other.alert)
        return alerts

    def _revised(self, entry: Entry, alert: Alert, ended: str = "") -> list[Alert]:
        """Makes a revision, if anything of it changed or people must be told; sets when to look again.

        ``ended``: how a silence has just ended, where one has.
        """
        before, now_ns = entry.alert, self.now_ns
        leader = entry.members[entry.leader]
        explained = entry.inhibited_by
        alert = msgspec.structs.replace(
            alert,
            flags=entry.listed(),
            flag_count=entry.joined,
            open_count=entry.open_count,
            raised_count=entry.raised_count,
            summary=leader.summary,
            advice=leader.advice,
            runbook=leader.runbook,
            blame=leader.blame,
            session=leader.session,
            silenced_by=self.silences.covering(alert, now_ns),
            inhibited_by=self.by_flag.get(explained, explained) or self._inhibitions.of(alert),
            notice=Notice.NONE,
            said="",
            at_ns=before.at_ns,
        )
        entry.alert = alert
        timing = self.routes.timing(entry.route)
        notice, again_ns = due_notice(entry, timing, now_ns)
        if notice is not Notice.NONE:
            told(entry, notice, now_ns)
            _, again_ns = due_notice(entry, timing, now_ns)
        self._look_again(entry, again_ns)
        if (
            before.revision
            and notice is Notice.NONE
            and alert == msgspec.structs.replace(before, notice=Notice.NONE, said="")
        ):
            return []
        entry.alert = msgspec.structs.replace(
            alert,
            notice=notice,
            said=self._said(before, alert, ended),
            at_ns=now_ns,
            revision=before.revision + 1,
        )
        return [entry.alert]

    def _said(self, before: Alert, alert: Alert, ended: str) -> str:
        """What the history says of a revision that is not of its state's making."""
        if alert.silenced_by != before.silenced_by:
            silence = self.silences.get(alert.silenced_by)
            return told_of(silence, alert) if silence else ended or "No silence covers it any more."
        if alert.state is before.state and alert.raised_count < before.raised_count:
            return f"{alert.raised_count} of {alert.flag_count} still raised."
        return ""

    def _look_again(self, entry: Entry, again_ns: int | None) -> None:
        name = f"alert|{entry.alert.id}"
        if again_ns is None:
            self.timers.cancel(name)
        elif again_ns > self.now_ns:
            self.timers.set(name, again_ns)
        elif not entry.open and entry.raised_count == 0:
            self.timers.cancel(name)
            del self.entries[entry.alert.id]
            if self.by_key.get(entry.key) == entry.alert.id:
                del self.by_key[entry.key]

    def aligned(self, alert_id: str, stored: Stored) -> list[Alert]:
        """The store is ahead of the book with this alert: the next revision stands after the store's, with the book's word.

        Nothing where the book is ahead. For an alert that the book has not made, it is remembered for when it does.
        """
        entry = self.entries.get(alert_id)
        if entry is None:
            self.ahead[alert_id] = stored.revision
            if len(self.ahead) > AHEAD_MAX:
                del self.ahead[next(iter(self.ahead))]
            return []
        if entry.alert.revision > stored.revision:
            return []
        entry.alert = msgspec.structs.replace(entry.alert, revision=stored.revision)
        if stored.told and not entry.told_firing:
            told(entry, Notice.FIRING, self.now_ns)
        elif not stored.told and entry.told_firing:
            told(entry, Notice.RESOLVED, self.now_ns)
        alerts = self.settled(entry, entry.alert)
        if entry.alert.revision == stored.revision:
            entry.alert = msgspec.structs.replace(
                entry.alert, notice=Notice.NONE, at_ns=self.now_ns, revision=stored.revision + 1
            )
            alerts.append(entry.alert)
        return alerts

    def silences_changed(self, ended: str = "") -> list[Alert]:
        """Revisions of the alerts that a silence now covers, or no longer; ``ended``: how that came."""
        return [
            alert
            for entry in list(self.entries.values())
            if self.silences.covering(entry.alert, self.now_ns) != entry.alert.silenced_by
            for alert in self._revised(entry, entry.alert, ended)
        ]

    def restore(
        self,
        now_ns: int,
        entries: list[Entry],
        timers: list[tuple[str, int]],
        silences: list[Silence],
        ahead: dict[str, int],
    ) -> None:
        """Takes over what a snapshot has."""
        self.now_ns, self.ahead = now_ns, ahead
        self.entries = {entry.alert.id: entry for entry in entries}
        # Of two entries of a key the younger one, which stands later, holds.
        self.by_key = {entry.key: entry.alert.id for entry in entries}
        self.by_flag = {
            member.id: entry.alert.id
            for entry in entries
            for member in entry.members.values()
            if member.raised
        }
        self.timers.load(timers)
        self.silences = Silences(silences)
        for entry in entries:
            self._inhibitions.note(entry.alert)
