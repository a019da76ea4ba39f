"""``nocwatch trace export``, ``import``, ``anonymise``: slices of journal as portable text, and back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from nocwatch.cli.replaying import SkipBrokenOption, moment, noted
from nocwatch.errors import NocwatchError
from nocwatch.options import ConfigOption, DataOption, SetOption, configuration

app = typer.Typer(
    help="Traces: slices of the journal as portable text (docs/trace.md).", no_args_is_help=True
)


@app.command("export")
def export(
    config: ConfigOption = None,
    data: DataOption = None,
    assignments: SetOption = None,
    station: Annotated[str | None, typer.Option(help="Only this station; a glob such as depot-*.")] = None,
    from_: Annotated[str | None, typer.Option("--from", metavar="T", help="RFC 3339.")] = None,
    until: Annotated[str | None, typer.Option(metavar="T", help="RFC 3339.")] = None,
    links: Annotated[
        bool, typer.Option("--links", metavar="", help="With link lines, which are an extension of ours.")
    ] = False,
) -> None:
    """The journal as a trace, on standard output. Tokens are key-hashed and secrets removed."""
    import msgspec

    from nocwatch.config import privacy_key
    from nocwatch.tap.gate import Gate
    from nocwatch.trace.writing import export_journal

    settings = configuration(config, data, assignments)
    gate = Gate(privacy_key(Path(settings.privacy.key_file)))
    from_ns, until_ns = moment(from_, "--from"), moment(until, "--until")
    if from_ns is not None and until_ns is not None and from_ns > until_ns:
        raise NocwatchError("--from is after --until")
    found = 0
    for line in export_journal(settings.journal.path, gate, station, from_ns, until_ns, links=links):
        sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
        found += 1
    sys.stdout.flush()
    if not found:
        typer.echo(f"nocwatch: no frames match; {_reach(settings.journal.path)}", err=True)
        sys.exit(1)


def _reach(journal: Path) -> str:
    from nocwatch.journal.inspect import stat
    from nocwatch.moments import rfc3339

    times = [(each.oldest_ns, each.newest_ns) for each in stat(journal)]
    oldest = min((first for first, _ in times if first is not None), default=None)
    newest = max((last for _, last in times if last is not None), default=None)
    if oldest is None or newest is None:
        return "the journal is empty"
    return f"the journal reaches from {rfc3339(oldest)} to {rfc3339(newest)}"


_COUNTED = {
    "station": "stations",
    "session": "sessions",
    "frame": "frames WHERE kind <> 'link'",
    "flag": "flags",
}
"""What an import has found, and where in the store it stands."""


@app.command("import")
def import_(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", help="Traces: JSON Lines, plain or gzip; a JSON array.")
    ],
    journal: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A journal folder to make; it must not exist.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="DIR",
            help="A data folder to make: a journal, and the store that reports and console read.",
        ),
    ] = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
    until: Annotated[
        str | None, typer.Option(metavar="T", help="RFC 3339; time runs on to it after the last line.")
    ] = None,
    skip_broken: SkipBrokenOption = False,
) -> None:
    """Traces as a journal of their own, and with --data with all that a watch makes of it. Nothing is sent to anyone."""
    import trio

    from nocwatch.store.reading import reading
    from nocwatch.trace.files import Traces
    from nocwatch.trace.writing import import_traces
    from nocwatch.watch.once import check, read_through

    if (journal is None) == (data is None):
        raise NocwatchError("name one: --journal DIR for a journal alone, --data DIR for journal and store")
    traces = noted(Traces(files, skip_broken=skip_broken))
    if traces.empty:
        raise NocwatchError("there is no line to import, and nothing was made")
    until_ns = moment(until, "--until")
    if journal is not None:
        written = import_traces(traces, journal, until_ns)
        counts = {"station": written.stations, "frame": written.frames, "link event": written.links}
        typer.echo(f"{_counted(counts)} in {journal}")
        return
    settings = configuration(config, data, assignments)
    check(settings)
    import_traces(traces, settings.journal.path, until_ns)
    trio.run(read_through, settings)
    with reading(settings.store) as reader:
        counts = {
            what: reader.execute(f"SELECT count(*) FROM {rows}").fetchone()[0]  # noqa: S608 - our own tables
            for what, rows in _COUNTED.items()
        }
    typer.echo(f"{_counted(counts)} in {settings.data}")


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {what}{'' if number == 1 else 's'}" for what, number in counts.items())


@app.command("anonymise")
def anonymise(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Traces (JSON Lines).")],
    skip_broken: SkipBrokenOption = False,
) -> None:
    """Traces without tokens, secrets, identities, addresses and serial numbers, on standard output.

    The same station, token or serial number gets the same name throughout one call, and another one in the next.
    """
    import secrets

    import msgspec

    from nocwatch.trace.anonymise import anonymised
    from nocwatch.trace.files import Traces

    for line in anonymised(noted(Traces(files, skip_broken=skip_broken)), secrets.token_bytes(32)):
        sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
    sys.stdout.flush()
