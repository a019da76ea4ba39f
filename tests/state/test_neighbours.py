"""A site that loses its network: the same link's end as a station's own, but many of them at once and behind one address."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.play import Play
from tests.support.watched import Watched

from nocwatch.flags import Blame
from nocwatch.frames import Direction, LinkEvent
from nocwatch.sessions import Reason, Session
from nocwatch.state.changes import SessionChanged
from nocwatch.state.fleet import Fleet
from nocwatch.state.neighbours import network_of
from nocwatch.state.tracker import Tracker

STATION, CSMS = Direction.FROM_STATION, Direction.FROM_CSMS
SITE = "203.0.113.7"
FIN = {"by": "station", "code": 1001, "reason": "fin"}
"""How a station ends its own link, and how a router that comes down ends all of them."""


def site(*addresses: str) -> list[Play]:
    """Stations, each booted, free, and with a link from its address; the first one's driver has just begun to charge."""
    watched = Watched()
    plays = []
    for number, address in enumerate(addresses):
        play = watched.play(f"CP{number + 1}")
        play.open(address=f"{address}:{50_000 + number}")
        play.boot()
        play.status(1, "Available")
        plays.append(play)
    plays[0].wait(30)
    plays[0].start(1, "TAG", 1000, transaction=17)
    return plays


def comes_back_and_stops(play: Play) -> Session:
    """What was charged ended while the link was gone."""
    ended = play.now_s + 60
    play.wait(300)
    play.open()
    play.stop(17, 1000, "Other", at=ended)
    return play.session


def blame(session: Session) -> tuple[Reason | None, Blame | None]:
    return session.reason, session.blame


def test_one_station_that_ends_its_link_is_its_own_doing() -> None:
    first, *_ = site(SITE, SITE, SITE)
    first.wait(60)
    first.close(**FIN)
    assert blame(comes_back_and_stops(first)) == (Reason.CONNECTIVITY, Blame.CHARGER)


def test_three_stations_of_a_site_that_are_gone_at_once_have_lost_the_network() -> None:
    first, second, third, fourth = site(SITE, SITE, SITE, SITE)
    first.wait(60)
    for play in (first, second, third):
        play.close(**FIN)
        play.wait(3)
    session = comes_back_and_stops(first)
    assert blame(session) == (Reason.CONNECTIVITY, Blame.NETWORK)
    said = session.blame_evidence[-1]
    assert said.text == "2 other stations behind the same address lost theirs within 10 s."
    assert len(said.frames) == 2
    assert fourth.fleet.stations["CP4"].online


def test_half_a_second_after_the_answer_to_a_start_it_is_the_network_too() -> None:
    first, *others = site(SITE, SITE, SITE)
    first.wait(0.5)
    for play in (first, *others):
        play.close(reason="reset")
    assert blame(comes_back_and_stops(first)) == (Reason.CONNECTIVITY, Blame.NETWORK)


@pytest.mark.parametrize(
    ("addresses", "apart_s", "how"),
    [
        ([SITE, SITE], 1, FIN),
        ([SITE, SITE, "203.0.113.8"], 1, FIN),
        ([SITE, SITE, SITE], 11, FIN),
        ([SITE, *["10.0.0.1"] * 5], 1, FIN),
        (["", "", ""], 1, FIN),
    ],
    ids=[
        "two alone",
        "another site",
        "eleven seconds apart",
        "the others' site",
        "addresses that are not known",
    ],
)
def test_it_is_the_stations_own_doing(addresses: list[str], apart_s: float, how: dict[str, object]) -> None:
    first, *others = site(*addresses)
    first.wait(60)
    for play in (first, *others):
        play.close(**how)  # type: ignore[arg-type]
        play.wait(apart_s)
    assert blame(comes_back_and_stops(first)) == (Reason.CONNECTIVITY, Blame.CHARGER)


def test_a_station_that_went_eleven_seconds_before_two_others_went_by_itself() -> None:
    first, *others = site(SITE, SITE, SITE)
    first.wait(60)
    first.close(**FIN)
    first.wait(11)
    for play in others:
        play.close(**FIN)
    assert blame(comes_back_and_stops(first)) == (Reason.CONNECTIVITY, Blame.CHARGER)


def test_three_of_seven_have_come_down_by_themselves() -> None:
    first, *others = site(*[SITE] * 7)
    first.wait(60)
    for play in (first, *others[:2]):
        play.close(**FIN)
    assert blame(comes_back_and_stops(first)) == (Reason.CONNECTIVITY, Blame.CHARGER)


