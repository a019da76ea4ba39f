"""InfluxDB goes away under load and comes back: every point arrives once, on both versions."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest
from tests.conftest import program
from tests.support.deployment import Deployment, until
from tests.support.influx import InfluxServer

from nocwatch.frames import Frame
from nocwatch.tap.gate import Gate
from nocwatch.trace.replay import journal_sightings


@pytest.mark.parametrize(
    "version",
    [
        pytest.param(1, marks=pytest.mark.server("influxd1")),
        pytest.param(2, marks=pytest.mark.server("influxd2")),
    ],
)
async def test_an_outage_under_load_loses_no_point_and_doubles_none(tmp_path: Path, version: int) -> None:
    influx = InfluxServer(program(f"influxd{version}") or "", tmp_path / "influx", version)
    deployment = Deployment(tmp_path, *influx.settings)
    try:
        await influx.start()
        await deployment.csms()
        await deployment.relay()
        await deployment.watch()
        deployment.stations(24, "ordinary", speed=20)
        await until(lambda: has_points(influx), "points arrive")
        influx.stop()

        async def waiting() -> bool:
            figures = await deployment.own_metrics()
            lag_s = figures["nocwatch_watch_influx_behind_seconds"]
            return figures["nocwatch_watch_influx_write_failures_total"] > 0 and lag_s > 8

        await until(waiting, "points wait while InfluxDB is away", 60)
        problems = await reasons(deployment)
        assert any("InfluxDB" in problem for problem in problems), problems
        await influx.start()
        await deployment.stop("stations")
        await deployment.stop("relay")

        async def level() -> bool:
            figures = await deployment.own_metrics()
            written = figures["nocwatch_watch_influx_points_written_total"]
            return (
                figures["nocwatch_watch_influx_waiting"] == 0
                and written >= figures["nocwatch_watch_points_total"]
            )

        await until(level, "all points are written", 90)
        assert influx.count("frames", "bytes") == frames_in_journal(deployment)
        figures = await deployment.own_metrics()
        assert figures["nocwatch_watch_influx_points_refused_total"] == 0
        assert sum(points(influx, each) for each in MEASUREMENTS) == figures["nocwatch_watch_points_total"]
    finally:
        deployment.end()
        influx.stop()


MEASUREMENTS = (
    "frames",
    "links",
    "relay",
    "states",
    "samples",
    "ongoing",
    "sessions",
    "flags",
    "errors",
    "usage",
)


def has_points(influx: InfluxServer) -> bool:
    return influx.count("frames", "bytes") > 50


def points(influx: InfluxServer, measurement: str) -> int:
    """How many points a measurement has: the most that any one field has, since some points lack some fields."""
    series = influx.query(f'SELECT count(*) FROM "{measurement}"')
    return max(int(value) for value in series[0]["values"][0][1:] if value is not None) if series else 0


def frames_in_journal(deployment: Deployment) -> int:
    gate = Gate((deployment.data / "privacy.key").read_bytes())
    return sum(isinstance(each, Frame) for each in journal_sightings(deployment.data / "journal", gate))


async def reasons(deployment: Deployment) -> list[str]:
    async with httpx2.AsyncClient(timeout=5) as client:
        return list((await client.get(deployment.metrics("/readyz"))).json()["reasons"])
