"""The header that a load balancer puts before a connection: what it says, and what is no such header."""

from __future__ import annotations

import ipaddress
import struct
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nocwatch.proxy.proxy_protocol import (
    SIGNATURE,
    V1_BYTES_MAX,
    V2_BYTES_MAX,
    Header,
    HeaderFlaw,
    crc32c,
    looks_like_header,
    read_header,
)

V4 = bytes([203, 0, 113, 7, 192, 0, 2, 1]) + struct.pack("!HH", 51234, 443)
V6 = (
    ipaddress.IPv6Address("2001:db8::7").packed
    + ipaddress.IPv6Address("2001:db8::1").packed
    + struct.pack("!HH", 51234, 443)
)


def v2(body: bytes = V4, command: int = 0x21, family: int = 0x11) -> bytes:
    return SIGNATURE + bytes([command, family]) + struct.pack("!H", len(body)) + body


def tlv(kind: int, value: bytes) -> bytes:
    return bytes([kind]) + struct.pack("!H", len(value)) + value


def with_checksum(body: bytes) -> bytes:
    blank = v2(body + tlv(3, bytes(4)))
    return blank[:-4] + struct.pack("!I", crc32c(blank))


@pytest.mark.parametrize(
    ("raw", "host", "port"),
    [
        (b"PROXY TCP4 203.0.113.7 192.0.2.1 51234 443\r\n", "203.0.113.7", 51234),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 51234 443\r\n", "2001:db8::7", 51234),
        (b"PROXY TCP6 ::ffff:203.0.113.7 ::1 0 65535\r\n", "203.0.113.7", 0),
        (b"PROXY UNKNOWN\r\n", None, 0),
        (b"PROXY UNKNOWN ffff:f...f:ffff whatever 1 2\r\n", None, 0),
        (v2(), "203.0.113.7", 51234),
        (v2(V6, family=0x21), "2001:db8::7", 51234),
        (v2(V4 + tlv(0xEA, b"vpce-08d2bf15fac5001c9") + tlv(4, b"") + tlv(0x20, b"x" * 300)), "203.0.113.7", 51234),
        (with_checksum(V4 + tlv(0x02, b"relay.example")), "203.0.113.7", 51234),
        (v2(b"", 0x20, 0x00), None, 0),
        (v2(b"anything at all", 0x20, 0xFF), None, 0),
        (v2(b"", 0x21, 0x00), None, 0),
        (v2(bytes(216), 0x21, 0x31), None, 0),
        (v2(V4, 0x21, 0x12), None, 0),
    ],
)  # fmt: skip
def test_who_connected_to_the_load_balancer(raw: bytes, host: str | None, port: int) -> None:
    for behind in (b"", b"GET /ocpp/CP1 HTTP/1.1\r\n\r\n", b"\x16\x03\x01"):
        assert read_header(raw + behind) == Header(len(raw), host, port)


def test_the_longest_header_of_version_1_is_read_and_one_byte_more_is_not() -> None:
    longest = b"PROXY UNKNOWN " + b"x" * (V1_BYTES_MAX - 16) + b"\r\n"
    assert len(longest) == V1_BYTES_MAX == 107
    assert read_header(longest) == Header(V1_BYTES_MAX)
    assert read_header(b"PROXY UNKNOWN " + b"x" * (V1_BYTES_MAX - 15) + b"\r\n") is HeaderFlaw.MALFORMED
    assert read_header(b"PROXY UNKNOWN " + b"x" * 5000) is HeaderFlaw.MALFORMED


