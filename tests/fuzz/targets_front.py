"""What must hold of what stands before a request: a load balancer's header, the word of other proxies, and credentials."""

from __future__ import annotations

import ipaddress
import socket

from tests.fuzz.source import Source, pieces

from nocwatch.keyhash import key_hash
from nocwatch.proxy.credentials import SCHEMES, hashed_user, scheme_of, user_of
from nocwatch.proxy.forwarded import HeaderName, told, true_address
from nocwatch.proxy.handshake import RequestHead, parse_request
from nocwatch.proxy.networks import Networks, number_of
from nocwatch.proxy.proxy_protocol import SIGNATURE, V2_BYTES_MAX, Header, HeaderFlaw, Version, read_header

VERSIONS: tuple[Version, ...] = ("any", "v1", "v2")
HEADERS: tuple[HeaderName, ...] = ("x-forwarded-for", "forwarded")
BALANCER = ("10.0.0.9", 40_000)
TRUSTED = Networks(["10.0.0.0/8", "2001:db8:1::/48"])
STATIONS = ("203.0.113.7", "2001:db8::7", "::ffff:203.0.113.7")


def proxy_header(data: bytes) -> None:
    """One verdict however it is cut; nothing of what follows belongs to it; and the address is the one that stands there."""
    source = Source(data)
    version = source.one_of(VERSIONS)
    plan = Source(source.take(source.number(12)))
    begins = source.one_of(
        (
            b"",
            b"PROXY ",
            b"PROXY TCP4 ",
            b"PROXY TCP6 ",
            SIGNATURE,
            SIGNATURE + b"\x21\x11\0",
            SIGNATURE + b"\x21\x21\0",
        )
    )
    received = begins + source.rest()
    whole = read_header(received, version)
    sofar, verdict = b"", None
    for piece in pieces(received, plan):
        waited = len(sofar)
        sofar += piece
        verdict = read_header(sofar, version)
        if verdict is not None:
            assert not isinstance(verdict, Header) or verdict.length > waited, (
                "it waited for bytes of the station's"
            )
            break
    if not isinstance(verdict, HeaderFlaw) or not isinstance(whole, HeaderFlaw):
        assert verdict == whole, (verdict, whole)
    if not isinstance(whole, Header):
        assert whole is not None or len(received) < V2_BYTES_MAX
        return
    assert whole.length <= len(received)
    assert read_header(received[: whole.length], version) == whole
    assert not any(
        isinstance(read_header(received[:length], version), Header | HeaderFlaw)
        for length in range(whole.length)
    )
    if whole.host is not None:
        assert _address(received[: whole.length]) == (whole.host, whole.port)


def _address(header: bytes) -> tuple[str, int]:
    """As the C library reads it."""
    if header.startswith(b"PROXY "):
        _, kind, source, _, port, _ = header.decode("ascii").removesuffix("\r\n").split(" ")
        family = socket.AF_INET if kind == "TCP4" else socket.AF_INET6
        packed = socket.inet_pton(family, source)
        number = int(port)
    else:
        family = socket.AF_INET if header[13] >> 4 == 1 else socket.AF_INET6
        size = 4 if family == socket.AF_INET else 16
        packed = header[16 : 16 + size]
        number = header[16 + 2 * size] << 8 | header[17 + 2 * size]
    text = socket.inet_ntop(family, packed)
    if packed[:12] == bytes(10) + b"\xff\xff" and family == socket.AF_INET6:
        text = socket.inet_ntop(socket.AF_INET, packed[12:])
    # The C library writes some IPv6 addresses with an IPv4 tail; what they mean is what counts.
    return str(ipaddress.ip_address(text)), number


def forwarded(data: bytes) -> None:
    """Whatever a station wrote there: what our own balancer adds is what counts, and it adds only that."""
    source = Source(data)
    header = source.one_of(HEADERS)
    station = source.one_of(STATIONS)
    begins = source.one_of(
        (b"", header.encode() + b": ", header.title().encode() + b":", header.upper().encode() + b": for=")
    )
    head = b"GET /x HTTP/1.1\r\n" + begins + source.rest() + b"\r\n\r\n"
    if not isinstance(parse_request(head), RequestHead):
        return
    host, port = true_address(*BALANCER, head, header, TRUSTED)
    assert number_of(host) is not None
    assert 0 <= port <= 65535
    assert true_address("203.0.113.99", 5, head, header, TRUSTED) == ("203.0.113.99", 5), (
        "a stranger is believed"
    )
    more = told(head, header, station)
    plain = STATIONS[0] if station == STATIONS[2] else station
    assert isinstance(parse_request(more), RequestHead)
    assert true_address(*BALANCER, more, header, TRUSTED) == (plain, 0)
    front = next((at for at, (old, new) in enumerate(zip(head, more, strict=False)) if old != new), len(head))
    back = len(head) - front
    assert more.endswith(head[len(head) - back :]), "more changed than was added"
    assert len(more) - len(head) <= len(station) + 24


def credentials(data: bytes) -> None:
    """Of an Authorization value only a known scheme and a hash come out."""
    value = data.replace(b"\0", b"").replace(b"\r", b"").replace(b"\n", b"").strip(b" \t")
    assert scheme_of(value) in SCHEMES | {"", "other"}
    user = user_of(value)
    hashed = hashed_user(value, b"key")
    assert hashed == ("" if not user else key_hash(b"key", user))
    assert hashed_user(value, b"") == ""
