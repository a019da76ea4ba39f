"""``nocwatch report sessions`` on a store that a watch has open: filters, formats, statuses, and that nothing is written."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.test_commands import nocwatch
from tests.support.alerts import HOUR, NOON
from tests.support.history import a_session, a_station, batch_of, session_changed

from nocwatch.sessions import Outcome
from nocwatch.store import Store

REGISTRY = """
sites: [{id: depot, name: Depot Nord, timezone: Europe/Berlin}, {id: empty}]
stations: [{id: CP1, site: depot, name: Depot 1, evses: [{id: 1, evse_id: "DE*ACM*E1"}]}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Hourly sessions of CP1, one of CP2 that goes on; the store stays open, as the watch's does."""
    (tmp_path / "registry").mkdir()
    (tmp_path / "registry" / "all.yaml").write_text(REGISTRY)
    (tmp_path / "empty").mkdir()
    store = Store.open(f"sqlite:///{tmp_path}/data/nocwatch.db")
    sessions = [a_session(f"s{n:02d}", started=NOON + n * HOUR) for n in range(5)]
    sessions.append(a_session("s99", station="CP2", outcome=Outcome.ONGOING, started=NOON + 30 * HOUR))
    store.apply(batch_of(a_station(), a_station("CP2"), *map(session_changed, sessions)))
    yield tmp_path
    store.close()


def report(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return nocwatch(folder, "report", "sessions", *arguments)


def charged(folder: Path, *arguments: str) -> list[str]:
    done = report(folder, "--format", "csv", *arguments)
    assert done.returncode == 0, done.stderr
    return [row["Charge ID"] for row in csv.DictReader(io.StringIO(done.stdout))]


def test_all_of_them_the_newest_first(folder: Path) -> None:
    assert charged(folder) == ["s99", "s04", "s03", "s02", "s01", "s00"]
    found = json.loads(report(folder, "--format", "json", "--columns", "log", "--order", "oldest").stdout)
    assert [each["session_reference"] for each in found] == ["s00", "s01", "s02", "s03", "s04", "s99"]
    assert found[0]["evse"] == "DE*ACM*E1"


def test_filters_of_a_charging_log(folder: Path) -> None:
    assert charged(folder, "--status", "ongoing") == ["s99"]
    assert charged(folder, "--site", "dep*", "--from", "2025-11-21T15:00:00Z") == ["s04", "s03"]
    assert charged(folder, "--station", "CP2") == ["s99"]
    assert charged(folder, "--evse", "DE*ACM*E1", "--to", "2025-11-21T13:00:00Z") == ["s00"]
    assert charged(folder, "--search", "t15:00:00") == ["s03", "s02"]
    assert charged(folder, "--outcome", "success", "--to", "2025-11-21") == [
        "s04",
        "s03",
        "s02",
        "s01",
        "s00",
    ]


def test_an_evse_id_whose_parts_are_parted_by_stars_is_that_one_and_no_glob(folder: Path) -> None:
    """As a glob ``DE*ACM*E1*1`` would be that of E12 as well: somebody else's charges on the bill."""
    evses = "stations: [{id: CP1, evses: [{id: 1, evse_id: DE*ACM*E1*1}]}, {id: CP2, evses: [{id: 1, evse_id: DE*ACM*E12*1}]}]"
    (folder / "registry" / "all.yaml").write_text(evses)
    assert charged(folder, "--evse", "DE*ACM*E1*1", "--order", "oldest") == [f"s{n:02d}" for n in range(5)]
    assert charged(folder, "--evse", "DE*ACM*E12*1") == ["s99"]
    assert len(charged(folder, "--evse", "DE*ACM*E*")) == 6


def test_a_day_is_the_day_of_the_time_zone_and_times_are_as_a_spreadsheet_takes_them(folder: Path) -> None:
    """22 November of Auckland begins at 11:00 UTC of the 21st."""
    zone = ("--timezone", "Pacific/Auckland")
    assert charged(folder, *zone, "--to", "2025-11-21") == []
    done = report(folder, "--columns", "log", "--times", "local", "--site", "depot", "--format", "csv")
    assert done.stdout.splitlines()[-1].startswith("2025-11-21 13:00:00,")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--site", "nowhere"), "--site nowhere: no station"),
        (("--site", "depto"), "did you mean depot?"),
        (("--station", "CP11"), "did you mean CP1?"),
        (("--station", "cp2"), "did you mean CP2?"),
        (("--station", "Depot 1"), "is such a one; that is the name of CP1"),
        (("--site", "depot nord"), "has such a site; that is the name of depot"),
        (("--evse", "DE*ACM*F1"), "no EVSE of the registry has such an EVSE-ID; did you mean DE*ACM*E1?"),
        (
            ("--evse", "E1", "--set", "registry=empty"),
            "E1: no station has any EVSE-ID; that is told by the registry",
        ),
        (("--team", "blue"), "no station has any team; that is told by the registry"),
        (("--station", "CP2", "--site", "depot"), "is all of that"),
        (("--set", "registry=elsewhere"), "elsewhere: there is no such file or folder"),
        (("--from", "21.11.2025"), "is no day and no time stamp; right are 2026-11-21"),
        (("--from", "0001-01-01"), "--from 0001-01-01: the store reaches from 1970 to 2261"),
        (("--to", "9999-12-30"), "--to 9999-12-30: the store reaches from 1970 to 2261"),
        (("--to", "2400-01-01T00:00:00Z"), "--to"),
        (("--from", "2025-11-22", "--to", "2025-11-21"), "--from is not before --to"),
        (("--timezone", "Mars"), "--timezone Mars"),
        (("--last", "7"), "--last"),
        (("--last", "7d", "--from", "2025-11-21"), "leave --from and --to away"),
        (("--data", "elsewhere"), "there is no store yet"),
    ],
)
def test_wrong_usage_is_one_clear_line(folder: Path, arguments: tuple[str, ...], said: str) -> None:
    done = report(folder, *arguments)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), done.stderr
    assert said in done.stderr
    assert not (folder / "elsewhere").exists()


