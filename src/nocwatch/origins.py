"""Where each value of the configuration came from, so that whoever finds something wrong with it can say where to mend it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from nocwatch.documents import Document
from nocwatch.errors import Problem
from nocwatch.sentences import Location
from nocwatch.validation import as_written

_WHOLE = ("--upstream", "--listen")
"""Options that are one value to whoever typed them, whatever they stand for."""


@dataclass(frozen=True, eq=False)
class Origins:
    """Of one configuration.

    Attributes:
        document: the file, or one of no file.
        sources: location → ``environment`` or ``command line``, and the variable's or option's name.
        gone: places that the configuration was made without, because they were wrong.
    """

    document: Document = field(default_factory=lambda: Document("configuration"))
    sources: Mapping[Location, tuple[str, str]] = field(default_factory=dict)
    gone: Collection[Location] = ()

    def problem(self, location: Location, message: str) -> Problem:
        """A problem where that value was written; a secret's may stand in a file of its own."""
        location = as_written(location, self.document.data, self.gone)
        *above, last = location or ("",)
        beside = (*above, f"{last}_file")
        if location not in self.document.lines and beside in self.document.lines:
            location = beside
        return self.elsewhere(self.document.problem(location, message))

    def elsewhere(self, problem: Problem) -> Problem:
        """The problem, told where the value came from, if that was not the file."""
        steps = tuple(problem.key.split("."))
        for length in range(len(steps), 0, -1):
            if source := self.sources.get(steps[:length]):
                rest = "" if source[1] in _WHOLE else ".".join(steps[length:])
                told = f"{rest}: {problem.message}" if rest else problem.message
                return Problem(source[0], 0, source[1], told)
        if not self.document.lines:  # there is no file, or nothing in it: line 1 would be no place
            return Problem(self.document.file, 0, problem.key, problem.message)
        return problem
