"""Rules of OCPP 1.6: which messages are one transaction, and how it ends. A row a rule."""

from __future__ import annotations

import pytest
from tests.support.script import Rule, Seen, table

CHARGED = "Preparing 1; start 1 TAG 1000 id=17; Charging 1; +5m; meter 1 3500 tx=17; +5m; meter 1 6000 tx=17"
"""Ten minutes and 5 kWh, up to the stop."""
HIGHEST = 2**63 - 1


@table(
    Rule(
        "a card, a charge and a free connector are one success",
        f"card TAG; {CHARGED}; stop 17 6000; Finishing 1; +60; Available 1",
        Seen(
            "success", None, None, 5000, "rfid", tx=17, token="TAG", meters=(1000, 6000), late=False, revised="", issues=(),
            milestones="created starting charging stopped completed released",
        ),
        told="ended",
    ),
    Rule("a start is a transaction before it is answered", "start 1 TAG 1000 -", Seen("ongoing", tx=None, token="TAG")),
    Rule("the answer brings the number", "start 1 TAG 1000 - ; +5; answer {\"transactionId\":17,\"idTagInfo\":{\"status\":\"Accepted\"}}; +10m; stop 17 6000", Seen("success", wh=5000, tx=17)),
    Rule(
        "an answer after the patience has ended brings it too",
        "start 1 TAG 1000 - ; +40; answer {\"transactionId\":17,\"idTagInfo\":{\"status\":\"Accepted\"}}; +10m; stop 17 6000",
        Seen("success", wh=5000, tx=17),
    ),
    Rule(
        "the same connector, token, register and time stamp again is the same transaction",
        "start 1 TAG 1000 at=@31 - ; +20; start 1 TAG 1000 at=@31 id=17; +10m; stop 17 6000",
        Seen("success", wh=5000, tx=17, steps="started start_retried stopped"),
    ),
    Rule(
        "so it is where the CSMS gives the retry a number of its own and the stop names the first",
        "start 1 TAG 1000 at=@31 id=17; start 1 TAG 1000 at=@31 id=18; +10m; stop 17 6000",
        Seen("success", wh=5000),
    ),
    Rule(
        "so it is across a reconnect",
        "start 1 TAG 1000 at=@31 id=17; close; +90; open; start 1 TAG 1000 at=@31 id=18; +10m; stop 18 6000",
        Seen("success", wh=5000, tx=18),
    ),
    Rule(
        "so it is where the clock was found to go by local time between the two",
        "start 1 TAG 1000 at=@7230 - ; +60; Charging 1 at=@+7200; +60; Charging 1 at=@+7200; start 1 TAG 1000 at=@7230 id=17; +10m; stop 17 6000 at=@+7200",
        Seen("success", wh=5000, tx=17, started=pytest.approx(30, abs=1)),
    ),
    Rule(
        "a retry is known by its time stamp though no clock was ever set",
        "start 1 TAG 1000 at=1970-01-01T00:00:10Z id=17; +20; start 1 TAG 1000 at=1970-01-01T00:00:10Z id=18; +10m; stop 18 6000 at=1970-01-01T00:10:30Z",
        Seen("success", wh=5000),
    ),
    Rule(
        "so it is where the answer was lost on the way back, and the station came again much later",
        "start 1 TAG 1000 at=1970-01-01T00:00:10Z id=17; +12m; start 1 TAG 1000 at=1970-01-01T00:00:10Z id=18; +10m; stop 18 6000 at=1970-01-01T00:22:30Z",
        Seen("success", wh=5000),
    ),
    Rule(
        "the same card later is another transaction",
        "start 1 TAG 1000 id=17; +10m; stop 17 6000; start 1 TAG 6000 id=18; +10m; stop 18 11000",
        (Seen("success", wh=5000), Seen("success", wh=5000)),
    ),
    Rule(
        "the same card at the same register again is another try",
        "start 1 TAG 1000 id=17; +60; stop 17 1000; +60; start 1 TAG 1000 id=18; +60; stop 18 1000",
        (Seen("cancelled", "ENDED_BY_DRIVER"), Seen("cancelled", "ENDED_BY_DRIVER")),
    ),
    *(
        Rule(
            f"what is like a retry but for its {part} is another transaction",
            f"start 1 TAG 1000 at=@31 -; +20; {start} at=@31 id=18",
            (Seen(*lost, tx=None, meters=(1000, None)), Seen("ongoing", tx=18, token=token, connector=connector, meters=(register, None))),
            places=(1, 2),
        )
        for part, start, lost, token, connector, register in (
            ("card", "start 1 OTHER 1000", ("failed", "LOST_STOP"), "OTHER", 1, 1000),
            ("register", "start 1 TAG 2000", ("failed", "LOST_STOP"), "TAG", 1, 2000),
            ("connector", "start 2 TAG 1000", ("ongoing",), "TAG", 2, 1000),
        )
    ),
    Rule("zero is a number where the CSMS gives it", "start 1 TAG 1000 id=0; +10m; meter 1 3000 tx=0; stop 0 6000", Seen("success", wh=5000, tx=0)),
    Rule("a negative number is a number", "start 1 TAG 1000 id=-7; +10m; meter 1 3000 tx=-7; stop -7 6000", Seen("success", wh=5000, tx=-7)),
    Rule("the highest number is a number", f"start 1 TAG 1000 id={HIGHEST}; +10m; meter 1 3000 tx={HIGHEST}; stop {HIGHEST} 6000", Seen("success", wh=5000, tx=HIGHEST)),
    Rule(
        "zero on two connectors finds its own stop by the card",
        "start 1 ONE 1000 id=0; +5; start 2 TWO 50000 id=0; +10m; stop 0 6000 token=ONE; stop 0 58000 token=TWO",
        (Seen("success", wh=5000, connector=1), Seen("success", wh=8000, connector=2)),
        places=(1, 2),
    ),
    Rule(
        "minus one is the start that never got its answer",
        "start 1 ONE 1000 id=17; +5; start 2 TWO 2000 - ; +10m; stop -1 9000; +60; stop 17 6000",
        (Seen("success", wh=5000, connector=1), Seen("success", wh=7000, connector=2)),
        places=(1, 2),
    ),
    Rule(
        "minus one is the older start where that one was not answered",
        "start 1 ONE 1000 - ; +5; start 2 TWO 1000 id=17; +10m; stop -1 9000",
        (Seen("success", connector=1), Seen("ongoing", connector=2)),
        places=(1, 2),
    ),
    Rule(
        "minus one after a boot is the start whose register goes on, answered or not: the other's would have to have begun anew",
        "start 1 ONE 10000 id=101; start 2 ONE 5000000 -; +60; close; +20; open; boot; stop -1 10000",
        (Seen("cancelled", wh=0, connector=1), Seen("ongoing", connector=2)),
        places=(1, 2),
    ),
    Rule(
        "of two such the one whose register goes on, though there was a boot: the other's would have to have begun anew",
        "start 1 ONE 10000 id=101 at=1970-01-01T00:00:30Z; start 2 ONE 5000000 - at=1970-01-01T00:00:31Z; close; +20; open; boot;"
        "stop -1 10000 at=1970-01-01T00:00:52Z; stop -1 5000000 at=1970-01-01T00:00:53Z",
        (Seen("failed", wh=0, connector=1, meters=(10000, 10000)), Seen("cancelled", wh=0, connector=2, meters=(5000000, 5000000))),
        places=(1, 2),
    ),
    Rule(
        "meter values of minus one belong to the transaction on their connector",
        "start 1 ONE 1000 id=17; start 2 TWO 2000 - ; +5m; meter 2 5000 tx=-1; +5m; stop -1 9000; stop 17 6000",
        (Seen("success", wh=5000), Seen("success", wh=7000, steps="charging")),
        places=(1, 2),
    ),
    Rule(
        "meter values of zero, or of none, belong to the transaction on their connector",
        "start 1 ONE 1000 id=17; start 2 TWO 500000 id=18; +5m; meter 1 1300; meter 2 502000 tx=0; +5m; stop 17 1500; stop 18 503500",
        (Seen("success", wh=500, steps="charging"), Seen("success", wh=3500, steps="charging")),
        places=(1, 2),
    ),
    Rule("no stop reason means Local", f"{CHARGED}; stop 17 6000", Seen("success", stop_reason=None)),
    Rule(
        "a stop without a start is still a session, and is marked so",
        "stop 99 6000",
        Seen("failed", "UNKNOWN", "unknown", None, tx=99, meters=(None, 6000), steps="stop_without_start", issues=("start of the transaction was never seen",)),
    ),
    Rule(
        "a stop after a reset, of a transaction the watch never saw, leaves the next one alone",
        "boot; stop 99 6000 Reboot at=@-120; start 1 TAG 6000 id=17; +10m; stop 17 9000",
        (Seen("failed", "REBOOT"), Seen("success", wh=3000)),
    ),
    Rule("a free station starts without a token and stops as it should", 'start 1 "" 1000 id=17; +10m; stop 17 6000', Seen("success", wh=5000, source="free", token=None)),
    Rule(
        "a start after its stop joins it, for queues overtake each other",
        "+10m; close; +60; open; stop 17 6000 at=@-90; start 1 TAG 1000 at=@40 id=17",
        Seen("success", wh=5000, tx=17, started=40, late=True, issues=(), without="stop_without_start"),
    ),
    Rule(
        "a start of another number than the stop before it is another transaction",
        "+10m; close; +60; open; stop 16 900 at=@-90; start 1 TAG 1000 at=@40 id=17; stop 17 6000 at=@-80",
        (Seen("failed", "UNKNOWN", tx=16), Seen("success", wh=5000, tx=17)),
    ),
    Rule(
        "a start after another's stop that nobody answers is begun when patience ends",
        "+10m; close; +60; open; stop 16 900 at=@-90; start 1 TAG 1000 at=@40 - ; +31; Charging 1",
        (Seen("failed", "UNKNOWN", tx=16), Seen("ongoing", started=40)),
    ),
    Rule(
        "a transaction under way when the watch began is followed",
        "meter 1 20000 tx=77; +10m; meter 1 25000 tx=77; stop 77 26000",
        Seen("success", wh=6000, tx=77),
    ),
    Rule(
        "a new start on the connector has lost the stop before it",
        f"{CHARGED}; +1h; start 1 OTHER 9000",
        (Seen("failed", "LOST_STOP", "charger", 5000, steps="lost_stop"), Seen("ongoing")),
    ),
    Rule("a connector Available for ten minutes has lost the stop", f"{CHARGED}; Available 1; +601", Seen("failed", "LOST_STOP", "charger", 5000)),
    Rule("and not a second before", f"{CHARGED}; Available 1; +599", Seen("ongoing")),
    Rule(
        "a lost stop that comes after all opens the session again",
        f"{CHARGED}; Available 1; +601; +1h; stop 17 6200",
        Seen("success", None, None, 5200, revised="the stop came after all"),
        told="ended revised",
    ),
    Rule(
        "meter values after a lost stop open it again",
        f"{CHARGED}; Available 1; +700; meter 1 6500 tx=17",
        Seen("ongoing", wh=5500),
        told="ended reopened",
    ),
    Rule(
        "a connector that says Available while its meter runs has not lost its stop",
        "start 1 TAG 1000 id=17; Available 1; +9m; meter 1 2000 tx=17; +9m; meter 1 3000 tx=17; +9m; meter 1 4000 tx=17",
        Seen("ongoing", wh=3000),
    ),
    Rule("ten minutes after its last word it has", "start 1 TAG 1000 id=17; Available 1; +9m; meter 1 2000 tx=17; +601", Seen("failed", "LOST_STOP", wh=1000)),
    Rule("offline, a stop is not lost but in the queue", f"{CHARGED}; Available 1; close; +1h; open; +599", Seen("ongoing")),
    Rule("back for ten minutes, it is lost", f"{CHARGED}; Available 1; close; +1h; open; +601", Seen("failed", "LOST_STOP")),
    Rule(
        "after a day offline the session is closed for its connection",
        f"{CHARGED}; close by=relay reason=timeout; +86401",
        Seen("failed", "CONNECTIVITY", "network", 5000),
    ),
    Rule(
        "and the stop that comes then opens it again",
        f"{CHARGED}; close by=relay reason=timeout; +90000; open; stop 17 6200 EVDisconnected at=@2000",
        Seen("success", wh=5200, late=True, revised="the stop came after all"),
    ),
    Rule(
        "a boot in mid-transaction interrupts, and more meter values resume",
        f"{CHARGED}; close; +30; open; boot; meter 1 6500 tx=17; +60; stop 17 7000",
        Seen("success", wh=6000, steps="interrupted resumed stopped", issues=("connection was lost for 30.0 s",)),
    ),
    Rule(
        "a boot in mid-transaction waits for the stop that says why",
        f"{CHARGED}; close; +30; open; boot; stop 17 6100 PowerLoss at=@-30",
        Seen("failed", "POWER_LOSS", wh=5100, steps="stopped interrupted"),
    ),
    Rule(
        "a boot that the CSMS asked for interrupts nothing",
        CHARGED + '; order TriggerMessage {"requestedMessage":"BootNotification"} -> {"status":"Accepted"}; boot; stop 17 6000',
        Seen("success", without="interrupted"),
    ),
    Rule(
        "a retried stop is counted once",
        f"{CHARGED}; stop 17 6000 at=@640; +5; stop 17 6000 at=@640; +5; stop 17 6000 at=@640",
        Seen("success", wh=5000, revised=""),
        told="ended",
    ),
    Rule("of several stops the highest that can be holds", f"{CHARGED}; stop 17 6000; +10; stop 17 6400", Seen("success", wh=5400, revised="second stop"), told="ended revised"),
    Rule("a lower second stop was read before the end", f"{CHARGED}; stop 17 6000; +10; stop 17 5200", Seen("success", wh=5000), told="ended"),
    Rule("a second stop of minus one says nothing", f"{CHARGED}; stop 17 6000; +10; stop 17 -1", Seen("success", wh=5000), told="ended"),
    Rule("a second stop of zero says nothing", f"{CHARGED}; stop 17 6000; +10; stop 17 0", Seen("success", wh=5000), told="ended"),
    Rule("a second stop that cannot be says nothing", f"{CHARGED}; stop 17 6000; +10; stop 17 9e12", Seen("success", wh=5000), told="ended"),
    Rule(
        "closing meter values after the stop add nothing",
        f"{CHARGED}; stop 17 6000; meter 1 6000 tx=17; meter 1 6010 tx=17",
        Seen("success", wh=5000),
        told="ended",
    ),
    Rule(
        "a CSMS that errors on the stop for ever is one issue of a success",
        f"{CHARGED}; stop 17 6000 at=@640 - ; error; +60; stop 17 6000 at=@640 - ; error; +60; stop 17 6000 at=@640 - ; error",
        Seen("success", wh=5000, issues=("The CSMS answered the stop with InternalError.",), milestones="created starting charging stopped"),
    ),
    Rule(
        "two connectors at once keep their energies apart",
        "start 1 ONE 1000 id=17; start 2 TWO 500000 id=18; +5m; meter 1 1300; meter 2 502000; stop 17 1500; stop 18 503500",
        (Seen("success", wh=500, connector=1), Seen("success", wh=3500, connector=2)),
        places=(1, 2),
    ),
    Rule(
        "the old half of a double socket is no loss in the session",
        f"{CHARGED}; open; close old by=relay reason=timeout; +60; stop 17 6500",
        Seen("success", wh=5500, issues=(), without="offline"),
    ),
    Rule(
        "a transaction is the same whichever of two sockets its messages come by",
        "start 1 TAG 1000 id=17; open; +5m; meter 1 3000 tx=17; close old; +5m; stop 17 6000",
        Seen("success", wh=5000, issues=()),
    ),
    Rule(
        "a start on connector 0 after a card that was refused is a transaction like any other",
        "card TAG Invalid; +1; start 0 TAG 1000 id=17; +5m; stop 17 6000; close",
        Seen("success", wh=5000, tx=17),
        places=(),
    ),
    Rule(
        "a station that says Available in between and SuspendedEV at once has gone on: the driver's card that stops it is no other try",
        f"{CHARGED}; meter 1 6000 tx=17; Available 1; +1; SuspendedEV 1; +10m; card TAG; +2; stop 17 6000; Available 1; +10m",
        Seen("success", wh=5000, steps="suspended_ev authorize stopped released"),
    ),
    Rule(
        "a station that changes to 2.0.1 in mid-transaction keeps the transaction",
        f"{CHARGED}; close; speak 2.0.1; open; boot; Available 1; Started T2 CablePluggedIn evse=1 wh=6000; speak 1.6; stop 17 6000 PowerLoss",
        (Seen("failed", "POWER_LOSS", wh=5000, tx=17), Seen("ongoing", tx="T2")),
    ),
)  # fmt: skip
def test_transactions_of_1_6(rule: Rule) -> None:
    rule.check()
