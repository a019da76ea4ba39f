"""One end of a chaotic connection behind its handshake, and the loop that many thousands of them share.

A plain epoll loop, since five thousand of these must cost less than the relay between them. Each end sends its stream as
its plan says, compares all that arrives with the other's, and judges how the connection ended.
"""

from __future__ import annotations

import errno
import heapq
import itertools
import os
import select
import socket
import struct
import time
from collections.abc import Callable
from typing import Protocol

from tests.support.chaos_plan import PIECE_MAX, Plan, Streams
from tests.support.chaos_tally import Faults, Tally

from nocwatch import clock

IN, OUT = select.EPOLLIN, select.EPOLLOUT
_TROUBLE = select.EPOLLERR | select.EPOLLHUP
READS_MAX = 4
ABANDONED_S = 75.0
"""Beyond the relay's ``half_closed_max``: by then it has ended what nobody else did."""
_BROKEN = (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN)
_SIDES = ("station", "csms")


class Handler(Protocol):
    def ready(self, events: int) -> None: ...


class Loop:
    """Handlers by descriptor, and what is to happen when."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Handler] = {}
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self.ended = False

    def watch(self, fd: int, events: int, handler: Handler) -> None:
        if fd in self._handlers:
            self._epoll.modify(fd, events)
        else:
            self._epoll.register(fd, events)
        self._handlers[fd] = handler

    def forget(self, fd: int) -> None:
        if self._handlers.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def later(self, delay_s: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._due, (time.monotonic() + delay_s, next(self._numbers), call))

    def run(self) -> None:
        due, handlers = self._due, self._handlers
        while not self.ended:
            wait_s = min(0.2, max(0.0, due[0][0] - time.monotonic())) if due else 0.2
            for fd, events in self._epoll.poll(wait_s, 512):
                handler = handlers.get(fd)
                if handler is not None:
                    handler.ready(events)
            now_s = time.monotonic()
            while due and due[0][0] <= now_s:
                heapq.heappop(due)[2]()


class Shared:
    """What all connections of a process share.

    Attributes:
        hasty: the run ends: no more pauses.
        talks: those that are open.
    """

    def __init__(self, side: int, streams: Streams, tally: Tally, faults: Faults) -> None:
        self.side = side
        self.loop = Loop()
        self.streams = streams
        self.tally = tally
        self.faults = faults
        self.hasty = False
        self.talks: set[Talk] = set()

    def hasten(self) -> None:
        self.hasty = True
        for talk in list(self.talks):
            talk.hasten()


class Talk:
    """One end, from the bytes behind the heads to the end of the connection.

    Args:
        already: how much of our own stream went out with the head.
        over: called once, when the socket is closed.
    """

    __slots__ = (
        "_allowed", "_began_ns", "_events", "_fin_seen", "_fin_sent", "_ours", "_over", "_plan", "_received", "_sent",
        "_shared", "_side", "_sock", "_stalled", "_theirs",
    )  # fmt: skip

    def __init__(
        self, shared: Shared, sock: socket.socket, plan: Plan, already: int, over: Callable[[], None]
    ) -> None:
        self._shared, self._sock, self._plan, self._over = shared, sock, plan, over
        self._side = shared.side
        self._ours = shared.streams.of(plan, self._side)
        self._theirs = shared.streams.of(plan, 1 - self._side)
        self._sent = self._allowed = already
        self._received = 0
        self._began_ns = clock.now_ns()
        self._stalled: bool | None = None  # None: not yet
        self._fin_seen = self._fin_sent = False
        self._events = -1
        shared.talks.add(self)
        shared.tally.set("alive", len(shared.talks))

    @property
    def name(self) -> str:
        return f"{self._plan.station}.{self._plan.attempt}"

    def start(self, glued: bytes) -> None:
        self._burst()
        if glued:
            self._take(glued)
        self._settle()

    def hasten(self) -> None:
        self._allowed = self._ours.total
        self._stalled = False if self._stalled else self._stalled
        self._settle()

    def stuck(self) -> None:
        """The run is over and this is not."""
        state = f"sent {self._sent} of {self._ours.total}, received {self._received} of {self._theirs.total}"
        self._fault(
            "stuck", f"{state}, fin sent {self._fin_sent}, seen {self._fin_seen}, stalled {self._stalled}"
        )
        self._reset()

    def ready(self, events: int) -> None:
        if events & OUT:
            self._write()
        if events & _TROUBLE and self._sock.fileno() >= 0:
            self._stalled = False if self._stalled else self._stalled
            if self._fin_seen:  # nothing more can be read, the error itself neither
                number = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or errno.ECONNRESET
                self._broke(OSError(number, os.strerror(number)))
                return
        if events & (IN | _TROUBLE) and self._sock.fileno() >= 0:
            self._read()
        self._settle()

    # --- sending ----------------------------------------------------------------------------------------------------

    def _burst(self) -> None:
        if self._sock.fileno() < 0:
            return
        plan = self._plan
        if plan.pause_s and not self._shared.hasty and not self._fin_seen:
            self._allowed = min(self._ours.total, self._allowed + plan.burst)
            if self._allowed < self._ours.total:
                self._shared.loop.later(plan.pause_s, self._burst)
        else:
            self._allowed = self._ours.total
        self._settle()

    def _write(self) -> None:
        end = self._plan.cut if self._plan.resets(self._side) else self._ours.total
        size = min(self._allowed, end) - self._sent
        if size > 0:
            data = self._ours.piece(self._sent, min(size, PIECE_MAX))
            tally = self._shared.tally
            tally.add(
                "bytes_sent", len(data)
            )  # before: a kill between the two must not hide bytes that went out
            count = 0
            try:
                count = self._sock.send(data)
            except BlockingIOError:
                pass
            except OSError as error:
                self._broke(error)
            tally.add("bytes_sent", count - len(data))
            self._sent += count
        if self._sent >= end and self._sock.fileno() >= 0:
            self._said_all()

    def _said_all(self) -> None:
        plan = self._plan
        if plan.resets(self._side):
            self._reset()
        elif plan.ending == "station_gone" and self._side == 0:
            self._close()
        elif not self._fin_sent and (self._fin_seen or plan.ends_first(self._side)):
            if self._holds():
                return
            try:
                self._sock.shutdown(socket.SHUT_WR)
            except OSError as error:
                self._broke(error)
                return
            self._fin_sent = True
            if self._fin_seen:
                self._close()

    # --- receiving --------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        for _ in range(READS_MAX):
            try:
                data = self._sock.recv(PIECE_MAX)
            except BlockingIOError:
                return
            except OSError as error:
                self._broke(error)
                return
            if not data:
                self._fin()
                return
            self._take(data)
            if self._stalled or self._sock.fileno() < 0:
                return

    def _take(self, data: bytes) -> None:
        at = self._received
        due = self._theirs.piece(at, len(data))
        self._received += len(data)
        self._shared.tally.add("bytes_received", len(data))
        if data != due or self._received > self._theirs.total:
            place = next((i for i, (a, b) in enumerate(zip(data, due, strict=False)) if a != b), len(due))
            self._fault(
                "bytes",
                f"at {at + place} of {self._theirs.total}: {data[place : place + 60]!r}, not {due[place : place + 60]!r}",
            )
            self._reset()
            return
        plan = self._plan
        if (
            plan.staller == self._side
            and self._stalled is None
            and self._received >= plan.stall_at
            and not self._shared.hasty
        ):
            self._stalled = True
            self._shared.tally.add("stalls")
            self._shared.loop.later(plan.stall_s, self._wake)

    def _wake(self) -> None:
        self._stalled = False
        self._settle()

    def _fin(self) -> None:
        self._fin_seen = True
        plan = self._plan
        if plan.leaves:
            pass  # it went without waiting for its answer, however little it had said
        elif plan.resets(1 - self._side):
            self._fault("fin", "a FIN where the other side would have sent a RST")
        elif self._received != self._theirs.total:
            self._fault("short", f"a FIN after {self._received} of {self._theirs.total} bytes")
        if self._holds():
            self._shared.loop.later(ABANDONED_S, self._close)
            return
        if self._fin_sent:
            self._close()
            return
        self._allowed = self._ours.total
        if self._sent >= self._allowed:
            self._said_all()

    def _broke(self, error: OSError) -> None:
        plan = self._plan
        due = (
            plan.leaves or plan.resets(1 - self._side) or (plan.ending == "station_gone" and self._side == 1)
        )
        due = due or (plan.ending == "abandoned" and (self._fin_seen or self._shared.hasty))
        if not due or error.errno not in _BROKEN:
            where = (
                f"sent {self._sent} of {self._ours.total}, received {self._received} of {self._theirs.total}"
            )
            self._fault("reset", f"{error.strerror} ({plan.ending}): {where}")
        self._close()

    # --- the socket -------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Tells epoll what this end waits for."""
        fd = self._sock.fileno()
        if fd < 0:
            return
        end = self._plan.cut if self._plan.resets(self._side) else self._ours.total
        wanted = 0 if self._stalled or self._fin_seen else IN
        if self._sent < min(self._allowed, end) or (self._sent >= end and self._has_to_end()):
            wanted |= OUT
        if wanted != self._events:
            self._events = wanted
            self._shared.loop.watch(fd, wanted, self)

    def _holds(self) -> bool:
        """A CSMS that forgets to end what the station has ended."""
        return self._plan.ending == "abandoned" and self._side == 1 and not self._shared.hasty

    def _has_to_end(self) -> bool:
        plan = self._plan
        if self._holds():
            return False
        return not self._fin_sent and (
            self._fin_seen
            or plan.ends_first(self._side)
            or plan.resets(self._side)
            or (plan.ending == "station_gone" and self._side == 0)
        )

    def _reset(self) -> None:
        if self._sock.fileno() >= 0:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._close()

    def _close(self) -> None:
        if self._sock.fileno() < 0:
            return
        self._shared.loop.forget(self._sock.fileno())
        self._sock.close()
        self._shared.talks.discard(self)
        self._shared.tally.set("alive", len(self._shared.talks))
        self._shared.tally.add("ended")
        self._over()

    def _fault(self, kind: str, said: str) -> None:
        self._shared.faults.note(
            kind, _SIDES[self._side], self.name, self._began_ns, f"{said} [{self._plan.ending}]"
        )
