"""Registers in kWh that say Wh [openevse#703], and the reverse: found by holding their rise against the power that flowed.

No sample is put right by it: it is said, once, and only when it is certain: after several kWh by the station's own power values, and
where no other unit explains it. A session whose own power shows the same is told in Wh (``state/by_power.py``).
"""

from __future__ import annotations

import msgspec

from nocwatch.moments import HOUR_NS, SECOND_NS
from nocwatch.ocpp.events import Metered
from nocwatch.ocpp.metering import ENERGY, OUTLET

PLACES_MAX = 32
"""EVSEs or connectors of a station that are followed; hubs have some dozens, and one tells for all."""
PROOF_WH = 5000.0
"""By the power values, before anything is said: a register of whole kWh then shows five steps."""
GAP_NS_MAX = 1800 * SECOND_NS
"""Between two samples; over more the power in between is unknown, and the count begins anew."""
POWER_W_MAX = 1_000_000.0
"""More than any charger has: a power that says more is itself in the wrong unit."""
RIGHT = (0.5, 2.0)
"""Of register to power: a rough meter is no wrong unit. Once right, a place is not looked at again until the next boot."""
THOUSANDTH = (0.0006, 0.0016)
THOUSANDFOLD = (600.0, 1600.0)

POWER = "Power.Active.Import"


class Run(msgspec.Struct):
    """What has flowed at a place since its first sample, by its power values."""

    first_wh: float
    last_wh: float
    last_w: float
    at_ns: int
    by_power_wh: float = 0.0


class Units(msgspec.Struct):
    """One station's: places that are being looked at, and those of which all is known."""

    runs: dict[int, Run] = {}
    settled: set[int] = set()

    def hear(self, event: Metered) -> str:
        """What is certain now, empty where nothing is."""
        place = (event.evse if event.evse is not None else event.connector) or 0
        if place in self.settled or len(event.samples) < 2:
            return ""
        register, power = _register(event), _power(event)
        if register is None or power is None or power > POWER_W_MAX:
            return ""
        run = self.runs.get(place)
        at_ns = event.when_ns
        if run is None or at_ns < run.at_ns or at_ns - run.at_ns > GAP_NS_MAX or register < run.last_wh:
            if run is not None or len(self.runs) < PLACES_MAX:
                self.runs[place] = Run(register, register, power, at_ns)
            return ""
        run.by_power_wh += (run.last_w + power) / 2 * (at_ns - run.at_ns) / HOUR_NS
        run.last_wh, run.last_w, run.at_ns = register, power, at_ns
        return self._verdict(place, run) if run.by_power_wh >= PROOF_WH else ""

    def _verdict(self, place: int, run: Run) -> str:
        ratio = (run.last_wh - run.first_wh) / run.by_power_wh
        labelled = ""
        if THOUSANDTH[0] <= ratio <= THOUSANDTH[1]:
            labelled = "kWh labelled Wh"
        elif THOUSANDFOLD[0] <= ratio <= THOUSANDFOLD[1]:
            labelled = "Wh labelled kWh"
        elif not RIGHT[0] <= ratio <= RIGHT[1]:
            return ""  # another meter, a register that stands still: not a matter of units
        del self.runs[place]
        self.settled.add(place)
        if not labelled:
            return ""
        rise_wh = run.last_wh - run.first_wh
        return f"the register of {place} rose by {rise_wh:.0f} Wh while {run.by_power_wh:.0f} Wh flowed by its power: {labelled}"


def _register(event: Metered) -> float | None:
    for sample in event.samples:
        if sample.measurand == ENERGY and not sample.phase and sample.location == OUTLET:
            return sample.value
    return None


def _power(event: Metered) -> float | None:
    total: float | None = None
    for sample in event.samples:
        if sample.measurand == POWER and sample.location == OUTLET:
            if not sample.phase:
                return sample.value
            total = (total or 0.0) + sample.value
    return total
