"""TLS on either leg and on both: the same promises as in the clear."""

# ruff: noqa: S311 - test data has to be repeatable, not secret

from __future__ import annotations

import hashlib
import random
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from tests.support.certificates import Authority
from tests.support.relaying import (
    ANSWER,
    PATIENCE_S,
    REQUEST,
    Csms,
    MemoryJournal,
    connect,
    listening_csms,
    read_all,
    read_exactly,
    read_head,
    running,
    send_reset,
    settings_for,
)

from nocwatch.errors import NocwatchError
from nocwatch.journal.settings import JournalSettings
from nocwatch.relay import Relay

BOTH = pytest.mark.parametrize(("near", "far"), [(True, False), (False, True), (True, True)])


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@asynccontextmanager
async def secured_relay(
    csms: Csms,
    authority: Authority,
    *,
    near: bool,
    far: bool,
    client_ca: Path | None = None,
    **upstream: object,
) -> AsyncIterator[tuple[Relay, MemoryJournal]]:
    listen: dict[str, object] = {"address": "127.0.0.1:0"}
    if near:
        certificate, key = authority.issue("relay.example")
        listen["tls"] = {"certificate": certificate, "key": key, "client_ca": client_ca}
    scheme = "wss" if far else "ws"
    to = {"name": "main", "url": f"{scheme}://127.0.0.1:{csms.port}", **upstream}
    if far:
        to["tls"] = {"ca": authority.certificate}
    async with running(settings_for(0, listen=[listen], upstreams=[to])) as (relay, journal):
        yield relay, journal


async def station_of(
    relay: Relay, context: ssl.SSLContext | None
) -> trio.abc.HalfCloseableStream | trio.SSLStream:  # type: ignore[type-arg]
    raw = await connect(relay)
    if context is None:
        return raw
    stream = trio.SSLStream(raw, context, server_hostname="relay.example", https_compatible=True)
    await stream.do_handshake()
    return stream


async def csms_side(csms: Csms, context: ssl.SSLContext | None) -> trio.abc.Stream:
    raw = await csms.accept()
    if context is None:
        return raw
    return trio.SSLStream(raw, context, server_side=True, https_compatible=True)


async def secured_pair(
    relay: Relay, csms: Csms, authority: Authority, *, near: bool, far: bool
) -> tuple[trio.abc.Stream, trio.abc.Stream]:
    ends: list[trio.abc.Stream] = []

    async def answer() -> None:
        stream = await csms_side(csms, authority.server_context() if far else None)
        await read_head(stream)
        await stream.send_all(ANSWER)
        ends.append(stream)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer)
        station = await station_of(relay, authority.client_context() if near else None)
        await station.send_all(REQUEST)
        assert await read_head(station) == ANSWER
    return station, ends[0]


@BOTH
async def test_large_and_small_bytes_pass_whole_both_ways_at_once(
    authority: Authority, near: bool, far: bool
) -> None:
    chance = random.Random(7)
    up, down = chance.randbytes(1_500_000), chance.randbytes(1_200_000)
    got: dict[str, bytes] = {}

    async def send(stream: trio.abc.SendStream, data: bytes, seed: int) -> None:
        sizes, at = random.Random(seed), 0
        while at < len(data):
            size = sizes.choice([1, 100, 5000, 16384, 16385, 70_000])
            await stream.send_all(data[at : at + size])
            at += size

    async def receive(name: str, stream: trio.abc.ReceiveStream, count: int) -> None:
        got[name] = await read_exactly(stream, count)

    async with (
        listening_csms() as csms,
        secured_relay(csms, authority, near=near, far=far) as (relay, journal),
    ):
        station, peer = await secured_pair(relay, csms, authority, near=near, far=far)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send, station, up, 1)
            nursery.start_soon(send, peer, down, 2)
            nursery.start_soon(receive, "csms", peer, len(up))
            nursery.start_soon(receive, "station", station, len(down))
        connection = journal.links[0][0]
        assert hashlib.sha256(got["csms"]).digest() == hashlib.sha256(up).digest()
        assert hashlib.sha256(got["station"]).digest() == hashlib.sha256(down).digest()
        assert journal.data[connection, 0] == up
        assert journal.data[connection, 1] == down
        assert relay.counters.pump_errors == 0


@BOTH
async def test_an_orderly_end_reaches_the_other_side_as_one(
    authority: Authority, near: bool, far: bool
) -> None:
    async with (
        listening_csms() as csms,
        secured_relay(csms, authority, near=near, far=far) as (relay, journal),
    ):
        station, peer = await secured_pair(relay, csms, authority, near=near, far=far)
        await peer.send_all(b"\x88\x02\x03\xe8")
        await peer.aclose()
        assert await read_all(station) == b"\x88\x02\x03\xe8"
        await station.aclose()
        closed = await journal.event("closed")
        assert (closed["by"], closed["reason"]) == ("csms", "fin")


