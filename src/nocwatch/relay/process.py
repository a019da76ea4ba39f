"""One relay process: listeners, pump, journal writer, ticks and the status server, put together and taken apart in order.

It decides nothing about bytes (``proxy/``) nor about files (``journal/``). What always holds: the writer is the last to
end, so that what the pump told it is on disk; whatever the journal does, links go on; the end of the relay closes
links at TCP level, after the grace that the operator allows; a reload touches no link.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence

import msgspec
import structlog
import trio

from nocwatch import clock, moments, notify, ticks
from nocwatch.journal import drops
from nocwatch.journal.settings import JournalSettings
from nocwatch.journal.writer import Writer
from nocwatch.proxy import certificates
from nocwatch.proxy import listener as listening
from nocwatch.proxy.admission import Lists
from nocwatch.proxy.counters import Counters
from nocwatch.proxy.dial import Upstream
from nocwatch.proxy.failure import Failure
from nocwatch.proxy.listener import Listener, bind
from nocwatch.proxy.loops import Dials
from nocwatch.proxy.numbers import beginning, connection_numbers
from nocwatch.proxy.pairing import Pairing
from nocwatch.proxy.pump import Pump
from nocwatch.proxy.recorder import Guard, LinkInfo
from nocwatch.proxy.settings import RelaySettings
from nocwatch.proxy.status import Answers, serve_status
from nocwatch.relay.descriptors import links_possible
from nocwatch.relay.recorder import JournalRecorder, WriterFactory
from nocwatch.relay.reload import Reloading, Reread, carry_over, prepare
from nocwatch.relay.signals import obey
from nocwatch.relay.vigil import Vigil

_log = structlog.get_logger(__name__)

TICK_S = 1.0
GRACE_CHECK_S = 0.1


class Relay:
    """A relay that is made, and not yet running: its addresses are bound, so what is wrong has shown.

    Attributes:
        addresses: ``host:port`` of the listeners as bound, in the order of the settings.
        status_address: of the status server; None where there is none.
        settings: what holds now.
        counters: the relay's own.
        writer: the journal's.
        draining: the end has begun.
    """

    def __init__(
        self,
        settings: RelaySettings,
        journal: JournalSettings,
        *,
        lane: int = 0,
        writer: WriterFactory | None = None,
        sockets: Sequence[socket.socket | None] = (),
        status: socket.socket | None = None,
        former: Mapping[str, int] | None = None,
        dials: Dials | None = None,
    ) -> None:
        """Binds everything and opens the journal.

        Args:
            settings: of the relay.
            journal: where the journal lies.
            lane: of the journal; one a worker.
            writer: makes another journal writer from the function that names the live links.
            sockets: that listen already, one a listener; None where the relay is to bind.
            status: the same for the status server.
            former: last figures of the worker in whose place this one comes; they go on from there.
            dials: of all workers of the relay.

        Raises:
            NocwatchError: a certificate or the journal's folder cannot be used; NotNowError: an address is taken.
        """
        self.settings = settings
        self.draining = self._asked = False
        self.counters = Counters()
        self._journal = journal
        self._former = former or {}
        self._fault = ""
        self._links_max = min(settings.limits.links_max, links_possible())
        self._guard = Guard(self.counters)
        self._pump = Pump(self._guard, self.counters, settings.limits)
        self._vigil = Vigil(self._pump)
        self._stop = trio.CancelScope()
        self._grace = trio.CancelScope()
        self._listeners: list[Listener] = []
        self._status = status
        given = [*sockets, *[None] * (len(settings.listen) - len(sockets))]
        try:
            for each, sock in zip(settings.listen, given, strict=True):
                self._listeners.append(Listener(each, sock))
            if self._status is None and settings.status is not None:
                self._status = bind(settings.status, "relay.status")
            upstreams = [
                Upstream(each, settings.limits, self._upstream_changed) for each in settings.upstreams
            ]
            make = writer or (lambda live: Writer(journal.path, lane, journal, live))
            self.writer = make(self._live)
        except BaseException:
            self._close_sockets()
            raise
        self.addresses = [each.address for each in self._listeners]
        self.status_address = listening.bound_address(self._status) if self._status else None
        self._guard.recorder = JournalRecorder(self.writer)
        self._started_ns = clock.now_ns()
        self._connections_begin = beginning(self._started_ns, self.writer.newest_begin)
        self._reloading = Reloading(None, settings, journal)
        self._renewals = certificates.Renewals(lambda: [*self._listeners, *self._pairing.upstreams])
        self._pairing = Pairing(
            upstreams,
            settings.limits,
            self._pump,
            self._guard,
            self.counters,
            connection_numbers(self._connections_begin, lane),
            self._links_max,
            dials,
        )
        self._pairing.admission.change(Lists(settings.admission))

    def hash_users_with(self, key: bytes) -> None:
        """What user names of handshakes become key-hashes with; without it none is recorded."""
        self._pairing.privacy_key = key

    async def run(
        self,
        *,
        signals: bool = False,
        reread: Reread | None = None,
        task_status: trio.TaskStatus[Relay] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Relays until cancelled, stopped, or, with ``signals``, SIGTERM or SIGINT; then returns with the journal flushed.

        Args:
            signals: take the process's signals.
            reread: what SIGHUP reads the configuration with.
            task_status: told of this relay when it accepts.
        """
        self._reloading = Reloading(reread, self.settings, self._journal)
        try:
            async with trio.open_nursery() as journal:
                await journal.start(self._write)
                try:
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(self._pump.run)
                        nursery.start_soon(self._renewals.run)
                        nursery.start_soon(self._tick)
                        if self._status is not None:
                            nursery.start_soon(serve_status, self._status, Answers(self.ready, self.tick))
                        if signals:
                            await nursery.start(obey, self)
                        _log.info("relaying", listen=self.addresses, status=self.status_address)
                        certificates.tell_chains(each.context for each in self._listeners)
                        notify.ready(self.sentence())
                        task_status.started(self)
                        await self._accept()
                        self.counters.count_cut()
                        await self._drain()
                        nursery.cancel_scope.cancel()
                finally:
                    self._pump.close_all()
                    self._record_tick(ended=self._asked)
                    journal.cancel_scope.cancel()
        finally:
            self._close_sockets()
        cut = self.counters.closed.get("relay_shutdown", 0)
        _log.info("the relay has ended", links_made=self.counters.links, links_cut=cut)

    # What it is asked to do.

    def stop(self, *, asked: bool = True) -> None:
        """Accept nothing more, give the links their grace, then end. What SIGTERM does; ``asked``: whether anybody wants it."""
        self.draining = True
        self._asked = self._asked or asked
        self._reloading.end()
        self._stop.cancel()

    def hurry(self) -> None:
        """The links' grace ends now. What a second SIGTERM does."""
        self._grace.cancel()

    async def reload(self) -> None:
        """Reads the configuration again and takes it over. What SIGHUP does. Never raises for a mistake in it."""
        await self._reloading.reload(self.take_over, self.sentence())

    async def take_over(self, settings: RelaySettings) -> None:
        """Goes on with other routes, lists and certificates; links and handshakes under way keep what they have.

        Raises:
            NocwatchError: something of it cannot be used; nothing has changed.
        """
        fresh = await trio.to_thread.run_sync(
            prepare, self.settings, settings, self._upstream_changed, abandon_on_cancel=True
        )
        self._pairing.admission.change(fresh.lists)
        self._pairing.upstreams = carry_over(self._pairing.upstreams, fresh.upstreams)
        for listener, new, context in zip(
            self._listeners, fresh.settings.listen, fresh.contexts, strict=True
        ):
            listener.take_over(new, context)
        self.settings = fresh.settings
        self._renewals.all_read()
        certificates.tell_chains(fresh.contexts)

    # How it is.

    def ready(self) -> tuple[list[str], list[str]]:
        """Why the relay cannot take a station (empty: it can), and what an operator should know besides."""
        reasons: list[str] = []
        upstreams = self._pairing.upstreams
        remarks: list[str] = [*self._reloading.remarks(), *self._renewals.remarks()]
        remarks += certificates.running_out(self._listeners, upstreams)
        remarks += certificates.broken_chains(self._listeners)
        remarks += [remark for each in upstreams for remark in each.remarks()]
        if self.draining:
            reasons.append("shutting down: no new connections are accepted")
        if not upstreams:
            reasons.append("no upstream is configured (relay.upstreams)")
        down = [each.name for each in upstreams if each.up is False]
        if down:
            said = f"not reachable: {', '.join(down)}"
            (reasons if len(down) == len(upstreams) else remarks).append(said)
        if lost := drops.told(self.writer.counters, clock.now_ns()):
            remarks.append(f"the journal has dropped {lost}; links are not affected")
        if self.counters.recorder_errors:
            remarks.append("the journal's writer fails; links are not affected")
        return reasons, remarks

    def tick(self) -> dict[str, int]:
        """The counters of relay, upstreams and journal, as a TICK record holds them."""
        ups = {f"upstream_up_{each.name}": int(each.up is not False) for each in self._pairing.upstreams}
        now = {
            **self.counters.flat(),
            **self._pump.delays(),
            **self._reloading.counters,
            **self._renewals.counters,
            **certificates.expiries(self._listeners, self._pairing.upstreams),
            "draining": int(self.draining),
            "ended": 0,
            "connections_begin": self._connections_begin,
            "start_time_seconds": self._started_ns // moments.SECOND_NS,
            "workers": self.settings.workers,
            **ups,
            **self.writer.counters,
        }
        return ticks.going_on(now, self._former)

    def lives(self) -> bool:
        """Whether bytes are carried. To be asked once a tick."""
        return self._vigil.lives()

    def sentence(self) -> str:
        """For ``systemctl status``."""
        doing = "shutting down" if self.draining else f"listening on {', '.join(self.addresses)}"
        return f"{self.counters.links_open} links, {doing}"

    # Its parts.

    async def _accept(self) -> None:
        # A handshake under way when the end comes is cut: its station has no link yet, and will dial again.
        limits = self.settings.limits.model_copy(update={"links_max": self._links_max})
        with self._stop:
            async with trio.open_nursery() as loops:
                async with trio.open_nursery() as handshakes:

                    def welcome(sock: socket.socket, address: object, listener: Listener) -> None:
                        handshakes.start_soon(self._welcome, sock, address, listener)

                    for each in self._listeners:
                        loops.start_soon(each.accept, limits, self.counters, welcome)
                    await trio.sleep_forever()

    async def _welcome(self, sock: socket.socket, address: object, listener: Listener) -> None:
        """One handshake. What goes wrong in it, memory that is not there included, costs that one station its try."""
        try:
            await self._pairing.welcome(sock, address, listener)
        except Exception as error:  # noqa: BLE001 - one station's handshake may never end the others' links
            refused = self.counters.refused
            refused["relay_fault"] = refused.get("relay_fault", 0) + 1
            _log.exception("a handshake ended by a fault of the relay", error=repr(error))

    async def _drain(self) -> None:
        for each in self._listeners:
            each.close()
        notify.stopping(self.sentence())
        self._grace.deadline = trio.current_time() + self.settings.grace
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
        watched = notify.watchdog_s() is not None
        while True:
            await trio.sleep(TICK_S)
            for work in (self._pump.sweep, self._pairing.sweep, self._record_tick):
                self._try(work)
            if watched and self.lives():
                notify.alive(self.sentence())

    def _try(self, work: Callable[[], None]) -> None:
        """What goes wrong in it costs that second's work and no link; of a row the log has the first."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 - forward first
            if self._fault != repr(error):
                self._fault = repr(error)
                _log.exception("a fault of the relay; links are not affected", during=work.__name__)

    def _record_tick(self, *, ended: bool = False) -> None:
        """The last one says whether it is the last on purpose, so that nobody takes the silence after it for a fault."""
        self._guard.tick(clock.now_ns(), msgspec.json.encode({**self.tick(), "ended": int(ended)}))

    def _upstream_changed(self, upstream: Upstream, failure: Failure | None) -> None:
        event, reason = ("upstream_up", "") if failure is None else ("upstream_down", failure.reason)
        (_log.info if failure is None else _log.warning)(event, upstream=upstream.name, reason=reason)
        info = LinkInfo(upstream=upstream.name, http_status=failure.status if failure else None)
        self._guard.link(clock.now_ns(), 0, info.event(event, by="relay", reason=reason))

    def _live(self) -> list[tuple[int, bytes]]:
        return self._pump.links.live()

    def _close_sockets(self) -> None:
        for each in self._listeners:
            each.close()
        if self._status is not None:
            self._status.close()
        self._pump.close()
