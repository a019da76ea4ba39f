"""The one-minute form of the chaos of ``tests/soak/test_chaos_soak.py``: fewer stations, the same demands."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from tests.support.chaos import Chaos

STATIONS = 300


async def test_a_minute_of_chaos_loses_mixes_and_leaks_nothing(tmp_path: Path) -> None:
    seed = int(os.environ.get("CHAOS_SEED", secrets.randbelow(1 << 31)))
    print(f"CHAOS_SEED={seed} repeats it")
    chaos = Chaos(
        tmp_path / "chaos",
        seed=seed,
        stations=STATIONS,
        minutes=0.75,
        tempo=0.2,
        cycle_s=40,
        buffer_max="2MiB",
    )
    report = await chaos.run()
    print("\n".join(report.lines()))
    assert not report.complaints, "\n".join(report.complaints)
