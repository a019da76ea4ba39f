"""Whatever is killed: no station notices the watch's end, and what was seen is there once afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.conftest import program
from tests.support.deployment import Deployment, until
from tests.support.influx import InfluxServer

from nocwatch import clock, moments
from nocwatch.frames import Frame
from nocwatch.journal.inspect import stat
from nocwatch.journal.reader import Reader
from nocwatch.records import RecordKind
from nocwatch.tap.gate import Gate
from nocwatch.trace.replay import journal_sightings

COMPARED = (
    "station", "evse", "connector", "transaction", "started_at", "stopped_at", "energy_wh", "outcome", "reason", "blame",
)  # fmt: skip


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    made = Deployment(tmp_path)
    yield made
    made.end()


def keyed(results: list[dict[str, Any]], fields: tuple[str, ...]) -> dict[str, tuple[Any, ...]]:
    """The last line of each id, as a replay's reader takes it."""
    return {each["id"]: tuple(each[field] for field in fields) for each in results}


@pytest.mark.server("influxd2")
async def test_killing_the_watch_in_mid_session_loses_nothing_and_tells_nothing_twice(tmp_path: Path) -> None:
    influx = InfluxServer(program("influxd2") or "", tmp_path / "influx", 2)
    deployment = Deployment(tmp_path, *influx.settings)
    try:
        await influx.start()
        await deployment.csms()
        await deployment.relay()
        await deployment.watch()
        deployment.stations(12, "ordinary", speed=20)

        async def charging() -> bool:
            return len(await deployment.all("sessions", "&outcome=ongoing")) >= 4

        await until(charging, "sessions are under way")
        links = deployment.running["stations"]
        before = await relay_links(deployment)
        deployment.kill("watch")

        async def more_passed() -> bool:
            return await relay_bytes(deployment) > bytes_then + 20_000

        bytes_then = await relay_bytes(deployment)
        await until(more_passed, "the stations talk on while nobody watches")
        assert links.poll() is None
        after = await relay_links(deployment)
        assert after["closed"] == before["closed"], "no link ended because the watch was killed"

        await deployment.watch()
        await deployment.stop("stations")
        await deployment.stop("relay")
        await settled(deployment, influx)
        sessions = await deployment.all("sessions")
        replayed = deployment.replayed()
        expected = keyed([each for each in replayed if each["kind"] == "session"], COMPARED)
        assert keyed(sessions, COMPARED) == expected
        assert len(sessions) == len({each["id"] for each in sessions})
        flags = await deployment.all("flags")
        assert {each["id"] for each in flags} == {each["id"] for each in replayed if each["kind"] == "flag"}
        ended = sum(each["outcome"] != "ongoing" for each in sessions)
        assert influx.count("sessions", "energy_wh") == ended
        assert influx.count("frames", "bytes") == await frames_in_journal(deployment)
        told = [json.loads(line) for line in alerts_file(deployment)]
        assert len({(each["id"], each["state"], each.get("revision")) for each in told}) == len(told)
    finally:
        deployment.end()
        influx.stop()


async def test_what_passed_a_second_before_the_relay_was_killed_is_in_the_journal(
    deployment: Deployment,
) -> None:
    await deployment.csms()
    await deployment.relay()
    deployment.stations(8, "ordinary", speed=20)

    async def busy() -> bool:
        return await relay_bytes(deployment) > 50_000

    await until(busy, "the stations talk")
    forwarded, at_ns = await relay_bytes(deployment), clock.now_ns()
    await until(
        lambda: newest_ns(deployment) > at_ns + moments.SECOND_NS,
        "a second passes, by the journal's own clock",
    )
    deployment.kill("relay")
    checked = deployment.nocwatch("journal", "verify", "--data", str(deployment.data), "--format", "json")
    findings = json.loads(checked.stdout)
    assert all(each["what"] == "torn" for each in findings["findings"]), findings
    assert chunk_bytes(deployment) >= forwarded
    await deployment.relay()  # and a new relay goes on in the same journal
    assert json.loads(
        deployment.nocwatch("journal", "stat", "--data", str(deployment.data), "--format", "json").stdout
    )[0]["live"]


# --- looking -----------------------------------------------------------------------------------------------------------


async def relay_figures(deployment: Deployment) -> dict[str, float]:
    async with httpx2.AsyncClient(timeout=5) as client:
        text = (await client.get(deployment.status("/metrics"))).text
    figures: dict[str, float] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            figures[name] = float(value)
    return figures


async def relay_bytes(deployment: Deployment) -> float:
    return sum(value for name, value in (await relay_figures(deployment)).items() if "bytes_from" in name)


def newest_ns(deployment: Deployment) -> int:
    return max((lane.newest_ns or 0 for lane in stat(deployment.data / "journal")), default=0)


async def relay_links(deployment: Deployment) -> dict[str, float]:
    figures = await relay_figures(deployment)
    return {"closed": sum(value for name, value in figures.items() if "closed" in name)}


def chunk_bytes(deployment: Deployment) -> int:
    total = 0
    with Reader(deployment.data / "journal") as reader:
        while records := reader.read():
            total += sum(len(record.data) for record in records if record.kind is RecordKind.CHUNK)
    return total


async def frames_in_journal(deployment: Deployment) -> int:
    gate = Gate((deployment.data / "privacy.key").read_bytes())
    return sum(isinstance(each, Frame) for each in journal_sightings(deployment.data / "journal", gate))


def alerts_file(deployment: Deployment) -> list[str]:
    path = deployment.data / "alerts.jsonl"
    return path.read_text().splitlines() if path.exists() else []


async def settled(deployment: Deployment, influx: InfluxServer) -> None:
    """Until the watch has read all, and all points have left the spool."""
    newest_s = newest_ns(deployment) / 1e9

    async def so() -> bool:
        figures = await deployment.own_metrics()
        read = figures["nocwatch_watch_read_timestamp_seconds"] >= newest_s - 1e-6
        points = figures.get("nocwatch_watch_points_total", 0)
        return bool(read and figures.get("nocwatch_watch_influx_waiting", 0) == 0 and points)

    await until(so, "everything is read and written", 60)
