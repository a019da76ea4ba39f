"""Traces that other tools recorded: no link lines, no ticks, ``raw`` or ``payload`` alone, and each with habits of its own.

The commands are run as people run them, each a process: import, replay, reports.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import threading
from pathlib import Path

import pytest
from tests.cli.test_commands import nocwatch

from nocwatch.detectors.rules import load_rules, shipped_rules
from nocwatch.registry.places import Places
from nocwatch.tap.gate import Gate
from nocwatch.trace.reading import read_traces
from nocwatch.trace.replay import REPLAY_KEY, replay

RULES = load_rules(shipped_rules())
HERE = Path(__file__).parent / "foreign"
CSMS_LOG = HERE / "csms_log_16_raw.jsonl"
"""A CSMS's own log of one 1.6 station: the text alone, no ids, no version, times without a zone. Two drivers; one vehicle is silent."""
BALANCER = HERE / "balancer_201_payload.jsonl"
"""A load balancer's recorder: the payload alone, times with an offset, fields of its own, one 2.0.1 station after the other."""
DATABASE = HERE / "database_21_newest_first.json"
"""A dump of a table: an array, the newest row first, numbers as ids, call and answer in one second; 2.1 with a SEND."""


def replayed(folder: Path, *arguments: str) -> tuple[list[dict], str]:
    done = nocwatch(folder, "replay", *arguments, "--format", "jsonl")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def sessions(results: list[dict]) -> list[tuple]:
    last = {each["id"]: each for each in results if each["kind"] == "session"}
    return [
        (each["station"], each["transaction"], each["energy_wh"], each["outcome"], each["reason"])
        for each in last.values()
    ]


