"""Reservations, charging schedules, needs, limits, costs: as values with units, the same whatever the version."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.support.talking import START_NS, Talk, every, oddities, only

from nocwatch.frames import Direction
from nocwatch.moments import HOUR_NS, SECOND_NS
from nocwatch.ocpp.events import (
    BatterySwapped,
    ChargingNeeds,
    ChargingPlanned,
    Command,
    CommandAnswered,
    Commanded,
    CostReported,
    EndAnswered,
    GridAlarmed,
    LimitNoted,
    PriorityNoted,
    QueueReported,
    ReservationUpdated,
    Settled,
    TransactionNoted,
    TransactionUpdated,
    UploadReported,
    WebPaymentStarted,
)
from nocwatch.ocpp.planning import Battery, ChargingProfile, Period, Schedule, TransactionLimit

AT = "2026-11-21T10:00:00Z"
LATER = "2026-11-21T18:00:00Z"
PERIODS = [{"startPeriod": 0, "limit": 11000.0, "numberPhases": 3}, {"startPeriod": 3600, "limit": 0}]


def event(kind: str, info: dict[str, object] | None = None, **more: object) -> dict[str, object]:
    return {
        "eventType": kind,
        "timestamp": AT,
        "triggerReason": "MeterValuePeriodic",
        "seqNo": 3,
        "transactionInfo": {"transactionId": "t-1", **(info or {})},
        **more,
    }


SCHEDULE = Schedule(
    unit="W",
    periods=(Period(0, 11000, 3), Period(3600, 0)),
    starts_at_ns=START_NS,
    duration_s=7200,
)


@pytest.mark.parametrize(
    ("subprotocol", "action", "payload", "purpose", "transaction"),
    [
        (
            "ocpp1.6",
            "SetChargingProfile",
            {"connectorId": 1, "csChargingProfiles": {
                "chargingProfileId": 4, "transactionId": 7, "stackLevel": 2, "chargingProfilePurpose": "TxProfile", "chargingProfileKind": "Absolute",
                "validTo": LATER,
                "chargingSchedule": {"chargingRateUnit": "W", "startSchedule": AT, "duration": 7200, "chargingSchedulePeriod": PERIODS}}},
            "TxProfile",
            7,
        ),
        (
            "ocpp2.0.1",
            "SetChargingProfile",
            {"evseId": 1, "chargingProfile": {
                "id": 4, "transactionId": "t-1", "stackLevel": 2, "chargingProfilePurpose": "TxProfile", "chargingProfileKind": "Absolute",
                "validTo": LATER,
                "chargingSchedule": [{"id": 1, "chargingRateUnit": "W", "startSchedule": AT, "duration": 7200, "chargingSchedulePeriod": PERIODS}]}},
            "TxProfile",
            "t-1",
        ),
    ],
)  # fmt: skip
def test_a_charging_profile_is_the_same_in_every_version(subprotocol, action, payload, purpose, transaction):
    talk = Talk(subprotocol)
    asked = only(talk.hears(2, "1", action, payload), Commanded)
    answered = only(talk.says(3, "1", {"status": "Accepted"}), CommandAnswered)
    expected = ChargingProfile(
        id=4,
        purpose=purpose,
        kind="Absolute",
        stack_level=2,
        schedules=(SCHEDULE,),
        transaction=transaction,
        valid_to_ns=START_NS + 8 * HOUR_NS,
    )
    assert asked.profile == answered.profile == expected
    assert expected.allows_nothing
    assert oddities(talk.events) == []


def test_the_profile_of_a_remote_start_comes_with_it():
    talk = Talk("ocpp1.6")
    profile = {"chargingProfileId": 9, "chargingProfilePurpose": "TxProfile", "chargingProfileKind": "Relative", "stackLevel": 0,
               "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}]}}  # fmt: skip
    asked = only(
        talk.hears(2, "1", "RemoteStartTransaction", {"idTag": "h:1", "chargingProfile": profile}), Commanded
    )
    assert asked.profile is not None
    assert asked.profile.schedules == (Schedule("A", (Period(0, 16),)),)
    assert not asked.profile.allows_nothing


def test_a_schedule_that_holds_anything_is_read_as_far_as_it_goes():
    profile = {
        "id": "x",
        "chargingSchedule": [7, {"chargingSchedulePeriod": {"startPeriod": None}}, {}, {}, {}, {}],
    }
    talk = Talk("ocpp2.0.1")
    asked = only(
        talk.hears(2, "1", "SetChargingProfile", {"evseId": 1, "chargingProfile": profile}), Commanded
    )
    assert asked.profile is not None
    assert len(asked.profile.schedules) == 3
    assert asked.profile.schedules[0] == Schedule("", (Period(0, None),))


def test_a_reservation_that_ran_out():
    events = Talk("ocpp2.0.1").says(
        2, "1", "ReservationStatusUpdate", {"reservationId": 4, "reservationUpdateStatus": "Expired"}
    )
    updated = only(events, ReservationUpdated)
    assert (updated.reservation, updated.status) == (4, "Expired")


@pytest.mark.parametrize(
    ("subprotocol", "said", "expected"),
    [
        (
            "ocpp2.0.1",
            {"requestedEnergyTransfer": "DC", "departureTime": LATER,
             "dcChargingParameters": {"evMaxCurrent": 400, "evMaxVoltage": 900, "evMaxPower": 150000, "stateOfCharge": 20, "fullSoC": 100, "bulkSoC": 80,
                                      "evEnergyCapacity": 77000, "energyAmount": 46000}},
            {"transfer": "DC", "departure_at_ns": START_NS + 8 * HOUR_NS, "energy_wh": 46000, "current_a_max": 400, "voltage_v_max": 900, "power_w_max": 150000,
             "soc_percent": 20, "soc_percent_full": 100, "soc_percent_bulk": 80, "capacity_wh": 77000, "current_a_min": None},
        ),
        (
            "ocpp2.0.1",
            {"requestedEnergyTransfer": "AC_three_phase", "acChargingParameters": {"energyAmount": 20000, "evMinCurrent": 6, "evMaxCurrent": 16, "evMaxVoltage": 230}},
            {"transfer": "AC_three_phase", "energy_wh": 20000, "current_a_min": 6, "current_a_max": 16, "voltage_v_max": 230, "power_w_max": None},
        ),
        (
            "ocpp2.1",
            {"requestedEnergyTransfer": "DC_BPT", "v2xChargingParameters": {"maxChargePower": 11000, "evTargetEnergyRequest": 9000, "targetSoC": 80}},
            {"transfer": "DC_BPT", "energy_wh": 9000, "power_w_max": 11000, "soc_percent_full": 80},
        ),
    ],
)  # fmt: skip
def test_what_the_vehicle_needs(subprotocol, said, expected):
    talk = Talk(subprotocol)
    needs = only(
        talk.says(2, "1", "NotifyEVChargingNeeds", {"evseId": 1, "timestamp": AT, "chargingNeeds": said}),
        ChargingNeeds,
    )
    assert needs.evse == 1
    assert {name: getattr(needs, name) for name in expected} == expected
    assert oddities(talk.events) == []


def test_the_schedule_that_the_vehicle_chose_and_a_limit_of_the_site():
    talk = Talk("ocpp2.0.1")
    schedule = {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}]}
    planned = only(
        talk.says(
            2, "1", "NotifyEVChargingSchedule", {"evseId": 2, "timeBase": AT, "chargingSchedule": schedule}
        ),
        ChargingPlanned,
    )
    assert (planned.evse, planned.base_at_ns, planned.schedules) == (
        2,
        START_NS,
        (Schedule("A", (Period(0, 16),)),),
    )
    limit = {"chargingLimitSource": "EMS", "isGridCritical": True}
    talk.says(
        2, "2", "NotifyChargingLimit", {"evseId": 2, "chargingLimit": limit, "chargingSchedule": [schedule]}
    )
    talk.says(2, "3", "ClearedChargingLimit", {"evseId": 2, "chargingLimitSource": "EMS"})
    noted, cleared = every(talk.events, LimitNoted)
    assert (noted.source, noted.grid_critical, noted.cleared, noted.schedules) == (
        "EMS",
        True,
        False,
        planned.schedules,
    )
    assert (cleared.source, cleared.cleared) == ("EMS", True)


def test_a_cost_is_a_decimal_of_what_was_written():
    talk = Talk("ocpp2.0.1")
    running = only(
        talk.hears(2, "1", "CostUpdated", {"totalCost": 10.1, "transactionId": "t-1"}), CostReported
    )
    assert (running.amount, running.by, running.final, running.currency) == (
        Decimal("10.1"),
        Direction.FROM_CSMS,
        False,
        "",
    )
    talk.says(2, "2", "TransactionEvent", event("Ended"))
    events = talk.hears(3, "2", {"totalCost": 12.30})
    total = only(events, CostReported)
    assert (total.amount, total.final, total.transaction) == (Decimal("12.3"), True, "t-1")
    assert only(events, EndAnswered).transaction == "t-1"


def test_a_cost_of_nothing_is_a_cost():
    talk = Talk("ocpp2.0.1")
    talk.says(2, "2", "TransactionEvent", event("Updated"))
    assert only(talk.hears(3, "2", {"totalCost": 0}), CostReported).amount == Decimal(0)


@pytest.mark.parametrize("cost", ["a lot", None, True, [1]])
def test_a_cost_that_is_none(cost):
    talk = Talk("ocpp2.0.1")
    assert (
        every(talk.hears(2, "1", "CostUpdated", {"totalCost": cost, "transactionId": "t-1"}), CostReported)
        == []
    )


class TestVersion21:
    def test_a_station_that_calculates_the_cost_itself(self):
        talk = Talk("ocpp2.1")
        details = {
            "totalCost": {
                "currency": "EUR",
                "typeOfCost": "NormalCost",
                "total": {"exclTax": 10, "inclTax": 11.9},
            },
            "totalUsage": {"energy": 20.5, "chargingTime": 3600, "idleTime": 60},
        }
        cost = only(talk.says(2, "1", "TransactionEvent", event("Ended", costDetails=details)), CostReported)
        assert (cost.amount, cost.currency, cost.by, cost.final) == (
            Decimal("11.9"),
            "EUR",
            Direction.FROM_STATION,
            True,
        )
        assert (cost.energy_wh, cost.charging_s, cost.idle_s, cost.failure) == (20500, 3600, 60, "")
        assert oddities(talk.events) == []

    def test_a_station_that_could_not_calculate_it(self):
        details = {"failureToCalculate": True, "failureReason": "no tariff", "totalCost": {"currency": "EUR"}}
        cost = only(
            Talk("ocpp2.1").says(2, "1", "TransactionEvent", event("Ended", costDetails=details)),
            CostReported,
        )
        assert (cost.amount, cost.failure) == (None, "no tariff")

    def test_what_a_transaction_event_says_besides(self):
        talk = Talk("ocpp2.1")
        info = {
            "operationMode": "CentralSetpoint",
            "tariffId": "night",
            "transactionLimit": {"maxEnergy": 20000, "maxSoC": 80},
        }
        events = talk.says(
            2,
            "1",
            "TransactionEvent",
            event("Updated", info, preconditioningStatus="Preconditioning", evseSleep=True),
        )
        noted = only(events, TransactionNoted)
        assert (noted.transaction, noted.by, noted.preconditioning) == (
            "t-1",
            Direction.FROM_STATION,
            "Preconditioning",
        )
        assert (noted.evse_sleep, noted.operation_mode, noted.tariff) == (True, "CentralSetpoint", "night")
        assert noted.limit == TransactionLimit(energy_wh=20000, soc_percent=80)
        assert only(events, TransactionUpdated).transaction == "t-1"

    def test_the_csms_limits_a_transaction(self):
        talk = Talk("ocpp2.1")
        talk.says(2, "1", "TransactionEvent", event("Updated"))
        noted = only(
            talk.hears(3, "1", {"transactionLimit": {"maxCost": 20, "maxTime": 900}}), TransactionNoted
        )
        assert (noted.by, noted.limit) == (Direction.FROM_CSMS, TransactionLimit(cost=20, time_s=900))

    def test_a_transaction_that_goes_on_after_a_power_cut_says_so(self):
        resumed = event("Updated")
        resumed["triggerReason"] = "TxResumed"
        assert (
            only(Talk("ocpp2.1").says(2, "1", "TransactionEvent", resumed), TransactionUpdated).trigger
            == "TxResumed"
        )

    def test_a_payment_is_settled(self):
        settled = only(
            Talk("ocpp2.1").says(2, "1", "NotifySettlement", {
                "transactionId": "t-1", "pspRef": "ref-1", "status": "Settled", "settlementAmount": 20.05, "settlementTime": AT,
                "vatNumber": "NL123", "receiptUrl": "https://x/y"}),
            Settled,
        )  # fmt: skip
        assert (settled.amount, settled.status, settled.reference, settled.transaction) == (
            Decimal("20.05"),
            "Settled",
            "ref-1",
            "t-1",
        )
        assert settled.event_at_ns == START_NS

    def test_a_driver_opens_the_payment_page(self):
        started = only(
            Talk("ocpp2.1").says(2, "1", "NotifyWebPaymentStarted", {"evseId": 1, "timeout": 120}),
            WebPaymentStarted,
        )
        assert (started.evse, started.patience_s) == (1, 120)

    def test_priority_charging_from_both_sides(self):
        talk = Talk("ocpp2.1")
        noted = only(
            talk.says(2, "1", "NotifyPriorityCharging", {"transactionId": "t-1", "activated": True}),
            PriorityNoted,
        )
        assert noted.activated
        talk.hears(2, "2", "UsePriorityCharging", {"transactionId": "t-1", "activate": False})
        answered = only(talk.says(3, "2", {"status": "NoProfile"}), CommandAnswered)
        assert (answered.command, answered.status, answered.text) == (
            Command.PRIORITY,
            "NoProfile",
            "deactivate",
        )

    def test_the_grid_is_out_of_bounds(self):
        talk = Talk("ocpp2.1")
        alarm = {"controlType": "HFMustTrip", "gridEventFault": "OverFrequency", "timestamp": AT}
        talk.says(2, "1", "NotifyDERAlarm", alarm)
        talk.says(2, "2", "NotifyDERAlarm", {**alarm, "alarmEnded": True})
        began, ended = every(talk.events, GridAlarmed)
        assert (began.control, began.fault, began.ended, began.event_at_ns) == (
            "HFMustTrip",
            "OverFrequency",
            False,
            START_NS,
        )
        assert ended.ended

    def test_a_battery_is_swapped(self):
        talk = Talk("ocpp2.1")
        token = {"idToken": "h:1", "type": "ISO14443"}
        swapped = only(
            talk.says(2, "1", "BatterySwap", {
                "eventType": "BatteryIn", "requestId": 5, "idToken": token,
                "batteryData": [{"evseId": 3, "serialNumber": "b-1", "soC": 12, "soH": 96}]}),
            BatterySwapped,
        )  # fmt: skip
        assert (swapped.kind, swapped.request, swapped.token) == ("BatteryIn", 5, "h:1")
        assert swapped.batteries == (Battery(3, 12, 96, "b-1"),)
        asked = only(talk.hears(2, "2", "RequestBatterySwap", {"requestId": 5, "idToken": token}), Commanded)
        assert (asked.command, asked.token) == (Command.SWAP_BATTERY, "h:1")

    def test_a_stream_is_sent_and_never_answered(self):
        talk = Talk("ocpp2.1")
        talk.says(6, "1", "NotifyPeriodicEventStream", {"id": 1, "pending": 0, "basetime": AT, "data": []})
        assert oddities(talk.events) == []
        assert talk.conversation.next_expiry_ns is None


def test_the_station_says_whether_messages_wait():
    talk = Talk("ocpp2.0.1")
    talk.hears(2, "1", "GetTransactionStatus", {"transactionId": "t-1"})
    queue = only(talk.says(3, "1", {"ongoingIndicator": False, "messagesInQueue": True}), QueueReported)
    assert (queue.transaction, queue.ongoing, queue.messages_in_queue) == ("t-1", False, True)


@pytest.mark.parametrize(
    ("subprotocol", "action"),
    [
        ("ocpp1.6", "DiagnosticsStatusNotification"),
        ("ocpp1.6", "LogStatusNotification"),
        ("ocpp2.0.1", "LogStatusNotification"),
        ("ocpp2.1", "LogStatusNotification"),
    ],
)
def test_how_far_the_logs_are(subprotocol, action):
    status = only(Talk(subprotocol).says(2, "1", action, {"status": "UploadFailed"}), UploadReported)
    assert status.status == "UploadFailed"


def test_a_plan_of_tomorrow_is_no_wrong_clock():
    events = Talk("ocpp1.6").hears(
        2,
        "1",
        "ReserveNow",
        {"connectorId": 1, "idTag": "h:1", "reservationId": 3, "expiryDate": "2026-12-21T10:00:00Z"},
    )
    reservation = only(events, Commanded).reservation
    assert reservation is not None
    assert reservation.expires_at_ns == START_NS + 30 * 86_400 * SECOND_NS
    assert oddities(events) == []
