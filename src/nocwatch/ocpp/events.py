"""Version-neutral events: what OCPP messages say, whatever the version. Made by the tables of ``v16`` and ``v201``.

An event states what was said, not what is so: ``state/`` decides that. A call and its answer are separate events where
both matter (a StartTransaction counts before it is answered). Every event names the frame that it stands on.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

import msgspec

from nocwatch.frames import Direction
from nocwatch.network import ConnectorStatus
from nocwatch.ocpp.planning import Battery, ChargingProfile, Choice, Reservation, Schedule, TransactionLimit


class TimeFrom(StrEnum):
    """Where the time of an event comes from: the station's clock as it is or put right, or the relay's."""

    STATION = "station"
    CORRECTED = "corrected"
    RECEIPT = "receipt"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What all events have.

    Attributes:
        at_ns: when the relay received the frame: the main clock.
        event_at_ns: the station's own time stamp where it gave a plausible one, else None.
        said_us: the time stamp as it stands, in microseconds (year 1 has no room in nanoseconds): what a retry is known by.
        implausible_time: the station gave a time stamp that cannot be: before 2010, or from the future by nobody knows yet how much.
        frame: ref of the frame (for an answer: of the answer).
        clock_shift_s: what was taken off the station's time stamp, because its clock is ahead, or goes by local time and says UTC.
        offline: the station itself says that it was offline then (2.x ``offline: true``).
    """

    station: str
    connection: int
    at_ns: int
    frame: str
    event_at_ns: int | None = None
    said_us: int | None = None
    implausible_time: bool = False
    clock_shift_s: int = 0
    offline: bool = False

    @property
    def when_ns(self) -> int:
        """Event time where plausible, else receive time."""
        return self.at_ns if self.event_at_ns is None else self.event_at_ns

    @property
    def when_from(self) -> TimeFrom:
        """Whose clock ``when_ns`` is of."""
        if self.event_at_ns is None:
            return TimeFrom.RECEIPT
        return TimeFrom.CORRECTED if self.clock_shift_s else TimeFrom.STATION


# --- every message -------------------------------------------------------------------------------------------------


class Spoke(Event, frozen=True, kw_only=True):
    """A message passed, of whatever kind: one such event for each TEXT frame that is OCPP; what sinks and logs need.

    Attributes:
        type: 2 CALL, 3 CALLRESULT, 4 CALLERROR, 5 CALLRESULTERROR, 6 SEND.
        action: of the call, also with its answers; empty for an answer to no known call.
        answer_time_ns: with an answer: from call to answer.
        call_frame: with an answer: ref of its call.
        error_code: with types 4 and 5.
        known: whether the version's table knows the action.
    """

    version: str
    direction: Direction
    type: int
    message_id: str
    action: str
    answer_time_ns: int | None = None
    call_frame: str = ""
    error_code: str = ""
    error_description: str = ""
    known: bool = True


class Oddity(StrEnum):
    """Ways in which a frame is not proper OCPP: the bounded reasons that are counted."""

    NOT_JSON = "not_json"
    NOT_OCPP = "not_ocpp"
    UNKNOWN_TYPE = "unknown_type"
    UNKNOWN_ACTION = "unknown_action"
    BAD_PAYLOAD = "bad_payload"
    UNPAIRED_ANSWER = "unpaired_answer"
    DUPLICATE_ANSWER = "duplicate_answer"
    LATE_ANSWER = "late_answer"
    REUSED_ID = "reused_id"
    OVERLAPPING_CALL = "overlapping_call"
    GARBLED = "garbled"
    BINARY = "binary"
    TOO_MANY_PENDING = "too_many_pending"
    AGAINST_SCHEMA = "against_schema"
    LOCAL_TIME = "local_time"
    WRONG_UNIT = "wrong_unit"


class Misspoke(Event, frozen=True, kw_only=True):
    """A frame that is not proper OCPP. The link goes on being watched."""

    direction: Direction
    oddity: Oddity
    text: str = ""


class CallRefused(Event, frozen=True, kw_only=True):
    """A CALLERROR (or CALLRESULTERROR) came: ``direction`` is who answered with it."""

    direction: Direction
    action: str
    error_code: str
    description: str
    call_frame: str
    answer_time_ns: int


class CallUnanswered(Event, frozen=True, kw_only=True):
    """No answer came in time. ``direction`` is who called; ``frame`` the call's; ``at_ns`` when patience ended.

    ``link_lost``: the connection closed while the call was waiting.
    """

    direction: Direction
    action: str
    waited_ns: int
    link_lost: bool = False


