"""Traces and journals from a shell: what went wrong is said, and the next try is not in its own way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nocwatch.cli import app
from nocwatch.errors import NocwatchError
from nocwatch.trace.writing import import_traces

LINE = '{"schemaVersion":"1.1","timestamp":"2026-01-01T12:00:0%d.000Z","transport":"json","direction":"cp-to-csms","messageType":"CALL","action":"Heartbeat","messageId":"%d","chargePointId":"CP1","payload":{}}\n'


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "t.jsonl"
    path.write_text("".join(LINE % (number, number) for number in range(3)))
    return path


def test_a_bad_trace_is_corrected_and_imported_again(tmp_path: Path, trace: Path) -> None:
    good = trace.read_text()
    trace.write_text(good + "{broken\n")
    with pytest.raises(NocwatchError, match=r"t\.jsonl:4"):
        import_traces([trace], tmp_path / "journal")
    assert not (tmp_path / "journal").exists()
    trace.write_text(good)
    assert import_traces([trace], tmp_path / "journal") == (1, 3, 0)


def test_a_folder_with_something_in_it_is_not_imported_into_nor_deleted(tmp_path: Path, trace: Path) -> None:
    with pytest.raises(NocwatchError, match="something already"):
        import_traces([trace], tmp_path)
    assert trace.exists()


def test_the_tail_of_an_imported_journal_needs_no_installations_key(
    tmp_path: Path, trace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_traces([trace], tmp_path / "journal")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["journal", "tail", "--journal", "journal"])
    assert done.exit_code == 0, done.output
    assert done.stdout.count("Heartbeat") == 3


def test_a_damaged_block_is_told_in_words(tmp_path: Path, trace: Path) -> None:
    import_traces([trace], tmp_path / "journal")
    (segment,) = (tmp_path / "journal").glob("lane-0/*.seg")
    data = bytearray(segment.read_bytes())
    data[data.index(b"Heartbeat")] ^= 0xFF
    segment.write_bytes(bytes(data))
    done = CliRunner().invoke(app, ["journal", "verify", "--journal", str(tmp_path / "journal")])
    assert done.exit_code == 1
    first, last = done.stdout.splitlines()[0], done.stdout.splitlines()[-1]
    assert first.startswith(f"lane-0/{segment.name} at ")
    assert "records damaged (" in first
    assert last.endswith("1 finding")


@pytest.mark.parametrize("options", [["--station", "CP9"], ["--from", "2027-01-01T00:00:00Z"]])
def test_an_export_of_nothing_says_what_there_is(
    tmp_path: Path, trace: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    import_traces([trace], tmp_path / "data" / "journal")
    (tmp_path / "data" / "privacy.key").write_bytes(bytes(32))
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["trace", "export", *options])
    assert done.exit_code == 1
    assert done.stdout == ""
    assert "the journal reaches from 2026-01-01T12:00:00" in done.stderr
    turned = ["--from", "2026-01-02T00:00:00Z", "--until", "2026-01-01T00:00:00Z"]
    with pytest.raises(NocwatchError, match="--from is after --until"):
        CliRunner().invoke(app, ["trace", "export", *turned], catch_exceptions=False)


def test_a_missing_trace_of_a_rule_is_told_and_does_not_stop_the_other_tests(
    tmp_path: Path, trace: Path
) -> None:
    (tmp_path / "r.yaml").write_text(
        "rule: r\ndetector: faulted\ntests:\n  - {trace: none.jsonl, raises: 1}\n  - {trace: t.jsonl, raises: 0}\n"
    )
    checked = CliRunner().invoke(app, ["rules", "check", str(tmp_path / "r.yaml")])
    assert checked.exit_code == 2
    assert "r.yaml:4:tests.0.trace: " in checked.stderr
    tested = CliRunner().invoke(app, ["rules", "test", str(tmp_path / "r.yaml"), "--format", "json"])
    assert tested.exit_code == 1
    assert [each["holds"] for each in json.loads(tested.stdout)] == [False, True]


def test_a_folder_without_rules_is_not_well(tmp_path: Path) -> None:
    checked = CliRunner().invoke(app, ["rules", "check", str(tmp_path)])
    assert checked.exit_code == 2
    assert "there is no rule in it" in checked.stderr


def test_a_recording_of_messages_alone_knows_nothing_of_a_station_long_after_its_last_word(
    tmp_path: Path, trace: Path
) -> None:
    """CP1 spoke for three seconds at noon, CP2 until the evening: of CP1 nobody knows whether it was up meanwhile."""
    said = json.loads(LINE % (0, 0))
    status = {
        **said,
        "action": "StatusNotification",
        "payload": {"connectorId": 1, "status": "Available", "errorCode": "NoError"},
    }
    lines = [{**status, "messageId": f"{station}-s", "chargePointId": station} for station in ("CP1", "CP2")]
    lines += [
        {**said, "messageId": f"h{hour}", "chargePointId": "CP2", "timestamp": f"2026-01-01T{hour}:30:00Z"}
        for hour in range(12, 22)
    ]
    trace.write_text("".join(json.dumps(line) + "\n" for line in lines))
    data = tmp_path / "data"
    imported = CliRunner().invoke(app, ["trace", "import", str(trace), "--data", str(data)])
    assert imported.exit_code == 0, imported.output
    asked = ["report", "uptime", "--data", str(data), "--month", "2026-01", "--format", "json"]
    told = json.loads(CliRunner().invoke(app, asked, catch_exceptions=False).stdout)
    unknown = {row["station"]: round(row["unknown_min"]) for row in told}
    assert unknown == {"CP1": 510, "CP2": 0}, "from 13:00 to 21:30, and nothing of the station that spoke"
    shares = {row["station"]: row["by_service_percent"] for row in told}
    assert shares["CP2"] == 100
    assert shares["CP1"] < 15
    exported = CliRunner().invoke(app, ["trace", "export", "--data", str(data), "--links"])
    assert '"link"' not in exported.stdout, "nobody saw a connection, and a copy does not say otherwise"
