"""The book of alerts: flags in, revisions of alerts out. Pure; time is the pipeline's.

What always holds: one open alert for each route and group; ids are derived from them and the first flag, revisions of an
alert rise by one; late flags make none; whatever is told is told once. See ``entry`` for when people are told, and ``revisions``
for how what happened becomes a revision.

Not here: sending (``dispatcher.py``), and keeping what people did: after a restart the watch does it again, from the store's
acts, at the same pipeline time (``watch/follow.py``). An act that a snapshot has seen is not done twice.
"""

from __future__ import annotations

from collections import deque

import msgspec

from nocwatch.alerts.acts import Act, ActKind, Silence
from nocwatch.alerts.alert import Alert, AlertState
from nocwatch.alerts.entry import Entry
from nocwatch.alerts.labels import facts_of
from nocwatch.alerts.making import common, first, reopened
from nocwatch.alerts.revisions import Revisions
from nocwatch.alerts.settings import AlertSettings
from nocwatch.flags import Flag, FlagState
from nocwatch.registry.places import Places

ACTS_MAX = 10_000
"""Ids of acts remembered so that doing one twice changes nothing: far more than come between two snapshots."""


class _Snapshot(msgspec.Struct):
    now_ns: int
    entries: list[Entry]
    timers: list[tuple[str, int]]
    silences: list[Silence]
    acts: list[str]
    counters: dict[str, int]
    ahead: dict[str, int] = {}


