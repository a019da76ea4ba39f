"""Readings in kWh that say Wh: how they are known, and what they are in Wh.

Which register of a session they are of is ``meter.py``'s. What always holds: a reading counts as kWh only where chance does not explain it.
"""

from __future__ import annotations

from nocwatch.state.register import JITTER_WH, SLACK_WH, Gate, Register

IN_KWH = "The registers at start and stop are in kWh: the samples are a thousand times as high."
SAMPLES_IN_KWH = "The samples are in kWh and say Wh: they are a thousandth of the register at the start."

GATE = Gate(400_000.0, 2 * SLACK_WH)
"""Within which samples must follow a start of a thousandth before that is taken for kWh: the power of every charger but the strongest."""
NO_CHANCE = 10
"""How many times the rise that could be a start must be, before its thousandth is no coincidence."""


def is_thousandth(start_wh: float, value: float, span_ns: int) -> bool:
    """Samples in kWh that are labelled Wh, beside a start in Wh: a thousand times the sample is where the start was, or not far below.

    Only where that cannot well be chance, which it is for a register that is young or was not read for long.
    """
    near_wh = GATE.allowance_wh(span_ns)
    return start_wh > NO_CHANCE * near_wh and abs(value * 1000 - start_wh) <= near_wh


def are_ends(start: float, stop: float, first_wh: float, last_wh: float, span_ns: int) -> bool:
    """Start and stop in kWh beside samples in Wh, of which ``first_wh`` and ``last_wh`` are the first and last: seen by the stop.

    In Wh they would say that less has flowed than between the samples alone; a thousandfold they are where the samples begin and end.
    """
    if not (0 <= start <= stop and stop >= 1) or last_wh - first_wh <= stop - start + JITTER_WH:
        return False
    below_wh = 1000 if stop == int(stop) else JITTER_WH
    after_wh = stop * 1000 - last_wh
    return start * 1000 <= first_wh + JITTER_WH and -below_wh < after_wh <= GATE.allowance_wh(span_ns)


def as_read(register: Register, value: float, at_ns: int, *, known: bool) -> tuple[bool, float]:
    """Whether the register's samples are in kWh (``known``: they were already), and this one in Wh.

    The samples of start and stop may be right where the others are not: of two readings the nearer one is meant.
    """
    if register.base_wh is None:
        return known, value
    if not known and _doubtful_was(register, value, at_ns):
        return True, value
    kilo = known or is_thousandth(register.last_wh, value, at_ns - register.last_at_ns)
    value_wh = round(value * 1000, 3)
    nearer = abs(value_wh - register.last_wh) < abs(value - register.last_wh)
    return kilo, value_wh if kilo and nearer else value


def found_by_stop(register: Register, stop_wh: float, at_ns: int, first: float | None) -> bool:
    """The same by the stop, where the register was turned back on the way and nothing fits the start; it is in Wh then.

    ``first``: its first reading, where it was taken to count from 0.
    """
    if _doubtful_was(register, stop_wh, at_ns):
        return True
    if register.base_wh is None or not is_thousandth(stop_wh, register.last_wh, at_ns - register.last_at_ns):
        return False
    base = register.base_wh if first is None else first
    register.base_wh, register.last_wh = base * 1000, register.last_wh * 1000
    register.banked_wh *= 1000
    return True


def _doubtful_was(register: Register, value: float, at_ns: int) -> bool:
    """Whether the reading that waits for a second one was in kWh, as this one shows; it is in Wh then."""
    doubtful = register.doubtful_wh
    if doubtful is None or not is_thousandth(value, doubtful, at_ns - register.doubtful_at_ns):
        return False
    register.doubtful_wh = round(doubtful * 1000, 3)
    return True


def of_kwh(value: float, near_wh: float) -> float:
    """In Wh; of whole kWh the rest is known where a sample is less than one away."""
    value_wh = round(value * 1000, 3)
    return near_wh if value == int(value) and value_wh <= near_wh < value_wh + 1000 else value_wh
