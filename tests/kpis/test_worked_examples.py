"""Key figures on worked examples: messages in, and figures out that anybody can reckon again with a pencil.

Each row of a table is one story as a station and its CSMS tell it, with what it counts for in ChargeX's cells: starts, power-delivery
attempts, valid stops. Below each table stands the sum, and what the published formulas make of it.

    charge start success = power-delivery attempts / starts
    charge end success   = valid stops / power-delivery attempts
    session success      = valid stops / starts                 [ChargeX Consortium, INL, doi 10.2172/2513383]
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.support.play import Play

from nocwatch.kpis.counting import Counted, counted
from nocwatch.kpis.definitions import benchmark
from nocwatch.kpis.figures import Figure, of_start_times, of_sums, of_visits
from nocwatch.kpis.spread import bucket_of
from nocwatch.kpis.visits import Attempt, VisitSums, visits
from nocwatch.moments import MINUTE_NS, SECOND_NS
from nocwatch.sessions import Outcome, Session

Script = Callable[[Play], None]


def charge(
    play: Play, wh: float = 12_000, reason: str | None = "Local", *, says_charging: bool = True
) -> None:
    """Plugged in, card, transaction, power 8 s after the card, and a stop half an hour later."""
    play.status(1, "Preparing")
    play.wait(5)
    play.authorize("CARD")
    play.wait(2)
    transaction = play.start(1, "CARD", 1000)
    play.wait(5.8)
    if says_charging:
        play.status(1, "Charging")
    play.wait(1800)
    play.stop(transaction, 1000 + wh, reason)
    play.status(1, "Available")


def card_and_no_plug(play: Play) -> None:
    play.authorize("CARD")


def refused(play: Play) -> None:
    play.authorize("CARD", "Invalid")


def no_power(play: Play) -> None:
    charge(play, 0, says_charging=False)


def silent_about_charging(play: Play) -> None:
    charge(play, 5000, says_charging=False)


def fifty_watt_hours(play: Play) -> None:
    charge(play, 50, says_charging=False)


def emergency_stop(play: Play) -> None:
    charge(play, 2000, "EmergencyStop")


def unplugged_by_the_driver(play: Play) -> None:
    charge(play, 9000, "EVDisconnected")


def reboot(play: Play) -> None:
    charge(play, 9000, "Reboot")


def no_reason_given(play: Play) -> None:
    """The absence of a reason means Local [OCPP 1.6 §4.10]."""
    charge(play, 9000, None)


def lost_stop(play: Play) -> None:
    play.status(1, "Preparing")
    transaction = play.start(1, "CARD", 1000)
    play.status(1, "Charging")
    play.wait(900)
    play.meter(1, 7000, transaction)
    play.status(1, "Available")
    play.wait(700)


def remote_start_and_nothing(play: Play) -> None:
    play.remote_start("APP", 1)


def bound_forward(play: Play) -> None:
    """The card 299 s before the transaction is the transaction's."""
    play.authorize("CARD")
    play.wait(298)
    transaction = play.start(1, "CARD", 1000)
    play.status(1, "Charging")
    play.wait(600)
    play.stop(transaction, 4000)


def too_early_to_be_bound(play: Play) -> None:
    """The card 302 s before it is a start of its own that led to nothing."""
    play.authorize("CARD")
    play.wait(302)
    transaction = play.start(1, "CARD", 1000)
    play.status(1, "Charging")
    play.wait(600)
    play.stop(transaction, 4000)


def under_way(play: Play) -> None:
    play.start(1, "CARD", 1000)
    play.status(1, "Charging")
    play.wait(60)
    play.meter(1, 3000)


A_DAY_16: list[tuple[str, Script, tuple[int, int, int]]] = [
    # the story                                        starts, power, valid stops
    ("a charge as it should be", charge, (1, 1, 1)),
    ("unplugged at the car", unplugged_by_the_driver, (1, 1, 1)),
    ("a stop without a reason", no_reason_given, (1, 1, 1)),
    ("a station that never says Charging", silent_about_charging, (1, 1, 1)),
    ("a card, and no car", card_and_no_plug, (1, 0, 0)),
    ("a card that was refused", refused, (1, 0, 0)),
    ("a remote start, and nothing came", remote_start_and_nothing, (1, 0, 0)),
    ("a transaction without power", no_power, (1, 0, 0)),
    ("50 Wh are not above 50 Wh", fifty_watt_hours, (1, 0, 0)),
    ("power, then the emergency stop", emergency_stop, (1, 1, 0)),
    ("power, then a reboot", reboot, (1, 1, 0)),
    ("power, and the stop never came", lost_stop, (1, 1, 0)),
    ("a card bound forward to its transaction", bound_forward, (1, 1, 1)),
    ("a card too early for it", too_early_to_be_bound, (2, 1, 1)),
    ("still charging", under_way, (0, 0, 0)),
]


