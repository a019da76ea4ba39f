"""Closed loop: each station waits for its answer and asks again. Round trips a second, and the CPU time of each message."""

from __future__ import annotations

import machine

from scenarios.base import CpuRate, Figure, Scenario, Visit

MESSAGES = 2
"""Of a round trip: the CALL and its answer."""
NO_TIME = 0.01
"""CPU seconds a second that nothing under full load can do with less of."""
PART = 0.9
"""Of the measured time, the share between the two readings of CPU time."""


def run(visit: Visit) -> dict[str, float]:
    options, cpu = visit.options, CpuRate(visit.running)
    told = visit.generator.closed(options.seconds, options.warm, lambda: cpu.measure(options.seconds * PART))
    visit.told("closed", told)
    figures = {"rt_s": told["rt_s"]}
    if visit.running.pids and told["rt_s"]:
        if cpu.own > NO_TIME:  # below, the system has told of none: seen once, with nginx under full load
            figures["cpu_s"] = cpu.own / (told["rt_s"] * MESSAGES) * 100_000
        if machine.PINNED:
            figures["others_percent"] = 100 * cpu.others
    return figures


THROUGHPUT = Scenario(
    "throughput",
    (
        Figure("cpu_s", "CPU-s per 100k messages", digits=2),
        Figure("rt_s", "round trips/s", digits=0),
        Figure("others_percent", "others on its core, %", digits=0, compared=False),
    ),
    run,
)
