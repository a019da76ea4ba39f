"""Options that several commands share, and how they become a configuration."""

from __future__ import annotations

import os
import shlex
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from nocwatch.config import Configuration, Overrides, read_configuration
from nocwatch.documents import Location, parse
from nocwatch.errors import ConfigurationError, NocwatchError, Problem

DEFAULT_FILE = Path("nocwatch.yaml")


class Format(StrEnum):
    """How a command prints what it found."""

    TEXT = "text"
    JSON = "json"


FormatOption = Annotated[Format, typer.Option("--format", help="How to print.")]

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", metavar="FILE", help="Configuration; nocwatch.yaml in this folder where it exists."
    ),
]
DataOption = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="Folder for journal, store and keys; data/ by default."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="A key of the configuration, such as --set journal.keep_for=30d; may be repeated.",
    ),
]
ListenOption = Annotated[
    str | None,
    typer.Option("--listen", metavar="H:P", help="Where chargers connect; 127.0.0.1:9000 by default."),
]
UpstreamOption = Annotated[
    str | None,
    typer.Option(
        "--upstream",
        metavar="URL",
        help="The CSMS: ws://host:port or wss://…; the path goes to it unchanged.",
    ),
]


def _above_zero(value: float) -> float:
    if not value > 0:
        raise typer.BadParameter(f"{value:g} is not more than 0")
    return value


SpeedOption = Annotated[
    float,
    typer.Option(
        "--speed", metavar="X", help="How much quicker than life they behave.", callback=_above_zero
    ),
]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", metavar="", help="Log more.")]


def addresses(listen: str | None, upstream: str | None) -> Overrides:
    """``--listen`` and ``--upstream`` as overrides."""
    options: dict[Location, tuple[str, Any]] = {}
    if listen:
        options["relay", "listen"] = ("--listen", [{"address": listen}])
    if upstream:
        options["relay", "upstreams"] = ("--upstream", [{"name": "main", "url": upstream}])
    return options


def configuration(
    file: Path | None,
    data: Path | None = None,
    assignments: list[str] | None = None,
    overrides: Overrides | None = None,
) -> Configuration:
    """The configuration that a command's options ask for.

    Raises:
        ConfigurationError: with every problem.
    """
    made, problems = reading(file, data, assignments, overrides)
    if problems or made is None:
        raise ConfigurationError(problems)
    return made


_WHERE = frozenset({"data", "journal", "privacy"})
"""Keys that say where the journal is, and the key to it. Any other may hold a secret, and what is printed may go to a vendor."""


def as_typed(file: Path | None, data: Path | None, assignments: list[str] | None) -> str:
    """The same options for a command that is printed and reads the journal: pasted in this folder, it finds what this one found."""
    where = [each for each in assignments or () if each.partition("=")[0].partition(".")[0].strip() in _WHERE]
    given = [("--config", file), ("--data", data), *(("--set", each) for each in where)]
    return shlex.join(word for name, value in given if value is not None for word in (name, str(value)))


def reading(
    file: Path | None,
    data: Path | None = None,
    assignments: list[str] | None = None,
    overrides: Overrides | None = None,
) -> tuple[Configuration | None, list[Problem]]:
    """The same; where there are problems, the configuration of what is right, so that more can be looked at."""
    chosen = file or (Path(os.environ["NOCWATCH_CONFIG"]) if os.environ.get("NOCWATCH_CONFIG") else None)
    if chosen is None and DEFAULT_FILE.exists():
        chosen = DEFAULT_FILE
    merged: dict[Location, tuple[str, Any]] = {}
    if data is not None:
        merged[("data",)] = ("--data", str(data))
    for assignment in assignments or ():
        key, equals, text = assignment.partition("=")
        value = parse(text, "--set")
        if not equals or not key or value.problems:
            raise NocwatchError(f"--set {assignment}: write it as KEY=VALUE, such as journal.keep_for=30d")
        merged[tuple(key.split("."))] = (f"--set {key}", value.data)
    return read_configuration(chosen, overrides=merged | dict(overrides or {}))
