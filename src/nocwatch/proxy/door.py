"""The door: where an accepted connection really comes from, and whether it may come.

The lists and caps themselves are ``admission.py``, whose word is believed is ``trust.py``; here they meet the socket. An
address is judged as soon as it is known: at accept; behind a PROXY header; or, where a load balancer writes it into the
request, when the head is read. So nobody who can be refused before TLS costs a TLS handshake, but for some of those who come
in a storm of all: they are answered behind it.

Always holds: each connection is judged once by its true address; with nothing configured ``waits`` is never true and
nobody asks.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

import trio

from nocwatch.proxy import sockets
from nocwatch.proxy.admission import Admission
from nocwatch.proxy.counters import Counters
from nocwatch.proxy.failure import Failure
from nocwatch.proxy.forwarded import true_address
from nocwatch.proxy.handshake import RequestHead
from nocwatch.proxy.introduction import read_proxy_header
from nocwatch.proxy.listener import Listener
from nocwatch.proxy.networks import plain_host
from nocwatch.proxy.patience import Patience


class Arrival:
    """One accepted connection.

    Attributes:
        sock: the plain socket, then the TLS one in its place; None once the pump has it.
        host, port: where it comes from, as far as that is known; port 0 where nobody said it.
        hop: who handed it to us: the socket's peer, or whom a PROXY header named. What the CSMS is told.
        speaks: something can be said on it: there is no TLS, or its handshake is done.
        last: what to say before closing, when it gets no link; None for nothing at all.
        unjudged: its address is in the request's head.
        leave: to be called when it has ended; None where nobody counts.
        patience: how long it may still take.
    """

    __slots__ = ("hop", "host", "last", "leave", "listener", "patience", "port", "sock", "speaks", "unjudged")

    patience: Patience

    def __init__(self, sock: socket.socket, address: object, listener: Listener) -> None:
        self.sock: socket.socket | None = sock
        host, port = address[:2] if isinstance(address, tuple) and len(address) >= 2 else ("", 0)
        self.host = self.hop = plain_host(host)
        self.port: int = port
        self.listener = listener
        self.speaks = listener.context is None
        self.last: bytes | None = None
        self.unjudged = False
        self.leave: Callable[[], None] | None = None

    @property
    def remote_address(self) -> str:
        return sockets.address_text(self.host, self.port)


class Door:
    """Of one relay process.

    Attributes:
        admission: the lists and caps; they change by its ``change``.
    """

    def __init__(self, counters: Counters) -> None:
        self.admission = Admission()
        self._counters = counters

    def waits(self, listener: Listener) -> bool:
        """Whether anything is to be done before the first byte of TLS or of the request."""
        return self.admission.guards_addresses or listener.trust is not None

    async def arrive(self, arrival: Arrival, sock: socket.socket) -> Failure | None:
        """What can be known and judged before TLS.

        Raises:
            OSError: the connection broke.
        """
        trust = arrival.listener.trust
        if trust is not None and trust.covers(arrival.host):
            if trust.proxy_protocol is not None:
                header = await read_proxy_header(sock, trust.proxy_protocol)
                if isinstance(header, Failure):
                    return header
                if header.host is not None:
                    arrival.host = arrival.hop = header.host
                    arrival.port = header.port
            if trust.address_header is not None and trust.covers(arrival.host):
                arrival.unjudged = True
                return None
        return self._judge(arrival)

    def answers_behind_tls(self, arrival: Arrival, failure: Failure) -> bool:
        """Whether its refusal waits for TLS, so that the station can be told."""
        if arrival.listener.context is None:
            return False
        return self.admission.is_answered_behind_tls(failure, trio.current_time())

    def read(self, arrival: Arrival, request: RequestHead) -> Failure | None:
        """What the request's head adds: the address, where a load balancer wrote it there, and the identity."""
        trust = arrival.listener.trust
        if arrival.unjudged:
            arrival.unjudged = False
            if trust is not None and trust.address_header is not None:
                arrival.host, arrival.port = true_address(
                    arrival.host, arrival.port, request.raw, trust.address_header, trust.networks
                )
            failure = self._judge(arrival)
            if failure is not None:
                return failure
        return self.admission.station(request.station) if self.admission.guards_stations else None

    def _judge(self, arrival: Arrival) -> Failure | None:
        if not self.admission.guards_addresses:
            return None
        outcome = self.admission.enter(arrival.host, trio.current_time())
        self._counters.addresses_forgotten = self.admission.forgotten
        if isinstance(outcome, Failure):
            return outcome
        arrival.leave = outcome
        return None
