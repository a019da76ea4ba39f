"""Sentences with their numbers and frames, and whose fault they point to: what a verdict shows for itself."""

from __future__ import annotations

from nocwatch.flags import Blame, Evidence
from nocwatch.moments import SECOND_NS
from nocwatch.sessions import Outcome, Reason
from nocwatch.state.facts import Ending, Facts, Hole, Verdict
from nocwatch.state.settings import StateSettings

DROP_AFTER_START_NS = 10 * SECOND_NS
"""A socket that is lost this soon after the answer to the start was dropped over it (seen: 0.8 s, 77 times in 89)."""
STOP_BEFORE_LOSS_NS = 2 * SECOND_NS
"""A station that stops over a dying socket stamps the stop a moment before the relay sees the end of it; it is heard after."""

UNTIMED_AFTER_LOSS_NS = 10 * SECOND_NS
"""A stop without a usable time that is heard this soon after the link is back had waited for it: a station sends its queue first."""


def slow_authorisation(facts: Facts, settings: StateSettings) -> tuple[Blame, tuple[Evidence, ...]] | None:
    """The last authorisation was not answered, or too late."""
    if not facts.authorizations:
        return None
    last = facts.authorizations[-1]
    if last.answered_at_ns is None:
        if last.failed_by == "link_lost" or (not last.failed_by and facts.began):
            return None
        text = "Authorize was never answered."
    elif last.answered_at_ns - last.asked_at_ns > settings.answer_slow * SECOND_NS:
        text = f"Authorize was answered after {seconds_text(last.answered_at_ns, last.asked_at_ns)}."
    else:
        return None
    return Blame.CSMS, (
        Evidence(text=text, at_ns=last.asked_at_ns, frames=refs(last.frame, last.answer_frame)),
    )


def loss(facts: Facts, hole: Hole | None) -> tuple[Blame, tuple[Evidence, ...]]:
    if hole is None:
        return Blame.UNKNOWN, (Evidence(text="The connection was lost before an answer came."),)
    text = f"The connection was lost, {how_closed(hole.by, hole.code, hole.reason)}."
    evidence = [Evidence(text=text, at_ns=hole.from_ns, frames=refs(hole.frame))]
    if hole.others:
        text = f"{hole.others} other stations behind the same address lost theirs within 10 s."
        evidence.append(Evidence(text=text, at_ns=hole.from_ns, frames=hole.others_frames))
        return Blame.NETWORK, tuple(evidence)
    answered = facts.start_answered_at_ns
    if answered is not None and 0 <= hole.from_ns - answered <= DROP_AFTER_START_NS and hole.by != "csms":
        text = f"That was {seconds_text(hole.from_ns, answered)} after the answer to the start."
        evidence.append(Evidence(text=text, at_ns=answered, frames=refs(facts.start_answer_frame)))
        return Blame.CHARGER, tuple(evidence)
    return ended_by(hole.by, hole.code, hole.reason), tuple(evidence)


def ended_by(by: str, code: int | None, reason: str) -> Blame:
    """Whose doing the end of a connection was: a side's own, where it closed it; a reset or a time-out is nobody's but the network's."""
    if by == "csms":
        return Blame.CSMS
    if by == "station" and (code is not None or reason == "fin"):
        return Blame.CHARGER
    return Blame.NETWORK


def how_closed(by: str, code: int | None, reason: str) -> str:
    """``ended by the station (close code 1001)``: which side ended a connection, and how."""
    who = {"station": "by the station", "csms": "by the CSMS", "relay": "by nocwatch"}.get(
        by, "by neither side"
    )
    how = f"close code {code}" if code is not None else _ENDS.get(reason, reason) or _ENDS["fin"]
    return f"ended {who} ({how})"


_ENDS = {
    "fin": "without a close frame",
    "reset": "connection reset",
    "timeout": "time-out of the network",
    "error": "network error",
}
"""What people read for a link's reason (journal/FORMAT.md)."""


