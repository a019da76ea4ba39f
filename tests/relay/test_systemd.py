"""The test plays systemd: it listens where the relay tells how it is, hands over sockets, and asks for a reload."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from tests.support.deployment import Deployment, until
from tests.support.relaying import PATIENCE_S, REQUEST

from nocwatch import notify
from nocwatch.errors import NocwatchError
from nocwatch.journal.settings import JournalSettings
from nocwatch.journal.writer import Writer
from nocwatch.proxy.pump import Pump
from nocwatch.proxy.settings import RelaySettings
from nocwatch.relay.inherited import given
from nocwatch.relay.vigil import Vigil

ROOT = Path(__file__).resolve().parents[2]
UNITS = sorted((ROOT / "deploy").glob("nocwatch-*.s*"))


class Systemd:
    """What a service manager hears and gives.

    Attributes:
        heard: all lines so far, in order.
        process: the service.
    """

    def __init__(self, folder: Path) -> None:
        self.heard: list[str] = []
        self.deployment = Deployment(folder)
        self.process: subprocess.Popen[bytes] | None = None
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / "notify"))
        self._socket.settimeout(PATIENCE_S)

    def start(
        self,
        *settings: str,
        given: list[tuple[str, socket.socket]] | None = None,
        watchdog_s: float = 0,
        configuration: Path | None = None,
    ) -> None:
        """As ``exec`` of a unit does: descriptors from 3 on, and LISTEN_PID of the very process."""
        sockets = given or []
        options = [*self.deployment.options(), *(part for each in settings for part in ("--set", each))]
        if configuration is not None:
            options += ["--config", str(configuration)]
        command = [sys.executable, "-m", "nocwatch", "relay", *options]
        told = {"NOTIFY_SOCKET": str(self.deployment.folder / "notify")}
        if watchdog_s:
            told["WATCHDOG_USEC"] = str(int(watchdog_s * 1e6))
        if sockets:
            told |= {"LISTEN_FDS": str(len(sockets)), "LISTEN_FDNAMES": ":".join(name for name, _ in sockets)}
        numbers = [sock.fileno() for _, sock in sockets]
        moved = "".join(f"os.dup2({number}, {3 + i}); " for i, number in enumerate(numbers))
        code = f"import os, sys; {moved}os.environ['LISTEN_PID'] = str(os.getpid()); os.execv(sys.argv[1], sys.argv[1:])"
        log = (self.deployment.folder / "relay.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, *command], env={**os.environ, **told}, stdout=log, stderr=log,
            cwd=self.deployment.folder, pass_fds=[*numbers, *range(3, 3 + len(numbers))] if numbers else (),
        )  # fmt: skip
        log.close()
        self.deployment.running["relay"] = self.process

    async def sees_it_end(self) -> None:
        """In good order; behind it, ``heard`` holds all that was ever told."""
        assert self.process is not None
        with trio.fail_after(PATIENCE_S):
            assert await trio.to_thread.run_sync(self.process.wait, abandon_on_cancel=True) == 0
        self.tell("the test has read all")
        await self.hears("the test has read all")

    async def hears(self, line: str) -> str:
        """Until a line that begins so has come."""
        while True:
            try:
                data = await trio.to_thread.run_sync(self._socket.recv, 4096)
            except TimeoutError:
                raise AssertionError(
                    f"{line} not heard, but {self.heard}; {self.deployment.log('relay')}"
                ) from None
            lines = data.decode().splitlines()
            self.heard += lines
            for each in lines:
                if each.startswith(line):
                    return each

    def tell(self, line: str) -> None:
        """Behind all that was said so far."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ours:
            ours.sendto(line.encode(), str(self.deployment.folder / "notify"))

    def close(self) -> None:
        self.deployment.end()
        self._socket.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    made = Systemd(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("workers", [1, 2])
async def test_start_reload_watchdog_and_end_are_told_to_systemd(systemd: Systemd, workers: int) -> None:
    systemd.start(f"relay.workers={workers}", watchdog_s=30)
    assert systemd.process is not None
    await systemd.hears("READY=1")
    await systemd.hears("WATCHDOG=1")
    assert "listening on 127.0.0.1" in await systemd.hears("STATUS=0 links")
    systemd.process.send_signal(signal.SIGHUP)
    await systemd.hears("RELOADING=1")
    assert int(systemd.heard[-1].removeprefix("MONOTONIC_USEC=")) > 0
    await systemd.hears("READY=1")
    systemd.process.terminate()
    await systemd.hears("STOPPING=1")
    with trio.fail_after(PATIENCE_S):
        assert await trio.to_thread.run_sync(systemd.process.wait, abandon_on_cancel=True) == 0


@pytest.mark.parametrize("workers", [1, 2])
async def test_stations_that_knock_before_the_relay_runs_are_let_in(systemd: Systemd, workers: int) -> None:
    """Socket activation: one listener by its address, one by its name, the status server by its name."""
    with socket.socket() as by_address, socket.socket() as by_name, socket.socket() as status:
        for each in (by_address, by_name, status):
            each.bind(("127.0.0.1", 0))
            each.listen()
        knocking = [socket.create_connection(each.getsockname()) for each in (by_address, by_name, status)]
        address = f"127.0.0.1:{by_address.getsockname()[1]}"
        systemd.start(
            f"relay.workers={workers}",
            f'relay.listen=[{{address: "{address}"}}, {{address: "0.0.0.0:9", name: chargers}}]',
            given=[("nocwatch-relay.socket", by_address), ("chargers", by_name), ("status", status)],
        )
        await systemd.hears("READY=1")
        for each in knocking:
            with each:
                each.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                each.settimeout(PATIENCE_S)
                # Stations: there is no CSMS, or this is no WebSocket; in either case somebody answers.
                assert (await trio.to_thread.run_sync(each.recv, 9)) == b"HTTP/1.1 "


def test_a_socket_that_the_configuration_does_not_name_is_refused(tmp_path: Path) -> None:
    code = (
        "import os, socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); os.dup2(s.fileno(), 3)\n"
        "from nocwatch.proxy.settings import RelaySettings; from nocwatch.relay.inherited import given\n"
        "given(RelaySettings(), {'LISTEN_PID': str(os.getpid()), 'LISTEN_FDS': '1', 'LISTEN_FDNAMES': 'odd'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "systemd gave a socket 'odd' at 127.0.0.1:" in done.stderr
    assert "relay.listen has nothing of that name or address" in done.stderr


@pytest.mark.parametrize(
    "environment",
    [{}, {"LISTEN_PID": "1", "LISTEN_FDS": "1"}, {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "many"}],
)
def test_sockets_meant_for_another_process_are_left_alone(environment: dict[str, str]) -> None:
    assert given(RelaySettings(), environment) == ([None], None)


def test_a_descriptor_that_is_no_socket_is_refused_with_its_name() -> None:
    environment = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "400", "LISTEN_FDNAMES": "odd"}
    with pytest.raises(NocwatchError, match="systemd gave"):
        given(RelaySettings(), {**environment, "LISTEN_FDS": "1000000"})


def test_nobody_listening_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for address in ("", str(tmp_path / "nobody"), "@nobody", "x" * 4096):
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        notify.ready("fine")
        notify.alive()


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "2000000"}, 2.0),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "often"}, None),
        ({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": str(os.getpid())}, 2.0),
    ],
)
def test_the_watchdogs_time(
    monkeypatch: pytest.MonkeyPatch, told: dict[str, str], expected: float | None
) -> None:
    for name in ("WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert notify.watchdog_s() == expected


async def test_a_pump_that_does_not_turn_is_not_called_alive() -> None:
    """A clock that ticks proves nothing: here all lives but the pump."""
    from nocwatch.proxy.counters import Counters
    from nocwatch.proxy.recorder import Guard
    from nocwatch.proxy.settings import Limits

    counters = Counters()
    pump = Pump(Guard(counters), counters, Limits())
    vigil = Vigil(pump)
    near, far = socket.socketpair()
    with near, far:
        assert vigil.lives()  # nothing to do is no fault
        pump._epoll.register(near.fileno())
        far.send(b"carry me")
        assert vigil.lives()  # it may have come this moment
        assert not vigil.lives()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pump.run)
            await until(lambda: pump.turns, "the pump turns")
            assert vigil.lives()
            nursery.cancel_scope.cancel()
        pump._epoll.unregister(near.fileno())
    pump.close()


