"""What several detectors read off a session or a station's record."""

from __future__ import annotations

from nocwatch.network import Connector, Station
from nocwatch.registry.hours import local
from nocwatch.registry.places import Place
from nocwatch.sessions import Milestone, Session


def began(session: Session) -> bool:
    """Whether a transaction was begun, be it without an id: 1.6 gives one only with the answer."""
    return session.transaction is not None or any(step.name == "started" for step in session.steps)


def start_frames(session: Session) -> tuple[str, ...]:
    """Refs of the call by which its transaction began: that one names token, connector and register."""
    return next((step.frames for step in session.steps if step.name == "started"), ())


def ready_ns(session: Session) -> int | None:
    """When authorisation and plug were both there; None where the session never came that far.

    In 1.6 a transaction begins when both are there. In 2.x it may begin with either one (TxStartPoint), and the timeline tells the
    other: *starting* the authorisation, *ev_connected* the plug.
    """
    if not began(session):
        return None
    starting = session.milestones.get(Milestone.STARTING.value)
    if starting is None and session.token is None:
        return None
    plugged = next(
        (step.at_ns for step in session.steps if step.name == "ev_connected"), session.started_at_ns
    )
    return max(session.started_at_ns, starting or 0, plugged)


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


def may_be_swapped(place: Place, now_ns: int) -> bool:
    """Whether the registry knows that the station's hardware is being exchanged: to the end of ``swap_until``, by the clock of its site."""
    return place.swap_until is not None and local(now_ns, place.timezone).date() <= place.swap_until
