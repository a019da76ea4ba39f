"""What is told of a station, a connector or a session that was touched: the change from what was told before. Pure.

Which of them were touched, and when they are told, is the tracker's (``tracker.py``).

What always holds: what was told is kept as ``told`` with the thing itself, so nothing is told twice; what moves with every message (power
of a connector, last sign of a station) is no change by itself.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from nocwatch.network import ConnectorStatus
from nocwatch.state.changes import ConnectorChanged, SessionChanged, StationChanged
from nocwatch.state.memory import ConnectorState, StationState
from nocwatch.state.records import (
    add_last_steps,
    connector_record,
    differs,
    same,
    shown_status,
    station_record,
)
from nocwatch.state.session import SessionState, record, rejudge
from nocwatch.state.settings import StateSettings
from nocwatch.state.vehicles import Failures, weigh


class Occasion(NamedTuple):
    """The event that is told of: its pipeline time, the frame it came in, and whether it was replayed."""

    now_ns: int
    frames: tuple[str, ...]
    late: bool


def connector_changed(
    state: StationState,
    connector: ConnectorState,
    under_way: list[SessionState],
    event_at_ns: int,
    occasion: Occasion,
) -> ConnectorChanged | None:
    """The connector, with the latest of its sessions under way; None where nothing of it is new."""
    connector.session = under_way[-1].id if under_way else None
    planned = under_way[-1].plan if under_way and under_way[-1].began else None
    connector.limits = connector.standing if planned is None else planned.limits
    shown = shown_status(state, connector)
    if shown is not connector.shown:
        connector.shown = shown
        # Of a time of which nothing was known a late word does not make a known one.
        since_ns = max(event_at_ns, state.known_again_ns)
        connector.since_ns = since_ns if shown is not ConnectorStatus.OFFLINE else occasion.now_ns
    now = connector_record(connector)
    before = connector.told
    if before is not None and msgspec.structs.replace(before, power_w=now.power_w) == now:
        return None
    connector.told = now
    return ConnectorChanged(
        station=state.id,
        at_ns=occasion.now_ns,
        frames=occasion.frames,
        late=occasion.late,
        before=before,
        now=now,
        event_at_ns=event_at_ns,
    )


def session_changed(
    state: StationState,
    session: SessionState,
    because: str,
    occasion: Occasion,
    settings: StateSettings,
    failures: Failures,
) -> SessionChanged | None:
    """The session with its verdict as it stands now; None where nothing of it is new."""
    rejudge(session, state.holes, state.orders, settings)
    weigh(failures, state, session)
    add_last_steps(session, settings)
    over = session.ending is not None
    revised = over and session.told_verdict is not None and differs(session)
    if revised:
        session.revised_because = (
            because or session.revised_because or "a message that came after the end told more"
        )
    before = session.told
    now = record(session, occasion.now_ns, settings)
    if before is not None and same(before, now):
        return None
    session.told = now
    if over:
        session.told_verdict, session.told_energy_wh = session.verdict, now.energy_wh
    was_over = before is not None and before.over
    return SessionChanged(
        station=state.id,
        at_ns=occasion.now_ns,
        frames=occasion.frames,
        late=occasion.late,
        before=before,
        now=now,
        ended=over and not was_over,
        reopened=was_over and not over,
        revised=revised,
    )


def station_changed(state: StationState, occasion: Occasion) -> StationChanged | None:
    """The station's own facts; None where nothing of them is new."""
    now = station_record(state)
    before = state.told
    if before is not None and len(now.connectors) == len(before.connectors):
        # What moves with every message, and what connectors do, is told elsewhere.
        same_but = msgspec.structs.replace(
            now, last_seen_ns=before.last_seen_ns, connectors=before.connectors
        )
        if msgspec.structs.replace(same_but, controller=before.controller) == before:
            return None
    state.told = now
    return StationChanged(
        station=state.id, at_ns=occasion.now_ns, frames=occasion.frames, before=before, now=now
    )
