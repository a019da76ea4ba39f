"""The Prometheus rules: each alert fires when it should, stays quiet when it should, and tells what to do."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import program

MIXIN = Path(__file__).resolve().parents[2] / "mixin"
RULES = [
    rule
    for name in ("alerts", "recording")
    for group in yaml.safe_load((MIXIN / f"{name}.yaml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
ALERTS = [rule for rule in RULES if "alert" in rule]
COMMAND = re.compile(r"`nocwatch ((?:[a-z]+ ?){1,2})")


def named(alerts: list[dict[str, Any]]) -> list[str]:
    return [str(each["alert"]) for each in alerts]


@pytest.mark.server("promtool")
def test_promtool_takes_the_rules_and_their_tests_hold() -> None:
    promtool = program("promtool") or ""
    for command in (
        ["check", "rules", str(MIXIN / "alerts.yaml"), str(MIXIN / "recording.yaml")],
        ["test", "rules", *map(str, sorted((MIXIN / "tests").glob("*.yaml")))],
    ):
        done = subprocess.run([promtool, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_has_a_case_that_fires_and_one_that_stays_quiet() -> None:
    assert {path.stem for path in (MIXIN / "tests").glob("*.yaml")} == set(named(ALERTS))
    for name in named(ALERTS):
        cases = yaml.safe_load((MIXIN / "tests" / f"{name}.yaml").read_text(encoding="utf-8"))["tests"]
        expected = [test["exp_alerts"] for case in cases for test in case["alert_rule_test"]]
        assert any(expected), name
        assert not all(expected), name
        assert all(test["alertname"] == name for case in cases for test in case["alert_rule_test"])


@pytest.mark.parametrize("name", named(ALERTS))
def test_each_alert_has_a_runbook_for_whoever_is_woken(name: str) -> None:
    (rule,) = [each for each in ALERTS if each["alert"] == name]
    runbook = MIXIN.parent / rule["annotations"]["runbook"]
    text = runbook.read_text(encoding="utf-8")
    assert runbook.stem == name
    for heading in ("**What it means.**", "**Are chargers hurt?**", "## What to look at", "## What to do"):
        assert heading in text
    assert rule["labels"]["severity"] in ("warning", "critical")
    for other in re.findall(r"Nocwatch\w+", text):
        assert other in named(ALERTS), other


def test_no_runbook_is_left_over() -> None:
    assert {path.stem for path in (MIXIN / "runbooks").glob("*.md")} == set(named(ALERTS))


def test_recorded_figures_that_alerts_use_are_recorded() -> None:
    recorded = {each["record"] for each in RULES if "record" in each}
    used = set(re.findall(r"nocwatch:[a-z0-9_:]+", " ".join(str(each["expr"]) for each in RULES)))
    assert used <= recorded


def test_commands_in_runbooks_exist() -> None:
    import typer.main

    from nocwatch.cli import app

    root = typer.main.get_command(app)
    for path in (MIXIN / "runbooks").glob("*.md"):
        for found in COMMAND.findall(path.read_text(encoding="utf-8")):
            group: Any = root
            for word in found.split():
                if not hasattr(group, "commands"):
                    break
                assert word in group.commands, f"{path.name}: nocwatch {found}"
                group = group.commands[word]
