"""``nocwatch report kpis`` and ``report uptime`` on a store that a watch has open."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.test_commands import nocwatch
from tests.support.alerts import HOUR
from tests.support.history import a_session, a_station, batch_of, session_changed, status

from nocwatch.moments import DAY_NS
from nocwatch.network import ConnectorStatus
from nocwatch.sessions import Outcome
from nocwatch.store import Store

OCTOBER = 1_759_276_800 * 10**9
"""2025-10-01T00:00:00Z."""
REGISTRY = """
sites: [{id: depot, timezone: UTC}]
stations: [{id: CP1, site: depot, regulations: [nevi], evses: [{id: 1, evse_id: "US*ACM*E1"}]}, {id: CP2, site: depot}]
exclusions: [{scope: {station: CP1}, from: 2025-10-10T00:00:00Z, until: 2025-10-11T00:00:00Z, cause: utility_outage, note: "=cmd|x"}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """October of two stations: one fails once and has an outage of two days, of which one is excused."""
    (tmp_path / "registry").mkdir()
    (tmp_path / "registry" / "all.yaml").write_text(REGISTRY)
    store = Store.open(f"sqlite:///{tmp_path}/data/nocwatch.db")
    down_ns = OCTOBER + 9 * DAY_NS
    changes: list[object] = [a_station(at_ns=OCTOBER), a_station("CP2", OCTOBER)]
    for name in ("CP1", "CP2"):
        changes += [
            session_changed(a_session(f"{name}-{n}", station=name, started=OCTOBER + n * HOUR))
            for n in range(9)
        ]
        changes.append(status(ConnectorStatus.AVAILABLE, OCTOBER, station=name))
    changes += [
        session_changed(
            a_session("failed", started=OCTOBER + 20 * HOUR, outcome=Outcome.FAILED, energy_wh=0.0)
        ),
        status(ConnectorStatus.FAULTED, down_ns, error="GroundFailure"),
        status(ConnectorStatus.AVAILABLE, down_ns + 2 * DAY_NS),
    ]
    store.apply(batch_of(*changes))
    yield tmp_path
    store.close()


def report(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return nocwatch(folder, "report", *arguments)


def rows(folder: Path, *arguments: str) -> list[dict[str, str]]:
    done = report(folder, *arguments, "--format", "csv")
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))


def test_the_last_days_are_reckoned_from_where_the_watch_stopped_reading(tmp_path: Path) -> None:
    """A store of last year: its last day is not yesterday. A span that goes back beyond all time takes everything."""
    store = Store.open(f"sqlite:///{tmp_path}/data/nocwatch.db")
    sessions = [a_session("early", started=OCTOBER), a_session("late", started=OCTOBER + 9 * DAY_NS)]
    store.apply(batch_of(a_station(), *map(session_changed, sessions), at_ns=OCTOBER + 10 * DAY_NS))
    store.close()
    for last, number in (("2d", "1"), ("20d", "2"), ("36500d", "2")):
        found = rows(tmp_path, "kpis", "--last", last)
        assert [row["number"] for row in found if row["figure"] == "success_rate"] == [number], last


def test_figures_of_a_month_by_station(folder: Path) -> None:
    found = rows(folder, "kpis", "--from", "2025-10-01", "--to", "2025-10-31", "--by", "station")
    success = {row["group"]: row for row in found if row["figure"] == "success_rate"}
    assert {name: (row["value"], row["number"]) for name, row in success.items()} == {
        "CP1": ("90", "10"),
        "CP2": ("100", "9"),
    }
    assert success["CP1"]["unit"] == "%"
    document = json.loads(
        report(folder, "kpis", "--from", "2025-10-01", "--station", "CP2", "--format", "json").stdout
    )
    assert [each["group"] for each in document["groups"]] == ["fleet"]
    assert document["groups"][0]["figures"][0]["numerator"] == 9


