"""The relay as a process: its journal on disk, its ticks, its status pages, its end."""

from __future__ import annotations

import errno
import os
import signal
import socket
from pathlib import Path
from typing import Any

import h11
import msgspec
import pytest
import trio
from tests.support.relaying import (
    PATIENCE_S,
    REQUEST,
    connect,
    is_reset,
    listening_csms,
    paired,
    read_all,
    read_exactly,
    running,
    settings_for,
)

from nocwatch.errors import NocwatchError
from nocwatch.journal.reader import Reader
from nocwatch.journal.settings import JournalSettings
from nocwatch.proxy.counters import Counters
from nocwatch.proxy.listener import Listener
from nocwatch.proxy.settings import Limits, ListenerSettings
from nocwatch.records import Record, RecordKind
from nocwatch.relay import Relay, serve


async def get(address: str, path: str) -> tuple[int, bytes]:
    host, port = address.rsplit(":", 1)
    stream = await trio.open_tcp_stream(host, int(port))
    async with stream:
        await stream.send_all(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode())
        raw = await read_all(stream)
    parser = h11.Connection(h11.CLIENT)
    parser.send(h11.Request(method="GET", target=path, headers=[("Host", "x")]))
    parser.receive_data(raw)
    response = parser.next_event()
    assert isinstance(response, h11.Response)
    body = parser.next_event()
    return response.status_code, bytes(body.data) if isinstance(body, h11.Data) else b""


def records_of(path: Path) -> list[Record]:
    reader, records = Reader(path), []
    while batch := reader.read():
        records += batch
    return records


async def test_all_that_passed_is_in_the_journal_on_disk_when_the_relay_has_ended(tmp_path: Path) -> None:
    journal = JournalSettings(path=tmp_path / "journal")
    async with listening_csms() as csms:
        async with trio.open_nursery() as nursery:
            relay: Relay = await nursery.start(
                lambda task_status: serve(
                    settings_for(csms.port), journal, signals=False, task_status=task_status
                )
            )
            station, far = await paired(relay, csms)
            await station.send_all(b"up" * 5000)
            assert await read_exactly(far, 10_000) == b"up" * 5000
            await far.send_all(b"down")
            assert await read_exactly(station, 4) == b"down"
            relay.stop()
        assert not await is_reset(station)
        assert not await is_reset(far)
    records = records_of(journal.path)
    links = [msgspec.json.decode(each.data) for each in records if each.kind is RecordKind.LINK]
    assert [link["event"] for link in links] == ["open", "closed"]
    assert (links[1]["by"], links[1]["reason"]) == ("relay", "shutdown")
    chunks = [each for each in records if each.kind is RecordKind.CHUNK]
    assert b"".join(each.data for each in chunks if each.direction == 0) == b"up" * 5000
    assert b"".join(each.data for each in chunks if each.direction == 1) == b"down"
    ticks = [msgspec.json.decode(each.data) for each in records if each.kind is RecordKind.TICK]
    assert ticks[-1]["links"] == 1
    assert ticks[-1]["bytes_from_station"] == 10_000
    assert ticks[-1]["upstream_up_main"] == 1
    assert "journal_records" in ticks[-1]
    assert [tick["ended"] for tick in ticks] == [0] * (len(ticks) - 1) + [1]
    assert len({each.connection for each in chunks}) == 1


async def test_a_relay_that_is_cut_short_does_not_say_that_it_ended_on_purpose(tmp_path: Path) -> None:
    """The end of its parent, or a fault: what is silent after it is to be missed."""
    for asked in (None, False):
        journal = JournalSettings(path=tmp_path / f"journal-{asked}")
        async with trio.open_nursery() as nursery:
            serving = lambda task_status, kept=journal: serve(  # noqa: E731
                settings_for(1), kept, signals=False, task_status=task_status
            )
            relay: Relay = await nursery.start(serving)
            with trio.fail_after(PATIENCE_S):
                while not relay.writer.counters["journal_records"]:  # it has begun to tell
                    await trio.sleep(0.01)
            if asked is None:
                nursery.cancel_scope.cancel()
            else:
                relay.stop(asked=asked)
        *_, last = (each for each in records_of(journal.path) if each.kind is RecordKind.TICK)
        assert msgspec.json.decode(last.data)["ended"] == 0


async def test_a_tick_each_second_holds_the_counters() -> None:
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, journal):
        await paired(relay, csms)
        with trio.fail_after(PATIENCE_S):
            while len(journal.ticks) < 2:
                await trio.sleep(0.01)
        assert journal.ticks[-1]["links_open"] == 1


