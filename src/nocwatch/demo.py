"""``nocwatch demo``: a simulated fleet, nocwatch, and a simulated CSMS, each a process of its own as in real life."""

from __future__ import annotations

import socket
from importlib import resources
from pathlib import Path

import typer

from nocwatch.supervisor import Part, supervise

LISTEN = "127.0.0.1:9000"


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
        f'relay.listen=[{{address: "{LISTEN}"}}]',
        f'relay.upstreams=[{{name: demo-csms, url: "ws://{csms}"}}]',
        f"registry={registry}",
        *assignments,
    ]
    shared = ("--data", str(data), *(part for setting in settings for part in ("--set", setting)))
    if verbose:
        shared = (*shared, "--verbose")
    pace = ("--scenario", "demo", "--speed", str(speed), "--seed", str(seed))
    parts = [
        Part("csms", ("sim", "csms", "--listen", csms, *pace)),
        Part("relay", ("relay", *shared)),
        Part("watch", ("watch", *shared)),
        Part("stations", ("sim", "stations", "--url", f"ws://{LISTEN}", "--count", str(stations), *pace)),
    ]

    def started() -> None:
        typer.echo("nocwatch demo: a charging network works, breaks and is noticed.", err=True)
        typer.echo("  console   http://127.0.0.1:8480", err=True)
        typer.echo(f"  metrics   http://127.0.0.1:9464/metrics   alerts  {data}/alerts.jsonl", err=True)
        typer.echo("  The first troubles show within a minute, most within five. Ctrl-C ends it.", err=True)

    await supervise(parts, started)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
