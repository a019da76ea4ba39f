"""What the simulated CSMS does of its own accord: app drivers, chores, and the timed orders of a scenario.

An app driver shows himself by a connector that is taken while no card is shown; so the two ends need no secret channel,
and a CSMS that is not ours simply has no such drivers.
"""

# Seeded on purpose: the same seed plays the same life.

from __future__ import annotations

import itertools
import random
import ssl
from collections.abc import Awaitable, Callable

import structlog
import trio

from nocwatch.moments import MINUTE_NS
from nocwatch.sim import orders
from nocwatch.sim.clockwork import milliseconds
from nocwatch.sim.csms import SimCsms
from nocwatch.sim.ledger import CsmsStation, CsmsTransaction
from nocwatch.sim.settings import CsmsPrice, CsmsSettings, CsmsStep
from nocwatch.sim.tokens import APP_PREFIX
from nocwatch.sim.wire import CallFailed

TASKS_MAX = 10_000
"""Plans under way (an app start, a stop, a step): a few for each station; beyond it new ones are not made."""
RESERVED_FOR_NS = 15 * MINUTE_NS
"""By the wall's clock at any speed: the order says until when."""
OFFERED = 0.8
"""Of the power that a vehicle can take."""
CONFIGURATION_AFTER_S = 5.0
"""Unscaled: some stations loop when they are asked before their boot is complete (lbbrhzn#1503)."""

log = structlog.get_logger(__name__)


