"""TLS on either side of a relay under test: stations that show certificates or none, and a CSMS that asks for one."""

from __future__ import annotations

import select
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio
from tests.support.certificates import Authority
from tests.support.relaying import (
    ANSWER,
    PATIENCE_S,
    REQUEST,
    Csms,
    MemoryJournal,
    connect,
    read_all,
    read_head,
    running,
    settings_for,
)

from nocwatch.relay import Relay


@asynccontextmanager
async def tls_relay(
    csms: Csms, authority: Authority, **tls: Any
) -> AsyncIterator[tuple[Relay, MemoryJournal]]:
    """A relay with one TLS listener before a CSMS in the clear."""
    if "certificate" not in tls:
        tls["certificate"], tls["key"] = authority.issue("relay.example")
    listen = [{"address": "127.0.0.1:0", "name": "depot", "tls": tls}]
    async with running(settings_for(csms.port, listen=listen)) as (relay, journal):
        yield relay, journal


@asynccontextmanager
async def wss_relay(
    port: int, tls: dict[str, Any], limits: dict[str, str] | None = None, **upstream: Any
) -> AsyncIterator[tuple[Relay, MemoryJournal]]:
    """A relay with one listener in the clear before a CSMS behind TLS."""
    to = {"name": "main", "url": f"wss://127.0.0.1:{port}", "tls": tls, **upstream}
    async with running(settings_for(0, upstreams=[to], limits=limits or {})) as (relay, journal):
        yield relay, journal


def station_context(authority: Authority, shows: tuple[Path, Path] | None = None) -> ssl.SSLContext:
    """Of a station that believes this authority, and shows a certificate, or none."""
    context = authority.client_context()
    if shows is not None:
        context.load_cert_chain(*shows)
    return context


async def secured(relay: Relay, context: ssl.SSLContext) -> trio.SSLStream[trio.SocketStream]:
    """A station's connection after its TLS handshake.

    Raises:
        trio.BrokenResourceError: there was none.
    """
    stream = trio.SSLStream(
        await connect(relay), context, server_hostname="relay.example", https_compatible=True
    )
    with trio.fail_after(PATIENCE_S):
        await stream.do_handshake()
    return stream


async def is_refused_by_tls(relay: Relay, context: ssl.SSLContext) -> bool:
    """TLS 1.3 tells a client only after its handshake that its certificate will not do."""
    try:
        stream = await secured(relay, context)
        await stream.send_all(REQUEST)
        with trio.fail_after(PATIENCE_S):
            return not await stream.receive_some(1)
    except trio.BrokenResourceError:
        return True


async def opened(
    relay: Relay, csms: Csms, context: ssl.SSLContext, request: bytes = REQUEST
) -> tuple[trio.SSLStream[trio.SocketStream], trio.SocketStream]:
    """A station and the CSMS, after their WebSocket handshake."""
    station = await secured(relay, context)
    await station.send_all(request)
    far, _ = await csms.welcome()
    assert await read_head(station) == ANSWER
    return station, far


async def answer_of(relay: Relay, context: ssl.SSLContext, request: bytes = REQUEST) -> bytes:
    """All that a refused station hears."""
    station = await secured(relay, context)
    await station.send_all(request)
    return await read_all(station)


async def refused(relay: Relay, reason: str, count: int = 1) -> None:
    """Waits until so many were refused for that reason, and checks that nobody was for another."""
    with trio.fail_after(PATIENCE_S):
        while sum(relay.counters.refused.values()) < count:
            await trio.sleep(0.001)
    assert relay.counters.refused == {reason: count}


def has_been_dialled(csms: Csms) -> bool:
    """Whether a connection waits there."""
    return bool(select.select([csms._listener.socket.fileno()], [], [], 0)[0])


async def behind_tls(
    csms: Csms, context: ssl.SSLContext, answer: bytes = ANSWER
) -> tuple[trio.SSLStream[trio.SocketStream], bytes]:
    """The CSMS's side of one connection: TLS, one head read, and answered."""
    stream = trio.SSLStream(await csms.accept(), context, server_side=True, https_compatible=True)
    with trio.fail_after(PATIENCE_S):
        await stream.do_handshake()
    head = await read_head(stream)
    await stream.send_all(answer)
    return stream, head
