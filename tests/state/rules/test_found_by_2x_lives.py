"""Where the tracker and the simulated lives of OCPP 2.x once told different things, and the tracker was wrong. A row a story."""

from __future__ import annotations

from tests.support.script import Rule, Seen, table

PLUG_IN = "config TxCtrlr.EVConnectionTimeOut 60; "
WAITS = "Started T1 CablePluggedIn evse=1 wh=1000 state=EVConnected; +4; "
BOTH_WAIT = WAITS + "Started T2 CablePluggedIn evse=2 wh=1000 state=EVConnected; +4; "
LEAVES = "Ended T2 EVCommunicationLost wh=1000 reason=EVDisconnected; +3; "
LOCK_FAILS = (
    'ask NotifyEvent {"generatedAt":"@+0","seqNo":0,"eventData":[{"eventId":1,"timestamp":"@+0","trigger":"Alerting","actualValue":"true",'
    '"techCode":"ConnectorLockFailure","eventNotificationType":"HardWiredNotification","variable":{"name":"Problem"},'
    '"component":{"name":"ConnectorPlugRetentionLock","evse":{"id":1,"connectorId":1}}}]} -> {}; '
)
CHARGES = "card TAG; Updated T1 Authorized token=TAG type=ISO14443; +10m; Ended T1 StopAuthorized wh=6000 reason=Local"