# --- the station -----------------------------------------------------------------------------------------------------


class Booted(Event, frozen=True, kw_only=True):
    """BootNotification was sent. ``reason`` is of 2.x (``PowerUp``, ``Watchdog`` …)."""

    version: str
    vendor: str = ""
    model: str = ""
    firmware: str = ""
    serial: str = ""
    reason: str = ""


class BootAnswered(Event, frozen=True, kw_only=True):
    """The CSMS's answer: ``status`` Accepted, Pending or Rejected; ``interval_s`` of the heartbeat."""

    status: str
    interval_s: float | None = None


class Heartbeat(Event, frozen=True, kw_only=True):
    """The station said that it is alive."""


class StatusReported(Event, frozen=True, kw_only=True):
    """A connector's status. ``connector`` 0 (1.6) and EVSE 0 (2.x) are the station itself."""

    evse: int | None
    connector: int
    status: ConnectorStatus
    error_code: str = ""
    vendor_error: str = ""
    info: str = ""


class ConfigurationSeen(Event, frozen=True, kw_only=True):
    """A setting of the station's as read, or as set and accepted. ``name`` is 1.6's key or 2.x's Component.Variable."""

    name: str
    value: str
    changed: bool = False


class SecurityReported(Event, frozen=True, kw_only=True):
    """SecurityEventNotification."""

    type: str
    tech_info: str = ""


class FirmwareReported(Event, frozen=True, kw_only=True):
    """FirmwareStatusNotification."""

    status: str


class UploadReported(Event, frozen=True, kw_only=True):
    """DiagnosticsStatusNotification (1.6) and LogStatusNotification: how far the station is with sending its logs."""

    status: str
    request: int | None = None


class ComponentReported(Event, frozen=True, kw_only=True):
    """One event of 2.x NotifyEvent that is no availability: a problem, or the end of one (``cleared``)."""

    evse: int | None
    connector: int | None
    component: str
    variable: str
    value: str = ""
    tech_code: str = ""
    tech_info: str = ""
    cleared: bool = False
    trigger: str = ""


# --- authorisation and sessions ----------------------------------------------------------------------------------------


class AuthorizeAsked(Event, frozen=True, kw_only=True):
    """Authorize was sent. ``token`` is a key-hash, ``token_type`` 2.x's (``ISO14443``, ``eMAID`` …)."""

    token: str
    token_type: str = ""


class AuthorizeAnswered(Event, frozen=True, kw_only=True):
    """``status`` is idTagInfo.status or idTokenInfo.status; ``parent`` a key-hash. ``asked_at_ns``: of the call."""

    token: str
    status: str
    asked_at_ns: int
    parent: str | None = None
    token_type: str = ""


class TransactionBegan(Event, frozen=True, kw_only=True):
    """1.6 StartTransaction, or 2.x TransactionEvent Started.

    Attributes:
        message_id: of the call; in 1.6 the transaction has no other name before the answer.
        transaction: 2.x's id; None in 1.6.
        connector: in 2.x None where the station did not say.
        token: key-hash; None where there is none, empty where the station sent an empty one.
        meter_wh: register at start, None where not said.
    """

    message_id: str
    transaction: str | None
    evse: int | None
    connector: int | None
    token: str | None = None
    token_type: str = ""
    meter_wh: float | None = None
    reservation: int | None = None
    remote_start_id: int | None = None
    sequence_number: int | None = None
    trigger: str = ""
    charging_state: str = ""


class TransactionAnswered(Event, frozen=True, kw_only=True):
    """The CSMS answered a start (1.6: with the transaction's id; 2.x: with the token's status, where it had one).

    ``message_id`` is the call's. ``status`` is empty where the answer has none.
    """

    message_id: str
    transaction: int | str | None
    status: str = ""
    parent: str | None = None
    asked_at_ns: int = 0


class TransactionUpdated(Event, frozen=True, kw_only=True):
    """2.x TransactionEvent Updated."""

    transaction: str
    evse: int | None = None
    connector: int | None = None
    token: str | None = None
    token_type: str = ""
    sequence_number: int | None = None
    trigger: str = ""
    charging_state: str = ""
    remote_start_id: int | None = None


class TransactionEnded(Event, frozen=True, kw_only=True):
    """1.6 StopTransaction, or 2.x TransactionEvent Ended. ``reason`` as sent, None where absent."""

    message_id: str
    transaction: int | str | None
    evse: int | None = None
    connector: int | None = None
    token: str | None = None
    meter_wh: float | None = None
    reason: str | None = None
    sequence_number: int | None = None
    trigger: str = ""


