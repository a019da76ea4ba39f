"""All that the state remembers, as one value, and its bytes: what a restart goes on from. No behaviour of its own.

A new field needs a default wherever it stands, so that the snapshot of a former release is read.
"""

from __future__ import annotations

import msgspec

from nocwatch.ocpp.conversation import Conversation
from nocwatch.ocpp.habits import Habits
from nocwatch.state.memory import StationState
from nocwatch.state.relays import RelayMemory
from nocwatch.state.tracker import TimerKey


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


decode = msgspec.msgpack.Decoder(Snapshot).decode
encode = msgspec.msgpack.Encoder().encode
