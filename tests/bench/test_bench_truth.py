"""The truth's part of the bench: every quirk and fault is in it, and each of its worlds can be played again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

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
