"""Certificates that are renewed while the relay runs, and such as run out."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from tests.support.certificates import Authority, fingerprint
from tests.support.relaying import (
    PATIENCE_S,
    REQUEST,
    connect,
    listening_csms,
    read_exactly,
    read_head,
    running,
    settings_for,
)
from tests.support.secured import behind_tls, opened, secured, station_context, tls_relay

from nocwatch.proxy.x509 import read_certificate
from nocwatch.relay import Relay


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


class Files:
    """A listener's certificate and key, where something renews them."""

    def __init__(self, authority: Authority, folder: Path) -> None:
        self._authority = authority
        self._count = 0
        self.certificate, self.key = folder / "live.crt", folder / "live.key"

    def write(
        self, *, certificate: bool = True, key: bool = True, days: tuple[float, float] = (-1, 1)
    ) -> str:
        """The next certificate, in whole or the one half of it; its fingerprint."""
        self._count += 1
        made = self._authority.issue("relay.example", file=f"made{self._count}", days=days)
        if certificate:
            shutil.move(shutil.copy(made[0], f"{self.certificate}.new"), self.certificate)
        if key:
            shutil.move(shutil.copy(made[1], f"{self.key}.new"), self.key)
        self._made = made
        return fingerprint(made[0])

    def write_the_other_half(self) -> None:
        shutil.copy(self._made[1], self.key)


@asynccontextmanager
async def renewed_relay(authority: Authority, folder: Path) -> AsyncIterator[tuple[Relay, Files, str]]:
    files = Files(authority, folder)
    first = files.write()
    async with (
        listening_csms() as csms,
        tls_relay(csms, authority, certificate=files.certificate, key=files.key) as (relay, _),
    ):
        yield relay, files, first


async def greets_with(relay: Relay, authority: Authority) -> str:
    stream = await secured(relay, station_context(authority))
    return read_certificate(stream.getpeercert(binary_form=True)).sha256


async def test_a_renewed_certificate_greets_the_next_station_and_links_live_on(
    authority: Authority, tmp_path: Path
) -> None:
    files = Files(authority, tmp_path)
    files.write()
    async with (
        listening_csms() as csms,
        tls_relay(csms, authority, certificate=files.certificate, key=files.key) as (relay, journal),
    ):
        station, far = await opened(relay, csms, station_context(authority))
        second = files.write()
        await relay._renewals.look()
        assert await greets_with(relay, authority) == second
        await station.send_all(b"still here")
        assert await read_exactly(far, 10) == b"still here"
        assert not journal.events("closed")
        assert relay.tick()["certificate_renewals"] == 1


async def test_files_that_have_not_changed_are_left_alone(authority: Authority, tmp_path: Path) -> None:
    async with renewed_relay(authority, tmp_path) as (relay, _, first):
        before = relay._listeners[0].context
        await relay._renewals.look()
        assert relay._listeners[0].context is before
        assert await greets_with(relay, authority) == first


async def test_a_certificate_whose_key_is_not_there_yet_is_waited_for_in_silence(
    authority: Authority, tmp_path: Path
) -> None:
    """A renewal writes two files, and one of them first."""
    async with renewed_relay(authority, tmp_path) as (relay, files, first):
        second = files.write(key=False)
        await relay._renewals.look()
        assert await greets_with(relay, authority) == first
        assert not relay._renewals.remarks()
        files.write_the_other_half()
        await relay._renewals.look()
        assert await greets_with(relay, authority) == second
        assert relay.tick()["certificate_failures"] == 0


@pytest.mark.parametrize("broken", ["no PEM", "gone", "another key"])
async def test_a_broken_renewal_keeps_the_former_certificate_and_says_so_until_it_is_mended(
    authority: Authority, tmp_path: Path, broken: str
) -> None:
    async with renewed_relay(authority, tmp_path) as (relay, files, first):
        if broken == "no PEM":
            files.certificate.write_text("<html>404</html>")
        elif broken == "gone":
            files.certificate.unlink()
        else:
            files.write(key=False)
        for _ in range(3):
            await relay._renewals.look()
        assert await greets_with(relay, authority) == first
        (remark,) = [each for each in relay.ready()[1] if "cannot be used" in each]
        assert str(files.certificate) in remark
        assert relay.tick()["certificate_failures"] == 1
        mended = files.write()
        await relay._renewals.look()
        assert await greets_with(relay, authority) == mended
        assert not [each for each in relay.ready()[1] if "cannot be used" in each]


