"""X-Forwarded-For and Forwarded: who the station is behind balancers, whatever it writes there itself."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nocwatch.proxy.forwarded import HOPS_MAX, HeaderName, told, true_address
from nocwatch.proxy.handshake import RequestHead, parse_request
from nocwatch.proxy.networks import Networks

TRUSTED = Networks(["10.0.0.0/8", "fd00::/8"])
BALANCER = ("10.0.0.1", 4711)


def head(*lines: bytes) -> bytes:
    return b"\r\n".join([b"GET /ocpp/CP1 HTTP/1.1", b"Host: a", *lines, b"", b""])


def seen(header: HeaderName, *lines: bytes) -> tuple[str, int]:
    return true_address(*BALANCER, head(*lines), header, TRUSTED)


@pytest.mark.parametrize(
    ("lines", "station"),
    [
        ((b"X-Forwarded-For: 203.0.113.7",), ("203.0.113.7", 0)),
        ((b"x-forwarded-for:203.0.113.7:51234",), ("203.0.113.7", 51234)),
        ((b"X-Forwarded-For: [2001:db8::7]:51234",), ("2001:db8::7", 51234)),
        ((b"X-Forwarded-For: 2001:db8::7",), ("2001:db8::7", 0)),
        ((b"X-Forwarded-For: ::ffff:203.0.113.7",), ("203.0.113.7", 0)),
        ((b"X-Forwarded-For: 6.6.6.6, 203.0.113.7 , 10.0.0.2,10.9.9.9",), ("203.0.113.7", 0)),
        ((b"X-Forwarded-For: 6.6.6.6, 203.0.113.7", b"A: b", b"X-FORWARDED-FOR: 10.0.0.2"), ("203.0.113.7", 0)),
        ((b"X-Forwarded-For: 203.0.113.7, ,, ",), ("203.0.113.7", 0)),
        ((b"X-Forwarded-For: 10.0.0.3, 10.0.0.2",), ("10.0.0.3", 0)),
        ((b"X-Forwarded-For: 203.0.113.7, unknown",), BALANCER),
        ((b"X-Forwarded-For: 203.0.113.7, banana, 10.0.0.2",), ("10.0.0.2", 0)),
        ((b"X-Forwarded-For: 203.0.113.7:99999",), BALANCER),
        ((b"X-Forwarded-For: 203.0.113.7\"",), BALANCER),
        ((b"X-Forwarded-For:",), BALANCER),
        ((b"Forwarded: for=203.0.113.7",), BALANCER),
        ((b"X-Forwarded-For-Not: 203.0.113.7",), BALANCER),
        ((), BALANCER),
    ],
)  # fmt: skip
def test_the_right_most_address_that_is_not_trusted_is_the_station(
    lines: tuple[bytes, ...], station: tuple[str, int]
) -> None:
    assert seen("x-forwarded-for", *lines) == station


@pytest.mark.parametrize(
    ("lines", "station"),
    [
        ((b"Forwarded: for=203.0.113.7;proto=https;by=10.0.0.1",), ("203.0.113.7", 0)),
        ((b'forwarded: host="a, for=6.6.6.6" ; FOR="[2001:db8::7]:51234"',), ("2001:db8::7", 51234)),
        ((b'Forwarded: for=203.0.113.7;host="x, for=\\"6.6.6.6\\""',), ("203.0.113.7", 0)),
        ((b'Forwarded: for="203\\.0.113.7:80"',), ("203.0.113.7", 80)),
        ((b"Forwarded: for=6.6.6.6, for=203.0.113.7,for=10.0.0.2",), ("203.0.113.7", 0)),
        ((b"Forwarded: for=203.0.113.7", b"Forwarded: for=10.0.0.2"), ("203.0.113.7", 0)),
        ((b"Forwarded: for=203.0.113.7, for=unknown",), BALANCER),
        ((b"Forwarded: for=203.0.113.7, for=_hidden, for=10.0.0.2",), ("10.0.0.2", 0)),
        ((b"Forwarded: for=203.0.113.7, proto=https",), BALANCER),
        ((b"Forwarded: 203.0.113.7",), BALANCER),
        ((b"Forwarded: for=2001:db8::7",), BALANCER),
        ((b"X-Forwarded-For: 203.0.113.7",), BALANCER),
    ],
)
def test_forwarded_is_read_as_the_standard_writes_it(
    lines: tuple[bytes, ...], station: tuple[str, int]
) -> None:
    assert seen("forwarded", *lines) == station


@settings(deadline=None, max_examples=300)
@given(
    st.one_of(
        st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=60),
        st.lists(
            st.sampled_from(["for=", '"', "\\", ",", ";", " ", "1.2.3.4", "10.0.0.9", "[::1]", "x=", "_h", ":80"]),
            max_size=14,
        ).map("".join),
    ),
    st.sampled_from(["x-forwarded-for", "forwarded"]),
    st.sampled_from(["203.0.113.7", "2001:db8::7"]),
)  # fmt: skip
def test_nothing_that_a_station_writes_there_hides_its_address(
    written: str, header: HeaderName, station: str
) -> None:
    """The balancer adds the address that it saw, as any proxy does; what stands before it is the station's own story."""
    request = head(header.title().encode() + b": " + written.encode("latin-1"))
    assert true_address(*BALANCER, told(request, header, station), header, TRUSTED) == (station, 0)


