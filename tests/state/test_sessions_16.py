"""Sessions of OCPP 1.6, one story a rule."""

from __future__ import annotations

import pytest
from tests.support.play import T0_NS, Play

from nocwatch.flags import Blame
from nocwatch.moments import SECOND_NS
from nocwatch.sessions import Outcome, Reason, StartSource
from nocwatch.state.changes import SessionChanged, SessionMetered


def verdict(play: Play) -> tuple[Outcome, Reason | None, Blame | None]:
    return play.session.outcome, play.session.reason, play.session.blame


def charged(
    play: Play, *, connector: int = 1, start: float = 1000, wh: float = 5000, seconds: float = 600
) -> int:
    """A transaction that has charged, up to its stop."""
    play.status(connector, "Preparing")
    transaction = play.start(connector, "TAG", start)
    play.status(connector, "Charging")
    for part in range(1, 6):
        play.wait(seconds / 5)
        play.meter(connector, start + wh * part / 5, transaction)
    return transaction


def test_a_card_a_charge_and_a_free_connector_are_one_success() -> None:
    play = Play().begin()
    play.authorize("TAG")
    transaction = charged(play)
    play.stop(transaction, 6000)
    play.status(1, "Finishing")
    play.wait(60)
    play.status(1, "Available")
    session = play.session
    assert (session.outcome, session.reason, session.energy_wh) == (Outcome.SUCCESS, None, 5000)
    assert (session.meter_start_wh, session.meter_stop_wh, session.transaction) == (1000, 6000, transaction)
    assert (session.start_source, session.token, session.version) == (StartSource.RFID, "TAG", "1.6")
    assert list(session.milestones) == ["created", "starting", "charging", "stopped", "completed", "released"]
    ended = [change for change in play.told(SessionChanged) if change.ended]
    assert len(ended) == 1
    assert not any(change.revised for change in play.told(SessionChanged))


def test_the_provisional_transaction_is_seen_before_it_has_an_id() -> None:
    play = Play().begin()
    play.start(answered=False)
    assert play.session.outcome is Outcome.ONGOING
    assert play.session.transaction is None


def test_a_start_sent_again_under_a_new_id_is_the_same_transaction() -> None:
    play = Play().begin()
    play.start(at=31, answered=False)
    play.wait(20)
    transaction = play.start(at=31)
    play.wait(600)
    play.stop(transaction, 6000)
    assert play.session.energy_wh == 5000
    assert play.session.transaction == transaction


def test_the_csms_gives_a_retried_start_two_ids_and_the_stop_names_the_first() -> None:
    play = Play().begin()
    first = play.start(at=31)
    play.start(at=31)
    play.wait(600)
    play.stop(first, 6000)
    assert verdict(play) == (Outcome.SUCCESS, None, None)


def test_a_second_start_of_the_same_card_later_is_another_transaction() -> None:
    play = Play().begin()
    for meter in (1000, 6000):
        transaction = play.start(1, "TAG", meter)
        play.wait(600)
        play.stop(transaction, meter + 5000)
    assert [each.energy_wh for each in play.sessions] == [5000, 5000]


@pytest.mark.parametrize("transaction", [0, -7, 2**63 - 1])
def test_strange_transaction_ids_of_the_csms(transaction: int) -> None:
    play = Play().begin()
    play.start(transaction=transaction)
    play.wait(600)
    play.meter(1, 3000, transaction)
    play.stop(transaction, 6000)
    assert verdict(play) == (Outcome.SUCCESS, None, None)
    assert play.session.transaction == transaction


def test_id_zero_on_two_connectors_finds_its_own_stop_by_the_card() -> None:
    play = Play().begin(1, 2)
    play.start(1, "ONE", 1000, transaction=0)
    play.wait(5)
    play.start(2, "TWO", 50_000, transaction=0)
    play.wait(600)
    play.stop(0, 6000, token="ONE")
    play.stop(0, 58_000, token="TWO")
    assert [(each.connector, each.energy_wh) for each in play.sessions] == [(1, 5000), (2, 8000)]


