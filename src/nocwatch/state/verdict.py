"""What became of a session, why, and whose fault it looks like: the tables of docs/sessions.md, in their order.

``judge`` is a pure function of the facts: the same facts give the same verdict, so a verdict that changes has a new fact as
its cause. It never guesses beyond its evidence: where nothing explains a failure, reason and blame are unknown.
"""

from __future__ import annotations

import msgspec

from nocwatch.flags import Blame, Evidence
from nocwatch.moments import SECOND_NS
from nocwatch.sessions import Outcome, Reason
from nocwatch.state.allowance import forbidden
from nocwatch.state.causes import (
    ACCEPTED,
    by_authorisation,
    by_csms,
    by_error,
    by_loss,
    by_reboot,
    by_stop_reason,
    csms_hindered,
    refused,
)
from nocwatch.state.evidence import (
    duration_text,
    energy_text,
    failed,
    gaps,
    hole_at_end,
    hole_between,
    issues_of,
    loss,
    refs,
    seconds_text,
    slow_authorisation,
    stop_evidence,
)
from nocwatch.state.facts import Ending, Facts, Hole, Order, RemoteStart, Verdict
from nocwatch.state.settings import StateSettings

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
_UNAVAILABLE = frozenset({"Faulted", "Unavailable"})


def judge(facts: Facts, holes: list[Hole], orders: list[Order], settings: StateSettings) -> Verdict:
    """The verdict on a session that is over.

    Args:
        facts: of the session; ``energy_wh`` is up to date.
        holes: the station's times without a link, oldest first.
        orders: what the CSMS ordered of the station lately.
        settings: the thresholds.
    """
    verdict = (
        _transaction(facts, holes, orders, settings) if facts.began else _attempt(facts, holes, settings)
    )
    issues = gaps(facts)
    if verdict.outcome is Outcome.SUCCESS:
        issues += issues_of(facts, holes)
    return msgspec.structs.replace(verdict, issues=issues)


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
        by_error(facts)
        or by_stop_reason(facts)
        or by_reboot(facts, orders)
        or by_csms(facts, enough=enough)
        or by_loss(facts, holes, enough=enough)
        or by_authorisation(facts, settings, enough=enough)
        or _by_ending(facts, settings, enough=enough)
    )


def _cancelled(facts: Facts, holes: list[Hole], settings: StateSettings) -> Verdict | None:
    if (
        any(each.broke for each in facts.errors)
        or csms_hindered(facts)
        or facts.ending is not Ending.STOP
        or not facts.start_seen
    ):
        return None
    if facts.stop_reason == "Timeout":
        text = f"No vehicle was plugged in within {duration_text(facts)} of the start."
        return Verdict(Outcome.CANCELLED, Reason.NO_PLUG_TIMEOUT, Blame.DRIVER, (stop_evidence(facts, text),))
    if hole_at_end(facts, holes) is not None or slow_authorisation(facts, settings) is not None:
        return None
    if facts.stop_reason in _DRIVERS_STOPS and _nobody_asked(facts):
        text = f"The vehicle was there for {duration_text(facts)}, and nobody asked for energy."
        return Verdict(Outcome.CANCELLED, Reason.ENDED_BY_DRIVER, Blame.DRIVER, (stop_evidence(facts, text),))
    if facts.stop_reason in _DRIVERS_STOPS and not _long(facts, settings):
        text = f"Stopped ({facts.stop_reason or 'Local'}) {duration_text(facts)} after the start, with {energy_text(facts)}."
        stopped = stop_evidence(facts, text)
        if (found := forbidden(facts)) is not None:
            # Who gives up because nothing may flow has not changed their mind.
            return Verdict(Outcome.CANCELLED, Reason.ENDED_BY_DRIVER, found[0], (stopped, found[1]))
        return Verdict(Outcome.CANCELLED, Reason.ENDED_BY_DRIVER, Blame.DRIVER, (stopped,))
    return None


def _long(facts: Facts, settings: StateSettings) -> bool:
    """Whether it lasted so long that a driver who got no energy had given it its chance."""
    acts = [each.asked_at_ns for each in facts.authorizations[:1]]
    acts += [facts.remote.asked_at_ns] if facts.remote is not None else []
    acts += [facts.asked_at_ns] if facts.asked_at_ns is not None else []
    since_ns = max(facts.started_at_ns, min(acts, default=0))
    return (facts.stopped_at_ns or since_ns) - since_ns > settings.cancelled_within * SECOND_NS


def _nobody_asked(facts: Facts) -> bool:
    """2.x: a transaction may begin with the vehicle or the cable (TxStartPoint), and nothing more come of it."""
    acts = facts.token is not None or facts.authorizations or facts.remote is not None
    asked = facts.asked_at_ns is not None or facts.remote_start_id is not None
    return not (acts or asked or facts.charged or facts.suspended or facts.version.startswith("1"))


def _by_ending(facts: Facts, settings: StateSettings, *, enough: bool) -> Verdict:
    if facts.ending is Ending.LOST_STOP:
        at_ns = facts.stopped_at_ns or facts.started_at_ns
        text = "The connector was free again, and no stop of the transaction came."
        return Verdict(Outcome.FAILED, Reason.LOST_STOP, Blame.CHARGER, (Evidence(text=text, at_ns=at_ns),))
    if not enough and facts.start_seen and facts.stop_reason in VALID_STOPS and _long(facts, settings):
        return _zero_energy(facts)
    if not facts.start_seen:
        return failed(facts, Reason.UNKNOWN, Blame.UNKNOWN, "The start of the transaction was never seen.")
    return failed(
        facts,
        Reason.UNKNOWN,
        Blame.UNKNOWN,
        f"Stopped ({facts.stop_reason or 'Local'}) with {energy_text(facts)}, and nothing seen explains it.",
    )


