"""Who may come and from where, over real sockets: load balancers, lists, caps, and what station, CSMS and journal see of it."""

from __future__ import annotations

import socket
import ssl
import struct
from pathlib import Path
from typing import Any

import pytest
import trio
from tests.support.certificates import Authority
from tests.support.relaying import (
    ANSWER,
    PATIENCE_S,
    REQUEST,
    connect,
    is_reset,
    listening_csms,
    paired,
    read_all,
    read_exactly,
    read_head,
    running,
    send_reset,
    settings_for,
)

from nocwatch.proxy.admission import AdmissionSettings, Lists
from nocwatch.proxy.pairing import PARTINGS_MAX
from nocwatch.proxy.proxy_protocol import SIGNATURE
from nocwatch.proxy.refusals import NAMELESS_PER_SECOND

V1 = b"PROXY TCP4 203.0.113.7 192.0.2.1 51234 443\r\n"
V2 = SIGNATURE + b"\x21\x11\x00\x0c" + bytes([203, 0, 113, 7, 192, 0, 2, 1]) + struct.pack("!HH", 51234, 443)
LOCAL = SIGNATURE + b"\x20\x00\x00\x00"
LOOPBACK = ["127.0.0.0/8"]


def listener(**more: Any) -> list[dict[str, Any]]:
    return [{"address": "127.0.0.1:0", "trusted": LOOPBACK, **more}]


def with_line(line: bytes) -> bytes:
    return REQUEST.replace(b"\r\n\r\n", b"\r\n" + line + b"\r\n\r\n")


async def settled(counted: dict[str, int], reason: str, count: int = 1) -> None:
    with trio.fail_after(PATIENCE_S):
        while counted.get(reason, 0) < count:
            await trio.sleep(0.001)


# Load balancers.


@pytest.mark.parametrize("header", [V1, V2])
@pytest.mark.parametrize("whole", [True, False])
async def test_behind_a_load_balancer_the_stations_own_address_is_in_the_journal(
    header: bytes, whole: bool
) -> None:
    """And bytes that come glued to the header, the request and what is behind it, are not lost."""
    settings = {"listen": listener(proxy_protocol="any")}
    async with listening_csms() as csms, running(settings_for(csms.port, **settings)) as (relay, journal):
        station = await connect(relay)
        if whole:
            await station.send_all(header + REQUEST + b"glued")
        else:
            for byte in header:
                await station.send_all(bytes([byte]))
            await station.send_all(REQUEST + b"glued")
        far, head = await csms.welcome()
        assert head.startswith(b"GET /ocpp/CP1 HTTP/1.1\r\n")
        assert b"203.0.113.7" not in head
        assert await read_exactly(far, 5) == b"glued"
        assert (await journal.event("open"))["remote_address"] == "203.0.113.7:51234"


async def test_tls_begins_behind_the_load_balancers_header(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("relay.example")
    tls = {"certificate": str(certificate), "key": str(key)}
    settings = {"listen": listener(proxy_protocol="v2", tls=tls)}
    context = ssl.create_default_context(cafile=str(authority.certificate))
    async with listening_csms() as csms, running(settings_for(csms.port, **settings)) as (relay, journal):
        raw = await connect(relay)
        await raw.send_all(V2)
        station = trio.SSLStream(raw, context, server_hostname="relay.example", https_compatible=True)
        await station.send_all(REQUEST)
        far, _ = await csms.welcome()
        assert await read_exactly(station, len(ANSWER)) == ANSWER
        await station.send_all(b"up")
        assert await read_exactly(far, 2) == b"up"
        event = await journal.event("open")
        assert (event["remote_address"], event["tls"]) == ("203.0.113.7:51234", "TLSv1.3")


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (REQUEST, "proxy_header_missing"),
        (b"\x16\x03\x01\x02\x00", "proxy_header_missing"),
        (b"PROXY TCP4 nonsense\r\n" + REQUEST, "proxy_header_malformed"),
        (b"PROXY UNKNOWN " + b"x" * 200, "proxy_header_malformed"),
        (SIGNATURE + b"\x21\x11\xff\xff", "proxy_header_malformed"),
        (V1 + REQUEST, "proxy_header_malformed"),
    ],
)
async def test_a_load_balancer_without_a_good_header_is_closed_without_a_word_and_told(
    sent: bytes, reason: str
) -> None:
    settings = {"listen": listener(proxy_protocol="v2")}
    async with listening_csms() as csms, running(settings_for(csms.port, **settings)) as (relay, journal):
        balancer = await connect(relay)
        own = balancer.socket.getsockname()
        await balancer.send_all(sent)
        await is_reset(balancer)
        event = await journal.event("refused")
        assert (event["by"], event["reason"], event["station"], event["http_status"]) == (
            "relay",
            reason,
            "",
            None,
        )
        assert event["remote_address"] == f"127.0.0.1:{own[1]}"
        assert relay.counters.refused == {reason: 1}


