"""The CSMS behind TLS: who it must be, and whom it sees."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from pydantic import ValidationError
from tests.support.certificates import Authority, fingerprint, key_pin
from tests.support.relaying import (
    ANSWER,
    REQUEST,
    Csms,
    connect,
    listening_csms,
    read_all,
    read_head,
    send_reset,
)
from tests.support.secured import behind_tls, wss_relay

from nocwatch.errors import NocwatchError
from nocwatch.proxy import sockets
from nocwatch.proxy.resuming import CHECKED_FOR_S, Sessions
from nocwatch.proxy.secured import Secured
from nocwatch.proxy.settings import UpstreamSettings
from nocwatch.proxy.tls import client_context
from nocwatch.proxy.tls_settings import UpstreamTls
from nocwatch.relay import Relay

IMPATIENT = {"dial_timeout": "1s"}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def pair(relay: Relay, csms: Csms, context: ssl.SSLContext) -> trio.SSLStream[trio.SocketStream]:
    """The CSMS's side, after a station has come through."""
    came: list[trio.SSLStream[trio.SocketStream]] = []

    async def answer() -> None:
        came.append((await behind_tls(csms, context))[0])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer)
        station = await connect(relay)
        await station.send_all(REQUEST)
        assert await read_head(station) == ANSWER
    return came[0]


async def refusal(relay: Relay, csms: Csms, context: ssl.SSLContext) -> bytes:
    """What a station hears when this CSMS is not believed."""

    async def deceive() -> None:
        stream = trio.SSLStream(await csms.accept(), context, server_side=True)
        with pytest.raises((trio.BrokenResourceError, trio.EndOfChannel)):  # noqa: PT012 - in either of the two
            await stream.do_handshake()
            if not await stream.receive_some(1):
                raise trio.EndOfChannel
        await stream.transport_stream.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(deceive)
        station = await connect(relay)
        await station.send_all(REQUEST)
        return await read_all(station)


async def test_a_csms_that_asks_for_a_certificate_sees_ours(authority: Authority) -> None:
    certificate, key = authority.issue("nocwatch")
    asking = authority.server_context()
    asking.verify_mode = ssl.CERT_REQUIRED
    asking.load_verify_locations(authority.certificate)
    tls = {"ca": authority.certificate, "certificate": certificate, "key": key}
    async with listening_csms() as csms, wss_relay(csms.port, tls) as (relay, _):
        far = await pair(relay, csms, asking)
        assert dict(each[0] for each in far.getpeercert()["subject"]) == {"commonName": "nocwatch"}


async def test_the_csms_is_asked_for_by_the_name_that_is_configured(authority: Authority) -> None:
    """It is reached by an address or an internal name, and known by another."""
    asked: list[str | None] = []
    context = authority.server_context("csms.example")
    context.sni_callback = lambda _sock, name, _context: asked.append(name)
    tls = {"ca": authority.certificate, "server_name": "csms.example"}
    async with listening_csms() as csms, wss_relay(csms.port, tls) as (relay, _):
        await pair(relay, csms, context)
        assert asked == ["csms.example"]


async def test_a_configured_name_that_the_certificate_does_not_bear_is_not_believed(
    authority: Authority,
) -> None:
    tls = {"ca": authority.certificate, "server_name": "csms.example"}
    async with listening_csms() as csms, wss_relay(csms.port, tls) as (relay, _):
        answer = await refusal(relay, csms, authority.server_context("other.example"))
        assert answer.startswith(b"HTTP/1.1 502 ")
        assert relay.counters.refused == {"upstream_tls": 1}


@pytest.mark.parametrize("of", [fingerprint, key_pin])
@pytest.mark.parametrize("verify", ["full", "pin"])
async def test_a_pinned_certificate_or_key_is_believed_and_another_is_not(
    authority: Authority, of: Any, verify: str
) -> None:
    """The other one is of the same authority and name: without the pin it would pass."""
    files = authority.issue("127.0.0.1", file="pinned")
    right, wrong = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), authority.server_context("127.0.0.1")
    right.load_cert_chain(*files)
    tls: dict[str, Any] = {"pins": ["ab" * 32, of(files[0])], "verify": verify}
    if verify == "full":
        tls["ca"] = authority.certificate
    async with listening_csms() as csms, wss_relay(csms.port, tls) as (relay, journal):
        await pair(relay, csms, right)
        assert b"not a pinned one" in await refusal(relay, csms, wrong)
        assert relay.counters.refused == {"upstream_pin": 1}
        assert (await journal.event("upstream_down"))["reason"] == "upstream_pin"


