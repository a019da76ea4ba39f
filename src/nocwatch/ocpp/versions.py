"""Which version a message is of: by what was negotiated, and message by message where a station does not keep to it.

A proper message of the negotiated version is never taken for another's: only an action the version does not have, or
payload fields that only the other version's form has, speak for the other.
"""

from __future__ import annotations

from nocwatch.ocpp import v16, v21, v201
from nocwatch.ocpp.fields import Payload
from nocwatch.ocpp.table import Table

TABLES = {table.name: table for table in (v16.TABLE, v201.TABLE, v21.TABLE)}
_NEGOTIATED = {
    "ocpp1.6": v16.TABLE,
    "ocpp1.6j": v16.TABLE,
    "ocpp2.0": v201.TABLE,
    "ocpp2.0.1": v201.TABLE,
    "ocpp2.1": v21.TABLE,
}
_OTHER = {v16.TABLE.name: v201.TABLE, v201.TABLE.name: v16.TABLE, v21.TABLE.name: v16.TABLE}
NEWEST = v21.TABLE


def negotiated(subprotocol: str | None) -> Table | None:
    """The table of a ``Sec-WebSocket-Protocol``; None where there is none, or one that says nothing about the version."""
    return _NEGOTIATED.get((subprotocol or "").strip().lower())


def base_name(action: str) -> str:
    """2.1 marks signed messages by a suffix [21p4 §7]."""
    return action.removesuffix("-Signed")


def of_call(usual: Table, action: str, payload: Payload | None) -> Table:
    """The version of one call, where ``usual`` is the connection's.

    ``payload`` is None where it was not read; the action alone decides then.
    """
    other = _OTHER[usual.name]
    if action not in usual.actions:
        # What neither has may still be 2.1's: all that 2.0.1 has, 2.1 has too.
        return other if action in other.actions else NEWEST if action in NEWEST.actions else usual
    theirs = other.shapes.get(action)
    if theirs is not None and payload and not theirs.isdisjoint(payload):
        ours = usual.shapes.get(action)
        if ours is None or ours.isdisjoint(payload):
            return other
    return usual


def speaks_for_itself(table: Table, action: str, payload: Payload | None) -> bool:
    """Whether this call alone shows which version its sender speaks."""
    if action not in _OTHER[table.name].actions:
        return action in table.actions
    shape = table.shapes.get(action)
    return shape is not None and payload is not None and not shape.isdisjoint(payload)
