"""Detectors about one session: each speaks where it must, and each guard keeps it quiet."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.support.play import Play
from tests.support.watched import Watched, place, places

from nocwatch.detectors.rules import make_rule
from nocwatch.flags import Blame, FlagState, Severity

PROFILE = {
    "connectorId": 1,
    "csChargingProfiles": {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 0}],
        },
    },
}


def session(watched: Watched, play: Play, energy: float, seconds: float, reason: str = "Local") -> None:
    play.status(1, "Preparing")
    transaction = play.start(1, "TAG", 1000)
    watched.wait(seconds)
    play.stop(transaction, 1000 + energy, reason)
    play.status(1, "Available")


# --- zero_energy_session -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("energy_wh", "seconds", "flags"),
    [(0, 300, 1), (99, 300, 1), (100, 300, 0), (0, 119, 0), (0, 121, 1), (5000, 300, 0)],
)
def test_no_energy_is_less_than_100_wh_in_more_than_2_min(
    energy_wh: float, seconds: float, flags: int
) -> None:
    watched = Watched("zero_energy_session")
    session(watched, watched.play("CP1").begin(), energy_wh, seconds)
    assert len(watched.raised) == flags


def test_flag_carries_session_frames_and_advice() -> None:
    watched = Watched("zero_energy_session")
    session(watched, watched.play("CP1").begin(), 40, 300)
    flag = watched.only
    assert flag.summary == "CP1, connector 1: the session ended with 40 Wh after 5 min."
    assert (flag.station, flag.connector, flag.evse) == ("CP1", 1, None)
    assert flag.session == watched.plays["CP1"].session.id
    assert flag.evidence[0].frames
    assert flag.advice


def test_a_session_without_energy_is_proved_by_both_registers_and_the_reason_of_its_stop() -> None:
    watched = Watched("zero_energy_session")
    cp1 = watched.play("CP1").begin()
    cp1.status(1, "Preparing")
    transaction = cp1.start(1, "TAG", 28785557)
    watched.wait(300)
    cp1.stop(transaction, 28785597, None)
    flag = watched.only
    start, stop = flag.evidence[:2]
    assert "register 28785557 Wh" in start.text
    assert "StartTransaction" in watched.said(start.frames[0])
    assert "register 28785597 Wh, reason Local." in stop.text
    assert "StopTransaction" in watched.said(stop.frames[0])
    assert flag.advice != watched.rules[0].detector.advice


def test_what_a_flag_shows_for_itself_says_each_thing_once() -> None:
    watched = Watched("zero_energy_session")
    session(watched, watched.play("CP1").begin(), 40, 287)
    said = [watched.only.summary, *(each.text for each in watched.only.evidence)]
    assert sum(bool(re.search(r"(?<!\d)40 Wh", text)) for text in said) == 1
    assert sum("4 min 47 s" in text for text in said) == 1
    assert all(text.endswith(".") for text in said)


def test_charging_profile_explains_suspended_evse() -> None:
    watched = Watched("zero_energy_session")
    cp1 = watched.play("CP1").begin()
    cp1.status(1, "Preparing")
    transaction = cp1.start(1)
    cp1.command("SetChargingProfile", PROFILE)
    cp1.status(1, "SuspendedEVSE")
    watched.wait(300)
    cp1.stop(transaction, 1000)
    assert not watched.raised


def test_a_profile_that_leaves_enough_explains_no_suspended_evse() -> None:
    watched = Watched("zero_energy_session")
    cp1 = watched.play("CP1").begin()
    cp1.status(1, "Preparing")
    transaction = cp1.start(1)
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}]}
    profile = {**PROFILE["csChargingProfiles"], "chargingSchedule": schedule}
    cp1.command("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": profile})
    cp1.status(1, "SuspendedEVSE")
    watched.wait(300)
    cp1.stop(transaction, 1000)
    assert watched.only.blame is Blame.CHARGER


@pytest.mark.parametrize("status", ["Rejected", None])
def test_suspended_evse_without_an_accepted_profile_is_the_stations_fault(status: str | None) -> None:
    watched = Watched("zero_energy_session")
    cp1 = watched.play("CP1").begin()
    cp1.status(1, "Preparing")
    transaction = cp1.start(1)
    if status is not None:
        cp1.command("SetChargingProfile", PROFILE, status)
    cp1.status(1, "SuspendedEVSE")
    watched.wait(300)
    cp1.stop(transaction, 1000)
    assert watched.only.blame is Blame.CHARGER


def test_cable_first_in_2x_is_measured_from_the_authorisation() -> None:
    """The car stood plugged in for 20 min before the driver came with a card and gave up after one."""
    watched = Watched("zero_energy_session")
    cp1 = watched.play("CP1", "2.0.1").begin()
    cp1.transaction("Started", "T1", "CablePluggedIn", evse=1, state="EVConnected", register=1000)
    watched.wait(1200)
    cp1.transaction("Updated", "T1", "Authorized", token="TAG", state="EVConnected", status="Accepted")
    watched.wait(60)
    cp1.transaction("Ended", "T1", "StopAuthorized", reason="Local", register=1000)
    assert not watched.raised


def test_2x_session_without_energy_after_the_authorisation() -> None:
    watched = Watched("zero_energy_session")
    cp1 = watched.play("CP1", "2.0.1").begin()
    cp1.transaction("Started", "T1", "CablePluggedIn", evse=1, state="EVConnected", register=1000)
    watched.wait(60)
    cp1.transaction("Updated", "T1", "Authorized", token="TAG", state="SuspendedEVSE", status="Accepted")
    watched.wait(300)
    cp1.transaction("Ended", "T1", "StopAuthorized", reason="Local", register=1000)
    assert watched.only.evse == 1
    assert "after 5 min" in watched.only.summary


def test_refused_start_without_energy_is_no_failure_of_the_station() -> None:
    watched = Watched("zero_energy_session")
    cp1 = watched.play("CP1").begin()
    cp1.status(1, "Preparing")
    transaction = cp1.start(1, "TAG", 1000, status="Invalid")
    watched.wait(300)
    cp1.stop(transaction, 1000, "DeAuthorized")
    assert not watched.raised


def test_driver_who_never_plugged_in_is_no_failure_either() -> None:
    watched = Watched("zero_energy_session")
    cp1 = watched.play("CP1", "2.0.1").begin()
    cp1.transaction("Started", "T1", "Authorized", evse=1, token="TAG", register=1000, status="Accepted")
    watched.wait(180)
    cp1.transaction("Ended", "T1", "EVConnectTimeout", reason="Timeout", register=1000)
    assert not watched.raised


def test_lost_stop_is_told_by_its_own_detector() -> None:
    watched = Watched("zero_energy_session", "lost_stop")
    cp1 = watched.play("CP1").begin()
    cp1.status(1, "Preparing")
    cp1.start(1, "TAG", 1000)
    watched.wait(300)
    cp1.status(1, "Available")
    watched.wait(700)
    assert watched.only.rule == "lost_stop"


# --- remote_start_no_transaction -----------------------------------------------------------------------------------------


def test_remote_start_accepted_and_nothing_came_is_told_after_2_min() -> None:
    watched = Watched("remote_start_no_transaction")
    cp1 = watched.play("CP1").begin()
    cp1.status(1, "Preparing")
    cp1.remote_start("APP", 1)
    accepted_ns = watched.now_ns
    watched.wait(119)
    assert not watched.raised
    watched.wait(2)
    assert watched.only.at_ns == accepted_ns + 120 * 10**9
    assert watched.only.blame is Blame.CHARGER


def test_driver_who_did_not_plug_in_is_not_the_chargers_fault() -> None:
    watched = Watched("remote_start_no_transaction")
    watched.play("CP1").begin().remote_start("APP", 1)
    watched.wait(130)
    assert watched.only.blame is Blame.DRIVER


@pytest.mark.parametrize(
    ("status", "said", "blame"),
    [
        ("Preparing", "a car stands there plugged in", Blame.CHARGER),
        ("Available", "Nothing is wrong with the station, no reset", Blame.DRIVER),
        ("Unavailable", "should have refused the command", Blame.CHARGER),
        ("Reserved", "taken by someone else's session, or reserved", Blame.UNKNOWN),
    ],
)
def test_advice_on_a_remote_start_is_by_what_the_connector_reports(
    status: str, said: str, blame: Blame
) -> None:
    watched = Watched("remote_start_no_transaction")
    cp1 = watched.play("CP1").begin()
    cp1.status(1, status)
    cp1.remote_start("APP", 1)
    watched.wait(130)
    assert watched.only.advice.startswith(f"Connector 1 reports {status}")
    assert said in watched.only.advice
    assert ("Reset the station" in watched.only.advice) == (status == "Preparing")
    assert watched.only.blame is blame


@pytest.mark.parametrize("timeout", ["ConnectionTimeOut", "TxCtrlr.EVConnectionTimeOut"])
def test_stations_own_plug_in_timeout_counts_where_it_is_longer(timeout: str) -> None:
    watched = Watched("remote_start_no_transaction")
    cp1 = watched.play("CP1", "2.0.1" if "." in timeout else "1.6").begin()
    cp1.configuration(timeout, "300")
    cp1.remote_start("APP", 1)
    watched.wait(299)
    assert not watched.raised
    watched.wait(2)
    assert watched.raised


def test_refused_and_unanswered_remote_starts_are_none() -> None:
    watched = Watched("remote_start_no_transaction")
    cp1 = watched.play("CP1").begin()
    cp1.remote_start("APP", 1, "Rejected")
    cp1.remote_start("APP", 1, None)
    watched.wait(1200)
    assert not watched.raised


def test_transaction_before_the_answer_is_the_one() -> None:
    """Calls cross: the station starts at once and answers afterwards."""
    watched = Watched("remote_start_no_transaction")
    cp1 = watched.play("CP1").begin()
    asked = cp1.remote_start("APP", 1, None)
    cp1.start(1, "APP")
    from nocwatch.frames import Direction

    cp1.answer(asked, {"status": "Accepted"}, by=Direction.FROM_STATION)
    watched.wait(300)
    assert not watched.raised


def test_transaction_on_the_other_connector_is_another_ones() -> None:
    watched = Watched("remote_start_no_transaction")
    cp1 = watched.play("CP1").begin(1, 2)
    cp1.remote_start("APP", 1)
    cp1.start(2, "CARD")
    watched.wait(130)
    assert watched.only.connector == 1


def test_late_transaction_takes_the_flag_back() -> None:
    watched = Watched("remote_start_no_transaction")
    cp1 = watched.play("CP1").begin()
    cp1.remote_start("APP", 1)
    watched.wait(180)
    cp1.start(1, "APP")
    assert [flag.state for flag in watched.flags] == [FlagState.RAISED, FlagState.CLEARED]


def test_2x_remote_start_into_a_transaction_that_was_there_already() -> None:
    watched = Watched("remote_start_no_transaction")
    cp1 = watched.play("CP1", "2.0.1").begin()
    cp1.transaction("Started", "T1", "CablePluggedIn", evse=1, state="EVConnected")
    cp1.remote_start("APP", 1, remote_id=7)
    cp1.transaction("Updated", "T1", "RemoteStart", remote_id=7, state="Charging")
    watched.wait(300)
    assert not watched.raised


def test_station_that_went_offline_is_given_its_time_when_it_is_back() -> None:
    watched = Watched("remote_start_no_transaction")
    cp1 = watched.play("CP1").begin()
    cp1.remote_start("APP", 1)
    watched.wait(10)
    cp1.close()
    watched.wait(600)
    assert not watched.raised
    cp1.open()
    watched.wait(60)
    cp1.start(1, "APP")
    watched.wait(300)
    assert not watched.raised


# --- lost_stop -----------------------------------------------------------------------------------------------------------


def charging(watched: Watched, version: str = "1.6") -> tuple[Play, Any]:
    cp1 = watched.play("CP1", version).begin()
    transaction: Any = "T1"
    if version == "1.6":
        cp1.status(1, "Preparing")
        transaction = cp1.start(1)
        cp1.status(1, "Charging")
    else:
        cp1.status(1, "Occupied")
        cp1.transaction(
            "Started",
            "T1",
            "Authorized",
            evse=1,
            state="Charging",
            token="TAG",
            register=1000,
            status="Accepted",
        )
    watched.wait(300)
    return cp1, transaction


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_free_connector_and_no_stop_for_10_min(version: str) -> None:
    watched = Watched("lost_stop")
    cp1, _ = charging(watched, version)
    cp1.status(1, "Available")
    free_ns = watched.now_ns
    watched.wait(598)
    assert not watched.raised
    watched.wait(5)
    assert 0 <= watched.only.at_ns - free_ns - 600 * 10**9 + 10**8 < 2 * 10**8
    assert len([flag for flag in watched.flags if flag.state is FlagState.RAISED]) == 1


def test_stop_after_all_takes_the_flag_back() -> None:
    watched = Watched("lost_stop")
    cp1, transaction = charging(watched)
    cp1.status(1, "Available")
    watched.wait(700)
    cp1.stop(transaction, 5000)
    assert [flag.state for flag in watched.flags] == [FlagState.RAISED, FlagState.CLEARED]


def test_stop_in_time_is_well() -> None:
    watched = Watched("lost_stop")
    cp1, transaction = charging(watched)
    cp1.status(1, "Available")
    watched.wait(500)
    cp1.stop(transaction, 5000)
    watched.wait(1000)
    assert not watched.raised


def test_next_transaction_shows_that_the_stop_was_lost() -> None:
    watched = Watched("lost_stop")
    cp1, _ = charging(watched)
    cp1.status(1, "Available")
    watched.wait(60)
    cp1.status(1, "Preparing")
    cp1.start(1, "OTHER", 5000)
    assert (
        "connector 1: the next transaction began, and the one before it was never stopped"
        in watched.only.summary
    )


def test_a_lost_stop_is_billed_by_its_own_last_register_and_not_by_the_next_drivers() -> None:
    watched = Watched("lost_stop")
    cp1 = watched.play("CP1").begin()
    cp1.status(1, "Preparing")
    transaction = cp1.start(1, "TAG", 28784810)
    watched.wait(300)
    cp1.meter(1, 28785597, transaction)
    watched.wait(60)
    cp1.status(1, "Preparing")
    cp1.start(1, "OTHER", 28790000)
    flag = watched.only
    assert "transaction 4711: last register 28785597 Wh at 2026-09-21 14:18:50 UTC (787 Wh" in flag.summary
    assert "Close transaction 4711 in the CSMS by hand, with register 28785597 Wh" in flag.advice
    assert "28790000" not in flag.summary + flag.advice + "".join(each.text for each in flag.evidence)
    start, last, taken = flag.evidence
    for evidence, action in ((start, "StartTransaction"), (last, "MeterValues"), (taken, "StartTransaction")):
        assert action in watched.said(evidence.frames[0])
    assert "28784810" in watched.said(start.frames[0])
    assert "28785597" in watched.said(last.frames[0])
    assert start.session == last.session != taken.session
    assert "began there at" in taken.text


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_a_lost_stop_without_a_meter_value_says_that_nothing_can_be_billed_from_it(version: str) -> None:
    watched = Watched("lost_stop")
    cp1, _ = charging(watched, version)
    cp1.status(1, "Available")
    watched.wait(700)
    flag = watched.only
    assert "no register after that of its start, 1000 Wh" in flag.summary
    assert "not from a guess" in flag.advice
    assert "the connector was free at" in flag.advice


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_station_offline_may_be_holding_the_stop_back(version: str) -> None:
    watched = Watched("lost_stop")
    cp1, _ = charging(watched, version)
    cp1.status(1, "Available")
    watched.wait(5)
    cp1.close()
    watched.wait(3600)
    assert not watched.raised


def test_connector_that_goes_on_charging_was_not_free() -> None:
    watched = Watched("lost_stop")
    cp1, _ = charging(watched)
    cp1.status(1, "Available")
    watched.wait(5)
    cp1.status(1, "Charging")
    watched.wait(700)
    assert not watched.raised


def test_longer_patience_than_the_sessions_own() -> None:
    watched = Watched(make_rule(rule="patient", detector="lost_stop", settings={"after": "20m"}))
    cp1, _ = charging(watched)
    cp1.status(1, "Available")
    watched.wait(1190)
    assert not watched.raised
    watched.wait(20)
    assert watched.only.rule == "patient"


# --- register_rollback ---------------------------------------------------------------------------------------------------


def registers(watched: Watched, *values: float | list[dict[str, str]], version: str = "1.6") -> Play:
    cp1 = watched.play("CP1", version).begin()
    if version == "1.6":
        cp1.status(1, "Preparing")
        transaction: Any = cp1.start(1, "TAG", 15000)
    else:
        transaction = "T1"
        cp1.transaction(
            "Started", "T1", "Authorized", evse=1, state="Charging", token="TAG", status="Accepted"
        )
    for value in values:
        watched.wait(60)
        if isinstance(value, list):
            cp1.meter(1, transaction=transaction, samples=value)
        elif version == "1.6":
            cp1.meter(1, value, transaction)
        else:
            cp1.transaction("Updated", "T1", "MeterValuePeriodic", register=value)
    return cp1


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
@pytest.mark.parametrize(
    ("values", "flags"),
    [
        ((15000, 15600, 15000, 15100), 1),
        ((15000, 15600, 15000, 15700), 0),
        ((15000, 15600, 15591, 15592), 0),
        ((15000, 15600, -1, -1, 15700), 0),
        ((2**32 - 500, 2**32 - 100, 300, 700), 0),
        ((99_999_500, 99_999_900, 300, 700), 0),
        ((100_600_000, 100_600_400, 300, 700), 1),
        ((15000, 15600, 16200), 0),
    ],
    ids=[
        "falls and stays",
        "one dip",
        "rounding",
        "minus one",
        "32 bits are full",
        "five digits of kWh are full",
        "not full",
        "rises",
    ],
)
def test_falls_that_are_and_falls_that_are_not(values: tuple[float, ...], flags: int, version: str) -> None:
    watched = Watched("register_rollback")
    registers(watched, *values, version=version)
    assert len(watched.raised) == flags, watched.summaries()


def test_the_flag_tells_how_far_and_from_where() -> None:
    watched = Watched("register_rollback")
    registers(watched, 15000, 16200, 15000, 15100)
    flag = watched.only
    assert "fell by 1.2 kWh" in flag.summary
    assert "from 16200 to 15000 Wh" in flag.summary
    assert [len(each.frames) for each in flag.evidence] == [1, 2]


def sampled(**readings: str) -> list[dict[str, str]]:
    return [
        {"measurand": name.replace("_", "."), "value": value, "unit": "Wh"}
        for name, value in readings.items()
    ]


def test_export_that_rises_explains_a_falling_import() -> None:
    watched = Watched("register_rollback")
    registers(
        watched,
        *(
            sampled(Energy_Active_Import_Register=imported, Energy_Active_Export_Register=exported)
            for imported, exported in (("15600", "0"), ("15300", "300"), ("15000", "600"), ("14700", "900"))
        ),
    )
    assert not watched.raised


def test_each_register_is_compared_with_itself_alone() -> None:
    """Phases and the total alternate in one stream."""
    watched = Watched("register_rollback")
    both = [
        [{"value": str(total)}, {"value": str(phase), "phase": "L1"}]
        for total, phase in ((15000, 5000), (15300, 5100), (15600, 5200))
    ]
    registers(watched, *both)
    assert not watched.raised


def test_register_of_a_station_that_resets_at_each_boot() -> None:
    watched = Watched("register_rollback", places=places(place("CP1", meter_register="boot")))
    cp1 = registers(watched, 15000, 15600)
    cp1.close()
    cp1.open()
    cp1.boot()
    for value in (10, 400, 800):
        watched.wait(60)
        cp1.meter(1, value, 4711)
    assert not watched.raised


def test_register_of_a_station_that_counts_each_session_from_zero() -> None:
    """The first sample still has the last session's end."""
    values = (50000, 10, 400, 800)
    watched = Watched("register_rollback", places=places(place("CP1", meter_register="session")))
    registers(watched, *values)
    assert not watched.raised
    watched = Watched("register_rollback", places=places(place("CP1", meter_register="lifetime")))
    registers(watched, *values)
    assert watched.raised