def test_minus_one_is_the_start_that_never_got_its_answer() -> None:
    play = Play().begin(1, 2)
    answered = play.start(1, "ONE", 1000)
    play.wait(5)
    play.start(2, "TWO", 2000, answered=False)
    play.wait(600)
    play.stop(-1, 9000)
    play.wait(60)
    play.stop(answered, 6000)
    assert [(each.connector, each.energy_wh, each.outcome) for each in play.sessions] == [
        (1, 5000, Outcome.SUCCESS),
        (2, 7000, Outcome.SUCCESS),
    ]


def test_a_stop_without_a_start_is_still_a_session() -> None:
    play = Play().begin()
    play.stop(99, 6000)
    session = play.session
    assert (session.transaction, session.energy_wh, session.meter_stop_wh) == (99, None, 6000)
    assert (session.outcome, session.reason) == (Outcome.FAILED, Reason.UNKNOWN)
    assert any(step.name == "stop_without_start" for step in session.steps)


def test_a_transaction_under_way_when_the_watch_began_is_followed() -> None:
    play = Play().begin()
    play.meter(1, 20_000, 77)
    play.wait(600)
    play.meter(1, 25_000, 77)
    assert play.session.outcome is Outcome.ONGOING
    play.stop(77, 26_000)
    assert (play.session.outcome, play.session.energy_wh) == (Outcome.SUCCESS, 6000)


def test_no_stop_reason_means_local() -> None:
    play = Play().begin()
    transaction = charged(play)
    play.stop(transaction, 6000, reason=None)
    assert verdict(play) == (Outcome.SUCCESS, None, None)
    assert play.session.stop_reason is None


def test_replayed_stop_is_late_and_a_clock_that_is_wrong_is_not() -> None:
    play = Play().begin()
    transaction = charged(play)
    play.close()
    play.wait(300)
    stopped = play.now_s
    play.wait(600)
    play.open()
    play.wait(1)
    play.stop(transaction, 6500, at=stopped)
    session = play.session
    assert session.late
    assert session.outcome is Outcome.SUCCESS
    assert session.stopped_at_ns == T0_NS + round(stopped * 1e9)
    assert [change.late for change in play.told(SessionChanged) if change.ended] == [True]

    slow = Play().begin()
    slow.wait(7200)
    transaction = slow.start(at=slow.now_s - 3600)
    slow.wait(600)
    slow.stop(transaction, 6000, at=slow.now_s - 3600)
    assert not slow.session.late, "a clock an hour behind is not a replay"


def test_a_whole_session_replayed_after_an_outage() -> None:
    play = Play().begin()
    play.close()
    play.wait(7200)
    play.open()
    transaction = play.start(1, "TAG", 1000, at=600)
    play.stop(transaction, 9000, at=4000)
    session = play.session
    assert (session.late, session.outcome, session.energy_wh) == (True, Outcome.SUCCESS, 8000)
    assert session.started_at_ns == T0_NS + 600 * 10**9


def test_lost_stop_by_a_new_start_on_the_connector() -> None:
    play = Play().begin()
    charged(play)
    play.wait(3600)
    play.start(1, "OTHER", 9000)
    lost, new = play.sessions
    assert (lost.outcome, lost.reason, lost.blame, lost.energy_wh) == (
        Outcome.FAILED,
        Reason.LOST_STOP,
        Blame.CHARGER,
        5000,
    )
    assert new.outcome is Outcome.ONGOING


def test_lost_stop_ten_minutes_after_the_connector_was_free_and_reopened_by_the_late_stop() -> None:
    play = Play().begin()
    transaction = charged(play)
    play.status(1, "Available")
    play.wait(599)
    assert play.session.outcome is Outcome.ONGOING
    play.wait(2)
    assert verdict(play) == (Outcome.FAILED, Reason.LOST_STOP, Blame.CHARGER)
    play.wait(3600)
    play.stop(transaction, 6200)
    assert verdict(play) == (Outcome.SUCCESS, None, None)
    assert play.session.energy_wh == 5200
    assert play.session.revised_because == "the stop came after all"
    last = [change for change in play.told(SessionChanged) if change.revised]
    assert len(last) == 1
    assert last[0].before is not None
    assert last[0].before.reason is Reason.LOST_STOP


