"""Oddities of a moment on the wire, each as it was seen in the field. Lasting ones are flags of a station's profile."""

# Tokens here are charging cards.

from __future__ import annotations

import dataclasses
import random
from collections.abc import Awaitable, Callable

import trio

from nocwatch.flags import Blame
from nocwatch.moments import DAY_NS, SECOND_NS
from nocwatch.sessions import Outcome, Reason, StartSource
from nocwatch.sim.drivers import draw_card
from nocwatch.sim.incidents import Wire
from nocwatch.sim.parts import Interrupt, Message, Transaction, fixed
from nocwatch.sim.physics import draw_vehicle
from nocwatch.sim.plan import Plan
from nocwatch.sim.station import SimStation
from nocwatch.sim.truth import Truth
from nocwatch.sim.visit import visit
from nocwatch.sim.wire import Answer, LinkLost, Payload

LATE_ANSWER_S = 35.0
"""Unscaled, and 3 real seconds more: later than a peer waits."""
HALF_OPEN_S = 20.0
DROP_S = 0.8
"""Real seconds between a start's answer and the drop, as reported (lbbrhzn#2080)."""


async def play_wire(station: SimStation, wire: Wire, rng: random.Random) -> None:
    """Plays one oddity.

    Raises:
        LinkLost: the station was offline, or went offline.
    """
    await _PLAYERS[wire.kind](station, wire, rng)


def settle_in(station: SimStation) -> None:
    """Sets up what a station's lasting quirks need while it runs."""
    if "drop_after_start" in station.profile.quirks:
        station.on_start_answered = lambda tx: station.spawn(_drop, station, tx)
    if "loops_on_early_call" in station.profile.quirks:
        station.on_early_call = lambda: station.spawn(_begin_anew, station)


async def _drop(station: SimStation, tx: Transaction) -> None:
    await trio.sleep(DROP_S)
    tx.connector.interrupt(Interrupt("socket_lost"))
    station.uplink.cut()


async def _begin_anew(station: SimStation) -> None:
    """A program that falls over what it did not expect, and is begun again."""
    await trio.lowlevel.checkpoint()
    station.acted("link", "fell over an early call")
    station.restarts()
    station.uplink.cut()


async def _invalid_json(station: SimStation, wire: Wire, rng: random.Random) -> None:
    texts = ('[2,"%s","Heartbeat",{', '{"not": "an array"}', '[2, 17, "Heartbeat"]', "[9,%s]", "", "\x00\x01")
    for n in range(wire.times):
        text = texts[n % len(texts)]
        await _peer_text(station, text % f"{rng.getrandbits(32):08x}" if "%s" in text else text)


async def _peer_text(station: SimStation, text: str) -> None:
    if station.uplink.peer is None:
        raise LinkLost("offline")
    await station.uplink.peer.send_text(text)


def _twist(station: SimStation, wire: Wire, twist: Callable[[Answer], Answer]) -> None:
    for _ in range(wire.times):
        station.twists.append(twist)


async def _other_id(station: SimStation, wire: Wire, rng: random.Random) -> None:
    _twist(station, wire, lambda answer: dataclasses.replace(answer, message_id=f"{rng.getrandbits(32):08x}"))
    await trio.lowlevel.checkpoint()


async def _duplicate_answer(station: SimStation, wire: Wire, rng: random.Random) -> None:
    del rng
    _twist(station, wire, lambda answer: dataclasses.replace(answer, copies=2))
    await trio.lowlevel.checkpoint()


async def _late_answer(station: SimStation, wire: Wire, rng: random.Random) -> None:
    del rng
    _twist(
        station,
        wire,
        lambda answer: dataclasses.replace(answer, delay_s=station.pace.real(LATE_ANSWER_S) + 3.0),
    )
    await trio.lowlevel.checkpoint()


async def _same_id_again(station: SimStation, wire: Wire, rng: random.Random) -> None:
    message_id = f"{rng.getrandbits(32):08x}"
    for _ in range(wire.times):
        await station.uplink.call(*station.dialect.heartbeat(), message_id=message_id)


def _plan(station: SimStation, wire: Wire, rng: random.Random, **changes: object) -> Plan:
    connector = station.connectors[wire.connector - 1]
    plan = Plan(
        token=draw_card(rng, station.profile, wire.connector),
        vehicle=draw_vehicle(rng, connector.socket.current, connector.socket.power_w),
        phases=(("charge", 60.0),),
        cause=wire.kind,
    )
    return dataclasses.replace(plan, **changes)  # type: ignore[arg-type]


async def _retried_start(station: SimStation, wire: Wire, rng: random.Random) -> None:
    await visit(
        station, station.connectors[wire.connector - 1], _plan(station, wire, rng, start_copies=wire.times)
    )


