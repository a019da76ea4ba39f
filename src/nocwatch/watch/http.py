"""Serving an ASGI application on a socket that is bound before, so that a port in use is one clear line and no traceback."""

from __future__ import annotations

import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import trio
from hypercorn.config import Config
from hypercorn.trio import serve

GRACE_S = 2.0
"""For requests under way when the watch stops; pages that follow live are let go by the hub before."""


async def serve_http(
    app: Callable[..., Awaitable[Any]], listener: socket.socket, stopping: trio.Event
) -> None:
    """Serves until ``stopping``; takes the socket over."""
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.graceful_timeout = GRACE_S
    config.include_server_header = False
    config.errorlog = logging.getLogger("nocwatch.http")
    config.accesslog = None
    await serve(app, config, shutdown_trigger=stopping.wait)
