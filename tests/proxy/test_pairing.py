"""From the first byte of a station to its pair, or to an answer: the CSMS decides, and the relay where there is none."""

from __future__ import annotations

import socket
from contextlib import suppress

import pytest
import trio
from tests.support.relaying import (
    ANSWER,
    PATIENCE_S,
    REQUEST,
    connect,
    listening_csms,
    paired,
    read_all,
    read_exactly,
    read_head,
    running,
    send_reset,
    settings_for,
)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


async def test_the_head_reaches_the_csms_as_it_came_but_for_host() -> None:
    request = (
        b"GET //ocpp/%43P%201/?a=%2f HTTP/1.1\r\nhOsT:relay\r\nAuthorization: Basic \xff\xfe\r\nX-Order: 1\r\n"
        b"upgrade: WebSocket\r\nx-order: 2\r\n\r\n"
    )
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, _):
        station = await connect(relay)
        await station.send_all(request)
        _, head = await csms.welcome()
        assert head == request.replace(b"hOsT:relay", b"hOsT:127.0.0.1:%d" % csms.port)


async def test_a_head_that_drips_in_byte_by_byte_is_the_same_head() -> None:
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, _):
        station = await connect(relay)
        for byte in REQUEST:
            await station.send_all(bytes([byte]))
        _, head = await csms.welcome()
        assert len(head) - len(REQUEST) == len(f"127.0.0.1:{csms.port}") - len("station.example")


@pytest.mark.parametrize(
    "refusal",
    [
        b'HTTP/1.1 401 Go Away\r\nWWW-Authenticate: Basic realm="x"\r\ncontent-length: 5\r\n\r\nsorry',
        b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nsorry\r\n0\r\n\r\n",
        b"HTTP/1.0 503 No\r\n\r\nuntil the end",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 301 Moved\r\nLocation: /there\r\nContent-Length: 2000\r\n\r\n" + b"x" * 2000,
    ],
)
@pytest.mark.parametrize("whole", [True, False])
async def test_a_refusal_of_the_csms_comes_back_as_it_was(refusal: bytes, whole: bool) -> None:
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, journal):
        station = await connect(relay)
        await station.send_all(REQUEST)
        far, _ = await csms.welcome(b"")
        if whole:
            await far.send_all(refusal)
        else:
            for byte in refusal:
                await far.send_all(bytes([byte]))
        if b"until" in refusal:
            await far.send_eof()
        assert await read_all(station) == refusal
        event = await journal.event("refused")
        assert (event["http_status"], event["by"], event["station"]) == (int(refusal[9:12]), "csms", "CP1")
        assert relay.counters.refused == {f"answer_{refusal[9:12].decode()}": 1}
        assert relay.counters.links == 0
        assert not journal.data


async def test_what_came_behind_the_head_never_reaches_a_csms_that_refuses() -> None:
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, _):
        station = await connect(relay)
        await station.send_all(REQUEST + b"GET /admin HTTP/1.1\r\n\r\n")
        far, _ = await csms.welcome(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")
        assert await read_all(far) == b""
        assert (await read_all(station)).startswith(b"HTTP/1.1 401")


async def test_interim_answers_are_passed_on_before_the_real_one() -> None:
    hints = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, journal):
        station = await connect(relay)
        await station.send_all(REQUEST)
        far, _ = await csms.welcome(hints + ANSWER + b"glued")
        assert await read_exactly(station, len(hints + ANSWER) + 5) == hints + ANSWER + b"glued"
        assert (await journal.event("open"))["http_status"] == 101
        await far.send_all(b"!")


async def test_a_dead_upstream_is_a_502_at_once_and_told_once() -> None:
    async with listening_csms() as csms:
        port = free_port()
        async with running(settings_for(port)) as (relay, journal):
            for count in range(1, 4):
                started = trio.current_time()
                station = await connect(relay)
                await station.send_all(REQUEST)
                answer = await read_all(station)
                assert answer.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
                assert answer.endswith(b"nocwatch relay: the central system main is not reachable\n")
                assert trio.current_time() - started < 1
                refused = await journal.event("refused", count)
                assert (refused["http_status"], refused["by"], refused["reason"]) == (
                    502,
                    "relay",
                    "upstream_refused",
                )
            assert len(journal.events("upstream_down")) == 1
            assert relay.tick()["upstream_up_main"] == 0
            assert relay.ready()[0] == ["not reachable: main"]
            (listener,) = await trio.open_tcp_listeners(port, host="127.0.0.1")
            async with listener:
                station = await connect(relay)
                await station.send_all(REQUEST)
                async with await listener.accept() as far:
                    await read_head(far)
                    up = await journal.event("upstream_up")
                    assert (up["upstream"], up["station"]) == ("main", "")
            assert relay.ready() == ([], [])
        assert csms.port


