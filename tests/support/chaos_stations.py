"""The chaos's stations, thousands in one process: each connects, does what its plan says, ends, and comes again.

``SIGTERM``: no station comes again, those that talk say what is left without a pause; the process ends when the last has
ended, or says which are stuck.
"""

from __future__ import annotations

import argparse
import errno
import re
import signal
import socket
import struct
from collections.abc import Callable

from tests.support.chaos_csms import arguments, shared_for
from tests.support.chaos_plan import FLAWS, Plan, Recipe, answer_of, plan_of, request_of, status_due
from tests.support.chaos_secure import Secure, Ways
from tests.support.chaos_talk import IN, OUT, Shared, Talk
from tests.support.chaos_tally import STATION_COUNTS

from nocwatch import clock

ANSWER_PATIENCE_S = 90.0
"""Longer than all of the relay's own limits together: who has no answer by then is forgotten by it."""
DRAIN_S = 60.0
RELAYS_OWN = frozenset({400, 431, 502, 504})
"""Statuses that a plan expects of the relay itself."""
COME_AGAIN_S = (0.2, 3.0)

_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")


class Fleet:
    """All stations."""

    def __init__(self, shared: Shared, recipe: Recipe, given: argparse.Namespace) -> None:
        self.shared = shared
        self.recipe = recipe
        self.port: int = given.port
        self.tls_port: int = given.tls_port
        self.ways = Ways(given.authority)
        self.underway: set[Attempt] = set()
        self.ends = False
        for station in range(given.count):
            shared.loop.later(station / given.ramp, lambda station=station: self.come(station, 1))

    def come(self, station: int, attempt: int) -> None:
        if self.ends:
            return
        plan = plan_of(self.recipe, station, attempt)
        low, high = COME_AGAIN_S
        pause_s = low + (high - low) * (plan.variant / (1 << 16))

        def again() -> None:
            self.shared.loop.later(pause_s, lambda: self.come(station, attempt + 1))

        Attempt(self, plan, again)

    def drain(self) -> None:
        self.ends = True
        self.shared.hasten()
        self.shared.loop.later(DRAIN_S, self.give_up)
        self._look()

    def _look(self) -> None:
        self.shared.loop.ended = not self.underway and not self.shared.talks
        self.shared.loop.later(0.05, self._look)

    def give_up(self) -> None:
        for talk in list(self.shared.talks):
            talk.stuck()
        for attempt in list(self.underway):
            attempt.give_up()
        self.shared.loop.ended = True


