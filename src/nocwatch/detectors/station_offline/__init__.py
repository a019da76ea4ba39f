"""A station has no socket; and where a whole site or upstream is gone, one flag that says so, with the stations' flags below it.

Here are the stations. What is remembered is in ``presence``, sites and upstreams in ``groups``.
"""

from __future__ import annotations

from typing import Any, ClassVar

from nocwatch.detectors import wording
from nocwatch.detectors.base import Context, Detector, Hears, Stage
from nocwatch.detectors.station_offline.advice import advise
from nocwatch.detectors.station_offline.diagnosis import OURS
from nocwatch.detectors.station_offline.groups import Groups
from nocwatch.detectors.station_offline.presence import Presence, StationOfflineSettings, to_ns
from nocwatch.flags import Blame, Category, Evidence, Severity
from nocwatch.moments import SECOND_NS
from nocwatch.network import Station
from nocwatch.refusal_reasons import ANSWER
from nocwatch.state.changes import LinkClosed, LinkOpened, LinkRefused, RelayTold, UpstreamChanged
from nocwatch.state.evidence import how_closed


class StationOffline(Detector[StationOfflineSettings, Presence]):
    """Station offline.

    Sees a station that had a socket have none for `after`: a warning, critical from `critical_after` on. A registered station that
    only tries in vain (its handshakes are refused) counts too; one that was never seen does not.

    Where every station of a site, or of an upstream that serves several sites, dropped together (each within `together` of the next),
    or where the relay cannot reach an upstream, there is one flag about the site or the upstream, and the flags of its stations hang
    below it and page nobody. An upstream's flag is critical at once, and is raised too where no station ever got through. It clears when the group is back and has had `after` to settle; what is still missing then
    stands for itself. Stations in maintenance are quiet and do not count in a group.

    The flag of a group says whose it is to mend, from what the relay has seen: dials that fail (the CSMS, its name, its certificate); stations that
    it turns away, and for what (the CSMS's own no; the listener's certificate; caps, lists and routes of nocwatch's own); links that it ended itself,
    by a restart; links that the CSMS ended; or nobody who dials, which is the network. It is told again when that changes.
    """

    name = "station_offline"
    stage = Stage.FLEET
    category = Category.CONNECTIVITY
    severity = Severity.WARNING
    hears: ClassVar[Hears] = (LinkOpened, LinkClosed, LinkRefused, UpstreamChanged, RelayTold)
    Settings = StationOfflineSettings
    State = Presence
    title = "Station offline"
    advice = (
        "The flag says whether its neighbours are online and how the link ended. If they are, it is this station: its power and its modem; ask the "
        "site to switch it off and on. If handshakes are refused, the flag says by whom and why."
    )
    numbers: ClassVar[dict[str, str]] = {"offline_s": "without a socket, s", "stations": "stations concerned"}

    def __init__(self, settings: StationOfflineSettings) -> None:
        super().__init__(settings)
        self._groups = Groups(settings, self._tell)

    def on(self, event: Any, context: Context[Presence]) -> None:
        if isinstance(event, LinkOpened):
            self._opened(event, context)
        elif isinstance(event, LinkClosed):
            if event.last:
                self._lost(event, context)
        elif isinstance(event, LinkRefused):
            self._refused(event, context)
        elif isinstance(event, RelayTold):
            self._groups.relay(event, context)
        else:
            self._groups.upstream(event, context)

    def begin(self, station: Station, context: Context[Presence]) -> None:
        self._groups.join(station.id, station.upstream, 0 if station.online else station.since_ns, context)
        if not station.online:
            self._watch(station.id, context)

    def due(self, key: str, context: Context[Presence]) -> None:
        kind, _, name = key.partition(" ")
        if kind != "station":
            self._groups.due(kind, name, context)
            return
        state = context.state(key)
        if state.offline_since_ns:
            state.told = True
            self._groups.look_at_all(state, context)
            self._tell(name, state, context)

    def _opened(self, event: LinkOpened, context: Context[Presence]) -> None:
        state = context.state(f"station {event.station}")
        since = state.offline_since_ns
        if since or state.upstream != event.upstream or event.first:
            self._groups.join(event.station, event.upstream, 0, context)
        if since:
            context.calm(f"station {event.station}")
            state.told, state.refusals, state.refused_reason = False, 0, ""
            context.clear_flag(
                event.station, f"it has a socket again, after {wording.span(context.now_ns - since)}"
            )
            self._groups.coming_back(state, context)
        else:
            context.clear_flag(event.station, "it has a socket")

    def _lost(self, event: LinkClosed, context: Context[Presence]) -> None:
        state = context.state(f"station {event.station}")
        if state.offline_since_ns:
            return
        self._groups.join(event.station, event.upstream or state.upstream, context.now_ns, context)
        state.by, state.code, state.reason, state.frames = event.by, event.code, event.reason, event.frames
        self._watch(event.station, context)
        self._groups.look_at_all(state, context)

    def _refused(self, event: LinkRefused, context: Context[Presence]) -> None:
        key = f"station {event.station}"
        state = context.peek(key)
        if state is None:
            # Whoever knocks with an invented identity is no station of ours; one that the registry names is.
            if not context.place(event.station).known:
                return
            self._groups.join(event.station, event.upstream, context.now_ns, context)
            self._watch(event.station, context)
            state = context.state(key)
        if state.offline_since_ns:
            state.refusals += 1
            state.http_status, state.refused_frames = event.http_status, event.frames
            state.refused_reason = event.reason

    def _watch(self, station: str, context: Context[Presence]) -> None:
        state = context.state(f"station {station}")
        context.wake(
            f"station {station}", max(context.now_ns, state.offline_since_ns + to_ns(self.settings.after))
        )

    def _tell(self, station: str, state: Presence, context: Context[Presence]) -> None:
        offline_ns = context.now_ns - state.offline_since_ns
        critical_ns = to_ns(self.settings.critical_after)
        if offline_ns < critical_ns:
            context.wake(f"station {station}", state.offline_since_ns + critical_ns)
        evidence = []
        if state.frames or state.by:
            ended = how_closed(state.by, state.code, state.reason)
            text = f"The last connection was {ended} at {wording.moment(state.offline_since_ns)}."
            evidence.append(Evidence(text=text, at_ns=state.offline_since_ns, frames=state.frames))
        if state.refusals:
            last = f"HTTP status {state.http_status}" if state.http_status else "no answer"
            why = f" ({state.refused_reason})" if _by_relay(state) else ""
            text = f"It tries to connect: refused {wording.count(state.refusals, 'time')} since, the last time with {last}{why}."
            evidence.append(Evidence(text=text, at_ns=context.now_ns, frames=state.refused_frames))
        blame = Blame.UNKNOWN
        if state.refusals:
            blame = advise(state.refused_reason)[1] if _by_relay(state) else Blame.CSMS
        elif state.by == "station" and state.code:
            blame = Blame.CHARGER
        below = self._groups.above(state, context)
        context.raise_flag(
            station,
            f"{context.place(station).name or station} has had no socket for {wording.span(offline_ns)}.",
            station=station,
            onset_ns=state.offline_since_ns,
            evidence=tuple(evidence),
            severity=Severity.CRITICAL if offline_ns >= critical_ns else Severity.WARNING,
            blame=blame,
            advice=self._advice(station, state, below, context),
            below=below,
            numbers={"offline_s": offline_ns / SECOND_NS, "stations": 1},
        )

    def _advice(self, station: str, state: Presence, below: str, context: Context[Presence]) -> str:
        if below:
            kind, _, name = below.partition(" ")
            whole = (
                f"CSMS {name}"
                if kind == "upstream"
                else f"site {next((each.site_name for each in [context.place(station)] if each.site_name), name)}"
            )
            return (
                f"It went with the whole {whole}, whose flag says what to do: nothing is to be done at this station while that lasts. If it stays "
                "away when the others are back, check its power and its modem."
            )
        if state.refusals:
            return _refused(state)
        online, others = self._groups.neighbours(state, context)
        if others and not online:
            where = f"None of the {wording.count(others, 'other station')} of its site is online either: power or uplink of the site comes first. "
        elif others:
            where = f"{online} of {wording.count(others, 'other station')} of its site {'is' if online == 1 else 'are'} online: it is this station. "
        else:
            where = ""
        return f"{where}{_how(state)}"


