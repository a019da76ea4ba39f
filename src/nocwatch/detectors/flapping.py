"""A station whose socket comes and goes, so often that its network or its power is in doubt, and not for an upstream's sake."""

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
from nocwatch.state.changes import LinkClosed, LinkOpened
from nocwatch.state.evidence import ended_by, how_closed

RECONNECTS_MAX = 200
"""Reconnects remembered for one station: far above any threshold. The oldest are forgotten."""
PROBE_NS = 2 * SECOND_NS
"""A second handshake this soon after the first is the same reconnect: some stations try one OCPP version, then the other."""


class FlappingSettings(Settings):
    """What a rule can set of ``flapping``."""

    reconnects_min: int = Field(default=5, ge=2, description="So many reconnects, or more, within `within`.")
    within: Duration = Field(default=3600.0, gt=0, description="The window.")
    restart_within: Duration = Field(
        default=60.0,
        description="Where most stations of an upstream lose or open a socket within this, the upstream restarted.",
    )


class Reconnect(msgspec.Struct):
    """One reconnect: when, the frames that show it, and how, when and by whose doing the socket before it had ended."""

    at_ns: int
    frames: tuple[str, ...] = ()
    ended: str = ""
    blame: str = ""
    ended_at_ns: int = 0


class Links(msgspec.Struct):
    """Of a station (key: its id), or of an upstream (key: ``upstream <name>``).

    Attributes:
        ended, blame: how the station's last socket ended, and whose doing that was (a ``Blame``'s value); ``ended_at_ns``, ``ended_frames``.
        members: of an upstream: the stations it has been seen to serve. ``unrest``: station → its last open or close, oldest first.
        restarting: the upstream's restart has been seen and goes on.
    """

    seen: bool = False
    opened_at_ns: int = 0
    ended: str = ""
    blame: str = ""
    ended_at_ns: int = 0
    ended_frames: tuple[str, ...] = ()
    reconnects: list[Reconnect] = []
    members: dict[str, bool] = {}
    unrest: dict[str, int] = {}
    restarting: bool = False


