"""A vehicle that fails wherever it plugs in: its driver's card tells, at connectors that serve others."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.support.play import Play
from tests.support.watched import Watched

from nocwatch.flags import Blame
from nocwatch.sessions import Reason, Session
from nocwatch.state.fleet import Fleet


def network(count: int) -> list[Play]:
    """Stations that have served somebody this morning."""
    watched = Watched()
    plays = [watched.play(f"CP{number + 1}").begin() for number in range(count)]
    for play in plays:
        charges(play, "NEIGHBOUR", 6000)
    return plays


def charges(play: Play, token: str, wh: float, *, says: str = "") -> Session:
    """A charge of ten minutes: with energy or without, with or without a code on the way."""
    transaction = play.start(1, token, 1000)
    play.wait(300)
    if says:
        play.status(1, "SuspendedEVSE", error=says)
    play.wait(300)
    play.stop(transaction, 1000 + wh, "Other" if says else "Local")
    play.status(1, "Available")
    play.wait(60)
    return play.sessions[-1]


def fails(
    plays: Sequence[Play], card: str = "UNLUCKY", *, says: str = "EVCommunicationError"
) -> list[Session]:
    return [charges(play, card, 0, says=says) for play in plays]


def blames(sessions: list[Session]) -> list[Blame | None]:
    return [each.blame for each in sessions]


def test_a_card_that_fails_at_the_third_connector_that_serves_others_is_a_vehicles() -> None:
    found = fails(network(4))
    assert {each.reason for each in found} == {Reason.EV_COMM}
    assert blames(found) == [Blame.UNKNOWN, Blame.UNKNOWN, Blame.VEHICLE, Blame.VEHICLE]
    said = found[2].blame_evidence[-2:]
    assert [each.text for each in said] == [
        "The same card failed so at CP1, connector 1, where others charge.",
        "The same card failed so at CP2, connector 1, where others charge.",
    ]
    assert [each.session for each in said] == [found[0].id, found[1].id]
    assert all(each.frames for each in said)
    assert not any(each.revised_because for each in found)


def test_no_energy_without_a_code_is_the_vehicles_too() -> None:
    found = fails(network(3), says="")
    assert {each.reason for each in found} == {Reason.ZERO_ENERGY}
    assert blames(found) == [Blame.CHARGER, Blame.CHARGER, Blame.VEHICLE]


def test_at_one_connector_again_and_again_it_is_not() -> None:
    (play,) = network(1)
    assert Blame.VEHICLE not in blames(fails([play] * 5))


def test_nor_on_all_connectors_of_one_station_whose_power_is_gone() -> None:
    """They have one supply and one computer: whoever comes first after these failed tries each of them."""
    hub = Watched().play("HUB").begin(1, 2, 3)
    blamed = []
    for token, wh in (("NEIGHBOUR", 6000), ("UNLUCKY", 0)):
        for connector in (1, 2, 3):
            transaction = hub.start(connector, token, 1000)
            hub.wait(300)
            hub.stop(transaction, 1000 + wh)
            hub.status(connector, "Available")
            hub.wait(60)
            blamed.append(hub.sessions[-1].blame)
    assert blamed == [None] * 3 + [Blame.CHARGER] * 3


def test_a_connector_that_serves_nobody_tells_nothing_of_the_vehicle() -> None:
    first, second, third = network(3)
    fails([second], "ANOTHER")
    assert blames(fails([first, second, third])) == [Blame.UNKNOWN] * 3


def test_a_connector_at_which_nobody_was_seen_to_charge_tells_nothing_either() -> None:
    watched = Watched()
    assert blames(fails([watched.play(f"CP{number}").begin() for number in range(3)])) == [Blame.UNKNOWN] * 3


def test_a_success_of_the_card_in_between_takes_it_back() -> None:
    first, second, third, fourth = network(4)
    fails([first, second])
    charges(third, "UNLUCKY", 9000)
    assert blames(fails([fourth])) == [Blame.UNKNOWN]


def test_a_day_later_it_may_be_another_vehicle() -> None:
    first, second, third = network(3)
    fails([first, second])
    first.wait(86_400)
    assert blames(fails([third])) == [Blame.UNKNOWN]


@pytest.mark.parametrize("reason", ["GroundFailure", "PowerMeterFailure", "ConnectorLockFailure"])
def test_what_no_vehicle_can_be_the_reason_of_stays_the_chargers(reason: str) -> None:
    assert blames(fails(network(3), says=reason)) == [Blame.CHARGER] * 3


def test_a_card_in_two_places_at_once_is_several_peoples() -> None:
    first, second, third = network(3)
    numbers = [play.start(1, "FLEET", 1000) for play in (first, second)]
    first.wait(600)
    for play, number in zip((first, second), numbers, strict=True):
        play.stop(number, 1000)
        play.status(1, "Available")
    assert blames(fails([third], "FLEET", says="")) == [Blame.CHARGER]


def test_an_order_of_the_csms_shows_no_card() -> None:
    """Many a CSMS starts all its customers' charges with one token."""
    plays = network(3)
    for play in plays:
        play.remote_start("APP", 1)
        charges(play, "APP", 0, says="EVCommunicationError")
    assert blames([play.sessions[-1] for play in plays]) == [Blame.UNKNOWN] * 3


def test_a_restart_of_the_watch_in_between_changes_nothing() -> None:
    plays = network(3)
    fails(plays[:2])
    again = Fleet()
    again.restore(plays[0].fleet.snapshot())
    for play in plays:
        play.fleet, play._feed = again, again.feed
    assert blames(fails(plays[2:])) == [Blame.VEHICLE]
