"""Stations and connectors: who is there, and what shows."""

from __future__ import annotations

import pytest
from tests.support.play import Play

from nocwatch.frames import Direction, LinkEvent
from nocwatch.moments import SECOND_NS
from nocwatch.network import ConnectorStatus
from nocwatch.sessions import Outcome
from nocwatch.state.changes import (
    ConnectorChanged,
    LinkClosed,
    LinkOpened,
    LinkRefused,
    StationChanged,
    UpstreamChanged,
)
from nocwatch.state.fleet import Fleet
from nocwatch.state.settings import StateSettings


def test_a_half_open_old_socket_takes_nobody_offline() -> None:
    play = Play().begin()
    old = play.connection
    new = play.open()
    play.heartbeat()
    play.close(connection=old, by="relay", reason="timeout")
    station = play.fleet.stations["CP1"]
    assert station.online
    assert station.connections == (new,)
    assert [change.last for change in play.told(LinkClosed)] == [False]
    assert [change.first for change in play.told(LinkOpened)] == [True, False]
    assert play.connector().status is ConnectorStatus.AVAILABLE


def test_offline_shows_and_what_was_reported_comes_back() -> None:
    play = Play().begin()
    play.status(1, "Charging")
    play.close()
    lost = play.now_ns
    assert play.connector().status is ConnectorStatus.OFFLINE
    assert play.connector().reported is ConnectorStatus.CHARGING
    assert play.connector().since_ns == lost
    play.wait(60)
    play.open()
    assert play.connector().status is ConnectorStatus.CHARGING
    assert play.connector().since_ns == play.now_ns, "the hole before is not filled with what was not heard"
    assert play.fleet.stations["CP1"].boots == 1, "a reconnect is no restart"
    shown = [
        (change.now.status, change.before and change.before.status) for change in play.told(ConnectorChanged)
    ][-2:]
    assert shown == [
        (ConnectorStatus.OFFLINE, ConnectorStatus.CHARGING),
        (ConnectorStatus.CHARGING, ConnectorStatus.OFFLINE),
    ]


def test_nothing_known_is_never_available() -> None:
    play = Play()
    play.open()
    play.start(1)
    assert play.connector().status is ConnectorStatus.NO_DATA


def test_a_two_day_old_status_on_connect_is_what_there_is() -> None:
    play = Play()
    play.clock[0] = 200_000
    play.open()
    play.status(1, "Unavailable", at=10_000)
    assert play.connector().status is ConnectorStatus.UNAVAILABLE


def test_a_replayed_status_does_not_overwrite_a_newer_one() -> None:
    play = Play().begin()
    play.close()
    play.wait(3600)
    play.open()
    play.status(1, "Charging")
    play.status(1, "Available", at=1800)
    assert play.connector().status is ConnectorStatus.CHARGING
    assert play.fleet.counters["state_stale_statuses"] == 1


def test_a_clock_that_was_set_back_by_a_boot_is_believed_again() -> None:
    play = Play().begin()
    play.wait(10_000)
    play.status(1, "Charging", at=12_000)
    play.close()
    play.open()
    play.boot()
    play.status(1, "Available", at=play.now_s - 90)
    assert play.connector().status is ConnectorStatus.AVAILABLE


def test_connector_zero_is_the_controller_and_independent() -> None:
    play = Play().begin(1, 2)
    play.status(0, "Unavailable")
    station = play.fleet.stations["CP1"]
    assert station.controller is not None
    assert station.controller.status is ConnectorStatus.UNAVAILABLE
    assert [each.connector for each in station.connectors] == [1, 2]
    assert {each.status for each in station.connectors} == {ConnectorStatus.AVAILABLE}


def test_evse_zero_is_the_station_too() -> None:
    play = Play(version="2.0.1").begin(1)
    play.status(0, "Faulted")
    station = play.fleet.stations["CP1"]
    assert station.controller is not None
    assert station.controller.status is ConnectorStatus.FAULTED
    assert len(station.connectors) == 1


def test_boot_facts_and_settings() -> None:
    play = Play().begin()
    play.configuration("MeterValueSampleInterval", "60")
    play.configuration("SomethingElse", "x")
    station = play.fleet.stations["CP1"]
    assert (station.vendor, station.model, station.firmware, station.version) == ("ACME", "One", "1.0", "1.6")
    assert station.heartbeat_interval_s == 300
    assert station.configuration == {"MeterValueSampleInterval": "60"}


def test_a_boot_that_the_csms_asked_for_is_no_boot() -> None:
    play = Play().begin()
    play.command("TriggerMessage", {"requestedMessage": "BootNotification"})
    play.boot()
    assert play.fleet.stations["CP1"].boots == 1


