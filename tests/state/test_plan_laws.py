"""What always holds of plans, costs and reservations, whatever comes in whatever order: bounded, in order, and remembered to the letter."""

# ruff: noqa: S311, C901, PLR0912 - dice of a play, thrown in one table of steps
from __future__ import annotations

import random
from typing import Any

import msgspec
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.support.play import Play

from nocwatch.frames import Direction, Frame
from nocwatch.plans import BookingState
from nocwatch.state.changes import ReservationChanged, SessionChanged
from nocwatch.state.fleet import Fleet
from nocwatch.state.limits import STEPS_MAX

STEPS = ["start", "stop", "meter", "profile", "clear", "limit", "move", "cost", "reserve", "cancel", "needs", "priority", "wait", "drop", "again"]  # fmt: skip
PURPOSES = ["TxProfile", "TxDefaultProfile", "ChargingStationMaxProfile", "PriorityCharging", "Bogus", ""]
ANSWERS = ["Accepted", "Accepted", "Rejected", "", None]


def profile(dice: random.Random) -> dict[str, Any]:
    limit = lambda: dice.choice([0, 4, 16, 1e9, -3, None, "16", [], 2.5])  # noqa: E731
    period = lambda: {"startPeriod": dice.choice([0, 60, -5, 1e300, "0", None]), "limit": limit()}  # noqa: E731
    schedule = {
        "chargingRateUnit": dice.choice(["A", "W", "Wh", 7]),
        "chargingSchedulePeriod": dice.choice(
            [[], [period()], [period() for _ in range(dice.choice([3, 300]))]]
        ),
        "startSchedule": dice.choice(
            [None, "2026-09-21T12:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "x"]
        ),
        "duration": dice.choice([None, 60, 0, -1, 1e300]),
    }
    return {
        "id": dice.choice([1, 2, 2**62, None, "x"]),
        "stackLevel": dice.choice([0, 1, -1, 2**62, None]),
        "chargingProfilePurpose": dice.choice(PURPOSES),
        "chargingProfileKind": dice.choice(["Absolute", "Relative", "Recurring", "Dynamic", ""]),
        "recurrencyKind": dice.choice(["Daily", "Weekly", ""]),
        "transactionId": dice.choice([None, "T1", "T2", "gone"]),
        "validFrom": dice.choice([None, "9999-01-01T00:00:00Z"]),
        "chargingSchedule": dice.choice([[schedule], [], {}, [schedule] * 3]),
    }


def perform(play: Play, seed: int, steps: list[str]) -> None:
    dice = random.Random(seed)
    for step in steps:
        transaction = dice.choice(["T1", "T2"])
        place = {"evseId": dice.choice([0, 1, 2, -1, None])}
        answer = dice.choice(ANSWERS)
        if step == "start":
            play.transaction(
                "Started", transaction, "Authorized", evse=dice.choice([None, 1, 2]), token="TAG", register=0
            )
        elif step == "stop":
            play.transaction(
                "Ended", transaction, "StopAuthorized", reason="Local", register=dice.choice([0, 900.0])
            )
        elif step == "meter":
            play.meter(1, 500.0)
        elif step == "profile":
            play.command("SetChargingProfile", {**place, "chargingProfile": profile(dice)}, answer)
        elif step == "clear":
            criteria = {
                "evseId": dice.choice([None, 0, 1]),
                "chargingProfilePurpose": dice.choice([None, *PURPOSES]),
            }
            play.command(
                "ClearChargingProfile",
                {"chargingProfileId": dice.choice([None, 1]), "chargingProfileCriteria": criteria},
                answer,
            )
        elif step == "limit":
            said = {
                "chargingLimit": {"chargingLimitSource": dice.choice(["EMS", "SO", ""])},
                "chargingSchedule": profile(dice)["chargingSchedule"],
            }
            play.ask(
                dice.choice(["NotifyChargingLimit", "ClearedChargingLimit"]),
                {**place, **said, "chargingLimitSource": "EMS"},
                {},
            )
        elif step == "move":
            update = {
                "chargingProfileId": dice.choice([1, 2]),
                "scheduleUpdate": {"limit": dice.choice([0, 8, None])},
            }
            play.command("UpdateDynamicSchedule", update, answer)
        elif step == "cost":
            amount = dice.choice([0, 1.5, -2, 1e300, "x", None])
            play.command("CostUpdated", {"totalCost": amount, "transactionId": transaction})
        elif step == "reserve":
            booking = {
                "id": dice.randrange(3),
                "expiryDateTime": dice.choice([play.stamp(play.now_s + 60), "9999-12-31T23:59:59Z", "x"]),
                **place,
            }
            play.command("ReserveNow", {**booking, "idToken": {"idToken": "TAG", "type": "Central"}}, answer)
        elif step == "cancel":
            play.command("CancelReservation", {"reservationId": dice.randrange(3)}, answer)
            play.ask(
                "ReservationStatusUpdate",
                {
                    "reservationId": dice.randrange(3),
                    "reservationUpdateStatus": dice.choice(["Expired", "Removed", "NoTransaction", "x"]),
                },
                {},
            )
        elif step == "needs":
            needs = {
                "requestedEnergyTransfer": "DC",
                "departureTime": dice.choice(["9999-12-31T23:59:59Z", None]),
                "dcChargingParameters": {"energyAmount": 1e308},
            }
            play.ask("NotifyEVChargingNeeds", {**place, "chargingNeeds": needs}, {})
            play.ask(
                "NotifyEVChargingSchedule",
                {
                    **place,
                    "timeBase": dice.choice(["0001-01-01T00:00:00Z", play.stamp()]),
                    "chargingSchedule": profile(dice)["chargingSchedule"],
                },
                {},
            )
        elif step == "priority":
            play.ask(
                "NotifyPriorityCharging", {"transactionId": transaction, "activated": dice.random() < 0.5}, {}
            )
        elif step == "wait":
            play.wait(dice.choice([1, 70, 4000, 200_000]))
        elif step == "drop":
            play.close()
            play.open()
        elif step == "again" and (frames := [each for each in play.sightings if isinstance(each, Frame)]):
            old = dice.choice(frames)
            play.text(old.payload.decode(), old.direction)


plays = st.tuples(st.integers(0, 2**32), st.lists(st.sampled_from(STEPS), max_size=40))
quick = settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])


