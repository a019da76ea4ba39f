"""Neither side can tell that the relay is there: each promise to stations and CSMS by its name, on real sockets.

Ends, floods, slow readers and random streams are in ``test_pump_bytes``; here is what one would look for by hand.
"""

# ruff: noqa: S311 - test data has to be repeatable, not secret

from __future__ import annotations

import hashlib
import random

import pytest
import trio
from tests.support.relaying import (
    ANSWER,
    REQUEST,
    connect,
    is_reset,
    listening_csms,
    paired,
    read_all,
    read_exactly,
    read_head,
    running,
    settings_for,
)
from tests.support.wire import Deflater, frame


async def request_upstream(request: bytes, **upstream: object) -> bytes:
    """What the CSMS gets of a request, with the station's Host put back where the relay's own was."""
    async with listening_csms() as csms:
        upstreams = [{"name": "main", "url": f"ws://127.0.0.1:{csms.port}", **upstream}]
        async with running(settings_for(csms.port, upstreams=upstreams)) as (relay, _):
            station = await connect(relay)
            await station.send_all(request)
            _, head = await csms.welcome()
            return head.replace(b"127.0.0.1:%d" % csms.port, b"station.example")


async def answer_downstream(answer: bytes, *, ends: bool = False) -> bytes:
    """What the station gets of an answer."""
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, _):
        station = await connect(relay)
        await station.send_all(REQUEST)
        far, _ = await csms.welcome(answer)
        if ends:
            await far.send_eof()
        return await read_exactly(station, len(answer))


# --- the handshake -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        b"//ocpp//CP1",
        b"/ocpp/CP1/",
        b"/ocpp/CP%201%2fA%C3%A9",
        b"/ocpp/%63p1",
        b"/ocpp/CP1?token=a%2Fb&&x=//",
        b"/ocpp/../CP1/./x",
        b"/ocpp/CP\xc3\xa9\xff",
        b"/" + b"long/" * 1000 + b"CP1",
        b"/ocpp/CP1;v=1#part",
    ],
    ids=[
        "double slashes", "a slash at the end", "percent-encoding", "needless percent-encoding", "a query", "dots", "raw bytes",
        "five thousand bytes", "parameters",
    ],
)  # fmt: skip
async def test_the_path_goes_upstream_byte_for_byte(target: bytes) -> None:
    request = REQUEST.replace(b"/ocpp/CP1", target)
    assert await request_upstream(request) == request


@pytest.mark.parametrize(
    "lines",
    [
        (b"x-b: 1", b"X-A: 2", b"X-b: 3", b"x-B:4"),
        (b"USER-agent: Gateway/1.0 (\xfc)", b"accept:*/*"),
        (b"X-Blanks: \t  between \t and behind \t ", b"X-Empty:"),
        (b"Cookie: a=b", b"Cookie: c=d"),
        (b"Sec-WebSocket-Protocol: ocpp2.0.1, ocpp1.6", b"sec-websocket-extensions: permessage-deflate; client_max_window_bits"),
        (b"X-Forwarded-For: 192.0.2.1", b"Forwarded: for=192.0.2.1", b"X-Real-IP: 192.0.2.1", b"Via: 1.1 gateway"),
        (b"Expect: nothing", b"Keep-Alive: timeout=5", b"Proxy-Connection: close", b"TE: trailers"),
    ],
    ids=["order and case", "any bytes", "blanks", "twice", "offers", "other proxies' words", "hop by hop"],
)  # fmt: skip
async def test_headers_go_upstream_in_their_order_and_case_and_none_is_added(
    lines: tuple[bytes, ...],
) -> None:
    request = REQUEST.replace(b"Upgrade: websocket", b"\r\n".join((*lines, b"Upgrade: websocket")))
    assert await request_upstream(request) == request


@pytest.mark.parametrize(
    "credentials",
    [b"Basic Q1AxOnBhc3M=", b"Basic \xff\xfe\x80:\x01", b"basic " + b"A" * 3000, b"", b"Bearer"],
)
async def test_credentials_go_upstream_as_they_came_utf8_or_not(credentials: bytes) -> None:
    request = REQUEST.replace(
        b"Upgrade: websocket", b"Authorization: " + credentials + b"\r\nUpgrade: websocket"
    )
    assert await request_upstream(request) == request


