"""What a strict reader of the tracker found before any station did: acts and registers of another time, and rules that no row held. A row a story."""

from __future__ import annotations

import json

from tests.support.play import Play
from tests.support.script import Rule, Seen, perform, table

WAITS = "Started T1 CablePluggedIn evse=1 wh=1000 state=EVConnected; +4; "
SO_DOES_ANOTHER = "Started T2 CablePluggedIn evse=2 wh=1000 state=EVConnected; +4; "
PULLED = "Ended T1 EVCommunicationLost wh=1000 reason=EVDisconnected; +3"
SHOWN_IN_VAIN = "start 1 TAG 1000 id=17; +10m; card TAG after=28; "
ELSEWHERE = "start 2 TAG 0 id=18; +5m; stop 18 0"


def sample(value: float, at: str = "@+0") -> str:
    """The overall register in transaction 17."""
    said = {"timestamp": at, "sampledValue": [{"value": str(value)}]}
    return (
        f"ask MeterValues {json.dumps({'connectorId': 1, 'transactionId': 17, 'meterValue': [said]})} -> {{}}"
    )


@table(
    # --- whose card ---
    Rule(
        "a card that was shown hours ago, while its own transaction charged, did not begin the one on the other connector",
        SHOWN_IN_VAIN + "+3h; " + ELSEWHERE,
        (Seen("ongoing"), Seen("failed", "ZERO_ENERGY", "charger")),
        places=(1, 2),
    ),
    Rule(
        "nor did one of half an hour ago",
        SHOWN_IN_VAIN + "+30m; " + ELSEWHERE,
        (Seen("ongoing"), Seen("failed", "ZERO_ENERGY", "charger")),
        places=(1, 2),
    ),
    Rule(
        "one of two minutes ago did",
        SHOWN_IN_VAIN + "+2m; " + ELSEWHERE,
        (Seen("ongoing"), Seen("failed", "AUTH_TIMEOUT", "csms")),
        places=(1, 2),
    ),
    Rule(
        "a card that was refused long after a cable was plugged in, and long before it was pulled, was not its driver's",
        WAITS + "+4h; card ONE Blocked; +3h; " + PULLED,
        (Seen("cancelled", "ENDED_BY_DRIVER", tx="T1"), Seen("rejected", tx=None)),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "nor where another cable waits beside it",
        WAITS + SO_DOES_ANOTHER + "+4h; card ONE Blocked; +3h; " + PULLED,
        (Seen("cancelled", "ENDED_BY_DRIVER", tx="T1"), Seen("ongoing", tx="T2"), Seen("rejected", tx=None)),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "a driver who comes back after hours, is refused and leaves is told by that",
        WAITS + "+4h; card ONE Blocked; +60; " + PULLED,
        Seen("rejected", tx="T1"),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "so is one who was refused at once, and left the vehicle there for hours",
        WAITS + "card ONE Blocked; +3h; " + PULLED,
        Seen("rejected", tx="T1"),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "a try that had led to a transaction leads to no second one, which the same driver begins elsewhere without showing the card again",
        "card ONE; +5; card TWO; +5; Started T1 CablePluggedIn evse=1 wh=0 state=EVConnected; +5; Updated T1 Authorized token=ONE; "
        "+60; Ended T1 StopAuthorized wh=5000 reason=Local; +30; Started T2 Authorized evse=2 token=ONE wh=0; +60; Ended T2 StopAuthorized wh=4000",
        (Seen("cancelled", steps="joined"), Seen("ongoing", tx=None), Seen("success", tx="T1", wh=5000), Seen("success", tx="T2", wh=4000, without="joined")),
        version="2.0.1",
        places=(1, 2),
    ),
    Rule(
        "the next driver's card is a try at once where the connector is free, although no stop has come",
        "start 1 TAG 1000 id=17; Charging 1; +10m; Available 1; +60; card NEXT",
        (Seen("ongoing", tx=17), Seen("ongoing", tx=None)),
    ),
    Rule(
        "and so is that of the same driver",
        "start 1 TAG 1000 id=17; Charging 1; +10m; Available 1; +60; card TAG",
        (Seen("ongoing", tx=17, without="authorize"), Seen("ongoing", tx=None)),
    ),
    # --- registers ---
    Rule(
        "a register that counts for life, of which the start says 0: a sample of the minute before tells where it stood",
        f"start 1 TAG 0 id=17; {sample(5_000_000, '@-40')}; +10m; {sample(5_002_000)}; +10m; {sample(5_004_000)}; +10m; stop 17 5006000",
        Seen("success", wh=6000),
    ),
    Rule(
        "also where it is the only one",
        f"start 1 TAG 0 id=17; {sample(5_000_000, '@-2')}; +10m; stop 17 5006000",
        Seen("success", wh=6000),
    ),
    Rule(
        "one of long before does not: something else may have flowed since",
        f"start 1 TAG 0 id=17; {sample(5_000_000, '@-7200')}; +10m; {sample(5_002_000)}; +10m; stop 17 5006000",
        Seen("success", wh=4000),
    ),
    Rule(
        "nor one of a register that begins anew with each session",
        f"start 1 TAG 0 id=17; {sample(300, '@-2')}; +10m; {sample(2000)}; +10m; stop 17 4000",
        Seen("success", wh=4000),
    ),
    Rule(
        "start and stop in whole kWh of a meter that is new",
        f"start 1 TAG 0 id=17; +1m; {sample(350)}; +10m; {sample(2350)}; +10m; {sample(5350)}; stop 17 5",
        Seen("success", wh=5000, meters=(350, 5350), issues=("in kWh",)),
    ),
    Rule(
        "and of one that has counted a little",
        f"start 1 TAG 2 id=17; +1m; {sample(2350)}; +10m; {sample(7350)}; stop 17 7",
        Seen("success", wh=5000, meters=(2350, 7350), issues=("in kWh",)),
    ),
    Rule(
        "and with all its digits",
        f"start 1 TAG 2.3 id=17; +1m; {sample(2350)}; +10m; {sample(7350)}; +1m; stop 17 7.8",
        Seen("success", wh=5500, meters=(2300, 7800), issues=("in kWh",)),
    ),
    Rule(
        "a stop of a few Wh beside the register of a new meter is in Wh, where no more flowed",
        f"start 1 TAG 0 id=17; +1m; {sample(5345)}; +10m; {sample(5350)}; stop 17 5",
        Seen("failed", "ZERO_ENERGY", wh=5),
    ),
    Rule(
        "a stop of 0 takes nothing back that the samples of the same register showed",
        f"start 1 TAG 0 id=17; +1m; {sample(350)}; +10m; {sample(5350)}; stop 17 0",
        Seen("success", wh=5350, issues=("does not count: dropped_to_zero",)),
    ),
    Rule(
        "nor does one that was read before the last of them",
        f"start 1 TAG 1000 id=17; +1m; {sample(1350)}; +10m; {sample(6350)}; stop 17 5900",
        Seen("success", wh=5350, issues=("does not count: fell",)),
    ),
    Rule(
        "a link that was lost hours before a boot says nothing of when the register began anew",
        f"start 1 TAG 1000000 id=17; +10m; {sample(1_001_000)}; close; +20; open; +1h; {sample(1_003_000)}; +10m; boot; "
        "stop 17 1004000 at=@-120; stop 17 2000 at=@-60",
        Seen("success", wh=4000),
    ),
)  # fmt: skip
def test_found_by_review(rule: Rule) -> None:
    rule.check()


def test_a_card_of_a_transaction_under_way_is_waited_with_for_an_hour_and_no_longer():
    play = Play()
    play.begin(1, 2)
    perform(play, "start 1 TAG 1000 id=17; +10m; card TAG; +55m")
    assert play.fleet.next_due_ns is not None
    perform(play, "+10m")
    assert play.fleet.next_due_ns is None
