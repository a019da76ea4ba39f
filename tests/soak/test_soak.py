"""``make soak``: a busy network for minutes while the watch is killed again and again; afterwards nothing is missing or double.

``SOAK_MINUTES`` says how long, 10 by default.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import trio
from tests.conftest import program
from tests.integration.test_replay_is_the_live_run import ALERT, FLAG, SESSION, differences, items, last_lines
from tests.integration.test_survives_kills import frames_in_journal, relay_links, settled
from tests.support.deployment import Deployment
from tests.support.influx import InfluxServer

MINUTES = float(os.environ.get("SOAK_MINUTES", "10"))
KILL_EVERY_S = 20.0
GROWTH_MAX = 1.25
"""Resident memory at the end against half-time: what a fleet of this size needs is there by then."""


def resident_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError(f"process {pid} is gone")


@pytest.mark.soak
@pytest.mark.server("influxd2")
async def test_a_watch_that_is_killed_every_twenty_seconds_loses_nothing(tmp_path: Path) -> None:
    influx = InfluxServer(program("influxd2") or "", tmp_path / "influx", 2)
    deployment = Deployment(tmp_path, *influx.settings)
    try:
        await influx.start()
        await deployment.csms()
        await deployment.relay()
        await deployment.watch()
        deployment.stations(200, "ordinary", speed=10)
        relay = deployment.running["relay"].pid
        until_s, half_s = trio.current_time() + MINUTES * 60, trio.current_time() + MINUTES * 30
        closed, at_half, kills = None, 0, 0
        while trio.current_time() < until_s:
            await trio.sleep(KILL_EVERY_S)  # the soak itself is made of time
            closed = closed or (await relay_links(deployment))["closed"]
            deployment.kill("watch")
            kills += 1
            await deployment.watch()
            if not at_half and trio.current_time() > half_s:
                at_half = resident_kib(relay)
        assert resident_kib(relay) < at_half * GROWTH_MAX
        await deployment.stop("stations")
        await deployment.stop("relay")
        await settled(deployment, influx)
        replayed = deployment.replayed()
        assert not differences(
            items(await deployment.all("sessions"), SESSION), last_lines(replayed, "session", SESSION)
        )
        assert not differences(items(await deployment.all("flags"), FLAG), last_lines(replayed, "flag", FLAG))
        assert not differences(
            items(await deployment.all("alerts"), ALERT), last_lines(replayed, "alert", ALERT)
        )
        assert influx.count("frames", "bytes") == await frames_in_journal(deployment)
        print(
            f"{kills} kills, {len(await deployment.all('sessions'))} sessions, relay {resident_kib_text(at_half)} at half-time"
        )
    finally:
        deployment.end()
        influx.stop()


def resident_kib_text(kib: int) -> str:
    return f"{kib / 1024:.0f} MiB"
