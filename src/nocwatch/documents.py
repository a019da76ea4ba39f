"""YAML that knows where each value stands, so that an error can say file:line:key. For configuration, registry, rules.

PyYAML reads ``22:00`` as 1320, ``no`` as false, and lets a later key overwrite an earlier one in silence. Here ``on``,
``off``, ``yes``, ``no`` and colon-numbers are text (YAML 1.2), and a duplicate key is a problem.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel

from nocwatch.errors import ConfigurationError, Problem
from nocwatch.sentences import Location
from nocwatch.validation import Validated, validate

__all__ = ["Document", "Location", "parse", "read"]

ModelT = TypeVar("ModelT", bound=BaseModel)


VALUES_MAX = 5_000_000
"""Of one document, keys too: two hundred thousand stations, each with its sockets."""
DEPTH_MAX = 100
"""Of lists and mappings within each other: no file of ours has ten. The library's compiled half has no limit, and ends the process."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """SafeLoader with YAML 1.2's idea of booleans and integers."""


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$"),
    list("-+.0123456789"),
)


def _or_text(
    construct: Callable[[yaml.SafeLoader, yaml.ScalarNode], Any],
) -> Callable[[_Loader, yaml.ScalarNode], Any]:
    """What looks like a day or a number and is none (February 30) stays text: whoever wants one says so, with the line."""

    def constructed(loader: _Loader, node: yaml.ScalarNode) -> Any:
        try:
            return construct(loader, node)
        except (ValueError, OverflowError):
            return node.value

    return constructed


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _or_text(yaml.SafeLoader.construct_yaml_timestamp))
_Loader.add_constructor("tag:yaml.org,2002:int", _or_text(yaml.SafeLoader.construct_yaml_int))


@dataclass(slots=True)
class Document:
    """One YAML document.

    Attributes:
        file: its name in messages.
        data: plain values: dict, list, str, int, float, bool, None, date.
        lines: location (keys and indices from the root) → 1-based line of the value's key.
        problems: what is wrong with the document as such (syntax, duplicate keys).
    """

    file: str
    data: Any = None
    lines: dict[Location, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def problem(self, location: Location, message: str) -> Problem:
        """A problem at that location, or at the nearest one above it that stands in the file."""
        at = location
        while at and at not in self.lines:
            at = at[:-1]
        return Problem(self.file, self.lines.get(at, 1), ".".join(map(str, location)), message)

    def validated(self, model: type[ModelT], prefix: Location = ()) -> ModelT:
        """The document's data (below ``prefix``) as that model.

        Raises:
            ConfigurationError: with every problem of the document and of the model, file:line:key each.
        """
        validated, problems = self.read_as(model, prefix)
        if problems or validated is None or validated.model is None:
            raise ConfigurationError(problems)
        return validated.model

    def read_as(
        self, model: type[ModelT], prefix: Location = (), told: Collection[Location] = ()
    ) -> tuple[Validated[ModelT] | None, list[Problem]]:
        """The model of what is right (None where nothing can be read), and every problem.

        Args:
            model: that the data shall be.
            prefix: where in the document the data stands.
            told: places of which a mistake was told already; nothing is made of them.
        """
        if self.data is None and self.problems:
            return None, list(self.problems)  # of what cannot be read nothing else can be said
        data = self.data
        for step in prefix:
            data = data[step]
        validated = validate(model, {} if data is None else data, told)
        found = [self.problem(prefix + location, message) for location, message in validated.mistakes]
        return validated, [*self.problems, *found]


def parse(text: str, file: str) -> Document:
    """Reads one document; never raises: what is wrong stands in ``problems``."""
    document = Document(file)
    loader = None
    try:
        _measure(text)
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is not None:
            _unfold(node, {})
            _walk(node, (), document)
            document.data = loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        document.problems.append(
            Problem(
                file, mark.line + 1 if mark else 1, "", f"no valid YAML: {error.problem or error.context}"
            )
        )
    except yaml.YAMLError as error:
        document.problems.append(Problem(file, 1, "", f"no valid YAML: {error}"))
    except (ValueError, RecursionError) as error:
        document.problems.append(Problem(file, 1, "", f"cannot be read: {error}"))
    finally:
        if loader is not None:
            loader.dispose()
    return document


def read(path: Path, name: str | None = None) -> Document:
    """Reads a file; a file that cannot be read is a problem of the document, not an exception."""
    file = name or str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Document(file, problems=[Problem(file, 0, "", "there is no such file")])
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is not UTF-8 text"
        return Document(file, problems=[Problem(file, 0, "", f"cannot be read: {reason}")])
    return parse(text, file)


def _measure(text: str) -> None:
    """Walks through the text without going down into it.

    Raises:
        MarkedYAMLError: it is nested too deep.
    """
    depth = 0
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEPTH_MAX:
            mark: Any = event.start_mark
            problem = f"more than {DEPTH_MAX} lists and mappings within each other"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


def _unfold(node: yaml.Node, sizes: dict[int, int]) -> int:
    """How many values a node has where each alias stands for all that it names.

    Raises:
        MarkedYAMLError: there are too many, or one stands within itself: ten lines of aliases of aliases are a thousand million values.
    """
    found = sizes.get(id(node))
    if found is not None:
        if found == 0:
            raise yaml.MarkedYAMLError(
                problem="an alias stands within what it names", problem_mark=node.start_mark
            )
        return found
    sizes[id(node)] = 0
    below = [] if isinstance(node, yaml.ScalarNode) else node.value
    size = 1 + sum(
        _unfold(part, sizes) for each in below for part in (each if isinstance(each, tuple) else (each,))
    )
    if size > VALUES_MAX:
        raise yaml.MarkedYAMLError(
            problem=f"more than {VALUES_MAX} values, each alias counted with all that it names",
            problem_mark=node.start_mark,
        )
    sizes[id(node)] = size
    return size


def _walk(node: yaml.Node, at: Location, document: Document) -> None:
    document.lines.setdefault(at, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key_node, value_node in node.value:
            key = str(key_node.value)
            below = (*at, key)
            if key in seen:
                document.problems.append(
                    Problem(
                        document.file,
                        key_node.start_mark.line + 1,
                        ".".join(map(str, below)),
                        "this key stands here twice",
                    )
                )
            seen.add(key)
            document.lines[below] = key_node.start_mark.line + 1
            _walk(value_node, below, document)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _walk(item, (*at, index), document)
