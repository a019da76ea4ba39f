"""What would keep the relay from starting, or make it dial itself, found before it starts: in the configuration and the files it names.

Reads files and asks no name server, but for ``own_listener``: what a name means today is for ``doctor`` to see.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import trio
from pydantic import BaseModel

from nocwatch.errors import NocwatchError
from nocwatch.proxy.listener import context_of
from nocwatch.proxy.settings import ListenerSettings, RelaySettings, split_address
from nocwatch.proxy.tls import client_context, server_context
from nocwatch.sentences import Location

NO_CSMS = (
    "no CSMS is named: say --upstream ws://csms:port, or relay.upstreams in the configuration; only the relay needs it,"
    " `nocwatch watch` over a folder of a demo or an import does not"
)
DIALS_ITSELF = (
    "this is {listener}, where nocwatch itself listens: it would dial itself without end;"
    " name the CSMS by another name or address"
)
_FILES = ("certificate", "key", "ca", "client_ca", "crl")
_EVERYWHERE = ("0.0.0.0", "::", "*")  # noqa: S104 - compared with, not bound


def relay_mistakes(relay: RelaySettings, *, needs_csms: bool = True) -> list[tuple[Location, str]]:
    """Everything of it, each with its place below ``relay``.

    Args:
        relay: its settings, or what is right of them.
        needs_csms: whether it is a mistake to name no CSMS.
    """
    none: list[tuple[Location, str]] = []
    if needs_csms and not relay.upstreams:
        none.append((("upstreams",), NO_CSMS))
    return [*none, *taken_twice(listened_on(relay)), *_loops(relay), *_of_tls(relay)]


def relay_remarks(relay: RelaySettings) -> list[tuple[Location, str]]:
    """What may be meant so, and mostly is not: each with its place below ``relay``. Of what is a mistake nothing is said here."""
    found: list[tuple[Location, str]] = []
    for index, listener in enumerate(relay.listen):
        with suppress(NocwatchError):
            context = context_of(listener)
            remarks = context.remarks if context is not None else ()
            found += [(("listen", index, "tls", "certificate"), each.text) for each in remarks]
    return found


def listened_on(relay: RelaySettings) -> list[tuple[Location, str]]:
    """Where the relay listens, each with its place below ``relay``."""
    listening: list[tuple[Location, str]] = [
        (("listen", index, "address"), each.address) for index, each in enumerate(relay.listen)
    ]
    return listening if relay.status is None else [*listening, (("status",), relay.status)]


def taken_twice(listening: Sequence[tuple[Location, str]]) -> Iterator[tuple[Location, str]]:
    """Addresses that are another's already.

    With several workers the kernel would even allow it, and deal stations out between a listener with TLS and one without.
    """
    for index, (place, address) in enumerate(listening):
        host, port = split_address(address)
        for _, before in listening[:index]:
            former, its_port = split_address(before)
            same = host.lower() == former.lower() or host in _EVERYWHERE or former in _EVERYWHERE
            if port and port == its_port and same:
                yield place, f"{before} is listened on already; each part needs an address of its own"
                break


async def own_listener(host: str, port: int, listeners: Iterable[ListenerSettings]) -> str:
    """The listener of ours that this name leads to as it is resolved now; empty where it leads elsewhere, or nowhere."""
    try:
        found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return ""
    for listener in listeners:
        here, its_port = split_address(listener.address)
        if its_port != port:
            continue
        for family, kind, _, _, address in found:
            if here not in _EVERYWHERE:
                if str(address[0]) in await _addresses(here):
                    return listener.address
            elif _is_ours(family, kind, str(address[0])):
                return listener.address
    return ""


async def _addresses(host: str) -> set[str]:
    try:
        return {str(each[4][0]) for each in await trio.socket.getaddrinfo(host, None)}
    except OSError:
        return set()


def _is_ours(family: int, kind: int, address: str) -> bool:
    """Whether this machine has the address: only then can one bind to it."""
    try:
        with socket.socket(family, kind) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def _loops(relay: RelaySettings) -> Iterator[tuple[Location, str]]:
    for index, upstream in enumerate(relay.upstreams):
        urls: list[Location] = [("url",), *(("fallbacks", each) for each in range(len(upstream.fallbacks)))]
        for place, target in zip(urls, upstream.targets, strict=True):
            for listener in relay.listen:
                if _same(target.host, target.port, listener.address):
                    words = DIALS_ITSELF.format(listener=listener.address)
                    yield ("upstreams", index, *place), words
                    break


def _same(host: str, port: int, listener: str) -> bool:
    """Whether it is plain to see that a listener is meant."""
    here, its_port = split_address(listener)
    if port != its_port:
        return False
    if host.lower() == here.lower():
        return True
    if not _is_loopback(host):
        return False
    return here in _EVERYWHERE or (_is_loopback(here) and "localhost" in (host.lower(), here.lower()))


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _of_tls(relay: RelaySettings) -> Iterator[tuple[Location, str]]:
    for index, listener in enumerate(relay.listen):
        if (tls := listener.tls) is not None:
            place: Location = ("listen", index, "tls")
            unreadable = list(_unreadable(tls, place))
            yield from unreadable
            if not unreadable:
                try:
                    server_context(tls, "tls")
                except NocwatchError as error:
                    yield place, str(error).removeprefix("tls: ")
    for index, upstream in enumerate(relay.upstreams):
        if upstream.secure:
            place = ("upstreams", index, "tls")
            unreadable = list(_unreadable(upstream.tls, place))
            yield from unreadable
            if not unreadable:
                try:
                    client_context(upstream.tls, "tls")
                except NocwatchError as error:
                    yield place, str(error).removeprefix("tls: ")


def _unreadable(settings: BaseModel, place: Location) -> Iterator[tuple[Location, str]]:
    """Each file that is named and cannot be read."""
    for key, value in settings:
        if isinstance(value, BaseModel):
            yield from _unreadable(value, (*place, key))
        elif key in _FILES and isinstance(value, Path):
            try:
                value.read_bytes()
            except OSError as error:
                yield (*place, key), f"{value} cannot be read: {error.strerror}"