async def test_a_pin_does_not_stand_in_for_the_authority_unless_it_is_told_to(
    authority: Authority, tmp_path: Path
) -> None:
    files = Authority(tmp_path, "stranger").issue("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    pins = [fingerprint(files[0])]
    async with listening_csms() as csms:
        async with wss_relay(csms.port, {"ca": authority.certificate, "pins": pins}) as (relay, _):
            assert b"certificate" in await refusal(relay, csms, context)
        async with wss_relay(csms.port, {"verify": "pin", "pins": pins}) as (relay, _):
            await pair(relay, csms, context)


async def test_without_verification_whoever_answers_is_believed(tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "stranger")
    async with listening_csms() as csms, wss_relay(csms.port, {"verify": "none"}) as (relay, _):
        await pair(relay, csms, stranger.server_context("elsewhere.example"))
        assert any("not verified" in remark for remark in relay.ready()[1])


async def test_verification_is_on_by_default(authority: Authority) -> None:
    async with listening_csms() as csms, wss_relay(csms.port, {}) as (relay, _):
        assert (await refusal(relay, csms, authority.server_context())).startswith(b"HTTP/1.1 502 ")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"url": "ws://csms.example", "tls": {"ca": "ca.pem"}}, "tls is of wss"),
        ({"url": "wss://csms.example", "fallbacks": ["ws://b.example"]}, "all ws:// or all wss://"),
        ({"url": "wss://csms.example", "fallbacks": ["wss://"]}, "reads ws://host"),
        ({"url": "wss://csms.example", "tls": {"certificate": "c.pem"}}, "go together"),
        ({"url": "wss://csms.example", "tls": {"verify": "pin"}}, "needs pins"),
        ({"url": "wss://csms.example", "tls": {"verify": "none", "ca": "ca.pem"}}, "asks nobody"),
        ({"url": "wss://csms.example", "tls": {"pins": ["abc"]}}, "is no pin"),
        ({"url": "wss://csms.example", "tls": {"server_name": "a b"}}, "server_name"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_plain_words(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        UpstreamSettings.model_validate({"name": "main", **wrong})


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("AB:" * 31 + "cd", "ab" * 31 + "cd"),
        ("ab" * 32, "ab" * 32),
        ("sha256//" + "A" * 43 + "=", "sha256/" + "A" * 43 + "="),
    ],
)
def test_pins_are_taken_as_openssl_and_curl_print_them(written: str, kept: str) -> None:
    assert UpstreamTls.model_validate({"pins": [written]}).pins == (kept,)


@pytest.mark.parametrize("what", ["missing", "no PEM", "wrong key"])
def test_our_certificate_of_no_use_is_one_clear_line(authority: Authority, tmp_path: Path, what: str) -> None:
    certificate, key = authority.issue("nocwatch")
    if what == "missing":
        key = tmp_path / "nowhere.pem"
    elif what == "no PEM":
        certificate.write_text("hello")
    else:
        key = authority.issue("other")[1]
    with pytest.raises(NocwatchError, match=r"^upstream main: .*(nowhere|nocwatch)") as raised:
        client_context(UpstreamTls(certificate=certificate, key=key), "upstream main")
    assert "\n" not in str(raised.value)


async def through(relay: Relay, csms: Csms, context: ssl.SSLContext) -> bool:
    """One station comes through and goes again; whether TLS with the CSMS was resumed for it."""
    far = await pair(relay, csms, context)
    resumed = bool(far.transport_stream and far._ssl_object.session_reused)  # type: ignore[attr-defined]
    await far.aclose()
    return resumed


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_in_a_storm_each_dial_but_the_first_goes_by_the_session_of_one_before(
    authority: Authority, version: ssl.TLSVersion
) -> None:
    context = authority.server_context("127.0.0.1")
    context.minimum_version = context.maximum_version = version
    tls = {"ca": authority.certificate, "pins": [fingerprint(authority._folder / "127.0.0.1.crt")]}
    async with listening_csms() as csms, wss_relay(csms.port, tls) as (relay, _):
        assert [await through(relay, csms, context) for _ in range(4)] == [False, True, True, True]


async def test_a_csms_that_knows_our_session_no_more_is_checked_as_at_first(
    authority: Authority, tmp_path: Path
) -> None:
    """It was started again; or somebody else answers in its place, who is then not believed."""
    again = authority.server_context("127.0.0.1")
    stranger = Authority(tmp_path, "another authority").server_context("127.0.0.1")
    async with listening_csms() as csms, wss_relay(csms.port, {"ca": authority.certificate}) as (relay, _):
        assert not await through(relay, csms, authority.server_context("127.0.0.1"))
        assert not await through(relay, csms, again)
        assert await through(relay, csms, again)
        assert (await refusal(relay, csms, stranger)).startswith(b"HTTP/1.1 502 ")
        assert not await through(relay, csms, again)  # what failed once is not offered again
        assert await through(relay, csms, again)


async def test_a_dial_that_a_reload_overtakes_leaves_its_session_to_nobody(authority: Authority) -> None:
    """It goes by the former settings: offered under the new ones, each dial would fail until its time is up."""
    context = authority.server_context("127.0.0.1")
    async with listening_csms() as csms, wss_relay(csms.port, {"ca": authority.certificate}) as (relay, _):
        slow = await connect(relay)
        await slow.send_all(REQUEST)
        thinking = trio.SSLStream(await csms.accept(), context, server_side=True)
        await read_head(thinking)
        await relay.take_over(relay.settings)
        assert not await through(relay, csms, context)
        await thinking.send_all(ANSWER)
        assert await read_head(slow) == ANSWER
        assert await through(relay, csms, context)
        assert relay.counters.refused == {}


