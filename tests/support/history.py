"""Made-up weeks of a network, for the store's tests: sessions, states and frames as the pipeline gives them."""

from __future__ import annotations

from tests.support.alerts import HOUR, NOON, SECOND

from nocwatch.frames import Direction, Frame, Kind, Link, LinkEvent, Tick
from nocwatch.network import Connector, ConnectorStatus, Station
from nocwatch.ocpp.events import CallUnanswered, Misspoke, Oddity, Spoke
from nocwatch.sessions import Milestone, Outcome, Session, SessionStep
from nocwatch.state.changes import ConnectorChanged, SessionChanged, SessionMetered, StationChanged
from nocwatch.store import Batch


def a_session(
    name: str = "s1",
    *,
    station: str = "CP1",
    started: int = NOON,
    length: int = HOUR,
    revision: int = 1,
    outcome: Outcome = Outcome.SUCCESS,
    energy_wh: float | None = 10_000.0,
    connector: int | None = 1,
    **more: object,
) -> Session:
    over = outcome is not Outcome.ONGOING
    return Session(
        id=name,
        station=station,
        connector=connector,
        started_at_ns=started,
        stopped_at_ns=started + length if over else None,
        changed_at_ns=started + length,
        outcome=outcome,
        energy_wh=energy_wh,
        revision=revision,
        steps=(SessionStep(at_ns=started, name=Milestone.CREATED, milestone=True),),
        **more,
    )


def a_frame(
    sequence: int,
    *,
    at_ns: int = NOON,
    station: str = "CP1",
    payload: bytes = b'[2,"1","Heartbeat",{}]',
    direction: Direction = Direction.FROM_STATION,
    lane: int = 0,
    kind: Kind = Kind.TEXT,
) -> Frame:
    return Frame(
        lane=lane,
        sequence=sequence << 16,
        received_at_ns=at_ns,
        connection=7,
        station=station,
        direction=direction,
        kind=kind,
        payload=payload,
    )


def spoke(frame: Frame, type: int = 2, action: str = "Heartbeat", **more: object) -> Spoke:  # noqa: A002
    return Spoke(
        station=frame.station,
        connection=frame.connection,
        at_ns=frame.received_at_ns,
        frame=frame.ref,
        version="1.6",
        direction=frame.direction,
        type=type,
        message_id="1",
        action=action,
        **more,
    )


def session_changed(session: Session) -> SessionChanged:
    return SessionChanged(station=session.station, at_ns=session.changed_at_ns, before=None, now=session)


def status(
    word: ConnectorStatus, since: int, *, station: str = "CP1", connector: int = 1, error: str = ""
) -> ConnectorChanged:
    now = Connector(
        evse=None, connector=connector, status=word, reported=word, since_ns=since, error_code=error
    )
    return ConnectorChanged(station=station, at_ns=since, before=None, now=now, event_at_ns=since)


def metered(session: str | None, at_ns: int, **more: object) -> SessionMetered:
    return SessionMetered(
        station="CP1", at_ns=at_ns, session=session, evse=None, connector=1, measured_at_ns=at_ns, **more
    )


def a_station(name: str = "CP1", at_ns: int = NOON) -> StationChanged:
    return StationChanged(
        station=name,
        at_ns=at_ns,
        before=None,
        now=Station(
            id=name,
            online=True,
            since_ns=at_ns,
            last_seen_ns=at_ns,
            vendor="ACME",
            model="X300",
            firmware="1.2",
        ),
    )


def batch_of(*changes: object, sequence: int = 1, at_ns: int = NOON, cursor: bytes | None = None) -> Batch:
    batch = Batch(cursor=cursor)
    batch.add_step(Tick(lane=0, sequence=sequence << 16, received_at_ns=at_ns), [], changes)
    return batch


__all__ = [
    "SECOND",
    "CallUnanswered",
    "Link",
    "LinkEvent",
    "Misspoke",
    "Oddity",
    "a_frame",
    "a_session",
    "a_station",
    "batch_of",
    "metered",
    "session_changed",
    "spoke",
    "status",
]
