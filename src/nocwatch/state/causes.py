"""Causes of a failure, each a question to the facts: the verdict it gives where it holds, None where it does not.

Which is asked first is ``verdict.py``'s matter. Each answer names its evidence.
"""

from __future__ import annotations

from nocwatch.flags import Blame, Evidence
from nocwatch.moments import SECOND_NS
from nocwatch.sessions import Outcome, Reason
from nocwatch.state.evidence import (
    failed,
    hole_after_start,
    hole_at_end,
    loss,
    refs,
    seconds_text,
    slow_authorisation,
    stop_evidence,
)
from nocwatch.state.facts import TOGETHER_NS, Authorization, CsmsError, Ending, Facts, Hole, Order, Verdict
from nocwatch.state.faults import family
from nocwatch.state.settings import StateSettings

_REBOOTS = frozenset({"Reboot", "HardReset", "SoftReset", "ImmediateReset"})
_SAFETY_STOPS = frozenset({"GroundFault", "OvercurrentFault", "PowerQuality"})
_WITHDRAWN = frozenset({"DeAuthorized", "ReqEnergyTransferRejected"})
ACCEPTED = frozenset({"", "Accepted"})
_RESET_EXPLAINS_NS = 300 * SECOND_NS
_TOLD_AFTER_BOOT_NS = 60 * SECOND_NS
"""Within which a station that could not stop before it began anew does so afterwards, and stamps it so."""


def refused(facts: Facts) -> Evidence | None:
    """What shows that the token was refused and not accepted afterwards; None where it was not."""
    if facts.start_status not in ACCEPTED and _heard_in_time(facts):
        text = f"The CSMS answered the start with {facts.start_status}."
        return Evidence(
            text=text, at_ns=facts.start_answered_at_ns or 0, frames=refs(facts.start_answer_frame)
        )
    if facts.start_status == "Accepted":
        return None
    # An answer for which the station did not wait refuses nobody: who got no answer has left.
    answered = [each for each in facts.authorizations if each.status and each.failed_by != "silence"]
    if answered and answered[-1].status != "Accepted":
        last = answered[-1]
        text = f"Authorize was answered {last.status} after {seconds_text(last.answered_at_ns, last.asked_at_ns)}."
        return Evidence(text=text, at_ns=last.answered_at_ns or 0, frames=refs(last.frame, last.answer_frame))
    return None


def failed_card(act: Authorization) -> bool:
    """Whether nobody charges with it: it was refused, or the station got no answer. Without a link it may let its drivers charge."""
    return act.failed_by not in ("", "link_lost") or act.status not in ACCEPTED


def _heard_in_time(facts: Facts) -> bool:
    """Whether the word on the start can have ended it: where it waited in the station's queue, it may have been over by then."""
    if facts.stop_reason in _WITHDRAWN or facts.stopped_at_ns is None or facts.start_answered_at_ns is None:
        return True
    return facts.start_answered_at_ns <= facts.stopped_at_ns + TOGETHER_NS


def by_stop_reason(facts: Facts) -> Verdict | None:
    reason = facts.stop_reason
    if reason == "EmergencyStop":
        return failed(facts, Reason.EMERGENCY_STOP, Blame.DRIVER, "The emergency stop was pressed.")
    if reason == "PowerLoss":
        return failed(facts, Reason.POWER_LOSS, Blame.UNKNOWN, "The station lost its power supply.")
    if reason in _SAFETY_STOPS:
        return failed(facts, Reason.ELECTRICAL_SAFETY, Blame.CHARGER, f"The station stopped with {reason}.")
    return None


def by_error(facts: Facts) -> Verdict | None:
    for error in facts.errors:
        found = family(error.code)
        if found is not None:
            reason, blame = found
            about = f" ({error.info})" if error.info else ""
            text = f"The station reported {error.code}{about} {seconds_text(error.at_ns, facts.started_at_ns)} after the start."
            return Verdict(
                Outcome.FAILED,
                reason,
                blame,
                (Evidence(text=text, at_ns=error.at_ns, frames=refs(error.frame)),),
            )
    return None


