"""A scenario file's mistakes are told all at once, with file, line and key."""

from __future__ import annotations

import pytest
from tests.support.simulation import scenario

from nocwatch.errors import ConfigurationError
from nocwatch.sim.fleet import Fleet
from nocwatch.sim.scenario import load

WRONG = """\
scenario: wrong
stations:
  - {id: CP1, hardware: toaster}
  - id: CP2
    quirks: [sings]
    life: gone
  - {id: CP2}
steps:
  - at: soon
    station: CP1
    offline: {lasting: 5m}
  - at: 5s
    station: CP1
    offline: {lasting: 5m, loudly: true}
  - {at: 5s, station: CP1, offline: {}, flap: {}}
  - {at: 5s, station: CP1}
csms:
  faults: [{delay: 3s, silent: true}]
"""
DANGLING = """\
scenario: dangling
stations:
  - {id: CP1, hardware: ac22, life: gone}
  - {id: CP1, hardware: ac22}
steps:
  - {at: 5s, station: CP9, offline: {}}
  - at: 5s
    station: CP1
    faulted: {connector: 2}
  - {at: 5s, station: CP1, life: also_gone}
"""


def problems(tmp_path, text):
    path = tmp_path / "s.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as raised:
        load(path)
    return {str(p).removeprefix(str(path)) for p in raised.value.problems}


def test_wrong_values_are_told_with_their_lines(tmp_path):
    found = problems(tmp_path, WRONG)
    lines = {each.split(" ")[0] for each in found}
    assert {
        ":3:stations.0.hardware:", ":5:stations.1.quirks.0:", ":9:steps.0.at:", ":14:steps.1.offline.loudly:", ":15:steps.2:",
        ":16:steps.3:", ":18:csms.faults.0:",
    } == lines  # fmt: skip
    assert any("there is no hardware 'toaster'; known are hpc150" in each for each in found)


def test_references_that_lead_nowhere_are_told(tmp_path):
    lines = {each.split(" ")[0] for each in problems(tmp_path, DANGLING)}
    assert lines == {
        ":3:stations.0.life:",
        ":4:stations.1.id:",
        ":6:steps.0.station:",
        ":9:steps.1.faulted.connector:",
        ":10:steps.2.life:",
    }


def test_a_file_that_is_not_there_is_one_clear_line(tmp_path):
    with pytest.raises(ConfigurationError, match="there is no such file"):
        load(tmp_path / "none.yaml")


def test_a_name_that_no_scenario_has_is_told_the_ones_there_are():
    with pytest.raises(
        ConfigurationError, match=r"^nope: there is no such file.* cloned_token_overlap, demo, faulted,"
    ):
        load("nope")


def test_more_stations_than_the_file_names_are_made_up_and_fewer_are_cut():
    demo = load("demo")
    more, fewer = Fleet("ws://h/ocpp", demo, count=30), Fleet("ws://h/ocpp", demo, count=3)
    assert len(more.stations) == 30
    assert "SIM0006" in more.stations
    assert list(fewer.stations) == ["HAF-01", "HAF-02", "HAF-03"]


@pytest.mark.parametrize("url", ["http://h/ocpp", "ws://", "nonsense"])
def test_a_url_that_is_none_is_refused(url):
    with pytest.raises(ValueError, match="WebSocket URL"):
        Fleet(url, scenario(stations=[{"id": "CP1"}]))
