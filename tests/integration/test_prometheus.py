"""A real Prometheus scrapes relay and watch with the shipped rules: everything that these name is really exported."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from tests.conftest import program
from tests.support.certificates import Authority
from tests.support.deployment import Deployment, answers, free_port, until

ROOT = Path(__file__).resolve().parents[2]


def asked(port: int, query: str) -> list[dict[str, Any]]:
    url = f"http://127.0.0.1:{port}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return list(json.load(answer)["data"]["result"])


def configuration(deployment: Deployment) -> str:
    """The shipped one, with this deployment's addresses and a test's patience."""
    shipped = yaml.safe_load((ROOT / "deploy/prometheus.yml").read_text(encoding="utf-8"))
    shipped["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    shipped["rule_files"] = [str(ROOT / "mixin/recording.yaml"), str(ROOT / "mixin/alerts.yaml")]
    ports = {"nocwatch-watch": deployment.ports["metrics"], "nocwatch-relay": deployment.ports["status"]}
    for job in shipped["scrape_configs"]:
        job["static_configs"] = [{"targets": [f"127.0.0.1:{ports[job['job_name']]}"]}]
    return yaml.safe_dump(shipped)


@pytest.mark.server("prometheus")
async def test_prometheus_scrapes_what_the_rules_name(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    certificate, key = Authority(tmp_path).issue("localhost", days=(-1, 90))
    deployment.settings.append(
        f'relay.listen=[{{address: "127.0.0.1:{deployment.ports["relay"]}"}}, '
        f'{{address: "127.0.0.1:0", tls: {{certificate: "{certificate}", key: "{key}"}}}}]'
    )
    port = free_port()
    process: subprocess.Popen[bytes] | None = None
    try:
        await deployment.csms()
        await deployment.relay()
        await deployment.watch()
        deployment.stations(3)
        (tmp_path / "prometheus.yml").write_text(configuration(deployment))
        log = (tmp_path / "prometheus.log").open("wb")
        process = subprocess.Popen(
            [program("prometheus") or "", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/tsdb",
             f"--web.listen-address=127.0.0.1:{port}"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
        log.close()
        await until(lambda: answers(f"http://127.0.0.1:{port}/-/ready"), "Prometheus is ready")
        await until(lambda: len(asked(port, "up == 1")) == 2, "both processes are scraped")
        await until(
            lambda: [each["value"][1] for each in asked(port, "nocwatch:stations:count")] == ["3"],
            "three stations",
        )
        assert {
            each["metric"]["__name__"] for each in asked(port, '{__name__=~"nocwatch_relay_upstream_up"}')
        }
        async with httpx2.AsyncClient(timeout=10) as client:
            text = (await client.get(deployment.metrics())).text
            text += (await client.get(deployment.status("/metrics"))).text
        exported = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
        rules = (ROOT / "mixin/alerts.yaml").read_text() + (ROOT / "mixin/recording.yaml").read_text()
        expressions = "\n".join(re.findall(r"expr: (.*)", rules))
        named = set(re.findall(r"nocwatch_[a-z_0-9]+", expressions))
        assert named
        assert named <= exported, named - exported
        firing = asked(port, 'ALERTS{alertstate="firing"}')
        assert firing == []

        deployment.kill("watch")
        await until(lambda: asked(port, 'up{job="nocwatch-watch"} == 0'), "Prometheus misses the watch")
        assert asked(port, 'ALERTS{alertname="NocwatchWatchDown",alertstate="pending"}') or await until(
            lambda: asked(port, 'ALERTS{alertname="NocwatchWatchDown"}'), "its alert is on the way"
        )
    finally:
        deployment.end()
        if process is not None:
            process.terminate()
            process.wait()