async def test_a_header_that_never_ends_is_bounded_in_time() -> None:
    settings = {"listen": listener(proxy_protocol="any"), "limits": {"handshake_timeout": "200ms"}}
    async with listening_csms() as csms, running(settings_for(csms.port, **settings)) as (relay, _):
        balancer = await connect(relay)
        await balancer.send_all(V2[:14])
        await is_reset(balancer)
        assert relay.counters.refused == {"handshake_timeout": 1}


async def test_the_health_checks_of_a_load_balancer_are_no_stations() -> None:
    """LOCAL: it speaks for itself, from its own address. A connection that says nothing is only counted."""
    settings = {"listen": listener(proxy_protocol="any")}
    async with listening_csms() as csms, running(settings_for(csms.port, **settings)) as (relay, journal):
        silent = await connect(relay)
        await silent.aclose()
        await settled(relay.counters.refused, "empty")
        after_header = await connect(relay)
        await after_header.send_all(LOCAL)
        await after_header.aclose()
        await settled(relay.counters.refused, "empty", 2)
        assert not journal.links
        station = await connect(relay)
        await station.send_all(LOCAL + REQUEST)
        await csms.welcome()
        own = station.socket.getsockname()
        assert (await journal.event("open"))["remote_address"] == f"127.0.0.1:{own[1]}"


async def test_a_station_that_comes_past_the_balancer_is_served_and_its_header_not_believed() -> None:
    elsewhere = {"listen": [{"address": "127.0.0.1:0", "trusted": ["192.0.2.0/24"], "proxy_protocol": "any"}]}
    async with listening_csms() as csms, running(settings_for(csms.port, **elsewhere)) as (relay, journal):
        station, _ = await paired(relay, csms)
        own = station.socket.getsockname()
        assert (await journal.event("open"))["remote_address"] == f"127.0.0.1:{own[1]}"
        for header in (V1, V2):
            liar = await connect(relay)
            await liar.send_all(header + REQUEST)
            assert (await read_all(liar)).startswith(b"HTTP/1.1 400 ")
        assert relay.counters.refused == {"proxy_header_unexpected": 2}


@pytest.mark.parametrize(
    ("header", "line", "address"),
    [
        ("x-forwarded-for", b"X-Forwarded-For: 6.6.6.6, 203.0.113.7, 127.0.0.9", "203.0.113.7"),
        ("x-forwarded-for", b"X-Forwarded-For: [2001:db8::7]:4711", "[2001:db8::7]:4711"),
        ("forwarded", b'Forwarded: for="[2001:db8::7]"', "[2001:db8::7]"),
    ],
)
async def test_what_a_trusted_balancer_writes_into_the_request_is_the_stations_address(
    header: str, line: bytes, address: str
) -> None:
    settings = {"listen": listener(address_header=header)}
    request = with_line(line)
    async with listening_csms() as csms, running(settings_for(csms.port, **settings)) as (relay, journal):
        station = await connect(relay)
        await station.send_all(request)
        _, head = await csms.welcome()
        assert line in head
        assert (await journal.event("open"))["remote_address"] == address


async def test_what_a_station_writes_there_itself_is_not_believed() -> None:
    elsewhere = {
        "listen": [
            {"address": "127.0.0.1:0", "trusted": ["192.0.2.0/24"], "address_header": "x-forwarded-for"}
        ]
    }
    async with listening_csms() as csms, running(settings_for(csms.port, **elsewhere)) as (relay, journal):
        station = await connect(relay)
        await station.send_all(with_line(b"X-Forwarded-For: 203.0.113.7"))
        await csms.welcome()
        own = station.socket.getsockname()
        assert (await journal.event("open"))["remote_address"] == f"127.0.0.1:{own[1]}"


