"""Rules of energy: registers in all the ways in which stations write them, and what they add up to. A row a quirk."""

from __future__ import annotations

import json

import pytest
from tests.support.script import Rule, Seen, table

from nocwatch.state.changes import SessionMetered

START, STOP = "start 1 TAG 1000 id=17", "stop 17 6000"
BOOT = "close; +20; open; boot"


def moments(*samples: object, each: str = "+1m") -> str:
    """MeterValues of transaction 17, a minute apart: a number is the overall register, else a list of sampled values."""
    return ";".join(f"{each};ask MeterValues {_values(sample)} -> {{}}" for sample in samples)


def _values(sample: object) -> str:
    sampled = [{"value": str(sample)}] if isinstance(sample, int | float) else sample
    return json.dumps(
        {
            "connectorId": 1,
            "transactionId": 17,
            "meterValue": [{"timestamp": "@+0", "sampledValue": sampled}],
        }
    )


def value(number: float, **fields: str) -> dict[str, str]:
    return {"value": str(number), **fields}


def phases(each: float, **fields: str) -> list[dict[str, str]]:
    return [value(each, phase=phase, **fields) for phase in ("L1", "L2", "L3")]


def run(
    words: str,
    *samples: object,
    start: float = 1000,
    wh: float | None,
    stop: float | None = None,
    **seen: object,
) -> Rule:
    """A transaction with these samples; still under way where ``stop`` is left out."""
    script = f"start 1 TAG {start} id=17;" + moments(*samples)
    if stop is None:
        return Rule(words, script, Seen("ongoing", wh=wh, **seen))
    return Rule(words, f"{script};+1m; stop 17 {stop}", Seen("success", wh=wh, **seen))