class EndAnswered(Event, frozen=True, kw_only=True):
    """The CSMS answered a stop; an error answer is a ``CallRefused`` with action StopTransaction or TransactionEvent."""

    message_id: str
    transaction: int | str | None
    status: str = ""


class Sample(msgspec.Struct, frozen=True):
    """One sampled value, normalised.

    Attributes:
        measurand: OCPP's name; ``Energy.Active.Import.Register`` where absent.
        value: in ``unit``: Wh, W, A, V, Percent, Celsius, Hz … (kilo and multipliers are resolved).
        phase: empty for overall.
        location: ``Outlet`` where absent.
        context: ``Sample.Periodic`` where absent.
    """

    measurand: str
    value: float
    unit: str
    phase: str = ""
    location: str = "Outlet"
    context: str = "Sample.Periodic"


class Metered(Event, frozen=True, kw_only=True):
    """Samples of one moment, from MeterValues, TransactionEvent or StopTransaction.transactionData.

    One event for each meterValue element, its own time stamp in ``event_at_ns``. ``transaction`` is None or 0 where not said,
    ``sequence_number`` the seqNo of a TransactionEvent.
    """

    evse: int | None
    connector: int | None
    transaction: int | str | None
    samples: tuple[Sample, ...]
    sequence_number: int | None = None


class TransactionNoted(Event, frozen=True, kw_only=True):
    """What 2.1 says about a transaction beyond its course; only where it says any of it.

    Attributes:
        by: who said it; the CSMS sets limits too.
        preconditioning: of the vehicle's battery: ``Ready``, ``Preconditioning``, ``NotReady`` …
        evse_sleep: the EVSE's power electronics are switched off to save energy; nothing is wrong where nothing flows.
        operation_mode: ``ChargingOnly``, ``CentralSetpoint`` … (bidirectional charging).
    """

    transaction: str | None
    by: Direction
    preconditioning: str = ""
    evse_sleep: bool | None = None
    operation_mode: str = ""
    tariff: str = ""
    limit: TransactionLimit | None = None


class QueueReported(Event, frozen=True, kw_only=True):
    """2.x GetTransactionStatus was answered: whether the station still has messages to send (of one transaction, or of any)."""

    transaction: str | None
    messages_in_queue: bool
    ongoing: bool | None = None


# --- money -----------------------------------------------------------------------------------------------------------------


class CostReported(Event, frozen=True, kw_only=True):
    """What a transaction costs so far, or in all.

    Attributes:
        by: the CSMS (CostUpdated, totalCost in its answer), or a station that calculates locally (2.1 costDetails).
        amount: with tax where that is said; None where the station could not calculate, ``failure`` says why.
        currency: ISO 4217; empty where the message has none: then it is the one that the CSMS is configured with.
        final: the transaction has ended.
    """

    transaction: str | None
    by: Direction
    amount: Decimal | None
    currency: str = ""
    final: bool = False
    energy_wh: float | None = None
    charging_s: float | None = None
    idle_s: float | None = None
    failure: str = ""


class Settled(Event, frozen=True, kw_only=True):
    """2.1 NotifySettlement: a payment terminal's. ``status`` Settled, Canceled, Rejected, Failed; ``reference`` of the payment provider."""

    transaction: str | None
    status: str
    amount: Decimal | None = None
    reference: str = ""
    text: str = ""


class WebPaymentStarted(Event, frozen=True, kw_only=True):
    """2.1: a driver has opened the payment page of an EVSE (QR code); the connector is kept for ``patience_s``."""

    evse: int | None
    patience_s: float | None = None


# --- plans and the grid ----------------------------------------------------------------------------------------------------


class ReservationUpdated(Event, frozen=True, kw_only=True):
    """2.x ReservationStatusUpdate: ``status`` Expired, Removed, NoTransaction. Asking and ending are ``Commanded``."""

    reservation: int | None
    status: str


class ChargingNeeds(Event, frozen=True, kw_only=True):
    """2.x NotifyEVChargingNeeds: what the vehicle asks for (ISO 15118).

    Attributes:
        transfer: ``AC_single_phase``, ``AC_three_phase``, ``DC``, ``DC_BPT`` …
        departure_at_ns: when the driver means to leave.
        capacity_wh: of the vehicle's battery.
    """

    evse: int | None
    transfer: str
    departure_at_ns: int | None = None
    energy_wh: float | None = None
    current_a_min: float | None = None
    current_a_max: float | None = None
    voltage_v_max: float | None = None
    power_w_max: float | None = None
    soc_percent: float | None = None
    soc_percent_full: float | None = None
    soc_percent_bulk: float | None = None
    capacity_wh: float | None = None


