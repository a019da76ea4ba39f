"""Rows as CSV, and as a table for a terminal. Pure: values in, lines out.

What always holds: no cell of a CSV that came from a station, a driver or a file is a formula to a spreadsheet. Text that begins
as one does gets an apostrophe before it; numbers stay numbers, negative ones too. Decimal points, never decimal commas.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

Cell = str | int | float | Decimal | bool | None

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What spreadsheets take for the beginning of a formula or of a command to another program; the wide forms are read alike."""
_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)


def defused(text: str) -> str:
    """The text as a spreadsheet shows it and does not run it. Spaces before a formula do not hide it."""
    if _NUMBER.fullmatch(text):
        return text
    if text.startswith(FORMULA_STARTS) or text.lstrip(" \xa0\ufeff").startswith(FORMULA_STARTS):
        return "'" + text
    return text


def written(value: Cell) -> str:
    """A value as a cell of a CSV: nothing for None, ``true`` and ``false``, plain digits for numbers."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return plain(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    return defused(value)


def plain(value: float) -> str:
    """A number without an exponent, which some spreadsheets take for text; nothing for what is no number."""
    if not math.isfinite(value):
        return ""
    shortest = repr(value)
    return f"{Decimal(shortest):f}" if "e" in shortest else shortest


def csv_lines(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """The header and one text a row, each with its line end [RFC 4180]. A cell with line breaks stays one cell."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow([defused(name) for name in columns])
    yield buffer.getvalue()
    for cells in rows:
        buffer.seek(0)
        buffer.truncate()
        writer.writerow([written(cell) for cell in cells])
        yield buffer.getvalue()


def text_lines(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """A table for a terminal: numbers to the right, text to the left, no control characters."""
    gathered = list(rows)
    shown = [list(columns), *([_shown(cell) for cell in row] for row in gathered)]
    widths = [max(len(row[index]) for row in shown) for index in range(len(columns))]
    numbers = [
        any(_is_number(row[index]) for row in gathered)
        and all(row[index] is None or _is_number(row[index]) for row in gathered)
        for index in range(len(columns))
    ]
    for row in shown:
        yield "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numbers, strict=True)
        ).rstrip()


def _is_number(value: Cell) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _shown(value: Cell) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        return "".join(each if each.isprintable() else "�" for each in value)
    return written(value)
