"""nginx as a plain WebSocket proxy: one worker, no access log, nothing kept on disk. The yardstick of the goals."""

from __future__ import annotations

from pathlib import Path

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
        listen 127.0.0.1:{port} backlog=4096;
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


class Nginx(Candidate):
    name = "nginx"
    about = "one worker, Debian's package, `proxy_pass` with Upgrade"

    def missing(self) -> str:
        return "" if program("nginx") else "nginx is not installed"

    def command(self, folder: Path, port: int, upstream: int) -> list[str | Path]:
        file = folder / "nginx.conf"
        file.write_text(_CONFIGURATION.format(folder=folder, port=port, upstream=upstream))
        return [program("nginx") or "nginx", "-e", "stderr", "-p", folder, "-c", file]
