"""The whole network as it stands: sightings in, events and changes out. The only way into this room.

What always holds: pipeline time never runs backwards; a moment that is due at t is worked on with the time t, before the
sighting that brings a later time; the same sightings give the same changes and ids; a record that is read again (the number of a
connection is never used twice, and the sequences of its frames rise) changes nothing; and a snapshot taken between two
sightings, restored into a new ``Fleet`` of the same settings, goes on to the letter.
"""

from __future__ import annotations

from collections.abc import Mapping
from heapq import nsmallest

import msgspec

from nocwatch.frames import Direction, Frame, Link, LinkEvent, Sighting, Tick
from nocwatch.network import Station
from nocwatch.ocpp.conversation import Conversation
from nocwatch.ocpp.events import OcppEvent, Spoke
from nocwatch.ocpp.habits import Habits
from nocwatch.sessions import LastReading, Session
from nocwatch.state import presence, silence, station
from nocwatch.state.changes import AnyChange, LinkRefused
from nocwatch.state.memory import LinkState, StationState
from nocwatch.state.neighbours import Neighbours
from nocwatch.state.records import last_reading, session_now
from nocwatch.state.relays import Relays
from nocwatch.state.settings import StateSettings
from nocwatch.state.snapshot import FORM, Snapshot, decode, encode
from nocwatch.state.tracker import TimerKey, Tracker
from nocwatch.state.vehicles import Failures
from nocwatch.timers import Timers


class Moved(msgspec.Struct, frozen=True):
    """What one sighting caused, in order: what was said, and what became so."""

    events: list[OcppEvent]
    changes: list[AnyChange]


