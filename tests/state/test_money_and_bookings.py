"""What a session was said to cost, which reservation led to it, and what vehicle and grid asked for."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from tests.support.play import Play

from nocwatch.frames import Direction, Frame
from nocwatch.moments import HOUR_NS, SECOND_NS
from nocwatch.plans import BookingState
from nocwatch.sessions import Session
from nocwatch.state.changes import ReservationChanged, StationChanged


def play_2x(version: str = "2.1") -> Play:
    return Play(version=version).begin()


def charge(play: Play, **more: Any) -> None:
    play.transaction(
        "Started", trigger="Authorized", evse=1, state="Charging", token="TAG", register=0, **more
    )


def updated(play: Play, kind: str = "Updated", answer: dict[str, Any] | None = None, **more: Any) -> None:
    """A TransactionEvent with what the play-book has no words for."""
    number = play._sequence["T1"] = play._sequence.get("T1", -1) + 1
    info = {"transactionId": "T1", **more.pop("info", {})}
    payload = {"eventType": kind, "timestamp": play.stamp(), "triggerReason": "MeterValuePeriodic", "seqNo": number, "transactionInfo": info}  # fmt: skip
    play.ask("TransactionEvent", payload | more, answer or {})


def cost_updated(play: Play, amount: float, transaction: str = "T1") -> None:
    play.answer(
        play.call("CostUpdated", {"totalCost": amount, "transactionId": transaction}, by=Direction.FROM_CSMS),
        {},
        by=Direction.FROM_STATION,
    )


def reported(session: Session) -> tuple[Decimal | None, str, str, bool]:
    assert session.costs is not None
    note = session.costs.reported
    assert note is not None
    return note.amount, note.currency, note.by, note.final


# --- money -------------------------------------------------------------------------------------------------------------


def test_running_totals_and_the_final_one() -> None:
    play = play_2x("2.0.1")
    charge(play)
    for amount in (0.5, 1.1, 2.25):
        play.wait(60)
        cost_updated(play, amount)
    assert reported(play.session) == (Decimal("2.25"), "", "csms", False)
    updated(play, "Ended", {"totalCost": 3.3}, info={"stoppedReason": "Local"})
    session = play.session
    assert reported(session) == (Decimal("3.3"), "", "csms", True)
    assert session.costs is not None
    assert [each.amount for each in session.costs.notes] == [Decimal(text) for text in ("0.5", "1.1", "2.25", "3.3")]  # fmt: skip
    assert session.steps[-1].text == "Cost in all: 3.3"
    assert not session.revised_because, "a cost is no verdict"


def test_a_station_that_reckons_by_itself_names_its_currency() -> None:
    play = play_2x()
    charge(play)
    details = {"totalCost": {"currency": "EUR", "typeOfCost": "NormalCost", "total": {"exclTax": 4.2, "inclTax": 5.0}},
               "totalUsage": {"energy": 10, "chargingTime": 600, "idleTime": 0}}  # fmt: skip
    updated(play, "Ended", costDetails=details, info={"stoppedReason": "Local"})
    assert reported(play.session) == (Decimal(5), "EUR", "station", True)
    payment = {"transactionId": "T1", "pspRef": "psp-1", "status": "Settled", "settlementAmount": 5.0, "settlementTime": play.stamp()}  # fmt: skip
    play.ask("NotifySettlement", payment, {})
    costs = play.session.costs
    assert costs is not None
    assert costs.settled is not None
    assert (costs.settled.status, costs.settled.amount, costs.settled.reference) == (
        "Settled",
        Decimal(5),
        "psp-1",
    )


def test_a_cost_that_could_not_be_reckoned_says_why() -> None:
    play = play_2x()
    charge(play)
    details = {"failureToCalculate": True, "failureReason": "no tariff", "totalCost": {"currency": "EUR", "typeOfCost": "NormalCost", "total": {}}, "totalUsage": {}}  # fmt: skip
    updated(play, costDetails=details)
    assert play.session.costs is not None
    assert play.session.costs.reported is None
    assert play.session.costs.notes[-1].failure == "no tariff"


def test_a_cost_a_minute_for_a_night_is_thinned_and_ends_with_the_last() -> None:
    play = play_2x("2.0.1")
    charge(play)
    for minute in range(1, 301):
        play.wait(60)
        cost_updated(play, minute / 10)
    costs = play.session.costs
    assert costs is not None
    assert len(costs.notes) <= 32
    assert (costs.notes[0].amount, costs.notes[-1].amount) == (Decimal("0.1"), Decimal(30))
    assert len(costs.notes) + costs.dropped == 300
    gaps = [after.at_ns - before.at_ns for before, after in zip(costs.notes, costs.notes[1:], strict=False)]
    assert max(gaps) < HOUR_NS, "the course is still there"


def test_a_cost_of_no_session_is_counted() -> None:
    play = play_2x("2.0.1")
    cost_updated(play, 1.5, "nobody's")
    assert play.sessions == []
    assert play.fleet.counters["state_costs_unplaced"] == 1


# --- reservations ---------------------------------------------------------------------------------------------------------


def reserve(play: Play, number: int = 5, *, minutes: float = 30, status: str | None = "Accepted") -> None:
    expiry = play.stamp(play.now_s + minutes * 60)
    if play.old:
        play.command("ReserveNow", {"connectorId": 1, "expiryDate": expiry, "idTag": "TAG", "reservationId": number}, status)  # fmt: skip
    else:
        token = {"idToken": "TAG", "type": "ISO14443"}
        play.command(
            "ReserveNow", {"id": number, "evseId": 1, "expiryDateTime": expiry, "idToken": token}, status
        )


def standing(play: Play) -> list[int]:
    return [each.id for each in play.fleet.stations["CP1"].reservations]


def history(play: Play) -> list[BookingState]:
    return [each.now.state for each in play.told(ReservationChanged)]


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_a_reservation_that_is_used(version: str) -> None:
    play = Play(version=version).begin()
    reserve(play)
    made_ns = play.now_ns - SECOND_NS // 10
    assert standing(play) == [5]
    play.wait(600)
    if play.old:
        payload = {
            "connectorId": 1,
            "idTag": "TAG",
            "meterStart": 0,
            "timestamp": play.stamp(),
            "reservationId": 5,
        }
        play.ask("StartTransaction", payload, {"transactionId": 9, "idTagInfo": {"status": "Accepted"}})
    else:
        updated(play, "Started", reservationId=5, evse={"id": 1, "connectorId": 1})
    booking = play.session.reservation
    assert booking is not None
    assert (booking.id, booking.state, booking.made_at_ns) == (5, BookingState.USED, made_ns)
    assert booking.session == play.session.id
    assert standing(play) == []
    play.wait(3600)
    assert history(play) == [BookingState.STANDING, BookingState.USED], "what was used does not expire"


def test_reservations_that_nobody_used() -> None:
    for number, what, end in (
        (1, BookingState.EXPIRED, lambda play: play.wait(1900)),
        (2, BookingState.CANCELLED, lambda play: play.command("CancelReservation", {"reservationId": 2})),
        (3, BookingState.REMOVED, lambda play: play.ask("ReservationStatusUpdate", {"reservationId": 3, "reservationUpdateStatus": "Removed"}, {})),
        (4, BookingState.MISSED, lambda play: play.ask("ReservationStatusUpdate", {"reservationId": 4, "reservationUpdateStatus": "NoTransaction"}, {})),
    ):  # fmt: skip
        play = play_2x("2.0.1")
        reserve(play, number)
        end(play)
        assert history(play) == [BookingState.STANDING, what]
        assert standing(play) == []


def test_a_reservation_that_is_refused_never_stood() -> None:
    play = Play().begin()
    reserve(play, status="Occupied")
    assert history(play) == [BookingState.REFUSED]
    reserve(play, number=6, status=None)
    play.wait(60)
    assert history(play) == [BookingState.REFUSED, BookingState.REFUSED]


def test_a_cancellation_that_the_station_refused_changes_nothing() -> None:
    play = Play().begin()
    reserve(play)
    play.command("CancelReservation", {"reservationId": 5}, "Rejected")
    assert standing(play) == [5]


def test_a_second_reservation_of_the_same_number_moves_its_end() -> None:
    play = Play().begin()
    reserve(play, minutes=10)
    play.wait(300)
    reserve(play, minutes=30)
    play.wait(600)
    assert standing(play) == [5]
    play.wait(1300)
    assert standing(play) == []


def test_a_start_that_names_a_reservation_nobody_saw_being_made() -> None:
    play = play_2x("2.0.1")
    updated(play, "Started", reservationId=77, evse={"id": 1, "connectorId": 1})
    assert play.session.reservation is not None
    assert (play.session.reservation.id, play.session.reservation.made_at_ns) == (77, 0)


@pytest.mark.parametrize("number", [0, -1])
def test_a_start_that_means_no_reservation_by_its_number_is_by_none(number: int) -> None:
    """Where the field should be left out, stations send 0 or -1; a CSMS that counts from 0 has made that one before."""
    play = play_2x("2.0.1")
    updated(play, "Started", reservationId=number, evse={"id": 1, "connectorId": 1})
    assert play.session.reservation is None
    assert history(play) == []

    made = play_2x("2.0.1")
    reserve(made, number)
    updated(made, "Started", reservationId=number, evse={"id": 1, "connectorId": 1})
    assert made.session.reservation is not None
    assert history(made) == [BookingState.STANDING, BookingState.USED]


def test_a_flood_of_reservations_is_bounded_and_those_that_stand_stay() -> None:
    play = Play().begin()
    reserve(play, 1000, minutes=600)
    for number in range(200):
        reserve(play, number, status="Rejected")
    assert len(play.fleet._trackers["CP1"].state.bookings) == 32
    assert standing(play) == [1000]


# --- wishes ----------------------------------------------------------------------------------------------------------------


def test_what_the_vehicle_needs_and_what_it_chose() -> None:
    play = play_2x("2.0.1")
    charge(play)
    leaves = play.stamp(play.now_s + 8 * 3600)
    needs = {"requestedEnergyTransfer": "AC_three_phase", "departureTime": leaves,
             "acChargingParameters": {"energyAmount": 20000, "evMinCurrent": 6, "evMaxCurrent": 16, "evMaxVoltage": 230}}  # fmt: skip
    play.ask("NotifyEVChargingNeeds", {"evseId": 1, "chargingNeeds": needs}, {"status": "Accepted"})
    chosen = {"id": 1, "chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 0}, {"startPeriod": 7200, "limit": 7000}]}  # fmt: skip
    play.ask("NotifyEVChargingSchedule", {"evseId": 1, "timeBase": play.stamp(), "chargingSchedule": chosen}, {"status": "Accepted"})  # fmt: skip
    plan = play.session.plan
    assert plan is not None
    assert plan.needs is not None
    assert (plan.needs.energy_wh, plan.needs.current_a_max, plan.needs.transfer) == (
        20000,
        16,
        "AC_three_phase",
    )
    assert plan.needs.departure_at_ns == play.now_ns + 8 * HOUR_NS - 2 * SECOND_NS // 10
    assert [each.limit for each in plan.vehicle] == [0, 7000]
    assert [each.name for each in play.session.steps if "vehicle" in each.text.lower()][-2:] == ["charging_needs", "vehicle_plan"]  # fmt: skip


def test_what_2_1_notes_of_a_transaction() -> None:
    play = play_2x()
    charge(play)
    updated(play, preconditioningStatus="Preconditioning", evseSleep=True, info={"operationMode": "CentralSetpoint", "tariffId": "t-1"})  # fmt: skip
    updated(play, answer={"transactionLimit": {"maxCost": 20, "maxEnergy": 30000}})
    plan = play.session.plan
    assert plan is not None
    assert (plan.preconditioning, plan.evse_sleep, plan.operation_mode, plan.tariff) == (
        "Preconditioning",
        True,
        "CentralSetpoint",
        "t-1",
    )
    assert plan.ends_at is not None
    assert (plan.ends_at.by, plan.ends_at.cost, plan.ends_at.energy_wh) == ("csms", 20, 30000)


def test_a_transaction_that_is_taken_up_again_says_so() -> None:
    play = play_2x()
    charge(play)
    assert not play.session.resumed
    play.transaction("Updated", trigger="TxResumed", state="Charging")
    assert play.session.resumed


def test_an_alarm_of_the_grid_is_the_stations_and_the_sessions() -> None:
    play = play_2x()
    charge(play)
    alarm = {"controlType": "FreqDroop", "gridEventFault": "OverFrequency", "timestamp": play.stamp()}
    play.ask("NotifyDERAlarm", alarm, {})
    assert play.fleet.stations["CP1"].grid_alarm == "OverFrequency"
    assert play.session.steps[-1].text == "The grid is out of bounds: OverFrequency"
    play.ask("NotifyDERAlarm", {**alarm, "alarmEnded": True}, {})
    assert play.fleet.stations["CP1"].grid_alarm == ""
    assert play.told(StationChanged)[-1].now.grid_alarm == ""


def test_reading_it_all_twice_changes_nothing() -> None:
    play = play_2x()
    reserve(play)
    charge(play)
    cost_updated(play, 2.5)
    alarm = {"controlType": "FreqDroop", "gridEventFault": "OverFrequency", "timestamp": play.stamp()}
    play.ask("NotifyDERAlarm", alarm, {})
    needs = {
        "requestedEnergyTransfer": "DC",
        "dcChargingParameters": {"evMaxCurrent": 400, "evMaxVoltage": 900},
    }
    play.ask("NotifyEVChargingNeeds", {"evseId": 1, "chargingNeeds": needs}, {"status": "Accepted"})
    play.command("SetChargingProfile", {"evseId": 1, "chargingProfile": {"id": 1, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute", "chargingSchedule": [{"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 8}]}]}})  # fmt: skip
    play.ask("NotifyPriorityCharging", {"transactionId": "T1", "activated": True}, {})
    before, bookings = play.session, list(play.fleet._trackers["CP1"].state.bookings)
    for each in [each for each in play.sightings if isinstance(each, Frame)]:
        play.feed(each)
    after = play.session
    assert (after.plan, after.costs, after.reservation) == (before.plan, before.costs, before.reservation)
    assert list(play.fleet._trackers["CP1"].state.bookings) == bookings


def test_a_snapshot_forgets_no_plan() -> None:
    play = play_2x()
    reserve(play)
    charge(play)
    cost_updated(play, 2.5)
    play.ask("NotifyPriorityCharging", {"transactionId": "T1", "activated": True}, {})
    snapshot = play.fleet.snapshot()
    play.fleet.restore(snapshot)
    assert play.fleet.snapshot() == snapshot
    (session,) = play.fleet.sessions("CP1")
    assert (session.plan, session.costs) == (play.session.plan, play.session.costs)
    assert standing(play) == [5]


def test_a_final_cost_that_is_said_with_each_retry_of_the_stop_is_one() -> None:
    play = play_2x("2.0.1")
    charge(play)
    for _ in range(3):
        updated(play, "Ended", {"totalCost": 3.3}, info={"stoppedReason": "Local"})
        play.wait(10)
    assert play.session.costs is not None
    assert len(play.session.costs.notes) == 1


def test_the_time_of_a_reservation_that_ended_is_not_the_next_ones() -> None:
    play = Play().begin()
    reserve(play, minutes=10)
    play.command("CancelReservation", {"reservationId": 5})
    play.command(
        "ReserveNow",
        {"connectorId": 1, "expiryDate": "9999-12-31T23:59:59Z", "idTag": "TAG", "reservationId": 5},
    )
    play.wait(3600)
    assert standing(play) == [5]


def test_a_transaction_that_goes_on_after_a_boot_was_taken_up_again() -> None:
    play = Play().begin()
    transaction = play.start()
    play.wait(60)
    play.boot()
    play.meter(1, 2000, transaction)
    assert play.session.resumed
