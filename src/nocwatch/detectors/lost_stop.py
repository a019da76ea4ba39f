"""A transaction whose end was never told: the connector is free, and no Stop came."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from pydantic import Field

from nocwatch.detectors import wording
from nocwatch.detectors.base import Context, Detector, Hears, Settings
from nocwatch.detectors.reading import began
from nocwatch.flags import Blame, Category, Evidence, Severity
from nocwatch.moments import SECOND_NS
from nocwatch.network import ConnectorStatus
from nocwatch.quantities import Duration
from nocwatch.sessions import Reason, Session
from nocwatch.state.changes import ConnectorChanged, LinkOpened, SessionChanged

_BUSY = frozenset(
    {
        ConnectorStatus.CHARGING,
        ConnectorStatus.SUSPENDED_EV,
        ConnectorStatus.SUSPENDED_EVSE,
        ConnectorStatus.OCCUPIED,
    }
)
"""Statuses that take an Available back: the transaction is still going on. Preparing is the next driver's."""


class LostStopSettings(Settings):
    """What a rule can set of ``lost_stop``."""

    after: Duration = Field(
        default=600.0, description="How long the connector must be Available without a Stop."
    )


class Open(msgspec.Struct):
    """A session (key: its id) whose connector became free while its transaction was open. ``sessions`` is a station's index."""

    station: str = ""
    evse: int | None = None
    connector: int | None = None
    transaction: int | str | None = None
    free_since_ns: int = 0
    frames: tuple[str, ...] = ()
    energy_wh: float | None = None
    held: bool = False
    told: bool = False
    sessions: list[str] = []


