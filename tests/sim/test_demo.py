"""The demo: its registry knows its stations, and its first minutes hold what the detectors need."""

from __future__ import annotations

import itertools
from importlib import resources
from typing import Any

from tests.support.simulation import calls, network, until

from nocwatch import documents
from nocwatch.registry.places import Place
from nocwatch.sessions import Outcome
from nocwatch.sim.fleet import Fleet
from nocwatch.sim.scenario import load
from nocwatch.sim.tokens import status_of

FLAGGED_WITHIN_S = 345
"""Within two minutes all are alive, within five more there are flags of six detectors and alerts: this leaves a margin."""


def registry() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for entry in sorted((resources.files("nocwatch.sim") / "demo_registry").iterdir(), key=lambda e: e.name):
        document = documents.parse(entry.read_text(encoding="utf-8"), entry.name)
        assert document.problems == []
        for key, value in document.data.items():
            assert key not in found, f"{key} stands in two files"
            found[key] = value
    return found


def test_registry_knows_every_station_of_the_demo_as_it_is_built():
    known = {each["id"]: each for each in registry()["stations"]}
    fleet = Fleet("ws://h/", load("demo"))
    assert set(known) == set(fleet.stations)
    for identity, station in fleet.stations.items():
        hardware, entry = station.profile.hardware, known[identity]
        assert (entry["vendor"], entry["model"]) == (hardware.vendor, hardware.model)
        sockets = [
            (e["id"], c["id"], c["kind"], c["current"], c["power_kw_max"] * 1000)
            for e in entry["evses"]
            for c in e["connectors"]
        ]
        assert sockets == [(s.evse, s.connector, s.kind, s.current, s.power_w) for s in hardware.sockets]


def test_references_of_the_registry_lead_somewhere():
    data = registry()
    ids = {
        kind: {each["id"] for each in data[kind]}
        for kind in ("operators", "teams", "sites", "tariffs", "drivers", "groups")
    }
    for site in data["sites"]:
        assert site["operator"] in ids["operators"]
        assert site["team"] in ids["teams"]
    assert all(
        station["site"] in ids["sites"] and station["tariff"] in ids["tariffs"]
        for station in data["stations"]
    )
    assert all(driver["group"] in ids["groups"] for driver in data["drivers"])
    assert all(token["driver"] in ids["drivers"] for token in data["tokens"])
    assert len({token["uid"] for token in data["tokens"]}) == len(data["tokens"])


def test_sites_lie_five_kilometres_apart_at_least():
    places = [
        Place(station=s["id"], latitude=s["latitude"], longitude=s["longitude"]) for s in registry()["sites"]
    ]
    assert len(places) == 4
    assert all(one.distance_km(other) > 5 for one, other in itertools.combinations(places, 2))


def test_faults_of_the_first_minutes_reach_the_time_limits_of_their_detectors():
    demo = load("demo")
    first = {step.verb: step for step in reversed(demo.steps) if step.at <= 120}
    due = {
        "faulted": first["faulted"].at + 10,
        "flap": first["flap"].at + 5 * first["flap"].flap.every,
        "brute_force": first["brute_force"].at + 10 * first["brute_force"].brute_force.every,
        "zero_energy": first["zero_energy"].at + first["zero_energy"].zero_energy.lasting + 10,
        "silent_boot": first["silent_boot"].at + 60 + 15,
        "offline": first["offline"].at + 180,
        "remote_start": max(step.at for step in demo.csms.steps if step.remote_start) + 10 + 120,
        "register_rollback": first["register_rollback"].at
        + first["register_rollback"].register_rollback.after
        + 30,
    }
    assert all(at <= FLAGGED_WITHIN_S for at in due.values()), due
    assert first["faulted"].faulted.lasting > 10
    assert first["flap"].flap.times >= 5
    assert first["brute_force"].brute_force.cards >= 10
    assert first["zero_energy"].zero_energy.lasting > 120
    assert first["silent_boot"].silent_boot.lasting > 60
    assert first["offline"].offline.lasting > 180
    assert all(step.wall for step in demo.steps if step.verb != "life")
    clones = [step for step in demo.steps if step.visit and step.at <= 120 and step.station != "HAF-06"]
    assert len({step.visit.token for step in clones}) == 1
    assert status_of(clones[0].visit.token) == "Accepted"
    sites = {each["id"]: each["site"] for each in registry()["stations"]}
    assert len({sites[step.station] for step in clones}) == 2
    ends = {step.station: step.at + step.visit.charge for step in clones}
    assert max(step.at for step in clones) + 30 < min(ends.values()), "both are live at once"


def test_a_station_with_a_scripted_fault_has_no_drivers_in_its_way():
    demo = load("demo")
    later = {spec.id: spec.life_after for spec in demo.stations}
    assert all(later[step.station] >= 360 for step in demo.steps)


async def test_demo_comes_alive_at_once_and_charges_within_ninety_seconds():
    demo = load("demo")
    async with network(demo, speed=30) as (csms, fleet):
        await until(lambda: sum(station.online for station in fleet.stations.values()) >= 24)
        online_s = csms.elapsed_s
        await until(
            lambda: sum(c.status == "Charging" for s in fleet.stations.values() for c in s.connectors) >= 5
        )
        charging_s = csms.elapsed_s
        await until(lambda: any(truth.outcome is Outcome.SUCCESS for truth in fleet.truths))
        done_s = csms.elapsed_s
        assert calls(csms, "HAF-01", "TransactionEvent") or calls(csms, "HAF-02", "StartTransaction")
    assert online_s < 30
    assert charging_s < 90
    assert done_s < 400
