"""The same seed does the same things; another seed does others; the network has no say in it."""

from __future__ import annotations

from tests.support.simulation import network, scenario, until

from nocwatch.sim.fleet import Fleet
from nocwatch.sim.scenario import load

BUSY = {
    "first_within": "10s", "gap": {"min": "5s", "max": "20s"}, "charge": {"min": "20s", "max": "60s"},
    "linger": {"min": "2s", "max": "9s"}, "starts": {"rfid": 2, "plug_first": 2, "free": 1}, "failures": {"unknown_card": 0.2, "short": 0.2},
}  # fmt: skip


async def first_visits(seed: int, offline: bool) -> dict[str, list[str]]:
    steps = [{"at": "60s", "station": "CP1", "offline": {"lasting": "90s"}}] if offline else []
    world = scenario(
        stations=[
            {"id": "CP1", "hardware": "hpc150", "life": "busy"},
            {"id": "CP2", "hardware": "ac22duo", "life": "busy"},
        ],
        lives={"busy": BUSY},
        steps=steps,
    )
    async with network(world, speed=200, seed=seed, orders=False) as (_, fleet):

        def visits() -> dict[str, list[str]]:
            found: dict[str, list[str]] = {}
            for station in fleet.stations.values():
                for agent, what in station.actions:
                    if agent.startswith("connector"):
                        found.setdefault(f"{station.identity} {agent}", []).append(what)
            return found

        await until(lambda: len(visits()) == 4 and min(map(len, visits().values())) >= 4)
        return {agent: made[:4] for agent, made in sorted(visits().items())}


async def test_same_seed_same_visits_even_when_the_network_fails():
    once = await first_visits(7, offline=False)
    assert await first_visits(7, offline=True) == once
    assert await first_visits(8, offline=False) != once


def test_same_seed_same_fleet():
    def built(seed):
        fleet = Fleet("ws://h/ocpp", load("ordinary"), count=40, seed=seed)
        return [
            (s.profile, s.connectors[0].meter.register_wh, s.says_local, s.make_transaction_id())
            for s in fleet.stations.values()
        ]

    assert built(1) == built(1)
    assert built(1) != built(2)