def test_offline_a_stop_is_not_lost_but_in_the_queue() -> None:
    play = Play().begin()
    charged(play)
    play.status(1, "Available")
    play.close()
    play.wait(3600)
    assert play.session.outcome is Outcome.ONGOING
    play.open()
    play.wait(599)
    assert play.session.outcome is Outcome.ONGOING
    play.wait(2)
    assert play.session.reason is Reason.LOST_STOP


def test_after_a_day_offline_the_session_is_closed_for_its_connection() -> None:
    play = Play().begin()
    charged(play)
    play.close(by="relay", reason="timeout")
    play.wait(86_401)
    assert verdict(play) == (Outcome.FAILED, Reason.CONNECTIVITY, Blame.NETWORK)


def test_meter_values_after_a_lost_stop_open_it_again() -> None:
    play = Play().begin()
    transaction = charged(play)
    play.status(1, "Available")
    play.wait(700)
    play.meter(1, 6500, transaction)
    assert play.session.outcome is Outcome.ONGOING
    assert [change.reopened for change in play.told(SessionChanged)].count(True) == 1


def test_a_boot_in_mid_transaction_interrupts_and_meter_values_resume() -> None:
    play = Play().begin()
    transaction = charged(play)
    play.close()
    play.wait(30)
    play.open()
    play.boot()
    assert "interrupted" in [step.name for step in play.session.steps]
    play.meter(1, 6500, transaction)
    assert "resumed" in [step.name for step in play.session.steps]
    play.wait(60)
    play.stop(transaction, 7000)
    assert play.session.outcome is Outcome.SUCCESS
    assert any("connection was lost for 30.0 s" in issue.text for issue in play.session.issues)


def test_a_boot_that_was_asked_for_interrupts_nothing() -> None:
    play = Play().begin()
    charged(play)
    play.command("TriggerMessage", {"requestedMessage": "BootNotification"})
    play.boot()
    assert "interrupted" not in [step.name for step in play.session.steps]
    assert play.fleet.stations["CP1"].boots == 1


@pytest.mark.parametrize(
    ("reason", "expected", "blame"),
    [
        ("PowerLoss", Reason.POWER_LOSS, Blame.UNKNOWN),
        ("EmergencyStop", Reason.EMERGENCY_STOP, Blame.DRIVER),
        ("Reboot", Reason.REBOOT, Blame.CHARGER),
        ("HardReset", Reason.REBOOT, Blame.CHARGER),
        ("SoftReset", Reason.REBOOT, Blame.CHARGER),
        ("DeAuthorized", Reason.DEAUTHORISED, Blame.CSMS),
        ("Other", Reason.UNKNOWN, Blame.UNKNOWN),
    ],
)
def test_stop_reasons_that_are_failures(reason: str, expected: Reason, blame: Blame) -> None:
    play = Play().begin()
    play.stop(charged(play), 6000, reason)
    assert verdict(play) == (Outcome.FAILED, expected, blame)
    assert play.session.blame_evidence[0].frames


@pytest.mark.parametrize("reason", ["Local", "Remote", "EVDisconnected", "UnlockCommand"])
def test_stop_reasons_that_are_valid(reason: str) -> None:
    play = Play().begin()
    play.stop(charged(play), 6000, reason)
    assert verdict(play) == (Outcome.SUCCESS, None, None)


def test_a_reset_that_the_csms_ordered_is_its_own_doing() -> None:
    play = Play().begin()
    transaction = charged(play)
    play.command("Reset", {"type": "Soft"})
    play.stop(transaction, 6000, "SoftReset")
    assert verdict(play) == (Outcome.FAILED, Reason.REBOOT, Blame.CSMS)
    assert "ordered a reset" in play.session.blame_evidence[1].text


