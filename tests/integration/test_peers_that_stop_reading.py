"""Many links at once whose CSMS, or station, reads no more: the relay stops reading too, and grows by next to nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from tests.integration.test_survives_kills import relay_figures
from tests.support.deployment import Deployment, until
from tests.support.relaying import ANSWER, PATIENCE_S, REQUEST, read_exactly, read_head

LINKS = 24
MEMORY_MAX = 128 << 10
"""Bytes of the relay's own memory for each link whose peer reads no more."""
SENT_MIN = 4 * MEMORY_MAX
"""Each sender got rid of so much at least, so that a relay that takes whatever comes would show."""
WARM = 128 << 10
"""Bytes of each link that are read, before."""


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    made = Deployment(tmp_path, "journal.buffer_max=1MiB")
    yield made
    made.end()


def resident(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmRSS:"))


async def made_links(deployment: Deployment) -> list[tuple[trio.SocketStream, trio.SocketStream]]:
    links = []
    (listener,) = await trio.open_tcp_listeners(deployment.ports["csms"], host="127.0.0.1")
    async with listener:
        for number in range(LINKS):
            station = trio.SocketStream(trio.socket.socket())
            await station.socket.connect(("127.0.0.1", deployment.ports["relay"]))
            await station.send_all(REQUEST.replace(b"CP1", b"CP%d" % number))
            with trio.fail_after(PATIENCE_S):
                far = await listener.accept()
            await read_head(far)
            await far.send_all(ANSWER)
            assert await read_head(station) == ANSWER
            links.append((station, far))
    return links


async def fill(stream: trio.SocketStream, sent: dict[int, int], number: int) -> None:
    """Sends for as long as anything is taken, and says how much that was."""
    block = bytes(1 << 16)
    while True:
        await stream.wait_send_all_might_not_block()
        sent[number] += await stream.socket.send(block)


@pytest.mark.parametrize("silent", ["csms", "station"])
async def test_peers_that_stop_reading_cost_little_and_lose_nothing(
    deployment: Deployment, silent: str
) -> None:
    await deployment.relay()
    pid = deployment.running["relay"].pid
    links = await made_links(deployment)
    ways = [(station, far) if silent == "csms" else (far, station) for station, far in links]
    try:
        # Once with readers, so that what the relay and its journal need for much traffic is there already.
        with trio.fail_after(PATIENCE_S):
            for sender, reader in ways:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(sender.send_all, bytes(WARM))
                    nursery.start_soon(read_exactly, reader, WARM)
        before = resident(pid)
        sent = dict.fromkeys(range(LINKS), 0)
        moved: list[float] = []

        async def all_wait() -> bool:
            figures = await relay_figures(deployment)
            moved.append(
                sum(value for name, value in figures.items() if "_bytes_from" in name) + sum(sent.values())
            )
            stalled = figures["nocwatch_relay_stalls_total"] >= LINKS and moved[-1] == moved[-2:][0]
            return stalled and len(moved) > 1 and min(sent.values()) >= SENT_MIN

        async with trio.open_nursery() as nursery:
            for number in range(LINKS):
                nursery.start_soon(fill, ways[number][0], sent, number)
            await until(all_wait, "nothing moves any more", 3 * PATIENCE_S)
            assert (resident(pid) - before) / LINKS <= MEMORY_MAX
            nursery.cancel_scope.cancel()
        with trio.fail_after(4 * PATIENCE_S):
            for number, (_, reader) in enumerate(ways):
                assert not any(await read_exactly(reader, sent[number]))
    finally:
        for station, far in links:
            station.socket.close()
            far.socket.close()
    assert deployment.running["relay"].poll() is None, "the relay lives on"
