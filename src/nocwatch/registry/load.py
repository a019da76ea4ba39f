"""Reads the registry's files, checks every reference, and makes the ``Places`` that the pipeline looks things up in.

All problems of all files are found at once. An absent folder is an empty registry: everything in it is optional.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nocwatch.documents import Document, read
from nocwatch.errors import ConfigurationError, Problem
from nocwatch.registry.imported import Imports
from nocwatch.registry.importing import SUFFIXES, read_imports
from nocwatch.registry.joining import join
from nocwatch.registry.model import RegistryFile
from nocwatch.registry.places import Places
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
    imported, mistakes = read_imports(_files(path, SUFFIXES) if path.is_dir() else [])
    problems += mistakes
    problems += duplicates(parsed)
    if not problems:  # a reference to a record that is itself broken would be reported twice
        problems += dangling(parsed)
    if problems:
        raise ConfigurationError(problems)
    files = tuple(file for _, file in parsed)
    return Registry(files, join(files, token_hash, Imports(imported)))


def _files(path: Path, suffixes: tuple[str, ...] = (".yaml", ".yml")) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.iterdir() if file.suffix.lower() in suffixes)
    return [path] if path.exists() else []