class ChargingPlanned(Event, frozen=True, kw_only=True):
    """2.x NotifyEVChargingSchedule: the profile that the vehicle chose. ``base_at_ns``: periods count from there."""

    evse: int | None
    schedules: tuple[Schedule, ...]
    base_at_ns: int | None = None


class LimitNoted(Event, frozen=True, kw_only=True):
    """2.x NotifyChargingLimit and ClearedChargingLimit: somebody but the CSMS limits (``source``: EMS, SO …), or no longer."""

    evse: int | None
    source: str
    cleared: bool = False
    grid_critical: bool = False
    schedules: tuple[Schedule, ...] = ()


class LimitMoved(Event, frozen=True, kw_only=True):
    """2.1 UpdateDynamicSchedule that was accepted, or an update that the station asked for: a dynamic profile has another limit."""

    profile: int | None
    limit: float | None


class PriorityNoted(Event, frozen=True, kw_only=True):
    """2.1 NotifyPriorityCharging: at the station the driver asked to charge without limits, or no longer."""

    transaction: str | None
    activated: bool


class GridAlarmed(Event, frozen=True, kw_only=True):
    """2.1 NotifyDERAlarm: the grid is out of bounds, and the station reacts (``control``); ``fault`` is OCPP's word for how."""

    control: str
    fault: str = ""
    ended: bool = False
    info: str = ""


class BatterySwapped(Event, frozen=True, kw_only=True):
    """2.1 BatterySwap: ``kind`` BatteryIn, BatteryOut, BatteryOutTimeout (the driver did not take it)."""

    kind: str
    request: int | None
    token: str | None = None
    token_type: str = ""
    batteries: tuple[Battery, ...] = ()


# --- the CSMS's commands -------------------------------------------------------------------------------------------------


class Command(StrEnum):
    """Calls of the CSMS that change what a station does."""

    REMOTE_START = "remote_start"
    REMOTE_STOP = "remote_stop"
    RESET = "reset"
    UNLOCK = "unlock"
    CHANGE_AVAILABILITY = "change_availability"
    RESERVE = "reserve"
    CANCEL_RESERVATION = "cancel_reservation"
    SET_PROFILE = "set_profile"
    CLEAR_PROFILE = "clear_profile"
    UPDATE_FIRMWARE = "update_firmware"
    SEND_LOG = "send_log"
    TRIGGER = "trigger"
    PRIORITY = "priority"
    SWAP_BATTERY = "swap_battery"


class Commanded(Event, frozen=True, kw_only=True):
    """The CSMS asked for something. ``text`` has what matters beyond the fields (reset type, a profile as it was sent).

    ``reservation`` is of reserve and cancel, ``profile`` of set-profile and remote start,
    ``clearing`` of clear-profile.
    """

    command: Command
    message_id: str
    evse: int | None = None
    connector: int | None = None
    transaction: int | str | None = None
    token: str | None = None
    remote_start_id: int | None = None
    text: str = ""
    reservation: Reservation | None = None
    profile: ChargingProfile | None = None
    clearing: Choice | None = None


class CommandAnswered(Event, frozen=True, kw_only=True):
    """The station answered. ``status`` Accepted, Rejected, Scheduled …; the rest repeats the command's."""

    command: Command
    message_id: str
    status: str
    asked_at_ns: int
    evse: int | None = None
    connector: int | None = None
    transaction: int | str | None = None
    token: str | None = None
    remote_start_id: int | None = None
    text: str = ""
    reservation: Reservation | None = None
    profile: ChargingProfile | None = None
    clearing: Choice | None = None


OcppEvent: TypeAlias = (
    Spoke
    | Misspoke
    | CallRefused
    | CallUnanswered
    | Booted
    | BootAnswered
    | Heartbeat
    | StatusReported
    | ConfigurationSeen
    | SecurityReported
    | FirmwareReported
    | ComponentReported
    | AuthorizeAsked
    | AuthorizeAnswered
    | TransactionBegan
    | TransactionAnswered
    | TransactionUpdated
    | TransactionEnded
    | EndAnswered
    | TransactionNoted
    | QueueReported
    | CostReported
    | Settled
    | WebPaymentStarted
    | ReservationUpdated
    | ChargingNeeds
    | ChargingPlanned
    | LimitNoted
    | LimitMoved
    | PriorityNoted
    | GridAlarmed
    | BatterySwapped
    | UploadReported
    | Metered
    | Commanded
    | CommandAnswered
)
