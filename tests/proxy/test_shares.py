"""What one link may take of the relay from the others: its turn, and no more."""

from __future__ import annotations

import trio
from tests.support.relaying import (
    PATIENCE_S,
    REQUEST,
    MemoryJournal,
    listening_csms,
    paired,
    read_exactly,
    running,
    settings_for,
)

QUIET = 100
FLOODERS = 2
ROUND_TRIPS = 20
FLOOD_MEAN_MAX = 1 << 20
"""Bytes that the flooders may move while a quiet station waits for its answer. With a quota of four chunks a turn it is not half
of it; a relay that empties one socket before it looks at the next moves as much as there is."""


class BlindJournal(MemoryJournal):
    """Does not remember the flood."""

    def add_chunks(self, at_ns: int, keys: list[int], chunks: list[bytes]) -> None:
        """Nothing."""


async def test_a_hundred_quiet_stations_get_their_answers_beside_two_that_flood() -> None:
    waited: list[int] = []
    async with listening_csms() as csms, running(settings_for(csms.port), BlindJournal()) as (relay, _):
        links = [
            await paired(relay, csms, REQUEST.replace(b"CP1", b"CP%d" % number))
            for number in range(QUIET + FLOODERS)
        ]
        moved = [0]

        async def flood(station: trio.SocketStream) -> None:
            while True:
                await station.send_all(bytes(1 << 18))

        async def swallow(far: trio.SocketStream) -> None:
            while data := await far.receive_some(1 << 18):
                moved[0] += len(data)

        async def ask(station: trio.SocketStream, far: trio.SocketStream) -> None:
            for number in range(ROUND_TRIPS):
                before = moved[0]
                await station.send_all(b"ask %04d" % number)
                assert await read_exactly(far, 8) == b"ask %04d" % number
                await far.send_all(b"say %04d" % number)
                assert await read_exactly(station, 8) == b"say %04d" % number
                waited.append(moved[0] - before)

        async with trio.open_nursery() as flooding:
            for station, far in links[:FLOODERS]:
                flooding.start_soon(flood, station)
                flooding.start_soon(swallow, far)
            with trio.fail_after(3 * PATIENCE_S):
                async with trio.open_nursery() as asking:
                    for station, far in links[FLOODERS:]:
                        asking.start_soon(ask, station, far)
            flooding.cancel_scope.cancel()
    assert len(waited) == QUIET * ROUND_TRIPS
    assert sum(waited) / len(waited) <= FLOOD_MEAN_MAX
    assert sum(waited) > 0, "the flood went on meanwhile"
