"""Where simulated lives of OCPP 1.6 once showed the tracker to be wrong. A row a story."""

from __future__ import annotations

from tests.support.script import Rule, Seen, table

ITS_DATA = '"transactionData":[{"timestamp":"@60","sampledValue":[{"value":"429496321","context":"Transaction.End"}]}]'
STOP_OF_ONE = f'ask StopTransaction {{"transactionId":-4711,"meterStop":429496321,"timestamp":"@60","idTag":"ONE",{ITS_DATA}}}'


@table(
    Rule(
        "a card that was refused, and charges a minute later, is another try: a station that does not heed the word begins at once",
        "card TAG Blocked; +60; start 1 TAG 1000 id=17; +10m; stop 17 6000",
        (Seen("rejected", "AUTH_REJECTED", "driver"), Seen("success", wh=5000)),
    ),
    Rule(
        "a card whose cable did not come while the station waited is not what led to a charge long after",
        "config ConnectionTimeOut 60; card TAG; +40; close reason=reset; +200; open; start 1 TAG 1000 id=17 at=@203; +10m; stop 17 6000",
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
        "start 1 TAG 24 id=17; +3; close reason=reset; +30; open; boot; stop 17 19 Other at=@7",
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
        'meter 2 800 tx=-4711; +60; ask StopTransaction {"transactionId":-4711,"meterStop":1000,"timestamp":"@185","idTag":"TWO"}',
        (Seen("success", wh=221, connector=1), Seen("success", wh=607, connector=2)),
        places=(1, 2),
    ),
)
def test_registers(rule: Rule) -> None:
    rule.check()
