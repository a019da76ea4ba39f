"""The PROXY protocol's header, versions 1 and 2: what a load balancer says of a connection before its first byte.

PURE. Fed with all that came so far, ``read_header`` says what it is, that more must come, or why it never will be one;
so a reader takes exactly the header off the socket, and TLS or the request behind it stays where it is.

Always holds: a header that is not complete within its limit is malformed, so nobody can keep a reader waiting with an
endless one; and as long as a header is not complete, every byte so far belongs to it.
"""

from __future__ import annotations

import ipaddress
import re
from enum import StrEnum
from typing import Literal

import msgspec

V1_BYTES_MAX = 107
"""By the specification: ``PROXY TCP6``, two full IPv6 addresses, two ports, CR LF."""
V2_BYTES_MAX = 16 << 10
"""The specification allows 64 KiB. Addresses take 36 bytes; the rest are extensions, of which a client's certificate is the
longest: some KiB."""

Version = Literal["v1", "v2", "any"]

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_V1_BEGINS = b"PROXY "
_V1_LINE = re.compile(
    rb"PROXY (TCP4|TCP6) ([0-9A-Fa-f:.]+) ([0-9A-Fa-f:.]+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})\r\n"
)
_V1_UNKNOWN = re.compile(rb"PROXY UNKNOWN(?: [^\r\n]*)?\r\n")
_V2_FIXED = 16
_LOCAL, _PROXY = 0x20, 0x21
_ADDRESS_BYTES = {0: 0, 1: 12, 2: 36, 3: 216}
"""By address family: none, IPv4, IPv6, UNIX."""
_STREAM = 1
_TRANSPORT_MAX = 2
_CRC32C = 0x03


class HeaderFlaw(StrEnum):
    """Why a connection of a load balancer is refused. Bounded: it becomes a label."""

    MISSING = "proxy_header_missing"
    MALFORMED = "proxy_header_malformed"


class Header(msgspec.Struct, frozen=True):
    """A complete header.

    Attributes:
        length: its bytes; what follows is the station's.
        host, port: of whoever connected to the load balancer; None where the header speaks of nobody (a health check of
            the balancer's own, or a connection that is neither IPv4 nor IPv6): the socket's address holds then.
    """

    length: int
    host: str | None = None
    port: int = 0


def read_header(received: bytes, version: Version = "any") -> Header | HeaderFlaw | None:
    """What stands at the beginning of these bytes; None while it may still become a header."""
    if version != "v1" and received[: len(SIGNATURE)] == SIGNATURE[: len(received)]:
        return _read_v2(received)
    if version != "v2" and received[: len(_V1_BEGINS)] == _V1_BEGINS[: len(received)]:
        return _read_v1(received)
    return HeaderFlaw.MALFORMED if looks_like_header(received) else HeaderFlaw.MISSING


def looks_like_header(received: bytes | bytearray) -> bool:
    """Whether a load balancer speaks here; asked of what turned out to be no request, so that the reason can be told."""
    return received.startswith((_V1_BEGINS, SIGNATURE))


def _read_v1(received: bytes) -> Header | HeaderFlaw | None:
    end = received.find(b"\n", 0, V1_BYTES_MAX) + 1
    if not end:
        return None if len(received) < V1_BYTES_MAX else HeaderFlaw.MALFORMED
    line = received[:end]
    if _V1_UNKNOWN.fullmatch(line):
        return Header(end)
    match = _V1_LINE.fullmatch(line)
    if match is None or int(match[4]) > 65535 or int(match[5]) > 65535:
        return HeaderFlaw.MALFORMED
    kind = ipaddress.IPv4Address if match[1] == b"TCP4" else ipaddress.IPv6Address
    try:
        source, _ = (kind(address.decode("ascii")) for address in (match[2], match[3]))
    except ValueError:
        return HeaderFlaw.MALFORMED
    return Header(end, _host(source), int(match[4]))


def _read_v2(received: bytes) -> Header | HeaderFlaw | None:
    if len(received) < _V2_FIXED:
        return None
    command, family, transport = received[12], received[13] >> 4, received[13] & 0x0F
    length = _V2_FIXED + int.from_bytes(received[14:16], "big")
    if command not in (_LOCAL, _PROXY) or length > V2_BYTES_MAX:
        return HeaderFlaw.MALFORMED
    address_bytes = _ADDRESS_BYTES.get(family)
    if command == _PROXY and (
        address_bytes is None or transport > _TRANSPORT_MAX or length < _V2_FIXED + address_bytes
    ):
        return HeaderFlaw.MALFORMED
    if len(received) < length:
        return None
    if command == _LOCAL:
        return Header(length)
    whole = received[:length]
    if not _extensions_hold(whole, _V2_FIXED + (address_bytes or 0)):
        return HeaderFlaw.MALFORMED
    if transport != _STREAM or family not in (1, 2):
        return Header(length)
    size = 4 if family == 1 else 16
    source = ipaddress.ip_address(whole[_V2_FIXED : _V2_FIXED + size])
    port_at = _V2_FIXED + 2 * size
    return Header(length, _host(source), int.from_bytes(whole[port_at : port_at + 2], "big"))


def _host(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _extensions_hold(header: bytes, at: int) -> bool:
    """Walks the type-length-values: their lengths add up, and the checksum among them is right. All others mean nothing here.

    A second checksum is malformed: each is a walk over the whole header.
    """
    checked = False
    while at < len(header):
        if at + 3 > len(header):
            return False
        begins = at + 3
        ends = begins + int.from_bytes(header[at + 1 : begins], "big")
        if ends > len(header):
            return False
        if header[at] == _CRC32C:
            blank = header[:begins] + bytes(4) + header[ends:]
            wanted = int.from_bytes(header[begins:ends], "big")
            if checked or ends - begins != 4 or crc32c(blank) != wanted:
                return False
            checked = True
        at = ends
    return True


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return tuple(table)


_TABLE = _crc_table()


def crc32c(data: bytes) -> int:
    """Castagnoli's checksum (RFC 9260, appendix A), bit-reversed polynomial 0x82F63B78."""
    value = 0xFFFFFFFF
    for byte in data:
        value = _TABLE[(value ^ byte) & 0xFF] ^ value >> 8
    return value ^ 0xFFFFFFFF
