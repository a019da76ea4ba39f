"""What became of a session, why, and whose fault it looks like: the tables of docs/sessions.md, in their order.

``judge`` is a pure function of the facts: the same facts give the same verdict, so a verdict that changes has a new fact as
its cause. It never guesses beyond its evidence: where nothing explains a failure, reason and blame are unknown.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from nocwatch.clock import SECOND_NS
from nocwatch.flags import Blame, Evidence
from nocwatch.sessions import Outcome, Reason
from nocwatch.state.faults import family
from nocwatch.state.meter import Meter
from nocwatch.state.settings import StateSettings


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
    """An error code that the station reported during the session."""

    code: str
    at_ns: int
    frame: str
    info: str = ""


class CsmsError(msgspec.Struct, frozen=True, kw_only=True):
    """The CSMS answered a call of the session with an error."""

    action: str
    code: str
    description: str
    at_ns: int
    frame: str


class Hole(msgspec.Struct, kw_only=True):
    """A time in which the station had no link; ``until_ns`` None while it lasts."""

    from_ns: int
    until_ns: int | None = None
    by: str = ""
    code: int | None = None
    reason: str = ""
    frame: str = ""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the CSMS ordered and the station accepted: ``reset`` or ``limit_zero``."""

    name: str
    at_ns: int
    frame: str


class Facts(msgspec.Struct, kw_only=True):
    """What a verdict rests on. Times are event times where plausible.

    Attributes:
        began: a transaction began (its start was seen, or something that belongs to it).
        start_seen: its StartTransaction or Started was seen.
        start_status: of the token, as the CSMS answered the start, empty where it did not say.
        stop_unsaid: 1.6 gave no stop reason: Local [OCPP 1.6 §4.10].
        plugged: a vehicle was seen to be connected.
        charged: the status Charging was seen.
        suspended: who held the energy back last: ``ev`` or ``evse``.
        status_at_remote: what the connector reported when a remote start came.
    """

    version: str = ""
    transaction: int | str | None = None
    began: bool = False
    start_seen: bool = False
    started_at_ns: int
    stopped_at_ns: int | None = None
    start_answered_at_ns: int | None = None
    start_answer_frame: str = ""
    start_status: str = ""
    token: str | None = None
    token_type: str = ""
    stop_token: str | None = None
    stop_reason: str | None = None
    stop_frame: str = ""
    begin_trigger: str = ""
    end_trigger: str = ""
    remote_start_id: int | None = None
    ending: Ending | None = None
    meter: Meter
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


class Verdict(msgspec.Struct, frozen=True):
    """Outcome, reason, blame and what shows it; ``issues`` of a success."""

    outcome: Outcome = Outcome.ONGOING
    reason: Reason | None = None
    blame: Blame | None = None
    evidence: tuple[Evidence, ...] = ()
    issues: tuple[Evidence, ...] = ()


VALID_STOPS = frozenset(
    {None, "Local", "Remote", "EVDisconnected", "UnlockCommand"}
    | {
        "EnergyLimitReached",
        "SOCLimitReached",
        "StoppedByEV",
        "LocalOutOfCredit",
        "TimeLimitReached",
        "MasterPass",
    }
)
_DRIVERS_STOPS = VALID_STOPS - {"EnergyLimitReached", "SOCLimitReached", "TimeLimitReached", "MasterPass"}
_REBOOTS = frozenset({"Reboot", "HardReset", "SoftReset", "ImmediateReset"})
_SAFETY_STOPS = frozenset({"GroundFault", "OvercurrentFault", "PowerQuality"})
_ACCEPTED = frozenset({"", "Accepted"})
_DROP_AFTER_START_NS = 10 * SECOND_NS
_RESET_EXPLAINS_NS = 300 * SECOND_NS
_UNAVAILABLE = frozenset({"Faulted", "Unavailable"})


