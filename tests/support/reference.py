"""What pydantic models hold, key by key, in the words of the documentation: the other side of the tests in ``tests/docs``.

A key is a dotted path: ``journal.keep_for``; of each entry of a list ``relay.listen[].address``; of each entry of a mapping
``alerts.receivers.<name>.file``. Types and defaults read as an operator writes them.
"""

from __future__ import annotations

import datetime as dt
import re
import types
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from nocwatch.quantities import parse_duration, parse_size

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


class Key(NamedTuple):
    """One key: where it is, what is written there, and what holds without it."""

    path: str
    kind: str
    default: str


def keys_of(model: type[BaseModel], prefix: str = "") -> Iterator[Key]:
    """All keys of a model and of the models in it, in their order."""
    for name, field in model.model_fields.items():
        alias = field.alias or (field.validation_alias.choices[0] if field.validation_alias else name)  # type: ignore[union-attr]
        path = f"{prefix}{alias}"
        yield Key(path, _kind(field.annotation, field.metadata), _default(field))
        for suffix, inner in _inside(field.annotation):
            yield from keys_of(inner, f"{path}{suffix}.")


def _inside(annotation: Any) -> Iterator[tuple[str, type[BaseModel]]]:
    """The models in an annotation, with what stands between the key and theirs."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield "", annotation
    elif origin is Annotated:
        yield from _inside(arguments[0])
    elif origin in (Union, types.UnionType):
        for each in arguments:
            yield from _inside(each)
    elif origin in (tuple, list):
        yield from (("[]" + suffix, model) for suffix, model in _inside(arguments[0]))
    elif origin is dict:
        yield from ((".<name>" + suffix, model) for suffix, model in _inside(arguments[1]))


def _kind(annotation: Any, metadata: list[Any]) -> str:  # noqa: C901, PLR0912 - a table of cases
    parsers = {getattr(each, "func", None) for each in metadata}
    if parse_duration in parsers:
        return "duration"
    if parse_size in parsers:
        return "size"
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(arguments[0], list(arguments[1:]))
    if origin in (Union, types.UnionType):
        rest = [each for each in arguments if each is not type(None)]
        return " or ".join(
            [*(_kind(each, metadata) for each in rest), *(["null"] if len(rest) < len(arguments) else [])]
        )
    if origin is Literal:
        return " \\| ".join(str(each).lower() if isinstance(each, bool) else str(each) for each in arguments)
    if origin in (tuple, list):
        if any(getattr(getattr(each, "func", None), "__name__", "") == "_texts" for each in metadata):
            return "text or list of text"
        return f"list of {_kind(arguments[0], [])}"
    if origin is dict:
        return f"mapping to {_kind(arguments[1], [])}"
    if isinstance(annotation, type):
        if issubclass(annotation, BaseModel):
            return "section"
        if issubclass(annotation, Enum):
            return " \\| ".join(each.value for each in annotation)
        for kind, word in (
            (bool, "boolean"),
            (int, "whole number"),
            (float, "number"),
            (Decimal, "number"),
            (SecretStr, "secret"),
            (Path, "path"),
            (dt.datetime, "moment"),
            (dt.date, "date"),
            (str, "text"),
        ):
            if issubclass(annotation, kind):
                return word
    return "anything"


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "required"
    return told(value, _kind(field.annotation, field.metadata))


def told(value: Any, kind: str = "") -> str:
    """A value as an operator would write it."""
    if value is None:
        return "null"
    if isinstance(value, BaseModel):
        return ""
    if kind.startswith("duration"):
        return _duration(float(value))
    if kind.startswith("size"):
        return _size(int(value))
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.9g}"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, tuple | list | frozenset):
        entries = ", ".join(_flow(each) for each in value)
        return f"[{entries}]"
    if isinstance(value, Mapping):
        return _flow(value)
    return str(value) or '""'


def _flow(value: Any) -> str:
    if isinstance(value, BaseModel):
        value = value.model_dump(exclude_defaults=True)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_flow(each)}" for name, each in value.items()) + "}"
    return told(value)


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s" if seconds else "0"


def _size(size: int) -> str:
    for unit, factor in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size and size % factor == 0:
            return f"{size // factor}{unit}"
    return f"{size}B"


_ROW = re.compile(r"^\| `([^`]+)` \|(.*)\|$", re.MULTILINE)


def rows(page: str, heading: str | None = None, width: int | None = None) -> dict[str, list[str]]:
    """Table rows of a page (or of one of its sections) that begin with a name in back quotes: name → the other cells.

    With ``width`` only rows that have so many other cells. A name that stands twice is a mistake.
    """
    text = page
    if heading is not None:
        level = heading.split(" ", 1)[0]
        start = re.search(rf"^{re.escape(heading)}$", page, re.MULTILINE)
        assert start, f"there is no heading {heading!r}"
        text = page[start.end() :]
        end = re.search(rf"^#{{1,{len(level)}}} ", text, re.MULTILINE)
        text = text[: end.start()] if end else text
    found: dict[str, list[str]] = {}
    for name, rest in _ROW.findall(text):
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", rest)]
        if width is not None and len(cells) != width:
            continue
        assert name not in found, f"{name} stands twice"
        found[name] = cells
    return found
