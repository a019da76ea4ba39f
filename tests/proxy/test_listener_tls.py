"""Stations before a TLS listener: versions, ciphers, certificates, and whose they are."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
import trio
from pydantic import ValidationError
from tests.support.certificates import Authority, fingerprint, locked
from tests.support.relaying import (
    ANSWER,
    PATIENCE_S,
    REQUEST,
    connect,
    listening_csms,
    read_exactly,
    read_head,
)
from tests.support.secured import (
    answer_of,
    has_been_dialled,
    is_refused_by_tls,
    opened,
    refused,
    station_context,
    tls_relay,
)

from nocwatch.errors import NocwatchError
from nocwatch.proxy import sockets
from nocwatch.proxy.tls import server_context
from nocwatch.proxy.tls_settings import ListenerTls

OF_EC_KEYS = ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"]
OF_RSA_KEYS = ["AES128-GCM-SHA256", "AES256-GCM-SHA384"]
"""The four that OCPP 1.6's security whitepaper and OCPP 2.0.1 name."""


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def only(
    authority: Authority,
    ciphers: str = "DEFAULT@SECLEVEL=0",
    version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
) -> ssl.SSLContext:
    """A station that speaks one version, and there these ciphers."""
    context = station_context(authority)
    context.set_ciphers(ciphers)
    context.minimum_version = context.maximum_version = version
    return context


