"""The ways out, one module each. ``build`` makes each configured receiver's channel."""

from __future__ import annotations

from nocwatch.alerts.channels.apprise import AppriseChannel
from nocwatch.alerts.channels.base import Channel
from nocwatch.alerts.channels.jsonl import FileChannel
from nocwatch.alerts.settings import FILE_RECEIVER, AlertSettings, ReceiverSettings, lines_of
from nocwatch.errors import ConfigurationError, Problem

__all__ = ["AppriseChannel", "Channel", "FileChannel", "build"]


def build(settings: AlertSettings) -> dict[str, Channel]:
    """Receiver's name → channel.

    Raises:
        ConfigurationError: for each address that apprise does not take; the address itself is not repeated.
    """
    channels: dict[str, Channel] = {}
    problems: list[Problem] = []
    if settings.file is not None:
        channels[FILE_RECEIVER] = FileChannel(settings.file)
    for name, receiver in settings.receivers.items():
        try:
            channels[name] = _channel(receiver)
        except ValueError as error:
            problems.append(Problem("configuration", 0, f"alerts.receivers.{name}.apprise", str(error)))
    if problems:
        raise ConfigurationError(problems)
    return channels


def _channel(receiver: ReceiverSettings) -> Channel:
    if receiver.apprise is not None:
        return AppriseChannel(
            lines_of(receiver.apprise),
            tells_resolved=receiver.resolved,
            timeout_s=receiver.timeout,
            give_up_after_s=receiver.give_up_after,
        )
    return FileChannel(
        str(receiver.file),
        tells_resolved=receiver.resolved,
        timeout_s=receiver.timeout,
        give_up_after_s=receiver.give_up_after,
    )
