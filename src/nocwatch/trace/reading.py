"""Traces as sightings, as if the relay had just seen them: with the ticks between their lines, behind the same gate.

A trace without link lines opens a station's connection at its first message, and keeps it open: that others' tools record no
connections says nothing of them. A message that has no id gets one, and an answer without an id takes that of the oldest call
that waits in the other direction.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from nocwatch.frames import Direction, Frame, Kind, Link, LinkEvent, Sighting, Tick
from nocwatch.moments import DAY_NS, SECOND_NS
from nocwatch.tap.connections import gated, scheme
from nocwatch.tap.gate import Gate
from nocwatch.trace.files import Traces
from nocwatch.trace.lines import DIRECTIONS, Line, side, wire_text

SILENCE_NS_MAX = 2 * DAY_NS
"""The longest silence that is lived through second by second; of a longer one its end. What waits comes due all the same."""
WAITING_MAX = 64
"""Calls of one side without an answer that are remembered; OCPP allows one."""


def read_traces(
    files: Sequence[Path] | Traces, gate: Gate, until_ns: int | None = None
) -> Iterator[Sighting]:
    """The sightings of several traces, merged by time.

    Args:
        files: of traces; or what was looked through already.
        gate: hashes tokens and removes secrets, as in the live watch.
        until_ns: ticks go on to this moment after the last line.

    Raises:
        NocwatchError: file:line and what is wrong with it; a file that cannot be read.
    """
    return sightings(files if isinstance(files, Traces) else Traces(files), gate, until_ns)


def told_lines(files: Sequence[Path] | Traces, gate: Gate) -> Iterator[tuple[Line, Frame | Link]]:
    """Each line of several traces with what it says, merged by time; without the ticks and what a reader adds by itself.

    Raises:
        NocwatchError: file:line and what is wrong with it; a file that cannot be read.
    """
    teller = _Teller(gate)
    for line in files if isinstance(files, Traces) else Traces(files):
        for sighting in teller.tell(line, line.at_ns):
            if isinstance(sighting, Frame) or (isinstance(sighting, Link) and sighting.event == line.link):
                yield line, sighting


def sightings(lines: Iterable[Line], gate: Gate, until_ns: int | None = None) -> Iterator[Sighting]:
    """Lines as sightings, a tick each second between them."""
    teller = _Teller(gate)
    now_ns: int | None = None
    for line in lines:
        at_ns = line.at_ns
        if now_ns is not None:
            yield from teller.ticks(now_ns, at_ns)
        now_ns = at_ns if now_ns is None else max(now_ns, at_ns)
        yield from teller.tell(line, at_ns)
    if now_ns is not None and until_ns is not None:
        yield from teller.ticks(now_ns, until_ns + 1)


class _Teller:
    """Gives numbers to records and connections, and ids to messages that have none."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._record = 0
        self._connection = 0
        self._live: dict[tuple[str, str | None], int] = {}
        self._waiting: dict[tuple[int, Direction], deque[str]] = {}

    def _next(self) -> int:
        self._record += 1
        return self._record << 16

    def ticks(self, from_ns: int, until_ns: int) -> Iterator[Tick]:
        """At each full second after ``from_ns`` and before ``until_ns``."""
        at_ns = (from_ns // SECOND_NS + 1) * SECOND_NS
        if until_ns - at_ns > SILENCE_NS_MAX:
            # Whatever waits comes due at the next tick anyway; a line dated 1970 must not cost two billion of them.
            yield Tick(lane=0, sequence=self._next(), received_at_ns=at_ns)
            at_ns = (until_ns // SECOND_NS) * SECOND_NS - SILENCE_NS_MAX
        while at_ns < until_ns:
            yield Tick(lane=0, sequence=self._next(), received_at_ns=at_ns)
            at_ns += SECOND_NS

    def tell(self, line: Line, at_ns: int) -> Iterator[Sighting]:
        if line.link is None:
            yield from self._message(line, at_ns)
        elif line.link in ("ping", "pong"):
            connection, opening = self._connected(line, at_ns)
            yield from opening
            yield Frame(
                lane=0, sequence=self._next(), received_at_ns=at_ns, connection=connection,
                station=line.charge_point_id or "", direction=side(line.by), kind=Kind(line.link),
            )  # fmt: skip
        else:
            yield from self._link(line, at_ns)

    def _message(self, line: Line, at_ns: int) -> Iterator[Sighting]:
        connection, opening = self._connected(line, at_ns)
        yield from opening
        assert line.direction
        direction = DIRECTIONS[line.direction]
        yield Frame(
            lane=0, sequence=self._next(), received_at_ns=at_ns, connection=connection,
            station=line.charge_point_id or "unknown", direction=direction, kind=Kind.TEXT,
            payload=self._gate.text(wire_text(line, self._message_id(line, connection, direction))),
        )  # fmt: skip

    def _message_id(self, line: Line, connection: int, direction: Direction) -> str:
        said = line.message_id if line.message_id is not None else _id_of(line.raw)
        if line.message_type == "CALL":
            message_id = f"line-{self._record + 1}" if said is None else said
            self._waiting.setdefault((connection, direction), deque(maxlen=WAITING_MAX)).append(message_id)
            return message_id
        called = self._waiting.get((connection, direction.other))
        if said is None:
            return called.popleft() if called else "-1"
        if called and said in called:
            called.remove(said)
        return said

    def _connected(self, line: Line, at_ns: int) -> tuple[int, list[Sighting]]:
        station = line.charge_point_id or "unknown"
        key = (station, line.connection_name)
        if key not in self._live and line.connection_name is None:
            # A message that names no connection passed on the only one there is.
            key = next((live for live in self._live if live[0] == station), key)
        if key in self._live:
            return self._live[key], []
        opened = self._open(line, at_ns, key)
        return opened.connection, [opened]

    def _open(self, line: Line, at_ns: int, key: tuple[str, str | None]) -> Link:
        self._connection += 1
        self._live[key] = self._connection
        return Link(
            lane=0, sequence=self._next(), received_at_ns=at_ns, connection=self._connection, station=key[0],
            event=LinkEvent.OPEN, upstream=line.upstream or "main", remote_address=line.remote_address,
            subprotocol=line.subprotocol, tls=line.tls, security_profile=line.security_profile,
            implied=line.link != "open", **self._shown(line),
        )  # fmt: skip

    def _shown(self, line: Line) -> dict[str, Any]:
        """How the station proved who it is. A user name that no export hashed is hashed here."""
        certificate = line.certificate.value if line.certificate is not None else None
        return {
            "authorization": scheme(line.authorization),
            "user": self._gate.name(line.user),
            "own_name": line.own_name,
            "certificate": gated(certificate, self._gate),
        }

    def _link(self, line: Line, at_ns: int) -> Iterator[Sighting]:
        station = line.charge_point_id or ""
        key = (station, line.connection_name)
        if line.link == "open":
            if key in self._live:
                # One connection of a name at a time: the former one has ended unseen.
                yield self._closed(line, at_ns, self._live.pop(key), reason="replaced")
            yield self._open(line, at_ns, key)
        elif line.link == "closed":
            if key not in self._live and line.connection_name is None:
                key = next((live for live in self._live if live[0] == station), key)
            connection = self._live.pop(key, None)
            if connection is not None:
                yield self._closed(line, at_ns, connection, reason=line.reason)
        else:
            assert line.link is not None
            yield Link(
                lane=0, sequence=self._next(), received_at_ns=at_ns, connection=0, station=station,
                event=LinkEvent(line.link), upstream=line.upstream or "main", remote_address=line.remote_address,
                http_status=line.http_status, by=line.by, reason=line.reason, **self._shown(line),
            )  # fmt: skip

    def _closed(self, line: Line, at_ns: int, connection: int, reason: str) -> Link:
        return Link(
            lane=0, sequence=self._next(), received_at_ns=at_ns, connection=connection, station=line.charge_point_id or "",
            event=LinkEvent.CLOSED, code=line.code, by=line.by, reason=reason, upstream=line.upstream or "main",
        )  # fmt: skip


def _id_of(raw: str | None) -> str | None:
    """The message's own id, where its text stands alone in the line."""
    try:
        parts = msgspec.json.decode(raw or "")
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
    named = isinstance(parts, list) and len(parts) > 1 and isinstance(parts[1], str)
    return str(parts[1]) if named else None