async def test_the_csms_is_told_only_by_option_and_the_head_is_otherwise_as_it_came() -> None:
    request = with_line(b"x-forwarded-FOR: 6.6.6.6\r\nX-Last:1")
    async with listening_csms() as csms:
        to = {"name": "main", "url": f"ws://127.0.0.1:{csms.port}", "keep_host": True}
        async with running(settings_for(0, upstreams=[to])) as (relay, _):
            station = await connect(relay)
            await station.send_all(request)
            _, head = await csms.welcome()
            assert head == request
        telling = [{**to, "address_header": "x-forwarded-for"}]
        settings = settings_for(0, upstreams=telling, listen=listener(proxy_protocol="v1"))
        async with running(settings) as (relay, _):
            station = await connect(relay)
            await station.send_all(V1 + request + b"glued")
            far, head = await csms.welcome()
            assert head == request.replace(b"6.6.6.6", b"6.6.6.6, 203.0.113.7")
            assert await read_exactly(far, 5) == b"glued"


# Lists and caps.


async def test_a_denied_network_is_refused_before_its_request_and_the_csms_never_hears_of_it() -> None:
    settings = {"admission": {"networks_deny": LOOPBACK}}
    async with listening_csms() as csms, running(settings_for(csms.port, **settings)) as (relay, journal):
        station = await connect(relay)
        assert (await read_all(station)).startswith(b"HTTP/1.1 403 Forbidden\r\n")
        event = await journal.event("refused")
        own = station.socket.getsockname()
        assert event["remote_address"] == f"127.0.0.1:{own[1]}"
        assert (event["by"], event["reason"], event["http_status"]) == ("relay", "network_denied", 403)
        assert relay.counters.refused == {"network_denied": 1}
        assert relay.tick()["upstream_up_main"] == 1


async def test_a_denied_network_costs_no_tls_handshake(tmp_path: Path) -> None:
    certificate, key = Authority(tmp_path).issue("relay.example")
    tls = {"certificate": str(certificate), "key": str(key)}
    settings = {
        "listen": [{"address": "127.0.0.1:0", "tls": tls}],
        "admission": {"networks_allow": ["192.0.2.0/24"]},
    }
    async with listening_csms() as csms, running(settings_for(csms.port, **settings)) as (relay, journal):
        station = await connect(relay)
        assert await read_all(station) == b""
        event = await journal.event("refused")
        assert (event["reason"], event["http_status"]) == ("network_not_allowed", None)


async def test_a_denied_station_is_refused_by_its_identity_and_others_are_not() -> None:
    settings = {"admission": {"stations_deny": ["CP1", "TEST-*"]}}
    async with listening_csms() as csms, running(settings_for(csms.port, **settings)) as (relay, journal):
        for name in (b"CP1", b"TEST%2D7"):
            station = await connect(relay)
            await station.send_all(REQUEST.replace(b"CP1", name))
            assert (await read_all(station)).startswith(b"HTTP/1.1 403 ")
        event = await journal.event("refused", 2)
        assert (event["station"], event["reason"], event["http_status"]) == ("TEST-7", "station_denied", 403)
        await paired(relay, csms, REQUEST.replace(b"CP1", b"CP2"))


@pytest.mark.parametrize("way", ["proxy", "header"])
async def test_lists_hold_for_the_address_behind_the_balancer_and_not_for_the_balancer(way: str) -> None:
    lists = {"networks_deny": ["203.0.113.0/24"], "networks_allow": ["203.0.113.0/24", "198.51.100.0/24"]}
    how = {"proxy_protocol": "any"} if way == "proxy" else {"address_header": "x-forwarded-for"}

    def coming_from(host: bytes) -> bytes:
        if way == "proxy":
            return V1.replace(b"203.0.113.7", host) + REQUEST
        return with_line(b"X-Forwarded-For: " + host)

    settings = {"listen": listener(**how), "admission": lists}
    async with listening_csms() as csms, running(settings_for(csms.port, **settings)) as (relay, journal):
        denied = await connect(relay)
        await denied.send_all(coming_from(b"203.0.113.7"))
        assert (await read_all(denied)).startswith(b"HTTP/1.1 403 ")
        event = await journal.event("refused")
        assert (event["reason"], event["remote_address"].partition(":")[0]) == (
            "network_denied",
            "203.0.113.7",
        )
        allowed = await connect(relay)
        await allowed.send_all(coming_from(b"198.51.100.7"))
        await csms.welcome()
        assert (await journal.event("open"))["remote_address"].startswith("198.51.100.7")