@table(
    run("the stop less the start", 2000, 3000, stop=6000, wh=5000, issues=()),
    run("the rises of the samples while nothing has stopped", 2000, 3000, wh=2000),
    run("kWh said as kWh", [value(2.5, unit="kWh")], [value(3.25, unit="kWh")], wh=2250),
    run("2.x: a power of ten", [{"value": "25", "unitOfMeasure": {"unit": "Wh", "multiplier": 2}}], wh=1500),
    run("the unit beside the number in its text", [value("2.5 kWh")], wh=1500),  # type: ignore[arg-type]
    run("a decimal comma", [value("2500,5")], wh=1500.5),  # type: ignore[arg-type]
    run("Outlet before Inlet", [value(9000, location="Inlet"), value(2000)], [value(9900, location="Inlet"), value(3000)], wh=2000),
    run("Inlet where there is no Outlet", [value(2000, location="Inlet")], [value(3000, location="Inlet"), value(77, location="Body")], wh=2000),
    run("overall or the sum of phases, never both", [value(2000), *phases(600)], [value(3000), *phases(1000)], wh=2000),
    run("the sum of phases where there is no overall", phases(400), phases(1000), start=600, wh=2400),
    run("the phases against neutral are phases", [value(700, phase=f"L{n}-N") for n in (1, 2, 3)], start=1000, wh=1100),
    run("a phase to a phase is none", [value(900, phase="L1-L2")], [value(2000)], wh=1000),
    run("exported energy is not imported", [value(5000, measurand="Energy.Active.Export.Register"), value(2000)], wh=1000),
    Rule(
        "an interval that is told again is not added again",
        "start 1 TAG 1000 id=17; +60;" + ('ask MeterValues {"connectorId":1,"transactionId":17,"meterValue":[{"timestamp":"@90","sampledValue":'
        '[{"value":"100","measurand":"Energy.Active.Import.Interval"}]}]} -> {};' * 2),
        Seen("ongoing", wh=100),
    ),
    run("no register but intervals", [value(100, measurand="Energy.Active.Import.Interval")], [value(250, measurand="Energy.Active.Import.Interval")], wh=350),
    run("a signed block is no reading", [{"value": "OCMF|{}", "format": "SignedData"}, value(2000)], wh=1000),
    run("what is no number is no reading", [value("n/a")], [value("NaN")], [value(3000)], wh=2000),  # type: ignore[arg-type]
    # --- registers that lie ---
    run("minus one is no reading", 2000, -1, 3000, stop=4000, wh=3000, issues=()),
    run("a negative register is no reading", 2000, -500, 3000, stop=4000, wh=3000, issues=()),
    run("a drop to 0 now and then", 2000, 0, 2500, stop=4000, wh=3000, issues=()),
    run("zeros for minutes, and on where it was", 2000, 0, 0, 0, 2500, stop=4000, wh=3000, issues=()),
    run("a register that begins anew in mid-session", 5_001_000, 5_002_000, 0, 500, 1000, start=5_000_000, stop=1500, wh=3500),
    run("a register that began anew with the transaction", 500, 1500, start=5_000_000, wh=1500),
    run("session-relative samples, lifetime at start and stop", 600, 1000, start=5_000_000, stop=5_001_200, wh=1200, issues=()),
    run("a young register that could not be read at first", 0, 1566, start=1210, stop=1566, wh=356, issues=()),
    run("zeros before the real register", 0, 0, 5_001_000, 5_002_000, start=5_000_000, wh=2000),
    run("a wrap at 2**32", 2**32 - 100, 300, start=2**32 - 500, stop=900, wh=1400, issues=()),
    run("a wrap at 2**32 between the last sample and the stop", 2**32 - 100, start=2**32 - 500, stop=900, wh=1400, issues=()),
    run("a wrap at 2**32, and nothing between start and stop", start=2**32 - 500, stop=900, wh=1400, issues=()),
    run("a wrap between the start and the first sample", 300, 600, start=2**32 - 500, stop=900, wh=1400, issues=()),
    run("a counter of five digits of kWh that begins anew", 99_999_900, 300, start=99_999_500, stop=900, wh=1400, issues=()),
    run("a register with a sign that turns negative", 2**31 - 100, 300 - 2**31, start=2**31 - 500, stop=900 - 2**31, wh=1400, issues=()),
    run("a register that is negative for good", -4000, -3000, start=-5000, stop=-2000, wh=3000, issues=(), meters=(-5000, -2000)),
    run("a start below 0 is no reading beside samples above", 2000, 3000, start=-500, stop=4000, wh=2000),
    run("a register above 2**32", 2**32 + 1500, start=2**32 + 1000, stop=2**32 + 6000, wh=5000),
    Rule("a megawatt for a minute, and a kilowatt-hour beside it, can be", "start 1 TAG 1000 id=17 at=@30; +1m; meter 1 18600 tx=17 at=@90", Seen("ongoing", wh=17600)),
    Rule("more cannot", "start 1 TAG 1000 id=17 at=@30; +1m; meter 1 18700 tx=17 at=@90", Seen("ongoing", wh=0)),
    run("a jump that no charger could bring", 2000, 1_000_100_000, 2500, stop=3000, wh=2000, issues=()),
    run("a register that fell on the way is an issue", 2000, 1200, 1700, wh=1500, issues=("ran backwards",)),
    run("a start of minus one: the samples tell", 2000, 3000, start=-1, stop=6000, wh=4000, meters=(None, 6000)),
    run("a stop of minus one: the samples tell", 2000, 3000, stop=-1, wh=2000, meters=(1000, None), issues=("does not count: minus_one",)),
    run("a stop below the start: the samples tell", 2000, 3000, stop=200, wh=2000, issues=("does not count: fell",)),
    run("a stop that jumped: the samples tell", 2000, 3000, stop=1_000_100_000, wh=2000, issues=("does not count: jumped",)),
    run("a register that stands still", 1000, 1000, wh=0),
    run("samples in kWh that say Wh", 5001.0, 5002.5, start=5_000_000, wh=2500, issues=("in kWh and say Wh",)),
    Rule("such a sample from just before the start is none of it", "start 1 TAG 5000000 id=17; +1m; meter 1 5000 at=@-90; meter 1 5001 tx=17", Seen("ongoing", wh=1000)),
    Rule("2.x: samples in kWh that say Wh, and the start among them is right", "Started T1 Authorized evse=1 token=TAG wh=5000000; +1m; Updated T1 MeterValuePeriodic wh=5001; +1m; Updated T1 MeterValuePeriodic wh=5002.5", Seen("ongoing", wh=2500, issues=("in kWh and say Wh",)), version="2.0.1"),
    Rule("a register that counts from the session's start and is turned back", "start 1 TAG 5000000 id=17; +1m; meter 1 1111 tx=17; +1m; meter 1 2444 tx=17; +1m; meter 1 -3388 tx=17; +1m; meter 1 -2055 tx=17; +1m; meter 1 -722 tx=17; +1m; meter 1 611 tx=17; +1m; stop 17 5000100", Seen("success", wh=6443)),
    run("one such sample and no more", 5001.0, start=5_000_000, wh=1000),
    run("samples in kWh that say Wh, and a register that fell", 4998.2, 4998.5, start=5_000_000, stop=4_998_600, wh=400),
    run("one such sample of a register that was turned back further, and the stop", 5151.289, start=5_168_548, stop=5_152_122, wh=833),
    run("small samples beside a young register count from the start of the session", 5, 6, start=5000, wh=6, issues=()),
    run("a start in kWh beside samples in Wh", 1_234_900, 1_239_567, start=1234.567, stop=1240.567, wh=6000, issues=("in kWh",), meters=(1_234_567, 1_240_567)),
    run("a start in whole kWh beside samples in Wh", 1_234_900, 1_239_500, start=1234, stop=1239, wh=4600, issues=("in kWh",)),
    run("a start in kWh beside samples that say kWh", [value(1234.9, unit="kWh")], [value(1239.5, unit="kWh")], start=1234, stop=1239, wh=4600, issues=("in kWh",)),
    run("a young meter in Wh is none in kWh", 1500, 2600, start=2, stop=3000, wh=2998, issues=()),
    run("a lifetime register beside a start of the session's own is none in kWh", 900_000, 901_000, start=5, wh=1000, issues=()),
    Rule("no wrap: more than any vehicle takes, however long it was", "start 1 TAG 99600000 id=17; +10h; stop 17 900", Seen("failed", wh=None, issues=("does not count: fell",))),
    Rule("a register that is kept in memory begins anew with a boot: one reading tells", f"start 1 TAG 0 id=17; +2m; meter 1 787 tx=17; +20; {BOOT}; +20; meter 1 237 tx=17; +1m; meter 1 1071 tx=17; +1m; stop 17 1900", Seen("success", wh=2687, issues=("ran backwards", "connection was lost"))),
    Rule("one that was saved a while before the boot goes on from there", f"start 1 TAG 10 id=17; +1h; meter 1 10000 tx=17; {BOOT}; +10m; meter 1 9700 tx=17; +10m; meter 1 10300 tx=17; +10m; stop 17 10900", Seen("success", wh=10890)),
    Rule("whether the vehicle goes on or not", f"start 1 TAG 10000 id=17; +1h; meter 1 30000 tx=17; {BOOT}; +50m; meter 1 29900 tx=17; +10m; stop 17 29900", Seen("success", wh=20000)),
    Rule("a lone slip after a boot is none", f"start 1 TAG 100 id=17; +10m; meter 1 6000 tx=17; {BOOT}; +1m; meter 1 12 tx=17; +1m; meter 1 7000 tx=17; +1m; stop 17 8000", Seen("success", wh=7900, issues=("connection was lost",))),
    Rule("but one that rises from there as fast as before did begin anew", f"start 1 TAG 100 id=17; +15m; meter 1 6100 tx=17; {BOOT}; +10; meter 1 12 tx=17; +15m; meter 1 6300 tx=17; stop 17 6300", Seen("success", wh=12300)),
    Rule("a reading from before the boot, told after it, is of the register before", f"start 1 TAG 0 id=17; +2m; meter 1 787 tx=17; +1m; {BOOT}; meter 1 900 tx=17 at=@-60; +20; meter 1 237 tx=17; +1m; stop 17 1000", Seen("success", wh=1900)),
    Rule("a register that began anew with a boot, and only the stop to tell", f"start 1 TAG 5000 id=17; +2m; meter 1 6000 tx=17; {BOOT}; +1m; stop 17 300", Seen("success", wh=1300)),
    Rule("a register that began anew with a boot, and nothing between start and stop", f"start 1 TAG 5000 id=17; +2m; {BOOT}; +1m; stop 17 300", Seen("success", wh=300)),
    Rule("a zero while the station comes up, and on where it was", f"start 1 TAG 5000 id=17; +2m; meter 1 6000 tx=17; {BOOT}; meter 1 0 tx=17; +1m; meter 1 6500 tx=17; +1m; stop 17 7000", Seen("success", wh=2000)),
    Rule("a boot before the stop of a start that counts from 0 is no reason to add its register to the samples'", f"start 1 TAG 0 id=17; +1m; meter 1 8112912 tx=17; +1m; meter 1 8113035 tx=17; +1m; meter 1 8113280 tx=17; {BOOT}; stop 17 602", Seen("success", wh=602)),
    Rule("a negative register that began anew with a boot", f"start 1 TAG -2147483131 id=17; +1m; meter 1 -2147482067 tx=17; {BOOT}; +20; meter 1 133 tx=17; +1m; stop 17 500", Seen("success", wh=1564)),
    Rule("2.x: a start and stop from 0 beside lifetime samples, and a boot", f"Started T1 Authorized evse=1 token=TAG wh=0; +1m; Updated T1 MeterValuePeriodic wh=15168749; +1m; Updated T1 MeterValuePeriodic wh=15170319; {BOOT}; Ended T1 Local wh=4512", Seen("success", wh=4512), version="2.0.1"),
    Rule("2.x: a sample that counts from the session's start and is a thousandth of the register by chance", "Started T1 Authorized evse=1 token=TAG wh=4249798; +2m; Updated T1 MeterValuePeriodic wh=4253; +2m; Updated T1 MeterValuePeriodic wh=8059; +2m; Updated T1 MeterValuePeriodic wh=11326; +2m; Updated T1 MeterValuePeriodic wh=11773; +50; Ended T1 Local wh=4261571", Seen("success", wh=11773), version="2.0.1"),
    Rule("2.x: one sample that counts from the session's start, and no stop yet", "Started T1 Authorized evse=1 token=TAG wh=5000000; +1m; Updated T1 MeterValuePeriodic wh=2675", Seen("ongoing", wh=2675), version="2.0.1"),
    Rule("a young register that began anew with a boot and rose past its start", f"start 1 TAG 202 id=17; +10; {BOOT}; +1m; meter 1 89 tx=17; +1m; meter 1 455 tx=17; +1m; stop 17 817", Seen("success", wh=817)),
    Rule("2.x: a young register that began anew with a boot", f"Started T1 Authorized evse=1 token=TAG wh=202; +10; {BOOT}; +1m; Updated T1 MeterValuePeriodic wh=89; +1m; Updated T1 MeterValuePeriodic wh=455; +1m; Ended T1 Local wh=817", Seen("success", wh=817), version="2.0.1"),
    Rule("without a boot the same fall is a slip", "start 1 TAG 0 id=17; +2m; meter 1 787 tx=17; +20; close; +20; open; +20; meter 1 237 tx=17; +1m; meter 1 1071 tx=17; +1m; stop 17 1900", Seen("success", wh=1900, without="interrupted")),
    Rule("closing values in the stop's own data", f'{START}; +10m; ask StopTransaction {{"transactionId":17,"meterStop":6000,"timestamp":"@+0","transactionData":[{{"timestamp":"@-600","sampledValue":[{{"value":"1000","context":"Transaction.Begin"}}]}},{{"timestamp":"@+0","sampledValue":[{{"value":"6000","context":"Transaction.End"}}]}}]}} -> {{}}', Seen("success", wh=5000, issues=())),
    Rule("a stop without samples", f"{START}; +10m; {STOP}", Seen("success", wh=5000, issues=())),
    Rule("samples that overtook each other", f"{START}; +3m; meter 1 3000 tx=17; meter 1 2000 tx=17 at=@-60; +1m; meter 1 4000 tx=17", Seen("ongoing", wh=3000, issues=())),
    Rule(
        "the station's clock is at 1970 and its backlog comes at once",
        "start 1 TAG 1000 id=17 at=1970-01-01T00:00:10Z; +1; stop 17 31000 at=1970-01-01T01:00:00Z",
        Seen("success", wh=30_000),
    ),
    Rule(
        "2.x: begin and end by their contexts",
        "Started T1 Authorized evse=1 token=TAG wh=1000; +10m; Ended T1 StopAuthorized wh=6000",
        Seen("success", wh=5000, meters=(1000, 6000)),
        version="2.0.1",
    ),
    Rule(
        "of two stops the one that shows where the register was before it began anew was read before",
        f"start 1 TAG 816 id=17; +1m; meter 1 932; +1m; meter 1 1055; {BOOT}; +10; stop 17 60 at=@145; stop 17 816 at=@145",
        Seen("success", wh=299, meters=(816, 60)),
    ),
    Rule(
        "and one from after that counts, though the other was said first",
        f"start 1 TAG 8704 id=17; +2m; meter 1 11945; {BOOT}; +10; stop 17 11945 at=@145; stop 17 117 at=@145",
        Seen("success", wh=3358, meters=(8704, 117)),
    ),
    Rule(
        "a start from before a boot without a usable time: the stop goes on from the samples, and they say more",
        f"{BOOT}; start 1 TAG 556 at=1970-01-01T00:29:51Z id=17; +20; meter 1 0 tx=17; +5m; meter 1 1168 tx=17; +10; stop 17 1186",
        Seen("success", wh=1186),
    ),
    Rule(
        "readings of the lifetime's register amid samples that count from the session's start",
        "start 1 TAG 17128203 id=17; +1m; meter 1 787 tx=17; +1m; meter 1 1620 tx=17; +10; meter 1 17129980; +1m; meter 1 2454 tx=17; +20; meter 1 2562 tx=17; +20; stop 17 17131165",
        Seen("success", wh=2962),
    ),
    Rule(
        "also where they came first",
        "start 1 TAG 17132033 id=17; +1m; meter 1 17132736; +5; meter 1 749 tx=17; +1m; meter 1 1520 tx=17; +2m; meter 1 3000 tx=17; +20; stop 17 17135242",
        Seen("success", wh=3209),
    ),
    Rule(
        "a young register that began anew with a boot is but a little below where it was",
        f"start 1 TAG 0 id=17; +1m; meter 1 9 tx=17; {BOOT}; +1m; meter 1 1 tx=17; +1m; meter 1 300 tx=17; +1m; stop 17 600",
        Seen("success", wh=609),
    ),
    Rule(
        "a register that wraps while the station is down has not begun anew",
        f"start 1 TAG 4294966583 id=17; +1m; meter 1 4294966800 tx=17; {BOOT}; +1m; meter 1 100 tx=17; +1m; stop 17 457",
        Seen("success", wh=1170),
    ),
    Rule(
        "2.x: samples that count from the session's start beside a young register at begin and end",
        "Started T1 Authorized evse=1 token=TAG wh=2186; +1m; Updated T1 MeterValuePeriodic wh=174; +1m; Updated T1 MeterValuePeriodic wh=357; +12; Ended T1 StopAuthorized wh=2579",
        Seen("success", wh=393, meters=(2186, 2579)),
        version="2.0.1",
    ),
    Rule(
        "2.x: a register that began anew with a boot is no such",
        f"Started T1 Authorized evse=1 token=TAG wh=2186; +1m; {BOOT}; Updated T1 MeterValuePeriodic wh=174; +1m; Updated T1 MeterValuePeriodic wh=2557; +12; Ended T1 StopAuthorized wh=2579",
        Seen("success", wh=2579),
        version="2.0.1",
    ),
    Rule(
        "2.x: begin and end as sums of phases",
        'ask TransactionEvent {"eventType":"Started","timestamp":"@+0","triggerReason":"Authorized","seqNo":0,"evse":{"id":1},"idToken":{"idToken":"TAG","type":"ISO14443"},"transactionInfo":{"transactionId":"T1"},'
        '"meterValue":[{"timestamp":"@+0","sampledValue":[{"value":100,"phase":"L1","context":"Transaction.Begin"},{"value":200,"phase":"L2","context":"Transaction.Begin"},{"value":300,"phase":"L3","context":"Transaction.Begin"}]}]} -> {}; +10m;'
        'ask TransactionEvent {"eventType":"Ended","timestamp":"@+0","triggerReason":"StopAuthorized","seqNo":1,"transactionInfo":{"transactionId":"T1"},'
        '"meterValue":[{"timestamp":"@+0","sampledValue":[{"value":1100,"phase":"L1","context":"Transaction.End"},{"value":1200,"phase":"L2","context":"Transaction.End"},{"value":1300,"phase":"L3","context":"Transaction.End"}]}]} -> {}',
        Seen("success", wh=3000, meters=(600, 3600)),
        version="2.0.1",
    ),
    Rule(
        "2.x: at the start Inlet before any other place, whatever comes first",
        'ask TransactionEvent {"eventType":"Started","timestamp":"@+0","triggerReason":"Authorized","seqNo":0,"evse":{"id":1},"idToken":{"idToken":"TAG","type":"ISO14443"},"transactionInfo":{"transactionId":"T1"},'
        '"meterValue":[{"timestamp":"@+0","sampledValue":[{"value":77,"location":"Body"},{"value":1000,"location":"Inlet"}]}]} -> {}; +10m;'
        'ask TransactionEvent {"eventType":"Ended","timestamp":"@+0","triggerReason":"StopAuthorized","seqNo":1,"transactionInfo":{"transactionId":"T1"},'
        '"meterValue":[{"timestamp":"@+0","sampledValue":[{"value":78,"location":"Body"},{"value":6000,"location":"Inlet"}]}]} -> {}',
        Seen("success", wh=5000, meters=(1000, 6000)),
        version="2.0.1",
    ),
    Rule(
        "2.x: a register that began anew with a boot, beside a socket that was left half open",
        "open; Started T1 Authorized evse=1 token=TAG wh=0; +20; Updated T1 MeterValuePeriodic wh=579; +10; close; +40; open; boot; +1; Updated T1 MeterValuePeriodic wh=67 at=@-40 offline; "
        "Updated T1 MeterValuePeriodic wh=762 at=@-20 offline; +5m; Ended T1 StopAuthorized wh=6000 reason=Local",
        Seen("success", wh=6579),
        version="2.0.1",
    ),
    Rule(
        "2.x: MeterValues of the EVSE belong to its transaction",
        "Started T1 Authorized evse=1 token=TAG wh=1000; +5m; meter 1 3000; +5m; Ended T1 StopAuthorized",
        Seen("success", wh=2000),
        version="2.0.1",
    ),
)  # fmt: skip
def test_energy(rule: Rule) -> None:
    rule.check()


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (moments(-1), "minus_one"),
        (moments(-7), "negative"),
        (moments(2000, 0), "dropped_to_zero"),
        (moments(3000, 2500), "fell"),
        (moments(2000, 900_000_000), "jumped"),
        ("+3m; meter 1 3000 tx=17; meter 1 2000 tx=17 at=@-60", "out_of_order"),
        ("+1m; meter 1 500 tx=17 at=@-7200", "before_start"),
        ("+1m; stop 17 2000; +1m; meter 1 2100 tx=17", "after_stop"),
    ],
)  # fmt: skip
def test_the_sample_says_why_it_is_kept_out(script: str, why: str) -> None:
    play = Rule("", f"{START}; {script}", ()).play()
    assert play.told(SessionMetered)[-1].implausible == why


