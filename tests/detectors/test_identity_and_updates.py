"""Other hardware under an identity, firmware that nobody ordered, hosts that nobody named: and what the registry knows of."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from tests.support.play import T0_NS
from tests.support.watched import Watched, place, places, window

from nocwatch.detectors.foreign_update_host import host_of
from nocwatch.flags import Blame, Severity
from nocwatch.moments import SECOND_NS
from nocwatch.registry.places import House, Places

T0 = datetime.fromtimestamp(T0_NS / SECOND_NS, UTC)


def rebooted(watched: Watched, station: str = "CP1", **facts: str) -> None:
    play = watched.plays[station]
    play.close()
    watched.wait(60)
    play.open()
    play.boot(**facts)


# --- identity_drift -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"chargePointSerialNumber": "S-2"}, "serial number S-1 → S-2"),
        ({"chargePointSerialNumber": "S-1", "chargePointModel": "Two"}, "model One → Two"),
        ({"chargePointSerialNumber": "S-1", "chargePointVendor": "Other"}, "vendor ACME → Other"),
        ({"chargePointSerialNumber": " s-1"}, ""),
        ({}, ""),  # it says no serial number at all: what was said before still holds
        ({"chargePointSerialNumber": "S-1", "firmwareVersion": "9"}, ""),
    ],
)
def test_a_boot_that_names_other_hardware_is_told_with_both(facts: dict[str, str], told: str) -> None:
    watched = Watched("identity_drift")
    watched.play("CP1").begin()
    rebooted(watched, chargePointSerialNumber="S-1")
    assert not watched.raised  # the first serial number is no other one
    rebooted(watched, **facts)
    assert [each.severity for each in watched.raised] == ([Severity.CRITICAL] if told else [])
    if told:
        assert told in watched.only.summary
        (evidence,) = watched.only.evidence
        assert "BootNotification" in watched.said(evidence.frames[0])
        assert "from 203.0.113.7" in evidence.text


@pytest.mark.parametrize(
    ("until", "timezone", "quiet"),
    [
        (T0.date(), "UTC", True),  # to the end of that day
        (T0.date() - timedelta(days=1), "UTC", False),
        (T0.date() + timedelta(days=30), "UTC", True),
        (None, "UTC", False),
        # In Kiritimati it is tomorrow already, or in Niue still yesterday: by the clock of the site.
        ((T0 + timedelta(hours=14)).date() - timedelta(days=1), "Pacific/Kiritimati", False),
        ((T0 - timedelta(hours=11)).date(), "Pacific/Niue", True),
    ],
)
def test_a_swap_that_the_registry_knows_of_is_none(until: date | None, timezone: str, quiet: bool) -> None:
    for detector in ("identity_drift", "unexpected_firmware"):
        watched = Watched(detector, places=places(place("CP1", swap_until=until, timezone=timezone)))
        watched.play("CP1").begin()
        rebooted(watched, chargePointSerialNumber="S-1")
        rebooted(watched, chargePointSerialNumber="S-2", firmwareVersion="2")
        assert bool(watched.raised) is not quiet


def test_a_box_that_is_swapped_back_is_one_flag_with_more_evidence() -> None:
    watched = Watched("identity_drift")
    watched.play("CP1").begin()
    for serial in ("S-1", "S-2", "S-1"):
        rebooted(watched, chargePointSerialNumber=serial)
    assert len(watched.raised) == 1
    assert len(watched.standing[0].evidence) == 2


def test_hardware_that_is_worked_on_is_quiet() -> None:
    watched = Watched("identity_drift", places=places(maintenance=[window(0, 3600, station="CP1")]))
    watched.play("CP1").begin()
    for serial in ("S-1", "S-2"):
        rebooted(watched, chargePointSerialNumber=serial)
    assert not watched.raised


# --- unexpected_firmware ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "status", "days", "quiet"),
    [
        ("UpdateFirmware", "", 1, True),
        ("UpdateFirmware", "", 8, False),
        ("SignedUpdateFirmware", "Accepted", 1, True),
        ("SignedUpdateFirmware", "Rejected", 1, False),
        ("SignedUpdateFirmware", "InvalidCertificate", 1, False),
        ("Reset", "Accepted", 1, False),
    ],
)
def test_an_order_explains_a_version_for_a_week(action: str, status: str, days: int, quiet: bool) -> None:
    watched = Watched("unexpected_firmware")
    cp1 = watched.play("CP1").begin()
    where = {"location": "https://firmware.example/2", "retrieveDate": cp1.stamp()}
    payload = {"UpdateFirmware": where, "SignedUpdateFirmware": {"requestId": 1, "firmware": where}}
    cp1.command(action, payload.get(action, {"type": "Soft"}), status or "Accepted")
    watched.wait(days * 86_400)
    rebooted(watched, firmwareVersion="2.0")
    assert bool(watched.raised) is not quiet
    if not quiet:
        assert "firmware 2.0 in place of 1.0, which the CSMS did not order" in watched.only.summary


def test_local_updates_are_no_fault() -> None:
    known = places(place("CP1", local_updates=True), place("CP2"))
    watched = Watched("unexpected_firmware", places=known)
    for name in ("CP1", "CP2"):
        watched.play(name).begin()
        rebooted(watched, name, firmwareVersion="2.0")
    assert watched.only.station == "CP2"


def test_2_x_orders_count_too() -> None:
    watched = Watched("unexpected_firmware")
    cp1 = watched.play("CP1", "2.0.1").begin()
    firmware = {"location": "https://firmware.example/3", "retrieveDateTime": cp1.stamp()}
    cp1.command("UpdateFirmware", {"requestId": 1, "firmware": firmware})
    rebooted(watched, firmwareVersion="3.0")
    assert not watched.raised


# --- foreign_update_host ---------------------------------------------------------------------------------------------------


def hosts(*names: str) -> Places:
    return Places(house=House(update_hosts=names))


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("UpdateFirmware", {"location": "ADDRESS", "retrieveDate": "2026-01-01T00:00:00Z"}),
        ("SignedUpdateFirmware", {"requestId": 1, "firmware": {"location": "ADDRESS"}}),
        ("GetDiagnostics", {"location": "ADDRESS"}),
        ("GetLog", {"logType": "SecurityLog", "requestId": 1, "log": {"remoteLocation": "ADDRESS"}}),
    ],
)
@pytest.mark.parametrize(
    ("address", "foreign"),
    [
        ("https://firmware.acme.example/1", False),
        ("ftp://user:secret@203.0.113.66:2121/in", True),
        ("https://firmware.acme.example.evil.example/1", True),
        ("", True),
    ],
)
def test_each_order_is_held_against_the_list(
    action: str, payload: dict[str, object], address: str, foreign: bool
) -> None:
    def filled(value: object) -> object:
        if isinstance(value, dict):
            return {name: filled(each) for name, each in value.items()}
        return address if value == "ADDRESS" else value

    asked = {name: filled(each) for name, each in payload.items()}
    for known, told in ((hosts("firmware.acme.example"), foreign and bool(address)), (hosts(), False)):
        watched = Watched("foreign_update_host", places=known)
        watched.play("CP1").begin().command(action, asked)
        assert bool(watched.raised) is told
        if told:
            flag = watched.only
            assert (flag.blame, flag.severity) == (Blame.CSMS, Severity.CRITICAL)
            assert "secret" not in str(watched.flags)
            assert flag.subject in flag.summary
            assert len(watched.standing[0].evidence) == 2  # the call, and what the station answered


def test_each_host_is_told_for_itself() -> None:
    watched = Watched("foreign_update_host", places=hosts("acme.example"))
    cp1 = watched.play("CP1").begin()
    for host in ("one.example", "two.example", "one.example"):
        cp1.command("GetDiagnostics", {"location": f"ftp://{host}/in"})
    assert [flag.subject for flag in watched.raised] == ["one.example", "two.example"]


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("https://a.example/x", "a.example"),
        ("a.example/x", "a.example"),
        ("ftp://user:pass@[2001:db8::1]:21/", "2001:db8::1"),
        ("ftp://[broken", "no host"),
        ("", "no host"),
    ],
)
def test_of_an_address_the_host_is_told_and_nothing_else(address: str, host: str) -> None:
    assert host_of(address) == host
