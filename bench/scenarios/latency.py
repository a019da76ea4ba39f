"""Open loop at a fixed rate, far from full: how long a round trip takes, from the moment when it should have begun."""

from __future__ import annotations

from scenarios.base import Figure, Scenario, Visit


def run(visit: Visit) -> dict[str, float]:
    options = visit.options
    told = visit.told("open", visit.generator.open(options.rate, options.seconds, options.warm))
    return {"p50_us": told["p50_us"], "p99_us": told["p99_us"]}


LATENCY = Scenario(
    "latency", (Figure("p50_us", "p50 µs", digits=0), Figure("p99_us", "p99 µs", digits=0)), run
)
