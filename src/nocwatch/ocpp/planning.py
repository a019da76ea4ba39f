"""What is planned for a charge, as values: reservations, charging profiles with their schedules, a transaction's limits.

The same for all versions; units stand in the names, or in ``unit`` where a schedule may be of watts or of amperes. Nothing
here says what is in force at a moment: which profile wins is decided by purpose and stack level, in ``state``. What always
holds: no payload makes a reader raise, and what is kept is bounded.
"""

from __future__ import annotations

import msgspec

from nocwatch.ocpp import clocks
from nocwatch.ocpp.fields import Hearing, Payload

SCHEDULES_MAX = 3
"""Of one profile or message: what 2.x allows [201 part 2 §2.14]; 1.6 has one."""
PERIODS_MAX = 1024
"""Of one schedule: what 2.x allows of a composite one; stations advertise some dozens (ChargingScheduleMaxPeriods)."""


class Reservation(msgspec.Struct, frozen=True):
    """A connector kept free for a token. ``connector_type`` is of 2.x, where any connector of a type may be reserved."""

    id: int | None
    expires_at_ns: int | None = None
    connector_type: str = ""


class Period(msgspec.Struct, frozen=True):
    """A step of a schedule. ``limit`` is in the schedule's unit; ``phases`` None where not said (which means 3)."""

    start_s: float
    limit: float | None
    phases: int | None = None
    discharge_limit: float | None = None
    setpoint: float | None = None


class Schedule(msgspec.Struct, frozen=True):
    """Limits over time.

    Attributes:
        unit: ``W`` or ``A`` (of each phase).
        starts_at_ns: None where it is relative to the start of the charge, or where the profile says.
        duration_s: None where it lasts until something takes its place.
    """

    unit: str
    periods: tuple[Period, ...]
    starts_at_ns: int | None = None
    duration_s: float | None = None
    rate_min: float | None = None

    @property
    def allows_nothing(self) -> bool:
        """Whether some step of it forbids to charge."""
        return any(period.limit == 0 for period in self.periods)


class ChargingProfile(msgspec.Struct, frozen=True):
    """One profile. ``purpose``, ``kind`` and ``recurrency`` are OCPP's words; 1.6's ChargePointMaxProfile keeps its name."""

    id: int | None
    purpose: str
    kind: str
    stack_level: int | None
    schedules: tuple[Schedule, ...]
    transaction: int | str | None = None
    recurrency: str = ""
    valid_from_ns: int | None = None
    valid_to_ns: int | None = None

    @property
    def allows_nothing(self) -> bool:
        return any(schedule.allows_nothing for schedule in self.schedules)


class Choice(msgspec.Struct, frozen=True):
    """Which profiles are meant to be cleared; what is None narrows nothing."""

    id: int | None = None
    purpose: str = ""
    stack_level: int | None = None


class TransactionLimit(msgspec.Struct, frozen=True):
    """Where a transaction is to end by itself (2.1); None where that is not limited. ``cost`` is in the CSMS's currency."""

    cost: float | None = None
    energy_wh: float | None = None
    time_s: float | None = None
    soc_percent: float | None = None


class Battery(msgspec.Struct, frozen=True):
    """A battery that was put into a swap station, or taken from it (2.1). ``serial`` names the pack, not the vehicle."""

    slot: int | None
    soc_percent: float | None = None
    soh_percent: float | None = None
    serial: str = ""


def moment(hearing: Hearing, payload: Payload, field: str) -> int | None:
    """A time stamp that may lie in the future, as plans do: read, and not held against the clock."""
    value = payload.get(field)
    if value is None:
        return None
    at_ns = clocks.parse(value) if isinstance(value, str) else None
    if at_ns is None:
        hearing.fault(field, "no time stamp")
    return at_ns


def schedules(hearing: Hearing, payload: Payload, field: str = "chargingSchedule") -> tuple[Schedule, ...]:
    """1.6 has one schedule as an object, 2.x a list of them."""
    value = payload.get(field)
    found = [value] if isinstance(value, dict) else hearing.objects(payload, field)
    return tuple(_schedule(hearing, each) for each in found[:SCHEDULES_MAX])


def profile(
    hearing: Hearing, payload: Payload, transaction: int | str | None = None
) -> ChargingProfile | None:
    """Of 1.6 (``chargingProfileId``) or 2.x (``id``); None where there is none."""
    if not payload:
        return None
    number = hearing.integer(payload, "chargingProfileId" if "chargingProfileId" in payload else "id")
    return ChargingProfile(
        id=number,
        purpose=hearing.text(payload, "chargingProfilePurpose"),
        kind=hearing.text(payload, "chargingProfileKind"),
        stack_level=hearing.integer(payload, "stackLevel"),
        schedules=schedules(hearing, payload),
        transaction=transaction,
        recurrency=hearing.text(payload, "recurrencyKind"),
        valid_from_ns=moment(hearing, payload, "validFrom"),
        valid_to_ns=moment(hearing, payload, "validTo"),
    )


def choice(hearing: Hearing, payload: Payload, number: str) -> Choice:
    """Of a ClearChargingProfile: ``number`` is the field with the profile's id; the criteria have the same names in all versions."""
    criteria = hearing.object(payload, "chargingProfileCriteria") or payload
    return Choice(
        id=hearing.integer(payload, number),
        purpose=hearing.text(criteria, "chargingProfilePurpose"),
        stack_level=hearing.integer(criteria, "stackLevel"),
    )


def transaction_limit(hearing: Hearing, payload: Payload) -> TransactionLimit | None:
    """``transactionLimit`` of a TransactionEvent or of its answer [21 part 2 E16]; None where there is none."""
    said = hearing.object(payload, "transactionLimit")
    if not said:
        return None
    return TransactionLimit(
        cost=hearing.number(said, "maxCost"),
        energy_wh=hearing.number(said, "maxEnergy"),
        time_s=hearing.number(said, "maxTime"),
        soc_percent=hearing.number(said, "maxSoC"),
    )


def _schedule(hearing: Hearing, payload: Payload) -> Schedule:
    return Schedule(
        unit=hearing.text(payload, "chargingRateUnit"),
        periods=tuple(
            Period(
                start_s=hearing.number(each, "startPeriod") or 0.0,
                limit=hearing.number(each, "limit"),
                phases=hearing.integer(each, "numberPhases"),
                discharge_limit=hearing.number(each, "dischargeLimit"),
                setpoint=hearing.number(each, "setpoint"),
            )
            for each in hearing.objects(payload, "chargingSchedulePeriod")[:PERIODS_MAX]
        ),
        starts_at_ns=moment(hearing, payload, "startSchedule"),
        duration_s=hearing.number(payload, "duration"),
        rate_min=hearing.number(payload, "minChargingRate"),
    )
