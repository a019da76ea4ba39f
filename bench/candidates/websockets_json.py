"""The proxy that people write in an afternoon: ``websockets``, message by message, each parsed as JSON."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from candidates.base import Candidate

PROXY = Path(__file__).resolve().parent.parent / "proxies" / "websockets_json.py"


class WebsocketsJson(Candidate):
    name = "websockets+json"
    about = "`websockets` (asyncio), message by message, `json.loads` on each"

    def missing(self) -> str:
        return "" if importlib.util.find_spec("websockets") else "the package websockets is not installed"

    def command(self, folder: Path, port: int, upstream: int) -> list[str | Path]:  # noqa: ARG002 - it keeps nothing
        return [sys.executable, PROXY, str(port), str(upstream)]
