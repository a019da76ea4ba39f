"""The links of one relay process: who is connected to whom, and how each link ends.

Not the carrying of bytes (``pump.py``). What always holds: a FIN leaves the other direction open until its side ends too,
or until nothing has moved for ``half_closed_max``; a broken end gives the other side a RST, as it would have had without us; a link that has
ended is told once, and leaves nothing behind.
"""

from __future__ import annotations

import select
import socket

import structlog
import trio

from nocwatch.proxy import sockets
from nocwatch.proxy.counters import Counters
from nocwatch.proxy.ends import SIDES, End, Link, reason_of
from nocwatch.proxy.notes import Notes

_log = structlog.get_logger(__name__)

_ALL = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLPRI | select.EPOLLET
"""Urgent data (PRI) too: a read ends where it stands, so there a short one has not emptied the socket."""


class Links:
    """All of them, and their descriptors in the epoll.

    Attributes:
        ends: by descriptor.
    """

    def __init__(
        self, epoll: select.epoll, notes: Notes, counters: Counters, half_closed_max_s: float
    ) -> None:
        self.ends: dict[int, End] = {}
        self._epoll = epoll
        self._notes = notes
        self._counters = counters
        self._half_closed: dict[Link, End] = {}
        self._half_closed_max_s = half_closed_max_s

    def add(self, link: Link, station: socket.socket, csms: socket.socket) -> tuple[End, End]:
        """Two ends that know each other, the station's first; ``watch`` is next."""
        near, far = End(station, 0, link), End(csms, 1, link)
        near.peer, far.peer = far, near
        self.ends[near.fd], self.ends[far.fd] = near, far
        return near, far

    def forget(self, *ends: End) -> None:
        """Ends that were added and will not be watched: theirs may soon be another's descriptors."""
        for each in ends:
            del self.ends[each.fd]
            each.peer = None

    def watch(self, end: End) -> None:
        """Gives an end to the epoll, once for everything.

        Raises:
            OSError: the kernel has no room for it.
        """
        self._epoll.register(end.fd, _ALL)

    def live(self) -> list[tuple[int, bytes]]:
        """Connection and ``live`` event of each link, for the start of a journal segment."""
        links = [end.link for end in self.ends.values() if end.side == 0]
        return [(link.connection, link.live) for link in links]

    def left(self, end: End) -> None:
        """A side ended its sending. Nothing of it can be waiting, or it would not have been read.

        Raises:
            OSError: the other side has broken meanwhile; it is still to be told, by ``broke``.
        """
        link, peer = end.link, end.peer
        if peer is None:
            return
        end.eof = True
        end.calm = False
        link.ended(SIDES[end.side], "fin")
        sockets.end_sending(peer.sock)
        if peer.eof:
            self._finish(end)
        else:
            link.half_closed_at = trio.current_time()
            self._half_closed[link] = end

    def broke(self, end: End, error: BaseException) -> None:
        """This end's connection broke: the other side gets a RST."""
        end.link.ended(SIDES[end.side], reason_of(error))
        self._finish(end, reset=end.peer)

    def sweep(self) -> None:
        """Ends links that one side left, and on which nothing has moved for ``half_closed_max``."""
        now = trio.current_time()
        for link, end in list(self._half_closed.items()):
            since = link.half_closed_at
            if since is None or end.peer is None or now - since < self._half_closed_max_s:
                continue
            # The kernel is asked only when time is up: the hot loop need not count for links that hardly ever are.
            quiet_s = sockets.quiet_s(heard=end.peer.sock, told=end.sock)
            if quiet_s < self._half_closed_max_s:
                link.half_closed_at = now - quiet_s
            else:
                self._finish(end)

    def close_all(self) -> None:
        """Ends every link in order, at TCP level: the relay is going."""
        for end in list(self.ends.values()):
            if end.peer is not None:
                end.link.ended("relay", "shutdown")
                for each in (end, end.peer):
                    try:
                        sockets.end_sending(each.sock)
                    except OSError:
                        continue  # it is gone already, which is all we want of it
                self._finish(end)

    def _finish(self, end: End, reset: End | None = None) -> None:
        peer, link = end.peer, end.link
        if peer is None:
            return
        for each in (end, peer):
            del self.ends[each.fd]
            self._counters.held_bytes -= len(each.out or b"")
            each.peer = each.out = each.tls = None
            each.eof, each.calm = True, False
            # Bound methods of the socket: without them it goes at once, not with the next garbage collection.
            del each.recv, each.send
            try:
                if each is reset:
                    sockets.reset(each.sock)
                else:
                    each.sock.close()
            except OSError as error:
                _log.debug("closing a broken socket failed", error=str(error))
        self._half_closed.pop(link, None)
        self._notes.closed(link)