def test_what_a_grantee_files(folder: Path) -> None:
    (row,) = rows(folder, "uptime", "--month", "2025-10")
    # 31 days, two of them down, one of these excused.
    assert (row["regulation"], row["month"], row["evse_id"]) == ("nevi", "2025-10", "US*ACM*E1")
    assert (row["total_min"], row["outage_min"], row["excluded_min"]) == ("44640.0", "2880.0", "1440.0")
    assert row["uptime_percent"] == "96.774"
    assert row["holds"] == "false"
    (outage,) = rows(folder, "uptime", "--month", "2025-10", "--outages")
    assert (outage["cause"], outage["evidence"]) == ("utility_outage", "Faulted (GroundFailure)")
    assert outage["note"] == "'=cmd|x"


def test_a_regulation_that_is_named_is_for_every_port_and_a_pooled_one_has_its_network(folder: Path) -> None:
    found = rows(folder, "uptime", "--month", "2025-10", "--regulation", "uk")
    assert [(row["station"], row["holds"]) for row in found] == [
        ("CP1", ""),
        ("CP2", ""),
        ("(network)", "false"),
    ]
    assert found[-1]["uptime_percent"] == "96.774"
    both = json.loads(
        report(
            folder,
            "uptime",
            "--from",
            "2025-10-05",
            "--to",
            "2025-11-02",
            "--regulation",
            "nevi",
            "--format",
            "json",
        ).stdout
    )
    assert [(row["month"], row["station"], len(row["outages"])) for row in both] == [
        ("2025-10", "CP1", 1),
        ("2025-10", "CP2", 0),
        ("2025-11", "CP1", 0),
        ("2025-11", "CP2", 0),
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["uptime", "--month", "October"], "write it as 2026-10"),
        (["uptime", "--month", "9999-12"], "--month 9999-12: the store reaches from 1970 to 2261"),
        (["uptime", "--month", "0001-01"], "--month 0001-01: the store reaches from 1970 to 2261"),
        (["kpis", "--from", "0001-01-01"], "--from 0001-01-01: the store reaches from 1970 to 2261"),
        (["uptime", "--month", "2025-10", "--from", "2025-10-01"], "leave --from and --to away"),
        (["kpis", "--from", "2025-10-02", "--to", "2025-10-01"], "nothing between them"),
        (["kpis", "--last", "7"], "--last: '7' is no duration"),
        (["kpis", "--last", "7d", "--to", "2025-10-01"], "leave --from and --to away"),
        (
            ["kpis", "--site", "depto"],
            "--site depto: no station that was seen or is in the registry has such a site; did you mean depot?",
        ),
        (["uptime", "--site", "nowhere"], "has such a site; there is depot"),
        (["uptime", "--station", "CP3"], "did you mean CP"),
        (["kpis", "--team", "blue"], "no station has any team; that is told by the registry"),
        (["kpis", "--current", "ac"], "--current ac: no connector is known to be that"),
        (["kpis", "--upstream", "mian"], "--upstream mian: no session went to such a CSMS"),
    ],
)
def test_wrong_use_is_told_in_words(folder: Path, arguments: list[str], words: str) -> None:
    done = report(folder, *arguments)
    assert (done.returncode, done.stdout, words in done.stderr) == (2, "", True), done.stderr


def test_uptime_of_a_month_without_ports_names_the_month_that_was_looked_at(folder: Path) -> None:
    ran = report(folder, "uptime", "--month", "1999-12")
    assert ran.returncode == 0
    assert "no port of that scope was known in 1999-12" in ran.stderr


def test_a_table_of_uptime_fits_a_terminal_and_files_have_every_column(folder: Path) -> None:
    asked = ("uptime", "--month", "2025-10", "--regulation", "nevi")
    table = report(folder, *asked).stdout.splitlines()
    assert max(map(len, table)) <= 160
    assert "uptime_percent" in table[0]
    assert {"year_by_service_percent", "evse_id"} <= rows(folder, *asked)[0].keys()
