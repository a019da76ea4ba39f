"""Remote starts: the CSMS asks for a transaction, and the station takes it up, refuses, or does nothing."""

from __future__ import annotations

from nocwatch.network import ConnectorStatus
from nocwatch.ocpp.events import (
    CallRefused,
    CallUnanswered,
    Command,
    CommandAnswered,
    Commanded,
    StatusReported,
)
from nocwatch.sessions import Milestone
from nocwatch.state.facts import TOGETHER_NS, RemoteStart
from nocwatch.state.lookup import same_place
from nocwatch.state.memory import ConnectorState, connector_key
from nocwatch.state.patience import give_up, make_room, patience_ns, window_ns
from nocwatch.state.presence import on_ordered
from nocwatch.state.records import shown_status
from nocwatch.state.session import SessionState, step
from nocwatch.state.statuses import PLUGGED, in_time
from nocwatch.state.tracker import Tracker

IN_USE = "in use"
"""Of a connector with a transaction whose driver is known, whatever it reports."""
_UNCERTAIN = frozenset({ConnectorStatus.PREPARING, ConnectorStatus.OCCUPIED})
REMOTE_STARTS = ("RemoteStartTransaction", "RequestStartTransaction")


def on_commanded(tracker: Tracker, event: Commanded) -> None:
    if event.command is not Command.REMOTE_START:
        return
    remote = RemoteStart(
        connection=event.connection,
        message_id=event.message_id,
        asked_at_ns=event.at_ns,
        frame=event.frame,
        token=event.token,
        remote_start_id=event.remote_start_id,
    )
    for session in tracker.under_way():
        known = session.remote
        if known is not None and (known.message_id, known.connection) == (
            remote.message_id,
            remote.connection,
        ):
            return
        if (
            known is not None
            and remote.remote_start_id is not None
            and known.remote_start_id == remote.remote_start_id
        ):
            return
    session = _for_remote_start(tracker, event)
    session.remote = remote
    if not session.began:
        session.token = event.token
        session.evse = event.evse or session.evse
        session.connector = event.connector or session.connector
        _status_at_remote(tracker, session)
        tracker.wait("attempt", session.id, event.at_ns + max(patience_ns(tracker), window_ns(tracker)))
    step(
        session,
        tracker.settings,
        event.at_ns,
        Milestone.CREATED.value,
        "The CSMS asked for a remote start",
        (event.frame,),
    )
    tracker.touch(session)


def on_command_answered(tracker: Tracker, event: CommandAnswered) -> None:
    if event.command is not Command.REMOTE_START:
        on_ordered(tracker, event)
        return
    for session in tracker.acting():
        remote = session.remote
        if (
            remote is not None
            and remote.message_id == event.message_id
            and remote.connection == event.connection
        ):
            break
    else:
        return
    assert remote is not None
    remote.answered_at_ns, remote.answer_frame, remote.status = event.at_ns, event.frame, event.status
    accepted = event.status == "Accepted"
    if session.began and not accepted:
        session = apart(tracker, session, remote)
    if accepted:
        step(
            session,
            tracker.settings,
            event.at_ns,
            Milestone.STARTING.value,
            "Remote start accepted",
            (event.frame,),
        )
    else:
        step(
            session,
            tracker.settings,
            event.at_ns,
            "refused",
            f"Remote start answered {event.status}",
            (event.frame,),
        )
    tracker.touch(session, "the answer to the remote start came late")
    if session.open and not session.began:
        if accepted:
            tracker.wait("attempt", session.id, event.at_ns + patience_ns(tracker))
        else:
            give_up(tracker, session, event.at_ns)


def on_unanswered(tracker: Tracker, event: CallUnanswered) -> None:
    """No answer came; the transaction still has its time."""
    for session in tracker.acting():
        if (
            session.remote is not None
            and session.remote.frame == event.frame
            and session.remote.answered_at_ns is None
        ):
            session.remote.failed_by = "link_lost" if event.link_lost else "silence"


def on_refused(tracker: Tracker, event: CallRefused) -> None:
    """The station answered with a CALLERROR."""
    for session in tracker.acting():
        if session.remote is not None and session.remote.frame == event.call_frame:
            session.remote.failed_by = event.error_code
            session.remote.answered_at_ns, session.remote.answer_frame = event.at_ns, event.frame
            its = apart(tracker, session, session.remote) if session.began else session
            if its.open and not its.began:
                give_up(tracker, its, event.at_ns)
            return


def apart(tracker: Tracker, session: SessionState, remote: RemoteStart) -> SessionState:
    """A remote start that led nowhere is a try of its own: the transaction that waited for its token is somebody else's."""
    make_room(tracker)
    own = tracker.new_session(remote.asked_at_ns, "remote", remote.message_id, remote.frame)
    if own is session:
        return session  # the order began it, whatever the station answered afterwards
    session.remote = None
    session.steps = [each for each in session.steps if remote.frame not in each.frames]
    tracker.touch(session)
    own.remote, own.token, own.led_to = remote, remote.token, ""
    own.evse, own.connector = session.evse, session.connector
    _status_at_remote(tracker, own)
    step(
        own,
        tracker.settings,
        remote.asked_at_ns,
        Milestone.CREATED.value,
        "The CSMS asked for a remote start",
        (remote.frame,),
    )
    tracker.touch(own)
    return own


