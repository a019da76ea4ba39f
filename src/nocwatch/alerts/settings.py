"""The alerts' part of the configuration: who is told (receivers), of what (routes), and how often.

Without any configuration every alert goes to the file and to the console. With receivers and no routes, warnings and critical
alerts go to all of them. Every mistake is a sentence that says what would be right; no address of a receiver stands in it.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from nocwatch.errors import MisplacedError
from nocwatch.flags import Blame, Category, Severity
from nocwatch.quantities import Duration
from nocwatch.sentences import likely
from nocwatch.validation import TOLD

FILE_RECEIVER = "file"
"""The receiver that every alert goes to, unless ``alerts.file`` is null."""
GROUPINGS = (
    "flag",
    "rule",
    "category",
    "station",
    "site",
    "operator",
    "team",
    "vendor",
    "model",
    "firmware",
    "subject",
    "severity",
)
"""What alerts can be grouped by. ``flag`` is one alert for each trouble: rule and key."""
MATCHABLE = (
    "severity",
    "rule",
    "detector",
    "category",
    "blame",
    "station",
    "site",
    "operator",
    "team",
    "vendor",
    "model",
    "firmware",
    "current",
    "access",
    "subject",
)
"""What routes, inhibitions and silences can match on, besides the labels of rules (``label.<name>``)."""

RECEIVERS_MAX = 100
"""Each costs a task of the dispatcher."""
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.IGNORECASE)


def _texts(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Patterns = Annotated[tuple[str, ...], BeforeValidator(_texts)]
"""One pattern or several, of which one must fit: exact text or a glob."""


class Part(BaseModel):
    """What all parts have in common: an unknown key is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ReceiverSettings(Part):
    """One receiver: either apprise addresses, or a file.

    Attributes:
        apprise: one or more of apprise's URLs (https://github.com/caronc/apprise/wiki); secret, so better as ``apprise_file``,
            a file with one URL a line.
        file: JSON lines are appended to it.
        resolved: whether the receiver is told that an alert is over.
        timeout: how long one attempt may take.
        give_up_after: how long one notification is tried again before it is given up.
    """

    apprise: SecretStr | None = None
    file: str | None = None
    resolved: bool = True
    timeout: Duration = 20.0
    give_up_after: Duration = 86_400.0

    @field_validator("apprise", mode="before")
    @classmethod
    def _lines(cls, value: object) -> object:
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return "\n".join(value)
        if value is not None and not isinstance(value, str | SecretStr):
            # Said here and not by pydantic, which would repeat the value.
            raise ValueError("write an apprise URL, or a list of them, such as mailto://…")
        return value

    @field_validator("apprise")
    @classmethod
    def _urls(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            lines = lines_of(value)
            if not lines:
                raise ValueError(
                    "no address is given; write an apprise URL, such as mailto://… or json://host/path"
                )
            for number, line in enumerate(lines, 1):
                if not re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://", line):
                    raise ValueError(
                        f"address {number} does not begin with a scheme; write an apprise URL, such as mailto://…"
                    )
        return value

    @model_validator(mode="after")
    def _one_way(self) -> ReceiverSettings:
        if (self.apprise is None) == (self.file is None):
            raise ValueError("a receiver has either apprise (or apprise_file) or file")
        if not 0 < self.timeout <= 300:
            raise ValueError("timeout is out of bounds; write 1s to 5m")
        return self


def lines_of(secret: SecretStr) -> list[str]:
    """The URLs in a secret, one a line; empty lines and those that begin with # are none."""
    return [
        line.strip()
        for line in secret.get_secret_value().splitlines()
        if line.strip() and not line.lstrip().startswith("#")
    ]


_WORDS = {"severity": [*Severity], "category": [*Category], "blame": [*Blame]}


class Match(Part):
    """What an alert must be like: every key that is given must fit; a key may have several patterns, of which one must."""

    model_config = ConfigDict(extra="allow", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _known(cls, data: object) -> object:
        if not isinstance(data, dict):
            raise ValueError('a match is a mapping, such as {site: "depot-*", severity: critical}')  # noqa: TRY004 - pydantic wants it
        result = {}
        for key, value in data.items():
            if key not in MATCHABLE and not str(key).startswith("label."):
                raise ValueError(
                    f"{key!r} cannot be matched{likely(str(key), MATCHABLE)}; there are {', '.join(MATCHABLE)}, and label.<name>"
                )
            patterns = _texts(value)
            if (
                not isinstance(patterns, list | tuple)
                or not patterns
                or not all(isinstance(each, str) for each in patterns)
            ):
                raise ValueError(f"{key} needs a text or a list of texts")
            if key in _WORDS and (
                unknown := [each for each in patterns if not fnmatch.filter(_WORDS[key], each)]
            ):
                raise ValueError(f"{key} {unknown[0]!r} does not exist; there are {', '.join(_WORDS[key])}")
            result[key] = tuple(patterns)
        return result

    @property
    def patterns(self) -> Mapping[str, tuple[str, ...]]:
        return self.__pydantic_extra__ or {}

    def fits(self, labels: Mapping[str, str]) -> bool:
        return all(
            any(fnmatch.fnmatchcase(labels.get(key, ""), pattern) for pattern in patterns)
            for key, patterns in self.patterns.items()
        )


class RouteSettings(Part):
    """Which alerts go to whom. Routes are read from the top; the first that fits says how the alert is grouped and repeated.

    Attributes:
        match: what it must be like; without it, any.
        receivers: names of those who are told (besides the file).
        group_by: flags that agree in all of these share one alert.
        group_wait: how long the first notice waits for more flags of the group.
        group_interval: how long between notices that more flags have joined.
        repeat_interval: after how long a firing alert that nobody has acknowledged is told again; 0: never.
        continue_: go on with the routes below, which then only add their receivers.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    match: Match = Match()
    receivers: Patterns = ()
    group_by: Patterns = ("flag",)
    group_wait: Duration = 0.0
    group_interval: Duration = 300.0
    repeat_interval: Duration = 4 * 3600.0
    continue_: bool = Field(default=False, validation_alias=AliasChoices("continue", "continue_"))

    @field_validator("group_by")
    @classmethod
    def _groupings(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in GROUPINGS and not name.startswith("label."):
                raise ValueError(
                    f"{name!r} is nothing to group by; there are {', '.join(GROUPINGS)}, and label.<name>"
                )
        return value


class InhibitionSettings(Part):
    """While an alert like ``by`` is open, alerts like ``quiet`` that agree with it in ``equal`` tell nobody.

    Flags that a detector itself hangs below another (a whole site is gone) need no such entry.
    """

    by: Match
    quiet: Match
    equal: Patterns = ("station",)

    @field_validator("equal")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in MATCHABLE and not name.startswith("label."):
                raise ValueError(
                    f"{name!r} cannot be compared; there are {', '.join(MATCHABLE)}, and label.<name>"
                )
        return value


class AlertSettings(Part):
    """``alerts:`` of the configuration.

    Attributes:
        receivers: name → receiver.
        routes: from the top; see ``RouteSettings``.
        inhibit: what keeps what quiet.
        templates: folder with ``subject.txt``, ``body.txt``, ``body.html``; what is not there is nocwatch's own.
        file: every alert is appended here as a JSON line; null: nowhere.
        reopen_for: how long after it was resolved the same trouble reopens the alert, instead of making a new one.
    """

    receivers: dict[str, ReceiverSettings] = {}
    routes: tuple[RouteSettings, ...] = ()
    inhibit: tuple[InhibitionSettings, ...] = ()
    templates: str | None = None
    file: str | None = "data/alerts.jsonl"
    reopen_for: Duration = 600.0

    @field_validator("receivers", mode="before")
    @classmethod
    def _shape(cls, value: object) -> object:
        # Said here and not by pydantic, which would repeat the value, addresses and all.
        if not isinstance(value, dict):
            raise ValueError('receivers is a mapping of names, such as {noc: {apprise: "mailto://…"}}')  # noqa: TRY004
        for name, receiver in value.items():
            if not isinstance(receiver, dict | ReceiverSettings):
                raise ValueError(f'receiver {name}: write what it is, such as {{apprise: "mailto://…"}}')  # noqa: TRY004
        return value

    @model_validator(mode="after")
    def _names(self) -> AlertSettings:
        if len(self.receivers) > RECEIVERS_MAX:
            raise ValueError(f"there are {len(self.receivers)} receivers; {RECEIVERS_MAX} is the limit")
        for name in self.receivers:
            if name == FILE_RECEIVER:
                raise ValueError(
                    f"the receiver's name {FILE_RECEIVER!r} is taken; set its path with alerts.file"
                )
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name for a receiver; write letters, digits, - and _")
        return self

    @field_validator("routes")
    @classmethod
    def _receivers_exist(
        cls, routes: tuple[RouteSettings, ...], info: ValidationInfo
    ) -> tuple[RouteSettings, ...]:
        told = {place[1:] for place in (info.context or {}).get(TOLD, ()) if place[:1] == ("alerts",)}
        if ("receivers",) in told or "receivers" not in info.data:
            return routes  # they have mistakes of their own, told already
        there = {*info.data["receivers"], *(str(each[1]) for each in told if each[:1] == ("receivers",))}
        words = f"there are {', '.join(sorted(there))}" if there else "there are none under alerts.receivers"
        unknown: list[tuple[tuple[str | int, ...], str]] = [
            ((number, "receivers"), f"there is no receiver {name!r}{likely(name, there) or f'; {words}'}")
            for number, route in enumerate(routes)
            for name in route.receivers
            if name not in there and name != FILE_RECEIVER
        ]
        if unknown:
            raise MisplacedError(unknown)
        return routes

    @property
    def routes_in_force(self) -> tuple[RouteSettings, ...]:
        """The routes, or what stands for them where none are written; the last one takes what no other did, for the file."""
        rest = RouteSettings()
        if self.routes:
            return (*self.routes, rest)
        if not self.receivers:
            return (rest,)
        loud = Match.model_validate({"severity": [Severity.WARNING.value, Severity.CRITICAL.value]})
        return (RouteSettings(match=loud, receivers=tuple(self.receivers)), rest)
