"""``nocwatch … | head -1``: whoever reads has seen enough, and the command ends without a word."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
from tests.support.deployment import REPOSITORY

from nocwatch.alerts.settings import AlertSettings
from nocwatch.cli import app
from nocwatch.cli.unread import STATUS
from nocwatch.detectors.rules import load_rules, shipped_rules
from nocwatch.pipeline import Pipeline
from nocwatch.registry.places import Places
from nocwatch.store import Batch, Store
from nocwatch.store.settings import StoreSettings
from nocwatch.tap.gate import Gate
from nocwatch.trace.reading import read_traces
from nocwatch.trace.replay import REPLAY_KEY
from nocwatch.trace.writing import import_traces

TRACE = REPOSITORY / "rules" / "tests" / "flapping_fires.jsonl"
CHARGES = REPOSITORY / "rules" / "tests" / "zero_energy_session_fires.jsonl"
"""With sessions, so that no report has to say that there is nothing to tell."""
LISTING = {
    "check": ["--upstream", "ws://csms.example"],
    "doctor": [],
    "replay": [str(TRACE)],
    "rules list": [],
    "rules check": [],
    "rules test": [],
    "trace export": ["--links"],
    "trace import": [str(TRACE), "--journal", "fresh"],
    "trace anonymise": [str(TRACE)],
    "journal stat": [],
    "journal verify": [],
    "journal tail": [],
    "report sessions": [],
    "report kpis": [],
    "report uptime": ["--month", "2026-09"],  # the trace's
    "report station": ["CP1"],
}
LASTING = {"run", "relay", "watch", "demo", "sim stations", "sim csms"}
"""These say what they have to say on standard error."""
FORMATS = [
    (command, form)
    for command in LISTING
    for form in {"replay": ("text", "jsonl"), "check": ("",)}.get(command, ("text", "json"))
    if form != "json" or not command.startswith("trace")
]


def nocwatch(
    folder: Path, *arguments: str, stdout: int, stderr: int = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nocwatch", *arguments],
        stdout=stdout, stderr=stderr, text=True, cwd=folder, timeout=60, check=False,
    )  # fmt: skip


@pytest.fixture
def unread() -> int:
    """A pipe whose reader has left."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def kept(path: Path) -> None:
    """The traces as the watch keeps them."""
    store, batch = Store.open(StoreSettings(url=f"sqlite:///{path}")), Batch()
    pipeline = Pipeline(load_rules(shipped_rules()), Places(), AlertSettings())
    for sighting in read_traces([TRACE, CHARGES], Gate(REPLAY_KEY)):
        step = pipeline.feed(sighting)
        batch.add_step(step.sighting, step.events, step.changes, step.flags, step.alerts)
    store.apply(batch)
    store.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("deployment")
    import_traces([TRACE], made / "data" / "journal")
    kept(made / "data" / "nocwatch.db")
    (made / "data" / "privacy.key").write_bytes(bytes(32))
    (made / "data" / "privacy.key").chmod(0o600)
    return made


@pytest.mark.parametrize(("command", "form"), FORMATS)
def test_a_command_whose_reader_has_left_ends_quietly(
    folder: Path, unread: int, command: str, form: str
) -> None:
    options = [] if form in ("", "text") or "trace" in command else ["--format", form]
    done = nocwatch(folder, *command.split(), *LISTING[command], *options, stdout=unread)
    os.close(unread)
    assert (done.returncode, done.stderr) == (STATUS, "")


def test_of_a_long_trace_the_first_line_is_had_and_the_rest_is_not_made(folder: Path, tmp_path: Path) -> None:
    long = tmp_path / "long.jsonl"
    long.write_text(TRACE.read_text() * 2000)
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; '{sys.executable}' -m nocwatch trace anonymise '{long}' | head -1"],
        capture_output=True, text=True, cwd=folder, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (STATUS, "", 1)


def test_where_nobody_hears_its_complaint_either_the_status_is_the_same(folder: Path, unread: int) -> None:
    done = nocwatch(folder, "journal", "tail", stdout=unread, stderr=unread)
    os.close(unread)
    assert done.returncode == STATUS


def test_a_mistake_is_told_also_where_nobody_reads_the_results(folder: Path, unread: int) -> None:
    done = nocwatch(folder, "journal", "tail", "--set", "journal.keep_for=long", stdout=unread)
    os.close(unread)
    assert done.returncode == 2
    assert "journal.keep_for" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize(
    "command", ["report sessions --format csv", "report kpis --format json", "rules list"]
)
def test_a_report_into_a_full_disk_says_that_it_is_not_whole(folder: Path, command: str) -> None:
    with Path("/dev/full").open("wb") as full:
        done = nocwatch(folder, *command.split(), stdout=full.fileno())
    assert done.returncode == 2, done.stderr
    assert done.stderr == "nocwatch: what was to be written is not whole: No space left on device\n"


def test_no_command_is_left_out_here() -> None:
    commands = set()
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        commands |= {f"{name} {each}" for each in inner} if inner else {name}
    assert commands == LISTING.keys() | LASTING