def plug_then_card(play: Play) -> None:
    """TxStartPoint EVConnected: the transaction is there before the card, which is bound backward to it."""
    play.status(1, "Occupied")
    play.transaction("Started", trigger="CablePluggedIn", evse=1, state="EVConnected", register=1000)
    play.wait(20)
    play.authorize("CARD")
    play.wait(1)
    play.transaction("Updated", trigger="Authorized", evse=1, token="CARD", status="Accepted")
    play.wait(4)
    play.transaction("Updated", trigger="ChargingStateChanged", evse=1, state="Charging")
    play.wait(1200)
    play.transaction("Ended", trigger="EVCommunicationLost", evse=1, register=9000, reason="EVDisconnected")
    play.status(1, "Available")


def plugged_and_gone(play: Play) -> None:
    play.status(1, "Occupied")
    play.transaction("Started", trigger="CablePluggedIn", evse=1, state="EVConnected", register=1000)
    play.wait(60)
    play.transaction("Ended", trigger="EVCommunicationLost", evse=1, register=1000, reason="EVDisconnected")
    play.status(1, "Available")


def authorised_and_no_plug(play: Play) -> None:
    play.authorize("CARD")
    play.transaction("Started", trigger="Authorized", evse=1, token="CARD", register=1000, status="Accepted")
    play.wait(60)
    play.transaction("Ended", trigger="EVConnectTimeout", evse=1, register=1000, reason="Timeout")


def full(play: Play) -> None:
    plug_and(play, "SOCLimitReached")


def fault(play: Play) -> None:
    plug_and(play, "GroundFault")


def plug_and(play: Play, reason: str) -> None:
    play.authorize("CARD")
    play.transaction(
        "Started",
        trigger="Authorized",
        evse=1,
        token="CARD",
        state="EVConnected",
        register=1000,
        status="Accepted",
    )
    play.wait(3)
    play.transaction("Updated", trigger="ChargingStateChanged", evse=1, state="Charging")
    play.wait(1200)
    play.transaction("Ended", trigger="ChargingStateChanged", evse=1, register=9000, reason=reason)


def stopped_offline(play: Play) -> None:
    """Begun while the link stood, and stopped without it: OCTT's TC_E_44, of which INL's own calculator makes 1 of 1, 1 of 1, 1 of 1 and one start time."""
    play.authorize("CARD", token_type="KeyCode")
    play.transaction("Started", trigger="Authorized", evse=1, token="CARD", status="Accepted")
    play.status(1, "Occupied")
    play.transaction("Updated", trigger="CablePluggedIn", evse=1, state="EVConnected")
    play.wait(2)
    play.transaction("Updated", trigger="ChargingStateChanged", evse=1, state="Charging")
    play.close(by="station", reason="timeout")
    play.wait(300)
    at = play.now_s - 60
    play.open()
    play.transaction("Ended", trigger="StopAuthorized", reason="Local", at=at, offline=True)


A_DAY_201: list[tuple[str, Script, tuple[int, int, int]]] = [
    ("a card bound backward to its transaction", plug_then_card, (1, 1, 1)),
    ("full by its state of charge", full, (1, 1, 1)),
    ("power, then a ground fault", fault, (1, 1, 0)),
    ("authorised, and no plug came", authorised_and_no_plug, (1, 0, 0)),
    ("plugged in and gone without a card", plugged_and_gone, (1, 0, 0)),
    ("stopped while the link was gone", stopped_offline, (1, 1, 1)),
]


def played(version: str, script: Script) -> list[Session]:
    """The sessions that a story comes to, each an hour after its end."""
    play = Play(version=version).begin()
    script(play)
    if script is not under_way:
        play.wait(3600)
    return play.sessions


def cells(sessions: list[Session]) -> tuple[int, int, int]:
    found = [counted(each) for each in sessions]
    return (
        sum(each.attempts for each in found),
        sum(each.delivered for each in found),
        sum(each.valid_stops for each in found),
    )


