"""The pump: carries bytes between the two sockets of every link, in one trio task over a private epoll.

Not a parser, and not a place for decisions: what was read is sent, and then told to the recorder.

Always holds:
- A byte leaves before anyone looks at it. One call a turn tells the recorder of all chunks of that turn.
- Each direction holds at most one chunk that could not be sent; until it is out, its sender is not read.
- One direction moves at most ``chunks_per_turn`` chunks before all others had their turn.
- A FIN follows the last byte and leaves the other direction open; a RST or a dead peer is handed on as a RST.

The epoll is edge-triggered, and each descriptor is registered once for everything. So whoever stops before the socket
says "would block" must come back by itself: by ``_again`` (quota), or when the receiver is writable (back-pressure). A
plain read that is shorter than asked has emptied the socket; a TLS read says nothing of the kind, so there the reading
goes on until TLS wants more.
"""

from __future__ import annotations

import errno
import select
import socket

import structlog
import trio

from nocwatch import clock
from nocwatch.proxy import sockets
from nocwatch.proxy.counters import Counters
from nocwatch.proxy.ends import SIDES, End, Link, reason_of
from nocwatch.proxy.notes import Notes
from nocwatch.proxy.recorder import Guard
from nocwatch.proxy.settings import Limits

_log = structlog.get_logger(__name__)

EVENTS_MAX = 256
"""Events taken from epoll in one turn. More would keep accepts and handshakes waiting for longer than a few ms."""

_IN, _OUT, _ERR = select.EPOLLIN, select.EPOLLOUT, select.EPOLLERR
_ALL = _IN | _OUT | select.EPOLLRDHUP | select.EPOLLET
_CALM = _IN | _OUT


