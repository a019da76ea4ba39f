"""What a candidate is: a program that stands between the load generator and the back end.

A new one is a module with a subclass and a line in ``candidates/__init__.py``.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import certificates
import machine
from load import speaks_tls

START_PATIENCE_S = 20
_NO_TLS = "the load generator was built without OpenSSL's headers (with them: make -C bench -B bin)"


class Candidate:
    """A kind of proxy.

    Attributes:
        name: in tables and on the command line.
        about: one line for the report.
        tls: the stations speak TLS to it; it is compared with its like only.
        cores: how many it can use.
        stations_max: with more it takes minutes or fails, and is left out.
        slow: it would need minutes for what a flood leaves behind, so nobody waits for that.
        only_in_full: part of a run only when it is named, or with ``--full``.
    """

    name: str
    about: str
    tls = False
    cores = 1
    stations_max: int | None = None
    slow = False
    only_in_full = False

    def missing(self) -> str:
        """Why it cannot run here, in words; empty where it can."""
        return self.missing_program() or (missing_for_tls() if self.tls else "")

    def missing_program(self) -> str:
        """Of that, what concerns the proxy itself."""
        return ""

    def command(self, folder: Path, port: int, upstream: int) -> list[str | Path]:
        """What to run.

        Args:
            folder: its own, empty, to write what it needs; deleted afterwards.
            port: to listen on, on 127.0.0.1.
            upstream: port of the back end.
        """
        raise NotImplementedError

    def complaints(self) -> list[str]:
        """What it left undone in a visit that is about to end, in words: work that it skipped makes it quick."""
        return []

    def shed(self) -> int:
        """Observations that it dropped since the last question, or since it was started."""
        return 0

    def settle(self) -> None:
        """Waits until it has nothing left to do of what was asked so far."""

    def start(self, upstream: int) -> Running:
        return Running(self, upstream)


class Running:
    """A candidate that accepts connections.

    Attributes:
        port: where the stations connect.
        pids: its processes; empty where there is none to measure.
        cores: where they run.
        tls, slow: as the candidate's.
    """

    def __init__(self, candidate: Candidate, upstream: int) -> None:
        self.port = machine.free_port()
        self.cores = machine.proxy_cores(candidate.cores)
        self.tls, self.slow = candidate.tls, candidate.slow
        self._folder = Path(tempfile.mkdtemp(prefix="nocwatch-bench-"))
        self._log = (self._folder / "log").open("wb")
        self._process: subprocess.Popen[str] | None = None
        try:
            command = candidate.command(self._folder, self.port, upstream)
            self._process = machine.start(command, self.cores, folder=self._folder, log=self._log)
            machine.wait_for(
                lambda: machine.accepts(self.port), START_PATIENCE_S, candidate.name, self._process
            )
        except BaseException as error:
            said = (self._folder / "log").read_text(errors="replace").strip()[-2000:]
            self.close()
            if isinstance(error, RuntimeError) and said:
                raise RuntimeError(f"{error}\n{said}") from None
            raise
        self.pids = machine.tree(self._process.pid)

    def close(self) -> None:
        if self._process is not None:
            machine.stop(self._process)
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def missing_for_tls() -> str:
    """Why nothing can be said of TLS here, in words; empty where it can."""
    return "" if speaks_tls() and not certificates.missing() else certificates.missing() or _NO_TLS


def program(name: str) -> str | None:
    """Path of a program; Debian keeps servers where an ordinary user's PATH does not look."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
