"""What connectors report, and what that means for the sessions on them.

Connector 0 of 1.6 and EVSE 0 of 2.x are the controller, independent of the rest. A status is taken by event time: one that a
station replays does not overwrite a newer one. In 2.x the transaction's charging state refines ``Occupied``.
"""

from __future__ import annotations

import re

from nocwatch.moments import SECOND_NS
from nocwatch.network import ConnectorStatus
from nocwatch.ocpp.events import ComponentReported, StatusReported
from nocwatch.sessions import Milestone
from nocwatch.state.facts import TOGETHER_NS, ErrorSeen, RemoteStart
from nocwatch.state.faults import codes_of, family
from nocwatch.state.memory import ConnectorState
from nocwatch.state.patience import lapsed, plug_in_ns
from nocwatch.state.session import ACTS_MAX, SessionState, step
from nocwatch.state.tracker import Tracker

_MICRO = {
    ConnectorStatus.PREPARING: "preparing",
    ConnectorStatus.SUSPENDED_EV: "suspended_ev",
    ConnectorStatus.SUSPENDED_EVSE: "suspended_evse",
    ConnectorStatus.FINISHING: "finishing",
    ConnectorStatus.UNAVAILABLE: "unavailable",
    ConnectorStatus.FAULTED: "faulted",
}
_STATES = {"SuspendedEV": ConnectorStatus.SUSPENDED_EV, "SuspendedEVSE": ConnectorStatus.SUSPENDED_EVSE}
PLUGGED = frozenset(
    {ConnectorStatus.PREPARING, ConnectorStatus.CHARGING, ConnectorStatus.OCCUPIED, ConnectorStatus.FINISHING}
    | {ConnectorStatus.SUSPENDED_EV, ConnectorStatus.SUSPENDED_EVSE}
)
OF_TRANSACTIONS = frozenset(
    {ConnectorStatus.CHARGING, ConnectorStatus.SUSPENDED_EV, ConnectorStatus.SUSPENDED_EVSE}
)
"""Statuses that only a connector with a transaction has."""
_INFO_MAX = 80
_NO_CODE = re.compile(r"(0x)?0+")
"""What stands for no code. Where the component says what is wrong by its name, many stations have no code beside it."""


def on_status(tracker: Tracker, event: StatusReported) -> None:
    """A connector's status."""
    connector = _connector(tracker, event)
    if connector is None:
        return
    when_ns = event.when_ns
    _errors(tracker, connector, event)
    if tracker.late and when_ns < connector.reported_at_ns:
        tracker.count("state_stale_statuses")
        return
    before = connector.reported
    connector.reported = event.status
    connector.reported_at_ns = when_ns
    connector.error_code = event.error_code
    connector.vendor_error = event.vendor_error
    tracker.touch_connector(connector, when_ns)
    if connector is tracker.state.controller:
        return
    if event.status is ConnectorStatus.AVAILABLE:
        if before is not ConnectorStatus.AVAILABLE:
            connector.freed_at_ns = when_ns
        _free(tracker, connector, event)
        return
    if (
        before in (ConnectorStatus.AVAILABLE, ConnectorStatus.NO_DATA, ConnectorStatus.RESERVED)
        and event.status in PLUGGED
    ):
        connector.taken_at_ns = when_ns
        _likely(tracker, connector, tracker.true_ns(event))
    for session in _concerned(tracker, connector):
        tracker.calm("free", session.id)
        _moved(tracker, session, event.status, when_ns, event.frame)


def on_component(tracker: Tracker, event: ComponentReported) -> None:
    """A problem that the device model of 2.x reports, in the sessions of that EVSE (or of all, where it names none)."""
    if event.cleared or event.value.lower() in ("false", "0"):
        return
    if _NO_CODE.fullmatch(event.tech_code) and family(event.component) is None:
        return
    code = (
        event.tech_code
        if family(event.tech_code)
        else event.component
        if event.variable in ("Problem", "Tripped")
        else ""
    )
    if not code:
        return
    info = f"{event.component}.{event.variable}" + (f" {event.tech_code}" if event.tech_code else "")
    error = ErrorSeen(code=code, at_ns=event.when_ns, frame=event.frame, info=info[:_INFO_MAX])
    for session in _at_evse(tracker, event.evse):
        _error(tracker, session, error)


