"""The Autobahn cases: through the relay the same report as without it, case by case, and the tap decodes what the server did.

A fuzzing client (``kosoku``) before an echo server (``websockets``), once directly and once through a relay process with its
journal on disk. In the normal run the cases of seconds; all of them, which take minutes, by ``make autobahn``.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trio
from tests.support.deployment import Deployment, free_port, listens, until

from nocwatch.frames import Frame, Kind, Link, LinkEvent
from nocwatch.journal.reader import Reader
from nocwatch.tap.gate import Gate
from nocwatch.tap.tap import Tap
from nocwatch.tap.websocket import MESSAGE_BYTES_MAX

FOREIGN = Path(__file__).parent / "foreign"
PATIENCE_S = 3600
QUICK = (
    "1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*", "9.1.1", "9.1.2", "9.1.3", "9.2.1", "9.2.2", "9.2.3", "9.5.*", "9.6.*",
    "9.7.*", "9.8.*", *(f"{group}.{number}.{case}" for group, numbers in ((12, 5), (13, 7)) for number in range(1, numbers + 1) for case in (1, 3, 11)),
)  # fmt: skip
"""Every kind of framing, every set of compression parameters; of sizes and repetitions what passes in seconds."""
ALL = ("1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*", "12.*", "13.*")
ROUNDS_MAX = 30
"""In some cases the client talks on while the server closes, and what still passes is a race, with a relay or without. So a
report that differs must be one that is seen without the relay too, in so many rounds."""

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("kosoku") is None, reason="kosoku is not installed (development dependencies)"
)


class OpenGate(Gate):
    """Lets everything through: what was decoded is to be compared whole."""

    def text(self, payload: bytes) -> bytes:
        return payload

    def binary(self, payload: bytes) -> bytes:
        return payload


async def test_the_quick_cases_give_the_same_report_and_the_tap_reads_what_the_server_read(
    tmp_path: Path,
) -> None:
    await compared(tmp_path, QUICK)


@pytest.mark.autobahn
@pytest.mark.parametrize("cases", ALL, ids=lambda cases: f"group {cases[:-2]}")
async def test_all_cases_give_the_same_report_and_the_tap_reads_what_the_server_read(
    tmp_path: Path, cases: str
) -> None:
    await compared(tmp_path, (cases,))


async def compared(folder: Path, cases: tuple[str, ...]) -> None:
    deployment = Deployment(folder, "journal.buffer_max=1GiB", "journal.segment_size=256MiB")
    alone = free_port()
    reports: dict[str, list[dict[str, Any]]] = {}
    servers = [echo_server(alone, folder / "alone"), echo_server(deployment.ports["csms"], folder / "behind")]

    async def run(name: str, url: str) -> None:
        reports[name] = await report(url, folder / f"{name}.json", cases)

    try:
        for port in (alone, deployment.ports["csms"]):
            await until(lambda port=port: listens(port), "the echo server listens")
        await deployment.relay()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run, "alone", f"ws://127.0.0.1:{alone}/CP1")
            nursery.start_soon(run, "behind", f"{deployment.relay_url}/CP1")
        different = differences(reports["alone"], reports["behind"])
        for _ in range(ROUNDS_MAX):
            if not different:
                break
            again = await report(f"ws://127.0.0.1:{alone}/CP1", folder / "again.json", tuple(different))
            different = differences(
                again, [each for each in reports["behind"] if each["case_id"] in different]
            )
        assert different == {}
        await until(
            lambda: told_by(folder / "behind") == len(reports["behind"]),
            "every connection of the server ends",
        )
        assert await deployment.stop("relay") == 0
    finally:
        for server in servers:
            server.terminate()
            server.wait()
        deployment.end()
    await trio.to_thread.run_sync(decoded, deployment.data / "journal", folder / "behind")
    count = len(reports["behind"])
    passed = sum(each["behavior"] != "FAILED" for each in reports["behind"])
    seconds = {
        name: sum(each["milliseconds"] for each in each_report) / 1000
        for name, each_report in reports.items()
    }
    print(
        f"\n{count} cases, {passed} passed, each the same: {seconds['alone']:.1f} s alone, {seconds['behind']:.1f} s through the relay"
    )


def echo_server(port: int, heard: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(FOREIGN / "echo_server.py"), str(port), str(heard)])


async def report(url: str, file: Path, cases: tuple[str, ...]) -> list[dict[str, Any]]:
    done = await trio.run_process(
        [sys.executable, str(FOREIGN / "autobahn_client.py"), url, str(file), *cases],
        capture_stdout=True, capture_stderr=True, check=False,
    )  # fmt: skip
    assert file.exists(), done.stderr.decode(errors="replace")
    results: list[dict[str, Any]] = json.loads(file.read_text())
    return results


def told_by(heard: Path) -> int:
    return len(heard.read_text().splitlines()) if heard.exists() else 0


def differences(alone: list[dict[str, Any]], behind: list[dict[str, Any]]) -> dict[str, Any]:
    """By case: what the two reports say differently."""
    assert [each["case_id"] for each in alone] == [each["case_id"] for each in behind]
    different = {}
    for one, other in zip(alone, behind, strict=True):
        names = one.keys() - {"milliseconds"}
        if found := {name: (one[name], other[name]) for name in names if one[name] != other[name]}:
            different[one["case_id"]] = found
    return different


def decoded(journal: Path, heard: Path) -> None:
    """Per connection, message by message, both ways; as far as the server got a whole message."""
    lines = sorted(
        (json.loads(line) for line in heard.read_text().splitlines()), key=lambda line: line["number"]
    )
    theirs = [[tuple(message) for message in line["heard"]] for line in lines]
    received, sent = tapped(journal)
    assert len(received) == len(theirs)
    for index, (ours, back, server) in enumerate(zip(received, sent, theirs, strict=True)):
        expected = [as_the_tap_tells(message) for message in server]
        assert ours[: len(expected)] == expected, f"connection {index}"
        assert back == expected[: len(back)], f"connection {index}, the server's own messages"


def as_the_tap_tells(message: tuple[str, int, str]) -> tuple[str, str]:
    kind, size, digest = message
    return ("too_long", "") if size > MESSAGE_BYTES_MAX else (kind, digest)


def tapped(journal: Path) -> tuple[list[list[tuple[str, str]]], list[list[tuple[str, str]]]]:
    """Messages of each connection in the order of their beginnings: the client's, and the server's."""
    tap = Tap(OpenGate(b"none"))
    received: dict[int, list[tuple[str, str]]] = {}
    sent: dict[int, list[tuple[str, str]]] = {}
    with Reader(journal) as reader:
        while records := reader.read():
            for record in records:
                for sighting in tap.feed(record):
                    if isinstance(sighting, Link) and sighting.event is LinkEvent.OPEN:
                        received[sighting.connection], sent[sighting.connection] = [], []
                    elif isinstance(sighting, Frame) and sighting.kind in {
                        Kind.TEXT,
                        Kind.BINARY,
                        Kind.GARBLED,
                    }:
                        side = sent if sighting.direction else received
                        digest = "" if sighting.reason else hashlib.sha256(sighting.payload).hexdigest()
                        side[sighting.connection].append((sighting.reason or sighting.kind.value, digest))
    assert tap.counters.get("gaps", 0) == 0, "the journal lost something"
    return list(received.values()), list(sent.values())
