"""``nocwatch demo``: a simulated fleet, nocwatch, and a simulated CSMS, each a process of its own as in real life."""

from __future__ import annotations

import socket
from importlib import resources
from pathlib import Path

import typer

from nocwatch.options import configuration
from nocwatch.supervisor import Part, supervise


async def serve(
    stations: int, speed: float, seed: int, data: Path, assignments: list[str], verbose: bool
) -> None:
    """Runs the demo until SIGTERM or SIGINT.

    Args:
        stations: how many.
        speed: how much quicker than life they behave.
        seed: of the fleet and its troubles.
        data: folder of journal, store and keys.
        assignments: more ``--set`` for relay and watch.
        verbose: log more.
    """
    csms = f"127.0.0.1:{_free_port()}"
    registry = resources.files("nocwatch.sim") / "demo_registry"
    settings = [
        f'relay.upstreams=[{{name: demo-csms, url: "ws://{csms}"}}]',
        f"registry={registry}",
        *assignments,
    ]
    chosen = configuration(None, data, settings)
    relay = chosen.relay.listen[0].address
    shared = ("--data", str(data), *(part for setting in settings for part in ("--set", setting)))
    if verbose:
        shared = (*shared, "--verbose")
    pace = ("--scenario", "demo", "--speed", str(speed), "--seed", str(seed))
    parts = [
        Part("csms", ("sim", "csms", "--listen", csms, *pace)),
        Part("relay", ("relay", *shared)),
        Part("watch", ("watch", *shared)),
        Part("stations", ("sim", "stations", "--url", f"ws://{relay}", "--count", str(stations), *pace)),
    ]

    def started() -> None:
        typer.echo("nocwatch demo: a charging network works, breaks and is noticed.", err=True)
        typer.echo(f"  console   http://{chosen.console.listen}", err=True)
        typer.echo(f"  alerts    {chosen.alerts.file}", err=True)
        if chosen.metrics.listen:
            typer.echo(f"  metrics   http://{chosen.metrics.listen}/metrics", err=True)
        typer.echo("  The first troubles show within a minute, most within five. Ctrl-C ends it.", err=True)

    await supervise(parts, started, ("relay", "watch"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
