"""Reads the registry's files, checks every reference, and makes the ``Places`` that the pipeline looks things up in.

All problems of all files are found at once. An absent folder is an empty registry: everything in it is optional.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from nocwatch.documents import Document, read
from nocwatch.errors import ConfigurationError, Problem
from nocwatch.registry.calendars import CalendarError, events
from nocwatch.registry.imported import Imports
from nocwatch.registry.importing import SUFFIXES, read_imports
from nocwatch.registry.joining import join
from nocwatch.registry.model import RegistryFile
from nocwatch.registry.places import Places, Window
from nocwatch.registry.references import dangling, duplicates


@dataclass(frozen=True, slots=True)
class Registry:
    """All files together.

    Attributes:
        files: each file's records, in the order of the files' names.
        places: the look-ups of the pipeline.
    """

    files: tuple[RegistryFile, ...]
    places: Places


def load_registry(
    path: Path, token_hash: Callable[[str], str], prefixed: Mapping[str, str] | None = None
) -> Registry:
    """Reads a folder (``*.yaml``, ``*.yml``, in order of name) or one file.

    Args:
        path: the operator's folder or file; where it does not exist the registry is empty.
        token_hash: the gate's key-hash, so that a token's ``uid`` is found by what frames show of it.
        prefixed: key-hash → prefix, of tokens that were seen (``Gate.prefixes``), for ``token_prefixes``.

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
    imported, mistakes = read_imports(_files(path, SUFFIXES) if path.is_dir() else [])
    calendars, unread = _calendars(parsed)
    problems += mistakes + unread
    problems += duplicates(parsed)
    if not problems:  # a reference to a record that is itself broken would be reported twice
        problems += dangling(parsed)
    if problems:
        raise ConfigurationError(problems)
    files = tuple(file for _, file in parsed)
    return Registry(files, join(files, token_hash, Imports(imported), calendars, prefixed))


def _files(path: Path, suffixes: tuple[str, ...] = (".yaml", ".yml")) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.iterdir() if file.suffix.lower() in suffixes)
    return [path] if path.exists() else []


def _calendars(parsed: list[tuple[Document, RegistryFile]]) -> tuple[list[Window], list[Problem]]:
    """The times of work in the iCalendar files that ``maintenance`` names, beside the file that names them."""
    windows: list[Window] = []
    problems: list[Problem] = []
    for document, file in parsed:
        for index, work in enumerate(file.maintenance):
            if not work.calendar:
                continue
            path = Path(document.file).parent / work.calendar
            try:
                found = events(path.read_text(encoding="utf-8-sig"), work.timezone)
            except (OSError, ValueError) as error:
                reason = (
                    error.strerror if isinstance(error, OSError) else "no such name, or it is not UTF-8 text"
                )
                at = ("maintenance", index, "calendar")
                problems.append(document.problem(at, f"{path} cannot be read: {reason}"))
            except CalendarError as error:
                problems.append(Problem(str(path), error.line, "", str(error)))
            else:
                windows += [
                    Window(
                        scope=work.scope,
                        from_ns=each.from_ns,
                        until_ns=each.until_ns,
                        cause=work.cause,
                        note=work.note or each.summary,
                    )
                    for each in found
                ]
    return windows, problems
