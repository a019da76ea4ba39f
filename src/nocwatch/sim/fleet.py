"""A simulated fleet: builds the stations of a scenario, lets drivers come, plays the steps, and goes on for ever.

``run_stations`` is what the command and the demo call; tests make a ``Fleet`` and look into it.
"""

# Seeded on purpose: the same seed plays the same life.

from __future__ import annotations

import random
import ssl
from collections import deque
from collections.abc import Awaitable, Callable

import structlog
import trio

from nocwatch.sim.dialling import Dialer, by_url
from nocwatch.sim.drivers import draw_plan, visit_rng, weighted, within
from nocwatch.sim.hardware import Profile, build
from nocwatch.sim.incidents import Step
from nocwatch.sim.pace import Pace
from nocwatch.sim.parts import Connector
from nocwatch.sim.population import Life, StationSpec
from nocwatch.sim.quirks import settle_in
from nocwatch.sim.scenario import Scenario, load
from nocwatch.sim.station import SimStation
from nocwatch.sim.steps import play
from nocwatch.sim.truth import Truth
from nocwatch.sim.visit import no_show, visit

log = structlog.get_logger(__name__)

TRUTHS_MAX = 100_000
"""Sessions remembered for comparison; a demo of 24 stations needs a week for as many."""
CALL_S_MIN = 2.0
"""Real seconds that an answer gets at any speed: the CSMS does not work faster because time does."""
NOT_READY_S = 15.0
"""Unscaled: a driver who finds the connector out of order or taken comes back after that."""


