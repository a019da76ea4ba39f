"""What a scenario is: something done to a running candidate, and the figures that come of it.

A new one is a module with a ``Scenario`` and a line in ``scenarios/__init__.py``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import machine
from candidates.base import Running
from load import Backend, Figures, Generator, lost


@dataclass(frozen=True)
class Options:
    """How long and how hard.

    Attributes:
        seconds: of each measurement, after ``warm`` seconds that do not count.
        rate: round trips a second of the open loop, over all stations.
        quick: to see that all works; the figures do not count.
    """

    seconds: float = 3.0
    warm: float = 1.0
    rate: float = 1000.0
    quick: bool = False


@dataclass(frozen=True)
class Figure:
    """A column of the tables.

    Attributes:
        key: in the results.
        title: with the unit.
        digits: behind the point.
        compared: whether a ratio says something.
    """

    key: str
    title: str
    digits: int = 1
    compared: bool = True


@dataclass
class Visit:
    """One candidate, started afresh, with so many stations.

    Attributes:
        faults: what went wrong, in words; a figure of a visit with faults is not to be trusted.
        shed: scenarios in which it dropped observations as it may, in words.
        raw: what the load generator said, by scenario.
        empty_kib: memory of the candidate before the stations came.
    """

    running: Running
    generator: Generator
    backend: Backend
    stations: int
    options: Options
    faults: list[str] = field(default_factory=list)
    shed: list[str] = field(default_factory=list)
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
    plain_only: bool = False
    """TLS changes nothing of what it is about."""
    may_shed: bool = False
    """More bytes pass than a disk takes, so a candidate may drop observations in it; how many is told beside the figures.
    In any other scenario a dropped observation is a fault: work that is skipped makes quick."""


class CpuRate:
    """CPU seconds a second of some processes, and of all others on their cores, between two moments in the measured time.

    The load generator's marks come a little late when its core is busy, so both moments are ours, and the load runs on
    through both of them.
    """

    def __init__(self, running: Running) -> None:
        self._pids, self._cores = running.pids, running.cores
        self.own = self.others = 0.0

    def measure(self, seconds: float) -> None:
        """From now on, for so long."""
        at, own, all_ = self._read()
        time.sleep(seconds)
        at_end, own_end, all_end = self._read()
        self.own = (own_end - own) / (at_end - at)
        self.others = max(0.0, (all_end - all_) / (at_end - at) - self.own)

    def _read(self) -> tuple[float, float, float]:
        return time.perf_counter(), machine.cpu_s(self._pids), machine.cores_busy_s(self._cores)