def test_the_last_days_of_a_recording_are_reckoned_from_where_it_ends(tmp_path: Path) -> None:
    """A trace of last year that was imported: its last day is not yesterday."""
    store = Store.open(f"sqlite:///{tmp_path}/data/nocwatch.db")
    sessions = [a_session("early", started=NOON), a_session("late", started=NOON + 48 * HOUR)]
    store.apply(batch_of(a_station(), *map(session_changed, sessions), at_ns=NOON + 50 * HOUR))
    store.close()
    assert charged(tmp_path, "--last", "1d") == ["late"]
    assert charged(tmp_path, "--last", "7d") == ["late", "early"]


def test_who_finds_nothing_is_told_what_there_is(folder: Path) -> None:
    done = report(folder, "--from", "2024-01-01", "--to", "2024-02-01", "--format", "csv")
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 1)
    assert "those in the store began from 2025-11-21T12:00:00Z to 2025-11-22T18:00:00Z" in done.stderr
    assert report(folder, "--site", "depot").stderr == ""


def test_a_reader_that_leaves_ends_it_quietly(folder: Path) -> None:
    command = [sys.executable, "-m", "nocwatch", "report", "sessions"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert (running.stderr.read(), running.wait(60)) == (b"", 141)


def test_a_table_has_what_a_terminal_has_room_for_and_files_have_every_column(folder: Path) -> None:
    table = report(folder).stdout.splitlines()
    assert table[0].split() == [
        "Start",
        "time",
        "Station",
        "Socket",
        "Outcome",
        "Reason",
        "kWh",
        "Duration",
        "Session",
    ]
    assert max(map(len, table)) <= 120
    assert len(report(folder, "--format", "csv").stdout.splitlines()[0].split(",")) == 27
    assert "EVSE-ID" in report(folder, "--columns", "virta").stdout.splitlines()[0]


def test_a_short_table_is_searched_in_what_it_has_no_room_for_too(folder: Path) -> None:
    found = report(folder, "--search", "DE*ACM*E1", "--order", "oldest").stdout.splitlines()[1:]
    assert [line.split()[-1] for line in found] == ["s00", "s01", "s02", "s03", "s04"]
