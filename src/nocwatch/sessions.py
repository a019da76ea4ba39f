"""The session as everyone sees it: store, console, sinks, reports, replay. Built by ``state/``, read-only elsewhere.

A *session* spans a driver's first act to the free connector; a *transaction* is the inner part [OCPP 1.6 §3.6].
One session for each transaction or attempt, whether it succeeded or not.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from nocwatch.flags import Blame, Evidence
from nocwatch.plans import Booking, Costs, Plan


class Outcome(StrEnum):
    """How it ended. A verdict can change when late frames come."""

    ONGOING = "ongoing"
    SUCCESS = "success"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    FAILED = "failed"


class Reason(StrEnum):
    """Why it did not succeed."""

    ZERO_ENERGY = "ZERO_ENERGY"
    AUTH_TIMEOUT = "AUTH_TIMEOUT"
    AUTH_REJECTED = "AUTH_REJECTED"
    AUTH_UNUSED = "AUTH_UNUSED"
    NO_PLUG_TIMEOUT = "NO_PLUG_TIMEOUT"
    ENDED_BY_DRIVER = "ENDED_BY_DRIVER"
    REMOTE_START_REJECTED = "REMOTE_START_REJECTED"
    REMOTE_START_NO_TX = "REMOTE_START_NO_TX"
    EV_COMM = "EV_COMM"
    CONNECTOR_LOCK = "CONNECTOR_LOCK"
    ELECTRICAL_SAFETY = "ELECTRICAL_SAFETY"
    METER = "METER"
    THERMAL = "THERMAL"
    EMERGENCY_STOP = "EMERGENCY_STOP"
    POWER_LOSS = "POWER_LOSS"
    REBOOT = "REBOOT"
    DEAUTHORISED = "DEAUTHORISED"
    CONNECTIVITY = "CONNECTIVITY"
    CSMS_ERROR = "CSMS_ERROR"
    LOST_STOP = "LOST_STOP"
    UNKNOWN = "UNKNOWN"


class StartSource(StrEnum):
    """How the driver asked for energy."""

    RFID = "rfid"
    REMOTE = "remote"
    PLUG_AND_CHARGE = "plug_and_charge"
    AUTOCHARGE = "autocharge"
    TERMINAL = "terminal"
    FREE = "free"
    UNKNOWN = "unknown"


class Milestone(StrEnum):
    """Steps of a session, in their order; the word is the phase that it begins."""

    CREATED = "created"
    STARTING = "starting"
    CHARGING = "charging"
    STOPPING = "stopping"
    STOPPED = "stopped"
    COMPLETED = "completed"
    FAILED = "failed"
    RELEASED = "released"


class LastReading(msgspec.Struct, frozen=True, kw_only=True):
    """The last energy register of a session that counts: what a bill can rest on where no stop came.

    Attributes:
        register_wh: in Wh, as the session's start and stop are told. ``at_ns``: when it was read (event time where plausible).
        frame: ref of the message that said it; empty where it is not known.
    """

    register_wh: float
    at_ns: int
    frame: str = ""


class SessionStep(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a session's timeline.

    Attributes:
        at_ns: when (event time where plausible).
        name: a ``Milestone``'s value, or a micro-transition such as ``suspended_ev``, ``interrupted``, ``resumed``.
        milestone: which of the two.
        text: what a person reads, such as ``StartTransaction accepted as 4711``.
        frames: refs of what shows it.
    """

    at_ns: int
    name: str
    milestone: bool = False
    text: str = ""
    frames: tuple[str, ...] = ()


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A session as it stands. Times are UTC nanoseconds, energies watt-hours.

    Attributes:
        id: derived: stays the same whatever is learnt later.
        transaction: as on the wire (int in 1.6, str in 2.x), None where none was ever given.
        started_at_ns: event time of StartTransaction or Started, receive time where that is implausible; of an attempt
            without a transaction its first act. ``stopped_at_ns`` alike.
        token: key-hash of the token, None where none was seen.
        energy_wh: so far while ongoing; None where nothing is known.
        reason: a code for every outcome but success and ongoing.
        blame_evidence: why that blame, as sentences with frames.
        late: the start or the stop came as a replay of offline data.
        plan: limits over time, profiles, the vehicle's needs, priority; None where nobody planned anything.
        costs: what CSMS, station and payment terminal said that it costs; None where nobody did.
        reservation: that led to it.
        resumed: it went on after a boot, or was taken up again (2.1 TxResumed).
        revision: rises with each change: of two copies the higher holds.
        revised_because: what made the verdict change after the session had ended; empty where it never did.
        version: of OCPP: ``1.6``, ``2.0.1``, ``2.1``.
    """

    id: str
    station: str
    evse: int | None = None
    connector: int | None = None
    transaction: int | str | None = None
    upstream: str = ""
    version: str = ""
    started_at_ns: int
    stopped_at_ns: int | None = None
    changed_at_ns: int
    energy_wh: float | None = None
    meter_start_wh: float | None = None
    meter_stop_wh: float | None = None
    power_w: float | None = None
    power_w_max: float | None = None
    soc_percent: float | None = None
    outcome: Outcome = Outcome.ONGOING
    reason: Reason | None = None
    blame: Blame | None = None
    blame_evidence: tuple[Evidence, ...] = ()
    stop_reason: str | None = None
    start_source: StartSource = StartSource.UNKNOWN
    start_confidence: float = 0.0
    token: str | None = None
    phase: Milestone = Milestone.CREATED
    suspended_by: str | None = None
    steps: tuple[SessionStep, ...] = ()
    issues: tuple[Evidence, ...] = ()
    late: bool = False
    plan: Plan | None = None
    costs: Costs | None = None
    reservation: Booking | None = None
    resumed: bool = False
    revision: int = 0
    revised_because: str = ""

    @property
    def over(self) -> bool:
        return self.outcome is not Outcome.ONGOING

    @property
    def milestones(self) -> dict[str, int]:
        """Milestone name → time of the first time it was reached."""
        reached: dict[str, int] = {}
        for step in self.steps:
            if step.milestone:
                reached.setdefault(step.name, step.at_ns)
        return reached
