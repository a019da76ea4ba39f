"""What several detectors read off a session or a station's record."""

from __future__ import annotations

from nocwatch.network import Connector, Station
from nocwatch.sessions import Milestone, Session

_PLUG_STEPS = frozenset({"plugged", "plugged_in", "cable_plugged_in", "ev_connected"})
_TOKEN_STEPS = frozenset({"authorised", "authorized"})


def ready_ns(session: Session) -> int | None:
    """When authorisation and plug were both there; None where the session never came that far.

    In 1.6 a transaction begins when both are there. In 2.x it may begin with either one, and the timeline tells the other.
    """
    milestones = session.milestones
    starting = milestones.get(Milestone.STARTING.value)
    later = [step.at_ns for step in session.steps if step.name in _PLUG_STEPS or step.name in _TOKEN_STEPS]
    moments = [each for each in (starting, session.started_at_ns) if each is not None] + later
    before_stop = [each for each in moments if session.stopped_at_ns is None or each <= session.stopped_at_ns]
    if starting is None and session.transaction is None:
        return None
    return max(before_stop, default=None)


def was_suspended_by_evse(session: Session) -> bool:
    """Whether the station itself held the energy back at some time."""
    return any(step.name.replace("_", "").lower() == "suspendedevse" for step in session.steps)


def connector_of(station: Station | None, evse: int | None, connector: int | None) -> Connector | None:
    """A connector as it stands; by EVSE alone where the connector is not known and the EVSE has one."""
    if station is None:
        return None
    found = [
        each
        for each in station.connectors
        if each.evse == evse and (each.connector == connector or (connector is None and evse is not None))
    ]
    return found[0] if found else None
