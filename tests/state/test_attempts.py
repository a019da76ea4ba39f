"""Attempts: what drivers and apps tried, and whether a transaction came of it."""

from __future__ import annotations

import pytest
from tests.support.play import Play

from nocwatch.flags import Blame
from nocwatch.frames import Direction
from nocwatch.sessions import Outcome, Reason, StartSource
from nocwatch.state.changes import SessionChanged


def verdict(play: Play) -> tuple[Outcome, Reason | None, Blame | None]:
    return play.session.outcome, play.session.reason, play.session.blame


def test_a_refused_card_is_rejected_at_once() -> None:
    play = Play().begin()
    play.authorize("BAD", "Blocked")
    assert verdict(play) == (Outcome.REJECTED, Reason.AUTH_REJECTED, Blame.DRIVER)
    assert play.session.blame_evidence[0].text == "Authorize was answered Blocked after 0.1 s."
    assert len(play.session.blame_evidence[0].frames) == 2


def test_ten_refused_cards_are_ten_attempts() -> None:
    play = Play().begin()
    for number in range(10):
        play.authorize(f"BAD{number}", "Invalid")
        play.wait(20)
    assert [each.outcome for each in play.sessions] == [Outcome.REJECTED] * 10


def test_an_accepted_card_that_is_not_used_is_cancelled() -> None:
    play = Play().begin()
    play.authorize("TAG")
    assert play.session.outcome is Outcome.ONGOING
    play.wait(299)
    assert play.session.outcome is Outcome.ONGOING
    play.wait(2)
    assert verdict(play) == (Outcome.CANCELLED, Reason.AUTH_UNUSED, Blame.DRIVER)


def test_a_card_answered_after_28_seconds_and_given_up_is_the_csmss_fault() -> None:
    play = Play().begin()
    play.authorize("TAG", after=28)
    play.wait(400)
    assert verdict(play) == (Outcome.FAILED, Reason.AUTH_TIMEOUT, Blame.CSMS)
    assert play.session.blame_evidence[0].text == "Authorize was answered after 28.0 s."


def test_a_card_that_is_never_answered_is_the_csmss_fault() -> None:
    play = Play().begin()
    play.authorize("TAG", None)
    play.wait(120)
    assert verdict(play) == (Outcome.FAILED, Reason.AUTH_TIMEOUT, Blame.CSMS)


def test_a_late_answer_may_still_lead_to_a_charge() -> None:
    play = Play().begin()
    message_id = play.authorize("TAG", None)
    play.wait(60)
    assert play.session.reason is Reason.AUTH_TIMEOUT
    play.answer(message_id, {"idTagInfo": {"status": "Accepted"}})
    transaction = play.start()
    assert [change.reopened for change in play.told(SessionChanged)].count(True) == 1
    play.wait(600)
    play.stop(transaction, 6000)
    assert play.session.outcome is Outcome.SUCCESS
    assert play.session.revised_because == "the transaction came after all"


def test_the_socket_is_lost_before_the_answer() -> None:
    play = Play().begin()
    play.authorize("TAG", None)
    play.wait(2)
    play.close(by="csms", code=1011, reason="fin")
    assert verdict(play) == (Outcome.FAILED, Reason.CONNECTIVITY, Blame.CSMS)


def test_the_csms_answers_the_card_with_an_error() -> None:
    play = Play().begin()
    play.error(play.call("Authorize", {"idTag": "TAG"}))
    assert verdict(play) == (Outcome.FAILED, Reason.CSMS_ERROR, Blame.CSMS)


def test_a_remote_start_that_is_refused() -> None:
    play = Play().begin()
    play.remote_start("APP", 1, "Rejected")
    assert verdict(play) == (Outcome.FAILED, Reason.REMOTE_START_REJECTED, Blame.CHARGER)
    assert play.session.start_source is StartSource.REMOTE


def test_a_remote_start_on_a_connector_in_use_is_the_csmss_mistake() -> None:
    play = Play().begin()
    play.start(1, "TAG")
    play.status(1, "Charging")
    play.remote_start("APP", 1, "Rejected")
    assert play.sessions[-1].blame is Blame.CSMS


def test_a_remote_start_that_the_station_answers_with_an_error() -> None:
    play = Play().begin()
    message_id = play.remote_start("APP", 1, None)
    play.error(message_id, by=Direction.FROM_STATION)
    assert verdict(play)[:2] == (Outcome.FAILED, Reason.REMOTE_START_REJECTED)


