"""Rules of time and of the connection: replays, clocks, boots, sockets, and messages that are broken. A row a quirk."""

from __future__ import annotations

from tests.support.script import Rule, Seen, table

from nocwatch.state.changes import SessionChanged

CHARGED = "Preparing 1; start 1 TAG 1000 id=17; Charging 1; +5m; meter 1 3500 tx=17; +5m; meter 1 6000 tx=17"
LOCAL = "Available 1 at=@+7200; +60; Available 1 at=@+7200; +60; Available 1 at=@+7200"
"""A station that says its local time and labels it Z: three messages make it certain."""


@table(
    Rule(
        "a stop that is stamped before the connection and a minute late is a replay",
        f"{CHARGED}; close; +300; +600; open; +1; stop 17 6500 at=@-601",
        Seen("success", wh=5500, late=True, stopped=930.7),
    ),
    Rule("a replay is told as one", f"{CHARGED}; close; +900; open; stop 17 6500 at=@-600", Seen("success", late=True), told="ended"),
    Rule("fifty seconds late is none", f"{CHARGED}; close; +55; open; stop 17 6500 at=@-50", Seen("success", late=False)),
    Rule("a whole session is replayed after an outage", "close; +2h; open; start 1 TAG 1000 id=17 at=@600; stop 17 9000 at=@4000", Seen("success", wh=8000, late=True, started=600, stopped=4000)),
    Rule(
        "two replayed sessions keep their times, and other messages may overtake the queue",
        "close; +2h; open; Available 1; start 1 ONE 1000 id=17 at=@600; Charging 1; stop 17 2000 at=@1200; meter 1 3000 tx=18; start 1 TWO 2000 id=18 at=@1800; stop 18 4000 at=@2400",
        (Seen("success", wh=1000, late=True, started=600), Seen("success", wh=2000, late=True, stopped=2400)),
    ),
    Rule("a clock an hour behind is no replay", "+2h; start 1 TAG 1000 id=17 at=@-3600; +10m; stop 17 6000 at=@-3600", Seen("success", late=False, wh=5000)),
    Rule("2.x: the station itself says that it was offline", "Started T1 Authorized evse=1 token=TAG wh=1000 offline", Seen("ongoing", late=True), version="2.0.1"),
    # --- clocks ---
    Rule("1970: the relay's clock counts", "start 1 TAG 1000 id=17 at=1970-01-01T00:00:10Z", Seen("ongoing", started=30.2, late=False)),
    Rule("year 1: the relay's clock counts", "start 1 TAG 1000 id=17 at=0001-01-01T00:00:00Z; +10m; stop 17 6000 at=0001-01-01T00:00:00Z", Seen("success", started=30.2, wh=5000)),
    Rule("more than a day ahead: the relay's clock counts", "start 1 TAG 1000 id=17 at=@+90000", Seen("ongoing", started=30.2)),
    Rule("no time stamp: the relay's clock counts", 'ask StartTransaction {"connectorId":1,"idTag":"TAG","meterStart":1000} -> {"transactionId":17,"idTagInfo":{"status":"Accepted"}}', Seen("ongoing", started=30.2)),
    Rule("an offset is an offset", "start 1 TAG 1000 id=17 at=2026-09-21T16:13:40+02:00", Seen("ongoing", started=20)),
    Rule("local time labelled Z, once it is known", f"{LOCAL}; start 1 TAG 1000 id=17 at=@+7170", Seen("ongoing", started=120.5)),
    Rule("local time labelled Z, from the first message on", "start 1 TAG 1000 id=17 at=@+7200; +10m; stop 17 6000 at=@+7200", Seen("success", wh=5000, started=30.2, stopped=630.3, late=False)),
    Rule("local time labelled Z, until the first boot", "start 1 TAG 1000 id=17 at=@+7200; +60; boot; meter 1 2000 tx=17; +9m; stop 17 6000", Seen("success", wh=5000, started=30.2, late=False)),
    Rule("a clock that is set back in mid-session ends it when it was heard", "start 1 TAG 1000 id=17; +10m; stop 17 6000 at=@-700", Seen("success", wh=5000, stopped=630.3)),
    Rule("a clock behind by a zone, found out in mid-session, puts the start right too", "start 1 TAG 1000 id=17 at=@-18000;" + "+3m; Charging 1 at=@-18000;" * 5 + "+3m; stop 17 6000 at=@-18000", Seen("success", wh=5000, started=30.2)),
    # --- sockets ---
    Rule("a reconnect without a boot is no restart", f"{CHARGED}; close; +30; open; meter 1 6100 tx=17; stop 17 6200", Seen("success", without="interrupted", steps="offline online")),
    Rule("a new socket while the old one is half open", f"{CHARGED}; open; stop 17 6500; close old by=relay reason=timeout", Seen("success", issues=(), without="offline")),
    Rule("an answer that comes by the old socket's connection is paired there", "start 1 TAG 1000 id=17; +10m; open; stop 17 6000", Seen("success", wh=5000, milestones="created starting stopped completed released")),
    Rule(
        "a short probe in 1.6 before the real 2.0.1 connection",
        "open; Available 1; close; speak 2.0.1; open; boot; Available 1; Started T1 Authorized evse=1 token=TAG wh=1000; +10m; Ended T1 StopAuthorized wh=6000",
        Seen("success", wh=5000, evse=1),
        places=(),
    ),
    Rule("1.6 messages over a connection of 2.0.1", "open ocpp2.0.1; boot; Available 1; start 1 TAG 1000 id=17; +10m; stop 17 6000", Seen("success", wh=5000, connector=1, evse=None), places=()),
    Rule("no subprotocol at all", "open -; boot; Available 1; start 1 TAG 1000 id=17; +10m; stop 17 6000", Seen("success", wh=5000), places=()),
    Rule(
        "no subprotocol at all, and 2.1",
        "open -; boot; Started T1 Authorized evse=1 token=TAG type=DirectPayment wh=1000; +10m; Ended T1 StopAuthorized wh=6000",
        Seen("success", wh=5000, source="terminal"),
        version="2.1",
        places=(),
    ),
    Rule("the watch begins in mid-connection", "start 1 TAG 1000 id=17; +10m; stop 17 6000", Seen("success", wh=5000), places=()),
    # --- boots ---
    Rule("a boot that was not accepted yet is the same boot", f"boot Pending; boot Rejected; boot; {CHARGED}; stop 17 6000", Seen("success", without="interrupted")),
    Rule("2.x: a boot that was triggered is no restart", "Started T1 Authorized evse=1 token=TAG wh=1000; boot reason=Triggered; +10m; Ended T1 StopAuthorized wh=6000", Seen("success", without="interrupted"), version="2.0.1"),
    # --- broken messages ---
    *(
        Rule(f"broken: {text}", f"start 1 TAG 1000 id=17; say {text}; hear {text}; +10m; stop 17 6000", Seen("success", wh=5000))
        for text in (
            "{", "[]", "[2,1]", '[9,"x"]', '[2,"x","Heartbeat",[]]', '[3,"nobody",{}]', '[4,"nobody","InternalError","",{}]', '[2,"x","NoSuchAction",{}]',
            '[2,"x","StopTransaction",{}]', '[2,"x","MeterValues",{"connectorId":"a","meterValue":7}]', '[5,"nobody","FormatViolation","",{}]',
        )
    ),
    Rule(
        "an answer under another id is nobody's, and the stop names the transaction",
        'start 1 TAG 1000 - ; hear [3,"other",{"transactionId":17,"idTagInfo":{"status":"Accepted"}}]; +10m; stop 17 6000',
        Seen("success", wh=5000, tx=17),
    ),
    Rule(
        "a duplicate answer with another number counts once",
        'start 1 TAG 1000 - ; answer {"transactionId":17,"idTagInfo":{"status":"Accepted"}}; answer {"transactionId":18,"idTagInfo":{"status":"Accepted"}}; +10m; stop 17 6000',
        Seen("success", wh=5000, tx=17),
    ),
    Rule(
        "the same message sent again under its id is the same start",
        'say [2,"7","StartTransaction",{"connectorId":1,"idTag":"TAG","meterStart":1000,"timestamp":"2026-09-21T14:13:50Z"}]; +10;'
        'say [2,"7","StartTransaction",{"connectorId":1,"idTag":"TAG","meterStart":1000,"timestamp":"2026-09-21T14:13:50Z"}];'
        'hear [3,"7",{"transactionId":17,"idTagInfo":{"status":"Accepted"}}]; +10m; stop 17 6000',
        Seen("success", wh=5000, tx=17),
    ),
    Rule("a status of two days ago on connect is what there is, and no session", "+200000; open; Charging 1 at=@10000", (), places=()),
    Rule("a replayed status does not move a session", f"close; +1h; open; {CHARGED}; SuspendedEV 1 at=@1800; stop 17 6000", Seen("success", without="suspended_ev")),
)  # fmt: skip
def test_times_links_and_broken_messages(rule: Rule) -> None:
    rule.check()


def test_the_end_of_a_replayed_session_is_told_as_late() -> None:
    """Nobody is paged for what is old."""
    play = Rule("", f"{CHARGED}; close; +900; open; stop 17 6500 at=@-600", ()).play()
    assert [change.late for change in play.told(SessionChanged) if change.ended] == [True]


def test_a_start_stamped_in_whole_seconds_stands_behind_its_card() -> None:
    session = Rule("", "+0.7; card TAG; start 1 TAG 1000 id=17 at=@30.2", ()).play().session
    assert list(session.milestones.values()) == sorted(session.milestones.values())
    names = [step.name for step in session.steps]
    assert names.index("starting") < names.index("started")
