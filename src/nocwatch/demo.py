"""``nocwatch demo``: a simulated fleet, nocwatch, and a simulated CSMS, each a process of its own as in real life.

Each run begins anew, since the simulated stations do: with the journal of a former run their meters would run backwards and
their sessions would never stop, and all of that would be flagged. The former run's folder is kept beside it, for reading.
"""

from __future__ import annotations

import shutil
import socket
from importlib import resources
from pathlib import Path

import typer

from nocwatch.errors import NocwatchError
from nocwatch.journal.segments import lane_folder, lane_is_held, list_lanes
from nocwatch.options import configuration
from nocwatch.proxy.listener import expect_free
from nocwatch.supervisor import Part, supervise

MARK = "of-a-demo"
"""A file in the folder that a demo made: what has none is not ours to put aside."""


async def serve(
    stations: int, speed: float, seed: int, data: Path, assignments: list[str], verbose: bool
) -> None:
    """Runs the demo until SIGTERM or SIGINT.

    Args:
        stations: how many.
        speed: how much quicker than life they behave.
        seed: of the fleet and its troubles.
        data: folder of journal, store and keys; what a former demo left there is put aside.
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
    listening = [("relay.listen", each.address) for each in chosen.relay.listen]
    others = (
        ("relay.status", chosen.relay.status),
        ("console.listen", chosen.console.listen),
        ("metrics.listen", chosen.metrics.listen),
    )
    # The former run's data stay where they are if this one cannot begin.
    expect_free([*listening, *((key, address) for key, address in others if address)])
    former = begin_anew(data)
    relay = chosen.relay.listen[0].address
    shared = ("--data", str(data), *(part for setting in settings for part in ("--set", setting)))
    if verbose:
        shared = (*shared, "--verbose")
    pace = ("--scenario", "demo", "--speed", str(speed), "--seed", str(seed))
    parts = [
        Part("csms", ("sim", "csms", "--listen", csms, *pace)),
        Part("relay", ("relay", *shared), vital=True),
        Part(
            "watch", ("watch", *shared), vital=True
        ),  # nobody charges here: whoever began it wants to see it
        Part("stations", ("sim", "stations", "--url", f"ws://{relay}", "--count", str(stations), *pace)),
    ]

    def started() -> None:
        typer.echo("nocwatch demo: a charging network works, breaks and is noticed.", err=True)
        typer.echo(f"  console   http://{chosen.console.listen}", err=True)
        typer.echo(f"  alerts    {chosen.alerts.file}", err=True)
        if chosen.metrics.listen:
            typer.echo(f"  metrics   http://{chosen.metrics.listen}/metrics", err=True)
        if former:
            typer.echo(f"  the former run's data are in {former}", err=True)
        typer.echo("  The first troubles show within a minute, most within five. Ctrl-C ends it.", err=True)

    await supervise(parts, started, ("relay", "watch"))


def begin_anew(data: Path) -> Path | None:
    """Makes the demo's folder; that of a former demo becomes ``<name>.previous``, in place of the one before.

    Returns:
        where the former run's data are now; None where there was none.

    Raises:
        NocwatchError: the folder holds something that is no demo's, or a demo that runs.
    """
    previous = None
    if data.exists() and (not data.is_dir() or any(data.iterdir())):
        journal = data / "journal"
        if not (data / MARK).exists():
            raise NocwatchError(
                f"{data}: what is there is no demo's, and a demo begins with an empty folder; name another with --data"
            )
        if any(lane_is_held(lane_folder(journal, lane)) for lane in list_lanes(journal)):
            raise NocwatchError(f"{data}: a demo runs there; end it, or name another folder with --data")
        previous = data.with_name(f"{data.name}.previous")
        if previous.exists() and not (previous / MARK).exists():
            raise NocwatchError(f"{previous}: this is in the way of the former demo's data; move it away")
        try:
            if previous.exists():
                shutil.rmtree(previous)
            data.rename(previous)
        except OSError as error:
            raise NocwatchError(f"{data} cannot be put aside: {error.strerror}") from error
    try:
        data.mkdir(parents=True, exist_ok=True)
        (data / MARK).touch()
    except OSError as error:
        raise NocwatchError(f"{data} cannot be made: {error.strerror}") from error
    return previous


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
