"""No status after a boot: the station was accepted and does not say how its connectors are.

What always holds: one flag for a station (key ``<station>/boot``), of the latest accepted boot; any status ends it. A boot that the CSMS
asked for by TriggerMessage is only a message, and owes none.
"""

from __future__ import annotations

from nocwatch.detectors import wording
from nocwatch.detectors.base import Context
from nocwatch.detectors.socket_state_gap.picture import Picture, SocketStateGapSettings, to_ns
from nocwatch.flags import Blame, Evidence
from nocwatch.moments import SECOND_NS
from nocwatch.ocpp.events import BootAnswered, Command, Commanded

TRIGGERED_WITHIN_NS = 60 * SECOND_NS
"""A boot this soon after the CSMS asked for one was told and not made: no status is due."""


class Boots:
    """The boots of all stations; what is remembered of them is the detector's state, kept in the context."""

    def __init__(self, settings: SocketStateGapSettings) -> None:
        self.settings = settings

    def answered(self, event: BootAnswered, context: Context[Picture]) -> None:
        if event.status != "Accepted":
            context.calm(f"boot {event.station}")
            return
        state = context.state(f"station {event.station}")
        if state.triggered_at_ns and context.now_ns - state.triggered_at_ns <= TRIGGERED_WITHIN_NS:
            return
        state.boot_at_ns, state.boot_frame = context.now_ns, event.frame
        context.wake(f"boot {event.station}", context.now_ns + to_ns(self.settings.status_after_boot))

    def commanded(self, event: Commanded, context: Context[Picture]) -> None:
        if event.command is Command.TRIGGER and "BootNotification" in event.text:
            context.state(f"station {event.station}").triggered_at_ns = context.now_ns

    def told(self, station: str, state: Picture, context: Context[Picture]) -> None:
        """A status came."""
        if state.boot_at_ns:
            state.boot_at_ns = 0
            context.calm(f"boot {station}")
            context.clear_flag(f"{station}/boot", "a status came")

    def due(self, station: str, context: Context[Picture]) -> None:
        state = context.state(f"station {station}")
        gap_ns = context.now_ns - state.boot_at_ns
        context.raise_flag(
            f"{station}/boot",
            f"{context.place(station).name or station} has told no status since its boot was accepted {wording.span(gap_ns)} ago.",
            station=station,
            onset_ns=state.boot_at_ns,
            blame=Blame.CHARGER,
            evidence=(
                Evidence(
                    text=f"Boot accepted at {wording.moment(state.boot_at_ns)}.",
                    at_ns=state.boot_at_ns,
                    frames=(state.boot_frame,),
                ),
            ),
            numbers={"gap_s": gap_ns / SECOND_NS},
        )
