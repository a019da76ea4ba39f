"""The whole configuration: one YAML file, put together from each part's own model, with the environment on top.

Every key is optional, so nocwatch works with no file at all. Any key can come from the environment
(``NOCWATCH_INFLUX__TOKEN``), and a secret from a file (``token_file: /run/secrets/token``). Every mistake is found at once.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, PrivateAttr, SecretStr, field_validator

from nocwatch.alerts.settings import AlertSettings
from nocwatch.console.settings import ConsoleSettings
from nocwatch.documents import Document, Location, parse, read
from nocwatch.errors import NO_FILE, ConfigurationError, NocwatchError, Problem
from nocwatch.journal.settings import JournalSettings
from nocwatch.origins import Origins
from nocwatch.proxy.settings import RelaySettings
from nocwatch.sinks.settings import InfluxSettings, MetricsSettings
from nocwatch.store.settings import StoreSettings

ENVIRONMENT_PREFIX = "NOCWATCH_"
Overrides = Mapping[Location, tuple[str, Any]]
PLACELESS = "configuration"
"""The file of a problem that was found by a part which knows only the key."""
_OURS = frozenset({"NOCWATCH_SERVERS", "NOCWATCH_REQUIRE_SERVERS", "NOCWATCH_CONFIG"})
"""Variables with the prefix that are no configuration keys."""
SECRET_BYTES_MAX = 64 * 1024
"""A secret's file is read whole; a larger one is surely the wrong file."""


class Section(BaseModel):
    """A part of the configuration that has no room of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ActionSettings(Section):
    """Operator's calls through the proxy. Off: then the relay has no such path."""

    enabled: bool = False

    @field_validator("enabled")
    @classmethod
    def _not_there_yet(cls, value: bool) -> bool:
        if value:
            raise ValueError(
                "operator's calls are not there yet: this version can only watch; leave it false"
            )
        return value


class PrivacySettings(Section):
    """How tokens are shown: as key-hashes, by the key in ``key_file``, which is made at the first start."""

    tokens: Literal["hash"] = "hash"
    key_file: str = "data/privacy.key"


class Configuration(Section):
    """docs/configuration.md describes each key."""

    data: str = "data"
    relay: RelaySettings = RelaySettings()
    journal: JournalSettings = JournalSettings()
    store: StoreSettings = StoreSettings()
    influx: InfluxSettings = InfluxSettings()
    metrics: MetricsSettings = MetricsSettings()
    console: ConsoleSettings = ConsoleSettings()
    registry: str = "registry/"
    rules: str = "rules/"
    alerts: AlertSettings = AlertSettings()
    actions: ActionSettings = ActionSettings()
    privacy: PrivacySettings = PrivacySettings()
    _origins: Origins = PrivateAttr(default_factory=Origins)

    def comes_from(self, origins: Origins) -> None:
        self._origins = origins

    def problem(self, location: Location, message: str) -> Problem:
        """Something wrong with a value, told where it was written."""
        return self._origins.problem(location, message)

    def placed(self, problem: Problem) -> Problem:
        """A problem of a part that knows the key and not the file."""
        if problem.file != PLACELESS:
            return problem
        return self.problem(tuple(problem.key.split(".")), problem.message)


_KEPT_IN_DATA: tuple[tuple[Location, str], ...] = (
    (("journal", "path"), "{data}/journal"),
    (("store", "url"), "sqlite:///{data}/nocwatch.db"),
    (("influx", "spool"), "{data}/influx"),
    (("privacy", "key_file"), "{data}/privacy.key"),
    (("alerts", "file"), "{data}/alerts.jsonl"),
)
"""Where each part keeps what it keeps, unless the file says otherwise: below ``data``."""


def load_configuration(
    file: Path | None,
    environment: Mapping[str, str] | None = None,
    overrides: Overrides | None = None,
) -> Configuration:
    """The configuration of a file (or of none), the environment, and a command's own options, the last one holding.

    Args:
        file: the YAML file, None for none.
        environment: for tests; the process's own by default.
        overrides: from the command line: location → the option's name, for messages, and its value.

    Raises:
        ConfigurationError: with every problem, file:line:key.
    """
    configuration, problems = read_configuration(file, environment, overrides)
    if problems or configuration is None:
        raise ConfigurationError(problems)
    return configuration


