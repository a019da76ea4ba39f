"""Text to a line of a trace, whoever wrote it. Pure.

What always holds: reading is strict about what the format requires and about nothing else. A field that the format does not have
is no matter of ours, whatever stands in it; an id may be a number; a word is told by its letters, in either case.
"""

from __future__ import annotations

import re
from typing import Any, get_args

import msgspec

from nocwatch.trace.lines import ErrorBody, Json, Line, LinkWord, parse_time

_LINKS = frozenset(get_args(LinkWord))
_DIRECTIONS = {
    f"{one}-to-{other}": f"{'cp' if station_first else 'csms'}-to-{'csms' if station_first else 'cp'}"
    for station in ("cp", "chargepoint", "station", "chargingstation", "charger", "evse")
    for csms in ("csms", "centralsystem", "cs")
    for one, other, station_first in ((station, csms, True), (csms, station, False))
} | {"cs-to-csms": "cp-to-csms", "csms-to-cs": "csms-to-cp"}
"""Spellings that say who speaks. Words such as ``in`` and ``out`` do not: that hangs on whose log it was."""
_TYPES: dict[str, tuple[str, str]] = {
    "CALL": ("CALL", ""),
    "CALLRESULT": ("CALLRESULT", ""),
    "CALLERROR": ("CALLERROR", ""),
    "CALLRESULTERROR": ("CALLERROR", "callresulterror"),
    "SEND": ("CALL", "send"),
    "2": ("CALL", ""),
    "3": ("CALLRESULT", ""),
    "4": ("CALLERROR", ""),
    "5": ("CALLERROR", "callresulterror"),
    "6": ("CALL", "send"),
}
"""The last of OCPP 2.1 have no word in the format; some write their own."""


class _Message(msgspec.Struct, rename="camel"):
    """The fields of a message line, and none of ours: ``reason`` or ``tls`` of another tool mean something else."""

    timestamp: str
    transport: Any = None
    direction: Any = None
    message_type: Any = None
    action: str | None = None
    error: ErrorBody | None = None
    ocpp_version: Any = None
    charge_point_id: str | int | None = None
    connector_id: Any = None
    message_id: str | int | None = None
    payload: Any = None
    raw: Any = None
    meta: Json | None = None
    link: Any = None


_decode_message = msgspec.json.Decoder(_Message).decode
_decode_link = msgspec.json.Decoder(Line).decode


def parse_line(text: bytes) -> Line:
    """One line.

    Raises:
        ValueError: with a sentence that says what is wrong.
    """
    try:
        message = _decode_message(text)
        ours = message.message_type is None and message.raw is None and message.direction is None
        line = _decode_link(text) if ours and message.link is not None else _message(message)
    except msgspec.DecodeError as error:
        raise ValueError(f"no line of a trace: {error}") from None
    except UnicodeDecodeError:
        raise ValueError("no line of a trace: it is not UTF-8") from None
    except RecursionError:
        raise ValueError("no line of a trace: it is nested too deeply") from None
    if line.link is not None:
        if line.link not in ("upstream_down", "upstream_up") and not line.charge_point_id:
            raise ValueError("a link line needs chargePointId")
        if line.link in ("ping", "pong") and line.by not in ("station", "csms"):
            raise ValueError('a ping or pong line needs by: "station" or "csms"')
    parse_time(line.timestamp)
    return line


def _message(said: _Message) -> Line:
    if said.direction is None:
        raise ValueError("direction is missing: cp-to-csms or csms-to-cp")
    written = str(said.direction)
    direction = _DIRECTIONS.get(written) or _DIRECTIONS.get(re.sub(r"[_\s]+", "-", written).lower())
    if direction is None:
        raise ValueError(f"direction {said.direction!r} is neither cp-to-csms nor csms-to-cp")
    raw = _raw(said)
    if said.message_type is None and raw is None:
        raise ValueError("messageType is missing: CALL, CALLRESULT or CALLERROR")
    word = str(said.message_type or "")
    told = _TYPES.get(word) or _TYPES.get(re.sub(r"[_\s-]+", "", word).upper())
    message_type, kind = told or (None, "")
    if message_type is None and raw is None:
        raise ValueError(f"messageType {said.message_type!r} is none of CALL, CALLRESULT and CALLERROR")
    return Line(
        timestamp=said.timestamp,
        transport=said.transport if isinstance(said.transport, str) else None,
        direction=direction,  # type: ignore[arg-type]
        message_type=message_type,  # type: ignore[arg-type]
        action=said.action,
        error=said.error,
        ocpp_version=None if said.ocpp_version is None else str(said.ocpp_version),
        charge_point_id=None if said.charge_point_id is None else str(said.charge_point_id),
        connector_id=said.connector_id,
        message_id=None if said.message_id is None else str(said.message_id),
        payload=said.payload,
        raw=raw,
        meta={"kind": kind, **(said.meta or {})} if kind else said.meta,
    )


def _raw(said: _Message) -> str | None:
    """Some put the message itself there and not its text, and some an empty text where they have none."""
    if said.raw is None or isinstance(said.raw, str):
        told = said.payload is not None or said.error is not None or said.message_id is not None
        return None if said.raw == "" and told else said.raw
    return msgspec.json.encode(said.raw).decode()
