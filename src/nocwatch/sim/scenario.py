"""Scenario files: a whole file's model, and loading it. Who is there is ``population``, what happens is ``incidents``; playing is ``fleet``'s.

YAML, strict, every mistake with file:line:key. Times are offsets from the start in unscaled seconds: ``speed`` divides them.
"""

# Pydantic copies defaults.

from __future__ import annotations

from importlib import resources
from pathlib import Path

from nocwatch import documents
from nocwatch.errors import ConfigurationError, Problem
from nocwatch.sim.hardware import CATALOGUE
from nocwatch.sim.incidents import RandomFaults, Step
from nocwatch.sim.population import Generated, Life, StationSpec
from nocwatch.sim.settings import CsmsSettings, Model


class Scenario(Model):
    """A whole file."""

    scenario: str
    description: str = ""
    stations: tuple[StationSpec, ...] = ()
    generated: Generated = Generated()
    lives: dict[str, Life] = {}
    steps: tuple[Step, ...] = ()
    random_faults: RandomFaults | None = None
    csms: CsmsSettings = CsmsSettings()


def load(source: str | Path) -> Scenario:
    """A shipped scenario by its name, or a file by its path.

    Raises:
        ConfigurationError: with every mistake, file:line:key each.
    """
    path = Path(source)
    if isinstance(source, str) and source in shipped():
        path = Path(str(resources.files("nocwatch.sim") / "scenarios" / f"{source}.yaml"))
    elif not path.exists():
        said = (
            f"there is no such file, and no shipped scenario of that name; there are {', '.join(shipped())}"
        )
        raise ConfigurationError([Problem(str(source), 0, "", said)])
    document = documents.read(path)
    scenario = document.validated(Scenario)
    _check_references(document, scenario)
    return scenario


def shipped() -> tuple[str, ...]:
    """Names of the scenarios that come with nocwatch."""
    folder = resources.files("nocwatch.sim") / "scenarios"
    return tuple(
        sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))
    )


def _check_references(document: documents.Document, scenario: Scenario) -> None:
    sockets = {spec.id: len(CATALOGUE[spec.hardware].sockets) for spec in scenario.stations}
    problems = []
    seen: set[str] = set()
    for n, spec in enumerate(scenario.stations):
        if spec.id in seen:
            problems.append(document.problem(("stations", n, "id"), f"station {spec.id!r} stands here twice"))
        seen.add(spec.id)
        if spec.life is not None and spec.life not in scenario.lives:
            problems.append(document.problem(("stations", n, "life"), f"there is no life {spec.life!r}"))
    if scenario.generated.life is not None and scenario.generated.life not in scenario.lives:
        problems.append(
            document.problem(("generated", "life"), f"there is no life {scenario.generated.life!r}")
        )
    for n, step in enumerate(scenario.steps):
        if step.station not in sockets and not step.station.startswith(scenario.generated.prefix):
            problems.append(
                document.problem(("steps", n, "station"), f"there is no station {step.station!r}")
            )
        if step.life is not None and step.life not in scenario.lives:
            problems.append(document.problem(("steps", n, "life"), f"there is no life {step.life!r}"))
        connector = getattr(getattr(step, step.verb), "connector", 1)
        if connector > sockets.get(step.station, connector):
            problems.append(
                document.problem(
                    ("steps", n, step.verb, "connector"),
                    f"station {step.station!r} has {sockets[step.station]} connector(s)",
                )
            )
    if problems:
        raise ConfigurationError(problems)