def judge(facts: Facts, holes: list[Hole], orders: list[Order], settings: StateSettings) -> Verdict:
    """The verdict on a session that is over.

    Args:
        facts: of the session; ``energy_wh`` is up to date.
        holes: the station's times without a link, oldest first.
        orders: what the CSMS ordered of the station lately.
    """
    verdict = (
        _transaction(facts, holes, orders, settings) if facts.began else _attempt(facts, holes, settings)
    )
    issues = _gaps(facts)
    if verdict.outcome is Outcome.SUCCESS:
        issues += _issues(facts, holes)
    return msgspec.structs.replace(verdict, issues=issues)


def refused(facts: Facts) -> Evidence | None:
    """What shows that the token was refused and not accepted afterwards; None where it was not."""
    if facts.start_status not in _ACCEPTED:
        text = f"The CSMS answered the start with {facts.start_status}"
        return Evidence(
            text=text, at_ns=facts.start_answered_at_ns or 0, frames=_refs(facts.start_answer_frame)
        )
    if facts.start_status == "Accepted":
        return None
    answered = [each for each in facts.authorizations if each.status]
    if answered and answered[-1].status != "Accepted":
        last = answered[-1]
        text = f"Authorize was answered {last.status} after {_seconds(last.answered_at_ns, last.asked_at_ns)}"
        return Evidence(
            text=text, at_ns=last.answered_at_ns or 0, frames=_refs(last.frame, last.answer_frame)
        )
    return None


def valid_stop(facts: Facts) -> bool:
    """Whether the session ended by a stop as it should; a refused one may be stopped for that."""
    if facts.ending is not Ending.STOP:
        return False
    return facts.stop_reason in VALID_STOPS or (
        facts.stop_reason == "DeAuthorized" and refused(facts) is not None
    )


# --- transactions ----------------------------------------------------------------------------------------------------


def _transaction(facts: Facts, holes: list[Hole], orders: list[Order], settings: StateSettings) -> Verdict:
    energy = facts.energy_wh or 0.0
    enough = energy >= settings.energy_wh_min
    if enough and valid_stop(facts):
        return Verdict(Outcome.SUCCESS)
    if not enough and (because := refused(facts)) is not None:
        return Verdict(Outcome.REJECTED, Reason.AUTH_REJECTED, Blame.DRIVER, (because,))
    if not enough and (cancelled := _cancelled(facts, holes, settings)) is not None:
        return cancelled
    return (
        _by_stop_reason(facts, orders)
        or _by_error(facts)
        or _by_reboot(facts, orders)
        or _by_csms(facts, enough=enough)
        or _by_loss(facts, holes, enough=enough)
        or _by_authorisation(facts, settings, enough=enough)
        or _by_ending(facts, orders, settings, enough=enough)
    )


def _cancelled(facts: Facts, holes: list[Hole], settings: StateSettings) -> Verdict | None:
    if facts.errors or facts.csms_errors or facts.ending is not Ending.STOP or not facts.start_seen:
        return None
    if facts.stop_reason == "Timeout":
        text = f"No vehicle was plugged in within {_duration(facts)} of the start"
        return Verdict(
            Outcome.CANCELLED, Reason.NO_PLUG_TIMEOUT, Blame.DRIVER, (_stop_evidence(facts, text),)
        )
    if _hole_at_end(facts, holes) is not None or _slow_authorisation(facts, settings) is not None:
        return None
    if facts.stop_reason in _DRIVERS_STOPS and facts.stopped_at_ns is not None:
        if facts.stopped_at_ns - facts.started_at_ns <= settings.cancelled_within * SECOND_NS:
            text = f"Stopped ({facts.stop_reason or 'Local'}) {_duration(facts)} after the start, with {_energy(facts)}"
            return Verdict(
                Outcome.CANCELLED, Reason.ENDED_BY_DRIVER, Blame.DRIVER, (_stop_evidence(facts, text),)
            )
    return None


