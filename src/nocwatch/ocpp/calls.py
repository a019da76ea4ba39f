"""Calls that were heard, and the reading of their payloads: what a conversation keeps of a call until its answer, and why.

Pure values and functions. What always holds: no payload makes ``read_payload`` raise; of a call no more is kept than its
answer's reader can use, and never more than ``CALL_BYTES_MAX``.
"""

from __future__ import annotations

import msgspec

from nocwatch.ocpp.fields import Payload, encode_json

CALL_BYTES_MAX = 65_536
"""Of a call's payload, kept for its answer; meter values are left out of it. Above it the answer is read without."""
TEXT_MAX = 200
"""Characters of a message that says what was odd: it quotes what a station sent, which has no bound."""
_BULK = ("transactionData", "meterValue")

_payload = msgspec.json.Decoder().decode


class Call(msgspec.Struct, gc=False):
    """A call that was heard.

    Attributes:
        version: name of the table it was read by; its answer is read by the same.
        payload: what the answer's reader needs of it, as JSON; empty where it needs nothing.
        answered: with what type, 0 as long as not.
    """

    action: str
    at_ns: int
    frame: str
    version: str
    payload: bytes = b""
    answered: int = 0

    def said(self) -> Payload:
        """What was kept of the payload."""
        return _payload(self.payload) if self.payload else {}


def read_payload(payload: bytes | msgspec.Raw, *, read: bool) -> tuple[Payload | None, str]:
    """(the payload, what is wrong with it). None where it is no object, or was not asked for."""
    if not read:
        return (None, "") if memoryview(payload)[0] == 0x7B else (None, "the payload is no object")
    try:
        value = _payload(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return None, f"the payload cannot be read: {error}"[:TEXT_MAX]
    return (value, "") if isinstance(value, dict) else (None, "the payload is no object")


def kept_of(payload: Payload) -> bytes:
    """As JSON, without the meter values; empty where that is still too long."""
    if any(name in payload for name in _BULK):
        payload = {name: value for name, value in payload.items() if name not in _BULK}
    kept = encode_json(payload)
    return kept if len(kept) <= CALL_BYTES_MAX else b""
