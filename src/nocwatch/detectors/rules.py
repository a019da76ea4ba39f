"""Rules: what operators write, one YAML file each, turned into detectors with their settings, scope and manners.

Here every mistake is found at once and told as file:line:key: unknown detectors (with the name that was likely meant), settings
a detector does not have, names used twice, templates that do not work. What a rule then does is ``engine.py``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

import nocwatch
from nocwatch import documents
from nocwatch.detectors.base import Detector
from nocwatch.detectors.catalogue import BY_NAME
from nocwatch.detectors.template import Summary
from nocwatch.documents import Document
from nocwatch.errors import ConfigurationError, Problem
from nocwatch.flags import Severity
from nocwatch.moments import SECOND_NS
from nocwatch.quantities import Duration
from nocwatch.registry.places import Scope

RULES_MAX = 1000
"""Rules in one folder: each costs a little with every event it hears; more than this is a mistake in a generator."""
EVERYWHERE = Scope()
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class RuleTest(BaseModel):
    """One trace that a rule is held to. Paths are relative to the rule's file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    trace: str = Field(description="Trace file (docs/trace.md).")
    raises: int = Field(
        ge=0, description="How many flags of this rule it raises; 0 for a trace that it stays quiet on."
    )
    registry: str | None = Field(
        default=None, description="Registry file or folder that the trace is replayed with."
    )
    run_on: Duration = Field(default=0.0, description="How long time goes on after the trace's last line.")


class RuleFile(BaseModel):
    """A rule as written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: str = Field(
        description="Its name, unique among all rules; with the onset it makes the ids of its flags."
    )
    detector: str = Field(description="Which detector (docs/detectors.md).")
    scope: Scope = Field(
        default=EVERYWHERE, description="Which stations; every field that is given must match."
    )
    settings: dict[str, Any] = Field(default={}, description="The detector's own settings.")
    for_: Duration = Field(
        default=0.0, alias="for", description="How long the trouble must hold before it is a flag."
    )
    severity: Severity | None = Field(default=None, description="Instead of the detector's own severities.")
    cooldown: Duration = Field(
        default=0.0, description="After a flag, how long the same trouble raises no other."
    )
    clear_after: Duration = Field(
        default=86400.0, gt=0, description="When a flag without a state to clear (an event) clears by itself."
    )
    enabled: bool = Field(default=True, description="A rule that is not enabled is checked and does not run.")
    labels: dict[str, str] = Field(default={}, description="Carried by its flags, for the routing of alerts.")
    summary: str | None = Field(
        default=None, description="Template of the flag's sentence instead of the detector's."
    )
    runbook: str = Field(default="", description="Address of what to do about it.")
    tests: tuple[RuleTest, ...] = Field(default=(), description="Traces that hold the rule to its word.")

    @field_validator("rule")
    @classmethod
    def _named(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name; letters, digits, '_', '-' and '.', at most 64 of them")
        return name

    @field_validator("detector")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in BY_NAME:
            near = difflib.get_close_matches(name, BY_NAME, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(BY_NAME))}"
            raise ValueError(f"there is no detector {name!r}; {hint}")
        return name


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule ready to run.

    Attributes:
        name: unique.
        detector: with its settings; it has no state.
        for_ns, cooldown_ns, clear_after_ns: see ``RuleFile``.
        summary: compiled, None where the detector's own sentence is used.
        file: where it was written, for messages and for the paths of its tests.
    """

    name: str
    detector: Detector[Any, Any]
    scope: Scope = EVERYWHERE
    for_ns: int = 0
    severity: Severity | None = None
    cooldown_ns: int = 0
    clear_after_ns: int = 86400 * SECOND_NS
    enabled: bool = True
    labels: tuple[tuple[str, str], ...] = ()
    summary: Summary | None = None
    runbook: str = ""
    tests: tuple[RuleTest, ...] = ()
    file: str = ""

    @property
    def fingerprint(self) -> str:
        """What its state stands on: the detector and its settings. State of another fingerprint is of no use to it."""
        return f"{self.detector.name} {self.detector.settings.model_dump_json()}"