@pytest.mark.parametrize("end", ["fin", "reset", "refused by the csms", "gone"])
async def test_an_address_has_its_connections_and_each_that_ends_makes_room(end: str) -> None:
    settings = {"admission": {"address_connections_max": 1}}
    async with listening_csms() as csms, running(settings_for(csms.port, **settings)) as (relay, journal):
        if end == "refused by the csms":
            first = await connect(relay)
            await first.send_all(REQUEST)
            far, _ = await csms.welcome(b"")
        elif end == "gone":
            first = await connect(relay)
            await first.send_all(REQUEST[:20])
            await settled_handshakes(relay.counters, 1)
            far = first
        else:
            first, far = await paired(relay, csms)
        second = await connect(relay)
        answer = await read_all(second)
        assert answer.startswith(b"HTTP/1.1 429 Too Many Requests\r\n")
        assert b"\r\nRetry-After: 30\r\n" in answer
        if end == "refused by the csms":
            await far.send_all(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")
            await read_all(first)
            await first.aclose()
        elif end == "fin":
            await first.aclose()
            await far.aclose()
        else:
            send_reset(first)
        with trio.fail_after(PATIENCE_S):
            while relay._pairing.admission.addresses:
                await trio.sleep(0.001)
        await paired(relay, csms)
        assert relay.counters.refused["address_connections_max"] == 1
        assert (await journal.event("refused"))["by"] in ("relay", "csms", "station")


async def settled_handshakes(counters: Any, count: int) -> None:
    with trio.fail_after(PATIENCE_S):
        while counters.handshakes_open < count:
            await trio.sleep(0.001)


@pytest.mark.parametrize(
    ("caps", "status", "reason"),
    [
        ({"address_handshakes_per_second": 0.01, "address_burst": 2}, b"429", "address_rate"),
        ({"handshakes_per_second": 0.01, "burst": 2}, b"503", "handshake_rate"),
    ],
)
async def test_who_comes_too_often_is_told_when_to_come_again(
    caps: dict[str, float], status: bytes, reason: str
) -> None:
    async with listening_csms() as csms, running(settings_for(csms.port, admission=caps)) as (relay, journal):
        for _ in range(2):
            await paired(relay, csms)
        late = await connect(relay)
        answer = await read_all(late)
        assert answer.startswith(b"HTTP/1.1 " + status)
        assert b"\r\nRetry-After: 60\r\n" in answer
        assert (await journal.event("refused"))["reason"] == reason


async def test_in_a_storm_on_a_tls_listener_as_many_are_told_when_to_come_as_are_let_in(
    tmp_path: Path,
) -> None:
    """The rest is hung up on before TLS: a handshake each would cost the core that carries the links."""
    authority = Authority(tmp_path)
    certificate, key = authority.issue("relay.example")
    tls = {"certificate": str(certificate), "key": str(key)}
    caps = {"handshakes_per_second": 0.01, "burst": 2}
    settings = {"listen": [{"address": "127.0.0.1:0", "tls": tls}], "admission": caps}

    async def station() -> trio.SSLStream[trio.SocketStream]:
        return trio.SSLStream(
            await connect(relay), authority.client_context(), server_hostname="relay.example"
        )

    async with listening_csms() as csms, running(settings_for(csms.port, **settings)) as (relay, journal):
        for _ in range(2):
            let_in = await station()
            await let_in.send_all(REQUEST)
            await csms.welcome()
            assert await read_head(let_in) == ANSWER
        for _ in range(2):
            told = await station()
            await told.send_all(REQUEST)
            head = await read_head(told)
            assert head.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nRetry-After: 60\r\n" in head
            assert (await journal.event("refused"))["http_status"] == 503
        hung_up = await connect(relay)
        assert await read_all(hung_up) == b""
        assert (await journal.event("refused", 3))["http_status"] is None
        assert relay.counters.refused == {"handshake_rate": 3}


async def test_whom_the_cap_on_one_address_keeps_out_costs_no_tls_handshake(tmp_path: Path) -> None:
    certificate, key = Authority(tmp_path).issue("relay.example")
    tls = {"certificate": str(certificate), "key": str(key)}
    caps = {"handshakes_per_second": 100, "address_handshakes_per_second": 0.01, "address_burst": 1}
    settings = {"listen": [{"address": "127.0.0.1:0", "tls": tls}], "admission": caps}
    async with listening_csms() as csms, running(settings_for(csms.port, **settings)) as (relay, _):
        first = await connect(relay)
        await first.aclose()
        second = await connect(relay)
        assert await read_all(second) == b""
        assert relay.counters.refused["address_rate"] == 1


async def test_a_refused_flood_cannot_fill_the_journal_and_is_counted_to_the_last_one() -> None:
    count = 3 * PARTINGS_MAX
    settings = {"admission": {"networks_deny": LOOPBACK}}
    async with listening_csms() as csms, running(settings_for(csms.port, **settings)) as (relay, journal):
        started = trio.current_time()
        flood = []
        for _ in range(count):
            sock = socket.socket()
            sock.setblocking(False)
            flood.append(sock)
            sock.connect_ex(("127.0.0.1", int(relay.addresses[0].rpartition(":")[2])))
        await settled(relay.counters.refused, "network_denied", count)
        for sock in flood:
            sock.close()
        told = len(journal.events("refused"))
        most = NAMELESS_PER_SECOND * (2 + trio.current_time() - started)
        assert NAMELESS_PER_SECOND <= told <= most
        assert relay.tick()["refusals_untold"] == count - told


async def test_lists_change_while_links_live_and_no_link_notices() -> None:
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, _):
        station, far = await paired(relay, csms)
        await relay.take_over(settings_for(csms.port, admission={"networks_deny": LOOPBACK}))
        refused = await connect(relay)
        assert (await read_all(refused)).startswith(b"HTTP/1.1 403 ")
        await station.send_all(b"still here")
        assert await read_exactly(far, 10) == b"still here"
        relay._pairing.admission.change(Lists(AdmissionSettings()))
        await paired(relay, csms)


