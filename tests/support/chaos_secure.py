"""TLS as the chaos's stations speak it: a socket that ``chaos_talk.py`` takes for a plain one.

It shares nothing with the relay's own (``proxy/secured.py``) but OpenSSL. Always holds: whatever came in whole records is
given out by the same ``recv``, so that epoll, which knows only of the kernel's bytes, misses nothing; after ``send`` has
said BlockingIOError, the next one must begin with the same bytes, and they count when the last of their record is out.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.support.chaos_plan import Plan

NAME = "chaos.example"
"""What the relay's certificate must be called."""
RECORD_MAX = 16 << 10
"""Clear bytes of one record: half a record can be read by nobody, so a reset in the midst of one hides none that counts."""
_WANTS = (ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Ways:
    """How stations come in: contexts of TLS 1.2 and 1.3, and the session that each had last."""

    def __init__(self, authority: Path) -> None:
        self._contexts = []
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = ssl.create_default_context(cafile=authority)
            context.minimum_version = context.maximum_version = version
            self._contexts.append(context)
        self._sessions: dict[int, ssl.SSLSession] = {}

    def secure(self, sock: socket.socket, plan: Plan) -> Secure:
        context = self._contexts[plan.tls == "TLSv1.3"]
        return Secure(sock, context, self._sessions.get(plan.station), polite=bool(plan.variant & 4))

    def keep(self, plan: Plan, secure: Secure) -> None:
        """For its next connection; another worker than the one that gave it will not know it, and does without."""
        if secure.session is not None:
            self._sessions[plan.station] = secure.session

    def hello(self, plan: Plan) -> bytes:
        """The first bytes of a handshake, for one that will not end it."""
        outgoing = ssl.MemoryBIO()
        tls = self._contexts[plan.tls == "TLSv1.3"].wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=NAME)
        with suppress(*_WANTS):
            tls.do_handshake()
        return outgoing.read()


class Secure(socket.socket):
    """The station's end, after ``shake`` has said True.

    Args:
        sock: connected; its descriptor is taken over.
        context: of TLS.
        session: of an earlier connection.
        polite: says close_notify before its FIN.
    """

    def __init__(
        self, sock: socket.socket, context: ssl.SSLContext, session: ssl.SSLSession | None, *, polite: bool
    ) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=NAME, session=session)
        super().__init__(sock.family, sock.type, sock.proto, fileno=sock.detach())
        self.setblocking(False)
        self._rest = b""
        self._owed = 0
        self._ended = False
        self._polite = polite

    @property
    def session(self) -> ssl.SSLSession | None:
        return self._tls.session

    @property
    def resumed(self) -> bool:
        return bool(self._tls.session_reused)

    def shake(self) -> bool:
        """A step of the handshake; True when it is done.

        Raises:
            OSError: it will not come about.
        """
        while True:
            done = self._stepped(self._tls.do_handshake)
            self._rest += self._outgoing.read()
            self._push()
            if done:
                return True
            try:
                data = super().recv(RECORD_MAX)
            except BlockingIOError:
                return False
            if not data:
                raise ConnectionResetError("the relay left within the handshake of TLS")
            self._incoming.write(data)

    @property
    def owes(self) -> bool:
        """Whether encrypted bytes wait for room in the kernel."""
        return bool(self._rest)

    def recv(self, _size: int, flags: int = 0) -> bytes:
        """All of the records that were whole, however much was asked for."""
        while not self._ended:
            data = super().recv(RECORD_MAX, flags)
            if not data:
                break
            self._incoming.write(data)
            if clear := self._decrypted():
                return clear
        return b""

    def send(self, data: Any, _flags: int = 0) -> int:
        if self._rest:
            self._push()
            if self._rest:
                raise BlockingIOError
        if self._owed:
            owed, self._owed = self._owed, 0
            return owed
        count = self._tls.write(memoryview(data)[:RECORD_MAX])
        self._rest = self._outgoing.read()
        self._push()
        if self._rest:
            self._owed = count
            raise BlockingIOError
        return count

    def shutdown(self, how: int) -> None:
        """With close_notify as far as the kernel takes it at once: a FIN without one is an end as well."""
        if self._polite:
            self._stepped(self._tls.unwrap)
            self._rest += self._outgoing.read()
            self._push()
        super().shutdown(how)

    def _decrypted(self) -> bytes:
        clear = []
        try:
            while data := self._tls.read(RECORD_MAX):
                clear.append(data)
            self._ended = True
        except _WANTS:
            pass
        except ssl.SSLZeroReturnError:
            self._ended = True
        return b"".join(clear)

    @staticmethod
    def _stepped(step: Callable[[], object]) -> bool:
        try:
            step()
        except _WANTS:
            return False
        return True

    def _push(self) -> None:
        if self._rest:
            try:
                self._rest = self._rest[super().send(self._rest) :]
            except BlockingIOError:
                return