def played(seed: int, steps: list[str]) -> Play:
    play = Play(version="2.1").begin()
    perform(play, seed, steps)
    return play


@quick
@given(plays)
@example((1, ["start", "profile", "profile", "needs", "stop", "cost"]))
def test_plans_are_bounded_and_in_order_and_their_past_stays(story: tuple[int, list[str]]) -> None:
    play = played(*story)
    for change in play.told(SessionChanged):
        plan = change.now.plan
        if plan is None:
            continue
        moments = [each.from_ns for each in plan.limits]
        assert moments == sorted(set(moments))
        assert len(moments) <= STEPS_MAX
        assert len(plan.profiles) <= 16
        if (
            change.before is not None
            and change.before.plan is not None
            and len(moments) < STEPS_MAX
            and not change.reopened
        ):
            began = max(change.now.started_at_ns, change.before.started_at_ns)
            was = [
                each
                for each in change.before.plan.limits
                if began <= each.from_ns < change.before.changed_at_ns
            ]
            ended = change.now.stopped_at_ns
            assert [each for each in was if ended is None or each.from_ns <= ended] == [
                each for each in plan.limits if each in was
            ]
    state = play.fleet._trackers["CP1"].state
    assert len(state.profiles) <= 32
    assert len(state.bookings) <= 32


@quick
@given(plays)
def test_a_reservation_ends_once(story: tuple[int, list[str]]) -> None:
    play = played(*story)
    standing: dict[int, bool] = {}
    for change in play.told(ReservationChanged):
        stands = change.now.state is BookingState.STANDING
        if change.now.state is BookingState.CANCELLED:
            assert standing.get(change.now.id), "only what stands is cancelled"
        standing[change.now.id] = stands
    shown = {each.id for each in play.fleet.stations["CP1"].reservations}
    assert shown == {number for number, stands in standing.items() if stands}


@quick
@given(plays, plays)
def test_a_snapshot_goes_on_to_the_letter(first: tuple[int, list[str]], then: tuple[int, list[str]]) -> None:
    play = played(*first)
    snapshot = play.fleet.snapshot()
    restored = Fleet()
    restored.restore(snapshot)
    assert restored.snapshot() == snapshot
    told: list[object] = []
    play._feed = lambda sighting: _both(play.fleet, restored, sighting, told)
    perform(play, *then)
    assert told == []
    assert restored.snapshot() == play.fleet.snapshot()


def _both(one: Fleet, other: Fleet, sighting: Any, told: list[object]) -> Any:
    moved, again = one.feed(sighting), other.feed(sighting)
    if moved != again:
        told.append((sighting, moved, again))
    return moved


def test_the_csms_cannot_speak_for_the_vehicle() -> None:
    play = Play(version="2.1").begin()
    play.transaction("Started", "T1", "Authorized", evse=1, token="TAG", register=0)
    play.call(
        "NotifyEVChargingNeeds",
        {"evseId": 1, "chargingNeeds": {"requestedEnergyTransfer": "DC"}},
        by=Direction.FROM_CSMS,
    )
    assert play.session.plan is None


NEW = {"plan", "costs", "reservation", "resumed", "profiles", "bookings", "grid_alarm", "swap_frame", "standing", "limits", "reservations"}  # fmt: skip


def test_a_snapshot_of_a_release_that_knew_no_plans_is_read() -> None:
    play = played(1, ["start", "profile", "cost", "reserve", "needs", "meter"])

    def older(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: older(each) for name, each in value.items() if name not in NEW}
        return [older(each) for each in value] if isinstance(value, list) else value

    restored = Fleet()
    restored.restore(
        msgspec.msgpack.encode(older(msgspec.msgpack.decode(play.fleet.snapshot(), strict=False)))
    )
    assert [each.id for each in restored.sessions("CP1")] == [each.id for each in play.fleet.sessions("CP1")]
    assert all(each.plan is None and each.costs is None for each in restored.sessions("CP1"))
