"""Data as a model, with every mistake in one go and none told twice. Pure.

A model looks at the whole of something only when each of its parts is right. So what is wrong is told, left out, and the
rest is looked at again, until nothing more is found: a route's unknown receiver shows beside a wrong port. What is
only an echo of something told already (a section that lacks what was left out of it) is not told.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from nocwatch.errors import MisplacedError
from nocwatch.sentences import Location, sentence

ROUNDS_MAX = 8
"""Each round finds what the one before hid: parts, their section, what refers to it. More than a few would be a cycle."""
TOLD = "told"
"""Key of the validation's context: the locations that were told already and left out."""

ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True)
class Validated(Generic[ModelT]):
    """What came of it.

    Attributes:
        model: of what is right in the data; None where that is too little for one.
        mistakes: each with its place.
        gone: the places that were left out for it.
    """

    model: ModelT | None
    mistakes: list[tuple[Location, str]]
    gone: frozenset[Location]


def validate(model: type[ModelT], data: Any, told: Collection[Location] = ()) -> Validated[ModelT]:
    """The data as that model, as far as it is right.

    Args:
        model: that the data shall be.
        data: as it was written.
        told: places of which a mistake was told already, such as a secret's file that cannot be read.
    """
    gone: set[Location] = set(told)
    found: list[tuple[Location, str]] = []
    for _ in range(ROUNDS_MAX):
        removed = frozenset(gone)
        try:
            made = model.model_validate(_without(data, gone), context={TOLD: removed})
        except ValidationError as error:
            errors = [
                each
                for one in error.errors()
                for each in _placed(model, as_written(one["loc"], data, removed), one)
            ]
        else:
            return Validated(made, found, removed)
        fresh = {location for location, _, _ in errors}
        enough = True
        for location, kind, message in errors:
            if not _is_echo(location, kind, removed, removed | (fresh - {location})):
                found.append((location, message))
            gone.add(location)
            wrong = location[:-1] if kind == "missing" else location
            while wrong and not _exists(data, wrong):
                wrong = wrong[:-1]
            gone.add(wrong)
            enough = enough and wrong != ()
        if not enough or gone == removed:
            break
    return Validated(None, found, frozenset(gone))


def as_written(location: Location, data: Any, gone: Collection[Location]) -> Location:
    """A place in what is left, as a place of the data as it was written: items before it may have been left out."""
    at: Location = ()
    for step in location:
        here = step
        if isinstance(step, int):
            left = [index for index in range(_length(data, at)) if (*at, index) not in gone]
            here = left[step] if step < len(left) else step
        at = (*at, here)
    return at


def _placed(
    model: type[BaseModel], location: Location, error: Mapping[str, Any]
) -> list[tuple[Location, str, str]]:
    """Place, kind and sentence; several where the model itself found several."""
    cause, kind = (error.get("ctx") or {}).get("error"), str(error["type"])
    if isinstance(cause, MisplacedError):
        return [((*location, *below), kind, message) for below, message in cause.mistakes]
    return [(location, kind, sentence(model, {**error, "loc": location}))]


def _is_echo(location: Location, kind: str, gone: Collection[Location], others: Collection[Location]) -> bool:
    if location in gone:
        return True
    if kind == "too_short":
        return any(len(each) > len(location) and each[: len(location)] == location for each in others)
    if kind == "missing":
        return False
    # A section that judges itself as a whole, after a key of its own was left out.
    return any(each[:-1] == location and isinstance(each[-1], str) for each in gone if each)


def _exists(data: Any, location: Location) -> bool:
    at: Any = data
    for step in location:
        inside = step in at if isinstance(at, Mapping) else isinstance(at, list) and step in range(len(at))
        if not inside:
            return False
        at = at[step]
    return True


def _without(data: Any, gone: Collection[Location], at: Location = ()) -> Any:
    """A copy of the data without what stands at those places."""
    if isinstance(data, dict):
        return {
            key: _without(value, gone, (*at, key)) for key, value in data.items() if (*at, key) not in gone
        }
    if isinstance(data, list):
        return [
            _without(value, gone, (*at, index))
            for index, value in enumerate(data)
            if (*at, index) not in gone
        ]
    return data


def _length(data: Any, location: Location) -> int:
    if not _exists(data, location):
        return 0
    at: Any = data
    for step in location:
        at = at[step]
    return len(at) if isinstance(at, list) else 0
