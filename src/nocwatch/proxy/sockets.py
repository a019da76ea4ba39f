"""Non-blocking sockets in a trio task, plain or TLS: what a handshake needs before the pump takes over.

Standard-library sockets, not trio's streams: the pump wants them as they are, and nothing may be left in a buffer
between the two.
"""

from __future__ import annotations

import socket
import ssl
import struct

import trio

from nocwatch.proxy.secured import Secured
from nocwatch.proxy.settings import Limits

READ_SIZE = 16 << 10
"""Bytes read at once during a handshake; not below TLS's largest record, so that none is left half read in OpenSSL."""

FAREWELL_S = 1.0
"""How long a refused peer has to close after our answer. Closing with its bytes unread would turn into a RST, and that
could overtake the answer."""

FAREWELL_BYTES_MAX = 256 << 10
"""What it may send meanwhile; beyond, it is cut off."""

_RESET = struct.pack("ii", 1, 0)

_INFO_SIZE, _LAST_DATA_SENT_AT, _LAST_DATA_RECEIVED_AT = 56, 44, 52
"""Of the kernel's struct tcp_info (linux/tcp.h): how much of it is asked for, and where two of its fields lie, in milliseconds."""


def tune(sock: socket.socket, limits: Limits) -> None:
    """No delay for small messages, and TCP's own means to find dead peers."""
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)  # an urgent byte is a byte like all others
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, int(limits.keepalive))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(1, int(limits.keepalive / 4)))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(limits.user_timeout * 1000))


async def secure(
    sock: socket.socket,
    context: ssl.SSLContext,
    server_hostname: str | None = None,
    session: ssl.SSLSession | None = None,
) -> Secured:
    """The TLS handshake; the server's side where no host name is given. The socket is closed when it fails.

    Raises:
        OSError: the peer left, or TLS did not come about (``ssl.SSLError``).
    """
    try:
        wrapped = Secured(sock, context, server_hostname, session)
    except BaseException:
        sock.close()
        raise
    try:
        await wrapped.handshake()
    except BaseException:
        wrapped.close()
        raise
    return wrapped


async def receive(sock: socket.socket) -> bytes:
    """Some bytes; empty when the peer ended its sending.

    Raises:
        OSError: the connection broke.
    """
    while True:
        try:
            return sock.recv(READ_SIZE)
        except (BlockingIOError, ssl.SSLWantReadError):
            await trio.lowlevel.wait_readable(sock)
        except ssl.SSLWantWriteError:
            await trio.lowlevel.wait_writable(sock)


async def send_all(sock: socket.socket, data: bytes) -> None:
    """All of it.

    Raises:
        OSError: the connection broke.
    """
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[sock.send(rest) :]
        except (BlockingIOError, ssl.SSLWantWriteError):
            await trio.lowlevel.wait_writable(sock)
        except ssl.SSLWantReadError:
            await trio.lowlevel.wait_readable(sock)


def has_left(sock: socket.socket) -> bool:
    """Whether the peer has ended its sending or the connection, with nothing unread before that."""
    try:
        # Past SSLSocket's own recv, which refuses flags: encrypted bytes are as good a sign of life.
        return not socket.socket.recv(sock, 1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True


def quiet_s(*, heard: socket.socket, told: socket.socket) -> float:
    """Since when nothing has come from the one and nothing has gone to the other, by the kernel's word; without it, for ever."""
    try:
        came = heard.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_SIZE)
        went = told.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_SIZE)
    except OSError:
        return float("inf")
    (came_ms,) = struct.unpack_from("=I", came, _LAST_DATA_RECEIVED_AT)
    (went_ms,) = struct.unpack_from("=I", went, _LAST_DATA_SENT_AT)
    return float(min(came_ms, went_ms)) / 1000


async def farewell(sock: socket.socket, last: bytes = b"") -> None:
    """Sends the last bytes, ends our sending, gives the peer a moment to read them, and closes. Never raises OSError."""
    try:
        with trio.move_on_after(FAREWELL_S):
            await send_all(sock, last)
            end_sending(sock)
            taken = 0
            while taken < FAREWELL_BYTES_MAX and (data := await receive(sock)):
                taken += len(data)
    except (OSError, ValueError):
        return  # it left without listening: nothing is lost that anyone wanted
    finally:
        sock.close()


def end_sending(sock: socket.socket) -> None:
    """FIN, after TLS's close_notify where there is TLS and it can be sent without harm.

    Raises:
        OSError: the connection is broken.
    """
    if isinstance(sock, Secured):
        sock.say_goodbye()
    sock.shutdown(socket.SHUT_WR)


def reset(sock: socket.socket) -> None:
    """Closes with a RST: the peer learns that the connection broke, and does not take it for an orderly end."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    finally:
        sock.close()


def address_text(host: str, port: int) -> str:
    """``203.0.113.7:51234`` or ``[2001:db8::1]:51234``; without the port where that is 0: nobody told it."""
    host = f"[{host}]" if ":" in host else host
    return f"{host}:{port}" if port else host
