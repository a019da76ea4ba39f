"""The pump: carries bytes between the two sockets of every link, in one trio task over a private epoll.

Not a parser, and not a place for decisions: what was read is sent, and then told to the recorder.

Always holds:
- A byte leaves before anyone looks at it. One call a turn tells the recorder of all chunks of that turn.
- Each direction holds at most one chunk that could not be sent; until it is out, its sender is not read.
- One direction moves at most ``chunks_per_turn`` chunks before all others had their turn.
- A FIN follows the last byte and leaves the other direction open; a RST or a dead peer is handed on as a RST.

The epoll is edge-triggered, and each descriptor is registered once for everything. So whoever stops before the socket
says "would block" must come back by itself: by ``_again`` (quota), or when the receiver is writable (back-pressure). A
plain read that is shorter than asked has emptied the socket; a TLS read says nothing of the kind, there the socket knows by
itself whether there is ``more``.
"""

from __future__ import annotations

import errno
import select
import socket

import structlog
import trio

from nocwatch import clock
from nocwatch.proxy.counters import Counters
from nocwatch.proxy.ends import End, Link
from nocwatch.proxy.links import Links
from nocwatch.proxy.notes import Notes
from nocwatch.proxy.recorder import Guard
from nocwatch.proxy.settings import Limits
from nocwatch.proxy.stopwatch import Stopwatch

_log = structlog.get_logger(__name__)

EVENTS_MAX = 256
"""Events taken from epoll before trio's other tasks have theirs, in one turn or in several short ones: a poll costs a twentieth of
the way round trio's loop. More would keep accepts and handshakes waiting for longer than a few ms."""

SIZE_MIN = 1024
"""Bytes read at once while all links together hold as much as they may: nobody is cut off for what others do, but whoever
stalls now can add no more than this."""

_IN, _OUT, _ERR = select.EPOLLIN, select.EPOLLOUT, select.EPOLLERR
_CALM = _IN | _OUT


