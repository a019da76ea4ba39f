"""Takes a load balancer's PROXY header off a socket: exactly its bytes, so that TLS or a request behind it stays there.

What the bytes mean is ``proxy_protocol.py``'s matter; how long it may take is the caller's.
"""

from __future__ import annotations

import socket

import trio

from nocwatch.proxy.failure import Failure
from nocwatch.proxy.proxy_protocol import V2_BYTES_MAX, Header, HeaderFlaw, Version, read_header


async def read_proxy_header(sock: socket.socket, version: Version) -> Header | Failure:
    """The header, or why the connection cannot be served. Nothing is ever said in answer: no HTTP has begun.

    Raises:
        OSError: the connection broke.
    """
    received = b""
    while True:
        try:
            piece = sock.recv(V2_BYTES_MAX, socket.MSG_PEEK)
        except BlockingIOError:
            await trio.lowlevel.wait_readable(sock)
            continue
        if not piece:
            return Failure(None, "station_left" if received else "empty")
        found = read_header(received + piece, version)
        if isinstance(found, HeaderFlaw):
            return Failure(None, found.value)
        # As long as the header is not complete all of it is header: taken, so that the socket wakes us for what is new.
        taken = sock.recv(len(piece) if found is None else found.length - len(received))
        if found is not None:
            return found
        received += taken
