"""The bench itself: its quick form runs through, and every round trip that it counts came back."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench"
STATIONS = 20
PATIENCE_S = 150


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the bench with its C programs built, so that nothing is left in the checkout."""
    if shutil.which("cc") is None or shutil.which("make") is None:
        pytest.skip("there is no C compiler")
    copy = tmp_path_factory.mktemp("bench") / "bench"
    shutil.copytree(BENCH, copy, ignore=shutil.ignore_patterns("bin", "__pycache__"))
    build(copy, "bin")
    return copy


IN_MEMORY = Path("/dev/shm")  # noqa: S108 - each run makes its own folder there
ROOM = 1 << 30


def without_a_disk() -> dict[str, str]:
    """The environment of a run whose journal lies in memory: beside other tests a disk is too slow for the flood."""
    roomy = IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free > ROOM
    return {**os.environ, "TMPDIR": str(IN_MEMORY)} if roomy else dict(os.environ)


def build(bench: Path, *targets: str) -> None:
    subprocess.run(["make", "-C", bench, *targets], check=True, capture_output=True, timeout=PATIENCE_S)


def speaks_tls(bench: Path) -> bool:
    command = [bench / "bin" / "loadgen", "127.0.0.1", "0"]
    done = subprocess.run(
        command, check=True, input="tls\n", capture_output=True, text=True, timeout=PATIENCE_S
    )
    return bool(json.loads(done.stdout)["ok"])


def run(bench: Path, *arguments: str, status: int = 0) -> tuple[dict[str, Any], str]:
    """(what it found out, what it showed)"""
    found = bench / "found.json"
    command = [sys.executable, bench / "run.py", "--quick", "--json", found, *arguments]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=PATIENCE_S, cwd=bench.parent, env=without_a_disk()
    )  # fmt: skip
    assert done.returncode == status, done.stdout + done.stderr
    return json.loads(found.read_text()), done.stdout


def loads(found: dict[str, Any], candidate: str) -> Iterator[dict[str, Any]]:
    for result in found.get("relay", [found]):
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
        assert 10 < values["us_handshake"][0] < 100_000
        assert 0 < values["p50_us"][0] <= values["p99_us"][0]
        for load in loads(found, candidate):
            assert load["answered"] == load["sent"] >= STATIONS
            assert [load[name] for name in ("errs", "drops", "undrained", "dead")] == [0, 0, 0, 0]
        assert f"| {candidate} " in shown


@pytest.mark.server("nginx")
def test_tls_two_workers_and_the_profile_have_their_figures(bench: Path) -> None:
    if not speaks_tls(bench):
        pytest.skip("OpenSSL's headers are not installed")
    chosen = ("--part", "relay", "--candidates", "nocwatch-2-workers,nocwatch+tls,nginx+tls", "--profile")
    found, shown = run(bench, *chosen, "--stations", str(STATIONS), "--seconds", "0.5")
    plain, secured = found["relay"]
    assert [plain["tls"], plain["reference"]] == [False, "nocwatch-2-workers"]
    assert [secured["tls"], secured["reference"]] == [True, "nginx+tls"]
    for candidate in ("nocwatch+tls", "nginx+tls"):
        values = secured["values"][candidate]
        assert values["cpu_s"][0] > 0
        assert values["us_handshake"][0] > 50, "a full handshake signs"
        for load in loads(secured, candidate):
            assert load["answered"] == load["sent"] >= STATIONS
    assert plain["values"]["nocwatch-2-workers"]["cpu_s"][0] > 0
    assert f"## Relay, {STATIONS} stations, TLS" in shown
    judged = {row["what"]: row["reached"] for row in found["goals"]}
    assert judged["TLS: CPU time a handshake, against nginx"] in ("yes", "no")
    assert judged["CPU time a message, against nginx"] == "-"
    for profile in found["profiles"]:
        assert profile["candidate"] in ("nocwatch+tls", "nginx+tls")
        assert profile["user_us"] + profile["kernel_us"] > 0
        assert profile["why_none"] or 0 < len(profile["symbols"]) <= 10
    assert "Where the relay's CPU time goes" in shown


def test_without_openssl_tls_is_named_as_not_measured(bench: Path) -> None:
    build(bench, "-B", "bin/loadgen", "TLS=")
    try:
        found, shown = run(
            bench, "--part", "relay", "--candidates", "direct,nocwatch+tls", "--seconds", "0.3"
        )
    finally:
        build(bench, "-B", "bin/loadgen")
    assert "nocwatch+tls: the load generator was built without OpenSSL" in found["skipped"][0]
    assert "not measured: nocwatch+tls" in shown
    assert len(found["relay"]) == 1


def test_a_goal_is_judged_at_each_number_of_stations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCH))
    goals, relay_bench = importlib.import_module("goals"), importlib.import_module("relay_bench")

    def result(stations: int, **ours: list[float]) -> Any:
        figures = ("cpu_s", "rt_s", "storm_s", "p50_us")
        others = {
            name: {each: [value, value] for each in figures}
            for name, value in (("nginx", 2.0), ("haproxy", 2.0), ("websockets+json", 2.0), ("direct", 1.0))
        }
        return relay_bench.Result(stations, False, "nginx", {"nocwatch": ours, **others})

    small = result(100, cpu_s=[3.0, 5.0], rt_s=[2.0, 2.0])
    large = result(9900, cpu_s=[2.0, 2.2], rt_s=[9.0, 9.0], p50_us=[2.1, 2.3], storm_s=[2.0, 2.4])
    rows = {row.what: row for row in goals.rows([small, large], None)}
    cpu = rows["CPU time a message, against nginx"]
    assert (cpu.measured, cpu.reached) == ("2.00 (100), 1.05 (9,900)", "at 9,900")
    websockets = rows["throughput, against websockets and JSON"]
    assert (websockets.measured, websockets.reached) == ("4.5 (9,900)", "yes")
    assert rows["added p50, against nginx"].measured == "1.20 (9,900)", "what no proxy takes is nobody's"
    assert rows["throughput, against mitmproxy"].reached == "-"
    storm = "9,900 stations reconnect at once: time, against HAProxy; none refused"
    assert rows[storm].reached == "yes"
    large.faults.append("nocwatch, round 1: storm: 3 of 9900 failed")
    again = {row.what: row for row in goals.rows([small, large], None)}
    assert again[storm].reached == "no"
    assert "refused" in again[storm].measured


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


def test_the_truth_has_a_file_of_its_own_and_the_results_are_kept(bench: Path) -> None:
    results, truth = bench / "RESULTS.md", bench / "TRUTH.md"
    results.write_text("# Results\nof a quiet hour\n")
    truth.write_text("# Truth\n<!-- notes -->\nOne is left.\n<!-- /notes -->\n")
    world = ("--case", "ordinary", "--version", "1.6", "--sessions", "10", "--processes", "1")
    run(bench, "--part", "truth", *world, "--write")
    assert results.read_text() == "# Results\nof a quiet hour\n"
    written = truth.read_text()
    assert "| 1.6 " in written
    assert written.count("One is left.") == 1


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
