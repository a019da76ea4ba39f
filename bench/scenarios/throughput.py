"""Closed loop: each station waits for its answer and asks again. Round trips a second, and the CPU time of each message."""

from __future__ import annotations

from scenarios.base import CpuRate, Figure, Scenario, Visit

MESSAGES = 2
"""Of a round trip: the CALL and its answer."""
PART = 0.9
"""Of the measured time, the share between the two readings of CPU time."""


def run(visit: Visit) -> dict[str, float]:
    cpu, rate = CpuRate(visit.running.pids), 0.0

    def measuring() -> None:
        nonlocal rate
        cpu.begin()
        rate = cpu.until(visit.options.seconds * PART)

    told = visit.told("closed", visit.generator.closed(visit.options.seconds, visit.options.warm, measuring))
    figures = {"rt_s": told["rt_s"]}
    if visit.running.pids and told["rt_s"]:
        figures["cpu_s"] = rate / (told["rt_s"] * MESSAGES) * 100_000
    return figures


THROUGHPUT = Scenario(
    "throughput",
    (
        Figure("cpu_s", "CPU-s per 100k messages", digits=2, of_process=True),
        Figure("rt_s", "round trips/s", digits=0, more_is_better=True),
    ),
    run,
)