def load_rules(path: Path) -> list[Rule]:
    """The rules of a folder (its ``*.yaml`` and ``*.yml``, not those of folders below), or of one file, by name.

    Raises:
        ConfigurationError: with everything that is wrong with any of them.
    """
    if path.is_dir():
        files = sorted(each for each in path.iterdir() if each.suffix in (".yaml", ".yml"))
    elif path.exists():
        files = [path]
    else:
        raise ConfigurationError([Problem(str(path), 0, "", "there is no such folder of rules")])
    if len(files) > RULES_MAX:
        raise ConfigurationError([Problem(str(path), 0, "", f"{len(files)} rules, more than {RULES_MAX}")])
    return _all(documents.read(file) for file in files)


def make_rule(**written: Any) -> Rule:
    """A rule from what would stand in its file, for tests and for rules made by code: ``make_rule(rule=…, detector=…)``."""
    return _all([Document("rule", data=written)])[0]


def default_rules() -> list[Rule]:
    """One rule for each detector, under its name and with its defaults."""
    return [make_rule(rule=name, detector=name) for name in BY_NAME]


def shipped_rules() -> Path:
    """The folder of the rules that come with nocwatch: inside the package where it is installed, else of the checkout."""
    package = Path(nocwatch.__file__).parent
    installed = package / "rules"
    return installed if installed.is_dir() else package.parents[1] / "rules"


def _all(read: Iterable[Document]) -> list[Rule]:
    problems: list[Problem] = []
    rules: dict[str, Rule] = {}
    for document in read:
        try:
            rule = _rule(document)
        except ConfigurationError as error:
            problems += error.problems
            continue
        if rule.name in rules:
            problems.append(
                document.problem(
                    ("rule",), f"{rule.name} is the name of the rule in {rules[rule.name].file} too"
                )
            )
        else:
            rules[rule.name] = rule
    if problems:
        raise ConfigurationError(problems)
    return sorted(rules.values(), key=lambda rule: rule.name)


def _rule(document: Document) -> Rule:
    problems: list[Problem] = []
    written: RuleFile | None = None
    try:
        written = document.validated(RuleFile)
    except ConfigurationError as error:
        problems += error.problems
    # Settings and template are looked at even where the rest has mistakes, so that all of them show at once.
    name = document.data.get("detector") if isinstance(document.data, dict) else None
    detector = BY_NAME.get(name) if isinstance(name, str) else None
    summary: Summary | None = None
    settings: Any = None
    if detector is not None:
        settings = _settings(document, detector, problems)
        summary = _summary(document, detector, problems)
    if problems or written is None or detector is None:
        raise ConfigurationError(problems)
    return Rule(
        name=written.rule,
        detector=detector(settings),
        scope=written.scope,
        for_ns=round(written.for_ * SECOND_NS),
        severity=written.severity,
        cooldown_ns=round(written.cooldown * SECOND_NS),
        clear_after_ns=round(written.clear_after * SECOND_NS),
        enabled=written.enabled,
        labels=tuple(written.labels.items()),
        summary=summary,
        runbook=written.runbook,
        tests=written.tests,
        file=document.file,
    )


def _settings(document: Document, detector: type[Detector[Any, Any]], problems: list[Problem]) -> Any:
    data = document.data.get("settings", {})
    if data is None or isinstance(data, dict):
        try:
            return Document(document.file, {"settings": data or {}}, document.lines).validated(
                detector.Settings, ("settings",)
            )
        except ConfigurationError as error:
            problems += error.problems
    return None


def _summary(
    document: Document, detector: type[Detector[Any, Any]], problems: list[Problem]
) -> Summary | None:
    text = document.data.get("summary")
    if not isinstance(text, str):
        return None
    try:
        summary = Summary(text)
        summary.try_out(detector.numbers)
    except ValueError as error:
        problems.append(document.problem(("summary",), str(error)))
        return None
    return summary