class BackOffice:
    """Listens to a CSMS's events and gives orders.

    Attributes:
        counters: ``orders`` given, ``failed`` ones, ``skipped`` plans.
    """

    def __init__(self, csms: SimCsms) -> None:
        self.csms = csms
        self.settings = csms.settings
        self.counters = {"orders": 0, "failed": 0, "skipped": 0}
        self._rng = random.Random(f"{self.settings.seed}/backoffice")
        self._numbers = itertools.count(1)
        self._nursery: trio.Nursery | None = None
        self._waiting: set[tuple[str, int]] = set()
        self._tasks = 0
        self._steps_begun: set[str] = set()
        csms.on_event = self._heard

    async def run(self) -> None:
        """Until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            if self.settings.chores_every:
                nursery.start_soon(self._chores, self.settings.chores_every)
            try:
                await trio.sleep_forever()
            finally:
                self._nursery = (
                    None  # the CSMS may outlive the office by a moment, and tell it of links that end
                )

    def _heard(self, station: CsmsStation, what: str) -> None:
        if what == "connected" and (share := self.settings.asks_early) and self._rng.random() < share:
            self._plan(self.order, station, orders.read_configuration(station.version_or_16))
        if what == "BootNotification":
            self._booted(station)
        elif what == "StatusNotification" and self.settings.app_delay is not None:
            self._look_for_app_drivers(station, self.settings.app_delay)
        elif what == "NotifyEVChargingNeeds":
            self._plan(self._offer_schedule, station)
        elif what in ("StartTransaction", "TransactionEvent"):
            self._look_for_app_stops(station)
            if what == "TransactionEvent" and (price := self.settings.price_of(station.identity)):
                self._look_for_costs(station, price)

    def _booted(self, station: CsmsStation) -> None:
        if self.settings.read_configuration:
            self._plan(self._ask_configuration, station)
        if station.identity not in self._steps_begun:
            self._steps_begun.add(station.identity)
            for step in self.settings.steps:
                if step.station == station.identity:
                    self._plan(self._step, station, step)

    def _plan(self, task: Callable[..., Awaitable[None]], *args: object) -> None:
        if self._nursery is None or self._tasks >= TASKS_MAX:
            self.counters["skipped"] += 1
            return
        self._tasks += 1
        self._nursery.start_soon(self._carry_out, task, args)

    async def _carry_out(self, task: Callable[..., Awaitable[None]], args: tuple[object, ...]) -> None:
        try:
            await task(*args)
        finally:
            self._tasks -= 1

    async def order(self, station: CsmsStation, order: orders.Order) -> None:
        """Sends it; a refusal or a lost link is counted, not raised."""
        self.counters["orders"] += 1
        try:
            await station.call(*order)
        except CallFailed as error:
            self.counters["failed"] += 1
            log.info("order failed", station=station.identity, action=order[0], error=str(error))

    async def _ask_configuration(self, station: CsmsStation) -> None:
        await self.csms.pace.sleep(CONFIGURATION_AFTER_S)
        await self.order(station, orders.read_configuration(station.version_or_16))

    # App drivers

    def _look_for_app_drivers(self, station: CsmsStation, delay_s: float) -> None:
        for (evse, connector), status in station.statuses.items():
            number = evse or connector
            key = (station.identity, number)
            if (
                status in ("Preparing", "Occupied")
                and key not in self._waiting
                and not self._begun(station, number)
            ):
                self._waiting.add(key)
                self._plan(self._app_start, station, (evse, connector), number, delay_s)

    def _begun(self, station: CsmsStation, number: int) -> bool:
        transaction = station.taken_by(number)
        return transaction is not None and bool(transaction.token)

    async def _app_start(
        self, station: CsmsStation, key: tuple[int, int], number: int, delay_s: float
    ) -> None:
        since_s = self.csms.pace.now()
        await self.csms.pace.sleep(delay_s)
        self._waiting.discard((station.identity, number))
        still_taken = station.statuses.get(key) in ("Preparing", "Occupied")
        card_shown = station.authorised_at_s >= since_s - delay_s
        if still_taken and not card_shown and not self._begun(station, number):
            count = next(self._numbers)
            token = f"{APP_PREFIX}{count:08d}"
            await self.order(station, orders.remote_start(station.version_or_16, number, token, count))

    def _look_for_app_stops(self, station: CsmsStation) -> None:
        for transaction in station.transactions.values():
            if transaction.by_app:
                transaction.by_app = False
                if self._rng.random() < self.settings.app_stops:
                    after_s = self.settings.app_stops_after * self._rng.uniform(0.5, 1.5)
                    self._plan(self._app_stop, station, transaction.id, after_s)

    async def _app_stop(self, station: CsmsStation, transaction: int | str, after_s: float) -> None:
        await self.csms.pace.sleep(after_s)
        if transaction in station.transactions:
            await self.order(station, orders.remote_stop(station.version_or_16, transaction))

    # Schedules

    async def _offer_schedule(self, station: CsmsStation) -> None:
        """A vehicle has said what it needs: it gets a little less than it could take."""
        while station.needs:
            evse, watts = station.needs.popleft()
            if transaction := station.taken_by(evse):
                number = next(self._numbers)
                order = orders.limit(station.version_or_16, evse, watts * OFFERED, number, transaction.id)
                await self.order(station, order)

    # Costs

    def _look_for_costs(self, station: CsmsStation, price: CsmsPrice) -> None:
        for transaction in station.transactions.values():
            if not transaction.costs_told:
                transaction.costs_told = True
                self._plan(self._tell_costs, station, transaction, price)

    async def _tell_costs(self, station: CsmsStation, transaction: CsmsTransaction, price: CsmsPrice) -> None:
        while True:
            await self.csms.pace.sleep(price.every)
            if station.transactions.get(transaction.id) is not transaction:
                return  # it has ended: the answer to its last event said what it cost in all
            if station.peer is not None:
                await self.order(
                    station, orders.running_cost(str(transaction.id), transaction.cost(price.per_kwh))
                )

    # Timed orders

    async def _step(self, station: CsmsStation, step: CsmsStep) -> None:
        await self.csms.pace.sleep(step.at)
        while True:
            await self._do(station, step)
            if step.every is None:
                return
            await self.csms.pace.sleep(step.every)

    async def _do(self, station: CsmsStation, step: CsmsStep) -> None:
        version, number = station.version_or_16, next(self._numbers)
        if step.remote_start is not None:
            await self.order(station, orders.remote_start(version, step.connector, step.remote_start, number))
        elif step.reserve is not None:
            until = milliseconds(self.csms.pace.wall_ns() + RESERVED_FOR_NS)
            await self.order(station, orders.reserve(version, step.connector, step.reserve, number, until))
        elif step.remote_stop or step.priority is not None:
            await self._do_to_transaction(station, step)
        elif step.reset is not None:
            await self.order(station, orders.reset(version, step.reset))
        elif step.trigger is not None:
            await self.order(station, orders.trigger(version, step.trigger))
        elif step.limit_w is not None:
            await self.order(station, orders.limit(version, step.connector, step.limit_w, number))
        elif step.close is not None and station.peer:
            await station.peer.close(step.close, "as ordered")

    async def _do_to_transaction(self, station: CsmsStation, step: CsmsStep) -> None:
        version, transaction = station.version_or_16, station.taken_by(step.connector)
        if transaction is None:
            return
        if step.remote_stop:
            await self.order(station, orders.remote_stop(version, transaction.id))
        elif step.priority is not None and version == "2.1":
            await self.order(station, orders.priority(str(transaction.id), activate=step.priority))

    async def _chores(self, every_s: float) -> None:
        while True:
            await self.csms.pace.sleep(self._rng.expovariate(1.0 / every_s))
            online = sorted(
                identity for identity, station in self.csms.stations.items() if station.peer and station.boots
            )
            if online:
                self._plan(self._chore, self.csms.stations[self._rng.choice(online)], self._rng.random())

    async def _chore(self, station: CsmsStation, dice: float) -> None:
        version = station.version_or_16
        transaction = next(iter(station.transactions.values()), None)
        if dice < 0.4:
            await self.order(station, orders.trigger(version, "StatusNotification", 1))
        elif dice < 0.6 or transaction is None:
            await self.order(station, orders.read_configuration(version))
        elif dice < 0.8:
            await self.order(station, orders.trigger(version, "MeterValues", transaction.connector))
        else:
            order = orders.limit(
                version, transaction.connector, 11_000 + 50_000 * dice, next(self._numbers), transaction.id
            )
            await self.order(station, order)


async def run_csms(
    listen_host: str,
    port: int,
    settings: CsmsSettings | None = None,
    *,
    ssl_context: ssl.SSLContext | None = None,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serves until cancelled; tells ``task_status`` the port (for port 0).

    Raises:
        OSError: the port is taken, or not ours to take.
    """
    csms = SimCsms(settings, remember=False)
    async with trio.open_nursery() as nursery:
        bound = await nursery.start(
            lambda task_status: csms.serve(
                listen_host, port, ssl_context=ssl_context, task_status=task_status
            )
        )
        nursery.start_soon(BackOffice(csms).run)
        task_status.started(bound)