def test_a_csms_that_ends_all_links_of_a_site_is_no_network() -> None:
    plays = site(SITE, SITE, SITE)
    plays[0].wait(60)
    for play in plays:
        play.close(by="csms", code=1001)
    assert blame(comes_back_and_stops(plays[0])) == (Reason.CONNECTIVITY, Blame.CSMS)


def test_stations_that_the_csms_had_ordered_to_reset_are_away_for_that() -> None:
    plays = site(SITE, SITE, SITE)
    plays[0].wait(60)
    for play in plays[1:]:
        play.answer(play.call("Reset", {"type": "Hard"}, by=CSMS), {"status": "Accepted"}, by=STATION)
    for play in plays:
        play.close(**FIN)
    assert blame(comes_back_and_stops(plays[0])) == (Reason.CONNECTIVITY, Blame.CHARGER)


def test_what_was_judged_before_the_others_losses_were_heard_of_is_judged_again_and_says_why() -> None:
    """A card whose answer was lost with the link is judged at once; the site's other stations follow two seconds later."""
    first, *others = site(SITE, SITE, SITE)
    first.stop(17, 3000)
    first.authorize("CARD", None)
    first.close(**FIN)
    card = first.sessions[-1]
    assert blame(card) == (Reason.CONNECTIVITY, Blame.CHARGER)
    for play in others:
        play.wait(1)
        play.close(**FIN)
    told = [each for each in others[-1].told(SessionChanged) if each.now.id == card.id]
    assert [(each.revised, each.now.blame) for each in told] == [(True, Blame.NETWORK)]
    assert "behind the same address" in told[0].now.revised_because


def test_a_restart_of_the_watch_in_between_changes_nothing() -> None:
    first, second, third = site(SITE, SITE, SITE)
    first.wait(60)
    first.close(**FIN)
    second.close(**FIN)
    again = Fleet()
    again.restore(first.fleet.snapshot())
    for play in (first, second, third):
        play.fleet, play._feed = again, again.feed
    third.close(**FIN)
    assert blame(comes_back_and_stops(first)) == (Reason.CONNECTIVITY, Blame.NETWORK)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7:51234", "203.0.113.7"),
        ("[2001:db8:1:2::17]:51234", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2:ffff::1]:1", "2001:db8:1:2::/64"),
        ("[::ffff:203.0.113.7]:51234", "203.0.113.7"),
        ("unix:/run/x", ""),
        ("", ""),
    ],
)
def test_what_stations_of_one_site_have_in_common(address: str, network: str) -> None:
    assert network_of(address) == network


class Counted(dict[str, Tracker]):
    """Stations' trackers, with how often one was asked for."""

    asked = 0

    def get(self, station: str, default: Any = None) -> Any:
        Counted.asked += 1
        return super().get(station, default)


def test_a_balancer_that_takes_a_thousand_stations_down_costs_each_of_them_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fleet = Fleet()
    plays = [Play(f"CP{number}", fleet=fleet) for number in range(1000)]
    for number, play in enumerate(plays):
        play.connection = number + 1
        play.link(LinkEvent.OPEN, remote_address=f"{SITE}:50000", subprotocol="ocpp1.6")
    trackers = Counted(fleet._trackers)
    monkeypatch.setattr(fleet, "_trackers", trackers)
    monkeypatch.setattr(Counted, "asked", 0)
    for play in plays:
        play.close(**FIN)
    assert trackers.asked < 20 * len(plays)
    last = fleet._trackers["CP999"].state.holes[-1]
    assert (last.others, len(last.others_frames)) == (999, 4)
    assert fleet._trackers["CP0"].state.holes[-1].others >= 499


def test_a_station_that_goes_on_over_its_older_link_is_where_that_one_comes_from() -> None:
    """Whatever a restart of the watch would see of it."""
    first, *others = site("198.51.100.9", SITE, SITE)
    older = first.connection
    first.open(address=f"{SITE}:1")
    first.close(by="station", code=1000, reason="fin")
    restarted = Fleet()
    restarted.restore(first.fleet.snapshot())
    begun = len(first.sightings)
    for play in others:
        play.close(**FIN)
    first.close(connection=older, **FIN)
    for sighting in [each for play in others for each in play.sightings[-1:]] + first.sightings[begun:]:
        restarted.feed(sighting)
    assert restarted.snapshot() == first.fleet.snapshot()
    assert not first.fleet._trackers["CP1"].state.holes[-1].others
