"""What stations of 2.x say beside the course of a transaction: what a vehicle needs, the schedule that it chose, what a terminal settled.

What always holds: a transaction remembers such a word only once the CSMS has answered it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nocwatch.sim.parts import Message, Transaction, fixed
from nocwatch.sim.physics import Vehicle
from nocwatch.sim.wire import Payload

if TYPE_CHECKING:
    from nocwatch.sim.station import SimStation

PRICE_PER_KWH = 0.59
"""What a terminal asks where the CSMS did not say what it costs."""
VOLTS_AC = 230


def speaks_15118(station: SimStation) -> bool:
    return "iso15118" in station.profile.quirks and station.dialect.version != "1.6"


def has_terminal(station: SimStation) -> bool:
    return "payment_terminal" in station.profile.quirks and station.dialect.version == "2.1"


def needs(station: SimStation, tx: Transaction, vehicle: Vehicle) -> list[Message]:
    """NotifyEVChargingNeeds, where the station and its vehicles have ISO 15118."""
    if not speaks_15118(station) or vehicle.power_w_max <= 0:
        return []
    socket = tx.connector.socket
    wanted_wh = int((1.0 - vehicle.soc) * vehicle.capacity_wh)
    said: Payload
    if socket.current == "dc":
        amps = int(vehicle.power_w_max / vehicle.nominal_v) + 1
        said = {
            "requestedEnergyTransfer": "DC",
            "dcChargingParameters": {
                "evMaxCurrent": amps,
                "evMaxVoltage": int(vehicle.nominal_v * 1.1),
                "evMaxPower": int(vehicle.power_w_max),
                "energyAmount": wanted_wh,
                "stateOfCharge": int(100 * vehicle.soc),
                "evEnergyCapacity": int(vehicle.capacity_wh),
            },
        }
    else:
        phases = "AC_three_phase" if vehicle.phases == 3 else "AC_single_phase"
        amps = int(vehicle.power_w_max / vehicle.phases / VOLTS_AC) + 1
        said = {
            "requestedEnergyTransfer": phases,
            "acChargingParameters": {
                "energyAmount": wanted_wh,
                "evMinCurrent": 6,
                "evMaxCurrent": amps,
                "evMaxVoltage": VOLTS_AC + 20,
            },
        }

    def answered(answer: Payload | None) -> None:
        tx.needs_wh = float(wanted_wh) if answer is not None else None

    payload = {"evseId": socket.evse, "chargingNeeds": said}
    return [Message("NotifyEVChargingNeeds", fixed(payload), durable=False, answered=answered)]


def chosen_schedule(station: SimStation, evse: int, profile: Payload) -> list[Message]:
    """NotifyEVChargingSchedule: the vehicle takes what it was offered for this transaction."""
    if not speaks_15118(station) or profile.get("chargingProfilePurpose") != "TxProfile":
        return []
    payload = {
        "timeBase": station.clock.text(),
        "evseId": evse,
        "chargingSchedule": profile["chargingSchedule"][0],
    }
    return [Message("NotifyEVChargingSchedule", fixed(payload), durable=False)]


def settlement(
    station: SimStation, tx: Transaction, amount: float, over: Callable[[float | None], None]
) -> list[Message]:
    """NotifySettlement of a terminal; ``over`` is told the amount once it was answered, None where it never was."""
    payload = {
        "pspRef": f"PSP-{tx.id}"[:255],
        "transactionId": tx.id,
        "status": "Settled" if amount else "Canceled",
        "settlementAmount": amount,
        "settlementTime": station.clock.text(),
    }

    def answered(answer: Payload | None) -> None:
        over(None if answer is None else amount)

    return [Message("NotifySettlement", fixed(payload), answered=answered)]
