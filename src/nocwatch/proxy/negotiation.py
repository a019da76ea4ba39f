"""The CSMS is asked, and its answer measured: whatever it is, it goes to the station as it came.

Errors of the CSMS's connection are outcomes here. Errors of sending to the station are let out as OSError: who calls
knows that the station has left then.
"""

from __future__ import annotations

import socket
from contextlib import suppress

from nocwatch.proxy import sockets
from nocwatch.proxy.answers import INTERIM_MAX, AnswerHead, Body, find_answer, parse_answer
from nocwatch.proxy.failure import Failure

LEFT = Failure(None, "station_left")


async def ask(
    station: socket.socket, csms: socket.socket, head: bytes, name: str, head_size_max: int
) -> tuple[AnswerHead, bytes] | Failure:
    """Sends the request's head to the CSMS and reads the head of its final answer. Interim answers are passed on.

    Returns:
        The answer and the bytes that came behind its head; or why the station must get an answer of the relay's own.

    Raises:
        OSError: an interim answer could not be sent to the station.
    """
    garbage = Failure(502, "upstream_garbage", f"the central system {name} gave no HTTP answer")
    with suppress(OSError):
        # It may have answered before it broke, with a 503 for example: reading will tell.
        await sockets.send_all(csms, head)
    received = b""
    interim = searched = 0
    while True:
        try:
            end = find_answer(received, searched)
        except ValueError:
            return garbage
        searched = len(received)
        if end is None:
            if len(received) > head_size_max:
                return garbage
            try:
                data = await sockets.receive(csms)
            except OSError:
                data = b""
            if not data:
                return Failure(502, "upstream_closed", f"the central system {name} closed without an answer")
            received += data
            continue
        answer = parse_answer(received[:end])
        if answer is None or end > head_size_max:
            return garbage
        received, searched = received[end:], 0
        if not answer.interim:
            return answer, received
        interim += 1
        if interim > INTERIM_MAX:
            return garbage
        await sockets.send_all(station, answer.raw)


async def hand_back_body(
    station: socket.socket, csms: socket.socket, answer: AnswerHead, glued: bytes, size_max: int
) -> None:
    """The body of a refusal as it comes, until it ends, breaks off, or exceeds the limit.

    Raises:
        OSError: the station takes no more.
    """
    body = Body(answer)
    passed = 0
    data = glued
    while passed <= size_max:
        try:
            taken = body.feed(data)
        except ValueError:
            return  # a broken coding: the station sees as much of it as was understood, then the end
        await sockets.send_all(station, data[:taken])
        passed += taken
        if body.done:
            return
        try:
            data = await sockets.receive(csms)
        except OSError:
            return
        if not data:
            return
