"""What was seen on the wire, as values: frames, link events and ticks. The input of the pipeline.

A sighting is what the tap makes of the journal's records, or what a trace's line says. It carries no secret and no
personal data in the open: the gate (``tap/gate.py``) has been passed.

Values here are ``msgspec.Struct``: they cost a fifth of a frozen dataclass to make, and a snapshot of them is typed.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import TypeAlias

import msgspec

from nocwatch.access import Access, Certificate


class Direction(IntEnum):
    """Who sent it."""

    FROM_STATION = 0
    FROM_CSMS = 1

    @property
    def other(self) -> Direction:
        return Direction(1 - self)


class Kind(StrEnum):
    """What a frame is. A fragmented message is one frame, at the time of its last fragment."""

    TEXT = "text"
    BINARY = "binary"
    PING = "ping"
    PONG = "pong"
    CLOSE = "close"
    GARBLED = "garbled"
    """Bytes that could not be decoded; ``reason`` says why. Decoding of that direction may go on after it."""


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """One WebSocket message or control frame of one connection.

    Attributes:
        lane: journal lane it was recorded in (0 for traces).
        sequence: ``record sequence << 16 | index within the record``: unique and rising within a lane.
        received_at_ns: when the relay received its last byte, UTC.
        connection: number of the connection, unique over all lanes and restarts of the relay.
        station: identity from the URL, percent-decoded.
        direction: who sent it.
        kind: what it is.
        payload: text as UTF-8 after the gate; of control frames the application data; of garbled ones at most 256 bytes.
        code: WebSocket close code of a CLOSE frame, 1005 where it had none.
        reason: of GARBLED, a bounded name such as ``deflate_error``; of CLOSE the peer's text.
    """

    lane: int
    sequence: int
    received_at_ns: int
    connection: int
    station: str
    direction: Direction
    kind: Kind
    payload: bytes = b""
    code: int | None = None
    reason: str = ""

    @property
    def ref(self) -> str:
        """The frame's name in evidence, URLs and databases."""
        return frame_ref(self.lane, self.sequence)


class LinkEvent(StrEnum):
    """What happened to a connection, or to an upstream."""

    OPEN = "open"
    REFUSED = "refused"
    CLOSED = "closed"
    UPSTREAM_DOWN = "upstream_down"
    UPSTREAM_UP = "upstream_up"


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A link event. Which fields it has with which event is the table *Link line* of docs/trace.md.

    Attributes:
        station: empty for upstream_down and upstream_up.
        remote_address: ``203.0.113.7:51234`` of the station.
        subprotocol: what the CSMS chose; None where it chose none.
        extensions: the ``Sec-WebSocket-Extensions`` of the CSMS's answer, as it came.
        tls, security_profile, authorization, user, own_name, certificate: of OPEN and REFUSED, as ``Access`` has them.
        http_status: of REFUSED: what the CSMS answered, or 502/504 by the relay in its place.
        code: of CLOSED: the close code that passed on the wire, None where the link ended without one.
        by: of CLOSED: who ended it: ``station``, ``csms``, ``relay``.
        reason: a short bounded word of the relay's, such as ``fin``, ``reset``, ``timeout``, ``upstream_refused``.
        implied: of OPEN: nobody saw it; a message passed, so there was a connection. When it ends will not be seen either.
    """

    lane: int
    sequence: int
    received_at_ns: int
    connection: int
    station: str
    event: LinkEvent
    upstream: str = ""
    remote_address: str = ""
    subprotocol: str | None = None
    extensions: str = ""
    tls: str | None = None
    security_profile: int | None = None
    authorization: str = ""
    user: str = ""
    own_name: bool | None = None
    certificate: Certificate | None = None
    http_status: int | None = None
    code: int | None = None
    by: str = ""
    reason: str = ""
    implied: bool = False

    @property
    def ref(self) -> str:
        return frame_ref(self.lane, self.sequence)

    @property
    def access(self) -> Access:
        """How the station proved who it is."""
        return Access(
            tls=self.tls,
            security_profile=self.security_profile,
            authorization=self.authorization,
            user=self.user,
            own_name=self.own_name,
            certificate=self.certificate,
        )


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """The relay's clock, once a second and lane: time passes in the pipeline by these, also when nobody speaks.

    Attributes:
        counters: the relay's own counters since its start, by name (see ``journal/FORMAT.md``).
    """

    lane: int
    sequence: int
    received_at_ns: int
    counters: dict[str, int] = {}


Sighting: TypeAlias = Frame | Link | Tick


def frame_ref(lane: int, sequence: int) -> str:
    """``lane-record-index``, for example ``0-4711-0``."""
    return f"{lane}-{sequence >> 16}-{sequence & 0xFFFF}"


def parse_frame_ref(ref: str) -> tuple[int, int]:
    """The lane and sequence of a name that ``frame_ref`` made.

    Raises:
        ValueError: where it is none.
    """
    lane, record, index = map(int, ref.split("-"))
    return lane, record << 16 | index
