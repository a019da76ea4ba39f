"""A connection of the relay's own is known by both its ends, in whichever worker it arrives."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from nocwatch.proxy.loops import Dials, memory

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pairs() -> Iterator[list[Pair]]:
    """Connections to two places, each as the one who dialled and the one who accepted have it."""
    with ExitStack() as stack:
        found = []
        for host in ("127.0.0.1", "127.0.0.2"):
            listener = stack.enter_context(socket.create_server((host, 0)))
            near = stack.enter_context(socket.create_connection(listener.getsockname()))
            found.append((near, stack.enter_context(listener.accept()[0])))
        yield found


@pytest.fixture
def workers() -> Iterator[list[Dials]]:
    descriptor = memory()
    yield [Dials(descriptor), Dials(descriptor)]
    os.close(descriptor)


def test_what_one_worker_dialled_another_knows_until_it_is_answered(
    workers: list[Dials], pairs: list[Pair]
) -> None:
    (near, far), (_, others) = pairs
    one, other = workers
    assert not other.has(far)
    begun = one.begin(near)
    assert one.has(far)
    assert other.has(far)
    assert not other.has(others)
    one.end(begun)
    assert not other.has(far)


def test_a_station_with_the_port_of_a_dial_that_leads_elsewhere_is_no_loop(pairs: list[Pair]) -> None:
    """The kernel gives a port to several, as long as they lead to different places."""
    dials = Dials()
    (near, _), _ = pairs
    host, port = near.getsockname()
    with socket.create_server((host, 0)) as listener, socket.socket() as station:
        station.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        dials.begin(near)
        assert dials._places[port]
        station.bind((host, 0))
        station.connect(listener.getsockname())
        with listener.accept()[0] as accepted:
            dials._places[station.getsockname()[1]] = dials._places[port]  # as if that were its port
            assert not dials.has(accepted)


def test_the_end_of_an_earlier_dial_leaves_a_later_one_with_its_port(pairs: list[Pair]) -> None:
    dials = Dials()
    (near, far), _ = pairs
    begun = dials.begin(near)
    assert begun is not None
    dials.end((begun[0], begun[1] ^ 2))
    assert dials.has(far)


def test_who_has_left_is_no_loop_and_no_fault(pairs: list[Pair]) -> None:
    dials = Dials()
    for near, far in pairs:
        near.close()
        far.close()
        assert dials.begin(near) is None
        assert not dials.has(far)
        dials.end(None)
