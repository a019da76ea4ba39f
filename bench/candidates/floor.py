"""What no proxy can be cheaper than: a byte relay in C; and no proxy at all, for the latency that is nobody's."""

from __future__ import annotations

from pathlib import Path

import machine

from candidates.base import Candidate, Running


class Floor(Candidate):
    name = "c-relay"
    about = "an epoll byte relay in C that does nothing else"

    def command(self, folder: Path, port: int, upstream: int) -> list[str | Path]:  # noqa: ARG002 - it keeps nothing
        return [machine.BIN / "crelay", str(port), str(upstream)]


class _Nothing(Running):
    """The back end itself."""

    def __init__(self, upstream: int) -> None:
        self.port = upstream
        self.pids = []
        self.cores = set()
        self.tls = self.slow = False

    def close(self) -> None:
        pass


class Direct(Candidate):
    name = "direct"
    about = "no proxy: the generator on the back end"

    def start(self, upstream: int) -> Running:
        return _Nothing(upstream)
