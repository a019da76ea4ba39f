"""Telling whoever started this process how it is: systemd's own protocol (sd_notify(3)), datagrams on a local socket.

``nocwatch run`` listens to it from its parts as systemd does with ``Type=notify``. Nothing happens where nobody listens,
and nothing here ever raises or waits: a listener that is gone, or does not read, costs its own news and nothing else.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

from nocwatch import clock

VARIABLE = "NOTIFY_SOCKET"
READY = b"READY=1"

_SPOKEN_TO_US = frozenset(
    {VARIABLE, "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}
)
"""What systemd says to the process that it started, and to none of that one's children."""


def ready(status: str = "") -> None:
    """This process does its job from now on, or again after ``reloading``."""
    _tell("READY=1", _status(status))


def starting(status: str, within_s: float) -> None:
    """The start takes longer than usual: whoever waits for it is to wait so long."""
    _tell(f"EXTEND_TIMEOUT_USEC={round(within_s * 1e6)}", _status(status))


def reloading() -> None:
    """The configuration is being read again; ``ready`` says when that is over, whatever came of it."""
    _tell("RELOADING=1", f"MONOTONIC_USEC={clock.monotonic_us()}")


def stopping(status: str = "") -> None:
    """The end has begun; it may take the links' grace."""
    _tell("STOPPING=1", _status(status))


def alive(status: str = "") -> None:
    """The watchdog's sign of life, with a sentence for ``systemctl status``."""
    _tell("WATCHDOG=1", _status(status))


def watchdog_s() -> float | None:
    """After how long without ``alive`` systemd ends this process; None where it does not watch."""
    meant_for = os.environ.get("WATCHDOG_PID", "")
    if meant_for and meant_for != str(os.getpid()):
        return None
    try:
        period_us = int(os.environ.get("WATCHDOG_USEC", ""))
    except ValueError:
        return None
    return period_us / 1e6 if period_us > 0 else None


def for_children(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without what was said to this process alone: a child must not speak in its place."""
    return {name: value for name, value in environment.items() if name not in _SPOKEN_TO_US}


def _status(text: str) -> str:
    return f"STATUS={' '.join(text.split())}" if text else ""


def _tell(*lines: str) -> None:
    address = os.environ.get(VARIABLE, "")
    if not address:
        return
    name = "\0" + address[1:] if address.startswith("@") else address
    kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    try:
        with socket.socket(socket.AF_UNIX, kind) as out:
            out.sendto("\n".join(filter(None, lines)).encode(), name)
    except OSError:
        return
