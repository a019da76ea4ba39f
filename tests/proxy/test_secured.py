"""A socket with TLS in it behaves as a plain one."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from pathlib import Path

import pytest
import trio
from tests.support.certificates import Authority
from tests.support.relaying import PATIENCE_S

from nocwatch.proxy import sockets
from nocwatch.proxy.secured import WORDS_MAX, Secured


async def pair(authority: Authority) -> tuple[Secured, Secured]:
    """Server and client, after their handshake."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    for each in (near, far):
        each.setblocking(False)
    made: dict[str, Secured] = {}

    async def serve() -> None:
        made["server"] = await sockets.secure(far, authority.server_context())

    with trio.fail_after(PATIENCE_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            made["client"] = await sockets.secure(near, authority.client_context(), "localhost")
    return made["server"], made["client"]


async def test_bytes_that_found_no_room_are_sent_once_when_they_are_given_again(tmp_path: Path) -> None:
    server, client = await pair(Authority(tmp_path))
    chunks = [bytes([number % 256]) * 16_000 for number in range(1000)]
    first = 0
    with pytest.raises(BlockingIOError):  # noqa: PT012 - until there is no room
        while True:
            assert server.send(chunks[first]) == 16_000
            first += 1

    async def send() -> None:
        for chunk in chunks[first:]:
            await sockets.send_all(server, chunk)

    got = bytearray()
    with trio.fail_after(PATIENCE_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            while len(got) < 16_000 * len(chunks):
                got += await sockets.receive(client)
    assert bytes(got) == b"".join(chunks)
    server.close()
    client.close()


async def test_with_nothing_there_it_would_block_and_an_end_is_no_bytes(tmp_path: Path) -> None:
    server, client = await pair(Authority(tmp_path))
    with pytest.raises(BlockingIOError):
        server.recv(10)
    assert client.send(b"hello") == 5
    sockets.end_sending(client)
    got = b""
    with trio.fail_after(PATIENCE_S):
        while data := await sockets.receive(server):
            got += data
    assert got == b"hello"
    assert server.send(b"and you") == 7
    with trio.fail_after(PATIENCE_S):
        assert await sockets.receive(client) == b"and you"
    server.close()
    client.close()


async def test_a_record_is_given_out_in_pieces_before_the_socket_is_asked_again(tmp_path: Path) -> None:
    """What OpenSSL holds wakes no epoll."""
    server, client = await pair(Authority(tmp_path))
    client.send(b"abcdef")
    with trio.fail_after(PATIENCE_S):
        await trio.lowlevel.wait_readable(server)
    assert [server.recv(4), server.recv(4)] == [b"abcd", b"ef"]
    server.close()
    client.close()


async def test_a_reset_is_a_reset(tmp_path: Path) -> None:
    server, client = await pair(Authority(tmp_path))
    sockets.reset(client)
    with trio.fail_after(PATIENCE_S), pytest.raises(ConnectionResetError):
        await sockets.receive(server)
    server.close()


async def test_who_leaves_within_the_handshake_is_told_from_who_fails_it(tmp_path: Path) -> None:
    near, far = socket.socketpair()
    far.setblocking(False)
    near.close()
    with pytest.raises((ssl.SSLEOFError, ConnectionError)):
        await sockets.secure(far, Authority(tmp_path).server_context())
    assert far.fileno() == -1


async def test_who_asks_and_never_listens_is_read_no_further(tmp_path: Path) -> None:
    """As by KeyUpdates, each of which TLS answers."""
    server, client = await pair(Authority(tmp_path))
    with pytest.raises(BlockingIOError):  # noqa: PT012 - until there is no room
        while True:
            server.send(b"x" * 16_000)
    waiting = len(server._rest)
    for _ in range(100):
        client.send(b"?")
        with trio.fail_after(PATIENCE_S):
            await trio.lowlevel.wait_readable(server)
        server._outgoing.write(b"w" * 1000)
        with suppress(BlockingIOError):
            server.recv(10)
    assert len(server._rest) - waiting <= WORDS_MAX + 1000
    with pytest.raises(BlockingIOError):
        server.recv(10)
    with trio.fail_after(PATIENCE_S):
        while server._rest:  # it listens again
            with suppress(BlockingIOError):
                while socket.socket.recv(client, 1 << 20):
                    pass
            with suppress(BlockingIOError):
                assert server.recv(10) == b"?"
            await trio.lowlevel.checkpoint()
    server.close()
    client.close()