async def test_status_pages_say_alive_ready_and_count() -> None:
    async with listening_csms() as csms:
        settings = settings_for(csms.port, status="127.0.0.1:0")
        async with running(settings) as (relay, _):
            address = relay.status_address
            assert address is not None
            await paired(relay, csms)
            stranger = await connect(relay)
            await stranger.send_all(b"\x16\x03\x01")
            await read_all(stranger)
            assert await get(address, "/healthz") == (200, b'{"alive":true}')
            status, body = await get(address, "/readyz")
            assert (status, msgspec.json.decode(body)) == (200, {"ready": True, "reasons": [], "remarks": []})
            status, body = await get(address, "/metrics?x=y")
            lines = body.decode().splitlines()
            assert "nocwatch_relay_links_open 1" in lines
            assert "nocwatch_relay_links_total 1" in lines
            assert 'nocwatch_relay_refused_total{reason="not_http"} 1' in lines
            assert 'nocwatch_relay_upstream_up{upstream="main"} 1' in lines
            assert "# TYPE nocwatch_relay_links_open gauge" in lines
            assert (await get(address, "/nothing"))[0] == 404


async def test_nonsense_on_the_status_port_ends_nothing() -> None:
    async with listening_csms() as csms:
        async with running(settings_for(csms.port, status="127.0.0.1:0")) as (relay, _):
            assert relay.status_address is not None
            host, port = relay.status_address.rsplit(":", 1)
            for nonsense in (b"\x00\x01\r\n\r\n", b"", b"GET /x HTTP/9.9\r\n\r\n"):
                stream = await trio.open_tcp_stream(host, int(port))
                await stream.send_all(nonsense)
                await stream.aclose()
            assert (await get(relay.status_address, "/healthz"))[0] == 200


async def test_a_fault_in_what_is_done_each_second_or_told_to_a_probe_ends_no_link() -> None:
    async with listening_csms() as csms:
        async with running(settings_for(csms.port, status="127.0.0.1:0")) as (relay, journal):
            assert relay.status_address is not None
            station, far = await paired(relay, csms)
            upstreams = relay._pairing.upstreams
            relay._pairing.upstreams = [object()]  # type: ignore[list-item]  # nothing can be told of it
            ticked = len(journal.ticks)
            host, port = relay.status_address.rsplit(":", 1)
            probe = await trio.open_tcp_stream(host, int(port))
            async with probe:
                await probe.send_all(b"GET /readyz HTTP/1.1\r\nHost: relay\r\n\r\n")
                assert await read_all(probe) == b""
            with trio.fail_after(PATIENCE_S):
                while not relay._fault:
                    await trio.sleep(0.01)
                relay._pairing.upstreams = upstreams
                while len(journal.ticks) < ticked + 2:
                    await trio.sleep(0.01)
            await station.send_all(b"up")
            assert await read_exactly(far, 2) == b"up"
            assert (await get(relay.status_address, "/readyz"))[0] == 200


async def test_sigterm_stops_accepting_says_so_and_lets_links_live_for_their_grace() -> None:
    async with listening_csms() as csms:
        settings = settings_for(csms.port, status="127.0.0.1:0", grace="1m")
        async with running(settings, signals=True) as (relay, journal):
            assert relay.status_address is not None
            station, far = await paired(relay, csms)
            os.kill(os.getpid(), signal.SIGTERM)
            with trio.fail_after(PATIENCE_S):
                while (await get(relay.status_address, "/readyz"))[0] != 503:
                    pass
                while True:
                    try:
                        stream = await connect(relay)
                    except OSError:
                        break
                    stream.socket.close()
            await station.send_all(b"still here")
            assert await read_exactly(far, 10) == b"still here"
            os.kill(os.getpid(), signal.SIGTERM)
            assert not await is_reset(station)
            assert not await is_reset(far)
            closed = await journal.event("closed")
            assert (closed["by"], closed["reason"]) == ("relay", "shutdown")


