"""What docs/operators.md tells operators to write and type, done as it stands there: configuration, curl, HAProxy, nginx."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import yaml
from tests.support.certificates import Authority
from tests.support.deployment import free_port, listens, until
from tests.support.relaying import (
    ANSWER,
    REQUEST,
    listening_csms,
    read_exactly,
    read_head,
    running,
    settings_for,
)

from nocwatch.proxy.settings import RelaySettings

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "operators.md").read_text(encoding="utf-8")


def block(kind: str, holds: str) -> str:
    """The one code block of that kind with these words in it."""
    (found,) = [
        each
        for each in re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
        if holds in each
    ]
    return str(found)


def test_the_configuration_the_socket_unit_and_the_balancers_agree_on_the_port() -> None:
    first = RelaySettings.model_validate(yaml.safe_load(block("yaml", "data: /var/lib/nocwatch"))["relay"])
    unit = (ROOT / "deploy" / "nocwatch-relay.socket").read_text(encoding="utf-8")
    (stream,) = re.findall(r"^ListenStream=(.+)$", unit, re.MULTILINE)
    assert stream == first.listen[0].address
    written = yaml.safe_load(block("yaml", "proxy_protocol: v2"))["relay"]
    assert [each["address"] for each in written["listen"]] == [stream]
    port = stream.rpartition(":")[2]
    assert f"server relay 10.0.1.5:{port} send-proxy-v2" in block("haproxy", "frontend")
    assert f"server 10.0.1.5:{port};" in block("nginx", "stream {")


def test_the_units_program_is_where_the_page_has_it_installed() -> None:
    for name in ("relay", "watch"):
        unit = (ROOT / "deploy" / f"nocwatch-{name}.service").read_text(encoding="utf-8")
        (program,) = re.findall(r"^ExecStart=(\S+)", unit, re.MULTILINE)
        assert f"The program is `{program}`" in PAGE
        assert not program.startswith("/home")
        assert "\nProtectHome=yes\n" in unit


def set_up(port: int, **listen: object) -> RelaySettings:
    return settings_for(port, status="127.0.0.1:0", listen=[{"address": "127.0.0.1:0", **listen}])


@pytest.mark.server("curl")
async def test_the_curl_line_makes_a_handshake_that_the_csms_answers(tmp_path: Path) -> None:
    (line,) = (each for each in block("sh", "Sec-WebSocket-Key").splitlines() if each.startswith("curl "))
    async with listening_csms() as csms, running(set_up(csms.port)) as (relay, _):
        command = shlex.split(line.replace("127.0.0.1:9000", relay.addresses[0]))
        assert relay.addresses[0] in command[-1]
        with (tmp_path / "said").open("wb") as said:
            process = subprocess.Popen(command, stdout=said, stderr=subprocess.DEVNULL)
        try:
            far, head = await csms.welcome()
            assert head.startswith(b"GET /ocpp/CP1 HTTP/1.1\r\n")
            assert b"Sec-WebSocket-Protocol: ocpp1.6\r\n" in head
            heard = tmp_path / "said"
            await until(lambda: ANSWER in heard.read_bytes(), heard.read_text)
            await far.aclose()
        finally:
            process.kill()
            process.wait()


@asynccontextmanager
async def balancing(command: list[str], port: int, log: Path) -> AsyncIterator[None]:
    """The real program in the foreground, until it listens."""
    with log.open("wb") as said:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    try:
        await until(lambda: listens(port), lambda: log.read_text(errors="replace"))
        yield
    finally:
        process.terminate()
        process.wait()


def haproxy(text: str, ports: dict[str, int], folder: Path, program: str) -> list[str]:
    text = text.replace("maxconn 20000", "maxconn 100")  # open files, which a test's machine may not have
    text = text.replace("bind :9443", f"bind 127.0.0.1:{ports['balancer']}")
    text = text.replace("10.0.1.5:9443", f"127.0.0.1:{ports['relay']}").replace(
        "check port 9465", f"check port {ports['status']}"
    )
    file = folder / "haproxy.cfg"
    file.write_text(text)
    assert "9443" not in re.sub(r":\d{5}", "", text)
    return [program, "-db", "-f", str(file)]


def nginx(text: str, ports: dict[str, int], folder: Path, program: str) -> list[str]:
    text = text.replace("listen 9443", f"listen 127.0.0.1:{ports['balancer']}")
    text = text.replace("10.0.1.5:9443", f"127.0.0.1:{ports['relay']}")
    file = folder / "nginx.conf"
    file.write_text(text)
    more = f"daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;"
    return [program, "-c", str(file), "-g", more]


@pytest.mark.parametrize(
    ("kind", "version", "made"),
    [
        pytest.param("haproxy", "v2", haproxy, marks=pytest.mark.server("haproxy")),
        pytest.param("nginx", "v1", nginx, marks=pytest.mark.server("nginx", "nginx-stream")),
    ],
)
async def test_behind_the_balancer_of_the_page_a_station_keeps_its_address_and_its_tls(
    tmp_path: Path,
    kind: str,
    version: str,
    made: Callable[[str, dict[str, int], Path, str], list[str]],
    server_program: Callable[[str], str],
) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("relay.example")
    listen = {
        "trusted": ["127.0.0.0/8"],
        "proxy_protocol": version,
        "tls": {"certificate": certificate, "key": key},
    }
    text = block(kind, "9443")
    async with listening_csms() as csms, running(set_up(csms.port, **listen)) as (relay, journal):
        assert relay.status_address is not None
        ports = {
            "balancer": free_port(),
            "relay": int(relay.addresses[0].rpartition(":")[2]),
            "status": int(relay.status_address.rpartition(":")[2]),
        }
        command = made(text, ports, tmp_path, server_program(kind))
        async with balancing(command, ports["balancer"], tmp_path / "said"):
            plain = await trio.open_tcp_stream("127.0.0.1", ports["balancer"])
            ours = plain.socket.getsockname()
            station = trio.SSLStream(plain, authority.client_context(), server_hostname="relay.example")
            await station.send_all(REQUEST)
            far, _ = await csms.welcome()
            assert await read_head(station) == ANSWER
            await station.send_all(b"up")
            assert await read_exactly(far, 2) == b"up"
            opened = await journal.event("open")
            assert opened["remote_address"] == f"127.0.0.1:{ours[1]}"
            assert opened["tls"]
            plain.socket.close()