class Fleet:
    """See the module's text.

    Attributes:
        stations: identity → station.
        truths: every session and attempt that is over, oldest first.
        crashes: lives that ended by a mistake of the simulator's own.
        resting: no driver comes any more, and no step is played; what is under way goes on to its end.
    """

    def __init__(
        self,
        where: str | Dialer,
        scenario: Scenario,
        *,
        count: int | None = None,
        seed: int = 0,
        speed: float = 1.0,
        pace: Pace | None = None,
        on_truth: Callable[[Truth], None] | None = None,
        saw: Callable[[str, bool, str], None] | None = None,
    ) -> None:
        self.scenario = scenario
        self.seed = seed
        self.pace = pace or Pace(speed)
        self.truths: deque[Truth] = deque(maxlen=TRUTHS_MAX)
        self.crashes = 0
        self.resting = False
        self._on_truth = on_truth
        self._dial = by_url(where) if isinstance(where, str) else where
        self._saw = saw
        self._specs = _specs(scenario, count, seed)
        self._lives = {spec.id: spec.life for spec in self._specs}
        self.stations = {spec.id: self._station(spec, index) for index, spec in enumerate(self._specs)}

    async def run(self, *, task_status: trio.TaskStatus[Fleet] = trio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled."""
        async with trio.open_nursery() as nursery:
            for spec in self._specs:
                nursery.start_soon(self._guarded, self._run_station, spec, nursery)
            for number, step in enumerate(self.scenario.steps):
                if step.station in self.stations:
                    nursery.start_soon(self._guarded, self._run_step, step, number)
            if self.scenario.random_faults and self.stations:
                nursery.start_soon(self._random_faults, nursery)
            task_status.started(self)

    def rest(self) -> None:
        """From now on nothing new begins."""
        self.resting = True

    @property
    def at_rest(self) -> bool:
        """Nothing is under way, and nothing is left to be told."""
        return all(
            station.online
            and station.queue_length == 0
            and not any(connector.busy.locked() or connector.transaction for connector in station.connectors)
            for station in self.stations.values()
        )

    async def _guarded(self, task: Callable[..., Awaitable[None]], *args: object) -> None:
        """One station's or driver's crash is this simulator's own mistake: it shows, and the others live on."""
        try:
            await task(*args)
        except Exception:
            self.crashes += 1
            log.exception("a simulated life crashed", task=task.__name__)

    def _station(self, spec: StationSpec, index: int) -> SimStation:
        profile = _profile(spec, index, self.seed)

        def saw(outgoing: bool, text: str) -> None:
            if self._saw:
                self._saw(spec.id, outgoing, text)

        station = SimStation(
            profile,
            self._dial,
            seed=self.seed,
            pace=self.pace,
            on_truth=self._tell,
            saw=saw if self._saw else None,
            call_timeout_s=max(CALL_S_MIN, self.pace.real(30.0)),
        )
        station.no_show = no_show
        settle_in(station)
        return station

    def _tell(self, truth: Truth) -> None:
        self.truths.append(truth)
        if self._on_truth:
            self._on_truth(truth)

    async def _run_station(self, spec: StationSpec, nursery: trio.Nursery) -> None:
        await self.pace.sleep(spec.start_after)
        station = self.stations[spec.id]
        for connector in station.connectors:
            nursery.start_soon(
                self._guarded, self._live, station, connector, max(0.0, spec.life_after - spec.start_after)
            )
        await station.run()

    async def _live(self, station: SimStation, connector: Connector, after_s: float) -> None:
        number = 0
        await self.pace.sleep(after_s)
        first = True
        while True:
            life = self._life(station)
            rng = visit_rng(self.seed, station.identity, connector.socket.number, number)
            if life is None:
                await self.pace.sleep(NOT_READY_S)
                continue
            await self.pace.sleep(rng.uniform(0.0, life.first_within) if first else within(rng, life.gap))
            first = False
            while (
                connector.busy.locked()
                or connector.status != "Available"
                or not connector.operative
                or station.wants_boot
            ):
                await self.pace.sleep(NOT_READY_S)
            if self.resting:
                return
            number += 1
            await visit(
                station,
                connector,
                draw_plan(rng, self._life(station) or life, station.profile, connector.socket),
            )

    def _life(self, station: SimStation) -> Life | None:
        name = self._lives[station.identity]
        return None if name is None else self.scenario.lives[name]

    async def _run_step(self, step: Step, number: int) -> None:
        await self.pace.sleep(step.at)
        rng = random.Random(f"{self.seed}/{step.station}/step {number}")
        while not self.resting:
            await self._play(step, rng)
            if step.every is None:
                return
            await self.pace.sleep(step.every)

    async def _play(self, step: Step, rng: random.Random) -> None:
        if step.life is not None:
            self._lives[step.station] = step.life
            self.stations[step.station].acted("step", f"life {step.life}")
        else:
            await play(self.stations[step.station], step, rng)

    async def _random_faults(self, nursery: trio.Nursery) -> None:
        faults = self.scenario.random_faults
        assert faults is not None
        await self.pace.sleep(faults.after)
        rng = random.Random(f"{self.seed}/random faults")
        identities = sorted(self.stations)
        while True:
            await self.pace.sleep(rng.expovariate(1.0 / faults.every))
            verb, identity = weighted(rng, faults.kinds), rng.choice(identities)
            step = Step.model_validate({"at": 0, "station": identity, verb: {}})
            nursery.start_soon(
                self._guarded, self._play, step, random.Random(f"{self.seed}/{identity}/{rng.random()}")
            )


def _specs(scenario: Scenario, count: int | None, seed: int) -> list[StationSpec]:
    """The file's stations, cut to ``count`` or filled up with made-up ones."""
    specs = list(scenario.stations)
    generated = scenario.generated
    wanted = len(specs) + generated.count if count is None else count
    rng = random.Random(f"{seed}/fleet")
    specs.extend(
        StationSpec.model_construct(
            id=f"{generated.prefix}{number:04d}",
            hardware=weighted(rng, generated.hardware),
            life=generated.life,
            start_after=rng.uniform(0.0, generated.start_within),
            meter_interval=generated.meter_interval,
        )
        for number in range(1, wanted - len(specs) + 1)
    )
    return specs[:wanted]


def _profile(spec: StationSpec, index: int, seed: int) -> Profile:
    rng = random.Random(f"{seed}/{spec.id}/hardware")
    quirks = frozenset(spec.quirks)
    wanted = "1.6" if "v16_on_201" in quirks else spec.version
    hardware, version, firmware, serial = build(
        rng, hardware=spec.hardware, version=wanted, firmware=spec.firmware
    )
    subprotocols = () if "no_subprotocol" in quirks else ("ocpp2.0.1",) if "v16_on_201" in quirks else None
    return Profile(
        identity=spec.id,
        version=version,
        hardware=hardware,
        firmware=firmware,
        serial=serial,
        index=index,
        path=f"///{spec.id}" if "odd_path" in quirks else "",
        subprotocols=subprotocols,
        password=spec.password,
        quirks=quirks,
        meter_interval_s=spec.meter_interval,
        connection_timeout_s=spec.connection_timeout,
    )


async def run_stations(
    url: str,
    count: int | None = None,
    scenario: Scenario | str = "ordinary",
    seed: int = 0,
    speed: float = 1.0,
    *,
    on_truth: Callable[[Truth], None] | None = None,
    ssl_context: ssl.SSLContext | None = None,
    task_status: trio.TaskStatus[Fleet] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Runs a fleet against ``url`` (``ws://host:port/path``; the identity is added) until cancelled.

    Args:
        url: of CSMS or relay.
        seed: what stations, drivers and faults are drawn from.
        speed: behaviour goes so many times as fast, energy too; timestamps stay real.
        ssl_context: for ``wss``; None for the system's trust.
        task_status: told the fleet once it lives.
        count: number of stations; None for as many as the scenario names.
        scenario: a loaded one, a shipped one's name, or a file's path.
        on_truth: called with each session that is over.

    Raises:
        ConfigurationError: the scenario file has mistakes.
        ValueError: the URL is none, or the speed is not above 0.
    """
    loaded = load(scenario) if isinstance(scenario, str) else scenario
    where = by_url(url, ssl_context)
    fleet = Fleet(where, loaded, count=count, seed=seed, speed=speed, on_truth=on_truth)
    await fleet.run(task_status=task_status)