@pytest.mark.parametrize(
    ("version", "told"), [(ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")]
)
async def test_tls_1_2_and_1_3_are_spoken(authority: Authority, version: ssl.TLSVersion, told: str) -> None:
    async with listening_csms() as csms, tls_relay(csms, authority) as (relay, journal):
        await opened(relay, csms, only(authority, version=version))
        assert (await journal.event("open"))["tls"] == told


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize("ciphers", ["modern", "legacy"])
async def test_nothing_older_is_spoken_whatever_the_ciphers(authority: Authority, ciphers: str) -> None:
    async with listening_csms() as csms, tls_relay(csms, authority, ciphers=ciphers) as (relay, _):
        assert await is_refused_by_tls(relay, only(authority, version=ssl.TLSVersion.TLSv1_1))
        await refused(relay, "station_tls_old")


async def test_a_listener_of_tls_1_3_alone_refuses_1_2(authority: Authority) -> None:
    async with listening_csms() as csms, tls_relay(csms, authority, minimum="1.3") as (relay, _):
        assert await is_refused_by_tls(relay, only(authority))
        await refused(relay, "station_tls_old")
        await opened(relay, csms, station_context(authority))


@pytest.mark.parametrize("cipher", [*OF_RSA_KEYS, "AES128-SHA256", "ECDHE-RSA-AES128-SHA"])
async def test_an_old_chargers_ciphers_are_for_legacy_listeners_only(
    authority: Authority, cipher: str
) -> None:
    certificate, key = authority.issue("relay.example", kind="RSA")
    files = {"certificate": certificate, "key": key}
    async with listening_csms() as csms:
        async with tls_relay(csms, authority, **files) as (relay, _):
            assert await is_refused_by_tls(relay, only(authority, cipher))
            await refused(relay, "station_tls_no_cipher")
        async with tls_relay(csms, authority, ciphers="legacy", **files) as (relay, _):
            station, _ = await opened(relay, csms, only(authority, cipher))
            assert station.cipher()[0] == cipher


async def test_with_two_certificates_every_suite_that_ocpp_names_is_spoken(authority: Authority) -> None:
    certificate, key = authority.issue("relay.example", file="rsa", kind="RSA")
    second = {"certificate": certificate, "key": key}
    async with (
        listening_csms() as csms,
        tls_relay(csms, authority, ciphers="legacy", second=second) as (relay, _),
    ):
        for cipher in [*OF_EC_KEYS, *OF_RSA_KEYS]:
            station, _ = await opened(relay, csms, only(authority, cipher))
            assert station.cipher()[0] == cipher


async def test_a_certificate_may_be_asked_for_and_not_required(authority: Authority) -> None:
    tls = {"client_ca": authority.certificate, "client_certificate": "optional"}
    async with listening_csms() as csms, tls_relay(csms, authority, **tls) as (relay, journal):
        await opened(relay, csms, station_context(authority))
        assert (await journal.event("open"))["certificate"] is None
        await opened(relay, csms, station_context(authority, authority.issue("CP1")))
        assert (await journal.event("open", 2))["security_profile"] == 3


async def test_the_open_event_tells_whose_certificate_it_was(authority: Authority) -> None:
    shown = authority.issue("SN-0815", dns="cp1.chargers.example")
    async with (
        listening_csms() as csms,
        tls_relay(csms, authority, client_ca=authority.certificate) as (relay, journal),
    ):
        await opened(relay, csms, station_context(authority, shown))
        told = (await journal.event("open"))["certificate"]
        live = list(journal.live())
        assert (told["name"], told["names"], told["issuer"]) == (
            "SN-0815",
            ["cp1.chargers.example"],
            "test authority",
        )
        assert told["sha256"] == fingerprint(shown[0])
        assert told["not_after_s"] > 1_700_000_000
        assert told["serial"]
        assert b"SN-0815" in live[0][1]


@pytest.mark.parametrize(
    ("client_name", "common", "dns", "goes"),
    [
        ("{station}", "CP1", "a.example", True),
        ("{station}", "cp1", "a.example", True),
        ("{station}", "SN-0815", "CP1", True),
        ("{station}.chargers.example", "SN-0815", "cp1.chargers.example", True),
        ("{station}.chargers.example", "CP1", "a.example", False),
        ("{station}", "CP2", "a.example", False),
        ("{station}", "CP11", "xCP1", False),
        ("{station}", "*", "*", False),
    ],
)
async def test_by_option_the_certificate_must_be_that_of_the_station_in_the_path(
    authority: Authority, client_name: str, common: str, dns: str, goes: bool
) -> None:
    shown = authority.issue(common, file="shown", dns=dns)
    tls = {"client_ca": authority.certificate, "client_name": client_name}
    async with listening_csms() as csms, tls_relay(csms, authority, **tls) as (relay, journal):
        context = station_context(authority, shown)
        if goes:
            await opened(relay, csms, context)
            return
        assert (await answer_of(relay, context)).startswith(b"HTTP/1.1 403 ")
        event = await journal.event("refused")
        assert (event["station"], event["by"], event["reason"]) == ("CP1", "relay", "certificate_of_another")
        assert event["certificate"]["name"] == common
        assert relay.counters.refused == {"certificate_of_another": 1}
        assert not has_been_dialled(csms)


async def test_a_path_without_an_identity_is_nobodys(authority: Authority) -> None:
    shown = authority.issue("x", dns=".chargers.example")
    tls = {"client_ca": authority.certificate, "client_name": "{station}.chargers.example"}
    async with listening_csms() as csms, tls_relay(csms, authority, **tls) as (relay, _):
        answer = await answer_of(
            relay, station_context(authority, shown), REQUEST.replace(b"/ocpp/CP1", b"/")
        )
        assert answer.startswith(b"HTTP/1.1 403 ")


async def test_while_a_fleet_moves_a_station_without_a_certificate_is_not_asked_for_its_name(
    authority: Authority,
) -> None:
    tls = {"client_ca": authority.certificate, "client_certificate": "optional", "client_name": "{station}"}
    async with listening_csms() as csms, tls_relay(csms, authority, **tls) as (relay, _):
        await opened(relay, csms, station_context(authority))
        other = station_context(authority, authority.issue("CP2"))
        assert (await answer_of(relay, other)).startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_station_that_resumes_its_session_is_still_who_it_was(
    authority: Authority, version: ssl.TLSVersion
) -> None:
    """Coming back is cheap, and no way round the check of names."""
    context = station_context(authority, authority.issue("CP1"))
    context.minimum_version = context.maximum_version = version
    tls = {"client_ca": authority.certificate, "client_name": "{station}"}
    async with listening_csms() as csms, tls_relay(csms, authority, **tls) as (relay, journal):
        station, far = await opened(relay, csms, context)
        session = station._ssl_object.session
        await far.aclose()
        raw = await resumed(relay, context, session)
        await raw.send_all(REQUEST)
        await csms.welcome()
        assert await read_head(raw) == ANSWER
        assert raw._ssl_object.session_reused
        assert (await journal.event("open", 2))["certificate"]["name"] == "CP1"
        raw = await resumed(relay, context, session)
        await raw.send_all(REQUEST.replace(b"CP1", b"CP2"))
        assert (await read_head(raw)).startswith(b"HTTP/1.1 403 ")


async def resumed(relay: Any, context: ssl.SSLContext, session: Any) -> Any:
    stream = trio.SSLStream(
        await connect(relay), context, server_hostname="relay.example", https_compatible=True
    )
    stream._ssl_object.session = session
    await stream.do_handshake()
    return stream


async def test_a_revoked_certificate_is_refused_and_others_are_not(authority: Authority) -> None:
    stolen, good = authority.issue("CP1"), authority.issue("CP2")
    tls = {"client_ca": authority.certificate, "crl": authority.revocations(stolen[0])}
    async with listening_csms() as csms, tls_relay(csms, authority, **tls) as (relay, _):
        await opened(relay, csms, station_context(authority, good))
        assert await is_refused_by_tls(relay, station_context(authority, stolen))
        await refused(relay, "station_tls_certificate_revoked")


async def test_a_revocation_list_that_ran_out_lets_nobody_in_and_says_why(authority: Authority) -> None:
    tls = {"client_ca": authority.certificate, "crl": authority.revocations(days=(-2, -1))}
    async with listening_csms() as csms, tls_relay(csms, authority, **tls) as (relay, _):
        assert await is_refused_by_tls(relay, station_context(authority, authority.issue("CP1")))
        await refused(relay, "station_tls_no_valid_crl")


async def test_what_is_wrong_with_a_stations_certificate_is_counted_by_its_kind(
    authority: Authority, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "stranger").issue("CP1")
    expired = authority.issue("CP2", days=(-2, -1))
    async with (
        listening_csms() as csms,
        tls_relay(csms, authority, client_ca=authority.certificate) as (relay, _),
    ):
        assert await is_refused_by_tls(relay, station_context(authority, stranger))
        assert await is_refused_by_tls(relay, station_context(authority, expired))
        assert relay.counters.refused == {
            "station_tls_certificate_unknown_authority": 1,
            "station_tls_certificate_expired": 1,
        }


async def test_a_station_that_does_not_believe_our_certificate_is_counted_as_such(
    authority: Authority, tmp_path: Path
) -> None:
    """The fault is ours: a chain that lacks its middle, or an authority that the charger has never heard of."""
    context = station_context(Authority(tmp_path, "another"))

    def distrust(address: str) -> None:
        host, port = address.rsplit(":", 1)
        with socket.create_connection((host, int(port))) as sock, pytest.raises(ssl.SSLCertVerificationError):
            context.wrap_socket(sock, server_hostname="relay.example")

    async with listening_csms() as csms, tls_relay(csms, authority) as (relay, _):
        await trio.to_thread.run_sync(distrust, relay.addresses[0])
        await refused(relay, "station_tls_distrusts_us")


async def test_a_check_that_connects_and_leaves_is_counted_apart(authority: Authority) -> None:
    async with listening_csms() as csms, tls_relay(csms, authority) as (relay, _):
        await (await connect(relay)).aclose()
        await refused(relay, "station_tls_left")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"client_name": "{station}"}, "client_name needs client_ca"),
        ({"crl": "list.pem"}, "crl needs client_ca"),
        ({"client_certificate": "optional"}, "client_certificate needs client_ca"),
        ({"client_ca": "ca.pem", "client_name": "CP1"}, "where the identity stands"),
        ({"client_ca": "ca.pem", "client_name": "{station}{station}"}, "where the identity stands"),
        ({"minimum": "1.1"}, "'1.2' or '1.3'"),
        ({"ciphers": "ALL"}, "'modern' or 'legacy'"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_plain_words(wrong: dict[str, str], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        ListenerTls.model_validate({"certificate": "c.pem", "key": "k.pem", **wrong})


@pytest.mark.parametrize("what", ["two of a kind", "no list", "no authority", "encrypted key"])
def test_files_of_no_use_are_one_clear_line(authority: Authority, tmp_path: Path, what: str) -> None:
    certificate, key = authority.issue("relay.example")
    tls: dict[str, Any] = {"certificate": certificate, "key": key}
    if what == "two of a kind":
        other = authority.issue("relay.example", file="other")
        tls["second"] = {"certificate": other[0], "key": other[1]}
        says = "both have EC keys"
    elif what == "no list":
        tls |= {"client_ca": authority.certificate, "crl": authority.certificate}
        says = "no revocation list in it"
    elif what == "no authority":
        tls["client_ca"] = tmp_path / "nowhere.pem"
        says = "nowhere.pem cannot be read: No such file"
    else:
        key.write_bytes(locked(key))
        says = "is of no use"
    with pytest.raises(NocwatchError, match=says) as raised:
        server_context(ListenerTls.model_validate(tls), "relay.listen 127.0.0.1:9443")
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith("relay.listen 127.0.0.1:9443: ")


async def test_what_came_in_one_packet_with_the_first_record_does_not_wait_for_the_next_packet(
    authority: Authority,
) -> None:
    """A station that empties its queue sends many records at once; one read of TLS gives one of them."""
    async with listening_csms() as csms, tls_relay(csms, authority) as (relay, _):
        plain = (await connect(relay)).socket
        raw = socket.socket(fileno=plain.detach())
        station = await sockets.secure(raw, authority.client_context(), "relay.example")
        with trio.fail_after(PATIENCE_S):
            await sockets.send_all(station, REQUEST)
            behind, _ = await csms.welcome()
            assert (await sockets.receive(station)).startswith(b"HTTP/1.1 101")
            for _ in range(3):  # the link is at rest, then awake, then at rest again
                for number in range(50):  # nobody else runs meanwhile
                    station.send(b"%02d" % number * 50)
                assert await read_exactly(behind, 5000) == b"".join(b"%02d" % each * 50 for each in range(50))
                await behind.send_all(b"thanks")
                assert await sockets.receive(station) == b"thanks"
        station.close()
