"""The proxies that people write in an afternoon: message by message, each parsed as JSON."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from candidates.base import Candidate

PROXIES = Path(__file__).resolve().parent.parent / "proxies"


class AfternoonProxy(Candidate):
    """One of ``proxies/``."""

    slow = True

    def __init__(self, name: str, package: str, about: str, stations_max: int | None = None) -> None:
        self.name, self.about, self.stations_max = name, about, stations_max
        self._package = package
        self._program = PROXIES / f"{package}_json.py"

    def missing_program(self) -> str:
        return (
            "" if importlib.util.find_spec(self._package) else f"the package {self._package} is not installed"
        )

    def command(self, folder: Path, port: int, upstream: int) -> list[str | Path]:  # noqa: ARG002 - it keeps nothing
        return [sys.executable, self._program, str(port), str(upstream)]


WEBSOCKETS = AfternoonProxy(
    "websockets+json", "websockets", "`websockets` (asyncio), message by message, `json.loads` on each"
)
TRIO_WEBSOCKET = AfternoonProxy(
    "trio-websocket+json",
    "trio_websocket",
    "`trio-websocket`, message by message, `json.loads` on each",
    stations_max=1000,
)
