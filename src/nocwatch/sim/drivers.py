"""Draws what drivers do: the plan of each visit from seed, station, connector and number of the visit, and nothing else.

So the same seed gives the same plans, whatever the network, the CSMS or a fault did in between.
"""

# Tokens here are charging cards; seeded on purpose: the same seed plays the same life.

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import TypeVar

from nocwatch.sim.hardware import Profile, Socket
from nocwatch.sim.physics import Vehicle, draw_vehicle
from nocwatch.sim.plan import Plan
from nocwatch.sim.population import Life, Span
from nocwatch.sim.tokens import POOL_SIZE, cards_of, contract

NameT = TypeVar("NameT", bound=str)

_ERRORS = {
    "ev_comm": "EVCommunicationError",
    "connector_lock": "ConnectorLockFailure",
    "ground_failure": "GroundFailure",
    "high_temperature": "HighTemperature",
}


def weighted(rng: random.Random, weights: Mapping[NameT, float]) -> NameT:
    return rng.choices(list(weights), list(weights.values()))[0]


def within(rng: random.Random, span: Span) -> float:
    return rng.uniform(span.min, span.max)


def visit_rng(seed: int, station: str, connector: int, number: int) -> random.Random:
    return random.Random(f"{seed}/{station}/{connector}/{number}")


def draw_card(rng: random.Random, profile: Profile, connector: int) -> str:
    """A card of this station's drivers; its connectors share none, so that no card is in two places."""
    cards = cards_of(profile.index)
    own = cards[(connector - 1) :: len(profile.hardware.sockets)]
    return rng.choice(own)


def draw_plan(rng: random.Random, life: Life, profile: Profile, socket: Socket) -> Plan:
    """One visit."""
    start: str = weighted(rng, life.starts)
    card = draw_card(rng, profile, socket.number)
    vehicle = draw_vehicle(rng, socket.current, socket.power_w)
    charge_s, linger_s, act_s = within(rng, life.charge), within(rng, life.linger), rng.uniform(2.0, 6.0)
    stop = weighted(rng, life.stops)
    phases: tuple[tuple[str, float], ...] = (("charge", charge_s),)
    if rng.random() < life.suspended:
        share, kind = rng.uniform(0.5, 0.8), rng.choice(("suspended_ev", "suspended_evse"))
        phases = (("charge", share * charge_s), (kind, (1 - share) * charge_s))
        if kind == "suspended_evse":
            phases = (*phases, ("charge", 0.3 * charge_s))
    token_type = "ISO14443"
    if start == "plug_and_charge":
        if profile.version == "1.6":
            start = "plug_first"  # 1.6 has no ISO 15118 of its own
        else:
            card, token_type = contract(int(card[2:8], 16) % POOL_SIZE), "eMAID"
    if start == "free":
        card, token_type = "", "NoAuthorization"
    plan = {
        "start": start, "token": card, "token_type": token_type, "vehicle": vehicle, "phases": phases, "stop": stop,
        "act_s": act_s, "linger_s": linger_s,
    }  # fmt: skip
    plan |= _failure(rng, life, charge_s, vehicle)
    return Plan(**plan)  # type: ignore[arg-type]


def _failure(rng: random.Random, life: Life, charge_s: float, vehicle: Vehicle) -> dict[str, object]:
    """What is different in a visit that goes wrong; nothing in one that goes well."""
    dice = rng.random()
    for name, share in life.failures.items():
        dice -= share
        if dice >= 0:
            continue
        no_power = Vehicle(vehicle.capacity_wh, vehicle.soc, 0.0)
        match name:
            case "zero_energy":
                return {
                    "vehicle": no_power,
                    "phases": (("charge", max(130.0, charge_s)),),
                    "stop": "Local",
                    "cause": name,
                }
            case "short":
                return {
                    "vehicle": no_power,
                    "phases": (("charge", rng.uniform(20.0, 70.0)),),
                    "stop": "Local",
                    "cause": name,
                }
            case "emergency_stop":
                return {
                    "phases": (("charge", rng.uniform(5.0, 20.0)),),
                    "stop": "EmergencyStop",
                    "cause": name,
                }
            case "lost_stop":
                return {"stop": "lost", "cause": name}
            case "no_plug":
                return {"start": "rfid", "token_type": "ISO14443", "no_plug": True, "cause": name}
            case "unknown_card":
                return {
                    "start": "rfid",
                    "token": f"{rng.getrandbits(56):014X}",
                    "token_type": "ISO14443",
                    "cause": name,
                }
            case "ev_comm":
                return {
                    "vehicle": no_power,
                    "phases": (("suspended_evse", rng.uniform(5.0, 15.0)),),
                    "error_code": _ERRORS[name],
                    "cause": name,
                }
            case _:
                return {
                    "phases": (("charge", rng.uniform(5.0, 15.0)),),
                    "error_code": _ERRORS[name],
                    "cause": name,
                }
    return {}
