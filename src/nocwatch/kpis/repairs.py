"""How long repairs take and how long ports hold: sums behind MTTR and MTBF. Pure."""

from __future__ import annotations

from typing import NamedTuple

from nocwatch.kpis.ports import DOWN, PortFacts, down_spans
from nocwatch.kpis.spans import cut, length_ns


class Repairs(NamedTuple):
    """Sums of a window.

    Attributes:
        failures: outages that began in the window; ``repairs``: those that ended in it.
        repair_ns: of the repairs, from detected to restored; ``operating_ns``: time in which the ports were not down.
    """

    failures: int = 0
    repairs: int = 0
    repair_ns: int = 0
    operating_ns: int = 0

    def __add__(self, other: object) -> Repairs:
        if not isinstance(other, Repairs):
            return NotImplemented
        return Repairs(*(one + two for one, two in zip(self, other, strict=True)))


def repairs(facts: PortFacts, from_ns: int, until_ns: int, now_ns: int) -> Repairs:
    """Of one port. An outage that still lasts is a failure and no repair yet."""
    spans = down_spans(facts, DOWN)
    ended = [span for span in spans if from_ns < span[1] <= until_ns and span[1] < now_ns]
    observed_ns = max(0, min(until_ns, now_ns) - max(from_ns, facts.since_ns))
    down_ns = length_ns(cut(spans, max(from_ns, facts.since_ns), min(until_ns, now_ns)))
    return Repairs(
        failures=sum(from_ns <= span[0] < until_ns for span in spans),
        repairs=len(ended),
        repair_ns=length_ns(ended),
        operating_ns=observed_ns - down_ns,
    )
