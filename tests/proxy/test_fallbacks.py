"""A CSMS in several places: in which order they are tried, and what a dead one costs."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from tests.support.certificates import Authority
from tests.support.relaying import (
    ANSWER,
    PATIENCE_S,
    REQUEST,
    Csms,
    connect,
    listening_csms,
    read_all,
    read_head,
    running,
    settings_for,
)
from tests.support.secured import behind_tls, has_been_dialled

from nocwatch.proxy import addresses
from nocwatch.relay import Relay

IMPATIENT = {"dial_timeout": "1s"}


@contextmanager
def silent() -> Iterator[socket.socket]:
    """An address that takes connections and never says a word: with TLS, a dial that does not end."""
    with closing(socket.create_server(("127.0.0.1", 0))) as sock:
        yield sock


def dead_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as sock:
        return int(sock.getsockname()[1])


def upstream(*ports: int, scheme: str = "ws", **more: Any) -> list[dict[str, Any]]:
    first, *others = [f"{scheme}://127.0.0.1:{port}" for port in ports]
    return [{"name": "main", "url": first, "fallbacks": others, **more}]


async def comes_to(relay: Relay, csms: Csms) -> bytes:
    """A station comes through to this CSMS; the head that arrived there."""
    station = await connect(relay)
    await station.send_all(REQUEST)
    _, head = await csms.welcome()
    assert await read_head(station) == ANSWER
    return head


async def test_where_the_first_cannot_be_reached_the_next_is_tried() -> None:
    async with listening_csms() as csms:
        to = upstream(dead_port(), dead_port(), csms.port)
        async with running(settings_for(0, upstreams=to)) as (relay, journal):
            await comes_to(relay, csms)
            assert relay.tick()["upstream_up_main"] == 1
            assert not journal.events("upstream_down")
            assert any("fallback" in remark for remark in relay.ready()[1])


async def test_host_and_path_are_those_of_the_place_that_is_reached() -> None:
    async with listening_csms() as csms:
        to = upstream(dead_port(), csms.port)
        to[0]["url"] += "/first"
        to[0]["fallbacks"][0] += "/second/"
        async with running(settings_for(0, upstreams=to)) as (relay, _):
            head = await comes_to(relay, csms)
            assert head.startswith(b"GET /second/ocpp/CP1 HTTP/1.1\r\n")
            assert f"Host: 127.0.0.1:{csms.port}\r\n".encode() in head


async def test_stations_stay_with_the_fallback_for_a_while_then_go_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = dead_port()
    async with (
        listening_csms() as standby,
        running(settings_for(0, upstreams=upstream(port, standby.port))) as (relay, _),
    ):
        await comes_to(relay, standby)
        (listener,) = await trio.open_tcp_listeners(port, host="127.0.0.1")
        async with listener:
            first = Csms(listener)
            await comes_to(relay, standby)
            assert not has_been_dialled(first)
            monkeypatch.setattr(addresses, "RETRY_S", 0.0)
            relay._pairing.upstreams[0]._places[0].failed()
            await comes_to(relay, first)
            assert not any("fallback" in remark for remark in relay.ready()[1])


async def test_a_place_that_does_not_answer_costs_one_station_its_share_and_not_all(tmp_path: Path) -> None:
    """The first dial waits for the silent place as long as its share of the time is; no other one goes there."""
    context = Authority(tmp_path).server_context()
    with silent() as hole:
        hole.setblocking(False)
        async with listening_csms() as csms:
            to = upstream(hole.getsockname()[1], csms.port, scheme="wss", tls={"verify": "none"})
            async with running(settings_for(0, upstreams=to, limits=IMPATIENT)) as (relay, _):
                for _ in range(3):
                    station = await connect(relay)
                    await station.send_all(REQUEST)
                    await behind_tls(csms, context)
                    assert await read_head(station) == ANSWER
        hole.accept()[0].close()
        with pytest.raises(BlockingIOError):
            hole.accept()


async def test_a_station_that_leaves_while_it_is_dialled_for_says_nothing_against_the_csms() -> None:
    """Its impatience must not send the next stations to a fallback."""
    with silent() as slow, silent() as standby:
        ports = [each.getsockname()[1] for each in (slow, standby)]
        to = upstream(*ports, scheme="wss", tls={"verify": "none"})
        async with running(settings_for(0, upstreams=to)) as (relay, _):
            dialling = relay._pairing.upstreams[0]
            async with trio.open_nursery() as nursery:
                nursery.start_soon(dialling.dial, trio.current_time() + PATIENCE_S)
                with trio.fail_after(PATIENCE_S):
                    await trio.lowlevel.wait_readable(slow)
                nursery.cancel_scope.cancel()
            assert dialling._places[0].retry_at is None
            assert dialling._places[0]._addresses[0].retry_at is None


async def test_when_all_have_failed_all_are_tried_again_at_once() -> None:
    port = dead_port()
    async with running(settings_for(0, upstreams=upstream(dead_port(), port))) as (relay, journal):
        station = await connect(relay)
        await station.send_all(REQUEST)
        assert (await read_all(station)).startswith(b"HTTP/1.1 502 ")
        assert (await journal.event("upstream_down"))["reason"] == "upstream_refused"
        (listener,) = await trio.open_tcp_listeners(port, host="127.0.0.1")
        async with listener:
            await comes_to(relay, Csms(listener))
            await journal.event("upstream_up")


class Resolver(trio.abc.HostnameResolver):
    """A name server of the test's own.

    Attributes:
        addresses: what the name has; empty: it is not known.
        asked: how often somebody wanted to know.
        silent: it no longer answers.
    """

    def __init__(self, *found: str) -> None:
        self.addresses = list(found)
        self.asked = 0
        self.silent = False

    async def getaddrinfo(self, host: Any, port: Any, *_: Any, **__: Any) -> Any:
        assert host == b"csms.example"
        self.asked += 1
        if self.silent:
            await trio.sleep_forever()
        if not self.addresses:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [
            (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, int(port)))
            for address in self.addresses
        ]

    async def getnameinfo(self, sockaddr: Any, flags: int) -> Any:
        raise NotImplementedError


async def by_name(csms: Csms, resolver: Resolver) -> Any:
    trio.socket.set_custom_hostname_resolver(resolver)
    to = [{"name": "main", "url": f"ws://csms.example:{csms.port}"}]
    return running(settings_for(0, upstreams=to))


async def test_all_addresses_of_a_name_are_tried_in_turn_and_the_dead_one_is_remembered() -> None:
    resolver = Resolver("127.0.0.2", "127.0.0.3", "127.0.0.1")
    async with listening_csms() as csms, await by_name(csms, resolver) as (relay, _):
        await comes_to(relay, csms)
        await comes_to(relay, csms)
        tried = relay._pairing.upstreams[0]._places[0]._addresses
        assert [each.retry_at is None for each in tried] == [False, False, True]
        assert resolver.asked == 1


async def test_a_resolver_that_fails_does_not_take_away_the_addresses_that_were_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(addresses, "FRESH_S", 0.0)
    resolver = Resolver("127.0.0.1")
    async with listening_csms() as csms, await by_name(csms, resolver) as (relay, _):
        await comes_to(relay, csms)
        resolver.addresses = []
        await comes_to(relay, csms)
        assert resolver.asked == 2


async def test_a_resolver_that_is_silent_does_not_keep_stations_from_the_addresses_that_were_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(addresses, "FRESH_S", 0.0)
    monkeypatch.setattr(addresses, "RESOLVER_SILENT_S", 0.01)
    resolver = Resolver("127.0.0.1")
    async with listening_csms() as csms, await by_name(csms, resolver) as (relay, _):
        await comes_to(relay, csms)
        resolver.silent = True
        await comes_to(relay, csms)
        assert resolver.asked == 2


async def test_a_csms_that_moves_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "FRESH_S", 0.0)
    resolver = Resolver("127.0.0.2")
    async with listening_csms() as csms, await by_name(csms, resolver) as (relay, _):
        station = await connect(relay)
        await station.send_all(REQUEST)
        assert (await read_all(station)).startswith(b"HTTP/1.1 502 ")
        resolver.addresses = ["127.0.0.1"]
        await comes_to(relay, csms)


def test_only_one_dial_tries_again_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(trio, "current_time", lambda: now)
    bad, good = addresses.Health(), addresses.Health()
    bad.failed()
    assert addresses.in_order([bad, good]) == [good, bad]
    now += addresses.RETRY_S
    assert addresses.in_order([bad, good]) == [bad, good]
    assert addresses.in_order([bad, good]) == [good, bad]
    bad.worked()
    assert addresses.in_order([bad, good]) == [bad, good]


async def test_routing_is_by_listener_by_path_and_by_station() -> None:
    """What is asked first gets the station, and every pattern that is given must fit."""
    async with listening_csms() as a, listening_csms() as b, listening_csms() as c, listening_csms() as rest:
        listen = [{"address": "127.0.0.1:0", "name": name} for name in ("depot", "street")]
        matches = [
            (a, {"listener": "depot", "path": "/ocpp/*"}),
            (b, {"path": "/v2/*"}),
            (c, {"station": "CP-[0-9]"}),
            (rest, {}),
        ]
        to = [
            {"name": f"to{port}", "url": f"ws://127.0.0.1:{each.port}", "match": match}
            for port, (each, match) in enumerate(matches)
        ]
        async with running(settings_for(0, listen=listen, upstreams=to)) as (relay, _):
            for listener, path, csms in [
                (0, b"/ocpp/CP-1", a),
                (1, b"/ocpp/CP-1", c),
                (1, b"/ocpp/CP%2D1", c),
                (0, b"/v2/x/CP-1", b),
                (1, b"/ocpp/CP-10", rest),
                (0, b"/other/XX", rest),
            ]:
                station = await connect(relay, listener=listener)
                await station.send_all(REQUEST.replace(b"/ocpp/CP1", path))
                await csms.welcome()
                assert await read_head(station) == ANSWER


async def test_an_address_needs_no_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that starves, the wait for one would be blamed on the CSMS."""

    async def refuse(*_: object, **__: object) -> Any:
        raise AssertionError("the resolver was asked for an address")

    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, _):
        monkeypatch.setattr(trio.socket, "getaddrinfo", refuse)
        relay._pairing.upstreams[0]._places[0].failed()
        await comes_to(relay, csms)