def test_zeros_of_a_station_that_is_known_for_them_are_no_fall_and_a_real_fall_is() -> None:
    quirky = places(place("CP1", quirks=("register_drops_to_zero",)))
    for known, values, falls in (
        (quirky, (15000, 0, 0, 0, 15900), False),
        (None, (15000, 0, 0, 0, 15900), True),
        (quirky, (15000, 0, 12000, 0, 12100), True),
    ):
        watched = Watched("register_rollback", places=known)
        registers(watched, *values)
        assert bool(watched.raised) is falls


def relative(watched: Watched) -> Play:
    """A station of 2.x that tells its meter's register at the start and at the stop, and what the session has had in between."""
    begin: dict[str, Any] = {"register": 5_000_000, "context": "Transaction.Begin"}
    cp1 = watched.play("CP1", "2.0.1").begin()
    cp1.transaction("Started", "T1", "CablePluggedIn", evse=1, state="EVConnected")
    watched.wait(5)
    cp1.transaction("Updated", "T1", "Authorized", token="TAG", state="Charging", **begin)
    return cp1


def test_samples_that_count_from_the_start_of_the_session_beside_a_register_at_its_start_are_no_fall() -> (
    None
):
    watched = Watched("register_rollback")
    cp1 = relative(watched)
    for value in (116, 239, 361, 484):
        watched.wait(60)
        cp1.transaction("Updated", "T1", "MeterValuePeriodic", register=value)
    cp1.transaction("Ended", "T1", "StopAuthorized", register=5_000_500, context="Transaction.End")
    assert not watched.raised, watched.summaries()