class AlertBook:
    """All alerts that are open or may reopen, and the silences.

    Attributes:
        counters: name → number since the start, kept in snapshots.
    """

    def __init__(self, settings: AlertSettings, places: Places) -> None:
        self._places = places
        self._revisions = Revisions(settings)
        self._acts: deque[str] = deque(maxlen=ACTS_MAX)
        self.counters = {"alerts_made": 0, "alerts_reopened": 0, "alerts_over_limit": 0, "flags_late": 0}

    def set_places(self, places: Places) -> None:
        """Takes over a changed registry; alerts keep the names they were made with."""
        self._places = places

    @property
    def firing(self) -> tuple[Alert, ...]:
        """Alerts that nobody has taken yet."""
        return tuple(
            each.alert for each in self._revisions.entries.values() if each.alert.state is AlertState.FIRING
        )

    @property
    def open(self) -> tuple[Alert, ...]:
        """Alerts that fire or are acknowledged."""
        return tuple(each.alert for each in self._revisions.entries.values() if each.open)

    @property
    def revisions(self) -> dict[str, int]:
        """Id → revision, of all that are open or may reopen."""
        return {name: entry.alert.revision for name, entry in self._revisions.entries.items()}

    @property
    def silences(self) -> tuple[Silence, ...]:
        """Those that have not ended."""
        return self._revisions.silences.all()

    @property
    def silences_full(self) -> bool:
        """Whether there is no room for one more that covers something new."""
        return self._revisions.silences.full

    def alert(self, alert_id: str) -> Alert | None:
        """An alert of the book; None where it was over long ago (the store has it)."""
        entry = self._revisions.entries.get(alert_id)
        return entry.alert if entry else None

    # --- time and flags ------------------------------------------------------------------------------------------------

    def advance(self, now_ns: int) -> list[Alert]:
        """Lets time pass: what was waiting for a moment up to now is told at that moment."""
        alerts: list[Alert] = []
        for key, due_ns in self._revisions.timers.pop_due(now_ns):
            self._revisions.at(due_ns)
            kind, _, name = key.partition("|")
            if kind == "silence":
                over = self._revisions.silences.remove(name)
                alerts += self._revisions.silences_changed(
                    f"The silence by {over.by} is over." if over else ""
                )
            elif (entry := self._revisions.entries.get(name)) is not None:
                alerts += self._revisions.settled(entry, entry.alert)
        self._revisions.at(now_ns)
        return alerts

    def feed(self, flag: Flag) -> list[Alert]:
        """A flag was raised, became worse, was explained by another, or was cleared."""
        self._revisions.at(flag.at_ns)
        if flag.state is FlagState.CLEARED:
            return self._cleared(flag)
        if flag.late:
            self.counters["flags_late"] += 1
            return []
        known = self._revisions.by_flag.get(flag.id)
        return self._raised(flag) if known is None else self._again(self._revisions.entries[known], flag)

    def _raised(self, flag: Flag) -> list[Alert]:
        route, group, receivers = self._revisions.routes.of(flag, facts_of(flag, self._places))
        key = f"{route}|{group}"
        entry = self._revisions.entries.get(self._revisions.by_key.get(key, ""))
        if (
            entry is not None
            and not entry.open
            and self._revisions.now_ns > entry.resolved_at_ns + self._revisions.routes.timing(route).reopen_ns
        ):
            entry = None  # kept only for flags that a person ended and that are still raised
        if entry is None:
            if self._revisions.full:
                self.counters["alerts_over_limit"] += 1
                return []
            self.counters["alerts_made"] += 1
            alert = first(flag, route, group, self._places, self._revisions.now_ns)
            alert = msgspec.structs.replace(alert, revision=self._revisions.ahead.pop(alert.id, 0))
            entry = Entry(alert=alert, key=key, route=route, members={}, born_at_ns=self._revisions.now_ns)
            self._revisions.add(entry)
        else:
            alert = common(self._reopened(entry, flag) if not entry.open else entry.alert, flag, self._places)
        if entry.join(flag):
            self._revisions.by_flag[flag.id] = alert.id
        return self._joined(entry, alert, flag, receivers)

    def _again(self, entry: Entry, flag: Flag) -> list[Alert]:
        alert = entry.alert
        if not entry.open:
            # A person ended it. Only if it gets worse do they hear of it again.
            if flag.severity.rank <= alert.severity.rank:
                return []
            alert = self._reopened(entry, flag)
        entry.join(flag)
        return self._joined(entry, alert, flag, ())

    def _reopened(self, entry: Entry, flag: Flag) -> Alert:
        self.counters["alerts_reopened"] += 1
        entry.reopened += 1
        if entry.told_firing:
            entry.told_joined = entry.joined + 1  # people believe that it fires: what comes back is no news
        if not entry.told_before:
            entry.born_at_ns = self._revisions.now_ns
        return reopened(entry.alert, flag.severity)

    def _joined(self, entry: Entry, alert: Alert, flag: Flag, receivers: tuple[str, ...]) -> list[Alert]:
        alert = msgspec.structs.replace(
            alert,
            receivers=tuple(dict.fromkeys((*alert.receivers, *receivers))),
            started_at_ns=min(alert.started_at_ns, flag.onset_at_ns),
        )
        if flag.severity.rank > alert.severity.rank:
            alert = msgspec.structs.replace(alert, severity=flag.severity)
            if alert.state is AlertState.ACKNOWLEDGED:
                # Whoever took it took something lesser.
                alert = msgspec.structs.replace(
                    alert, state=AlertState.FIRING, acknowledged_by="", acknowledged_at_ns=None
                )
        return self._revisions.settled(entry, alert)

    def _cleared(self, flag: Flag) -> list[Alert]:
        known = self._revisions.by_flag.pop(flag.id, None)
        if known is None:
            return []
        entry = self._revisions.entries[known]
        alert = entry.alert
        if entry.leave(flag.id) and entry.open_count == 0 and entry.open:
            entry.resolved_at_ns = self._revisions.now_ns
            because = flag.cleared_because or "The trouble is gone."
            alert = msgspec.structs.replace(alert, state=AlertState.RESOLVED, resolved_because=because)
        return self._revisions.settled(entry, alert)

    # --- what people do ------------------------------------------------------------------------------------------------

    def acknowledge(self, alert_id: str, by: str, at_ns: int, note: str = "") -> list[Alert]:
        """Someone takes it: it is quiet until it gets worse or is over. Nothing happens where it does not fire."""
        self._revisions.at(at_ns)
        entry = self._revisions.entries.get(alert_id)
        if entry is None or entry.alert.state is not AlertState.FIRING:
            return []
        return self._revisions.settled(
            entry,
            msgspec.structs.replace(
                entry.alert,
                state=AlertState.ACKNOWLEDGED,
                acknowledged_by=by,
                acknowledged_at_ns=self._revisions.now_ns,
                note=note,
            ),
        )

    def resolve(self, alert_id: str, by: str, at_ns: int, note: str = "") -> list[Alert]:
        """Someone says that it is over. Its flags stay as they are; only if one gets worse does it come back."""
        self._revisions.at(at_ns)
        entry = self._revisions.entries.get(alert_id)
        if entry is None or not entry.open:
            return []
        entry.leave_all()
        entry.resolved_at_ns = self._revisions.now_ns
        because = f"Resolved by {by}: {note}" if note else f"Resolved by {by}."
        return self._revisions.settled(
            entry,
            msgspec.structs.replace(
                entry.alert, state=AlertState.RESOLVED, resolved_because=because, resolved_by=by
            ),
        )

    def silence(self, silence: Silence) -> list[Alert]:
        """Alerts that match tell nobody until it ends; one that says the same gives way to it, be it longer or shorter.

        Nothing happens where there are too many (see ``quiet``).
        """
        self._revisions.at(silence.from_ns)
        if silence.until_ns <= self._revisions.now_ns:
            return []
        for former in self._revisions.silences.alike(silence.matchers):
            self._revisions.silences.remove(former)
            self._revisions.timers.cancel(f"silence|{former}")
        if not self._revisions.silences.add(silence):
            return []
        self._revisions.timers.set(f"silence|{silence.id}", silence.until_ns)
        return self._revisions.silences_changed()

    def unsilence(self, silence_id: str, at_ns: int, by: str = "", note: str = "") -> list[Alert]:
        """Ends a silence before its time."""
        self._revisions.at(at_ns)
        if self._revisions.silences.remove(silence_id) is None:
            return []
        self._revisions.timers.cancel(f"silence|{silence_id}")
        return self._revisions.silences_changed(
            f"Silence ended by {by or 'someone'}{': ' + note if note else '.'}"
        )

    def act(self, act: Act) -> list[Alert]:
        """Any of these as a value; an act that was done before changes nothing."""
        if act.id in self._acts:
            return []
        self._acts.append(act.id)
        if act.kind is ActKind.ACKNOWLEDGE:
            return self.acknowledge(act.alert, act.by, act.at_ns, act.note)
        if act.kind is ActKind.RESOLVE:
            return self.resolve(act.alert, act.by, act.at_ns, act.note)
        if act.kind is ActKind.UNSILENCE:
            return self.unsilence(act.alert, act.at_ns, act.by, act.note)
        if act.kind is ActKind.ALIGN:
            self._revisions.at(act.at_ns)
            return [
                alert
                for name, stored in act.alerts.items()
                for alert in self._revisions.aligned(name, stored)
            ]
        return self.silence(
            Silence(
                id=act.id,
                matchers=act.matchers,
                from_ns=act.at_ns,
                until_ns=act.until_ns,
                by=act.by,
                note=act.note,
                alert=act.alert,
            )
        )

    # --- snapshot ------------------------------------------------------------------------------------------------------

    def snapshot(self) -> bytes:
        """Everything; ``restore`` in a fresh book goes on as if nothing had been."""
        kept = self._revisions
        return msgspec.msgpack.encode(
            _Snapshot(
                kept.now_ns,
                list(kept.entries.values()),
                kept.timers.dump(),
                list(kept.silences.all()),
                list(self._acts),
                self.counters,
                kept.ahead,
            )
        )

    def restore(self, data: bytes) -> None:
        """Takes over a snapshot; alerts of routes that are no more go on by the last route's times.

        Raises:
            ValueError: where it is none (msgspec's errors are ValueErrors).
        """
        snapshot = msgspec.msgpack.decode(data, type=_Snapshot)
        self._revisions.restore(
            snapshot.now_ns, snapshot.entries, snapshot.timers, snapshot.silences, snapshot.ahead
        )
        self._acts = deque(snapshot.acts, maxlen=ACTS_MAX)
        self.counters = {**self.counters, **snapshot.counters}
