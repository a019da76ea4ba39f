"""A station's clock that was never set and runs all the same: by our own clock, when was what it stamps?

Such a clock begins on one day, mostly in 1970, whenever its station begins. A status is told at once, so the least time from a status's stamp to
its reception is what the clock is behind by. What always holds: a time is told only of a clock that was seen to run since the boot.
"""

from __future__ import annotations

import msgspec

from nocwatch.ocpp.clocks import EARLIEST_NS, NEAR_NS
from nocwatch.ocpp.events import Event, StatusReported
from nocwatch.state.memory import StationState

_DAY_US = 86_400 * 1_000_000
_EARLIEST_US = EARLIEST_NS // 1000


def is_unset(event: Event) -> bool:
    """Whether its time stamp is of a clock that was never set."""
    return event.implausible_time and event.said_us is not None and event.said_us < _EARLIEST_US


def stands_still(said_us: int) -> bool:
    """Whether that is the time of a clock that does not run: of those it is midnight for ever, of year 1 or 1970."""
    return said_us % _DAY_US == 0


def learn(state: StationState, event: StatusReported) -> None:
    """A status shows what the clock is behind by, or by less: it may have waited."""
    if not is_unset(event):
        return
    said_us = event.said_us or 0
    lag_us = event.at_ns // 1000 - said_us
    if state.unset_lag_us is None or lag_us < state.unset_lag_us:
        state.unset_lag_us, state.unset_said_us = lag_us, said_us


def forget(state: StationState) -> None:
    """The station began anew, and its clock may have."""
    state.unset_lag_us = state.unset_said_us = None


def timed(state: StationState, event: Event) -> Event:
    """The event with its time; as it was where nobody can tell.

    What says the same time as the status that the lag is known by may be of a clock that stands still.
    """
    if state.unset_lag_us is None or event.event_at_ns is not None or not is_unset(event):
        return event
    said_us = event.said_us or 0
    when_ns = (said_us + state.unset_lag_us) * 1000
    if said_us == state.unset_said_us or stands_still(said_us) or when_ns > event.at_ns + NEAR_NS:
        return event
    return msgspec.structs.replace(event, event_at_ns=min(when_ns, event.at_ns))
