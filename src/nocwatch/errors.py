"""What can be wrong with what an operator wrote, and the errors that end a command with one clear line.

A peer's misbehaviour is never an exception here: it is a value that is counted (see ``tap`` and ``ocpp``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

NO_FILE = "no file"
"""In place of a file's name where a key stands in none: it was left out, and there is no line to point at."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a file that an operator keeps.

    Attributes:
        file: path as the operator named it; ``environment`` for a variable, ``NO_FILE`` where there is none.
        line: 1-based line of the value, 0 where there is none (environment, missing file).
        key: dotted path of the key, such as ``relay.listen.0.address``; empty for the document itself.
        message: a sentence that says what is wrong and, where it is not obvious, what would be right.
    """

    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        if self.file == NO_FILE and self.key:
            return f"{self.key}: {self.message}"
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}:{self.key}: {self.message}" if self.key else f"{where}: {self.message}"


class MisplacedError(ValueError):
    """Mistakes that a model found in the middle of a value: place below the value, and what is wrong there."""

    def __init__(self, mistakes: Sequence[tuple[tuple[str | int, ...], str]]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("; ".join(message for _, message in mistakes))


class NocwatchError(Exception):
    """An error with a message fit for a person: printed as one line, without a traceback.

    Attributes:
        status: the command's exit status. 2: wrong usage or configuration, and trying again is of no use; 1: not now.
    """

    status = 2


class NotNowError(NocwatchError):
    """What was asked for is right, and cannot be had yet: an address, a lane. Exit status 1: try again."""

    status = 1


class ConfigurationError(NocwatchError):
    """Every problem found in configuration, registry, rules and templates, all at once. Exit status 2."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))
