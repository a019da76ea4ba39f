"""``nocwatch sim stations`` and ``nocwatch sim csms``: a fleet and a back end to try things on."""

from __future__ import annotations

from typing import Annotated

import typer

from nocwatch.errors import NocwatchError
from nocwatch.options import SpeedOption, VerboseOption

sim = typer.Typer(help="Simulated stations and a simulated CSMS.", no_args_is_help=True)


def add(app: typer.Typer) -> None:
    app.add_typer(sim, name="sim")


@sim.command()
def stations(
    url: Annotated[
        str,
        typer.Option(metavar="URL", help="Where they connect: ws://host:port/path; each adds its identity."),
    ],
    count: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="How many; as many as the scenario names without it."),
    ] = None,
    scenario: Annotated[
        str, typer.Option(metavar="FILE", help="A scenario's file, or the name of a shipped one.")
    ] = "demo",
    speed: SpeedOption = 1.0,
    seed: Annotated[int, typer.Option(metavar="N", help="The same seed gives the same behaviour.")] = 0,
    verbose: VerboseOption = False,
) -> None:
    """A fleet that charges, fails and comes back, over real sockets."""
    import trio

    from nocwatch import lifeline, logs
    from nocwatch.sim.fleet import run_stations

    logs.configure("stations", verbose=verbose)
    lifeline.heed()
    try:
        trio.run(run_stations, url, count, scenario, seed, speed)
    except ValueError as error:
        raise NocwatchError(f"sim stations: {error}") from None


@sim.command()
def csms(
    listen: Annotated[
        str, typer.Option(metavar="H:P", help="Where stations, or the relay, connect.")
    ] = "127.0.0.1:9180",
    scenario: Annotated[
        str, typer.Option(metavar="FILE", help="A scenario whose CSMS this is: a file, or a shipped name.")
    ] = "ordinary",
    speed: SpeedOption = 1.0,
    seed: Annotated[int, typer.Option(metavar="N", help="The same seed gives the same behaviour.")] = 0,
    verbose: VerboseOption = False,
) -> None:
    """A CSMS for OCPP 1.6 and 2.0.1 that accepts any station."""
    import trio

    from nocwatch import lifeline, logs
    from nocwatch.sim.backoffice import run_csms
    from nocwatch.sim.scenario import load

    logs.configure("csms", verbose=verbose)
    lifeline.heed()
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit():
        raise NocwatchError(f"--listen {listen}: write host:port, such as 127.0.0.1:9180")
    settings = load(scenario).csms.model_copy(update={"speed": speed, "seed": seed})
    try:
        trio.run(run_csms, host.strip("[]"), int(port), settings)
    except OSError as error:
        raise NocwatchError(f"sim csms: cannot listen on {listen}: {error.strerror}") from None
