"""HAProxy as a plain WebSocket proxy: one thread, HTTP mode, a tunnel after the upgrade; or the same behind TLS."""

from __future__ import annotations

import resource
from pathlib import Path

import certificates

from candidates.base import Candidate, program

_CONFIGURATION = """\
global
    maxconn {connections}
    nbthread 1
defaults
    mode http
    timeout connect 10s
    timeout client 1h
    timeout server 1h
    timeout tunnel 1h
listen stations
    bind 127.0.0.1:{port} backlog 4096{tls}
    server csms 127.0.0.1:{upstream}
"""


class Haproxy(Candidate):
    def __init__(self, *, tls: bool = False) -> None:
        self.tls = self.only_in_full = tls
        self.name = "haproxy+tls" if tls else "haproxy"
        self.about = "one thread, Debian's package, HTTP mode" + (", TLS ended" if tls else "")

    def missing_program(self) -> str:
        return "" if program("haproxy") else "haproxy is not installed"

    def command(self, folder: Path, port: int, upstream: int) -> list[str | Path]:
        file = folder / "haproxy.cfg"
        # It refuses to start where its descriptors (two a connection, and some) are not allowed.
        allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        connections = min(60_000, (allowed - 100) // 2)
        tls = f" ssl crt {certificates.made().both}" if self.tls else ""
        file.write_text(_CONFIGURATION.format(port=port, upstream=upstream, connections=connections, tls=tls))
        return [program("haproxy") or "haproxy", "-q", "-db", "-f", file]