async def breaks_off(csms: Csms, _: ssl.SSLContext) -> None:
    stream = await csms.accept()
    assert await stream.receive_some(1)
    send_reset(stream)


async def is_silent(csms: Csms, _: ssl.SSLContext) -> None:
    assert await read_all(await csms.accept())


async def hangs_up_on_the_request(csms: Csms, context: ssl.SSLContext) -> None:
    stream = trio.SSLStream(await csms.accept(), context, server_side=True)
    await read_head(stream)
    await stream.transport_stream.aclose()


async def says_what_is_no_answer(csms: Csms, context: ssl.SSLContext) -> None:
    await behind_tls(csms, context, b"hello\r\n\r\n")


@pytest.mark.parametrize("fails", [breaks_off, is_silent, hangs_up_on_the_request, says_what_is_no_answer])
async def test_a_csms_that_cannot_cope_with_a_resumed_session_is_offered_none_again(
    authority: Authority, fails: Callable[[Csms, ssl.SSLContext], Awaitable[None]]
) -> None:
    """Else no station would come through until the session's time is up."""
    context = authority.server_context("127.0.0.1")
    tls = {"ca": authority.certificate}
    async with listening_csms() as csms, wss_relay(csms.port, tls, IMPATIENT) as (relay, _):
        assert not await through(relay, csms, context)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fails, csms, context)
            station = await connect(relay)
            await station.send_all(REQUEST)
            assert (await read_all(station)).startswith((b"HTTP/1.1 502 ", b"HTTP/1.1 504 "))
        assert not await through(relay, csms, context)
        assert await through(relay, csms, context)


async def test_a_session_is_kept_for_its_own_name_and_context_and_for_ten_minutes(
    authority: Authority,
) -> None:
    """What it leaves out is the certificate's check, which so never is older than that."""
    ours, others = authority.client_context(), authority.client_context()
    server = authority.server_context("127.0.0.1")

    async def connection(offered: ssl.SSLSession | None) -> Secured:
        near, far = socket.socketpair()
        near.setblocking(False)
        far.setblocking(False)
        ends: list[Secured] = []

        async def end(sock: socket.socket, context: ssl.SSLContext, *rest: Any) -> None:
            ends.append(await sockets.secure(sock, context, *rest))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(end, far, server)
            nursery.start_soon(end, near, ours, "127.0.0.1", offered)
        client = next(each for each in ends if each.peer_certificate())
        (peer,) = (each for each in ends if each is not client)
        peer.send(b"a word, and the session before it")
        assert await sockets.receive(client)
        peer.close()
        return client

    sessions = Sessions()
    assert sessions.of(ours, "127.0.0.1", 0.0) is None
    with await connection(None) as first:
        sessions.keep("127.0.0.1", first, 0.0)
    offered = sessions.of(ours, "127.0.0.1", CHECKED_FOR_S)
    assert offered is not None
    assert sessions.of(ours, "csms.example", 0.0) is None
    with await connection(offered) as second:
        assert second.resumed
        sessions.keep("127.0.0.1", second, CHECKED_FOR_S)
    assert sessions.of(ours, "127.0.0.1", CHECKED_FOR_S) is not None
    assert sessions.of(ours, "127.0.0.1", CHECKED_FOR_S + 1) is None  # the first one's check counts
    late = await connection(offered)
    with late, await connection(None) as full:
        sessions.keep("127.0.0.1", full, CHECKED_FOR_S + 1)
        kept = sessions.of(ours, "127.0.0.1", CHECKED_FOR_S + 1)
        assert kept is not None
        sessions.keep("127.0.0.1", late, CHECKED_FOR_S + 2)  # by the first one's check, which is over
        assert sessions.of(ours, "127.0.0.1", CHECKED_FOR_S + 2) is kept
    with await connection(None) as third:
        sessions.keep("127.0.0.1", third, 1000.0)
        assert sessions.of(others, "127.0.0.1", 1000.0) is None
        sessions.keep("127.0.0.1", third, 1000.0)
        assert sessions.of(others, "127.0.0.1", 1000.0) is None


async def test_a_csms_without_forward_secrecy_is_not_believed(authority: Authority) -> None:
    """Old ciphers are for chargers that nobody can renew; a CSMS is not one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("127.0.0.1", kind="RSA"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("RSA+AES")
    async with listening_csms() as csms, wss_relay(csms.port, {"ca": authority.certificate}) as (relay, _):
        assert (await refusal(relay, csms, context)).startswith(b"HTTP/1.1 502 ")
        assert relay.counters.refused == {"upstream_tls": 1}
