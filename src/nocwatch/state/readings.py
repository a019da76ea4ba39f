"""From the samples of one moment to the few numbers that a session needs.

Outlet before Inlet before any other place; the overall value, or else the sum of the phases, never both [OCPP 1.6 §7.31:
no phase means overall].
"""

from __future__ import annotations

import msgspec

from nocwatch.ocpp.events import Sample
from nocwatch.ocpp.metering import PLACES

_PHASES = {"L1": "L1", "L2": "L2", "L3": "L3", "L1-N": "L1", "L2-N": "L2", "L3-N": "L3"}


class Readings(msgspec.Struct):
    """Numbers of one moment; None where the samples have none.

    Attributes:
        register_wh: the chosen energy register; ``register_key`` is ``location/phases``, phases empty for overall.
        context: of the register's sample, such as ``Transaction.Begin``.
        interval_wh: energy of the last interval, where the station sends that and no register.
        current_a: overall, or the largest phase.
        voltage_v: overall, or the mean of the phases.
    """

    register_wh: float | None = None
    register_key: str = ""
    context: str = ""
    interval_wh: float | None = None
    power_w: float | None = None
    current_a: float | None = None
    voltage_v: float | None = None
    soc_percent: float | None = None


def choose(samples: tuple[Sample, ...]) -> Readings:
    """The numbers of one moment."""
    found = Readings()
    groups: dict[str, list[Sample]] = {}
    for sample in samples:
        group = groups.get(sample.measurand)
        if group is None:
            groups[sample.measurand] = [sample]
        else:
            group.append(sample)
    for measurand, group in groups.items():
        if measurand == "Energy.Active.Import.Register":
            found.register_wh, found.register_key, found.context = _register(group)
        elif measurand == "Power.Active.Import":
            found.power_w = _total(group)
        elif measurand == "SoC":
            found.soc_percent = group[-1].value
        elif measurand == "Current.Import":
            found.current_a = _overall_or(group, max)
        elif measurand == "Voltage":
            found.voltage_v = _overall_or(group, lambda values: sum(values) / len(values))
        elif measurand == "Energy.Active.Import.Interval":
            found.interval_wh = _total(group)
    return found


def _best_place(group: list[Sample]) -> list[Sample]:
    if len(group) == 1:
        return group
    best = min(PLACES.get(sample.location, len(PLACES)) for sample in group)
    chosen = [sample for sample in group if PLACES.get(sample.location, len(PLACES)) == best]
    return [sample for sample in chosen if sample.location == chosen[0].location]


def _register(group: list[Sample]) -> tuple[float | None, str, str]:
    group = _best_place(group)
    # Of several overall ones of one moment the last counts: begin and end may stand in one element.
    overall = [sample for sample in group if not sample.phase]
    if overall:
        return overall[-1].value, f"{overall[-1].location}/", overall[-1].context
    phases = {_PHASES[sample.phase]: sample for sample in group if sample.phase in _PHASES}
    if not phases:
        return None, "", ""
    names = sorted(phases)
    first = phases[names[0]]
    return sum(phases[name].value for name in names), f"{first.location}/{'+'.join(names)}", first.context


def _total(group: list[Sample]) -> float | None:
    if len(group) == 1 and not group[0].phase:
        return group[0].value
    return _overall_or(_best_place(group), sum)


def _overall_or(group: list[Sample], combine: object) -> float | None:
    phases: dict[str, float] = {}
    for sample in group:
        if not sample.phase:
            return sample.value
        if (name := _PHASES.get(sample.phase)) is not None:
            phases[name] = sample.value
    return combine(list(phases.values())) if phases else None  # type: ignore[operator]
