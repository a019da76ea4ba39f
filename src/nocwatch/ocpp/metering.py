"""Sampled values, normalised: one measurand, one base unit, a finite number [16 §7.43; 201 part 2 §2.46].

1.6 sends texts in Wh or kWh, 2.x numbers times a power of ten; what is absent has its default. Whether a value is
plausible (minus one, a fall to 0, kWh labelled Wh) is not decided here: that takes history, which ``state`` has.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from nocwatch.ocpp.events import Metered, Sample
from nocwatch.ocpp.fields import Hearing, Payload

ENERGY = "Energy.Active.Import.Register"
OUTLET = "Outlet"
PERIODIC = "Sample.Periodic"
BEGIN, END = "Transaction.Begin", "Transaction.End"

NAME_MAX = 64
"""Names become tags of a database; OCPP's longest (``Power.Reactive.Export`` and its kin) has 31 characters."""
MULTIPLIER_MAX = 24
"""Yotta; more is noise, and ten to it overflows."""
KINDS_REMEMBERED_MAX = 4096
"""Ways in which a sample was labelled; a fleet has some hundred. Dropped as a whole when full."""

_UNITS: dict[str, tuple[str, float]] = {
    "wh": ("Wh", 1), "kwh": ("Wh", 1e3), "mwh": ("Wh", 1e6), "w": ("W", 1), "kw": ("W", 1e3), "mw": ("W", 1e6),
    "varh": ("varh", 1), "kvarh": ("varh", 1e3), "var": ("var", 1), "kvar": ("var", 1e3),
    "va": ("VA", 1), "kva": ("VA", 1e3), "vah": ("VAh", 1), "kvah": ("VAh", 1e3),
    "a": ("A", 1), "ma": ("A", 1e-3), "ka": ("A", 1e3), "v": ("V", 1), "mv": ("V", 1e-3), "kv": ("V", 1e3),
    "hz": ("Hz", 1), "percent": ("Percent", 1), "%": ("Percent", 1), "celsius": ("Celsius", 1), "celcius": ("Celsius", 1),
    "c": ("Celsius", 1), "°c": ("Celsius", 1), "k": ("K", 1), "kelvin": ("K", 1), "fahrenheit": ("Fahrenheit", 1),
    "f": ("Fahrenheit", 1), "°f": ("Fahrenheit", 1), "s": ("s", 1), "rpm": ("RPM", 1), "ah": ("Ah", 1), "wh/km": ("Wh/km", 1),
}  # fmt: skip
_DEFAULT_UNITS = (
    ("Energy.Reactive", "varh"), ("Energy.Apparent", "VAh"), ("Energy", "Wh"), ("Power.Reactive", "var"), ("Power.Apparent", "VA"),
    ("Power.Factor", ""), ("Power", "W"), ("Current", "A"), ("Voltage", "V"), ("Frequency", "Hz"), ("Temperature", "Celsius"),
    ("SoC", "Percent"), ("RPM", "RPM"),
)  # fmt: skip
_NAMES = {
    name.lower(): name
    for name in (
        *(f"Energy.{kind}.{way}.{how}" for kind in ("Active", "Reactive") for way in ("Import", "Export") for how in ("Register", "Interval")),
        "Energy.Active.Net", "Energy.Reactive.Net", "Energy.Apparent.Net", "Energy.Apparent.Import", "Energy.Apparent.Export",
        *(f"Power.{kind}.{way}" for kind in ("Active", "Reactive") for way in ("Import", "Export")),
        "Power.Offered", "Power.Factor", "Current.Import", "Current.Export", "Current.Offered", "Voltage", "Frequency", "Temperature", "SoC", "RPM",
        "Outlet", "Inlet", "Body", "Cable", "EV", "Upstream",
        "Sample.Periodic", "Sample.Clock", "Transaction.Begin", "Transaction.End", "Interruption.Begin", "Interruption.End", "Trigger", "Other",
        "L1", "L2", "L3", "N", "L1-N", "L2-N", "L3-N", "L1-L2", "L2-L3", "L3-L1",
    )
}  # fmt: skip
"""Names that decide something, from how they are written in lower case: some stations have their own way with capitals."""
PLACES = {OUTLET: 0, "Inlet": 1}
"""Where a value is measured: which place is preferred; any other comes after these."""
_TO_CELSIUS = {"K": (1.0, -273.15), "Fahrenheit": (5 / 9, -160 / 9)}

_ODD_NUMBER = re.compile(
    r"\s*([+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d{1,3})?)\s*([A-Za-z%°/]{0,12})\s*"
)


class _Kind(NamedTuple):
    """What a way of labelling comes to: ``value * factor + offset`` in ``unit``."""

    measurand: str
    unit: str
    phase: str
    location: str
    context: str
    factor: float
    offset: float


_kinds: dict[tuple[Any, ...], _Kind] = {}


def metered(
    hearing: Hearing,
    payload: Payload,
    field: str,
    *,
    evse: int | None,
    connector: int | None,
    transaction: int | str | None,
    offline: bool = False,
    sequence_number: int | None = None,
) -> list[Metered]:
    """One event for each element of ``payload[field]`` (meterValue, transactionData) that has a readable sample."""
    events = []
    for element in hearing.objects(payload, field):
        samples = _samples(hearing, element)
        if samples:
            stamp = hearing.timed(element)
            if offline:
                stamp = {**stamp, "offline": True}
            events.append(
                Metered(
                    evse=evse,
                    connector=connector,
                    transaction=transaction,
                    samples=samples,
                    sequence_number=sequence_number,
                    **stamp,
                )
            )
    return events