@pytest.mark.parametrize(("plugged", "blame"), [(True, Blame.CHARGER), (False, Blame.DRIVER)])
def test_a_remote_start_that_is_accepted_and_nothing_comes(plugged: bool, blame: Blame) -> None:
    play = Play().begin()
    if plugged:
        play.status(1, "Preparing")
    play.remote_start("APP", 1)
    play.wait(119)
    assert play.session.outcome is Outcome.ONGOING
    play.wait(2)
    assert verdict(play) == (Outcome.FAILED, Reason.REMOTE_START_NO_TX, blame)


def test_the_stations_own_patience_is_respected() -> None:
    play = Play().begin()
    play.configuration("ConnectionTimeOut", "240")
    play.remote_start("APP", 1)
    play.wait(239)
    assert play.session.outcome is Outcome.ONGOING
    play.wait(3)
    assert play.session.reason is Reason.REMOTE_START_NO_TX


def test_a_transaction_after_the_patience_takes_the_attempt_over() -> None:
    play = Play().begin()
    play.remote_start("APP", 1)
    play.wait(200)
    assert play.session.reason is Reason.REMOTE_START_NO_TX
    transaction = play.start(1, "APP")
    play.wait(600)
    play.stop(transaction, 6000)
    assert play.session.outcome is Outcome.SUCCESS


def test_remote_start_authorize_and_transaction_are_one_session() -> None:
    play = Play().begin(1, 2)
    play.remote_start("APP", 2)
    play.authorize("APP")
    play.status(2, "Preparing")
    transaction = play.start(2, "APP")
    play.wait(600)
    play.stop(transaction, 6000, "Remote")
    session = play.session
    assert (session.outcome, session.start_source, session.connector) == (
        Outcome.SUCCESS,
        StartSource.REMOTE,
        2,
    )
    assert session.start_confidence >= 0.9


def test_a_card_answered_too_late_is_nobodys_failure_when_the_second_try_works() -> None:
    play = Play().begin()
    play.authorize("TAG", "Invalid")
    play.wait(20)
    play.authorize("TAG")
    transaction = play.start()
    play.wait(600)
    play.stop(transaction, 6000)
    assert [each.outcome for each in play.sessions] == [Outcome.REJECTED, Outcome.SUCCESS]


def test_the_card_that_stops_a_charge_is_no_attempt() -> None:
    play = Play().begin(1, 2)
    transaction = play.start(1, "TAG")
    play.wait(600)
    play.authorize("TAG")
    play.stop(transaction, 6000, token="TAG")
    play.wait(1000)
    assert play.session.outcome is Outcome.SUCCESS


def test_another_card_of_the_group_that_stops_a_charge_is_no_attempt() -> None:
    play = Play().begin(1)
    transaction = play.start(1, "TAG")
    play.wait(600)
    play.authorize("SISTER")
    play.stop(transaction, 6000, token="SISTER")
    play.wait(1000)
    assert play.session.outcome is Outcome.SUCCESS


def test_a_strangers_refused_card_during_a_charge_is_an_attempt_of_its_own() -> None:
    play = Play().begin(1)
    play.start(1, "TAG")
    play.wait(600)
    play.authorize("STRANGER", "Invalid")
    assert [each.outcome for each in play.sessions] == [Outcome.ONGOING, Outcome.REJECTED]


def test_a_station_that_ignores_the_refusal_and_charges_is_one_session() -> None:
    play = Play().begin()
    play.authorize("TAG", "Invalid")
    transaction = play.start(status="Invalid")
    play.wait(600)
    play.stop(transaction, 6000)
    assert play.session.outcome is Outcome.SUCCESS
    assert play.session.energy_wh == 5000


@pytest.mark.parametrize(("token", "source"), [("", StartSource.FREE), ("TAG", StartSource.RFID)])
def test_a_start_without_an_act_before_it(token: str, source: StartSource) -> None:
    play = Play().begin()
    play.start(1, token)
    assert play.session.start_source is source
    assert play.session.start_confidence <= 0.5


def test_a_station_that_waits_for_the_cable_after_a_remote_start_shows_preparing() -> None:
    play = Play().begin()
    play.remote_start("APP", 1)
    play.status(1, "Preparing")
    play.wait(60)
    play.status(1, "Available")
    play.wait(70)
    assert verdict(play) == (Outcome.FAILED, Reason.REMOTE_START_NO_TX, Blame.DRIVER)
