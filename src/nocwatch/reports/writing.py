"""Session rows as text: moments by the reader's wish, lengths of time, lines of a table, CSV or JSON. Pure.

What always holds: a row is written and forgotten, so that a year of sessions needs no more memory than a page of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from nocwatch.moments import SECOND_NS
from nocwatch.reports.columns import Column, Kind, Told, price_basis, whole
from nocwatch.tables import Cell, csv_lines, text_lines, written

PAGE_ROWS = 500
"""Of a table for a terminal: widths are found, and the header is said again, so often."""


class Times(StrEnum):
    """How moments are written."""

    ISO = "iso"
    """``2026-11-21T09:45:49Z``, or with its offset where a time zone is named: never ambiguous."""
    LOCAL = "local"
    """``2026-11-21 10:45:49``: what spreadsheets take for a date, by the clock on the wall of the site."""


class Style(msgspec.Struct, frozen=True):
    """How the reader wants it.

    Attributes:
        zone: of all moments; None: UTC, and with local times each site's own.
    """

    times: Times = Times.ISO
    zone: ZoneInfo | None = None

    def moment(self, at_ns: int, site_zone: str) -> str:
        zone: tzinfo = self.zone or (ZoneInfo(site_zone) if self.times is Times.LOCAL else UTC)
        at = datetime.fromtimestamp(at_ns // SECOND_NS, UTC).astimezone(zone)
        if self.times is Times.LOCAL:
            return at.strftime("%Y-%m-%d %H:%M:%S")
        return at.isoformat().replace("+00:00", "Z")


def clock(duration_ns: int) -> str:
    """``hh:mm:ss``; hours go on beyond 24."""
    seconds = duration_ns // SECOND_NS
    return f"{seconds // 3600:02d}:{seconds % 3600 // 60:02d}:{seconds % 60:02d}"


def cells(told: Told, columns: Sequence[Column], style: Style) -> list[Cell]:
    """A row of a table or CSV."""
    return [_cell(told, column, style) for column in columns]


def _cell(told: Told, column: Column, style: Style) -> Cell:
    value = column.value(told)
    if value is not None and column.kind is Kind.MOMENT:
        return style.moment(value, told.book.place(told.session).timezone)
    if value is not None and column.kind is Kind.SPAN:
        return clock(value)
    found: Cell = value
    return found


def record(told: Told, columns: Sequence[Column], style: Style) -> dict[str, Any]:
    """A row of JSON: lengths of time are seconds, amounts are numbers with the digits that they have."""
    found: dict[str, Any] = {}
    for column in columns:
        if column.kind is Kind.SPAN:
            span_ns = column.value(told)
            found[column.key] = None if span_ns is None else whole(span_ns / SECOND_NS)
        else:
            found[column.key] = _cell(told, column, style)
    return found


_JSON = msgspec.json.Encoder(decimal_format="number")


def matching(rows: Iterable[Told], columns: Sequence[Column], style: Style, text: str) -> Iterator[Told]:
    """Rows in which the text stands as it is shown, in any case of letters: a day, a driver, a station."""
    sought = text.casefold()
    for told in rows:
        if any(sought in written(cell).casefold() for cell in cells(told, columns, style)):
            yield told


def csv_of(rows: Iterable[Told], columns: Sequence[Column], style: Style) -> Iterator[str]:
    yield from csv_lines([each.title for each in columns], (cells(told, columns, style) for told in rows))


def table_of(rows: Iterable[Told], columns: Sequence[Column], style: Style) -> Iterator[str]:
    """For a terminal, page by page."""
    titles, left, first = [each.title for each in columns], iter(rows), True
    while (page := [cells(told, columns, style) for told in islice(left, PAGE_ROWS)]) or first:
        for line in text_lines(titles, page):
            yield line + "\n"
        first = False


def json_of(rows: Iterable[Told], columns: Sequence[Column], style: Style) -> Iterator[str]:
    """One array, an object a line. Prices say that they are estimates, and what was imported where it is from."""
    before = "["
    for told in rows:
        found = record(told, columns, style)
        found["price_basis"] = price_basis(told.amounts)
        found["billing_source"] = told.book.billed(told.session).source
        yield f"{before}\n{_JSON.encode(found).decode()}"
        before = ","
    yield "\n]\n" if before == "," else "[]\n"
