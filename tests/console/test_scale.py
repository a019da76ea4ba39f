"""Ten thousand stations: pages stay pages, and quick ones."""

from __future__ import annotations

import re
import time
from pathlib import Path

import httpx2
from tests.support.console_data import many_stations, served

COUNT = 10_000
SECONDS_MAX = 2.0
"""For one page on a machine that others use too; alone it takes a tenth of a second."""


async def test_fleet_of_ten_thousand_is_quick_in_pages_that_miss_nobody(tmp_path: Path) -> None:
    network = many_stations(tmp_path, COUNT)
    async with served(network) as address, httpx2.AsyncClient(base_url=address, timeout=30) as client:
        seen: list[str] = []
        slowest = 0.0
        for page in (1, 2, 50, 100):
            started = time.perf_counter()
            text = (await client.get(f"/fleet?page={page}")).text
            slowest = max(slowest, time.perf_counter() - started)
            seen += re.findall(r'<tr data-key="station-([^"]+)"', text)
            assert len(text) < 600_000
        assert len(seen) == len(set(seen)) == 400
        assert slowest < SECONDS_MAX
        assert "9\u202f901 to 10\u202f000 of 10\u202f000" in text
        assert 'rel="next"' not in text
        beyond = (await client.get("/fleet?page=101")).text
        assert "9\u202f901 to 10\u202f000" in beyond
        found = (await client.get("/fleet", params={"q": "CP09999"})).text
        assert re.findall(r'<tr data-key="station-([^"]+)"', found) == ["CP09999"]
        started = time.perf_counter()
        assert (await client.get("/")).status_code == 200
        items, after = [], ""
        while True:
            body = (await client.get(f"/api/stations?limit=1000{after}")).json()
            items += [item["id"] for item in body["items"]]
            if body["next"] is None:
                break
            after = f"&after={body['next']}"
        assert sorted(items) == sorted(network.stations)
    network.store.close()