async def test_a_look_for_which_there_is_no_thread_is_made_up_for_by_the_next(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with renewed_relay(authority, tmp_path) as (relay, files, _):
        second = files.write()
        with monkeypatch.context() as machine:
            machine.setattr(trio.to_thread, "run_sync", _no_thread)
            await relay._renewals.look()
            await relay._renewals.look()
        assert any("can't start new thread" in each for each in relay.ready()[1])
        await relay._renewals.look()
        assert relay.ready()[1] == []
        assert await greets_with(relay, authority) == second


async def test_a_disk_that_never_answers_the_look_at_a_certificate_keeps_no_relay_from_ending(
    authority: Authority, tmp_path: Path
) -> None:
    async with renewed_relay(authority, tmp_path) as (relay, files, _):
        os.mkfifo(tmp_path / "fifo")
        (tmp_path / "fifo").replace(files.certificate)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(relay._renewals.look)
            disk = await taken_for_reading(files.certificate)

            def answer() -> None:
                files.write()
                os.close(disk)

            answers_at_last = threading.Timer(PATIENCE_S, answer)
            answers_at_last.start()
            nursery.cancel_scope.cancel()
        assert answers_at_last.is_alive()
        answers_at_last.cancel()
        answer()


async def taken_for_reading(fifo: Path) -> int:
    """Its other end, once somebody waits for what comes out of it."""
    with trio.fail_after(PATIENCE_S):
        while True:
            try:
                return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:
                await trio.sleep(0.01)


async def _no_thread(*_: object, **__: object) -> None:
    raise RuntimeError("can't start new thread")


async def test_a_station_that_is_revoked_while_the_relay_runs_cannot_come_back(
    authority: Authority, tmp_path: Path
) -> None:
    """Not by a session that it had before, either: a new context does not know it."""
    stolen = authority.issue("CP1")
    tls = {"client_ca": authority.certificate, "crl": authority.revocations()}
    async with listening_csms() as csms, tls_relay(csms, authority, **tls) as (relay, _):
        context = station_context(authority, stolen)
        station, _ = await opened(relay, csms, context)
        session = station._ssl_object.session
        authority.revocations(stolen[0])
        await relay._renewals.look()
        again = trio.SSLStream(await connect(relay), context, server_hostname="relay.example")
        again._ssl_object.session = session
        with pytest.raises(trio.BrokenResourceError):  # noqa: PT012 - TLS 1.3 tells a client after its handshake
            await again.do_handshake()
            await again.receive_some(1)


async def test_our_own_certificate_for_a_csms_is_renewed_too(authority: Authority, tmp_path: Path) -> None:
    files = Files(authority, tmp_path)
    files.write()
    tls = {"verify": "none", "certificate": files.certificate, "key": files.key}
    async with listening_csms() as csms:
        to = [{"name": "main", "url": f"wss://127.0.0.1:{csms.port}", "tls": tls}]
        async with running(settings_for(0, upstreams=to)) as (relay, _):
            second = files.write()
            await relay._renewals.look()
            context = relay._pairing.upstreams[0].context
            assert context is not None
            (ours,) = context.certificates
            assert ours.sha256 == second


async def test_when_certificates_run_out_is_told_in_ticks(authority: Authority, tmp_path: Path) -> None:
    near, ours = authority.issue("relay.example", days=(-1, 300)), authority.issue("nocwatch", days=(-1, 200))
    theirs = authority.server_context()
    async with listening_csms() as csms:
        listen = [
            {"address": "127.0.0.1:0"},
            {"address": "127.0.0.1:0", "name": "depot", "tls": {"certificate": near[0], "key": near[1]}},
        ]
        tls = {"ca": authority.certificate, "certificate": ours[0], "key": ours[1]}
        to = [{"name": "main", "url": f"wss://127.0.0.1:{csms.port}", "tls": tls}]
        async with running(settings_for(0, listen=listen, upstreams=to)) as (relay, _):
            station = await connect(relay)
            await station.send_all(REQUEST)
            await behind_tls(csms, theirs)
            await read_head(station)
            told = {name: at for name, at in relay.tick().items() if name.startswith("certificate_expires_")}
            assert set(told) == {
                "certificate_expires_listener_depot",
                "certificate_expires_client_main",
                "certificate_expires_csms_main",
            }
            assert sorted(told, key=told.__getitem__) == [
                "certificate_expires_csms_main", "certificate_expires_client_main", "certificate_expires_listener_depot",
            ]  # fmt: skip


@pytest.mark.parametrize(
    ("days", "says"),
    [((-300, 3.5), "expires in 3 days"), ((-300, -1), "has expired"), ((-30, 300), "")],
)
async def test_a_certificate_that_runs_out_is_told_on_readyz_and_stations_are_still_taken(
    authority: Authority, tmp_path: Path, days: tuple[float, float], says: str
) -> None:
    certificate, key = authority.issue("relay.example", days=days)
    async with (
        listening_csms() as csms,
        tls_relay(csms, authority, certificate=certificate, key=key) as (relay, _),
    ):
        reasons, remarks = relay.ready()
        assert not reasons
        assert remarks == ([f"the certificate of the listener depot {says}"] if says else [])
