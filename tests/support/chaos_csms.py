"""The chaos's CSMS, a process of its own: welcomes, refuses, talks nonsense or nothing, as each connection's plan says.

It is killed and started again in the midst of it all, and remembers nothing: who connects says in its path who it is.
``SIGUSR1``: the run ends, no more pauses.
"""

from __future__ import annotations

import argparse
import resource
import signal
import socket
import struct
from pathlib import Path

from tests.support.chaos_plan import Plan, Recipe, Streams, answer_of, named_in, plan_of, request_of
from tests.support.chaos_talk import IN, Shared, Talk
from tests.support.chaos_tally import CSMS_COUNTS, Faults, Tally

from nocwatch import clock

HEAD_MAX = 64 << 10
ACCEPTS_MAX = 64


class Csms:
    def __init__(self, shared: Shared, recipe: Recipe, port: int) -> None:
        self.shared = shared
        self.recipe = recipe
        self.host = b"127.0.0.1:%d" % port
        self._listener = socket.create_server(("127.0.0.1", port), backlog=4096)
        self._listener.setblocking(False)
        shared.loop.watch(self._listener.fileno(), IN, self)

    def ready(self, _events: int) -> None:
        for _ in range(ACCEPTS_MAX):
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.shared.tally.add("accepted")
            Meeting(self, sock)


class Meeting:
    """One connection until it is welcomed or refused."""

    def __init__(self, csms: Csms, sock: socket.socket) -> None:
        self._csms, self._sock = csms, sock
        self._shared = csms.shared
        self._head = b""
        self._began_ns = clock.now_ns()
        self._answered = False
        self._shared.loop.watch(sock.fileno(), IN, self)

    def ready(self, _events: int) -> None:
        try:
            data = self._sock.recv(HEAD_MAX)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data or self._answered:  # the relay went, or waits no longer
            self._close()
            return
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            return
        end += 4
        name = named_in(self._head[:end])
        if name is None:
            self._fault("head", "a request that no station sends", f"{self._head[:200]!r}")
            return
        plan = plan_of(self._csms.recipe, *name)
        due = request_of(plan, self._csms.host)
        self._shared.tally.add("heads")
        if self._head != due or plan.arrival in ("flawed", "huge", "wordless", "left_early"):
            # Nothing may come behind the head before the answer has gone.
            self._fault("head", f"{name[0]}.{name[1]}", f"{plan.arrival}: {self._head!r}, not {due!r}")
            return
        self._answered = True
        if plan.answer == "late":
            self._shared.loop.later(plan.delay_s, lambda: self._answer(plan))
        else:
            self._answer(plan)

    def _answer(self, plan: Plan) -> None:
        if self._sock.fileno() < 0:
            return
        if plan.answer == "silent":
            return  # until the relay has had enough of it
        glued = plan.glued if plan.answer == "glued" else 0
        answer = answer_of(plan)
        shared = self._shared
        if glued:
            answer += shared.streams.of(plan, 1).piece(0, glued)
            shared.tally.add("bytes_sent", glued)
        try:
            if answer and self._sock.send(answer) != len(answer):
                raise AssertionError("an empty socket takes a head")
        except OSError:
            self._close()
            return
        if not plan.welcomed:
            if plan.answer == "resets":
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._close()
            return
        shared.loop.forget(self._sock.fileno())
        Talk(shared, self._sock, plan, glued, lambda: None).start(b"")

    def _fault(self, kind: str, name: str, said: str) -> None:
        self._shared.faults.note(kind, "csms", name, self._began_ns, said)
        self._close()

    def _close(self) -> None:
        if self._sock.fileno() >= 0:
            self._shared.loop.forget(self._sock.fileno())
            self._sock.close()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--tempo", type=float, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--ramp", type=float, default=100.0)
    parser.add_argument("--tls-port", type=int, default=0)
    parser.add_argument("--authority", type=Path)
    return parser.parse_args()


def shared_for(
    given: argparse.Namespace, side: int, name: str, counts: tuple[str, ...]
) -> tuple[Shared, Recipe]:
    """What both kinds of process begin with; descriptors as many as the system allows."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    recipe = Recipe(given.seed, given.tempo)
    tally = Tally(given.folder / f"{name}.tally", counts)
    return Shared(side, Streams(recipe), tally, Faults(given.folder / "faults.jsonl")), recipe


def main() -> None:
    given = arguments()
    shared, recipe = shared_for(given, 1, "csms", CSMS_COUNTS)
    shared.tally.add("starts")
    shared.tally.set("alive", 0)
    Csms(shared, recipe, given.port)
    signal.signal(signal.SIGUSR1, lambda *_: shared.loop.later(0.0, shared.hasten))
    shared.loop.run()


if __name__ == "__main__":
    main()
