"""What operators keep in files and the watch reads at its start: rules and registry, with every mistake of both at once."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from nocwatch.alerts.channels import build
from nocwatch.alerts.rendering import Renderer
from nocwatch.config import Configuration
from nocwatch.detectors.rules import Rule, load_rules, shipped_rules
from nocwatch.errors import ConfigurationError, Problem
from nocwatch.registry.load import load_registry
from nocwatch.registry.places import Places
from nocwatch.tap.gate import Gate


def load_operators_files(configuration: Configuration, gate: Gate) -> tuple[list[Rule], Places]:
    """Rules and registry; what alerts need (templates, receivers) is tried too. The gate heeds the registry's token prefixes.

    Where the configuration names no rules and there is no ``rules/``, the shipped ones run; a folder that is named must be there.

    Raises:
        ConfigurationError: with all problems.
    """
    problems = _alert_problems(configuration) + _missing(configuration)
    rules: list[Rule] = []
    places = Places()
    try:
        folder = Path(configuration.rules)
        rules = load_rules(folder if folder.exists() else shipped_rules())
    except ConfigurationError as error:
        problems += error.problems
    try:
        places = load_registry(Path(configuration.registry), gate.token, gate.prefixes.known).places
    except ConfigurationError as error:
        problems += error.problems
    if problems:
        raise ConfigurationError(problems)
    gate.heed(places.people.prefixes)
    return rules, places


def alert_renderer(configuration: Configuration, console_address: str) -> Renderer:
    """Puts alerts into words, with the operator's templates where there are any."""
    folder = configuration.alerts.templates
    url = configuration.console.url or f"http://{console_address}"
    return Renderer(Path(folder) if folder else None, url)


def _alert_problems(configuration: Configuration) -> list[Problem]:
    problems: list[Problem] = []
    for look in (
        alert_renderer(configuration, configuration.console.listen).check,
        partial(build, configuration.alerts),
    ):
        try:
            look()
        except ConfigurationError as error:
            problems += [configuration.placed(each) for each in error.problems]
    return problems


def _missing(configuration: Configuration) -> list[Problem]:
    """Somebody who names a folder means it: nobody would notice that other rules run."""
    return [
        configuration.problem((key,), f"{path}: there is no such file or folder")
        for key, path in (("rules", configuration.rules), ("registry", configuration.registry))
        if key in configuration.model_fields_set and not Path(path).exists()
    ]
