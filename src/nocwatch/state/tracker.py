"""The desk on which one station's memory is worked: finding, touching and telling. What a message means is not decided here.

How a change reads is ``telling.py``'s.

What always holds: whatever is touched while one event is worked on is told once, at its end, as a change from what was told
before; and nothing is told that did not change.
"""

from __future__ import annotations

from collections.abc import Iterator

from nocwatch.moments import SECOND_NS
from nocwatch.network import ConnectorStatus
from nocwatch.ocpp.events import Event
from nocwatch.state import unset
from nocwatch.state.changes import AnyChange
from nocwatch.state.facts import Ending
from nocwatch.state.memory import ConnectorState, StationState, connector_key
from nocwatch.state.meter import Meter
from nocwatch.state.register import Gate
from nocwatch.state.session import SessionState, gate_of, session_id, unstep
from nocwatch.state.settings import StateSettings
from nocwatch.state.telling import Occasion, connector_changed, session_changed, station_changed
from nocwatch.state.vehicles import Failures
from nocwatch.timers import Timers

TimerKey = tuple[str, str, str]
"""Station, kind (``free``, ``attempt``, ``loose``, ``abandoned``, ``unknown``, ``calls``, ``limits``, ``booking``), subject."""


class Tracker:
    """One station's memory with what is needed to work on it.

    Attributes:
        now_ns: pipeline time of the event being worked on; ``frame`` and ``late`` are of that event too.
        out: changes given off by it.
    """

    __slots__ = (
        "_connectors", "_sessions", "_station", "counters", "failures", "frame", "late", "now_ns", "out", "settings", "state", "timers", "where",
    )  # fmt: skip

    def __init__(
        self,
        state: StationState,
        settings: StateSettings,
        timers: Timers[TimerKey],
        counters: dict[str, int],
        where: dict[str, str],
        failures: Failures,
    ) -> None:
        self.state = state
        self.settings = settings
        self.timers = timers
        self.counters = counters
        self.where = where
        self.failures = failures
        self.now_ns = 0
        self.frame = ""
        self.late = False
        self.out: list[AnyChange] = []
        self._sessions: dict[str, str] = {}
        self._connectors: dict[int, int] = {}
        self._station = False

    # --- time ---------------------------------------------------------------------------------------------------------

    def hear(self, event: Event) -> None:
        """Sets the desk for an event."""
        self.frame = event.frame
        stamp = event.event_at_ns
        if stamp is None:
            self.late = event.offline
            return
        lag_ns = event.at_ns - stamp
        # Reckoned by our own clock it shows nothing of what the station's is off by once it is set.
        ours = unset.is_unset(event)
        skew_ns = 0 if ours else max(self.state.lag_ns or 0, 0)
        self.late = event.offline or (
            lag_ns - skew_ns > self.settings.replay_after * SECOND_NS
            and stamp + skew_ns < self._opened_at_ns(event.connection)
        )
        if not (self.late or ours) and (self.state.lag_ns is None or lag_ns < self.state.lag_ns):
            self.state.lag_ns = lag_ns

    def true_ns(self, event: Event) -> int:
        """When it was by our own clock: the station's may be off by as much as the quickest of its messages seemed to take."""
        ours = event.event_at_ns is None or unset.is_unset(event)
        return event.when_ns if ours else event.when_ns + (self.state.lag_ns or 0)

    def gate(self, session: SessionState, event: Event | None = None) -> Gate:
        """What is believed of the session's registers; less strict where the station's clock is unusable."""
        if event is not None and event.implausible_time:
            session.meter.untimed = True
        return gate_of(session.meter.untimed, self.settings, self.state.restarts)

    def wait(self, kind: str, subject: str, due_ns: int) -> None:
        self.timers.set((self.state.id, kind, subject), due_ns)

    def calm(self, kind: str, subject: str) -> None:
        self.timers.cancel((self.state.id, kind, subject))

    def count(self, name: str) -> None:
        self.counters[name] = self.counters.get(name, 0) + 1

    def _opened_at_ns(self, connection: int) -> int:
        for link in reversed(self.state.links):
            if link.connection == connection:
                return link.opened_at_ns
        return self.state.since_ns

    # --- finding ------------------------------------------------------------------------------------------------------

    def under_way(self) -> list[SessionState]:
        return [self.state.sessions[each] for each in self.state.under_way]

    def newest_first(self) -> Iterator[SessionState]:
        """All sessions known, those under way and those remembered."""
        return reversed(self.state.sessions.values())

    def acting(self) -> Iterator[SessionState]:
        """The same without attempts that led to another session: their acts are that one's now."""
        return (each for each in self.newest_first() if not each.led_to)

    def connector(self, evse: int | None, connector: int | None) -> ConnectorState | None:
        """The connector, made where it is new; of an EVSE without a connector's number, the one in use or the first.

        None where nothing names one: number 0 is the station itself.
        """
        if connector is None:
            if evse is None:
                return None
            of_evse = [each for each in self.state.connectors.values() if each.evse == evse]
            taken = [each for each in of_evse if each.reported is not ConnectorStatus.AVAILABLE]
            if of_evse:
                return (taken or of_evse)[0]
            connector = 1
        key = connector_key(evse, connector)
        if key is None:
            self.count("state_bad_connectors")
            return None
        if key == 0:
            return None
        found = self.state.connectors.get(key)
        if found is None:
            if len(self.state.connectors) >= self.settings.connectors_max:
                self.count("state_connectors_dropped")
                return None
            found = ConnectorState(evse=evse, connector=connector, since_ns=self.now_ns)
            self.state.connectors[key] = found
            self.touch_station()
        return found

    def forget_connector(self, key: int) -> None:
        del self.state.connectors[key]
        self._connectors.pop(key, None)

    def connector_of(self, session: SessionState) -> ConnectorState | None:
        """The connector of a session; None where that is not known (yet)."""
        if session.connector is None and session.evse is None:
            return None
        return self.connector(session.evse, session.connector)

    def on_connector(self, connector: ConnectorState) -> list[SessionState]:
        """Sessions under way there, oldest first."""
        return [each for each in self.under_way() if _is_on(each, connector.evse, connector.connector)]

    # --- sessions -----------------------------------------------------------------------------------------------------

    def new_session(self, at_ns: int, kind: str, name: str | int | None, frame: str) -> SessionState:
        """A new session, begun by that act; the same act read twice gives the same session."""
        known = self.state.sessions.get(session_id(self.state.id, at_ns, kind, name))
        if known is not None:
            return known
        session = SessionState(
            id=session_id(self.state.id, at_ns, kind, name),
            station=self.state.id,
            version=self.state.version,
            upstream=self.state.upstream,
            created_at_ns=at_ns,
            started_at_ns=at_ns,
            last_heard_ns=self.now_ns,
            meter=Meter(),
            begin_frames=[frame],
        )
        self.state.sessions[session.id] = session
        self.state.under_way.append(session.id)
        self.where[session.id] = self.state.id
        return session

    def close(self, session: SessionState, ending: Ending, stopped_at_ns: int, because: str = "") -> None:
        """Ends a session; a remembered one keeps what it knows for what may still come."""
        session.ending = ending
        session.stopped_at_ns = max(stopped_at_ns, session.started_at_ns)
        session.closed_at_ns = self.now_ns
        session.suspended_by = None
        session.power_w = None
        if session.id in self.state.under_way:
            self.state.under_way.remove(session.id)
        for kind in ("free", "attempt"):
            self.calm(kind, session.id)
        connector = self.connector_of(session)
        if connector is not None:
            connector.power_w = None
            self.touch_connector(connector)
        self.touch(session, because)

    def reopen(self, session: SessionState, because: str) -> None:
        """What was over goes on: its end is taken back, and the cause is kept."""
        if session.ending is None:
            return
        session.ending = None
        session.stopped_at_ns = session.closed_at_ns = None
        unstep(session, "stopped", "released", "failed", "completed")
        self.state.under_way.append(session.id)
        connector = self.connector_of(session)
        if connector is not None and connector.unreleased == session.id:
            connector.unreleased = None
        session.revised_because = because
        self.touch(session, because)

    def _forget(self) -> None:
        """Remembered sessions beyond their number and time; their ids are known to the store for ever."""
        closed = [each for each in self.state.sessions.values() if each.ending is not None]
        too_many = len(closed) - self.settings.closed_sessions_max
        horizon_ns = self.now_ns - int(self.settings.closed_for * SECOND_NS)
        closed.sort(key=lambda each: each.closed_at_ns or 0)
        for index, session in enumerate(closed):
            if index < too_many or (session.closed_at_ns or 0) < horizon_ns:
                del self.state.sessions[session.id]
                self.where.pop(session.id, None)
                self.count("state_sessions_forgotten")

    # --- touching and telling --------------------------------------------------------------------------------------------

    def touch(self, session: SessionState, because: str = "") -> None:
        """The session changed; ``because`` is told where that changes a verdict."""
        if because or session.id not in self._sessions:
            self._sessions[session.id] = because

    def touch_connector(self, connector: ConnectorState, event_at_ns: int | None = None) -> None:
        key = connector_key(connector.evse, connector.connector)
        assert key is not None
        self._connectors[key] = self.now_ns if event_at_ns is None else event_at_ns

    def touch_station(self) -> None:
        self._station = True

    def flush(self) -> list[AnyChange]:
        """Tells what was touched: connectors, sessions, then the station."""
        if self._sessions or self._connectors or self._station:
            self._tell(Occasion(self.now_ns, (self.frame,) if self.frame else (), self.late))
        told, self.out = self.out, []
        return told

    def _tell(self, occasion: Occasion) -> None:
        state = self.state
        for session_key in self._sessions:
            connector = self.connector_of(state.sessions[session_key])
            if connector is not None:
                self._connectors.setdefault(_key(connector), self.now_ns)
        for key, event_at_ns in self._connectors.items():
            connector = state.connectors[key] if key else self._controller()
            under_way = self.on_connector(connector)
            self._say(connector_changed(state, connector, under_way, event_at_ns, occasion))
        self._connectors.clear()
        closed = False
        for session_key, because in self._sessions.items():
            session = state.sessions[session_key]
            change = session_changed(state, session, because, occasion, self.settings, self.failures)
            self._say(change)
            closed |= change is not None and session.ending is not None
        self._sessions.clear()
        if closed:
            self._forget()
        if self._station:
            self._station = False
            self._say(station_changed(state, occasion))

    def _say(self, change: AnyChange | None) -> None:
        if change is not None:
            self.out.append(change)

    def _controller(self) -> ConnectorState:
        assert self.state.controller is not None
        return self.state.controller


def usable(transaction: int | str | None) -> bool:
    """Whether the id names one transaction: 0 and -1 are said where there is none [OCPP 1.6 errata 3.18]."""
    return transaction is not None and transaction not in (0, -1, "")


def _key(connector: ConnectorState) -> int:
    key = connector_key(connector.evse, connector.connector)
    assert key is not None
    return key


def _is_on(session: SessionState, evse: int | None, connector: int) -> bool:
    if session.connector is None:
        return session.evse is not None and session.evse == evse
    return session.connector == connector and session.evse == evse
