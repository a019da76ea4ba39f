"""The parent of a relay's workers: takes the addresses, starts the workers, keeps them up, and speaks for all of them.

No byte of a station passes here, so nothing that it does can slow one. What always holds: a worker that ends is replaced,
and its stations are dealt to the others meanwhile; a worker that no longer reports carries no bytes either, and is ended;
the end of the parent, however it comes, is the end of the workers: with the grace of their links where it was asked to
end, at once where it was killed, since the next one waits for their lanes.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import structlog
import trio

from nocwatch import notify
from nocwatch.errors import NocwatchError, NotNowError
from nocwatch.journal.settings import JournalSettings
from nocwatch.proxy import listener as listening
from nocwatch.proxy import loops
from nocwatch.proxy.listener import bind
from nocwatch.proxy.settings import RelaySettings
from nocwatch.proxy.status import Answers, serve_status
from nocwatch.relay.channel import Begin, Channel, Message, Report, Stop, Take
from nocwatch.relay.inherited import Given
from nocwatch.relay.lanes import Lane, each_of, figures, readiness
from nocwatch.relay.places import Places
from nocwatch.relay.reload import Reloading, Reread, prepare
from nocwatch.relay.signals import obey

_log = structlog.get_logger("nocwatch.relay")

START_APART_S = 1.0
"""Between two starts on one lane: its connections' numbers begin with the second of the start."""
PAUSE_FIRST_S = 1.0
PAUSE_MAX_S = 30.0
"""A worker that crashes once is replaced at once, one that crashes again after a pause that doubles up to this."""
STEADY_AFTER_S = 60.0
SILENT_S_MAX = 30.0
"""Without a report; where systemd watches, its own time holds."""
ABORT_S = 5.0
"""For a worker to die of SIGABRT, which leaves a core where cores are kept; then it is killed."""
STARTING_S_MAX = 120.0
"""Until the first report: a worker may have to look through the end of its lane."""
RELOAD_S_MAX = 10.0
END_PATIENCE_S = 15.0
"""Beyond the links' grace, before a worker that does not end is killed."""
PAUSE_STARTING_S_MAX = 5.0
"""While the relay is not up yet: a worker that finds its lane held finds it free soon after it is let go."""
USAGE_ERROR, NOT_NOW = NocwatchError.status, NotNowError.status


