"""The payloads of what a CSMS orders, in both versions: (action, payload) each. No sockets."""

from __future__ import annotations

from nocwatch.sim.wire import Payload

Order = tuple[str, Payload]


def remote_start(version: str, connector: int, token: str, number: int) -> Order:
    """``number`` is 2.0.1's remoteStartId."""
    if version == "1.6":
        return "RemoteStartTransaction", {"connectorId": connector, "idTag": token}
    return "RequestStartTransaction", {
        "evseId": connector,
        "remoteStartId": number,
        "idToken": {"idToken": token, "type": "Central"},
    }


def reserve(version: str, connector: int, token: str, number: int, until: str) -> Order:
    """``until``: RFC 3339."""
    if version == "1.6":
        return "ReserveNow", {
            "connectorId": connector,
            "expiryDate": until,
            "idTag": token,
            "reservationId": number,
        }
    return "ReserveNow", {
        "id": number,
        "expiryDateTime": until,
        "idToken": {"idToken": token, "type": "ISO14443"},
        "evseId": connector,
    }


def priority(transaction: str, *, activate: bool) -> Order:
    """2.1: a driver in a hurry."""
    return "UsePriorityCharging", {"transactionId": transaction, "activate": activate}


def running_cost(transaction: str, cost: float) -> Order:
    """What it has cost so far, for the station's display; 1.6 has no such message."""
    return "CostUpdated", {"totalCost": cost, "transactionId": transaction}


def remote_stop(version: str, transaction: int | str) -> Order:
    if version == "1.6":
        return "RemoteStopTransaction", {"transactionId": transaction}
    return "RequestStopTransaction", {"transactionId": transaction}


def reset(version: str, kind: str) -> Order:
    """``kind``: Soft, Hard, or Resume, which only 2.1 has: to others it is a soft one."""
    if version == "1.6":
        return "Reset", {"type": "Hard" if kind == "Hard" else "Soft"}
    return "Reset", {"type": "ImmediateAndResume" if (version, kind) == ("2.1", "Resume") else "Immediate"}


def trigger(version: str, message: str, connector: int | None = None) -> Order:
    payload: Payload = {"requestedMessage": message}
    if connector is not None:
        payload |= {"connectorId": connector} if version == "1.6" else {"evse": {"id": connector}}
        if version != "1.6" and message == "StatusNotification":
            payload["evse"]["connectorId"] = 1
    return "TriggerMessage", payload


def read_configuration(version: str) -> Order:
    """Asks for the intervals that a watcher needs to know."""
    if version == "1.6":
        keys = [
            "HeartbeatInterval",
            "MeterValueSampleInterval",
            "ConnectionTimeOut",
            "WebSocketPingInterval",
            "NumberOfConnectors",
        ]
        return "GetConfiguration", {"key": keys}
    wanted = (
        ("OCPPCommCtrlr", "HeartbeatInterval"), ("SampledDataCtrlr", "TxUpdatedInterval"), ("TxCtrlr", "EVConnectionTimeOut"),
        ("OCPPCommCtrlr", "WebSocketPingInterval"),
    )  # fmt: skip
    return "GetVariables", {
        "getVariableData": [{"component": {"name": c}, "variable": {"name": v}} for c, v in wanted]
    }


def limit(
    version: str, connector: int, watts: float, profile: int, transaction: int | str | None = None
) -> Order:
    """A power limit: for the transaction where one is given, else the connector's default."""
    purpose = "TxProfile" if transaction is not None else "TxDefaultProfile"
    period = {"startPeriod": 0, "limit": round(watts, 1)}
    schedule: Payload = {"chargingRateUnit": "W", "chargingSchedulePeriod": [period]}
    common: Payload = {"stackLevel": 0, "chargingProfilePurpose": purpose, "chargingProfileKind": "Relative"}
    if transaction is not None:
        common["transactionId"] = transaction
    if version == "1.6":
        return "SetChargingProfile", {
            "connectorId": connector,
            "csChargingProfiles": {"chargingProfileId": profile, **common, "chargingSchedule": schedule},
        }
    return "SetChargingProfile", {
        "evseId": connector,
        "chargingProfile": {"id": profile, **common, "chargingSchedule": [{"id": profile, **schedule}]},
    }
