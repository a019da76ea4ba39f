"""What stations and CSMS say is held against the schemas of the ``ocpp`` package, which this project did not write."""

from __future__ import annotations

import pytest
from tests.support.simulation import (
    all_violations,
    heard,
    network,
    scenario,
    schema,
    smallest,
    told,
    until,
    violations,
)

from nocwatch.sim.answers16 import ANSWERS_16
from nocwatch.sim.answers201 import ANSWERS_201
from nocwatch.sim.csms import SimCsms
from nocwatch.sim.dialling import by_url
from nocwatch.sim.hardware import CATALOGUE, Profile
from nocwatch.sim.ledger import CsmsStation
from nocwatch.sim.station import SimStation

FROM_CSMS_16 = [
    "CancelReservation",
    "CertificateSigned",
    "ChangeAvailability",
    "ChangeConfiguration",
    "ClearCache",
    "ClearChargingProfile",
    "DataTransfer",
    "DeleteCertificate",
    "ExtendedTriggerMessage",
    "GetCompositeSchedule",
    "GetConfiguration",
    "GetDiagnostics",
    "GetInstalledCertificateIds",
    "GetLocalListVersion",
    "GetLog",
    "InstallCertificate",
    "RemoteStartTransaction",
    "RemoteStopTransaction",
    "ReserveNow",
    "Reset",
    "SendLocalList",
    "SetChargingProfile",
    "SignedUpdateFirmware",
    "TriggerMessage",
    "UnlockConnector",
    "UpdateFirmware",
]
FROM_CSMS_201 = [
    "CancelReservation",
    "CertificateSigned",
    "ChangeAvailability",
    "ClearCache",
    "ClearChargingProfile",
    "CostUpdated",
    "CustomerInformation",
    "DataTransfer",
    "DeleteCertificate",
    "GetBaseReport",
    "GetChargingProfiles",
    "GetCompositeSchedule",
    "GetInstalledCertificateIds",
    "GetLocalListVersion",
    "GetLog",
    "GetMonitoringReport",
    "GetReport",
    "GetTransactionStatus",
    "GetVariables",
    "InstallCertificate",
    "RequestStartTransaction",
    "RequestStopTransaction",
    "ReserveNow",
    "Reset",
    "SendLocalList",
    "SetChargingProfile",
    "SetNetworkProfile",
    "SetVariables",
    "TriggerMessage",
    "UnlockConnector",
    "UpdateFirmware",
]


@pytest.mark.parametrize(
    ("version", "action"),
    [("1.6", a) for a in ANSWERS_16] + [("2.0.1", a) for a in ANSWERS_201],
    ids=lambda v: v,
)
async def test_csms_answers_the_smallest_call_of_each_action_properly(version, action):
    csms = SimCsms()
    station = CsmsStation("CP1", version=version)
    payload = smallest(schema(version, action, answer=False))
    answer = csms._called(station, action, payload)
    assert answer.error is None
    assert violations(version, action, answer.payload, answer=True) == []


@pytest.mark.parametrize(
    ("version", "action"),
    [("1.6", a) for a in FROM_CSMS_16] + [("2.0.1", a) for a in FROM_CSMS_201],
    ids=lambda v: v,
)
async def test_station_answers_the_smallest_call_of_each_action_properly(version, action):
    profile = Profile("CP1", version, CATALOGUE["hpc150"], "3.4.1", "VO000000001")
    station = SimStation(profile, by_url("ws://127.0.0.1:1/"))
    payload = smallest(schema(version, action, answer=False))
    answer = station.dialect.handle(action, payload)
    assert answer.error is None
    assert violations(version, action, answer.payload, answer=True) == []


async def test_a_whole_fleet_speaks_by_the_book_for_an_hour():
    # Every start source, suspended sessions, faults, offline replays, remote starts and stops, triggers, profiles.
    stations = [
        {"id": f"S{n}", "hardware": hardware, "version": version, "life": "busy", "meter_interval": "20s"}
        for n, (hardware, version) in enumerate(
            [
                ("hpc150", "1.6"),
                ("hpc150", "2.0.1"),
                ("hpc300", "2.0.1"),
                ("ac22duo", "1.6"),
                ("ac22duo", "2.0.1"),
                ("ac11", "2.0.1"),
            ]
        )
    ]
    busy = {
        "first_within": "20s", "gap": {"min": "10s", "max": "60s"}, "charge": {"min": "40s", "max": "3m"}, "suspended": 0.5,
        "linger": {"min": "2s", "max": "9s"}, "starts": {"rfid": 2, "plug_first": 2, "app": 2, "plug_and_charge": 1, "free": 1},
        "failures": {"ev_comm": 0.1, "unknown_card": 0.1, "no_plug": 0.05, "ground_failure": 0.05, "emergency_stop": 0.05},
    }  # fmt: skip
    faults = {
        "every": "60s",
        "kinds": {"faulted": 1, "offline": 2, "reboot": 1, "silent_boot": 1, "brute_force": 1},
    }
    world = scenario(
        stations=stations, lives={"busy": busy}, random_faults=faults, csms={"chores_every": "20s"}
    )
    async with network(world, speed=400) as (csms, fleet):
        await until(lambda: len(fleet.truths) >= 60)
        observed = list(csms.observed)
    versions = {spec["id"]: spec["version"] for spec in stations}
    assert all_violations(observed, versions) == []
    seen = {o.action for o in observed}
    wanted = {
        "Authorize", "BootNotification", "Heartbeat", "MeterValues", "StartTransaction", "StopTransaction", "StatusNotification",
        "TransactionEvent", "GetConfiguration", "GetVariables", "TriggerMessage", "RemoteStartTransaction", "RequestStartTransaction",
    }  # fmt: skip
    assert wanted <= seen


async def test_sequence_numbers_of_a_2_0_1_transaction_have_no_gap_even_over_a_lost_link():
    world = scenario(
        stations=[{"id": "CP1", "hardware": "hpc300", "version": "2.0.1", "meter_interval": "10s"}],
        steps=[
            {"at": "2s", "station": "CP1", "visit": {"charge": "2m"}},
            {"at": "40s", "station": "CP1", "offline": {"lasting": "2m"}},
        ],
    )
    async with network(world) as (csms, fleet):
        await told(fleet, "CP1")
        events = [o.payload for o in csms.observed if o.action == "TransactionEvent"]
    numbers = [event["seqNo"] for event in events]
    assert sorted(set(numbers)) == list(range(len(set(numbers))))
    assert numbers == sorted(numbers)
    assert events[0]["eventType"] == "Started"
    assert "offline" not in events[0]
    assert events[-1]["eventType"] == "Ended"
    assert events[-1]["offline"] is True


async def test_station_sends_its_password_and_is_refused_without_it():
    stations = [
        {"id": "GOOD", "hardware": "ac11", "version": "1.6", "password": "s3cret"},
        {"id": "BAD", "hardware": "ac11", "version": "1.6", "password": "wrong"},
    ]
    world = scenario(stations=stations, csms={"passwords": {"GOOD": "s3cret", "BAD": "right"}})
    async with network(world) as (csms, fleet):
        await heard(csms, "GOOD", "BootNotification")
        await until(lambda: fleet.stations["BAD"].uplink.counters["rejected"])
        assert "BAD" not in csms.stations
