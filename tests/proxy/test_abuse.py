"""What strangers try on a listener, and a broken CSMS on the relay: refused or bounded, and never felt by the others."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import trio
from tests.support.certificates import Authority
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

from nocwatch.proxy.handshake import HEADERS_MAX

SECOND = b"GET /ocpp/ADMIN HTTP/1.1\r\nHost: x\r\n\r\n"


def with_line(line: bytes) -> bytes:
    return REQUEST.replace(b"\r\n\r\n", b"\r\n" + line + b"\r\n\r\n")


async def refused_unseen(request: bytes) -> tuple[bytes, str]:
    """The answer and the reason; the CSMS is never dialled."""
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, journal):
        station = await connect(relay)
        await station.send_all(request)
        answer = await read_all(station)
        assert relay._pairing.upstreams[0].up is None
        assert not journal.links
        ((reason, count),) = relay.counters.refused.items()
        assert count == 1
        return answer, reason


async def test_smuggling_by_length_beside_transfer_encoding_is_refused() -> None:
    body = b"0\r\n\r\n" + SECOND
    answer, reason = await refused_unseen(
        with_line(b"Content-Length: %d\r\nTransfer-Encoding: chunked" % len(body)) + body
    )
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert reason == "length_and_transfer_encoding"


@pytest.mark.parametrize(
    "line",
    [
        b"Content-Length: 38",
        b"Content-Length: 0\r\nContent-Length: 38",
        b"Content-Length: 0x0",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: identity",
        b"transfer-encoding:\tchunked",
    ],
)
async def test_smuggling_in_a_declared_body_is_refused(line: bytes) -> None:
    answer, reason = await refused_unseen(with_line(line) + SECOND)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert reason == "request_with_body"


@pytest.mark.parametrize("line", [b"X: a\r\n Transfer-Encoding: chunked", b"X: a\r\n\tb"])
async def test_smuggling_in_a_folded_header_is_refused(line: bytes) -> None:
    answer, reason = await refused_unseen(with_line(line))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert reason == "folded_header"


@pytest.mark.parametrize(
    "line", [b"X: a\nTransfer-Encoding: chunked", b"X: a\n\nGET / HTTP/1.1", b"X: a\rY: b", b"X: \x00"]
)
async def test_smuggling_behind_a_bare_line_end_or_nul_is_refused(line: bytes) -> None:
    answer, reason = await refused_unseen(with_line(line))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert reason == "bare_line_end_or_nul"


@pytest.mark.parametrize("line", [b"Content-Length : 0", b"Host: other.example", b"Ho\x80st: a", b"no colon"])
async def test_smuggling_in_a_header_that_two_parsers_read_in_two_ways_is_refused(line: bytes) -> None:
    answer, reason = await refused_unseen(with_line(line))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert reason in ("malformed_header", "several_hosts")


async def test_a_second_request_behind_the_first_is_data_of_the_link_and_no_request() -> None:
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, journal):
        station = await connect(relay)
        await station.send_all(REQUEST + SECOND)
        far, head = await csms.welcome()
        assert SECOND not in head
        assert await read_exactly(far, len(SECOND)) == SECOND
        assert [event["event"] for _, event in journal.links] == ["open"]


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * (1 << 20),
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * (200 << 10),
        b"GET / HTTP/1.1\r\nX: " + b"y" * (1 << 20),
    ],
)
async def test_an_absurd_head_is_given_up_at_the_limit(head: bytes) -> None:
    answer, reason = await refused_unseen_while_sending(head)
    assert (
        answer.startswith(b"HTTP/1.1 431 ") or answer == b""
    )  # it may have been cut off while it still sent
    assert reason == "head_too_large"


async def refused_unseen_while_sending(head: bytes) -> tuple[bytes, str]:
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, _):
        station = await connect(relay)
        answer = b""
        async with trio.open_nursery() as nursery:

            async def send() -> None:
                try:
                    await station.send_all(head)
                except trio.BrokenResourceError:
                    return

            nursery.start_soon(send)
            try:
                answer = await read_all(station)
            except trio.BrokenResourceError:
                answer = b""
            nursery.cancel_scope.cancel()
        ((reason, _),) = relay.counters.refused.items()
        return answer, reason


async def test_a_head_of_more_headers_than_anyone_has_is_refused_before_one_is_read() -> None:
    """Each costs a moment in which no link moves."""
    few = REQUEST[:-2] + b"a:\r\n" * (HEADERS_MAX - REQUEST.count(b"\r\n") + 2) + b"\r\n"
    many = REQUEST[:-2] + b"a:\r\n" * HEADERS_MAX + b"\r\n"
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, _):
        station = await connect(relay)
        await station.send_all(many)
        assert (await read_all(station)).startswith(b"HTTP/1.1 431 ")
        await paired(relay, csms, few)
        assert relay.counters.refused == {"head_too_large": 1}


async def test_a_crowd_of_slow_lorises_keeps_no_station_out_and_is_gone_in_time() -> None:
    """Each sends a byte now and then and never ends, so that no silence gives it away: the limit is on the whole head."""
    crowd = 50
    endless = itertools.chain(REQUEST[:-2], b"X-Slow: ", itertools.repeat(ord("a")))
    dripped = bytes(itertools.islice(endless, 60_000))
    """More than the loris can send while this test waits for its end, and less than a head may have."""
    limits = {"handshake_timeout": "500ms"}
    async with listening_csms() as csms, running(settings_for(csms.port, limits=limits)) as (relay, _):
        lorises = [await connect(relay) for _ in range(crowd)]
        async with trio.open_nursery() as nursery:

            async def drip(loris: trio.SocketStream) -> None:
                try:
                    for byte in dripped:
                        await loris.send_all(bytes([byte]))
                        await trio.sleep(0.01)
                except trio.BrokenResourceError:
                    return

            for each in lorises:
                nursery.start_soon(drip, each)
            await paired(relay, csms)
            with trio.fail_after(PATIENCE_S):
                while relay.counters.refused.get("handshake_timeout", 0) < crowd:
                    await trio.sleep(0.01)
            nursery.cancel_scope.cancel()
        assert relay.counters.links_open == 1


async def test_a_stranger_that_never_begins_its_tls_is_closed_in_time(tmp_path: Path) -> None:
    certificate, key = Authority(tmp_path).issue("relay.example")
    tls = {"certificate": str(certificate), "key": str(key)}
    settings = {
        "listen": [{"address": "127.0.0.1:0", "tls": tls}],
        "limits": {"handshake_timeout": "200ms"},
    }
    async with listening_csms() as csms, running(settings_for(csms.port, **settings)) as (relay, _):
        for begun in (b"", b"\x16\x03\x01\x02\x00\x01"):
            stranger = await connect(relay)
            if begun:
                await stranger.send_all(begun)
            await is_reset(stranger)
        assert relay.counters.refused == {"handshake_timeout": 2}


@pytest.mark.parametrize("half", [b"H", b"HTTP/1.1 101 Switching Protocols\r\nUpgra"])
async def test_a_csms_that_gives_half_an_answer_and_leaves_is_a_502(half: bytes) -> None:
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, journal):
        station = await connect(relay)
        await station.send_all(REQUEST)
        far, _ = await csms.welcome(half)
        await far.aclose()
        assert (await read_all(station)).startswith(b"HTTP/1.1 502 ")
        event = await journal.event("refused")
        assert (event["reason"], event["http_status"]) == ("upstream_closed", 502)


async def test_a_csms_that_drips_its_answer_is_a_504_within_the_limit() -> None:
    limits = {"answer_timeout": "300ms"}
    async with listening_csms() as csms, running(settings_for(csms.port, limits=limits)) as (relay, journal):
        station = await connect(relay)
        await station.send_all(REQUEST)
        far, _ = await csms.welcome(b"")
        async with trio.open_nursery() as nursery:

            async def drip() -> None:
                try:
                    for byte in itertools.chain(b"HTTP/1.1 101 ", itertools.repeat(ord("x"))):
                        await far.send_all(bytes([byte]))
                        await trio.sleep(0.01)
                except trio.BrokenResourceError:
                    return

            nursery.start_soon(drip)
            assert (await read_all(station)).startswith(b"HTTP/1.1 504 ")
            nursery.cancel_scope.cancel()
        assert (await journal.event("refused"))["reason"] == "upstream_silent"
