"""How long the relay kept what it carried: measured by the relay itself, for whoever asks whether it slows them down.

A read does not say when its bytes arrived. But there is always a last moment at which nothing was waiting: a poll that
found less than it could have taken, or a sleep from which arriving bytes woke the process. From there to the end of the turn that sent a chunk, no
chunk can have waited longer; that is what is counted, so every figure is an upper bound. Two clock readings a turn, none a chunk.

Not in it: the kernel's own time before it wakes the process, what a receiver that is full makes its sender wait, and what a flooder waits for
its next turn. These are not the relay's doing.
"""

from __future__ import annotations

import select
from bisect import bisect_left
from time import perf_counter_ns

import trio

from nocwatch.delays import BOUNDS_US, DIRECTIONS, Delay, counters

_BOUNDS_NS = [bound * 1000 for bound in BOUNDS_US]


class Stopwatch(trio.abc.Instrument):
    """Of one pump. An instrument of trio's loop, to know when that has slept."""

    __slots__ = ("_asked_ns", "_chunks", "_empty_ns", "_nothing_waits", "_poll", "_sums_us")

    def __init__(self, fd: int) -> None:
        """``fd``: readable while something waits for the pump."""
        self._poll = select.poll()
        self._poll.register(fd, select.POLLIN)
        self._nothing_waits = False
        self._chunks = tuple([0] * (len(BOUNDS_US) + 1) for _ in DIRECTIONS)
        self._sums_us = [0] * len(DIRECTIONS)
        self._empty_ns = self._asked_ns = perf_counter_ns()

    def before_io_wait(self, timeout: float) -> None:
        # A wait that may not sleep finds what came while others ran; one that may has no right to call that a sleep either.
        self._nothing_waits = timeout > 0 and not self._poll.poll(0)

    def after_io_wait(self, timeout: float) -> None:  # noqa: ARG002 - trio's signature
        if self._nothing_waits:
            self._empty_ns = perf_counter_ns()

    def asks(self) -> None:
        """The pump is about to poll."""
        self._asked_ns = perf_counter_ns()

    def emptied(self) -> None:
        """That poll could have taken more than it found, and what it found has been seen to."""
        self._empty_ns = self._asked_ns

    def sent(self, chunks: list[int]) -> None:
        """So many chunks have just been handed on, by direction."""
        delay_ns = perf_counter_ns() - self._empty_ns
        bucket = bisect_left(_BOUNDS_NS, delay_ns)
        delay_us = delay_ns // 1000
        for direction, number in enumerate(chunks):
            self._chunks[direction][bucket] += number
            self._sums_us[direction] += delay_us * number

    def flat(self) -> dict[str, int]:
        """As a tick holds it."""
        found: dict[str, int] = {}
        for direction, chunks, sum_us in zip(DIRECTIONS, self._chunks, self._sums_us, strict=True):
            found |= counters(direction, Delay(tuple(chunks), sum_us))
        return found
