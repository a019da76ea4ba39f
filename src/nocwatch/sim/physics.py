"""Energy: batteries, charge curves and the meter of a connector. No sockets, no OCPP, no clock of its own.

Power is limited by charger, vehicle and state of charge: DC ramps up within some seconds, holds, falls from half full and
creeps above 80 %; AC holds to 96 % and then fades.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

STEP_S_MAX = 10.0
"""The curve bends slowly: longer steps would overshoot the taper at high speed."""
RAMP_S = 15.0
"""From contactor closed to full current."""
INLET_SHARE = 1.05
"""What the grid gives for what the vehicle gets."""


@dataclass(slots=True)
class Vehicle:
    """A car with its battery. ``soc`` from 0 to 1; ``power_w_max`` what it takes on this connector."""

    capacity_wh: float
    soc: float
    power_w_max: float
    nominal_v: float = 400.0
    phases: int = 3

    @property
    def full(self) -> bool:
        return self.soc >= 0.999


@dataclass(frozen=True, slots=True)
class Reading:
    """What the meter shows. Per-phase values for AC; ``soc_percent`` only where the car tells it (DC).

    Attributes:
        phases_wh: the register's parts, one for each phase of the grid; ``inlet_wh``: another meter's, before the charger's losses.
    """

    register_wh: float
    power_w: float
    voltage_v: tuple[float, ...]
    current_a: tuple[float, ...]
    soc_percent: float | None
    phases_wh: tuple[float, float, float] = (0.0, 0.0, 0.0)
    inlet_wh: float = 0.0


def dc_share(soc: float) -> float:
    """Share of the peak power that a battery takes at this state of charge."""
    if soc < 0.05:
        return 0.6 + 8.0 * soc
    if soc < 0.5:
        return 1.0
    if soc < 0.8:
        return 1.0 - 2.1 * (soc - 0.5)
    return max(0.03, 0.37 - 1.7 * (soc - 0.8))


def ac_share(soc: float) -> float:
    """Alike for the on-board charger."""
    return 1.0 if soc < 0.96 else max(0.1, 1.0 - 22.0 * (soc - 0.96))


def draw_vehicle(rng: random.Random, current: str, connector_w: float) -> Vehicle:
    """A car from today's mix, as it arrives."""
    capacity_wh = rng.choice((38_000, 52_000, 58_000, 64_000, 77_000, 77_000, 82_000, 93_000, 107_000))
    if current == "dc":
        peak_w = rng.choice((50_000, 100_000, 125_000, 135_000, 170_000, 240_000))
        return Vehicle(
            capacity_wh, rng.uniform(0.08, 0.55), min(peak_w, connector_w), rng.choice((400.0, 400.0, 800.0))
        )
    phases = rng.choice((1, 3, 3, 3))
    peak_w = 7_360 if phases == 1 else rng.choice((11_000, 11_000, 22_000))
    return Vehicle(capacity_wh, rng.uniform(0.15, 0.75), min(peak_w, connector_w), phases=phases)


