"""Reads the registry's files, checks every reference, and makes the ``Places`` that the pipeline looks things up in.

All problems of all files are found at once. An absent folder is an empty registry: everything in it is optional.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nocwatch.documents import Document, Location, read
from nocwatch.errors import ConfigurationError, Problem
from nocwatch.moments import SECOND_NS
from nocwatch.registry.model import Period, RegistryFile, StationRecord
from nocwatch.registry.places import Place, Places, TokenFacts, Window

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


@dataclass(frozen=True, slots=True)
class Registry:
    """All files together.

    Attributes:
        files: each file's records, in the order of the files' names.
        places: the look-ups of the pipeline.
    """

    files: tuple[RegistryFile, ...]
    places: Places


def load_registry(path: Path, token_hash: Callable[[str], str]) -> Registry:
    """Reads a folder (``*.yaml``, ``*.yml``, in order of name) or one file.

    Args:
        path: the operator's folder or file; where it does not exist the registry is empty.
        token_hash: the gate's key-hash, so that a token's ``uid`` is found by what frames show of it.

    Raises:
        ConfigurationError: with every problem of every file.
    """
    documents = [read(file) for file in _files(path)]
    problems: list[Problem] = []
    parsed: list[tuple[Document, RegistryFile]] = []
    for document in documents:
        try:
            parsed.append((document, document.validated(RegistryFile)))
        except ConfigurationError as error:
            problems += error.problems
    problems += _duplicates(parsed)
    if not problems:  # a reference to a record that is itself broken would be reported twice
        problems += _dangling(parsed)
    if problems:
        raise ConfigurationError(problems)
    files = tuple(file for _, file in parsed)
    return Registry(files, _places(files, token_hash))


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.iterdir() if file.suffix in (".yaml", ".yml"))
    return [path] if path.exists() else []


def _records(
    parsed: list[tuple[Document, RegistryFile]], kind: str
) -> Iterator[tuple[Document, Location, Any]]:
    for document, file in parsed:
        for index, record in enumerate(getattr(file, kind)):
            yield document, (kind, index), record


def _name(record: Any) -> str:
    return str(record.uid if hasattr(record, "uid") else record.id)


def _duplicates(parsed: list[tuple[Document, RegistryFile]]) -> list[Problem]:
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
    return problems


def _dangling(parsed: list[tuple[Document, RegistryFile]]) -> list[Problem]:
    problems = []
    names = {
        kind: {_name(record) for _, _, record in _records(parsed, kind)} for kind in (*_IDENTIFIED, "tokens")
    }
    for kind, field, target in _REFERENCES:
        for document, at, record in _records(parsed, kind):
            value = getattr(record, field)
            named = value if isinstance(value, tuple) else (value,) if value is not None else ()
            problems += [
                document.problem((*at, field), f"there is no {name!r} among the {target.replace('_', ' ')}")
                for name in named
                if name not in names[target]
            ]
    return problems


def _places(files: tuple[RegistryFile, ...], token_hash: Callable[[str], str]) -> Places:
    sites = {site.id: site for file in files for site in file.sites}
    places = {}
    for file in files:
        for station in file.stations:
            site = sites.get(station.site or "")
            places[station.id] = Place(
                station=station.id,
                known=True,
                name=station.name,
                site=station.site or "",
                site_name=site.name if site else "",
                operator=(site.operator or "") if site else "",
                team=(site.team or "") if site else "",
                vendor=station.vendor,
                model=station.model,
                current=_current(station),
                access=site.access if site else "",
                timezone=site.timezone if site else "UTC",
                latitude=site.latitude if site else None,
                longitude=site.longitude if site else None,
                meter_register=station.meter_register,
                free_usage=station.free_usage,
                quirks=station.quirks,
                charge_point_id=station.charge_point_id,
                on_call=site.on_call if site else "",
                powers_kw_max=_powers(station),
            )
    tokens = {
        token_hash(token.uid): TokenFacts(
            driver=token.driver or "",
            parent=token_hash(token.parent) if token.parent else "",
            provider=token.provider or "",
            shared=token.shared,
            master=token.master,
        )
        for file in files
        for token in file.tokens
    }
    return Places(
        places,
        tokens,
        maintenance=tuple(_window(period) for file in files for period in file.maintenance),
        exclusions=tuple(_window(period) for file in files for period in file.exclusions),
        update_hosts=tuple(host for file in files for host in file.update_hosts),
    )


def _current(station: StationRecord) -> str:
    kinds = {connector.current for evse in station.evses for connector in evse.connectors}
    kind = kinds.pop() if len(kinds) == 1 else None
    return kind or ""


def _powers(station: StationRecord) -> dict[str, float]:
    return {
        f"{evse.id}/{connector.id}": connector.power_kw_max
        for evse in station.evses
        for connector in evse.connectors
        if connector.power_kw_max is not None
    }


def _window(period: Period) -> Window:
    return Window(
        scope=period.scope,
        from_ns=int(period.from_.timestamp()) * SECOND_NS,
        until_ns=int(period.until.timestamp()) * SECOND_NS,
        cause=period.cause,
        note=period.note,
    )
