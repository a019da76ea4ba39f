"""Rules in words: what a person on call reads on the Rules page."""

from __future__ import annotations

from tests.support.deployment import REPOSITORY

from nocwatch.detectors.rules import load_rules
from nocwatch.watch.rulewords import facts_of, word


def test_no_setting_of_any_rule_is_shown_as_python_writes_it() -> None:
    facts = {each.rule: each for each in map(facts_of, load_rules(REPOSITORY / "rules"))}
    shown = {f"{rule} {name}": value for rule, each in facts.items() for name, value in each.settings.items()}
    assert len(shown) > 20
    for name, value in shown.items():
        assert not any(sign in value for sign in "()[]{}'"), (name, value)
        assert value not in ("True", "False", "None", ""), name
    assert facts["station_offline"].settings["critical after"] == "15\u00a0min"
    assert facts["success_rate_drop"].settings["count cancelled"] == "no"
    assert facts["success_rate_drop"].settings["by"].startswith("upstream, operator")
    assert facts["station_offline"].about.startswith("Sees a station that had a socket have none")


def test_lists_are_lists_and_nothing_is_said_as_such() -> None:
    assert word(("a", 2, True)) == "a, 2, yes"
    assert word(()) == "none"
    assert word(None) == "not set"
    assert word({"a": 3600.0}, time=True) == "a 1\u00a0h"
    assert word(0.1) == "0.1"
