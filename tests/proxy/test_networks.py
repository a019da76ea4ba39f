"""Addresses and lists of networks: what an operator writes, and what comes in by a socket."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from nocwatch.proxy.networks import Network, Networks, host_text, number_of, plain_host

CHECKED = TypeAdapter(Network)


@pytest.mark.parametrize(
    ("host", "inside"),
    [
        ("10.1.2.3", True),
        ("11.1.2.3", False),
        ("203.0.113.7", True),
        ("203.0.113.8", False),
        ("::ffff:10.1.2.3", True),
        ("2001:db8:1::7", True),
        ("2001:db9::7", False),
        ("fe80::1%eth0", True),
        ("nonsense", False),
        ("", False),
        ("192.0.2.9", True),
    ],
)
def test_a_station_is_in_the_network_that_its_address_lies_in(host: str, inside: bool) -> None:
    networks = Networks(["10.0.0.0/8", "203.0.113.7", "2001:db8::/32", "fe80::/10", "::ffff:192.0.2.0/120"])
    assert (number_of(host) in networks) is inside


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("10.0.0.1/8", "10.0.0.0/8 is the network"),
        ("10.0.0.0/33", "no network"),
        ("depot.example", "no network"),
        ("", "no network"),
        ("2001:db8::1/32", "2001:db8::/32 is the network"),
    ],
)
def test_a_slip_in_a_network_is_told_with_what_would_be_right(text: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        CHECKED.validate_python(text)


def test_an_ipv4_station_on_an_ipv6_socket_is_an_ipv4_station() -> None:
    assert plain_host("::ffff:203.0.113.7") == "203.0.113.7"
    assert plain_host("2001:db8::7") == "2001:db8::7"
    assert number_of("::ffff:cb00:7107") == number_of("203.0.113.7")


def test_an_empty_list_holds_nobody() -> None:
    assert not Networks()
    assert number_of("10.0.0.1") not in Networks()


_addresses = st.ip_addresses()


@settings(deadline=None, max_examples=150)
@given(_addresses, st.data())
def test_lists_agree_with_the_standard_library(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, draw: st.DataObject
) -> None:
    length = draw.draw(st.integers(0, address.max_prefixlen))
    other = draw.draw(st.ip_addresses(v=address.version))
    network = ipaddress.ip_network((other, length), strict=False)
    mapped = isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped
    of_mapped = network.version == 6 and ipaddress.ip_network("::ffff:0:0/96").supernet_of(network)
    if not mapped and not of_mapped:
        assert (number_of(str(address)) in Networks([str(network)])) == (address in network)
        number = number_of(str(address))
        assert number is not None
        assert host_text(number) == str(address)