class LostStop(Detector[LostStopSettings, Open]):
    """Lost stop.

    Sees a connector report Available while a transaction on it is open, and no StopTransaction (1.6) or Ended (2.x) within `after`;
    or another transaction begin on it. One flag a session, an event; it is taken back when the Stop comes after all.

    A station without a socket may be holding the Stop back: the wait begins anew when it is back, so that a replay is none. A
    connector that goes on charging was not free.
    """

    name = "lost_stop"
    category = Category.FAILED_SESSION
    severity = Severity.WARNING
    hears: ClassVar[Hears] = (ConnectorChanged, SessionChanged, LinkOpened)
    Settings = LostStopSettings
    State = Open
    title = "Lost stop"
    advice = (
        "The driver may be billed wrongly or not at all: close the transaction in the CSMS by hand, with the last register shown here. If the "
        "station loses stops again and again, ask its vendor about its message queue."
    )
    numbers: ClassVar[dict[str, str]] = {
        "free_s": "since the connector was free, s",
        "energy_wh": "to the last known register, Wh (-1 where unknown)",
    }

    def on(self, event: Any, context: Context[Open]) -> None:
        if isinstance(event, ConnectorChanged):
            self._connector(event, context)
        elif isinstance(event, SessionChanged):
            self._session(event, context)
        elif event.first:
            self._back(event, context)

    def due(self, key: str, context: Context[Open]) -> None:
        state = context.peek(key)
        if state is None or state.told:
            return
        station = context.station(state.station)
        if station is not None and not station.online:
            state.held = True
            return
        self._tell(
            key,
            state,
            f"the connector is free, and no Stop came within {wording.span(context.now_ns - state.free_since_ns)}",
            context,
        )

    def _connector(self, event: ConnectorChanged, context: Context[Open]) -> None:
        now = event.now
        if event.before is not None and event.before.reported is now.reported:
            return
        if now.reported is ConnectorStatus.AVAILABLE:
            for session in context.sessions(event.station):
                if began(session) and _on(session, now.evse, now.connector):
                    self._free(session, event, context)
        elif now.reported in _BUSY and (index := context.peek(_index(event.station))) is not None:
            for key in list(index.sessions):
                state = context.peek(key)
                if (
                    state is not None
                    and not state.told
                    and (state.evse, state.connector) == (now.evse, now.connector)
                ):
                    self._drop(key, state, context)

    def _free(self, session: Session, event: ConnectorChanged, context: Context[Open]) -> None:
        if context.peek(session.id) is not None:
            return
        state = context.state(session.id)
        state.station, state.transaction = session.station, session.transaction
        state.evse, state.connector = event.now.evse, event.now.connector
        state.free_since_ns, state.frames = context.now_ns, event.frames
        state.energy_wh = session.energy_wh
        context.state(_index(session.station)).sessions.append(session.id)
        context.wake(session.id, context.now_ns + self._after_ns)

    def _session(self, event: SessionChanged, context: Context[Open]) -> None:
        session = event.now
        state = context.peek(session.id)
        if not session.over:
            if state is not None:
                state.energy_wh = session.energy_wh
            return
        if session.reason is not Reason.LOST_STOP:
            if state is not None:
                self._drop(session.id, state, context)
            context.clear_flag(session.id, "the Stop came after all")
        elif event.ended and not context.raised(session.id):
            self._given_up(event, state, context)

    def _given_up(self, event: SessionChanged, state: Open | None, context: Context[Open]) -> None:
        """The session was closed as lost: at once where the next transaction has begun, else when this rule's own wait is over."""
        session = event.now
        successor = any(
            other.id != session.id and began(other) and _on(other, session.evse, session.connector)
            for other in context.sessions(session.station)
        )
        if state is not None and not successor:
            return
        known = state or context.state(session.id)
        if state is None:
            known.station, known.transaction = session.station, session.transaction
            known.evse, known.connector = session.evse, session.connector
            known.free_since_ns, known.frames, known.energy_wh = (
                context.now_ns,
                event.frames,
                session.energy_wh,
            )
            context.state(_index(session.station)).sessions.append(session.id)
        why = (
            "the next transaction began, and the one before it was never stopped"
            if successor
            else "the connector is free, and the session was given up without a Stop"
        )
        self._tell(session.id, known, why, context)

    def _back(self, event: LinkOpened, context: Context[Open]) -> None:
        index = context.peek(_index(event.station))
        for key in index.sessions if index is not None else ():
            state = context.peek(key)
            if state is not None and not state.told:
                state.held = False
                context.wake(key, context.now_ns + self._after_ns)

    def _tell(self, key: str, state: Open, why: str, context: Context[Open]) -> None:
        state.told = True
        where = wording.socket(state.evse, state.connector)
        register = (
            f"; {wording.energy(state.energy_wh)} up to the last meter value"
            if state.energy_wh is not None
            else ""
        )
        context.raise_flag(
            key,
            f"{context.place(state.station).name or state.station}, {where}: {why}{register}.",
            station=state.station,
            evse=state.evse,
            connector=state.connector,
            session=key,
            onset_ns=state.free_since_ns,
            blame=Blame.CHARGER,
            evidence=(
                Evidence(
                    text=f"Transaction {state.transaction} was still open when the connector was free or taken anew at "
                    f"{wording.moment(state.free_since_ns)}.",
                    at_ns=state.free_since_ns,
                    frames=state.frames,
                    session=key,
                ),
            ),
            event=True,
            numbers={
                "free_s": (context.now_ns - state.free_since_ns) / SECOND_NS,
                "energy_wh": -1 if state.energy_wh is None else state.energy_wh,
            },
        )
        self._drop(key, state, context)

    def _drop(self, key: str, state: Open, context: Context[Open]) -> None:
        context.forget(key)
        index = context.peek(_index(state.station))
        if index is not None:
            index.sessions = [each for each in index.sessions if each != key]
            if not index.sessions:
                context.forget(_index(state.station))

    @property
    def _after_ns(self) -> int:
        return round(self.settings.after * SECOND_NS)


def _index(station: str) -> str:
    return f"station {station}"


def _on(session: Session, evse: int | None, connector: int | None) -> bool:
    if evse is not None:
        return session.evse == evse and session.connector in (None, connector)
    return session.connector == connector