def _by_relay(state: Presence) -> bool:
    """Whether it was not the CSMS's own answer that it heard."""
    return state.refused_reason not in ("", ANSWER)


def _refused(state: Presence) -> str:
    well, http_status = "Its power and its modem are well: it knocks", state.http_status
    if _by_relay(state):
        return f"{well}, and nocwatch's relay has no link for it ({state.refused_reason}). {advise(state.refused_reason)[2]}"
    if http_status in (401, 403):
        return (
            f"{well}, and the CSMS answers HTTP {http_status}. Compare its password (or its certificate) and its identity in the CSMS; nobody needs "
            "to go there."
        )
    if http_status == 404:
        return f"{well}, and the CSMS answers HTTP 404. It does not know this identity, or the path in the station's address is wrong: compare both."
    return f"{well}, and the CSMS turns it away (HTTP {http_status or 'without an answer'}). Ask the team that runs it."


def _how(state: Presence) -> str:
    if state.by == "station" and (state.code is not None or state.reason == "fin"):
        return (
            "It ended the connection itself, so it was not its power: a restart or an update that did not come back. Wait for the time of a boot, "
            "then ask the site to switch it off and on."
        )
    if state.by == "csms":
        return "The CSMS ended its connection and it has not come back: look into the CSMS's log for this identity, then at its modem."
    if state.by == "relay" and state.reason in OURS:
        return (
            "nocwatch's relay ended its connection, by a restart, and it has not come back: give it some minutes, then check that it can reach the "
            "address that it dials, and ask the site to switch it off and on."
        )
    return "It fell silent: check its power and its modem, and ask the site to switch it off and on."
