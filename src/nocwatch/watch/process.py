"""Puts the watch together and runs it: the only place that knows all its parts."""

from __future__ import annotations

import signal
from pathlib import Path

import structlog
import trio

from nocwatch import clock, garbage, notify
from nocwatch.alerts.channels import build
from nocwatch.alerts.dispatcher import Dispatcher
from nocwatch.config import Configuration, privacy_key
from nocwatch.console.app import make_app
from nocwatch.console.live import Hub
from nocwatch.detectors.rules import Rule
from nocwatch.pipeline import Pipeline
from nocwatch.proxy.listener import bind, bound_address
from nocwatch.registry.places import Places
from nocwatch.sinks.influx import InfluxSink
from nocwatch.sinks.spool import Spool
from nocwatch.store import retention
from nocwatch.store.store import Store
from nocwatch.tap.gate import Gate
from nocwatch.tap.prefixes import TOKENS_MAX
from nocwatch.tap.tap import Tap
from nocwatch.watch import exporter
from nocwatch.watch.files import alert_renderer, load_operators_files
from nocwatch.watch.follow import Follower
from nocwatch.watch.http import serve_http
from nocwatch.watch.reload import Reloader
from nocwatch.watch.services import WatchServices
from nocwatch.watch.status import Status

log = structlog.get_logger("nocwatch.watch")
STORE_WITHIN_S = 3600.0
"""For a store that is brought to a newer form: its millions of sessions are counted in one transaction, which a kill would take back."""


class Watch:
    """A watch that is made, and not yet running: files are read, addresses bound, so what is wrong has shown.

    Attributes:
        console_address, metrics_address: as bound; the latter None where it is off.
    """

    def __init__(self, configuration: Configuration) -> None:
        """Opens and binds everything.

        Raises:
            ConfigurationError: rules or registry cannot be used.
            NotNowError: an address is taken, or not ours yet.
            NocwatchError: the store or a folder cannot be used.
        """
        self._configuration = configuration
        self._started_ns = clock.now_ns()
        self.hub = Hub(configuration.console.live_clients_max)
        self._console = bind(configuration.console.listen, "console.listen")
        self.console_address = bound_address(self._console)
        listen = configuration.metrics.listen
        self._metrics = bind(listen, "metrics.listen") if listen else None
        self.metrics_address = bound_address(self._metrics) if self._metrics else None
        # A port that is taken leaves no key and no store behind.
        self._gate = Gate(privacy_key(Path(configuration.privacy.key_file), make=True))
        self._rules, self._places = load_operators_files(configuration, self._gate)
        alerts = configuration.alerts
        channels = build(alerts)
        renderer = alert_renderer(configuration, self.console_address)
        notify.starting("opening the store", STORE_WITHIN_S)
        self.store = Store.open(configuration.store)
        self._gate.prefixes.remember(self.store.prefixed_tokens(TOKENS_MAX))
        self.dispatcher = Dispatcher(self.store, channels, renderer, settled=lambda: self.follower.settled)
        influx = configuration.influx
        self._spool = Spool(influx) if influx.url else None
        self._sink = InfluxSink(influx) if influx.url else None
        self.follower = self._following()
        self.status = Status(
            self.follower,
            self._tap,
            self._sink,
            self._spool,
            self.dispatcher,
            self._started_ns,
            configuration.journal.path,
        )

    def _following(self) -> Follower:
        try:
            follower = self._fresh()
            follower.restore()
        except ValueError:
            # The snapshot was of no use, has been put aside, and may have left the parts half restored.
            follower = self._fresh()
            follower.restore()
        return follower

    def _fresh(self) -> Follower:
        configuration = self._configuration
        self._tap = Tap(self._gate)
        pipeline = Pipeline(self._rules, self._places, configuration.alerts)
        snapshot = Path(configuration.data) / "watch.snapshot"
        return Follower(
            configuration.journal.path,
            snapshot,
            self._tap,
            pipeline,
            self.store,
            self._spool,
            self.hub,
            self.dispatcher.wake,
        )

    async def run(
        self, *, signals: bool = False, task_status: trio.TaskStatus[Watch] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Until cancelled, or with ``signals`` until SIGTERM or SIGINT; what was read by then is kept."""
        services = WatchServices(self.follower, self.store, self.hub, self.status, self._rules, self._places)

        def take(rules: list[Rule], places: Places) -> None:
            self.follower.take_over(rules, places)
            services.take(rules, places)

        reloader = self.status.reloader = Reloader(self._configuration, self._gate, take)
        stopping = trio.Event()
        try:
            async with trio.open_nursery() as servers:
                servers.start_soon(
                    serve_http, make_app(services, self._configuration.console), self._console, stopping
                )
                if self._metrics is not None:
                    app = exporter.make_app(self.status, self.follower.tally)
                    servers.start_soon(serve_http, app, self._metrics, stopping)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self.follower.run)
                    nursery.start_soon(self.dispatcher.run)
                    nursery.start_soon(retention.run, self.store, services.forgetting_ns)
                    nursery.start_soon(reloader.run)
                    if self._sink is not None:
                        nursery.start_soon(self._sink.run)
                    if signals:
                        await nursery.start(_obey, nursery, reloader)
                    log.info(
                        "watching", console=f"http://{self.console_address}", metrics=self.metrics_address
                    )
                    garbage.tune()
                    notify.ready()
                    task_status.started(self)
                self.hub.close()
                stopping.set()
        finally:
            with trio.CancelScope(shield=True):
                if self._spool is not None:
                    await trio.to_thread.run_sync(self._spool.close)
                await trio.to_thread.run_sync(self.store.close)
        log.info("the watch has ended")


async def _obey(
    nursery: trio.Nursery,
    reloader: Reloader,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        task_status.started()
        async for number in signals:
            if number == signal.SIGHUP:
                nursery.start_soon(reloader.reload)
                continue
            log.info("stopping", signal=signal.Signals(number).name)
            notify.stopping()
            nursery.cancel_scope.cancel()
            return


async def serve(configuration: Configuration) -> None:
    """What ``nocwatch watch`` runs."""
    await Watch(configuration).run(signals=True)
