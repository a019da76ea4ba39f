"""What is told of a frame besides its meaning: an answer with its call, a refusal, an answer that did not come, faults of fields."""

from __future__ import annotations

from typing import Any

from nocwatch.frames import Direction
from nocwatch.ocpp import envelope, versions
from nocwatch.ocpp.calls import TEXT_MAX, Call, read_payload
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


def decided(
    message: Envelope, direction: Direction, waiting: dict[str, Call], stamp: dict[str, Any]
) -> list[OcppEvent]:
    """What a station has decided on the only call that waits, although it answers under an id that nobody used.

    A CSMS asks one thing at a time [OCPP-J 1.6 §4.1.1], so it can be no other's. That nobody used the id is the caller's to know: a station
    that was cut off answers over its new socket what it was asked over the old one. The CSMS does not hear it: for that side the call
    stays without an answer.
    """
    if direction is not Direction.FROM_STATION or len(waiting) != 1 or message.type != envelope.RESULT:
        return []
    message_id, call = next(iter(waiting.items()))
    table = versions.TABLES[call.version]
    reader = table.answers.get(call.action) if call.action in table.csms_actions else None
    payload, _ = read_payload(message.payload, read=reader is not None)
    if reader is None or payload is None:
        return []
    hearing = Hearing(stamp, message_id, call.version, call.at_ns)
    meant = list(reader(hearing, call.said(), payload))
    return [] if hearing.faults else meant  # it does not read as an answer to that


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
