"""A session whose registers are all in kWh and say Wh, start, samples and stop alike: known by the power that flowed beside them.

Where only the samples or only start and stop are so, the registers themselves show it (``kilo.py``). What always holds: nothing is
multiplied but what is a thousandth of the session's own power values over several kWh, and nothing that has come near to them since.
"""

from __future__ import annotations

import msgspec

from nocwatch.moments import HOUR_NS
from nocwatch.ocpp.units import GAP_NS_MAX, PROOF_WH, RIGHT, THOUSANDTH
from nocwatch.state import meter
from nocwatch.state.kilo import GATE
from nocwatch.state.meter import Meter
from nocwatch.state.readings import Readings
from nocwatch.state.register import Gate

KNOWN_PROOF_WH = 100.0
"""The same of a station that has done so since its boot: enough for an ordinary charge to be told from none."""
VOLT_MAX = 1000.0
PHASES_MAX = 3
ALL_IN_KWH = (
    "The registers are in kWh and say Wh: they rose by a thousandth of what flowed by the power values."
)


class Flowed(msgspec.Struct):
    """What has flowed in the session by its power values.

    ``whole``: that is known from the start on, by values that can be. ``thousandth``: the registers have shown a thousandth of it.
    """

    wh: float = 0.0
    power_w: float = 0.0
    at_ns: int = 0
    whole: bool = True
    thousandth: bool = False


def hear(flowed: Flowed, book: Meter, readings: Readings, at_ns: int, gate: Gate, *, known: bool) -> bool:
    """Takes a moment's power in; whether it shows now, and not before, that the registers are in kWh. ``known``: the station's were already."""
    power_w = readings.power_w
    if power_w is None or not flowed.whole or at_ns <= flowed.at_ns:
        return False
    before_w = flowed.power_w if flowed.at_ns else power_w
    span_ns = at_ns - (flowed.at_ns or book.start_at_ns)
    flowed.whole = book.start_wh is not None and 0 <= span_ns <= GAP_NS_MAX and _can_be(power_w, readings)
    flowed.wh += (before_w + power_w) / 2 * span_ns / HOUR_NS
    flowed.power_w, flowed.at_ns = power_w, at_ns
    enough = flowed.wh >= (KNOWN_PROOF_WH if known else PROOF_WH)
    if flowed.thousandth or not flowed.whole or not enough or readings.register_wh is None:
        return False
    said_wh = meter.energy_wh(book, gate) or 0.0
    flowed.thousandth = THOUSANDTH[0] <= said_wh / flowed.wh <= THOUSANDTH[1]
    return flowed.thousandth


def energy_wh(flowed: Flowed, book: Meter, gate: Gate) -> float | None:
    """The energy of the session so far, in Wh whatever its registers say."""
    said_wh = meter.energy_wh(book, gate)
    return None if said_wh is None else said_wh * factor(flowed, said_wh)


def factor(flowed: Flowed, said_wh: float | None) -> int:
    """By what the session's registers are to be multiplied; ``said_wh`` is the energy as they have it."""
    right = said_wh is None or said_wh >= flowed.wh * RIGHT[0]
    return 1000 if flowed.thousandth and not right else 1


def _can_be(power_w: float, readings: Readings) -> bool:
    """Whether a charger gives that much: more is itself in a wrong unit, and so is more than the current beside it carries."""
    most_w = GATE.power_w_max
    if readings.current_a is not None:
        most_w = min(most_w, readings.current_a * VOLT_MAX * PHASES_MAX + 1000.0)
    return 0 <= power_w <= most_w
