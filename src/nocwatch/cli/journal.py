"""``nocwatch journal stat``, ``verify``, ``tail``: what is in the journal, and is it whole."""

from __future__ import annotations

import sys
from collections import deque
from pathlib import Path
from typing import Annotated

import typer

from nocwatch.options import ConfigOption, DataOption, Format, FormatOption, SetOption, configuration

app = typer.Typer(help="The journal on disk.", no_args_is_help=True)
PathOption = Annotated[
    Path | None, typer.Option("--journal", metavar="DIR", help="The folder; the configuration's without it.")
]


def _path(given: Path | None, config: Path | None, data: Path | None, assignments: list[str] | None) -> Path:
    return given or configuration(config, data, assignments).journal.path


@app.command()
def stat(
    journal: PathOption = None,
    config: ConfigOption = None,
    data: DataOption = None,
    assignments: SetOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Each lane: records, bytes, segments, from when to when, and whether a writer holds it."""
    import msgspec

    from nocwatch.journal.inspect import stat as look
    from nocwatch.moments import rfc3339

    lanes = look(_path(journal, config, data, assignments))
    if output is Format.JSON:
        typer.echo(msgspec.json.encode(lanes).decode())
        return
    if not lanes:
        typer.echo("the journal is empty: no relay has written to it yet")
    for lane in lanes:
        oldest = rfc3339(lane.oldest_ns) if lane.oldest_ns is not None else "-"
        newest = rfc3339(lane.newest_ns) if lane.newest_ns is not None else "-"
        typer.echo(f"lane {lane.lane}: {'being written' if lane.live else 'at rest'}")
        typer.echo(
            f"  records   {lane.next_sequence - lane.first_sequence}  ({lane.first_sequence} to {lane.next_sequence - 1})"
        )
        typer.echo(f"  bytes     {lane.bytes} in {lane.segments} segments")
        typer.echo(f"  times     {oldest} to {newest}")


@app.command()
def verify(
    journal: PathOption = None,
    config: ConfigOption = None,
    data: DataOption = None,
    assignments: SetOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Reads every block and checks its sums. Status 1 where something is damaged, with segment and offset."""
    import msgspec

    from nocwatch.journal.inspect import verify as examine

    result = examine(_path(journal, config, data, assignments))
    if output is Format.JSON:
        typer.echo(msgspec.json.encode(result).decode())
    else:
        for finding in result.findings:
            typer.echo(finding.words)
        found = len(result.findings)
        typer.echo(
            f"{result.blocks} blocks, {result.records} records, {found} {'finding' if found == 1 else 'findings'}"
        )
    sys.exit(1 if result.findings else 0)


@app.command()
def tail(
    journal: PathOption = None,
    config: ConfigOption = None,
    data: DataOption = None,
    assignments: SetOption = None,
    number: Annotated[int, typer.Option("--number", "-n", metavar="N", min=1, help="How many.")] = 20,
    ticks: Annotated[
        bool, typer.Option("--ticks", metavar="", help="With the relay's ticks, one a second.")
    ] = False,
    key_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Key that tokens are hashed with; the installation's without --journal."
        ),
    ] = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """The newest frames and link events, decoded; tokens key-hashed, secrets removed."""
    import msgspec

    from nocwatch.cli.replaying import sighting_line
    from nocwatch.config import privacy_key
    from nocwatch.frames import Sighting, Tick
    from nocwatch.journal.inspect import tail as newest
    from nocwatch.tap.gate import Gate
    from nocwatch.tap.tap import Tap
    from nocwatch.trace.replay import REPLAY_KEY

    settings = configuration(config, data, assignments)
    records = newest(journal or settings.journal.path, 4 * number)
    if key_file is None and journal is not None:
        key = REPLAY_KEY  # a journal from anywhere, such as an imported one, has no installation
    else:
        key = privacy_key(key_file or Path(settings.privacy.key_file))
    tap = Tap(Gate(key))
    last: deque[Sighting] = deque(maxlen=number)
    for record in records:
        last.extend(each for each in tap.feed(record) if ticks or not isinstance(each, Tick))
    for sighting in last:
        if output is Format.JSON:
            typer.echo(msgspec.json.encode(sighting).decode())
        else:
            typer.echo(sighting_line(sighting))