def _by_stop_reason(facts: Facts, orders: list[Order]) -> Verdict | None:
    reason = facts.stop_reason
    if reason == "EmergencyStop":
        return _failed(facts, Reason.EMERGENCY_STOP, Blame.UNKNOWN, "The emergency stop was pressed")
    if reason == "PowerLoss":
        return _failed(facts, Reason.POWER_LOSS, Blame.UNKNOWN, "The station lost its power supply")
    if reason in _SAFETY_STOPS:
        return _failed(facts, Reason.ELECTRICAL_SAFETY, Blame.CHARGER, f"The station stopped with {reason}")
    return None


def _by_error(facts: Facts) -> Verdict | None:
    for error in facts.errors:
        found = family(error.code)
        if found is not None:
            reason, blame = found
            about = f" ({error.info})" if error.info else ""
            text = f"The station reported {error.code}{about} {_seconds(error.at_ns, facts.started_at_ns)} after the start"
            return Verdict(
                Outcome.FAILED,
                reason,
                blame,
                (Evidence(text=text, at_ns=error.at_ns, frames=_refs(error.frame)),),
            )
    return None


def _by_reboot(facts: Facts, orders: list[Order]) -> Verdict | None:
    if facts.stop_reason not in _REBOOTS:
        return None
    stopped_at_ns = facts.stopped_at_ns or facts.started_at_ns
    for order in reversed(orders):
        if order.name == "reset" and -_RESET_EXPLAINS_NS <= stopped_at_ns - order.at_ns <= _RESET_EXPLAINS_NS:
            text = f"The CSMS had ordered a reset {_seconds(stopped_at_ns, order.at_ns)} before"
            evidence = (
                _stop_evidence(facts, f"Stopped with {facts.stop_reason}"),
                Evidence(text=text, at_ns=order.at_ns, frames=_refs(order.frame)),
            )
            return Verdict(Outcome.FAILED, Reason.REBOOT, Blame.CSMS, evidence)
    return _failed(
        facts,
        Reason.REBOOT,
        Blame.CHARGER,
        f"Stopped with {facts.stop_reason}, and nobody had ordered a reset",
    )


def _by_csms(facts: Facts, *, enough: bool) -> Verdict | None:
    for error in facts.csms_errors:
        if not enough and error.action != "end":
            text = f"The CSMS answered {error.action} with {error.code}" + (
                f": {error.description}" if error.description else ""
            )
            return Verdict(
                Outcome.FAILED,
                Reason.CSMS_ERROR,
                Blame.CSMS,
                (Evidence(text=text, at_ns=error.at_ns, frames=_refs(error.frame)),),
            )
    if facts.stop_reason in {"DeAuthorized", "ReqEnergyTransferRejected"} and facts.ending is Ending.STOP:
        if (because := refused(facts)) is not None:
            return Verdict(Outcome.FAILED, Reason.DEAUTHORISED, Blame.DRIVER, (because,))
        return _failed(
            facts,
            Reason.DEAUTHORISED,
            Blame.CSMS,
            "The token was accepted, and its authorisation withdrawn afterwards",
        )
    return None


def _by_loss(facts: Facts, holes: list[Hole], *, enough: bool) -> Verdict | None:
    """Ended by or during the loss of the socket."""
    if facts.ending is Ending.ABANDONED:
        hole = holes[-1] if holes else None
        blame, evidence = _loss(facts, hole)
        return Verdict(Outcome.FAILED, Reason.CONNECTIVITY, blame, evidence)
    hole = _hole_after_start(facts, holes) if facts.ending is Ending.LOST_STOP and not enough else None
    if facts.ending is Ending.STOP:
        hole = _hole_at_end(facts, holes)
    if hole is None:
        return None
    blame, evidence = _loss(facts, hole)
    return Verdict(Outcome.FAILED, Reason.CONNECTIVITY, blame, evidence)


