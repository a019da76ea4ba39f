"""One line of a trace: what it holds, and how frames and link events are written as one. How it is read: ``parsing``.

The format is docs/trace.md: Open OCPP Trace 1.1, with link lines of ours. Pure.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec

from nocwatch.frames import Direction, Frame, Kind, Link, LinkEvent
from nocwatch.moments import SECOND_NS, rfc3339
from nocwatch.trace import shown
from nocwatch.trace.shown import ShownCertificate

Json = dict[str, Any]
DIRECTIONS: dict[str, Direction] = {"cp-to-csms": Direction.FROM_STATION, "csms-to-cp": Direction.FROM_CSMS}
_WORDS = {direction: word for word, direction in DIRECTIONS.items()}
_TYPES = (2, 3, 4, 5, 6)
_SIDES = {"station": Direction.FROM_STATION, "csms": Direction.FROM_CSMS}
LinkWord = Literal["open", "refused", "closed", "ping", "pong", "upstream_down", "upstream_up"]


class ErrorBody(msgspec.Struct):
    """The ``error`` of a CALLERROR line."""

    code: str | int | None = ""
    description: str | None = ""
    details: Any = None


class Line(msgspec.Struct, rename="camel"):
    """A line as it is written; message lines have ``message_type``, link lines ``link``."""

    timestamp: str
    schema_version: str | None = None
    transport: str | None = None
    direction: Literal["cp-to-csms", "csms-to-cp"] | None = None
    message_type: Literal["CALL", "CALLRESULT", "CALLERROR"] | None = None
    action: str | None = None
    error: ErrorBody | None = None
    ocpp_version: str | None = None
    charge_point_id: str | None = None
    connector_id: Any = None
    message_id: str | None = None
    payload: Any = None
    raw: str | None = None
    meta: Json | None = None
    link: LinkWord | None = None
    remote_address: str = ""
    subprotocol: str | None = None
    tls: str | None = None
    security_profile: Annotated[int, msgspec.Meta(ge=0, le=3)] | None = None
    authorization: str = ""
    user: str = ""
    own_name: bool | None = None
    certificate: ShownCertificate | None = None
    upstream: str = ""
    by: str = ""
    reason: str = ""
    http_status: Annotated[int, msgspec.Meta(ge=0, le=999)] | None = None
    code: Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)] | None = None
    connection: str | int | None = None
    extensions: str = ""

    @property
    def at_ns(self) -> int:
        """The time stamp, UTC.

        Raises:
            ValueError: where it is no RFC 3339.
        """
        return parse_time(self.timestamp)

    @property
    def connection_name(self) -> str | None:
        """Which connection of the station it passed on, where the line says."""
        named = self.connection if self.link else (self.meta or {}).get("connection")
        return None if named is None else str(named)


_LEAP_SECOND = re.compile(r"(T\d\d:?\d\d:?)60")


SECONDS_MAX = 9_214_646_400
"""The year 2262: nanoseconds of more have no room in the journal or the store."""


def parse_time(text: str) -> int:
    """RFC 3339 to nanoseconds, with up to nine digits of fraction; without an offset it counts as UTC.

    Raises:
        ValueError: with a sentence.
    """
    written = text.strip().upper().replace(",", ".")
    leap = _LEAP_SECOND.search(written)
    try:
        moment = datetime.fromisoformat(_LEAP_SECOND.sub(r"\g<1>59", written) if leap else written)
    except ValueError:
        raise ValueError(
            f"{text!r} is no time stamp; RFC 3339 is right, such as 2026-11-21T09:45:49.123Z"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    fraction = re.match(r"\d*", written.partition(".")[2])
    digits = fraction[0][:9] if fraction else ""
    seconds = int(moment.replace(microsecond=0).timestamp()) + (1 if leap else 0)
    if not 0 <= seconds < SECONDS_MAX:
        raise ValueError(f"{text!r} is no time of a charging station: from 1970 to 2261 there may be some")
    return seconds * SECOND_NS + int(digits.ljust(9, "0") or 0)


def wire_text(line: Line, message_id: str) -> bytes:
    """The text of a message line as it was on the wire, or as it must have been: ``raw`` counts where it is there."""
    if line.raw is not None and line.transport != "soap":
        return line.raw.encode("utf-8", "surrogateescape")
    kind = (line.meta or {}).get("kind")
    payload = {} if line.payload is None else line.payload
    if line.message_type == "CALL":
        return msgspec.json.encode([6 if kind == "send" else 2, message_id, line.action or "", payload])
    if line.message_type == "CALLRESULT":
        return msgspec.json.encode([3, message_id, payload])
    error = line.error or ErrorBody()
    details = {} if error.details is None else error.details
    code, description = str(error.code or ""), error.description or ""
    return msgspec.json.encode(
        [5 if kind == "callresulterror" else 4, message_id, code, description, details]
    )


def frame_line(frame: Frame, version: str, connection: str | None) -> Json | None:
    """A frame as a message line (TEXT) or link line (PING, PONG); None for what a trace has no place for."""
    if frame.kind in (Kind.PING, Kind.PONG):
        by = "station" if frame.direction is Direction.FROM_STATION else "csms"
        sign: Json = {
            "timestamp": rfc3339(frame.received_at_ns),
            "chargePointId": frame.station,
            "link": frame.kind.value,
            "by": by,
        }
        return sign if connection is None else {**sign, "connection": connection}
    if frame.kind is not Kind.TEXT:
        return None
    raw = frame.payload.decode("utf-8", "surrogateescape")
    line: Json = {
        "schemaVersion": "1.1",
        "timestamp": rfc3339(frame.received_at_ns),
        "transport": "json",
        "direction": _WORDS[frame.direction],
        **_message(frame.payload),
        "chargePointId": frame.station,
        "raw": raw,
    }
    if version:
        line["ocppVersion"] = version
    if connection is not None:
        line.setdefault("meta", {})["connection"] = connection
    return line


def _message(payload: bytes) -> Json:
    malformed: Json = {"messageType": "CALL", "action": "", "meta": {"kind": "malformed"}}
    try:
        parts = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return malformed
    if (
        not isinstance(parts, list)
        or len(parts) < 3
        or parts[0] not in _TYPES
        or not isinstance(parts[1], str)
    ):
        return malformed
    kind, message_id = parts[0], parts[1]
    if kind in (2, 6) and len(parts) >= 4 and isinstance(parts[2], str):
        line: Json = {"messageType": "CALL", "action": parts[2], "messageId": message_id, "payload": parts[3]}
        if isinstance(parts[3], dict) and isinstance(parts[3].get("connectorId"), int):
            line["connectorId"] = parts[3]["connectorId"]
        return {**line, "meta": {"kind": "send"}} if kind == 6 else line
    if kind == 3:
        return {"messageType": "CALLRESULT", "messageId": message_id, "payload": parts[2]}
    if kind in (4, 5) and len(parts) >= 4:
        error = {
            "code": str(parts[2]),
            "description": str(parts[3]),
            "details": parts[4] if len(parts) > 4 else {},
        }
        line = {"messageType": "CALLERROR", "messageId": message_id, "error": error}
        return {**line, "meta": {"kind": "callresulterror"}} if kind == 5 else line
    return malformed


def link_line(link: Link, connection: str | None) -> Json:
    """A link event as a link line."""
    line: Json = {"timestamp": rfc3339(link.received_at_ns), "link": link.event.value}
    if link.station:
        line["chargePointId"] = link.station
    if link.event is LinkEvent.OPEN:
        line |= {
            "remoteAddress": link.remote_address,
            "subprotocol": link.subprotocol,
            "upstream": link.upstream,
        }
        line |= {"tls": link.tls, "securityProfile": link.security_profile}
        if link.extensions:
            line["extensions"] = link.extensions
        line |= shown.fields(link)
    elif link.event is LinkEvent.REFUSED:
        line |= {
            "remoteAddress": link.remote_address,
            "httpStatus": link.http_status,
            "upstream": link.upstream,
        }
        line |= shown.fields(link)
    elif link.event is LinkEvent.CLOSED:
        line |= {"code": link.code, "by": link.by}
    else:
        line["upstream"] = link.upstream
    if link.reason:
        line["reason"] = link.reason
    return line if connection is None else {**line, "connection": connection}


def side(by: str) -> Direction:
    """``station`` or ``csms`` as a direction."""
    return _SIDES[by]