@pytest.mark.parametrize(
    "missing",
    [
        b"Connection: Upgrade\r\n",
        b"Upgrade: websocket\r\n",
        b"Sec-WebSocket-Version: 13\r\n",
        b"Host: station.example\r\n",
    ],
)
async def test_a_handshake_that_lacks_a_header_is_for_the_csms_to_judge(missing: bytes) -> None:
    """Some stations forget ``Connection: Upgrade``, and some CSMSs take them all the same."""
    request = REQUEST.replace(missing, b"")
    assert missing not in request
    assert await request_upstream(request) == request


async def test_the_host_goes_upstream_too_where_the_operator_keeps_it() -> None:
    assert await request_upstream(REQUEST, keep_host=True) == REQUEST


@pytest.mark.parametrize(
    "answer",
    [
        ANSWER,
        ANSWER.replace(b"Sec-WebSocket-Protocol: ocpp1.6\r\n", b""),
        ANSWER.replace(b"ocpp1.6", b"ocpp2.0.1"),
        ANSWER.replace(b"ocpp1.6", b"soap, never asked for"),
        ANSWER[:-2] + b"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_max_window_bits=9\r\n\r\n",
        b"HTTP/1.1 101\r\nupgrade:WebSocket\r\nX-\xfc: \xff\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n",
        b"HTTP/1.0 101 OK\nConnection: Upgrade\n\n",
    ],
    ids=["subprotocol", "no subprotocol", "another", "one that nobody asked for", "extensions", "odd bytes", "bare line ends"],
)  # fmt: skip
async def test_a_101_comes_back_byte_for_byte_and_the_link_stands(answer: bytes) -> None:
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, journal):
        station = await connect(relay)
        await station.send_all(REQUEST)
        far, _ = await csms.welcome(answer)
        assert await read_exactly(station, len(answer)) == answer
        await station.send_all(b"up")
        await far.send_all(b"down")
        assert await read_exactly(far, 2) == b"up"
        assert await read_exactly(station, 4) == b"down"
        assert (await journal.event("open"))["http_status"] == 101


@pytest.mark.parametrize(
    ("status", "rest"),
    [
        (b"301 Moved Permanently", b"Location: wss://new.example/ocpp/CP1\r\nContent-Length: 0\r\n\r\n"),
        (b"401 Unauthorized", b'WWW-Authenticate: Basic realm="\xe9"\r\nContent-Length: 9\r\n\r\nwho are u'),
        (b"403 Forbidden", b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{\"a\":1}\r\n0\r\nX-Sum: 1\r\n\r\n"),
        (b"404 Not Found", b"content-length: 4\r\n\r\n\x00\xff\r\n"),
        (b"426 Upgrade Required", b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nContent-Length: 0\r\n\r\n"),
        (b"429 Too Many Requests", b"Retry-After: 120\r\nContent-Length: 4\r\n\r\nslow"),
        (b"503 Service Unavailable", b"Retry-After: Fri, 31 Dec 2027 23:59:59 GMT\r\nContent-Length: 0\r\n\r\n"),
        (b"200 OK", b"Content-Length: 5\r\n\r\nhello"),
    ],
    ids=lambda each: each.decode("latin-1") if each[:1].isdigit() else "",
)  # fmt: skip
async def test_a_refusal_comes_back_byte_for_byte_with_its_body_and_the_end(
    status: bytes, rest: bytes
) -> None:
    answer = b"HTTP/1.1 " + status + b"\r\n" + rest
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, journal):
        station = await connect(relay)
        await station.send_all(REQUEST)
        await csms.welcome(answer)
        assert await read_all(station) == answer
        assert (await journal.event("refused"))["http_status"] == int(status[:3])


async def test_a_refusal_without_a_length_comes_back_until_its_end() -> None:
    answer = b"HTTP/1.1 503 No\r\nRetry-After: 5\r\n\r\nuntil the end"
    assert await answer_downstream(answer, ends=True) == answer


# --- the link ------------------------------------------------------------------------------------------------------------

CALL = b'[2,"1","Heartbeat",{}]'
ODD = {
    "reserved bits": frame(CALL, reserved=0x70) + frame(b"", 9, reserved=0x20),
    "reserved opcodes": b"".join(frame(b"?", opcode) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)),
    "invalid UTF-8": frame(b"\xff\xfe\xed\xa0\x80") + frame(b"\xc3", final=False) + frame(b"(", 0),
    "a length of 2^63": b"\x82\xff" + b"\xff" * 8 + b"1234" + b"not so many bytes",
    "a length longer than need be": b"\x81\x7e\x00\x01a" + b"\x81\x7f" + b"\0" * 7 + b"\x01b",
    "control frames that are too long": frame(b"x" * 126, 9) + frame(b"y" * 70_000, 8),
    "control frames in pieces": frame(b"x", 9, final=False) + frame(b"y", 0),
    "pings and pongs": frame(b"", 9) + frame(b"p" * 125, 10) + frame(b"unasked", 10),
    "no mask, or a mask where none belongs": frame(CALL, masked=False) + frame(CALL, masked=True),
    "continuation of nothing": frame(b"x", 0) + frame(b"y", 0, final=False),
    "a message that never ends": frame(b"a", final=False) + frame(b"b", 0, final=False) * 50,
    "compression that was not agreed on": frame(Deflater()(CALL), reserved=0x40),
    "compression that is broken": frame(b"\xff\xff\xff", reserved=0x40),
    "talk after the close": frame(b"\x03\xe8", 8) + frame(CALL),
    "no WebSocket at all": b"GET / HTTP/1.1\r\n\r\n" + bytes(range(256)),
}


