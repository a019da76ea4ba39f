"""The bench itself: its quick form runs through, and every round trip that it counts came back."""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench"
STATIONS = 20
PATIENCE_S = 60


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the bench with its C programs built, so that nothing is left in the checkout."""
    if shutil.which("cc") is None or shutil.which("make") is None:
        pytest.skip("there is no C compiler")
    copy = tmp_path_factory.mktemp("bench") / "bench"
    shutil.copytree(BENCH, copy, ignore=shutil.ignore_patterns("bin", "__pycache__"))
    subprocess.run(["make", "-C", copy, "bin"], check=True, capture_output=True, timeout=PATIENCE_S)
    return copy


def run(bench: Path, *arguments: str, status: int = 0) -> tuple[dict[str, Any], str]:
    """(what it found out, what it showed)"""
    found = bench / "found.json"
    command = [sys.executable, bench / "run.py", "--quick", "--json", found, *arguments]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=PATIENCE_S, cwd=bench.parent
    )
    assert done.returncode == status, done.stdout + done.stderr
    return json.loads(found.read_text()), done.stdout


def loads(found: dict[str, Any], candidate: str) -> Iterator[dict[str, Any]]:
    for result in found["relay"]:
        for visit in result["raw"][candidate]:
            yield from visit.values()


@pytest.mark.server("nginx")
def test_beside_nginx_no_round_trip_is_lost_and_both_are_measured(bench: Path) -> None:
    found, shown = run(
        bench,
        "--part",
        "relay",
        "--candidates",
        "nocwatch,nginx",
        "--stations",
        str(STATIONS),
        "--seconds",
        "0.5",
    )
    (result,) = found["relay"]
    assert result["reference"] == "nginx"
    for candidate in ("nocwatch", "nginx"):
        values = result["values"][candidate]
        assert all(len(each) == 1 for each in values.values())
        assert values["cpu_s"][0] > 0
        assert values["kib_connection"][0] < 1000
        assert values["rt_s"][0] > 100
        assert 0 < values["p50_us"][0] <= values["p99_us"][0]
        for load in loads(found, candidate):
            assert load["answered"] == load["sent"] >= STATIONS
            assert [load[name] for name in ("errs", "drops", "undrained", "dead")] == [0, 0, 0, 0]
        assert f"| {candidate} " in shown


def test_a_candidate_that_is_not_installed_is_named_in_the_report_and_left_out(bench: Path) -> None:
    module = bench / "candidates" / "nginx.py"
    kept = module.read_text()
    module.write_text(kept.replace('program("nginx")', 'program("no-such-nginx")'))
    (bench / "RESULTS.md").write_text("# Results\n<!-- notes -->\nThe disk was slow.\n<!-- /notes -->\n")
    chosen = ("--part", "relay", "--candidates", "nginx,c-relay,direct", "--seconds", "0.3")
    try:
        found, shown = run(bench, *chosen, "--write")
    finally:
        module.write_text(kept)
    assert found["skipped"] == ["nginx: nginx is not installed"]
    assert "nginx is not installed" in shown
    assert found["relay"][0]["reference"] == "c-relay"
    assert list(loads(found, "direct"))
    written = (bench / "RESULTS.md").read_text()
    assert "not measured: nginx: nginx is not installed" in written
    assert "| c-relay " in written
    assert written.count("The disk was slow.") == 1, "what a person wrote is kept"


def test_answers_that_do_not_come_make_the_run_fail(bench: Path) -> None:
    """A relay that loses bytes must not look quick."""
    proxy = bench / "proxies" / "websockets_json.py"
    kept = proxy.read_text()
    proxy.write_text(kept.replace("await target.send(message)", "seen % 50 and await target.send(message)"))
    try:
        found, shown = run(
            bench, "--part", "relay", "--candidates", "websockets+json", "--seconds", "0.3", status=1
        )
    finally:
        proxy.write_text(kept)
    assert any("undrained" in fault or "errs" in fault for fault in found["faults"])
    assert "Not to be trusted" in shown


def test_the_watch_takes_in_the_whole_journal(bench: Path) -> None:
    found, shown = run(bench, "--part", "watch", "--records", "3000", "--fleet", "60")
    watched = found["watch"]
    assert sum(watched["kinds"].values()) == 3000
    assert {"chunk", "link", "tick"} <= watched["kinds"].keys()
    assert watched["stages"]["frames"] == watched["kinds"]["chunk"]
    assert watched["follow"]["records_s"] > 0
    assert "OCPP and state" in shown


def test_the_same_seed_makes_the_same_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCH))
    workload = importlib.import_module("watching.workload")
    first = list(workload.made(30, 2000, seed=7))
    assert len(first) == 2000
    assert [record[0] for record in first] == sorted(record[0] for record in first)
    assert list(workload.made(30, 2000, seed=7)) == first
    assert list(workload.made(30, 2000, seed=8)) != first
