"""Whether a session had no energy because nobody allowed it any: what its limits say, as evidence with the profile's frame. Pure."""

from __future__ import annotations

from nocwatch.flags import Blame, Evidence
from nocwatch.plans import CURRENT_A_MIN, POWER_W_MIN, Limit, limit_at, nothing_ns
from nocwatch.state.evidence import refs, seconds_text
from nocwatch.state.facts import Facts

SHARE_MIN = 0.5
"""Of a session's time without any energy: forbidden for so much of it, no other cause is needed. A station that says itself
that it holds back (SuspendedEVSE) needs less."""
_OF_THE_CSMS = frozenset({"csms", "CSO"})


def forbidden(facts: Facts, whole: float = SHARE_MIN) -> tuple[Blame, Evidence] | None:
    """Whose doing it was that nothing could flow, None where enough time was left to charge.

    Args:
        facts: of a session that is over.
        whole: the least share of its time.
    """
    if facts.plan is None or facts.stopped_at_ns is None:
        return None
    limits, from_ns, until_ns = facts.plan.limits, facts.started_at_ns, facts.stopped_at_ns
    barred_ns = nothing_ns(limits, from_ns, until_ns)
    if not barred_ns or barred_ns < whole * (until_ns - from_ns):
        return None
    step = _first(limits, from_ns, until_ns)
    blame = Blame.CSMS if step.by in _OF_THE_CSMS else Blame.UNKNOWN
    whose = "A charging profile of the CSMS" if step.by in _OF_THE_CSMS else f"A limit set by {step.by}"
    level = "" if step.stack_level is None else f", stack level {step.stack_level}"
    named = f" ({step.purpose}{level})" if step.purpose and step.by == "csms" else ""
    least = f"{CURRENT_A_MIN:g} A" if step.unit == "A" else f"{POWER_W_MIN:g} W"
    much = (
        "no current"
        if not step.limit or step.limit < 0
        else f"{step.limit:g} {step.unit or 'W'}, less than the {least} that a vehicle needs,"
    )
    text = (
        f"{whose}{named} allowed {much} for {seconds_text(barred_ns, 0)} "
        f"of the {seconds_text(until_ns, from_ns)}."
    )
    return blame, Evidence(text=text, at_ns=max(step.from_ns, from_ns), frames=refs(step.frame))


def _first(limits: tuple[Limit, ...], from_ns: int, until_ns: int) -> Limit:
    """The first step in that time that allowed nothing; the caller knows that there is one."""
    held = limit_at(limits, from_ns)
    if held is not None and held.nothing:
        return held
    return next(each for each in limits if each.nothing and from_ns <= each.from_ns < until_ns)
