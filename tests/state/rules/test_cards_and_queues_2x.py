"""Cards of OCPP 2.x beside transactions that are told late: a call that waits for its answer overtakes what is in the station's queue."""

from __future__ import annotations

from tests.support.script import Rule, Seen, table

PLUG_IN = "config TxCtrlr.EVConnectionTimeOut 60; "
NEVER_SET = "Available 1 at=1970-01-01T00:00:30Z; "
OFFLINE = "Started T1 Authorized evse=1 token=TAG wh=1000 offline at=@{at}; +1; Ended T1 StopAuthorized wh=6000 reason=Local offline at=@{ends}"


@table(
    Rule(
        "a card that was refused and charges a minute and a half later, without a link, tried twice",
        "card TAG Expired; +51; close; +240; open; " + OFFLINE.format(at=119, ends=280),
        (Seen("rejected", without="joined"), Seen("success", wh=5000, without="refused")),
        version="2.0.1",
    ),
    Rule(
        "one that was refused and charges at once all the same is one try",
        "card TAG Expired; +10; Started T1 Authorized evse=1 token=TAG wh=1000; +10m; Ended T1 StopAuthorized wh=6000 reason=Local",
        Seen("success", wh=5000, steps="refused"),
        version="2.0.1",
    ),
    Rule(
        "a card for whose cable the station waited in vain before it charged without a link was not used",
        PLUG_IN + "card TAG; +35; close; +240; open; " + OFFLINE.format(at=125, ends=280) + "; +3m",
        (Seen("cancelled", "AUTH_UNUSED", without="joined"), Seen("success", wh=5000)),
        version="2.0.1",
    ),
    Rule(
        "one whose cable came in time was, although that is told late",
        PLUG_IN + "card TAG; +35; close; +240; open; " + OFFLINE.format(at=85, ends=280),
        Seen("success", wh=5000, steps="authorised"),
        version="2.0.1",
    ),
    Rule(
        "a card is not of the cable that was plugged in half an hour before, although only now that is told",
        "card TAG; +35m; card TAG; Started T1 CablePluggedIn evse=1 wh=1000 state=EVConnected at=@26; +20; "
        "Updated T1 Authorized token=TAG at=@30; +1; Ended T1 StopAuthorized wh=6000 reason=Local at=@400; +10m",
        (Seen("success", wh=5000, steps="authorised"), Seen("cancelled", "AUTH_UNUSED")),
        version="2.0.1",
    ),
    Rule(
        "nor was it let go by a connector that was free long before it was shown, as is told only now",
        "+30m; card TAG; Occupied 1 at=@60; Available 1 at=@400; +5; card TAG; Started T1 Authorized evse=1 token=TAG wh=1000 state=EVConnected; +10m; "
        "Ended T1 StopAuthorized wh=6000 reason=Local",
        Seen("success", wh=5000, steps="authorised"),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "nor is it of a cable that waits for its driver's word, where that was said long before and is told only now",
        "+35m; Started T1 CablePluggedIn evse=1 wh=1000 state=EVConnected at=@26; card TAG; +20; "
        "Updated T1 Authorized token=TAG at=@30; +1; Ended T1 StopAuthorized wh=6000 reason=Local at=@400; +10m",
        (Seen("success", wh=5000, without="authorised"), Seen("cancelled", "AUTH_UNUSED")),
        version="2.0.1",
    ),
    Rule(
        "nor where it seemed to be that cable's, which was plugged in a few minutes before",
        "+10m; card TAG; Started T1 CablePluggedIn evse=1 wh=1000 state=EVConnected at=@400; +5; Updated T1 Authorized token=TAG at=@430; +1; "
        "Ended T1 StopAuthorized wh=6000 reason=Local at=@560; +10m",
        (Seen("success", wh=5000, without="authorised"), Seen("cancelled", "AUTH_UNUSED")),
        version="2.0.1",
    ),
    Rule(
        "nor of one that charges for it in the queue, while the same card's transaction of before is still under way",
        "card TAG; +35m; Started T0 Authorized evse=2 token=TAG wh=1000 at=@-40; card TAG; Started T1 CablePluggedIn evse=1 wh=1000 state=EVConnected at=@26; "
        "Updated T1 Authorized token=TAG at=@30; +1; Ended T1 StopAuthorized wh=6000 reason=Local at=@400; "
        "+5m; Ended T0 StopAuthorized wh=6000 reason=Local; +10m",
        (Seen("success", tx="T1", steps="authorised"), Seen("success", tx="T0")),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "a card that nobody answered and its cable pulled, and the same card accepted before that is told: two tries",
        "Started T1 CablePluggedIn evse=1 wh=1000 state=EVConnected; +3; card TAG -; +37; card TAG; Ended T1 EVCommunicationLost wh=1000 reason=EVDisconnected; +4; "
        "Started T2 Authorized evse=1 token=TAG wh=1000; +10m; Ended T2 StopAuthorized wh=6000 reason=Local",
        (Seen("failed", "AUTH_TIMEOUT", "csms", tx="T1"), Seen("success", wh=5000, tx="T2", steps="authorised")),
        version="2.0.1",
    ),
    Rule(
        "a card whose answer came too late, and that is shown again: two tries",
        "card TAG after=12; +40; card TAG; +5; Started T1 Authorized evse=1 token=TAG wh=1000; +10m; Ended T1 StopAuthorized wh=6000 reason=Local",
        (Seen("failed", "AUTH_TIMEOUT", "csms"), Seen("success", wh=5000)),
        version="2.0.1",
    ),
    Rule(
        "a start that the CSMS never took hinders nobody where the station charges all the same",
        "card TAG; Started T1 Authorized evse=1 token=TAG wh=1000 -; error; Updated T1 ChargingStateChanged state=Charging; +30; "
        "Ended T1 StopAuthorized wh=1000 reason=Local",
        Seen("cancelled", "ENDED_BY_DRIVER", "driver"),
        version="2.0.1",
    ),
)  # fmt: skip
def test_cards_and_queues(rule: Rule) -> None:
    rule.check()