class Flapping(Detector[FlappingSettings, Links]):
    """Flapping connection.

    Sees a station open a socket anew `reconnects_min` times or more `within` an hour. Clears when the last hour had fewer.

    Reconnects of most stations of one upstream within `restart_within` are the upstream's restart and do not count, not even
    those that came before the restart was plain. A first socket is no reconnect; nor is a second handshake within 2 s.
    """

    name = "flapping"
    stage = Stage.FLEET
    category = Category.CONNECTIVITY
    severity = Severity.WARNING
    hears: ClassVar[Hears] = (LinkOpened, LinkClosed)
    Settings = FlappingSettings
    State = Links
    title = "Flapping connection"
    advice = (
        "The flag says who closes the socket. The station (with or without a close frame): its firmware or its watchdog. Nobody (reset, time-out): its "
        "modem's signal or the provider's idle time-out, for which a shorter WebSocketPingInterval helps. The CSMS: read its log for this identity."
    )
    numbers: ClassVar[dict[str, str]] = {"reconnects": "reconnects within the window"}

    def on(self, event: Any, context: Context[Links]) -> None:
        links = context.state(event.station)
        restart = self._unrest(event.station, event.upstream, context) if links.seen else False
        if isinstance(event, LinkClosed):
            links.blame = ended_by(event.by, event.code, event.reason).value
            links.ended = how_closed(event.by, event.code, event.reason)
            links.ended_at_ns, links.ended_frames = event.at_ns, event.frames
            return
        probe = context.now_ns - links.opened_at_ns < PROBE_NS
        first, links.seen, links.opened_at_ns = not links.seen, True, context.now_ns
        if first and event.upstream:
            context.state(f"upstream {event.upstream}").members[event.station] = True
        if first or probe or restart:
            return
        links.reconnects = [
            *links.reconnects[-(RECONNECTS_MAX - 1) :],
            Reconnect(
                context.now_ns,
                (*links.ended_frames, *event.frames),
                links.ended,
                links.blame,
                links.ended_at_ns,
            ),
        ]
        links.ended, links.blame, links.ended_at_ns, links.ended_frames = "", "", 0, ()
        self._judge(event.station, links, context)

    def begin(self, station: Station, context: Context[Links]) -> None:
        context.state(station.id).seen = True
        if station.upstream:
            context.state(f"upstream {station.upstream}").members[station.id] = True

    def due(self, key: str, context: Context[Links]) -> None:
        self._judge(key, context.state(key), context)

    def _judge(self, station: str, links: Links, context: Context[Links]) -> None:
        links.reconnects = [
            each for each in links.reconnects if each.at_ns > context.now_ns - self._within_ns
        ]
        number = len(links.reconnects)
        if number < self.settings.reconnects_min:
            context.clear_flag(
                station, f"{wording.count(number, 'reconnect')} in the last {wording.span(self._within_ns)}"
            )
        elif not context.raised(station):
            self._tell(station, links, context)
        if links.reconnects and context.raised(station):
            context.wake(station, links.reconnects[0].at_ns + self._within_ns)

    def _tell(self, station: str, links: Links, context: Context[Links]) -> None:
        reconnects = links.reconnects
        spread = wording.span(context.now_ns - reconnects[0].at_ns)
        blamed = {each.blame for each in reconnects}
        blame = Blame(blamed.pop()) if len(blamed) == 1 and "" not in blamed else Blame.NETWORK
        context.raise_flag(
            station,
            f"{context.place(station).name or station} connected again {len(reconnects)} times in {spread}.",
            station=station,
            onset_ns=reconnects[0].at_ns,
            blame=blame,
            advice=_advice(blame, reconnects),
            evidence=tuple(
                Evidence(
                    text=f"The connection was {each.ended} at {wording.moment(each.ended_at_ns)}, and made anew at {wording.moment(each.at_ns)}."
                    if each.ended
                    else f"A new connection was made at {wording.moment(each.at_ns)}, while the one before was still open.",
                    at_ns=each.at_ns,
                    frames=each.frames,
                )
                for each in reconnects
            ),
            numbers={"reconnects": len(reconnects)},
        )

    def _unrest(self, station: str, upstream: str, context: Context[Links]) -> bool:
        """Whether the upstream is restarting: most of its stations lost or opened a socket within a minute."""
        if not upstream:
            return False
        group = context.state(f"upstream {upstream}")
        group.members[station] = True
        group.unrest.pop(station, None)
        group.unrest[station] = context.now_ns
        begin_ns = context.now_ns - round(self.settings.restart_within * SECOND_NS)
        for old in list(_older(group.unrest, begin_ns)):
            del group.unrest[old]
        restarting = len(group.unrest) > 1 and 2 * len(group.unrest) > len(group.members)
        if restarting and not group.restarting:
            self._forgive(group, begin_ns, upstream, context)
        group.restarting = restarting
        return restarting

    def _forgive(self, group: Links, begin_ns: int, upstream: str, context: Context[Links]) -> None:
        for station in group.unrest:
            links = context.peek(station)
            if links is None or not links.reconnects or links.reconnects[-1].at_ns < begin_ns:
                continue
            links.reconnects = [each for each in links.reconnects if each.at_ns < begin_ns]
            if len(links.reconnects) < self.settings.reconnects_min:
                context.clear_flag(station, f"the last reconnect was the restart of upstream {upstream}")

    @property
    def _within_ns(self) -> int:
        return round(self.settings.within * SECOND_NS)


def _advice(blame: Blame, reconnects: list[Reconnect]) -> str:
    number = len(reconnects)
    if blame is Blame.CHARGER:
        ways = sorted({each.ended for each in reconnects})
        return (
            f"All {number} connections were closed by the station's own side ({'; '.join(ways)}), not cut by the network: its firmware or its watchdog. "
            "See whether it boots each time; then ask its vendor, with these frames. Nobody needs to see to the modem."
        )
    if blame is Blame.CSMS:
        return (
            f"All {number} connections were closed by the CSMS: have its team read its log for this identity at these moments. The station and "
            "its modem need nothing."
        )
    own = sum(each.blame == Blame.CHARGER for each in reconnects)
    csms = sum(each.blame == Blame.CSMS for each in reconnects)
    cut = number - own - csms
    mixed = f" (the station's own side closed {own}, the CSMS {csms})" if own or csms else ""
    return (
        f"{cut} of {number} connections were cut without either side's doing{mixed}: its modem's signal, or the provider's idle time-out, for which "
        "a shorter WebSocketPingInterval helps. Ask the provider about this SIM, and the site whether others on the same uplink drop too."
    )


def _older(unrest: dict[str, int], begin_ns: int) -> list[str]:
    old = []
    for station, at_ns in unrest.items():
        if at_ns >= begin_ns:
            break
        old.append(station)
    return old
