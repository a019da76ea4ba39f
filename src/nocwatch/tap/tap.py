"""The tap itself: one journal's records in, in order; frames, link events and ticks out, gated.

It keeps, for each connection, who it is and a decoder for each direction. All of it is in the snapshot, so that a reader
that goes on from a cursor sees what an uninterrupted one would have seen.

What always holds: no record makes it raise; a frame's sequence follows from its record's; what was not decoded is in
``counters`` under a bounded name. A connection that a gap or a killed relay left without its end is closed by the tap.
"""

from __future__ import annotations

import msgspec

from nocwatch.frames import Direction, Frame, Kind, Link, LinkEvent, Sighting, Tick
from nocwatch.records import Record, RecordKind
from nocwatch.tap.connections import Connection, LinkRecord, link_event, new_connection
from nocwatch.tap.gate import Gate
from nocwatch.tap.inflate import negotiated
from nocwatch.tap.websocket import Decoder, Message

NAMELESS_MAX = 4096
"""Connections whose opening was not seen. The journal names each live one at the start of a segment: few, and not for long."""
INDEX_MAX = 0xFFFF
"""Frames of one record: the sequence has 16 bits for them. A chunk of 64 KiB has at most half as many."""

_DIRECTIONS = (Direction.FROM_STATION, Direction.FROM_CSMS)

_CHUNK, _LINK, _TICK, _GAP = RecordKind.CHUNK, RecordKind.LINK, RecordKind.TICK, RecordKind.GAP


class _State(msgspec.Struct):
    connections: dict[int, Connection] = msgspec.field(default_factory=dict)
    counters: dict[str, int] = msgspec.field(default_factory=dict)
    relisted: dict[int, bool] = msgspec.field(default_factory=dict)
    """Lanes that had a gap, and whether their live connections were named since."""
    workers: int = 0
    """How many lanes have a writer, as the last tick said it."""