def hole_at_end(facts: Facts, holes: list[Hole]) -> Hole | None:
    """The time without a link in which the transaction ended, or over whose beginning it did; the last one that it can be."""
    if facts.stopped_at_ns is None:
        return None
    for hole in reversed(holes):
        unheard = facts.stop_heard_ns is not None and hole.from_ns < facts.stop_heard_ns
        margin_ns = STOP_BEFORE_LOSS_NS if unheard and facts.ending is Ending.STOP else 0
        if hole.from_ns <= facts.stopped_at_ns + margin_ns and (
            hole.until_ns is None or facts.stopped_at_ns < hole.until_ns + _unsure_ns(facts)
        ):
            # A transaction that was offline from its first to its last moment did not end by the loss of the socket.
            return hole if facts.started_at_ns < hole.from_ns else None
    return None


def _unsure_ns(facts: Facts) -> int:
    """How long after a hole a stop may be heard that was in it: one with a time is known by that."""
    return UNTIMED_AFTER_LOSS_NS if facts.stop_untimed and facts.ending is Ending.STOP else 0


def hole_after_start(facts: Facts, holes: list[Hole]) -> Hole | None:
    since_ns = facts.start_answered_at_ns or facts.started_at_ns
    return next((hole for hole in holes if 0 <= hole.from_ns - since_ns <= DROP_AFTER_START_NS), None)


def hole_between(holes: list[Hole], from_ns: int, until_ns: int | None) -> Hole | None:
    return next(
        (
            hole
            for hole in holes
            if hole.from_ns >= from_ns and (until_ns is None or hole.from_ns <= until_ns)
        ),
        None,
    )


def gaps(facts: Facts) -> tuple[Evidence, ...]:
    """Messages of the transaction that never came."""
    missing = facts.sequence_missing
    if not missing:
        return ()
    named = ", ".join(map(str, missing[:5])) + (" …" if len(missing) > 5 else "")
    return (
        Evidence(
            text=f"Of the transaction's messages, seqNo {named} never came.", at_ns=facts.stopped_at_ns or 0
        ),
    )


def issues_of(facts: Facts, holes: list[Hole]) -> tuple[Evidence, ...]:
    """What went wrong in a success, each with whose fault it was."""
    found = [
        Evidence(
            text=f"The CSMS answered {_named(each.action)} with {each.code}.",
            at_ns=each.at_ns,
            frames=refs(each.frame),
        )
        for each in facts.csms_errors
    ]
    for hole in holes:
        if (
            hole.until_ns is not None
            and facts.stopped_at_ns is not None
            and facts.started_at_ns <= hole.from_ns <= facts.stopped_at_ns
        ):
            blame, _ = loss(facts, hole)
            found.append(
                Evidence(
                    text=f"The connection was lost for {seconds_text(hole.until_ns, hole.from_ns)} meanwhile{_FAULTS[blame]}.",
                    at_ns=hole.from_ns,
                    frames=refs(hole.frame),
                )
            )
    return tuple(found)


def failed(facts: Facts, reason: Reason, blame: Blame, text: str) -> Verdict:
    return Verdict(Outcome.FAILED, reason, blame, (stop_evidence(facts, text),))


def stop_evidence(facts: Facts, text: str) -> Evidence:
    return Evidence(
        text=text, at_ns=facts.stopped_at_ns or facts.started_at_ns, frames=refs(facts.stop_frame)
    )


def refs(*frames: str) -> tuple[str, ...]:
    return tuple(frame for frame in frames if frame)


def seconds_text(later_ns: int | None, earlier_ns: int) -> str:
    """``0.8 s``, ``4 min 47 s``, ``2 h 5 min``."""
    if later_ns is None:
        return "an unknown time"
    seconds = (later_ns - earlier_ns) / SECOND_NS
    if abs(seconds) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def duration_text(facts: Facts) -> str:
    return seconds_text(facts.stopped_at_ns, facts.started_at_ns)


def energy_text(facts: Facts) -> str:
    if facts.energy_wh is None:
        return "an unknown energy"
    return (
        f"{facts.energy_wh:.0f} Wh" if abs(facts.energy_wh) < 1000 else f"{facts.energy_wh / 1000:,.1f} kWh"
    )


def _named(action: str) -> str:
    return "the stop" if action == "end" else action


_FAULTS = {
    blame: f" (fault of the {'CSMS' if blame is Blame.CSMS else blame.value})"
    if blame is not Blame.UNKNOWN
    else ""
    for blame in Blame
}