def figures(table: list[tuple[str, Script, tuple[int, int, int]]], version: str) -> dict[str, Figure]:
    sums: dict[str, int] = {}
    for _, script, _ in table:
        for session in played(version, script):
            for name, amount in zip(Counted._fields[:4], counted(session), strict=False):
                sums[name] = sums.get(name, 0) + int(amount or 0)
            sums[session.outcome.value] = sums.get(session.outcome.value, 0) + 1
    return {figure.name: figure for figure in of_sums(sums)}


@pytest.mark.parametrize(("story", "script", "wanted"), A_DAY_16, ids=[story for story, *_ in A_DAY_16])
def test_a_story_of_16(story: str, script: Script, wanted: tuple[int, int, int]) -> None:
    assert cells(played("1.6", script)) == wanted


@pytest.mark.parametrize(("story", "script", "wanted"), A_DAY_201, ids=[story for story, *_ in A_DAY_201])
def test_a_story_of_201(story: str, script: Script, wanted: tuple[int, int, int]) -> None:
    assert cells(played("2.0.1", script)) == wanted


def test_the_day_of_16_as_chargex_reckons_it() -> None:
    """Columns of the table added up: 15 starts, power in 9 of them, 6 stopped as they should.

    start 9/15 = 60 %, end 6/9 = 66.7 %, session 6/15 = 40 %, and the third is the product of the others.
    Refused was one, so what chargers can do something about is 9 of 14.
    """
    found = figures(A_DAY_16, "1.6")
    assert (found["charge_start_success"].numerator, found["charge_start_success"].denominator) == (9, 15)
    assert (found["charge_end_success"].numerator, found["charge_end_success"].denominator) == (6, 9)
    assert (found["session_success"].numerator, found["session_success"].denominator) == (6, 15)
    assert found["charge_start_success"].value == pytest.approx(0.600)
    assert found["charge_end_success"].value == pytest.approx(0.667, abs=0.0005)
    assert found["session_success"].value == pytest.approx(0.400)
    assert (found["charger_start_success"].numerator, found["charger_start_success"].denominator) == (9, 14)


def test_the_day_of_201_as_chargex_reckons_it() -> None:
    """6 starts, power in 4, 3 stopped as they should: 66.7 %, 75 %, 50 %."""
    found = figures(A_DAY_201, "2.0.1")
    assert [
        found[name].value for name in ("charge_start_success", "charge_end_success", "session_success")
    ] == [
        4 / 6,
        3 / 4,
        3 / 6,
    ]


def test_fifteen_starts_are_few_and_the_interval_says_so() -> None:
    """Wilson's interval of 9 in 15 at 95 %, z = 1.96: centre (9 + z²/2) / (15 + z²) = 10.921 / 18.841 = 0.5796,
    half its width z/(15 + z²) * sqrt(9 * 6 / 15 + z²/4) = 0.10403 * sqrt(3.6 + 0.9604) = 0.2222.
    """
    figure = figures(A_DAY_16, "1.6")["charge_start_success"]
    assert (figure.low, figure.high) == pytest.approx((0.5796 - 0.2222, 0.5796 + 0.2222), abs=0.0005)


def test_charge_start_time_from_the_drivers_last_act_to_the_first_power() -> None:
    """1.6: plug, card 5.1 s later, Charging 7.9 s after the card was accepted. 2.0.1: card, Charging 5.1 s after its Updated."""
    (session,) = played("1.6", charge)
    assert counted(session).start_ns == pytest.approx(8.0 * SECOND_NS, abs=0.3 * SECOND_NS)
    (session,) = played("2.0.1", plug_then_card)
    assert counted(session).start_ns == pytest.approx(5.2 * SECOND_NS, abs=0.3 * SECOND_NS)


def test_a_stop_that_was_told_late_takes_no_start_time_away() -> None:
    """The driver's acts and the power were heard as they happened: 2 s from the plug to Charging."""
    (session,) = played("2.0.1", stopped_offline)
    assert session.late
    assert counted(session).start_ns == pytest.approx(2.0 * SECOND_NS, abs=0.3 * SECOND_NS)


