"""Holds a rule to the traces that its file names: how often it must raise a flag on each."""

from __future__ import annotations

from pathlib import Path

import msgspec

from nocwatch.detectors.rules import Rule
from nocwatch.flags import FlagState
from nocwatch.moments import SECOND_NS
from nocwatch.registry.load import load_registry
from nocwatch.registry.places import Places
from nocwatch.tap.gate import Gate
from nocwatch.trace.reading import read_traces
from nocwatch.trace.replay import REPLAY_KEY, replay


class RuleOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """One test of one rule: ``told`` says in words what came of it."""

    rule: str
    trace: str
    holds: bool
    expected: int
    raised: int
    told: str


def run_rule_tests(rule: Rule) -> list[RuleOutcome]:
    """Replays each trace with this rule alone, and counts the flags it raises.

    Raises:
        NocwatchError: a trace or registry that cannot be read, with its place.
    """
    folder = Path(rule.file).parent
    gate = Gate(REPLAY_KEY)
    outcomes = []
    for test in rule.tests:
        places = load_registry(folder / test.registry, gate.token).places if test.registry else Places()
        trace = folder / test.trace
        until_ns = _last_ns(trace, gate) + round(test.run_on * SECOND_NS)
        results = replay(read_traces([trace], gate, until_ns), [rule], places)
        raised: dict[str, str] = {}
        for result in results:
            if (
                result["kind"] == "flag"
                and result["rule"] == rule.name
                and result["state"] == FlagState.RAISED
            ):
                raised.setdefault(result["id"], result["summary"])
        told = f"raised {len(raised)}, wanted {test.raises}"
        if raised:
            told += ": " + "; ".join(raised.values())
        outcomes.append(
            RuleOutcome(
                rule=rule.name,
                trace=test.trace,
                holds=len(raised) == test.raises,
                expected=test.raises,
                raised=len(raised),
                told=told,
            )
        )
    return outcomes


def _last_ns(trace: Path, gate: Gate) -> int:
    return max((sighting.received_at_ns for sighting in read_traces([trace], gate)), default=0)
