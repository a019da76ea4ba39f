"""Do the records of all files fit together: no id twice, and whatever is named is there. Pure.

Stations are the exception: an exclusion may be of one that the registry lacks, for it is watched all the same.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from nocwatch.documents import Document, Location
from nocwatch.errors import Problem
from nocwatch.registry.model import RegistryFile
from nocwatch.sentences import likely

Parsed: TypeAlias = list[tuple[Document, RegistryFile]]

_IDENTIFIED = (
    "operators",
    "teams",
    "sites",
    "stations",
    "drivers",
    "groups",
    "vehicles",
    "tariffs",
    "access_profiles",
)
_REFERENCES: tuple[tuple[str, str, str], ...] = (
    ("teams", "operator", "operators"),
    ("sites", "operator", "operators"),
    ("sites", "team", "teams"),
    ("stations", "site", "sites"),
    ("stations", "tariff", "tariffs"),
    ("tokens", "driver", "drivers"),
    ("drivers", "group", "groups"),
    ("vehicles", "driver", "drivers"),
    ("access_profiles", "tariff", "tariffs"),
    ("access_profiles", "groups", "groups"),
    ("access_profiles", "drivers", "drivers"),
    ("access_profiles", "vehicles", "vehicles"),
    ("access_profiles", "sites", "sites"),
    ("access_profiles", "tokens", "tokens"),
)
"""(list, field, list that must have it)."""


def _records(parsed: Parsed, kind: str) -> Iterator[tuple[Document, Location, Any]]:
    for document, file in parsed:
        for index, record in enumerate(getattr(file, kind)):
            yield document, (kind, index), record


def _name(record: Any) -> str:
    return str(record.uid if hasattr(record, "uid") else record.id)


def duplicates(parsed: Parsed) -> list[Problem]:
    problems = []
    for kind in (*_IDENTIFIED, "tokens"):
        first: dict[str, Problem] = {}
        for document, at, record in _records(parsed, kind):
            name, key = _name(record), "uid" if kind == "tokens" else "id"
            here = document.problem((*at, key), "")
            if name in first:
                there = first[name]
                problems.append(
                    document.problem((*at, key), f"{name!r} stands in {there.file}:{there.line} already")
                )
            first.setdefault(name, here)
    return problems + _twice(parsed)


def _twice(parsed: Parsed) -> list[Problem]:
    """What must stand once: sections of which there is one, numbers within a station, what a vehicle says of itself."""
    said: dict[tuple[object, ...], Problem] = {}
    problems = []
    for document, at, name, words in (*_sections(parsed), *_sockets(parsed), *_vehicles(parsed)):
        here = document.problem(at, words)
        there = said.setdefault(name, here)
        if there is not here:
            problems.append(document.problem(at, f"{words} stands in {there.file}:{there.line} already"))
    return problems


_Single: TypeAlias = tuple[Document, Location, tuple[object, ...], str]
"""Where something stands, what must not stand twice, and what a person calls it."""


def _sections(parsed: Parsed) -> Iterator[_Single]:
    for document, file in parsed:
        for key in ("factors", "links", "access_default"):
            if key in file.model_fields_set:
                yield document, (key,), (key,), key


def _sockets(parsed: Parsed) -> Iterator[_Single]:
    for document, at, station in _records(parsed, "stations"):
        for index, evse in enumerate(station.evses):
            place = (*at, "evses", index)
            yield document, (*place, "id"), (station.id, evse.id), f"EVSE {evse.id}"
            if evse.evse_id:
                yield document, (*place, "evse_id"), ("evse_id", evse.evse_id), repr(evse.evse_id)
            for number, connector in enumerate(evse.connectors):
                name = (station.id, evse.id, connector.id)
                yield document, (*place, "connectors", number, "id"), name, f"connector {connector.id}"


def _vehicles(parsed: Parsed) -> Iterator[_Single]:
    for document, at, vehicle in _records(parsed, "vehicles"):
        for key in ("evccid", "vin"):
            value = getattr(vehicle, key)
            if value:
                yield document, (*at, key), (key, value.casefold()), repr(value)


def dangling(parsed: Parsed) -> list[Problem]:
    problems = []
    names = {
        kind: {_name(record) for _, _, record in _records(parsed, kind)} for kind in (*_IDENTIFIED, "tokens")
    }
    for kind, field, target in _REFERENCES:
        for document, at, record in _records(parsed, kind):
            value = getattr(record, field)
            named = value if isinstance(value, tuple) else (value,) if value is not None else ()
            problems += [
                document.problem((*at, field), _none(name, target.replace("_", " "), names[target]))
                for name in named
                if name not in names[target]
            ]
    evse_ids = {
        evse.evse_id
        for _, _, station in _records(parsed, "stations")
        for evse in station.evses
        if evse.evse_id
    }
    for document, at, profile in _records(parsed, "access_profiles"):
        problems += [
            document.problem((*at, "evses"), _none(name, "EVSE-IDs of stations", evse_ids))
            for name in profile.evses
            if name not in evse_ids
        ]
    for kind in ("exclusions", "maintenance"):
        for document, at, span in _records(parsed, kind):
            for field, target in (("site", "sites"), ("operator", "operators"), ("team", "teams")):
                pattern = getattr(span.scope, field)
                if pattern is not None and not fnmatch.filter(names[target], pattern):
                    problems.append(
                        document.problem((*at, "scope", field), _none(pattern, target, names[target]))
                    )
    return problems


def _none(name: str, what: str, there: Iterable[str]) -> str:
    return f"there is no {name!r} among the {what}{likely(name, there)}"
