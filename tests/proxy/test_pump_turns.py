"""Single turns of the pump, with the order of events that chance seldom gives."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import pytest

from nocwatch.proxy import sockets
from nocwatch.proxy.counters import Counters
from nocwatch.proxy.ends import Link
from nocwatch.proxy.pump import Pump
from nocwatch.proxy.recorder import Guard, LinkInfo
from nocwatch.proxy.settings import Limits

IN_OUT = 5
CLOSE_FRAME = b"\x88\x02\x03\xe8"


class ListRecorder:
    """Remembers the chunks by their key."""

    def __init__(self) -> None:
        self.chunks: list[tuple[int, bytes]] = []

    def add_chunks(self, _: int, keys: list[int], chunks: list[bytes]) -> None:
        self.chunks += zip(keys, chunks, strict=True)

    def add_link(self, at_ns: int, connection: int, event: bytes) -> None: ...

    def add_tick(self, at_ns: int, counters: bytes) -> None: ...


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """The relay's end (non-blocking), and the peer's."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
    ours.setblocking(False)
    theirs.settimeout(5)
    return ours, theirs


@pytest.fixture
def link() -> Iterator[tuple[Pump, ListRecorder, socket.socket, socket.socket]]:
    recorder, counters = ListRecorder(), Counters()
    guard = Guard(counters)
    guard.recorder = recorder
    pump = Pump(guard, counters, Limits())
    near, station = tcp_pair()
    far, csms = tcp_pair()
    pump.adopt(Link(1, LinkInfo()), near, far)
    yield pump, recorder, station, csms
    pump.close_all()
    pump.close()
    for sock in (station, csms):
        sock.close()


def say_close_and_break(csms: socket.socket) -> None:
    csms.sendall(CLOSE_FRAME)
    csms.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    csms.close()


def read_to_reset(sock: socket.socket) -> bytes:
    heard = b""
    try:
        while data := sock.recv(100):
            heard += data
    except ConnectionResetError:
        return heard
    raise AssertionError(f"a FIN, and no RST, after {heard!r}")


def test_the_close_frame_of_a_csms_that_broke_is_heard_although_a_send_to_it_failed_first(
    link: tuple[Pump, ListRecorder, socket.socket, socket.socket],
) -> None:
    pump, recorder, station, csms = link
    near = next(end for end in pump.links.ends.values() if end.side == 0)
    station.sendall(b"hello")
    say_close_and_break(csms)
    pump._turn([(near.fd, IN_OUT)])
    assert station.recv(10) == CLOSE_FRAME
    with pytest.raises(ConnectionResetError):
        station.recv(10)
    assert recorder.chunks == [(2, b"hello"), (3, CLOSE_FRAME)]


def test_it_is_heard_too_when_what_failed_were_bytes_that_had_waited_for_it(
    link: tuple[Pump, ListRecorder, socket.socket, socket.socket],
) -> None:
    pump, _, station, csms = link
    near, far = sorted(pump.links.ends.values(), key=lambda end: end.side)
    pump._stall(near, far, b"waiting")
    say_close_and_break(csms)
    pump._turn([(far.fd, IN_OUT)])
    assert station.recv(10) == CLOSE_FRAME
    with pytest.raises(ConnectionResetError):
        station.recv(10)


def test_it_is_heard_too_when_the_station_had_just_ended_its_sending(
    link: tuple[Pump, ListRecorder, socket.socket, socket.socket],
) -> None:
    pump, _, station, csms = link
    near = next(end for end in pump.links.ends.values() if end.side == 0)
    say_close_and_break(csms)
    station.shutdown(socket.SHUT_WR)
    pump._turn([(near.fd, IN_OUT)])
    assert read_to_reset(station) == CLOSE_FRAME


@pytest.mark.parametrize("gone", ["csms", "station"])
def test_what_came_with_the_head_of_one_that_broke_is_heard_before_its_last_words(gone: str) -> None:
    recorder, counters = ListRecorder(), Counters()
    guard = Guard(counters)
    guard.recorder = recorder
    pump = Pump(guard, counters, Limits())
    near, station = tcp_pair()
    far, csms = tcp_pair()
    broken, hears = (csms, station) if gone == "csms" else (station, csms)
    say_close_and_break(broken)
    pump.adopt(Link(1, LinkInfo()), near, far, b"with the request", b"with the answer")
    first = b"with the answer" if gone == "csms" else b"with the request"
    with hears:
        heard = read_to_reset(hears)
    assert heard == first + CLOSE_FRAME
    key = 3 if gone == "csms" else 2
    assert b"".join(data for each, data in recorder.chunks if each == key) == heard
    pump.close()


def test_a_link_that_fails_while_it_is_taken_over_is_closed_counted_and_let_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Half adopted, it would count as open for ever, and the end of the relay would stumble over its descriptors."""
    counters, left = Counters(), []
    guard = Guard(counters)
    guard.recorder = ListRecorder()
    pump = Pump(guard, counters, Limits())
    near, station = tcp_pair()
    far, csms = tcp_pair()
    link = Link(1, LinkInfo())
    link.let_go = lambda: left.append(1)
    monkeypatch.setattr(pump, "_pass_on", _no_memory)
    pump.adopt(link, near, far, b"with the request")
    assert (counters.links, counters.links_open, counters.pump_errors) == (1, 0, 1)
    assert not pump.links.ends
    assert left == [1]
    assert (near.fileno(), far.fileno()) == (-1, -1)
    with station, csms:
        assert read_to_reset(csms) == b""
    pump.close()


def test_a_link_that_there_is_no_memory_to_tell_of_leaves_nothing_behind() -> None:
    """Its sockets are closed by whoever made them: the next link may have the same descriptors."""

    class Heavy(LinkInfo):
        def event(self, *_: object, **__: object) -> bytes:
            raise MemoryError

    counters = Counters()
    guard = Guard(counters)
    guard.recorder = ListRecorder()
    pump = Pump(guard, counters, Limits())
    near, station = tcp_pair()
    far, csms = tcp_pair()
    with near, far, station, csms:
        with pytest.raises(MemoryError):
            pump.adopt(Link(1, Heavy()), near, far)
        assert (counters.links, counters.links_open) == (0, 0)
        assert not pump.links.ends
        assert pump.links.live() == []
        pump.adopt(Link(2, LinkInfo()), near, far)
        assert counters.links_open == 1
        pump.close_all()
    pump.close()


def _no_memory(*_: object) -> None:
    raise MemoryError


def test_an_urgent_byte_is_a_byte_like_all_others_and_keeps_none_behind_it_waiting(
    link: tuple[Pump, ListRecorder, socket.socket, socket.socket],
) -> None:
    pump, _, station, csms = link
    for end in pump.links.ends.values():
        sockets.tune(end.sock, Limits())
    pump._turn(pump._epoll.poll(0, 10))
    station.sendall(b"before")
    station.send(b"!", socket.MSG_OOB)
    station.sendall(b"behind")
    pump._turn(pump._epoll.poll(5, 10))
    heard = b""
    while not heard.endswith(b"behind"):
        heard += csms.recv(100)
    assert heard == b"before!behind"
