"""Two stations that flood, beside all the others at their usual pace: what the others feel of it."""

from __future__ import annotations

from scenarios.base import Figure, Scenario, Visit

FLOODERS = 2


def run(visit: Visit) -> dict[str, float]:
    options = visit.options
    visit.generator.flood(FLOODERS)
    told = visit.told("beside a flood", visit.generator.open(options.rate, options.seconds, options.warm))
    calmed = visit.generator.calm()
    if calmed["sent"] != calmed["answered"]:
        visit.faults.append(f"flood: {calmed['sent']} sent, {calmed['answered']} answered")
    return {"flood_p99_us": told["p99_us"]}


FLOOD = Scenario(
    "flood",
    (Figure("flood_p99_us", "p99 µs beside two that flood", digits=0),),
    run,
    plain_only=True,
    may_shed=True,
)
