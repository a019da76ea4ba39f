"""nginx as a plain WebSocket proxy: one worker, no access log, nothing kept on disk; or the same behind TLS. The yardstick of the goals."""

from __future__ import annotations

from pathlib import Path

import certificates

from candidates.base import Candidate, program

_CONFIGURATION = """\
daemon off;
worker_processes 1;
worker_rlimit_nofile 65536;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 65536; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=4096{tls};
        location / {{
            proxy_pass http://127.0.0.1:{upstream};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
            proxy_set_header Host $host;
            proxy_read_timeout 1h;
            proxy_send_timeout 1h;
        }}
    }}
}}
"""


_TLS = """ ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        ssl_protocols TLSv1.2 TLSv1.3"""


class Nginx(Candidate):
    def __init__(self, *, tls: bool = False) -> None:
        self.tls = self.only_in_full = tls
        self.name = "nginx+tls" if tls else "nginx"
        self.about = "one worker, Debian's package, `proxy_pass` with Upgrade" + (
            ", TLS ended" if tls else ""
        )

    def missing_program(self) -> str:
        return "" if program("nginx") else "nginx is not installed"

    def command(self, folder: Path, port: int, upstream: int) -> list[str | Path]:
        file = folder / "nginx.conf"
        made = certificates.made() if self.tls else None
        tls = _TLS.format(certificate=made.certificate, key=made.key) if made else ""
        file.write_text(_CONFIGURATION.format(folder=folder, port=port, upstream=upstream, tls=tls))
        return [program("nginx") or "nginx", "-e", "stderr", "-p", folder, "-c", file]
