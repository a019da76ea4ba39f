"""A small real HTTP server in InfluxDB's place: it refuses, hangs and recovers when the test says so, and keeps the points."""

from __future__ import annotations

import gzip
import json
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[int, str, dict[str, str]]
Policy = Callable[[list[str]], Answer]
TAKEN: Answer = (204, "", {})


def says(status: int, message: str = "so it is", **headers: str) -> Answer:
    return status, json.dumps({"code": "x", "message": message}), headers


class InfluxDouble:
    """Answers by ``policy``: the lines of a write → status, body, headers. What it takes is in ``points``.

    Attributes:
        points: line → how often it was taken.
        statuses: every answer so far.
        hang: while set, requests wait and are never answered.
    """

    def __init__(self) -> None:
        self.policy: Policy = lambda _: TAKEN
        self.points: Counter[str] = Counter()
        self.statuses: list[int] = []
        self.queries: list[str] = []
        self.hang = False
        self._released = threading.Event()
        double = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if double.hang:
                    double._released.wait(30)
                    self.close_connection = True
                    return
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                if self.path.startswith("/query"):
                    double.queries.append(self.path)
                lines = body.decode().split("\n")
                status, text, headers = double.policy(lines)
                double.statuses.append(status)
                if status == 204:
                    double.points.update(lines)
                data = text.encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status != 204:
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def close(self) -> None:
        self._released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
