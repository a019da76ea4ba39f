"""A station has no socket; and where a whole site or upstream is gone, one flag that says so, with the stations' flags below it."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from pydantic import Field

from nocwatch.detectors import wording
from nocwatch.detectors.base import Context, Detector, Hears, Settings, Stage
from nocwatch.flags import Blame, Category, Evidence, Severity
from nocwatch.moments import SECOND_NS
from nocwatch.network import Station
from nocwatch.quantities import Duration
from nocwatch.state.changes import LinkClosed, LinkOpened, LinkRefused, UpstreamChanged

LISTED_MAX = 12
"""Stations that a flag about many names one by one; the rest is a number."""


class StationOfflineSettings(Settings):
    """What a rule can set of ``station_offline``."""

    after: Duration = Field(default=180.0, description="How long a station must be without a socket.")
    critical_after: Duration = Field(default=900.0, description="From here on it is critical.")
    together: Duration = Field(
        default=300.0,
        description="Stations of a group that dropped no further apart than this dropped for one reason.",
    )
    group_stations_min: int = Field(default=2, ge=2, description="Fewer stations than this are no group.")


class Presence(msgspec.Struct):
    """Of a station (key: ``station <id>``) or of a group (key: ``site <id>``, ``upstream <name>``).

    Attributes:
        offline_since_ns: of a station without a socket; 0 while it has one.
        told: the flag of the station's absence was raised.
        members: of a group: station → since when it is offline, 0 while it is online. ``gone``: how many are offline.
        down_since_ns: of an upstream that the relay cannot reach.
        onset_ns: of a group that is gone: when that began.
        settle_at_ns: when a group that is coming back is looked at again.
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