@BOTH
async def test_a_reset_ends_the_other_side_in_error(authority: Authority, near: bool, far: bool) -> None:
    async with listening_csms() as csms, secured_relay(csms, authority, near=near, far=far) as (_, journal):
        station, peer = await secured_pair(_, csms, authority, near=near, far=far)
        send_reset(station.transport_stream if isinstance(station, trio.SSLStream) else station)  # type: ignore[arg-type]
        with trio.fail_after(PATIENCE_S), pytest.raises(trio.BrokenResourceError):
            await peer.receive_some(10)
        closed = await journal.event("closed")
        assert (closed["by"], closed["reason"]) == ("station", "reset")


async def test_a_slow_station_behind_tls_loses_nothing_and_costs_one_chunk(authority: Authority) -> None:
    data = random.Random(3).randbytes(30_000_000)
    async with listening_csms() as csms, secured_relay(csms, authority, near=True, far=True) as (relay, _):
        station, peer = await secured_pair(relay, csms, authority, near=True, far=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(peer.send_all, data)
            with trio.fail_after(PATIENCE_S):
                while not relay.counters.stalls:
                    await trio.sleep(0.001)
            held = [len(end.out) for end in relay._pump.links.ends.values() if end.out]
            assert sum(held) <= relay.settings.limits.chunk_size
            assert await read_exactly(station, len(data)) == data


async def test_the_open_event_tells_version_and_security_profile(authority: Authority) -> None:
    async with (
        listening_csms() as csms,
        secured_relay(csms, authority, near=True, far=False) as (relay, journal),
    ):
        await secured_pair(relay, csms, authority, near=True, far=False)
        event = await journal.event("open")
        assert (event["tls"], event["security_profile"]) == ("TLSv1.3", None)


async def test_mutual_tls_takes_only_stations_with_a_certificate(authority: Authority) -> None:
    ca = authority.certificate
    async with (
        listening_csms() as csms,
        secured_relay(csms, authority, near=True, far=False, client_ca=ca) as (relay, journal),
    ):
        bare = await connect(relay)
        stream = trio.SSLStream(bare, authority.client_context(), server_hostname="relay.example")
        with pytest.raises(trio.BrokenResourceError):  # noqa: PT012 - TLS 1.3 tells a client after its handshake
            await stream.do_handshake()
            await stream.receive_some(1)
        context = authority.client_context()
        context.load_cert_chain(*authority.issue("CP1"))
        station = await station_of(relay, context)
        await station.send_all(REQUEST)
        await csms.welcome()
        assert await read_head(station) == ANSWER
        assert (await journal.event("open"))["security_profile"] == 3
        assert relay.counters.refused == {"station_tls_no_certificate": 1}


async def test_a_csms_with_a_strangers_certificate_is_not_believed(
    authority: Authority, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "stranger")
    async with (
        listening_csms() as csms,
        secured_relay(csms, authority, near=False, far=True) as (relay, journal),
    ):
        station = await connect(relay)

        async def deceive() -> None:
            stream = await csms_side(csms, stranger.server_context())
            with pytest.raises(trio.BrokenResourceError):
                await stream.receive_some(1)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(deceive)
            await station.send_all(REQUEST)
            answer = await read_all(station)
        assert answer.startswith(b"HTTP/1.1 502 ")
        assert b"certificate" in answer
        assert (await journal.event("upstream_down"))["reason"] == "upstream_tls"


async def test_a_csms_whose_certificate_names_another_host_is_not_believed(authority: Authority) -> None:
    async with listening_csms() as csms:
        url = f"wss://localhost:{csms.port}"
        async with secured_relay(csms, authority, near=False, far=True, url=url) as (relay, _):
            station = await connect(relay)

            async def deceive() -> None:
                stream = await csms_side(csms, authority.server_context("other.example"))
                with pytest.raises(trio.BrokenResourceError):
                    await stream.receive_some(1)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(deceive)
                await station.send_all(REQUEST)
                assert (await read_all(station)).startswith(b"HTTP/1.1 502 ")


async def test_a_station_in_the_clear_on_a_tls_listener_is_counted_and_closed(authority: Authority) -> None:
    async with (
        listening_csms() as csms,
        secured_relay(csms, authority, near=True, far=False) as (relay, journal),
    ):
        station = await connect(relay)
        await station.send_all(REQUEST)
        with trio.fail_after(PATIENCE_S):
            while not relay.counters.refused:
                await trio.sleep(0.001)
        assert relay.counters.refused == {"station_tls_absent": 1}
        assert not journal.links


@pytest.mark.parametrize("what", ["missing", "no PEM", "wrong key"])
def test_a_certificate_that_cannot_be_used_is_one_clear_line(
    authority: Authority, tmp_path: Path, what: str
) -> None:
    certificate, key = authority.issue("relay.example")
    if what == "missing":
        certificate = tmp_path / "nowhere.pem"
    elif what == "no PEM":
        certificate.write_text("hello")
    else:
        key = authority.issue("other.example")[1]
    listen = [{"address": "127.0.0.1:0", "tls": {"certificate": certificate, "key": key}}]
    with pytest.raises(NocwatchError) as raised:
        Relay(settings_for(1, listen=listen), JournalSettings(path=tmp_path / "journal"))
    assert "\n" not in str(raised.value)
    assert str(certificate if what != "wrong key" else key) in str(raised.value)
