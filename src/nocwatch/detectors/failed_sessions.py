"""The last failed sessions of a group, as evidence: each with its station, its reason and the frames that its verdict rests on.

What always holds: no more than ``FAILURES_MAX`` are remembered of a group, the latest; a session whose verdict is revised is taken out.
"""

from __future__ import annotations

from collections import Counter

import msgspec

from nocwatch.detectors import wording
from nocwatch.detectors.base import Context
from nocwatch.flags import Evidence
from nocwatch.sessions import Session

FAILURES_MAX = 12
"""Failed sessions remembered of a group: a person opens three or four to see whether they are alike."""
FRAMES_MAX = 2
"""Frames kept of each: a call and its answer."""


class Failure(msgspec.Struct, frozen=True):
    """A failed session; ``ended_at_ns`` is its stop's."""

    session: str
    station: str
    reason: str
    ended_at_ns: int
    frames: tuple[str, ...] = ()


def add(failures: list[Failure], session: Session) -> list[Failure]:
    """The list with this session."""
    frames = [ref for each in session.blame_evidence for ref in each.frames][:FRAMES_MAX]
    failure = Failure(
        session.id,
        session.station,
        str(session.reason or "unknown"),
        session.stopped_at_ns or session.changed_at_ns,
        tuple(frames),
    )
    return [*without(failures, session.id)[-(FAILURES_MAX - 1) :], failure]


def without(failures: list[Failure], session: str) -> list[Failure]:
    return [each for each in failures if each.session != session]


def evidence(failures: list[Failure], context: Context[msgspec.Struct]) -> list[Evidence]:
    """One for each, the latest first."""
    return [
        Evidence(
            text=f"{wording.named(context.place(each.station))}: failed with {each.reason} at {wording.moment(each.ended_at_ns)}.",
            at_ns=each.ended_at_ns,
            frames=each.frames,
            session=each.session,
            stations=(each.station,),
        )
        for each in sorted(failures, key=lambda each: (-each.ended_at_ns, each.session))
    ]


def advice(dimension: str, name: str, reasons: dict[str, int], failed: int) -> str:
    """What to do, by whether one reason stands out and by what the group has in common."""
    reason, times = Counter(reasons).most_common(1)[0] if reasons else ("unknown", 0)
    begin = (
        f"Begin with {reason}: {times} of the failures of these days. Open two or three of these sessions and compare."
        if failed and 2 * times > sum(reasons.values())
        else "No one reason stands out: open two or three of each of these sessions and see what they have in common."
    )
    return f"{begin} {_COMMON[dimension].format(name=name)}"


_COMMON = {
    "station": "If they end alike, take the station (or the connector that they share) out of service and send someone.",
    "site": "What they share is {name}: its uplink, its power, its load management. Call the site.",
    "model": "What they share is the model {name}: what was rolled out or reconfigured last? Give these sessions to its vendor.",
    "firmware": "What they share is the firmware {name}: if it was rolled out lately, stop the roll-out, and give these sessions to its vendor.",
    "operator": "What they share is the operator {name}: tell them, and ask what they changed.",
    "upstream": "What they share is the CSMS {name}: see whether it answers quickly and without errors, and give its team these sessions.",
}
