"""SIGHUP: routes and certificates are taken over, links live on, and a mistake changes nothing."""

from __future__ import annotations

import os
import signal
import ssl
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import trio
from tests.relay.test_process import get
from tests.support.certificates import Authority
from tests.support.deployment import until
from tests.support.relaying import (
    ANSWER,
    REQUEST,
    Csms,
    MemoryJournal,
    connect,
    listening_csms,
    paired,
    read_exactly,
    read_head,
    settings_for,
)

from nocwatch.config import load_configuration
from nocwatch.journal.settings import JournalSettings
from nocwatch.proxy.settings import RelaySettings
from nocwatch.relay import Relay


class Reloaded:
    """A relay that reads its configuration from a file, as the command has it."""

    def __init__(self, folder: Path, text: str) -> None:
        self.file = folder / "nocwatch.yaml"
        self.file.write_text(text)
        settings, _ = self.read()
        self.relay = Relay(settings, JournalSettings(), writer=lambda _: MemoryJournal())

    def read(self) -> tuple[RelaySettings, JournalSettings]:
        configuration = load_configuration(self.file, {})
        return configuration.relay, JournalSettings()

    async def run(self, *, task_status: trio.TaskStatus[Relay]) -> None:
        await self.relay.run(signals=True, reread=self.read, task_status=task_status)

    async def hang_up(self, text: str) -> None:
        self.file.write_text(text)
        before = self._reloads()
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: self._reloads() > before, "the reload is over")

    def _reloads(self) -> int:
        tick = self.relay.tick()
        return tick["reloads"] + tick["reload_failures"]


def text_for(csms: int, more: str = "") -> str:
    return f"""relay:
  listen: [{{address: "127.0.0.1:0"}}]
  status: "127.0.0.1:0"
  upstreams: [{{name: main, url: "ws://127.0.0.1:{csms}"}}]
{more}"""


async def readiness(relay: Relay) -> dict[str, list[str]]:
    assert relay.status_address is not None
    found: dict[str, list[str]] = msgspec.json.decode((await get(relay.status_address, "/readyz"))[1])
    return found


async def carries(station: trio.SocketStream, far: trio.SocketStream) -> None:
    await station.send_all(b"up")
    assert await read_exactly(far, 2) == b"up"
    await far.send_all(b"down")
    assert await read_exactly(station, 4) == b"down"


async def test_a_new_route_is_for_new_stations_and_links_live_on(tmp_path: Path) -> None:
    async with listening_csms() as old, listening_csms() as new, trio.open_nursery() as nursery:
        made = Reloaded(tmp_path, text_for(old.port))
        await nursery.start(made.run)
        linked = await paired(made.relay, old)
        await made.hang_up(text_for(new.port))
        await carries(*linked)
        await carries(*await paired(made.relay, new))
        assert made.relay.tick()["reloads"] == 1
        assert (await readiness(made.relay))["remarks"] == []
        nursery.cancel_scope.cancel()


async def test_a_broken_configuration_keeps_the_old_one_and_says_where_it_is_wrong(tmp_path: Path) -> None:
    async with listening_csms() as csms, trio.open_nursery() as nursery:
        made = Reloaded(tmp_path, text_for(csms.port))
        await nursery.start(made.run)
        linked = await paired(made.relay, csms)
        await made.hang_up(text_for(csms.port).replace("url:", "uri:"))
        (remark,) = (await readiness(made.relay))["remarks"]
        assert "the former one stays in force" in remark
        assert f"{made.file}:4:relay.upstreams.0." in remark
        assert made.relay.tick()["reload_failures"] == 1
        await carries(*linked)
        await carries(*await paired(made.relay, csms))
        await made.hang_up(text_for(csms.port))
        assert (await readiness(made.relay))["remarks"] == []
        nursery.cancel_scope.cancel()


async def test_a_fault_in_reading_the_configuration_ends_no_link(tmp_path: Path) -> None:
    """A path that no system has: nobody thought of it, and a reload is not where a fleet is lost."""
    tls = '{name: main, url: "wss://127.0.0.1:1", tls: {ca: "/etc/\\0ca.pem"}}'
    async with listening_csms() as csms, trio.open_nursery() as nursery:
        good = text_for(csms.port)
        made = Reloaded(tmp_path, good)
        await nursery.start(made.run)
        linked = await paired(made.relay, csms)
        await made.hang_up(good.replace(f'{{name: main, url: "ws://127.0.0.1:{csms.port}"}}', tls))
        assert made.relay.tick()["reload_failures"] == 1
        (remark,) = (await readiness(made.relay))["remarks"]
        assert "the former one stays in force" in remark
        await carries(*linked)
        await carries(*await paired(made.relay, csms))
        nursery.cancel_scope.cancel()


