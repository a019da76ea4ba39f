"""Candidates side by side: each visited in turn, round after round, so that a machine that drifts drifts for all.

A visit is a fresh process, so many stations, all scenarios. Only ratios within a round count; what is reported is their
median over the rounds.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

import scenarios
from candidates.base import Candidate
from load import Backend, Figures, Generator
from machine import tell
from scenarios.base import Figure, Options, Visit

FIGURES: tuple[Figure, ...] = tuple(figure for scenario in scenarios.ALL for figure in scenario.figures)


@dataclass
class Result:
    """Of one number of stations, plain or with TLS.

    Attributes:
        tls: whether these are the candidates that the stations speak TLS to.
        reference: whom the others are compared with.
        values: candidate → figure → one value a round, None where a round has none.
        faults: what went wrong, in words.
        shed: who dropped observations where that is allowed, in words.
        raw: candidate → what the load generator said in each round.
    """

    stations: int
    tls: bool
    reference: str
    values: dict[str, dict[str, list[float | None]]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    shed: list[str] = field(default_factory=list)
    raw: dict[str, list[dict[str, Figures]]] = field(default_factory=dict)

    def median(self, candidate: str, figure: str) -> float | None:
        values = [each for each in self.values.get(candidate, {}).get(figure, ()) if each is not None]
        return statistics.median(values) if values else None

    def ratio(self, candidate: str, figure: str, reference: str = "") -> float | None:
        """Median over the rounds of this candidate's value by the reference's of the same round."""
        own = self.values.get(candidate, {}).get(figure, [])
        theirs = self.values.get(reference or self.reference, {}).get(figure, [])
        pairs = [a / b for a, b in zip(own, theirs, strict=False) if a is not None and b]
        return statistics.median(pairs) if pairs else None


def run(
    chosen: Sequence[Candidate],
    counts: Sequence[int],
    rounds: int,
    options: Options,
    references: Sequence[str],
) -> list[Result]:
    """All rounds of all numbers of stations. A candidate that fails is told in ``faults``, and the others go on.

    Args:
        references: whom the others are compared with where it is chosen; otherwise it is the first of each table.
    """
    backend = Backend()
    found = []
    try:
        for count in counts:
            for tls in (False, True):
                group = [each for each in chosen if each.tls == tls and count <= (each.stations_max or count)]
                if group:
                    names = [each.name for each in group]
                    reference = next((name for name in references if name in names), names[0])
                    found.append(_compare(group, Result(count, tls, reference), rounds, options, backend))
    finally:
        backend.close()
    return found


def _compare(
    chosen: Sequence[Candidate], result: Result, rounds: int, options: Options, backend: Backend
) -> Result:
    stations = result.stations
    for number in range(rounds):
        turn = number % len(chosen)
        for candidate in (*chosen[turn:], *chosen[:turn]):  # nobody is always the first
            try:
                figures, visit = _visit(candidate, stations, options, backend)
            except (RuntimeError, OSError) as error:
                result.faults.append(f"{candidate.name}, round {number + 1}: {error}")
                tell(f"  {candidate.name}: {error}")
                continue
            kept = result.values.setdefault(candidate.name, {})
            for key, value in figures.items():
                kept.setdefault(key, [None] * rounds)[number] = value
            result.raw.setdefault(candidate.name, []).append(visit.raw)
            whose = f"{candidate.name}, round {number + 1}"
            result.faults += [f"{whose}: {each}" for each in visit.faults]
            result.shed += [f"{whose}: {each}" for each in visit.shed]
            shown = "  ".join(
                f"{each.title} {figures[each.key]:.{each.digits}f}" for each in FIGURES if each.key in figures
            )
            tell(f"  {stations} stations, round {number + 1}: {candidate.name:18} {shown}")
    return result


def _visit(
    candidate: Candidate, stations: int, options: Options, backend: Backend
) -> tuple[dict[str, float], Visit]:
    running = candidate.start(backend.port)
    try:
        generator = Generator(running.port, tls=candidate.tls)
        try:
            visit = Visit(running, generator, backend, stations, options)
            figures: dict[str, float] = {}
            for scenario in scenarios.ALL:
                if candidate.tls and scenario.plain_only:
                    continue
                figures |= scenario.run(visit)
                if scenario.may_shed:  # what waits for the disk now must not be laid at the next one's door
                    candidate.settle()
                if dropped := candidate.shed():
                    told = visit.shed if scenario.may_shed else visit.faults
                    told.append(f"{scenario.name}: {dropped:,} observations dropped")
                if visit.faults:  # what it lost makes it quick: no more figures of this visit
                    break
            visit.faults += candidate.complaints()
            generator.closeall()
        finally:
            generator.close()
    finally:
        running.close()
    return figures, visit
