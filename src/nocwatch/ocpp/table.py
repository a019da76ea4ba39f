"""A version of OCPP as a table: which actions it has, and what the calls and answers that matter mean.

A reader gets the message's ``Hearing`` and its payload, and returns events; it never raises, whatever the payload holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from nocwatch.network import ConnectorStatus
from nocwatch.ocpp.events import Command, CommandAnswered, Commanded, OcppEvent
from nocwatch.ocpp.fields import Hearing, Payload

Events: TypeAlias = "list[OcppEvent]"
CallReader: TypeAlias = Callable[[Hearing, Payload], Events]
AnswerReader: TypeAlias = Callable[[Hearing, Payload, Payload], Events]
"""Takes the call's payload, then the answer's."""
CommandReader: TypeAlias = Callable[[Hearing, Payload], dict[str, Any]]
"""Gives the fields of ``Commanded`` that this call fills."""


class Table(NamedTuple):
    """One version.

    Attributes:
        actions: every action that the version has, for ``Spoke.known``.
        calls, answers: by action; an action that is in neither is named and counted, and means nothing more.
        csms_actions: those of the two that are the CSMS's to call; the others are the station's.
        shapes: by action: payload fields that only this version's form of it has; tells versions apart where a station mixes them.
    """

    name: str
    actions: frozenset[str]
    calls: Mapping[str, CallReader]
    answers: Mapping[str, AnswerReader]
    csms_actions: frozenset[str]
    shapes: Mapping[str, frozenset[str]]


def command_calls(commands: Mapping[str, tuple[Command, CommandReader]]) -> dict[str, CallReader]:
    """Call readers of the CSMS's commands."""
    return {action: _asks(command, reader) for action, (command, reader) in commands.items()}


def command_answers(commands: Mapping[str, tuple[Command, CommandReader]]) -> dict[str, AnswerReader]:
    """Answer readers of the CSMS's commands: what was asked is read once more from the call."""
    return {action: _answers(command, reader) for action, (command, reader) in commands.items()}


_UNSAID = (Command.UPDATE_FIRMWARE, Command.SEND_LOG)


def _asks(command: Command, reader: CommandReader) -> CallReader:
    def read(hearing: Hearing, payload: Payload) -> Events:
        return [
            Commanded(
                command=command, message_id=hearing.message_id, **reader(hearing, payload), **hearing.stamp
            )
        ]

    return read


def _answers(command: Command, reader: CommandReader) -> AnswerReader:
    def read(hearing: Hearing, call: Payload, answer: Payload) -> Events:
        asked = reader(
            Hearing(hearing.stamp, hearing.message_id, hearing.version), call
        )  # its faults were told with the call
        # UpdateFirmware and GetDiagnostics of 1.6 are answered without a status, which means yes [16 §6.26, §6.57].
        status = hearing.text(answer, "status") or ("Accepted" if command in _UNSAID else "")
        if not status:
            hearing.fault("status", "missing")
        if command is Command.REMOTE_START and answer.get("transactionId") is not None:
            asked["transaction"] = hearing.optional_text(answer, "transactionId")
        return [
            CommandAnswered(
                command=command,
                message_id=hearing.message_id,
                status=status,
                asked_at_ns=hearing.asked_at_ns,
                **asked,
                **hearing.stamp,
            )
        ]

    return read


_STATUSES = {status.value.lower(): status for status in ConnectorStatus}
for _ours in (ConnectorStatus.OFFLINE, ConnectorStatus.NO_DATA):
    del _STATUSES[_ours.value.lower()]  # what we say about a link is nothing a station can say about itself


def connector_status(hearing: Hearing, payload: Payload, field: str) -> ConnectorStatus | None:
    """A status of either version, in any case of letters; None, and a fault, where it is none."""
    text = hearing.optional_text(payload, field, required=True)
    status = None if text is None else _STATUSES.get(text.lower())
    if status is None and text is not None:
        hearing.fault(field, f"{text[:40]!r} is no status")
    return status