def test_boots_that_were_not_accepted_are_one_boot() -> None:
    play = Play()
    play.open()
    for status in ("Pending", "Pending", "Rejected", "Accepted"):
        play.boot(status)
    assert play.fleet.stations["CP1"].boots == 1
    play.boot()
    assert play.fleet.stations["CP1"].boots == 2


def test_a_short_probe_in_1_6_before_the_real_2_0_1_connection() -> None:
    play = Play()
    play.open()
    play.status(1, "Available")
    play.close()
    play.version = "2.0.1"
    play.open()
    play.boot()
    play.status(1, "Available")
    station = play.fleet.stations["CP1"]
    assert station.version == "2.0.1"
    assert [(each.evse, each.connector) for each in station.connectors] == [(1, 1)]


def test_a_connection_that_the_journal_does_not_open() -> None:
    play = Play()
    play.connection = 9
    play.heartbeat()
    assert play.fleet.stations["CP1"].online
    assert play.told(LinkOpened)[0].connection == 9


def test_a_stranger_who_is_turned_away_is_no_station() -> None:
    play = Play()
    play.link(LinkEvent.REFUSED, http_status=401)
    assert play.told(LinkRefused)[0].http_status == 401
    assert not play.fleet.stations


def test_upstreams_are_told_once() -> None:
    play = Play()
    for event in (
        LinkEvent.UPSTREAM_UP,
        LinkEvent.UPSTREAM_DOWN,
        LinkEvent.UPSTREAM_DOWN,
        LinkEvent.UPSTREAM_UP,
    ):
        play.link(event, upstream="main")
    assert [change.up for change in play.told(UpstreamChanged)] == [False, True]
    assert play.fleet.upstreams == {"main": True}


def test_last_seen_moves_with_every_byte_and_nothing_is_told() -> None:
    play = Play().begin()
    told = len(play.changes)
    play.wait(60)
    play.heartbeat()
    assert len(play.changes) == told
    assert play.fleet.stations["CP1"].last_seen_ns == play.now_ns - 100_000_000


def test_limits_are_kept_and_counted() -> None:
    fleet = Fleet(StateSettings(stations_max=2, connectors_max=3, links_max=2))
    for name in ("A", "B", "C"):
        play = Play(name, fleet=fleet)
        play.open()
    assert set(fleet.stations) == {"A", "B"}
    assert fleet.counters["state_stations_dropped"] == 1
    play = Play("A", fleet=fleet)
    play.connection = 1
    for connector in range(1, 9):
        play.status(connector, "Available")
    play.status(70_000, "Available")
    play.status(-1, "Available")
    assert len(fleet.stations["A"].connectors) == 3
    assert fleet.counters["state_connectors_dropped"] == 5
    assert fleet.counters["state_bad_connectors"] == 2
    for _ in range(4):
        play.open()
    assert len(fleet.stations["A"].connections) == 2


def test_the_longest_offline_station_gives_way() -> None:
    fleet = Fleet(StateSettings(stations_max=2))
    first, second = Play("A", fleet=fleet), Play("B", fleet=fleet)
    first.open()
    second.open()
    first.close()
    Play("C", fleet=fleet).open()
    assert set(fleet.stations) == {"B", "C"}


def test_strangers_make_room_a_hundredth_at_once() -> None:
    """Each of them alone would cost a look at all stations."""
    fleet = Fleet(StateSettings(stations_max=300))
    for number in range(300):
        play = Play(f"CP{number}", fleet=fleet)
        play.open()
        if number % 2:
            play.close()
    Play("STRANGER", fleet=fleet).open()
    assert {"CP1", "CP3", "CP5"}.isdisjoint(fleet.stations)
    assert {"CP0", "CP7", "STRANGER"} <= set(fleet.stations)
    assert (len(fleet.stations), fleet.counters["state_stations_forgotten"]) == (298, 3)


def test_presence_is_told_as_a_change_of_the_station() -> None:
    play = Play()
    play.open()
    play.close()
    assert [
        (change.before and change.before.online, change.now.online) for change in play.told(StationChanged)
    ] == [
        (None, True),
        (True, False),
    ]


def test_a_frame_of_the_csms_is_no_sign_of_the_station() -> None:
    play = Play().begin()
    seen = play.fleet.stations["CP1"].last_seen_ns
    play.wait(60)
    play.call("TriggerMessage", {"requestedMessage": "Heartbeat"}, by=Direction.FROM_CSMS)
    assert play.fleet.stations["CP1"].last_seen_ns == seen


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ("EVConnected", ConnectorStatus.PREPARING),
        ("Charging", ConnectorStatus.CHARGING),
        ("SuspendedEV", ConnectorStatus.SUSPENDED_EV),
        ("SuspendedEVSE", ConnectorStatus.SUSPENDED_EVSE),
        ("Idle", ConnectorStatus.FINISHING),
    ],
)
def test_charging_state_refines_occupied(state: str, shown: ConnectorStatus) -> None:
    play = Play(version="2.0.1").begin()
    play.status(1, "Occupied")
    assert play.connector().status is ConnectorStatus.OCCUPIED
    play.transaction("Started", trigger="CablePluggedIn", evse=1, state=state)
    assert play.connector().status is shown
    assert play.connector().reported is ConnectorStatus.OCCUPIED
    play.transaction("Ended", trigger="StopAuthorized", reason="Local")
    assert play.connector().status is ConnectorStatus.FINISHING
    play.status(1, "Available")
    assert play.connector().status is ConnectorStatus.AVAILABLE


