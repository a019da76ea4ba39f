"""Stations whose connections nobody saw: of a recording that has messages and no link lines.

Of a connection that a relay saw begin its end is seen too, and a silent station on it is there. Of one that is known by its
messages alone silence is all that tells: after long enough nothing is known of the station (``No data``), which is neither
online nor offline. It is a statement about what can be known, so no session ends by it and no detector hears of a lost link.
"""

from __future__ import annotations

from nocwatch.moments import SECOND_NS
from nocwatch.state.tracker import Tracker

TIMER = "unknown"


def listen(tracker: Tracker) -> None:
    """A message or the beginning of a connection that nobody saw: from here on silence counts."""
    tracker.wait(TIMER, "", tracker.state.last_seen_ns + _patience_ns(tracker))


def _patience_ns(tracker: Tracker) -> int:
    heartbeat_s = tracker.state.heartbeat_interval_s or 0.0
    return int(max(tracker.settings.unknown_after, 2 * heartbeat_s) * SECOND_NS)


def on_silence(tracker: Tracker, _subject: str) -> None:
    """The station may have been silent for long: it is gone, or its recording is over."""
    state = tracker.state
    if not state.links or not all(link.implied for link in state.links):
        return
    if tracker.now_ns < state.last_seen_ns + _patience_ns(tracker):
        listen(tracker)
        return
    state.unknown_since_ns = tracker.now_ns
    _touch_all(tracker)


def known_again(tracker: Tracker) -> None:
    """Something is known of it once more. What it says right now is told together with this: see ``telling.py``."""
    state = tracker.state
    if state.unknown_since_ns is None:
        return
    state.unknown_since_ns, state.known_again_ns = None, tracker.now_ns
    _touch_all(tracker)
    listen(tracker)


def _touch_all(tracker: Tracker) -> None:
    state = tracker.state
    tracker.touch_station()
    for connector in state.connectors.values():
        tracker.touch_connector(connector)
    if state.controller is not None:
        tracker.touch_connector(state.controller)
