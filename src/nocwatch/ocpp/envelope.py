"""The outer array of an OCPP-J message [J16 §4.2; 201 part 4 §4.2; 21p4 §4.2], read without its payload.

What is read generously is said in ``faults``, so that a message that everybody understands is followed all the same.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from nocwatch.ocpp.events import Oddity

CALL, RESULT, ERROR, RESULT_ERROR, SEND = 2, 3, 4, 5, 6

UNREADABLE = "-1"
"""The id of an error answer to something whose own id could not be read [21p4 §4.2.3]."""
ID_CHARACTERS = 36
"""What the specification allows [J16 §4.2.1]: longer ones are said, and paired all the same."""
ID_CHARACTERS_MAX = 255
"""Longer ones are no ids: calls under way are kept by them."""
TEXT_MAX = 200
"""Of action names, error codes and faults: they go into events, labels and databases."""
DESCRIPTION_MAX = 1000


class Envelope(NamedTuple):
    """One message. ``payload`` is JSON text still; of types 4 and 5 the details."""

    type: int
    id: str
    action: str
    payload: bytes | msgspec.Raw
    error_code: str = ""
    error_description: str = ""
    faults: tuple[str, ...] = ()


class NoEnvelope(NamedTuple):
    """Text that is no OCPP message, and in what way."""

    oddity: Oddity
    text: str


_EMPTY = b"{}"
_call = msgspec.json.Decoder(tuple[int, str, str, msgspec.Raw]).decode
_result = msgspec.json.Decoder(tuple[int, str, msgspec.Raw]).decode
_array = msgspec.json.Decoder(list[msgspec.Raw]).decode
_any = msgspec.json.Decoder().decode


def parse(text: bytes) -> Envelope | NoEnvelope:
    """Never raises, whatever the text."""
    try:
        if text[:3] == b"[2,":
            _, message_id, action, payload = _call(text)
            if len(message_id) <= ID_CHARACTERS and 0 < len(action) <= TEXT_MAX:
                return Envelope(CALL, message_id, action, payload)
        elif text[:3] == b"[3,":
            _, message_id, payload = _result(text)
            if len(message_id) <= ID_CHARACTERS:
                return Envelope(RESULT, message_id, "", payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass  # the careful way below finds out what is wrong
    try:
        parts = _array(text) if text.lstrip()[:1] == b"[" else _any(text)
        if not isinstance(parts, list):
            return NoEnvelope(Oddity.NOT_OCPP, "JSON, but no array")
        return _carefully(parts)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return NoEnvelope(Oddity.NOT_JSON, str(error)[:TEXT_MAX])


def _carefully(parts: list[msgspec.Raw]) -> Envelope | NoEnvelope:
    if not parts:
        return NoEnvelope(Oddity.NOT_OCPP, "an empty array")
    kind = _any(parts[0])
    if isinstance(kind, bool) or not isinstance(kind, int) or not CALL <= kind <= SEND:
        return NoEnvelope(
            Oddity.UNKNOWN_TYPE, f"message type {bytes(parts[0])[:40].decode('utf-8', 'replace')}"
        )
    faults: list[str] = []
    message_id = _id(parts[1] if len(parts) > 1 else None, faults)
    if message_id is None:
        return NoEnvelope(Oddity.NOT_OCPP, faults[-1])
    rest = parts[2:]
    if kind in {CALL, SEND}:
        action = _text(rest, 0)
        if not action or len(action) > TEXT_MAX:
            return NoEnvelope(Oddity.NOT_OCPP, "a call without an action")
        return Envelope(kind, message_id, action, _payload(rest, 1, faults), faults=tuple(faults))
    if kind == RESULT:
        return Envelope(kind, message_id, "", _payload(rest, 0, faults), faults=tuple(faults))
    code = _text(rest, 0)
    if code is None:
        faults.append("an error without a code")
    return Envelope(
        kind,
        message_id,
        "",
        _EMPTY if len(rest) < 3 else rest[2],
        (code or "")[:TEXT_MAX],
        (_text(rest, 1) or "")[:DESCRIPTION_MAX],
        tuple(faults),
    )


def _id(part: msgspec.Raw | None, faults: list[str]) -> str | None:
    value = None if part is None else _any(part)
    if isinstance(value, int | float) and not isinstance(value, bool):
        faults.append("the message id is a number")
        value = str(value)
    if not isinstance(value, str):
        faults.append("no message id")
        return None
    if len(value) > ID_CHARACTERS_MAX:
        faults.append(f"a message id of {len(value)} characters")
        return None
    if len(value) > ID_CHARACTERS:
        faults.append(f"a message id of {len(value)} characters")
    return value


def _text(parts: list[msgspec.Raw], index: int) -> str | None:
    value = _any(parts[index]) if len(parts) > index else None
    return value if isinstance(value, str) else None


def _payload(parts: list[msgspec.Raw], index: int, faults: list[str]) -> bytes | msgspec.Raw:
    if len(parts) <= index:
        faults.append("no payload")
        return _EMPTY
    if len(parts) > index + 1:
        faults.append("more elements than the message has")
    return parts[index]
