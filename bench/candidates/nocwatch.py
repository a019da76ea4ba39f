"""nocwatch's relay as its own process, journal on, as ``nocwatch run`` starts it."""

from __future__ import annotations

import sys
import urllib.request
from pathlib import Path

import machine

from candidates.base import Candidate

_DROPPED = "nocwatch_relay_journal_dropped_records_total"
_ERRORS = "nocwatch_relay_recorder_errors_total"
_WRITTEN = "nocwatch_relay_journal_records_total"


class Nocwatch(Candidate):
    name = "nocwatch"
    about = "`nocwatch relay`, every byte to the journal"

    def __init__(self) -> None:
        self._status = 0

    def command(self, folder: Path, port: int, upstream: int) -> list[str | Path]:
        self._status = machine.free_port()
        return [
            sys.executable, "-m", "nocwatch", "relay", "--data", folder / "data",
            "--listen", f"127.0.0.1:{port}", "--upstream", f"ws://127.0.0.1:{upstream}",
            "--set", f"relay.status=127.0.0.1:{self._status}",
        ]  # fmt: skip

    def complaints(self) -> list[str]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._status}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        values = dict(line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
        found = [f"{values[name]} {name}" for name in (_DROPPED, _ERRORS) if int(values[name])]
        return found if int(values[_WRITTEN]) else [*found, "nothing was written to the journal"]
