"""The whole fleet at once: everyone has lost its connection, and all dial in the same instant."""

from __future__ import annotations

from scenarios.base import Figure, Scenario, Visit


def run(visit: Visit) -> dict[str, float]:
    visit.generator.closeall()
    visit.generator.sleep(0.5)
    storm = visit.generator.connect(visit.stations, visit.stations)
    if storm["fail"]:
        visit.faults.append(f"storm: {storm['fail']} of {visit.stations} failed")
    return {"storm_s": storm["secs"]}


STORM = Scenario("storm", (Figure("storm_s", "s until all are back", digits=2),), run, plain_only=True)
