"""``nocwatch report``: what stands in the store, as tables for people, spreadsheets and programs. The commands hang on ``app``.

What always holds: the store is only read, in short pieces, while the watch goes on writing to it.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from nocwatch.config import Configuration, privacy_key
from nocwatch.errors import ConfigurationError, NocwatchError
from nocwatch.options import ConfigOption, DataOption, SetOption, configuration
from nocwatch.quantities import parse_duration
from nocwatch.reports.amounts import amounts
from nocwatch.reports.book import Book
from nocwatch.reports.columns import SETS, ColumnSet, Told
from nocwatch.reports.writing import Times
from nocwatch.sessions import Outcome, Session

app = typer.Typer(help="Reports from the store (docs/reports.md).", no_args_is_help=True)

FromOption = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="T", help="A day (2026-11-01) or RFC 3339; from the beginning without it."
    ),
]
LastOption = Annotated[
    str | None, typer.Option("--last", metavar="SPAN", help="Instead of both: so long, such as 7d or 90d.")
]
ToOption = Annotated[
    str | None,
    typer.Option("--to", metavar="T", help="A day, which is then within it, or RFC 3339, which is not."),
]
TimezoneOption = Annotated[
    str | None,
    typer.Option(
        metavar="ZONE", help="Time zone of days and of times that are shown, such as Europe/Berlin."
    ),
]


def zone(name: str | None) -> ZoneInfo:
    """UTC where none is named.

    Raises:
        NocwatchError: there is no such time zone.
    """
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise NocwatchError(
            f"--timezone {name}: there is no such time zone; write one such as Europe/Berlin"
        ) from None


def window(from_: str | None, to: str | None, timezone: str | None) -> tuple[int | None, int | None]:
    """``--from`` and ``--to`` as nanoseconds, the second exclusive. A day begins at its midnight in the time zone.

    Raises:
        NocwatchError: one is no moment, or they are the wrong way round.
    """
    local = zone(timezone)
    from_ns, until_ns = _moment(from_, "--from", local, 0), _moment(to, "--to", local, 1)
    if from_ns is not None and until_ns is not None and from_ns >= until_ns:
        raise NocwatchError("--from is not before --to: there is nothing between them")
    return from_ns, until_ns


def _moment(text: str | None, option: str, local: ZoneInfo, days: int) -> int | None:
    from nocwatch.cli.replaying import moment

    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        pass
    else:
        return _midnight(text, option, day, local, days)
    try:
        return moment(text, option)
    except NocwatchError:
        raise NocwatchError(
            f"{option}: {text!r} is no day and no time stamp; right are 2026-11-21 and, by RFC 3339, 2026-11-21T09:45:49Z"
        ) from None


def _midnight(text: str, option: str, day: date, local: ZoneInfo, days: int) -> int:
    from nocwatch.moments import SECOND_NS
    from nocwatch.trace.lines import SECONDS_MAX

    try:
        midnight = datetime(day.year, day.month, day.day, tzinfo=local) + timedelta(days=days)
        seconds = int(midnight.timestamp())
    except (OverflowError, ValueError):
        seconds = -1
    if not 0 <= seconds < SECONDS_MAX:
        raise NocwatchError(f"{option} {text}: the store reaches from 1970 to 2261")
    return seconds * SECOND_NS


class RowsFormat(StrEnum):
    """How a list is printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


class Status(StrEnum):
    """Which sessions by where they stand."""

    ALL = "all"
    ONGOING = "ongoing"
    COMPLETE = "complete"


class Order(StrEnum):
    """Which start comes first."""

    NEWEST = "newest"
    OLDEST = "oldest"


RowsFormatOption = Annotated[RowsFormat, typer.Option("--format", help="How to print.")]