def read_configuration(
    file: Path | None,
    environment: Mapping[str, str] | None = None,
    overrides: Overrides | None = None,
) -> tuple[Configuration | None, list[Problem]]:
    """As ``load_configuration``; where there are problems, with the configuration of what is right, so that more can be looked at."""
    document = read(file) if file else Document(NO_FILE)
    if document.data is None:
        if document.problems:
            return None, document.problems
        document.data = {}
    if not isinstance(document.data, dict):
        return None, [document.problem((), "a configuration is a mapping of keys, such as relay: or alerts:")]
    sources: dict[Location, tuple[str, str]] = {}
    origins = Origins(document, sources)
    problems = _overlay(document, os.environ if environment is None else environment, sources)
    for location, (option, value) in (overrides or {}).items():
        _put(document.data, location, value)
        sources[location] = ("command line", option)
    data = document.data.get("data", "data")
    for location, default in _KEPT_IN_DATA:
        _put(document.data, location, default.format(data=data), only_if_absent=True)
    told: set[Location] = set()
    problems += [origins.elsewhere(each) for each in _read_secrets(document.data, (), document, told)]
    validated, mistakes = document.read_as(Configuration, told=told)
    problems = [*(origins.elsewhere(problem) for problem in mistakes), *problems]
    configuration = validated.model if validated else None
    if validated and configuration:
        configuration.comes_from(Origins(document, sources, validated.gone))
    return configuration, sorted(problems, key=lambda each: each.line)


def _overlay(
    document: Document, environment: Mapping[str, str], sources: dict[Location, tuple[str, str]]
) -> list[Problem]:
    problems = []
    for name in sorted(environment):
        if not name.startswith(ENVIRONMENT_PREFIX) or name in _OURS:
            continue
        location = tuple(name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__"))
        text = environment[name]
        value = parse(text, name)
        if _is_text(location) and (value.problems or value.data is not None):
            value = Document(name, data=text)
        if value.problems:
            problems.append(Problem("environment", 0, name, value.problems[0].message))
            continue
        at = document.data
        for step in location[:-1]:
            if at.get(step) is None:  # ``journal:`` with nothing below it
                at[step] = {}
            at = at[step]
            if not isinstance(at, dict):
                problems.append(Problem("environment", 0, name, f"{step!r} is no section"))
                break
        else:
            at[location[-1]] = value.data
            sources[location] = ("environment", name)
    return problems


def _is_text(location: Location) -> bool:
    """Whether that key takes text alone: then a variable's value is meant as it stands, and a token may be 12345 or @x."""
    model: Any = Configuration
    for step in location[:-1]:
        field = model.model_fields.get(step)
        model = field.annotation if field else None
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return False
    field = model.model_fields.get(location[-1])
    kinds = set(get_args(field.annotation) or (field.annotation,)) if field else {None}
    return kinds <= {str, SecretStr, Path, NoneType}


def _put(data: dict[str, Any], location: Location, value: object, *, only_if_absent: bool = False) -> None:
    *sections, key = map(str, location)
    for section in sections:
        inner = data.setdefault(section, {})
        if inner is None:  # ``journal:`` with nothing below it
            inner = data[section] = {}
        if not isinstance(inner, dict):
            return  # a mistake, which the model will tell
        data = inner
    if not (only_if_absent and key in data):
        data[key] = value


def _read_secrets(data: Any, at: Location, document: Document, told: set[Location]) -> list[Problem]:
    """Replaces each ``x_file`` beside an ``x`` that the models know by the file's text, without its last newline.

    What cannot be had is left out, and its place added to ``told``.
    """
    problems: list[Problem] = []
    if isinstance(data, list):
        for index, item in enumerate(data):
            problems += _read_secrets(item, (*at, index), document, told)
    if not isinstance(data, dict):
        return problems
    for key in [key for key in data if isinstance(key, str) and key.endswith("_file") and key != "key_file"]:
        plain, name = key.removesuffix("_file"), data.pop(key)
        wrong = f"{plain!r} is given too; only one of the two can hold" if plain in data else ""
        try:
            path = Path(str(name))
            if not wrong and path.stat().st_size > SECRET_BYTES_MAX:
                wrong = f"{name} is larger than {SECRET_BYTES_MAX // 1024} KiB"
            if not wrong:
                data[plain] = path.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            wrong = f"{name} cannot be read: {reason}"
        if wrong:
            problems.append(document.problem((*at, key), wrong))
            told.add((*at, plain))
    for key, value in data.items():
        problems += _read_secrets(value, (*at, key), document, told)
    return problems


def privacy_key(path: Path, *, make: bool = False) -> bytes:
    """The key that tokens are hashed with, readable by its owner alone.

    Args:
        path: its file.
        make: make one where there is none, as the watch does at its first start. Commands that only read leave nothing behind.

    Raises:
        NocwatchError: where it can be neither read nor made.
    """
    try:
        if make and not path.exists():
            _make_key(path)
        key = path.read_bytes()
    except OSError as error:
        hint = "" if make else " (the watch makes it at its first start; is this the right --data folder?)"
        raise NocwatchError(f"{path}: the privacy key cannot be had: {error.strerror}{hint}") from error
    if len(key) < 16:
        raise NocwatchError(
            f"{path}: the privacy key is too short ({len(key)} bytes); 32 random bytes are right"
        )
    return key


def _make_key(path: Path) -> None:
    """Two processes may start at once: whoever comes first gives the key, and nobody ever reads half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(secrets.token_bytes(32))
        file.flush()
        os.fsync(file.fileno())
    try:
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
    finally:
        fresh.unlink()
