"""The truth's part of the bench: every quirk and fault is in it, and each of its worlds can be played again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

RUN = Path(__file__).resolve().parents[2] / "bench" / "run.py"
PATIENCE_S = 120


def run(tmp_path: Path, *arguments: str) -> tuple[int, dict[str, Any], str]:
    found = tmp_path / "found.json"
    command = [sys.executable, RUN, "--part", "truth", "--processes", "1", "--json", found, *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=PATIENCE_S)
    assert found.exists(), done.stderr
    return done.returncode, json.loads(found.read_text())["truth"], done.stdout


def test_one_world_is_played_again_from_its_case_version_and_seed(tmp_path: Path) -> None:
    again = ("--case", "mixture", "--version", "2.1", "--seed", "7", "--sessions", "40")
    (_, first, _), (_, second, _) = run(tmp_path, *again), run(tmp_path, *again)
    changing = ("cpu_s", "wall_s")
    assert {k: v for k, v in first.items() if k not in changing} == {
        k: v for k, v in second.items() if k not in changing
    }
    assert first["records"] > 500


@pytest.mark.parametrize(
    ("version", "seed"),
    [("1.6", 1), ("1.6", 2), ("1.6", 3), ("2.0.1", 1), ("2.0.1", 2), ("2.1", 1), ("2.1", 14)],
)
def test_what_was_lived_is_rebuilt_whatever_quirks_and_faults_fall_together(
    tmp_path: Path, version: str, seed: int
) -> None:
    """The small form of the 100,000 sessions: every outcome and energy agrees, and the blame almost always."""
    mixture = ("--case", "mixture", "--version", version, "--seed", str(seed), "--sessions", "300")
    status, found, _ = run(tmp_path, *mixture)
    total = found["total"]
    assert found["faults"] == []
    assert total["outcome"] == total["energy"] == total["lives"] >= 300
    assert total["blame"] >= 0.95 * total["blamed"] > 0
    assert status == 0
