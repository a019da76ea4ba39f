"""``nocwatch report kpis`` and ``report uptime``: key figures of a window, and what a grantee files (docs/kpis.md)."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer

from nocwatch.cli.report import (
    FromOption,
    LastOption,
    RowsFormat,
    RowsFormatOption,
    TimezoneOption,
    ToOption,
    registry,
    span,
    window,
    zone,
)
from nocwatch.errors import NocwatchError
from nocwatch.kpis.grouping import By
from nocwatch.kpis.regulations import Text
from nocwatch.options import ConfigOption, DataOption, SetOption, configuration
from nocwatch.tables import Cell

DAYS = 30
"""Of figures without ``--from``."""

SiteOption = Annotated[str | None, typer.Option(help="Id of a site, or a glob. So for the next six.")]
StationOption = Annotated[str | None, typer.Option(help="Identity of a station.")]
TeamOption = Annotated[str | None, typer.Option(help="Id of a team.")]
OperatorOption = Annotated[str | None, typer.Option(help="Id of an operator.")]
VendorOption = Annotated[str | None, typer.Option(help="Vendor.")]
ModelOption = Annotated[str | None, typer.Option(help="Model.")]
CurrentOption = Annotated[str | None, typer.Option(help="ac or dc.")]
AccessOption = Annotated[str | None, typer.Option(help="public or private.")]


def add(app: typer.Typer) -> None:
    app.command("kpis")(kpis)
    app.command("uptime")(uptime)


def kpis(
    config: ConfigOption = None,
    data: DataOption = None,
    assignments: SetOption = None,
    from_: FromOption = None,
    to: ToOption = None,
    last: LastOption = None,
    by: Annotated[By, typer.Option(help="What to tell the figures apart by.")] = By.FLEET,
    site: SiteOption = None,
    station: StationOption = None,
    team: TeamOption = None,
    operator: OperatorOption = None,
    vendor: VendorOption = None,
    model: ModelOption = None,
    firmware: Annotated[str | None, typer.Option(help="Firmware of that time, or a glob.")] = None,
    current: CurrentOption = None,
    access: AccessOption = None,
    upstream: Annotated[str | None, typer.Option(metavar="NAME", help="Only what went to this CSMS.")] = None,
    timezone: TimezoneOption = None,
    output: RowsFormatOption = RowsFormat.TABLE,
) -> None:
    """Key figures with sample size and Wilson interval: of the last 30 days, or of a window up to as long as sums are kept."""
    from nocwatch import clock
    from nocwatch.cli.report_scope import heed
    from nocwatch.kpis.grouping import Query
    from nocwatch.kpis.telling import FIGURE_COLUMNS, figure_document, figure_rows
    from nocwatch.moments import DAY_NS, rfc3339
    from nocwatch.registry.places import Scope
    from nocwatch.store.key_figures import key_figures
    from nocwatch.store.reading import read_until_ns, reading

    settings = configuration(config, data, assignments)
    from_ns, until_ns = window(from_, to, timezone)
    span_ns = span(last, from_, to) or DAYS * DAY_NS
    with reading(settings.store) as reader:
        now_ns = read_until_ns(reader, clock.now_ns())
    until_ns = now_ns if until_ns is None else until_ns
    query = Query(
        from_ns=max(0, until_ns - span_ns) if from_ns is None else from_ns,
        until_ns=until_ns,
        by=by,
        scope=Scope(
            site=site,
            station=station,
            team=team,
            operator=operator,
            vendor=vendor,
            model=model,
            firmware=firmware,
            current=current,
            access=access,
        ),
        upstream=upstream,
    )
    book = registry(settings)
    with reading(settings.store) as reader:
        heed(reader, book.places, query.scope, upstream)
        report = key_figures(reader, book.places, query, now_ns)
    if output is RowsFormat.JSON:
        groups = [
            {"group": each.group, "figures": [figure_document(figure) for figure in each.figures]}
            for each in report.groups
        ]
        _json(
            {
                "from": rfc3339(report.from_ns),
                "until": rfc3339(report.until_ns),
                "by": report.by,
                "groups": groups,
            }
        )
        return
    rows = [row for each in report.groups for row in figure_rows(each.group, each.figures)]
    if not rows:
        _nothing("no station with a connector or a session is in that window and scope")
    _write(FIGURE_COLUMNS, rows, output)


def uptime(
    config: ConfigOption = None,
    data: DataOption = None,
    assignments: SetOption = None,
    month: Annotated[
        list[str] | None,
        typer.Option(metavar="YYYY-MM", help="A month; may be repeated. The last whole one without it."),
    ] = None,
    from_: FromOption = None,
    to: ToOption = None,
    regulation: Annotated[
        list[Text] | None,
        typer.Option(help="By whose text, for every port; by what the registry says without it."),
    ] = None,
    outages: Annotated[
        bool, typer.Option("--outages", metavar="", help="The outages behind it, one a row.")
    ] = False,
    site: SiteOption = None,
    station: StationOption = None,
    team: TeamOption = None,
    operator: OperatorOption = None,
    vendor: VendorOption = None,
    model: ModelOption = None,
    current: CurrentOption = None,
    access: AccessOption = None,
    timezone: TimezoneOption = None,
    output: RowsFormatOption = RowsFormat.TABLE,
) -> None:
    """Uptime of each port month by month, fault-free and by evidence of service, with what is excluded: what a grantee files."""
    from nocwatch import clock
    from nocwatch.cli.report_scope import heed
    from nocwatch.kpis.telling import (
        OUTAGE_COLUMNS,
        UPTIME_COLUMNS,
        UPTIME_SHORT,
        outage_document,
        uptime_document,
    )
    from nocwatch.registry.places import Scope
    from nocwatch.store.reading import read_until_ns, reading
    from nocwatch.store.uptime import uptime_months

    settings = configuration(config, data, assignments)
    with reading(settings.store) as reader:
        now_ns = read_until_ns(reader, clock.now_ns())
    wanted = _months(month, from_, to, timezone, now_ns)
    scope = Scope(
        site=site,
        station=station,
        team=team,
        operator=operator,
        vendor=vendor,
        model=model,
        current=current,
        access=access,
    )
    book = registry(settings)
    with reading(settings.store) as reader:
        heed(reader, book.places, scope)
        texts = [each.value for each in regulation or ()]
        found = uptime_months(reader, book.places, scope, wanted, now_ns, texts)
    if output is RowsFormat.JSON:
        _json(
            [
                {
                    **uptime_document(row),
                    "outages": [outage_document(row.regulation, line) for line in row.outages],
                }
                for row in found
            ]
        )
        return
    if not found:
        none = f"no port of that scope was known in {', '.join(name for name, _, _ in wanted)}"
        _nothing(
            none if texts else f"{none}, or none falls under a text; --regulation measures every port by one"
        )
    if outages:
        lines = [outage_document(row.regulation, line) for row in found for line in row.outages]
        _write(OUTAGE_COLUMNS, [list(line.values()) for line in lines], output)
        return
    columns = UPTIME_SHORT if output is RowsFormat.TABLE else UPTIME_COLUMNS
    documents = map(uptime_document, found)
    _write(columns, [[document[name] for name in columns] for document in documents], output)


def _months(
    given: Sequence[str] | None, from_: str | None, to: str | None, timezone: str | None, now_ns: int
) -> list[tuple[str, int, int]]:
    """The months asked for.

    Raises:
        NocwatchError: one is no month, or both ways of asking are used.
    """
    from nocwatch.moments import DAY_NS
    from nocwatch.store.uptime import months

    name = zone(timezone).key
    if given and (from_ is not None or to is not None):
        raise NocwatchError("--month says which months; leave --from and --to away")
    if given:
        return [_month(each, name) for each in dict.fromkeys(given)]
    from_ns, until_ns = window(from_, to, timezone)
    if from_ns is None and until_ns is None:
        (_, this_ns, _), *_ = months(now_ns, now_ns + 1, name)
        return months(this_ns - DAY_NS, this_ns, name)
    until_ns = now_ns if until_ns is None else until_ns
    return months(until_ns - 365 * DAY_NS if from_ns is None else from_ns, until_ns, name)


def _month(text: str, timezone: str) -> tuple[str, int, int]:
    from nocwatch.moments import SECOND_NS
    from nocwatch.store.uptime import months

    try:
        first = datetime.strptime(text, "%Y-%m").replace(day=15, tzinfo=zone(timezone))
    except ValueError:
        raise NocwatchError(f"--month {text}: write it as 2026-10") from None
    if not 1970 <= first.year < 2262:
        raise NocwatchError(f"--month {text}: the store reaches from 1970 to 2261")
    at_ns = int(first.timestamp()) * SECOND_NS
    return months(at_ns, at_ns + 1, timezone)[0]


def _nothing(why: str) -> None:
    typer.echo(f"nocwatch: nothing to tell: {why}", err=True)


def _json(document: Any) -> None:
    import msgspec

    sys.stdout.buffer.write(msgspec.json.encode(document) + b"\n")
    sys.stdout.flush()


def _write(columns: Sequence[str], rows: Iterable[Sequence[Cell]], output: RowsFormat) -> None:
    from nocwatch.tables import csv_lines, text_lines

    if output is RowsFormat.CSV:
        lines: Iterable[str] = csv_lines(columns, rows)
    else:
        lines = (line + "\n" for line in text_lines(columns, rows))
    for line in lines:
        sys.stdout.buffer.write(line.encode("utf-8", "replace"))
    sys.stdout.flush()