async def test_who_was_told_of_the_end_hears_of_no_beginning_after_it(systemd: Systemd) -> None:
    """SIGTERM to a relay whose workers are not all up yet: one of them waits for its lane."""
    journal = systemd.deployment.data / "journal"
    with Writer(journal, 1, JournalSettings(path=journal)):
        systemd.start("relay.workers=2")
        assert systemd.process is not None
        await until(
            lambda: "another relay writes to this lane" in systemd.deployment.log("relay"), "one worker waits"
        )
        systemd.process.terminate()
        await systemd.hears("STOPPING=1")
        await systemd.sees_it_end()
    assert "READY=1" not in systemd.heard


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_reload_that_never_ends_keeps_no_relay_from_ending_and_is_not_told_behind_it(
    systemd: Systemd, workers: int
) -> None:
    """SIGHUP while the configuration lies on a disk that does not answer, then SIGTERM."""
    configuration = systemd.deployment.folder / "nocwatch.yaml"
    configuration.write_text("{}\n")
    systemd.start(f"relay.workers={workers}", configuration=configuration)
    assert systemd.process is not None
    await systemd.hears("READY=1")
    os.mkfifo(systemd.deployment.folder / "fifo")
    (systemd.deployment.folder / "fifo").replace(configuration)
    systemd.process.send_signal(signal.SIGHUP)
    await systemd.hears("RELOADING=1")
    systemd.heard.clear()
    systemd.process.terminate()
    await systemd.hears("STOPPING=1")
    await systemd.sees_it_end()
    assert "READY=1" not in systemd.heard


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_reload_that_ends_within_the_grace_of_the_links_is_not_told_behind_the_end(
    systemd: Systemd, workers: int
) -> None:
    configuration = systemd.deployment.folder / "nocwatch.yaml"
    configuration.write_text("{}\n")
    await systemd.deployment.csms()
    systemd.start(f"relay.workers={workers}", "relay.grace=5m", configuration=configuration)
    assert systemd.process is not None
    await systemd.hears("READY=1")
    with socket.create_connection(("127.0.0.1", systemd.deployment.ports["relay"])) as station:
        station.sendall(REQUEST)
        station.settimeout(PATIENCE_S)
        assert (await trio.to_thread.run_sync(station.recv, 12)) == b"HTTP/1.1 101"
        fifo = systemd.deployment.folder / "fifo"
        os.mkfifo(fifo)
        fifo.replace(configuration)
        systemd.process.send_signal(signal.SIGHUP)
        await systemd.hears("RELOADING=1")
        systemd.heard.clear()
        systemd.process.terminate()
        await systemd.hears("STOPPING=1")
        configuration.write_text("{}\n")  # the disk is back: the reload goes on
        await until(lambda: "configuration taken over" in systemd.deployment.log("relay"), "it is over")
        systemd.process.send_signal(signal.SIGHUP)
        await until(
            lambda: "nothing is reloaded" in systemd.deployment.log("relay"), "the next one is not begun"
        )
    await systemd.sees_it_end()
    assert "READY=1" not in systemd.heard
    assert "RELOADING=1" not in systemd.heard


