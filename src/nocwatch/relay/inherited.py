"""Sockets that listen already when the relay starts: systemd's socket activation (sd_listen_fds(3)).

They outlive the relay: while it is restarted, stations wait in the backlog instead of being refused. Each must be one that
the configuration names, by the listener's name or by its address: one that nobody accepts from would be a trap.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import NamedTuple

from nocwatch.errors import NocwatchError
from nocwatch.proxy.settings import RelaySettings, split_address

FIRST = 3
"""The first descriptor that systemd gives."""
STATUS_NAME = "status"
"""FileDescriptorName= of the status server's socket."""


class Given(NamedTuple):
    """Sockets for the places of a configuration: one a listener, None where there is none for it."""

    listeners: list[socket.socket | None]
    status: socket.socket | None = None


def given(settings: RelaySettings, environment: Mapping[str, str] | None = None) -> Given:
    """Those that systemd gave to this process, each in its place.

    Raises:
        NocwatchError: one does not listen, or is for no listener of the configuration.
    """
    places: list[socket.socket | None] = [None] * len(settings.listen)
    status: socket.socket | None = None
    for name, sock in _inherited(os.environ if environment is None else environment):
        at = next((i for i, each in enumerate(settings.listen) if each.name and each.name == name), None)
        if at is None:
            at = next((i for i, each in enumerate(settings.listen) if _is_at(sock, each.address)), None)
        if at is not None and places[at] is None:
            places[at] = sock
        elif settings.status and status is None and (name == STATUS_NAME or _is_at(sock, settings.status)):
            status = sock
        else:
            raise NocwatchError(
                f"systemd gave a socket {name!r} at {_told(sock)}, and relay.listen has nothing of that name or address"
            )
    return Given(places, status)


def _inherited(environment: Mapping[str, str]) -> list[tuple[str, socket.socket]]:
    if environment.get("LISTEN_PID", "") != str(os.getpid()):
        return []  # meant for another process, such as the one that started us
    try:
        count = int(environment.get("LISTEN_FDS", ""))
    except ValueError:
        return []
    names = environment.get("LISTEN_FDNAMES", "").split(":")
    found = []
    for index in range(count):
        name = names[index] if index < len(names) else ""
        try:
            sock = socket.socket(fileno=FIRST + index)
            listens = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        except OSError as error:
            raise NocwatchError(f"systemd gave {name!r}, which is no socket: {error.strerror}") from None
        if not listens or sock.family not in (socket.AF_INET, socket.AF_INET6):
            raise NocwatchError(f"systemd gave a socket {name!r} that takes no TCP connections")
        sock.setblocking(False)
        sock.set_inheritable(False)
        found.append((name, sock))
    return found


def _is_at(sock: socket.socket, address: str) -> bool:
    host, port = split_address(address)
    try:
        places = socket.getaddrinfo(host, port, sock.family, socket.SOCK_STREAM, 0, socket.AI_PASSIVE)
    except OSError:
        return False
    return any(place[4][:2] == sock.getsockname()[:2] for place in places)


def _told(sock: socket.socket) -> str:
    return ":".join(map(str, sock.getsockname()[:2]))
