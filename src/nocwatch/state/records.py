"""What is told of a station's memory: the frozen records that everyone sees, and whether one is news.

No decisions about what a message means, and nothing is kept here; the tracker calls it whenever something was touched.
"""

from __future__ import annotations

import msgspec

from nocwatch.network import Connector, ConnectorStatus, Station
from nocwatch.plans import BookingState
from nocwatch.sessions import LastReading, Outcome, Session
from nocwatch.state import meter
from nocwatch.state.facts import Verdict
from nocwatch.state.memory import ConnectorState, StationState
from nocwatch.state.session import SessionState, energy_wh, record, register_wh, step, unstep
from nocwatch.state.settings import StateSettings

_CHARGING_STATES = {
    "Charging": ConnectorStatus.CHARGING,
    "SuspendedEV": ConnectorStatus.SUSPENDED_EV,
    "SuspendedEVSE": ConnectorStatus.SUSPENDED_EVSE,
    "EVConnected": ConnectorStatus.PREPARING,
    "Idle": ConnectorStatus.FINISHING,
}


def shown_status(state: StationState, connector: ConnectorState) -> ConnectorStatus:
    """The status as people see it: offline or unknown with its station, and of 2.x as fine as the charging state tells."""
    if state.unknown_since_ns is not None:
        return ConnectorStatus.NO_DATA
    if not state.links:
        return (
            ConnectorStatus.OFFLINE
            if connector.reported is not ConnectorStatus.NO_DATA
            else ConnectorStatus.NO_DATA
        )
    if connector.charging_state and connector.reported in (
        ConnectorStatus.OCCUPIED,
        ConnectorStatus.NO_DATA,
    ):
        return _CHARGING_STATES.get(connector.charging_state, connector.reported)
    return connector.reported


def session_now(session: SessionState, settings: StateSettings) -> Session:
    """The session as it stands at this moment; between two records only its meter moves."""
    told = session.told
    if told is None:
        return record(session, session.last_heard_ns, settings)
    if session.ending is not None:
        return told
    return msgspec.structs.replace(
        told,
        energy_wh=energy_wh(session, settings),
        power_w=session.power_w,
        power_w_max=session.power_w_max,
        soc_percent=session.soc_percent,
    )


def last_reading(session: SessionState, settings: StateSettings) -> LastReading | None:
    """The last register that counts, and what said it: of a 1.6 start without a sample after it the start itself."""
    found = meter.last_reading(session.meter)
    if found is None:
        return None
    frame = session.reading_frame or next(iter(session.begin_frames), "")
    said_wh = register_wh(session, found[0], settings) or found[0]
    return LastReading(register_wh=said_wh, at_ns=found[1], frame=frame)


def connector_record(connector: ConnectorState) -> Connector:
    return Connector(
        evse=connector.evse,
        connector=connector.connector,
        status=connector.shown,
        reported=connector.reported,
        since_ns=connector.since_ns,
        error_code=connector.error_code,
        vendor_error=connector.vendor_error,
        session=connector.session,
        power_w=connector.power_w,
        limits=connector.limits,
    )


def station_record(state: StationState) -> Station:
    """The station as it stands."""
    return Station(
        id=state.id,
        online=state.online,
        since_ns=state.since_ns,
        last_seen_ns=state.last_seen_ns,
        connections=tuple(link.connection for link in state.links),
        upstream=state.upstream,
        version=state.version,
        remote_address=state.remote_address,
        access=state.access,
        vendor=state.vendor,
        model=state.model,
        firmware=state.firmware,
        serial=state.serial,
        boots=state.boots,
        booted_at_ns=state.booted_at_ns,
        heartbeat_interval_s=state.heartbeat_interval_s,
        connectors=tuple(connector_record(state.connectors[key]) for key in sorted(state.connectors)),
        controller=None if state.controller is None else connector_record(state.controller),
        configuration=dict(state.configuration),
        reservations=tuple(each for each in state.bookings if each.state is BookingState.STANDING)
        if state.bookings
        else (),
        grid_alarm=state.grid_alarm,
        unknown_since_ns=state.unknown_since_ns,
    )


def differs(session: SessionState) -> bool:
    """Whether the verdict is another than the one told at the end: outcome, reason, blame or energy."""
    told, now = session.told_verdict or Verdict(), session.verdict
    if (told.outcome, told.reason, told.blame) != (now.outcome, now.reason, now.blame):
        return True
    return (session.told_energy_wh or 0.0) != (session.energy_wh or 0.0)


def same(before: Session, now: Session) -> bool:
    return (
        msgspec.structs.replace(now, revision=before.revision, changed_at_ns=before.changed_at_ns) == before
    )


def add_last_steps(session: SessionState, settings: StateSettings) -> None:
    """Failed, or Completed: which of the two follows from the verdict."""
    if session.ending is None or session.stopped_at_ns is None:
        return
    if session.verdict.outcome is Outcome.FAILED:
        unstep(session, "completed")
        reason = session.verdict.reason
        step(session, settings, session.stopped_at_ns, "failed", str(reason) if reason else "")
        return
    unstep(session, "failed")
    if session.complete_at_ns is not None and not session.sequence_missing and not session.meter.doubt:
        step(session, settings, session.complete_at_ns, "completed", "The stop was answered", ())
