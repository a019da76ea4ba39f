"""The machine under the bench: which cores the two sides get, processes that begin and end with us, what they cost.

CPU time is that of a process and its children, user and system, from their own clocks (nanoseconds); memory is their
proportional set size (PSS): pages that several share count once. Socket buffers in the kernel are in neither.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(__file__).resolve().parent / "bin"

_ALLOWED = sorted(os.sched_getaffinity(0))
CORES = len(_ALLOWED)
PINNED = CORES >= 2
LOAD_CORES = set(_ALLOWED[: 2 if CORES >= 4 else 1]) if PINNED else set(_ALLOWED)
"""Where the load generator, the back end and the bench itself run: two cores where that leaves two for the candidates."""
PROXY_CORES = {_ALLOWED[len(LOAD_CORES)]} if PINNED else set(_ALLOWED)
"""Where the candidate runs, alone; and the watch."""

_TICKS = os.sysconf("SC_CLK_TCK")
_PR_SET_PDEATHSIG = 1
_CLOCK_OF_ALL_ITS_THREADS = (
    2  # Linux makes a clock's number of a process's: its complement, and this in the low bits
)
_LIBC = ctypes.CDLL(None, use_errno=True)


def proxy_cores(wanted: int) -> set[int]:
    """Cores for a candidate of so many processes: as many where they are there beside the load's, otherwise fewer."""
    return set(_ALLOWED[len(LOAD_CORES) :][:wanted]) if PINNED else set(_ALLOWED)


def raise_descriptors() -> int:
    """As many open files as the system allows, for us and for those we start. The number."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def start(
    command: Sequence[str | Path],
    cores: set[int],
    *,
    folder: Path | None = None,
    log: IO[bytes] | None = None,
    pipes: bool = False,
) -> subprocess.Popen[str]:
    """A process on those cores, which ends when the bench does, however that happens.

    Args:
        command: program and arguments.
        cores: where it and its children may run.
        folder: its working directory.
        log: where its standard error (and output, unless ``pipes``) goes.
        pipes: its standard input and output are ours, line by line.
    """

    def prepare() -> None:
        os.sched_setaffinity(0, cores)
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    environment = {name: value for name, value in os.environ.items() if not name.startswith("NOCWATCH_")}
    return subprocess.Popen(
        [str(each) for each in command],
        stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
        stdout=subprocess.PIPE if pipes else (log or subprocess.DEVNULL),
        stderr=log or subprocess.DEVNULL,
        text=True,
        bufsize=1,
        cwd=folder,
        env=environment,
        preexec_fn=prepare,  # noqa: PLW1509 - the bench has no threads
    )


def stop(process: subprocess.Popen[str]) -> None:
    """Ends a process that ``start`` made: asked first, then made to."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def tree(pid: int) -> list[int]:
    """The process and all below it."""
    children: dict[int, list[int]] = {}
    for each in Path("/proc").iterdir():
        if each.name.isdigit() and (fields := _stat(int(each.name))):
            children.setdefault(int(fields[1]), []).append(int(each.name))
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found


def cpu_s(pids: Sequence[int]) -> float:
    """User and system time of these processes since their start."""
    total = 0.0
    for pid in pids:
        with contextlib.suppress(OSError):  # it has ended
            total += time.clock_gettime((~pid << 3) | _CLOCK_OF_ALL_ITS_THREADS)
    return total


def user_and_system_s(pids: Sequence[int]) -> tuple[float, float]:
    """The same, told apart, in steps of 10 ms."""
    found = [fields for pid in pids if (fields := _stat(pid))]
    return sum(int(each[11]) for each in found) / _TICKS, sum(int(each[12]) for each in found) / _TICKS


def cores_busy_s(cores: set[int]) -> float:
    """What everyone together has used of these cores, and what the host has taken; interrupts left out."""
    total = 0
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name[:3] == "cpu" and name[3:].isdigit() and int(name[3:]) in cores:
            total += sum(int(fields[at]) for at in (0, 1, 2, 7))  # user, nice, system, steal
    return total / _TICKS


def pss_kib(pids: Sequence[int]) -> int:
    total = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return total


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the state on; the name before them may hold spaces and brackets."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wait_for(
    true: Callable[[], bool], patience_s: float, what: str, process: subprocess.Popen[str] | None = None
) -> None:
    """Returns when it is true.

    Raises:
        RuntimeError: the process has ended before, or time is up.
    """
    until = time.monotonic() + patience_s
    while not true():
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"{what}: the process has ended with {process.returncode}")
        if time.monotonic() > until:
            raise RuntimeError(f"{what}: not within {patience_s:.0f} s")
        time.sleep(0.02)


def accepts(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def described() -> dict[str, str]:
    """The machine, for whoever reads the figures later."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    commit = _said(["git", "-C", ROOT, "describe", "--always", "--dirty", "--abbrev=12"])
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "commit": commit or "unknown",
        "cpu": f"{len(_ALLOWED)} cores, {model}",
        "kernel": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "pinned": f"load on core {_listed(LOAD_CORES)}, candidate on core {_listed(PROXY_CORES)}"
        if PINNED
        else "not pinned: one core",
        "load_average": f"{os.getloadavg()[0]:.2f} when the run began",
    }


def _listed(cores: set[int]) -> str:
    return " and ".join(str(each) for each in sorted(cores))


def _said(command: Sequence[str | Path]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def tell(text: str) -> None:
    """Progress, on standard error: standard output is for results."""
    print(text, file=sys.stderr, flush=True)
