"""What is told of a frame besides its meaning: an answer with its call, a refusal, an answer that did not come, faults of fields."""

from __future__ import annotations

from typing import Any

from nocwatch.frames import Direction
from nocwatch.ocpp.calls import TEXT_MAX, Call
from nocwatch.ocpp.envelope import Envelope
from nocwatch.ocpp.events import CallRefused, CallUnanswered, Misspoke, OcppEvent, Oddity, Spoke
from nocwatch.ocpp.fields import Hearing


def answered(
    message: Envelope, direction: Direction, call: Call | None, usual: str, stamp: dict[str, Any]
) -> Spoke:
    """An answer of any type; ``call`` is None where nobody is known to have asked."""
    return Spoke(
        version=call.version if call else usual,
        direction=direction,
        type=message.type,
        message_id=message.id,
        action=call.action if call else "",
        answer_time_ns=max(0, stamp["at_ns"] - call.at_ns) if call else None,
        call_frame=call.frame if call else "",
        error_code=message.error_code,
        error_description=message.error_description,
        **stamp,
    )


def refused(message: Envelope, direction: Direction, call: Call, stamp: dict[str, Any]) -> CallRefused:
    """An error answer."""
    return CallRefused(
        direction=direction,
        action=call.action,
        error_code=message.error_code,
        description=message.error_description,
        call_frame=call.frame,
        answer_time_ns=max(0, stamp["at_ns"] - call.at_ns),
        **stamp,
    )


def unanswered(
    direction: Direction, call: Call, stamp: dict[str, Any], *, link_lost: bool = False
) -> CallUnanswered:
    """``stamp`` is of the moment when it was given up, and of the call's frame."""
    waited_ns = max(0, stamp["at_ns"] - call.at_ns)
    return CallUnanswered(
        direction=direction, action=call.action, waited_ns=waited_ns, link_lost=link_lost, **stamp
    )


def faults(hearing: Hearing, action: str, direction: Direction, out: list[OcppEvent]) -> None:
    """What was wrong with which field, where anything was."""
    if hearing.faults:
        text = f"{action}: {'; '.join(hearing.faults)}"[:TEXT_MAX]
        out.append(Misspoke(direction=direction, oddity=Oddity.BAD_PAYLOAD, text=text, **hearing.stamp))
