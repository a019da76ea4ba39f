"""The compose file, the image and the wheel: what they mount, set and contain is there. No engine is needed for any of it."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from nocwatch.config import load_configuration

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if service.get("image") == "nocwatch"]


def filled(text: str) -> str:
    """``${NAME:-default}`` with nothing set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def environment(service: str) -> dict[str, str]:
    return {name: filled(str(value)) for name, value in (SERVICES[service].get("environment") or {}).items()}


def port(address: str) -> int:
    return int(address.rpartition(":")[2])


@pytest.mark.parametrize("service", ["relay", "watch"])
def test_the_environment_is_a_configuration_that_is_taken(service: str) -> None:
    configuration = load_configuration(None, environment(service))
    assert configuration.influx.url == "http://influxdb:8086"
    assert configuration.relay.upstreams[0].url == "ws://csms:9180"
    assert configuration.relay.listen[0].address == "0.0.0.0:9000"


def test_relay_and_watch_share_one_journal() -> None:
    relay, watch = (load_configuration(None, environment(each)) for each in ("relay", "watch"))
    assert relay.journal.path == watch.journal.path
    assert SERVICES["relay"]["volumes"] == SERVICES["watch"]["volumes"] == ["nocwatch:/var/lib/nocwatch"]


def test_a_real_csms_takes_the_place_of_the_simulated_one() -> None:
    written = environment("relay") | {
        "NOCWATCH_RELAY__UPSTREAMS": SERVICES["relay"]["environment"]["NOCWATCH_RELAY__UPSTREAMS"].replace(
            "${NOCWATCH_UPSTREAM:-ws://csms:9180}", "wss://csms.example/ocpp"
        )
    }
    assert load_configuration(None, written).relay.upstreams[0].url == "wss://csms.example/ocpp"


def test_published_ports_lead_to_what_listens_and_only_on_this_machine() -> None:
    configuration = load_configuration(None, environment("watch"))
    listening = {
        "relay": {port(configuration.relay.listen[0].address)},
        "watch": {port(configuration.console.listen)},
        "grafana": {3000},
    }
    for name, service in SERVICES.items():
        for published in service.get("ports", []):
            address, _, inside = published.split(":")
            assert address == "127.0.0.1", f"{name}: {published}"
            assert int(inside) in listening[name]


def test_health_checks_ask_where_the_process_answers() -> None:
    configuration = load_configuration(None, environment("watch"))
    expected = {"relay": configuration.relay.status, "watch": configuration.metrics.listen}
    for name, address in expected.items():
        assert f":{port(str(address))}/healthz" in SERVICES[name]["healthcheck"]["test"][-1]


def test_prometheus_scrapes_what_listens_and_reads_rules_that_are_mounted() -> None:
    configuration = load_configuration(None, environment("watch"))
    prometheus = yaml.safe_load((ROOT / "deploy/prometheus.yml").read_text(encoding="utf-8"))
    targets = {
        job["job_name"]: job["static_configs"][0]["targets"][0] for job in prometheus["scrape_configs"]
    }
    assert targets == {
        "nocwatch-watch": f"watch:{port(str(configuration.metrics.listen))}",
        "nocwatch-relay": f"relay:{port(str(configuration.relay.status))}",
    }
    mounted = {mount.split(":")[1] for mount in SERVICES["prometheus"]["volumes"]}
    (pattern,) = prometheus["rule_files"]
    rules = {path for path in mounted if path.startswith(pattern.rpartition("/")[0])}
    assert {Path(path).name for path in rules} == {"alerts.yaml", "recording.yaml"}


def test_every_file_that_is_mounted_is_there() -> None:
    for name, service in SERVICES.items():
        for mount in service.get("volumes") or []:
            source = mount.split(":")[0]
            if source.startswith("."):
                assert (ROOT / source).exists(), f"{name}: {source}"
            else:
                assert source in COMPOSE["volumes"], f"{name}: {source}"


def test_services_that_are_waited_for_exist() -> None:
    for service in SERVICES.values():
        assert set(service.get("depends_on") or ()) <= set(SERVICES)


def test_what_grafana_is_provisioned_with_agrees_with_the_compose_file() -> None:
    influx = environment("influxdb")
    sources = yaml.safe_load((ROOT / "grafana/provisioning/datasources/nocwatch.yaml").read_text())[
        "datasources"
    ]
    by_type = {each["type"]: each for each in sources}
    assert by_type["influxdb"]["jsonData"]["dbName"] == influx["DOCKER_INFLUXDB_INIT_BUCKET"]
    configuration = load_configuration(None, environment("watch"))
    assert configuration.influx.bucket == influx["DOCKER_INFLUXDB_INIT_BUCKET"]
    assert configuration.influx.org == influx["DOCKER_INFLUXDB_INIT_ORG"]
    token = configuration.influx.token
    assert token is not None
    assert (
        token.get_secret_value()
        == influx["DOCKER_INFLUXDB_INIT_ADMIN_TOKEN"]
        == environment("grafana")["INFLUX_TOKEN"]
    )
    (provider,) = yaml.safe_load((ROOT / "grafana/provisioning/dashboards/nocwatch.yaml").read_text())[
        "providers"
    ]
    home = environment("grafana")["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home.startswith(provider["options"]["path"])
    assert (ROOT / "grafana/dashboards" / Path(home).name).exists()


def test_our_commands_are_commands() -> None:
    import typer.main

    from nocwatch.cli import app

    commands = typer.main.get_command(app)
    for name in OURS:
        group: Any = commands
        for word in SERVICES[name]["command"]:
            if not hasattr(group, "commands"):
                break
            assert word in group.commands, f"{name}: {word}"
            group = group.commands[word]


def test_the_image_copies_what_is_there() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    for line in dockerfile.splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert (ROOT / source).exists(), source
    assert "EXPOSE 9000 8480 9464 9465" in dockerfile


def test_the_wheel_has_everything_that_is_read_at_run_time(tmp_path: Path) -> None:
    wheel = pytest.importorskip("hatchling.builders.wheel", reason="hatchling is not installed")
    (built,) = wheel.WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    names = set(zipfile.ZipFile(built).namelist())
    data = {
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src/nocwatch").rglob("*")
        if path.is_file() and path.suffix != ".pyc" and "__pycache__" not in path.parts
    }
    rules = {f"nocwatch/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "rules").rglob("*.yaml")}
    assert rules
    assert data | rules <= names
    for folder in (
        "rules",
        "sim/scenarios",
        "sim/demo_registry",
        "console/static",
        "console/templates",
        "alerts/templates",
    ):
        assert any(name.startswith(f"nocwatch/{folder}/") for name in names), folder
    assert not [name for name in names if name.startswith("tests/") or name.endswith(".pyc")]