def test_of_a_charge_that_began_offline_nobody_knows_when_it_was_asked_for() -> None:
    play = Play(version="2.0.1").begin()
    play.close(by="station", reason="timeout")
    began = play.now_s
    play.wait(600)
    play.open()
    play.transaction(
        "Started",
        trigger="Authorized",
        evse=1,
        token="CARD",
        state="EVConnected",
        at=began + 10,
        offline=True,
    )
    play.transaction(
        "Updated", trigger="ChargingStateChanged", evse=1, state="Charging", at=began + 15, offline=True
    )
    play.transaction("Ended", trigger="StopAuthorized", reason="Local", at=began + 300, offline=True)
    (session,) = play.sessions
    assert counted(session).delivered
    assert counted(session).start_ns is None


def test_quantiles_of_start_times_are_of_pooled_times() -> None:
    """Ten starts of 10, 20 … 100 s: a tenth took 10 s at most, a quarter 20 to 30 s, half 50 s, three quarters 70 to 80 s.

    A bucket is an eighth of an octave, so each may be 6.3 % off on either side.
    """
    times = {bucket_of(tens * 10 * SECOND_NS): 1 for tens in range(1, 11)}
    found = [figure.value for figure in of_start_times(times)]
    for value, low, high in zip(found, (10, 20, 50, 70), (10, 30, 50, 80), strict=True):
        assert low * 0.93 <= value <= high * 1.13


S, F, C, R = (each.value for each in (Outcome.SUCCESS, Outcome.FAILED, Outcome.CANCELLED, Outcome.REJECTED))


def tried(
    driver: str | None, start_min: float, end_min: float, outcome: str, station: str = "CP1"
) -> Attempt:
    return Attempt(
        "depot", station, 1, 1, driver, int(start_min * MINUTE_NS), int(end_min * MINUTE_NS), outcome
    )


VISITS = [
    # Ann charges at the first try.
    (tried("ann", 0, 40, S),),
    # Ben's first charger fails, the one beside it works.
    (tried("ben", 5, 6, F, "CP2"), tried("ben", 9, 50, S, "CP3")),
    # Cem gives up after two.
    (tried("cem", 60, 61, F), tried("cem", 64, 65, F, "CP2")),
    # Dee is refused, finds the right card, and charges.
    (tried("dee", 70, 70.2, R), tried("dee", 71, 99, S)),
    # Eve changes her mind: no visit to judge.
    (tried("eve", 120, 121, C),),
    # Ann again, 31 minutes after her first charge ended: another visit.
    (tried("ann", 71, 99, S),),
    # Somebody unknown tries a socket again after 2 minutes: the same visit.
    (tried(None, 200, 201, F, "CP9"), tried(None, 203, 230, S, "CP9")),
    # And somebody after 3 minutes: another one.
    (tried(None, 233.1, 234, F, "CP9"),),
]


def test_visits_by_hand() -> None:
    """Seven visits: Ann twice at once; Ben, Dee and the unknown driver at last; Cem and the last one never.

    First attempt 2/7, troubled 3/7, failed 2/7; with any attempt 5/7.
    """
    attempts = [each for visit in VISITS for each in visit]
    total = VisitSums()
    for _, sums in visits(attempts):
        total += sums
    assert total == VisitSums(visits=7, first_attempt=2, troubled=3, failed=2)
    found = {figure.name: figure.value for figure in of_visits(total)}
    assert found == {"first_attempt_success": 2 / 7, "troubled_visits": 3 / 7, "failed_visits": 2 / 7}


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("energy_per_connector_day", 220.1, "very busy"),
        ("energy_per_connector_day", 220.0, "busy"),
        ("energy_per_connector_day", 150.1, "busy"),
        ("energy_per_connector_day", 150.0, "ordinary"),
        ("energy_per_connector_day", 20.1, "ordinary"),
        ("energy_per_connector_day", 20.0, "hardly used"),
        ("energy_per_connector_day", 0.0, "hardly used"),
        ("utilisation_occupied", 0.201, "very busy"),
        ("utilisation_occupied", 0.20, "busy"),
        ("utilisation_occupied", 0.151, "busy"),
        ("utilisation_occupied", 0.15, "ordinary"),
        ("utilisation_occupied", 0.051, "ordinary"),
        ("utilisation_occupied", 0.05, "hardly used"),
        ("utilisation_occupied", None, ""),
        ("utilisation_charging", 0.5, ""),
    ],
)
def test_how_busy_a_connector_is_by_the_six_marks(name: str, value: float | None, word: str) -> None:
    assert benchmark(name, value) == word