async def test_whom_the_end_cuts_off_in_a_handshake_or_waiting_for_one_is_counted() -> None:
    """Every connection that was accepted is a link or refused: at the end there is nobody in between."""
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, journal):
        counters = relay.counters
        station, _ = await paired(relay, csms)
        refused = await connect(relay)
        await refused.send_all(b"nonsense\r\n\r\n")
        await read_all(refused)
        await connect(relay)  # says nothing
        asking = await connect(relay)
        await asking.send_all(REQUEST)
        await csms.accept()  # and thinks about its answer
        host, port = relay.addresses[0].rsplit(":", 1)
        storm = [socket.create_connection((host, int(port))) for _ in range(150)]  # all in the same instant
        with trio.fail_after(PATIENCE_S):
            while not counters.handshakes_waiting:
                await trio.lowlevel.checkpoint()
            relay.stop()
            while "shutting_down" not in counters.refused:
                await trio.sleep(0.001)
        assert counters.refused == {"not_http": 1, "shutting_down": 2 + len(storm)}
        assert counters.handshakes_open == counters.handshakes_waiting == 0
        assert counters.accepted == counters.links + sum(counters.refused.values()) == 4 + len(storm)
        await station.aclose()
        for each in storm:
            each.close()
    assert journal.ticks[-1]["refused_shutting_down"] == 2 + len(storm)


async def test_the_grace_is_over_when_the_last_link_is() -> None:
    async with listening_csms() as csms:
        async with running(settings_for(csms.port, grace="10m")) as (relay, journal):
            station, far = await paired(relay, csms)
            relay.stop()
            await station.aclose()
            await far.aclose()
            await journal.event("closed")
            with trio.fail_after(PATIENCE_S):
                while not relay._pump._epoll.closed:
                    await trio.sleep(0.01)


def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for change in ({"listen": [{"address": address}]}, {"status": address}):
            with pytest.raises(NocwatchError, match="another program listens there") as raised:
                Relay(settings_for(1, **change), JournalSettings(path=tmp_path))
            assert address in str(raised.value)
            assert "\n" not in str(raised.value)


class ExhaustedSocket:
    """A listening socket in a process that is out of descriptors for a while."""

    def __init__(self, real: socket.socket, errors: list[int]) -> None:
        self._real = real
        self._errors = errors

    def fileno(self) -> int:
        return self._real.fileno()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def accept(self) -> Any:
        if self._errors:
            number = self._errors.pop(0)
            raise OSError(number, os.strerror(number))
        return self._real.accept()

    def close(self) -> None:
        self._real.close()


async def test_an_accept_that_fails_is_tried_again() -> None:
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, _):
        listener = Listener(ListenerSettings(address="127.0.0.1:0"))
        listener._sock = ExhaustedSocket(listener._sock, [errno.EMFILE, errno.ECONNABORTED, errno.ENFILE])  # type: ignore[assignment]
        accepted = trio.Event()

        def welcome(sock: socket.socket, address: object, _: Listener) -> None:
            sock.close()
            accepted.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(listener.accept, Limits(), relay.counters, welcome)
            host, port = listener.address.rsplit(":", 1)
            stream = await trio.open_tcp_stream(host, int(port))
            with trio.fail_after(PATIENCE_S):
                await accepted.wait()
            await stream.aclose()
            nursery.cancel_scope.cancel()
        listener.close()
        assert relay.counters.accept_errors == 3


async def test_a_storm_takes_no_more_descriptors_than_there_are_places() -> None:
    """The rest waits in the kernel. Taken, it would leave none for the dials of those who are served, nor for the journal."""
    listener, counters = Listener(ListenerSettings(address="127.0.0.1:0")), Counters()
    counters.links_open, counters.handshakes_open = 50, 10
    host, port = listener.address.rsplit(":", 1)
    storm = [socket.create_connection((host, int(port))) for _ in range(60)]
    stop = trio.CancelScope()
    met: list[socket.socket] = []

    def welcome(sock: socket.socket, address: object, _: Listener) -> None:
        counters.handshakes_open += 1
        met.append(sock)
        if len(met) == 1:
            seen.append((counters.accepted, counters.handshakes_waiting))
            stop.cancel()

    seen: list[tuple[int, int]] = []
    with stop:
        await listener.accept(Limits(links_max=100), counters, welcome)
    assert seen == [(40, 39)]
    assert counters.handshakes_waiting == 0
    for each in (*met, *storm):
        each.close()
    listener.close()


async def test_who_finds_a_full_relay_is_taken_to_be_told_so() -> None:
    async with (
        listening_csms() as csms,
        running(settings_for(csms.port, limits={"links_max": 1})) as (relay, _),
    ):
        await paired(relay, csms)
        for _ in range(3):
            assert (await read_all(await connect(relay))).startswith(b"HTTP/1.1 503 ")
        counted = relay.counters
        assert counted.accepted == counted.links + sum(counted.refused.values()) == 4
        assert counted.handshakes_waiting == 0
