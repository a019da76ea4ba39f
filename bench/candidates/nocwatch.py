"""nocwatch's relay as its own process, journal on, as ``nocwatch run`` starts it; and with TLS, and as several workers."""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import certificates
import machine

from candidates.base import Candidate

_DROPPED = "nocwatch_relay_journal_dropped_records_total"
_ERRORS = "nocwatch_relay_recorder_errors_total"
_WRITTEN = "nocwatch_relay_journal_records_total"
_WAITING = "nocwatch_relay_journal_buffered_bytes"
DISK_PATIENCE_S = 60
TELLS_S = 2.5
"""Workers tell their figures once a second, and the parent passes them on."""


class Nocwatch(Candidate):
    def __init__(self, *, tls: bool = False, workers: int = 1) -> None:
        self.tls, self.cores = tls, workers
        self.only_in_full = tls or workers > 1
        self.name = "nocwatch" + (f"-{workers}-workers" if workers > 1 else "") + ("+tls" if tls else "")
        self.about = "`nocwatch relay`, every byte to the journal" + (", TLS ended" if tls else "")
        if workers > 1:
            self.about += f", {workers} workers on {self._whose_cores()}"
        self._status, self._dropped = 0, 0

    def _whose_cores(self) -> str:
        """What its figures can tell on this machine."""
        there = len(machine.proxy_cores(self.cores))
        if there >= self.cores:
            return f"{there} cores, where the others have one"
        return "one core, as this machine has no more: it shows what dividing costs, not what it gains"

    def command(self, folder: Path, port: int, upstream: int) -> list[str | Path]:
        self._status, self._dropped = machine.free_port(), 0
        return [
            sys.executable, "-m", "nocwatch", "relay", "--data", folder / "data",
            "--upstream", f"ws://127.0.0.1:{upstream}", "--set", f"relay.status=127.0.0.1:{self._status}",
            "--set", f"relay.workers={self.cores}", "--set", f"relay.listen={json.dumps([self._listener(port)])}",
        ]  # fmt: skip

    def _listener(self, port: int) -> dict[str, Any]:
        plain = {"address": f"127.0.0.1:{port}"}
        if not self.tls:
            return plain
        made = certificates.made()
        return plain | {"tls": {"certificate": str(made.certificate), "key": str(made.key)}}

    def complaints(self) -> list[str]:
        values = self._metrics()
        found = [f"{values[_ERRORS]} {_ERRORS}"] if values[_ERRORS] else []
        return found if values[_WRITTEN] else [*found, "nothing was written to the journal"]

    def shed(self) -> int:
        before, self._dropped = self._dropped, self._metrics()[_DROPPED]
        return self._dropped - before

    def settle(self) -> None:
        if self.cores > 1:
            time.sleep(TELLS_S)
        machine.wait_for(lambda: self._metrics()[_WAITING] == 0, DISK_PATIENCE_S, "the journal's disk")

    def _metrics(self) -> dict[str, int]:
        """The counters without labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._status}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        names = (_DROPPED, _ERRORS, _WRITTEN, _WAITING)
        found = (line.split(" ") for line in lines if line.startswith(names))
        return {name: int(float(value)) for name, value in found}
