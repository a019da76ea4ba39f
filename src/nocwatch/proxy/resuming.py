"""TLS sessions of an upstream, so that not every station's dial pays for a whole handshake: a storm of thousands is when it counts.

What a resumed handshake leaves out is the CSMS's certificate: it was checked in the handshake before. So a session is used
for a bounded time after that check, for the name and under the context of that check alone, and never again once a
connection with it came to nothing. Pure but for OpenSSL's own values: the time is the caller's.
"""

from __future__ import annotations

import ssl
from typing import NamedTuple

from nocwatch.proxy.secured import Secured

CHECKED_FOR_S = 600.0
"""So long a check of the certificate holds: one that was withdrawn, or has run out, is noticed ten minutes later at most.
A storm is over by then."""


class _Session(NamedTuple):
    session: ssl.SSLSession
    checked_s: float


class Sessions:
    """The newest session with each name of one upstream: as many as it has URLs.

    All that a context decides (authorities, our own certificate) is decided anew with another one.
    """

    def __init__(self) -> None:
        self._context: ssl.SSLContext | None = None
        self._newest: dict[str, _Session] = {}

    def of(self, context: ssl.SSLContext, name: str, now_s: float) -> ssl.SSLSession | None:
        """What a dial may offer; None where there is none, or its check is too long ago.

        Args:
            context: that the dial goes by.
            name: whom it dials.
            now_s: of a clock that never goes back.
        """
        if context is not self._context:
            self._context = context
            self._newest.clear()
        known = self._newest.get(name)
        if known is None:
            return None
        if now_s - known.checked_s > CHECKED_FOR_S:
            del self._newest[name]
            return None
        return known.session

    def keep(self, name: str, connection: Secured, now_s: float) -> None:
        """Of a connection on which the CSMS has said something: TLS 1.3 gives its sessions behind the handshake.

        One that was made under a former context is left: a reload may overtake a dial, and under another context OpenSSL
        takes its session for a mistake. And one that went by a session that another has followed brings nothing: the check
        behind it may be older than the one that is held for.
        """
        offered, connection.offered = connection.offered, None
        session = connection.session
        if connection.context is not self._context or session is None:
            return
        if not (session.has_ticket or session.id):
            return
        if not connection.resumed:
            self._newest[name] = _Session(session, now_s)
        elif (known := self._newest.get(name)) is not None and known.session is offered:
            self._newest[name] = _Session(session, known.checked_s)

    def forget(self, name: str) -> None:
        """A connection that went by it came to nothing: whatever the reason was, the next dial is as the first."""
        self._newest.pop(name, None)
