"""Reads CSV and JSON files of the registry's folder: records of other systems, row by row, with file, line and column of each mistake.

What a file holds, its name says: ``ratings.csv``, ``invoices-2026-10.json``.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nocwatch.errors import Problem
from nocwatch.registry.imported import KINDS, Imported, record
from nocwatch.sentences import likely, sentence

SUFFIXES = (".csv", ".json")
FILE_BYTES_MAX = 64 * 2**20
"""Read as a whole; an export of a year of a large fleet has half of it."""
RECORDS_MAX = 200_000
"""Of all files, as they stay in memory: about 200 MiB. More belongs into the systems that they come from."""
PROBLEMS_MAX = 20
"""Of one file: after so many it is the export that is wrong, and no row."""

Rows = Iterator[tuple[int, Any]]
"""The line that a row begins on, and the row."""


def read_imports(files: list[Path]) -> tuple[list[Imported], list[Problem]]:
    """All records of those files, and every mistake."""
    found: list[Imported] = []
    problems: list[Problem] = []
    for path in files:
        records, mistakes = _file(path)
        found += records
        problems += mistakes
        if len(found) > RECORDS_MAX:
            problems.append(
                Problem(
                    str(path), 0, "", f"with this file there are more than {RECORDS_MAX} imported records"
                )
            )
            break
    return found, problems


def _file(path: Path) -> tuple[list[Imported], list[Problem]]:
    file, kind = str(path), re.split(r"[-_. ]", path.name, maxsplit=1)[0].lower()
    if kind not in KINDS:
        known = ", ".join(KINDS)
        words = f"its name must begin with what it holds: {known}{likely(kind, KINDS)}"
        return [], [Problem(file, 0, "", words)]
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            return [], [Problem(file, 0, "", f"it has more than {FILE_BYTES_MAX // 2**20} MiB")]
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is not UTF-8 text"
        return [], [Problem(file, 0, "", f"cannot be read: {reason}")]
    records: list[Imported] = []
    problems: list[Problem] = []
    rows = _csv(text) if path.suffix.lower() == ".csv" else _json(text)
    try:
        for line, row in rows:
            made, mistakes = _row(kind, row, file, line)
            problems += mistakes
            if made is not None:
                records.append(made)
            if len(problems) >= PROBLEMS_MAX:
                problems.append(Problem(file, line, "", "the rest of this file was not looked at"))
                break
    except (csv.Error, json.JSONDecodeError, RecursionError, _NoRowsError) as error:
        problems.append(Problem(file, getattr(error, "line", getattr(error, "lineno", 0)), "", _words(error)))
    return records, problems


class _NoRowsError(Exception):
    """The file has not the form of rows."""

    def __init__(self, line: int, message: str) -> None:
        self.line = line
        super().__init__(message)


def _words(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"no valid JSON: {error.msg}"
    return str(error) if isinstance(error, _NoRowsError) else f"cannot be read: {error}"


def _row(kind: str, row: Any, file: str, line: int) -> tuple[Imported | None, list[Problem]]:
    model = KINDS[kind]
    if not isinstance(row, dict):
        return None, [Problem(file, line, "", "a section (keys and values) is wanted here")]
    told = {name: value for name, value in row.items() if value is not None and value != ""}
    nested = [name for name, value in told.items() if isinstance(value, dict | list)]
    if nested:
        return None, [Problem(file, line, name, "a single value is wanted here") for name in nested]
    try:
        checked = model.model_validate(told)
    except ValidationError as error:
        return None, [
            Problem(file, line, ".".join(map(str, one["loc"])), sentence(model, one))
            for one in error.errors()
        ]
    return record(kind, checked, told, file, line), []


def _csv(text: str) -> Rows:
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names: list[str] | None = None
    line = 1
    for cells in reader:
        if names is None:
            names = [cell.strip().lower() for cell in cells]
            if len(set(names)) < len(names):
                raise _NoRowsError(1, "two columns have one name")
        elif cells:
            if len(cells) > len(names):
                raise _NoRowsError(line, f"{len(cells)} cells, and the head has {len(names)} columns")
            yield line, dict(zip(names, map(_undisguised, cells), strict=False))
        line = reader.line_num + 1


def _undisguised(cell: str) -> str:
    """Without the apostrophe that keeps a spreadsheet from running it: our own reports have it."""
    text = cell.strip()
    return text[1:] if re.match(r"'[=+\-@]", text) else text


def _json(text: str) -> Rows:
    decoder = json.JSONDecoder(parse_float=str, parse_int=str)  # as written: an amount is no binary number
    at, line, seen = _blank(text, 0), 1, 0
    if text[at : at + 1] != "[":
        raise _NoRowsError(1, "a list of records is wanted")
    at = _blank(text, at + 1)
    while text[at : at + 1] != "]":
        line, seen = line + text.count("\n", seen, at), at
        value, at = decoder.raw_decode(text, at)
        yield line, value
        at = _blank(text, at)
        if text[at : at + 1] == ",":
            at = _blank(text, at + 1)
        elif text[at : at + 1] != "]":
            raise _NoRowsError(line + text.count("\n", seen, at), "no valid JSON: a comma or a ] is wanted")
    if _blank(text, at + 1) != len(text):
        raise _NoRowsError(line + text.count("\n", seen, at), "something stands behind the list")


def _blank(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at
