"""What is known of a session that its verdict rests on, as values. Filled by the tracker, judged by ``verdict.py``."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from nocwatch.flags import Blame, Evidence
from nocwatch.moments import SECOND_NS
from nocwatch.plans import Plan
from nocwatch.sessions import Outcome, Reason
from nocwatch.state.by_power import Flowed
from nocwatch.state.meter import Meter

TOGETHER_NS = 2 * SECOND_NS
"""Time stamps so near to each other tell no order: whole seconds, and the second that a message may take."""


class Ending(StrEnum):
    """How a session came to its end."""

    STOP = "stop"
    LOST_STOP = "lost_stop"
    ABANDONED = "abandoned"
    """The station was offline for so long that nobody waits any more."""
    ATTEMPT = "attempt"
    """No transaction came of it."""


class Authorization(msgspec.Struct, kw_only=True):
    """An Authorize of the session. ``refused_by`` is the error code of a CALLERROR, ``silence`` or ``link_lost``."""

    token: str
    token_type: str = ""
    connection: int
    asked_at_ns: int
    frame: str
    answered_at_ns: int | None = None
    answer_frame: str = ""
    status: str = ""
    parent: str | None = None
    failed_by: str = ""


class RemoteStart(msgspec.Struct, kw_only=True):
    """A remote start of the session. ``failed_by`` as with an authorisation."""

    connection: int
    message_id: str
    asked_at_ns: int
    frame: str
    token: str | None = None
    remote_start_id: int | None = None
    answered_at_ns: int | None = None
    answer_frame: str = ""
    status: str = ""
    failed_by: str = ""


class ErrorSeen(msgspec.Struct, frozen=True, kw_only=True):
    """An error code that the station reported during the session. ``broke``: it is known to end sessions, or the connector was Faulted."""

    code: str
    at_ns: int
    frame: str
    info: str = ""
    broke: bool = True


class CsmsError(msgspec.Struct, frozen=True, kw_only=True):
    """The CSMS answered a call of the session with an error."""

    action: str
    code: str
    description: str
    at_ns: int
    frame: str


class Hole(msgspec.Struct, kw_only=True):
    """A time in which the station had no link; ``until_ns`` None while it lasts.

    ``others``: how many stations behind the same address lost theirs with it, where they were many; ``others_frames`` those ends.
    """

    from_ns: int
    until_ns: int | None = None
    by: str = ""
    code: int | None = None
    reason: str = ""
    frame: str = ""
    others: int = 0
    others_frames: tuple[str, ...] = ()


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the CSMS ordered and the station accepted: ``reset``. ``done_ns``: the boot that came of it, None before that."""

    name: str
    at_ns: int
    frame: str
    done_ns: int | None = None


class Facts(msgspec.Struct, kw_only=True):
    """What a verdict rests on. Times are event times where plausible.

    Attributes:
        began: a transaction began (its start was seen, or something that belongs to it).
        start_seen: its StartTransaction or Started was seen.
        asked_at_ns: 2.x, cable first: when the transaction was authorised, or started by the CSMS.
        start_status: of the token, as the CSMS answered the start, empty where it did not say.
        stop_unsaid: 1.6 gave no stop reason: Local [OCPP 1.6 §4.10].
        stop_heard_ns: when the first stop was received, whatever time it names.
        stop_untimed: its own time could not be used, so it may have been earlier.
        plugged: a vehicle was seen to be connected.
        charged: the status Charging was seen.
        suspended: who held the energy back last: ``ev`` or ``evse``.
        status_at_remote: what the connector reported when a remote start came.
        plan: limits, needs and priority, None where nobody planned anything.
        led_to: of an attempt whose acts turned out to be another session's: that session; else empty.
    """

    version: str = ""
    transaction: int | str | None = None
    began: bool = False
    start_seen: bool = False
    started_at_ns: int
    stopped_at_ns: int | None = None
    asked_at_ns: int | None = None
    start_answered_at_ns: int | None = None
    start_answer_frame: str = ""
    start_status: str = ""
    token: str | None = None
    token_type: str = ""
    stop_token: str | None = None
    stop_reason: str | None = None
    stop_frame: str = ""
    stop_heard_ns: int | None = None
    stop_untimed: bool = False
    begin_trigger: str = ""
    end_trigger: str = ""
    remote_start_id: int | None = None
    ending: Ending | None = None
    meter: Meter
    flowed: Flowed = msgspec.field(default_factory=Flowed)
    meter_stop_wh: float | None = None
    energy_wh: float | None = None
    authorizations: list[Authorization] = []
    remote: RemoteStart | None = None
    errors: list[ErrorSeen] = []
    csms_errors: list[CsmsError] = []
    sequence_missing: list[int] = []
    plugged: bool = False
    charged: bool = False
    suspended: str = ""
    status_at_remote: str = ""
    plan: Plan | None = None
    led_to: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """Outcome, reason, blame and what shows it; ``issues`` of a success."""

    outcome: Outcome = Outcome.ONGOING
    reason: Reason | None = None
    blame: Blame | None = None
    evidence: tuple[Evidence, ...] = ()
    issues: tuple[Evidence, ...] = ()