def _zero_energy(facts: Facts) -> Verdict:
    evidence = [
        stop_evidence(
            facts, f"{energy_text(facts)} in the {duration_text(facts)} from the start to the stop."
        )
    ]
    found = forbidden(facts, 0.0) if facts.suspended == "evse" else forbidden(facts)
    if found is not None:
        blame, because = found
        evidence.append(because)
    elif facts.suspended == "ev":
        evidence.append(Evidence(text="The vehicle was offered energy and took none (SuspendedEV)."))
        blame = Blame.VEHICLE
    else:
        said = (
            "SuspendedEVSE"
            if facts.suspended == "evse"
            else "Charging"
            if facts.charged
            else "never Charging"
        )
        evidence.append(Evidence(text=f"The station was {said}, and did not say that the vehicle held back."))
        blame = Blame.CHARGER
    return Verdict(Outcome.FAILED, Reason.ZERO_ENERGY, blame, tuple(evidence))


# --- attempts without a transaction --------------------------------------------------------------------------------------


def _attempt(facts: Facts, holes: list[Hole], settings: StateSettings) -> Verdict:
    if facts.led_to:
        # Neither did it fail nor did anybody give up: what came of it is told there.
        joined = Evidence(
            text=f"It led to session {facts.led_to}.", at_ns=facts.stopped_at_ns or 0, session=facts.led_to
        )
        return Verdict(Outcome.CANCELLED, Reason.AUTH_UNUSED, Blame.DRIVER, (joined,))
    if (because := refused(facts)) is not None:
        return Verdict(Outcome.REJECTED, Reason.AUTH_REJECTED, Blame.DRIVER, (because,))
    if facts.csms_errors:
        verdict = by_csms(facts, enough=False)
        assert verdict is not None
        return verdict
    if facts.remote is not None:
        return (
            _remote_attempt(facts, facts.remote, holes)
            if not facts.errors
            else by_error(facts) or _remote_attempt(facts, facts.remote, holes)
        )
    last = facts.authorizations[-1]
    if last.failed_by == "link_lost":
        blame, evidence = loss(facts, hole_between(holes, last.asked_at_ns, facts.stopped_at_ns))
        return Verdict(Outcome.FAILED, Reason.CONNECTIVITY, blame, evidence)
    if (slow := slow_authorisation(facts, settings)) is not None:
        return Verdict(Outcome.FAILED, Reason.AUTH_TIMEOUT, *slow)
    if facts.errors and (failed := by_error(facts)) is not None:
        return failed
    text = f"Accepted after {seconds_text(last.answered_at_ns, last.asked_at_ns)}, and no charging was begun."
    evidence = (Evidence(text=text, at_ns=last.asked_at_ns, frames=refs(last.frame, last.answer_frame)),)
    return Verdict(Outcome.CANCELLED, Reason.AUTH_UNUSED, Blame.DRIVER, evidence)


def _at_end(hole: Hole, facts: Facts) -> bool:
    """Whether the station was away when the wait was over: who was back before could have begun, and did not."""
    return hole.until_ns is None or facts.stopped_at_ns is None or facts.stopped_at_ns <= hole.until_ns


def _remote_attempt(facts: Facts, remote: RemoteStart, holes: list[Hole]) -> Verdict:
    frames = refs(remote.frame, remote.answer_frame)
    if remote.status not in ACCEPTED or remote.failed_by not in ("", "silence", "link_lost"):
        said = remote.status or remote.failed_by
        evidence = [
            Evidence(
                text=f"The station answered the remote start with {said} after {seconds_text(remote.answered_at_ns, remote.asked_at_ns)}.",
                at_ns=remote.answered_at_ns or remote.asked_at_ns,
                frames=frames,
            )
        ]
        blame = Blame.UNKNOWN
        if facts.status_at_remote:
            evidence.append(
                Evidence(text=f"The connector was {facts.status_at_remote} then.", at_ns=remote.asked_at_ns)
            )
            blame = (
                Blame.CHARGER
                if facts.status_at_remote in _UNAVAILABLE | {"Available", "Preparing"}
                else Blame.CSMS
            )
        return Verdict(Outcome.FAILED, Reason.REMOTE_START_REJECTED, blame, tuple(evidence))
    hole = hole_between(holes, remote.asked_at_ns, facts.stopped_at_ns)
    # Over an old socket that was only half open the order is lost while the station is there.
    if remote.failed_by == "link_lost" or (hole is not None and _at_end(hole, facts)):
        blame, evidence_of_loss = loss(facts, hole)
        return Verdict(Outcome.FAILED, Reason.CONNECTIVITY, blame, evidence_of_loss)
    waited = seconds_text(facts.stopped_at_ns, remote.answered_at_ns or remote.asked_at_ns)
    if remote.answered_at_ns is None:
        text, blame = (
            f"The station did not answer the remote start, and no transaction came within {waited}.",
            Blame.CHARGER,
        )
    elif facts.plugged or facts.status_at_remote == "":
        text, blame = f"Accepted, and no transaction came within {waited}.", Blame.CHARGER
    else:
        text, blame = f"Accepted, and no vehicle was plugged in within {waited}.", Blame.DRIVER
    return Verdict(
        Outcome.FAILED,
        Reason.REMOTE_START_NO_TX,
        blame,
        (Evidence(text=text, at_ns=remote.asked_at_ns, frames=frames),),
    )
