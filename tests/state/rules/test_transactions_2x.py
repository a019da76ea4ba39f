"""Rules of OCPP 2.0.1 and 2.1: which messages are one transaction, when it begins, and how it ends. A row a rule."""

from __future__ import annotations

from tests.support.script import Rule, Seen, table

PLUG = "Occupied 1; Started T1 CablePluggedIn evse=1 state=EVConnected wh=1000"
CARD = "Updated T1 Authorized token=TAG status=Accepted state=Charging"
SAMPLES = "+5m; Updated T1 MeterValuePeriodic wh=3500; +5m; Updated T1 MeterValuePeriodic wh=6000"
CHARGED = f"{PLUG}; +5; {CARD}; {SAMPLES}"
LOCAL = "Ended T1 StopAuthorized reason=Local wh=6000"


def told_by_event(status: str) -> str:
    """The connector's status by NotifyEvent: stations of the device model send no StatusNotification."""
    return (
        'ask NotifyEvent {"generatedAt":"@+0","seqNo":0,"eventData":[{"eventId":1,"timestamp":"@+0","trigger":"Delta","eventNotificationType":"HardWiredNotification",'
        f'"actualValue":"{status}","component":{{"name":"Connector","evse":{{"id":1,"connectorId":1}}}},"variable":{{"name":"AvailabilityState"}}}}]}} -> {{}}'
    )


def both(words: str, script: str, *seen: Seen, **more: object) -> tuple[Rule, Rule]:
    """The row for either version."""
    return (
        Rule(f"2.0.1: {words}", script, seen, version="2.0.1", **more),
        Rule(f"2.1: {words}", script, seen, version="2.1", **more),
    )  # type: ignore[return-value]