class Attempt:
    """One connection until it is a link, or not."""

    def __init__(self, fleet: Fleet, plan: Plan, over: Callable[[], None]) -> None:
        self._fleet, self._plan, self._over = fleet, plan, over
        self._shared = fleet.shared
        self._began_ns = clock.now_ns()
        self._answer = b""
        self._secure: Secure | None = None
        self._shaking = False
        self._pieces = self._arrival()
        self._sending = b""
        self._connected = False
        fleet.underway.add(self)
        self._sock = socket.socket()
        self._sock.setblocking(False)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number = self._sock.connect_ex(("127.0.0.1", fleet.tls_port if plan.tls else fleet.port))
        if number not in (0, errno.EINPROGRESS):
            self._lost(f"cannot connect: {errno.errorcode[number]}")
            return
        self._shared.loop.watch(self._sock.fileno(), OUT, self)
        self._shared.loop.later(ANSWER_PATIENCE_S, self.give_up)

    def _arrival(self) -> list[tuple[float, bytes]]:
        """Pauses and pieces, first piece last."""
        plan = self._plan
        head = request_of(plan, b"chaos.example")
        if plan.leaves_within_tls:
            head = self._fleet.ways.hello(plan)
        if plan.speaks_plain:
            head = FLAWS[0]
        elif plan.arrival == "flawed":
            head = FLAWS[plan.variant % len(FLAWS)]
        elif plan.arrival == "huge":
            head = head[:-2] + b"X-Huge: " + b"h" * (66 << 10) + b"\r\n\r\n"
        elif plan.arrival == "glued":
            head += self._shared.streams.of(plan, 0).piece(0, plan.glued)
        elif plan.arrival == "left_early":
            return [(0.0, head[: 1 + plan.variant % (len(head) - 1)])]
        elif plan.arrival == "wordless":
            return []
        elif plan.arrival == "slow":
            size = len(head) // 4
            return [(plan.delay_s, head[at : at + size]) for at in range(0, len(head), size)][::-1]
        return [(0.0, head)]

    def ready(self, events: int) -> None:
        if not self._connected:
            number = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if number:
                self._lost(f"cannot connect: {errno.errorcode[number]}")
                return
            self._connected = True
            self._shared.tally.add("connected")
            if self._plan.begins_tls:
                self._sock = self._secure = self._fleet.ways.secure(self._sock, self._plan)
                self._shaking = True
                self._shake()
            else:
                self._next_piece()
            return
        if self._shaking:
            self._shake()
            return
        if events & OUT:
            self._send()
        if events & ~OUT and self._sock.fileno() >= 0:
            self._receive()

    def _shake(self) -> None:
        assert self._secure is not None
        try:
            self._shaking = not self._secure.shake()
        except OSError as error:
            self._fault("tls", f"{self._plan.tls}: {error}")
            self._shared.tally.add("mute")
            self._close()
            return
        if self._shaking:
            wanted = IN | OUT if self._secure.owes else IN
            self._shared.loop.watch(self._sock.fileno(), wanted, self)
            return
        self._shared.tally.add("secured")
        self._shared.tally.add("resumed", int(self._secure.resumed))
        self._next_piece()

    def _next_piece(self) -> None:
        if self._sock.fileno() < 0:
            return
        if not self._pieces:
            self._shared.loop.watch(self._sock.fileno(), IN, self)
            if self._plan.leaves:
                self._shared.loop.later(self._plan.delay_s, self._leave)
            return
        pause_s, self._sending = self._pieces.pop()
        self._shared.loop.watch(self._sock.fileno(), IN, self)
        self._shared.loop.later(pause_s, self._send)

    def _send(self) -> None:
        if self._sock.fileno() < 0:
            return
        try:
            while self._sending:  # as much as the kernel takes: TLS takes it in records
                self._sending = self._sending[self._sock.send(self._sending) :]
        except BlockingIOError:
            pass
        except OSError:
            self._sending = b""  # it has answered and gone: reading will tell
        if self._sending:
            self._shared.loop.watch(self._sock.fileno(), IN | OUT, self)
        else:
            self._next_piece()

    def _leave(self) -> None:
        if self._sock.fileno() >= 0:
            if self._plan.variant % 2:
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._end()

    def _receive(self) -> None:
        try:
            data = self._sock.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._answer += data
        end = self._answer.find(b"\r\n\r\n")
        if end >= 0 and self._answer.startswith(b"HTTP/1.1 101 "):
            if not self._plan.leaves:
                self._welcomed(end + 4)
            return
        if not data:
            self._end()

    def _welcomed(self, end: int) -> None:
        head, glued = self._answer[:end], self._answer[end:]
        plan = self._plan
        self._shared.loop.forget(self._sock.fileno())
        self._fleet.underway.discard(self)
        self._shared.tally.add("csms_101")
        if self._secure is not None:
            self._fleet.ways.keep(plan, self._secure)
        if head != answer_of(plan) or not plan.welcomed or status_due(plan) != 101:
            self._fault("head", f"{head!r}, not {answer_of(plan)!r}")
        if not plan.pause_s:
            self._shared.tally.add("flooded")
        already = plan.glued if plan.arrival == "glued" else 0
        self._shared.tally.add("bytes_sent", already)
        Talk(self._shared, self._sock, plan, already, self._over).start(glued)

    def _end(self) -> None:
        """It ended without a link: was that what was due?"""
        plan = self._plan
        match = _STATUS.match(self._answer)
        status = int(match[1]) if match else None
        own = b"nocwatch relay: " in self._answer
        self._shared.tally.add(f"{'relay' if own else 'csms'}_{status}" if status else "mute")
        if plan.speaks_plain:
            self._shared.tally.add("plain_to_tls")
            if status is not None:
                self._fault("answer", f"HTTP where TLS is spoken: {self._answer[:300]!r}")
        elif not plan.leaves:
            due = status_due(plan)
            if status is None and due in RELAYS_OWN:
                # Of the refused only so many are given a moment to read why; it is counted, and bounded by the judge.
                self._shared.tally.add("unanswered")
            elif status != due or own != (due in RELAYS_OWN):
                said = f"{plan.arrival}, {plan.answer}: {status or 'nothing'} instead of {due}"
                self._fault("answer", f"{said}: {self._answer[:300]!r}")
            elif not own and self._answer != answer_of(plan):
                self._fault("answer", f"{self._answer!r}, not {answer_of(plan)!r}")
        self._close()

    def give_up(self) -> None:
        if self in self._fleet.underway:
            self._fault(
                "stuck", f"no answer yet; {self._plan.arrival}, {self._plan.answer}: {self._answer[:200]!r}"
            )
            self._end()

    def _lost(self, said: str) -> None:
        self._fault("connect", said)
        self._close()

    def _fault(self, kind: str, said: str) -> None:
        self._shared.faults.note(
            kind, "station", f"{self._plan.station}.{self._plan.attempt}", self._began_ns, said
        )

    def _close(self) -> None:
        if self._sock.fileno() >= 0:
            self._shared.loop.forget(self._sock.fileno())
            self._sock.close()
        self._fleet.underway.discard(self)
        self._over()


def main() -> None:
    given = arguments()
    shared, recipe = shared_for(given, 0, "stations", STATION_COUNTS)
    fleet = Fleet(shared, recipe, given)
    signal.signal(signal.SIGTERM, lambda *_: shared.loop.later(0.0, fleet.drain))
    shared.loop.run()


if __name__ == "__main__":
    main()
