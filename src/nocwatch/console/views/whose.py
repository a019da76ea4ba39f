"""Which frames of a station belong to one session: its own, those of the station as a whole, and those of others. Pure.

A station talks about all of its sockets over one link. A message belongs to a session where it names its transaction, its
socket or its token, or where the session itself rests on it; one that names another's is left out; one that names none
(a boot, a heartbeat, a reset, the link) is the station's, and may explain what became of the session. An answer goes with its call.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any

import msgspec

from nocwatch.sessions import Session
from nocwatch.store.values import StoredFrame

_TEXT_MAX = 65_536
"""Longer messages (reports, logs) name many sockets or none: they are the station's."""


class Whose(Enum):
    """To whom a frame belongs, as seen from one session."""

    OWN = "own"
    STATION = "station"
    OTHER = "other"


def of_session(frames: Sequence[StoredFrame], session: Session) -> list[tuple[StoredFrame, Whose]]:
    """The session's own frames and the station's, in the order given."""
    rests_on = {ref for step in session.steps for ref in step.frames}
    rests_on |= {ref for each in (*session.blame_evidence, *session.issues) for ref in each.frames}
    shown = {frame.ref for frame in frames}
    answers = {frame.call: frame for frame in frames if frame.call is not None}
    found: dict[str, Whose] = {}
    for frame in frames:
        if frame.call in shown:
            continue
        answer = answers.get(frame.ref)
        if rests_on & {frame.ref, "" if answer is None else answer.ref}:
            found[frame.ref] = Whose.OWN
        else:
            found[frame.ref] = _whose(_named(frame), {} if answer is None else _named(answer), session)
    told = [(frame, found[frame.call if frame.call in found else frame.ref]) for frame in frames]
    return [(frame, whose) for frame, whose in told if whose is not Whose.OTHER]


def _whose(said: Mapping[str, Any], answered: Mapping[str, Any], session: Session) -> Whose:
    transaction = said.get("transaction", answered.get("transaction"))
    if transaction is not None and session.transaction is not None:
        return Whose.OWN if str(transaction) == str(session.transaction) else Whose.OTHER
    token = said.get("token")
    if token is not None and session.token and token != session.token:
        return Whose.OTHER
    if "socket" in said:
        evse, connector = said["socket"]
        if not (evse or connector):
            return Whose.STATION
        here = session.evse == evse and (connector is None or session.connector in (None, connector))
        if session.evse is None and session.connector is None:
            return Whose.STATION  # whether it is this one's socket nobody knows
        return Whose.OWN if here else Whose.OTHER
    return Whose.OWN if token is not None and session.token else Whose.STATION


def _named(frame: StoredFrame) -> dict[str, Any]:
    """What the message names: ``transaction``, ``socket`` (EVSE, connector), ``token``; nothing where it names none."""
    if frame.type not in (2, 3, 6) or len(frame.payload) > _TEXT_MAX:
        return {}
    try:
        parts = msgspec.json.decode(frame.payload.encode())
    except (msgspec.DecodeError, ValueError, RecursionError):
        return {}
    held = (
        next((each for each in reversed(parts) if isinstance(each, dict)), None)
        if isinstance(parts, list)
        else None
    )
    if held is None:
        return {}
    return {name: value for name, value in _facts(held) if value is not None}


def _facts(held: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    info = held.get("transactionInfo")
    inside = info.get("transactionId") if isinstance(info, dict) else None
    yield "transaction", _id(held.get("transactionId", inside))
    token = held.get("idTag", held.get("idToken"))
    yield "token", _text(token.get("idToken") if isinstance(token, dict) else token)
    evse = held.get("evse")
    if isinstance(evse, dict):
        yield "socket", (_number(evse.get("id")), _number(evse.get("connectorId")))
    elif (number := _number(held.get("evseId"))) is not None:
        yield "socket", (number, _number(held.get("connectorId")))
    elif (number := _number(held.get("connectorId"))) is not None:
        yield "socket", (None, number)


def _id(value: object) -> str | int | None:
    return (
        value
        if isinstance(value, str | int) and not isinstance(value, bool) and value not in (-1, 0, "")
        else None
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