@table(
    *both(
        "cable first, card second",
        f"{CHARGED}; {LOCAL}; +20; Available 1",
        Seen(
            "success", None, None, 5000, "rfid", tx="T1", token="TAG", evse=1, connector=1, meters=(1000, 6000), issues=(),
            milestones="created starting charging stopped completed released",
        ),
        told="ended",
    ),
    *both("card first, and the token comes with an update", f"card TAG; +10; {CHARGED}; {LOCAL}", Seen("success", wh=5000)),
    *both("cable first, then Authorize, is one session", f"{PLUG}; card TAG; {CARD}; +10m; {LOCAL}", Seen("success", wh=5000)),
    *both(
        "two cables first, and each card finds its own",
        "Started T1 CablePluggedIn evse=1 state=EVConnected wh=1000; Started T2 CablePluggedIn evse=2 state=EVConnected wh=1000; card TWO;"
        "Updated T2 Authorized token=TWO status=Accepted state=Charging; card ONE Invalid; +15m; Ended T2 StopAuthorized reason=Local wh=6000",
        Seen("ongoing", tx="T1"),
        Seen("success", wh=5000, tx="T2", source="rfid"),
        places=(1, 2),
    ),
    *both(
        "the neighbour's card is not the card of the cable that waits",
        "Started T1 CablePluggedIn evse=1 state=EVConnected wh=1000; +3; card STRANGER Blocked; +5; card NEIGHBOUR;"
        "Started T2 Authorized evse=2 token=NEIGHBOUR state=Charging wh=0; +5; Ended T1 EVCommunicationLost reason=EVDisconnected wh=1000",
        Seen("rejected", "AUTH_REJECTED", steps="refused", without="authorised"),
        Seen("ongoing", steps="authorised", without="refused"),
        places=(1, 2),
    ),
    *both("Started may lack the EVSE", "Started T1 Authorized token=TAG; Updated T1 CablePluggedIn evse=1 state=Charging; +10m; Ended T1 EVDeparted", Seen("failed", evse=1)),
    *both("the token comes once, and a later one replaces nothing", f"{CHARGED}; Updated T1 StopAuthorized token=OTHER; {LOCAL}", Seen("success", token="TAG")),
    *both("Started is not energy", PLUG, Seen("ongoing", milestones="created")),
    # --- TxStartPoint ---
    *both(
        "TxStartPoint ParkingBayOccupancy: begun when a vehicle arrives",
        f"Started T1 EVDetected evse=1 wh=1000; +20; Updated T1 CablePluggedIn state=EVConnected; +5; {CARD}; {SAMPLES}; {LOCAL}",
        Seen("success", wh=5000, source="rfid", milestones="created starting charging stopped completed released"),
    ),
    *both(
        "TxStartPoint Authorized: begun before the cable",
        f"card TAG; Started T1 Authorized evse=1 token=TAG status=Accepted; +20; Updated T1 CablePluggedIn state=EVConnected wh=1000; Updated T1 ChargingStateChanged state=Charging; {SAMPLES}; {LOCAL}",
        Seen("success", wh=5000, source="rfid"),
    ),
    *both(
        "TxStartPoint PowerPathClosed: begun when card and cable are there",
        f"card TAG; Occupied 1; +20; Started T1 ChargingStateChanged evse=1 token=TAG state=EVConnected wh=1000; Updated T1 ChargingStateChanged state=Charging; {SAMPLES}; {LOCAL}",
        Seen("success", wh=5000, source="rfid"),
    ),
    *both(
        "TxStartPoint EnergyTransfer: begun with the energy",
        f"card TAG; Occupied 1; +40; Started T1 ChargingStateChanged evse=1 token=TAG state=Charging wh=1000; {SAMPLES}; {LOCAL}",
        Seen("success", wh=5000, source="rfid", milestones="created charging stopped completed"),
    ),
    *both(
        "TxStartPoint DataSigned: begun with the meter's signature",
        f"card TAG; Occupied 1; +40; Started T1 SignedDataReceived evse=1 token=TAG state=Charging wh=1000; {SAMPLES}; {LOCAL}",
        Seen("success", wh=5000, source="rfid"),
    ),
    *both(
        "a vehicle that only parked asked for nothing",
        "Started T1 EVDetected evse=1 wh=1000; +30m; Ended T1 EVDeparted reason=Local wh=1000",
        Seen("cancelled", "ENDED_BY_DRIVER", "driver", 0),
    ),
    *both(
        "a cable that was plugged in and no card shown asked for nothing",
        f"{PLUG}; +30m; Ended T1 EVDeparted reason=EVDisconnected wh=1000",
        Seen("cancelled", "ENDED_BY_DRIVER", "driver", 0),
    ),
    *both(
        "two minutes count from when energy was asked for, not from the cable",
        f"{PLUG}; +10m; card TAG; Updated T1 Authorized token=TAG status=Accepted; +100; Ended T1 EVDeparted reason=EVDisconnected wh=1000",
        Seen("cancelled", "ENDED_BY_DRIVER"),
    ),
    *both(
        "energy asked for and none given for more than two minutes is a failure",
        f"{PLUG}; +10m; card TAG; Updated T1 Authorized token=TAG status=Accepted; +130; Ended T1 EVDeparted reason=EVDisconnected wh=1000",
        Seen("failed", "ZERO_ENERGY", "charger"),
    ),
    *both(
        "nobody plugged in",
        "Started T1 Authorized evse=1 token=TAG status=Accepted; +3m; Ended T1 EVConnectTimeout reason=Timeout",
        Seen("cancelled", "NO_PLUG_TIMEOUT", "driver"),
    ),
    # --- remote starts ---
    *both(
        "a remote start is joined by its id, whatever the token",
        "remote APP 1 id=42; +30; Started T1 RemoteStart evse=1 remote=42 token=OTHER type=Central wh=1000; +10m; Ended T1 RemoteStop reason=Remote wh=6000",
        Seen("success", source="remote", wh=5000),
    ),
    *both(
        "of two remote starts the one that a transaction names is not another failure",
        "remote APP id=1; remote BOB id=2; +3; Started T1 CablePluggedIn evse=1 state=EVConnected wh=1000; +20;"
        "Updated T1 RemoteStart remote=1 token=APP type=Central state=Charging; +10m; Ended T1 RemoteStop reason=Remote wh=6000",
        Seen("cancelled", "AUTH_UNUSED", "driver", steps="joined", because="It led to session"),
        Seen("failed", "REMOTE_START_NO_TX", "driver", without="joined"),
        Seen("success", source="remote", wh=5000),
    ),
    *both(
        "a remote start of a plugged vehicle",
        f"{PLUG}; remote APP 1 id=7; Updated T1 RemoteStart remote=7 token=APP type=Central state=Charging; +10m; Ended T1 RemoteStop reason=Remote wh=6000",
        Seen("success", source="remote", wh=5000),
    ),
    # --- seqNo ---
    *both("seqNo may begin anywhere", f"Started T1 Authorized evse=1 token=TAG wh=1000 seq=2147483000; +10m; {LOCAL}", Seen("success", issues=())),
    *both(
        "a gap in seqNo keeps the session from being complete",
        f"{CHARGED}; {LOCAL} seq=20",
        Seen("success", issues=("seqNo",), milestones="created starting charging stopped"),
    ),
    *both("a gap of updates while offline is legal", f"{CHARGED}; {LOCAL} seq=20 offline", Seen("success", issues=(), steps="completed")),
    *both(
        "a late message fills the gap",
        "Started T1 Authorized evse=1 token=TAG wh=1000 seq=5; +5m; Updated T1 MeterValuePeriodic wh=3000 seq=7; +5m; Ended T1 StopAuthorized wh=6000 seq=8;"
        "Updated T1 MeterValuePeriodic wh=2000 seq=6",
        Seen("success", wh=5000, issues=(), steps="completed"),
    ),
    *both("the same message again changes nothing", f"{CHARGED}; {LOCAL} seq=4; {LOCAL} seq=4; Updated T1 MeterValuePeriodic wh=6000 seq=3", Seen("success", wh=5000, issues=()), told="ended"),
    *both("offline data says so itself", "Started T1 Authorized evse=1 token=TAG wh=1000 offline", Seen("ongoing", late=True)),
    *both("an update without a start is followed", "Updated T1 MeterValuePeriodic evse=1 wh=4000 seq=11; +10m; Ended T1 StopAuthorized reason=Local wh=9000", Seen("success", wh=5000, tx="T1")),
    *both(
        "Started after Updated is the same transaction",
        "Updated T1 MeterValuePeriodic evse=1 wh=2000 seq=1 at=@60; Started T1 Authorized evse=1 token=TAG wh=1000 seq=0 at=@31; +10m; Ended T1 StopAuthorized wh=6000 seq=2",
        Seen("success", wh=5000, started=31, token="TAG", issues=()),
    ),
    *both(
        "Started after Ended is the same transaction",
        "+10m; Ended T1 StopAuthorized wh=6000 seq=2 evse=1; Started T1 Authorized evse=1 token=TAG wh=1000 seq=1 at=@31",
        Seen("success", wh=5000, started=31, issues=(), revised="the start came late"),
        told="ended revised",
    ),
    # --- lost, interrupted, resumed ---
    *both(
        "a status that comes by NotifyEvent is one: the connector is free, and the session released",
        f"{told_by_event('Occupied')}; {CHARGED.removeprefix('Occupied 1; ')}; {LOCAL}; +20; {told_by_event('Available')}",
        Seen("success", wh=5000, milestones="created starting charging stopped completed released"),
        places=(),
    ),
    *both("and where no Ended came, its stop is lost", f"{CHARGED}; {told_by_event('Available')}; +601", Seen("failed", "LOST_STOP", "charger", 5000)),
    *both("no Ended, and the connector Available for ten minutes", f"{CHARGED}; Available 1; +601", Seen("failed", "LOST_STOP", "charger", 5000)),
    *both("not while the station is offline", f"{CHARGED}; Available 1; +300; close; +1h", Seen("ongoing")),
    *both("ten minutes after it is back", f"{CHARGED}; Available 1; +300; close; +1h; open; +601", Seen("failed", "LOST_STOP")),
    *both("a new transaction on the EVSE ends the old one", f"{CHARGED}; Started T2 CablePluggedIn evse=1", Seen("failed", "LOST_STOP"), Seen("ongoing")),
    *both(
        "a boot interrupts, and the transaction goes on after it",
        f"{CHARGED}; close; +30; open; boot; Updated T1 MeterValuePeriodic wh=6500; +60; Ended T1 StopAuthorized wh=7000",
        Seen("success", wh=6000, steps="interrupted resumed stopped", issues=("connection was lost",)),
    ),
    Rule(
        "2.1: TxResumed after a reset that resumes is the same transaction",
        CHARGED + '; order Reset {"type":"ImmediateAndResume"} -> {"status":"Accepted"}; close; +30; open; boot reason=ScheduledReset; Updated T1 TxResumed wh=6000 state=Charging; +60;'
        "Ended T1 StopAuthorized wh=7000",
        Seen("success", wh=6000, steps="interrupted resumed stopped"),
        version="2.1",
    ),
    Rule(
        "2.1: a limit of the driver's is a valid end",
        CHARGED + "; Ended T1 CostLimitReached reason=LocalOutOfCredit wh=6000",
        Seen("success", wh=5000),
        version="2.1",
    ),
    *both(
        "a station that still has messages of the transaction has not lost its stop",
        CHARGED + '; Available 1; +9m; order GetTransactionStatus {"transactionId":"T1"} -> {"messagesInQueue":true,"ongoingIndicator":false}; +9m',
        Seen("ongoing"),
    ),
    *both(
        "a station that says that the transaction is over and has no more messages has lost its stop",
        CHARGED + '; order GetTransactionStatus {"transactionId":"T1"} -> {"messagesInQueue":false,"ongoingIndicator":false}',
        Seen("failed", "LOST_STOP", "charger", 5000),
    ),
    Rule(
        "2.1: a transaction that the vehicle's side refused",
        f"{PLUG}; {CARD}; +5; Ended T1 Deauthorized reason=ReqEnergyTransferRejected wh=1000",
        Seen("failed", "DEAUTHORISED"),
        version="2.1",
    ),
    *both("EVDeparted releases", f"{CHARGED}; Ended T1 EVDeparted reason=EVDisconnected wh=6000", Seen("success", steps="stopped released")),
    *both(
        "a refused token without energy",
        "Started T1 Authorized evse=1 token=BAD status=Invalid wh=1000; Ended T1 Deauthorized reason=DeAuthorized wh=1000",
        Seen("rejected", "AUTH_REJECTED", "driver"),
    ),
    *both(
        "authorised and deauthorised afterwards",
        f"{CHARGED}; Updated T1 Deauthorized status=Blocked; Ended T1 Deauthorized reason=DeAuthorized wh=6000",
        Seen("failed", "DEAUTHORISED"),
    ),
    *both(
        "two transactions of two EVSEs keep their energies apart",
        "Started A Authorized evse=1 token=ONE wh=1000; Started B Authorized evse=2 token=TWO wh=500000; +5m; Updated A MeterValuePeriodic wh=1300;"
        "Updated B MeterValuePeriodic wh=502000; Ended A StopAuthorized wh=1500; Ended B StopAuthorized wh=503500",
        Seen("success", wh=500, evse=1),
        Seen("success", wh=3500, evse=2),
        places=(1, 2),
    ),
    *both(
        "a problem of the device model explains the failure",
        CHARGED + '; ask NotifyEvent {"generatedAt":"@+0","seqNo":0,"eventData":[{"eventId":1,"timestamp":"@+0","trigger":"Alerting","actualValue":"true",'
        '"eventNotificationType":"HardWiredNotification","component":{"name":"ConnectorPlugRetentionLock","evse":{"id":1}},"variable":{"name":"Problem"},"techCode":"CX025"}]} -> {};'
        "Ended T1 AbnormalCondition reason=Other wh=6000",
        Seen("failed", "CONNECTOR_LOCK", "charger", 5000),
    ),
)  # fmt: skip
def test_transactions_of_2_x(rule: Rule) -> None:
    rule.check()
