"""The relay process: listeners, pump, journal writer, ticks and the status server, put together and taken apart in order.

It decides nothing about bytes (``proxy/``) nor about files (``journal/``). What always holds: the writer is the last to
end, so that what the pump told it is on disk; whatever the journal does, links go on; the end of the relay closes
links at TCP level, after the grace that the operator allows.
"""

from __future__ import annotations

import resource
import signal
import socket
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import msgspec
import structlog
import trio

from nocwatch import clock, garbage, notify
from nocwatch.journal.settings import JournalSettings
from nocwatch.journal.writer import Writer
from nocwatch.proxy import listener as listening
from nocwatch.proxy.counters import Counters
from nocwatch.proxy.dial import Upstream
from nocwatch.proxy.failure import Failure
from nocwatch.proxy.listener import Listener
from nocwatch.proxy.numbers import connection_numbers
from nocwatch.proxy.pairing import Pairing
from nocwatch.proxy.pump import Pump
from nocwatch.proxy.recorder import Guard, LinkInfo
from nocwatch.proxy.settings import RelaySettings, UpstreamSettings
from nocwatch.proxy.status import Answers, serve_status
from nocwatch.records import RecordKind

_log = structlog.get_logger(__name__)

TICK_S = 1.0
GRACE_CHECK_S = 0.1
DESCRIPTORS_SPARE = 128
"""Of the process's descriptors, kept for the journal, listeners, the status server and connections being refused."""


class JournalWriter(Protocol):
    """What the relay needs of a journal: ``journal.writer.Writer``, or a test's own."""

    counters: dict[str, int]

    def add(self, at_ns: int, kind: RecordKind, connection: int, direction: int, data: bytes) -> None: ...

    def add_chunks(self, at_ns: int, keys: list[int], chunks: list[bytes]) -> None: ...

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None: ...


WriterFactory = Callable[[Callable[[], Iterable[tuple[int, bytes]]]], JournalWriter]


class _JournalRecorder:
    """The journal's writer as the pump's recorder."""

    __slots__ = ("_add", "add_chunks")

    def __init__(self, writer: JournalWriter) -> None:
        self._add = writer.add
        self.add_chunks = writer.add_chunks

    def add_link(self, at_ns: int, connection: int, event: bytes) -> None:
        self._add(at_ns, RecordKind.LINK, connection, 0, event)

    def add_tick(self, at_ns: int, counters: bytes) -> None:
        self._add(at_ns, RecordKind.TICK, 0, 0, counters)