@pytest.mark.parametrize(
    "raw",
    [
        b"PROXY TCP4 203.0.113.7 192.0.2.1 51234 443\n",
        b"PROXY TCP4  203.0.113.7 192.0.2.1 51234 443\r\n",
        b"PROXY TCP4 203.0.113.07 192.0.2.1 51234 443\r\n",
        b"PROXY TCP4 203.0.113.7 192.0.2.1 051234 443\r\n",
        b"PROXY TCP4 203.0.113.7 192.0.2.1 65536 443\r\n",
        b"PROXY TCP4 203.0.113.7 192.0.2.1 -1 443\r\n",
        b"PROXY TCP4 203.0.113.7 192.0.2.1 51234\r\n",
        b"PROXY TCP4 2001:db8::7 2001:db8::1 51234 443\r\n",
        b"PROXY TCP6 203.0.113.7 192.0.2.1 51234 443\r\n",
        b"PROXY TCP6 fe80::1%eth0 ::1 51234 443\r\n",
        b"PROXY UDP4 203.0.113.7 192.0.2.1 51234 443\r\n",
        b"PROXY UNKNOWNISH\r\n",
        b"PROXY TCP4 203.0.113.7 192.0.2.1 51234 443\r\r\n",
        b"PROXY tcp4 203.0.113.7 192.0.2.1 51234 443\r\n",
        v2(V4, 0x22),
        v2(V4, 0x11),
        v2(V4, 0x21, 0x13),
        v2(V4, 0x21, 0x41),
        v2(V4[:-1]),
        v2(V4, 0x21, 0x21),
        v2(bytes(215), 0x21, 0x31),
        v2(V4 + b"\x04\x00"),
        v2(V4 + b"\x04\x00\x02x"),
        v2(V4 + tlv(3, b"nope")),
        v2(V4 + tlv(3, b"")),
        with_checksum(V4 + tlv(3, b"\x00" * 4)),
        SIGNATURE + b"\x21\x11" + struct.pack("!H", V2_BYTES_MAX),
    ],
)
def test_a_broken_header_is_malformed_and_never_waited_for(raw: bytes) -> None:
    assert read_header(raw) is HeaderFlaw.MALFORMED


@pytest.mark.parametrize("raw", [b"GET / HTTP/1.1\r\n", b"\x16\x03\x01", b"proxy ", b"\r\n\r\nGET", b"PROXX"])
def test_a_connection_without_a_header_is_known_at_once(raw: bytes) -> None:
    assert read_header(raw) is HeaderFlaw.MISSING
    assert not looks_like_header(raw)


def test_only_the_version_that_the_operator_chose_is_taken() -> None:
    v1 = b"PROXY UNKNOWN\r\n"
    assert read_header(v1, "v1") == Header(len(v1))
    assert read_header(v1, "v2") is HeaderFlaw.MALFORMED
    assert read_header(v2(), "v1") is HeaderFlaw.MALFORMED
    assert isinstance(read_header(v2(), "v2"), Header)
    assert looks_like_header(v1)
    assert looks_like_header(bytearray(v2()))


def test_a_changed_byte_is_found_by_the_checksum() -> None:
    good = with_checksum(V4)
    assert isinstance(read_header(good), Header)
    for at in (16, 20, len(good) - 1):
        bad = bytearray(good)
        bad[at] ^= 1
        assert read_header(bytes(bad)) is HeaderFlaw.MALFORMED


def test_the_checksum_is_castagnolis() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # the check value of RFC 9260's polynomial
    assert crc32c(bytes(32)) == 0x8A9136AA


def test_a_header_full_of_checksums_keeps_nobody_waiting() -> None:
    """Each checksum is a walk over the whole header; of two thousand of them only one is walked."""
    raw = v2(V4 + tlv(3, bytes(4)) * 2000)
    since = time.process_time()
    assert read_header(raw) is HeaderFlaw.MALFORMED
    assert time.process_time() - since < 0.5


_pieces = st.sampled_from(
    [b"PROXY ", b"TCP4 ", b"TCP6 ", b"UNKNOWN", b"1.2.3.4 ", b"::1 ", b"80 ", b"80", b"\r\n", b"\n", b"\r", b" "]
)  # fmt: skip


@settings(deadline=None, max_examples=300)
@given(
    st.one_of(
        st.binary(max_size=150),
        st.lists(_pieces, max_size=12).map(b"".join),
        st.binary(max_size=60).map(lambda tail: SIGNATURE + tail),
        st.builds(v2, st.binary(max_size=60), st.integers(0, 255), st.integers(0, 255)),
        st.binary(max_size=30).map(lambda tail: with_checksum(V4) + tail),
    )
)
def test_any_bytes_in_any_pieces_lead_to_one_verdict(data: bytes) -> None:
    """What was waited for is what comes out; and what follows a header changes nothing of it."""
    verdict = None
    for size in range(1, len(data) + 1):
        found = read_header(data[:size])
        if verdict is None:
            verdict = found
            if isinstance(found, Header):
                assert found.length == size  # never later than it could have been known
        elif isinstance(verdict, Header):
            assert found == verdict
        else:
            assert isinstance(found, HeaderFlaw)