class Pump:
    """All links of one relay process. ``turns``: how many there were; the watchdog's proof that it lives."""

    def __init__(self, guard: Guard, counters: Counters, limits: Limits) -> None:
        self._counters = counters
        self._size = limits.chunk_size
        self._quota = limits.chunks_per_turn
        self._half_closed_max_s = limits.half_closed_max
        self._epoll = select.epoll()
        self._ends: dict[int, End] = {}
        self._again: list[End] = []
        self._half_closed: dict[Link, End] = {}
        self._notes = Notes(guard, counters)
        self.turns = 0

    def fileno(self) -> int:
        """Readable while there are events that no turn has taken."""
        return self._epoll.fileno()

    def adopt(
        self,
        link: Link,
        station: socket.socket,
        csms: socket.socket,
        from_station: bytes = b"",
        from_csms: bytes = b"",
    ) -> None:
        """Takes over two connected, non-blocking sockets whose heads have passed.

        Args:
            link: who they are.
            station: its socket; the pump closes it.
            csms: likewise.
            from_station: bytes that came glued to the request, to be sent before all others.
            from_csms: bytes that came glued to the answer, likewise.
        """
        near, far = End(station, 0, link), End(csms, 1, link)
        near.peer, far.peer = far, near
        self._ends[near.fd], self._ends[far.fd] = near, far
        at_ns = clock.now_ns()
        self._notes.opened(at_ns, link)
        try:
            self._epoll.register(near.fd, _ALL)
            self._epoll.register(far.fd, _ALL)
        except OSError as error:
            self._counters.pump_errors += 1
            self._break(near, error)
        for end, glued in ((near, from_station), (far, from_csms)):
            if glued and end.peer is not None:
                self._pass_on(end, end.peer, glued)
        self._notes.tell(at_ns)

    async def run(self) -> None:
        """Carries bytes until cancelled; ``close_all`` then ends what is left."""
        fd, poll = self._epoll.fileno(), self._epoll.poll
        while True:
            if self._again:
                await trio.lowlevel.checkpoint()
            else:
                await trio.lowlevel.wait_readable(fd)
            self._turn(poll(0, EVENTS_MAX))
            self.turns += 1

    def live(self) -> list[tuple[int, bytes]]:
        """Connection and ``live`` event of each link, for the start of a journal segment."""
        links = {end.link for end in list(self._ends.values())}
        return [(link.connection, link.info.event("live")) for link in links]

    def sweep(self) -> None:
        """Ends links that one side left longer ago than ``half_closed_max``. Called once a second."""
        before = trio.current_time() - self._half_closed_max_s
        for link, end in list(self._half_closed.items()):
            if link.half_closed_at is not None and link.half_closed_at <= before:
                self._finish(end)
        self._notes.tell(clock.now_ns())

    def close_all(self) -> None:
        """Ends every link in order, at TCP level: the relay is going."""
        for end in list(self._ends.values()):
            if end.peer is not None:
                end.link.ended("relay", "shutdown")
                for each in (end, end.peer):
                    try:
                        sockets.end_sending(each.sock)
                    except OSError:
                        continue  # it is gone already, which is all we want of it
                self._finish(end)
        self._notes.tell(clock.now_ns())

    def close(self) -> None:
        """Gives the epoll's descriptor back; the pump is of no use afterwards."""
        self._epoll.close()

    def _turn(self, events: list[tuple[int, int]]) -> None:  # noqa: C901, PLR0912, PLR0915 - flat, since calls cost here
        """One poll's events. The first branch is the way of nearly every byte: nothing else belongs there."""
        at_ns = clock.now_ns()
        if self._again:
            self._take_turns()
        get = self._ends.get
        size = self._size
        notes = self._notes
        moved, reads = notes.moved, notes.reads
        add_key, add_chunk = notes.keys.append, notes.chunks.append
        for fd, event in events:
            end = get(fd)
            if end is None:
                continue
            try:
                if event == _CALM and end.calm:
                    data = end.recv(size)
                    if data:
                        peer = end.peer
                        count = len(data)
                        try:
                            sent = peer.send(data)  # type: ignore[union-attr]  # a calm end has a peer
                        except BlockingIOError:
                            sent = 0
                        except OSError as error:
                            self._lost(end, peer, data, error)  # type: ignore[arg-type]
                            continue
                        add_key(end.key)
                        add_chunk(data)
                        side = end.side
                        moved[side] += count
                        reads[side] += 1
                        if sent != count:
                            self._stall(end, peer, data[sent:])  # type: ignore[arg-type]
                        elif count == size:
                            self._queue(end)
                        continue
                    self._end_of(end)
                else:
                    self._attend(end, event)
            except BlockingIOError:
                continue
            except OSError as error:
                self._break(end, error)
            except Exception as error:  # noqa: BLE001 - a fault of ours may cost one link, never all of them
                self._fault(end, error)
        notes.tell(at_ns)

    def _fault(self, end: End, error: Exception) -> None:
        self._counters.pump_errors += 1
        _log.exception("a link ended by a fault of the relay", connection=end.link.connection)
        self._break(end, error)

    def _take_turns(self) -> None:
        waiting, self._again = self._again, []
        for end in waiting:
            if end.peer is not None:
                end.queued = False
                end.settle()
                try:
                    self._carry(end)
                except Exception as error:  # noqa: BLE001 - as in _turn
                    self._fault(end, error)

    def _attend(self, end: End, event: int) -> None:
        """Everything but the plain case: a writable receiver, an error, an end, TLS."""
        if event & _ERR and (end.eof or end.stopped):
            # It will not be read, so the error would stay unseen: what it sent and nobody took is lost with it.
            number = end.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            self._break(end, OSError(number or errno.ECONNRESET, "reset"))
            return
        if end.out is not None:
            self._flush(end)
        if event != _OUT or not end.plain:
            self._carry(end)

    def _carry(self, end: End) -> None:
        """Reads until the socket is empty, the turn is used up, or the peer is full."""
        for _ in range(self._quota):
            peer = end.peer
            if peer is None or end.eof or end.stopped or end.queued:
                return
            try:
                data = end.recv(self._size)
            except BlockingIOError:
                return
            except OSError as error:
                self._break(end, error)
                return
            if not data:
                self._end_of(end)
                return
            self._pass_on(end, peer, data)
        if end.peer is not None and not end.stopped:
            self._queue(end)

    def _pass_on(self, end: End, peer: End, data: bytes) -> None:
        try:
            sent = peer.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._lost(end, peer, data, error)
            return
        self._notes.chunk(end, data)
        if sent != len(data):
            self._stall(end, peer, data[sent:])

    def _queue(self, end: End) -> None:
        if not end.queued:
            end.queued = True
            end.calm = False
            self._again.append(end)

    def _stall(self, end: End, peer: End, rest: bytes) -> None:
        peer.out = rest
        end.stopped = True
        end.calm = peer.calm = False
        self._counters.stalls += 1

    def _flush(self, end: End) -> None:
        """Sends on what waited for this end; when all is out, its peer is read again."""
        waiting = end.out or b""
        try:
            sent = end.send(waiting)
        except BlockingIOError:
            return
        except OSError as error:
            self._last_words(end)
            self._break(end, error)
            return
        if sent != len(waiting):
            end.out = waiting[sent:]
            return
        end.out = None
        end.settle()
        peer = end.peer
        if peer is not None:
            peer.stopped = False
            peer.settle()
            self._carry(peer)

    def _end_of(self, end: End) -> None:
        """A side ended its sending. Nothing of it can be waiting, or it would not have been read."""
        link, peer = end.link, end.peer
        if peer is None:
            return
        end.eof = True
        end.calm = False
        link.ended(SIDES[end.side], "fin")
        try:
            sockets.end_sending(peer.sock)
        except OSError as error:
            self._break(peer, error)
            return
        if peer.eof:
            self._finish(end)
        else:
            link.half_closed_at = trio.current_time()
            self._half_closed[link] = end

    def _lost(self, end: End, peer: End, data: bytes, error: OSError) -> None:
        """The receiver turned out to be gone."""
        self._notes.chunk(end, data)
        self._last_words(peer)
        self._break(peer, error)

    def _last_words(self, end: End) -> None:
        """What a broken connection had sent before it broke still goes to the other side, as far as that takes it.

        A CSMS that says Close and leaves with our bytes unread sends a RST right behind its Close frame: without the
        relay the station would see that frame. Ends by itself: nothing new can arrive, and the kernel's buffer is finite.
        """
        peer = end.peer
        if peer is None or end.eof or end.stopped:
            return
        try:
            while peer.out is None and (data := end.recv(self._size)):
                self._notes.chunk(end, data)
                if peer.send(data) != len(data):
                    return
        except OSError:
            return  # would block or broken: either way there is no more to hand on

    def _break(self, end: End, error: BaseException) -> None:
        """This end's connection broke: the other side gets a RST, as it would have without us."""
        end.link.ended(SIDES[end.side], reason_of(error))
        self._finish(end, reset=end.peer)

    def _finish(self, end: End, reset: End | None = None) -> None:
        peer, link = end.peer, end.link
        if peer is None:
            return
        for each in (end, peer):
            del self._ends[each.fd]
            each.peer = each.out = None
            each.eof, each.calm = True, False
            del (
                each.recv,
                each.send,
            )  # bound methods of the socket: without them it goes at once, not with the next GC
            try:
                if each is reset:
                    sockets.reset(each.sock)
                else:
                    each.sock.close()
            except OSError as error:
                _log.debug("closing a broken socket failed", error=str(error))
        self._half_closed.pop(link, None)
        self._notes.closed(link)