def _at_evse(tracker: Tracker, evse: int | None) -> list[SessionState]:
    """Sessions there, all where none is named; where there are none, those that wait and have not said where."""
    there = [each for each in tracker.under_way() if not evse or each.evse == evse]
    return there or [
        each
        for each in tracker.under_way()
        if each.evse is None
        and each.likely_evse in (None, evse)
        and not lapsed(tracker, each, tracker.now_ns)
    ]


def charging_state(tracker: Tracker, session: SessionState, said: str, at_ns: int, frame: str) -> None:
    """The chargingState of a TransactionEvent: of the session, and of its connector."""
    if not said:
        return
    connector = tracker.connector_of(session)
    if connector is not None and not tracker.late:
        connector.charging_state = said
        tracker.touch_connector(connector, at_ns)
    if said == "EVConnected":
        session.plugged = True
        step(session, tracker.settings, at_ns, "ev_connected", "A vehicle is connected", (frame,))
    elif said == "Charging":
        _moved(tracker, session, ConnectorStatus.CHARGING, at_ns, frame)
    elif said in _STATES:
        _moved(tracker, session, _STATES[said], at_ns, frame)
    elif said == "Idle":
        session.suspended_by = None


def charging(tracker: Tracker, session: SessionState, at_ns: int, text: str, frame: str) -> None:
    """The milestone Charging, or the end of a suspension."""
    if not session.charged:
        session.charged = True
        step(session, tracker.settings, at_ns, Milestone.CHARGING.value, text, (frame,))
        tracker.touch(session)
    elif session.suspended_by is not None:
        step(session, tracker.settings, at_ns, "resumed", "Charging again", (frame,))
        tracker.touch(session)
    session.suspended_by = None


def release(tracker: Tracker, session: SessionState, at_ns: int, frame: str) -> None:
    """The connector is free after the stop."""
    if session.stopped_at_ns is not None:
        step(
            session,
            tracker.settings,
            max(at_ns, session.stopped_at_ns),
            Milestone.RELEASED.value,
            "The connector is free",
            (frame,),
        )
        tracker.touch(session)


def _connector(tracker: Tracker, event: StatusReported) -> ConnectorState | None:
    if event.evse == 0 or (event.evse is None and event.connector == 0):
        if tracker.state.controller is None:
            tracker.state.controller = ConnectorState(evse=event.evse, connector=0, since_ns=tracker.now_ns)
            tracker.touch_station()
        return tracker.state.controller
    return tracker.connector(event.evse, event.connector)


def _concerned(tracker: Tracker, connector: ConnectorState) -> list[SessionState]:
    """Sessions that a connector's live status speaks of: those under way there, and attempts that name no connector."""
    if tracker.late:
        return []
    return [
        each
        for each in tracker.under_way()
        if (each.connector is None and each.evse is None and not each.began)
        or (each.evse == connector.evse and each.connector in (None, connector.connector))
    ]


def _moved(tracker: Tracker, session: SessionState, status: ConnectorStatus, at_ns: int, frame: str) -> None:
    """A session's connector has another status."""
    if status in PLUGGED and (
        session.began or (status is not ConnectorStatus.PREPARING and in_time(tracker, session, at_ns))
    ):
        # Before a start, Preparing may also mean that the station waits for a cable [OCPP 1.6 §4.9].
        session.plugged = True
    if session.connector is None and session.evse is None:
        return
    if session.began and status in OF_TRANSACTIONS:
        session.free_since_ns = None
    if status is ConnectorStatus.CHARGING:
        if session.began:
            charging(tracker, session, at_ns, "Charging", frame)
        return
    if status in (ConnectorStatus.SUSPENDED_EV, ConnectorStatus.SUSPENDED_EVSE):
        said = "ev" if status is ConnectorStatus.SUSPENDED_EV else "evse"
        if session.suspended_by == said:
            return
        session.suspended_by = session.suspended = said
    if (name := _MICRO.get(status)) is not None and (not session.steps or session.steps[-1].name != name):
        step(session, tracker.settings, at_ns, name, str(status), (frame,))
        tracker.touch(session)


