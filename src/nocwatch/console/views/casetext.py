"""A flag as plain text, to be sent to a vendor or a CSMS team: what happened, where, since when, and the frames that prove it. Pure.

What it holds has passed the gate: tokens are key-hashed. The station's name and identity are in it, since whoever gets it must know which.
"""

from __future__ import annotations

from collections.abc import Iterable

from nocwatch.flags import Flag
from nocwatch.moments import rfc3339
from nocwatch.registry.places import Place
from nocwatch.store.values import StoredFrame

PAYLOAD_CHARACTERS_MAX = 4000
"""Of one frame: more than nearly all messages have; what is cut says so."""


def case_text(flag: Flag, place: Place | None, frames: Iterable[StoredFrame]) -> str:
    """Times are UTC, so that they can be held against anybody's log."""
    lines = [flag.summary, ""]
    if flag.station is not None:
        lines.append(f"Station: {flag.station}" + (f" ({place.name})" if place and place.name else ""))
    if place is not None and (place.vendor or place.model):
        lines.append(
            f"Model: {' '.join(part for part in (place.vendor, place.model, place.firmware) if part)}"
        )
    if flag.connector is not None:
        lines.append(f"Connector: {flag.connector if flag.evse is None else f'{flag.evse}/{flag.connector}'}")
    if flag.session:
        lines.append(f"Session: {flag.session}")
    lines += [f"Began: {rfc3339(flag.onset_at_ns)}", f"Severity: {flag.severity.value}", f"Rule: {flag.rule}"]
    if flag.evidence:
        lines += ["", "Evidence"]
        lines += [
            f"- {each.text}" + (f" [{', '.join(each.frames)}]" if each.frames else "")
            for each in flag.evidence
        ]

    def whose(frame: StoredFrame) -> str:
        return "" if frame.station == flag.station else f"{frame.station} "

    shown = sorted(frames, key=lambda frame: (frame.at_ns, frame.ref))
    if shown:
        lines += ["", "Frames (UTC)"]
        for frame in shown:
            lines.append(
                f"{rfc3339(frame.at_ns)} {whose(frame)}{_ARROWS[int(frame.direction)]} [{frame.ref}] {_payload(frame)}"
            )
    return "\n".join(lines) + "\n"


_ARROWS = ("station -> CSMS", "CSMS -> station")


def _payload(frame: StoredFrame) -> str:
    text = frame.payload or frame.action or frame.kind
    cut = len(text) - PAYLOAD_CHARACTERS_MAX
    return text if cut <= 0 else f"{text[:PAYLOAD_CHARACTERS_MAX]} … ({cut} characters more)"
