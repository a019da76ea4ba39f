"""What a strict reader of the tracker found before any station did: acts and registers of another time, and rules that no row held. A row a story."""

from __future__ import annotations

import json

import pytest
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


def charge(
    minutes: int,
    kw: float,
    wh_per_kwh: float,
    *,
    start: float = 500,
    tx: int = 17,
    amps: float | None = None,
    power_kw: float | None = None,
) -> str:
    """A charge with a sample every five minutes; the register counts ``wh_per_kwh`` for each kWh, and the station says ``power_kw`` for ``kw``."""
    lines = [f"start 1 TAG {start} id={tx}"]
    for minute in range(5, minutes + 1, 5):
        register = round(start + kw * minute / 60 * wh_per_kwh, 3)
        values = [
            {"value": str(register), "unit": "Wh"},
            {"value": str((power_kw or kw) * 1000), "unit": "W", "measurand": "Power.Active.Import"},
        ]
        if amps is not None:
            values.append({"value": str(amps), "unit": "A", "measurand": "Current.Import"})
        said = {"timestamp": "@+0", "sampledValue": values}
        payload = {"connectorId": 1, "transactionId": tx, "meterValue": [said]}
        lines.append(f"+5m; ask MeterValues {json.dumps(payload)} -> {{}}")
    stop = round(start + kw * minutes / 60 * wh_per_kwh, 3)
    return "; ".join([*lines, f"stop {tx} {stop}"])


ALL_KWH = "rose by a thousandth"


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
    # --- start, samples and stop alike in kWh that say Wh ---
    Rule(
        "by the power beside them, after five kWh",
        charge(60, 11, 1),
        Seen("success", wh=11_000, meters=(500_000, 511_000), issues=(ALL_KWH,)),
    ),
    Rule(
        "in whole kWh, too",
        charge(60, 60, 1, start=500).replace(".0", ""),
        Seen("success", wh=60_000, issues=(ALL_KWH,)),
    ),
    Rule(
        "the next charge of the station is known sooner",
        charge(60, 11, 1) + "; +10m; " + charge(10, 11, 1, start=511, tx=18),
        (Seen("success", wh=11_000), Seen("success", wh=pytest.approx(1833, abs=1), issues=(ALL_KWH,))),
    ),
    Rule(
        "but not after a boot, which may have mended it",
        charge(60, 11, 1) + "; +10m; boot; " + charge(10, 11, 1, start=511, tx=18),
        (Seen("success", wh=11_000), Seen("failed", "ZERO_ENERGY", issues=())),
    ),
    Rule("registers that are right stay as they are", charge(60, 11, 1000), Seen("success", wh=11_000, issues=())),
    Rule("so do those of a vehicle that takes next to nothing", charge(60, 0.011, 1000), Seen("failed", "ZERO_ENERGY", wh=11, issues=())),
    Rule("and those beside a power in a wrong unit that no charger has", charge(60, 0.6, 1000, power_kw=600), Seen("success", wh=600, issues=())),
    Rule("or that its current does not carry", charge(60, 0.06, 1000, power_kw=60, amps=0.3), Seen("failed", "ZERO_ENERGY", wh=60, issues=())),
    Rule("a current that carries it speaks for the power", charge(60, 11, 1, amps=16), Seen("success", wh=11_000, issues=(ALL_KWH,))),
    Rule(
        "a stop in Wh after samples in kWh is right by itself",
        charge(60, 11, 1, start=500).replace("stop 17 511", "stop 17 11500"),
        Seen("success", wh=11_000),
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
