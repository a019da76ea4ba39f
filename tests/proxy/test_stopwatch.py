"""The relay measures itself: every bound that it tells holds, and it does not count what is not its doing."""

from __future__ import annotations

import socket
from time import perf_counter_ns

import trio
import trio.testing
from tests.proxy.test_pump_turns import ListRecorder, tcp_pair

from nocwatch.delays import BOUNDS_US, read
from nocwatch.proxy.counters import Counters
from nocwatch.proxy.ends import Link
from nocwatch.proxy.pump import Pump
from nocwatch.proxy.recorder import Guard, LinkInfo
from nocwatch.proxy.settings import Limits
from nocwatch.proxy.stopwatch import SLEPT_NS, Stopwatch

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


def test_the_quiet_before_a_message_is_not_counted_as_delay() -> None:
    stopwatch = Stopwatch()
    stopwatch.asks()
    stopwatch.emptied()
    stopwatch.before_io_wait(1.0)
    be_busy(BUSY_NS)  # nothing came for so long: epoll_wait slept
    began_ns = perf_counter_ns()
    stopwatch.after_io_wait(1.0)
    stopwatch.sent([1, 0])
    assert read(stopwatch.flat())["from_station"].sum_us <= (perf_counter_ns() - began_ns) // 1000


def test_a_wait_that_may_not_sleep_proves_nothing_however_long_it_took() -> None:
    stopwatch = Stopwatch()
    stopwatch.asks()
    stopwatch.emptied()
    stopwatch.before_io_wait(0.0)
    be_busy(BUSY_NS)  # other processes had the processor, while bytes waited here
    stopwatch.after_io_wait(0.0)
    stopwatch.sent([1, 0])
    assert read(stopwatch.flat())["from_station"].sum_us >= BUSY_NS // 1000


def test_what_came_while_other_tasks_ran_is_counted_from_the_last_empty_poll() -> None:
    stopwatch = Stopwatch()
    stopwatch.asks()
    stopwatch.emptied()
    be_busy(BUSY_NS)  # other tasks of the process
    stopwatch._waits_ns = (
        perf_counter_ns() + SLEPT_NS
    )  # however slow this machine: epoll_wait came back at once
    stopwatch.after_io_wait(0.0)
    stopwatch.sent([0, 3])
    assert read(stopwatch.flat())["from_csms"].sum_us >= 3 * BUSY_NS // 1000


def test_a_poll_that_was_full_may_have_left_something_behind() -> None:
    stopwatch = Stopwatch()
    stopwatch.asks()
    stopwatch.emptied()
    be_busy(BUSY_NS)
    stopwatch.asks()  # found as much as it could take, so nobody says that it was emptied
    stopwatch.sent([1, 0])
    assert read(stopwatch.flat())["from_station"].sum_us >= BUSY_NS // 1000
