"""One driver at one connector: from the first act to the free socket, with whatever goes wrong meanwhile.

The plan says what the driver, the car and the hardware mean to do; remote stops, refusals, faults and resets cut in. The
outcome that is told as truth follows from what really happened. Here is the course of it; the acts are in ``starting`` and ``charging``.
"""

from __future__ import annotations

from nocwatch.sim.charging import charge, lose_the_stop, stop
from nocwatch.sim.parts import Connector
from nocwatch.sim.plan import Plan
from nocwatch.sim.starting import start
from nocwatch.sim.station import SimStation
from nocwatch.sim.stay import Stay


async def visit(station: SimStation, connector: Connector, plan: Plan) -> None:
    """Plays the plan once the connector is free of other players."""
    async with connector.busy:
        if connector.status == "Reserved" and connector.booking and connector.booking.token != plan.token:
            station.acted(f"connector {connector.socket.number}", f"kept for another than {plan.token}")
            return
        connector.forget_interrupts()
        try:
            await _play(Stay(station, connector, plan))
        finally:
            connector.meter.switch(station.pace.now(), on=False)
            connector.meter.connect(None, 0.0)
            if connector.remote_start is not None:
                station.no_transaction(connector, connector.remote_start)
            connector.plugged = False
            connector.remote_start, connector.waiting_for_cable, connector.transaction = None, False, None


async def no_show(station: SimStation, connector: Connector) -> None:
    """A remote start to which nobody plugs in, or the newer one that took its place: the station waits and gives up."""
    if connector.busy.locked():
        return
    async with connector.busy:
        station.set_status(connector, "Preparing" if station.dialect.version == "1.6" else "Available")
        await connector.pause(station.pace, station.connection_timeout_s)
        request, connector.remote_start = connector.remote_start, None
        if connector.status == "Preparing":
            station.set_status(connector, "Available")
        if request is not None:
            station.no_transaction(connector, request)


async def _play(stay: Stay) -> None:
    station, plan = stay.station, stay.plan
    station.acted(
        f"connector {stay.connector.socket.number}",
        f"{plan.start} {plan.token} {plan.stop} {plan.cause}".strip(),
    )
    if not await start(stay):
        _leave(stay)
        return
    stop_reason, trigger = await charge(stay)
    if plan.stop == "lost" and stop_reason == "Local":
        lose_the_stop(stay)
    else:
        await stop(stay, stop_reason, trigger)
    if stop_reason not in ("HardReset", "SoftReset", "ImmediateReset", "Reboot"):
        stay.status("Finishing")
    if plan.stop != "lost":
        await stay.connector.pause(stay.pace, plan.linger_s)
    _leave(stay)


def _leave(stay: Stay) -> None:
    if stay.plan.error_code and stay.connector.error_code == stay.plan.error_code:
        stay.station.set_fault(stay.connector, "NoError", status="Available")
    if stay.connector.error_code == "NoError" and stay.connector.status != "Faulted":
        stay.status("Available")
