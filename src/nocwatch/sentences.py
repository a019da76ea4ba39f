"""What is wrong with what somebody wrote, in plain words: pydantic's errors as sentences, with the name that was likely meant. Pure.

What always holds: a sentence says what would be right, and the value of a secret stands in none.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from nocwatch.quantities import duration_text, parse_duration, parse_size, size_text

Location = tuple[str | int, ...]
FOUND_MAX = 60
"""Characters of a wrong value that are repeated: enough to see which one it is."""
_KINDS = {
    "string": "text",
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "list": "a list",
    "tuple": "a list",
    "dict": "a mapping",
    "model": "a section (keys below it)",
    "path": "the path of a file",
    "datetime": "a time, such as 2026-11-21T02:00:00Z,",
    "date": "a date",
}
_BOUNDS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}
_LENGTHS = {
    "too_short": ("at least", "min_length", "entries"),
    "too_long": ("at most", "max_length", "entries"),
    "string_too_short": ("at least", "min_length", "characters"),
    "string_too_long": ("at most", "max_length", "characters"),
}


def likely(name: str, there: Iterable[str]) -> str:
    """``; did you mean x?``, or nothing where no name is like it. One that differs in case alone is likest of all."""
    every = {each.casefold(): each for each in sorted(there)}
    near = difflib.get_close_matches(name.casefold(), every, n=1)
    return f"; did you mean {every[near[0]]}?" if near else ""


def sentence(model: type[BaseModel], error: Mapping[str, Any]) -> str:
    """One of ``ValidationError.errors()`` in plain words."""
    kind, location, context = str(error["type"]), tuple(error["loc"]), error.get("ctx") or {}
    if kind == "extra_forbidden":
        return "there is no such key" + likely(str(location[-1]), _keys(model, location[:-1]))
    if kind == "missing":
        return "this key is required"
    if kind in ("value_error", "assertion_error"):
        return str(error["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if kind in ("literal_error", "enum"):
        return f"this must be {context['expected']}{_found(error['input'])}"
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        value, unit = error["input"], _unit(model, location)
        found = value if isinstance(value, str) else unit(value)
        return f"this must be {words} {unit(context[key])} (found {found:.{FOUND_MAX}})"
    if kind in _LENGTHS:
        words, key, what = _LENGTHS[kind]
        number = context[key]
        return f"this must have {words} {number} {what if number != 1 else {'entries': 'entry'}.get(what, 'character')}"
    for begin, wanted in _KINDS.items():
        if kind.startswith(f"{begin}_"):
            # Not a text's value: what is no text in the place of a secret may be the secret all the same.
            told = (
                f", and this is {_kind_of(error['input'])}" if begin == "string" else _found(error["input"])
            )
            return f"{wanted} is wanted{told}".replace(",,", ",")
    message = str(error["msg"])
    return f"{message[:1].lower()}{message[1:]}{_found(error['input'])}"


def _found(value: object) -> str:
    text = "nothing" if value is None else repr(value)
    return f" (found {text if len(text) <= FOUND_MAX else text[:FOUND_MAX] + '…'})"


def _kind_of(value: object) -> str:
    names = {
        bool: "true or false: put it in quotes",
        int: "a number: put it in quotes",
        float: "a number: put it in quotes",
        dict: "a mapping",
        list: "a list",
    }
    return names.get(type(value), "something else")


def _unit(model: type[BaseModel], location: Location) -> Any:
    """How a number of that key is written."""
    field = _at(model, location)
    functions = [
        getattr(each, "func", None) for each in (field.metadata if isinstance(field, FieldInfo) else ())
    ]
    if parse_size in functions:
        return size_text
    return duration_text if parse_duration in functions else str


def _keys(model: type[BaseModel], location: Location) -> list[str]:
    found = _at(model, location)
    found = found.annotation if isinstance(found, FieldInfo) else found
    models = [each for each in _kinds(found) if isinstance(each, type) and issubclass(each, BaseModel)]
    return [field.alias or name for each in models for name, field in each.model_fields.items()]


def _at(model: type[BaseModel], location: Location) -> Any:
    """The field, or the type, that a location of a model's data has; None where that cannot be told."""
    at: Any = model
    for step in location:
        at = at.annotation if isinstance(at, FieldInfo) else at
        at = next((found for each in _kinds(at) if (found := _below(each, step)) is not None), None)
    return at


def _kinds(annotation: Any) -> Sequence[Any]:
    """Each kind of a union; what is annotated without its annotations."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _kinds(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return [kind for each in get_args(annotation) for kind in _kinds(each)]
    return [annotation]


def _below(kind: Any, step: str | int) -> Any:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return next((field for name, field in kind.model_fields.items() if step in (field.alias, name)), None)
    arguments = get_args(kind)
    if get_origin(kind) in (list, tuple) and isinstance(step, int):
        return arguments[0]
    return arguments[1] if get_origin(kind) is dict and len(arguments) == 2 else None
