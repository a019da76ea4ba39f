"""What a visit is meant to be: driver, car and hardware, before anything cuts in. A value; drawn by ``drivers``, played by ``visit``."""

# Tokens here are charging cards.

from __future__ import annotations

from dataclasses import dataclass, field

from nocwatch.flags import Blame
from nocwatch.sim.physics import Vehicle


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is meant to happen. Times in unscaled seconds.

    Attributes:
        start: ``rfid`` (card, then cable), ``plug_first`` (cable, then card), ``app``, ``plug_and_charge``, ``free``.
        phases: ``("charge" | "suspended_ev" | "suspended_evse", seconds)`` in order.
        stop: reason of the stop at the end, as 2.0.1 or 1.6 name it; ``lost`` for a connector that is free without a stop.
        error_code: reported before the stop, where the phases end in a fault.
        rollback_wh: the register falls by so much after ``rollback_after_s``; 0 for none. ``dip_after_s`` one reading of 0.
        withholds: whose fault it is where a vehicle takes no power at all.
        minus_one: the stop's register reads -1.
        late_values: closing MeterValues after the stop.
        early_stop: a stop with the last sample's register comes before the right one; ``late_stop`` one with the start's after it.
        start_copies: how often the start is sent, each under another id; ``stop_copies`` alike.
        cause: name of the fault that is played.
    """

    start: str = "rfid"
    token: str = ""
    token_type: str = "ISO14443"
    vehicle: Vehicle = field(default_factory=lambda: Vehicle(64_000, 0.3, 150_000))
    phases: tuple[tuple[str, float], ...] = (("charge", 120.0),)
    stop: str = "Local"
    act_s: float = 4.0
    linger_s: float = 5.0
    no_plug: bool = False
    error_code: str = ""
    withholds: Blame = Blame.CHARGER
    rollback_wh: float = 0.0
    rollback_after_s: float = 60.0
    dip_after_s: float = 0.0
    minus_one: bool = False
    late_values: bool = False
    start_copies: int = 1
    stop_copies: int = 1
    early_stop: bool = False
    late_stop: bool = False
    cause: str = ""
