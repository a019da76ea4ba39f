"""Frames as rows: direction, action, answer time, payload; answers under their calls; what stands out says why. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from markupsafe import Markup

from nocwatch.console.views import jsontext, words
from nocwatch.frames import Direction
from nocwatch.moments import SECOND_NS
from nocwatch.store.values import StoredFrame

TALK = ("text", "binary", "close", "garbled", "link")
"""Kinds that say something: pings and pongs are shown only where they are asked for."""
SLOW_NS = 10 * SECOND_NS
"""An answer later than this stands out: what detector csms_slow calls late."""


class FrameRow(NamedTuple):
    """One line.

    Attributes:
        from_station: the arrow's direction: → to the CSMS.
        what: the action, or what kind of frame it is.
        word: ``call``, ``result``, ``error``, ``send``, ``ping`` …
        under: an answer whose call is shown above it.
        answer: with an answer: the time since its call.
        trouble: why it stands out, else empty; ``bad`` where it is an error.
        raw: the text as it passed (after the gate).
        call, reply: refs of its call, of its answer.
        of_station: on a session's page: it is the station's as a whole, and not the session's own.
    """

    ref: str
    at_ns: int
    station: str
    from_station: bool
    what: str
    word: str
    under: bool
    answer: str
    trouble: str
    bad: bool
    line: str
    body: Markup | None
    raw: str
    message_id: str
    call: str | None
    reply: str | None
    of_station: bool = False


_WORDS = {2: "call", 3: "result", 4: "error", 5: "result error", 6: "send"}


def rows(
    frames: Iterable[StoredFrame], newest_first: bool = False, of_station: Container[str] = ()
) -> list[FrameRow]:
    """In the order of time or against it, each answer right under its call where both are shown.

    ``of_station``: refs of those that are marked as the station's.
    """
    ordered = sorted(frames, key=lambda frame: (frame.at_ns, frame.ref))
    shown = {frame.ref for frame in ordered}
    return [
        row(frame, under=frame.call in shown)._replace(of_station=frame.ref in of_station)
        for frame in _threaded(ordered, shown, newest_first)
    ]


def _threaded(ordered: Sequence[StoredFrame], shown: set[str], newest_first: bool) -> list[StoredFrame]:
    below: dict[str, list[StoredFrame]] = {}
    top = []
    for frame in ordered:
        if frame.call is not None and frame.call in shown:
            below.setdefault(frame.call, []).append(frame)
        else:
            top.append(frame)
    return [
        each
        for frame in (reversed(top) if newest_first else top)
        for each in (frame, *below.get(frame.ref, ()))
    ]


def row(frame: StoredFrame, under: bool = False) -> FrameRow:
    """One frame as a line."""
    if frame.type is None:
        return _plain(frame)
    payload = _payload(frame)
    trouble, bad = _trouble(frame, payload)
    is_answer = frame.type in (3, 4, 5)
    return FrameRow(
        ref=frame.ref,
        at_ns=frame.at_ns,
        station=frame.station,
        from_station=frame.direction is Direction.FROM_STATION,
        what=frame.action or ("answer to an unknown call" if is_answer else "?"),
        word=_WORDS.get(frame.type, f"type {frame.type}"),
        under=under,
        answer=words.span(frame.answer_time_ns) if is_answer and frame.answer_time_ns is not None else "",
        trouble=trouble,
        bad=bad,
        line=jsontext.folded(payload),
        body=jsontext.opened(payload),
        raw=frame.payload,
        message_id=frame.message_id,
        call=frame.call,
        reply=frame.answer,
    )


def _payload(frame: StoredFrame) -> Any:
    """What the message says, without its envelope; the text as it is where it cannot be read."""
    try:
        parts = msgspec.json.decode(frame.payload.encode())
    except (msgspec.DecodeError, ValueError, RecursionError):
        return frame.payload
    if not isinstance(parts, list):
        return parts
    if frame.type in (2, 6) and len(parts) >= 4:
        return parts[3]
    if frame.type == 3 and len(parts) >= 3:
        return parts[2]
    if frame.type in (4, 5) and len(parts) >= 3:
        return {
            "code": parts[2],
            "description": parts[3] if len(parts) > 3 else "",
            "details": parts[4] if len(parts) > 4 else {},
        }
    return parts


def _trouble(frame: StoredFrame, payload: Any) -> tuple[str, bool]:
    """Why the frame stands out, and whether it is an error."""
    if frame.error_code:
        return frame.error_code, True
    if frame.unanswered:
        return "no answer in time", True
    if frame.oddity:
        return frame.oddity.replace("_", " "), True
    if frame.type == 3 and frame.answer_time_ns is not None and frame.answer_time_ns > SLOW_NS:
        return "late", False
    if frame.type == 3 and isinstance(payload, dict):
        return _refusal(payload), False
    return "", False


_REFUSALS = frozenset(
    {
        "Rejected",
        "Invalid",
        "Blocked",
        "Expired",
        "ConcurrentTx",
        "Faulted",
        "Failed",
        "NotSupported",
        "UnlockFailed",
    }
)


def _refusal(payload: dict[str, Any]) -> str:
    """A result that says no, such as ``Rejected``."""
    info = payload.get("idTagInfo") or payload.get("idTokenInfo")
    for holder in (payload, info):
        status = holder.get("status") if isinstance(holder, dict) else None
        if isinstance(status, str) and status in _REFUSALS:
            return status
    return ""


_PLAIN = {
    "text": "Text",
    "ping": "Ping",
    "pong": "Pong",
    "close": "Close",
    "binary": "Binary",
    "garbled": "Garbled",
}


def _plain(frame: StoredFrame) -> FrameRow:
    """What is no OCPP message: control frames, link events, garbage."""
    what, line, body = _PLAIN.get(frame.kind, frame.kind), frame.payload, None
    trouble = frame.oddity.replace("_", " ")
    if frame.kind == "link":
        what = f"Link {frame.action}".replace("_", " ")
        trouble = "" if frame.action in ("open", "upstream_up") else frame.action.replace("_", " ")
        try:
            body = jsontext.opened(msgspec.json.decode(frame.payload.encode()))
        except (msgspec.DecodeError, ValueError):
            body = None
    elif frame.kind == "close":
        line = " ".join(part for part in (str(frame.code or ""), frame.reason) if part)
    elif frame.kind == "garbled":
        line, trouble = frame.reason or frame.payload, trouble or "garbled"
    return FrameRow(
        ref=frame.ref,
        at_ns=frame.at_ns,
        station=frame.station,
        from_station=frame.direction is Direction.FROM_STATION,
        what=what,
        word=frame.kind,
        under=False,
        answer="",
        trouble=trouble,
        bad=frame.kind in ("garbled", "binary", "text"),
        line=jsontext.folded(line),
        body=body,
        raw=frame.payload,
        message_id="",
        call=None,
        reply=None,
    )