class Parent:
    """A relay of several workers that is made, and not yet running: its addresses are bound.

    Attributes:
        addresses: ``host:port`` of the listeners as bound, in the order of the settings.
        status_address: of the status server; None where there is none.
        settings: what holds now.
        draining: the end has begun.
    """

    def __init__(
        self, settings: RelaySettings, journal: JournalSettings, given: Given, *, verbose: bool = False
    ) -> None:
        """Binds everything.

        Raises:
            NotNowError: an address is taken.
        """
        self.settings = settings
        self.draining = False
        self._journal = journal
        self._verbose = verbose
        self._privacy_key = b""
        self._places = Places(settings.listen, given.listeners)
        self._status = given.status
        if self._status is None and settings.status is not None:
            self._status = bind(settings.status, "relay.status")
        self.addresses = self._places.addresses
        self.status_address = listening.bound_address(self._status) if self._status else None
        self._lanes = [Lane(number) for number in range(settings.workers)]
        self._reloading = Reloading(None, settings, journal)
        self._ending, self._up = trio.Event(), trio.Event()
        self._grace = trio.CancelScope()
        self._silent_s_max = notify.watchdog_s() or SILENT_S_MAX
        self._errands: trio.Nursery | None = None
        self._dials = _memory()

    def hash_users_with(self, key: bytes) -> None:
        """As of a relay of one process. To be called before it runs."""
        self._privacy_key = key

    async def run(
        self,
        *,
        signals: bool = False,
        reread: Reread | None = None,
        task_status: trio.TaskStatus[Parent] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Until cancelled, stopped, or, with ``signals``, SIGTERM or SIGINT; then returns when all workers have ended.

        Raises:
            NocwatchError: a worker cannot start; what it said stands in the log. NotNowError: it could not in
                ``STARTING_S_MAX``, because another relay holds its lane.
        """
        self._reloading = Reloading(reread, self.settings, self._journal)
        try:
            async with trio.open_nursery() as self._errands:
                if self._status is not None:
                    answers = Answers(self.ready, self.figures, lambda: each_of(self._lanes))
                    self._errands.start_soon(serve_status, self._status, answers)
                if signals:
                    await self._errands.start(obey, self)
                self._errands.start_soon(self._look_after)
                async with trio.open_nursery() as workers:
                    for lane in self._lanes:
                        workers.start_soon(self._keep, lane)
                    await self._up.wait()
                    if not self.draining:  # nobody who was told of the end may hear of a beginning after it
                        _log.info(
                            "relaying",
                            listen=self.addresses,
                            status=self.status_address,
                            workers=len(self._lanes),
                        )
                        notify.ready(self.sentence())
                    task_status.started(self)
                self._errands.cancel_scope.cancel()
        finally:
            self._places.close()
            if self._dials >= 0:
                os.close(self._dials)
            if self._status is not None:
                self._status.close()
        ended = figures(self._lanes)
        made, cut = ended.get("links", 0), ended.get("closed_relay_shutdown", 0)
        _log.info("the relay has ended", links_made=made, links_cut=cut)

    # What it is asked to do.

    def stop(self) -> None:
        """Accept nothing more, give the links their grace, then end."""
        self.draining = True
        self._reloading.end()
        self._ending.set()
        self._up.set()
        self._places.close()
        notify.stopping(self.sentence())
        self._tell_all(Stop())
        if self._errands is not None:
            self._errands.start_soon(self._end_in_time)

    def hurry(self) -> None:
        """The links' grace ends now."""
        self._tell_all(Stop(hurry=True))
        self._grace.cancel()

    async def reload(self) -> None:
        """Reads the configuration again and has all workers take it over. Never raises for a mistake in it."""
        await self._reloading.reload(self._take_over, self.sentence())

    async def _take_over(self, settings: RelaySettings) -> None:
        # Tried here first, so that one worker cannot have taken what another could not.
        fresh = await trio.to_thread.run_sync(
            prepare, self.settings, settings, lambda *_: None, abandon_on_cancel=True
        )
        self.settings = fresh.settings
        told = [lane for lane in self._lanes if lane.channel is not None]
        for lane in told:
            lane.sent += 1
        self._tell_all(Take(self._of_worker()))
        with trio.move_on_after(RELOAD_S_MAX):
            while any(each.report and each.report.taken < each.sent for each in told):  # noqa: ASYNC110
                await trio.sleep(0.02)

    # How it is.

    def ready(self) -> tuple[list[str], list[str]]:
        """As ``Relay.ready``."""
        reasons, remarks = readiness(self._lanes, draining=self.draining)
        return reasons, [*self._reloading.remarks(), *remarks]

    def figures(self) -> dict[str, int]:
        """As ``Relay.tick``, of all workers, and a few of each."""
        own = {"workers": len(self._lanes), "draining": int(self.draining), **self._reloading.counters}
        return {**figures(self._lanes), **own}

    def sentence(self) -> str:
        """For ``systemctl status``."""
        up = sum(lane.report is not None for lane in self._lanes)
        links = sum(lane.counters.get("links_open", 0) for lane in self._lanes)
        doing = "shutting down" if self.draining else f"listening on {', '.join(self.addresses)}"
        return f"{links} links on {up} of {len(self._lanes)} workers, {doing}"

    # Its workers.

    async def _keep(self, lane: Lane) -> None:
        pause_s = 0.0
        first_s = trio.current_time()
        while not self.draining:
            since_s = trio.current_time()
            status = await self._run_worker(lane)
            ran_s = trio.current_time() - since_s
            if self._ending.is_set():
                return
            asked = status == 0  # by SIGTERM to itself alone
            if not lane.former:
                self._give_up(lane, status, trio.current_time() - first_s)
            if asked or ran_s > STEADY_AFTER_S:
                pause_s = 0.0
            lane.restarts += not asked
            if pause_s:
                self._places.release(lane.number)
            wait_s = max(pause_s, START_APART_S - ran_s)
            tell = _log.info if asked else _log.error
            tell(
                "worker ended; starting another", worker=lane.number, status=status, pause_s=round(wait_s, 1)
            )
            with trio.move_on_after(wait_s):
                await self._ending.wait()
            most_s = PAUSE_MAX_S if self._up.is_set() else PAUSE_STARTING_S_MAX
            pause_s = min(max(2 * pause_s, PAUSE_FIRST_S), most_s)

    @staticmethod
    def _give_up(lane: Lane, status: int | None, tried_s: float) -> None:
        """Ends the whole where a worker that never was up will not be."""
        if status == USAGE_ERROR:
            raise NocwatchError(f"worker {lane.number} could not start; what it said stands above")
        if status in (NOT_NOW, None) and tried_s > STARTING_S_MAX:
            raise NotNowError(f"worker {lane.number} could not start so far; what it said stands above")

    async def _run_worker(self, lane: Lane) -> int | None:
        """A worker from its start to its end; its exit status, None where none could be made."""
        ours, theirs = socket.socketpair()
        channel = Channel(ours)
        try:
            with theirs:
                sockets = tuple(each.fileno() for each in self._places.sockets(lane.number))
                process = await trio.lowlevel.open_process(
                    [sys.executable, "-m", "nocwatch.relay.worker", str(theirs.fileno()), str(lane.number)],
                    stdin=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(), *sockets, *([] if self._dials < 0 else [self._dials])),
                    start_new_session=True,
                    env=notify.for_children(os.environ),
                )
        except (OSError, NocwatchError) as error:
            # No memory or descriptors for a process, or the address is taken: the other workers go on.
            _log.error("worker could not be made", worker=lane.number, error=str(error))
            channel.close()
            if isinstance(error, NocwatchError) and not lane.former:
                raise  # a relay that has not begun ends as one of a single process does, and is started again
            return None
        lane.begin(channel, process)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._hear, lane, channel, process)
                begin = Begin(
                    self._of_worker(),
                    self._journal,
                    lane.number,
                    sockets,
                    self._dials,
                    lane.former,
                    self._verbose,
                    self._privacy_key,
                )
                await channel.send(begin)
                if self.draining:
                    await channel.send(Stop())
                await process.wait()
        finally:
            lane.ended()
            if process.returncode is None:
                process.kill()
                with trio.CancelScope(shield=True):
                    await process.wait()
            channel.close()
        return process.returncode

    async def _hear(self, lane: Lane, channel: Channel, process: trio.Process) -> None:
        while (report := await channel.receive()) is not None:
            if not isinstance(report, Report):
                continue
            lane.heard(report)
            if report.counters.get("draining"):
                self._places.release(lane.number)  # the kernel deals its stations to the others from now on
            if all(each.report for each in self._lanes):
                self._up.set()
        lane.report = None
        with trio.move_on_after(END_PATIENCE_S):
            await process.wait()
            return
        process.kill()

    def _of_worker(self) -> RelaySettings:
        """The settings without what is the parent's, and a worker's share of what is for all."""
        settings = self.settings
        share = -(-settings.limits.links_max // len(self._lanes))
        limits = settings.limits.model_copy(update={"links_max": share})
        return settings.model_copy(update={"status": None, "limits": limits})

    def _tell_all(self, message: Message) -> None:
        for lane in self._lanes:
            if lane.channel is not None and self._errands is not None:
                self._errands.start_soon(lane.channel.send, message)

    async def _look_after(self) -> None:
        """Once a second: the watchdog's sign of life, and an end to workers that show none."""
        while True:
            await trio.sleep(1.0)
            notify.alive(self.sentence())
            for lane in self._lanes:
                if lane.channel is None:
                    continue
                lane.silent_s += 1
                late_s = lane.silent_s - (self._silent_s_max if lane.report else STARTING_S_MAX)
                if late_s > 0:
                    _log.error(
                        "worker does not report; ending it", worker=lane.number, silent_s=lane.silent_s
                    )
                    lane.signal(signal.SIGKILL if late_s > ABORT_S else signal.SIGABRT)

    async def _end_in_time(self) -> None:
        with self._grace:
            await trio.sleep(self.settings.grace)
        await trio.sleep(END_PATIENCE_S)
        for lane in self._lanes:
            lane.signal(signal.SIGKILL)


def _memory() -> int:
    """Where workers note their dials; -1 where the system gives none: then each knows of its own."""
    try:
        return loops.memory()
    except OSError as error:
        _log.warning("workers do not know one another's dials", error=str(error))
        return -1
