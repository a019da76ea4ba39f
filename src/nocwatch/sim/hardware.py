"""Makes and models of simulated stations: invented names, realistic layouts. What a station is, not what it does."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Socket:
    """One outlet. ``evse`` and ``connector`` as 2.0.1 numbers them; 1.6 counts sockets from 1 (``number``)."""

    number: int
    evse: int
    connector: int
    kind: str
    current: str
    power_w: float


@dataclass(frozen=True, slots=True)
class Hardware:
    """A model as its maker sells it."""

    vendor: str
    model: str
    firmwares: tuple[str, ...]
    sockets: tuple[Socket, ...]
    versions: tuple[str, ...]
    tx_start_point: str = "PowerPathClosed"


def _row(current: str, kinds: Sequence[str], power_w: float) -> tuple[Socket, ...]:
    return tuple(Socket(n, n, 1, kind, current, power_w) for n, kind in enumerate(kinds, 1))


CATALOGUE: dict[str, Hardware] = {
    "hpc150": Hardware(
        "Voltaris",
        "HPC-150",
        ("3.4.1", "3.4.2", "3.5.0"),
        _row("dc", ("ccs2", "ccs2"), 150_000),
        ("1.6", "2.0.1"),
    ),
    "hpc300": Hardware(
        "Kestrel Energy",
        "KX-300",
        ("2.11.0", "2.12.3"),
        _row("dc", ("ccs2", "ccs2"), 300_000),
        ("2.0.1",),
        "EVConnected",
    ),
    "dc50": Hardware(
        "Brandt & Holm",
        "RapidLine 50",
        ("1.8.17", "1.9.2"),
        _row("dc", ("ccs2", "chademo"), 50_000),
        ("1.6",),
    ),
    "ac22duo": Hardware(
        "Norrfeld",
        "Pulse 22 Duo",
        ("5.2.0", "5.3.1", "6.0.0"),
        _row("ac", ("type2", "type2"), 22_000),
        ("1.6", "2.0.1"),
    ),
    "ac22": Hardware("Aaltora", "City 22", ("R14b", "R15a"), _row("ac", ("type2",), 22_000), ("1.6",)),
    "ac11": Hardware(
        "Lumenwerk",
        "Wallbox 11 Plus",
        ("1.0.44", "1.1.2"),
        _row("ac", ("type2",), 11_000),
        ("1.6", "2.0.1"),
        "EVConnected",
    ),
}
"""Name in scenario files → model."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One station as it is built and wired.

    Attributes:
        path: what follows the base URL, verbatim; ``/<identity>`` percent-encoded where empty.
        subprotocols: offered in the handshake; empty tuple for none.
        index: its number in the fleet, which decides whose cards are used here.
        quirks: names of ``scenario.Quirk``.
    """

    identity: str
    version: str
    hardware: Hardware
    firmware: str
    serial: str
    index: int = 0
    path: str = ""
    subprotocols: tuple[str, ...] | None = None
    password: str | None = None
    quirks: frozenset[str] = field(default_factory=frozenset)
    meter_interval_s: float = 60.0
    connection_timeout_s: float = 60.0

    @property
    def offered(self) -> tuple[str, ...]:
        return (f"ocpp{self.version}",) if self.subprotocols is None else self.subprotocols


def build(
    rng: random.Random, *, hardware: str, version: str | None = None, firmware: str | None = None
) -> tuple[Hardware, str, str, str]:
    """Model, version, firmware and serial number of a station; what is not given is drawn."""
    model = CATALOGUE[hardware]
    drawn_version, drawn_firmware = rng.choice(model.versions), rng.choice(model.firmwares)
    serial = f"{model.vendor[:2].upper()}{rng.randrange(10**9):09d}"
    return model, version or drawn_version, firmware or drawn_firmware, serial
