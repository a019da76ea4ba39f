"""Limits over time: which charging profile holds when, for which session, and what a verdict makes of it."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.play import T0_NS, Play

from nocwatch.flags import Blame
from nocwatch.frames import Direction, Frame
from nocwatch.moments import DAY_NS, HOUR_NS, SECOND_NS
from nocwatch.ocpp.planning import ChargingProfile, Period, Schedule
from nocwatch.plans import Limit, Limited, in_a_word, limit_at, nothing_ns
from nocwatch.sessions import Outcome, Reason
from nocwatch.state.limits import STEPS_MAX, Installed, Situation, joined, limits


def profile_of(
    *periods: tuple[float, float],
    purpose: str = "TxProfile",
    number: int = 1,
    level: int = 0,
    kind: str = "Relative",
    unit: str = "A",
    old: bool = True,
    **more: Any,
) -> dict[str, Any]:
    schedule = {
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": [{"startPeriod": at, "limit": limit} for at, limit in periods],
        **more,
    }
    return {
        "chargingProfileId" if old else "id": number,
        "stackLevel": level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": schedule if old else [{"id": 1, **schedule}],
    }


def set_profile(play: Play, profile: dict[str, Any], place: int = 1, status: str | None = "Accepted") -> None:
    if play.old:
        play.command("SetChargingProfile", {"connectorId": place, "csChargingProfiles": profile}, status)
    else:
        play.command("SetChargingProfile", {"evseId": place, "chargingProfile": profile}, status)


def clear(play: Play, status: str = "Accepted", **criteria: Any) -> None:
    play.command("ClearChargingProfile", criteria, status)


def steps(play: Play) -> list[tuple[float, float | None, str]]:
    """(seconds of the play, limit, purpose) of the play's one session."""
    plan = play.session.plan
    assert plan is not None
    return [(round((each.from_ns - T0_NS) / SECOND_NS, 1), each.limit, each.purpose) for each in plan.limits]


def frames_of(play: Play, action: str) -> list[str]:
    return [
        each.ref for each in play.sightings if isinstance(each, Frame) and action.encode() in each.payload
    ]


# --- the verdict -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["SuspendedEVSE", "SuspendedEV", "Charging"])
def test_whatever_the_station_says_a_profile_of_nothing_is_the_csmss_doing(status: str) -> None:
    play = Play().begin()
    transaction = play.start()
    set_profile(play, profile_of((0, 0)))
    play.status(1, status)
    play.wait(300)
    play.stop(transaction, 1000)
    session = play.session
    assert (session.outcome, session.reason, session.blame) == (
        Outcome.FAILED,
        Reason.ZERO_ENERGY,
        Blame.CSMS,
    )
    because = session.blame_evidence[-1]
    assert because.text == (
        "A charging profile of the CSMS (TxProfile, stack level 0) allowed no current for 5 min of the 5 min."
    )
    assert because.frames == (frames_of(play, '"SetChargingProfile"')[0],)


def test_the_profile_of_a_remote_start_that_allows_nothing() -> None:
    play = Play().begin()
    payload = {"idTag": "TAG", "connectorId": 1, "chargingProfile": profile_of((0, 0))}
    play.command("RemoteStartTransaction", payload)
    transaction = play.start()
    play.wait(300)
    play.stop(transaction, 1000, "Remote")
    assert play.session.blame is Blame.CSMS
    assert play.session.blame_evidence[-1].frames == (frames_of(play, "RemoteStartTransaction")[0],)


@pytest.mark.parametrize(
    ("limit", "unit", "said"),
    [(4, "A", "allowed 4 A, less than the 6 A that"), (500, "W", "allowed 500 W, less than the 720 W that")],
)
def test_less_than_a_vehicle_may_be_offered_is_nothing(limit: float, unit: str, said: str) -> None:
    play = Play().begin()
    transaction = play.start()
    set_profile(play, profile_of((0, limit), unit=unit))
    play.wait(300)
    play.stop(transaction, 1000)
    assert play.session.blame is Blame.CSMS
    assert said in play.session.blame_evidence[-1].text


def test_a_profile_that_the_station_refused_explains_nothing() -> None:
    play = Play().begin()
    transaction = play.start()
    set_profile(play, profile_of((0, 0)), status="Rejected")
    play.status(1, "Charging")
    play.wait(300)
    play.stop(transaction, 1000)
    assert play.session.blame is Blame.CHARGER
    assert play.session.plan is not None
    assert play.session.plan.limits == ()
    assert [(each.status, each.least) for each in play.session.plan.profiles] == [("Rejected", 0)]