@pytest.mark.parametrize(
    ("error", "expected", "blame"),
    [
        ("EVCommunicationError", Reason.EV_COMM, Blame.UNKNOWN),
        ("ConnectorLockFailure", Reason.CONNECTOR_LOCK, Blame.CHARGER),
        ("GroundFailure", Reason.ELECTRICAL_SAFETY, Blame.CHARGER),
        ("OverCurrentFailure", Reason.ELECTRICAL_SAFETY, Blame.CHARGER),
        ("OverVoltage", Reason.ELECTRICAL_SAFETY, Blame.CHARGER),
        ("UnderVoltage", Reason.ELECTRICAL_SAFETY, Blame.CHARGER),
        ("PowerMeterFailure", Reason.METER, Blame.CHARGER),
        ("HighTemperature", Reason.THERMAL, Blame.CHARGER),
    ],
)
def test_an_error_code_explains_the_failure(error: str, expected: Reason, blame: Blame) -> None:
    play = Play().begin()
    transaction = play.start()
    play.wait(20)
    play.status(1, "Faulted", error, info="it broke")
    play.stop(transaction, 1000, "Other")
    assert verdict(play) == (Outcome.FAILED, expected, blame)
    assert f"reported {error} (it broke)" in play.session.blame_evidence[0].text


def test_an_error_in_a_session_that_charged_to_its_end_is_no_failure() -> None:
    play = Play().begin()
    transaction = charged(play)
    play.status(1, "Charging", "WeakSignal")
    play.stop(transaction, 6000)
    assert play.session.outcome is Outcome.SUCCESS


def test_an_mrec_code_in_the_vendors_field_counts_and_a_bit_string_does_not() -> None:
    for code, reason in (
        ("CX002", Reason.ELECTRICAL_SAFETY),
        ("0x0000", Reason.UNKNOWN),
        ("01001000", Reason.UNKNOWN),
    ):
        play = Play().begin()
        transaction = play.start()
        play.wait(20)
        play.status(1, "Faulted", "NoError", vendorErrorCode=code, info="null")
        play.stop(transaction, 1000, "Other")
        assert play.session.reason is reason


def test_zero_energy_after_more_than_two_minutes_is_a_failure() -> None:
    play = Play().begin()
    play.status(1, "Preparing")
    transaction = play.start()
    play.wait(300)
    play.stop(transaction, 1050)
    assert verdict(play) == (Outcome.FAILED, Reason.ZERO_ENERGY, Blame.CHARGER)
    assert play.session.blame_evidence[0].text == "50 Wh in the 5 min from the start to the stop."


def test_zero_energy_because_the_vehicle_took_none() -> None:
    play = Play().begin()
    transaction = play.start()
    play.status(1, "SuspendedEV")
    play.wait(300)
    play.stop(transaction, 1000)
    assert verdict(play) == (Outcome.FAILED, Reason.ZERO_ENERGY, Blame.VEHICLE)


def test_zero_energy_because_the_csms_allowed_none() -> None:
    play = Play().begin()
    transaction = play.start()
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 0.0}]}
    profile = {
        "chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxProfile", "chargingProfileKind": "Relative",
        "chargingSchedule": schedule,
    }  # fmt: skip
    play.command("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": profile})
    play.status(1, "SuspendedEVSE")
    play.wait(300)
    play.stop(transaction, 1000)
    assert verdict(play) == (Outcome.FAILED, Reason.ZERO_ENERGY, Blame.CSMS)


def test_a_driver_who_stops_at_once_cancelled() -> None:
    play = Play().begin()
    transaction = play.start()
    play.wait(100)
    play.stop(transaction, 1000)
    assert verdict(play) == (Outcome.CANCELLED, Reason.ENDED_BY_DRIVER, Blame.DRIVER)


def test_a_driver_who_stops_at_once_after_an_error_did_not_cancel() -> None:
    play = Play().begin()
    transaction = play.start()
    play.status(1, "Faulted", "ConnectorLockFailure")
    play.wait(60)
    play.stop(transaction, 1000)
    assert verdict(play) == (Outcome.FAILED, Reason.CONNECTOR_LOCK, Blame.CHARGER)