def _likely(tracker: Tracker, connector: ConnectorState, taken_ns: int) -> None:
    """A place was taken: by the driver whose card was accepted just before, if there is one. A status may have waited in the station's queue."""
    waiting = [
        each
        for each in tracker.under_way()
        if not (each.began or each.evse or each.connector or each.likely_evse)
        and each.created_at_ns <= taken_ns + TOGETHER_NS
    ]
    if len(waiting) == 1 and any(act.status == "Accepted" for act in waiting[0].authorizations):
        waiting[0].likely_evse = connector.evse


def in_time(tracker: Tracker, session: SessionState, at_ns: int) -> bool:
    """Whether a station that was asked to start still waits for the vehicle then; the next driver's says nothing of it."""
    if session.let_go:
        return False
    patience_ns = plug_in_ns(tracker)
    return session.remote is None or not patience_ns or at_ns <= session.remote.asked_at_ns + patience_ns


def _free(tracker: Tracker, connector: ConnectorState, event: StatusReported) -> None:
    at_ns, freed_ns = event.when_ns, tracker.true_ns(event)
    connector.charging_state = ""
    connector.taken_at_ns = None
    if connector.unreleased is not None:
        stopped = tracker.state.sessions.get(connector.unreleased)
        connector.unreleased = None
        if stopped is not None:
            release(tracker, stopped, at_ns, event.frame)
    for waiting in tracker.under_way():
        held = waiting.evse is None and waiting.likely_evse == connector.evse is not None
        if held and not waiting.began and waiting.created_at_ns <= freed_ns:
            waiting.let_go = True  # what it held is free again: nobody came
    for session in tracker.on_connector(connector):
        if session.remote is not None and not session.began:
            # It may have waited in the station's queue, or crossed the order: then nobody was there any more when the station took it.
            session.let_go = session.let_go or _taken_before(session.remote, at_ns)
            session.plugged = session.plugged and session.let_go
        if session.began and session.free_since_ns is None and session.started_at_ns <= at_ns:
            session.free_since_ns = at_ns
        if session.began and tracker.timers.due_ns((tracker.state.id, "free", session.id)) is None:
            tracker.wait(
                "free", session.id, tracker.now_ns + int(tracker.settings.lost_stop_after * SECOND_NS)
            )


def _taken_before(remote: RemoteStart, at_ns: int) -> bool:
    """Whether the station had the order by then: at the latest when it answers."""
    margin_ns = TOGETHER_NS if remote.answered_at_ns is None else 0
    return remote.asked_at_ns + margin_ns < at_ns


def _errors(tracker: Tracker, connector: ConnectorState, event: StatusReported) -> None:
    codes = codes_of(event.error_code, event.vendor_error)
    if not codes:
        return
    there = tracker.under_way() if connector is tracker.state.controller else tracker.on_connector(connector)
    for session in there:
        if event.when_ns >= session.created_at_ns or not tracker.late:
            for code in codes:
                info = event.info if event.info.lower() not in ("", "null", "none") else ""
                _error(
                    tracker,
                    session,
                    ErrorSeen(
                        code=code,
                        at_ns=event.when_ns,
                        frame=event.frame,
                        info=info[:_INFO_MAX],
                        broke=family(code) is not None or event.status is ConnectorStatus.FAULTED,
                    ),
                )


def _error(tracker: Tracker, session: SessionState, error: ErrorSeen) -> None:
    known = next((each for each in session.errors if each.code == error.code), None)
    if len(session.errors) >= ACTS_MAX or (known is not None and (known.broke or not error.broke)):
        return
    if known is not None:
        session.errors.remove(known)
    session.errors.append(error)
    step(
        session,
        tracker.settings,
        error.at_ns,
        "error",
        error.code + (f": {error.info}" if error.info else ""),
        (error.frame,),
    )
    tracker.touch(session)
