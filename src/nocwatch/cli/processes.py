"""``nocwatch run``, ``relay``, ``watch``, ``demo``: the long-running commands."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from nocwatch.cli.checking import relay_problems
from nocwatch.errors import ConfigurationError, NocwatchError, NotNowError
from nocwatch.journal.settings import JournalSettings
from nocwatch.options import (
    ConfigOption,
    DataOption,
    ListenOption,
    SetOption,
    SpeedOption,
    UpstreamOption,
    VerboseOption,
    addresses,
    configuration,
)
from nocwatch.proxy.settings import RelaySettings


def add(app: typer.Typer) -> None:
    app.command()(run)
    app.command()(relay)
    app.command()(watch)
    app.command()(demo)


def run(
    config: ConfigOption = None,
    listen: ListenOption = None,
    upstream: UpstreamOption = None,
    data: DataOption = None,
    assignments: SetOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Relay and watch, supervised: nocwatch in front of a CSMS."""
    import trio

    from nocwatch.supervisor import Part, supervise
    from nocwatch.tap.gate import Gate
    from nocwatch.watch.files import load_operators_files

    _begin("run", verbose)
    passed = _passed(config, listen, upstream, data, assignments, verbose)
    settings = configuration(config, data, assignments, addresses(listen, upstream))
    if problems := relay_problems(settings):
        raise ConfigurationError(problems)
    try:
        _expect_free(settings.relay)
    except NotNowError as error:
        raise NotNowError(f"relay could not start: {error}") from None
    load_operators_files(settings, Gate(bytes(32)))  # a mistake in a rule is told before anything is started

    def started() -> None:
        listening = ", ".join(each.address for each in settings.relay.listen)
        targets = ", ".join(each.url for each in settings.relay.upstreams)
        typer.echo(f"nocwatch: chargers connect to {listening}, the CSMS is {targets}", err=True)
        typer.echo(f"nocwatch: console on http://{settings.console.listen}", err=True)

    relay = Part("relay", ("relay", *passed), grace_s=settings.relay.grace, vital=True)
    parts = [relay, Part("watch", ("watch", *passed))]
    trio.run(supervise, parts, started, [part.name for part in parts])


def relay(
    config: ConfigOption = None,
    listen: ListenOption = None,
    upstream: UpstreamOption = None,
    data: DataOption = None,
    assignments: SetOption = None,
    verbose: VerboseOption = False,
) -> None:
    """The relay alone: carries bytes, and writes the journal."""
    import trio

    from nocwatch import relay as process

    _begin("relay", verbose)
    key_file = configuration(config, data, assignments, addresses(listen, upstream)).privacy.key_file

    def read() -> tuple[RelaySettings, JournalSettings]:
        settings = configuration(config, data, assignments, addresses(listen, upstream))
        if problems := relay_problems(settings):
            raise ConfigurationError(problems)
        return settings.relay, settings.journal

    made = read()
    if "LISTEN_FDS" not in os.environ:  # systemd has bound them for us
        _expect_free(made[0])
    trio.run(
        partial(process.serve, *made, reread=read, verbose=verbose, privacy_key=_key_for_users(key_file))
    )


def _expect_free(settings: RelaySettings) -> None:
    """A port that is taken is told before a key or a folder is made."""
    from nocwatch.proxy.listener import expect_free

    expect_free(("relay.listen", each.address) for each in settings.listen)
    expect_free([("relay.status", settings.status)] if settings.status else [])


def _key_for_users(file: str) -> bytes:
    """What the relay hashes user names of handshakes with. Bytes are carried without it; then no user is recorded."""
    import structlog

    from nocwatch.config import privacy_key

    try:
        return privacy_key(Path(file), make=True)
    except NocwatchError as error:
        structlog.get_logger(__name__).warning("users of handshakes are not recorded", why=str(error))
        return b""


def watch(
    config: ConfigOption = None,
    listen: ListenOption = None,
    upstream: UpstreamOption = None,
    data: DataOption = None,
    assignments: SetOption = None,
    verbose: VerboseOption = False,
) -> None:
    """The watch alone: reads the journal, finds what is wrong, tells people, serves the console."""
    import trio

    from nocwatch import watch as process

    _begin("watch", verbose)
    trio.run(process.serve, configuration(config, data, assignments, addresses(listen, upstream)))


def demo(
    stations: Annotated[int, typer.Option(min=1, help="How many simulated stations.")] = 24,
    speed: SpeedOption = 1.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same fleet and the same troubles.")] = 1,
    data: Annotated[
        Path,
        typer.Option(
            "--data",
            metavar="DIR",
            help="Folder for the demo's data. Each run begins anew; that of the run before is kept as DIR.previous.",
        ),
    ] = Path("data/demo"),
    assignments: SetOption = None,
    verbose: VerboseOption = False,
) -> None:
    """A charging network that works, breaks and is noticed: nocwatch between simulated stations and a simulated CSMS."""
    import trio

    from nocwatch.demo import serve

    _begin("demo", verbose)
    trio.run(serve, stations, speed, seed, data, list(assignments or ()), verbose)


def _begin(process: str, verbose: bool) -> None:
    from nocwatch import lifeline, logs

    # Frames and names of drivers pass through these files: they are their owner's alone.
    os.umask(0o077)
    logs.configure(process, verbose=verbose)
    lifeline.heed()
    # Until the process takes it as a wish to reload: what it has not read yet, it reads in a moment anyway.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _passed(
    config: Path | None,
    listen: str | None,
    upstream: str | None,
    data: Path | None,
    assignments: list[str] | None,
    verbose: bool,
) -> tuple[str, ...]:
    passed: list[str] = []
    for name, value in (
        ("--config", config),
        ("--listen", listen),
        ("--upstream", upstream),
        ("--data", data),
    ):
        if value is not None:
            passed += [name, str(value)]
    for assignment in assignments or ():
        passed += ["--set", assignment]
    return (*passed, "--verbose") if verbose else tuple(passed)
