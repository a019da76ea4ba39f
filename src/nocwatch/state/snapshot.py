"""All that the state remembers, as one value, and its bytes: what a restart goes on from. No behaviour of its own.

A new field needs a default wherever it stands, so that the snapshot of a former release is read. Where a default would mean
something else than what was known, ``FORM`` is raised and ``decode`` carries over what the former form knew.
"""

from __future__ import annotations

import msgspec

from nocwatch.moments import SECOND_NS
from nocwatch.ocpp.conversation import Conversation
from nocwatch.ocpp.habits import Habits
from nocwatch.state.memory import StationState
from nocwatch.state.neighbours import Losses
from nocwatch.state.relays import RelayMemory
from nocwatch.state.tracker import TimerKey
from nocwatch.state.vehicles import Failures

FORM = 1
"""1: a start or stop is known again by its time stamp as it stood, and by the register as it was written."""


class Snapshot(msgspec.Struct):
    """Everything."""

    now_ns: int
    stations: list[StationState]
    conversations: list[Conversation]
    upstreams: dict[str, bool]
    timers: list[tuple[TimerKey, int]]
    counters: dict[str, int]
    habits: dict[str, Habits] = {}
    relay: RelayMemory = msgspec.field(default_factory=RelayMemory)
    losses: Losses = {}
    failures: Failures = {}
    form: int = 0


class _Said(msgspec.Struct):
    """What form 0 knew a session's start and stop by: time stamps as they were believed."""

    began_event_at_ns: int | None = None
    end_event_at_ns: int | None = None


class _FormerStation(msgspec.Struct):
    id: str
    sessions: dict[str, _Said]


class _Former(msgspec.Struct):
    stations: list[_FormerStation]


encode = msgspec.msgpack.Encoder().encode
_DECODER = msgspec.msgpack.Decoder(Snapshot)


def decode(data: bytes) -> Snapshot:
    """The state of whichever form.

    Raises:
        msgspec.DecodeError: it is none; a ``ValidationError`` where a field is not what it should be.
    """
    kept = _DECODER.decode(data)
    if kept.form < 1:
        _know_again(kept, msgspec.msgpack.decode(data, type=_Former))
    return kept


def _know_again(kept: Snapshot, former: _Former) -> None:
    """Else a start that is sent again after the upgrade would be another session, and a stop a session without a start."""
    said = {station.id: station.sessions for station in former.stations}
    for station in kept.stations:
        habits = kept.habits.get(station.id)
        ahead_ns = habits.clock.ahead_s * SECOND_NS if habits is not None else 0
        for name, session in station.sessions.items():
            was = said[station.id][name]
            if session.began_said_us is None:
                session.began_said_us = _as_it_stood(was.began_event_at_ns, session.created_at_ns, ahead_ns)
            if session.end_said_us is None:
                session.end_said_us = _as_it_stood(was.end_event_at_ns, session.closed_at_ns, ahead_ns)
            if session.meter.start_said is None and not session.meter.kilo:
                session.meter.start_said = session.meter.start_wh


def _as_it_stood(believed_ns: int | None, heard_ns: int | None, ahead_ns: int) -> int | None:
    """With what was taken off for a clock that is ahead; it was, where that is what brings it near to when it was heard."""
    if believed_ns is None:
        return None
    if heard_ns is not None and abs(believed_ns - heard_ns) <= abs(believed_ns - ahead_ns - heard_ns):
        believed_ns += ahead_ns
    return believed_ns // 1000