def _for_remote_start(tracker: Tracker, event: Commanded) -> SessionState:
    """The session of a remote start: a cable-first transaction that waits for its token, a waiting card, or a new one."""
    for session in reversed(tracker.under_way()):
        if session.remote is not None:
            continue
        if session.began and session.token is None and event.evse in (None, 0, session.evse):
            return session
        if not session.began and event.token is not None and session.token == event.token:
            return session
    make_room(tracker)
    return tracker.new_session(event.at_ns, "remote", event.message_id, event.frame)


def _status_at_remote(tracker: Tracker, session: SessionState) -> None:
    known = [
        each
        for each in tracker.state.connectors.values()
        if (session.evse is None or each.evse == session.evse) and session.connector in (None, each.connector)
    ]
    session.plugged = len(known) == 1 and _vehicle_there(tracker, session, known[0])
    if len(known) == 1 and any(_taken(each, session) for each in _there_then(tracker, session, known[0])):
        session.status_at_remote = IN_USE
    elif len(known) == 1 and known[0].reported is not ConnectorStatus.NO_DATA:
        session.status_at_remote = shown_status(tracker.state, known[0]).value
    elif known and all(each.reported is ConnectorStatus.AVAILABLE for each in known):
        session.status_at_remote = ConnectorStatus.AVAILABLE.value


def on_status(tracker: Tracker, event: StatusReported) -> None:
    """A status that waited in the station's queue tells what was at its connector when the CSMS asked for a start."""
    key = connector_key(event.evse, event.connector)
    connector = None if key is None else tracker.state.connectors.get(key)
    if (
        connector is None
        or connector.reported_at_ns != event.when_ns
        or event.at_ns - event.when_ns < TOGETHER_NS
    ):
        return
    for session in tracker.newest_first():
        remote = session.remote
        there = session.evse == connector.evse and session.connector in (None, connector.connector)
        if remote is None or session.began or not there or remote.asked_at_ns > event.at_ns:
            continue
        before = session.plugged, session.status_at_remote
        if event.when_ns > remote.asked_at_ns:
            session.plugged = session.plugged or (
                event.status in PLUGGED and in_time(tracker, session, event.when_ns)
            )
        else:
            _status_at_remote(tracker, session)
        if before != (session.plugged, session.status_at_remote):
            tracker.touch(session, "what the connector had reported then was heard late")


def _there_then(tracker: Tracker, session: SessionState, connector: ConnectorState) -> list[SessionState]:
    """Transactions that were under way at the connector when the CSMS asked for the start, by what is known now."""
    then_ns = session.created_at_ns if session.remote is None else session.remote.asked_at_ns
    return [
        each
        for each in tracker.newest_first()
        if each.began
        and (each.evse, each.connector or connector.connector) == (connector.evse, connector.connector)
        and each.started_at_ns <= then_ns
        and (each.stopped_at_ns is None or each.stopped_at_ns > then_ns)
    ]


def _taken(there: SessionState, session: SessionState) -> bool:
    """Whether another driver has that transaction: its token is known, or another card is being asked for."""
    return there.token is not None or any(each.token != session.token for each in there.authorizations)


def _vehicle_there(tracker: Tracker, session: SessionState, connector: ConnectorState) -> bool:
    """Whether the connector's status shows a vehicle: not Preparing while an accepted act waits for its cable [OCPP 1.6 §4.9].

    In 2.x Occupied says that too: not more than that no new driver may come.
    """
    shown = shown_status(tracker.state, connector)
    if shown not in _UNCERTAIN or connector.taken_at_ns is None:
        return shown in PLUGGED
    if any(each.began for each in tracker.on_connector(connector)):
        return True
    taken_ns = connector.taken_at_ns + TOGETHER_NS
    return all(
        each is session
        or each.began
        or each.evse not in (None, connector.evse)
        or each.likely_evse not in (None, connector.evse)
        or each.connector not in (None, connector.connector)
        or each.created_at_ns > taken_ns
        or not _accepted(each)
        for each in tracker.under_way()
    )


def _accepted(session: SessionState) -> bool:
    """Whether anything was accepted that a station waits for a cable for."""
    acts = [each.status for each in session.authorizations] + (
        [session.remote.status] if session.remote is not None else []
    )
    return "Accepted" in acts


def passed_over(tracker: Tracker, session: SessionState) -> None:
    """A transaction of another token begins: remote starts that waited for its connector have led nowhere."""
    if session.token is None:
        return
    refused_rightly(tracker, session, session.started_at_ns)
    for other in list(tracker.newest_first()):
        remote = other.remote
        if remote is None or other.began or not same_place(other, session):
            continue
        if remote.status == "Accepted" and other.open and remote.asked_at_ns <= session.started_at_ns:
            other.plugged = other.plugged or in_time(tracker, other, session.started_at_ns)
            text = f"Another driver's transaction began on the connector: session {session.id}"
            step(
                other,
                tracker.settings,
                session.started_at_ns,
                "passed_over",
                text,
                tuple(session.begin_frames[-1:]),
            )
            give_up(tracker, other, session.started_at_ns)


def refused_rightly(tracker: Tracker, session: SessionState, since_ns: int) -> None:
    """Of remote starts that the station refused it shows only now that another driver had the connector, from ``since_ns`` on."""
    until_ns = session.stopped_at_ns
    for other in list(tracker.newest_first()):
        remote = other.remote
        if remote is None or other.began or not same_place(other, session):
            continue
        then = since_ns <= remote.asked_at_ns + TOGETHER_NS and (
            until_ns is None or remote.asked_at_ns < until_ns
        )
        if remote.status == "Rejected" and then and other.token != session.token:
            other.status_at_remote = IN_USE
            tracker.touch(other, "the start of the transaction that was under way there came late")
