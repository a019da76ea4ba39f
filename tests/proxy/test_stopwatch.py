"""The relay measures itself: every bound that it tells holds, and it does not count what is not its doing."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from time import perf_counter_ns

import pytest
import trio
import trio.testing
from tests.proxy.test_pump_turns import ListRecorder, tcp_pair

from nocwatch.delays import BOUNDS_US, read
from nocwatch.proxy.counters import Counters
from nocwatch.proxy.ends import Link
from nocwatch.proxy.pump import Pump
from nocwatch.proxy.recorder import Guard, LinkInfo
from nocwatch.proxy.settings import Limits
from nocwatch.proxy.stopwatch import Stopwatch

BUSY_NS = 12_000_000


def be_busy(ns: int) -> None:
    """As a long turn or a garbage collection keeps the whole process."""
    until = perf_counter_ns() + ns
    while perf_counter_ns() < until:
        pass


async def heard(sock: socket.socket) -> bytes:
    await trio.lowlevel.wait_readable(sock)
    return sock.recv(100)


async def test_a_message_that_waited_while_the_relay_was_busy_is_told_as_late() -> None:
    counters = Counters()
    guard = Guard(counters)
    guard.recorder = ListRecorder()
    pump = Pump(guard, counters, Limits())
    near, station = tcp_pair()
    far, csms = tcp_pair()
    pump.adopt(Link(1, LinkInfo()), near, far)
    csms.setblocking(False)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pump.run)
        station.sendall(b"first")
        assert await heard(csms) == b"first"
        await trio.testing.wait_all_tasks_blocked()
        station.sendall(b"second")
        be_busy(BUSY_NS)
        assert await heard(csms) == b"second"
        nursery.cancel_scope.cancel()
    told = read(pump.delays())["from_station"]
    late = sum(
        number for bound, number in zip(BOUNDS_US, told.chunks, strict=False) if bound > BUSY_NS // 1000
    )
    assert late + told.chunks[-1] >= 1
    assert told.count == 2
    assert told.sum_us >= BUSY_NS // 1000
    pump.close_all()
    pump.close()
    for sock in (station, csms):
        sock.close()


@pytest.fixture
def pump_fd() -> Iterator[tuple[int, Callable[[], object]]]:
    """What the stopwatch asks whether something waits; and a call that makes something wait."""
    ours, theirs = socket.socketpair()
    yield ours.fileno(), lambda: theirs.send(b"!")
    ours.close()
    theirs.close()


PumpFd = tuple[int, Callable[[], object]]


def emptied(pump_fd: PumpFd) -> Stopwatch:
    stopwatch = Stopwatch(pump_fd[0])
    stopwatch.asks()
    stopwatch.emptied()
    return stopwatch


def test_the_quiet_before_a_message_is_not_counted_as_delay(pump_fd: PumpFd) -> None:
    stopwatch = emptied(pump_fd)
    stopwatch.before_io_wait(1.0)
    be_busy(BUSY_NS)  # nothing came for so long: epoll_wait slept
    began_ns = perf_counter_ns()
    stopwatch.after_io_wait(1.0)
    stopwatch.sent([1, 0])
    assert read(stopwatch.flat())["from_station"].sum_us <= (perf_counter_ns() - began_ns) // 1000


def test_a_wait_that_may_not_sleep_proves_nothing_however_long_it_took(pump_fd: PumpFd) -> None:
    stopwatch = emptied(pump_fd)
    stopwatch.before_io_wait(0.0)
    be_busy(BUSY_NS)  # other processes had the processor, while bytes waited here
    stopwatch.after_io_wait(0.0)
    stopwatch.sent([1, 0])
    assert read(stopwatch.flat())["from_station"].sum_us >= BUSY_NS // 1000


def test_what_came_while_other_tasks_ran_is_counted_from_the_last_empty_poll(pump_fd: PumpFd) -> None:
    stopwatch = emptied(pump_fd)
    pump_fd[1]()
    be_busy(BUSY_NS)  # other tasks of the process
    stopwatch.before_io_wait(1.0)
    be_busy(BUSY_NS)  # even if the processor is taken from us just then: it was there before we went to sleep
    stopwatch.after_io_wait(1.0)
    stopwatch.sent([0, 3])
    assert read(stopwatch.flat())["from_csms"].sum_us >= 3 * 2 * BUSY_NS // 1000


def test_a_poll_that_was_full_may_have_left_something_behind(pump_fd: PumpFd) -> None:
    stopwatch = emptied(pump_fd)
    be_busy(BUSY_NS)
    stopwatch.asks()  # found as much as it could take, so nobody says that it was emptied
    stopwatch.sent([1, 0])
    assert read(stopwatch.flat())["from_station"].sum_us >= BUSY_NS // 1000
