"""/metrics of the watch: what Prometheus is told, whatever stations and upstreams are called."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.conftest import program
from tests.support.history import a_session
from tests.support.play import Play

from nocwatch import delays
from nocwatch.frames import Sighting
from nocwatch.journal.counters import COUNTERS as JOURNAL_COUNTERS
from nocwatch.network import Connector, ConnectorStatus, Station
from nocwatch.pipeline import Step
from nocwatch.plans import Booking
from nocwatch.proxy.counters import MEANINGS, Counters
from nocwatch.proxy.status import metrics_text
from nocwatch.registry.places import Place
from nocwatch.sessions import Outcome, Reason
from nocwatch.sinks.meanings import COUNTERS, GAUGES, STATE
from nocwatch.sinks.metrics import Tally, exposition
from nocwatch.state.changes import SessionChanged
from nocwatch.state.fleet import Fleet, Moved

NOON_NS = 1_790_000_000_000_000_000
HOSTILE = ['a"b', "back\\slash", "new\nline", "Zürich", "{}", "\udcff", "x" * 500, "", "\x00"]
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"


def a_station(name: str, connectors: int = 1) -> Station:
    there = tuple(
        Connector(
            evse=None, connector=number, status=ConnectorStatus.CHARGING, reported=ConnectorStatus.CHARGING,
            since_ns=NOON_NS, session="s", power_w=7400.0,
        )
        for number in range(1, connectors + 1)
    )  # fmt: skip
    return Station(id=name, online=True, since_ns=NOON_NS, last_seen_ns=NOON_NS, connectors=there)


class Figures:
    def __init__(self, *stations: Station, relay: Mapping[str, int] | None = None) -> None:
        self.stations = {each.id: each for each in stations}
        self._relay = relay if relay is not None else relay_counters()

    def place(self, station: str) -> Place:
        return Place(station=station, site="depot")

    def relay_counters(self) -> Mapping[str, int]:
        return self._relay

    def own_counters(self) -> Mapping[str, int]:
        return {"frames_total": 5}

    def own_gauges(self) -> Mapping[str, float]:
        return {"behind_seconds": 1.5}

    def tap_counters(self) -> Mapping[str, int]:
        return {"gaps": 2}

    def state_counters(self) -> Mapping[str, int]:
        return {"state_stations_dropped": 4}

    def notifications(self) -> Mapping[tuple[str, str], int]:
        return {("pager", "sent"): 3}

    def alerts_firing(self) -> Mapping[str, int]:
        return {"critical": 1}

    def flags_raised(self) -> Mapping[tuple[str, str], int]:
        return {("faulted", "critical"): 1}

    def misfits(self) -> Mapping[str, int]:
        return dict.fromkeys(self.stations, 3)


def relay_counters() -> dict[str, int]:
    counters = Counters()
    counters.refused["answer_401"] = 4
    counters.closed["station_reset"] = 2
    journal = dict.fromkeys(JOURNAL_COUNTERS, 0)
    process = dict.fromkeys(
        (
            "draining",
            "ended",
            "reloads",
            "reload_failures",
            "start_time_seconds",
            "connections_begin",
            "workers",
        ),
        0,
    )
    certificates = {
        "certificate_renewals": 1,
        "certificate_failures": 0,
        "certificate_expires_listener_[::]:9443": 9,
    }
    kept = delays.counters("from_station", delays.Delay((7, *[0] * 9, 1), 2_000_000))
    return {**counters.flat(), **process, **certificates, "upstream_up_main": 1, **journal, **kept}


def parent_counters() -> dict[str, int]:
    return {
        **relay_counters(),
        "worker_up_0": 1,
        "worker_links_open_0": 5,
        "worker_restarts_0": 2,
        "worker_draining_0": 0,
    }


def scraped(figures: Figures, tally: Tally | None = None) -> dict[str, list[Any]]:
    text = exposition(figures, tally or Tally())().decode()
    return {family.name: family.samples for family in text_string_to_metric_families(text)}


def test_hostile_station_names_come_back_as_they_were() -> None:
    families = scraped(Figures(*map(a_station, HOSTILE)))
    assert {sample.labels["station"] for sample in families["nocwatch_station_online"]} == {
        name.replace("\udcff", "?") for name in HOSTILE
    }


@pytest.mark.parametrize("upstream", ["main", "a.b-c", "total", "1st", "x" * 64])
def test_whatever_an_upstream_is_called(upstream: str) -> None:
    families = scraped(Figures(relay={f"upstream_up_{upstream}": 0}))
    (sample,) = families["nocwatch_seen_relay_upstream_up"]
    assert (sample.labels, sample.value) == ({"upstream": upstream}, 0)


@pytest.mark.parametrize("listener", ["0.0.0.0:9443", "depot_1", 'the "old" one', "a\\b"])
def test_whatever_a_listener_is_called_its_certificates_end_is_told_under_that_name(listener: str) -> None:
    ticked = {f"certificate_expires_listener_{listener}": 1_800_000_000}
    seen = scraped(Figures(relay=ticked))["nocwatch_seen_relay_certificate_expires_timestamp_seconds"]
    own = next(iter(text_string_to_metric_families(metrics_text(ticked).decode()))).samples
    for (sample,) in (seen, own):
        assert (sample.labels, sample.value) == ({"of": "listener", "name": listener}, 1_800_000_000)


def test_a_tick_of_another_version_makes_no_invalid_metric() -> None:
    families = scraped(Figures(relay={"odd name": 1, "9lives": 2, "": 3, "closed_": 1, "fine": 4}))
    assert all(re.fullmatch(r"[a-z_][a-z0-9_]*", name) for name in families)
    seen = {name.removeprefix("nocwatch_seen_relay_") for name in families if "_seen_relay_" in name}
    assert seen == {"fine", "refused", "closed", "upstream_up", "certificate_expires_timestamp_seconds"}
    assert families["nocwatch_seen_relay_fine"][0].value == 4


def test_the_relay_and_the_watch_name_the_same_things_alike() -> None:
    ours = {family.name for family in text_string_to_metric_families(metrics_text(relay_counters()).decode())}
    seen = {name for name in scraped(Figures()) if name.startswith("nocwatch_seen_relay_")}
    assert {name.replace("nocwatch_relay_", "nocwatch_seen_relay_") for name in ours} == seen
    by_name = {
        (sample.name, sample.labels.get("le")): sample.value
        for sample in scraped(Figures())["nocwatch_seen_relay_delay_seconds"]
    }
    assert by_name["nocwatch_seen_relay_delay_seconds_bucket", "0.0001"] == 7
    assert by_name["nocwatch_seen_relay_delay_seconds_bucket", "1"] == 7
    assert by_name["nocwatch_seen_relay_delay_seconds_bucket", "+Inf"] == 8
    assert by_name["nocwatch_seen_relay_delay_seconds_sum", None] == 2
    closed = scraped(Figures())["nocwatch_seen_relay_closed"]
    assert [sample.labels for sample in closed] == [{"by": "station", "reason": "reset"}]


def test_every_figure_is_there_from_the_start() -> None:
    families = scraped(Figures())
    for name in COUNTERS:
        assert f"nocwatch_watch_{name.removesuffix('_total')}" in families
    for name in GAUGES:
        assert f"nocwatch_watch_{name}" in families
    states = {sample.labels["state"] for sample in families["nocwatch_connectors"]}
    assert states == {status.value for status in ConnectorStatus}


def test_sessions_and_flags_are_counted_as_they_end_and_rise() -> None:
    tally = Tally()
    for outcome, reason in (
        (Outcome.SUCCESS, None),
        (Outcome.FAILED, Reason.ZERO_ENERGY),
        (Outcome.SUCCESS, None),
    ):
        session = a_session(outcome=outcome, reason=reason, energy_wh=1000.0)
        tally.session(SessionChanged(station="CP1", at_ns=NOON_NS, before=None, now=session, ended=True))
        tally.session(SessionChanged(station="CP1", at_ns=NOON_NS, before=session, now=session, revised=True))
    families = scraped(Figures(), tally)
    found = {(s.labels["outcome"], s.labels["reason"]): s.value for s in families["nocwatch_sessions"]}
    assert found == {("success", ""): 2, ("failed", "zero_energy"): 1}
    assert families["nocwatch_session_energy_watthours"][0].value == 3000


def test_every_call_is_counted_by_its_action_and_what_no_version_has_is_one_series() -> None:
    tally = Tally()
    play = Play(version="2.1")
    play._feed = lambda sighting: counted(play.fleet, sighting, tally)
    play.begin()
    play.ask("NotifyDERStartStop", {"controlId": "1", "started": True, "timestamp": play.stamp()}, {})
    play.text('[6,"x","NotifyPeriodicEventStream",{"id":1,"pending":0,"data":[]}]')
    play.command("SetDERControl", {"controlId": "1"})
    for name in ("Bogus", 'Bog"us', "notify_event"):
        play.call(name, {})
    found = {
        (s.labels["action"], s.labels["direction"]): s.value
        for s in scraped(Figures(), tally)["nocwatch_calls"]
    }
    assert found == {
        ("BootNotification", "cp-to-csms"): 1,
        ("StatusNotification", "cp-to-csms"): 1,
        ("NotifyDERStartStop", "cp-to-csms"): 1,
        ("NotifyPeriodicEventStream", "cp-to-csms"): 1,
        ("SetDERControl", "csms-to-cp"): 1,
        ("unknown", "cp-to-csms"): 3,
    }


def counted(fleet: Fleet, sighting: Sighting, tally: Tally) -> Moved:
    moved = fleet.feed(sighting)
    tally.step(Step(sighting, sighting.received_at_ns, moved.events, moved.changes))
    return moved


def test_ten_thousand_stations_are_scraped_within_the_patience_of_prometheus() -> None:
    figures = Figures(*(a_station(f"CP{number:05d}", connectors=2) for number in range(10_000)))
    render = exposition(figures, Tally())
    since = time.process_time()
    text = render()
    assert time.process_time() - since < 10  # the usual patience of a scrape; 1 s is what it takes
    assert len(text) < 8 * 2**20
    assert text.count(b"\nnocwatch_connector_state{") == 20_000


@pytest.mark.server("promtool")
@pytest.mark.parametrize("side", ["watch", "relay"])
def test_promtool_finds_nothing_to_say(side: str) -> None:
    tally = Tally()
    tally.flags["faulted"] = 1
    text = (
        exposition(Figures(a_station("CP1")), tally)() if side == "watch" else metrics_text(parent_counters())
    )
    done = subprocess.run(
        [program("promtool") or "", "check", "metrics"], input=text, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_the_document_names_each_metric_and_no_other() -> None:
    tally = Tally()
    tally.flags["faulted"] = 1
    tally.sessions["success", ""] = 1
    tally.calls["Heartbeat", "cp-to-csms"] = 1
    text = exposition(Figures(a_station("CP1")), tally)().decode() + metrics_text(parent_counters()).decode()
    exported = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    exported = {name for name in exported if not name.startswith("nocwatch_seen_relay_")}
    documented = set(re.findall(r"^\| `(nocwatch_[a-z_]+)", DOCUMENT.read_text(), re.MULTILINE))
    assert documented == exported


def test_reservations_that_stand_and_messages_that_do_not_fit() -> None:
    booked = msgspec.structs.replace(
        a_station("CP1"), reservations=(Booking(id=1, made_at_ns=NOON_NS), Booking(id=2, made_at_ns=NOON_NS))
    )
    found = scraped(Figures(booked, a_station("CP2")))
    assert [each.value for each in found["nocwatch_reservations_standing"]] == [2]
    assert {each.labels["station"]: each.value for each in found["nocwatch_station_misfits"]} == {
        "CP1": 3,
        "CP2": 3,
    }


def test_each_counter_of_the_relay_has_a_meaning() -> None:
    names = {
        name.removesuffix("_0") if name.startswith("worker_") else name
        for name in parent_counters()
        if not name.startswith(("refused_", "closed_", "upstream_up_", "certificate_expires_", delays.PREFIX))
    }
    tables = {"refused", "closed", "upstream_up", "certificate_expires_timestamp_seconds"}
    assert names | tables == set(MEANINGS)


def test_what_the_fleets_model_met_is_told_each_with_its_meaning() -> None:
    """A drop that nobody can see is a limit that nobody will raise."""
    text = exposition(Figures(a_station("CP1")), Tally())().decode()
    assert 'nocwatch_watch_state_met_total{what="stations_dropped"} 4.0' in text
    assert 'nocwatch_watch_state_met_total{what="profiles_dropped"} 0.0' in text
    source = Path(delays.__file__).parent / "state"
    counted = {
        name for file in source.glob("*.py") for name in re.findall(r'"state_([a-z_]+)"', file.read_text())
    }
    assert counted == set(STATE), "a counter of the state needs its line in sinks/meanings.py"
    told = dict(
        re.findall(
            r"^\| `([a-z_]+)` \| (.+) \|$",
            DOCUMENT.read_text().partition("### What the model")[2],
            re.MULTILINE,
        )
    )
    assert told == STATE
