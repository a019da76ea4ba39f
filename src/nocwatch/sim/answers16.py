"""What the simulated CSMS answers to OCPP 1.6 calls, security messages included: one function an action, and their table."""

# Tokens here are charging cards.

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nocwatch.sim.clockwork import milliseconds
from nocwatch.sim.ledger import CsmsStation, CsmsTransaction
from nocwatch.sim.tokens import APP_PREFIX, status_of
from nocwatch.sim.wire import Payload

if TYPE_CHECKING:
    from nocwatch.sim.csms import SimCsms

Function = Callable[["SimCsms", CsmsStation, Payload], Payload]


def boot(csms: SimCsms, station: CsmsStation, payload: Payload) -> Payload:
    """The same in all versions."""
    del payload
    station.boots += 1
    return {
        "currentTime": milliseconds(csms.pace.wall_ns()),
        "interval": int(csms.settings.heartbeat_interval),
        "status": "Accepted",
    }


def heartbeat(csms: SimCsms, station: CsmsStation, payload: Payload) -> Payload:
    del station, payload
    return {"currentTime": milliseconds(csms.pace.wall_ns())}


def nothing(csms: SimCsms, station: CsmsStation, payload: Payload) -> Payload:
    """An empty confirmation."""
    del csms, station, payload
    return {}


def _authorize(csms: SimCsms, station: CsmsStation, payload: Payload) -> Payload:
    station.authorised_at_s = csms.pace.now()
    return {"idTagInfo": {"status": status_of(str(payload["idTag"]))}}


def _start(csms: SimCsms, station: CsmsStation, payload: Payload) -> Payload:
    token, connector = str(payload["idTag"]), int(payload["connectorId"])
    status = "Accepted" if token == "FREE" else status_of(token)
    number = csms.ledger.start(station.identity, payload)
    for old in [tx for tx in station.transactions.values() if tx.connector == connector]:
        del station.transactions[old.id]  # its Stop never came
    station.transactions[number] = CsmsTransaction(
        number, connector, token, by_app=token.startswith(APP_PREFIX)
    )
    return {"transactionId": number, "idTagInfo": {"status": status}}


def _stop(csms: SimCsms, station: CsmsStation, payload: Payload) -> Payload:
    del csms
    station.transactions.pop(int(payload["transactionId"]), None)
    token = payload.get("idTag")
    return {"idTagInfo": {"status": status_of(str(token))}} if token else {}


def _status(csms: SimCsms, station: CsmsStation, payload: Payload) -> Payload:
    del csms
    station.statuses[0, int(payload["connectorId"])] = str(payload["status"])
    return {}


def _data_transfer(csms: SimCsms, station: CsmsStation, payload: Payload) -> Payload:
    del csms, station, payload
    return {"status": "UnknownVendorId"}


def _sign_certificate(csms: SimCsms, station: CsmsStation, payload: Payload) -> Payload:
    del csms, station, payload
    return {"status": "Rejected"}


ANSWERS_16: dict[str, Function] = {
    "Authorize": _authorize,
    "BootNotification": boot,
    "DataTransfer": _data_transfer,
    "DiagnosticsStatusNotification": nothing,
    "FirmwareStatusNotification": nothing,
    "Heartbeat": heartbeat,
    "LogStatusNotification": nothing,
    "MeterValues": nothing,
    "SecurityEventNotification": nothing,
    "SignCertificate": _sign_certificate,
    "SignedFirmwareStatusNotification": nothing,
    "StartTransaction": _start,
    "StatusNotification": _status,
    "StopTransaction": _stop,
}
