"""The addresses of a relay with several workers: one socket for each worker and listener, held by the parent as well.

The kernel deals stations out to the sockets of one address (SO_REUSEPORT). Because the parent holds each of them too, what
waits in the backlog of a worker that crashed is still there for the one that comes in its place. ``release`` gives a
worker's sockets up, so that the kernel deals to the others; a socket that systemd gave is shared by all and stays.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence

from nocwatch.proxy import listener as listening
from nocwatch.proxy.listener import bind
from nocwatch.proxy.settings import ListenerSettings


class Places:
    """Of one relay.

    Attributes:
        addresses: ``host:port`` as bound, one a listener.
    """

    def __init__(self, listen: Sequence[ListenerSettings], given: Sequence[socket.socket | None]) -> None:
        """Takes the addresses.

        Raises:
            NotNowError: one is taken, or not ours yet.
        """
        self._given = [*given, *[None] * (len(listen) - len(given))]
        self._of_lanes: dict[int, list[socket.socket]] = {}
        self.addresses: list[str] = []
        for each, sock in zip(listen, self._given, strict=True):
            if sock is None:
                # Alone first: two relays that both share an address would take each other's stations without a word.
                with bind(each.address, "relay.listen") as alone:
                    self.addresses.append(listening.bound_address(alone))
            else:
                self.addresses.append(listening.bound_address(sock))

    def sockets(self, lane: int) -> list[socket.socket]:
        """That worker's, bound where they are not.

        Raises:
            NotNowError: another program has taken the address meanwhile.
        """
        if lane not in self._of_lanes:
            bound: list[socket.socket] = []
            try:
                for address, sock in zip(self.addresses, self._given, strict=True):
                    bound.append(sock.dup() if sock else bind(address, "relay.listen", shared=True))
            except BaseException:
                for each in bound:
                    each.close()
                raise
            self._of_lanes[lane] = bound
        return self._of_lanes[lane]

    def release(self, lane: int) -> None:
        for each in self._of_lanes.pop(lane, ()):
            each.close()

    def close(self) -> None:
        for lane in list(self._of_lanes):
            self.release(lane)
        for each in self._given:
            if each is not None:
                each.close()