def by_reboot(facts: Facts, orders: list[Order]) -> Verdict | None:
    if facts.stop_reason not in _REBOOTS:
        return None
    stopped_at_ns = facts.stopped_at_ns or facts.started_at_ns
    for order in reversed(orders):
        near = -_RESET_EXPLAINS_NS <= stopped_at_ns - order.at_ns <= _RESET_EXPLAINS_NS
        if order.name == "reset" and near and _in_its_time(facts, order, stopped_at_ns):
            text = f"The CSMS had ordered a reset {seconds_text(stopped_at_ns, order.at_ns)} before."
            evidence = (
                stop_evidence(facts, f"Stopped with {facts.stop_reason}."),
                Evidence(text=text, at_ns=order.at_ns, frames=refs(order.frame)),
            )
            return Verdict(Outcome.FAILED, Reason.REBOOT, Blame.CSMS, evidence)
    return failed(
        facts,
        Reason.REBOOT,
        Blame.CHARGER,
        f"Stopped with {facts.stop_reason}, and nobody had ordered a reset.",
    )


def csms_hindered(facts: Facts) -> list[CsmsError]:
    """Errors of the CSMS that the session may have ended on: not one to its stop, nor to a start that was taken at the next try.

    Nor one to a start after which the station charged all the same.
    """
    taken = facts.start_answered_at_ns is not None or facts.charged
    return [
        each
        for each in facts.csms_errors
        if each.action != "end" and not (taken and each.action == "the start")
    ]


def _in_its_time(facts: Facts, order: Order, stopped_at_ns: int) -> bool:
    """Whether the boot that the order led to can have ended the session: not one that was over, nor one that began after it."""
    if order.done_ns is None or stopped_at_ns <= order.done_ns:
        return True
    return facts.started_at_ns <= order.done_ns and stopped_at_ns <= order.done_ns + _TOLD_AFTER_BOOT_NS


def by_csms(facts: Facts, *, enough: bool) -> Verdict | None:
    for error in csms_hindered(facts):
        if not enough:
            said = f": {error.description.rstrip('.')}" if error.description else ""
            text = f"The CSMS answered {error.action} with {error.code}{said}."
            return Verdict(
                Outcome.FAILED,
                Reason.CSMS_ERROR,
                Blame.CSMS,
                (Evidence(text=text, at_ns=error.at_ns, frames=refs(error.frame)),),
            )
    if facts.stop_reason in _WITHDRAWN and facts.ending is Ending.STOP:
        if (because := refused(facts)) is not None:
            return Verdict(Outcome.FAILED, Reason.DEAUTHORISED, Blame.DRIVER, (because,))
        return failed(
            facts,
            Reason.DEAUTHORISED,
            Blame.CSMS,
            "The token was accepted, and its authorisation withdrawn afterwards.",
        )
    return None


def by_loss(facts: Facts, holes: list[Hole], *, enough: bool) -> Verdict | None:
    """Ended by or during the loss of the socket."""
    if facts.ending is Ending.ABANDONED:
        hole = holes[-1] if holes else None
        blame, evidence = loss(facts, hole)
        return Verdict(Outcome.FAILED, Reason.CONNECTIVITY, blame, evidence)
    hole = hole_after_start(facts, holes) if facts.ending is Ending.LOST_STOP and not enough else None
    if facts.ending is Ending.STOP:
        hole = hole_at_end(facts, holes)
    if hole is None:
        return None
    blame, evidence = loss(facts, hole)
    return Verdict(Outcome.FAILED, Reason.CONNECTIVITY, blame, evidence)


def by_authorisation(facts: Facts, settings: StateSettings, *, enough: bool) -> Verdict | None:
    slow = None if enough else slow_authorisation(facts, settings)
    return None if slow is None else Verdict(Outcome.FAILED, Reason.AUTH_TIMEOUT, *slow)