class Relay:
    """A relay that is made, and not yet running: its addresses are bound, so what is wrong has shown.

    Attributes:
        addresses: ``host:port`` of the listeners as bound, in the order of the settings.
        status_address: of the status server; None where there is none.
        counters: the relay's own.
        writer: the journal's.
    """

    def __init__(
        self,
        settings: RelaySettings,
        journal: JournalSettings,
        *,
        lane: int = 0,
        writer: WriterFactory | None = None,
    ) -> None:
        """Binds everything and opens the journal.

        Args:
            settings: of the relay.
            journal: where the journal lies.
            lane: of the journal; one a worker.
            writer: makes another journal writer from the function that names the live links.

        Raises:
            NocwatchError: an address is taken, a certificate or the journal's folder cannot be used.
        """
        self._settings = settings
        self._lane = lane
        self.counters = Counters()
        self._guard = Guard(self.counters)
        self._pump = Pump(self._guard, self.counters, settings.limits)
        self._draining = False
        self._stop = trio.CancelScope()
        self._grace = trio.CancelScope()
        self._listeners: list[Listener] = []
        self._status: socket.socket | None = None
        try:
            for each in settings.listen:
                self._listeners.append(Listener(each))
            if settings.status is not None:
                self._status = listening.bind(settings.status, "relay.status")
            self._upstreams = self._made(settings.upstreams)
            make = writer or (lambda live: Writer(journal.path, lane, journal, live))
            self.writer = make(self._live)
        except BaseException:
            self._close_sockets()
            raise
        self.addresses = [each.address for each in self._listeners]
        self.status_address = listening.bound_address(self._status) if self._status else None
        self._guard.recorder = _JournalRecorder(self.writer)
        self._pairing = Pairing(
            self._upstreams,
            settings.limits,
            self._pump,
            self._guard,
            self.counters,
            connection_numbers(clock.now_ns(), lane),
            min(settings.limits.links_max, _links_possible()),
        )

    async def run(
        self, *, signals: bool = False, task_status: trio.TaskStatus[Relay] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Relays until cancelled, or, with ``signals``, until SIGTERM or SIGINT; then returns with the journal flushed.

        Args:
            signals: take the process's signals. SIGHUP is taken and answered in the log: routes are not reloaded yet.
            task_status: told of this relay when it accepts.
        """
        try:
            async with trio.open_nursery() as journal:
                await journal.start(self._write)
                try:
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(self._pump.run)
                        nursery.start_soon(self._tick)
                        if self._status is not None:
                            nursery.start_soon(serve_status, self._status, Answers(self.ready, self.tick))
                        if signals:
                            await nursery.start(self._obey)
                        _log.info("relaying", listen=self.addresses, status=self.status_address)
                        notify.ready()
                        task_status.started(self)
                        await self._accept()
                        await self._drain()
                        nursery.cancel_scope.cancel()
                finally:
                    self._pump.close_all()
                    self._record_tick()
                    journal.cancel_scope.cancel()
        finally:
            self._close_sockets()
        _log.info("the relay has ended", links=self.counters.links)

    def ready(self) -> tuple[list[str], list[str]]:
        """Why the relay cannot take a station (empty: it can), and what an operator should know besides."""
        reasons: list[str] = []
        remarks: list[str] = []
        if self._draining:
            reasons.append("shutting down: no new connections are accepted")
        if not self._upstreams:
            reasons.append("no upstream is configured (relay.upstreams)")
        down = [each.name for each in self._upstreams if each.up is False]
        if down:
            said = f"not reachable: {', '.join(down)}"
            (reasons if len(down) == len(self._upstreams) else remarks).append(said)
        if dropped := self.writer.counters.get("journal_dropped_records", 0):
            remarks.append(
                f"the journal has dropped {dropped} records since the start; links are not affected"
            )
        if self.counters.recorder_errors:
            remarks.append("the journal's writer fails; links are not affected")
        return reasons, remarks

    def tick(self) -> dict[str, int]:
        """The counters of relay, upstreams and journal, as a TICK record holds them."""
        ups = {f"upstream_up_{each.name}": int(each.up is not False) for each in self._upstreams}
        return {**self.counters.flat(), "draining": int(self._draining), **ups, **self.writer.counters}

    async def _accept(self) -> None:
        # A handshake under way when the end comes is cut: its station has no link yet, and will dial again.
        with self._stop:
            async with trio.open_nursery() as loops:
                async with trio.open_nursery() as handshakes:

                    def welcome(sock: socket.socket, address: object, listener: Listener) -> None:
                        handshakes.start_soon(self._pairing.welcome, sock, address, listener)

                    for each in self._listeners:
                        loops.start_soon(each.accept, self.counters, welcome)
                    await trio.sleep_forever()

    async def _drain(self) -> None:
        for each in self._listeners:
            each.close()
        self._grace.deadline = trio.current_time() + self._settings.grace
        with self._grace:
            while self.counters.links_open:  # noqa: ASYNC110 - the pump counts for many; it need not tell anyone
                await trio.sleep(GRACE_CHECK_S)

    async def _write(self, *, task_status: trio.TaskStatus[None]) -> None:
        """The journal's writer; should it ever fail, the links go on without it."""
        try:
            await self.writer.run(task_status=task_status)
        except Exception as error:  # noqa: BLE001 - forward first: no fault of the journal's may end a link
            self.counters.recorder_errors += 1
            _log.error("the journal's writer has failed; links go on unobserved", error=repr(error))

    async def _tick(self) -> None:
        while True:
            await trio.sleep(TICK_S)
            self._pump.sweep()
            self._record_tick()

    def _record_tick(self) -> None:
        self._guard.tick(clock.now_ns(), msgspec.json.encode(self.tick()))

    async def _obey(self, *, task_status: trio.TaskStatus[None]) -> None:
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as received:
            task_status.started()
            async for number in received:
                if number == signal.SIGHUP:
                    _log.warning(
                        "SIGHUP: this version reloads nothing; restart the relay for a new configuration"
                    )
                    continue
                if self._draining:
                    _log.warning("second signal: the links' grace ends now")
                    self._grace.cancel()
                    continue
                _log.info("shutting down", signal=signal.Signals(number).name, links=self.counters.links_open)
                self.stop()

    def stop(self) -> None:
        """Accept nothing more, give the links their grace, then end. What SIGTERM does."""
        self._draining = True
        self._stop.cancel()

    def _made(self, upstreams: Sequence[UpstreamSettings]) -> list[Upstream]:
        return [Upstream(each, self._settings.limits, self._upstream_changed) for each in upstreams]

    def _upstream_changed(self, upstream: Upstream, failure: Failure | None) -> None:
        event, reason = ("upstream_up", "") if failure is None else ("upstream_down", failure.reason)
        (_log.info if failure is None else _log.warning)(event, upstream=upstream.name, reason=reason)
        info = LinkInfo(upstream=upstream.name, http_status=failure.status if failure else None)
        self._guard.link(clock.now_ns(), 0, info.event(event, by="relay", reason=reason))

    def _live(self) -> list[tuple[int, bytes]]:
        return self._pump.live()

    def _close_sockets(self) -> None:
        for each in self._listeners:
            each.close()
        if self._status is not None:
            self._status.close()
        self._pump.close()


async def serve(
    settings: RelaySettings,
    journal: JournalSettings,
    *,
    signals: bool = True,
    task_status: trio.TaskStatus[Relay] = trio.TASK_STATUS_IGNORED,
) -> None:
    """A relay from its settings to its end; what ``nocwatch relay`` runs, and where it takes the process's signals.

    Raises:
        NocwatchError: it cannot start; one clear line.
    """
    relay = Relay(settings, journal)
    garbage.tune()
    await relay.run(signals=signals, task_status=task_status)


def _links_possible() -> int:
    """Two descriptors a link. The soft limit is raised to the hard one, which the operator set."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
        except (OSError, ValueError):
            _log.warning("the limit of open files cannot be raised", limit=soft)
    return max(1, (soft - DESCRIPTORS_SPARE) // 2)
