"""What the process's signals ask of a relay: SIGTERM and SIGINT to end, a second one to end now, SIGHUP to reload."""

from __future__ import annotations

import signal
from typing import Protocol

import structlog
import trio

_log = structlog.get_logger("nocwatch.relay")


class Obedient(Protocol):
    """One relay process, or the parent of several."""

    @property
    def draining(self) -> bool: ...

    def stop(self) -> None:
        """Accept nothing more, give the links their grace, then end."""

    def hurry(self) -> None:
        """The links' grace ends now."""

    async def reload(self) -> None:
        """Takes over the configuration as it is now."""


async def obey(relay: Obedient, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    """Until cancelled."""
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as received:
        async with trio.open_nursery() as nursery:
            task_status.started()
            async for number in received:
                if number == signal.SIGHUP:
                    # In a task of its own: a file that hangs on a dead network disk must not keep SIGTERM waiting.
                    nursery.start_soon(relay.reload)
                elif relay.draining:
                    _log.warning("second signal: the links' grace ends now")
                    relay.hurry()
                else:
                    _log.info("shutting down", signal=signal.Signals(number).name)
                    relay.stop()
