"""Starts nocwatch's processes and keeps them running: what ``nocwatch run`` and ``nocwatch demo`` do.

Each process is a plain ``nocwatch`` command of its own, so that whoever prefers systemd or containers starts the same ones.
A process that ends unasked is started again after a pause that doubles up to a limit; one that cannot start at all (exit
status 2: configuration) ends the whole. Relay and watch never wait for one another: the journal is their only seam.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

import structlog
import trio

from nocwatch.errors import NocwatchError

PAUSE_FIRST_S = 1.0
PAUSE_MAX_S = 30.0
STEADY_AFTER_S = 60.0
"""A process that ran this long starts again after the first pause: its trouble is a new one."""
STOP_PATIENCE_S = 20.0
"""How long a process may take to end after SIGTERM before it is killed: the relay flushes its journal, the watch its store."""
USAGE_ERROR = 2

log = structlog.get_logger("nocwatch.run")


@dataclass(frozen=True, slots=True)
class Part:
    """One process: ``nocwatch *arguments``."""

    name: str
    arguments: tuple[str, ...]

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-m", "nocwatch", *self.arguments]


async def supervise(parts: Sequence[Part], started: Callable[[], None] | None = None) -> None:
    """Runs the parts until SIGTERM or SIGINT, then ends them and returns.

    Args:
        parts: in the order in which they are started; all are ended at once.
        started: called once all have been started.

    Raises:
        NocwatchError: where a part refuses its configuration (exit status 2).
    """
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            for part in parts:
                nursery.start_soon(_keep, part)
            if started:
                started()
            nursery.start_soon(_stop_at_signal, signals, nursery.cancel_scope)


async def _stop_at_signal(signals: AsyncIterator[int], scope: trio.CancelScope) -> None:
    async for number in signals:
        log.info("stopping", signal=signal.Signals(number).name)
        scope.cancel()
        return


async def _keep(part: Part) -> None:
    pause_s = PAUSE_FIRST_S
    while True:
        since = trio.current_time()
        process = await trio.lowlevel.open_process(part.command, start_new_session=True)
        try:
            status = await process.wait()
        finally:
            if process.returncode is None:
                await _end(part, process)
        if status == USAGE_ERROR:
            raise NocwatchError(f"{part.name} could not start; what it said stands above")
        ran_s = trio.current_time() - since
        pause_s = PAUSE_FIRST_S if ran_s > STEADY_AFTER_S else min(pause_s * 2, PAUSE_MAX_S)
        log.error(
            "process ended unasked; starting it again",
            process=part.name,
            status=_status(status),
            pause_s=pause_s,
        )
        await trio.sleep(pause_s)


async def _end(part: Part, process: trio.Process) -> None:
    with trio.CancelScope(shield=True):
        process.terminate()
        with trio.move_on_after(STOP_PATIENCE_S):
            await process.wait()
            return
        log.error("process did not end in time; killing it", process=part.name, patience_s=STOP_PATIENCE_S)
        process.kill()
        await process.wait()


def _status(status: int) -> str:
    if status < 0:
        return signal.Signals(-status).name
    return f"exit {status}"
