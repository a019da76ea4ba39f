"""Each shipped rule speaks on the trace that shows its trouble, and keeps quiet on the one that only looks like it."""

from __future__ import annotations

import pytest
from tests.rules.stories import FOLDER, STORIES, trace

from nocwatch.detectors.rules import Rule, load_rules, shipped_rules
from nocwatch.trace.ruletests import run_rule_tests


@pytest.mark.parametrize("rule", load_rules(shipped_rules()), ids=lambda rule: rule.name)
def test_rule_holds_to_its_traces(rule: Rule) -> None:
    outcomes = run_rule_tests(rule)
    assert sorted(min(outcome.expected, 1) for outcome in outcomes) == [0, 1]
    assert [outcome.told for outcome in outcomes if not outcome.holds] == []


def test_traces_are_what_the_stories_say() -> None:
    written = {path.stem: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.jsonl")}
    assert written.keys() == STORIES.keys()
    stale = [name for name, story in STORIES.items() if trace(story) != written[name]]
    assert not stale, "write them anew: python -m tests.rules.stories"
