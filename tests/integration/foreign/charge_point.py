"""A station that this project did not write: the ``ocpp`` package's charge point. ``charge_point.py URL`` charges once."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from datetime import UTC, datetime

import websockets
from ocpp.v16 import ChargePoint, call
from ocpp.v16.enums import ChargePointErrorCode, ChargePointStatus


def now() -> str:
    return datetime.now(UTC).isoformat()


def meter(energy_wh: int, transaction: int) -> call.MeterValues:
    sampled = [{"value": str(energy_wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh"}]
    return call.MeterValues(
        connector_id=1,
        transaction_id=transaction,
        meter_value=[{"timestamp": now(), "sampledValue": sampled}],
    )


async def charge(station: ChargePoint) -> None:
    def status(value: ChargePointStatus) -> call.StatusNotification:
        return call.StatusNotification(connector_id=1, error_code=ChargePointErrorCode.no_error, status=value)

    await station.call(call.BootNotification(charge_point_model="Wallbox", charge_point_vendor="Foreign"))
    await station.call(status(ChargePointStatus.available))
    await station.call(status(ChargePointStatus.preparing))
    await station.call(call.Authorize(id_tag="04A1B2C3D4"))
    started = await station.call(
        call.StartTransaction(connector_id=1, id_tag="04A1B2C3D4", meter_start=1000, timestamp=now())
    )
    await station.call(status(ChargePointStatus.charging))
    for energy_wh in range(1500, 8000, 500):
        await station.call(meter(energy_wh, started.transaction_id))
    await station.call(
        call.StopTransaction(
            meter_stop=8000, timestamp=now(), transaction_id=started.transaction_id, id_tag="04A1B2C3D4"
        )
    )
    await station.call(status(ChargePointStatus.finishing))
    await station.call(status(ChargePointStatus.available))


async def main() -> None:
    async with websockets.connect(f"{sys.argv[1]}/CP_FOREIGN", subprotocols=["ocpp1.6"]) as connection:
        station = ChargePoint("CP_FOREIGN", connection)
        reading = asyncio.create_task(station.start())
        await charge(station)
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading


asyncio.run(main())