def register_wh(events: Sequence[Metered], context: str) -> float | None:
    """The overall energy register of a moment: of the samples in ``context``, else of the first or (at the end) last.

    Outlet before Inlet before any other place; overall, else the sum of three phases, never both [16 §7.31].
    """
    moments = [event.samples for event in events]
    if context == END:
        moments.reverse()
    for wanted in (context, ""):
        for samples in moments:
            found = _overall([s for s in samples if s.measurand == ENERGY and wanted in {"", s.context}])
            if found is not None:
                return found
    return None


def _overall(samples: list[Sample]) -> float | None:
    if not samples:
        return None
    place = min(
        (sample.location for sample in samples), key=lambda location: PLACES.get(location, len(PLACES))
    )
    phases: dict[str, float] = {}
    for sample in samples:
        if sample.location != place:
            continue
        if not sample.phase:
            return sample.value
        phases[sample.phase[:2]] = sample.value
    return sum(phases.values()) if phases.keys() >= {"L1", "L2", "L3"} else None


def _samples(hearing: Hearing, element: Payload) -> tuple[Sample, ...]:
    values = element.get("sampledValue")
    if not isinstance(values, list):
        values = hearing.objects(element, "sampledValue", required=True)
    samples = []
    for value in values:
        if not isinstance(value, dict):
            hearing.fault("sampledValue", "holds what is no object")
            continue
        sample = _sample(hearing, value)
        if sample is not None:
            samples.append(sample)
    return tuple(samples)


def _sample(hearing: Hearing, sampled: Payload) -> Sample | None:
    get = sampled.get
    raw = get("value")
    unit = get("unit")
    multiplier = None
    of_measure = get("unitOfMeasure")
    if of_measure is not None:
        of_measure = hearing.object(sampled, "unitOfMeasure")
        unit = of_measure.get("unit", unit)
        multiplier = of_measure.get("multiplier")
    if type(raw) is str:
        if get("format") == "SignedData":
            return None  # proper, and no number: a signed block of the meter's
        number, glued = _read(raw)
        unit = unit or glued
    elif type(raw) is float or type(raw) is int:
        number = _finite(raw)
    else:
        number = None
    if number is None:
        hearing.fault("value", "missing" if raw is None else "no finite number")
        return None
    label = (get("measurand"), unit, get("phase"), get("location"), get("context"), multiplier)
    try:
        kind = _kinds.get(label)
    except TypeError:
        kind = None  # a list or an object where a name belongs
    if kind is None:
        kind = _kind(hearing, label)
    if kind.factor != 1.0 or kind.offset:
        number = _finite(round(number * kind.factor + kind.offset, 6))
        if number is None:
            hearing.fault("value", "no finite number")
            return None
    return Sample(kind.measurand, number, kind.unit, kind.phase, kind.location, kind.context)


def _finite(number: float) -> float | None:
    try:
        number = float(number)
    except OverflowError:
        return None
    return number if number - number == 0 else None


def _read(text: str) -> tuple[float | None, str]:
    """A number as stations write it, and a unit that is glued to it. Neither NaN nor infinity is a reading."""
    try:
        if "_" not in text:
            return _finite(float(text)), ""
    except ValueError:
        pass
    match = _ODD_NUMBER.fullmatch(text) if len(text) <= NAME_MAX else None
    if match is None:
        return None, ""
    return _finite(float(match[1].replace(",", "."))), match[2]


def _kind(hearing: Hearing, label: tuple[Any, ...]) -> _Kind:
    names = ("measurand", "unit", "phase", "location", "context")
    measurand, unit, phase, location, context = (
        _name(hearing, name, value) for name, value in zip(names, label[:5], strict=True)
    )
    measurand = measurand or ENERGY
    if not unit:
        unit = next((default for prefix, default in _DEFAULT_UNITS if measurand.startswith(prefix)), "")
    base, factor = _UNITS.get(unit.lower(), (unit, 1))
    factor *= _power_of_ten(hearing, label[5])
    scale, offset = _TO_CELSIUS.get(base, (1.0, 0.0))
    if offset:
        base = "Celsius"
    kind = _Kind(measurand, base, phase, location or OUTLET, context or PERIODIC, factor * scale, offset)
    if _is_proper(label):
        if len(_kinds) >= KINDS_REMEMBERED_MAX:
            _kinds.clear()
        _kinds[label] = kind
    return kind


def _is_proper(label: tuple[Any, ...]) -> bool:
    """Whether what was made of it may be remembered: no fault was in it, and it can be a key.

    The count of faults does not tell: it has a limit, and stands still once that is reached.
    """
    multiplier = label[5]
    return all(part is None or isinstance(part, str) for part in label[:5]) and (
        multiplier is None or (type(multiplier) in {int, float} and abs(multiplier) <= MULTIPLIER_MAX)
    )


def _name(hearing: Hearing, field: str, value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        hearing.fault(field, "no text")
        return ""
    name = value.strip()[:NAME_MAX]
    return name if field == "unit" else _NAMES.get(name.lower(), name)


def _power_of_ten(hearing: Hearing, multiplier: object) -> float:
    if multiplier is None:
        return 1.0
    if (
        isinstance(multiplier, bool)
        or not isinstance(multiplier, int | float)
        or abs(multiplier) > MULTIPLIER_MAX
    ):
        hearing.fault("multiplier", "no small integer")
        return 1.0
    return float(10.0**multiplier)
