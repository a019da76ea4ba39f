"""Stations that come in, a hundred at a time: how fast, and what each costs the candidate in CPU time.

The CPU time is the figure to compare: on a machine that others use it moves less than the wall time.
"""

from __future__ import annotations

import machine

from scenarios.base import Figure, Scenario, Visit

CONCURRENT = 100
LEAST = 1000
"""At least so many: fewer say little."""
LEAST_QUICK = 100
SETTLE_S = 0.2
"""For what a candidate puts off, such as its journal; it counts."""


def run(visit: Visit) -> dict[str, float]:
    least = LEAST_QUICK if visit.options.quick else LEAST
    made, seconds, cpu_s = 0, 0.0, 0.0
    while made < least:
        visit.generator.closeall()
        visit.generator.sleep(SETTLE_S)
        before_s = machine.cpu_s(visit.running.pids)
        connected = visit.generator.connect(visit.stations, CONCURRENT)
        visit.generator.sleep(SETTLE_S)
        cpu_s += machine.cpu_s(visit.running.pids) - before_s
        made += connected["ok"]
        seconds += connected["secs"]
        if connected["fail"]:
            visit.faults.append(f"handshakes: {connected['fail']} of {visit.stations} failed")
            return {}
    figures = {"connects_s": made / seconds}
    if visit.running.pids:
        figures["us_handshake"] = cpu_s / made * 1e6
    if visit.running.tls:
        _check_tls(visit)
    return figures


def _check_tls(visit: Visit) -> None:
    """A session resumed, or another cipher, would make a handshake cheaper than the others'."""
    agreed = visit.generator.agreed()
    if agreed["version"] != "TLSv1.3" or agreed["resumed"]:
        visit.faults.append(f"TLS: {agreed}")


HANDSHAKES = Scenario(
    "handshakes",
    (
        Figure("connects_s", "handshakes/s", digits=0),
        Figure("us_handshake", "CPU-µs a handshake", digits=0),
    ),
    run,
)
