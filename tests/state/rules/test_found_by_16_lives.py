"""Where simulated lives of OCPP 1.6 once showed the tracker to be wrong. A row a story."""

from __future__ import annotations

from tests.support.script import Rule, Seen, table

ITS_DATA = '"transactionData":[{"timestamp":"@90","sampledValue":[{"value":"429496321","context":"Transaction.End"}]}]'
STOP_OF_ONE = f'ask StopTransaction {{"transactionId":-4711,"meterStop":429496321,"timestamp":"@90","idTag":"ONE",{ITS_DATA}}}'


@table(
    Rule(
        "a card that was refused, and charges a minute later, is another try: a station that does not heed the word begins at once",
        "card TAG Blocked; +60; start 1 TAG 1000 id=17; +10m; stop 17 6000",
        (Seen("rejected", "AUTH_REJECTED", "driver"), Seen("success", wh=5000)),
    ),
    Rule(
        "a card whose cable did not come while the station waited is not what led to a charge long after",
        "config ConnectionTimeOut 60; card TAG; +40; close reason=reset; +200; open; start 1 TAG 1000 id=17 at=@233; +10m; stop 17 6000",
        (Seen("cancelled", "AUTH_UNUSED", "driver"), Seen("success", wh=5000)),
    ),
    Rule(
        "one that came as the wait ended is",
        "config ConnectionTimeOut 60; card TAG; +61; start 1 TAG 1000 id=17; +10m; stop 17 6000",
        Seen("success", wh=5000, source="rfid"),
    ),
    Rule(
        "an order over an old socket that was only half open is lost while the station is there",
        "remote APP 1 -; +5; open; Available 1; +10; close old reason=fin; +6m",
        Seen("failed", "CONNECTIVITY", "unknown"),
    ),
)
def test_acts(rule: Rule) -> None:
    rule.check()


@table(
    Rule(
        "a young register that was told at start and stop alone began anew with the boot between, however little it fell",
        "start 1 TAG 24 id=17; +3; close reason=reset; +30; open; boot; stop 17 19 Other at=@37",
        Seen("failed", wh=19),
    ),
    Rule(
        "a first sample of 0 is no register of its own where the next one is where the start's would be",
        "start 1 TAG 4179 id=17; +60; meter 1 0 tx=17; +60; meter 1 9040 tx=17; stop 17 9040",
        Seen("success", wh=4861),
    ),
    Rule(
        "the data of a stop that is sent again are not of the other transaction with that number",
        f"start 1 ONE 429496100 id=-4711; start 2 TWO 393 id=-4711; +60; {STOP_OF_ONE}; error InternalError; +5; {STOP_OF_ONE}; +60; "
        'meter 2 800 tx=-4711; +60; ask StopTransaction {"transactionId":-4711,"meterStop":1000,"timestamp":"@215","idTag":"TWO"}',
        (Seen("success", wh=221, connector=1), Seen("success", wh=607, connector=2)),
        places=(1, 2),
    ),
)
def test_registers(rule: Rule) -> None:
    rule.check()