async def test_an_upstream_that_says_nothing_is_a_504_within_the_limit() -> None:
    limits = {"answer_timeout": "300ms"}
    async with listening_csms() as csms, running(settings_for(csms.port, limits=limits)) as (relay, journal):
        for answer in (b"", b"HTTP/1.1 101 Swit"):
            station = await connect(relay)
            await station.send_all(REQUEST)
            far, _ = await csms.welcome(answer)
            assert (await read_all(station)).startswith(b"HTTP/1.1 504 ")
            assert await read_all(far) == b""
        assert (await journal.event("refused"))["reason"] == "upstream_silent"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"SSH-2.0-OpenSSH_9\r\n", "upstream_garbage"),
        (b"HTTP/1.1 banana\r\n\r\n", "upstream_garbage"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 9, "upstream_garbage"),
        (b"HTTP/1.1 101 X\r\nA: " + b"a" * (70 << 10), "upstream_garbage"),
        (None, "upstream_closed"),
    ],
)
async def test_an_upstream_that_answers_garbage_is_a_502(answer: bytes | None, reason: str) -> None:
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, journal):
        station = await connect(relay)
        await station.send_all(REQUEST)
        far, _ = await csms.welcome(b"")
        if answer is None:
            await far.aclose()
        else:
            with suppress(trio.BrokenResourceError):
                await far.send_all(answer)
        assert b"HTTP/1.1 502 Bad Gateway\r\n" in await read_all(station)
        assert (await journal.event("refused"))["reason"] == reason


@pytest.mark.parametrize(
    ("request_", "status", "reason"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01", 400, "not_http"),
        (
            REQUEST.replace(b"\r\n\r\n", b"\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"),
            400,
            "length_and_transfer_encoding",
        ),
        (REQUEST.replace(b"\r\n\r\n", b"\r\nX: a\r\n b\r\n\r\n"), 400, "folded_header"),
        (REQUEST.replace(b"\r\nUp", b"\nUp"), 400, "bare_line_end_or_nul"),
        (REQUEST.replace(b"GET", b"POST"), 400, "method_not_get"),
        (b"GET /" + b"x" * (70 << 10), 431, "head_too_large"),
    ],
)
async def test_a_head_that_is_no_good_is_refused_and_the_csms_never_hears_of_it(
    request_: bytes, status: int, reason: str
) -> None:
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, journal):
        station = await connect(relay)
        await station.send_all(request_)
        answer = await read_all(station)
        assert answer.startswith(b"HTTP/1.1 %d " % status)
        assert b"nocwatch relay: " in answer
        assert relay.counters.refused == {reason: 1}
        assert not journal.links
        assert relay.tick()["upstream_up_main"] == 1


async def test_a_slow_loris_gets_a_408() -> None:
    limits = {"handshake_timeout": "300ms"}
    async with listening_csms() as csms, running(settings_for(csms.port, limits=limits)) as (relay, _):
        station = await connect(relay)
        await station.send_all(b"GET /ocpp/CP1 HT")
        assert (await read_all(station)).startswith(b"HTTP/1.1 408 ")
        assert relay.counters.refused == {"handshake_timeout": 1}
        assert relay.counters.handshakes_open <= 1


async def test_a_full_relay_says_503_and_takes_stations_again_when_there_is_room() -> None:
    limits = {"links_max": 1}
    async with listening_csms() as csms, running(settings_for(csms.port, limits=limits)) as (relay, journal):
        first, _ = await paired(relay, csms)
        second = await connect(relay)
        assert (await read_all(second)).startswith(b"HTTP/1.1 503 ")
        send_reset(first)
        await journal.event("closed")
        await paired(relay, csms)
        assert relay.counters.refused == {"links_max": 1}


