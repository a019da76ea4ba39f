"""Where a candidate's CPU time goes while it carries a full load: user and kernel, library by library, the heaviest symbols.

Its own run, after the figures: whoever is sampled is slower. User and kernel come from the process's own account, so they
are there without `perf` too; libraries and symbols need it. Before Python 3.12 it sees Python code as its interpreter.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import machine
from candidates.base import Candidate, Running
from load import Backend, Generator, lost
from machine import tell
from scenarios.base import Options

PROFILED = ("nocwatch", "nginx", "nocwatch+tls", "nginx+tls")
"""Those that a goal compares."""
STATIONS = 1000
"""Or the next smaller number of the run, or its smallest."""
HEAVIEST = 10
SAMPLES_HZ = 1999
SECONDS_LEAST = 1.0
PART = 0.9
"""Of the measured time, what is looked at."""
PERF_STARTS_S = 1.0
MESSAGES = 2
"""Of a round trip."""
_LINE = re.compile(r"^\s*(\d+\.\d+)%\s+(\S+)(?:\s+\[(.)\]\s+(.*\S))?\s*$")


@dataclass
class Profile:
    """Of one candidate under a closed loop.

    Attributes:
        user_us, kernel_us: of CPU time a message.
        libraries: (name, share of the samples), heaviest first; none without `perf`.
        symbols: (share, library, symbol, whether it is the kernel's), the heaviest.
        why_none: why there are no symbols, in words; empty where there are.
    """

    candidate: str
    stations: int
    user_us: float
    kernel_us: float
    libraries: list[tuple[str, float]] = field(default_factory=list)
    symbols: list[tuple[float, str, str, bool]] = field(default_factory=list)
    why_none: str = ""

    @property
    def kernel_share(self) -> float:
        return self.kernel_us / ((self.user_us + self.kernel_us) or 1.0)


def run(chosen: Sequence[Candidate], counts: Sequence[int], options: Options) -> list[Profile]:
    """One of each that is worth it and was chosen."""
    stations = max((count for count in counts if count <= STATIONS), default=min(counts))
    backend = Backend()
    found = []
    try:
        for candidate in chosen:
            if candidate.name not in PROFILED:
                continue
            try:
                found.append(_profiled(candidate, stations, options, backend))
            except (RuntimeError, OSError, subprocess.SubprocessError) as error:
                tell(f"  profile of {candidate.name}: {error}")
    finally:
        backend.close()
    return found


def _profiled(candidate: Candidate, stations: int, options: Options, backend: Backend) -> Profile:
    running = candidate.start(backend.port)
    try:
        generator = Generator(running.port, tls=candidate.tls)
        try:
            if failed := generator.connect(stations)["fail"]:
                raise RuntimeError(f"{failed} of {stations} connections failed")
            seconds = max(options.seconds, SECONDS_LEAST)
            plain = _Account(running, seconds * PART)
            told = generator.closed(seconds, options.warm, plain.take)
            if lost(told) or not told["rt"]:
                raise RuntimeError(", ".join(lost(told)) or "nothing was answered in the measured time")
            messages = told["rt_s"] * MESSAGES * plain.seconds
            profile = Profile(
                candidate.name,
                stations,
                user_us=plain.user_s / messages * 1e6,
                kernel_us=plain.kernel_s / messages * 1e6,
            )
            with tempfile.TemporaryDirectory(prefix="nocwatch-bench-perf-") as folder:
                sampled = _Samples(running, seconds * PART, Path(folder) / "samples")
                generator.closed(seconds + PERF_STARTS_S, options.warm, sampled.take)
                profile.libraries, profile.symbols, profile.why_none = sampled.read()
            generator.closeall()
        finally:
            generator.close()
    finally:
        running.close()
    tell(f"  profile of {candidate.name}: {profile.kernel_share:.0%} in the kernel {profile.why_none}")
    return profile


class _Account:
    """User and kernel time of the measured time."""

    def __init__(self, running: Running, seconds: float) -> None:
        self._pids, self.seconds = running.pids, seconds
        self.user_s = self.kernel_s = 0.0

    def take(self) -> None:
        user_s, kernel_s = machine.user_and_system_s(self._pids)
        time.sleep(self.seconds)
        user_end_s, kernel_end_s = machine.user_and_system_s(self._pids)
        self.user_s, self.kernel_s = user_end_s - user_s, kernel_end_s - kernel_s


class _Samples:
    """What `perf` sees in the same time of another run."""

    def __init__(self, running: Running, seconds: float, file: Path) -> None:
        self._pids, self._seconds, self._file = running.pids, seconds, file
        self._program = shutil.which("perf")
        self._said = ""

    def take(self) -> None:
        if self._program is None:
            return
        pids = ",".join(str(pid) for pid in self._pids)
        done = subprocess.run(
            [
                self._program, "record", "--quiet", "--event", "cpu-clock", "--freq", str(SAMPLES_HZ),
                "--pid", pids, "--output", self._file, "--", "sleep", str(self._seconds),
            ],
            check=False, capture_output=True, text=True, timeout=60 + self._seconds,
        )  # fmt: skip
        self._said = done.stderr.strip()[-200:] if done.returncode else ""

    def read(self) -> tuple[list[tuple[str, float]], list[tuple[float, str, str, bool]], str]:
        """(libraries, symbols, why there are none)"""
        if self._program is None:
            return [], [], "perf is not installed, so there are no symbols"
        if not self._file.exists():
            return [], [], f"perf could not record: {self._said}"
        libraries = [
            (_short(found[2]), float(found[1]) / 100) for found in self._lines("dso") if found[3] is None
        ]
        symbols = [
            (float(found[1]) / 100, _short(found[2]), found[4], found[3] == "k")
            for found in self._lines("dso,sym")
            if found[3] is not None
        ]
        if not symbols:
            return [], [], "perf saw nothing"
        return libraries, symbols[:HEAVIEST], ""

    def _lines(self, keys: str) -> list[re.Match[str]]:
        done = subprocess.run(
            [str(self._program), "report", "--input", self._file, "--stdio", "--sort", keys],
            check=True, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        return [found for line in done.stdout.splitlines() if (found := _LINE.match(line))]


def _short(library: str) -> str:
    """As people call it: `[kernel.kallsyms]` is the kernel, `_ssl.cpython-311-x86_64-linux-gnu.so` is `_ssl`."""
    name = library.strip("[]")
    return "kernel" if name.startswith("kernel") else re.sub(r"(\.cpython[^/]*)?\.so[.0-9]*$", "", name)
