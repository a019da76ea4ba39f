"""``make soak``, its second part: thousands of stations that connect, flood, stall, reset and half-close, while all breaks.

``SOAK_MINUTES`` says how long (10 by default), ``CHAOS_STATIONS`` how many (5,000), ``CHAOS_SEED`` which plans: a run
prints its own. The calendar, gone through again and again: the watch is killed, the relay's disk is full, the CSMS is
killed and comes back, the CSMS freezes, the watch is killed.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import pytest
from tests.support.chaos import Chaos

MINUTES = float(os.environ.get("SOAK_MINUTES", "10"))
STATIONS = int(os.environ.get("CHAOS_STATIONS", "5000"))
CYCLE_S = 120.0
ALIVE_SHARE = 0.8
"""Of the stations, linked at one moment at least. The others are refused just then, or pause between two attempts."""
GROWTH_MAX = 1.05
"""Memory of the relay in the last quarter against the one before: by half-time each buffer has been as full as it gets."""
GROWTH_MIB = 4.0
"""And so much on top, since in a small run the allocator's own steps are more than that share."""


@pytest.mark.soak
@pytest.mark.parametrize("workers", [1, 2])
async def test_chaos_loses_mixes_and_leaks_nothing(tmp_path: Path, workers: int) -> None:
    seed = int(os.environ.get("CHAOS_SEED", secrets.randbelow(1 << 31)))
    print(f"\nCHAOS_SEED={seed} repeats it")
    chaos = Chaos(
        tmp_path / "chaos",
        seed=seed,
        stations=STATIONS,
        minutes=MINUTES,
        tempo=1.0,
        cycle_s=min(CYCLE_S, MINUTES * 60 - 5),
        buffer_max="16MiB",
        workers=workers,
    )
    report = await chaos.run()
    print("\n".join(report.lines()))
    assert not report.complaints, "\n".join(report.complaints)
    assert report.links_most >= STATIONS * ALIVE_SHARE
    third, last = report.quarters()
    assert last <= third * GROWTH_MAX + GROWTH_MIB, "the relay's memory grows"
