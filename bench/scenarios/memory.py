"""What a connection costs in memory: silent, and after the load that the other scenarios put on it."""

from __future__ import annotations

import machine

from scenarios.base import Figure, Scenario, Visit

SETTLE_S = 0.5


def run(visit: Visit) -> dict[str, float]:
    # The first connection loads what the others share: it is none of their cost.
    visit.generator.connect(1)
    visit.generator.closeall()
    visit.generator.sleep(SETTLE_S)
    visit.empty_kib = machine.pss_kib(visit.running.pids)
    connected = visit.generator.connect(visit.stations)
    if connected["fail"]:
        visit.faults.append(f"connect: {connected['fail']} of {visit.stations} failed")
    visit.generator.sleep(SETTLE_S)
    return {"kib_connection": _kib_connection(visit)} if visit.running.pids else {}


def run_after(visit: Visit) -> dict[str, float]:
    visit.generator.sleep(SETTLE_S)
    return {"kib_after": _kib_connection(visit)} if visit.running.pids else {}


def _kib_connection(visit: Visit) -> float:
    return (machine.pss_kib(visit.running.pids) - visit.empty_kib) / visit.stations


MEMORY = Scenario("memory", (Figure("kib_connection", "KiB a connection"),), run)
MEMORY_AFTER = Scenario("memory after load", (Figure("kib_after", "KiB after load"),), run_after)
