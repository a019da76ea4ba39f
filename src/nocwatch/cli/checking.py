"""``nocwatch check`` and ``nocwatch doctor``: is what was written right, and is the installation well."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from nocwatch.config import Configuration
from nocwatch.errors import ConfigurationError, Problem
from nocwatch.options import (
    ConfigOption,
    DataOption,
    Format,
    FormatOption,
    ListenOption,
    SetOption,
    UpstreamOption,
    addresses,
    configuration,
    reading,
)
from nocwatch.sentences import Location

if TYPE_CHECKING:
    from nocwatch.detectors.rules import Rule


def add(app: typer.Typer) -> None:
    app.command()(check)
    app.command()(doctor)


def check(
    config: ConfigOption = None,
    listen: ListenOption = None,
    upstream: UpstreamOption = None,
    data: DataOption = None,
    assignments: SetOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Configuration, registry, rules, templates, certificates: file:line:key of each mistake. Status 2 where there is any.

    What may be meant so and mostly is not (no rules, a certificate without the one that vouches for it) is a remark: status 0.
    """
    import msgspec

    from nocwatch.tap.gate import Gate
    from nocwatch.watch.files import load_operators_files

    rules = stations = 0
    remarks: list[Problem] = []
    settings, problems = reading(config, data, assignments, addresses(listen, upstream))
    if settings is not None:
        # What is right is looked at even where something else is wrong, so that one look finds all.
        csms_is_told = any(problem.key.startswith("relay") for problem in problems)
        problems += relay_problems(settings, needs_csms=not csms_is_told)
        problems += watch_address_problems(settings) + folder_problems(settings)
        try:
            # No key is needed to check, and none is made: a check leaves nothing behind.
            loaded, places = load_operators_files(settings, Gate(bytes(32)))
            rules, stations = sum(each.enabled for each in loaded), len(places.stations())
            remarks += rule_remarks(settings, loaded)
        except ConfigurationError as error:
            problems += error.problems
        remarks += relay_remarks_of(settings)
    if output is Format.JSON:
        told = {"problems": problems, "remarks": remarks}
        result = {name: [_as_json(each) for each in found] for name, found in told.items()}
        typer.echo(msgspec.json.encode({**result, "rules": rules, "stations": stations}).decode())
        sys.exit(2 if problems else 0)
    for remark in remarks:
        typer.echo(f"remark: {remark}", err=True)
    if problems:
        for problem in problems:
            typer.echo(str(problem), err=True)
        typer.echo(_counted(len(problems), "mistake"), err=True)
    else:
        well = f"no mistakes, {_counted(len(remarks), 'remark')}" if remarks else "all is well"
        typer.echo(f"{well}: {_counted(rules, 'rule')}, {_counted(stations, 'station')} in the registry")
    sys.exit(2 if problems else 0)


def _as_json(each: Problem) -> dict[str, str | int]:
    return {"file": each.file, "line": each.line, "key": each.key, "message": each.message}


def _counted(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


def rule_remarks(settings: Configuration, rules: list[Rule]) -> list[Problem]:
    """That nothing will ever be flagged: one may want no rules (a relay with a console), and mostly it is a wrong folder."""
    if any(each.enabled for each in rules):
        return []
    none = (
        "every rule is switched off (enabled: false)" if rules else f"there are no rules in {settings.rules}"
    )
    words = f"{none}, so nothing will ever be flagged and nobody told of anything; leave the key out, and the shipped rules run"
    return [settings.problem(("rules",), words)]


def relay_remarks_of(settings: Configuration) -> list[Problem]:
    """Chains of certificates that some stations may not be able to follow."""
    from nocwatch.proxy.mistakes import relay_remarks

    return [settings.problem(("relay", *place), message) for place, message in relay_remarks(settings.relay)]


def relay_problems(settings: Configuration, *, needs_csms: bool = True) -> list[Problem]:
    """What would keep the relay from starting, or make it dial itself."""
    from nocwatch.proxy.mistakes import relay_mistakes

    return [
        settings.problem(("relay", *place), message)
        for place, message in relay_mistakes(settings.relay, needs_csms=needs_csms)
    ]


def watch_address_problems(settings: Configuration) -> list[Problem]:
    """Addresses of the watch that are another's already; the relay's own are ``relay_problems``."""
    from nocwatch.proxy.mistakes import listened_on, taken_twice

    own: list[tuple[Location, str]] = [(("console", "listen"), settings.console.listen)]
    if settings.metrics.listen is not None:
        own.append((("metrics", "listen"), settings.metrics.listen))
    found = taken_twice([*listened_on(settings.relay), *own])
    return [settings.problem(place, message) for place, message in found if place in dict(own)]


def folder_problems(settings: Configuration) -> list[Problem]:
    """A file where a folder must be made or used; that one does not exist yet is no mistake."""
    from nocwatch.store.settings import sqlite_path

    wanted = {
        "data": Path(settings.data),
        "journal.path": settings.journal.path,
        "store.url": sqlite_path(settings.store.url).parent,
    }
    found: dict[Path, Problem] = {}
    for key, folder in wanted.items():
        there = next(each for each in (folder, *folder.parents, Path()) if each.exists())
        if not there.is_dir() and there not in found:
            words = f"{there} is a file, and must be a folder; name another, or move it away"
            found[there] = settings.problem(tuple(key.split(".")), words)
    return list(found.values())


def doctor(
    config: ConfigOption = None,
    listen: ListenOption = None,
    upstream: UpstreamOption = None,
    data: DataOption = None,
    assignments: SetOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """What is wrong with this installation, and what to do about it. Status 1 where something is."""
    import msgspec
    import trio

    from nocwatch.doctor import examine

    settings = configuration(config, data, assignments, addresses(listen, upstream))
    findings = trio.run(examine, settings, Path.cwd())
    if output is Format.JSON:
        typer.echo(msgspec.json.encode(findings).decode())
    else:
        for finding in findings:
            sign = {"good": "ok  ", "warning": "warn", "bad": "BAD "}[finding.state]
            typer.echo(f"{sign}  {finding.what}: {finding.found}")
            if finding.remedy:
                typer.echo(f"      → {finding.remedy}")
    sys.exit(1 if any(finding.state == "bad" for finding in findings) else 0)
