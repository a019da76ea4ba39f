"""What stays as it is for longer than drivers do, and what only looks so."""

from __future__ import annotations

import pytest
from tests.support.play import Play
from tests.support.watched import Watched, place, places

from nocwatch.detectors.rules import make_rule
from nocwatch.registry.places import Places

HOUR_S = 3600.0


def stuck(known: Places | None = None, version: str = "1.6") -> tuple[Watched, Play]:
    watched = Watched("stuck_state", places=known)
    return watched, watched.play("CP1", version).begin()


@pytest.mark.parametrize(("status", "allowed_s"), [("Preparing", 1800), ("Finishing", 4 * HOUR_S)])
def test_a_connector_that_stays_preparing_or_finishing(status: str, allowed_s: float) -> None:
    watched, cp1 = stuck()
    cp1.status(1, status)
    watched.wait(allowed_s - 60)
    assert not watched.raised
    watched.wait(120)
    assert f"connector 1 has been {status} for" in watched.only.summary
    assert watched.only.advice != watched.rules[0].detector.advice
    cp1.status(1, "Available")
    assert [each.cleared_because for each in watched.cleared] == ["the connector is Available"]


def test_a_connector_that_charges_suspends_or_is_free_may_do_so_for_days() -> None:
    watched, cp1 = stuck()
    for status in ("Charging", "SuspendedEV", "Available"):
        cp1.status(1, status)
        watched.wait(20 * HOUR_S)
    assert not watched.raised


def test_cars_that_stay_over_night_have_twelve_hours_more() -> None:
    watched, cp1 = stuck(places(place("CP1", overnight=True)))
    cp1.status(1, "Finishing")
    watched.wait(15.9 * HOUR_S)
    assert not watched.raised
    watched.wait(0.2 * HOUR_S)
    assert "for 16 h" in watched.only.summary


@pytest.mark.parametrize(("overnight", "hours"), [(False, 24), (True, 36)])
def test_a_transaction_of_more_than_a_day_or_a_night_more(overnight: bool, hours: int) -> None:
    watched, cp1 = stuck(places(place("CP1", overnight=overnight)))
    transaction = cp1.start(1, "TAG", 1000)
    cp1.status(1, "Charging")
    watched.wait((hours - 0.1) * HOUR_S)
    assert not watched.raised
    watched.wait(0.2 * HOUR_S)
    flag = watched.only
    assert f"transaction {transaction} on connector 1 has lasted for" in flag.summary
    assert flag.session is not None
    assert flag.evidence[0].frames
    cp1.stop(transaction, 90_000)
    assert len(watched.cleared) == 1


def reserve(cp1: Play, seconds: float) -> None:
    cp1.command(
        "ReserveNow",
        {"connectorId": 1, "expiryDate": cp1.stamp(cp1.now_s + seconds), "idTag": "TAG", "reservationId": 7},
    )
    cp1.status(1, "Reserved")


def test_a_connector_that_is_kept_after_its_reservations_time() -> None:
    watched, cp1 = stuck()
    reserve(cp1, HOUR_S)
    watched.wait(HOUR_S + 240)
    assert not watched.raised
    watched.wait(120)
    assert "still Reserved, 5 min" in watched.only.summary
    cp1.status(1, "Available")
    assert len(watched.cleared) == 1


def test_one_whose_reservation_nobody_saw_or_that_is_over_when_its_time_is_over() -> None:
    watched, cp1 = stuck()
    cp1.status(1, "Reserved")
    watched.wait(20 * HOUR_S)
    cp1.status(1, "Available")
    reserve(cp1, HOUR_S)
    watched.wait(HOUR_S)
    cp1.status(1, "Available")
    watched.wait(HOUR_S)
    cp1.status(1, "Reserved")  # again, and the last reservation is long over
    watched.wait(HOUR_S)
    assert not watched.raised


def test_nothing_is_said_of_a_station_without_a_socket_until_it_is_back() -> None:
    watched, cp1 = stuck()
    cp1.status(1, "Preparing")
    cp1.start(1, "TAG", 1000)
    cp1.status(1, "Preparing")
    watched.wait(600)
    cp1.close()
    watched.wait(2 * HOUR_S)
    assert not watched.raised
    cp1.open()
    watched.wait(1)
    assert "Preparing for 2 h 10 min" in watched.only.summary


def test_one_that_is_back_with_another_status_was_not_stuck() -> None:
    watched, cp1 = stuck()
    cp1.status(1, "Preparing")
    watched.wait(1500)
    cp1.close()
    watched.wait(200)
    cp1.open()
    cp1.status(1, "Available")
    watched.wait(3 * HOUR_S)
    assert not watched.raised


def test_preparing_after_finishing_of_a_station_that_is_known_for_it() -> None:
    for quirks, flags in (((), 1), (("preparing_after_finishing",), 0)):
        watched, cp1 = stuck(places(place("CP1", quirks=quirks)))
        cp1.status(1, "Finishing")
        watched.wait(60)
        cp1.status(1, "Preparing")
        watched.wait(HOUR_S)
        assert len(watched.raised) == flags


def test_of_2x_the_charging_state_tells() -> None:
    watched, cp1 = stuck(version="2.0.1")
    cp1.status(1, "Occupied")
    cp1.transaction("Started", "T1", "CablePluggedIn", evse=1, state="EVConnected")
    watched.wait(1700)
    assert not watched.raised
    watched.wait(200)
    assert "EVSE 1 connector 1 has been Preparing" in watched.only.summary


def test_a_rule_that_is_new_takes_up_what_stands() -> None:
    watched = Watched()
    watched.play("CP1").begin().status(1, "Preparing")
    watched.wait(600)
    watched.engine.set_rules([make_rule(rule="stuck_state", detector="stuck_state")])
    watched.wait(1900)
    assert len(watched.raised) == 1
