"""One world on virtual time: simulated stations and their CSMS, a network in memory, and behind it tap and tracker.

The simulator knows nothing of the tracker: what it lived is gathered on one side, what was rebuilt of the bytes on the other.
"""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import structlog
import trio
import trio.testing
from trio._core import _run as trio_run

from nocwatch.moments import HOUR_NS
from nocwatch.records import Record
from nocwatch.sessions import Session
from nocwatch.sim.backoffice import BackOffice
from nocwatch.sim.csms import SimCsms
from nocwatch.sim.fleet import Fleet as SimFleet
from nocwatch.sim.inmemory import Network, wall_ns
from nocwatch.sim.pace import Pace
from nocwatch.sim.scenario import Scenario
from nocwatch.sim.truth import Truth
from nocwatch.state.changes import SessionChanged
from nocwatch.state.fleet import Fleet
from nocwatch.tap.gate import Gate
from nocwatch.tap.tap import Tap

GATE = Gate(b"the bench's own key, 32 bytes are")
LIVE_S_MAX = 36 * 3600.0
"""Virtual time for the lives that are asked for: a world in which nothing happens any more must not be watched for ever."""
REST_S_MAX = 6 * 3600.0
"""Virtual time after the last driver for what is under way to end: a queue behind a CSMS that errs takes a while."""
AFTERWARDS_NS = 48 * HOUR_NS
"""Then time runs on for the tracker, until all that waits has come due: a station that is gone is waited for for a day."""


@dataclass
class Life:
    """What was lived in one world, and what was rebuilt of it."""

    truths: list[Truth] = field(default_factory=list)
    sessions: dict[str, Session] = field(default_factory=dict)
    records: int = 0
    hours: float = 0.0
    cpu_s: float = 0.0
    faults: list[str] = field(default_factory=list)


class Watch:
    """Tap and tracker, fed record by record."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._tap, self.fleet = Tap(GATE), Fleet()

    def see(self, record: Record) -> None:
        self._life.records += 1
        for sighting in self._tap.feed(record):
            self._take(self.fleet.feed(sighting).changes)

    def end(self) -> None:
        self._take(self.fleet.advance(self.fleet.now_ns + AFTERWARDS_NS).changes)
        garbled = {name: number for name, number in self._tap.counters.items() if name.startswith("garbled")}
        if garbled:
            self._life.faults.append(f"the tap could not read {garbled}")

    def _take(self, changes: Iterable[Any]) -> None:
        for change in changes:
            if isinstance(change, SessionChanged):
                self._life.sessions[change.now.id] = change.now


def live(scenario: Scenario, seed: int, truths: int, *, see: Any = None) -> Life:
    """Lets the world live until so many truths were told, and then come to rest. The same arguments give the same life."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    # The order of tasks that may run at once is drawn by trio; a life must be played again from its seed.
    trio_run._ALLOW_DETERMINISTIC_SCHEDULING = True  # noqa: SLF001 - as Hypothesis does it
    trio_run._r.seed(seed)  # noqa: SLF001
    life = Life()
    begun_s = time.process_time()
    clock = trio.testing.MockClock(autojump_threshold=0)
    gc.disable()  # a world is small, and looking for its cycles again and again takes a tenth of the time
    trio.run(_live, scenario, seed, truths, life, see, clock=clock)
    gc.enable()
    gc.collect()
    life.cpu_s = time.process_time() - begun_s
    return life


async def _live(scenario: Scenario, seed: int, truths: int, life: Life, see: Any) -> None:
    pace = Pace(1.0, wall_ns)
    watch = Watch(life)
    csms = SimCsms(scenario.csms, remember=False, pace=pace)
    enough = trio.Event()

    def tell(truth: Truth) -> None:
        life.truths.append(truth)
        if len(life.truths) >= truths:
            enough.set()

    def seen(record: Record) -> None:
        if see is not None:
            see(record)
        watch.see(record)

    async with trio.open_nursery() as nursery:
        orders = trio.CancelScope()

        async def order() -> None:
            with orders:
                await BackOffice(csms).run()

        nursery.start_soon(order)
        network = Network(
            csms, nursery, seen, lambda station, text: fleet.stations[station].commands.missed(text)
        )
        fleet = SimFleet(network.dial, scenario, seed=seed, pace=pace, on_truth=tell)
        nursery.start_soon(fleet.run)
        with trio.move_on_after(LIVE_S_MAX) as scope:
            await enough.wait()
        if scope.cancelled_caught:
            life.faults.append(f"only {len(life.truths)} of {truths} lives in {LIVE_S_MAX / 3600:g} hours")
        fleet.rest()
        with trio.move_on_after(REST_S_MAX):
            resting = False
            while not (resting and fleet.at_rest):
                resting = fleet.at_rest
                if resting:
                    orders.cancel()  # nobody would hear what comes of another one
                await trio.sleep(5.0)  # what was said last is still under way, and may wake somebody
        life.hours = trio.current_time() / 3600
        nursery.cancel_scope.cancel()
    watch.end()
    if fleet.crashes:
        life.faults.append(f"{fleet.crashes} simulated lives crashed")
    if csms.counters["crashed"]:
        life.faults.append(f"{csms.counters['crashed']} connections crashed in the simulated CSMS")
