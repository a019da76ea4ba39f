"""nocwatch's relay as its own process, journal on, as ``nocwatch run`` starts it; and with TLS, and as several workers."""

from __future__ import annotations

import json
import sys
import urllib.request
from pathlib import Path
from typing import Any

import certificates
import machine

from candidates.base import Candidate

_DROPPED = "nocwatch_relay_journal_dropped_records_total"
_ERRORS = "nocwatch_relay_recorder_errors_total"
_WRITTEN = "nocwatch_relay_journal_records_total"


class Nocwatch(Candidate):
    def __init__(self, *, tls: bool = False, workers: int = 1) -> None:
        self.tls, self.cores = tls, workers
        self.only_in_full = tls or workers > 1
        self.name = "nocwatch" + (f"-{workers}-workers" if workers > 1 else "") + ("+tls" if tls else "")
        self.about = "`nocwatch relay`, every byte to the journal" + (", TLS ended" if tls else "")
        if workers > 1:
            self.about += f", {workers} workers on {self._whose_cores()}"
        self._status = 0

    def _whose_cores(self) -> str:
        """What its figures can tell on this machine."""
        there = len(machine.proxy_cores(self.cores))
        if there >= self.cores:
            return f"{there} cores, where the others have one"
        return "one core, as this machine has no more: it shows what dividing costs, not what it gains"

    def command(self, folder: Path, port: int, upstream: int) -> list[str | Path]:
        self._status = machine.free_port()
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
        with urllib.request.urlopen(f"http://127.0.0.1:{self._status}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        values = dict(line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
        found = [f"{values[name]} {name}" for name in (_DROPPED, _ERRORS) if int(values[name])]
        return found if int(values[_WRITTEN]) else [*found, "nothing was written to the journal"]
