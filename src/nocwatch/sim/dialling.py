"""How a station gets a connection: over a real socket here, or by any other ``Dialer`` (``inmemory``). No OCPP.

What always holds: however a connection ends, and whatever was thrown in it, the dialler leaves nothing open.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import urlsplit

import trio
from trio_websocket import wrap_client_stream

from nocwatch.sim.wire import Socket

HANDSHAKE_S_MAX = 20.0
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER on, with no time: the close is a reset."""


class Rejected(Exception):  # noqa: N818 - named for what happened
    """The handshake was answered with an HTTP status other than 101; ``ConnectionRejected`` where a real one was."""

    def __init__(self, status_code: int) -> None:
        super().__init__(f"HTTP {status_code}")
        self.status_code = status_code


@dataclass(slots=True)
class Offer:
    """What a station asks for when it dials.

    Attributes:
        path: what follows the base URL.
        lost: set while the connection lives: it ends by a reset, as where the network is lost, and not by a FIN.
    """

    identity: str
    path: str
    subprotocols: tuple[str, ...] = ()
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    lost: bool = False


Dialer: TypeAlias = Callable[[Offer], AbstractAsyncContextManager[Socket]]
"""Raises Rejected, ConnectionRejected, OSError, HandshakeError, trio.TooSlowError, alone or in a group, where no connection comes of it."""


def by_url(url: str, ssl_context: ssl.SSLContext | None = None) -> Dialer:
    """Dials ``url`` (``ws://host:port/path``; the offer's path is added) over TCP, with TLS for ``wss``.

    Raises:
        ValueError: the URL is none.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise ValueError(f"{url!r} is no WebSocket URL; write ws://host:port/path")
    host, port = parts.hostname, parts.port or (443 if parts.scheme == "wss" else 80)
    base = parts.path.rstrip("/")
    tls = (ssl_context or ssl.create_default_context()) if parts.scheme == "wss" else None

    @asynccontextmanager
    async def dial(offer: Offer) -> AsyncIterator[Socket]:
        with trio.fail_after(HANDSHAKE_S_MAX):
            tcp = await trio.open_tcp_stream(host, port)
        stream: trio.SocketStream | trio.SSLStream[trio.SocketStream] = tcp
        try:
            async with trio.open_nursery() as nursery:
                with trio.fail_after(HANDSHAKE_S_MAX):
                    if tls is not None:
                        stream = trio.SSLStream(tcp, tls, server_hostname=host, https_compatible=True)
                        await stream.do_handshake()
                    websocket: Socket = await wrap_client_stream(
                        nursery,
                        stream,
                        f"{host}:{port}",
                        base + offer.path,
                        subprotocols=list(offer.subprotocols),
                        extra_headers=offer.headers,
                    )
                yield websocket
                nursery.cancel_scope.cancel()
        finally:
            if offer.lost:
                tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(stream)

    return dial