# --- recordings that have no link lines ----------------------------------------------------------------------------------


def _unseen(heartbeat_s: int = 300) -> Play:
    """A station of which the first that is known is a message."""
    play = Play()
    play.open(implied=True)
    play.boot(interval=heartbeat_s)
    play.status(1, "Available")
    return play


def test_of_a_station_whose_connection_nobody_saw_nothing_is_known_when_it_has_been_silent_for_long() -> None:
    play = _unseen()
    play.status(1, "Charging")
    play.wait(3590)
    assert play.connector().status is ConnectorStatus.CHARGING
    heard = play.fleet.stations["CP1"].last_seen_ns
    play.wait(4 * 3600)
    station = play.fleet.stations["CP1"]
    assert play.connector().status is ConnectorStatus.NO_DATA
    assert play.connector().reported is ConnectorStatus.CHARGING
    assert play.connector().since_ns == station.unknown_since_ns == heard + 3600 * SECOND_NS
    assert not station.there
    assert not play.told(LinkClosed), "nobody saw a link end, and no detector is told of one"


def test_a_station_that_speaks_again_is_known_from_then_on_and_not_for_the_time_between() -> None:
    play = _unseen()
    play.wait(3 * 3600)
    assert play.connector().status is ConnectorStatus.NO_DATA
    play.clock[0] += 60
    spoke = play.now_ns
    play.status(1, "Charging", at=play.now_s - 1800)
    station = play.fleet.stations["CP1"]
    assert station.there
    assert play.connector().status is ConnectorStatus.CHARGING
    assert play.connector().since_ns == spoke, "a late word makes no known time of an unknown one"
    play.wait(3 * 3600)
    assert play.connector().status is ConnectorStatus.NO_DATA, "it may fall silent again"


def test_a_heartbeat_alone_brings_back_what_was_known() -> None:
    play = _unseen()
    play.wait(3 * 3600)
    play.heartbeat()
    assert play.connector().status is ConnectorStatus.AVAILABLE
    assert [change.now.unknown_since_ns for change in play.told(StationChanged)][-1] is None


def test_a_station_with_long_heartbeats_may_be_silent_for_two_of_them() -> None:
    play = _unseen(heartbeat_s=6 * 3600)
    play.wait(11 * 3600)
    assert play.connector().status is ConnectorStatus.AVAILABLE
    play.wait(2 * 3600)
    assert play.connector().status is ConnectorStatus.NO_DATA


def test_a_station_on_a_connection_that_was_seen_to_begin_may_be_silent_for_days() -> None:
    play = Play().begin()
    play.wait(2 * 86_400)
    assert play.connector().status is ConnectorStatus.AVAILABLE
    assert play.fleet.stations["CP1"].there


def test_a_link_that_is_seen_after_all_ends_the_not_knowing() -> None:
    play = _unseen()
    play.wait(3 * 3600)
    play.close()
    assert play.connector().status is ConnectorStatus.OFFLINE
    play.open()
    play.wait(3 * 3600)
    assert play.connector().status is ConnectorStatus.AVAILABLE


def test_a_session_of_a_silent_recording_ends_by_nothing_but_its_own_rules() -> None:
    play = _unseen()
    play.start(1, "TAG", 1000)
    play.wait(5 * 3600)
    assert play.connector().status is ConnectorStatus.NO_DATA
    assert play.session.outcome is Outcome.ONGOING


def test_what_a_clock_was_behind_by_is_not_forgotten_while_it_is_not_set() -> None:
    """Its CSMS is seven minutes behind, and it sets its clock by that: after each boot some seconds late."""
    play = Play()
    play.open()
    play.boot()
    for minute in range(15):
        play.wait(60)
        play.status(1, "Preparing" if minute % 2 else "Available", at=play.now_s - 420)
    play.close()
    play.wait(30)
    play.open()
    play.boot()
    for second in range(1, 4):
        play.wait(1)
        play.status(1, "Preparing" if second % 2 else "Available", at=f"1970-01-01T00:00:{20 + second}Z")
    play.wait(60)
    play.start(1, "TAG", 1000, at=play.now_s - 420)
    assert not play.session.late
