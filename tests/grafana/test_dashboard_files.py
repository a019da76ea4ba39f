"""The committed dashboards: as their code makes them, whole in themselves, in the console's colours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from nocwatch.network import ConnectorStatus

build = pytest.importorskip("build", reason="grafana-foundation-sdk is not installed")
CSS = Path(__file__).resolve().parents[2] / "src/nocwatch/console/static/console.css"
BUILT_IN = {"timeFilter", "__value", "__interval", "__field", "tag_connector", "tag_evse", "col", "m"}


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)


def sources(value: Any) -> Iterator[dict[str, str]]:
    if isinstance(value, dict):
        if isinstance(found := value.get("datasource"), dict):
            yield found
        for each in value.values():
            yield from sources(each)
    elif isinstance(value, list):
        for each in value:
            yield from sources(each)


def test_the_committed_json_is_what_the_code_makes(folder: Path) -> None:
    committed = {
        path.stem: path.read_text(encoding="utf-8") for path in (folder / "dashboards").glob("*.json")
    }
    assert committed == {name: build.rendered(name) for name in build.DASHBOARDS}, (
        "run python grafana/build.py"
    )


def test_panels_have_their_own_id_title_and_place(dashboard: dict[str, Any]) -> None:
    panels = dashboard["panels"]
    for key in ("id", "title"):
        found = [panel[key] for panel in panels]
        assert len(set(found)) == len(found), found
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


def test_every_panel_says_what_it_shows_when_there_is_nothing(dashboard: dict[str, Any]) -> None:
    for panel in dashboard["panels"]:
        assert panel["fieldConfig"]["defaults"].get("noValue"), panel["title"]


def test_data_sources_are_those_that_are_provisioned(dashboard: dict[str, Any], folder: Path) -> None:
    provisioned = yaml.safe_load((folder / "provisioning/datasources/nocwatch.yaml").read_text())
    known = {(each["type"], each["uid"]) for each in provisioned["datasources"]}
    used = {(each["type"], each["uid"]) for each in sources(dashboard)} - {("grafana", "-- Grafana --")}
    assert used
    assert used <= known


def test_variables_that_are_used_are_defined_and_the_other_way_round(dashboard: dict[str, Any]) -> None:
    defined = {each["name"] for each in dashboard["templating"]["list"]}
    used = {
        name
        for text in strings(dashboard)
        for name in re.findall(r"\$\{?(\w+)", text)
    } - BUILT_IN  # fmt: skip
    assert used == defined


def test_links_lead_to_the_console(dashboard: dict[str, Any]) -> None:
    urls = [text for text in strings(dashboard) if "://" in text or text.startswith("${console}")]
    assert urls
    for url in urls:
        assert re.match(r"\$\{console\}/(stations|sessions|frames)/\$\{|http://127\.0\.0\.1:8480$", url), url


def test_states_have_the_consoles_colours() -> None:
    look = pytest.importorskip("look")
    css = CSS.read_text(encoding="utf-8")
    dark = dict(re.findall(r"--(\w+): light-dark\(#\w+, (#\w+)\);", css))
    alike = {"finishing": "preparing", "occupied": "preparing", "suspendedevse": "suspendedev"}
    for state, (colour, _) in look.STATES.items():
        name = state.lower()
        assert colour == dark.get(name, dark.get(alike.get(name, ""))), state
    assert set(look.STATES) | {"No data"} == {status.value for status in ConnectorStatus}


def test_every_state_is_mapped_and_offline_and_no_data_are_not_alike(dashboard: dict[str, Any]) -> None:
    for panel in dashboard["panels"]:
        if panel["type"] != "state-timeline":
            continue
        defaults = panel["fieldConfig"]["defaults"]
        (mapping,) = defaults["mappings"]
        options = mapping["options"]
        assert set(options) == {status.value for status in ConnectorStatus}
        assert len({options[name]["color"] for name in ("Available", "Offline", "No data")}) == 3
        # The watch repeats each state every 15 minutes; a band that goes on without it would be made up.
        assert 15 * 60_000 < defaults["custom"]["insertNulls"] <= 30 * 60_000
        assert not defaults["custom"].get("spanNulls")


def test_a_day_below_95_percent_is_seen(dashboard: dict[str, Any]) -> None:
    (panel,) = [each for each in dashboard["panels"] if each["title"].startswith("Success rate")]
    defaults = panel["fieldConfig"]["defaults"]
    assert [step["value"] for step in defaults["thresholds"]["steps"]] == [None, 95]
    assert defaults["custom"]["thresholdsStyle"]["mode"] == "dashed"
    assert (defaults["min"], defaults["max"], defaults["unit"]) == (0, 100, "percent")
