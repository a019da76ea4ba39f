"""What has been seen of a group that is gone, and of the relay meanwhile, gathered for ``diagnosis``.

The relay's refusals are kept by the minute: which of them fall into the time of a group's absence is asked later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from nocwatch.detectors.base import Context
from nocwatch.detectors.station_offline.diagnosis import Diagnosis, Situation, diagnose
from nocwatch.detectors.station_offline.presence import REFUSED_MINUTES_MAX, Presence
from nocwatch.moments import MINUTE_NS
from nocwatch.refusal_reasons import ANSWER
from nocwatch.state.changes import RelayTold

RELAY = "relay"
"""Key of what is remembered of the relay."""

BEFORE_NS = MINUTE_NS
"""A relay that was killed began again before anybody knew that its links were gone: its first tick tells both."""


def hear(event: RelayTold, context: Context[Presence]) -> Presence:
    """Takes in what the relay says of itself; gives back what is remembered of it."""
    relay = context.state(RELAY)
    relay.started_at_ns = event.started_at_ns or relay.started_at_ns
    minute = relay.refused.setdefault(event.at_ns // MINUTE_NS, {})
    for reason, count in event.refused.items():
        minute[reason] = minute.get(reason, 0) + count
    while len(relay.refused) > REFUSED_MINUTES_MAX:
        del relay.refused[min(relay.refused)]
    return relay


def diagnosed(
    kind: str, name: str, group: Presence, gone: Sequence[str], context: Context[Presence]
) -> Diagnosis:
    """Why the group is gone, as it looks now."""
    states = [context.state(f"station {station}") for station in gone]
    relay = context.peek(RELAY) or Presence()
    since = group.onset_ns // MINUTE_NS
    refused: Counter[str] = Counter()
    for minute, counts in relay.refused.items():
        if minute >= since:
            refused.update(counts)
    began_ns = relay.started_at_ns
    return diagnose(
        Situation(
            kind,
            name,
            len(gone),
            down=bool(group.down_since_ns),
            down_reason=group.down_reason,
            endings=Counter((each.by, each.reason) for each in states),
            own=Counter(refusal_of(each) for each in states if each.refusals),
            refused=refused,
            ended_at_ns=max((each.offline_since_ns for each in states), default=0),
            started_at_ns=began_ns if began_ns > group.onset_ns - BEFORE_NS else 0,
        )
    )


def refusal_of(state: Presence) -> str:
    """Why the station was turned away the last time, as it is counted."""
    if state.refused_reason in ("", ANSWER):
        return f"{ANSWER}_{state.http_status}"
    return state.refused_reason
