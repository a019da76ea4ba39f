"""Sessions of OCPP 2.0.1, one story a rule."""

# ruff: noqa: S107 - tokens of a play are no passwords
from __future__ import annotations

import pytest
from tests.support.play import Play

from nocwatch.flags import Blame
from nocwatch.network import ConnectorStatus
from nocwatch.sessions import Outcome, Reason, StartSource
from nocwatch.state.changes import SessionChanged


def play_201() -> Play:
    return Play(version="2.0.1").begin()


def charge(
    play: Play,
    *,
    energy: float = 5000,
    start: float = 1000,
    token: str | None = "TAG",
    kind: str = "ISO14443",
) -> None:
    play.status(1, "Occupied")
    play.transaction("Started", trigger="CablePluggedIn", evse=1, state="EVConnected", register=start)
    play.wait(5)
    play.transaction(
        "Updated", trigger="Authorized", token=token, token_type=kind, status="Accepted", state="Charging"
    )
    for part in range(1, 6):
        play.wait(120)
        play.transaction("Updated", trigger="MeterValuePeriodic", register=start + energy * part / 5)


def end(
    play: Play,
    reason: str | None = "Local",
    *,
    register: float | None = 6000,
    trigger: str = "StopAuthorized",
) -> None:
    play.transaction("Ended", trigger=trigger, reason=reason, register=register)


def test_cable_first_card_second() -> None:
    play = play_201()
    charge(play)
    end(play)
    play.wait(20)
    play.status(1, "Available")
    session = play.session
    assert (session.outcome, session.energy_wh, session.transaction, session.evse) == (
        Outcome.SUCCESS,
        5000,
        "T1",
        1,
    )
    assert (session.start_source, session.token) == (StartSource.RFID, "TAG")
    assert list(session.milestones) == ["created", "starting", "charging", "stopped", "completed", "released"]


def test_started_is_not_energy() -> None:
    play = play_201()
    play.transaction("Started", trigger="CablePluggedIn", evse=1, state="EVConnected", register=1000)
    assert "charging" not in play.session.milestones


def test_card_first_and_the_token_comes_with_an_update() -> None:
    play = play_201()
    play.authorize("TAG")
    play.wait(10)
    charge(play)
    end(play)
    assert play.session.outcome is Outcome.SUCCESS


def test_cable_first_then_authorize_is_one_session() -> None:
    play = play_201()
    play.transaction("Started", trigger="CablePluggedIn", evse=1, state="EVConnected", register=1000)
    play.authorize("TAG")
    play.transaction("Updated", trigger="Authorized", token="TAG", status="Accepted", state="Charging")
    play.wait(600)
    end(play)
    assert play.session.outcome is Outcome.SUCCESS


def test_two_cables_first_and_each_card_finds_its_own() -> None:
    play = Play(version="2.0.1").begin(1, 2)
    for evse in (1, 2):
        play.transaction(
            "Started", f"T{evse}", trigger="CablePluggedIn", evse=evse, state="EVConnected", register=1000
        )
    play.authorize("TWO")
    play.transaction("Updated", "T2", trigger="Authorized", token="TWO", status="Accepted", state="Charging")
    play.authorize("ONE", "Invalid")
    play.wait(900)
    play.transaction("Ended", "T2", trigger="StopAuthorized", reason="Local", register=6000)
    by_transaction = {each.transaction: each for each in play.sessions}
    assert set(by_transaction) == {"T1", "T2"}
    assert by_transaction["T2"].outcome is Outcome.SUCCESS
    assert by_transaction["T2"].start_source is StartSource.RFID


def test_evse_comes_with_the_second_message() -> None:
    play = play_201()
    play.transaction("Started", trigger="Authorized", token="TAG", status="Accepted")
    assert play.session.evse is None
    play.transaction("Updated", trigger="CablePluggedIn", evse=1, state="Charging")
    assert play.session.evse == 1
    assert play.connector().session == play.session.id


def test_remote_start_is_joined_by_its_id() -> None:
    play = play_201()
    play.remote_start("APP", 1, remote_id=42)
    play.wait(30)
    play.transaction(
        "Started",
        trigger="RemoteStart",
        evse=1,
        remote_id=42,
        token="OTHER",
        token_type="Central",
        register=1000,
    )
    play.wait(600)
    end(play, "Remote", trigger="RemoteStop")
    session = play.session
    assert (session.outcome, session.start_source) == (Outcome.SUCCESS, StartSource.REMOTE)
    assert session.start_confidence > 0.95


