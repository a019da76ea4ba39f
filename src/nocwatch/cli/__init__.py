"""The ``nocwatch`` command. Exit status: 0 good, 1 findings, 2 wrong usage or configuration, 130 interrupted, 141 unread.

Commands import what they need when they run, so that ``nocwatch --help`` stays quick.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from nocwatch import __version__
from nocwatch.cli import (
    checking,
    group,
    journal,
    processes,
    replaying,
    report,
    report_kpis,
    report_station,
    rules,
    simulating,
    tracing,
    unread,
)
from nocwatch.errors import NocwatchError

app = typer.Typer(
    name="nocwatch",
    cls=group.Commands,
    help="A network operation centre for EV charging, inline between chargers and any CSMS.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"nocwatch {__version__}")
        raise typer.Exit


@app.callback()
def _nocwatch(
    version: Annotated[
        bool,
        typer.Option(
            "--version", metavar="", callback=_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """A network operation centre for EV charging, inline between chargers and any CSMS."""


processes.add(app)
simulating.add(app)
checking.add(app)
replaying.add(app)
app.add_typer(rules.app, name="rules")
app.add_typer(tracing.app, name="trace")
app.add_typer(journal.app, name="journal")
report_kpis.add(report.app)
report_station.add(report.app)
app.add_typer(report.app, name="report")


def main() -> None:
    """The entry point: an error that is meant for a person is printed as such, without a traceback, with its status."""
    try:
        with unread.noticed():
            try:
                app()
            except SystemExit:
                sys.stdout.flush()  # here, and not at the interpreter's end, where a reader that left would be an error
                raise
    except* NocwatchError as found:
        errors = _leaves(found)
        for line in dict.fromkeys(map(str, errors)):
            print(f"nocwatch: {line}" if "\n" not in line else line, file=sys.stderr)
        unread.let_go()
        sys.exit(max(error.status for error in errors))
    except* KeyboardInterrupt:
        sys.exit(130)
    except* unread.NobodyReads:
        unread.let_go()
        sys.exit(unread.STATUS)


def _leaves(group: BaseExceptionGroup[NocwatchError]) -> list[NocwatchError]:
    found: list[NocwatchError] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