class Pump:
    """Moves what the links of one relay process have to say.

    Attributes:
        links: all of them.
        turns: how many there were; the watchdog's proof that it lives.
    """

    def __init__(self, guard: Guard, counters: Counters, limits: Limits) -> None:
        self._counters = counters
        self._size = limits.chunk_size
        self._held_max = limits.held_max
        self._quota = limits.chunks_per_turn
        self._epoll = select.epoll()
        self._stopwatch = Stopwatch(self._epoll.fileno())
        self._again: list[End] = []
        self._notes = Notes(guard, counters, self._stopwatch)
        self.links = Links(self._epoll, self._notes, counters, limits.half_closed_max)
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
        """Takes over two connected, non-blocking sockets whose heads have passed. What goes wrong from here on ends this link alone.

        Args:
            link: who they are.
            station: its socket; the pump closes it.
            csms: likewise.
            from_station: bytes that came glued to the request, to be sent before all others.
            from_csms: bytes that came glued to the answer, likewise.

        Raises:
            MemoryError: there is no room for it. Nothing of it was taken over, and nobody was told.
        """
        near, far = self.links.add(link, station, csms)
        at_ns = clock.now_ns()
        try:
            self._notes.opened(at_ns, link)
        except BaseException:
            # No memory for it: nobody was told of it, and its sockets are the caller's again.
            self.links.forget(near, far)
            raise
        try:
            self.links.watch(near)
            self.links.watch(far)
        except OSError as error:
            self._counters.pump_errors += 1
            self.links.broke(near, error)
        for end, glued in ((near, from_station), (far, from_csms)):
            if glued and end.peer is not None:
                end.read_first(glued)
        # Carried only now: should one end turn out to be gone, what came with its head are the first of its last words.
        for end, glued in ((near, from_station), (far, from_csms)):
            if glued:
                try:
                    self._carry(end)
                except Exception as error:  # noqa: BLE001 - as in _turn; half adopted, it would never be closed
                    self._fault(end, error)
        self._notes.tell(at_ns)

    async def run(self) -> None:
        """Carries bytes until cancelled; ``close_all`` then ends what is left."""
        fd, poll = self._epoll.fileno(), self._epoll.poll
        asks, emptied = self._stopwatch.asks, self._stopwatch.emptied
        trio.lowlevel.add_instrument(self._stopwatch)
        while True:
            if self._again:
                await trio.lowlevel.checkpoint()
            else:
                await trio.lowlevel.wait_readable(fd)
            left = EVENTS_MAX
            while left > 0:
                asks()
                events = poll(0, left)
                if events or self._again:
                    self._turn(events)
                    self.turns += 1
                if len(events) < left:
                    emptied()
                if not events or self._again:
                    break
                left -= len(events)

    def delays(self) -> dict[str, int]:
        """How long chunks were kept, as a tick holds it."""
        return self._stopwatch.flat()

    def sweep(self) -> None:
        """Ends links that one side left too long ago. Called once a second."""
        self.links.sweep()
        self._notes.tell(clock.now_ns())

    def close_all(self) -> None:
        """Ends every link in order, at TCP level: the relay is going."""
        self.links.close_all()
        self._notes.tell(clock.now_ns())

    def close(self) -> None:
        """Gives the epoll's descriptor back; the pump is of no use afterwards."""
        self._epoll.close()

    def _turn(self, events: list[tuple[int, int]]) -> None:  # noqa: C901, PLR0912, PLR0915 - flat, since calls cost here
        """One poll's events. The first branch is the way of nearly every byte: nothing else belongs there."""
        at_ns = clock.now_ns()
        if self._again:
            self._take_turns()
        get = self.links.ends.get
        size = self._size if self._counters.held_bytes < self._held_max else SIZE_MIN
        notes = self._notes
        moved, reads = notes.moved, notes.reads
        add_key, add_chunk = notes.keys.append, notes.chunks.append
        for fd, event in events:
            end = get(fd)
            if end is None:
                continue
            try:
                if event == _CALM and end.calm:
                    recv = end.recv  # named first: CPython 3.11 is slower at calling through a slot
                    data = recv(size)
                    if data:
                        peer = end.peer
                        send = peer.send  # type: ignore[union-attr]  # a calm end has a peer
                        count = len(data)
                        try:
                            sent = send(data)
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
                        elif count == size or ((tls := end.tls) is not None and tls.more):
                            self._queue(end)
                        continue
                    self._left(end)
                else:
                    self._attend(end, event)
            except BlockingIOError:
                continue
            except OSError as error:
                self.links.broke(end, error)
            except Exception as error:  # noqa: BLE001 - a fault of ours may cost one link, never all of them
                self._fault(end, error)
        notes.tell(at_ns)

    def _fault(self, end: End, error: Exception) -> None:
        self._counters.pump_errors += 1
        _log.exception("a link ended by a fault of the relay", connection=end.link.connection)
        self.links.broke(end, error)

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
        """Everything but the plain case: a writable receiver, an error, an end."""
        if event & _ERR and (end.eof or end.stopped):
            # It will not be read, so the error would stay unseen: what it sent and nobody took is lost with it.
            number = end.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            self.links.broke(end, OSError(number or errno.ECONNRESET, "reset"))
            return
        if end.out is not None:
            self._flush(end)
        if event != _OUT or end.tls is not None:
            self._carry(end, ends=bool(event & ~_CALM))

    def _carry(self, end: End, *, ends: bool = True) -> None:
        """Reads until the socket is empty, the turn is used up, or the peer is full.

        ``ends``: the peer may have ended its sending, which only another read tells.
        """
        size = self._size if self._counters.held_bytes < self._held_max else SIZE_MIN
        for _ in range(self._quota):
            peer = end.peer
            if peer is None or end.eof or end.stopped or end.queued:
                return
            try:
                data = end.recv(size)
            except BlockingIOError:
                return
            except OSError as error:
                self.links.broke(end, error)
                return
            if not data:
                self._left(end)
                return
            self._pass_on(end, peer, data)
            if not ends and end.tls is not None and not end.tls.more:
                return
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
        self._counters.held_bytes += len(rest)

    def _flush(self, end: End) -> None:
        """Sends on what waited for this end; when all is out, its peer is read again."""
        waiting = end.out or b""
        try:
            sent = end.send(waiting)
        except BlockingIOError:
            return
        except OSError as error:
            self._last_words(end)
            self.links.broke(end, error)
            return
        self._counters.held_bytes -= sent
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

    def _left(self, end: End) -> None:
        """A side ended its sending; should the other turn out to be gone, its last words come first."""
        peer = end.peer
        if peer is None:
            return
        try:
            self.links.left(end)
        except OSError as error:
            self._last_words(peer)
            self.links.broke(peer, error)

    def _lost(self, end: End, peer: End, data: bytes, error: OSError) -> None:
        """The receiver turned out to be gone."""
        self._notes.chunk(end, data)
        self._last_words(peer)
        self.links.broke(peer, error)

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