def test_a_short_pause_does_not_explain_an_hour_without_energy() -> None:
    play = Play().begin()
    transaction = play.start()
    set_profile(play, profile_of((0, 16), (600, 0), (900, 16)))
    play.status(1, "SuspendedEV")
    play.wait(3600)
    play.stop(transaction, 1000)
    assert play.session.blame is Blame.VEHICLE


def test_a_driver_who_gives_up_under_a_profile_of_nothing_did_not_change_their_mind() -> None:
    play = Play().begin()
    set_profile(play, profile_of((0, 0), purpose="ChargePointMaxProfile", kind="Absolute"), place=0)
    transaction = play.start()
    play.wait(90)
    play.stop(transaction, 1000)
    assert (play.session.outcome, play.session.blame) == (Outcome.CANCELLED, Blame.CSMS)


def test_a_limit_of_the_sites_own_energy_management_is_not_the_csmss() -> None:
    play = Play(version="2.0.1").begin()
    limit = {"chargingLimit": {"chargingLimitSource": "EMS"}, "evseId": 1, "chargingSchedule": [
        {"id": 1, "chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 0}]}]}  # fmt: skip
    play.ask("NotifyChargingLimit", limit, {})
    play.transaction("Started", trigger="Authorized", evse=1, state="SuspendedEVSE", token="TAG", register=0)
    play.wait(600)
    play.transaction("Ended", trigger="StopAuthorized", reason="Local", register=0)
    assert play.session.blame is Blame.UNKNOWN
    assert play.session.blame_evidence[-1].text.startswith("A limit set by EMS allowed no current for")


# --- what held when ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_limits_change_as_profiles_come_and_go(version: str) -> None:
    play = Play(version=version).begin()
    old = play.old
    if old:
        transaction: int | str = play.start()
    else:
        play.transaction("Started", trigger="Authorized", evse=1, state="Charging", token="TAG", register=0)
        transaction = "T1"
    begun = play.now_s - 0.1  # the start; its answer came a moment later
    play.wait(60)
    asked = play.now_s
    set_profile(play, profile_of((0, 16), (600, 10), old=old) | {"transactionId": transaction})
    play.wait(840)
    set_profile(play, profile_of((0, 6), purpose="TxDefaultProfile", number=2, kind="Absolute", old=old), 0)
    cleared = play.now_s
    clear(play, **({"id": 1} if old else {"chargingProfileId": 1}))
    play.wait(100)
    assert steps(play) == [
        (round(asked + 0.1, 1), 16, "TxProfile"),
        (round(begun + 600, 1), 10, "TxProfile"),
        (round(cleared + 0.1, 1), 6, "TxDefaultProfile"),
    ]
    plan = play.session.plan
    assert plan is not None
    assert [(each.id, each.ended_at_ns is not None) for each in plan.profiles] == [(1, True), (2, False)]


def test_what_was_to_come_after_the_stop_never_came() -> None:
    play = Play().begin()
    transaction = play.start()
    set_profile(play, profile_of((0, 16), (3600, 32)))
    assert len(steps(play)) == 2
    play.wait(600)
    play.stop(transaction, 6000)
    assert [limit for _, limit, _ in steps(play)] == [16]


def test_a_default_stands_for_whoever_comes_next_and_is_shown_at_the_connector() -> None:
    play = Play().begin(1, 2)
    set_profile(play, profile_of((0, 20), purpose="TxDefaultProfile", kind="Absolute"), 0)
    set_profile(play, profile_of((0, 8), purpose="TxDefaultProfile", kind="Absolute", number=2), 2)
    assert [play.connector(number).limits[0].limit for number in (1, 2)] == [20, 8]
    transaction = play.start(2)
    assert [limit for _, limit, _ in steps(play)] == [8]
    set_profile(play, profile_of((0, 6), number=3), 2)
    assert limit_at(play.connector(2).limits, play.now_ns).limit == 6  # type: ignore[union-attr]
    play.stop(transaction, 6000)
    assert limit_at(play.connector(2).limits, play.now_ns).limit == 8  # type: ignore[union-attr]


def test_a_profile_of_one_transaction_is_not_the_next_ones() -> None:
    play = Play().begin()
    transaction = play.start()
    set_profile(play, profile_of((0, 6)))
    play.wait(60)
    play.stop(transaction, 2000)
    play.wait(60)
    play.start(meter=2000)
    assert play.sessions[-1].plan is None


def test_a_cable_first_session_takes_the_profile_of_the_remote_start_that_follows() -> None:
    play = Play(version="2.0.1").begin()
    play.status(1, "Occupied")
    play.transaction("Started", trigger="CablePluggedIn", evse=1, state="EVConnected", register=0)
    payload = {"remoteStartId": 7, "idToken": {"idToken": "APP", "type": "Central"}, "evseId": 1,
               "chargingProfile": profile_of((0, 10), old=False)}  # fmt: skip
    play.command("RequestStartTransaction", payload)
    play.transaction("Updated", trigger="RemoteStart", token="APP", remote_id=7, state="Charging")
    charge = next(each for each in play.sessions if each.transaction == "T1")
    assert charge.plan is not None
    assert [each.limit for each in charge.plan.limits] == [10]


def test_a_profile_every_day_goes_on_after_two_days() -> None:
    play = Play().begin()
    night = profile_of(
        (0, 6), (28800, 32), purpose="TxDefaultProfile", kind="Recurring", startSchedule=play.stamp(0)
    )
    set_profile(play, {**night, "recurrencyKind": "Daily"}, 0)
    play.wait(5 * 86_400)
    for hour in (1, 9):
        at_ns = T0_NS + 5 * DAY_NS + hour * HOUR_NS
        held = limit_at(play.connector(1).limits, at_ns)
        assert held is not None
        assert held.limit == (6 if hour == 1 else 32)


def test_priority_lifts_the_profile_of_the_transaction() -> None:
    play = Play(version="2.1").begin()
    play.transaction("Started", trigger="Authorized", evse=1, state="Charging", token="TAG", register=0)
    set_profile(play, profile_of((0, 6), old=False) | {"transactionId": "T1"})
    set_profile(play, profile_of((0, 32), purpose="PriorityCharging", number=2, kind="Absolute", old=False))
    play.wait(60)
    for _ in range(2):  # said again, it is no news
        play.ask("NotifyPriorityCharging", {"transactionId": "T1", "activated": True}, {})
    play.wait(60)
    play.command("UsePriorityCharging", {"transactionId": "T1", "activate": False})
    assert [(limit, purpose) for _, limit, purpose in steps(play)] == [
        (6, "TxProfile"),
        (32, "PriorityCharging"),
        (6, "TxProfile"),
    ]
    assert play.session.plan is not None
    assert play.session.plan.priority is False
    assert [each.text for each in play.session.steps if each.name == "priority"] == [
        "Charging with priority",
        "Priority ended",
    ]


@pytest.mark.parametrize("ending", ["error", "silence"])
def test_a_profile_that_is_not_answered_well_does_not_count(ending: str) -> None:
    play = Play().begin()
    play.start()
    payload = {"connectorId": 1, "csChargingProfiles": profile_of((0, 0))}
    message_id = play.call("SetChargingProfile", payload, by=Direction.FROM_CSMS)
    if ending == "error":
        play.error(message_id, "NotSupported", by=Direction.FROM_STATION)
    else:
        play.wait(40)
    plan = play.session.plan
    assert plan is not None
    assert plan.limits == ()
    assert [each.status for each in plan.profiles] == ["NotSupported" if ending == "error" else "no answer"]


def test_a_profile_that_is_sent_again_and_again_is_no_news() -> None:
    play = Play().begin()
    play.start()
    for _ in range(50):
        play.wait(10)
        set_profile(play, profile_of((0, 16)))
    assert len(steps(play)) == 1
    plan = play.session.plan
    assert plan is not None
    assert (len(plan.profiles), plan.dropped) == (16, 34)
    assert len(play.fleet._trackers["CP1"].state.profiles) == 32


def test_what_was_refused_stays_out_when_another_is_taken_and_what_was_not_cleared_stays_in() -> None:
    play = Play().begin()
    play.start()
    set_profile(play, profile_of((0, 0), level=2, number=2), status="Rejected")
    set_profile(play, profile_of((0, 16)))
    clear(play, "Unknown", id=1)
    set_profile(play, profile_of((0, 20), purpose="TxDefaultProfile", kind="Absolute", number=3), 0)
    assert [limit for _, limit, _ in steps(play)] == [16]


def test_a_csms_that_uses_one_message_id_for_all_it_asks() -> None:
    play = Play().begin()
    play.start()
    for limit in (16, 10):
        payload = {"connectorId": 1, "csChargingProfiles": profile_of((0, limit))}
        play.call("SetChargingProfile", payload, by=Direction.FROM_CSMS, message_id="1")
        play.answer("1", {"status": "Accepted"}, by=Direction.FROM_STATION)
        play.wait(60)
    assert [limit for _, limit, _ in steps(play)] == [16, 10]


def test_the_profile_of_a_remote_start_goes_where_its_transaction_is_found() -> None:
    play = Play(version="2.0.1").begin(1, 2)
    play.authorize("OTHER")
    payload = {"remoteStartId": 7, "idToken": {"idToken": "APP", "type": "Central"}, "chargingProfile": profile_of((0, 10), old=False)}  # fmt: skip
    play.command("RequestStartTransaction", payload)
    play.transaction("Started", trigger="CablePluggedIn", evse=1, state="EVConnected", register=0)
    play.transaction("Updated", trigger="RemoteStart", token="APP", remote_id=7, state="Charging")
    charge = next(each for each in play.sessions if each.transaction == "T1")
    assert charge.plan is not None
    assert [each.limit for each in charge.plan.limits] == [10]


# --- limits.py by itself --------------------------------------------------------------------------------------------------


def installed(
    *steps_: tuple[float, float | None],
    purpose: str = "TxProfile",
    level: int = 0,
    unit: str = "A",
    kind: str = "Absolute",
    starts_ns: int | None = 0,
    **more: Any,
) -> Installed:
    schedule = Schedule(
        unit, tuple(Period(at, limit) for at, limit in steps_), starts_ns, more.pop("duration_s", None)
    )
    profile = ChargingProfile(1, purpose, kind, level, (schedule,), **more)
    return Installed(
        profile=profile,
        connection=1,
        message_id="m",
        asked_at_ns=0,
        frame=purpose,
        status="Accepted",
        from_ns=0,
    )


def told(found: tuple[Limit, ...]) -> list[tuple[float, float | None]]:
    return [(each.from_ns / SECOND_NS, each.limit) for each in found]


@pytest.mark.parametrize(
    ("profiles", "expected"),
    [
        ([installed((0, 16), (100, 8))], [(0, 16), (100, 8)]),
        ([installed((0, 16), duration_s=50)], [(0, 16), (50, None)]),
        ([installed((0, 16)), installed((0, 10), level=1, duration_s=60)], [(0, 10), (60, 16)]),
        ([installed((0, 16)), installed((0, 10), purpose="ChargePointMaxProfile")], [(0, 10)]),
        ([installed((0, 16)), installed((0, 5000), purpose="ChargingStationMaxProfile", unit="W")], [(0, 5000)]),
        ([installed((0, 16), duration_s=30), installed((0, 6), purpose="TxDefaultProfile")], [(0, 16), (30, 6)]),
        ([installed((0, 16), valid_to_ns=40 * SECOND_NS)], [(0, 16), (40, None)]),
        ([installed((0, 16), starts_ns=70 * SECOND_NS)], [(70, 16)]),
        ([installed((0, None), (10, 16))], [(10, 16)]),
        ([installed((0, 99), purpose="LocalGeneration")], []),
        ([installed((0, 3), purpose="PriorityCharging")], []),
        ([installed((0, 16), (100, 16), (200, 16))], [(0, 16)]),
    ],
)  # fmt: skip
def test_which_limit_holds(profiles: list[Installed], expected: list[tuple[float, float | None]]) -> None:
    assert told(limits(profiles, Situation(0), 0)) == expected


def test_relative_steps_count_from_the_transaction_and_hold_for_none_without() -> None:
    profile = installed((0, 16), (60, 8), kind="Relative", starts_ns=None)
    assert told(limits([profile], Situation(1000 * SECOND_NS), 1030 * SECOND_NS)) == [(1030, 16), (1060, 8)]
    assert limits([profile], Situation(), 0) == ()


def test_the_past_is_not_rewritten() -> None:
    past = (Limit(from_ns=0, limit=16, unit="A"), Limit(from_ns=100, limit=8, unit="A"))
    assert told(joined(past, (Limit(from_ns=50 * SECOND_NS, limit=6, unit="A"),), 50)) == [
        (0, 16),
        (5e-8, None),
        (50, 6),
    ]
    assert [each.limit for each in joined(past, (), 50)] == [16, None]
    assert [each.limit for each in joined((), (), 50)] == []
    assert [each.limit for each in joined(past, (Limit(from_ns=50, limit=16, unit="A"),), 50)] == [16]


def test_how_long_nothing_was_allowed() -> None:
    plan = (
        Limit(from_ns=10, limit=0, unit="A"),
        Limit(from_ns=30, limit=16, unit="A"),
        Limit(from_ns=50, limit=5.9, unit="A"),
    )
    assert nothing_ns(plan, 20, 100) == 10 + 50
    assert nothing_ns(plan, 0, 5) == 0
    assert in_a_word(plan) is Limited.NOTHING
    assert in_a_word(plan[1:2]) is Limited.SOME
    assert in_a_word((Limit(from_ns=0),)) is Limited.NOT
    assert limit_at(plan, 9) is None


numbers = st.one_of(st.none(), st.floats(-1e6, 1e6), st.just(0.0))
seconds = st.floats(-1e12, 1e12)
moments = st.one_of(st.none(), st.integers(-(2**64), 2**64))
some_profiles = st.lists(
    st.builds(
        installed,
        st.tuples(seconds, numbers),
        st.tuples(seconds, numbers),
        purpose=st.sampled_from(["TxProfile", "TxDefaultProfile", "ChargePointMaxProfile", "Bogus"]),
        level=st.one_of(st.none(), st.integers(-5, 5)),
        unit=st.sampled_from(["A", "W", ""]),
        kind=st.sampled_from(["Absolute", "Relative", "Recurring"]),
        starts_ns=moments,
        recurrency=st.sampled_from(["", "Daily", "Weekly"]),
        duration_s=st.one_of(st.none(), seconds),
    ),
    max_size=5,
)


@settings(deadline=None, max_examples=60)
@given(some_profiles, st.one_of(st.none(), st.integers(0, DAY_NS)), st.integers(0, 9 * DAY_NS))
def test_whatever_profiles_say_the_answer_is_bounded_and_in_order(
    profiles: list[Installed], began_ns: int | None, from_ns: int
) -> None:
    found = limits(profiles, Situation(began_ns, priority=True), from_ns)
    assert len(found) <= STEPS_MAX
    assert [each.from_ns for each in found] == sorted({each.from_ns for each in found})
    assert all(each.from_ns >= from_ns for each in found)


def test_a_load_manager_that_moves_the_limit_all_night_leaves_its_course_behind() -> None:
    play = Play().begin()
    transaction = play.start()
    for number in range(720):
        play.wait(40)
        set_profile(play, profile_of((0, 0 if number in (100, 200, 400) else 8 + number % 7)))
    found = steps(play)
    assert len(found) == STEPS_MAX
    moments = [at for at, _, _ in found]
    assert max(after - before for before, after in itertools.pairwise(moments)) < 1800
    assert [limit for _, limit, _ in found].count(0) == 3, "what barred the charge is kept before all else"
    play.stop(transaction, 1000)


@pytest.mark.parametrize("pulled", [False, True])
def test_a_dynamic_profile_is_moved_by_the_csms_or_at_the_stations_request(pulled: bool) -> None:
    play = Play(version="2.1").begin()
    play.transaction("Started", trigger="Authorized", evse=1, state="Charging", token="TAG", register=0)
    set_profile(play, profile_of((0, 16), number=7, kind="Dynamic", old=False) | {"transactionId": "T1"})
    play.wait(60)
    if pulled:
        answer = {"status": "Accepted", "scheduleUpdate": {"limit": 0}}
        play.ask("PullDynamicScheduleUpdate", {"chargingProfileId": 7}, answer)
    else:
        play.command(
            "UpdateDynamicSchedule", {"chargingProfileId": 7, "scheduleUpdate": {"limit": 0}}, "Rejected"
        )
        play.command("UpdateDynamicSchedule", {"chargingProfileId": 7, "scheduleUpdate": {"setpoint": 3}})
        play.command("UpdateDynamicSchedule", {"chargingProfileId": 8, "scheduleUpdate": {"limit": 3}})
        play.command("UpdateDynamicSchedule", {"chargingProfileId": 7, "scheduleUpdate": {"limit": 0}})
    play.wait(600)
    assert [limit for _, limit, _ in steps(play)] == [16, 0]
    play.transaction("Ended", trigger="StopAuthorized", reason="Local", register=0)
    assert play.session.blame is Blame.CSMS
    moved = next(
        each
        for each in reversed(play.sightings)
        if isinstance(each, Frame) and b'"status": "Accepted"' in each.payload
    )
    assert play.session.blame_evidence[-1].frames == (moved.ref,)
