"""The load generator and the back end (C, ``bin/``), as the scenarios use them."""

from __future__ import annotations

import functools
import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import machine

Figures = dict[str, Any]


class Backend:
    """The CSMS: runs for the whole bench, on the load's core."""

    def __init__(self) -> None:
        self._process = machine.start([machine.BIN / "backend", "0"], machine.LOAD_CORES, pipes=True)
        self.port = int(_line(self._process)["port"])

    @contextmanager
    def deaf(self) -> Iterator[None]:
        """Stops reading, as a CSMS does whose database hangs; its kernel still takes what fits its buffers."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        machine.stop(self._process)


class Generator:
    """The stations before one candidate. ``loadgen.c`` says what the commands do and the answers mean."""

    def __init__(self, port: int, *, tls: bool = False) -> None:
        program: list[str | Path] = [machine.BIN / "loadgen", "127.0.0.1", str(port)]
        self._process = machine.start(program, machine.LOAD_CORES, pipes=True)
        if tls and not self.secure():
            self.close()
            raise RuntimeError("the load generator speaks no TLS")

    def secure(self) -> bool:
        """From now on its connections speak TLS; False where it was built without."""
        return bool(self._do("tls", "tls")["ok"])

    def agreed(self) -> Figures:
        """Version and cipher, and how many connections were no full handshake."""
        return self._do("agreed", "agreed")

    def connect(self, stations: int, concurrent: int = 100) -> Figures:
        return self._do(f"connect {stations} {concurrent}", "connect")

    def closed(self, seconds: float, warm: float, measuring: Callable[[], None] | None = None) -> Figures:
        return self._do(f"closed {seconds} {warm}", "closed", measuring)

    def open(
        self, rate: float, seconds: float, warm: float, measuring: Callable[[], None] | None = None
    ) -> Figures:
        return self._do(f"open {rate} {seconds} {warm}", "open", measuring)

    def flood(self, stations: int) -> Figures:
        return self._do(f"flood {stations}", "flood")

    def calm(self) -> Figures:
        return self._do("calm", "calm")

    def sleep(self, seconds: float) -> Figures:
        return self._do(f"sleep {seconds}", "sleep")

    def closeall(self) -> None:
        self._do("closeall", "closeall")

    def close(self) -> None:
        machine.stop(self._process)

    def _do(self, command: str, event: str, measuring: Callable[[], None] | None = None) -> Figures:
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        while True:
            line = _line(self._process)
            if line["ev"] == event:
                return line
            if line["ev"] == "meas" and measuring is not None:
                measuring()
            assert line["ev"] != "unknown", f"the load generator does not know {command!r}"


@functools.cache
def speaks_tls() -> bool:
    """Whether the load generator was built with OpenSSL."""
    generator = Generator(0)
    try:
        return generator.secure()
    finally:
        generator.close()


def lost(figures: Figures) -> list[str]:
    """What a load run lost, in words; nothing when every round trip came back as it should."""
    found = [f"{figures[name]} {name}" for name in ("errs", "drops", "undrained", "dead") if figures[name]]
    if figures["sent"] != figures["answered"]:
        found.append(f"{figures['sent']} sent, {figures['answered']} answered")
    if not figures["answered"]:
        found.append("nothing was answered")
    return found


def _line(process: subprocess.Popen[str]) -> Figures:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"{Path(str(process.args[0])).name} has ended with {process.wait()}")  # type: ignore[index]
    return dict(json.loads(line))
