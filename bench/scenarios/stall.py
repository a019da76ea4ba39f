"""A CSMS that stops reading while all stations go on sending: what that costs in memory until it reads again.

Afterwards all that was sent must be answered; a candidate that is too slow for that is let go.
"""

from __future__ import annotations

import machine

from scenarios.base import Figure, Scenario, Visit

STALLED_S = 2.0
"""Long enough for all buffers on the way to be full."""


def run(visit: Visit) -> dict[str, float]:
    figures: dict[str, float] = {}
    with visit.backend.deaf():
        visit.generator.flood(visit.stations)
        visit.generator.sleep(STALLED_S)
        if visit.running.pids:
            kib = machine.pss_kib(visit.running.pids) - visit.empty_kib
            figures["stalled_kib"] = kib / visit.stations
    if visit.running.slow:
        return figures
    calmed = visit.generator.calm()
    if calmed["sent"] != calmed["answered"]:
        visit.faults.append(f"stall: {calmed['sent']} sent, {calmed['answered']} answered")
    return figures


STALL = Scenario(
    "stall", (Figure("stalled_kib", "KiB while the CSMS does not read"),), run, plain_only=True, may_shed=True
)