def test_nor_are_they_beside_samples_of_the_meter_that_name_no_transaction() -> None:
    watched = Watched("register_rollback")
    cp1 = relative(watched)
    for value in (116, 239, 361, 484):
        watched.wait(30)
        cp1.meter(1, 5_000_000 + value - 50)
        watched.wait(30)
        cp1.transaction("Updated", "T1", "MeterValuePeriodic", register=value)
    assert not watched.raised, watched.summaries()


def test_a_start_that_is_sent_again_is_no_sample() -> None:
    watched = Watched("register_rollback")
    cp1 = watched.play("CP1", "2.0.1").begin()
    for _ in range(2):
        cp1.transaction(
            "Started", "T1", "Authorized", evse=1, token="TAG", register=5_000_000, number=0, at=cp1.now_s
        )
    for value in (116, 239, 361):
        watched.wait(60)
        cp1.transaction("Updated", "T1", "MeterValuePeriodic", register=value)
    assert not watched.raised, watched.summaries()


def test_two_transactions_of_one_number_keep_their_registers_apart() -> None:
    """A CSMS whose answer was lost, or that gives -1 or any other number to all."""
    watched = Watched("register_rollback")
    cp1 = watched.play("CP1").begin(1, 2)
    cp1.start(1, "ONE", 15000, transaction=-4711)
    cp1.start(2, "TWO", 4000, transaction=-4711)
    for minute in range(1, 5):
        watched.wait(30)
        cp1.meter(1, 15000 + minute * 100, -4711)
        for part in (30, 50, 70, 90):
            watched.wait(10)
            cp1.meter(2, 4000 + minute * 100 + part, -4711)
    assert not watched.raised, watched.summaries()


