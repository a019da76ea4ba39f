"""What the doctor says to somebody who was called because it does not work: plain words, one line a trouble, a remedy that is one."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import trio

from nocwatch.config import Configuration, load_configuration
from nocwatch.doctor import Finding, examine
from nocwatch.proxy.mistakes import own_listener
from nocwatch.proxy.settings import ListenerSettings


def configured(folder: Path, **relay: object) -> Configuration:
    values = {"listen": [{"address": "127.0.0.1:9000"}], "status": None, **relay}
    overrides = {("relay",): ("--set", values), ("metrics", "listen"): ("--set", None)}
    return load_configuration(None, {}, {("data",): ("--data", str(folder / "data")), **overrides})


def of(findings: list[Finding], what: str) -> Finding:
    (found,) = [each for each in findings if each.what == what]
    return found


async def test_right_after_the_installation_nothing_is_bad(tmp_path: Path) -> None:
    findings = await examine(configured(tmp_path), tmp_path)
    assert [each for each in findings if each.state == "bad"] == []
    assert of(findings, "CSMS").state == "warning"


async def test_a_data_folder_that_is_a_file_is_bad(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    found = of(await examine(configured(tmp_path), tmp_path), "data folder")
    assert found.state == "bad"
    assert "is a file" in found.found


async def test_a_process_that_does_not_run_is_told_without_jargon(tmp_path: Path) -> None:
    found = of(await examine(configured(tmp_path, status="127.0.0.1:1"), tmp_path), "relay")
    assert found.found == "127.0.0.1:1: nothing answers there"
    assert "nocwatch relay" in found.remedy


async def test_a_csms_whose_name_now_leads_here_is_a_loop(tmp_path: Path) -> None:
    """The name that all stations use was moved, and it is the upstream's too."""
    upstream = {"name": "main", "url": "ws://localhost:9000"}
    found = of(await examine(configured(tmp_path, upstreams=[upstream]), tmp_path), "CSMS main")
    assert found.state == "bad"
    assert "dial itself" in found.found


@pytest.mark.parametrize(
    ("host", "port", "listen", "is_ours"),
    [
        ("localhost", 9000, "0.0.0.0:9000", True),
        ("localhost", 9001, "0.0.0.0:9000", False),
        ("localhost", 9000, "127.0.0.1:9000", True),
        ("192.0.2.1", 9000, "0.0.0.0:9000", False),
        ("127.0.0.2", 9000, "127.0.0.1:9000", False),
        ("no-such-host.invalid", 9000, "0.0.0.0:9000", False),
    ],
)
async def test_whether_a_name_leads_to_a_listener_is_asked_of_the_resolver(
    host: str, port: int, listen: str, is_ours: bool
) -> None:
    with trio.fail_after(30):
        assert bool(await own_listener(host, port, [ListenerSettings(address=listen)])) is is_ours


async def _answering(stream: trio.SocketStream) -> None:
    await stream.receive_some(4096)
    body = b'{"ready":false,"reasons":["not reachable: main"],"remarks":[]}'
    head = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    await stream.send_all(head % len(body) + body)


async def test_one_dead_csms_is_one_bad_line(tmp_path: Path) -> None:
    """The relay's own word of it is of its last dial; the CSMS may be back since."""
    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, _answering, 0, host="127.0.0.1"))
        status = f"127.0.0.1:{listener.socket.getsockname()[1]}"
        upstream = {"name": "main", "url": "ws://127.0.0.1:1"}
        findings = await examine(configured(tmp_path, status=status, upstreams=[upstream]), tmp_path)
        nursery.cancel_scope.cancel()
    assert [each.what for each in findings if each.state == "bad"] == ["CSMS main"]
    assert of(findings, "relay").remedy.startswith("See the CSMS above")