async def test_a_station_that_leaves_before_the_answer_frees_the_csms() -> None:
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, journal):
        station = await connect(relay)
        await station.send_all(REQUEST)
        far, _ = await csms.welcome(b"")
        send_reset(station)
        assert await read_all(far) == b""
        event = await journal.event("refused")
        assert (event["by"], event["reason"], event["http_status"]) == ("station", "station_left", None)


async def test_a_station_that_leaves_over_the_body_of_a_refusal_was_refused_by_the_csms() -> None:
    endless = b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n\r\nno"
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, journal):
        station = await connect(relay)
        await station.send_all(REQUEST)
        far, _ = await csms.welcome(endless)
        assert await read_exactly(station, len(endless)) == endless
        await station.send_eof()
        assert await read_all(far) == b""
        event = await journal.event("refused")
        assert (event["by"], event["reason"], event["http_status"]) == ("csms", "answer", 401)
        assert relay.counters.refused == {"answer_401": 1}


async def test_the_first_upstream_that_matches_gets_the_station() -> None:
    async with listening_csms() as one, listening_csms() as two:
        upstreams = [
            {
                "name": "depot",
                "url": f"ws://127.0.0.1:{one.port}/base/",
                "match": {"path": "/ocpp/*", "station": "D-*"},
            },
            {
                "name": "rest",
                "url": f"ws://127.0.0.1:{two.port}",
                "match": {"path": "/ocpp/*"},
                "keep_host": True,
            },
        ]
        async with running(settings_for(0, upstreams=upstreams)) as (relay, journal):
            depot = await connect(relay)
            await depot.send_all(REQUEST.replace(b"CP1", b"D%2D7"))
            _, head = await one.welcome()
            assert head.startswith(b"GET /base/ocpp/D%2D7 HTTP/1.1\r\n")
            assert (await journal.event("open"))["upstream"] == "depot"
            other = await connect(relay)
            await other.send_all(REQUEST)
            _, head = await two.welcome()
            assert head == REQUEST
            nowhere = await connect(relay)
            await nowhere.send_all(REQUEST.replace(b"/ocpp/", b"/else/"))
            assert (await read_all(nowhere)).startswith(b"HTTP/1.1 502 ")
            assert (await journal.event("refused"))["reason"] == "no_route"


async def test_a_relay_that_dials_itself_notices_it_at_once() -> None:
    """The DNS name that all stations use was moved to nocwatch, and is its upstream's name too: one station took every place."""
    port = free_port()
    settings = settings_for(port, listen=[{"address": f"127.0.0.1:{port}"}])
    async with running(settings) as (relay, journal):
        station = await connect(relay)
        await station.send_all(REQUEST)
        assert (await read_all(station)).startswith(b"HTTP/1.1 508 ")
        await journal.event("refused", 2)
        assert relay.counters.accepted == 2
        assert relay.counters.refused == {"loop": 1, "answer_508": 1}


async def test_a_station_on_this_machine_may_have_the_port_of_one_of_our_own_connections() -> None:
    """The kernel gives a port to several, as long as they lead to different places."""
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, _):
        station = await connect(relay)
        host, port = station.socket.getsockname()
        dials = relay._pairing._dials
        with socket.create_server((host, 0)) as csms_of_another:
            near = socket.create_connection(csms_of_another.getsockname())
            with near:
                _, mark = dials.begin(near) or (0, 0)
        dials._places[port] = mark  # as if the kernel had given that dial the station's port
        await station.send_all(REQUEST)
        await csms.welcome()
        assert await read_head(station) == ANSWER


async def test_a_name_without_an_address_is_a_502() -> None:
    upstreams = [{"name": "main", "url": "ws://csms.invalid"}]
    async with listening_csms(), running(settings_for(0, upstreams=upstreams)) as (relay, journal):
        station = await connect(relay)
        await station.send_all(REQUEST)
        assert (await read_all(station)).startswith(b"HTTP/1.1 502 ")
        assert (await journal.event("upstream_down"))["reason"] == "upstream_unknown_host"


async def test_a_connection_that_says_nothing_and_leaves_is_only_counted() -> None:
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, journal):
        probe = await connect(relay)
        await probe.aclose()
        with trio.fail_after(PATIENCE_S):
            while not relay.counters.refused:
                await trio.sleep(0.001)
        assert relay.counters.refused == {"empty": 1}
        assert not journal.links
