"""What one session counts for: the cells of the ChargeX key figures [ChargeX Consortium, INL, doi 10.2172/2513383]. Pure.

A session counts once it is over, and for what it is by its last verdict. What was joined to another session is no try of its
own; an authorisation that led to nothing is one, and stays in the denominators.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from nocwatch.sessions import Milestone, Outcome, Session
from nocwatch.state.verdict import VALID_STOPS

VERSION = 2
"""Of the definitions below: another number makes the store count its sessions anew."""
DELIVERED_WH = 50.0
"""Above this, power was delivered even where the station never said Charging (stated mapping for OCPP 1.6)."""
JOINED = "joined"
"""The step of an attempt whose acts turned out to be another session's."""
FORGOTTEN = "forgotten"
"""The step of a session whose end nobody saw, since the watch lost its memory: it says nothing of the charger."""

AUTHORISED = "authorised"
_PLUGGED = ("preparing", "ev_connected")


class CountsAs(StrEnum):
    """What sessions can be asked for by: a cell of the key figures, or what is missing from one."""

    ATTEMPTS = "attempts"
    DELIVERED = "delivered"
    NOT_DELIVERED = "not_delivered"
    VALID_STOPS = "valid_stops"
    NOT_STOPPED = "not_stopped"
    NOT_SUCCESSFUL = "not_successful"
    ALLOWED = "allowed"
    ALLOWED_NOT_DELIVERED = "allowed_not_delivered"
    START_TIME = "start_time"


class Counted(NamedTuple):
    """Cells of one session, each 0 or 1, and its charge start time where it is known.

    Attributes:
        attempts: a try that is over. ``delivered``: power flowed. ``valid_stops``: power flowed, and it was stopped as it should.
        refused: nobody was allowed to charge, and no power flowed: never one of the delivered.
        start_ns: from the driver's last act (authorised, plugged in) to the first power.
    """

    attempts: int = 0
    delivered: int = 0
    valid_stops: int = 0
    refused: int = 0
    start_ns: int | None = None


def counted(session: Session) -> Counted:
    if not session.over or any(step.name in (JOINED, FORGOTTEN) for step in session.steps):
        return Counted()
    success = session.outcome is Outcome.SUCCESS
    reached = session.milestones
    delivered = success or Milestone.CHARGING.value in reached or (session.energy_wh or 0.0) > DELIVERED_WH
    # Only a stop that came from the station sets the milestone Stopped: a lost stop does not.
    valid = success or (
        delivered and Milestone.STOPPED.value in reached and session.stop_reason in VALID_STOPS
    )
    refused = session.outcome is Outcome.REJECTED and not delivered
    return Counted(1, int(delivered), int(delivered and valid), int(refused), start_time_ns(session))


def start_time_ns(session: Session) -> int | None:
    """From the later of authorised and plugged in, of those that are known, to the first Charging; else None.

    Both are the driver's doing, and what she waits for begins with the second. Of a session that was replayed, in whole or from
    some moment on, that is known where its authorisation was heard as it happened: a stop that was told late changes no start.
    """
    charging_ns = session.milestones.get(Milestone.CHARGING.value)
    if charging_ns is None:
        return None
    marks = {step.name: step.at_ns for step in session.steps if step.at_ns <= charging_ns}
    if session.late and AUTHORISED not in marks:
        return None
    acts = [marks[name] for name in (*_PLUGGED, AUTHORISED) if name in marks]
    # Without an Authorize (a remote start, free charging, a local list) the order or the transaction's start stands for it.
    if AUTHORISED not in marks and Milestone.STARTING.value in marks:
        acts.append(marks[Milestone.STARTING.value])
    return charging_ns - max(acts) if acts else None
