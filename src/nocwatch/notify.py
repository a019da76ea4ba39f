"""Telling whoever started this process that it is ready: systemd's own protocol (sd_notify(3)), a datagram on a local socket.

``nocwatch run`` listens to it from its parts as systemd does with ``Type=notify``. Nothing happens where nobody listens.
"""

from __future__ import annotations

import os
import socket

VARIABLE = "NOTIFY_SOCKET"
READY = b"READY=1"


def ready() -> None:
    """This process does its job from now on. A listener that is gone is no reason to fail."""
    address = os.environ.get(VARIABLE, "")
    if not address:
        return
    name = "\0" + address[1:] if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            out.sendto(READY, name)
    except OSError:
        return
