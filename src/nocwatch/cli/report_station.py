"""``nocwatch report station``: one page about one station, fit to be sent to its vendor."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated

import typer

from nocwatch.cli.report import FromOption, LastOption, TimezoneOption, ToOption, registry, span, window, zone
from nocwatch.cli.report_scope import named_so
from nocwatch.errors import NocwatchError
from nocwatch.network import Station
from nocwatch.options import ConfigOption, DataOption, SetOption, as_typed, configuration
from nocwatch.reports.book import Book
from nocwatch.reports.station import StationReport
from nocwatch.reports.writing import Style, Times
from nocwatch.sentences import likely

EXAMPLES_MAX = 10
"""Failed sessions that are told one by one, the latest: whoever has read ten knows what is meant."""
FLAGS_MAX = 20
WINDOW_S = 30 * 86_400
"""Without ``--from``: a month has sessions enough to compare, and mostly one firmware."""


class PageFormat(StrEnum):
    """How the page is made."""

    TEXT = "text"
    HTML = "html"
    CSV = "csv"
    JSON = "json"


def add(app: typer.Typer) -> None:
    app.command("station")(station)


def station(
    name: Annotated[str, typer.Argument(metavar="STATION", help="Its identity.")],
    config: ConfigOption = None,
    data: DataOption = None,
    assignments: SetOption = None,
    from_: FromOption = None,
    to: ToOption = None,
    last: LastOption = None,
    timezone: TimezoneOption = None,
    anonymised: Annotated[
        bool,
        typer.Option(
            "--anonymised",
            metavar="",
            help="Without identities, places, serial numbers, tokens and addresses.",
        ),
    ] = False,
    output: Annotated[
        PageFormat, typer.Option("--format", help="How to print; text is Markdown.")
    ] = PageFormat.TEXT,
) -> None:
    """A page about a station for its vendor: failures, other stations beside it, outages, flags, traces. 30 days without --from."""
    from msgspec.structs import replace

    from nocwatch import clock
    from nocwatch.moments import SECOND_NS
    from nocwatch.reports.anonymous import Names
    from nocwatch.reports.anonymous import anonymised as without_names
    from nocwatch.store.reading import read_until_ns, reading, stations

    settings = configuration(config, data, assignments)
    asked_from_ns, asked_until_ns = window(from_, to, timezone)
    span_ns = span(last, from_, to) or WINDOW_S * SECOND_NS
    with reading(settings.store) as reader:
        now_ns = read_until_ns(reader, clock.now_ns())
    until_ns = min(asked_until_ns or now_ns, now_ns)
    from_ns = max(0, until_ns - span_ns) if asked_from_ns is None else asked_from_ns
    if from_ns >= until_ns:
        raise NocwatchError("--from lies in the future: nothing was seen yet")
    book = registry(settings)
    with reading(settings.store) as reader:
        seen = stations(reader)
        if name not in seen:
            hint = named_so(name, "station", map(book.places.place, seen)) or likely(name, seen)
            raise NocwatchError(f"{name}: no such station was ever seen{hint}")
        report = _report(reader, book, seen, name, (from_ns, until_ns, clock.now_ns()))
    report = replace(report, options=as_typed(config, data, assignments))
    if anonymised:
        names = Names(book.places.place(name), seen[name].serial, {*seen, *book.places.stations()})
        report = without_names(report, names)
    style = Style(Times.ISO, None if timezone is None else zone(timezone))
    for text in _written(report, style, output):
        sys.stdout.buffer.write(text.encode("utf-8", "replace"))
    sys.stdout.flush()


def _report(
    reader: sqlite3.Connection,
    book: Book,
    seen: Mapping[str, Station],
    name: str,
    times: tuple[int, int, int],
) -> StationReport:
    from nocwatch.reports import station as shaping
    from nocwatch.sessions import Outcome
    from nocwatch.store.reads import dossier, flags, sessions, states
    from nocwatch.store.values import FlagFilter, SessionFilter

    from_ns, until_ns, at_ns = times
    place = book.places.place(name)
    makeups = {
        each: shaping.makeup(station, book.places.place(each).vendor, book.places.place(each).model)
        for each, station in seen.items()
    }
    tallies = dossier.tallies(reader, from_ns, until_ns)
    own = shaping.counted(each for each in tallies if each.station == name)
    bands = states.of_station(reader, name, from_ns, until_ns)
    raised = flags.find_flags(
        reader,
        FlagFilter(station=name, from_ns=from_ns, until_ns=until_ns, order="newest"),
        None,
        FLAGS_MAX,
    )
    failed = SessionFilter(station=name, outcomes=(Outcome.FAILED,), from_ns=from_ns, until_ns=until_ns)
    return StationReport(
        identity=shaping.Identity(
            station=name,
            name=place.name,
            site=place.site_name or place.site,
            vendor=makeups[name].vendor,
            model=makeups[name].model,
            firmware=seen[name].firmware,
            serial=seen[name].serial,
            version=seen[name].version,
        ),
        from_ns=from_ns,
        until_ns=until_ns,
        at_ns=at_ns,
        eras=tuple(dossier.eras(reader, name)),
        outcomes={each.value: own.outcomes[each.value] for each in Outcome},
        failed=own.failed,
        reasons=own.shares(),
        blames=dossier.blames(reader, name, from_ns, until_ns),
        cohorts=shaping.cohorts(name, makeups, tallies),
        faults=shaping.faults(bands, from_ns, until_ns),
        outages=shaping.outages(bands, from_ns, until_ns),
        links=tuple(dossier.link_events(reader, name, from_ns, until_ns)),
        complaints=tuple(dossier.complaints(reader, name, from_ns, until_ns)),
        flags=tuple(raised.items),
        flags_more=raised.next is not None,
        examples=tuple(sessions.find(reader, failed, None, EXAMPLES_MAX).items),
        first_frame_ns=dossier.first_frame_ns(reader, name),
    )


def _written(report: StationReport, style: Style, output: PageFormat) -> Iterator[str]:
    from nocwatch.reports import pages, station_data, station_page
    from nocwatch.tables import csv_lines

    if output is PageFormat.JSON:
        yield station_data.as_json(report, style)
    elif output is PageFormat.CSV:
        yield from csv_lines(station_data.COLUMNS, station_data.figures(report))
    elif output is PageFormat.HTML:
        yield pages.html(station_page.title(report), station_page.page(report, style))
    else:
        yield pages.markdown(station_page.page(report, style))