# Secrets of the handshake.


async def test_credentials_reach_the_csms_and_neither_journal_nor_log(
    capsys: pytest.CaptureFixture[str],
) -> None:
    secrets = [b"Q1AxOmh1bnRlcjI", b"hunter2", b"s3ss10n", b"ap1k3y", b"t0k3n"]
    request = REQUEST.replace(b"/ocpp/CP1", b"/ocpp/CP1?token=t0k3n").replace(
        b"\r\n\r\n",
        b"\r\nAuthorization: Basic Q1AxOmh1bnRlcjI=\r\nCookie: s3ss10n\r\nX-Api-Key: ap1k3y\r\n\r\n",
    )
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, journal):
        relay.hash_users_with(b"k" * 32)
        station = await connect(relay)
        await station.send_all(request)
        far, head = await csms.welcome()
        assert b"Authorization: Basic Q1AxOmh1bnRlcjI=" in head
        event = await journal.event("open")
        assert (event["authorization"], event["security_profile"]) == ("basic", 1)
        assert event["user"].startswith("h:")
        await far.aclose()
        await station.aclose()
        await journal.event("closed")
        refused = await connect(relay)
        await refused.send_all(request)
        far, _ = await csms.welcome(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")
        refusal = await journal.event("refused")
        assert refusal["user"] == event["user"]
        flawed = await connect(relay)
        await flawed.send_all(request.replace(b"Cookie", b" folded"))
        await read_all(flawed)
        seen = repr((journal.links, journal.ticks, list(journal.live()))) + "".join(capsys.readouterr())
    assert [secret for secret in secrets if secret.decode() in seen] == []


async def test_a_credential_without_a_scheme_is_not_taken_for_one() -> None:
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, journal):
        relay.hash_users_with(b"k" * 32)
        station = await connect(relay)
        await station.send_all(with_line(b"Authorization: hunter2"))
        await csms.welcome()
        assert await read_head(station) == ANSWER
        event = await journal.event("open")
        assert (event["authorization"], event["user"]) == ("other", "")
