"""Where the tracker and the simulated lives once told different things, and the tracker was wrong. A row a story."""

from __future__ import annotations

from tests.support.script import Rule, Seen, table

PLUG_IN = "config TxCtrlr.EVConnectionTimeOut 60; "


@table(
    Rule(
        "a station that stops only after the reset that the CSMS ordered has done so for the CSMS",
        'start 1 TAG 1000 id=17; +60; meter 1 1500 tx=17; order Reset {"type":"Hard"} -> {"status":"Accepted"}; +5; close; +20; open; boot; +3; stop 17 1500 HardReset',
        Seen("failed", "REBOOT", "csms"),
    ),
    Rule(
        "a driver who gives up within two minutes has, whatever the CSMS says to the stop",
        "start 1 TAG 1000 id=17; +50; stop 17 1098 -; error InternalError",
        Seen("cancelled", "ENDED_BY_DRIVER", "driver"),
    ),
    Rule(
        "a start that is refused with an error and taken at the next try is forgotten",
        "start 1 TAG 1000 - at=@5; error InternalError; +10; start 1 TAG 1000 id=17 at=@5; +50; stop 17 1050",
        Seen("cancelled", "ENDED_BY_DRIVER", "driver"),
    ),
    Rule(
        "a card that is shown again after the station stopped waiting for the plug is another try",
        "config ConnectionTimeOut 60; card TAG; +120; card TAG; +301",
        (Seen("cancelled", "AUTH_UNUSED", "driver"), Seen("cancelled", "AUTH_UNUSED", "driver")),
    ),
    Rule("and the same try while it waits", "config ConnectionTimeOut 60; card TAG; +30; card TAG; +301", Seen("cancelled", "AUTH_UNUSED")),
    Rule(
        "the next driver's car says nothing of a remote start that nobody came to",
        "config ConnectionTimeOut 60; remote APP 1; +80; start 1 TAG 1000 id=17; Charging 1; +120",
        (Seen("failed", "REMOTE_START_NO_TX", "driver"), Seen("ongoing")),
        places=(1, 2),
    ),
    Rule(
        "2.x: a remote start that is refused while another driver stands there with a cable is a try of its own",
        "Started T1 CablePluggedIn evse=1 wh=1000 state=EVConnected; +5; remote APP 1 Rejected; +5; "
        "card TAG; Updated T1 Authorized token=TAG type=ISO14443; +10m; Ended T1 StopAuthorized wh=6000 reason=Local",
        (Seen("success", wh=5000, source="rfid"), Seen("failed", "REMOTE_START_REJECTED")),
        version="2.0.1",
    ),
    Rule(
        "2.x: a remote start that is accepted and ignored while the driver takes the card is a try of its own",
        "Occupied 1; Started T1 CablePluggedIn evse=1 wh=1000 state=EVConnected; +5; remote APP 1 id=42; +40; "
        "card TAG; Updated T1 Authorized token=TAG type=ISO14443; +10m; Ended T1 StopAuthorized wh=6000 reason=Local",
        (Seen("success", wh=5000, source="rfid"), Seen("failed", "REMOTE_START_NO_TX", "charger")),
        version="2.0.1",
    ),
    Rule(
        "2.x: a start that waited behind a message that the CSMS refused belongs to the card of its own time",
        "card TAG; +400; Started T1 Authorized evse=1 token=TAG type=ISO14443 wh=1000 at=@6; +10m; Ended T1 StopAuthorized wh=6000 reason=Local",
        Seen("success", source="rfid"),
        version="2.0.1",
    ),
    Rule(
        "2.x: a card with which one place was taken does not go to the cable at another",
        "card TAG; Occupied 2; +10; Started T1 CablePluggedIn evse=1 wh=1000 state=EVConnected; +4; "
        "Updated T1 Authorized token=FREE type=ISO14443; +10m; Ended T1 StopAuthorized wh=6000 reason=Local",
        (Seen("cancelled", "AUTH_UNUSED"), Seen("success", wh=5000)),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "2.x: somebody else's cards that are refused while a cable waits for its own are tries of their own",
        "Started T1 CablePluggedIn evse=1 wh=1000 state=EVConnected; +3; card ONE Invalid; +3; card TWO Invalid; +3; "
        "card TAG; Updated T1 Authorized token=TAG type=ISO14443; +10m; Ended T1 StopAuthorized wh=6000 reason=Local",
        (Seen("success", wh=5000, without="refused"), Seen("rejected"), Seen("rejected")),
        version="2.0.1",
    ),
    Rule(
        "2.x: nor does one that nobody plugged in for while the station waited go to the next cable",
        PLUG_IN + "card TAG; +240; Started T1 CablePluggedIn evse=1 wh=1000 state=EVConnected; +12; remote APP 1 id=42; "
        "Updated T1 RemoteStart token=APP type=Central remote=42; +10m; Ended T1 RemoteStop wh=6000 reason=Remote",
        (Seen("cancelled", "AUTH_UNUSED"), Seen("success", wh=5000, source="remote")),
        version="2.0.1",
    ),
    Rule(
        "2.x: of the cards that were given up while the start waited in the station's queue, the one that it names led to it",
        "card ONE; +5; card TAG; +400; Started T1 CablePluggedIn evse=1 wh=1000 state=EVConnected at=@30; "
        "Updated T1 Authorized token=TAG type=ISO14443 at=@38; +10m; Ended T1 StopAuthorized wh=6000 reason=Local",
        (Seen("cancelled", "AUTH_UNUSED", without="joined"), Seen("cancelled", steps="authorised joined"), Seen("success", wh=5000, source="rfid")),
        version="2.0.1",
    ),
    Rule(
        "2.x: the card that got no answer is that of the cable which is told only after it",
        "card TAG -; +400; Started T1 CablePluggedIn evse=1 wh=1000 state=EVConnected at=@30; Ended T1 EVCommunicationLost wh=1000 reason=EVDisconnected at=@90",
        Seen("failed", "AUTH_TIMEOUT", "csms", tx="T1"),
        version="2.0.1",
    ),
    Rule(
        "2.x: a start that is told late belongs to the card before it, and not to the same card's next try",
        PLUG_IN + "card TAG; +120; card TAG; +2; Started T1 Authorized evse=1 token=TAG wh=1000 at=@34; Ended T1 StopAuthorized wh=6000 reason=Local at=@120; "
        "Started T2 Authorized evse=1 token=TAG wh=6000; +10m; Ended T2 StopAuthorized wh=9000 reason=Local",
        (Seen("success", wh=5000, tx="T1"), Seen("success", wh=3000, tx="T2")),
        version="2.0.1",
    ),
    Rule(
        "2.x: the next driver's car is not that of a remote start which the station had given up, as the card shows",
        "remote APP 1 id=42; +75; Occupied 1; Started T1 CablePluggedIn evse=1 wh=1000 state=EVConnected; +3; "
        "card TAG; Updated T1 Authorized token=TAG type=ISO14443; +10m; Ended T1 StopAuthorized wh=6000 reason=Local",
        (Seen("success", wh=5000, source="rfid", token="TAG"), Seen("failed", "REMOTE_START_NO_TX", "driver")),
        version="2.0.1",
    ),
    Rule(
        "2.x: a card that was taken for that of a neighbour's cable goes to the transaction that names it",
        "card TAG; +3; Started T2 CablePluggedIn evse=2 wh=500 state=EVConnected; Started T1 Authorized evse=1 token=TAG wh=1000; +30; "
        "remote APP 2 id=42; Updated T2 RemoteStart token=APP type=Central remote=42; +10m; Ended T1 StopAuthorized wh=6000 reason=Local; "
        "Ended T2 RemoteStop wh=4500 reason=Remote",
        (Seen("success", wh=4000, tx="T2", source="remote"), Seen("success", wh=5000, tx="T1", source="rfid")),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "2.x: Occupied while a card waits for its cable is no vehicle for the remote start that comes then",
        "card TAG; Occupied 1; +40; remote APP 1 id=42; +10; Available 1; +10m",
        (Seen("cancelled", "AUTH_UNUSED", "driver"), Seen("failed", "REMOTE_START_NO_TX", "driver")),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "2.x: a cable whose driver waits for the word on the card is in use",
        "Occupied 1; Started T1 CablePluggedIn evse=1 wh=1000 state=EVConnected; +5; card TAG -; +6; remote APP 1 Rejected; "
        "+5m; Ended T1 EVCommunicationLost wh=1000 reason=EVDisconnected",
        (Seen("failed", "AUTH_TIMEOUT", "csms"), Seen("failed", "REMOTE_START_REJECTED", "csms", because="in use")),
        version="2.0.1",
    ),
    Rule(
        "2.x: a remote start that nobody answered is a try of its own where the cable is pulled without any card",
        "Occupied 1; Started T1 CablePluggedIn evse=1 wh=1000 state=EVConnected; +5; remote APP 1 - id=42; "
        "+20; Ended T1 EVCommunicationLost wh=1000 reason=EVDisconnected; +10m",
        (Seen("cancelled", "ENDED_BY_DRIVER", "driver", tx="T1"), Seen("failed", "REMOTE_START_NO_TX", "charger")),
        version="2.0.1",
    ),
    Rule(
        "an answer for which the station did not wait refuses nobody",
        'card BAD -; +45; answer {"idTagInfo":{"status":"Blocked"}}; +400',
        Seen("failed", "AUTH_TIMEOUT", "csms"),
    ),
    Rule(
        "a driver who got no answer has left when the connector was free: the same card's next charge is another try",
        "Preparing 1; +6; card TAG -; +30; Available 1; +15; answer {\"idTagInfo\":{\"status\":\"Accepted\"}}; +20; Preparing 1; +3; "
        "start 1 TAG 1000 id=17; +10m; stop 17 6000",
        (Seen("failed", "AUTH_TIMEOUT", "csms"), Seen("success", wh=5000)),
    ),
    Rule(
        "also where the station says 1.6 over another version's subprotocol, at each connection anew",
        "close; open ocpp2.0.1; boot; Available 1; Preparing 1; +6; card TAG -; +31; Available 1; +5; close; +20; open ocpp2.0.1; Charging 1; "
        "start 1 TAG 1000 id=17 at=@80; +10m; stop 17 6000",
        (Seen("failed", "AUTH_TIMEOUT", "csms"), Seen("success", wh=5000)),
    ),
    Rule(
        "so has one whose card was blocked",
        "Preparing 1; +3; card TAG Blocked; Available 1; +30; Preparing 1; start 1 TAG 1000 id=17 status=Blocked; +2; stop 17 1000 DeAuthorized",
        (Seen("rejected", "AUTH_REJECTED", tx=None), Seen("rejected", "AUTH_REJECTED", tx=17)),
    ),
    Rule(
        "a card that fails after its charge lost its stop is a try of its own, as the connector was free in between",
        "Preparing 1; start 1 TAG 1000 id=17; Charging 1; +60; Available 1; +14; Preparing 1; +6; card TAG -; error; Available 1; +11m",
        (Seen("failed", "LOST_STOP"), Seen("failed", "CSMS_ERROR", "csms")),
    ),
    Rule(
        "and one to which the CSMS errs while its charge goes on is no try",
        "Preparing 1; start 1 TAG 1000 id=17; Charging 1; +60; card TAG -; error; +10m; stop 17 6000",
        Seen("success", wh=5000),
    ),
    Rule(
        "a stranger's card to which the CSMS errs while all connectors charge is a try of its own",
        "Preparing 1; start 1 TAG 1000 id=17; Charging 1; +60; card STRANGER -; error; +10m; stop 17 6000",
        (Seen("success", wh=5000), Seen("failed", "CSMS_ERROR", "csms")),
    ),
    Rule(
        "one id for two connectors with like registers: a stop goes where the register was last read nearest to it",
        "start 1 ONE 1000 id=0; +4m; meter 1 4000 tx=0; +1m; start 2 TWO 3500 id=0; +20; meter 1 4900 tx=0; +20; stop 0 5100 EVDisconnected; "
        "+5m; stop 0 6000",
        (Seen("success", wh=4100, connector=1), Seen("success", wh=2500, connector=2)),
        places=(1, 2),
    ),
    Rule(
        "an error of no meaning on a station that goes on takes nobody's change of mind away",
        "Preparing 1 error=Mode3Error info=null vendorErrorCode=0x0000; start 1 TAG 1000 id=17; Charging 1 error=Mode3Error; +40; stop 17 1000",
        Seen("cancelled", "ENDED_BY_DRIVER", "driver", steps="error"),
    ),
    Rule(
        "but one that comes again with Faulted does",
        "start 1 TAG 1000 id=17; Charging 1 error=E42; +40; Faulted 1 error=E42; stop 17 1000",
        Seen("failed", "UNKNOWN"),
    ),
    Rule(
        "what the CSMS says to a stop without a start is no error to its start",
        "stop 99 6000 -; error InternalError",
        Seen("failed", "UNKNOWN", "unknown"),
    ),
    Rule(
        "nor is what it says to the samples of a transaction whose start was not seen",
        'ask MeterValues {"connectorId":1,"transactionId":17,"meterValue":[{"timestamp":"@+0","sampledValue":[{"value":"1000"}]}]}; error; stop 17 1010 Other',
        Seen("failed", "UNKNOWN", "unknown"),
    ),
    Rule(
        "a reset that was ordered and done explains no later one",
        'order Reset {"type":"Soft"} -> {"status":"Accepted"}; boot; +60; start 1 TAG 1000 id=17; +2m; stop 17 6000 Reboot; boot',
        Seen("failed", "REBOOT", "charger"),
    ),
    Rule(
        "but the one that its boot came of, whenever the stop is heard",
        'start 1 TAG 1000 id=17; +2m; order Reset {"type":"Hard"} -> {"status":"Accepted"}; +5; close; +20; open; boot; stop 17 6000 HardReset at=@154',
        Seen("failed", "REBOOT", "csms"),
    ),
    Rule(
        "a station that was back long before it gave the remote start up did not lose it with its socket",
        "remote APP 1; Preparing 1; +10; close by=station code=1000; +4; open; boot; Preparing 1; +45; Available 1; +70",
        Seen("failed", "REMOTE_START_NO_TX"),
    ),
    Rule(
        "nor does a card that the CSMS erred on lead to what its driver began long after, while the station was offline",
        "card TAG -; error; +100; close; +3m; open; Available 1; start 1 TAG 1000 id=17 at=@292; +10m; stop 17 6000",
        (Seen("failed", "CSMS_ERROR", "csms"), Seen("success", wh=5000)),
    ),
    Rule(
        "a connector that is told to be free once more, after the charge that began there, was free before it all the same",
        "Preparing 1; +3; card TAG -; error; Available 1; +40; close; +10m; open; Available 1; start 1 TAG 1000 id=17 at=@90; stop 17 6000 at=@390",
        (Seen("failed", "CSMS_ERROR", "csms"), Seen("success", wh=5000)),
    ),
    Rule(
        "a refusal that is heard after the charge was over did not end it",
        "close; +10m; open; Available 1; start 1 TAG 1000 id=17 status=Blocked at=@100; stop 17 1000 Other at=@130",
        Seen("failed", "UNKNOWN"),
    ),
    Rule(
        "but one that the station stopped for did, whenever it heard of it",
        "close; +10m; open; start 1 TAG 1000 id=17 status=Blocked at=@100; stop 17 1000 DeAuthorized at=@100",
        Seen("rejected", "AUTH_REJECTED", "driver"),
    ),
    Rule(
        "a remote start that the socket took with it was lost, however soon the station was back",
        "Preparing 1; +9; remote APP 1 -; close by=station reason=fin; +1; open; Preparing 1; +6m",
        Seen("failed", "CONNECTIVITY", "charger"),
    ),
    Rule(
        "a station that answers under another id has answered",
        'start 1 TAG 1000 id=17; Charging 1; order RemoteStartTransaction {"connectorId":1,"idTag":"APP"}; say [3,"nobody",{"status":"Rejected"}]; +10m; stop 17 6000',
        (Seen("success", wh=5000), Seen("failed", "REMOTE_START_REJECTED", "csms", because="in use")),
    ),
    Rule(
        "a backlog whose last sample is of the minute before the start does not move the start",
        'start 1 TAG 1000 id=17; +50; ask MeterValues {"connectorId":1,"meterValue":[{"timestamp":"@-70","sampledValue":[{"value":"1900"}]}]} -> {}; '
        "+10; meter 1 2500 tx=17; +2; stop 17 -1",
        Seen("success", wh=1500),
    ),
    Rule(
        "or would be by then: the one that charges fast has passed it",
        "start 2 TWO 1000 id=7; +60; meter 2 1833 tx=7; +50; start 1 ONE 1500 id=7; +10; meter 2 2666 tx=7; +30; meter 1 2766 tx=7; +29; stop 7 3485 EVDisconnected; "
        "+60; stop 7 6000 token=ONE",
        (Seen("success", wh=2485, connector=2), Seen("success", wh=4500, connector=1)),
        places=(1, 2),
    ),
    Rule(
        "one id and one moment for all of a token's charges, by a clock that was never set and a CSMS that believes it: a stop is not that of the one before",
        "start 1 TAG 0 id=7 at=0001-01-01T00:00:00Z; +5m; meter 1 1600 tx=7; stop 7 -1 at=0001-01-01T00:00:00Z; Available 1; +20m; "
        "start 1 TAG 0 id=7 at=0001-01-01T00:00:00Z; +9m; stop 7 6010 EVDisconnected at=0001-01-01T00:00:00Z",
        (Seen("success", wh=1600), Seen("success", wh=6010)),
    ),
    Rule(
        "nor is it where both ended as they began",
        "start 1 TAG 500 id=7 at=0001-01-01T00:00:00Z; +50; stop 7 500 token=TAG at=0001-01-01T00:00:00Z; Available 1; +20m; "
        "start 1 TAG 500 id=7 at=0001-01-01T00:00:00Z; +50; stop 7 500 token=TAG at=0001-01-01T00:00:00Z; +50; stop 7 500 token=TAG at=0001-01-01T00:00:00Z",
        (Seen("cancelled", "ENDED_BY_DRIVER"), Seen("cancelled", "ENDED_BY_DRIVER", steps="stop_retried")),
    ),
    Rule(
        "what a stop says beside its register is not taken for another's under the same number",
        "start 1 ONE 1000 id=7; +5; start 2 TWO 5000 id=7; +60; meter 1 1500 tx=7; meter 2 5200 tx=7; +60; "
        'ask StopTransaction {"transactionId":7,"idTag":"TWO","meterStop":5400,"timestamp":"@+0","transactionData":[{"timestamp":"@+0","sampledValue":[{"value":"5400"}]}]} -> {}; '
        "+60; meter 1 1700 tx=7; +60; meter 1 1900 tx=7; +60; stop 7 2000 token=ONE",
        (Seen("success", wh=1000, connector=1), Seen("success", wh=400, connector=2)),
        places=(1, 2),
    ),
    Rule(
        "several stops of one moment and token are one charge's, though the CSMS gave it no number",
        "start 1 TAG 1000 id=0; +5m; stop 0 5900 Local token=TAG at=@330; stop 0 6000 Local token=TAG at=@330; stop 0 1000 Local token=TAG at=@330",
        Seen("success", wh=5000),
    ),
    Rule(
        "nor do they need a token, where a reset ended it and the CSMS never gave a number",
        "start 1 TAG 1000 -; start 2 OTHER 9000000 -; +5m; stop -1 5900 HardReset at=@300; stop -1 6000 HardReset at=@300; stop -1 9000500 HardReset at=@300",
        (Seen("failed", "REBOOT", wh=5000), Seen("failed", "REBOOT", wh=500)),
        places=(1, 2),
    ),
    Rule(
        "of two open charges under one number a stop is the one's whose register it does not fall below",
        "start 1 TAG 9408 id=0; +162; start 2 OTHER 10306 id=0; +60; meter 1 12695; +20; stop 0 11862 EVDisconnected; +3m; meter 1 15500; +20; stop 0 15895 EVDisconnected",
        (Seen("success", wh=6487), Seen("success", wh=1556)),
        places=(1, 2),
    ),
    Rule(
        "a stop that nobody gave a number to is known also where the register began anew with the boot",
        "start 1 TAG 4556 -; +35; meter 1 4900; close; +20; open; boot; +10; stop -1 334 Local token=TAG",
        Seen("success", wh=678),
    ),
    Rule(
        "by a clock that was never set a start whose answer was lost is the same after a boot",
        "start 1 TAG 1000 at=1970-01-01T00:00:10Z id=17; Charging 1 at=1970-01-01T00:00:12Z; close; +20; open; boot; Charging 1 at=1970-01-01T00:00:03Z; +6m; "
        "start 1 TAG 1000 at=1970-01-01T00:00:10Z id=18; +10m; stop 18 6000 at=1970-01-01T00:16:30Z",
        Seen("success", wh=5000),
    ),
    Rule(
        "also where the one before it overtook it in the queue meanwhile, and seemed to be the next",
        "start 1 TAG 1000 at=1970-01-01T00:00:11Z id=17; +5; start 1 TAG 1000 at=1970-01-01T00:00:10Z id=18; +5; start 1 TAG 1000 at=1970-01-01T00:00:11Z id=17; "
        "stop 18 1000 at=1970-01-01T00:00:10Z; +10m; stop 17 6000 at=1970-01-01T00:10:11Z",
        (Seen("success", wh=5000, tx=17), Seen("cancelled", wh=0, tx=18)),
    ),
    Rule(
        "also where nothing else was said since then",
        "start 1 TAG 1000 at=1970-01-01T00:00:10Z id=17; close; +20; open; boot; +6m; start 1 TAG 1000 at=1970-01-01T00:00:10Z id=18; +10m; stop 18 6000",
        Seen("success", wh=5000),
    ),
    Rule(
        "but one that begins at the same time after the boot as the one before did is another",
        "start 1 TAG 0 at=1970-01-01T00:06:50Z id=17; Charging 1 at=1970-01-01T00:06:52Z; +9m; meter 1 5000 tx=17; close; +20; open; boot; "
        "Charging 1 at=1970-01-01T00:00:03Z; +407; start 1 TAG 0 at=1970-01-01T00:06:50Z id=18; +10m; stop 18 6000 at=1970-01-01T00:16:30Z",
        (Seen("failed", "LOST_STOP", wh=5000), Seen("success", wh=6000)),
    ),
    Rule(
        "also across the wrap of a register with a sign",
        "start 1 ONE 2147483383 id=7; +4; start 2 TWO 2147483540 id=7; +36; stop 7 -2147483564 HardReset; stop 7 2147483599 HardReset",
        (Seen("failed", "REBOOT", wh=216, connector=1), Seen("failed", "REBOOT", wh=192, connector=2)),
        places=(1, 2),
    ),
    Rule(
        "one id for two connectors: each stop goes where its register fits",
        "start 1 ONE 1000 id=-4711; +60; start 2 TWO 900000 id=-4711; +5m; stop -4711 6000; +5m; stop -4711 907000",
        (Seen("success", wh=5000, connector=1), Seen("success", wh=7000, connector=2)),
        places=(1, 2),
    ),
    Rule(
        "Preparing while one remote start waits for its cable is no vehicle of the next remote start",
        "remote ONE 1; Preparing 1; +12; remote TWO 1; +60; Available 1; +70",
        (Seen("failed", "REMOTE_START_NO_TX", "driver"), Seen("failed", "REMOTE_START_NO_TX", "driver")),
    ),
    Rule(
        "Preparing before anybody had asked is a vehicle",
        "Preparing 1; +12; remote ONE 1; +12; remote TWO 1; +130",
        (Seen("failed", "REMOTE_START_NO_TX", "charger"), Seen("failed", "REMOTE_START_NO_TX", "charger")),
    ),
    Rule(
        "a remote start into a transaction whose stop waits in the queue finds a vehicle",
        "Preparing 1; start 1 ONE 1000 -; +5; close; +5; open; boot; Preparing 1; +12; remote TWO 1; +130",
        (Seen("ongoing"), Seen("failed", "REMOTE_START_NO_TX", "charger")),
    ),
    Rule(
        "a remote start is over when a card's transaction begins on its connector, and a socket that is lost later explains nothing",
        "Preparing 1; remote APP 1; +37; start 1 TAG 1000 id=17; +20; close by=station reason=reset; +4; open; +10m; stop 17 6000",
        (Seen("failed", "REMOTE_START_NO_TX", "charger", stopped=67.4, steps="passed_over"), Seen("success", wh=5000)),
    ),
    Rule(
        "a vehicle that comes after the station gave the remote start up is the next driver's",
        "remote APP 1; Preparing 1; +50; Available 1; +5; card TAG; Preparing 1; +4; start 1 TAG 1000 id=17; Charging 1; +10m; stop 17 6000",
        (Seen("failed", "REMOTE_START_NO_TX", "driver"), Seen("success", wh=5000)),
    ),
    Rule(
        "nor is one there that had left when the CSMS asked, although the status waited in the queue",
        "Preparing 1; +9; remote APP 1; +3; Available 1 at=@33; +130",
        Seen("failed", "REMOTE_START_NO_TX", "driver"),
    ),
    Rule(
        "one that leaves without its transaction was there",
        "Preparing 1; +9; remote APP 1; +30; Available 1; +130",
        Seen("failed", "REMOTE_START_NO_TX", "charger"),
    ),
    Rule(
        "nor is Preparing before a card that nobody answered the wait for its cable",
        "Preparing 1; card TAG -; +12; remote APP 1; +130",
        (Seen("failed", "AUTH_TIMEOUT"), Seen("failed", "REMOTE_START_NO_TX", "charger")),
    ),
    Rule(
        "a transaction on another connector does not pass a remote start over",
        "remote APP 1; +37; start 2 TAG 1000 id=17; +20; start 1 APP 1000 id=18; +10m; stop 18 6000",
        (Seen("success", connector=1, source="remote"), Seen("ongoing", connector=2)),
        places=(1, 2),
    ),
    Rule(
        "a remote start is refused rightly by a connector whose transaction waits in the station's queue",
        "Preparing 1; +12; remote APP 1 Rejected; +60; start 1 TAG 1000 at=@2 id=17; +10m; stop 17 6000",
        (
            Seen("failed", "REMOTE_START_REJECTED", "csms", because="in use", revised="the start of the transaction"),
            Seen("success", wh=5000),
        ),
    ),
    Rule(
        "but not by one whose transaction began after the refusal",
        "Preparing 1; +12; remote APP 1 Rejected; +60; start 1 TAG 1000 id=17; +10m; stop 17 6000",
        (Seen("failed", "REMOTE_START_REJECTED", "charger"), Seen("success", wh=5000)),
    ),
    Rule(
        "a stop of a number that nobody gave is not that of a transaction whose samples say that it has none",
        "start 1 ONE 1000 -; +2m; meter 1 3000 tx=-1; +30; stop 99 3500 token=ONE; +2m; stop -1 6000",
        (Seen("success", wh=5000, tx=None, revised=""), Seen("failed", "UNKNOWN", tx=99, steps="stop_without_start")),
    ),
    Rule(
        "a stop of a number that nobody gave is given back when the transaction's own comes",
        "Preparing 1; start 1 ONE 1000 -; Charging 1; +30; stop 99 1500 token=ONE; +5m; meter 1 5500 tx=-1; +10; stop -1 6000 token=ONE",
        (Seen("success", wh=5000, tx=None, revised="its own stop", issues=()), Seen("failed", "UNKNOWN", tx=99, steps="stop_without_start")),
    ),
    Rule(
        "nor does a stop's own data make it another's",
        'Preparing 1; start 1 ONE 1000 -; Charging 1; +30; ask StopTransaction {"transactionId":99,"idTag":"ONE","meterStop":1500,"timestamp":"@+0","transactionData":[{"timestamp":"@+0","sampledValue":[{"value":"1500"}]}]} -> {}; +5m; meter 1 5500 tx=-1; +10; stop -1 6000 token=ONE',
        (Seen("success", wh=5000, tx=None, issues=()), Seen("failed", "UNKNOWN", tx=99, steps="stop_without_start")),
    ),
    Rule(
        "but not where the connector was free in between",
        "Preparing 1; start 1 ONE 1000 -; Charging 1; +30; stop 99 3500 token=ONE; Available 1; +5m; stop -1 6000",
        (Seen("success", wh=2500, tx=99), Seen("failed", "UNKNOWN", steps="stop_without_start")),
    ),
)  # fmt: skip
def test_found_by_the_simulator(rule: Rule) -> None:
    rule.check()
