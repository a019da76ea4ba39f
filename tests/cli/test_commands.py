"""Commands say what is wrong in one line a mistake, with its place, and end with the status that scripts rely on."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest


def nocwatch(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nocwatch", *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=60,
        check=False,
    )


def test_every_mistake_of_configuration_is_told_at_once_and_nothing_starts(tmp_path: Path) -> None:
    (tmp_path / "nocwatch.yaml").write_text(
        "relay:\n  listen: [{address: here}]\njournal: {keep_for: 14}\nconsole: {colour: red}\nconsole: {}\n"
    )
    for command in ("check", "run", "relay", "watch"):
        done = nocwatch(tmp_path, command)
        assert done.returncode == 2, command
        assert done.stdout == ""
        assert "nocwatch.yaml:2:relay.listen.0.address" in done.stderr, done.stderr
        assert "nocwatch.yaml:3:journal.keep_for" in done.stderr
        assert "nocwatch.yaml:5:console: this key stands here twice" in done.stderr
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()


def test_mistakes_of_rules_and_registry_are_told_together(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.yaml").write_text("rule: a\ndetector: faultet\n")
    (tmp_path / "registry").mkdir()
    (tmp_path / "registry" / "b.yaml").write_text("stations: [{id: CP1, site: nowhere}]\n")
    done = nocwatch(tmp_path, "check")
    assert done.returncode == 2
    assert "rules/a.yaml:2:detector" in done.stderr
    assert "did you mean faulted" in done.stderr
    assert "registry/b.yaml:1:stations.0.site" in done.stderr


def test_a_data_folder_that_is_a_file_is_a_mistake(tmp_path: Path) -> None:
    """The relay would not find out before its first write."""
    (tmp_path / "here").write_text("")
    for folder in ("here", "here/below"):
        done = nocwatch(tmp_path, "check", "--data", folder, "--upstream", "ws://csms")
        assert done.returncode == 2, done.stdout
        (line, count) = done.stderr.splitlines()
        assert line.startswith("command line:--data: here is a file, and must be a folder"), line
        assert count == "1 mistake"
    assert nocwatch(tmp_path, "check", "--data", "not/yet", "--upstream", "ws://csms").returncode == 0


def test_a_check_without_a_csms_says_what_run_would_say(tmp_path: Path) -> None:
    done = nocwatch(tmp_path, "check")
    assert done.returncode == 2
    assert "relay.upstreams: no CSMS is named: say --upstream" in done.stderr
    assert "no file" not in done.stderr


def test_an_environment_variable_that_is_wrong_is_named(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nocwatch", "check"], capture_output=True, text=True, cwd=tmp_path, check=False, timeout=60,
        env={**os.environ, "NOCWATCH_JOURNAL__KEEP_FOR": "long"},
    )  # fmt: skip
    assert done.returncode == 2
    assert "NOCWATCH_JOURNAL__KEEP_FOR" in done.stderr


@pytest.mark.parametrize(
    "command", [("demo",), ("sim", "csms"), ("sim", "stations", "--url", "ws://127.0.0.1:1")]
)
def test_a_speed_that_stands_still_is_refused_in_words(tmp_path: Path, command: tuple[str, ...]) -> None:
    done = nocwatch(tmp_path, *command, "--speed", "0")
    assert (done.returncode, "0 is not more than 0" in done.stderr, list(tmp_path.iterdir())) == (2, True, [])
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "asked",
    [
        ("report", "kpis", "--by", "foo"),
        ("report", "sessions", "--format", "foo"),
        ("demo", "--stations", "many"),
    ],
)
def test_a_wrong_option_is_told_in_a_persons_words(tmp_path: Path, asked: tuple[str, ...]) -> None:
    done = nocwatch(tmp_path, *asked)
    assert (done.returncode, f"Invalid value for '{asked[-2]}'" in done.stderr) == (2, True), done.stderr
    assert "Value error" not in done.stderr


def test_a_port_in_use_is_one_line_and_no_traceback(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = nocwatch(tmp_path, "relay", "--upstream", "ws://127.0.0.1:1", "--listen", address)
    assert done.returncode == 1  # not now: whoever has the port may go
    assert "another program listens there" in done.stderr
    assert "Traceback" not in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("nocwatch:")]) == 1


def test_run_ends_where_its_relay_has_no_port_and_does_not_go_on_trying(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = nocwatch(
            tmp_path, "run", "--upstream", "ws://127.0.0.1:1", "--listen", address, "--set", "relay.status=127.0.0.1:0",
            "--set", "console.listen=127.0.0.1:0", "--set", "metrics.listen=127.0.0.1:0",
        )  # fmt: skip
    assert done.returncode == 1
    assert "another program listens there" in done.stderr
    assert "relay could not start" in done.stderr


@pytest.mark.parametrize(
    ("command", "key"),
    [
        ("run", "relay.listen"),
        ("relay", "relay.status"),
        ("watch", "console.listen"),
        ("watch", "metrics.listen"),
        ("demo", "relay.listen"),
        ("demo", "console.listen"),
    ],
)
def test_a_port_in_use_leaves_no_data_folder_behind(tmp_path: Path, command: str, key: str) -> None:
    """Who tries once more, with another folder or port, finds everything as it was."""
    free = dict.fromkeys(("relay.listen", "relay.status", "console.listen", "metrics.listen"), "127.0.0.1:0")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free[key] = f"127.0.0.1:{taken.getsockname()[1]}"
        listen = f'relay.listen=[{{address: "{free.pop("relay.listen")}"}}]'
        others = [part for name, address in free.items() for part in ("--set", f"{name}={address}")]
        upstream = () if command == "demo" else ("--upstream", "ws://127.0.0.1:1")
        done = nocwatch(tmp_path, command, *upstream, "--data", "data", "--set", listen, *others)
    assert (done.returncode, key in done.stderr) == (1, True), done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("command", ["relay", "watch"])
def test_a_data_folder_that_cannot_be_is_one_line_and_no_traceback(tmp_path: Path, command: str) -> None:
    (tmp_path / "data").write_text("a file where a folder should be")
    done = nocwatch(
        tmp_path, command, "--upstream", "ws://127.0.0.1:1", "--listen", "127.0.0.1:0", "--set", "relay.status=127.0.0.1:0",
        "--set", "console.listen=127.0.0.1:0", "--set", "metrics.listen=127.0.0.1:0",
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "data" in done.stderr


def test_without_a_csms_it_says_how_to_name_one(tmp_path: Path) -> None:
    done = nocwatch(tmp_path, "run")
    assert done.returncode == 2
    assert "--upstream" in done.stderr


def test_a_replay_prints_result_lines_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text(
        '{"schemaVersion":"1.1","timestamp":"2026-01-01T12:00:00Z","transport":"json","direction":"cp-to-csms",'
        '"messageType":"CALL","action":"StartTransaction","messageId":"1","chargePointId":"CP1",'
        '"payload":{"connectorId":1,"idTag":"A","meterStart":0,"timestamp":"2026-01-01T12:00:00Z"}}\n'
    )
    done = nocwatch(tmp_path, "replay", "t.jsonl", "--format", "jsonl")
    assert done.returncode == 0, done.stderr
    (session,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert (session["kind"], session["outcome"], session["station"]) == ("session", "ongoing", "CP1")
    broken = nocwatch(tmp_path, "replay", "none.jsonl")
    assert broken.returncode == 2
    assert "none.jsonl" in broken.stderr


def test_the_rules_commands_answer_in_text_and_json(tmp_path: Path) -> None:
    listed = nocwatch(tmp_path, "rules", "list", "--format", "json")
    assert listed.returncode == 0, listed.stderr
    assert {"rule", "detector", "severity"} <= set(json.loads(listed.stdout)[0])
    assert nocwatch(tmp_path, "rules", "check").returncode == 0
    held = nocwatch(tmp_path, "rules", "test", "--format", "json")
    assert held.returncode == 0, held.stdout
    assert all(each["holds"] for each in json.loads(held.stdout))


def test_a_rule_that_does_not_hold_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text(
        '{"timestamp":"2026-01-01T12:00:00Z","chargePointId":"CP1","link":"open"}\n'
    )
    (tmp_path / "r.yaml").write_text("rule: r\ndetector: faulted\ntests: [{trace: t.jsonl, raises: 1}]\n")
    done = nocwatch(tmp_path, "rules", "test", "r.yaml")
    assert done.returncode == 1
    assert "FAIL" in done.stdout


def test_the_doctor_finds_what_is_wrong_and_says_what_to_do(tmp_path: Path) -> None:
    done = nocwatch(
        tmp_path,
        "doctor",
        "--set",
        'relay.upstreams=[{name: main, url: "ws://127.0.0.1:1"}]',
        "--format",
        "json",
    )
    assert done.returncode == 1, done.stdout + done.stderr
    findings = {each["what"]: each for each in json.loads(done.stdout)}
    assert findings["CSMS main"]["state"] == "bad"
    assert findings["CSMS main"]["remedy"]


def test_a_replay_for_reading_says_the_same_of_a_session_once(tmp_path: Path) -> None:
    """Its milestones go on after its end; the words do not change by that."""
    head = '{{"schemaVersion":"1.1","timestamp":"2026-01-01T12:0{0}:00Z","transport":"json","direction":"{1}","messageType":"{2}","action":"{3}","messageId":"{4}","chargePointId":"CP1","payload":{5}}}\n'
    lines = (
        (0, "cp-to-csms", "CALL", "Authorize", "1", '{"idTag":"A"}'),
        (0, "csms-to-cp", "CALLRESULT", "Authorize", "1", '{"idTagInfo":{"status":"Blocked"}}'),
        (1, "cp-to-csms", "CALL", "StartTransaction", "2", '{"connectorId":1,"idTag":"B","meterStart":0,"timestamp":"2026-01-01T12:01:00Z"}'),
        (1, "csms-to-cp", "CALLRESULT", "StartTransaction", "2", '{"transactionId":7,"idTagInfo":{"status":"Accepted"}}'),
        (5, "cp-to-csms", "CALL", "StopTransaction", "3", '{"transactionId":7,"meterStop":5000,"timestamp":"2026-01-01T12:05:00Z"}'),
        (5, "csms-to-cp", "CALLRESULT", "StopTransaction", "3", "{}"),
        (6, "cp-to-csms", "CALL", "StatusNotification", "4", '{"connectorId":1,"status":"Available","errorCode":"NoError"}'),
    )  # fmt: skip
    (tmp_path / "t.jsonl").write_text("".join(head.format(*each) for each in lines))
    done = nocwatch(tmp_path, "replay", "t.jsonl")
    assert done.returncode == 0, done.stderr
    assert [line[21:28] for line in done.stdout.splitlines()].count("session") == 2, done.stdout
    assert "5.00 kWh  success" in done.stdout


def test_check_of_a_folder_without_rules_does_not_say_that_all_is_well(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    done = nocwatch(tmp_path, "check", "--upstream", "ws://csms")
    assert done.returncode == 0
    assert done.stdout == "no mistakes, 1 remark: no rules, no stations in the registry\n"
    assert done.stderr.startswith("remark: ")
    assert "there are no rules in rules/, so nothing will ever be flagged" in done.stderr
    told = json.loads(nocwatch(tmp_path, "check", "--upstream", "ws://csms", "--format", "json").stdout)
    assert (told["problems"], told["rules"], len(told["remarks"])) == ([], 0, 1)
    assert told["remarks"][0]["key"] == "rules"
    (tmp_path / "rules").rmdir()
    done = nocwatch(tmp_path, "check", "--upstream", "ws://csms")
    assert done.stdout.startswith("all is well: ")
