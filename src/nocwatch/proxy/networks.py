"""Addresses as numbers, and lists of networks that are searched in a time that does not grow with their length.

PURE. An IPv4 address that came in by an IPv6 socket (``::ffff:203.0.113.7``) is the IPv4 address that it is, here and
everywhere. A zone (``fe80::1%eth0``) names an interface of ours and not a peer, so it is left out.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, Field

NETWORKS_MAX = 50_000
"""Of one list. A list of all networks of a country has some ten thousand; what is longer is the wrong file."""

TRUSTED_MAX = 256
"""Networks of load balancers. Nobody has so many; a whole cloud's list of addresses does not belong there."""

_MAPPED = "::ffff:"
_MAPPED_FROM = 0xFFFF << 32

IpNumber = tuple[int, int]
"""Bits of the address family (32 or 128), and the address."""


def number_of(host: str) -> IpNumber | None:
    """The address as a number; None where the text is none."""
    try:
        if ":" not in host:
            return 32, int(ipaddress.IPv4Address(host))
        value = int(ipaddress.IPv6Address(host.partition("%")[0]))
    except ValueError:
        return None
    return (32, value & 0xFFFFFFFF) if value >> 32 == 0xFFFF else (128, value)


def plain_host(host: str) -> str:
    """The address without the IPv6 clothes of an IPv4 one."""
    return host[len(_MAPPED) :] if host.startswith(_MAPPED) and "." in host else host


def host_text(number: IpNumber) -> str:
    bits, value = number
    return str(ipaddress.IPv4Address(value) if bits == 32 else ipaddress.IPv6Address(value))


def _parsed(text: str) -> tuple[int, int, int]:
    """Family bits, first address, and length of the prefix.

    Raises:
        ValueError: with what would be right.
    """
    try:
        interface = ipaddress.ip_interface(text)
    except ValueError:
        raise ValueError(f"{text!r} is no network; write 10.0.0.0/8, 2001:db8::/32 or one address") from None
    network = interface.network
    if interface.ip != network.network_address:
        raise ValueError(f"{text!r} has bits behind its prefix; {network} is the network that it lies in")
    first, length = int(network.network_address), network.prefixlen
    if network.version == 6 and length >= 96 and first & ~0xFFFFFFFF == _MAPPED_FROM:
        return 32, first & 0xFFFFFFFF, length - 96
    return 32 if network.version == 4 else 128, first, length


def _checked(text: str) -> str:
    _parsed(text)
    return text


Network = Annotated[str, AfterValidator(_checked)]
"""A network or a single address, as an operator writes it."""

NetworkList = Annotated[tuple[Network, ...], Field(max_length=NETWORKS_MAX)]
TrustedList = Annotated[tuple[Network, ...], Field(max_length=TRUSTED_MAX)]


class Networks:
    """A set of networks. One look-up a prefix length that occurs in it."""

    __slots__ = ("_by_length",)

    def __init__(self, texts: Iterable[str] = ()) -> None:
        """Takes checked texts (``Network``)."""
        found: dict[tuple[int, int], set[int]] = {}
        for text in texts:
            bits, first, length = _parsed(text)
            shift = bits - length
            found.setdefault((bits, shift), set()).add(first >> shift)
        self._by_length = [(bits, shift, frozenset(firsts)) for (bits, shift), firsts in found.items()]

    def __bool__(self) -> bool:
        return bool(self._by_length)

    def __contains__(self, number: IpNumber | None) -> bool:
        if number is None:
            return False
        bits, value = number
        return any(family == bits and value >> shift in firsts for family, shift, firsts in self._by_length)
