"""A web hook on 127.0.0.1 that takes, refuses or hangs, as it is told: what apprise's ``json://`` speaks to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Hook:
    """What the server does and has heard. ``status`` None: hang until ``release`` or the end."""

    def __init__(self) -> None:
        self.status: int | None = 200
        self.heard: list[dict[str, Any]] = []
        self.attempts = 0
        self.came = threading.Semaphore(0)
        self.release = threading.Event()
        self.port = 0

    def url(self, path: str = "hook") -> str:
        return f"json://127.0.0.1:{self.port}/{path}"

    def wait(self, number: int = 1, timeout_s: float = 10.0) -> None:
        """Until so many more attempts have come."""
        for _ in range(number):
            assert self.came.acquire(timeout=timeout_s), "no attempt came"


@contextmanager
def hook() -> Iterator[Hook]:
    told = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.attempts += 1
            status = told.status
            told.came.release()
            if status is None:
                told.release.wait(30)
                self.close_connection = True
                return
            if status == 200:
                told.heard.append(json.loads(body))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    told.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        told.release.set()
        server.shutdown()
        server.server_close()
        thread.join()
