"""The CSMS outlives its own mistakes and its clients'."""

from __future__ import annotations

import pytest
import trio
from tests.support.simulation import heard, network, scenario, until
from trio_websocket import ConnectionClosed, wrap_client_stream

from nocwatch.sim.csms import SimCsms
from nocwatch.sim.settings import CsmsSettings
from nocwatch.sim.wire import CallRefused, CallTimeout, LinkLost, Peer, not_implemented

BOOT = {"chargePointVendor": "Voltaris", "chargePointModel": "HPC-150"}


async def dialled(nursery, port, identity="CP1", **options):
    """A bare station end: a peer that implements nothing."""
    started = trio.Event()
    box = []

    async def run():
        # Not open_websocket: it leaves its socket open where the peer ends the connection.
        try:
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream, trio.open_nursery() as inner:
                websocket = await wrap_client_stream(
                    inner, stream, "csms", f"/ocpp/{identity}", subprotocols=["ocpp1.6"]
                )
                box.append(
                    Peer(
                        websocket,
                        lambda action, _: not_implemented(action),
                        make_id=iter(map(str, range(999))).__next__,
                        **options,
                    )
                )
                started.set()
                await box[0].run()
                inner.cancel_scope.cancel()
        except* ConnectionClosed:
            box[0].counters["broken"] = 1

    nursery.start_soon(run)
    await started.wait()
    return box[0]


@pytest.fixture
async def server(nursery):
    csms = SimCsms(CsmsSettings.model_validate({"faults": [
        {"action": "MeterValues", "silent": True}, {"station": "GONE", "refuse": 404}, {"action": "StopTransaction", "error": "InternalError"},
    ]}))  # fmt: skip
    return csms, await nursery.start(csms.serve)


async def test_a_handler_that_crashes_answers_internal_error_and_the_server_goes_on(nursery, server):
    csms, port = server

    def crash(*_):
        raise ZeroDivisionError

    csms.answers["1.6"]["Heartbeat"] = crash
    peer = await dialled(nursery, port)
    with pytest.raises(CallRefused, match="InternalError"):
        await peer.call("Heartbeat", {})
    assert (await peer.call("BootNotification", BOOT))["status"] == "Accepted"
    other = await dialled(nursery, port, "CP2")
    assert (await other.call("BootNotification", BOOT))["status"] == "Accepted"
    nursery.cancel_scope.cancel()


async def test_a_connection_that_crashes_ends_alone(nursery, server):
    csms, port = server

    def crash(*_):
        raise ZeroDivisionError

    csms.on_event = crash
    doomed = await dialled(nursery, port, "CP9")
    await until(lambda: doomed.over)
    assert csms.counters["crashed"] == 1
    csms.on_event = None
    peer = await dialled(nursery, port)
    assert (await peer.call("BootNotification", BOOT))["status"] == "Accepted"
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "noise", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"x" * 70_000]
)
async def test_what_is_no_websocket_is_turned_away(nursery, server, noise):
    csms, port = server
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    await stream.send_all(noise) if noise else None
    await stream.aclose()
    peer = await dialled(nursery, port)
    assert (await peer.call("BootNotification", BOOT))["status"] == "Accepted"
    assert csms.counters["crashed"] == 0
    nursery.cancel_scope.cancel()


async def test_ordered_faults_refuse_stay_silent_and_err(nursery, server):
    _, port = server
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(
            b"GET /ocpp/GONE HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 404")
    peer = await dialled(nursery, port, timeout_s=0.2)
    with pytest.raises(CallTimeout):
        await peer.call("MeterValues", {"connectorId": 1, "meterValue": []})
    with pytest.raises(CallRefused, match="as ordered"):
        await peer.call(
            "StopTransaction", {"transactionId": 1, "meterStop": 1, "timestamp": "2026-11-21T10:00:00Z"}
        )
    with pytest.raises(CallRefused, match="NotImplemented"):
        await peer.call("MakeCoffee", {})
    nursery.cancel_scope.cancel()


async def test_the_same_start_again_gets_the_same_transaction(nursery, server):
    _, port = server
    peer = await dialled(nursery, port)
    start = {
        "connectorId": 1,
        "idTag": "04249EB1B9244A",
        "meterStart": 7,
        "timestamp": "2026-11-21T10:00:00Z",
    }
    first = await peer.call("StartTransaction", start)
    again = await peer.call("StartTransaction", start)
    other = await peer.call("StartTransaction", {**start, "meterStart": 8})
    assert first["transactionId"] == again["transactionId"] != other["transactionId"]
    assert first["idTagInfo"] == {"status": "Accepted"}
    nursery.cancel_scope.cancel()


async def test_a_call_that_waits_when_the_link_is_lost_fails(nursery, server):
    csms, port = server
    peer = await dialled(nursery, port)
    async with trio.open_nursery() as inner:
        inner.start_soon(csms.stations["CP1"].peer.close)
        with pytest.raises(LinkLost):
            await peer.call("MeterValues", {"connectorId": 1, "meterValue": []})
    nursery.cancel_scope.cancel()


async def test_a_station_that_a_csms_closes_comes_back():
    world = scenario(
        stations=[{"id": "CP1", "hardware": "ac11", "version": "1.6"}],
        csms={"steps": [{"at": "5s", "station": "CP1", "close": 1012}]},
    )
    async with network(world) as (csms, fleet):
        await heard(csms, "CP1", "StatusNotification", connectorId=1, count=2)
        assert fleet.stations["CP1"].uplink.counters["connections"] == 2


async def test_reset_by_the_csms_stops_the_session_and_boots_again():
    world = scenario(
        stations=[
            {"id": "CP1", "hardware": "hpc150", "version": "1.6"},
            {"id": "CP2", "hardware": "hpc300", "version": "2.0.1"},
        ],
        steps=[{"at": "2s", "station": each, "visit": {"charge": "5m"}} for each in ("CP1", "CP2")],
        csms={"steps": [{"at": "60s", "station": each, "reset": "Hard"} for each in ("CP1", "CP2")]},
    )
    async with network(world) as (csms, _):
        await heard(csms, "CP1", "BootNotification", count=2)
        await heard(csms, "CP2", "BootNotification", count=2)
        stop = await heard(csms, "CP1", "StopTransaction")
        ended = await heard(csms, "CP2", "TransactionEvent", eventType="Ended")
    assert stop.payload["reason"] == "HardReset"
    assert ended.payload["transactionInfo"]["stoppedReason"] == "ImmediateReset"
    assert ended.payload["triggerReason"] == "ResetCommand"