def _by_authorisation(facts: Facts, settings: StateSettings, *, enough: bool) -> Verdict | None:
    slow = None if enough else _slow_authorisation(facts, settings)
    return None if slow is None else Verdict(Outcome.FAILED, Reason.AUTH_TIMEOUT, *slow)


def _by_ending(facts: Facts, orders: list[Order], settings: StateSettings, *, enough: bool) -> Verdict:
    if facts.ending is Ending.LOST_STOP:
        at_ns = facts.stopped_at_ns or facts.started_at_ns
        text = "The connector was free again, and no stop of the transaction came"
        return Verdict(Outcome.FAILED, Reason.LOST_STOP, Blame.CHARGER, (Evidence(text=text, at_ns=at_ns),))
    if (
        not enough
        and facts.start_seen
        and facts.stop_reason in VALID_STOPS
        and facts.stopped_at_ns is not None
    ):
        if facts.stopped_at_ns - facts.started_at_ns > settings.cancelled_within * SECOND_NS:
            return _zero_energy(facts, orders)
    if not facts.start_seen:
        return _failed(facts, Reason.UNKNOWN, Blame.UNKNOWN, "The start of the transaction was never seen")
    return _failed(
        facts,
        Reason.UNKNOWN,
        Blame.UNKNOWN,
        f"Stopped ({facts.stop_reason or 'Local'}) with {_energy(facts)}, and nothing seen explains it",
    )


def _zero_energy(facts: Facts, orders: list[Order]) -> Verdict:
    evidence = [_stop_evidence(facts, f"{_energy(facts)} in {_duration(facts)}")]
    limits = [
        each for each in orders if each.name == "limit_zero" and each.at_ns <= (facts.stopped_at_ns or 0)
    ]
    if facts.suspended == "evse" and limits:
        evidence.append(
            Evidence(
                text="A charging profile of the CSMS allows no current",
                at_ns=limits[-1].at_ns,
                frames=_refs(limits[-1].frame),
            )
        )
        blame = Blame.CSMS
    elif facts.suspended == "ev":
        evidence.append(Evidence(text="The vehicle was offered energy and took none (SuspendedEV)"))
        blame = Blame.VEHICLE
    else:
        said = (
            "SuspendedEVSE"
            if facts.suspended == "evse"
            else "Charging"
            if facts.charged
            else "never Charging"
        )
        evidence.append(
            Evidence(text=f"The station's own status was {said}, and the vehicle was not said to hold back")
        )
        blame = Blame.CHARGER
    return Verdict(Outcome.FAILED, Reason.ZERO_ENERGY, blame, tuple(evidence))


# --- attempts without a transaction --------------------------------------------------------------------------------------


def _attempt(facts: Facts, holes: list[Hole], settings: StateSettings) -> Verdict:
    if (because := refused(facts)) is not None:
        return Verdict(Outcome.REJECTED, Reason.AUTH_REJECTED, Blame.DRIVER, (because,))
    if facts.csms_errors:
        verdict = _by_csms(facts, enough=False)
        assert verdict is not None
        return verdict
    if facts.remote is not None:
        return (
            _remote_attempt(facts, facts.remote, holes)
            if not facts.errors
            else _by_error(facts) or _remote_attempt(facts, facts.remote, holes)
        )
    last = facts.authorizations[-1]
    if last.failed_by == "link_lost":
        blame, evidence = _loss(facts, _hole_between(holes, last.asked_at_ns, facts.stopped_at_ns))
        return Verdict(Outcome.FAILED, Reason.CONNECTIVITY, blame, evidence)
    if (slow := _slow_authorisation(facts, settings)) is not None:
        return Verdict(Outcome.FAILED, Reason.AUTH_TIMEOUT, *slow)
    if facts.errors and (failed := _by_error(facts)) is not None:
        return failed
    text = f"Accepted after {_seconds(last.answered_at_ns, last.asked_at_ns)}, and no charging was begun"
    evidence = (Evidence(text=text, at_ns=last.asked_at_ns, frames=_refs(last.frame, last.answer_frame)),)
    return Verdict(Outcome.CANCELLED, Reason.AUTH_UNUSED, Blame.DRIVER, evidence)