async def ended(deployment: Deployment, *settings: str) -> int:
    """The status of a relay that does not come to run."""
    more = [part for each in settings for part in ("--set", each)]
    process = deployment.start("relay", "relay", *deployment.options(), *more)
    with trio.fail_after(PATIENCE_S):
        return await trio.to_thread.run_sync(process.wait, abandon_on_cancel=True)


def is_started_again(status: int) -> bool:
    relay = next(unit for unit in UNITS if unit.name == "nocwatch-relay.service").read_text()
    (never,) = [line for line in relay.splitlines() if line.startswith("RestartPreventExitStatus=")]
    return "\nRestart=always\n" in relay and str(status) not in never.partition("=")[2].split()


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_relay_whose_address_is_not_there_yet_is_started_again(tmp_path: Path, workers: int) -> None:
    deployment = Deployment(tmp_path, f"relay.workers={workers}")
    status = await ended(deployment, 'relay.listen=[{address: "203.0.113.1:9000"}]')
    assert is_started_again(status), deployment.log("relay")
    assert "cannot listen on 203.0.113.1:9000" in deployment.log("relay")


@pytest.mark.parametrize("key", ["relay", "status"])
async def test_a_relay_whose_port_another_holds_for_now_is_started_again(tmp_path: Path, key: str) -> None:
    deployment = Deployment(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as other:
        deployment.ports[key] = other.getsockname()[1]
        status = await ended(deployment)
    assert is_started_again(status), deployment.log("relay")
    assert "another program listens there" in deployment.log("relay")


async def test_a_relay_whose_lane_the_former_one_still_holds_is_started_again(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    journal = deployment.data / "journal"
    with Writer(journal, 0, JournalSettings(path=journal)):
        status = await ended(deployment)
    assert is_started_again(status), deployment.log("relay")
    assert "another relay writes to this lane" in deployment.log("relay")


async def test_a_relay_with_a_mistake_in_its_configuration_is_not_started_again(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    assert not is_started_again(await ended(deployment, 'relay.listen=[{address: "nowhere"}]'))
    tls = "tls: {certificate: none.pem, key: none.key}"
    assert not is_started_again(await ended(deployment, f'relay.listen=[{{address: "127.0.0.1:0", {tls}}}]'))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_the_units_are_such_as_systemd_takes(tmp_path: Path) -> None:
    for unit in UNITS:
        text = unit.read_text().replace("/opt/nocwatch/.venv/bin/nocwatch", "/bin/true")
        text = text.replace("User=nocwatch", "User=root").replace("Group=nocwatch", "Group=root")
        (tmp_path / unit.name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", *(str(tmp_path / unit.name) for unit in UNITS)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_the_units_start_what_there_is() -> None:
    assert [unit.name for unit in UNITS] == [
        "nocwatch-relay.service",
        "nocwatch-relay.socket",
        "nocwatch-watch.service",
    ]
    relay, _, watch = (unit.read_text() for unit in UNITS)
    for text, name in ((relay, "relay"), (watch, "watch")):
        assert (
            f"ExecStart=/opt/nocwatch/.venv/bin/nocwatch {name} --config /etc/nocwatch/nocwatch.yaml\n"
            in text
        )
        assert "\nType=notify\n" in text
        assert "\nExecReload=/bin/kill -HUP $MAINPID\n" in text
    assert "\nWatchdogSec=30\n" in relay
