"""``nocwatch replay``: traces, or a journal folder, through the same pipeline as the live watch."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nocwatch.errors import NocwatchError
from nocwatch.frames import Sighting

if TYPE_CHECKING:
    from nocwatch.trace.files import Traces


class ReplayFormat(StrEnum):
    """How results are printed: for people, or a JSON object a line."""

    TEXT = "text"
    JSONL = "jsonl"


SkipBrokenOption = Annotated[
    bool,
    typer.Option("--skip-broken", metavar="", help="Pass over lines that cannot be read; they are told."),
]


def add(app: typer.Typer) -> None:
    app.command()(replay)


def replay(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", help="Traces (JSON Lines), or one journal folder.")
    ],
    rules: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Rules; the shipped ones without it.")
    ] = None,
    registry: Annotated[Path | None, typer.Option(metavar="DIR", help="The operator's registry.")] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Key that tokens are hashed with; an installation's privacy.key."),
    ] = None,
    from_: Annotated[
        str | None, typer.Option("--from", metavar="T", help="RFC 3339; what is before is passed over.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="T", help="RFC 3339; time runs on to it after the last line.")
    ] = None,
    skip_broken: SkipBrokenOption = False,
    output: Annotated[ReplayFormat, typer.Option("--format", help="How to print.")] = ReplayFormat.TEXT,
) -> None:
    """Sessions, flags and alerts that the files give. Nothing is sent to anyone."""
    import msgspec

    from nocwatch.config import privacy_key
    from nocwatch.detectors.rules import load_rules, shipped_rules
    from nocwatch.registry.load import load_registry
    from nocwatch.registry.places import Places
    from nocwatch.tap.gate import Gate
    from nocwatch.trace.files import Traces
    from nocwatch.trace.reading import read_traces
    from nocwatch.trace.replay import REPLAY_KEY, journal_sightings, told
    from nocwatch.trace.results import result_json, text_line, text_words

    if rules is not None and not rules.exists():
        raise NocwatchError(f"--rules {rules}: there is no such folder")
    if registry is not None and not registry.exists():
        raise NocwatchError(f"--registry {registry}: there is no such folder")
    gate = Gate(privacy_key(key_file) if key_file else REPLAY_KEY)
    chosen = load_rules(rules or shipped_rules())
    places = load_registry(registry, gate.token, gate.prefixes.known).places if registry else Places()
    gate.heed(places.people.prefixes)
    from_ns, until_ns = moment(from_, "--from"), moment(until, "--until")
    folders = [file for file in files if file.is_dir()]
    if folders and len(files) > 1:
        raise NocwatchError(f"{folders[0]} is a journal folder; replay one folder, or trace files")
    if folders:
        source = journal_sightings(folders[0], gate, until_ns)
    else:
        source = read_traces(noted(Traces(files, skip_broken=skip_broken)), gate, until_ns)
    said: dict[str, str] = {}
    for result in told(source, chosen, places, from_ns=from_ns, until_ns=until_ns):
        if output is ReplayFormat.JSONL:
            sys.stdout.buffer.write(msgspec.json.encode(result_json(result)) + b"\n")
        elif said.get(result.id) != (words := text_words(result)):
            # A session whose milestones alone moved on would say the same again.
            said[result.id] = words
            typer.echo(text_line(result))
    sys.stdout.flush()


def noted(traces: Traces) -> Traces:
    """Tells what people should know of these files, on standard error."""
    for note in traces.notes:
        typer.echo(f"nocwatch: {note}", err=True)
    return traces


def moment(text: str | None, option: str) -> int | None:
    """RFC 3339 to nanoseconds.

    Raises:
        NocwatchError: it is none.
    """
    from nocwatch.trace.lines import parse_time

    try:
        return None if text is None else parse_time(text)
    except ValueError as error:
        raise NocwatchError(f"{option}: {error}") from None


def sighting_line(sighting: Sighting) -> str:
    """A frame, link event or tick for a terminal."""
    from nocwatch.frames import Direction, Frame, Link
    from nocwatch.moments import rfc3339

    at = rfc3339(sighting.received_at_ns)
    if isinstance(sighting, Frame):
        arrow = "→" if sighting.direction is Direction.FROM_STATION else "←"
        text = sighting.payload.decode("utf-8", "replace")
        return f"{at}  {sighting.station:<16} {arrow} {sighting.kind:<7} {text}"
    if isinstance(sighting, Link):
        told = " ".join(
            part for part in (sighting.event, sighting.by, sighting.reason, sighting.upstream) if part
        )
        return f"{at}  {sighting.station:<16} · {told}"
    return f"{at}  {'tick':<16} · {len(sighting.counters)} counters"
