"""One station: which of its events goes to whom. The table at the end is the whole of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nocwatch.network import Station
from nocwatch.ocpp import events
from nocwatch.ocpp.events import (
    CallRefused,
    CallUnanswered,
    Command,
    CommandAnswered,
    Commanded,
    Event,
    StatusReported,
)
from nocwatch.state import (
    attempts,
    bookings,
    costs,
    endings,
    metered,
    outlook,
    presence,
    profiles,
    remote_starts,
    silence,
    statuses,
    transactions,
    unset,
    wishes,
)
from nocwatch.state.changes import AnyChange
from nocwatch.state.records import station_record
from nocwatch.state.tracker import Tracker


class Stations(Mapping[str, Station]):
    """The stations' records as they stand; each is made when it is asked for."""

    def __init__(self, trackers: dict[str, Tracker]) -> None:
        self._trackers = trackers

    def __getitem__(self, key: str) -> Station:
        return station_record(self._trackers[key].state)

    def __iter__(self) -> Iterator[str]:
        return iter(self._trackers)

    def __len__(self) -> int:
        return len(self._trackers)

    def __contains__(self, key: object) -> bool:
        return key in self._trackers


def apply(tracker: Tracker, event: Event) -> list[AnyChange]:
    """What becomes so by an event. ``tracker.now_ns`` is pipeline time."""
    handler = _HANDLERS.get(type(event))
    if handler is None:
        return []
    event = unset.timed(tracker.state, event)
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
    if event.action in _PLANS:
        profiles.on_refused(tracker, event)
        bookings.on_failed(tracker, event)


def _unanswered(tracker: Tracker, event: CallUnanswered) -> None:
    attempts.on_unanswered(tracker, event)
    transactions.on_start_failed(tracker, event.frame)
    if event.action in _PLANS:
        profiles.on_unanswered(tracker, event)
        bookings.on_failed(tracker, event)


def _status(tracker: Tracker, event: StatusReported) -> None:
    unset.learn(tracker.state, event)
    statuses.on_status(tracker, event)
    remote_starts.on_status(tracker, event)
    endings.on_status(tracker, event)


def _commanded(tracker: Tracker, event: Commanded) -> None:
    remote_starts.on_commanded(tracker, event)
    if event.profile is not None:
        profiles.on_asked(tracker, event)
    elif event.command is Command.RESERVE:
        bookings.on_asked(tracker, event)


def _command_answered(tracker: Tracker, event: CommandAnswered) -> None:
    remote_starts.on_command_answered(tracker, event)
    if event.profile is not None:
        profiles.on_answered(tracker, event)
    elif (handler := _ANSWERS.get(event.command)) is not None:
        handler(tracker, event)


_PLANS = frozenset({"SetChargingProfile", "ReserveNow", *remote_starts.REMOTE_STARTS})
_ANSWERS: dict[Command, Callable[[Tracker, CommandAnswered], None]] = {
    Command.CLEAR_PROFILE: profiles.on_cleared,
    Command.RESERVE: bookings.on_answered,
    Command.CANCEL_RESERVATION: bookings.on_cancelled,
    Command.PRIORITY: wishes.on_priority_answered,
}


_MOMENTS: dict[str, Callable[[Tracker, str], None]] = {
    "free": endings.on_free,
    "attempt": attempts.on_patience_ended,
    "loose": attempts.on_loose_ended,
    "overtaken": transactions.on_overtaken_ended,
    silence.TIMER: silence.on_silence,
    outlook.TIMER: outlook.on_horizon,
    bookings.TIMER: bookings.on_expired,
}

_HANDLERS: dict[type[Event], Callable[[Tracker, Any], None]] = {
    events.Spoke: presence.on_spoke,
    events.Booted: presence.on_booted,
    events.BootAnswered: presence.on_boot_answered,
    events.ConfigurationSeen: presence.on_configuration,
    events.StatusReported: _status,
    events.ComponentReported: statuses.on_component,
    events.AuthorizeAsked: attempts.on_authorize_asked,
    events.AuthorizeAnswered: attempts.on_authorize_answered,
    events.Commanded: _commanded,
    events.CommandAnswered: _command_answered,
    events.CallUnanswered: _unanswered,
    events.CallRefused: _refused,
    events.TransactionBegan: transactions.on_began,
    events.TransactionAnswered: transactions.on_answered,
    events.TransactionUpdated: transactions.on_updated,
    events.TransactionEnded: endings.on_ended,
    events.EndAnswered: endings.on_end_answered,
    events.QueueReported: endings.on_queue,
    events.Metered: metered.on_metered,
    events.TransactionNoted: wishes.on_noted,
    events.CostReported: costs.on_cost,
    events.Settled: costs.on_settled,
    events.ReservationUpdated: bookings.on_updated,
    events.ChargingNeeds: wishes.on_needs,
    events.ChargingPlanned: wishes.on_planned,
    events.LimitNoted: profiles.on_limit,
    events.LimitMoved: profiles.on_moved,
    events.PriorityNoted: wishes.on_priority,
    events.GridAlarmed: wishes.on_grid_alarm,
    events.BatterySwapped: wishes.on_swapped,
}
"""What is not here (Heartbeat, Misspoke, SecurityReported, FirmwareReported, WebPaymentStarted) changes nothing but when the station was last seen."""
