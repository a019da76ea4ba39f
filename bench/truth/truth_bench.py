"""The simulator and the tracker held against each other, over as many sessions as are asked for.

Half of a version's sessions are lived with one quirk or fault alone, by turns; half in mixtures. Worlds are independent of each other,
so several processes share them. A world is told by its case, version, seed and size, and is played again from these.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from machine import tell

from truth.cases import MIXTURE, VERSIONS, cases_of, scenario
from truth.comparing import compare
from truth.lives import live

LIVES = 200
"""Of one world, at least; a case that gets fewer has one world of that size."""
BLAME_MIN = 0.95

Figures = dict[str, Any]
COUNTS = ("lives", "outcome", "reason", "energy", "blamed", "blame", "spoken", "words")


@dataclass
class World:
    """One to be lived."""

    case: str
    version: str
    seed: int
    lives: int


@dataclass
class Found:
    """What came of one: counts as in ``COUNTS``, disagreements: text → (how many, example), and those that must not be, one by one."""

    world: World
    counts: Counter[str] = field(default_factory=Counter)
    disagreements: dict[str, tuple[int, str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    records: int = 0
    hours: float = 0.0
    cpu_s: float = 0.0


def run(
    sessions: int,
    seed: int,
    *,
    processes: int,
    one: tuple[str, str] | None = None,
    version: str | None = None,
) -> Figures:
    """All figures of the truth's part.

    Args:
        sessions: in all; see ``planned``.
        seed: of the first worlds.
        processes: that share the worlds.
        one: case and version of the only world to be lived, with this very seed and size.
        version: the only one to be lived.
    """
    worlds = [World(*one, seed, sessions)] if one else planned(sessions, seed, version)
    begun_s, told, found = time.monotonic(), 0, []
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    with ProcessPoolExecutor(processes) as pool:
        for each in pool.map(lived, worlds, chunksize=1):
            found.append(each)
            # At once: whoever mends need not wait for the last of a hundred thousand.
            for missed in each.missed:
                tell(f"truth: {_where(each.world)}: {missed}")
            so_far = sum(each.counts["lives"] for each in found)
            if so_far - told >= 5000:
                told = so_far
                right = sum(each.counts["outcome"] for each in found)
                tell(
                    f"truth: {so_far:,} sessions after {time.monotonic() - begun_s:.0f} s, {so_far - right} outcomes differ"
                )
    return _gathered(found, time.monotonic() - begun_s, processes)


def planned(sessions: int, seed: int, version: str | None = None) -> list[World]:
    """The worlds: half of them of one case alone, half mixtures, in no order.

    Of all sessions 1.6 and 2.0.1 get five parts of twelve each, 2.1 the rest; ``version`` gets all of them where it is given.
    """
    shares = {version: 12} if version else dict(zip(VERSIONS, (5, 5, 2), strict=True))
    worlds = []
    for version, share in shares.items():
        names = cases_of(version)
        own = max(1, sessions * share // 12)
        alone = max(1, own // 2 // len(names))
        for name in names:
            worlds += _of(name, version, seed, alone)
        worlds += _of(MIXTURE, version, seed, max(1, own - alone * len(names)))
    random.Random(seed).shuffle(worlds)  # so that what is found after a while is of all of them
    return worlds


def _of(name: str, version: str, seed: int, lives: int) -> list[World]:
    count = max(1, round(lives / LIVES))
    return [World(name, version, seed + n, -(-lives // count)) for n in range(count)]


def lived(world: World) -> Found:
    found = Found(world)
    life = live(scenario(world.case, world.version, world.seed), world.seed, world.lives)
    found.records, found.hours, found.cpu_s = life.records, life.hours, life.cpu_s
    found.faults = [f"{world.case}, {world.version}, seed {world.seed}: {fault}" for fault in life.faults]
    for each in compare(life):
        found.counts.update(
            lives=1,
            outcome=each.outcome,
            reason=each.reason,
            energy=each.energy,
            blamed=each.blamed,
            blame=each.blamed and each.blame,
            spoken=each.spoken,
            words=each.spoken and each.words,
        )
        if not (each.outcome and each.energy):
            found.missed.append(f"{each.text()}: {each.example()}")
        if not each.whole:
            count, example = found.disagreements.get(each.text(), (0, each.example()))
            found.disagreements[each.text()] = (count + 1, example)
    return found


def _gathered(found: list[Found], wall_s: float, processes: int) -> Figures:
    rows: dict[tuple[str, str], Counter[str]] = {}
    groups: dict[str, dict[str, Any]] = {}
    for each in found:
        world = each.world
        rows.setdefault((world.version, world.case), Counter()).update(each.counts)
        for text, (count, example) in each.disagreements.items():
            where = f"`{_where(world)}`: {example}"
            group = groups.setdefault(text, {"text": text, "count": 0, "example": where})
            group["count"] += count
    total = sum((each.counts for each in found), Counter())
    versions: dict[str, Counter[str]] = {}
    for (version, _), counts in rows.items():
        versions.setdefault(version, Counter()).update(counts)
    faults = [fault for each in found for fault in each.faults]
    faults += _missed(total)
    return {
        "rows": [
            {"version": version, "case": case, **{name: counts[name] for name in COUNTS}}
            for (version, case), counts in sorted(rows.items())
        ],
        "versions": {version: {name: counts[name] for name in COUNTS} for version, counts in sorted(versions.items())},
        "total": {name: total[name] for name in COUNTS},
        "disagreements": sorted(groups.values(), key=lambda each: -each["count"]),
        "faults": faults,
        "records": sum(each.records for each in found),
        "hours": sum(each.hours for each in found),
        "cpu_s": sum(each.cpu_s for each in found),
        "wall_s": wall_s,
        "processes": processes,
        "worlds": len(found),
    }  # fmt: skip


def _where(world: World) -> str:
    """What plays it again."""
    return f"--case '{world.case}' --version {world.version} --seed {world.seed} --sessions {world.lives}"


def _missed(total: Counter[str]) -> list[str]:
    """What has to hold and does not."""
    missed = [
        f"{total['lives'] - total[name]:,} of {total['lives']:,} sessions disagree in their {name}"
        for name in ("outcome", "energy")
        if total[name] < total["lives"]
    ]
    if total["words"] < total["spoken"]:
        missed.append(
            f"{total['spoken'] - total['words']:,} of {total['spoken']:,} sessions disagree in what was said of them"
        )
    if total["blame"] < BLAME_MIN * total["blamed"]:
        missed.append(f"the blame agrees in {total['blame']:,} of {total['blamed']:,} only")
    return missed