@app.command("sessions")
def sessions(
    config: ConfigOption = None,
    data: DataOption = None,
    assignments: SetOption = None,
    from_: FromOption = None,
    to: ToOption = None,
    last: Annotated[
        str | None, typer.Option(metavar="SPAN", help="Instead: started within it, such as 7d or 30d.")
    ] = None,
    site: Annotated[str | None, typer.Option(help="Id of a site, or a glob. So for the next four.")] = None,
    team: Annotated[str | None, typer.Option(help="Id of a team.")] = None,
    operator: Annotated[str | None, typer.Option(help="Id of an operator.")] = None,
    station: Annotated[str | None, typer.Option(help="Identity of a station.")] = None,
    evse: Annotated[str | None, typer.Option(help="EVSE-ID of the registry.")] = None,
    status: Annotated[Status, typer.Option(help="By where they stand.")] = Status.ALL,
    outcome: Annotated[list[Outcome] | None, typer.Option(help="By outcome; may be repeated.")] = None,
    search: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Only rows in which it stands, in any column.")
    ] = None,
    order: Annotated[Order, typer.Option(help="Which start comes first.")] = Order.NEWEST,
    columns: Annotated[
        ColumnSet | None,
        typer.Option(
            help="short: what a terminal has room for. virta: its CPO report. log: a charging log. full: virta, and all we know. Without it: short as a table, else virta."
        ),
    ] = None,
    times: Annotated[
        Times, typer.Option(help="iso, or local: as spreadsheets take it, by the clock of each site.")
    ] = Times.ISO,
    timezone: TimezoneOption = None,
    output: RowsFormatOption = RowsFormat.TABLE,
) -> None:
    """Charging sessions, one a row. Prices are estimates by the registry's tariffs; what is not known is empty."""
    from nocwatch import clock
    from nocwatch.cli.report_scope import evses_of, nothing_found, stations_of
    from nocwatch.reports.writing import Style, csv_of, json_of, matching, table_of
    from nocwatch.store.reading import every_session, read_until_ns, reading, stations
    from nocwatch.store.values import SessionFilter

    settings = configuration(config, data, assignments)
    from_ns, until_ns = window(from_, to, timezone)
    span_ns = span(last, from_, to)
    book = registry(settings)
    evses = None if evse is None else evses_of(book, evse)
    style = Style(times, None if timezone is None else zone(timezone))
    asked = {"site": site, "team": team, "operator": operator, "station": station}
    with reading(settings.store) as reader:
        if span_ns is not None:
            from_ns = read_until_ns(reader, clock.now_ns()) - span_ns
        wanted = SessionFilter(
            stations=stations_of(book, stations(reader), asked),
            outcomes=tuple(outcome) if outcome else None,
            from_ns=from_ns,
            until_ns=until_ns,
            ended={Status.ALL: None, Status.ONGOING: False, Status.COMPLETE: True}[status],
            order=order.value,
        )
        found: Iterator[Told] = (
            told
            for told in _told(reader, book, every_session(reader, wanted))
            if evses is None or book.evse_id(told.session) in evses
        )
        # A table that is short for want of room is searched as if it had the room.
        chosen = searched = SETS[columns or ColumnSet.VIRTA]
        if columns is None and output is RowsFormat.TABLE:
            chosen, searched = SETS[ColumnSet.SHORT], (*SETS[ColumnSet.SHORT], *searched)
        if search:
            found = matching(found, searched, style, search)
        first = next(found, None)
        if first is None:
            typer.echo(f"nocwatch: nothing to tell: {nothing_found(reader)}", err=True)
        found = chain(() if first is None else (first,), found)
        lines = {RowsFormat.TABLE: table_of, RowsFormat.CSV: csv_of, RowsFormat.JSON: json_of}[output]
        for line in lines(found, chosen, style):
            sys.stdout.buffer.write(line.encode("utf-8", "replace"))
    sys.stdout.flush()


def registry(settings: Configuration) -> Book:
    """The operator's registry, for reports.

    Raises:
        ConfigurationError: with all its problems.
    """
    from nocwatch.registry.load import load_registry
    from nocwatch.tap.gate import Gate

    folder, key_file = Path(settings.registry), Path(settings.privacy.key_file)
    if "registry" in settings.model_fields_set and not folder.exists():
        # Who names one means it: without it names, sites and prices would be empty, and nobody would know why.
        raise ConfigurationError(
            [settings.problem(("registry",), f"{folder}: there is no such file or folder")]
        )
    # Without the key no session has a token either: nothing was ever heard.
    gate = Gate(privacy_key(key_file) if key_file.exists() else bytes(32))
    found = load_registry(folder, gate.token, _prefixed(settings))
    return Book(found.files, found.places)


def _prefixed(settings: Configuration) -> dict[str, str]:
    """Key-hash → prefix, of the tokens that the store knows; nothing where there is no store to be read."""
    from nocwatch.store.errors import StoreError
    from nocwatch.store.reading import reading
    from nocwatch.store.tokens import prefixed

    try:
        with reading(settings.store) as reader:
            return dict(prefixed(reader))
    except StoreError:
        return {}  # whoever reads it next says so


def _told(reader: sqlite3.Connection, book: Book, found: Iterator[Session]) -> Iterator[Told]:
    from nocwatch.store.reads.frames import samples
    from nocwatch.store.reads.sessions import starts_ns

    points, book.starts_ns = partial(samples, reader), partial(starts_ns, reader)
    for session in found:
        yield Told(session, book, amounts(session, book.places, points))


def span(last: str | None, from_: str | None, to: str | None) -> int | None:
    """``--last`` as nanoseconds; None where it is not given.

    Raises:
        NocwatchError: it is no duration, or the window is told in two ways.
    """
    from nocwatch.moments import SECOND_NS

    if last is None:
        return None
    if from_ is not None or to is not None:
        raise NocwatchError("--last says from when on; leave --from and --to away")
    try:
        return round(parse_duration(last) * SECOND_NS)
    except ValueError as error:
        raise NocwatchError(f"--last: {error}") from None
