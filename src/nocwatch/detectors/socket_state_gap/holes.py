"""A hole in the state's timeline: while the station had no socket something changed, and its connector has not told it.

That it changed is known by the replay: a transaction that began or ended in the hole.

What always holds: one flag for a connector (key ``<socket>/hole``); the connector's next status ends it, and one that told its status
since the hole gets none.
"""

from __future__ import annotations

from nocwatch.detectors import wording
from nocwatch.detectors.base import Context
from nocwatch.detectors.socket_state_gap.picture import Picture, SocketStateGapSettings, to_ns
from nocwatch.flags import Blame, Evidence
from nocwatch.moments import HOUR_NS, SECOND_NS
from nocwatch.ocpp.events import StatusReported
from nocwatch.state.changes import LinkOpened, SessionChanged

HOLE_WATCHED_NS = HOUR_NS
"""How long after a reconnect replayed messages may still show that something changed meanwhile."""


class Holes:
    """The holes of all stations; what is remembered of them is the detector's state, kept in the context."""

    def __init__(self, settings: SocketStateGapSettings) -> None:
        self.settings = settings

    def lost(self, station: str, state: Picture, context: Context[Picture]) -> None:
        """The station has no socket from now on."""
        state.lost_at_ns, state.hole, state.changed, state.told = context.now_ns, None, {}, []
        context.calm(f"hole {station}")

    def opened(self, event: LinkOpened, context: Context[Picture]) -> None:
        state = context.peek(f"station {event.station}")
        if state is None or not event.first:
            return
        lost_at_ns, state.lost_at_ns = state.lost_at_ns, 0
        if lost_at_ns and context.now_ns - lost_at_ns > to_ns(max(self.settings.hole_min, state.threshold_s)):
            state.hole = (lost_at_ns, context.now_ns)

    def told(self, event: StatusReported, state: Picture, context: Context[Picture]) -> None:
        """A connector told its status."""
        key = wording.socket_key(event.station, event.evse, event.connector)
        if state.hole is not None and key not in state.told:
            state.told.append(key)
            state.changed.pop(key, None)
        context.clear_flag(f"{key}/hole", "the connector told its status")

    def session(self, event: SessionChanged, context: Context[Picture]) -> None:
        session = event.now
        state = context.peek(f"station {event.station}")
        if state is None or state.hole is None or (session.connector is None and session.evse is None):
            return
        begin_ns, end_ns = state.hole
        if context.now_ns - end_ns > HOLE_WATCHED_NS:
            state.hole, state.changed, state.told = None, {}, []
            return
        key = wording.socket_key(event.station, session.evse, session.connector)
        if key in state.told or key in state.changed or session.transaction is None:
            return
        for what, at_ns in (("began", session.started_at_ns), ("ended", session.stopped_at_ns)):
            if at_ns is not None and begin_ns < at_ns < end_ns:
                text = f"Transaction {session.transaction} {what} at {wording.moment(at_ns)}, while the station had no socket."
                state.changed[key] = Evidence(text=text, at_ns=at_ns, frames=event.frames, session=session.id)
                context.wake(
                    f"hole {event.station}", context.now_ns + to_ns(self.settings.status_after_reconnect)
                )
                return

    def due(self, station: str, context: Context[Picture]) -> None:
        state = context.state(f"station {station}")
        if state.hole is None:
            return
        begin_ns, end_ns = state.hole
        for key, evidence in state.changed.items():
            evse, connector = (None if part == "-" else int(part) for part in key.rsplit("/", 2)[1:])
            context.raise_flag(
                f"{key}/hole",
                f"{context.place(station).name or station}, {wording.socket(evse, connector)}: the state changed in {wording.span(end_ns - begin_ns)} without a "
                "socket, and the station has not told it.",
                station=station,
                evse=evse,
                connector=connector,
                session=evidence.session,
                onset_ns=begin_ns,
                blame=Blame.CHARGER,
                evidence=(
                    Evidence(
                        text=f"No socket from {wording.moment(begin_ns)} to {wording.moment(end_ns)}.",
                        at_ns=begin_ns,
                    ),
                    evidence,
                ),
                numbers={"gap_s": (context.now_ns - begin_ns) / SECOND_NS},
            )
        state.changed = {}