def test_a_backlog_of_the_transaction_before_is_no_fall_of_this_one() -> None:
    watched = Watched("register_rollback")
    cp1 = watched.play("CP1").begin()
    watched.wait(1800)
    cp1.start(1, "TAG", 15000, transaction=17)
    for ago in range(1200, 0, -60):
        cp1.meter(1, 8_000_000 - ago, at=cp1.now_s - ago)
    for value in (15100, 15200, 15300):
        watched.wait(60)
        cp1.meter(1, value)
    assert not watched.raised, watched.summaries()


def test_the_same_moment_told_twice_is_one_sample() -> None:
    watched = Watched("register_rollback")
    cp1 = registers(watched, 15000, 15600)
    watched.wait(60)
    for moment_s in [cp1.now_s - 5] * 2:
        cp1.meter(1, 15000, 4711, at=moment_s)
    assert not watched.raised
    watched.wait(60)
    cp1.meter(1, 15100, 4711)
    assert watched.raised


def test_a_fall_is_seen_at_a_station_whose_clock_was_never_set() -> None:
    """Its samples' time is reckoned from what its statuses say: the tracker's, and not that of the message."""
    watched = Watched("register_rollback")
    cp1 = watched.play("CP1").begin()

    def said(ago: float = 0) -> str:
        minutes, seconds = divmod(round(cp1.now_s - ago), 60)
        return f"1970-01-01T01:{minutes:02}:{seconds:02}Z"

    watched.wait(10)
    cp1.status(1, "Preparing", at=said())
    watched.wait(10)
    cp1.start(1, "TAG", 15000, at=said(2))
    for value in (15600, 16200, 14000, 14100, 14200, 14300):
        watched.wait(60)
        cp1.meter(1, value, 4711, at=said(2))
    assert watched.raised


def test_samples_that_come_out_of_order_are_no_fall() -> None:
    watched = Watched("register_rollback")
    cp1 = registers(watched, 15000, 15600)
    for value, ago in ((15200, 40), (15300, 30), (15400, 20)):
        cp1.meter(1, value, 4711, at=cp1.now_s - ago)
    assert not watched.raised


def test_rollback_in_a_replay_pages_nobody() -> None:
    watched = Watched("register_rollback")
    cp1 = registers(watched, 15000, 16200)
    cp1.close()
    watched.wait(3600)
    cp1.open()
    for value, ago in ((15000, 3000), (15100, 2900)):
        cp1.meter(1, value, 4711, at=cp1.now_s - ago)
    assert watched.only.late


def test_maintenance_does_not_hide_a_rollback() -> None:
    from tests.support.watched import window

    watched = Watched("register_rollback", places=places(maintenance=[window(0, 10_000, station="CP1")]))
    registers(watched, 15000, 16200, 15000, 15100)
    assert watched.only.severity is Severity.CRITICAL
