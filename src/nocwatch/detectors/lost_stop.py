"""A transaction whose end was never told: the connector is free, and no Stop came."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from pydantic import Field

from nocwatch.detectors import wording
from nocwatch.detectors.base import Context, Detector, Hears, Settings
from nocwatch.detectors.reading import began, start_frames
from nocwatch.flags import Blame, Category, Evidence, Severity
from nocwatch.moments import SECOND_NS
from nocwatch.network import ConnectorStatus
from nocwatch.quantities import Duration
from nocwatch.sessions import LastReading, Reason, Session
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
    """A session (key: its id) whose connector became free while its transaction was open.

    Attributes:
        free_since_ns: when the connector was free, or the next transaction began on it; ``frames`` show that it was free.
        began_at_ns, start_wh, start_frames: of the open transaction.
        successor, taken_by: id of the next session there, and its transaction; ``taken_at_ns`` and ``taken_frames`` of its beginning.
        sessions: of a station (key: ``station <id>``), whose index this is.
    """

    station: str = ""
    evse: int | None = None
    connector: int | None = None
    transaction: int | str | None = None
    free_since_ns: int = 0
    frames: tuple[str, ...] = ()
    energy_wh: float | None = None
    began_at_ns: int = 0
    start_wh: float | None = None
    start_frames: tuple[str, ...] = ()
    successor: str = ""
    taken_by: int | str | None = None
    taken_at_ns: int = 0
    taken_frames: tuple[str, ...] = ()
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
        "The driver may be billed wrongly or not at all: close this transaction in the CSMS by hand, with its own last register, which the flag "
        "names (never with the next one's). If the station loses stops again and again, ask its vendor about its message queue."
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
        self._begin(state, session, context)
        state.evse, state.connector = event.now.evse, event.now.connector
        state.free_since_ns, state.frames = context.now_ns, event.frames
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
        successor = next(
            (
                other
                for other in context.sessions(session.station)
                if other.id != session.id and began(other) and _on(other, session.evse, session.connector)
            ),
            None,
        )
        if state is not None and successor is None:
            return
        known = state or context.state(session.id)
        if state is None:
            self._begin(known, session, context)
            known.evse, known.connector = session.evse, session.connector
            known.free_since_ns = context.now_ns
            known.frames = () if successor is not None else event.frames
        if successor is not None:
            known.successor, known.taken_by = successor.id, successor.transaction
            known.taken_at_ns, known.taken_frames = context.now_ns, start_frames(successor) or event.frames
        why = (
            "the next transaction began, and the one before it was never stopped"
            if successor is not None
            else "the connector is free, and the session was given up without a Stop"
        )
        self._tell(session.id, known, why, context)

    def _begin(self, state: Open, session: Session, context: Context[Open]) -> None:
        state.station, state.transaction = session.station, session.transaction
        state.began_at_ns, state.start_wh = session.started_at_ns, session.meter_start_wh
        state.start_frames, state.energy_wh = start_frames(session), session.energy_wh
        context.state(_index(session.station)).sessions.append(session.id)

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
        last = context.last_reading(key)
        charged = (
            f" ({wording.energy(state.energy_wh)} since the start)" if state.energy_wh is not None else ""
        )
        if last is None:
            register = "no register of it was ever told"
        elif last.frame in state.start_frames:
            register = f"no register after that of its start, {wording.register(last.register_wh)} at {wording.moment(last.at_ns)}"
        else:
            register = (
                f"last register {wording.register(last.register_wh)} at {wording.moment(last.at_ns)}{charged}"
            )
        context.raise_flag(
            key,
            f"{context.place(state.station).name or state.station}, {where}: {why}; {_name(state.transaction)}: {register}.",
            station=state.station,
            evse=state.evse,
            connector=state.connector,
            session=key,
            onset_ns=state.free_since_ns,
            blame=Blame.CHARGER,
            advice=_advice(state, last),
            evidence=_evidence(key, state, last),
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


def _name(transaction: int | str | None) -> str:
    return "the transaction without an id" if transaction is None else f"transaction {transaction}"


def _next(state: Open) -> str:
    # In 1.6 it has no id before its start is answered.
    return (
        f"the one that began at {wording.moment(state.taken_at_ns)}"
        if state.taken_by is None
        else f"transaction {state.taken_by}"
    )


def _advice(state: Open, last: LastReading | None) -> str:
    """What to bill by, and what to keep off: the next driver's transaction is on the same connector."""
    name = _name(state.transaction)
    close = f"Close {name} in the CSMS by hand"
    if last is None or last.frame in state.start_frames:
        close += ". No register after its start was ever told: take the energy from the station's display or its vendor's records, not from a guess."
    else:
        close += (
            f", with register {wording.register(last.register_wh)} of {wording.moment(last.at_ns)}. What flowed after that was never told: "
            "the driver is billed too little rather than too much."
        )
    other = (
        f" Leave {_next(state)} alone: it is the next one on this connector, and its register is not this driver's."
        if state.successor
        else f" Nothing charges under it any more: the connector was free at {wording.moment(state.free_since_ns)}."
    )
    return (
        f"{close}{other} If the station loses stops again and again, ask its vendor about its message queue."
    )


def _evidence(key: str, state: Open, last: LastReading | None) -> tuple[Evidence, ...]:
    name = _name(state.transaction)
    start = "" if state.start_wh is None else f", register {wording.register(state.start_wh)}"
    text = f"{name[0].upper()}{name[1:]} began at {wording.moment(state.began_at_ns)}{start}."
    found = [_seen(text, state.began_at_ns, state.start_frames, key)]
    if last is not None and last.frame not in state.start_frames:
        text = f"Its last register was {wording.register(last.register_wh)} at {wording.moment(last.at_ns)}."
        found.append(_seen(text, last.at_ns, (last.frame,), key))
    if state.frames or not state.successor:
        text = f"The connector was free at {wording.moment(state.free_since_ns)}, and no Stop had come."
        found.append(_seen(text, state.free_since_ns, state.frames, key))
    if state.successor:
        text = f"The next transaction{'' if state.taken_by is None else f', {state.taken_by},'} began there at {wording.moment(state.taken_at_ns)}, and still no Stop had come."
        found.append(_seen(text, state.taken_at_ns, state.taken_frames, state.successor))
    return tuple(found)


def _seen(text: str, at_ns: int, frames: tuple[str, ...], session: str) -> Evidence:
    return Evidence(text=text, at_ns=at_ns, frames=tuple(filter(None, frames)), session=session)


def _index(station: str) -> str:
    return f"station {station}"


def _on(session: Session, evse: int | None, connector: int | None) -> bool:
    if evse is not None:
        return session.evse == evse and session.connector in (None, connector)
    return session.connector == connector