class Fleet:
    """Stations, connectors, sessions and upstreams.

    Attributes:
        stations: identity → record as it stands.
        relays: what the relay says of itself.
        counters: drops and oddities since the beginning, by name.
        now_ns: pipeline time.
    """

    def __init__(self, settings: StateSettings | None = None) -> None:
        self.settings = settings or StateSettings()
        self.now_ns = 0
        self.counters: dict[str, int] = {}
        self.relays = Relays(self.counters)
        self._timers: Timers[TimerKey] = Timers()
        self._trackers: dict[str, Tracker] = {}
        self._conversations: dict[int, Conversation] = {}
        self._habits: dict[str, Habits] = {}
        self._where: dict[str, str] = {}
        self._neighbours = Neighbours()
        self._failures: Failures = {}
        self.stations: Mapping[str, Station] = station.Stations(self._trackers)

    # --- in -------------------------------------------------------------------------------------------------------------

    def feed(self, sighting: Sighting) -> Moved:
        """What this sighting says and makes so; first what came due before it."""
        moved = self.advance(sighting.received_at_ns)
        if isinstance(sighting, Frame):
            self._frame(sighting, moved)
        elif isinstance(sighting, Link):
            self._link(sighting, moved)
        elif isinstance(sighting, Tick):
            moved.changes.extend(self.relays.ticked(sighting, self.now_ns))
        return moved

    def apply(self, event: OcppEvent) -> list[AnyChange]:
        """What an event makes so that no frame here brought: for tests, and for traces that are events already."""
        moved = self.advance(event.at_ns)
        tracker = self._tracker(event.station)
        if tracker is not None:
            if not any(link.connection == event.connection for link in tracker.state.links):
                self._implied_link(tracker, event.connection, moved)
            tracker.state.last_seen_ns = self.now_ns
            self._events(tracker, [event], moved)
        return moved.changes

    def advance(self, now_ns: int) -> Moved:
        """Lets time pass; what is due on the way happens at its own moment."""
        moved = Moved([], [])
        for (station_id, kind, subject), due_ns in self._timers.pop_due(now_ns):
            self.now_ns = max(self.now_ns, due_ns)
            tracker = self._trackers.get(station_id)
            if tracker is None:
                continue
            if kind == "calls":
                self._expire(tracker, int(subject), moved)
                continue
            tracker.now_ns = self.now_ns
            moved.changes.extend(station.due(tracker, kind, subject))
        self.now_ns = max(self.now_ns, now_ns)
        return moved

    # --- out ------------------------------------------------------------------------------------------------------------

    @property
    def next_due_ns(self) -> int | None:
        """When something comes due by itself; None where nothing waits."""
        return min((due_ns for _, due_ns in self._timers.dump()), default=None)

    @property
    def upstreams(self) -> Mapping[str, bool]:
        """Name → whether it is up."""
        return self.relays.upstreams

    def sessions(self, station_id: str) -> tuple[Session, ...]:
        """The station's sessions under way."""
        tracker = self._trackers.get(station_id)
        under_way = () if tracker is None else tracker.under_way()
        return tuple(session_now(each, self.settings) for each in under_way)

    def session_by_id(self, session_id: str) -> Session | None:
        """A session under way, or one that is still remembered."""
        station_id = self._where.get(session_id)
        if station_id is None:
            return None
        return session_now(self._trackers[station_id].state.sessions[session_id], self.settings)

    def last_reading(self, session_id: str) -> LastReading | None:
        """The last energy register of a session that is under way or remembered; None where none counts."""
        station_id = self._where.get(session_id)
        return (
            None
            if station_id is None
            else last_reading(self._trackers[station_id].state.sessions[session_id], self.settings)
        )

    def misfits(self, station_id: str) -> Mapping[str, int]:
        """How often the station's messages, or those to it, did not fit their schemas: by ``action keyword path``."""
        habits = self._habits.get(station_id)
        return {} if habits is None else dict(habits.conformance.reasons)

    def snapshot(self) -> bytes:
        return encode(
            Snapshot(
                now_ns=self.now_ns,
                stations=[tracker.state for tracker in self._trackers.values()],
                conversations=list(self._conversations.values()),
                upstreams=self.relays.upstreams,
                timers=self._timers.dump(),
                counters=self.counters,
                habits=self._habits,
                relay=self.relays.memory,
                losses=self._neighbours.lost,
                failures=self._failures,
                form=FORM,
            )
        )

    def restore(self, snapshot: bytes) -> None:
        """Takes the place of all that is known.

        Raises:
            msgspec.ValidationError: where it is of another form.
        """
        kept = decode(snapshot)
        self.now_ns, self.relays.upstreams, self.relays.memory = kept.now_ns, kept.upstreams, kept.relay
        self.counters.clear()
        self.counters.update(kept.counters)
        self._timers.load(kept.timers)
        self._conversations = {each.connection: each for each in kept.conversations}
        self._where.clear()
        self._trackers.clear()
        self._habits.clear()
        for state in kept.stations:
            self._trackers[state.id] = self._desk(state)
            self._habits[state.id] = kept.habits.get(state.id) or Habits(vendor=state.vendor)
            self._where.update(dict.fromkeys(state.sessions, state.id))
        self._neighbours.restore(kept.losses, kept.stations)
        self._failures.clear()
        self._failures.update(kept.failures)

    # --- frames -----------------------------------------------------------------------------------------------------------

    def _frame(self, frame: Frame, moved: Moved) -> None:
        conversation = self._conversations.get(frame.connection)
        if conversation is None:
            tracker = self._tracker(frame.station)
            if tracker is None:
                return
            if frame.sequence <= tracker.state.closed_links.get(frame.connection, -1):
                self._count_again()
                return
            # The journal begins in mid-connection, or a trace has no link lines.
            tracker.frame = frame.ref
            self._implied_link(tracker, frame.connection, moved)
            conversation = self._conversations[frame.connection]
        else:
            tracker = self._trackers.get(frame.station)
            if tracker is None:
                return
        if frame.sequence <= conversation.heard:
            self._count_again()
            return
        conversation.heard = frame.sequence
        if frame.direction is Direction.FROM_STATION:
            tracker.state.last_seen_ns = self.now_ns
            if tracker.state.unknown_since_ns is not None:
                tracker.now_ns, tracker.frame, tracker.late = self.now_ns, frame.ref, False
                silence.known_again(tracker)
        events = conversation.feed(frame, self._habits.get(frame.station))
        if events:
            moved.events.extend(events)
            self._events(tracker, events, moved)
            self._watch_calls(tracker, conversation)
        if tracker.state.known_again_ns == self.now_ns:
            moved.changes.extend(tracker.flush())

    def _events(self, tracker: Tracker, events: list[OcppEvent], moved: Moved) -> None:
        tracker.now_ns = self.now_ns
        for event in events:
            # Each frame speaks, and most say nothing that way: this is where the time goes.
            if type(event) is not Spoke or event.version != tracker.state.version:
                moved.changes.extend(station.apply(tracker, event))

    def _watch_calls(self, tracker: Tracker, conversation: Conversation) -> None:
        """One timer a connection, for its oldest call: it is set anew only when it has come due."""
        if not conversation.waits:
            return
        key = (tracker.state.id, "calls", str(conversation.connection))
        if self._timers.due_ns(key) is None and (expiry_ns := conversation.next_expiry_ns) is not None:
            self._timers.set(key, expiry_ns)

    def _expire(self, tracker: Tracker, connection: int, moved: Moved) -> None:
        conversation = self._conversations.get(connection)
        if conversation is None:
            return
        events = conversation.expire(self.now_ns)
        moved.events.extend(events)
        self._events(tracker, events, moved)
        self._watch_calls(tracker, conversation)

    # --- links ------------------------------------------------------------------------------------------------------------

    def _link(self, link: Link, moved: Moved) -> None:
        if link.event in (LinkEvent.UPSTREAM_DOWN, LinkEvent.UPSTREAM_UP):
            moved.changes.extend(self.relays.linked(link, self.now_ns))
        elif link.event is LinkEvent.REFUSED:
            # A stranger who was turned away is no station; only the refusal is told.
            moved.changes.append(
                LinkRefused(
                    station=link.station,
                    at_ns=self.now_ns,
                    frames=(link.ref,),
                    http_status=link.http_status or 0,
                    upstream=link.upstream,
                    remote_address=link.remote_address,
                    reason=link.reason,
                )
            )
        elif link.event is LinkEvent.OPEN:
            tracker = self._tracker(link.station)
            if tracker is not None and link.sequence <= tracker.state.closed_links.get(link.connection, -1):
                self._count_again()
            elif tracker is not None:
                tracker.frame = link.ref
                self._open(tracker, link, link.subprotocol, moved)
        else:
            self._closed(link, moved)

    def _open(self, tracker: Tracker, link: Link | LinkState, subprotocol: str | None, moved: Moved) -> None:
        tracker.now_ns, tracker.late = self.now_ns, False
        if link.connection not in self._conversations:
            self._conversations[link.connection] = Conversation(
                tracker.state.id, link.connection, subprotocol
            )
        before = {each.connection for each in tracker.state.links}
        presence.opened(tracker, link, subprotocol)
        self._neighbours.opened(tracker.state)
        for dropped in before - {each.connection for each in tracker.state.links}:
            self._conversations.pop(dropped, None)
        moved.changes.extend(tracker.flush())

    def _count_again(self) -> None:
        self.counters["state_read_again"] = self.counters.get("state_read_again", 0) + 1

    def _implied_link(self, tracker: Tracker, connection: int, moved: Moved) -> None:
        state = tracker.state
        implied = LinkState(
            connection=connection, opened_at_ns=self.now_ns, upstream=state.upstream, implied=True
        )
        self._open(tracker, implied, None, moved)

    def _closed(self, link: Link, moved: Moved) -> None:
        tracker = self._trackers.get(link.station)
        conversation = self._conversations.pop(link.connection, None)
        if tracker is None:
            return
        tracker.now_ns, tracker.frame, tracker.late = self.now_ns, link.ref, False
        presence.remember_end(tracker, link)
        self._timers.cancel((link.station, "calls", str(link.connection)))
        presence.closed(tracker, link)
        moved.changes.extend(self._neighbours.closed(tracker, self._trackers))
        moved.changes.extend(tracker.flush())
        if conversation is not None:
            events = conversation.closed(self.now_ns)
            moved.events.extend(events)
            self._events(tracker, events, moved)

    # --- stations ---------------------------------------------------------------------------------------------------------

    def _tracker(self, station_id: str) -> Tracker | None:
        """The station's tracker, made where it is new; None where there is no room for it."""
        tracker = self._trackers.get(station_id)
        if tracker is not None:
            return tracker
        if len(self._trackers) >= self.settings.stations_max and not self._make_room():
            self.counters["state_stations_dropped"] = self.counters.get("state_stations_dropped", 0) + 1
            return None
        state = StationState(id=station_id, since_ns=self.now_ns)
        tracker = self._desk(state)
        tracker.now_ns = self.now_ns
        self._trackers[station_id] = tracker
        self._habits[station_id] = Habits()
        return tracker

    def _desk(self, state: StationState) -> Tracker:
        return Tracker(state, self.settings, self._timers, self.counters, self._where, self._failures)

    def _make_room(self) -> bool:
        """Forgets those that have been offline longest, a hundredth at once, or each stranger would cost a look at all that there are.

        Open sessions would be lost with their station, so one with any stays.
        """
        gone = [each for each in self._trackers.values() if not each.state.links and not each.state.under_way]
        longest = nsmallest(max(1, self.settings.stations_max // 100), gone, lambda each: each.state.since_ns)
        for state in (each.state for each in longest):
            for session_id in state.sessions:
                self._where.pop(session_id, None)
            del self._trackers[state.id], self._habits[state.id]
        count = self.counters.get("state_stations_forgotten", 0) + len(longest)
        self.counters |= {"state_stations_forgotten": count} if longest else {}
        return bool(longest)
