"""One worker of a relay that has several: a relay process whose parent says what it needs. Started by ``parent.py``.

It takes no signals but SIGTERM: SIGINT of a terminal and SIGHUP are the parent's to hear. When the parent is gone, it
ends at once, without the grace of its links: it would hold its lane for all of that time, and the relay that comes next
could let nobody in. What always holds: it reports only while it carries bytes.
"""

from __future__ import annotations

import os
import signal
import socket
import sys

import structlog
import trio

from nocwatch import garbage, logs
from nocwatch.errors import NocwatchError
from nocwatch.proxy.loops import Dials
from nocwatch.relay.channel import Begin, Channel, Report, Stop, Take
from nocwatch.relay.process import Relay

_log = structlog.get_logger("nocwatch.relay")

REPORT_S = 1.0
FAREWELL_S = 1.0
"""For the last report, which a parent that hangs may not take."""


class Worker:
    """The relay and its parent's channel, put together."""

    def __init__(self, channel: Channel, begin: Begin) -> None:
        sockets = [socket.socket(fileno=each) for each in begin.sockets]
        for each in sockets:
            each.set_inheritable(False)
        self._relay = Relay(
            begin.settings,
            begin.journal,
            lane=begin.lane,
            sockets=sockets,
            former=begin.former,
            dials=shared(begin.dials),
        )
        self._relay.hash_users_with(begin.privacy_key)
        self._channel = channel
        self._taken = 0

    async def run(self) -> None:
        """Until it is told to end, and its links have."""
        async with trio.open_nursery() as talk:
            async with trio.open_nursery() as work:
                await work.start(self._run)
                talk.start_soon(self._hear)
                talk.start_soon(self._report)
                talk.start_soon(self._heed_sigterm)
            with trio.move_on_after(FAREWELL_S):
                await self._tell()
            talk.cancel_scope.cancel()

    async def _run(self, *, task_status: trio.TaskStatus[Relay]) -> None:
        await self._relay.run(task_status=task_status)

    async def _hear(self) -> None:
        while (message := await self._channel.receive()) is not None:
            if isinstance(message, Take):
                try:
                    await self._relay.take_over(message.settings)
                except NocwatchError as error:  # the parent has tried it; a file may have gone since
                    _log.error("the new configuration cannot be used", problem=str(error))
                except Exception as error:  # noqa: BLE001 - no memory, no thread: no link may feel it
                    _log.error("the new configuration cannot be used", problem=type(error).__name__)
                self._taken += 1
                await self._tell()
            elif isinstance(message, Stop):
                self._relay.stop()
                if message.hurry:
                    self._relay.hurry()
        _log.warning("the relay's parent is gone; ending")
        self._relay.stop(asked=False)
        self._relay.hurry()

    async def _report(self) -> None:
        while True:
            if self._relay.lives():
                await self._tell()
            await trio.sleep(REPORT_S)

    async def _tell(self) -> None:
        reasons, remarks = self._relay.ready()
        await self._channel.send(Report(reasons, remarks, self._relay.tick(), self._taken))

    async def _heed_sigterm(self) -> None:
        with trio.open_signal_receiver(signal.SIGTERM) as received:
            async for _ in received:
                self._relay.stop()
                await self._tell()


def shared(descriptor: int) -> Dials | None:
    """The table of all workers; None where there is none, or no room to see it: then this one knows its own dials."""
    if descriptor < 0:
        return None
    try:
        return Dials(descriptor)
    except (OSError, ValueError) as error:
        _log.warning("this worker does not know the others' dials", error=str(error))
        return None
    finally:
        os.close(descriptor)  # the memory stays


async def work(sock: socket.socket) -> None:
    channel = Channel(sock)
    begin = await channel.receive()
    if isinstance(begin, Begin):
        logs.configure(f"relay-{begin.lane}", verbose=begin.verbose)
        worker = Worker(channel, begin)
        garbage.tune()
        await worker.run()


def main() -> None:
    """``python -m nocwatch.relay.worker <descriptor of the channel> <lane, for whoever looks at the processes>``."""
    os.umask(0o077)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sock = socket.socket(fileno=int(sys.argv[1]))
    sock.set_inheritable(False)
    try:
        trio.run(work, sock)
    except* NocwatchError as group:
        problems: list[str] = []
        status = 0
        leaves: list[BaseException] = [group]
        while leaves:
            error = leaves.pop()
            if isinstance(error, BaseExceptionGroup):
                leaves += error.exceptions
            else:
                problems.append(str(error))
                status = max(status, error.status if isinstance(error, NocwatchError) else 1)
        sys.stderr.write("".join(f"nocwatch: {each}\n" for each in problems))
        sys.exit(status)


if __name__ == "__main__":
    main()
