"""How like a stop is to the end of a session: by number, token, register, time and place. For stops whose number names none or several.

Which session it is then is ``whose_stop.py``'s. What always holds: nothing is changed here.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import msgspec

from nocwatch.moments import HOUR_NS
from nocwatch.network import ConnectorStatus
from nocwatch.ocpp.events import TransactionEnded
from nocwatch.state import meter
from nocwatch.state.facts import TOGETHER_NS
from nocwatch.state.meter import Meter
from nocwatch.state.register import RESTART_SLACK_NS, Gate, no_reading
from nocwatch.state.session import SessionState
from nocwatch.state.tracker import Tracker

ANEW = 7
"""What it takes off that the register would have to have begun anew for it: where another's simply goes on, the stop is that one's."""
UNLIKE = -1
"""A stop whose register cannot follow the session's is another's."""


class Score(NamedTuple):
    """What speaks for it, the weightiest first: of equals the one whose register would be nearest to the stop's by then, and then the newest."""

    like: int
    follows: bool
    near_wh: float
    started_at_ns: int


NOBODY = Score(0, follows=False, near_wh=0.0, started_at_ns=0)
"""What a session must be more like than."""


def score(tracker: Tracker, session: SessionState, event: TransactionEnded) -> Score:
    """Of a session that has not ended yet."""
    follows, off_wh, _ = _off_wh(tracker, session, event, session.meter)
    return Score(likeness(tracker, session, event), follows, -off_wh, session.started_at_ns)


def fit(
    tracker: Tracker, session: SessionState, event: TransactionEnded, book: Meter | None = None
) -> tuple[int, int, float]:
    """As ``score``, to be added to another's: what is not known of the register speaks neither for nor against it."""
    follows, off_wh, known = _off_wh(tracker, session, event, book or session.meter)
    near_wh = -off_wh if follows and known else 0.0
    return likeness(tracker, session, event, book), int(follows), near_wh


def is_before(event: TransactionEnded, session: SessionState) -> bool:
    """Whether the stop came before the session began: by the times, and by the station's clock as it stood where both have it."""
    if session.started_at_ns <= event.when_ns:
        return False
    return event.said_us is None or session.began_said_us is None or event.said_us < session.began_said_us


def likeness(
    tracker: Tracker, session: SessionState, event: TransactionEnded, book: Meter | None = None
) -> int:
    """How much speaks for it that the stop is this session's; nothing does where that is not more than 0.

    ``book`` is the session's meter as it was, where another stop was read into it since.
    """
    if is_before(event, session) or not can_follow(tracker, session, event, book):
        return UNLIKE
    like = 1
    if session.transaction == event.transaction and event.transaction is not None:
        like += 8  # the CSMS did give that id
    elif session.start_answered_at_ns is None:
        like += 6  # -1 is what a station says that never got the answer
    if session.open:
        like += 2
    named = event.token is not None and event.token == session.token
    like += 3 if named else 0
    like += 2 if _just_finished(tracker, session, event) else 0
    # The card says more than a register that may as well have begun anew.
    goes_on = named or can_follow(tracker, session, event, book, anew=False)
    return like if goes_on else max(like - ANEW, 1)


def _just_finished(tracker: Tracker, session: SessionState, event: TransactionEnded) -> bool:
    """Whether its connector said Finishing just before: some stations tell that first."""
    connector = tracker.connector_of(session)
    if connector is None or connector.reported is not ConnectorStatus.FINISHING or event.implausible_time:
        return False
    return abs(connector.reported_at_ns - event.when_ns) <= TOGETHER_NS


def _off_wh(
    tracker: Tracker, session: SessionState, event: TransactionEnded, book: Meter
) -> tuple[bool, float, bool]:
    """Whether the register of the stop can follow the last reading, and how far it is from where that would be by then.

    Infinite where nothing is known of it. Last, whether the power is known by which it was reckoned.
    """
    meter_wh, last, power_w = meter.in_wh(book, event.meter_wh), meter.last_reading(book), meter.power_w(book)
    if meter_wh is None or no_reading(meter_wh) or last is None:
        return False, math.inf, False
    gate, known = tracker.gate(session, event), power_w is not None
    span_ns = event.when_ns - last[1]
    went_on_wh = gate.rise_wh(last[0], meter_wh, span_ns)
    rise_wh = _rise_wh(gate, last, meter_wh, event.when_ns)
    if went_on_wh is None and rise_wh is not None:
        return True, _off_since_restart_wh(gate, rise_wh, power_w or 0.0, event.when_ns), known
    follows = rise_wh is not None
    rise_wh = meter_wh - last[0] if rise_wh is None else rise_wh
    return follows, abs(rise_wh - (power_w or 0.0) * max(span_ns, 0) / HOUR_NS), known


def _off_since_restart_wh(gate: Gate, rise_wh: float, power_w: float, at_ns: int) -> float:
    """The same where the register began anew: at some moment from the loss of the link to the boot."""
    from_ns, until_ns = max(each for each in gate.restarts if each[0] - RESTART_SLACK_NS <= at_ns)
    least_wh, most_wh = (power_w * max(at_ns - each, 0) / HOUR_NS for each in (until_ns, from_ns))
    return max(rise_wh - most_wh, least_wh - rise_wh, 0.0)


def _rise_wh(gate: Gate, before: tuple[float, int], value: float, at_ns: int) -> float | None:
    """What flowed between two readings, also where the register began anew with the station's computer; None where the one cannot follow the other."""
    wh, before_ns = before
    rise_wh = gate.rise_wh(wh, value, at_ns - before_ns)
    anew = 0 <= value <= gate.allowance_wh(at_ns - before_ns) and gate.anew(before_ns, at_ns)
    return value if rise_wh is None and anew else rise_wh


def can_follow(
    tracker: Tracker,
    session: SessionState,
    event: TransactionEnded,
    book: Meter | None = None,
    *,
    anew: bool = True,
) -> bool:
    """Whether the register at the stop can follow the session's, with ``anew`` also across a boot; of no register anything can be."""
    book, gate = book or session.meter, tracker.gate(session, event)
    meter_wh = meter.in_wh(book, event.meter_wh)
    if meter_wh is None or no_reading(meter_wh):
        return True
    known = [] if book.start_wh is None else [(book.start_wh, book.start_at_ns)]
    last = meter.last_reading(book)
    known += [] if last is None else [last]
    if not anew:
        gate = msgspec.structs.replace(gate, restarts=())
    return not known or any(_rise_wh(gate, each, meter_wh, event.when_ns) is not None for each in known)
