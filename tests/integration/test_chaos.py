"""The one-minute form of the chaos of ``tests/soak/test_chaos_soak.py``: fewer stations, the same demands.

A relay of one process and one of two workers have their chaos in the same minute.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import trio
from tests.support.chaos import Chaos
from tests.support.chaos_judge import Report

STATIONS = 150
"""Of each relay."""


async def test_a_minute_of_chaos_loses_mixes_and_leaks_nothing(tmp_path: Path) -> None:
    seed = int(os.environ.get("CHAOS_SEED", secrets.randbelow(1 << 31)))
    print(f"CHAOS_SEED={seed} repeats it")
    reports: list[Report] = []

    async def have_chaos(workers: int) -> None:
        chaos = Chaos(
            tmp_path / f"chaos-{workers}",
            seed=seed,
            stations=STATIONS,
            minutes=0.75,
            tempo=0.2,
            cycle_s=40,
            buffer_max="2MiB",
            workers=workers,
        )
        reports.append(await chaos.run())
        print("\n".join(reports[-1].lines()))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(have_chaos, 1)
        nursery.start_soon(have_chaos, 2)
    complaints = [f"{report.workers} workers: {each}" for report in reports for each in report.complaints]
    assert not complaints, "\n".join(complaints)
