"""Plays the steps of a scenario at a station: one function a verb, and the table of them.

What is odd on the wire for a moment only is in ``quirks``. Every function returns when its trouble is over.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

from nocwatch.flags import Blame
from nocwatch.sessions import Outcome, Reason, StartSource
from nocwatch.sim.drivers import draw_card
from nocwatch.sim.incidents import Step
from nocwatch.sim.parts import Connector
from nocwatch.sim.physics import Vehicle, draw_vehicle
from nocwatch.sim.plan import Plan
from nocwatch.sim.quirks import play_wire
from nocwatch.sim.station import ERRED, UNASKED, UNHEARD, SimStation
from nocwatch.sim.visit import visit
from nocwatch.sim.wire import CallFailed

ROLLBACK_SAMPLES = 4
"""Readings for which a rolled-back register stays below its height; one alone could be a slip."""

Player = Callable[[SimStation, Step, random.Random], Awaitable[None]]


async def play(station: SimStation, step: Step, rng: random.Random) -> None:
    """Plays one step (all verbs but ``life``, which is the fleet's)."""
    station.acted("step", step.verb)
    await PLAYERS[step.verb](station, step, rng)


def _connector(station: SimStation, number: int) -> Connector:
    return station.connectors[min(number, len(station.connectors)) - 1]


def _stretch(station: SimStation, step: Step) -> float:
    """Factor for the step's durations: at ``wall`` they are real seconds."""
    return station.pace.speed if step.wall else 1.0


def _car(station: SimStation, connector: Connector, rng: random.Random) -> Vehicle:
    del station
    vehicle = draw_vehicle(rng, connector.socket.current, connector.socket.power_w)
    vehicle.soc = min(vehicle.soc, 0.5)  # a scripted session must not run into a full battery
    return vehicle


def _token(station: SimStation, connector: Connector, rng: random.Random, given: str | None) -> str:
    return given or draw_card(rng, station.profile, connector.socket.number)


async def _visit(station: SimStation, step: Step, rng: random.Random) -> None:
    what = step.visit
    assert what is not None
    connector = _connector(station, what.connector)
    plan = Plan(
        start=what.start,
        token=what.token or "" if what.start == "free" else _token(station, connector, rng, what.token),
        token_type="eMAID" if what.start == "plug_and_charge" else "ISO14443",
        vehicle=_car(station, connector, rng),
        phases=(("charge", what.charge * _stretch(station, step)),),
        stop=what.stop,
        linger_s=what.linger,
        error_code=what.error_code,
        late_values=what.late_values,
    )
    await visit(station, connector, plan)


async def _zero_energy(station: SimStation, step: Step, rng: random.Random) -> None:
    what = step.zero_energy
    assert what is not None
    connector = _connector(station, what.connector)
    car = _car(station, connector, rng)
    car.power_w_max = 0.0
    plan = Plan(
        token=_token(station, connector, rng, what.token),
        vehicle=car,
        phases=(("charge", what.lasting * _stretch(station, step)),),
        cause="zero_energy",
    )
    await visit(station, connector, plan)


async def _lost_stop(station: SimStation, step: Step, rng: random.Random) -> None:
    what = step.lost_stop
    assert what is not None
    connector = _connector(station, what.connector)
    plan = Plan(
        token=_token(station, connector, rng, what.token),
        vehicle=_car(station, connector, rng),
        phases=(("charge", what.charge * _stretch(station, step)),),
        stop="lost",
        cause="lost_stop",
    )
    await visit(station, connector, plan)


async def _register_rollback(station: SimStation, step: Step, rng: random.Random) -> None:
    what = step.register_rollback
    assert what is not None
    connector = _connector(station, what.connector)
    stretch = _stretch(station, step)
    plan = Plan(
        token=_token(station, connector, rng, what.token),
        vehicle=_car(station, connector, rng),
        phases=(("charge", what.charge * stretch),),
        rollback_wh=what.drop_wh + _flowing_wh(connector, ROLLBACK_SAMPLES * station.meter_interval_s),
        rollback_after_s=what.after * stretch,
        cause="register_rollback",
    )
    await visit(station, connector, plan)


def _flowing_wh(connector: Connector, seconds: float) -> float:
    """What can flow meanwhile: added to the drop, so that it takes that long until the register is where it was."""
    return connector.socket.power_w * seconds / 3600


async def _odd_meter(station: SimStation, step: Step, rng: random.Random) -> None:
    what = step.odd_meter
    assert what is not None
    connector = _connector(station, what.connector)
    plan = Plan(
        token=_token(station, connector, rng, None),
        vehicle=_car(station, connector, rng),
        phases=(("charge", what.charge * _stretch(station, step)),),
        dip_after_s=what.charge / 2 if what.kind == "dip" else 0.0,
        minus_one=what.kind == "minus_one",
        cause=what.kind,
    )
    await visit(station, connector, plan)


async def _offline(station: SimStation, step: Step, rng: random.Random) -> None:
    del rng
    what = step.offline
    assert what is not None
    await station.go_offline(
        what.lasting * _stretch(station, step), abruptly=what.abruptly, reboot=what.reboot
    )


async def _flap(station: SimStation, step: Step, rng: random.Random) -> None:
    del rng
    what = step.flap
    assert what is not None
    for _ in range(what.times):
        if what.reboot:
            station.restarts()
            station.wants_boot = True
        station.uplink.cut()
        await station.pace.sleep(what.every * _stretch(station, step))


async def _silent_boot(station: SimStation, step: Step, rng: random.Random) -> None:
    del rng
    what = step.silent_boot
    assert what is not None
    station.silent_until_s = station.pace.now() + what.lasting * _stretch(station, step)
    await station.reboot("Reboot", "Watchdog", 3.0)
    await station.pace.sleep(station.silent_until_s - station.pace.now())
    if station.online:
        station.enqueue(station.dialect.announcements())


async def _faulted(station: SimStation, step: Step, rng: random.Random) -> None:
    del rng
    what = step.faulted
    assert what is not None
    connector = _connector(station, what.connector)
    station.set_fault(
        connector, what.error_code, info=what.info, vendor_error=what.vendor_error, status=what.status
    )
    await station.pace.sleep(what.lasting * _stretch(station, step))
    station.set_fault(connector, "NoError", status="Available")


async def _brute_force(station: SimStation, step: Step, rng: random.Random) -> None:
    what = step.brute_force
    assert what is not None
    for _ in range(what.cards):
        token = f"{rng.getrandbits(56):014X}"
        station.acted("step", f"tries {token}")
        at_ns = station.clock.now_ns()
        _tried(station, token, at_ns, await station.authorize(token))
        await station.pace.sleep(what.every * _stretch(station, step))


def _tried(station: SimStation, token: str, at_ns: int, status: str | None) -> None:
    """What came of a card at the reader."""
    outcome, reason, blame = {
        None: (Outcome.FAILED, Reason.AUTH_TIMEOUT, Blame.CSMS),
        ERRED: (Outcome.FAILED, Reason.CSMS_ERROR, Blame.CSMS),
        UNHEARD: (Outcome.FAILED, Reason.CONNECTIVITY, station.uplink.ended_by),
    }.get(status, (Outcome.REJECTED, Reason.AUTH_REJECTED, Blame.DRIVER))
    if status != UNASKED:
        known = {
            "token": token,
            "start_source": StartSource.RFID,
            "started_at_ns": at_ns,
            "cause": "brute_force",
        }
        station.tell_attempt(station.connectors[0], outcome=outcome, reason=reason, blame=blame, **known)


async def _ignore_remote_start(station: SimStation, step: Step, rng: random.Random) -> None:
    del rng
    what = step.ignore_remote_start
    assert what is not None
    connector = _connector(station, what.connector)
    connector.ignore_remote_start = True
    await station.pace.sleep(what.lasting * _stretch(station, step))
    connector.ignore_remote_start = False


async def _reboot(station: SimStation, step: Step, rng: random.Random) -> None:
    del rng
    what = step.reboot
    assert what is not None
    await station.reboot(what.reason, "PowerUp" if what.reason == "PowerLoss" else "Watchdog", what.off)


async def _wire(station: SimStation, step: Step, rng: random.Random) -> None:
    assert step.wire is not None
    try:
        await play_wire(station, step.wire, rng)
    except CallFailed as error:
        station.acted("step", f"{step.wire.kind} cut short: {error}")


PLAYERS: dict[str, Player] = {
    "visit": _visit,
    "zero_energy": _zero_energy,
    "lost_stop": _lost_stop,
    "register_rollback": _register_rollback,
    "odd_meter": _odd_meter,
    "offline": _offline,
    "flap": _flap,
    "silent_boot": _silent_boot,
    "faulted": _faulted,
    "brute_force": _brute_force,
    "ignore_remote_start": _ignore_remote_start,
    "reboot": _reboot,
    "wire": _wire,
}
