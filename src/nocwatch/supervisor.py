"""Starts nocwatch's processes and keeps them running: what ``nocwatch run`` and ``nocwatch demo`` do.

Each process is a plain ``nocwatch`` command of its own, so that whoever prefers systemd or containers starts the same ones.
A process that ends unasked is started again after a pause that doubles up to a limit; one that cannot start at all (exit
status 2 at its first start: configuration; of the relay also 1: a port that is taken) ends the whole. However this process ends, the parts end too (``lifeline.py``). Relay and watch never wait for one another: the journal is their only seam.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import structlog
import trio

from nocwatch import notify
from nocwatch.errors import NocwatchError, NotNowError
from nocwatch.lifeline import Lifeline

PAUSE_FIRST_S = 1.0
PAUSE_MAX_S = 30.0
STEADY_AFTER_S = 60.0
"""A process that ran this long starts again after the first pause: its trouble is a new one."""
STOP_PATIENCE_S = 20.0
"""How long a process may take to end after SIGTERM, its grace aside, before it is killed: the relay flushes its journal, the
watch its store."""
USAGE_ERROR = 2
NOT_NOW = 1

log = structlog.get_logger("nocwatch.run")


@dataclass(frozen=True, slots=True)
class Part:
    """One process: ``nocwatch *arguments``.

    Attributes:
        grace_s: how long it may take over its end beyond the usual patience.
        vital: where it cannot start at all, the others are of no use: the whole ends also for what may pass (status 1: a port
            that is taken), and whoever started the whole, a person or systemd, decides.
    """

    name: str
    arguments: tuple[str, ...]
    grace_s: float = 0.0
    vital: bool = False

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-m", "nocwatch", *self.arguments]


class _Reloads:
    """Hands SIGHUP on to the parts that say when they are ready: before that it would end a process instead."""

    def __init__(self) -> None:
        self._ready: dict[str, trio.Process] = {}
        self._wanted: set[str] = set()

    def asked(self, names: Iterable[str]) -> None:
        for name in names:
            process = self._ready.get(name)
            if process is None:
                self._wanted.add(name)  # what it reads now may be older than the signal
            elif process.returncode is None:
                process.send_signal(signal.SIGHUP)

    def is_ready(self, name: str, process: trio.Process) -> None:
        self._ready[name] = process
        if name in self._wanted:
            self._wanted.remove(name)
            process.send_signal(signal.SIGHUP)

    def ended(self, name: str) -> None:
        self._ready.pop(name, None)


async def supervise(
    parts: Sequence[Part], started: Callable[[], None] | None = None, awaited: Sequence[str] = ()
) -> None:
    """Runs the parts until SIGTERM or SIGINT, then ends them and returns. SIGHUP goes on to those that say that they are ready.

    Args:
        parts: in the order in which they are started; all are ended at once.
        started: called once the awaited parts have said that they are ready.
        awaited: names of parts that say so (``notify.ready``).

    Raises:
        NocwatchError: where a part refuses its configuration at its first start (exit status 2), or a vital one ends then with
            status 1 (``NotNowError``). Later it is tried again
            and again: a rule that someone broke meanwhile must keep the watch down and not the relay.
    """
    waiting = set(awaited)
    reloads = _Reloads()

    def ready(name: str, process: trio.Process) -> None:
        reloads.is_ready(name, process)
        if name in waiting:
            waiting.remove(name)
            if not waiting and started:
                started()

    if not waiting and started:
        started()
    with Lifeline() as lifeline:
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
            async with trio.open_nursery() as nursery:
                for part in parts:
                    nursery.start_soon(_keep, part, lifeline, partial(ready, part.name), reloads)
                async for number in signals:
                    if number == signal.SIGHUP:
                        reloads.asked(part.name for part in parts)
                        continue
                    log.info("stopping", signal=signal.Signals(number).name)
                    nursery.cancel_scope.cancel()
                    return


async def _keep(
    part: Part, lifeline: Lifeline, ready: Callable[[trio.Process], None], reloads: _Reloads
) -> None:
    pause_s = PAUSE_FIRST_S
    first = True
    while True:
        since = trio.current_time()
        try:
            status: int | None = await _run(part, lifeline, ready)
        except OSError as error:
            # No memory or descriptors for a new process: that must not take the others along.
            log.error("process could not be made", process=part.name, error=str(error))
            status = None
        reloads.ended(part.name)
        if first and (status == USAGE_ERROR or (status == NOT_NOW and part.vital)):
            error_type = NocwatchError if status == USAGE_ERROR else NotNowError
            raise error_type(f"{part.name} could not start; what it said stands above")
        first = False
        if trio.current_time() - since > STEADY_AFTER_S:
            pause_s = PAUSE_FIRST_S
        log.error(
            "process ended unasked; starting it again",
            process=part.name,
            status=told(status),
            pause_s=pause_s,
        )
        await trio.sleep(pause_s)
        pause_s = min(pause_s * 2, PAUSE_MAX_S)


async def _run(part: Part, lifeline: Lifeline, ready: Callable[[trio.Process], None]) -> int:
    """The part's process from its start to its end; its exit status."""
    unnamed = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    unnamed.bind("")  # an abstract name of the kernel's choice: nothing is left behind on disk
    with trio.socket.from_stdlib_socket(unnamed) as listener:
        name = listener.getsockname()
        address = "@" + (name[1:].decode() if isinstance(name, bytes) else name[1:])
        process = await trio.lowlevel.open_process(
            part.command,
            start_new_session=True,
            pass_fds=(lifeline.reader,),
            env={**notify.for_children(os.environ), **lifeline.environment, notify.VARIABLE: address},
        )
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_listen, listener, partial(ready, process))
                status = await process.wait()
                nursery.cancel_scope.cancel()
        finally:
            if process.returncode is None:
                await _end(part, process)
    return status


async def _listen(listener: trio.socket.SocketType, ready: Callable[[], None]) -> None:
    while True:
        if notify.READY in (await listener.recv(4096)).splitlines():
            ready()


async def _end(part: Part, process: trio.Process) -> None:
    with trio.CancelScope(shield=True):
        process.terminate()
        patience_s = STOP_PATIENCE_S + part.grace_s
        with trio.move_on_after(patience_s):
            await process.wait()
            return
        log.error("process did not end in time; killing it", process=part.name, patience_s=patience_s)
        process.kill()
        await process.wait()


def told(status: int | None) -> str:
    """An exit status in words; None where there was no process."""
    if status is None:
        return "not started"
    if status >= 0:
        return f"exit {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:  # a real-time signal has no name
        return f"signal {-status}"