def test_a_connection_past_the_balancer_speaks_for_itself() -> None:
    request = head(b"X-Forwarded-For: 10.0.0.2")
    assert true_address("203.0.113.9", 80, request, "x-forwarded-for", TRUSTED) == ("203.0.113.9", 80)


def test_a_list_without_end_keeps_nobody_waiting() -> None:
    since = time.process_time()
    many = b", ".join(b"10.0.%d.%d" % (each // 250, each % 250) for each in range(5000))
    assert seen("x-forwarded-for", b"X-Forwarded-For: " + many) == (
        f"10.0.19.{(5000 - HOPS_MAX) % 250}",
        0,
    )
    for nonsense in (
        b',"' * 30_000,
        b"," * 60_000,
        b"a=b;" * 16_000,
        b"\\" * 60_000,
        b'"' + b"a,b=c" * 12_000,
    ):
        for header in ("x-forwarded-for", "forwarded"):
            assert seen(header, header.encode() + b": 1.1.1.1" + nonsense)  # type: ignore[arg-type]
    assert time.process_time() - since < 2


@pytest.mark.parametrize(
    ("header", "host", "before", "after"),
    [
        ("x-forwarded-for", "203.0.113.7", (b"A: b",), (b"A: b", b"X-Forwarded-For: 203.0.113.7")),
        ("x-forwarded-for", "::ffff:203.0.113.7", (), (b"X-Forwarded-For: 203.0.113.7",)),
        ("x-forwarded-for", "2001:db8::7", (), (b"X-Forwarded-For: 2001:db8::7",)),
        (
            "x-forwarded-for",
            "203.0.113.7",
            (b"x-FORWARDED-for:1.1.1.1 \t", b"A: b"),
            (b"x-FORWARDED-for:1.1.1.1, 203.0.113.7 \t", b"A: b"),
        ),
        (
            "x-forwarded-for",
            "203.0.113.7",
            (b"X-Forwarded-For: 1.1.1.1", b"X-Forwarded-For: 2.2.2.2", b"A: b"),
            (b"X-Forwarded-For: 1.1.1.1", b"X-Forwarded-For: 2.2.2.2, 203.0.113.7", b"A: b"),
        ),
        ("x-forwarded-for", "203.0.113.7", (b"X-Forwarded-For:",), (b"X-Forwarded-For: 203.0.113.7",)),
        ("forwarded", "203.0.113.7", (), (b"Forwarded: for=203.0.113.7",)),
        ("forwarded", "2001:db8::7", (), (b'Forwarded: for="[2001:db8::7]"',)),
        ("forwarded", "2001:db8::7", (b"Forwarded: for=_x;by=y",), (b'Forwarded: for=_x;by=y, for="[2001:db8::7]"',)),
        ("forwarded", "", (), (b"Forwarded: for=unknown",)),
    ],
)  # fmt: skip
def test_the_csms_is_told_at_the_end_of_the_header_and_nothing_else_changes(
    header: HeaderName, host: str, before: tuple[bytes, ...], after: tuple[bytes, ...]
) -> None:
    made = told(head(*before), header, host)
    assert made == head(*after)
    assert isinstance(parse_request(made), RequestHead)
