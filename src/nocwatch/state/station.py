"""One station: which of its events goes to whom. The table at the end is the whole of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nocwatch.ocpp import events
from nocwatch.ocpp.events import CallRefused, CallUnanswered, Event
from nocwatch.state import attempts, endings, metered, presence, remote_starts, statuses, transactions
from nocwatch.state.changes import AnyChange
from nocwatch.state.tracker import Tracker


def apply(tracker: Tracker, event: Event) -> list[AnyChange]:
    """What becomes so by an event. ``tracker.now_ns`` is pipeline time."""
    handler = _HANDLERS.get(type(event))
    if handler is None:
        return []
    tracker.hear(event)
    handler(tracker, event)
    return tracker.flush()


def due(tracker: Tracker, kind: str, subject: str) -> list[AnyChange]:
    """What becomes so because a moment has come; ``tracker.now_ns`` is that moment."""
    tracker.frame, tracker.late = "", False
    if kind == "abandoned":
        presence.abandoned(tracker)
    else:
        _MOMENTS[kind](tracker, subject)
    return tracker.flush()


def _refused(tracker: Tracker, event: CallRefused) -> None:
    transactions.on_refused(tracker, event)


def _unanswered(tracker: Tracker, event: CallUnanswered) -> None:
    attempts.on_unanswered(tracker, event)


_MOMENTS: dict[str, Callable[[Tracker, str], None]] = {
    "free": endings.on_free,
    "attempt": attempts.on_patience_ended,
    "loose": attempts.on_loose_ended,
}

_HANDLERS: dict[type[Event], Callable[[Tracker, Any], None]] = {
    events.Spoke: presence.on_spoke,
    events.Booted: presence.on_booted,
    events.BootAnswered: presence.on_boot_answered,
    events.ConfigurationSeen: presence.on_configuration,
    events.StatusReported: statuses.on_status,
    events.ComponentReported: statuses.on_component,
    events.AuthorizeAsked: attempts.on_authorize_asked,
    events.AuthorizeAnswered: attempts.on_authorize_answered,
    events.Commanded: remote_starts.on_commanded,
    events.CommandAnswered: remote_starts.on_command_answered,
    events.CallUnanswered: _unanswered,
    events.CallRefused: _refused,
    events.TransactionBegan: transactions.on_began,
    events.TransactionAnswered: transactions.on_answered,
    events.TransactionUpdated: transactions.on_updated,
    events.TransactionEnded: endings.on_ended,
    events.EndAnswered: endings.on_end_answered,
    events.Metered: metered.on_metered,
}
"""What is not here (Heartbeat, Misspoke, SecurityReported, FirmwareReported) changes nothing but when the station was last seen."""
