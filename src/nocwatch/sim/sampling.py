"""What a station makes of one reading of its meter: its sampled values, still without a version's way of writing. Pure.

Oddities of how values are labelled are here; a register that counts from elsewhere is ``registers``' business, and the meter's.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from nocwatch.sim.physics import INLET_SHARE, Reading

ENERGY = "Energy.Active.Import.Register"
KILO = "kWh"
_SESSION = "Transaction."
"""How the contexts of a transaction's begin and end start."""


@dataclass(frozen=True, slots=True)
class Value:
    """One sampled value; ``digits`` after the point. What is empty is not said."""

    value: float
    measurand: str = ""
    unit: str = ""
    phase: str = ""
    location: str = "Outlet"
    context: str = ""
    digits: int = 1


def values(reading: Reading, context: str, quirks: AbstractSet[str] = frozenset()) -> list[Value]:
    """All measurands of one reading."""
    if "bare_values" in quirks:
        return energies(reading, context, quirks)
    found = [*energies(reading, context, quirks), *_powers(reading, quirks)]
    single = len(reading.current_a) == 1
    for n, (amps, volts) in enumerate(zip(reading.current_a, reading.voltage_v, strict=True), 1):
        found += [
            Value(amps, "Current.Import", "A", phase="" if single else f"L{n}", digits=1 if single else 2),
            Value(volts, "Voltage", "V", phase="" if single else f"L{n}-N"),
        ]
    if reading.soc_percent is not None:
        found.append(Value(reading.soc_percent, "SoC", "Percent", location="EV"))
    return [_labelled(replace(each, context=context), quirks) for each in found]


def energies(reading: Reading, context: str, quirks: AbstractSet[str] = frozenset()) -> list[Value]:
    """The energy registers alone: all that is told at begin and end."""
    if "bare_values" in quirks:
        return [Value(reading.register_wh, location="", digits=0)]
    found = [Value(reading.register_wh, ENERGY, "Wh", digits=0)]
    if "phases_only" in quirks:
        found = [
            Value(register_wh, ENERGY, "Wh", phase=f"L{n}", digits=2)
            for n, register_wh in enumerate(reading.phases_wh, 1)
        ]
    if "inlet_too" in quirks:
        found.insert(0, Value(reading.inlet_wh, ENERGY, "Wh", location="Inlet", digits=0))
    return [_labelled(_in_kwh(replace(each, context=context), quirks), quirks) for each in found]


def _powers(reading: Reading, quirks: AbstractSet[str]) -> list[Value]:
    found = [Value(reading.power_w, "Power.Active.Import", "W")]
    if "phases_only" in quirks:
        currents = reading.current_a
        shares = [amps / sum(currents) if sum(currents) else 0.0 for amps in currents]
        shares = shares if len(shares) == 3 else [1 / 3] * 3
        found = [
            Value(reading.power_w * share, "Power.Active.Import", "W", phase=f"L{n}")
            for n, share in enumerate(shares, 1)
        ]
    if "inlet_too" in quirks:
        found.insert(0, Value(reading.power_w * INLET_SHARE, "Power.Active.Import", "W", location="Inlet"))
    return found


def _in_kwh(energy: Value, quirks: AbstractSet[str]) -> Value:
    if "kwh_labelled_wh" in quirks and not energy.context.startswith(_SESSION):
        return replace(energy, value=energy.value / 1000, digits=energy.digits + 3)
    if "kwh" in quirks:
        return replace(energy, value=energy.value / 1000, unit=KILO, digits=energy.digits + 3)
    return energy


def _labelled(value: Value, quirks: AbstractSet[str]) -> Value:
    return replace(value, unit="") if "no_unit" in quirks else value
