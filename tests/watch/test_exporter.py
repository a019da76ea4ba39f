"""A scrape of the watch while its loop works on."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest

from nocwatch.network import Station
from nocwatch.registry.places import Place
from nocwatch.sinks.metrics import Tally
from nocwatch.watch import exporter


class Watching:
    """Figures that belong to one thread, as the pipeline's do."""

    def __init__(self) -> None:
        self._mine = threading.get_ident()

    def _told(self, what: Any) -> Any:
        assert threading.get_ident() == self._mine, "read while the loop may be changing it"
        return what

    @property
    def stations(self) -> Mapping[str, Station]:
        return self._told({"CP1": Station(id="CP1", online=True, since_ns=1, last_seen_ns=2)})

    def place(self, station: str) -> Place:
        return self._told(Place(station=station, site="depot"))

    def ready(self) -> tuple[list[str], list[str]]:
        return self._told(([], ["InfluxDB does not answer."]))

    def __getattr__(self, name: str) -> Any:
        return lambda: self._told({})


@pytest.fixture
def client() -> httpx2.AsyncClient:
    app = exporter.make_app(Watching(), Tally())
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://watch")


async def test_figures_are_taken_in_the_loops_own_thread(client: httpx2.AsyncClient) -> None:
    """Flags come and go while 10,000 stations are put into text: a dict that is being walked must not change."""
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert 'nocwatch_station_online{site="depot",station="CP1"} 1.0' in answer.text


async def test_a_watch_that_others_fail_is_ready_and_says_what_is_amiss(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()) == (
        200,
        {"ready": True, "reasons": [], "remarks": ["InfluxDB does not answer."]},
    )
