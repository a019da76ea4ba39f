"""A console on a real server over a made-up network, and a client on a real socket."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest
from tests.support.console_data import Network, forty_stations, served


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Network:
    """Made once; each test gets a copy of its file."""
    network = forty_stations(tmp_path_factory.mktemp("made"))
    network.store.close()
    return network


@pytest.fixture
def network(made: Network, tmp_path: Path) -> Iterator[Network]:
    shutil.copy(made.folder / "console.db", tmp_path / "console.db")
    network = Network(tmp_path)
    network.stations, network.places, network.facts, network.sequence = (
        dict(made.stations),
        made.places,
        made.facts,
        made.sequence,
    )
    yield network
    network.store.close()


@pytest.fixture
async def client(network: Network) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(network) as address, httpx2.AsyncClient(base_url=address, timeout=20) as found:
        yield found
