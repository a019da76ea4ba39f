"""Figures of ports by what the registry says of each: its own current, and the day on which its station was commissioned."""

from __future__ import annotations

from datetime import date

import pytest
from tests.support.alerts import HOUR, NOON
from tests.support.history import a_session, a_station, batch_of, session_changed, status

from nocwatch.kpis.grouping import By, Query
from nocwatch.moments import DAY_NS
from nocwatch.network import ConnectorStatus
from nocwatch.registry.places import Place, Places, Scope
from nocwatch.sessions import Outcome
from nocwatch.store import Store
from nocwatch.store.key_figures import key_figures
from nocwatch.store.uptime import months, uptime_months

BOTH = Place(station="CP1", known=True, site="depot", currents={"1/1": "dc", "2/1": "ac"})
"""A station of 1.6 with a fast plug and a slow one."""
WEEK = Query(from_ns=NOON - DAY_NS, until_ns=NOON + 5 * DAY_NS, by=By.CURRENT)
LATER = NOON + 2 * DAY_NS


@pytest.fixture
def store(tmp_path):
    """Two days: the fast plug has two charges and a fault of six hours, the slow one a failure."""
    store = Store.open(f"sqlite:///{tmp_path}/x.db")
    store.apply(
        batch_of(
            a_station(),
            status(ConnectorStatus.AVAILABLE, NOON),
            status(ConnectorStatus.AVAILABLE, NOON, connector=2),
            status(ConnectorStatus.FAULTED, NOON + 30 * HOUR),
            status(ConnectorStatus.AVAILABLE, NOON + 36 * HOUR),
            session_changed(a_session("fast 1", token="h:a")),
            session_changed(a_session("fast 2", started=NOON + 3 * HOUR, token="h:b")),
            session_changed(
                a_session("slow", connector=2, started=NOON + 6 * HOUR, outcome=Outcome.FAILED, token="h:c")
            ),
        )
    )
    yield store
    store.close()


def told(store: Store, query: Query, places: Places) -> dict[str, dict[str, tuple]]:
    with store.database.snapshot() as reader:
        report = key_figures(reader, places, query, LATER)
    return {
        group.group: {each.name: (each.value, each.number) for each in group.figures}
        for group in report.groups
    }


def test_by_current_each_connector_is_what_it_is_and_not_what_its_station_is(store: Store) -> None:
    found = told(store, WEEK, Places({"CP1": BOTH}))
    assert set(found) == {"ac", "dc"}
    assert found["dc"]["success_rate"] == (1.0, 2)
    assert found["ac"]["success_rate"] == (0.0, 1)
    # 48 hours are known of each; the fast plug was down for six of them.
    assert found["dc"]["availability"][0] == pytest.approx(42 / 48)
    assert found["ac"]["availability"][0] == 1
    assert found["dc"]["first_attempt_success"] == (1.0, 2)
    assert found["ac"]["failed_visits"] == (1.0, 1)
    assert found["dc"]["mttr"][0] == pytest.approx(6)


def test_what_is_asked_for_by_current_is_that_group(store: Store) -> None:
    places = Places({"CP1": BOTH})
    groups = told(store, WEEK, places)
    for current in ("ac", "dc"):
        alone = Query(from_ns=WEEK.from_ns, until_ns=WEEK.until_ns, scope=Scope(current=current))
        assert told(store, alone, places)["fleet"] == groups[current]


def test_a_plug_of_which_the_registry_says_nothing_is_unknown(store: Store) -> None:
    assert set(told(store, WEEK, Places())) == {"(unknown)"}


def rows(store: Store, place: Place, **scope: str) -> list:
    wanted = months(NOON, NOON + 1, "UTC")
    with store.database.snapshot() as reader:
        return uptime_months(reader, Places({"CP1": place}), Scope(**scope), wanted, LATER)


def test_uptime_begins_when_the_station_is_commissioned(store: Store) -> None:
    """Until then it stood in the builders' yard, whatever it said."""
    (fast, _) = rows(store, BOTH)
    assert (fast.total_ns, fast.outage_ns) == (48 * HOUR, 6 * HOUR)
    # NOON is 12:00 UTC of the 21st of November 2025; midnight to the 23rd is 36 hours later, when the fault is over.
    day = date(2025, 11, 23)
    (fast, _) = rows(store, Place(station="CP1", known=True, currents=BOTH.currents, commissioned=day))
    assert (fast.total_ns, fast.outage_ns) == (12 * HOUR, 0)
    berlin = Place(station="CP1", known=True, timezone="Europe/Berlin", commissioned=day)
    (fast, _) = rows(store, berlin)
    assert (fast.total_ns, fast.outage_ns) == (13 * HOUR, HOUR)


def test_a_station_that_is_not_commissioned_yet_has_no_uptime(store: Store) -> None:
    assert rows(store, Place(station="CP1", known=True, commissioned=date(2026, 1, 1))) == []


def test_uptime_of_a_current_is_of_its_ports(store: Store) -> None:
    assert [row.connector for row in rows(store, BOTH, current="ac")] == [2]


def test_a_visit_is_of_the_window_in_which_it_began(tmp_path) -> None:
    """At five to midnight the first attempt fails, at five past the second charges: yesterday's troubled visit, and none of today's."""
    store = Store.open(f"sqlite:///{tmp_path}/x.db")
    midnight = NOON + 12 * HOUR
    minute = HOUR // 60
    store.apply(
        batch_of(
            a_station(),
            session_changed(
                a_session(
                    "a", started=midnight - 5 * minute, length=minute, outcome=Outcome.FAILED, token="h:a"
                )
            ),
            session_changed(a_session("b", started=midnight + 5 * minute, token="h:a")),
        )
    )
    days = [
        told(store, Query(from_ns=midnight + shift, until_ns=midnight + shift + DAY_NS), Places())["fleet"]
        for shift in (-DAY_NS, 0)
    ]
    assert [day.get("troubled_visits") for day in days] == [(1.0, 1), None]
    store.close()