def _remote_attempt(facts: Facts, remote: RemoteStart, holes: list[Hole]) -> Verdict:
    frames = _refs(remote.frame, remote.answer_frame)
    if remote.status not in _ACCEPTED or remote.failed_by not in ("", "silence", "link_lost"):
        said = remote.status or remote.failed_by
        evidence = [
            Evidence(
                text=f"The station answered the remote start with {said} after {_seconds(remote.answered_at_ns, remote.asked_at_ns)}",
                at_ns=remote.answered_at_ns or remote.asked_at_ns,
                frames=frames,
            )
        ]
        blame = Blame.UNKNOWN
        if facts.status_at_remote:
            evidence.append(
                Evidence(text=f"The connector was {facts.status_at_remote} then", at_ns=remote.asked_at_ns)
            )
            blame = (
                Blame.CHARGER
                if facts.status_at_remote in _UNAVAILABLE | {"Available", "Preparing"}
                else Blame.CSMS
            )
        return Verdict(Outcome.FAILED, Reason.REMOTE_START_REJECTED, blame, tuple(evidence))
    if (hole := _hole_between(holes, remote.asked_at_ns, facts.stopped_at_ns)) is not None:
        blame, evidence_of_loss = _loss(facts, hole)
        return Verdict(Outcome.FAILED, Reason.CONNECTIVITY, blame, evidence_of_loss)
    waited = _seconds(facts.stopped_at_ns, remote.answered_at_ns or remote.asked_at_ns)
    if remote.answered_at_ns is None:
        text, blame = (
            f"The station did not answer the remote start, and no transaction came within {waited}",
            Blame.CHARGER,
        )
    elif facts.plugged or facts.status_at_remote == "":
        text, blame = f"Accepted, and no transaction came within {waited}", Blame.CHARGER
    else:
        text, blame = f"Accepted, and no vehicle was plugged in within {waited}", Blame.DRIVER
    return Verdict(
        Outcome.FAILED,
        Reason.REMOTE_START_NO_TX,
        blame,
        (Evidence(text=text, at_ns=remote.asked_at_ns, frames=frames),),
    )


# --- pieces of evidence --------------------------------------------------------------------------------------------------


def _slow_authorisation(facts: Facts, settings: StateSettings) -> tuple[Blame, tuple[Evidence, ...]] | None:
    """The last authorisation was not answered, or too late."""
    if not facts.authorizations:
        return None
    last = facts.authorizations[-1]
    if last.answered_at_ns is None:
        if last.failed_by == "link_lost" or (not last.failed_by and facts.began):
            return None
        text = "Authorize was never answered"
    elif last.answered_at_ns - last.asked_at_ns > settings.answer_slow * SECOND_NS:
        text = f"Authorize was answered after {_seconds(last.answered_at_ns, last.asked_at_ns)}"
    else:
        return None
    return Blame.CSMS, (
        Evidence(text=text, at_ns=last.asked_at_ns, frames=_refs(last.frame, last.answer_frame)),
    )


def _loss(facts: Facts, hole: Hole | None) -> tuple[Blame, tuple[Evidence, ...]]:
    if hole is None:
        return Blame.UNKNOWN, (Evidence(text="The socket was lost before an answer came"),)
    who = {"station": "the station", "csms": "the CSMS"}.get(hole.by, "neither side")
    how = f"close code {hole.code}" if hole.code is not None else hole.reason or "no close frame"
    evidence = [
        Evidence(
            text=f"The socket was lost, ended by {who} ({how})", at_ns=hole.from_ns, frames=_refs(hole.frame)
        )
    ]
    answered = facts.start_answered_at_ns
    if answered is not None and 0 <= hole.from_ns - answered <= _DROP_AFTER_START_NS and hole.by != "csms":
        text = f"That was {_seconds(hole.from_ns, answered)} after the answer to the start"
        evidence.append(Evidence(text=text, at_ns=answered, frames=_refs(facts.start_answer_frame)))
        return Blame.CHARGER, tuple(evidence)
    if hole.by == "csms":
        return Blame.CSMS, tuple(evidence)
    if hole.by == "station" and (hole.code is not None or hole.reason == "fin"):
        return Blame.CHARGER, tuple(evidence)
    return Blame.NETWORK, tuple(evidence)