async def _retried_stop(station: SimStation, wire: Wire, rng: random.Random) -> None:
    await visit(
        station, station.connectors[wire.connector - 1], _plan(station, wire, rng, stop_copies=wire.times)
    )


async def _several_stops(station: SimStation, wire: Wire, rng: random.Random) -> None:
    when = rng.choice(({"early_stop": True}, {"late_stop": True}, {"early_stop": True, "late_stop": True}))
    plan = _plan(station, wire, rng, phases=(("charge", 150.0),), **when)
    await visit(station, station.connectors[wire.connector - 1], plan)


async def _stop_without_start(station: SimStation, wire: Wire, rng: random.Random) -> None:
    connector = station.connectors[wire.connector - 1]
    at_ns = station.clock.now_ns()
    reading = connector.meter.reading(station.pace.now())
    tx = Transaction(
        connector=connector,
        token=draw_card(rng, station.profile, wire.connector),
        token_type="ISO14443",
        source=StartSource.RFID,
        started_at_ns=at_ns,
        start=reading,
        real_start_wh=connector.meter.register_wh,
        id=rng.randrange(10**6, 10**7) if station.dialect.version == "1.6" else station.make_transaction_id(),
        sequence=7,
    )
    station.enqueue(station.dialect.tx_stop(tx, "Local", "StopAuthorized", reading))
    first = station.dialect.version == "1.6"
    station.tell(
        Truth(
            station=station.identity,
            evse=None if first else connector.socket.evse,
            connector=wire.connector if first else connector.socket.connector,
            transaction=tx.id,
            outcome=Outcome.FAILED,
            reason=Reason.UNKNOWN,
            blame=Blame.UNKNOWN,
            meter_stop_wh=reading.register_wh,
            stop_reason="Local",
            token=tx.token,
            started_at_ns=at_ns,
            stopped_at_ns=at_ns,
            cause=wire.kind,
        )
    )
    await trio.lowlevel.checkpoint()


async def _values_without_transaction(station: SimStation, wire: Wire, rng: random.Random) -> None:
    """MeterValues with transaction 0 and with none."""
    del rng
    for n in range(wire.times):
        payload = _meter_values(station, wire, station.clock.text())
        if station.dialect.version == "1.6" and n % 2 == 0:
            payload["transactionId"] = 0
        station.enqueue([Message("MeterValues", fixed(payload), attempts_max=1)])
    await trio.lowlevel.checkpoint()


async def _backlog_flood(station: SimStation, wire: Wire, rng: random.Random) -> None:
    """Old samples, one a minute up to now, all at once."""
    del rng
    for n in range(wire.times, 0, -1):
        payload = _meter_values(
            station, wire, station.clock.text(station.clock.now_ns() - n * 60 * SECOND_NS)
        )
        station.enqueue([Message("MeterValues", fixed(payload), attempts_max=1)])
    await trio.lowlevel.checkpoint()


def _meter_values(station: SimStation, wire: Wire, timestamp: str) -> Payload:
    connector = station.connectors[wire.connector - 1]
    sampled = station.dialect.energies(connector.meter.reading(station.pace.now()), "Sample.Periodic")
    number = (
        {"connectorId": wire.connector}
        if station.dialect.version == "1.6"
        else {"evseId": connector.socket.evse}
    )
    return {**number, "meterValue": [{"timestamp": timestamp, "sampledValue": sampled}]}


async def _second_socket(station: SimStation, wire: Wire, rng: random.Random) -> None:
    del wire, rng
    station.uplink.take_over(HALF_OPEN_S, station.commands.unheard)
    await trio.lowlevel.checkpoint()


async def _old_status(station: SimStation, wire: Wire, rng: random.Random) -> None:
    """A status of two days ago."""
    del rng
    message = station.dialect.status(station.connectors[wire.connector - 1])
    payload = {**message.build(), "timestamp": station.clock.text(station.clock.now_ns() - 2 * DAY_NS)}
    station.enqueue([Message(message.action, lambda: payload, durable=False)])
    await trio.lowlevel.checkpoint()


_PLAYERS: dict[str, Callable[[SimStation, Wire, random.Random], Awaitable[None]]] = {
    "invalid_json": _invalid_json,
    "other_id": _other_id,
    "duplicate_answer": _duplicate_answer,
    "late_answer": _late_answer,
    "same_id_again": _same_id_again,
    "retried_start": _retried_start,
    "retried_stop": _retried_stop,
    "several_stops": _several_stops,
    "stop_without_start": _stop_without_start,
    "values_without_transaction": _values_without_transaction,
    "backlog_flood": _backlog_flood,
    "second_socket": _second_socket,
    "old_status": _old_status,
}
