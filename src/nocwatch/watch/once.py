"""A journal read to its end, once, as the watch would have: into its store, with its snapshot, and nobody is told.

What always holds: the store is the one that a watch over this journal makes, so a watch can go on from it.
"""

from __future__ import annotations

from pathlib import Path

from nocwatch.config import Configuration, privacy_key
from nocwatch.console.live import Hub
from nocwatch.errors import NocwatchError
from nocwatch.pipeline import Pipeline
from nocwatch.store.settings import sqlite_path
from nocwatch.store.store import Store
from nocwatch.tap.gate import Gate
from nocwatch.tap.prefixes import TOKENS_MAX
from nocwatch.tap.tap import Tap
from nocwatch.watch.files import load_operators_files
from nocwatch.watch.follow import Follower


def check(configuration: Configuration) -> None:
    """Whether a journal could be read into it, before one is made.

    Raises:
        NocwatchError: there is a store already; rules or registry cannot be used.
    """
    store = sqlite_path(configuration.store.url)
    if store.exists():
        raise NocwatchError(f"{store}: there is a store already; name a folder that does not exist")
    load_operators_files(configuration, Gate(bytes(32)))


async def read_through(configuration: Configuration) -> dict[str, int]:
    """The journal of that configuration into its store.

    Returns:
        What passed, by name.

    Raises:
        NocwatchError: rules, registry or the store cannot be used.
    """
    gate = Gate(privacy_key(Path(configuration.privacy.key_file), make=True))
    rules, places = load_operators_files(configuration, gate)
    store = Store.open(configuration.store)
    gate.prefixes.remember(store.prefixed_tokens(TOKENS_MAX))
    follower = Follower(
        configuration.journal.path,
        Path(configuration.data) / "watch.snapshot",
        Tap(gate),
        Pipeline(rules, places, configuration.alerts),
        store,
        None,
        Hub(configuration.console.live_clients_max),
        _nobody,
    )
    try:
        follower.restore()
        await follower.run(to_end=True)
    finally:
        store.close()
    return dict(follower.counters)


def _nobody() -> None:
    """Waits for alerts to be sent."""
