"""Utilisation is of open time: what a vehicle does behind a closed gate makes no site busy, and no site idle."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.alerts import HOUR, NOON
from tests.support.history import a_station, batch_of, status

from nocwatch.kpis.grouping import By, Query
from nocwatch.kpis.opening import closed
from nocwatch.moments import DAY_NS
from nocwatch.network import ConnectorStatus as Status
from nocwatch.registry.places import Place, Places
from nocwatch.store import Store
from nocwatch.store.key_figures import key_figures

MIDNIGHT = NOON + 12 * HOUR
"""The 22nd of November 2025, 00:00 UTC, a Saturday."""
LATER = MIDNIGHT + 24 * HOUR
QUERY = Query(from_ns=NOON, until_ns=LATER)


@pytest.fixture
def store(tmp_path):
    """Noon to midnight a day later, 36 hours: a charge from 20:00 to 24:00, plugged in until 8:00, free until 23:00, then charging."""
    store = Store.open(f"sqlite:///{tmp_path}/x.db")
    store.apply(
        batch_of(
            a_station(),
            status(Status.AVAILABLE, NOON),
            status(Status.CHARGING, NOON + 8 * HOUR),
            status(Status.SUSPENDED_EV, MIDNIGHT),
            status(Status.AVAILABLE, MIDNIGHT + 8 * HOUR),
            status(Status.CHARGING, MIDNIGHT + 23 * HOUR),
        )
    )
    yield store
    store.close()


def utilisation(store: Store, opening: str, query: Query = QUERY, zone: str = "UTC") -> dict[str, tuple]:
    """Hours of use and of open time."""
    places = Places({"CP1": Place(station="CP1", known=True, opening_hours=opening, timezone=zone)})
    with store.database.snapshot() as reader:
        (group,) = key_figures(reader, places, query, LATER).groups
    found: dict[str, Any] = {each.name: each for each in group.figures}
    return {
        word: (found[f"utilisation_{word}"].numerator, found[f"utilisation_{word}"].denominator)
        for word in ("occupied", "charging", "idle")
    }


def test_a_site_that_never_closes_has_all_of_its_time(store: Store) -> None:
    """Occupied 4 + 8 + 1 hours of 36, charging 5."""
    for opening in ("", "24 hours, ring the bell"):
        assert utilisation(store, opening) == {"occupied": (13, 36), "charging": (5, 36), "idle": (8, 36)}


def test_hours_in_which_the_gate_is_closed_count_on_neither_side(store: Store) -> None:
    """Open 6 to 22: 10 hours of the first day, 16 of the second. Charging 20 to 22, plugged in 6 to 8, and what lasts is by night."""
    assert utilisation(store, "06:00-22:00") == {"occupied": (4, 26), "charging": (2, 26), "idle": (2, 26)}


def test_hours_are_the_sites_own(store: Store) -> None:
    """The same in Berlin, an hour before UTC: open 5 to 21 UTC. 9 and 16 hours; charging 20 to 21, plugged in 5 to 8."""
    found = utilisation(store, "06:00-22:00", zone="Europe/Berlin")
    assert found == {"occupied": (4, 25), "charging": (1, 25), "idle": (3, 25)}


def test_of_an_hour_that_is_closed_in_part_its_share_is_taken(store: Store) -> None:
    """From half past seven to 22: of the hour from 7 to 8, plugged in throughout, a half is left."""
    found = utilisation(store, "07:30-22:00")
    assert found["occupied"] == (2.5, 24.5)


def test_a_site_that_is_closed_on_that_day_has_no_utilisation(store: Store) -> None:
    saturday = Query(from_ns=MIDNIGHT, until_ns=LATER)
    assert utilisation(store, "Mo-Fr 06:00-22:00", saturday)["occupied"] == (0, 0)


def test_what_is_not_known_is_no_open_time_by_day_or_night(tmp_path) -> None:
    """Nothing is known from 21:00 to 23:00, of which one hour is open: ten open hours, nine of them known."""
    store = Store.open(f"sqlite:///{tmp_path}/x.db")
    store.apply(
        batch_of(
            a_station(),
            status(Status.AVAILABLE, NOON),
            status(Status.NO_DATA, NOON + 9 * HOUR),
            status(Status.AVAILABLE, NOON + 11 * HOUR),
        )
    )
    first_day = Query(from_ns=NOON, until_ns=MIDNIGHT)
    assert utilisation(store, "06:00-22:00", first_day)["occupied"] == (0, 9)
    store.close()


def test_by_firmware_it_is_the_same_time(store: Store) -> None:
    by_firmware = Query(from_ns=NOON, until_ns=LATER, by=By.FIRMWARE)
    assert utilisation(store, "06:00-22:00", by_firmware) == utilisation(store, "06:00-22:00")


def test_a_report_of_three_years_knows_each_night_of_them() -> None:
    """Of 1 096 nights of eight hours none is lost behind the span that is looked at at once."""
    spans = closed("06:00-22:00", "UTC", MIDNIGHT, MIDNIGHT + 1096 * DAY_NS)
    assert sum(end - begin for begin, end in spans) == 1096 * 8 * HOUR
    assert len(spans) == 1097