def test_a_start_refused_and_stopped_for_it_is_rejected() -> None:
    play = Play().begin()
    transaction = play.start(status="Blocked")
    play.wait(2)
    play.stop(transaction, 1000, "DeAuthorized")
    assert verdict(play) == (Outcome.REJECTED, Reason.AUTH_REJECTED, Blame.DRIVER)
    assert play.session.blame_evidence[0].text == "The CSMS answered the start with Blocked."


def test_energy_after_a_refusal_decides_the_outcome() -> None:
    play = Play().begin()
    transaction = play.start(status="Invalid")
    play.wait(600)
    play.stop(transaction, 4000, "DeAuthorized")
    assert play.session.outcome is Outcome.SUCCESS


def test_a_refused_start_whose_stop_never_comes_is_rejected_too() -> None:
    play = Play().begin()
    play.status(1, "Preparing")
    play.start(status="Invalid")
    play.wait(2)
    play.status(1, "Available")
    play.wait(700)
    assert verdict(play) == (Outcome.REJECTED, Reason.AUTH_REJECTED, Blame.DRIVER)


def test_the_csms_answers_the_start_with_an_error() -> None:
    play = Play().begin()
    message_id = play.call(
        "StartTransaction", {"connectorId": 1, "idTag": "TAG", "meterStart": 1000, "timestamp": play.stamp()}
    )
    play.error(message_id)
    play.wait(20)
    play.stop(-1, 1000, "Other")
    assert verdict(play) == (Outcome.FAILED, Reason.CSMS_ERROR, Blame.CSMS)


def test_the_csms_errors_on_the_stop_and_the_station_retries_for_ever() -> None:
    play = Play().begin()
    transaction = charged(play)
    stopped = play.now_s
    for _ in range(30):
        message_id = play.stop(transaction, 6000, answered=False, at=stopped)
        play.error(message_id)
        play.wait(60)
    session = play.session
    assert (session.outcome, session.energy_wh, session.reason) == (Outcome.SUCCESS, 5000, None)
    assert [issue.text for issue in session.issues] == ["The CSMS answered the stop with InternalError."]
    assert "completed" not in session.milestones


def test_a_retried_stop_is_counted_once() -> None:
    play = Play().begin()
    transaction = charged(play)
    stopped = play.now_s
    for _ in range(3):
        play.stop(transaction, 6000, at=stopped)
        play.wait(5)
    assert play.session.energy_wh == 5000
    assert [change.ended for change in play.told(SessionChanged)].count(True) == 1
    assert not any(change.revised for change in play.told(SessionChanged))


@pytest.mark.parametrize(
    ("second", "energy"), [(6400, 5400), (5200, 5000), (-1, 5000), (0, 5000), (9e12, 5000)]
)
def test_of_several_stops_the_highest_that_can_be_holds(second: float, energy: float) -> None:
    play = Play().begin()
    transaction = charged(play)
    play.stop(transaction, 6000)
    play.wait(10)
    play.stop(transaction, second)
    assert play.session.energy_wh == energy
    assert [change.revised for change in play.told(SessionChanged)].count(True) == (energy != 5000)


def test_closing_meter_values_after_the_stop_add_nothing() -> None:
    play = Play().begin()
    transaction = charged(play)
    play.stop(transaction, 6000)
    play.meter(1, 6000, transaction)
    play.meter(1, 6010, transaction)
    assert play.session.energy_wh == 5000
    assert not any(change.revised for change in play.told(SessionChanged))


def test_the_socket_drops_right_after_the_start_and_nothing_comes_of_it() -> None:
    play = Play().begin()
    play.status(1, "Preparing")
    play.start()
    play.wait(0.8)
    play.close(by="station", reason="reset")
    play.wait(20)
    play.open()
    play.status(1, "Available")
    play.wait(700)
    assert verdict(play) == (Outcome.FAILED, Reason.CONNECTIVITY, Blame.CHARGER)
    assert play.session.blame_evidence[1].text == "That was 0.8 s after the answer to the start."