@pytest.mark.parametrize(
    ("samples", "power_w"),
    [
        ([value(7.4, measurand="Power.Active.Import", unit="kW")], 7400),
        ([value(1000, measurand="Power.Active.Import", phase=f"L{n}") for n in (1, 2, 3)], 3000),
        ([value(9, measurand="Power.Active.Import", location="Inlet"), value(7400, measurand="Power.Active.Import")], 7400),
        ([value(1100)], 6000),
    ],
    ids=["kW", "sum of phases", "Outlet before Inlet", "from registers where the station sends none"],
)  # fmt: skip
def test_power(samples: list[dict[str, str]], power_w: float) -> None:
    play = Rule("", f"{START}; {moments([value(1000)], samples)}", ()).play()
    assert play.told(SessionMetered)[-1].power_w == pytest.approx(power_w, rel=0.01)


UNSET = "at=1970-01-01T00:00:01Z"


@table(
    Rule(
        "2.x, a clock never set: what was sent before the reading that counted last is known by its seqNo, and is not counted again",
        f"Updated T1 MeterValuePeriodic evse=1 seq=3 wh=11944 {UNSET}; Started T1 Authorized evse=1 token=ONE seq=0 wh=10000 {UNSET};"
        f"Updated T1 MeterValuePeriodic seq=1 wh=10000 {UNSET}; Updated T1 MeterValuePeriodic seq=2 wh=10100 {UNSET};"
        f"Updated T1 MeterValuePeriodic seq=3 wh=11944 {UNSET}; Ended T1 StopAuthorized seq=4 wh=11944 {UNSET}",
        Seen("success", wh=1944, issues=()),
        version="2.0.1",
    ),
    Rule(
        "after a boot its seqNo may begin anew",
        f"Started T1 Authorized evse=1 token=ONE seq=7 wh=10000 {UNSET}; +5m; Updated T1 MeterValuePeriodic seq=8 wh=12000 {UNSET};"
        f"boot; +5m; Updated T1 MeterValuePeriodic seq=1 wh=15000 {UNSET}; Ended T1 StopAuthorized seq=2 {UNSET}",
        Seen("success", wh=5000),
        version="2.0.1",
    ),
)  # fmt: skip
def test_samples_that_overtook_each_other(rule: Rule) -> None:
    rule.check()


@table(
    Rule("samples after the stop belong to nobody, those before it to their transaction", f"meter 1 900; {START}; +60; meter 1 1500; stop 17 1600; +10m; meter 1 1700", Seen("success", wh=600)),
    Rule("the main meter's samples are no session", "meter 0 5000; +60; meter 0 6000", ()),
    Rule(
        "a backlog of old samples at the first connect is no session",
        "+2h; open; meter 1 1000 tx=17 at=@3000; meter 1 1001 tx=17 at=@3060; meter 1 1002 tx=17 at=@3120",
        (),
        places=(),
    ),
)  # fmt: skip
def test_whose_samples_they_are(rule: Rule) -> None:
    rule.check()
    assert [each.session is not None for each in rule.play().told(SessionMetered)].count(True) == len(
        rule.play().sessions
    )
