"""A real relay is restarted with a certificate that no station believes: what its journal tells the watch of it."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import msgspec
import pytest
import trio
from tests.support.certificates import Authority
from tests.support.deployment import until
from tests.support.relaying import listening_csms, paired, settings_for

from nocwatch.alerts.settings import AlertSettings
from nocwatch.detectors.rules import make_rule
from nocwatch.flags import Blame
from nocwatch.frames import Tick
from nocwatch.journal.reader import Reader
from nocwatch.journal.settings import JournalSettings
from nocwatch.moments import SECOND_NS
from nocwatch.pipeline import Pipeline
from nocwatch.proxy.settings import RelaySettings
from nocwatch.registry.places import Place, Places
from nocwatch.relay import Relay, serve
from nocwatch.tap.gate import Gate
from nocwatch.tap.tap import Tap

STATIONS = ("CP1", "CP2", "CP3")
TRIES = 4
PLACES = Places({name: Place(station=name, known=True, site=f"site of {name}") for name in STATIONS})


def distrust(address: str, context: ssl.SSLContext) -> None:
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port))) as sock, pytest.raises(ssl.SSLCertVerificationError):
        context.wrap_socket(sock, server_hostname="relay.example")


async def test_after_a_restart_the_listeners_certificate_is_named_and_not_the_csms(tmp_path: Path) -> None:
    journal = JournalSettings(path=tmp_path / "journal")
    authority, believed = Authority(tmp_path), Authority(tmp_path, "another one")
    certificate, key = authority.issue("relay.example")

    async def relay_of(nursery: trio.Nursery, settings: RelaySettings) -> Relay:
        made: Relay = await nursery.start(
            lambda task_status: serve(settings, journal, signals=False, task_status=task_status)
        )
        return made

    async with listening_csms() as csms:
        async with trio.open_nursery() as nursery:
            relay = await relay_of(nursery, settings_for(csms.port))
            for name in STATIONS:
                await paired(relay, csms, f"GET /ocpp/{name} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            relay.stop()
        tls = {"certificate": str(certificate), "key": str(key)}
        async with trio.open_nursery() as nursery:
            secure = settings_for(csms.port, listen=[{"address": "127.0.0.1:0", "tls": tls}])
            relay = await relay_of(nursery, secure)
            for _ in range(TRIES):
                await trio.to_thread.run_sync(distrust, relay.addresses[0], believed.client_context())
            refused = relay.counters.refused
            await until(lambda: sum(refused.values()) == TRIES, lambda: str(refused))
            relay.stop()
    tap = Tap(Gate(bytes(32)))
    pipeline = Pipeline([make_rule(rule="offline", detector="station_offline")], PLACES, AlertSettings())
    reader = Reader(journal.path)
    last: Tick | None = None
    while records := reader.read():
        for record in records:
            for sighting in tap.feed(record):
                pipeline.feed(sighting)
                last = sighting if isinstance(sighting, Tick) else last
    assert last is not None
    for seconds in range(1, 240):  # as it would go on ticking
        at_ns = last.received_at_ns + seconds * SECOND_NS
        sequence = last.sequence + (seconds << 16)
        pipeline.feed(msgspec.structs.replace(last, sequence=sequence, received_at_ns=at_ns))
    (flag,) = (each for each in pipeline.engine.raised if not each.inhibited_by)
    assert (flag.key, flag.blame) == ("upstream main", Blame.NOCWATCH), f"{flag.summary} {flag.evidence}"
    assert "station_tls_distrusts_us" in flag.summary
    assert "does not believe *our* certificate" in " ".join(each.text for each in flag.evidence)