def rows(folder: Path, *arguments: str) -> list[dict[str, str]]:
    done = nocwatch(folder, "report", *arguments, "--data", "data", "--format", "csv")
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout, newline="")))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All three, imported at once."""
    made = tmp_path_factory.mktemp("foreign")
    done = nocwatch(made, "trace", "import", *map(str, (CSMS_LOG, BALANCER, DATABASE)), "--data", "data")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(" in data\n")
    return made


STORIES = [
    (
        CSMS_LOG,
        [
            ("HH-0017", 90417, 21600.0, "success", None),
            ("HH-0017", 90418, 0.0, "failed", "EV_COMM"),
        ],
    ),
    (BALANCER, [("DE-SWM-E4411", "b7e2-551", 27500.0, "success", None)]),
    (DATABASE, [("1207", "t-0099", 5400.0, "success", None)]),
]


@pytest.mark.parametrize(("trace", "wanted"), STORIES, ids=[trace.stem for trace, _ in STORIES])
def test_a_foreign_trace_replays_as_it_is(tmp_path: Path, trace: Path, wanted: list[tuple]) -> None:
    results, _ = replayed(tmp_path, str(trace))
    assert sessions(results) == wanted


def test_who_records_no_links_has_nobody_offline(tmp_path: Path) -> None:
    """An hour and more without a message is a quiet station, and no lost link: nothing was recorded of links."""
    results, _ = replayed(tmp_path, str(CSMS_LOG), "--until", "2025-03-03T12:00:00Z")
    assert {each["rule"] for each in results if each["kind"] == "flag"} == {"faulted"}
    assert sessions(results) == STORIES[0][1]


def test_time_outs_run_by_the_times_of_the_lines(tmp_path: Path) -> None:
    """The stop of a charge is not in the trace: its connector is free, and ten minutes later it is a lost stop."""
    lines = [line for line in CSMS_LOG.read_text().splitlines() if "7f20" not in line]
    until_next_driver = [
        line for line in lines if line < '{"schemaVersion": "1.1", "timestamp": "2025-03-03T08:20'
    ]
    (tmp_path / "lost.jsonl").write_text("\n".join(until_next_driver))
    now, _ = replayed(tmp_path, "lost.jsonl")
    assert [each[3] for each in sessions(now)] == ["ongoing"]
    later, _ = replayed(tmp_path, "lost.jsonl", "--until", "2025-03-03T08:30:00Z")
    assert sessions(later) == [("HH-0017", 90417, 20800.0, "failed", "LOST_STOP")]
    (session,) = {each["id"]: each for each in later if each["kind"] == "session"}.values()
    assert session["at"].startswith("2025-03-03T08:24:55")


def test_the_journal_of_an_imported_trace_replays_like_the_trace(folder: Path) -> None:
    of_journal, _ = replayed(folder, "data/journal")
    of_traces, _ = replayed(folder, str(CSMS_LOG), str(BALANCER), str(DATABASE))
    assert sessions(of_journal) == sessions(of_traces)
    assert len(sessions(of_traces)) == 4


def test_the_report_of_sessions_has_each_of_them(folder: Path) -> None:
    found = rows(folder, "sessions", "--columns", "full", "--order", "oldest")
    assert [
        (row["Station ID"], row["Transaction ID"], row["Energy (Wh)"], row["Outcome"]) for row in found
    ] == [
        ("HH-0017", "90417", "21600", "success"),
        ("HH-0017", "90418", "0", "failed"),
        ("DE-SWM-E4411", "b7e2-551", "27500", "success"),
        ("1207", "t-0099", "5400", "success"),
    ]
    assert [row["OCPP version"] for row in found] == ["1.6", "1.6", "2.0.1", "2.0.1"]
    assert found[0]["Start time"] == "2025-03-03T07:10:11Z"
    assert found[0]["Charge method"] == "RFID"


def test_the_key_figures_of_its_time_need_no_window_of_ours(folder: Path) -> None:
    """Without ``--from`` it is the thirty days before what was read ends, and not before today."""
    figures = {row["figure"]: row for row in rows(folder, "kpis", "--station", "1207")}
    assert (figures["session_success"]["value"], figures["session_success"]["number"]) == ("100", "1")
    figures = {
        row["figure"]: row for row in rows(folder, "kpis", "--from", "2025-03-03", "--to", "2025-03-03")
    }
    assert (figures["charge_start_success"]["numerator"], figures["charge_start_success"]["number"]) == (
        "1",
        "2",
    )
    # An hour after its last word nothing is known of a station: the fault of 160 s is a share of what is, and not of the whole day.
    assert float(figures["availability"]["value"]) == pytest.approx(98.261, abs=0.001)


def test_uptime_of_a_foreign_trace_knows_no_outage_but_those_that_were_said(folder: Path) -> None:
    (row,) = [
        each for each in rows(folder, "uptime", "--month", "2025-07") if each["station"] == "DE-SWM-E4412"
    ]
    assert (row["outages"], row["outage_min"]) == ("1", "20.0")
    (row,) = [each for each in rows(folder, "uptime", "--month", "2026-02") if each["station"] == "1207"]
    # The table ends half an hour after it began: nobody knows what was later, and nothing is told of it.
    assert float(row["total_min"]) == pytest.approx(31.1, abs=0.1)
    assert row["outage_min"] == "0.0"


def test_the_page_of_a_station_tells_who_it_is_and_what_failed(folder: Path) -> None:
    done = nocwatch(folder, "report", "station", "DE-SWM-E4411", "--data", "data")
    assert done.returncode == 0, done.stderr
    assert "| Vendor | Alpina |" in done.stdout
    assert "A50-20391" in done.stdout
    done = nocwatch(
        folder, "report", "station", "HH-0017", "--data", "data", "--from", "2025-03-01", "--to", "2025-03-31"
    )
    assert "1 of 2 sessions that succeeded or failed have failed" in done.stdout
    assert "EVCommunicationError" in done.stdout
    assert "No outage was seen." in done.stdout


def as_bytes(form: str, text: bytes) -> bytes:
    lines = text.splitlines()
    return {
        "gzip": gzip.compress(text),
        "byte-order mark": b"\xef\xbb\xbf" + text,
        "cr lf": b"\r\n".join(lines),
        "blank lines": b"\n\n  \n".join(lines) + b"\n\n",
        "no end": text.rstrip(),
        "array": b"[" + b",\n".join(lines) + b"]",
        "packed array, marked": gzip.compress(b"\xef\xbb\xbf \n[" + b",".join(lines) + b"]"),
        "newest first": b"\n".join(lines[::-1]),
        "packed, newest first": gzip.compress(b"\n".join(lines[::-1])),
    }[form]


@pytest.mark.parametrize(
    "form",
    [
        "gzip",
        "byte-order mark",
        "cr lf",
        "blank lines",
        "no end",
        "array",
        "packed array, marked",
        "newest first",
        "packed, newest first",
    ],
)
def test_in_whatever_form_it_comes_it_is_the_same_trace(tmp_path: Path, form: str) -> None:
    trace = tmp_path / "trace"
    trace.write_bytes(as_bytes(form, CSMS_LOG.read_bytes()))
    found = list(replay(read_traces([trace], Gate(REPLAY_KEY)), RULES, Places()))
    assert sessions(found) == STORIES[0][1]


def test_a_trace_comes_through_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    packed = gzip.compress(b"\n".join(CSMS_LOG.read_bytes().splitlines()[::-1]))
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(packed,))
    writer.start()
    results, _ = replayed(tmp_path, "pipe")
    writer.join()
    assert sessions(results) == STORIES[0][1]


def test_lines_out_of_order_are_put_right_and_it_is_said(tmp_path: Path) -> None:
    _, told = replayed(tmp_path, str(BALANCER))
    assert "8 of 32 lines stood out of order; they are read by their time stamps" in told


def test_all_that_is_broken_is_told_at_once_with_its_count_and_nothing_is_made(tmp_path: Path) -> None:
    lines = CSMS_LOG.read_text().splitlines()
    lines[2:2] = [
        '{"timestamp": "yesterday", "direction": "cp-to-csms", "raw": "[]"}',
        "07:10 INFO connected",
    ]
    lines.append(lines[0][:100])
    (tmp_path / "log.jsonl").write_text("\n".join(lines))
    done = nocwatch(tmp_path, "trace", "import", "log.jsonl", "--data", "data")
    assert done.returncode == 2
    assert done.stdout == ""
    *told, count = done.stderr.splitlines()
    assert [each.split(": ")[0] for each in told] == ["log.jsonl:3", "log.jsonl:4", f"log.jsonl:{len(lines)}"]
    assert count == f"log.jsonl: 3 of {len(lines)} lines cannot be read"
    assert not (tmp_path / "data").exists()
    results, told_too = replayed(tmp_path, "log.jsonl", "--skip-broken")
    assert sessions(results) == STORIES[0][1]
    assert count in told_too


def test_a_packed_trace_whose_recorder_was_killed_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    packed = gzip.compress(CSMS_LOG.read_bytes())
    (tmp_path / "trace.gz").write_bytes(packed[:-200])
    done = nocwatch(tmp_path, "replay", "trace.gz")
    assert (done.returncode, done.stdout) == (2, "")
    assert "damaged here" in done.stderr
    results, _ = replayed(tmp_path, "trace.gz", "--skip-broken")
    assert sessions(results)[0] == STORIES[0][1][0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[2,"1","Heartbeat",{}]\n', "trace:1: neither a line of a trace nor a JSON array of such lines"),
        ("\ufeff{}\n", "trace:1: this is UTF-16 text; a trace is UTF-8"),
        ('{"timestamp":"2026-01-01T00:00:00Z","direction":"out","raw":"[]"}', "direction 'out' is neither"),
    ],
)
def test_what_is_no_trace_is_told_in_words(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "trace").write_bytes(text.encode("utf-16-le" if "\ufeff" in text else "utf-8"))
    done = nocwatch(tmp_path, "replay", "trace")
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_an_import_names_one_place(tmp_path: Path) -> None:
    for places in ((), ("--journal", "j", "--data", "d")):
        done = nocwatch(tmp_path, "trace", "import", str(CSMS_LOG), *places)
        assert done.returncode == 2
        assert "name one" in done.stderr


def test_an_import_leaves_alone_what_is_there_and_makes_nothing_where_the_registry_is_wrong(
    tmp_path: Path,
) -> None:
    (tmp_path / "registry").mkdir()
    (tmp_path / "registry" / "r.yaml").write_text("stations: [{id: HH-0017, site: nowhere}]\n")
    done = nocwatch(tmp_path, "trace", "import", str(CSMS_LOG), "--data", "data")
    assert done.returncode == 2
    assert "r.yaml:1:stations.0.site" in done.stderr
    assert not (tmp_path / "data" / "journal").exists()
    (tmp_path / "registry" / "r.yaml").unlink()
    assert nocwatch(tmp_path, "trace", "import", str(CSMS_LOG), "--data", "data").returncode == 0
    again = nocwatch(tmp_path, "trace", "import", str(BALANCER), "--data", "data")
    assert again.returncode == 2
    assert "there is a store already" in again.stderr
    assert len(rows(tmp_path, "sessions")) == 2


def test_an_import_says_what_came_of_it(tmp_path: Path) -> None:
    done = nocwatch(tmp_path, "trace", "import", str(CSMS_LOG), "--data", "data")
    assert done.stdout.splitlines()[-1] == "1 station, 2 sessions, 32 frames, 1 flag in data"


@pytest.mark.parametrize("folder", ["--data", "--journal"])
def test_nothing_to_import_is_told_and_nothing_is_made(tmp_path: Path, folder: str) -> None:
    """A log that was rotated a moment ago: an empty folder with status 0 would pass for a night without a charger."""
    (tmp_path / "log.jsonl").write_text("\n\n")
    done = nocwatch(tmp_path, "trace", "import", "log.jsonl", folder, "made")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "log.jsonl: there is no line in it" in done.stderr
    assert "there is no line to import, and nothing was made" in done.stderr
    assert not (tmp_path / "made").exists()
    (tmp_path / "broken.jsonl").write_text("07:10 INFO connected\n")
    done = nocwatch(tmp_path, "trace", "import", "broken.jsonl", folder, "made", "--skip-broken")
    assert done.returncode == 2
    assert not (tmp_path / "made").exists()
