"""``nocwatch rules list``, ``check``, ``test``: the rules that operators edit."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nocwatch.errors import ConfigurationError, Problem
from nocwatch.options import Format, FormatOption

if TYPE_CHECKING:
    from nocwatch.detectors.rules import Rule

app = typer.Typer(help="The rules that decide what is a flag.", no_args_is_help=True)
FolderArgument = Annotated[
    Path | None,
    typer.Argument(metavar="[DIR]", help="Folder or file; rules/ or the shipped rules without it."),
]


def _folder(given: Path | None) -> Path:
    from nocwatch.detectors.rules import shipped_rules

    if given is not None:
        return given
    return Path("rules") if Path("rules").is_dir() else shipped_rules()


def _json(value: Any) -> None:
    import msgspec

    typer.echo(msgspec.json.encode(value).decode())


@app.command("list")
def list_(folder: FolderArgument = None, output: FormatOption = Format.TEXT) -> None:
    """Each rule with its detector, severity and scope."""
    from nocwatch.detectors.rules import load_rules

    rows: list[dict[str, Any]] = []
    for rule in load_rules(_folder(folder)):
        scope = {name: value for name, value in rule.scope.model_dump().items() if value is not None}
        severity = (rule.severity or rule.detector.severity).value
        rows.append(
            {
                "rule": rule.name,
                "detector": rule.detector.name,
                "severity": severity,
                "scope": scope,
                "enabled": rule.enabled,
                "file": rule.file,
            }
        )
    if output is Format.JSON:
        _json(rows)
        return
    width = max((len(str(row["rule"])) for row in rows), default=0)
    for row in rows:
        told = ", ".join(f"{name}={value}" for name, value in row["scope"].items()) or "everywhere"
        typer.echo(
            f"{row['rule']:<{width}}  {row['severity']:<8}  {row['detector']}  {told}{'' if row['enabled'] else '  (off)'}"
        )


@app.command()
def check(folder: FolderArgument = None, output: FormatOption = Format.TEXT) -> None:
    """file:line:key of each mistake, tests whose files are missing among them. Status 2 where there is any."""
    from nocwatch.detectors.rules import load_rules
    from nocwatch.trace.ruletests import missing_files

    problems: list[Problem] = []
    rules: list[Rule] = []
    try:
        rules = load_rules(_folder(folder))
        problems = [problem for rule in rules for problem in missing_files(rule)]
        if not rules:
            problems = [
                Problem(
                    str(_folder(folder)), 0, "", "there is no rule in it: rules are files *.yaml or *.yml"
                )
            ]
    except ConfigurationError as error:
        problems = error.problems
    if output is Format.JSON:
        told = [
            {"file": each.file, "line": each.line, "key": each.key, "message": each.message}
            for each in problems
        ]
        _json({"problems": told} if problems else {"problems": [], "rules": len(rules)})
    else:
        for problem in problems:
            typer.echo(str(problem), err=True)
        if not problems:
            typer.echo(f"all is well: {len(rules)} {'rule' if len(rules) == 1 else 'rules'}")
    sys.exit(2 if problems else 0)


@app.command()
def test(folder: FolderArgument = None, output: FormatOption = Format.TEXT) -> None:
    """Each rule against the traces that it names. Status 1 where one does not hold."""
    from nocwatch.detectors.rules import load_rules
    from nocwatch.trace.ruletests import run_rule_tests

    rules = load_rules(_folder(folder))
    outcomes = [outcome for rule in rules for outcome in run_rule_tests(rule)]
    if output is Format.JSON:
        _json(outcomes)
    else:
        for outcome in outcomes:
            verdict = "ok  " if outcome.holds else "FAIL"
            typer.echo(f"{verdict}  {outcome.rule}  {outcome.trace}: {outcome.told}")
        untested = [rule.name for rule in rules if not rule.tests]
        if untested:
            typer.echo(f"without a test: {', '.join(untested)}")
        failed = sum(not outcome.holds for outcome in outcomes)
        typer.echo(f"{len(outcomes)} tests, {failed} failed")
    sys.exit(1 if any(not outcome.holds for outcome in outcomes) else 0)