@table(
    Rule(
        "of two cables that wait, the one that is pulled after a card got no answer was its driver's",
        BOTH_WAIT + "card ONE -; +50; " + LEAVES + CHARGES,
        (Seen("success", wh=5000), Seen("failed", "AUTH_TIMEOUT", "csms", tx="T2")),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "or after a card was answered with an error",
        BOTH_WAIT + "card ONE -; error; +50; " + LEAVES + CHARGES,
        (Seen("success", wh=5000), Seen("failed", "CSMS_ERROR", "csms", tx="T2")),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "or after a card was refused",
        BOTH_WAIT + "card ONE Blocked; +50; " + LEAVES + CHARGES,
        (Seen("success", wh=5000), Seen("rejected", tx="T2")),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "a card that was refused before two cables that both found their own is a try of its own",
        BOTH_WAIT + "card ONE Blocked; +5; card TWO; Updated T2 Authorized token=TWO type=ISO14443; +5; " + CHARGES,
        (Seen("success"), Seen("ongoing", without="refused"), Seen("rejected", tx=None)),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "so is one that was answered with an error while no connector was free",
        BOTH_WAIT + "card TAG; Updated T1 Authorized token=TAG; card TWO; Updated T2 Authorized token=TWO; +5; card ONE -; error; +6m",
        (Seen("ongoing"), Seen("ongoing"), Seen("failed", "CSMS_ERROR", "csms")),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "of two cards that are refused while a cable waits, the first was its driver's",
        WAITS + "card ONE Blocked; +16; card TWO Expired; +20; Ended T1 EVCommunicationLost wh=1000 reason=EVDisconnected",
        (Seen("rejected", tx="T1", because="Blocked"), Seen("rejected", tx=None, because="Expired")),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "a card that nobody answered while a cable waited for its own is a try of its own",
        WAITS + "card ONE -; +35; " + CHARGES,
        (Seen("success", wh=5000), Seen("failed", "AUTH_TIMEOUT", "csms", tx=None)),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "so is one that was accepted before the start was heard, where the cable's driver charges for nothing",
        "card ONE; +10; " + WAITS + 'Updated T1 Authorized token="" type=NoAuthorization; +10m; Ended T1 StopAuthorized wh=6000 reason=Local',
        (Seen("success", wh=5000, source="free"), Seen("cancelled", "AUTH_UNUSED", tx=None)),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "so is one that was accepted and not used, where the cable's driver charges for nothing",
        WAITS + 'card ONE; +9; Updated T1 Authorized token="" type=NoAuthorization; +10m; Ended T1 StopAuthorized wh=6000 reason=Local',
        (Seen("success", wh=5000), Seen("cancelled", "AUTH_UNUSED", tx=None)),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "a card that comes back after its transaction ended without a word is a try of its own, although the status is heard later",
        "card TAG; Started T1 Authorized evse=1 token=TAG wh=1000; Updated T1 ChargingStateChanged state=Charging wh=4000; "
        "+60; card TAG -; +31; Available 1 at=@-60; +11m",
        (Seen("failed", "LOST_STOP", stopped=61.6), Seen("failed", "AUTH_TIMEOUT", "csms", tx=None)),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "but not where the connector was told to be free while its transaction went on",
        "card TAG; Started T1 Authorized evse=1 token=TAG wh=1000; Updated T1 ChargingStateChanged state=Charging wh=4000; "
        "+60; card TAG; +31; Available 1 at=@-60; +60; Updated T1 MeterValuePeriodic wh=6000; +11m; Ended T1 StopAuthorized wh=9000",
        Seen("success", wh=8000),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "a card that nobody answered belongs to the cable of its time, although start and end waited in the station's queue",
        "card ONE -; +60; card TAG; +4; Started T0 CablePluggedIn evse=1 wh=1000 state=EVConnected at=@25; "
        "Ended T0 EVCommunicationLost wh=1000 reason=EVDisconnected at=@71; Started T1 Authorized evse=1 token=TAG wh=1000; +10m; Ended T1 StopAuthorized wh=6000",
        (Seen("cancelled", steps="joined"), Seen("failed", "AUTH_TIMEOUT", "csms", tx="T0"), Seen("success", wh=5000, tx="T1")),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "a card that failed did not begin the next transaction of the same driver",
        "card TAG; Started T0 Authorized evse=1 token=TAG wh=1000; +5m; card TAG -; +31; Ended T0 StopAuthorized wh=5000 at=@300; "
        "+60; card TAG; Started T1 Authorized evse=1 token=TAG wh=5000; +10m; Ended T1 StopAuthorized wh=9000",
        (Seen("success", tx="T0"), Seen("success", tx="T1"), Seen("failed", "AUTH_TIMEOUT", "csms", tx=None)),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "a remote start is refused rightly by a cable whose driver had shown a card, although that waited in the station's queue",
        WAITS + "+8; remote APP 1 Rejected id=42; +60; Updated T1 Authorized token=TAG at=@38; +10m; Ended T1 StopAuthorized wh=6000",
        (Seen("success", wh=5000), Seen("failed", "REMOTE_START_REJECTED", "csms", because="in use")),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "but not by one whose driver came a minute later",
        WAITS + "+8; remote APP 1 Rejected id=42; +60; card TAG; Updated T1 Authorized token=TAG; +10m; Ended T1 StopAuthorized wh=6000",
        (Seen("success", wh=5000), Seen("failed", "REMOTE_START_REJECTED", "charger")),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "nobody was there for a remote start where the word that the last vehicle had left waited in the station's queue for long",
        "Occupied 1; +300; remote APP 1 id=42; +200; Available 1 at=@250; +60",
        Seen("failed", "REMOTE_START_NO_TX", "driver", revised="heard late"),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "nor where the next vehicle came too late for it",
        PLUG_IN + "Occupied 1; +300; remote APP 1 id=42; +200; Available 1 at=@250; Occupied 1 at=@450; +60",
        Seen("failed", "REMOTE_START_NO_TX", "driver"),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "but one was there that came in time, although that was heard late",
        PLUG_IN + "remote APP 1 id=42; +200; Occupied 1 at=@60; +60",
        Seen("failed", "REMOTE_START_NO_TX", "charger", revised="heard late"),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "samples in kWh that say Wh are known beside the sample of the start, which says it rightly, although the stop is lost",
        "Started T1 Authorized evse=1 token=TAG wh=5000000; +60; Updated T1 MeterValuePeriodic wh=5000.12; +5; Available 1; +11m",
        Seen("failed", "LOST_STOP", wh=120),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "and by the stop, where the register was turned back on the way",
        "Started T1 Authorized evse=1 token=TAG wh=5168548; +122; Updated T1 MeterValuePeriodic wh=5151.289; +30; Ended T1 StopAuthorized wh=5152122",
        Seen("success", wh=833),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "a remote start that is refused under an id that nobody used is refused all the same",
        "Started T1 Authorized evse=1 token=TAG wh=1000; +9; "
        'order RequestStartTransaction {"evseId":1,"remoteStartId":42,"idToken":{"idToken":"APP","type":"Central"}}; '
        'say [3,"other",{"status":"Rejected"}]; +6m',
        (Seen("ongoing"), Seen("failed", "REMOTE_START_REJECTED", "csms", because="in use")),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "a stop of a station without a clock, heard as soon as the link is back, was in the time without one",
        "Started T1 Authorized evse=1 token=TAG wh=1000 at=0001-01-01T00:00:00Z; +0.8; close; +2; open; "
        "Ended T1 AbnormalCondition wh=1000 reason=Other at=0001-01-01T00:00:00Z",
        Seen("failed", "CONNECTIVITY", "charger"),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "but not one that is heard a minute later",
        "Started T1 Authorized evse=1 token=TAG wh=1000 at=0001-01-01T00:00:00Z; +0.8; close; +2; open; +60; "
        "Ended T1 AbnormalCondition wh=1000 reason=Other at=0001-01-01T00:00:00Z",
        Seen("failed", "UNKNOWN", "unknown"),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "a card that was not used is not the transaction's of which a later one began, although all connectors seemed to be taken then",
        PLUG_IN + "card TAG; +70; Started T1 Authorized evse=1 token=ONE wh=1000; Started T2 Authorized evse=2 token=TWO wh=1000; +60; card TAG; +5; "
        "Ended T1 StopAuthorized wh=4000; Started T3 CablePluggedIn evse=1 wh=4000 at=@158; Updated T3 Authorized token=TAG at=@160; +10m; Ended T3 StopAuthorized wh=9000",
        (Seen("cancelled", "AUTH_UNUSED", without="joined"), Seen("success", tx="T1"), Seen("ongoing", tx="T2"), Seen("success", tx="T3")),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "an act that led to one transaction leads to no other",
        "card TAG; +1; Started T1 CablePluggedIn evse=1 wh=1000 at=@20; Updated T1 Authorized token=TAG at=@31; +10; "
        "Ended T1 StopAuthorized wh=1000 at=@40; +20; card TAG; Started T2 Authorized evse=1 token=TAG wh=1000; +10m; Ended T2 StopAuthorized wh=6000",
        (Seen("cancelled"), Seen("success", tx="T2", without="joined")),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "trouble at a connector is its transaction's, not that of a card that was not used",
        "card ONE; +60; card TAG; Started T1 Authorized evse=1 token=TAG wh=1000; +14; " + LOCK_FAILS + "Ended T1 AbnormalCondition wh=1100 reason=Other; +6m",
        (Seen("cancelled", "AUTH_UNUSED"), Seen("failed", "CONNECTOR_LOCK", "charger", tx="T1")),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "where no transaction is there, a card that waits to be used has met it",
        "card ONE; +4; " + LOCK_FAILS + "+6m",
        Seen("failed", "CONNECTOR_LOCK", "charger"),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "nobody was there for a remote start that crossed the word that the connector is free",
        "Occupied 1; +30; "
        'order RequestStartTransaction {"evseId":1,"remoteStartId":42,"idToken":{"idToken":"APP","type":"Central"}}; '
        '+0.1; Available 1; say [3,"other",{"status":"Accepted"}]; +6m',
        Seen("failed", "REMOTE_START_NO_TX", "driver"),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "a second card that failed while one cable was known to wait was another's, whose start was in the queue",
        WAITS + "card ONE -; +31; card TWO -; +31; Started T2 CablePluggedIn evse=2 wh=1000 state=EVConnected at=@60; "
        "Ended T2 EVCommunicationLost wh=1000 reason=EVDisconnected; Ended T1 EVCommunicationLost wh=1000 reason=EVDisconnected",
        (
            Seen("failed", "AUTH_TIMEOUT", "csms", tx="T1"),
            Seen("failed", "AUTH_TIMEOUT", "csms", tx="T2"),
            Seen("cancelled", steps="joined"),
        ),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "a trouble of anything whose code says that there is none is none",
        "card TAG; Started T1 Authorized evse=1 token=TAG wh=1000; +14; " + LOCK_FAILS.replace("ConnectorLockFailure", "0x0000").replace("ConnectorPlugRetentionLock", "Connector")
        + "+20; Ended T1 StopAuthorized wh=1010",
        Seen("cancelled", "ENDED_BY_DRIVER", "driver"),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "a card that is refused while a transaction of nobody's name charges is somebody else's",
        WAITS + "Updated T1 ChargingStateChanged state=Charging; +300; card ONE Blocked; +600; Ended T1 EVCommunicationLost wh=1000 reason=EVDisconnected",
        (Seen("failed", "ZERO_ENERGY", "charger", tx="T1", without="refused"), Seen("rejected", "AUTH_REJECTED", "driver", tx=None)),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "vehicles that stand there unasked for hours hide no card that was refused meanwhile",
        BOTH_WAIT + "card ONE Blocked; +3h",
        (Seen("ongoing"), Seen("ongoing"), Seen("rejected", "AUTH_REJECTED", tx=None)),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "one of the plug's lock is, whatever stands beside it for no code",
        "card TAG; Started T1 Authorized evse=1 token=TAG wh=1000; +14; " + LOCK_FAILS.replace("ConnectorLockFailure", "0")
        + "+20; Ended T1 AbnormalCondition wh=1010 reason=Other",
        Seen("failed", "CONNECTOR_LOCK", "charger"),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "a connector is in use by the vehicle whose transaction ended without a link",
        "Occupied 1; Started T1 CablePluggedIn evse=1 wh=1000 state=EVConnected; +2; Updated T1 Authorized token=TAG state=EVConnected; +1; close; +1; open; "
        "Occupied 1; Ended T1 AbnormalCondition offline wh=1000 reason=Other at=@-0.6; +9; remote APP 1 Rejected id=42",
        (Seen("failed", "CONNECTIVITY"), Seen("failed", "REMOTE_START_REJECTED", "csms")),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "a card whose connector was free again was not used, although the same one is shown there a minute later",
        "card TAG; Occupied 1; +60; Available 1; +60; Occupied 1; Started T1 CablePluggedIn evse=1 wh=1000 state=EVConnected; +4; " + CHARGES,
        (Seen("cancelled", "AUTH_UNUSED", without="joined"), Seen("success", wh=5000)),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "a card that got no answer while the stop of its last transaction was in the queue for minutes is a try of its own",
        "card TAG; Started T1 Authorized evse=1 token=TAG wh=1000; +160; +98; card TAG -; +6m; Ended T1 StopAuthorized wh=6000 reason=Local at=@160; +6m",
        (Seen("success", wh=5000), Seen("failed", "AUTH_TIMEOUT", "csms", tx=None)),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "one that was shown while its transaction charged, long before the stop, is none",
        "card TAG; Started T1 Authorized evse=1 token=TAG wh=1000; +258; card TAG; +16m; Ended T1 StopAuthorized wh=6000 reason=Local; +6m",
        Seen("success", wh=5000),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "a cable that is pulled was the refused card's, although a remote start was waiting for a vehicle there",
        "Available 1; remote APP 1 Accepted id=12; +67; Started T1 CablePluggedIn evse=1 wh=1000 state=EVConnected; +6; card ONE Blocked; +38; "
        "Ended T1 EVCommunicationLost wh=1000 reason=EVDisconnected; +3m",
        (Seen("rejected", tx="T1", because="Blocked"), Seen("cancelled", steps="joined"), Seen("failed", "REMOTE_START_NO_TX")),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "a remote start that was given up is the transaction's that names its number and token",
        "remote APP 1 Accepted id=42; +310; Started T1 CablePluggedIn evse=1 wh=1000 state=EVConnected; Updated T1 RemoteStart token=APP remote=42 state=EVConnected; "
        "+10m; Ended T1 StopAuthorized wh=6000 reason=Local",
        (Seen("cancelled", steps="joined"), Seen("success", wh=5000)),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "one of two hours ago with that number was another, for the CSMS has begun to count anew",
        "remote APP 1 Accepted id=42; +2h; Started T1 CablePluggedIn evse=1 wh=1000 state=EVConnected; Updated T1 RemoteStart token=APP remote=42 state=EVConnected; "
        "+10m; Ended T1 StopAuthorized wh=6000 reason=Local",
        (Seen("failed", "REMOTE_START_NO_TX", without="joined"), Seen("success", wh=5000)),
        version="2.0.1",
        places=(1, 2),
    ),
)  # fmt: skip
def test_found_by_2x_lives(rule: Rule) -> None:
    rule.check()


def test_cards_that_are_tried_without_end_while_all_is_taken_are_tries_of_their_own() -> None:
    tries = "".join(f"card T{number:02d} Invalid; +6; " for number in range(20))
    rule = Rule("", BOTH_WAIT + tries, (), version="2.0.1", places=(1, 2))
    sessions = rule.play().sessions
    assert len(sessions) == 2 + 4, "the first four had to make room for those that may still be the cables'"
    assert {each.outcome.value for each in sessions[2:]} == {"rejected"}