def test_remote_start_of_a_plugged_vehicle() -> None:
    play = play_201()
    play.transaction("Started", trigger="CablePluggedIn", evse=1, state="EVConnected", register=1000)
    play.remote_start("APP", 1, remote_id=7)
    play.transaction(
        "Updated", trigger="RemoteStart", remote_id=7, token="APP", token_type="Central", state="Charging"
    )
    play.wait(600)
    end(play, "Remote", trigger="RemoteStop")
    assert play.session.start_source is StartSource.REMOTE
    assert play.session.outcome is Outcome.SUCCESS


@pytest.mark.parametrize(
    ("kind", "source"),
    [
        ("ISO14443", StartSource.RFID),
        ("ISO15693", StartSource.RFID),
        ("eMAID", StartSource.PLUG_AND_CHARGE),
        ("MacAddress", StartSource.AUTOCHARGE),
        ("NoAuthorization", StartSource.FREE),
        ("DirectPayment", StartSource.TERMINAL),
    ],
)
def test_the_tokens_type_says_how_it_was_started(kind: str, source: StartSource) -> None:
    play = play_201()
    charge(play, kind=kind)
    assert play.session.start_source is source


def test_nobody_plugged_in() -> None:
    play = play_201()
    play.transaction("Started", trigger="Authorized", evse=1, token="TAG", status="Accepted")
    play.wait(180)
    end(play, "Timeout", trigger="EVConnectTimeout", register=None)
    assert (play.session.outcome, play.session.reason, play.session.blame) == (
        Outcome.CANCELLED,
        Reason.NO_PLUG_TIMEOUT,
        Blame.DRIVER,
    )


@pytest.mark.parametrize(
    "reason", ["EnergyLimitReached", "SOCLimitReached", "StoppedByEV", "TimeLimitReached", "MasterPass", None]
)
def test_valid_stops(reason: str | None) -> None:
    play = play_201()
    charge(play)
    end(play, reason)
    assert play.session.outcome is Outcome.SUCCESS


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("GroundFault", Reason.ELECTRICAL_SAFETY),
        ("OvercurrentFault", Reason.ELECTRICAL_SAFETY),
        ("PowerQuality", Reason.ELECTRICAL_SAFETY),
        ("ImmediateReset", Reason.REBOOT),
        ("PowerLoss", Reason.POWER_LOSS),
        ("EmergencyStop", Reason.EMERGENCY_STOP),
        ("DeAuthorized", Reason.DEAUTHORISED),
        ("Other", Reason.UNKNOWN),
    ],
)
def test_stops_that_are_failures(reason: str, expected: Reason) -> None:
    play = play_201()
    charge(play)
    end(play, reason, trigger="AbnormalCondition")
    assert (play.session.outcome, play.session.reason) == (Outcome.FAILED, expected)


def test_a_gap_in_seq_no_keeps_the_session_from_being_complete() -> None:
    play = play_201()
    charge(play)
    play.transaction("Ended", trigger="StopAuthorized", reason="Local", register=6000, number=20)
    assert "completed" not in play.session.milestones
    assert any("seqNo" in issue.text for issue in play.session.issues)


def test_a_gap_of_updates_while_offline_is_legal() -> None:
    play = play_201()
    charge(play)
    play.transaction(
        "Ended", trigger="StopAuthorized", reason="Local", register=6000, number=20, offline=True
    )
    assert "completed" in play.session.milestones
    assert play.session.issues == ()


def test_a_late_message_fills_the_gap() -> None:
    play = play_201()
    play.transaction("Started", trigger="Authorized", evse=1, token="TAG", register=1000, number=5)
    play.wait(300)
    play.transaction("Updated", trigger="MeterValuePeriodic", register=3000, number=7)
    play.wait(300)
    play.transaction("Ended", trigger="StopAuthorized", reason="Local", register=6000, number=8)
    assert "completed" not in play.session.milestones
    play.transaction("Updated", trigger="MeterValuePeriodic", register=2000, number=6)
    assert "completed" in play.session.milestones
    assert play.session.issues == ()


def test_offline_flag_makes_it_late() -> None:
    play = play_201()
    play.transaction("Started", trigger="Authorized", evse=1, token="TAG", register=1000, offline=True)
    assert play.session.late


