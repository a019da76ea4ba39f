"""What the simulated CSMS answers to OCPP 2.0.1 and 2.1 calls: one function an action, and their tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nocwatch.sim.answers16 import Function, boot, heartbeat, nothing
from nocwatch.sim.ledger import CsmsStation, CsmsTransaction
from nocwatch.sim.tokens import APP_PREFIX, status_of
from nocwatch.sim.wire import Payload

if TYPE_CHECKING:
    from nocwatch.sim.csms import SimCsms


def _token_info(token: Payload) -> Payload:
    status = "Accepted" if token["type"] == "NoAuthorization" else status_of(str(token["idToken"]))
    return {"status": status}


def _authorize(csms: SimCsms, station: CsmsStation, payload: Payload) -> Payload:
    station.authorised_at_s = csms.pace.now()
    return {"idTokenInfo": _token_info(payload["idToken"])}


def _transaction_event(csms: SimCsms, station: CsmsStation, payload: Payload) -> Payload:
    identity = str(payload["transactionInfo"]["transactionId"])
    cost: Payload = {}
    if payload["eventType"] == "Ended":
        over = station.transactions.pop(identity, None)
        price = csms.settings.price_of(station.identity)
        if over is not None and price is not None:
            _metered(over, payload)
            cost = {"totalCost": over.cost(price.per_kwh)}
    else:
        transaction = station.transactions.setdefault(identity, CsmsTransaction(identity, 0, ""))
        transaction.connector = int(payload.get("evse", {}).get("id", transaction.connector))
        if "idToken" in payload:
            transaction.token = str(payload["idToken"]["idToken"])
            transaction.by_app = transaction.token.startswith(APP_PREFIX)
        _metered(transaction, payload)
    return cost | ({"idTokenInfo": _token_info(payload["idToken"])} if "idToken" in payload else {})


def _metered(transaction: CsmsTransaction, payload: Payload) -> None:
    """Takes over what the event says of the energy register at the outlet, of all phases."""
    for sampled in (each for meter in payload.get("meterValue", ()) for each in meter["sampledValue"]):
        measurand = sampled.get("measurand", "Energy.Active.Import.Register")
        outlet = sampled.get("location", "Outlet") == "Outlet" and "phase" not in sampled
        if measurand == "Energy.Active.Import.Register" and outlet:
            unit = sampled.get("unitOfMeasure", {})
            factor = 1000 if unit.get("unit") == "kWh" else 1
            transaction.metered(float(sampled["value"]) * factor * 10 ** int(unit.get("multiplier", 0)))


def _status(csms: SimCsms, station: CsmsStation, payload: Payload) -> Payload:
    del csms
    station.statuses[int(payload["evseId"]), int(payload["connectorId"])] = str(payload["connectorStatus"])
    return {}


def _data_transfer(csms: SimCsms, station: CsmsStation, payload: Payload) -> Payload:
    del csms, station, payload
    return {"status": "UnknownVendorId"}


def _refused(csms: SimCsms, station: CsmsStation, payload: Payload) -> Payload:
    del csms, station, payload
    return {"status": "Rejected"}


def _needs(csms: SimCsms, station: CsmsStation, payload: Payload) -> Payload:
    """A schedule comes soon after."""
    del csms
    said = payload["chargingNeeds"]
    ac, dc = said.get("acChargingParameters"), said.get("dcChargingParameters")
    if dc is not None:
        watts = float(dc.get("evMaxPower", dc["evMaxCurrent"] * dc["evMaxVoltage"]))
    else:
        phases = 3 if said["requestedEnergyTransfer"] == "AC_three_phase" else 1
        watts = float(ac["evMaxCurrent"] * ac["evMaxVoltage"] * phases) if ac else 0.0
    if watts > 0:
        station.needs.append((int(payload["evseId"]), watts))
    return {"status": "Accepted"}


def _contract(csms: SimCsms, station: CsmsStation, payload: Payload) -> Payload:
    del csms, station, payload
    return {"status": "Failed", "exiResponse": ""}


def _failed(csms: SimCsms, station: CsmsStation, payload: Payload) -> Payload:
    del csms, station, payload
    return {"status": "Failed"}


ANSWERS_201: dict[str, Function] = {
    "Authorize": _authorize,
    "BootNotification": boot,
    "ClearedChargingLimit": nothing,
    "DataTransfer": _data_transfer,
    "FirmwareStatusNotification": nothing,
    "Get15118EVCertificate": _contract,
    "GetCertificateStatus": _failed,
    "Heartbeat": heartbeat,
    "LogStatusNotification": nothing,
    "MeterValues": nothing,
    "NotifyChargingLimit": nothing,
    "NotifyCustomerInformation": nothing,
    "NotifyDisplayMessages": nothing,
    "NotifyEVChargingNeeds": _needs,
    "NotifyEVChargingSchedule": lambda *_: {"status": "Accepted"},
    "NotifyEvent": nothing,
    "NotifyMonitoringReport": nothing,
    "NotifyReport": nothing,
    "PublishFirmwareStatusNotification": nothing,
    "ReportChargingProfiles": nothing,
    "ReservationStatusUpdate": nothing,
    "SecurityEventNotification": nothing,
    "SignCertificate": _refused,
    "StatusNotification": _status,
    "TransactionEvent": _transaction_event,
}

ANSWERS_21: dict[str, Function] = ANSWERS_201 | {
    "BatterySwap": nothing,
    "NotifyDERAlarm": nothing,
    "NotifyDERStartStop": nothing,
    "NotifyPriorityCharging": nothing,
    "NotifySettlement": nothing,
    "NotifyWebPaymentStarted": nothing,
}
"""2.1 has all of 2.0.1's messages; these are its own that want no more than a receipt."""
