"""Firmware from, or logs to, a host that the operator has not named."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import urlsplit

import msgspec

from nocwatch.detectors import wording
from nocwatch.detectors.base import Context, Detector, Hears, Settings
from nocwatch.flags import Blame, Category, Evidence, Severity
from nocwatch.ocpp.events import Command, CommandAnswered, Commanded

_WHAT = {
    Command.UPDATE_FIRMWARE: "to take firmware from",
    Command.SEND_LOG: "to send its logs to",
}
HOST_MAX = 253
"""Characters of a DNS name; more is none."""


class ForeignUpdateHostSettings(Settings):
    """``foreign_update_host`` has no settings of its own."""


class Nothing(msgspec.Struct):
    """It remembers nothing."""


class ForeignUpdateHost(Detector[ForeignUpdateHostSettings, Nothing]):
    """A host that the operator has not named.

    Sees the CSMS send a station for its firmware to (UpdateFirmware, SignedUpdateFirmware), or have it send its logs to (GetDiagnostics, GetLog), a host
    that is not among the registry's `update_hosts`. One flag for each station and host, an event; the station's answer is more evidence.

    Quiet where the registry names no hosts. Of an address only the host is told: the rest may hold a password.
    """

    name = "foreign_update_host"
    category = Category.FRAUD
    severity = Severity.CRITICAL
    hears: ClassVar[Hears] = (Commanded, CommandAnswered)
    Settings = ForeignUpdateHostSettings
    State = Nothing
    title = "A host that the operator has not named"
    advice = (
        "Ask the CSMS team who ordered this. If the host is right, add it to update_hosts in the registry. If nobody ordered it, somebody has access to "
        "the CSMS: take the station out of service before it boots with what it fetched, and change the passwords there."
    )
    quiet_in_maintenance = False
    numbers: ClassVar[dict[str, str]] = {"host": "that is not on the list"}

    def on(self, event: Any, context: Context[Nothing]) -> None:
        what = _WHAT.get(event.command)
        if what is None or not event.text or context.places.host_allowed(event.text) is not False:
            return
        host = host_of(event.text)
        answered = (
            f"the station answered {event.status}" if isinstance(event, CommandAnswered) else "the CSMS asked"
        )
        context.raise_flag(
            f"{event.station} {host}",
            f"{wording.named(context.place(event.station))} was told {what} {host}, which is none of the operator's hosts.",
            station=event.station,
            subject=host,
            blame=Blame.CSMS,
            evidence=(
                Evidence(
                    text=f"{wording.moment(event.at_ns)}: {answered}, {what} {host}.",
                    at_ns=event.at_ns,
                    frames=(event.frame,) if event.frame else (),
                ),
            ),
            event=True,
            numbers={"host": host},
        )


def host_of(address: str) -> str:
    """The host of an address, and nothing that may be secret; ``no host`` where there is none."""
    try:
        host = urlsplit(address if "//" in address else f"//{address}").hostname
    except ValueError:
        host = None
    return host[:HOST_MAX] if host else "no host"
