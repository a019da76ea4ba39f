"""A whole nocwatch as processes of its own, as operators have it: to be started, watched, killed and started again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import trio

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE_S = 30.0
LOOK_EVERY_S = 0.1


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def until(
    look: Callable[[], Any], what: str | Callable[[], str], patience_s: float = PATIENCE_S
) -> Any:
    """Looks again and again until it sees something true; fails with ``what`` when patience ends.

    It is no sleep: the test goes on at the moment at which the thing is so.
    """
    deadline = trio.current_time() + patience_s
    while True:
        seen = look()
        if hasattr(seen, "__await__"):
            seen = await seen
        if seen:
            return seen
        if trio.current_time() > deadline:
            said = what() if callable(what) else what
            raise AssertionError(f"not within {patience_s:.0f} s: {said}; last seen: {seen!r}")
        await trio.sleep(LOOK_EVERY_S)


class Deployment:
    """Relay, watch, simulated CSMS and stations over one data folder, each started when asked."""

    def __init__(self, folder: Path, *settings: str) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.ports = {name: free_port() for name in ("relay", "status", "csms", "console", "metrics")}
        self.settings = list(settings)
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    # --- addresses --------------------------------------------------------------------------------------------------

    @property
    def relay_url(self) -> str:
        return f"ws://127.0.0.1:{self.ports['relay']}"

    def console(self, path: str) -> str:
        return f"http://127.0.0.1:{self.ports['console']}{path}"

    def metrics(self, path: str = "/metrics") -> str:
        return f"http://127.0.0.1:{self.ports['metrics']}{path}"

    def status(self, path: str) -> str:
        return f"http://127.0.0.1:{self.ports['status']}{path}"

    # --- processes --------------------------------------------------------------------------------------------------

    def start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        log = (self.folder / f"{name}.log").open("ab")
        process = subprocess.Popen(
            [sys.executable, "-m", "nocwatch", *arguments],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        log.close()
        self.running[name] = process
        return process

    def options(self) -> list[str]:
        ports = self.ports
        settings = [
            f'relay.listen=[{{address: "127.0.0.1:{ports["relay"]}"}}]',
            f'relay.upstreams=[{{name: main, url: "ws://127.0.0.1:{ports["csms"]}"}}]',
            f"relay.status=127.0.0.1:{ports['status']}",
            f"console.listen=127.0.0.1:{ports['console']}",
            f"metrics.listen=127.0.0.1:{ports['metrics']}",
            *self.settings,
        ]
        return ["--data", str(self.data), *(part for setting in settings for part in ("--set", setting))]

    async def relay(self) -> None:
        self.start("relay", "relay", *self.options())
        await until(lambda: answers(self.status("/healthz")), lambda: self.log("relay"))

    async def watch(self) -> None:
        self.start("watch", "watch", *self.options())
        await until(lambda: answers(self.metrics("/healthz")), lambda: self.log("watch"))

    async def csms(self) -> None:
        self.start("csms", "sim", "csms", "--listen", f"127.0.0.1:{self.ports['csms']}")
        await until(lambda: listens(self.ports["csms"]), lambda: self.log("csms"))

    def stations(self, count: int, scenario: str = "ordinary", speed: float = 10.0, seed: int = 1) -> None:
        self.start(
            "stations", "sim", "stations", "--url", self.relay_url, "--count", str(count), "--scenario", scenario,
            "--speed", str(speed), "--seed", str(seed),
        )  # fmt: skip

    def kill(self, name: str) -> None:
        """As the kernel would: SIGKILL, at once."""
        process = self.running.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    async def stop(self, name: str) -> int:
        """As an operator would: SIGTERM, and wait for its end."""
        process = self.running.pop(name)
        process.terminate()
        return await trio.to_thread.run_sync(process.wait, abandon_on_cancel=True)

    def end(self) -> None:
        for name in ("stations", "csms", "relay", "watch"):
            if name in self.running:
                self.kill(name)
        for name in list(self.running):
            self.kill(name)

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return (
            f"{name} said: {path.read_text(errors='replace')[-2000:]}"
            if path.exists()
            else f"{name} said nothing"
        )

    # --- what it knows ----------------------------------------------------------------------------------------------

    async def api(self, path: str) -> Any:
        async with httpx2.AsyncClient(timeout=10) as client:
            answer = await client.get(self.console(f"/api/{path}"))
            answer.raise_for_status()
            return answer.json()

    async def all(self, kind: str, query: str = "") -> list[dict[str, Any]]:
        """All items of a list, page by page."""
        items: list[dict[str, Any]] = []
        after = ""
        while True:
            page = await self.api(f"{kind}?limit=200{query}{after}")
            items += page["items"]
            if page["next"] is None:
                return items
            after = f"&after={page['next']}"

    async def caught_up(self) -> None:
        """Until the watch has taken in all that the journal has."""

        async def level() -> bool:
            figures = await self.own_metrics()
            return figures.get("nocwatch_watch_caught_up", 0) == 1

        await until(level, "the watch reads all of the journal")

    async def own_metrics(self) -> dict[str, float]:
        async with httpx2.AsyncClient(timeout=10) as client:
            text = (await client.get(self.metrics())).text
        found = {}
        for line in text.splitlines():
            if not line.startswith("#") and "{" not in line:
                name, _, value = line.rpartition(" ")
                found[name] = float(value)
        return found

    def nocwatch(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "nocwatch", *arguments],
            capture_output=True, text=True, cwd=self.folder, timeout=120, check=False,
        )  # fmt: skip

    def replayed(self, *arguments: str) -> list[dict[str, Any]]:
        """Results of replaying this deployment's journal with its own key."""
        done = self.nocwatch(
            "replay",
            str(self.data / "journal"),
            "--key-file",
            str(self.data / "privacy.key"),
            "--format",
            "jsonl",
            *arguments,
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


async def answers(url: str) -> bool:
    try:
        async with httpx2.AsyncClient(timeout=2) as client:
            return (await client.get(url)).status_code == 200
    except httpx2.HTTPError:
        return False


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
