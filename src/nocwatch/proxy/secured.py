"""A TCP socket that speaks TLS and behaves as a plain one: what comes out of ``recv`` and goes into ``send`` is clear.

The socket is read and written here, and OpenSSL sees memory only. Its own way reads a record in two calls and asks the
kernel once more to learn that there is nothing; and Python's ssl reports a RST as an orderly end. This way a read is one
call, half the time, and a RST is a RST.

Always holds: both calls say BlockingIOError, and nothing else, where a plain socket would. After ``send`` has said it,
the next ``send`` must bring the same bytes: they are encrypted already, as much of them as is not out waits here, and
they count as sent when the last of it is.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from typing import Any

import trio

READ_SIZE = 16 << 10
"""Bytes of one read; what it holds of whole records is given out before the next."""

WORDS_MAX = 16 << 10
"""Of TLS's own words that a peer has not taken (answers to its KeyUpdates), before nothing more is read of it: otherwise one that
asks and never listens would fill our memory."""

_recv, _send = socket.SocketType.recv, socket.SocketType.send
"""The kernel's, called twice a message: ``super()`` would be made anew each time."""

_WANTS = (ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Secured(socket.socket):
    """One end of a TLS connection, after ``handshake``.

    Attributes:
        more: whether a ``recv`` may give something although the kernel tells of nothing new: it had more than was read, or some of
            what was read has not been given out.
        offered: the session by which we hoped to go on; taken away by whoever has seen what came of it.
    """

    __slots__ = (
        "_decrypt",
        "_encrypt",
        "_incoming",
        "_object",
        "_outgoing",
        "_owed",
        "_pending",
        "_rest",
        "_words",
        "more",
        "offered",
    )

    def __init__(
        self,
        sock: socket.socket,
        context: ssl.SSLContext,
        server_hostname: str | None,
        session: ssl.SSLSession | None = None,
    ) -> None:
        """Takes the descriptor over; the socket that is given is of no more use.

        Args:
            sock: connected and non-blocking.
            context: of TLS.
            server_hostname: whom we dial; None where we are the server.
            session: of an earlier connection with them, to be offered.
        """
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(
            self._incoming,
            self._outgoing,
            server_side=server_hostname is None,
            server_hostname=server_hostname,
            session=session,
        )
        super().__init__(sock.family, sock.type, sock.proto, fileno=sock.detach())
        self.setblocking(False)
        self._decrypt, self._encrypt = self._object.read, self._object.write
        self._pending = self._object.pending
        self._rest = b""
        self._owed = self._words = 0
        self.more = True
        self.offered = session

    async def handshake(self) -> None:
        """TLS's own.

        Raises:
            OSError: the peer left, or TLS did not come about (``ssl.SSLError``).
        """
        while True:
            try:
                self._object.do_handshake()
            except ssl.SSLWantReadError:
                await self._say()
                data = await self._hear()
                if not data:
                    raise ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "the peer left within the handshake") from None
                self._incoming.write(data)
            except ssl.SSLError:
                self._try_to_say()  # what is wrong, in an alert
                raise
            else:
                await self._say()
                return

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Clear bytes; none when the peer has ended its sending, with or without a word of TLS.

        With flags the socket itself is asked, for what is still encrypted.
        """
        if flags:
            return _recv(self, size, flags)
        if self._words > WORDS_MAX:
            self._push()
        incoming = self._incoming
        try:
            if self.more and (incoming.pending or self._pending()):
                try:
                    return self._decrypt(size)
                except _WANTS:
                    pass  # a record that is not whole yet
            self.more = False
            while data := _recv(self, READ_SIZE):
                incoming.write(data)
                try:
                    clear = self._decrypt(size)
                except _WANTS:
                    continue
                self.more = len(data) == READ_SIZE or incoming.pending > 0 or self._pending() > 0
                return clear
        except ssl.SSLZeroReturnError:
            return b""
        finally:
            if self._outgoing.pending:
                self._try_to_say()
        return b""

    def send(self, data: Any, flags: int = 0) -> int:
        """How many clear bytes are on their way: all that one call encrypted."""
        if self._rest:
            self._push()
        if self._owed:
            owed, self._owed = self._owed, 0
            return owed
        count = self._encrypt(data)
        encrypted = self._outgoing.read()
        try:
            sent = _send(self, encrypted, flags)
        except BlockingIOError:
            sent = 0
        if sent != len(encrypted):
            self._rest, self._owed = encrypted[sent:], count
            raise BlockingIOError
        return count

    def say_goodbye(self) -> None:
        """TLS's close_notify, where it can be sent without harm: OpenSSL throws away what it reads behind it."""
        if self._incoming.pending == 0 and self._pending() == 0:
            # WantRead: the peer's own is not there yet; anything else: the FIN says it all.
            with suppress(OSError, ValueError):
                self._object.unwrap()
            self._try_to_say()

    @property
    def context(self) -> ssl.SSLContext:
        """That it was made under."""
        return self._object.context

    @property
    def session(self) -> ssl.SSLSession | None:
        """The newest that the peer gave."""
        return self._object.session

    @property
    def resumed(self) -> bool:
        """Whether the handshake went by the session that was offered, and so without the peer's certificate."""
        return bool(self._object.session_reused)

    def version(self) -> str | None:
        return self._object.version()

    def peer_certificate(self) -> bytes | None:
        """DER; None where the peer showed none."""
        return self._object.getpeercert(binary_form=True)

    def _push(self) -> None:
        """Sends what waits, all of it or BlockingIOError."""
        sent = _send(self, self._rest)
        self._rest = self._rest[sent:]
        if self._rest:
            raise BlockingIOError
        self._words = 0

    def _try_to_say(self) -> None:
        """TLS's own words, which nobody waits for: what does not go out now goes with the next bytes."""
        words = self._outgoing.read()
        self._rest += words
        self._words += len(words)
        try:
            self._push()
        except OSError:
            return  # full or broken: the next send will tell

    async def _say(self) -> None:
        self._rest += self._outgoing.read()
        while self._rest:
            try:
                self._push()
            except BlockingIOError:
                await trio.lowlevel.wait_writable(self)

    async def _hear(self) -> bytes:
        while True:
            try:
                return _recv(self, READ_SIZE)
            except BlockingIOError:
                await trio.lowlevel.wait_readable(self)
