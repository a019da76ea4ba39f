"""Real InfluxDB servers, one of each version for all tests of a worker, with a database of its own for each test."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import trio
from tests.conftest import program
from tests.support.influx import InfluxServer

VERSIONS = [
    pytest.param(1, marks=[pytest.mark.server("influxd1"), pytest.mark.xdist_group("influxd1")], id="1.8"),
    pytest.param(2, marks=[pytest.mark.server("influxd2"), pytest.mark.xdist_group("influxd2")], id="2.7"),
]


@pytest.fixture(scope="session", params=VERSIONS)
def influx(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[InfluxServer]:
    server = InfluxServer(
        program(f"influxd{request.param}") or "", tmp_path_factory.mktemp("influx"), request.param
    )
    trio.run(server.start)
    yield server
    server.stop()


@pytest.fixture
def database(request: pytest.FixtureRequest, influx: InfluxServer) -> str:
    name = re.sub(r"\W", "_", request.node.name)
    influx.make(name)
    return name