class StationOffline(Detector[StationOfflineSettings, Presence]):
    """Station offline.

    Sees a station that had a socket have none for `after`: a warning, critical from `critical_after` on. A registered station that
    only tries in vain (its handshakes are refused) counts too; one that was never seen does not.

    Where every station of a site, or of an upstream that serves several sites, dropped together (each within `together` of the next),
    or where the relay cannot reach an upstream, there is one flag about the site or the upstream, and the flags of its stations hang
    below it and page nobody. It clears when the group is back and has had `after` to settle; what is still missing then
    stands for itself. Stations in maintenance are quiet and do not count in a group.
    """

    name = "station_offline"
    stage = Stage.FLEET
    category = Category.CONNECTIVITY
    severity = Severity.WARNING
    hears: ClassVar[Hears] = (LinkOpened, LinkClosed, LinkRefused, UpstreamChanged)
    Settings = StationOfflineSettings
    State = Presence
    title = "Station offline"
    advice = (
        "Is its neighbour online? Then it is this station: check its power and its modem, and ask the site to switch it off and on. "
        "If handshakes are refused, the CSMS does not want it: compare identity and password there."
    )
    numbers: ClassVar[dict[str, str]] = {"offline_s": "without a socket, s", "stations": "stations concerned"}

    def on(self, event: Any, context: Context[Presence]) -> None:
        if isinstance(event, LinkOpened):
            self._opened(event, context)
        elif isinstance(event, LinkClosed):
            if event.last:
                self._lost(event, context)
        elif isinstance(event, LinkRefused):
            self._refused(event, context)
        else:
            self._upstream(event, context)

    def begin(self, station: Station, context: Context[Presence]) -> None:
        self._join(station.id, station.upstream, 0 if station.online else station.since_ns, context)
        if not station.online:
            self._watch(station.id, context)

    def due(self, key: str, context: Context[Presence]) -> None:
        kind, _, name = key.partition(" ")
        state = context.state(key)
        if kind == "station":
            if state.offline_since_ns:
                state.told = True
                self._look_at_groups(state, context)
                self._tell_station(name, state, context)
            return
        if state.settle_at_ns and state.settle_at_ns <= context.now_ns:
            state.settle_at_ns = 0
            if self._wave(kind, state, context) is None:
                self._group_back(key, state, context)
                return
        if not _stands(key, state, context):
            self._look_at_group(kind, name, context)
        else:
            self._tell_group(kind, name, state, context)
        self._rest(key, state, context)

    # --- one station ------------------------------------------------------------------------------------------------

    def _opened(self, event: LinkOpened, context: Context[Presence]) -> None:
        state = context.state(f"station {event.station}")
        since = state.offline_since_ns
        if since or state.upstream != event.upstream or event.first:
            self._join(event.station, event.upstream, 0, context)
        if since:
            context.calm(f"station {event.station}")
            state.told, state.refusals = False, 0
            context.clear_flag(
                event.station, f"it has a socket again, after {wording.span(context.now_ns - since)}"
            )
            self._coming_back(state, context)
        else:
            context.clear_flag(event.station, "it has a socket")

    def _lost(self, event: LinkClosed, context: Context[Presence]) -> None:
        state = context.state(f"station {event.station}")
        if state.offline_since_ns:
            return
        self._join(event.station, event.upstream or state.upstream, context.now_ns, context)
        state.by, state.code, state.reason, state.frames = event.by, event.code, event.reason, event.frames
        self._watch(event.station, context)
        self._look_at_groups(state, context)

    def _refused(self, event: LinkRefused, context: Context[Presence]) -> None:
        key = f"station {event.station}"
        state = context.peek(key)
        if state is None:
            # Whoever knocks with an invented identity is no station of ours; one that the registry names is.
            if not context.place(event.station).known:
                return
            self._join(event.station, event.upstream, context.now_ns, context)
            self._watch(event.station, context)
            state = context.state(key)
        if state.offline_since_ns:
            state.refusals += 1
            state.http_status, state.refused_frames = event.http_status, event.frames

    def _watch(self, station: str, context: Context[Presence]) -> None:
        state = context.state(f"station {station}")
        context.wake(
            f"station {station}", max(context.now_ns, state.offline_since_ns + self._ns(self.settings.after))
        )

    def _tell_station(self, station: str, state: Presence, context: Context[Presence]) -> None:
        offline_ns = context.now_ns - state.offline_since_ns
        critical_ns = self._ns(self.settings.critical_after)
        if offline_ns < critical_ns:
            context.wake(f"station {station}", state.offline_since_ns + critical_ns)
        by = f"closed by the {state.by}" if state.by else "ended"
        code = f", code {state.code}" if state.code is not None else ""
        reason = f" ({state.reason})" if state.reason else ""
        evidence = []
        if state.frames or state.by:
            text = f"The last socket was {by}{code}{reason} at {wording.moment(state.offline_since_ns)}."
            evidence.append(Evidence(text=text, at_ns=state.offline_since_ns, frames=state.frames))
        if state.refusals:
            text = f"It tries: {wording.count(state.refusals, 'handshake')} refused since, the last with HTTP status {state.http_status}."
            evidence.append(Evidence(text=text, at_ns=context.now_ns, frames=state.refused_frames))
        blame = (
            Blame.CSMS
            if state.refusals
            else Blame.CHARGER
            if state.by == "station" and state.code
            else Blame.UNKNOWN
        )
        context.raise_flag(
            station,
            f"{context.place(station).name or station} has had no socket for {wording.span(offline_ns)}.",
            station=station,
            onset_ns=state.offline_since_ns,
            evidence=tuple(evidence),
            severity=Severity.CRITICAL if offline_ns >= critical_ns else Severity.WARNING,
            blame=blame,
            below=self._parent(state, context),
            numbers={"offline_s": offline_ns / SECOND_NS, "stations": 1},
        )

    def _parent(self, state: Presence, context: Context[Presence]) -> str:
        """The group's flag that explains the station's: it must have dropped with the group and not long before."""
        for key in _groups(state):
            group = context.peek(key)
            if (
                group is not None
                and _stands(key, group, context)
                and self._with(group, state.offline_since_ns)
            ):
                return key
        return ""

    # --- groups -----------------------------------------------------------------------------------------------------

    def _join(self, station: str, upstream: str, offline_since_ns: int, context: Context[Presence]) -> None:
        """The station is a member of its site and upstream, online (0) or offline since then."""
        state = context.state(f"station {station}")
        before = _groups(state)
        state.offline_since_ns = offline_since_ns
        state.site, state.upstream = context.place(station).site, upstream or state.upstream
        for key in before:
            if key not in _groups(state) and (group := context.peek(key)) is not None:
                group.gone -= bool(group.members.pop(station, 0))
        for key in _groups(state):
            group = context.state(key)
            group.gone += bool(offline_since_ns) - bool(group.members.get(station, 0))
            group.members[station] = offline_since_ns

    def _upstream(self, event: UpstreamChanged, context: Context[Presence]) -> None:
        key = f"upstream {event.upstream}"
        group = context.state(key)
        if event.up:
            group.down_since_ns = 0
            if _stands(key, group, context):
                group.settle_at_ns = context.now_ns + self._ns(self.settings.after)
            self._rest(key, group, context)
        elif not group.down_since_ns:
            group.down_since_ns, group.frames = context.now_ns, event.frames
            context.wake(key, context.now_ns + self._ns(self.settings.after))

    def _look_at_groups(self, state: Presence, context: Context[Presence]) -> None:
        """The upstream first: where it is gone, its sites are not told one by one."""
        if state.upstream and self._look_at_group("upstream", state.upstream, context):
            return
        if state.site:
            self._look_at_group("site", state.site, context)

    def _look_at_group(self, kind: str, name: str, context: Context[Presence]) -> bool:
        """Raises the group's flag where the group is gone; True where it stands."""
        key = f"{kind} {name}"
        group = context.state(key)
        if _stands(key, group, context):
            return True
        wave = self._wave(kind, group, context)
        if wave is None:
            return False
        group.onset_ns = min(group.members[station] for station in wave)
        if group.down_since_ns:
            group.onset_ns = min(group.onset_ns, group.down_since_ns)
        self._tell_group(kind, name, group, context)
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
                    self._tell_group("site", site, context.state(f"site {site}"), context)
        return True

    def _wave(self, kind: str, group: Presence, context: Context[Presence]) -> list[str] | None:
        """The stations that are gone together, where they are the whole group; else None."""
        after_ns = self._ns(self.settings.after)
        if not group.gone:
            return None
        if group.down_since_ns and context.now_ns - group.down_since_ns >= after_ns:
            earliest = group.down_since_ns - self._ns(self.settings.together)
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
            if next_ns - since > self._ns(self.settings.together):
                break
            wave.append(station)
            next_ns = since
        if len(wave) < self.settings.group_stations_min or context.now_ns - next_ns < after_ns:
            return None
        if kind == "upstream":
            sites = {context.place(station).site or f"alone {station}" for station in wave}
            return wave if len(sites) > 1 else None
        return wave

    def _tell_group(self, kind: str, name: str, group: Presence, context: Context[Presence]) -> None:
        key = f"{kind} {name}"
        gone = sorted(
            (since, station) for station, since in group.members.items() if since and self._with(group, since)
        )
        gone_ns = context.now_ns - group.onset_ns
        listed = ", ".join(
            f"{station} ({wording.moment(since)[11:]})" for since, station in gone[:LISTED_MAX]
        )
        more = f" and {len(gone) - LISTED_MAX} more" if len(gone) > LISTED_MAX else ""
        evidence = [Evidence(text=f"Without a socket: {listed}{more}.", at_ns=group.onset_ns)]
        if group.down_since_ns:
            text = f"The relay cannot reach upstream {name} since {wording.moment(group.down_since_ns)}."
            evidence.insert(0, Evidence(text=text, at_ns=group.down_since_ns, frames=group.frames))
        if context.raised(key):
            evidence = []
        title = next((context.place(station).site_name for _, station in gone), "") if kind == "site" else ""
        parent = f"upstream {self._upstream_of(gone, context)}" if kind == "site" else ""
        context.raise_flag(
            key,
            f"{kind.capitalize()} {title or name} is gone: {wording.count(len(gone), 'station')} of {len(group.members)} "
            f"without a socket for {wording.span(gone_ns)}.",
            station=None,
            subject=name,
            onset_ns=group.onset_ns,
            evidence=tuple(evidence),
            severity=Severity.CRITICAL
            if gone_ns >= self._ns(self.settings.critical_after)
            else Severity.WARNING,
            blame=Blame.CSMS if group.down_since_ns else Blame.NETWORK,
            advice=_GROUP_ADVICE[kind],
            below=parent if parent and context.raised(parent) else "",
            numbers={"offline_s": gone_ns / SECOND_NS, "stations": len(gone)},
        )

    def _upstream_of(self, gone: list[tuple[int, str]], context: Context[Presence]) -> str:
        state = context.peek(f"station {gone[0][1]}") if gone else None
        return state.upstream if state is not None else ""

    def _coming_back(self, state: Presence, context: Context[Presence]) -> None:
        """The first station of a gone group is back: give the others time, so that nobody is paged for the last ones."""
        for key in _groups(state):
            group = context.peek(key)
            if group is None or not _stands(key, group, context):
                continue
            if not group.gone:
                self._group_back(key, group, context)
            elif not group.settle_at_ns:
                group.settle_at_ns = context.now_ns + self._ns(self.settings.after)
                self._rest(key, group, context)

    def _group_back(self, key: str, group: Presence, context: Context[Presence]) -> None:
        still = f"; {wording.count(group.gone, 'station')} still without a socket" if group.gone else ""
        context.clear_flag(
            key, f"{len(group.members) - group.gone} of {len(group.members)} stations are back{still}"
        )
        group.onset_ns = group.settle_at_ns = 0
        self._rest(key, group, context)

    def _rest(self, key: str, group: Presence, context: Context[Presence]) -> None:
        moments = [group.settle_at_ns] if group.settle_at_ns else []
        if group.onset_ns and context.raised(key):
            moments.append(group.onset_ns + self._ns(self.settings.critical_after))
        if group.down_since_ns:
            moments.append(group.down_since_ns + self._ns(self.settings.after))
        ahead = [each for each in moments if each > context.now_ns]
        if ahead:
            context.wake(key, min(ahead))
        else:
            context.calm(key)

    def _with(self, group: Presence, since_ns: int) -> bool:
        return since_ns >= group.onset_ns - self._ns(self.settings.together)

    @staticmethod
    def _ns(seconds: float) -> int:
        return round(seconds * SECOND_NS)


_GROUP_ADVICE = {
    "site": "One cause for all: power or uplink of the site. Call the site, then its network provider; no need to look at single stations.",
    "upstream": "The CSMS or the way to it is gone. Check from this machine that its address answers, and tell the team that runs it.",
}


def _stands(key: str, group: Presence, context: Context[Presence]) -> bool:
    """The group is gone: also where a person has resolved its flag."""
    return bool(group.onset_ns) or context.raised(key)


def _groups(state: Presence) -> list[str]:
    groups = [f"upstream {state.upstream}"] if state.upstream else []
    return [*groups, f"site {state.site}"] if state.site else groups