@table(
    Rule(
        "of two stops under one number each is the one's whose card it names, whichever was heard first",
        "start 1 ONE 1000 id=0; Charging 1; +5; start 2 TWO 1000 id=0; Charging 2; +10m; stop 0 6000 EVDisconnected; +60; stop 0 7000 Local token=TWO",
        (Seen("success", wh=5000, connector=1, stop_reason="EVDisconnected"), Seen("success", wh=6000, connector=2, stop_reason="Local")),
        places=(1, 2),
    ),
    Rule(
        "the card that a stop names is its transaction's, also where that one's register began anew and another's would simply go on",
        "start 1 ONE 3000 id=0; Charging 1; +60; meter 1 3400; close reason=reset; +20; open; boot; Charging 1; start 2 TWO 100 id=0; Charging 2; "
        "+60; stop 0 500 Local token=ONE",
        (Seen("success", wh=900, connector=1), Seen("ongoing", connector=2)),
        places=(1, 2),
    ),
    Rule(
        "the connector that has just finished shows whose the stop was, and the other charges on",
        "start 1 ONE 0 id=-1; Charging 1; +100; start 2 TWO 0 id=-1; Charging 2; +100; stop -1 600 EVDisconnected; Finishing 1; +100; meter 2 700",
        (Seen("success", wh=600, connector=1), Seen("ongoing", wh=700, connector=2)),
        places=(1, 2),
    ),
    Rule(
        "so does one that says it before the stop",
        "start 1 ONE 0 id=-1; Charging 1; +100; start 2 TWO 0 id=-1; Charging 2; +100; Finishing 1; stop -1 600 EVDisconnected; +100; meter 2 700",
        (Seen("success", wh=600, connector=1), Seen("ongoing", wh=700, connector=2)),
        places=(1, 2),
    ),
    Rule(
        "two stops of one moment after a boot are each the one's where its register would be by then",
        "start 1 ONE 4000 -; +60; meter 1 4800; +10; start 2 TWO 4556 -; close reason=reset; +40; open; boot; meter 1 10 at=@101; "
        "stop -1 390 PowerLoss at=@125; stop -1 330 PowerLoss at=@125",
        (Seen("failed", "POWER_LOSS", wh=1130), Seen("failed", "POWER_LOSS", wh=390)),
        places=(1, 2),
    ),
    Rule(
        "two stops of one moment and one loss of power are two transactions' where two were open",
        "start 2 TWO 3262 -; +20; meter 2 3722; +1; start 1 ONE 0 -; +11; close reason=reset; +20; open; boot; +60; "
        "stop -1 158 PowerLoss at=@61; stop -1 3978 PowerLoss at=@61",
        (Seen("failed", "POWER_LOSS", wh=716, connector=2), Seen("failed", "POWER_LOSS", wh=158, connector=1)),
        places=(1, 2),
    ),
    Rule(
        "and each is the one's whose vehicle drew so much since the station's computer began anew",
        "start 1 ONE 1529 -; start 2 TWO 1050 -; +60; meter 1 1651; meter 2 1232; +60; meter 1 1773; meter 2 1414; +40; close reason=reset; "
        "+35; open; boot; stop -1 43 PowerLoss at=@204; stop -1 29 PowerLoss at=@204",
        (Seen("failed", "POWER_LOSS", wh=273, connector=1), Seen("failed", "POWER_LOSS", wh=407, connector=2)),
        places=(1, 2),
    ),
    Rule(
        "a stop after its connector was free and taken again is not the old transaction's, however well it would fit",
        "start 1 ONE 0 -; Charging 1; +30; start 2 TWO 400 -; Charging 2; +60; meter 1 2098; meter 2 2000; +2; stop -1 2145 EVDisconnected; "
        "Finishing 1; +10; Available 1; +60; start 1 SIX 2145 -; Charging 1; +5m; stop -1 9006 PowerLoss; stop -1 9479 PowerLoss",
        (Seen("success", wh=2145, connector=1), Seen("failed", "POWER_LOSS", connector=2), Seen("failed", "POWER_LOSS", connector=1)),
        places=(1, 2),
    ),
    Rule(
        "a register that neither of two can have come to says nothing: the card does",
        "start 1 ONE 0 id=5; +60; start 2 TWO 0 id=5; +60; stop 5 -19212443 token=ONE; +60; stop 5 3000 token=TWO",
        (Seen("failed", "ZERO_ENERGY", connector=1), Seen("success", wh=3000, connector=2)),
        places=(1, 2),
    ),
    Rule(
        "a stop of a number that nobody gave is given back when the connector goes on charging",
        'Preparing 1; start 1 ONE 1000 -; Charging 1; +30; ask StopTransaction {"transactionId":99,"idTag":"ONE","meterStop":1500,"timestamp":"@+0",'
        '"transactionData":[{"timestamp":"@+0","sampledValue":[{"value":"1500","context":"Transaction.End"}]}]} -> {}; '
        "+60; meter 1 2500 tx=-1; +10; Available 1; +20m",
        (Seen("failed", "LOST_STOP", wh=1500, tx=None, stop_reason=None), Seen("failed", "UNKNOWN", tx=99, steps="stop_without_start")),
    ),
    Rule(
        "or when the transaction's own comes, without a sample between",
        "Preparing 1; start 1 ONE 1000 -; Charging 1; +30; stop 99 1500 token=ONE; +5m; stop -1 6000 token=ONE",
        (Seen("success", wh=5000, tx=None, revised="its own stop"), Seen("failed", "UNKNOWN", tx=99, steps="stop_without_start")),
    ),
)  # fmt: skip
def test_whose_stop(rule: Rule) -> None:
    rule.check()
