"""``nocwatch report station`` on the store of a network of forty stations."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from tests.cli.test_commands import nocwatch
from tests.support.console_data import NOW_NS, forty_stations
from tests.support.deployment import REPOSITORY

from nocwatch.moments import DAY_NS, rfc3339

STATION = "CP-DEP-020"
"""The one that nothing succeeds at."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("network")
    network = forty_stations(folder)
    network.store.apply(network.batch)
    network.store.close()
    (folder / "nocwatch.yaml").write_text(f"store: {{url: 'sqlite:///{folder}/console.db'}}\n")
    return folder


WINDOW = ("--from", rfc3339(NOW_NS - 3 * DAY_NS), "--to", rfc3339(NOW_NS))


def test_the_page_tells_the_whole_story(folder: Path) -> None:
    done = nocwatch(folder, "report", "station", STATION, *WINDOW)
    assert (done.returncode, done.stderr) == (0, "")
    for said in (
        "| Vendor | Mennekes |",
        "8 of 8 sessions that succeeded or failed have failed",
        "| same vendor, model and firmware | 9 | 70 | 4 | 5.7 % | 2.2 to 13.8 % | this station fails more often |",
        "| Authorize | InternalError | the CSMS | 1 |",
        "| MeterValues | not answered | the CSMS | 1 |",
        f"nocwatch trace export --station {STATION} --from ",
    ):
        assert said in done.stdout


def test_the_last_days_are_a_window_of_their_own(folder: Path) -> None:
    made = [
        json.loads(nocwatch(folder, "report", "station", STATION, *asked, "--format", "json").stdout)
        for asked in ((), ("--last", "7d"))
    ]
    assert [each["until"] for each in made] == [made[0]["until"]] * 2
    assert made[0]["from"] < made[1]["from"]


def test_forms_agree_and_anonymised_ones_do_not_name_it(folder: Path) -> None:
    found = json.loads(nocwatch(folder, "report", "station", STATION, *WINDOW, "--format", "json").stdout)
    assert (found["failed"]["number"], found["failed"]["of"]) == (8, 8)
    assert len(found["failed_sessions"]) == 8
    figures = nocwatch(folder, "report", "station", STATION, *WINDOW, "--format", "csv").stdout
    assert "failed,this station,,8,8,1.0," in figures
    for form in ("text", "html", "json", "csv"):
        done = nocwatch(folder, "report", "station", STATION, *WINDOW, "--anonymised", "--format", form)
        assert (done.returncode, done.stderr) == (0, "")
        assert STATION not in done.stdout, form
        assert "SN100219" not in done.stdout, form


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("CP-DEP-02",), "CP-DEP-02: no such station was ever seen; did you mean CP-DEP-0"),
        ((STATION.lower(),), f"{STATION.lower()}: no such station was ever seen; did you mean {STATION}?"),
        ((STATION, "--from", "2099-01-01"), "--from lies in the future"),
        (
            (STATION, "--last", "7d", "--to", "2025-01-01"),
            "--last says from when on; leave --from and --to away",
        ),
        ((STATION, "--data", "elsewhere", "--set", "store.url=sqlite:///none.db"), "there is no store yet"),
    ],
)
def test_wrong_usage_is_one_clear_line(folder: Path, arguments: tuple[str, ...], said: str) -> None:
    done = nocwatch(folder, "report", "station", *arguments)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), done.stderr
    assert said in done.stderr


def test_the_commands_that_it_prints_work_as_they_are_pasted(tmp_path: Path) -> None:
    """From the same folder: they name the data and the configuration that the report was told."""
    data = tmp_path / "on site"
    trace = REPOSITORY / "rules" / "tests" / "zero_energy_session_fires.jsonl"
    assert nocwatch(tmp_path, "trace", "import", str(trace), "--data", str(data)).returncode == 0
    station = json.loads(trace.read_text().splitlines()[0])["chargePointId"]
    secret = (
        "--set",
        "influx.url=http://127.0.0.1:1",
        "--set",
        "influx.bucket=b",
        "--set",
        "influx.token=hunter2",
    )
    given = ("--data", "on site", "--set", "journal.keep_for=30d", *secret)
    page = nocwatch(tmp_path, "report", "station", station, *given).stdout
    printed = [line for line in page.splitlines() if line.startswith("nocwatch trace export ")]
    assert printed
    assert "hunter2" not in page  # it goes to the vendor
    for line in printed:
        command, _, target = line.partition(" > ")
        done = nocwatch(tmp_path, *shlex.split(command)[1:])
        assert (done.returncode, done.stderr) == (0, ""), line
        assert target.endswith(".jsonl")
        assert station in done.stdout
    hidden = nocwatch(tmp_path, "report", "station", station, *given, "--anonymised").stdout
    assert "on site" not in hidden