@table(
    Rule(
        "a clock that was never set and runs says when it was what waited in the queue",
        NEVER_SET + "+2; card TAG; +35m; card TAG; Started T1 CablePluggedIn evse=1 wh=1000 state=EVConnected at=1970-01-01T00:00:31Z; +20; "
        "Updated T1 Authorized token=TAG at=1970-01-01T00:00:33Z; +1; Ended T1 StopAuthorized wh=6000 reason=Local at=1970-01-01T00:06:40Z; +10m",
        (Seen("success", wh=5000, started=31.2, stopped=400.2), Seen("cancelled", "AUTH_UNUSED")),
        version="2.0.1",
    ),
    Rule(
        "what it stamps now is of now: a remote start of minutes ago led to nothing",
        NEVER_SET + "remote TAG 1 id=7; +7m; Started T1 CablePluggedIn evse=1 wh=1000 state=EVConnected at=1970-01-01T00:07:32Z; "
        "Updated T1 Authorized token=TAG at=1970-01-01T00:07:33Z; +10m; Ended T1 StopAuthorized wh=6000 reason=Local at=1970-01-01T00:17:33Z",
        (Seen("failed", "REMOTE_START_NO_TX", without="joined"), Seen("success", wh=5000)),
        version="2.0.1",
    ),
    Rule(
        "one that stands still says nothing",
        "Available 1 at=1970-01-01T01:00:00Z; +60; Started T1 Authorized evse=1 token=TAG wh=1000 at=1970-01-01T01:00:00Z; +10m; "
        "Ended T1 StopAuthorized wh=6000 reason=Local at=1970-01-01T01:00:00Z",
        Seen("success", wh=5000, started=90.3, stopped=690.4),
        version="2.0.1",
    ),
    Rule(
        "whose start is of the last card of its token, however long both were in the queue",
        "card TAG; +8m; Started T1 Authorized evse=1 token=TAG wh=1000 at=0001-01-01T00:00:00Z; +10m; "
        "Ended T1 StopAuthorized wh=6000 reason=Local at=0001-01-01T00:00:00Z",
        Seen("success", wh=5000, steps="authorised"),
        version="2.0.1",
    ),
    Rule(
        "of whose transactions that were dropped one after the other each ended by its own loss of the socket",
        "Started T0 Authorized evse=1 token=ONE wh=1000 at=0001-01-01T00:00:00Z; +1; close; +1; open; "
        "Ended T0 AbnormalCondition wh=1000 reason=Other at=0001-01-01T00:00:00Z; +2; Started T1 Authorized evse=2 token=TWO wh=1000 at=0001-01-01T00:00:00Z; "
        "+1; close; +1; open; Ended T1 AbnormalCondition wh=1000 reason=Other at=0001-01-01T00:00:00Z",
        (Seen("failed", "CONNECTIVITY"), Seen("failed", "CONNECTIVITY")),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "as is that of a cable that names its token later",
        "card TAG; +8m; Started T1 CablePluggedIn evse=1 wh=1000 state=EVConnected at=0001-01-01T00:00:00Z; +1; "
        "Updated T1 Authorized token=TAG at=0001-01-01T00:00:00Z; +10m; Ended T1 StopAuthorized wh=6000 reason=Local at=0001-01-01T00:00:00Z",
        (Seen("cancelled", steps="joined"), Seen("success", wh=5000)),
        version="2.0.1",
    ),
    Rule(
        "one that began anew with a boot says nothing of what was before, until a status shows where it is now",
        NEVER_SET + "+10m; boot; +1; Started T1 Authorized evse=1 token=TAG wh=1000 at=1970-01-01T00:00:02Z; +1; Available 1 at=1970-01-01T00:00:03Z; "
        "+10m; Ended T1 StopAuthorized wh=6000 reason=Local at=1970-01-01T00:05:03Z",
        Seen("success", wh=5000, started=631.4, stopped=932.5),
        version="2.0.1",
    ),
    Rule(
        "what it stamped before that boot, later than it is now, is of now",
        NEVER_SET + "+10m; boot; +1; Available 1 at=1970-01-01T00:00:02Z; +1; Started T1 Authorized evse=1 token=TAG wh=1000 at=1970-01-01T00:09:00Z; +10m; "
        "Ended T1 StopAuthorized wh=6000 reason=Local at=1970-01-01T00:10:03Z",
        Seen("success", wh=5000, started=632.5, stopped=1232.4),
        version="2.0.1",
    ),
)  # fmt: skip
def test_clocks_that_were_never_set(rule: Rule) -> None:
    rule.check()


@table(
    Rule(
        "nobody was there for a remote start where the word that the last transaction was over waited in the station's queue",
        "Occupied 1; Started T0 Authorized evse=1 token=TWO wh=1000; +13m; remote APP 1 id=42; +200; Ended T0 StopAuthorized wh=6000 reason=Local at=@600; "
        "Available 1 at=@610; +60",
        (Seen("success", tx="T0"), Seen("failed", "REMOTE_START_NO_TX", "driver", revised="heard late")),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "one was refused rightly by a cable whose driver's card waited behind a start that nobody answered",
        "Started T1 CablePluggedIn evse=1 wh=1000 state=EVConnected -; +12; remote APP 1 Rejected id=42; +18; card TAG; "
        "Started T1 CablePluggedIn evse=1 wh=1000 state=EVConnected at=@30; Updated T1 Authorized token=TAG; +10m; Ended T1 StopAuthorized wh=6000 reason=Local",
        (Seen("success", wh=5000), Seen("failed", "REMOTE_START_REJECTED", "csms", because="in use")),
        version="2.0.1",
        places=(1, 2),
    ),
)  # fmt: skip
def test_remote_starts_beside_a_queue(rule: Rule) -> None:
    rule.check()
