"""The units of ``deploy/`` are run as they stand: their command, reload, limits, rights and sockets, by a service manager of a few lines.

What it cannot do without a real one: users, mounts, filters of system calls.
"""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from tests.support.deployment import free_port

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 120.0
CAPABILITIES = {"CAP_NET_BIND_SERVICE": 10}

TRAMPOLINE = """
import ctypes, os, resource, sys
moved, files, private, no_gain, kept, *command = sys.argv[1:]
for target, number in enumerate(filter(None, moved.split(",")), 3):
    os.dup2(int(number), target)
prctl = ctypes.CDLL(None, use_errno=True).prctl
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (min(int(files), hard), min(int(files), hard)))
if os.geteuid() == 0:
    for capability in range(41):
        if str(capability) not in kept.split(","):
            prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP
if private == "yes":
    assert prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
if no_gain == "yes":
    prctl(65, 1, 0, 0, 0)  # PR_SET_MDWE: kernels before 6.3 do not know it
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(command[0], command)
"""


def read_unit(name: str) -> dict[str, list[str]]:
    """Key → its values, in order."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / "deploy" / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith(("#", "[")):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


class Manager:
    """Runs one unit over a folder that stands for StateDirectory and /etc/nocwatch.

    Attributes:
        process: of the service.
        heard: what it told, since it was last asked.
    """

    def __init__(self, folder: Path, name: str, configuration: str) -> None:
        self.unit = read_unit(name)
        self.folder = folder
        self.heard: list[str] = []
        (folder / "nocwatch.yaml").write_text(configuration)
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(str(folder / "notify"))
        self._notify.settimeout(PATIENCE_S)
        self.process: subprocess.Popen[bytes] | None = None

    def one(self, key: str) -> str:
        (value,) = self.unit[key]
        return value

    def start(self, *given: socket.socket, names: str = "") -> None:
        assert self.one("Type") == "notify"
        program, *arguments = shlex.split(self.one("ExecStart"))
        assert program.endswith("/bin/nocwatch")
        places = {"/etc/nocwatch/nocwatch.yaml": str(self.folder / "nocwatch.yaml")}
        command = [sys.executable, "-m", "nocwatch", *(places.get(each, each) for each in arguments)]
        kept = ",".join(str(CAPABILITIES[each]) for each in self.one("CapabilityBoundingSet").split())
        numbers = ",".join(str(each.fileno()) for each in given)
        told = {"NOTIFY_SOCKET": str(self.folder / "notify")}
        if "WatchdogSec" in self.unit:
            told["WATCHDOG_USEC"] = str(int(self.one("WatchdogSec")) * 1_000_000)
        if given:
            told |= {"LISTEN_FDS": str(len(given)), "LISTEN_FDNAMES": names}
        rights = [self.one("NoNewPrivileges"), self.one("MemoryDenyWriteExecute"), kept]
        log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-c", TRAMPOLINE, numbers, self.unit.get("LimitNOFILE", ["1024"])[0], *rights, *command],
            env={**os.environ, **told}, cwd=self.folder, umask=int(self.one("UMask"), 8), stdin=subprocess.DEVNULL, stdout=log,
            stderr=log, pass_fds=[*(each.fileno() for each in given), *range(3, 3 + len(given))],
        )  # fmt: skip
        log.close()

    async def hears(self, line: str) -> None:
        while line not in self.heard:
            try:
                data = await trio.to_thread.run_sync(self._notify.recv, 4096)
            except TimeoutError:
                said = (self.folder / "log").read_text()
                raise AssertionError(f"{line} not heard, but {self.heard}: {said}") from None
            self.heard += data.decode().splitlines()

    async def reloads(self) -> None:
        assert self.process is not None
        self.heard.clear()
        subprocess.run(
            shlex.split(self.one("ExecReload").replace("$MAINPID", str(self.process.pid))), check=True
        )

    async def ends(self) -> int:
        """As ``systemctl stop``, within the unit's own time."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        with trio.fail_after(float(self.one("TimeoutStopSec"))):
            return await trio.to_thread.run_sync(self.process.wait, abandon_on_cancel=True)

    def open_to_others(self) -> list[str]:
        """Files of the state that somebody else could read."""
        ours = {"nocwatch.yaml", "notify", "log"}
        kept = [path for path in self.folder.rglob("*") if path.name not in ours]
        assert kept
        return [str(path) for path in kept if path.stat().st_mode & 0o077]

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._notify.close()


@pytest.fixture
def managed(tmp_path: Path) -> Iterator[list[Manager]]:
    found: list[Manager] = []
    yield found
    for each in found:
        each.close()


@pytest.mark.parametrize("workers", [1, 2])
async def test_the_relays_units_start_reload_and_end_it_with_a_station_that_waits_in_the_socket(
    tmp_path: Path, managed: list[Manager], workers: int
) -> None:
    activation = read_unit("nocwatch-relay.socket")
    assert activation["Service"] == ["nocwatch-relay.service"]
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen(int(activation["Backlog"][0]))
        port = held.getsockname()[1]
        relay = Manager(
            tmp_path,
            "nocwatch-relay.service",
            f"data: {tmp_path}\nrelay:\n  workers: {workers}\n  status: 127.0.0.1:{free_port()}\n"
            f'  listen: [{{address: "127.0.0.1:{port}"}}]\n  upstreams: [{{name: main, url: "ws://127.0.0.1:9"}}]\n',
        )
        managed.append(relay)
        with socket.create_connection(("127.0.0.1", port)) as station:
            station.sendall(b"GET /CP1 HTTP/1.1\r\nHost: x\r\n\r\n")
            relay.start(held, names="nocwatch-relay.socket")
            await relay.hears("READY=1")
            station.settimeout(PATIENCE_S)
            assert (await trio.to_thread.run_sync(station.recv, 12)) == b"HTTP/1.1 502"
        await relay.hears("WATCHDOG=1")
        await relay.reloads()
        await relay.hears("RELOADING=1")
        await relay.hears("READY=1")
        assert await relay.ends() == 0
        await relay.hears("STOPPING=1")
        assert relay.open_to_others() == []
        # The socket is the manager's: whoever dials while nobody runs is not refused.
        socket.create_connection(("127.0.0.1", port)).close()


async def test_the_watchs_unit_starts_reloads_and_ends_it(tmp_path: Path, managed: list[Manager]) -> None:
    (tmp_path / "rules").mkdir()
    watch = Manager(
        tmp_path,
        "nocwatch-watch.service",
        f"data: {tmp_path}\nrules: {tmp_path / 'rules'}\nconsole: {{listen: '127.0.0.1:{free_port()}'}}\nmetrics: {{listen: null}}\n",
    )
    managed.append(watch)
    watch.start()
    # A big store that is brought to a newer form takes minutes, and would be killed before it is there, again and again.
    await watch.hears("EXTEND_TIMEOUT_USEC=3600000000")
    await watch.hears("READY=1")
    await watch.reloads()
    with trio.fail_after(PATIENCE_S):
        while "rules and registry are taken over" not in (tmp_path / "log").read_text():
            await trio.sleep(0.05)
    assert await watch.ends() == 0
    assert [path for path in watch.open_to_others() if not path.endswith("/rules")] == []
