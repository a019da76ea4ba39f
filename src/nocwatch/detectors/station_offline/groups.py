"""Sites and upstreams: when a group is gone as a whole, and the one flag that says so. Single stations are the package's other half.

A group is gone where all its stations dropped in one wave, each within ``together`` of the next, or where the relay itself cannot
reach the upstream. It is back when all its stations are, or when ``after`` has passed since the first one's return and what is still
missing is no such wave any more.

What always holds: a site's flag hangs below its upstream's; a group whose flag a person has resolved is still gone.
"""

from __future__ import annotations

from collections.abc import Callable

from nocwatch.detectors import wording
from nocwatch.detectors.base import Context
from nocwatch.detectors.station_offline.diagnosis import Diagnosis
from nocwatch.detectors.station_offline.presence import (
    Presence,
    StationOfflineSettings,
    groups_of,
    stands,
    to_ns,
)
from nocwatch.detectors.station_offline.seen import RELAY, diagnosed, hear, refusal_of
from nocwatch.flags import Evidence, Severity
from nocwatch.moments import SECOND_NS
from nocwatch.state.changes import RelayTold, UpstreamChanged

LISTED_MAX = 12
"""Stations that a flag about many names one by one; the rest is a number."""


class Groups:
    """The groups of one rule; what is remembered of them is the detector's state, kept in the context.

    Args:
        tell_station: says the flag of a station again, which now hangs below its group's.
    """

    def __init__(
        self,
        settings: StationOfflineSettings,
        tell_station: Callable[[str, Presence, Context[Presence]], None],
    ) -> None:
        self.settings = settings
        self._tell_station = tell_station

    # --- what happens to them -----------------------------------------------------------------------------------------

    def join(self, station: str, upstream: str, offline_since_ns: int, context: Context[Presence]) -> None:
        """The station is a member of its site and upstream, online (0) or offline since then."""
        state = context.state(f"station {station}")
        before = groups_of(state)
        state.offline_since_ns = offline_since_ns
        state.site, state.upstream = context.place(station).site, upstream or state.upstream
        for key in before:
            if key not in groups_of(state) and (group := context.peek(key)) is not None:
                group.gone -= bool(group.members.pop(station, 0))
        for key in groups_of(state):
            group = context.state(key)
            group.gone += bool(offline_since_ns) - bool(group.members.get(station, 0))
            group.members[station] = offline_since_ns

    def upstream(self, event: UpstreamChanged, context: Context[Presence]) -> None:
        key = f"upstream {event.upstream}"
        group = context.state(key)
        if event.up:
            group.down_since_ns, group.down_reason = 0, ""
            if stands(key, group, context):
                group.settle_at_ns = context.now_ns + to_ns(self.settings.after)
            self._rest(key, group, context)
        elif not group.down_since_ns:
            group.down_since_ns, group.frames = context.now_ns, event.frames
            group.down_reason, group.settle_at_ns = event.reason, 0
            context.wake(key, context.now_ns + to_ns(self.settings.after))

    def relay(self, event: RelayTold, context: Context[Presence]) -> None:
        """Whom it turned away, and that it began: what explains a group may change by it."""
        relay = hear(event, context)
        for key in relay.standing:
            group = context.peek(key)
            if group is None or not group.gone or not stands(key, group, context):
                continue
            kind, _, name = key.partition(" ")
            if diagnosed(kind, name, group, self._gone(group), context).cause != group.cause:
                self._tell(kind, name, group, context)

    def coming_back(self, state: Presence, context: Context[Presence]) -> None:
        """The first station of a gone group is back: give the others time, so that nobody is paged for the last ones."""
        for key in groups_of(state):
            group = context.peek(key)
            if group is None or not stands(key, group, context):
                continue
            if not group.gone:
                self._back(key, group, context)
            elif not group.settle_at_ns:
                group.settle_at_ns = context.now_ns + to_ns(self.settings.after)
                self._rest(key, group, context)

    def due(self, kind: str, name: str, context: Context[Presence]) -> None:
        """A moment of a group's has come: it may be gone, or back, or critical."""
        key = f"{kind} {name}"
        state = context.state(key)
        if state.settle_at_ns and state.settle_at_ns <= context.now_ns:
            state.settle_at_ns = 0
            if self._wave(kind, state, context) is None:
                self._back(key, state, context)
                return
        if not stands(key, state, context):
            self._look_at(kind, name, context)
        else:
            self._tell(kind, name, state, context)
        self._rest(key, state, context)

    def look_at_all(self, state: Presence, context: Context[Presence]) -> None:
        """The upstream first: where it is gone, its sites are not told one by one."""
        if state.upstream and self._look_at("upstream", state.upstream, context):
            return
        if state.site:
            self._look_at("site", state.site, context)

    def above(self, state: Presence, context: Context[Presence]) -> str:
        """The group's flag that explains the station's: it must have dropped with the group and not long before."""
        for key in groups_of(state):
            group = context.peek(key)
            if (
                group is not None
                and stands(key, group, context)
                and self._with(group, state.offline_since_ns)
            ):
                return key
        return ""

    def neighbours(self, state: Presence, context: Context[Presence]) -> tuple[int, int]:
        """How many other stations of its site are online, and how many there are; none where the site is not known."""
        group = context.peek(f"site {state.site}") if state.site else None
        if group is None:
            return 0, 0
        others = len(group.members) - 1
        return others - (group.gone - 1), others

    # --- judging and telling --------------------------------------------------------------------------------------------

    def _look_at(self, kind: str, name: str, context: Context[Presence]) -> bool:
        """Raises the group's flag where the group is gone; True where it stands."""
        key = f"{kind} {name}"
        group = context.state(key)
        if stands(key, group, context):
            return True
        wave = self._wave(kind, group, context)
        if wave is None:
            return False
        relay = context.state(RELAY)
        relay.standing = [each for each in relay.standing if each != key] + [key]
        onsets = [group.members[station] for station in wave]
        group.onset_ns = min([*onsets, group.down_since_ns] if group.down_since_ns else onsets)
        self._tell(kind, name, group, context)
        self._rest(key, group, context)
        sites = set()
        for station in wave:
            state = context.state(f"station {station}")
            sites.add(state.site)
            if state.told and context.raised(station):
                self._tell_station(station, state, context)
        if kind == "upstream":
            for site in sorted(sites - {""}):
                if context.raised(f"site {site}"):
                    self._tell("site", site, context.state(f"site {site}"), context)
        return True

    def _wave(self, kind: str, group: Presence, context: Context[Presence]) -> list[str] | None:
        """The stations that are gone together, where they are the whole group; else None."""
        after_ns = to_ns(self.settings.after)
        if not group.members and group.down_since_ns and context.now_ns - group.down_since_ns >= after_ns:
            return []  # unreachable from the start, a mistyped address: no station could ever be a member
        if not group.gone:
            return None
        if group.down_since_ns and context.now_ns - group.down_since_ns >= after_ns:
            earliest = group.down_since_ns - to_ns(self.settings.together)
            return [
                station for station, since in group.members.items() if since and since >= earliest
            ] or None
        if group.gone < len(group.members) and not context.places.maintenance:
            return None
        members = {
            station: since for station, since in group.members.items() if not context.in_maintenance(station)
        }
        if not members or not all(members.values()):
            return None
        wave: list[str] = []
        next_ns = max(members.values())
        for station, since in sorted(members.items(), key=lambda each: (-each[1], each[0])):
            if next_ns - since > to_ns(self.settings.together):
                break
            wave.append(station)
            next_ns = since
        if len(wave) < self.settings.group_stations_min or context.now_ns - next_ns < after_ns:
            return None
        if kind == "upstream":
            sites = {context.place(station).site or f"alone {station}" for station in wave}
            return wave if len(sites) > 1 else None
        return wave

    def _tell(self, kind: str, name: str, group: Presence, context: Context[Presence]) -> None:
        key = f"{kind} {name}"
        gone = sorted((group.members[station], station) for station in self._gone(group))
        gone_ns = context.now_ns - group.onset_ns
        diagnosis = diagnosed(kind, name, group, self._gone(group), context)
        evidence = self._evidence(kind, name, gone, group, diagnosis, context)
        group.cause = diagnosis.cause
        title = next((context.place(station).site_name for _, station in gone), "") if kind == "site" else ""
        parent = f"upstream {self._upstream_of(gone, context)}" if kind == "site" else ""
        # Nobody can charge by card or app anywhere behind an upstream that is gone: that does not wait to become critical.
        critical = kind == "upstream" or gone_ns >= to_ns(self.settings.critical_after)
        figures = f"{wording.count(len(gone), 'station')} of {len(group.members)} without a socket for {wording.span(gone_ns)}"
        if kind == "site":
            summary = f"Site {title or name} is gone: {figures}{diagnosis.clause}."
        elif not gone:
            summary = f"Upstream {name} cannot be reached: no station has got through to it for {wording.span(gone_ns)}."
        elif group.down_since_ns:
            summary = f"Upstream {name} cannot be reached: {figures}."
        else:
            summary = f"Upstream {name} has lost its stations: {figures}{diagnosis.clause}."
        context.raise_flag(
            key,
            summary,
            station=None,
            subject=name,
            onset_ns=group.onset_ns,
            evidence=evidence,
            severity=Severity.CRITICAL if critical else Severity.WARNING,
            blame=diagnosis.blame,
            advice=diagnosis.advice,
            below=parent if parent and context.raised(parent) else "",
            numbers={"offline_s": gone_ns / SECOND_NS, "stations": len(gone)},
        )

    def _evidence(
        self,
        kind: str,
        name: str,
        gone: list[tuple[int, str]],
        group: Presence,
        diagnosis: Diagnosis,
        context: Context[Presence],
    ) -> tuple[Evidence, ...]:
        """All of it at first; of a flag that stands only what explains it now, where that is news."""
        told = context.raised(f"{kind} {name}")
        if told and diagnosis.cause == group.cause:
            return ()
        evidence = []
        if group.down_since_ns:
            text = f"The relay cannot reach upstream {name} since {wording.moment(group.down_since_ns)}."
            evidence.append(Evidence(text=text, at_ns=group.down_since_ns, frames=group.frames))
        if gone and not told:
            listed = ", ".join(
                f"{station} ({wording.moment(since)[11:]})" for since, station in gone[:LISTED_MAX]
            )
            more = f" and {len(gone) - LISTED_MAX} more" if len(gone) > LISTED_MAX else ""
            evidence.append(Evidence(text=f"Without a socket: {listed}{more}.", at_ns=group.onset_ns))
        states = [context.state(f"station {station}") for _, station in gone]
        shown = next((each.refused_frames for each in states if refusal_of(each) in diagnosis.cause), ())
        for text in diagnosis.evidence:
            evidence.append(Evidence(text=text, at_ns=context.now_ns, frames=shown))
            shown = ()
        return tuple(evidence)

    def _upstream_of(self, gone: list[tuple[int, str]], context: Context[Presence]) -> str:
        state = context.peek(f"station {gone[0][1]}") if gone else None
        return state.upstream if state is not None else ""

    def _back(self, key: str, group: Presence, context: Context[Presence]) -> None:
        still = f"; {wording.count(group.gone, 'station')} still without a socket" if group.gone else ""
        back = f"{len(group.members) - group.gone} of {len(group.members)} stations are back{still}"
        context.clear_flag(key, back if group.members else "it can be reached again")
        group.onset_ns = group.settle_at_ns = 0
        group.cause = ""
        if key in (relay := context.state(RELAY)).standing:
            relay.standing = [each for each in relay.standing if each != key]
        self._rest(key, group, context)

    def _rest(self, key: str, group: Presence, context: Context[Presence]) -> None:
        moments = [group.settle_at_ns] if group.settle_at_ns else []
        if group.onset_ns and context.raised(key):
            moments.append(group.onset_ns + to_ns(self.settings.critical_after))
        if group.down_since_ns:
            moments.append(group.down_since_ns + to_ns(self.settings.after))
        ahead = [each for each in moments if each > context.now_ns]
        if ahead:
            context.wake(key, min(ahead))
        else:
            context.calm(key)

    def _gone(self, group: Presence) -> list[str]:
        return [station for station, since in group.members.items() if since and self._with(group, since)]

    def _with(self, group: Presence, since_ns: int) -> bool:
        return since_ns >= group.onset_ns - to_ns(self.settings.together)
