"""A relay of several workers, as real processes: shares, one address to ask, crashes, the end."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
import trio
from tests.support import relaying
from tests.support.deployment import Deployment, answers, listens, until
from tests.support.relaying import (
    ANSWER,
    PATIENCE_S,
    REQUEST,
    Csms,
    listening_csms,
    read_exactly,
    read_head,
)

from nocwatch.errors import NotNowError
from nocwatch.journal.reader import Reader
from nocwatch.journal.settings import JournalSettings
from nocwatch.journal.writer import Writer
from nocwatch.proxy.settings import RelaySettings
from nocwatch.records import RecordKind
from nocwatch.relay.inherited import Given
from nocwatch.relay.parent import Parent

Pair = tuple[trio.SocketStream, trio.SocketStream]


@asynccontextmanager
async def several(folder: Path, *settings: str, workers: int = 2) -> AsyncIterator[tuple[Deployment, Csms]]:
    async with listening_csms() as csms:
        deployment = Deployment(folder, f"relay.workers={workers}", *settings)
        deployment.ports["csms"] = csms.port
        try:
            await deployment.relay()
            # The parent's word, not the one of whichever worker is up first.
            await until(
                lambda: f'"workers": {workers}' in deployment.log("relay"), lambda: deployment.log("relay")
            )
            yield deployment, csms
        finally:
            if "relay" in deployment.running:
                deployment.running["relay"].terminate()
                deployment.running.pop("relay").wait(timeout=30)


async def paired(deployment: Deployment, csms: Csms) -> Pair:
    station = await trio.open_tcp_stream("127.0.0.1", deployment.ports["relay"])
    relaying._opened.append(station)
    await station.send_all(REQUEST)
    far, _ = await csms.welcome()
    assert await read_head(station) == ANSWER
    return station, far


async def figures(deployment: Deployment) -> dict[str, int]:
    async with httpx2.AsyncClient(timeout=5) as client:
        lines = (await client.get(deployment.status("/metrics"))).text.splitlines()
    return {
        name.removeprefix("nocwatch_relay_"): int(float(value))
        for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    }


async def readiness(deployment: Deployment) -> dict[str, Any]:
    async with httpx2.AsyncClient(timeout=5) as client:
        found: dict[str, Any] = (await client.get(deployment.status("/readyz"))).json()
    return found


async def is_counted(deployment: Deployment, name: str, value: int) -> None:
    async def so() -> bool:
        return (await figures(deployment)).get(name) == value

    await until(so, lambda: f"{name} {value}: {deployment.log('relay')}")


def workers_of(deployment: Deployment) -> dict[int, int]:
    """Lane → process."""
    found = {}
    parent = deployment.running["relay"].pid
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                command = (folder / "cmdline").read_bytes().split(b"\0")
                owner = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError):
                continue
            if owner == parent and b"nocwatch.relay.worker" in command:
                found[int(command[-2])] = int(folder.name)
    return found


async def on_both(deployment: Deployment, csms: Csms) -> list[Pair]:
    """Links until each worker has one."""
    pairs: list[Pair] = []
    while True:
        pairs.append(await paired(deployment, csms))
        await is_counted(deployment, "links_open", len(pairs))
        now = await figures(deployment)
        if now['worker_links_open{worker="0"}'] and now['worker_links_open{worker="1"}']:
            return pairs
        assert len(pairs) < 50


async def shares(deployment: Deployment, pairs: list[Pair], csms: Csms) -> None:
    for station, far in pairs:
        await station.send_all(b"up")
        assert await read_exactly(far, 2) == b"up"
        await far.send_all(b"down")
        assert await read_exactly(station, 4) == b"down"


async def test_stations_are_dealt_out_and_one_address_tells_of_all(tmp_path: Path) -> None:
    async with several(tmp_path) as (deployment, csms):
        pairs = await on_both(deployment, csms)
        await shares(deployment, pairs, csms)
        await is_counted(deployment, "bytes_from_station_total", 2 * len(pairs))
        now = await figures(deployment)
        assert now["links_total"] == len(pairs)
        assert now['upstream_up{upstream="main"}'] == 1
        assert now["workers"] == 2
        told = await readiness(deployment)
        assert told == {"ready": True, "reasons": [], "remarks": [], "workers": told["workers"]}
        processes = workers_of(deployment)
        assert [each["pid"] for each in told["workers"]] == [processes[0], processes[1]]
        assert sum(each["links"] for each in told["workers"]) == len(pairs)
        assert all(each["up"] and not each["draining"] for each in told["workers"])
        assert await deployment.stop("relay") == 0
    records = []
    with Reader(deployment.data / "journal") as reader:
        while batch := reader.read():
            records += batch
    opened = [each for each in records if each.kind is RecordKind.LINK and b'"open"' in each.data]
    assert {each.lane for each in opened} == {0, 1}
    assert len({each.connection for each in opened}) == len(pairs)
    closed = [
        msgspec.json.decode(each.data)
        for each in records
        if each.kind is RecordKind.LINK and b'"closed"' in each.data
    ]
    assert [(each["by"], each["reason"]) for each in closed] == [("relay", "shutdown")] * len(pairs)


async def test_a_worker_that_crashes_takes_no_other_links_along_and_counts_on(tmp_path: Path) -> None:
    async with several(tmp_path) as (deployment, csms):
        pairs = await on_both(deployment, csms)
        links_before = (await figures(deployment))["links_total"]
        on_0 = (await figures(deployment))['worker_links_open{worker="0"}']
        os.kill(workers_of(deployment)[0], signal.SIGKILL)
        await is_counted(deployment, 'worker_restarts_total{worker="0"}', 1)
        await is_counted(deployment, 'worker_up{worker="0"}', 1)
        await is_counted(deployment, "links_open", len(pairs) - on_0)
        assert (await figures(deployment))["links_total"] == links_before
        alive = 0
        for station, far in pairs:
            try:
                await station.send_all(b"up")
                alive += await read_exactly(far, 2) == b"up"
            except (AssertionError, trio.BrokenResourceError):
                continue
        assert alive == len(pairs) - on_0
        again = await on_both_anew(deployment, csms)
        await shares(deployment, again, csms)


async def on_both_anew(deployment: Deployment, csms: Csms) -> list[Pair]:
    """New links until the worker that was started again has one."""
    pairs = []
    while (await figures(deployment))['worker_links_open{worker="0"}'] == 0:
        pairs.append(await paired(deployment, csms))
        assert len(pairs) < 50
    return pairs


async def test_a_station_that_knocked_while_its_worker_crashed_is_let_in_by_the_next(tmp_path: Path) -> None:
    async with several(tmp_path) as (deployment, csms):
        for pid in workers_of(deployment).values():
            os.kill(pid, signal.SIGKILL)
        # Nobody accepts now; the kernel takes the connection into the backlog of a socket that the parent holds.
        station, far = await paired(deployment, csms)
        await shares(deployment, [(station, far)], csms)


async def test_a_worker_that_hangs_is_ended_and_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "WATCHDOG_USEC", "3000000"
    )  # as systemd says it; without it the patience is half a minute
    async with several(tmp_path) as (deployment, csms):
        hung = workers_of(deployment)[1]
        os.kill(hung, signal.SIGSTOP)
        await is_counted(deployment, 'worker_restarts_total{worker="1"}', 1)
        await is_counted(deployment, 'worker_up{worker="1"}', 1)
        assert workers_of(deployment)[1] != hung
        await shares(deployment, [await paired(deployment, csms)], csms)


async def test_a_worker_asked_to_end_hands_its_stations_to_the_others_and_its_links_their_grace(
    tmp_path: Path,
) -> None:
    async with several(tmp_path, "relay.grace=10m") as (deployment, csms):
        pairs = await on_both(deployment, csms)
        os.kill(workers_of(deployment)[0], signal.SIGTERM)

        async def told() -> bool:
            return any("worker 0: shutting down" in each for each in (await readiness(deployment))["remarks"])

        await until(told, lambda: deployment.log("relay"))
        assert (await readiness(deployment))["ready"]
        for _ in range(8):
            pairs.append(await paired(deployment, csms))
        await shares(deployment, pairs, csms)
        deployment.running["relay"].send_signal(signal.SIGTERM)
        await is_counted(deployment, "draining", 1)
        await shares(deployment, pairs, csms)
        deployment.running["relay"].send_signal(signal.SIGTERM)  # the second one: at once
        with trio.fail_after(PATIENCE_S):
            assert (
                await trio.to_thread.run_sync(deployment.running["relay"].wait, abandon_on_cancel=True) == 0
            )


async def test_no_worker_outlives_its_parent_and_the_next_relay_lets_stations_in(tmp_path: Path) -> None:
    # With a grace: links that are let run out would hold the lanes, and keep the next relay out, for all of that time.
    async with several(tmp_path, "relay.grace=10m") as (deployment, csms):
        pairs = await on_both(deployment, csms)
        pids = list(workers_of(deployment).values())
        assert len(pids) == 2
        deployment.kill("relay")
        await until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), "the workers end")
        await until(lambda: not listens(deployment.ports["relay"]), "the address is free")
        await deployment.relay()
        again = await on_both(deployment, csms)
        await shares(deployment, again, csms)
        for station, far in [*pairs, *again]:
            station.socket.close()
            far.socket.close()


async def test_workers_wait_for_lanes_that_another_relay_still_holds(tmp_path: Path) -> None:
    journal = tmp_path / "data" / "journal"
    held = [Writer(journal, lane, JournalSettings(path=journal)) for lane in (0, 1)]
    async with listening_csms() as csms:
        deployment = Deployment(tmp_path, "relay.workers=2")
        deployment.ports["csms"] = csms.port
        try:
            await deployment.relay()
            await until(
                lambda: deployment.log("relay").count("another relay writes to this lane") >= 2, "it says so"
            )
            assert deployment.running["relay"].poll() is None
            assert not (await readiness(deployment))["ready"]
            for writer in held:
                writer.close()
            await until(lambda: "relaying" in deployment.log("relay"), lambda: deployment.log("relay"))
            await shares(deployment, [await paired(deployment, csms)], csms)
        finally:
            deployment.end()


async def test_a_worker_that_cannot_start_ends_the_whole_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "journal").write_text("a file where the folder should be")
    deployment = Deployment(tmp_path, "relay.workers=2")
    process = deployment.start("relay", "relay", *deployment.options())
    try:
        with trio.fail_after(PATIENCE_S):
            assert await trio.to_thread.run_sync(process.wait, abandon_on_cancel=True) == 2
    finally:
        deployment.end()
    assert "the journal cannot be opened for writing" in deployment.log("relay")


async def test_an_address_that_a_worker_cannot_have_at_the_first_start_ends_the_whole(
    tmp_path: Path, autojump_clock: object
) -> None:
    """The parent has looked at it; then another program was quicker. Without an end nobody would ever start it again."""
    settings = RelaySettings.model_validate(
        {
            "listen": [{"address": "127.0.0.1:0"}],
            "upstreams": [{"name": "main", "url": "ws://127.0.0.1:1"}],
            "workers": 2,
            "status": None,
        }
    )
    parent = Parent(settings, JournalSettings(path=tmp_path / "journal"), Given([None]))
    host, port = parent.addresses[0].split(":")
    with socket.socket() as other:
        other.bind((host, int(port)))
        other.listen()
        with pytest.raises(BaseExceptionGroup) as raised:
            await parent.run()
    found = raised.value
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    assert isinstance(found, NotNowError)
    assert "another program listens there" in str(found)


async def test_two_relays_never_share_an_address_without_a_word(tmp_path: Path) -> None:
    async with several(tmp_path) as (deployment, _):
        other = Deployment(tmp_path / "other", "relay.workers=2")
        other.folder.mkdir()
        other.ports["relay"] = deployment.ports["relay"]
        process = other.start("relay", "relay", *other.options())
        try:
            with trio.fail_after(PATIENCE_S):
                assert await trio.to_thread.run_sync(process.wait, abandon_on_cancel=True) == 1
        finally:
            other.end()
        assert "another program listens there" in other.log("relay")
        assert await answers(deployment.status("/healthz"))


async def test_a_dial_that_comes_back_to_another_worker_is_known_as_the_relays_own(tmp_path: Path) -> None:
    """The DNS name of the CSMS leads to the relay. Each station costs two connections, whichever worker has which end."""
    stations = 24
    deployment = Deployment(tmp_path, "relay.workers=2")
    port = deployment.ports["relay"]
    deployment.settings.append(f'relay.upstreams=[{{name: main, url: "ws://127.1:{port}"}}]')
    try:
        await deployment.relay()
        await until(lambda: '"workers": 2' in deployment.log("relay"), "both are up")
        for _ in range(stations):
            async with await trio.open_tcp_stream("127.0.0.1", port) as station:
                await station.send_all(REQUEST)
                assert (await read_head(station)).startswith(b"HTTP/1.1 508 ")
        await is_counted(deployment, "accepted_total", 2 * stations)
        await is_counted(deployment, 'refused_total{reason="loop"}', stations)
    finally:
        deployment.end()