def test_lost_stop_waits_for_the_station_to_be_back() -> None:
    play = play_201()
    charge(play)
    play.status(1, "Available")
    play.wait(300)
    play.close()
    play.wait(3600)
    assert play.session.outcome is Outcome.ONGOING
    play.open()
    play.wait(601)
    assert play.session.reason is Reason.LOST_STOP


def test_a_new_transaction_on_the_evse_ends_the_old_one() -> None:
    play = play_201()
    charge(play)
    play.transaction("Started", "T2", trigger="CablePluggedIn", evse=1)
    assert [each.outcome for each in play.sessions] == [Outcome.FAILED, Outcome.ONGOING]
    assert play.sessions[0].reason is Reason.LOST_STOP


def test_the_same_message_again_changes_nothing() -> None:
    play = play_201()
    charge(play)
    play.transaction("Updated", trigger="MeterValuePeriodic", register=6000, number=6)
    end(play)
    before = play.session
    play.transaction(
        "Ended", trigger="StopAuthorized", reason="Local", register=6000, number=play._sequence["T1"]
    )
    after = play.session
    assert (after.energy_wh, after.outcome) == (before.energy_wh, before.outcome)
    assert not any(change.revised for change in play.told(SessionChanged))


def test_update_without_start_is_followed() -> None:
    play = play_201()
    play.transaction("Updated", trigger="MeterValuePeriodic", evse=1, register=4000, number=11)
    play.wait(600)
    end(play, register=9000)
    assert (play.session.outcome, play.session.energy_wh) == (Outcome.SUCCESS, 5000)


def test_a_refused_token_without_energy() -> None:
    play = play_201()
    play.transaction("Started", trigger="Authorized", evse=1, token="BAD", status="Invalid", register=1000)
    play.transaction("Ended", trigger="Deauthorized", reason="DeAuthorized", register=1000)
    assert (play.session.outcome, play.session.reason) == (Outcome.REJECTED, Reason.AUTH_REJECTED)


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
    play = play_201()
    play.status(1, "Occupied")
    assert play.connector().status is ConnectorStatus.OCCUPIED
    play.transaction("Started", trigger="CablePluggedIn", evse=1, state=state)
    assert play.connector().status is shown
    assert play.connector().reported is ConnectorStatus.OCCUPIED
    end(play, register=None)
    assert play.connector().status is ConnectorStatus.FINISHING
    play.status(1, "Available")
    assert play.connector().status is ConnectorStatus.AVAILABLE


def test_a_problem_of_the_device_model_explains_the_failure() -> None:
    play = play_201()
    charge(play)
    event = {
        "eventId": 1, "timestamp": play.stamp(), "trigger": "Alerting", "actualValue": "true", "eventNotificationType": "HardWiredNotification",
        "component": {"name": "ConnectorPlugRetentionLock", "evse": {"id": 1}}, "variable": {"name": "Problem"}, "techCode": "CX025",
    }  # fmt: skip
    play.ask("NotifyEvent", {"generatedAt": play.stamp(), "seqNo": 0, "eventData": [event]}, {})
    end(play, "Other", trigger="AbnormalCondition")
    assert (play.session.outcome, play.session.reason) == (Outcome.FAILED, Reason.CONNECTOR_LOCK)


def test_ev_departed_releases() -> None:
    play = play_201()
    charge(play)
    end(play, "EVDisconnected", trigger="EVDeparted")
    assert "released" in play.session.milestones


def test_the_neighbours_card_is_not_the_card_of_the_cable_that_waits() -> None:
    """One reader for two sockets: a refused driver stands at the first, and the next one presents a card for the second."""
    play = Play(version="2.0.1").begin(1, 2)
    play.transaction("Started", "T1", trigger="CablePluggedIn", evse=1, state="EVConnected", register=1000)
    play.wait(3)
    play.authorize("STRANGER", "Blocked")
    play.wait(5)
    play.authorize("NEIGHBOUR")
    play.transaction(
        "Started", "T2", trigger="Authorized", evse=2, token="NEIGHBOUR", state="Charging", register=0
    )
    play.wait(5)
    play.transaction("Ended", "T1", trigger="EVCommunicationLost", reason="EVDisconnected", register=1000)
    first, second = play.sessions
    assert (first.outcome, first.reason) == (Outcome.REJECTED, Reason.AUTH_REJECTED)
    assert [each.name for each in first.steps if each.name in ("refused", "authorised")] == ["refused"]
    assert [each.name for each in second.steps if each.name in ("refused", "authorised")] == ["authorised"]
