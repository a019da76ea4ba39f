"""The quirks scenario breaks what it says it breaks, and the CSMS survives all of it. One network for the whole file."""

from __future__ import annotations

from datetime import datetime

from tests.support.simulation import calls, heard, network, told, until

from nocwatch.clock import now_ns
from nocwatch.moments import SECOND_NS
from nocwatch.sessions import Reason

SPEED = 40


def by_id(csms, station):
    return [o for o in csms.observed if o.station == station]


async def test_clocks_paths_and_subprotocols_as_they_are_in_the_field():
    async with network("quirks", speed=SPEED) as (csms, fleet):
        start = await heard(csms, "CLOCK1970", "StartTransaction")
        assert start.payload["timestamp"].startswith("1970-01-01T")
        assert (await heard(csms, "charger", "BootNotification")).subprotocol == "ocpp1.6"
        assert (await heard(csms, "NOPROTO", "BootNotification")).subprotocol is None
        shaped = await heard(csms, "SHAPE16", "StartTransaction")
        assert shaped.subprotocol == "ocpp2.0.1"
        probe = await heard(csms, "PROBE", "BootNotification")
        assert probe.subprotocol == "ocpp2.0.1"
        assert fleet.stations["PROBE"].uplink.counters["connections"] == 2
        await until(lambda: fleet.stations["LOCKED"].uplink.counters["rejected"])
        await heard(csms, "LOCALZ", "StartTransaction")
        first = calls(csms, "LOCALZ", "StatusNotification")[0].payload["timestamp"]
    told_s = datetime.fromisoformat(first).timestamp()
    assert abs(told_s - now_ns() / SECOND_NS) < 300, "the boot's answer has set the clock"


async def test_registers_as_they_are_in_the_field():
    async with network("quirks", speed=SPEED) as (csms, fleet):
        (kwh,) = await told(fleet, "KWH")
        (wrap,) = await told(fleet, "WRAP32")
        meters = await told(fleet, "METERS", count=2)
        sample = calls(csms, "KWH", "MeterValues")[-1].payload["meterValue"][0]["sampledValue"][0]
        dip = [
            o.payload["meterValue"][0]["sampledValue"][0]["value"]
            for o in calls(csms, "METERS", "MeterValues")
            if o.payload["connectorId"] == 1
        ]
        late = await heard(csms, "METERS", "StopTransaction", count=3)
        after = await csms.wait_for(
            lambda o: o.station == "METERS" and o.action == "MeterValues" and o.number > late.number
        )
    assert sample["unit"] == "Wh"
    assert abs(float(sample["value"]) * 1000 - kwh.meter_stop_wh) < kwh.energy_wh
    assert wrap.meter_start_wh < 2**32 <= wrap.meter_stop_wh
    assert {t.meter_stop_wh == -1 for t in meters} == {True, False}
    assert dip.count("0") == 1
    assert after.payload["transactionId"] == late.payload["transactionId"]


async def test_retries_orphans_and_floods():
    async with network("quirks", speed=SPEED) as (csms, fleet):
        await told(fleet, "RETRIES", count=2)
        starts = [o.payload for o in calls(csms, "RETRIES", "StartTransaction")]
        stops = [o.payload for o in calls(csms, "RETRIES", "StopTransaction")]
        orphan = await heard(csms, "ORPHANS", "StopTransaction")
        await heard(csms, "ORPHANS", "MeterValues", transactionId=0)
        await heard(csms, "BACKLOG", "MeterValues", count=120)
        lost = await heard(csms, "LOSTID", "StopTransaction", transactionId=-1)
        zero = await heard(csms, "ZEROID", "StopTransaction", transactionId=0)
        await heard(csms, "ERRSTOP", "StopTransaction", count=4)
        again = [o.payload for o in calls(csms, "ERRSTOP", "StopTransaction")]
        flood = [o.payload["meterValue"][0]["timestamp"] for o in calls(csms, "BACKLOG", "MeterValues")]
    assert len([p for p in starts if p["connectorId"] == 1]) == 3
    assert len({str(p) for p in starts if p["connectorId"] == 1}) == 1
    assert max(stops.count(p) for p in stops) >= 2
    assert orphan.payload["transactionId"] > 0
    assert calls(csms, "ORPHANS", "StartTransaction") == []
    assert lost
    assert zero
    assert all(p == again[0] for p in again)
    assert flood == sorted(flood)


async def test_answers_that_come_twice_late_or_under_another_name():
    async with network("quirks", speed=SPEED) as (csms, fleet):
        await until(
            lambda: not (csms.stations.get("ANSWERS") is None or csms.stations["ANSWERS"].peer is None)
        )
        peer = csms.stations["ANSWERS"].peer
        await until(lambda: peer.counters["unmatched"] >= 3)
        garbage = await csms.wait_for(lambda o: o.station == "GARBAGE" and o.message is None)
        ids = [o.message[1] for o in calls(csms, "GARBAGE", "Heartbeat")]
        await heard(csms, "GARBAGE", "Heartbeat", count=4)
        assert csms.stations["GARBAGE"].peer is not None, "garbage ends no connection"
        await until(lambda: fleet.stations["ODDCSMS"].uplink.peer.counters["unmatched"] >= 2)
    assert garbage.text
    assert len(ids) > len(set(ids))


async def test_sockets_that_overlap_drop_or_stay_half_open():
    async with network("quirks", speed=SPEED / 3) as (csms, fleet):
        (dropped,) = (await told(fleet, "DROP08"))[:1]
        old = csms.stations["HALFOPEN"].peer
        await until(lambda: csms.stations["HALFOPEN"].peer not in (old, None))
        assert not old.over, "the old socket is still there"
        await until(lambda: old.over)
        assert csms.stations["HALFOPEN"].peer is not None, "the old one's end evicted the new one"
        (charged,) = await told(fleet, "HALFOPEN")
        await until(lambda: fleet.stations["NOBOOT"].uplink.counters["connections"] >= 2)
        boots = len(calls(csms, "NOBOOT", "BootNotification"))
        codes = await heard(csms, "CODES", "StatusNotification", errorCode="Mode3Error")
        faulted = await heard(csms, "CODES", "StatusNotification", status="Faulted")
        slow = await heard(csms, "SLOWCSMS", "StartTransaction")
    assert dropped.reason is Reason.CONNECTIVITY
    assert charged.energy_wh > 0
    assert boots == 1
    assert codes.payload["vendorErrorCode"] == "0x0000"
    assert faulted.payload["errorCode"] == "NoError"
    assert slow
