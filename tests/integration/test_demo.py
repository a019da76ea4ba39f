"""The first command of the README: a charging network works, breaks and is noticed."""

from __future__ import annotations

import json
from pathlib import Path

import httpx2
from tests.support.deployment import Deployment, until


async def test_the_demo_shows_a_fleet_alive_and_within_minutes_what_is_wrong_with_it(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    ports = deployment.ports
    deployment.data = tmp_path / "data"
    try:
        deployment.start(
            "demo", "demo", "--data", str(deployment.data), "--speed", "4",
            "--set", f'relay.listen=[{{address: "127.0.0.1:{ports["relay"]}"}}]',
            "--set", f"relay.status=127.0.0.1:{ports['status']}",
            "--set", f"console.listen=127.0.0.1:{ports['console']}",
            "--set", f"metrics.listen=127.0.0.1:{ports['metrics']}",
        )  # fmt: skip

        async def alive() -> bool:
            try:
                stations = await deployment.all("stations")
            except httpx2.HTTPError:
                return False  # the console is not there yet
            charging = [
                each for each in stations if any(one["status"] == "Charging" for one in each["connectors"])
            ]
            return sum(each["online"] for each in stations) >= 22 and len(charging) >= 3

        await until(alive, deployment.log("demo"), 90)

        async def noticed() -> bool:
            return len({each["rule"] for each in await deployment.all("flags")}) >= 6

        await until(noticed, "flags of six rules", 240)
        for flag in await deployment.all("flags"):
            assert flag["summary"], flag
            assert flag["evidence"], flag
        alerts = [json.loads(line) for line in (deployment.data / "alerts.jsonl").read_text().splitlines()]
        assert len(alerts) >= 6
        assert len(await deployment.all("stations")) == 24
    finally:
        if "demo" in deployment.running:
            await deployment.stop("demo")
        deployment.end()
    assert "Traceback" not in deployment.log("demo")
