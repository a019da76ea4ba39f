# ruff: noqa: ARG002 - the fakes have the signatures of what they stand for
"""A relay between raw sockets: the test is the station and the CSMS, byte for byte, and reads the journal in memory."""

from __future__ import annotations

import socket
import struct
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import trio

from nocwatch.journal.settings import JournalSettings
from nocwatch.proxy.settings import RelaySettings
from nocwatch.records import RecordKind
from nocwatch.relay import Relay

PATIENCE_S = 20
"""No wait of a test is longer; reached only when the relay is wrong."""

REQUEST = (
    b"GET /ocpp/CP1 HTTP/1.1\r\nHost: station.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
)
ANSWER = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
)


_opened: list[trio.SocketStream] = []
"""Streams that tests made; ``listening_csms`` closes them at its end."""


class MemoryJournal:
    """A journal writer that only remembers.

    Attributes:
        links: link events in order, with their connection.
        data: all bytes of a connection and direction.
        order: ("chunk" | event, connection), to see what came first.
        ticks: counters of each tick.
    """

    def __init__(self) -> None:
        self.counters: dict[str, int] = {"journal_records": 0}
        self.newest_begin = -1
        self.links: list[tuple[int, dict[str, Any]]] = []
        self.data: dict[tuple[int, int], bytearray] = defaultdict(bytearray)
        self.order: list[tuple[str, int]] = []
        self.ticks: list[dict[str, int]] = []
        self.chunk_longest = 0
        self.live: Callable[[], Iterable[tuple[int, bytes]]] = tuple

    def add(self, at_ns: int, kind: RecordKind, connection: int, direction: int, data: bytes) -> None:
        assert at_ns > 0
        if kind == RecordKind.LINK:
            event = msgspec.json.decode(data)
            self.links.append((connection, event))
            self.order.append((event["event"], connection))
        elif kind == RecordKind.TICK:
            self.ticks.append(msgspec.json.decode(data))

    def add_chunks(self, at_ns: int, keys: list[int], chunks: list[bytes]) -> None:
        for key, chunk in zip(keys, chunks, strict=True):
            self.data[key >> 1, key & 1] += chunk
            self.order.append(("chunk", key >> 1))
            self.chunk_longest = max(self.chunk_longest, len(chunk))

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        task_status.started()
        await trio.sleep_forever()

    def events(self, name: str) -> list[dict[str, Any]]:
        return [event for _, event in self.links if event["event"] == name]

    async def event(self, name: str, count: int = 1) -> dict[str, Any]:
        """The newest event of that name, once there are so many."""
        with trio.fail_after(PATIENCE_S):
            while len(self.events(name)) < count:
                await trio.sleep(0.001)
        return self.events(name)[-1]


class Csms:
    """A listening socket whose accepted connections the test takes one by one."""

    def __init__(self, listener: trio.SocketListener) -> None:
        self._listener = listener
        self.port: int = listener.socket.getsockname()[1]

    async def accept(self) -> trio.SocketStream:
        with trio.fail_after(PATIENCE_S):
            stream = await self._listener.accept()
        _opened.append(stream)
        return stream

    async def welcome(self, answer: bytes = ANSWER) -> tuple[trio.SocketStream, bytes]:
        """Accepts, reads one head, answers it. The head comes back with the stream."""
        stream = await self.accept()
        head = await read_head(stream)
        if answer:
            await stream.send_all(answer)
        return stream, head

    async def aclose(self) -> None:
        await self._listener.aclose()


@asynccontextmanager
async def listening_csms() -> AsyncIterator[Csms]:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        try:
            yield Csms(listener)
        finally:
            while _opened:
                _opened.pop().socket.close()


def settings_for(port: int, **changes: Any) -> RelaySettings:
    given: dict[str, Any] = {
        "listen": [{"address": "127.0.0.1:0"}],
        "upstreams": [{"name": "main", "url": f"ws://127.0.0.1:{port}"}],
        "status": None,
        **changes,
    }
    return RelaySettings.model_validate(given)


@asynccontextmanager
async def running(
    settings: RelaySettings, journal: MemoryJournal | None = None, *, signals: bool = False
) -> AsyncIterator[tuple[Relay, MemoryJournal]]:
    """A relay that accepts, with a journal in memory."""
    remembered = journal or MemoryJournal()

    def make(live: Callable[[], Iterable[tuple[int, bytes]]]) -> MemoryJournal:
        remembered.live = live
        return remembered

    relay = Relay(settings, JournalSettings(), writer=make)
    async with trio.open_nursery() as nursery:

        async def run(task_status: trio.TaskStatus[Relay]) -> None:
            await relay.run(signals=signals, task_status=task_status)

        await nursery.start(run)
        try:
            yield relay, remembered
        finally:
            nursery.cancel_scope.cancel()


async def connect(relay: Relay, receive_buffer: int | None = None, listener: int = 0) -> trio.SocketStream:
    host, port = relay.addresses[listener].rsplit(":", 1)
    sock = trio.socket.socket()
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    try:
        await sock.connect((host, int(port)))
    except BaseException:
        sock.close()
        raise
    stream = trio.SocketStream(sock)
    _opened.append(stream)
    return stream


async def paired(
    relay: Relay,
    csms: Csms,
    request: bytes = REQUEST,
    answer: bytes = ANSWER,
    receive_buffer: int | None = None,
) -> tuple[trio.SocketStream, trio.SocketStream]:
    """Station and CSMS after their handshake."""
    station = await connect(relay, receive_buffer)
    await station.send_all(request)
    far, _ = await csms.welcome(answer)
    assert await read_head(station) == answer
    return station, far


async def read_head(stream: trio.abc.ReceiveStream) -> bytes:
    """One head, byte by byte, so that nothing behind it is taken."""
    head = b""
    with trio.fail_after(PATIENCE_S):
        while not head.endswith(b"\r\n\r\n"):
            byte = await stream.receive_some(1)
            assert byte, f"closed within a head: {head!r}"
            head += byte
    return head


async def read_exactly(stream: trio.abc.ReceiveStream, count: int) -> bytes:
    received = bytearray()
    with trio.fail_after(PATIENCE_S):
        while len(received) < count:
            data = await stream.receive_some(min(65536, count - len(received)))
            assert data, f"closed after {len(received)} of {count} bytes"
            received += data
    return bytes(received)


async def read_all(stream: trio.abc.ReceiveStream) -> bytes:
    received = bytearray()
    with trio.fail_after(PATIENCE_S):
        while data := await stream.receive_some(65536):
            received += data
    return bytes(received)


def send_reset(stream: trio.SocketStream) -> None:
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()


async def is_reset(stream: trio.SocketStream) -> bool:
    """Reads to the end; whether that was a RST."""
    with trio.fail_after(PATIENCE_S):
        try:
            while await stream.receive_some(65536):
                pass
        except trio.BrokenResourceError as error:
            return isinstance(error.__cause__, ConnectionResetError)
    return False
