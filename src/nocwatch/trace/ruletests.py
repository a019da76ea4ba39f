"""Holds a rule to the traces that its file names: how often it must raise a flag on each."""

from __future__ import annotations

from collections.abc import Sized
from pathlib import Path

import msgspec

from nocwatch import documents
from nocwatch.detectors.rules import Rule, RuleTest
from nocwatch.errors import NocwatchError, Problem
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
    """Replays each trace with this rule alone, and counts the flags it raises. A test that cannot be run does not hold."""
    return [_run(rule, test, Path(rule.file).parent) for test in rule.tests]


def missing_files(rule: Rule) -> list[Problem]:
    """Traces and registries that a rule's tests name and that are not there."""
    document = documents.read(Path(rule.file))
    return [
        document.problem(("tests", index, key), f"{Path(rule.file).parent / name}: there is no such file")
        for index, test in enumerate(rule.tests)
        for key, name in (("trace", test.trace), ("registry", test.registry))
        if name is not None and not (Path(rule.file).parent / name).exists()
    ]


def _run(rule: Rule, test: RuleTest, folder: Path) -> RuleOutcome:
    gate = Gate(REPLAY_KEY)
    raised: dict[str, str] = {}
    trace = folder / test.trace
    try:
        places = _places(folder / test.registry, gate) if test.registry else Places()
        until_ns = _last_ns(trace, gate) + round(test.run_on * SECOND_NS)
        for result in replay(read_traces([trace], gate, until_ns), [rule], places):
            if (
                result["kind"] == "flag"
                and result["rule"] == rule.name
                and result["state"] == FlagState.RAISED
            ):
                raised.setdefault(result["id"], result["summary"])
    except NocwatchError as error:
        return _outcome(rule, test, raised, f"cannot be replayed: {error}", holds=False)
    told = f"raised {len(raised)}, wanted {test.raises}"
    if raised:
        told += ": " + "; ".join(raised.values())
    return _outcome(rule, test, raised, told, holds=len(raised) == test.raises)


def _outcome(rule: Rule, test: RuleTest, raised: Sized, told: str, *, holds: bool) -> RuleOutcome:
    return RuleOutcome(
        rule=rule.name, trace=test.trace, holds=holds, expected=test.raises, raised=len(raised), told=told
    )


def _places(registry: Path, gate: Gate) -> Places:
    if not registry.exists():
        raise NocwatchError(f"{registry}: there is no such file")
    places = load_registry(registry, gate.token, gate.prefixes.known).places
    gate.heed(places.people.prefixes)
    return places


def _last_ns(trace: Path, gate: Gate) -> int:
    return max((sighting.received_at_ns for sighting in read_traces([trace], gate)), default=0)