class Tap:
    """Feeds on one journal.

    Attributes:
        gate: that its frames pass.
        counters: by bounded name, since the beginning: ``frames``, ``garbled_<reason>``, ``gaps``, ``bad_records`` …
    """

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self._state = _State()
        self._connections = self._state.connections

    @property
    def counters(self) -> dict[str, int]:
        return self._state.counters

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._connections)

    def feed(self, record: Record) -> list[Sighting]:
        """What this record shows, in order. LINES records show nothing."""
        kind = record.kind
        if kind == _CHUNK:
            return self._chunk(record)
        try:
            if kind == _LINK:
                return self._link(record, msgspec.json.decode(record.data, type=LinkRecord))
            if kind == _TICK:
                return self._tick(record, msgspec.json.decode(record.data, type=dict[str, int]))
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError):
            self._count("bad_records")
            return []
        return self._gap(record) if kind == _GAP else []

    def snapshot(self) -> bytes:
        return msgspec.msgpack.encode(self._state)

    def restore(self, snapshot: bytes) -> None:
        """Goes on where ``snapshot`` was taken.

        Raises:
            msgspec.ValidationError: where it is of another form.
        """
        self._state = msgspec.msgpack.decode(snapshot, type=_State)
        self._connections = self._state.connections

    # --- chunks ------------------------------------------------------------------------------------------------------

    def _chunk(self, record: Record) -> list[Sighting]:
        connection = self._connections.get(record.connection)
        if connection is None:
            connection = self._nameless(record)
        connection.confirmed = True
        decoder = connection.from_csms if record.direction else connection.from_station
        payload = decoder.whole_text(record.data)
        if payload is None or not connection.station:
            return self._give(record, connection, decoder, decoder.feed(record.data))
        self._count("frames")
        return [
            Frame(
                lane=record.lane,
                sequence=record.sequence << 16,
                received_at_ns=record.at_ns,
                connection=record.connection,
                station=connection.station,
                direction=_DIRECTIONS[record.direction],
                kind=Kind.TEXT,
                payload=self.gate.text(payload),
            )
        ]

    def _give(
        self, record: Record, connection: Connection, decoder: Decoder, messages: list[Message]
    ) -> list[Sighting]:
        out: list[Sighting] = []
        for reason, count in decoder.counted.items():
            self._count(reason, count)
        decoder.counted.clear()
        for message in messages:
            if message.kind is Kind.GARBLED:
                self._count(f"garbled_{message.reason}")
            elif message.kind is Kind.CLOSE and connection.close_code is None:
                connection.close_code = message.code
            if not connection.station:
                self._count("frames_of_unknown_connections")
            elif len(out) > INDEX_MAX:
                self._count("frames_beyond_index")
            else:
                out.append(self._frame(record, connection, message, len(out)))
        self._count("frames", len(out))
        return out

    def _frame(self, record: Record, connection: Connection, message: Message, index: int) -> Frame:
        plain = message.kind is Kind.TEXT
        payload = message.payload
        if payload:
            payload = self.gate.text(payload) if plain else self.gate.binary(payload)
        return Frame(
            lane=record.lane,
            sequence=record.sequence << 16 | index,
            received_at_ns=record.at_ns,
            connection=record.connection,
            station=connection.station,
            direction=_DIRECTIONS[record.direction],
            kind=message.kind,
            payload=payload,
            code=message.code,
            reason=self.gate.words(message.reason) if message.kind is Kind.CLOSE else message.reason,
        )

    def _nameless(self, record: Record) -> Connection:
        nameless = [number for number, connection in self._connections.items() if not connection.station]
        if len(nameless) >= NAMELESS_MAX:
            del self._connections[nameless[0]]
            self._count("unknown_connections_dropped")
        self._count("unknown_connections")
        connection = new_connection(record.lane, "", "", in_step=False)
        self._connections[record.connection] = connection
        return connection

    # --- links -------------------------------------------------------------------------------------------------------

    def _link(self, record: Record, link: LinkRecord) -> list[Sighting]:
        if link.event in {"open", "live"}:
            return self._opened(record, link)
        event = LinkEvent(link.event)
        code = link.code
        if event is LinkEvent.CLOSED:
            connection = self._connections.pop(record.connection, None)
            if connection is not None:
                code = connection.close_code if code is None else code
                link.station = link.station or connection.station
                link.upstream = link.upstream or connection.upstream
            if not link.station:
                self._count("unknown_connections_closed")
                return []
        return [link_event(record, link, event, code, self.gate)]

    def _opened(self, record: Record, link: LinkRecord) -> list[Sighting]:
        out: list[Sighting] = []
        known = self._connections.get(record.connection)
        if link.event == "live":
            if record.lane in self._state.relisted:
                self._state.relisted[record.lane] = True
            if known is not None and known.station:
                known.confirmed = True
                return out
        left = self._left_by_former_relay(record.lane, record.connection >> 32)
        out.extend(self._end(record, left, "relay_lost"))
        opened = new_connection(
            record.lane, link.station or "", link.extensions or "", in_step=link.event == "open"
        )
        if known is not None and link.event == "live":
            # Heard before it was named: what its decoders found out about the stream is worth keeping.
            opened.from_station, opened.from_csms = known.from_station, known.from_csms
            terms = negotiated(opened.extensions) or (None, None)
            opened.from_station.deflate, opened.from_csms.deflate = terms
        opened.upstream = link.upstream or ""
        opened.subprotocol = link.subprotocol
        self._connections[record.connection] = opened
        if opened.station:
            out.append(link_event(record, link, LinkEvent.OPEN, None, self.gate))
        elif link.event == "open":
            self._count("connections_without_station")
        return out

    def _left_by_former_relay(self, lane: int, start: int) -> list[int]:
        """Connections of a relay that ended without a word (the number's upper half is the relay's start)."""
        if not self._former(lane, start):
            return []
        return [
            number
            for number, connection in self._connections.items()
            if connection.lane == lane and number >> 32 < start
        ]

    def _former(self, lane: int, start: int) -> bool:
        # The oldest connection of a lane comes first in the map; one look tells whether the long search is needed.
        for number, connection in self._connections.items():
            if connection.lane == lane:
                return number >> 32 < start
        return False

    def _end(self, record: Record, numbers: list[int], reason: str) -> list[Sighting]:
        out: list[Sighting] = []
        for index, number in enumerate(numbers):
            connection = self._connections.pop(number)
            self._count(f"closed_{reason}")
            if connection.station:
                # Indices from the far end of the record's range, where no other sighting of the record is.
                out.append(
                    Link(
                        lane=record.lane,
                        sequence=record.sequence << 16 | (INDEX_MAX - index % (INDEX_MAX - 1)),
                        received_at_ns=record.at_ns,
                        connection=number,
                        station=connection.station,
                        event=LinkEvent.CLOSED,
                        upstream=connection.upstream,
                        code=connection.close_code,
                        by="relay",
                        reason=reason,
                    )
                )
        return out

    # --- ticks and gaps ----------------------------------------------------------------------------------------------

    def _tick(self, record: Record, counters: dict[str, int]) -> list[Sighting]:
        tick = Tick(
            lane=record.lane, sequence=record.sequence << 16, received_at_ns=record.at_ns, counters=counters
        )
        out: list[Sighting] = [tick, *self._left_behind(record, counters)]
        if self._state.relisted.get(record.lane):
            # The live ones were named in one go since the gap; who was not named ended inside it.
            del self._state.relisted[record.lane]
            silent = [
                number
                for number, connection in self._connections.items()
                if connection.lane == record.lane and not connection.confirmed
            ]
            out.extend(self._end(record, silent, "gap"))
        return out

    def _left_behind(self, record: Record, counters: dict[str, int]) -> list[Sighting]:
        """What a tick says of connections whose relay is gone: it names where its numbers begin, and how many lanes are written."""
        left = self._left_by_former_relay(record.lane, counters.get("connections_begin", 0))
        workers = counters.get("workers", 0)
        if workers and workers != self._state.workers:
            self._state.workers = workers
            left += [number for number, connection in self._connections.items() if connection.lane >= workers]
        return self._end(record, left, "relay_lost")

    def _gap(self, record: Record) -> list[Sighting]:
        self._count("gaps")
        self._state.relisted[record.lane] = False
        out: list[Sighting] = []
        for number, connection in self._connections.items():
            if connection.lane != record.lane:
                continue
            connection.confirmed = False
            for direction, decoder in zip(
                _DIRECTIONS, (connection.from_station, connection.from_csms), strict=True
            ):
                cut = Record(record.lane, record.sequence, record.at_ns, _GAP, number, direction, b"")
                for sighting in self._give(cut, connection, decoder, decoder.lose()):
                    if len(out) <= INDEX_MAX:
                        out.append(
                            msgspec.structs.replace(sighting, sequence=record.sequence << 16 | len(out))
                        )
        return out

    def _count(self, name: str, by: int = 1) -> None:
        counters = self._state.counters
        counters[name] = counters.get(name, 0) + by
