"""What a scenario is: something done to a running candidate, and the figures that come of it.

A new one is a module with a ``Scenario`` and a line in ``scenarios/__init__.py``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import machine
from candidates.base import Running
from load import Figures, Generator, lost


@dataclass(frozen=True)
class Options:
    """How long and how hard.

    Attributes:
        seconds: of each measurement, after ``warm`` seconds that do not count.
        rate: round trips a second of the open loop, over all stations.
    """

    seconds: float = 3.0
    warm: float = 1.0
    rate: float = 1000.0


@dataclass(frozen=True)
class Figure:
    """A column of the tables.

    Attributes:
        key: in the results.
        title: with the unit.
        digits: behind the point.
        more_is_better: which way is good.
        of_process: has no meaning where there is no process to measure.
    """

    key: str
    title: str
    digits: int = 1
    more_is_better: bool = False
    of_process: bool = False


@dataclass
class Visit:
    """One candidate, started afresh, with so many stations.

    Attributes:
        faults: what went wrong, in words; a figure of a visit with faults is not to be trusted.
        raw: what the load generator said, by scenario.
        empty_kib: memory of the candidate before the stations came.
    """

    running: Running
    generator: Generator
    stations: int
    options: Options
    faults: list[str] = field(default_factory=list)
    raw: dict[str, Figures] = field(default_factory=dict)
    empty_kib: int = 0

    def told(self, scenario: str, figures: Figures) -> Figures:
        self.raw[scenario] = figures
        self.faults += [f"{scenario}: {each}" for each in lost(figures)]
        return figures


@dataclass(frozen=True)
class Scenario:
    """``run`` gives a value for each key of ``figures`` (or leaves out what cannot be measured here)."""

    name: str
    figures: tuple[Figure, ...]
    run: Callable[[Visit], dict[str, float]]


class CpuRate:
    """CPU seconds a second of some processes, between two moments inside the measured time.

    The load generator's marks come a little late when its core is busy, so both moments are ours, and the load runs on
    through both of them.
    """

    def __init__(self, pids: list[int]) -> None:
        self._pids = pids
        self._from: tuple[float, float] | None = None

    def begin(self) -> None:
        self._from = (time.perf_counter(), machine.cpu_s(self._pids))

    def until(self, seconds: float) -> float:
        """Waits until so long after ``begin``; the rate."""
        assert self._from is not None
        time.sleep(max(0.0, self._from[0] + seconds - time.perf_counter()))
        cpu_s, at = machine.cpu_s(self._pids), time.perf_counter()
        return (cpu_s - self._from[1]) / (at - self._from[0])