def _hole_at_end(facts: Facts, holes: list[Hole]) -> Hole | None:
    """The time without a link in which the transaction ended."""
    if facts.stopped_at_ns is None:
        return None
    for hole in holes:
        if hole.from_ns <= facts.stopped_at_ns and (
            hole.until_ns is None or facts.stopped_at_ns < hole.until_ns
        ):
            # A transaction that was offline from its first to its last moment did not end by the loss of the socket.
            return hole if facts.started_at_ns < hole.from_ns else None
    return None


def _hole_after_start(facts: Facts, holes: list[Hole]) -> Hole | None:
    since_ns = facts.start_answered_at_ns or facts.started_at_ns
    return next((hole for hole in holes if 0 <= hole.from_ns - since_ns <= _DROP_AFTER_START_NS), None)


def _hole_between(holes: list[Hole], from_ns: int, until_ns: int | None) -> Hole | None:
    return next(
        (
            hole
            for hole in holes
            if hole.from_ns >= from_ns and (until_ns is None or hole.from_ns <= until_ns)
        ),
        None,
    )


def _gaps(facts: Facts) -> tuple[Evidence, ...]:
    """Messages of the transaction that never came."""
    missing = facts.sequence_missing
    if not missing:
        return ()
    named = ", ".join(map(str, missing[:5])) + (" …" if len(missing) > 5 else "")
    return (Evidence(text=f"seqNo {named} of the transaction never came", at_ns=facts.stopped_at_ns or 0),)


def _issues(facts: Facts, holes: list[Hole]) -> tuple[Evidence, ...]:
    """What went wrong in a success, each with whose fault it was."""
    found = [
        Evidence(
            text=f"The CSMS answered {'the stop' if each.action == 'end' else each.action} with {each.code} (csms)",
            at_ns=each.at_ns,
            frames=_refs(each.frame),
        )
        for each in facts.csms_errors
    ]
    for hole in holes:
        if (
            hole.until_ns is not None
            and facts.stopped_at_ns is not None
            and facts.started_at_ns <= hole.from_ns <= facts.stopped_at_ns
        ):
            blame, _ = _loss(facts, hole)
            found.append(
                Evidence(
                    text=f"The socket was lost for {_seconds(hole.until_ns, hole.from_ns)} meanwhile ({blame})",
                    at_ns=hole.from_ns,
                    frames=_refs(hole.frame),
                )
            )
    return tuple(found)


def _failed(facts: Facts, reason: Reason, blame: Blame, text: str) -> Verdict:
    return Verdict(Outcome.FAILED, reason, blame, (_stop_evidence(facts, text),))


def _stop_evidence(facts: Facts, text: str) -> Evidence:
    return Evidence(
        text=text, at_ns=facts.stopped_at_ns or facts.started_at_ns, frames=_refs(facts.stop_frame)
    )


def _refs(*frames: str) -> tuple[str, ...]:
    return tuple(frame for frame in frames if frame)


def _seconds(later_ns: int | None, earlier_ns: int) -> str:
    return "no time known" if later_ns is None else f"{(later_ns - earlier_ns) / SECOND_NS:.1f} s"


def _duration(facts: Facts) -> str:
    return _seconds(facts.stopped_at_ns, facts.started_at_ns)


def _energy(facts: Facts) -> str:
    return "an unknown energy" if facts.energy_wh is None else f"{facts.energy_wh / 1000:.3f} kWh"