@pytest.mark.parametrize(
    ("by", "code", "reason", "blame"),
    [
        ("csms", 1001, "fin", Blame.CSMS),
        ("station", 1000, "fin", Blame.CHARGER),
        ("station", None, "timeout", Blame.NETWORK),
    ],
)
def test_a_session_that_ended_while_the_socket_was_gone(
    by: str, code: int | None, reason: str, blame: Blame
) -> None:
    play = Play().begin()
    transaction = play.start()
    play.wait(60)
    play.close(by=by, code=code, reason=reason)
    play.wait(10)
    stopped = play.now_s
    play.wait(600)
    play.open()
    play.stop(transaction, 1000, "Local", at=stopped)
    assert verdict(play) == (Outcome.FAILED, Reason.CONNECTIVITY, blame)


def test_a_stop_over_a_dying_socket_is_stamped_a_moment_before_its_end() -> None:
    play = Play().begin()
    transaction = play.start()
    play.wait(0.8)
    stopped = play.now_s
    play.wait(0.002)
    play.close(by="station", reason="fin")
    play.wait(0.1)
    play.open()
    play.stop(transaction, 1100, "Other", at=stopped)
    assert verdict(play) == (Outcome.FAILED, Reason.CONNECTIVITY, Blame.CHARGER)


def test_a_stop_that_was_heard_has_nothing_to_do_with_a_socket_lost_after_it() -> None:
    play = Play().begin()
    transaction = play.start()
    play.wait(60)
    play.stop(transaction, 1100, "Other")
    play.wait(1)
    play.close(by="station", reason="fin")
    play.wait(10)
    play.open()
    assert verdict(play) == (Outcome.FAILED, Reason.UNKNOWN, Blame.UNKNOWN)


def test_two_connectors_at_once_keep_their_energies_apart() -> None:
    play = Play().begin(1, 2)
    one, two = play.start(1, "ONE", 1000), play.start(2, "TWO", 500_000)
    for minute in range(1, 6):
        play.wait(60)
        play.meter(1, 1000 + 100 * minute)
        play.meter(2, 500_000 + 700 * minute, 0)
    play.stop(one, 1500)
    play.stop(two, 503_500)
    assert [(each.connector, each.energy_wh) for each in play.sessions] == [(1, 500), (2, 3500)]


def test_a_remote_stop_is_a_milestone() -> None:
    play = Play().begin()
    transaction = charged(play)
    play.remote_stop(transaction)
    play.stop(transaction, 6000, "Remote")
    assert "stopping" in play.session.milestones


@pytest.mark.parametrize(
    ("stamped_s", "order"),
    [(31, ["created", "starting"]), (30.2, ["created", "starting"]), (20, ["starting", "created"])],
)
def test_a_start_stamped_in_whole_seconds_does_not_come_before_the_authorisation(
    stamped_s: float, order: list[str]
) -> None:
    play = Play().begin()
    play.wait(0.7)
    play.authorize("TAG")
    play.start(at=stamped_s)
    session = play.session
    assert list(session.milestones) == order
    assert list(session.milestones.values()) == sorted(session.milestones.values())
    assert session.started_at_ns == T0_NS + round(stamped_s * SECOND_NS)
    names = [step.name for step in session.steps]
    assert names.index("starting") < names.index("started")


def test_a_stop_stamped_in_whole_seconds_does_not_come_before_its_order() -> None:
    play = Play().begin()
    transaction = play.start()
    play.wait(600.7)
    play.remote_stop(transaction)
    play.stop(transaction, reason="Remote", at=int(play.now_s))
    assert list(play.session.milestones) == [
        "created",
        "starting",
        "stopping",
        "stopped",
        "completed",
        "released",
    ]


def test_suspensions_are_kept_between_the_milestones() -> None:
    play = Play().begin()
    transaction = charged(play)
    play.status(1, "SuspendedEV")
    assert play.session.suspended_by == "ev"
    play.wait(60)
    play.status(1, "Charging")
    assert play.session.suspended_by is None
    play.stop(transaction, 6000)
    names = [step.name for step in play.session.steps]
    assert names.index("suspended_ev") < names.index("resumed") < names.index("stopped")