class Meter:
    """The energy meter of one connector: a lifetime register, and the distortions that field meters show.

    Attributes:
        register_wh: what really flowed through it since it was built; ``phases_wh`` by the phases that it came from.
        offset_wh: added to what it shows (a rolled-back register has a negative one).
        dip: show 0 in the next reading, then be right again.

    Its display begins anew at ``top_wh``; where ``signed`` it is negative from half of that on.
    """

    def __init__(
        self,
        rng: random.Random,
        *,
        current: str,
        register_wh: float | None = None,
        top_wh: float | None = None,
        signed: bool = False,
    ) -> None:
        self._rng = rng
        self._current = current
        self.register_wh = register_wh if register_wh is not None else rng.uniform(400_000, 30_000_000)
        self.phases_wh = [self.register_wh / 3] * 3
        self.offset_wh = 0.0
        self.dip = False
        self._top_wh, self._signed = top_wh, signed
        self._zero_wh, self._zeros_wh = 0.0, [0.0] * 3
        self.power_w = 0.0
        self._flowing_s = 0.0
        self._at_s = 0.0
        self._vehicle: Vehicle | None = None
        self._limit_w = 0.0
        self._flowing = False

    def connect(self, vehicle: Vehicle | None, limit_w: float) -> None:
        """A car is plugged in, or unplugged."""
        self._vehicle, self._limit_w = vehicle, limit_w
        self._flowing_s, self.power_w = 0.0, 0.0

    def switch(self, now_s: float, *, on: bool) -> None:
        """Closes or opens the contactor at ``now_s`` (unscaled seconds)."""
        self.advance(now_s)
        self._flowing = on
        self._flowing_s = 0.0
        if not on:
            self.power_w = 0.0

    def limit(self, now_s: float, limit_w: float) -> None:
        """A charging profile's limit."""
        self.advance(now_s)
        self._limit_w = limit_w

    @property
    def limit_w(self) -> float:
        return self._limit_w

    def advance(self, now_s: float) -> None:
        """Lets energy flow until ``now_s``."""
        left_s, self._at_s = max(0.0, now_s - self._at_s), now_s
        vehicle = self._vehicle
        if not self._flowing or vehicle is None:
            return
        while left_s > 0:
            step_s = min(left_s, STEP_S_MAX)
            left_s -= step_s
            self._flowing_s += step_s
            share = dc_share(vehicle.soc) if self._current == "dc" else ac_share(vehicle.soc)
            ramp = min(1.0, self._flowing_s / RAMP_S)
            self.power_w = 0.0 if vehicle.full else min(vehicle.power_w_max, self._limit_w) * share * ramp
            energy_wh = self.power_w * step_s / 3600
            self.register_wh += energy_wh
            phases = 3 if self._current == "dc" else vehicle.phases
            for n in range(phases):
                self.phases_wh[n] += energy_wh / phases
            vehicle.soc = min(1.0, vehicle.soc + 0.93 * energy_wh / vehicle.capacity_wh)

    def shown_wh(self) -> float:
        """The register as the display has it, in whole Wh."""
        shown_wh = self.register_wh - self._zero_wh + self.offset_wh
        if self._top_wh is None:
            return float(round(shown_wh))
        shown_wh = float(round(shown_wh % self._top_wh))
        return shown_wh - self._top_wh if self._signed and shown_wh >= self._top_wh / 2 else shown_wh

    def roll_back(self, drop_wh: float) -> bool:
        """What it shows falls by so much; not to less than half, which would be a register that began anew. Whether it fell."""
        if not self._signed and self.shown_wh() < 2 * drop_wh:
            return False
        self.offset_wh -= drop_wh
        return True

    def begin_anew(self) -> None:
        """What it shows counts from here."""
        self._zero_wh, self._zeros_wh, self.offset_wh = float(round(self.register_wh)), [*self.phases_wh], 0.0

    def reading(self, now_s: float) -> Reading:
        """All measurands at ``now_s``."""
        self.advance(now_s)
        vehicle = self._vehicle
        power_w = self.power_w * self._rng.uniform(0.985, 1.0) if self.power_w else 0.0
        if self._current == "dc":
            soc = vehicle.soc if vehicle else 0.0
            volts = (vehicle.nominal_v if vehicle else 400.0) * (0.86 + 0.18 * soc)
            shown = Reading(
                self.shown_wh(),
                power_w,
                (volts,),
                (power_w / volts,),
                round(100 * soc, 1) if vehicle else None,
            )
        else:
            phases = vehicle.phases if vehicle else 3
            voltages = tuple(self._rng.gauss(231.0, 1.5) for _ in range(3))
            currents = tuple(
                power_w / phases / volts if n < phases else 0.0 for n, volts in enumerate(voltages)
            )
            shown = Reading(self.shown_wh(), power_w, voltages, currents, None)
        if self.dip:
            self.dip = False
            return replace(shown, register_wh=0.0)
        pairs = zip(self.phases_wh, self._zeros_wh, strict=True)
        one, two, three = (each - zero + self.offset_wh / 3 for each, zero in pairs)
        inlet_wh = float(round(INLET_SHARE * (self.register_wh - self._zero_wh + self.offset_wh)))
        return replace(shown, phases_wh=(one, two, three), inlet_wh=inlet_wh)