@pytest.mark.parametrize("who", ["station", "csms"])
@pytest.mark.parametrize("what", ODD)
async def test_what_no_endpoint_would_take_is_carried_byte_for_byte(what: str, who: str) -> None:
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, journal):
        station, far = await paired(relay, csms)
        one, other = (station, far) if who == "station" else (far, station)
        await one.send_all(ODD[what])
        assert await read_exactly(other, len(ODD[what])) == ODD[what]
        await other.send_all(b"and back")
        assert await read_exactly(one, 8) == b"and back"
        await one.send_eof()
        assert await read_all(other) == b"", "nothing was added"
        await other.send_eof()
        await journal.event("closed")
        direction = 0 if who == "station" else 1
        assert journal.data[journal.links[0][0], direction] == ODD[what], "and the journal has it as it was"


@pytest.mark.parametrize("who", ["station", "csms"])
@pytest.mark.parametrize(
    "payload", [b"", b"\x03\xe8", b"\x03\xe9going", b"\x03\xee", b"\x0f\xa0own", b"\x00", b"\xff\xff\xff"]
)
async def test_a_close_code_reaches_the_other_side_as_what_it_was(payload: bytes, who: str) -> None:
    close = frame(payload, 8, masked=who == "station")
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, journal):
        station, far = await paired(relay, csms)
        one, other = (station, far) if who == "station" else (far, station)
        await one.send_all(close)
        await one.aclose()
        assert await read_exactly(other, len(close)) == close
        assert not await is_reset(other)
        await other.aclose()
        assert (await journal.event("closed"))["by"] == who


@pytest.mark.parametrize("who", ["station", "csms"])
async def test_what_was_said_before_a_fin_arrives_whole_however_slow_the_reader(who: str) -> None:
    data = random.Random(5).randbytes(3_000_000)
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, _):
        station, far = await paired(relay, csms, receive_buffer=4096)
        one, other = (station, far) if who == "station" else (far, station)
        got = b""

        async def say() -> None:
            await one.send_all(data)
            await one.send_eof()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(say)
            await trio.testing.wait_all_tasks_blocked(0.01)
            got = await read_all(other)
        assert hashlib.sha256(got).digest() == hashlib.sha256(data).digest()
        await other.send_all(b"thank you")
        assert await read_exactly(one, 9) == b"thank you", "its own direction is still open"


async def test_on_a_quiet_link_the_relay_says_nothing_of_its_own() -> None:
    """No ping, no keep-alive, no close frame: what neither side said, neither side gets."""
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, journal):
        station, far = await paired(relay, csms)
        with trio.move_on_after(1.5) as quiet:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(read_exactly, station, 1)
                nursery.start_soon(read_exactly, far, 1)
        assert quiet.cancelled_caught
        assert len(journal.ticks) >= 1, "time did pass for the relay"
        await station.send_eof()
        await far.send_eof()
        assert await read_all(far) == b""
        assert await read_all(station) == b""


async def test_the_heads_may_come_in_any_pieces_and_with_anything_glued_to_them() -> None:
    early = frame(CALL)
    for cut in (1, 50, len(REQUEST) - 1, len(REQUEST), len(REQUEST) + 3):
        async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, _):
            station = await connect(relay)
            whole = REQUEST + early
            await station.send_all(whole[:cut])
            await trio.testing.wait_all_tasks_blocked(0.01)
            await station.send_all(whole[cut:])
            far, head = await csms.welcome(ANSWER + early)
            assert head.endswith(b"\r\n\r\n")
            assert await read_exactly(far, len(early)) == early
            assert await read_head(station) == ANSWER
            assert await read_exactly(station, len(early)) == early
