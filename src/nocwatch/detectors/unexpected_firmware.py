"""Firmware that nobody ordered: another version than before, and no order of the CSMS's that would explain it."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from pydantic import Field

from nocwatch.detectors import wording
from nocwatch.detectors.base import Context, Detector, Hears, Settings
from nocwatch.detectors.reading import may_be_swapped
from nocwatch.flags import Blame, Category, Evidence, Severity
from nocwatch.moments import SECOND_NS
from nocwatch.ocpp.events import Command, CommandAnswered
from nocwatch.quantities import Duration
from nocwatch.state.changes import StationChanged

_REFUSED = frozenset({"Rejected", "InvalidCertificate", "RevokedCertificate"})


class UnexpectedFirmwareSettings(Settings):
    """What a rule can set of ``unexpected_firmware``."""

    ordered_within: Duration = Field(
        default=604_800.0, gt=0, description="So long after an order another version is its outcome."
    )


class Order(msgspec.Struct):
    """Of a station: when it last took an order to update, and the frame that shows it."""

    at_ns: int = 0
    frame: str = ""


class UnexpectedFirmware(Detector[UnexpectedFirmwareSettings, Order]):
    """Firmware that nobody ordered.

    Sees a boot name another firmware version than the boots before, where the station has not taken an UpdateFirmware (or SignedUpdateFirmware) of the
    CSMS's within `ordered_within`. One flag a station, an event.

    Quiet for stations that are updated at the site or by their vendor (registry `local_updates`), and while their hardware may be swapped (`swap_until`).
    """

    name = "unexpected_firmware"
    category = Category.FRAUD
    severity = Severity.WARNING
    hears: ClassVar[Hears] = (StationChanged, CommandAnswered)
    Settings = UnexpectedFirmwareSettings
    State = Order
    title = "Firmware that nobody ordered"
    advice = (
        "Ask the vendor and whoever works at the site. If its firmware comes another way than through the CSMS, say so in the registry (local_updates). If "
        "nobody knows of it, take the station out of service until the vendor has looked at it."
    )
    numbers: ClassVar[dict[str, str]] = {"before": "the version before", "now": "the version now"}

    def on(self, event: Any, context: Context[Order]) -> None:
        if isinstance(event, CommandAnswered):
            if event.command is Command.UPDATE_FIRMWARE and event.status not in _REFUSED:
                taken = context.state(event.station)
                taken.at_ns, taken.frame = event.asked_at_ns, event.frame
            return
        before, now = event.before, event.now
        if before is None or not before.firmware or not now.firmware or before.firmware == now.firmware:
            return
        place, order = context.place(event.station), context.peek(event.station)
        ordered_ns = order.at_ns if order is not None else 0
        if place.local_updates or may_be_swapped(place, context.now_ns):
            return
        if ordered_ns and context.now_ns - ordered_ns <= self.settings.ordered_within * SECOND_NS:
            return
        evidence = [
            Evidence(
                text=f"{wording.moment(event.at_ns)}: it booted with {now.firmware}, before with {before.firmware}.",
                at_ns=event.at_ns,
                frames=event.frames,
            )
        ]
        if order is not None:
            text = f"The last order that it took was of {wording.moment(ordered_ns)}."
            evidence.append(Evidence(text=text, at_ns=ordered_ns, frames=(order.frame,)))
        context.raise_flag(
            event.station,
            f"{wording.named(place)} has firmware {now.firmware} in place of {before.firmware}, which the CSMS did not order.",
            station=event.station,
            blame=Blame.UNKNOWN,
            evidence=tuple(evidence),
            event=True,
            numbers={"before": before.firmware, "now": now.firmware},
        )
