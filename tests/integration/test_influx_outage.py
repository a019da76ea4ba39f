"""InfluxDB goes away under load and comes back: every point arrives once, on both versions."""

from __future__ import annotations

import os
import re
from pathlib import Path

import httpx2
import pytest
from tests.conftest import program
from tests.support.deployment import Deployment, until
from tests.support.influx import InfluxServer

from nocwatch.alerts.settings import AlertSettings
from nocwatch.detectors.rules import load_rules, shipped_rules
from nocwatch.frames import Frame
from nocwatch.pipeline import Pipeline
from nocwatch.registry.places import Places
from nocwatch.sinks.lines import LineMaker
from nocwatch.sinks.usage import Usage
from nocwatch.tap.gate import Gate
from nocwatch.trace.replay import journal_sightings

OUTAGE_S = float(os.environ.get("OUTAGE_S", "8"))
"""``OUTAGE_S=60 make test TESTS=tests/integration/test_influx_outage.py`` for a whole minute."""


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
            return figures["nocwatch_watch_influx_write_failures_total"] > 0 and lag_s > OUTAGE_S

        await until(waiting, "points wait while InfluxDB is away", OUTAGE_S + 60)
        told = await health(deployment)
        assert any("InfluxDB" in remark for remark in told["remarks"]), told
        assert not any("InfluxDB" in reason for reason in told["reasons"]), told
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
        assert counted(influx) == expected(deployment)
    finally:
        deployment.end()
        influx.stop()


def has_points(influx: InfluxServer) -> bool:
    return influx.count("frames", "bytes") > 50


def counted(influx: InfluxServer) -> dict[str, int]:
    """Measurement → how many points it has."""
    names = [value[0] for value in influx.query("SHOW MEASUREMENTS")[0]["values"]]
    return {
        name: sum(len(each["values"]) for each in influx.query(f'SELECT * FROM "{name}"')) for name in names
    }


def expected(deployment: Deployment) -> dict[str, int]:
    """Measurement → how many different points the journal gives: a revised session falls on its former point."""
    gate = Gate((deployment.data / "privacy.key").read_bytes())
    pipeline = Pipeline(load_rules(shipped_rules()), Places(), AlertSettings())
    maker = LineMaker(pipeline.place)
    usage = Usage(maker.tags)
    found: dict[str, set[tuple[str, str]]] = {}
    for sighting in journal_sightings(deployment.data / "journal", gate):
        step = pipeline.feed(sighting)
        for line in (*maker.lines(step), *usage.lines(step)):
            series, _, rest = re.sub(r"\\.", "_", line).partition(" ")
            found.setdefault(re.split(",", series, maxsplit=1)[0], set()).add(
                (series, rest.rsplit(" ", 1)[1])
            )
    return {name: len(points) for name, points in found.items()}


def frames_in_journal(deployment: Deployment) -> int:
    gate = Gate((deployment.data / "privacy.key").read_bytes())
    return sum(isinstance(each, Frame) for each in journal_sightings(deployment.data / "journal", gate))


async def health(deployment: Deployment) -> dict[str, list[str]]:
    async with httpx2.AsyncClient(timeout=5) as client:
        return dict((await client.get(deployment.metrics("/readyz"))).json())
