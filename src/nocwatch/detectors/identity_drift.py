"""A station that is suddenly made of other hardware under the same identity."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from nocwatch.detectors import wording
from nocwatch.detectors.base import Context, Detector, Hears, Settings
from nocwatch.detectors.reading import may_be_swapped
from nocwatch.flags import Blame, Category, Evidence, Severity
from nocwatch.network import Station
from nocwatch.state.changes import StationChanged

_FACTS = {"serial": "serial number", "vendor": "vendor", "model": "model"}


class IdentityDriftSettings(Settings):
    """``identity_drift`` has no settings of its own."""


class Nothing(msgspec.Struct):
    """It remembers nothing: what was before stands in the change."""


class IdentityDrift(Detector[IdentityDriftSettings, Nothing]):
    """Other hardware under this identity.

    Sees a boot name another serial number, vendor or model than the station's boots before. One flag a station, an event: further changes while it
    stands are further evidence.

    A swap that the registry knows of is none: until the end of the day that `swap_until` names, in the station's own time zone. Upper and lower case
    and blanks around a name are no change, and what was never said before is none.
    """

    name = "identity_drift"
    category = Category.FRAUD
    severity = Severity.CRITICAL
    hears: ClassVar[Hears] = (StationChanged,)
    Settings = IdentityDriftSettings
    State = Nothing
    title = "Other hardware under this identity"
    advice = (
        "Ask who worked there. If the hardware was swapped, say so in the registry before the next time (swap_until), and look at its meter's register, "
        "which begins anew. If nobody knows of it, somebody uses this station's identity and password: change the password in the CSMS, and look at "
        "the addresses that it came from."
    )
    numbers: ClassVar[dict[str, str]] = {
        "serial": "as it is now",
        "model": "as it is now",
        "vendor": "as it is now",
    }

    def on(self, event: Any, context: Context[Nothing]) -> None:
        before, now = event.before, event.now
        if before is None:
            return
        drifted = {
            name: title
            for name, title in _FACTS.items()
            if _differs(getattr(before, name), getattr(now, name))
        }
        if not drifted or may_be_swapped(context.place(event.station), context.now_ns):
            return
        told = ", ".join(
            f"{title} {getattr(before, name)} → {getattr(now, name)}" for name, title in drifted.items()
        )
        address = f", from {now.remote_address.rpartition(':')[0]}" if now.remote_address else ""
        context.raise_flag(
            event.station,
            f"{wording.named(context.place(event.station))} is other hardware than before: {told}.",
            station=event.station,
            blame=Blame.UNKNOWN,
            evidence=(
                Evidence(
                    text=f"{wording.moment(event.at_ns)}: it booted as {_described(now)}{address}; before as {_described(before)}.",
                    at_ns=event.at_ns,
                    frames=event.frames,
                ),
            ),
            event=True,
            numbers={"serial": now.serial, "model": now.model, "vendor": now.vendor},
        )


def _differs(before: str, now: str) -> bool:
    return bool(before and now) and before.strip().casefold() != now.strip().casefold()


def _described(station: Station) -> str:
    name = " ".join(each for each in (station.vendor, station.model) if each) or "unnamed"
    return f"{name}, serial number {station.serial}" if station.serial else name