CHANGES: dict[str, tuple[Callable[[str], str], str]] = {
    "address": (
        lambda text: text.replace('address: "127.0.0.1:0"', 'address: "127.0.0.1:9"'),
        "relay.listen",
    ),
    "status": (lambda text: text.replace('status: "127.0.0.1:0"', 'status: "127.0.0.1:9"'), "relay.status"),
    "workers": (lambda text: text + "  workers: 2\n", "relay.workers"),
    "limit": (lambda text: text + "  limits: {chunk_size: 8KiB}\n", "relay.limits.chunk_size"),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_what_a_running_relay_cannot_change_is_named(tmp_path: Path, change: str) -> None:
    alter, key = CHANGES[change]
    async with listening_csms() as csms, trio.open_nursery() as nursery:
        made = Reloaded(tmp_path, text_for(csms.port))
        await nursery.start(made.run)
        before = made.relay.settings
        await made.hang_up(alter(text_for(csms.port, "  grace: 5m\n")))
        assert (await readiness(made.relay))["remarks"] == [
            f"changed in the configuration, and holds from the next start: {key}"
        ]
        assert made.relay.settings == before.model_copy(update={"grace": 300.0})
        await carries(*await paired(made.relay, csms))
        nursery.cancel_scope.cancel()


async def test_a_new_certificate_greets_new_stations_and_links_live_on(tmp_path: Path) -> None:
    for each in "ab":
        (tmp_path / each).mkdir()
    first, second = Authority(tmp_path / "a"), Authority(tmp_path / "b")

    def text(authority: Authority, port: int) -> str:
        certificate, key = authority.issue("relay.example")
        return text_for(port).replace(
            'address: "127.0.0.1:0"',
            f'address: "127.0.0.1:0", tls: {{certificate: "{certificate}", key: "{key}"}}',
        )

    async def station(
        authority: Authority, csms: Csms, relay: Relay
    ) -> tuple[trio.SSLStream, trio.SocketStream]:
        context = ssl.create_default_context(cafile=authority.certificate)
        stream = trio.SSLStream(await connect(relay), context, server_hostname="relay.example")
        await stream.send_all(REQUEST)
        far, _ = await csms.welcome()
        assert await read_head(stream) == ANSWER
        return stream, far

    async with listening_csms() as csms, trio.open_nursery() as nursery:
        made = Reloaded(tmp_path, text(first, csms.port))
        await nursery.start(made.run)
        linked = await station(first, csms, made.relay)
        await made.hang_up(text(second, csms.port))
        await station(second, csms, made.relay)
        with pytest.raises(trio.BrokenResourceError):
            await station(first, csms, made.relay)
        await linked[0].send_all(b"up")
        assert await read_exactly(linked[1], 2) == b"up"
        await made.hang_up(made.file.read_text().replace('certificate: "', 'certificate: "/nowhere'))
        (remark,) = (await readiness(made.relay))["remarks"]
        assert "/nowhere" in remark
        await station(second, csms, made.relay)
        nursery.cancel_scope.cancel()


async def test_a_certificate_that_was_mended_is_forgotten_with_the_reload_that_took_it(
    tmp_path: Path,
) -> None:
    """And not some seconds later, at the next look at the files: whoever sent the signal looks at /readyz now."""
    certificate, key = Authority(tmp_path).issue("relay.example")
    good = certificate.read_bytes()
    text = text_for(1).replace(
        'address: "127.0.0.1:0"',
        f'address: "127.0.0.1:0", tls: {{certificate: "{certificate}", key: "{key}"}}',
    )
    async with trio.open_nursery() as nursery:
        made = Reloaded(tmp_path, text)
        await nursery.start(made.run)
        certificate.write_text("half a file")
        for _ in range(2):
            await made.relay._renewals.look()
        (remark,) = (await readiness(made.relay))["remarks"]
        assert "a new certificate cannot be used" in remark
        certificate.write_bytes(good)
        await made.hang_up(text)
        assert (await readiness(made.relay))["remarks"] == []
        nursery.cancel_scope.cancel()


async def test_a_csms_that_is_known_to_be_down_stays_known_over_a_reload(tmp_path: Path) -> None:
    async with trio.open_nursery() as nursery:
        made = Reloaded(tmp_path, text_for(1))
        await nursery.start(made.run)
        stranger = await connect(made.relay)
        await stranger.send_all(REQUEST)
        assert b" 502 " in await read_head(stranger)
        stranger.socket.close()
        await made.hang_up(text_for(1))
        assert (await readiness(made.relay))["reasons"] == ["not reachable: main"]
        nursery.cancel_scope.cancel()


async def test_what_dials_have_shown_of_a_csms_stays_known_over_a_reload_that_is_not_about_it(
    tmp_path: Path,
) -> None:
    async with listening_csms() as csms, trio.open_nursery() as nursery:
        dead_first = text_for(1).replace(
            '127.0.0.1:1"', f'127.0.0.1:1", fallbacks: ["ws://127.0.0.1:{csms.port}"]'
        )
        made = Reloaded(tmp_path, dead_first)
        await nursery.start(made.run)
        await paired(made.relay, csms)
        on_fallback = ["the central system main was last reached on a fallback"]
        assert (await readiness(made.relay))["remarks"] == on_fallback
        await made.hang_up(dead_first + "  grace: 5m\n")
        assert made.relay.tick()["reloads"] == 1
        assert (await readiness(made.relay))["remarks"] == on_fallback
        await made.hang_up(dead_first.replace("main", "other"))
        assert (await readiness(made.relay))["remarks"] == []
        nursery.cancel_scope.cancel()


async def test_a_relay_without_a_file_survives_a_hang_up() -> None:
    async with listening_csms() as csms, trio.open_nursery() as nursery:
        relay = Relay(settings_for(csms.port), JournalSettings(), writer=lambda _: MemoryJournal())

        async def run(*, task_status: trio.TaskStatus[Relay]) -> None:
            await relay.run(signals=True, task_status=task_status)

        await nursery.start(run)
        os.kill(os.getpid(), signal.SIGHUP)
        await carries(*await paired(relay, csms))
        nursery.cancel_scope.cancel()
