"""What really happened, as only the simulator knows it: one record for each session or attempt that is over.

Independent of the session tracker on purpose: tests hold the one against the other. The verdict follows domain rules
(energy of 0.1 kWh, valid stop, two minutes), applied to what the simulated driver, vehicle and hardware did, not to frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from nocwatch.flags import Blame
from nocwatch.sessions import Outcome, Reason, StartSource

ENERGY_WH_MIN = 100.0
"""Below 0.1 kWh a session has given no energy."""
REGRET_S_MAX = 120.0
"""A driver who ends it within two minutes has changed his mind; after that the charger has failed him."""

VALID_STOPS = frozenset({
    "Local", "Remote", "EVDisconnected", "UnlockCommand",
    "EnergyLimitReached", "SOCLimitReached", "StoppedByEV", "LocalOutOfCredit", "TimeLimitReached", "MasterPass",
})  # fmt: skip

_STOP_FAILURES: dict[str, tuple[Reason, Blame]] = {
    "EmergencyStop": (Reason.EMERGENCY_STOP, Blame.DRIVER),
    "PowerLoss": (Reason.POWER_LOSS, Blame.UNKNOWN),
    "Reboot": (Reason.REBOOT, Blame.CHARGER),
    "HardReset": (Reason.REBOOT, Blame.CHARGER),
    "SoftReset": (Reason.REBOOT, Blame.CHARGER),
    "ImmediateReset": (Reason.REBOOT, Blame.CHARGER),
    "DeAuthorized": (Reason.DEAUTHORISED, Blame.CSMS),
}

CONNECTIVITY = "Connectivity"
"""Error code of the simulator's own: the session ended because the station lost its socket."""

_ERROR_REASONS: dict[str, tuple[Reason, Blame]] = {
    "EVCommunicationError": (Reason.EV_COMM, Blame.UNKNOWN),
    "ConnectorLockFailure": (Reason.CONNECTOR_LOCK, Blame.CHARGER),
    "GroundFailure": (Reason.ELECTRICAL_SAFETY, Blame.CHARGER),
    "OverCurrentFailure": (Reason.ELECTRICAL_SAFETY, Blame.CHARGER),
    "OverVoltage": (Reason.ELECTRICAL_SAFETY, Blame.CHARGER),
    "UnderVoltage": (Reason.ELECTRICAL_SAFETY, Blame.CHARGER),
    "PowerMeterFailure": (Reason.METER, Blame.CHARGER),
    "HighTemperature": (Reason.THERMAL, Blame.CHARGER),
    CONNECTIVITY: (Reason.CONNECTIVITY, Blame.CHARGER),
}


@dataclass(frozen=True, slots=True)
class Course:
    """What happened in a transaction, beyond its energy and its stop.

    Attributes:
        error_code: what the hardware reported in the session, ``NoError`` or empty where all was well.
        refused: the token was never accepted for this transaction.
        denied: what was wrong with the word on the token: the CSMS gave none or gave it late, or an error.
        ordered: a reset that ended it was the CSMS's order.
        withheld_by: who kept the energy back for more than half of the time.
        lost_by: who or what ended the connection in whose absence it ended; None where there was one, or had not been from the start.
    """

    error_code: str = ""
    refused: bool = False
    denied: Reason | None = None
    ordered: bool = False
    withheld_by: Blame | None = None
    lost_by: Blame | None = None


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """One session or attempt that is over.

    Attributes:
        evse: None in 1.6.
        transaction: as the station knows it: int in 1.6 (None where the answer never came), str in 2.0.1, None for an attempt.
        began: a transaction began; else it was an attempt.
        energy_wh: what really flowed, whatever the register showed.
        hidden_wh: as much of it as no reading of the register shows: what flowed between the last sample and an end of which nothing was
            said, or while the register was turned back.
        meter_start_wh: as shown on the wire, distortions included; ``meter_stop_wh`` alike, None where no stop was sent.
        cost: what the CSMS said at the end that it costs; ``settled`` what a terminal did with it; None where it was not said, or not heard.
        needs_wh, priority: alike, of the vehicle's needs and of charging with priority.
        cause: the name of the fault that was played, empty in ordinary life.
    """

    station: str
    evse: int | None
    connector: int
    transaction: int | str | None
    outcome: Outcome
    reason: Reason | None = None
    blame: Blame | None = None
    began: bool = True
    energy_wh: float = 0.0
    hidden_wh: float = 0.0
    meter_start_wh: float | None = None
    meter_stop_wh: float | None = None
    stop_reason: str | None = None
    token: str | None = None
    start_source: StartSource = StartSource.UNKNOWN
    started_at_ns: int = 0
    stopped_at_ns: int = 0
    late: bool = False
    cost: float | None = None
    settled: float | None = None
    needs_wh: float | None = None
    priority: bool | None = None
    cause: str = ""


def verdict(
    energy_wh: float, duration_s: float, stop_reason: str | None, course: Course | None = None
) -> tuple[Outcome, Reason | None, Blame | None]:
    """Outcome, reason and blame of a transaction that was stopped.

    Args:
        energy_wh: what flowed and was metered.
        duration_s: real seconds to its stop from its start, or from when the driver asked for energy where that was later.
        stop_reason: as sent; None counts as Local [OCPP 1.6 §4.10].
        course: what else happened.
    """
    course = course or Course()
    enough = energy_wh >= ENERGY_WH_MIN
    valid = (stop_reason or "Local") in VALID_STOPS or (stop_reason == "DeAuthorized" and course.refused)
    if valid and enough:
        return Outcome.SUCCESS, None, None
    if course.refused and not enough:
        return Outcome.REJECTED, Reason.AUTH_REJECTED, Blame.DRIVER
    if (trouble := _trouble(stop_reason, course, enough=enough)) is not None:
        return Outcome.FAILED, *trouble
    if stop_reason == "Timeout":
        return Outcome.CANCELLED, Reason.NO_PLUG_TIMEOUT, Blame.DRIVER
    if valid and duration_s <= REGRET_S_MAX:
        blame = Blame.CSMS if course.withheld_by is Blame.CSMS else Blame.DRIVER
        return Outcome.CANCELLED, Reason.ENDED_BY_DRIVER, blame
    if valid:
        return Outcome.FAILED, Reason.ZERO_ENERGY, course.withheld_by or Blame.UNKNOWN
    return Outcome.FAILED, Reason.UNKNOWN, Blame.UNKNOWN


def _trouble(stop_reason: str | None, course: Course, *, enough: bool) -> tuple[Reason, Blame] | None:
    """What broke, and by whom; None where nothing did."""
    if course.error_code in _ERROR_REASONS:
        return _ERROR_REASONS[course.error_code]
    if stop_reason in _STOP_FAILURES:
        reason, blame = _STOP_FAILURES[stop_reason]
        return reason, Blame.CSMS if course.ordered else blame
    if course.denied is not None and not enough:
        return course.denied, Blame.CSMS
    if course.lost_by is not None:
        return Reason.CONNECTIVITY, course.lost_by
    return None