def test_energy_shows_that_it_charges_where_no_status_does() -> None:
    play = Play().begin()
    transaction = play.start()
    play.wait(60)
    play.meter(1, 1040, transaction)
    assert "charging" not in play.session.milestones
    play.wait(60)
    play.meter(1, 1060, transaction)
    assert "charging" in play.session.milestones


def test_a_connector_that_says_available_while_its_meter_runs_has_not_lost_its_stop() -> None:
    play = Play().begin()
    transaction = play.start()
    play.status(1, "Available")
    for minute in range(1, 30):
        play.wait(60)
        play.meter(1, 1000 + 100 * minute, transaction)
    assert play.session.outcome is Outcome.ONGOING
    play.wait(601)
    assert play.session.reason is Reason.LOST_STOP


def test_the_old_half_of_a_double_socket_is_no_loss_in_the_session() -> None:
    play = Play().begin()
    transaction = charged(play)
    old = play.connection
    play.open()
    play.close(connection=old, by="relay", reason="timeout")
    play.wait(60)
    play.stop(transaction, 6500)
    assert play.session.issues == ()
    assert "offline" not in [step.name for step in play.session.steps]


def test_minus_one_means_the_older_start_where_that_one_was_not_answered() -> None:
    play = Play().begin(1, 2)
    play.start(1, "ONE", 1000, answered=False)
    play.wait(5)
    play.start(2, "TWO", 1000)
    play.wait(600)
    play.stop(-1, 9000)
    assert [(each.connector, each.outcome) for each in play.sessions] == [
        (1, Outcome.SUCCESS),
        (2, Outcome.ONGOING),
    ]


def test_the_same_card_at_the_same_register_again_is_another_try() -> None:
    play = Play().begin()
    for _ in range(2):
        transaction = play.start()
        play.wait(60)
        play.stop(transaction, 1000)
        play.wait(60)
    assert [each.reason for each in play.sessions] == [Reason.ENDED_BY_DRIVER, Reason.ENDED_BY_DRIVER]


def test_a_backlog_of_old_samples_at_the_first_connect_is_no_session() -> None:
    play = Play()
    play.clock[0] = 100_000
    play.open()
    for minute in range(20):
        play.meter(1, 1000 + minute, 17, at=50_000 + 60 * minute)
    assert play.sessions == []
    assert all(each.late and each.session is None for each in play.told(SessionMetered))


def test_samples_without_an_id_belong_to_the_transaction_on_the_connector_and_to_none_after_it() -> None:
    play = Play().begin()
    play.meter(1, 900)
    transaction = play.start()
    play.wait(60)
    play.meter(1, 1500)
    play.stop(transaction, 1600)
    play.wait(600)
    play.meter(1, 1700)
    assert [each.session is not None for each in play.told(SessionMetered)] == [False, True, False]


def test_a_station_without_a_clock_keeps_its_energy() -> None:
    play = Play().begin()
    transaction = play.start(1, "TAG", 1000, at="1970-01-01T00:00:10Z")
    play.wait(1)
    play.stop(transaction, 31_000, at="1970-01-01T01:00:00Z")
    assert play.session.energy_wh == 30_000
    assert play.session.started_at_ns > T0_NS


def test_a_register_that_fell_on_the_way_is_an_issue_of_the_session_and_zeros_of_a_meter_are_not() -> None:
    """Otherwise a success of 4.94 kWh stands there without a word beside a curve that says something else."""
    for readings, doubted in (((1000, 2000, 1200, 1700), True), ((1000, 2000, 0, 0, 2500), False)):
        play = Play().begin()
        play.authorize("TAG")
        play.status(1, "Preparing")
        transaction = play.start(1, "TAG", 1000)
        play.status(1, "Charging")
        for reading in readings:
            play.wait(60)
            play.meter(1, reading, transaction)
        said = [each.text for each in play.session.issues if "ran backwards" in each.text]
        assert bool(said) is doubted, readings
