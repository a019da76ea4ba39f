"""The same proxy with ``trio-websocket``: message by message, each parsed as JSON.

Usage: trio_websocket_json.py PORT UPSTREAM_PORT.
"""

from __future__ import annotations

import json
import sys

import trio
from trio_websocket import (
    ConnectionClosed,
    HandshakeError,
    WebSocketConnection,
    WebSocketRequest,
    connect_websocket_url,
    serve_websocket,
)

PORT, UPSTREAM = int(sys.argv[1]), int(sys.argv[2])
seen = 0


async def carry(source: WebSocketConnection, target: WebSocketConnection) -> None:
    global seen  # noqa: PLW0603 - one process, one count
    try:
        while True:
            message = await source.get_message()
            json.loads(message)
            seen += 1
            await target.send_message(message)
    except ConnectionClosed:
        await target.aclose()


async def station(request: WebSocketRequest) -> None:
    offered = request.proposed_subprotocols
    try:
        async with trio.open_nursery() as nursery:
            url = f"ws://127.0.0.1:{UPSTREAM}{request.path}"
            csms = await connect_websocket_url(nursery, url, subprotocols=offered)
            link = await request.accept(subprotocol=csms.subprotocol)
            nursery.start_soon(carry, csms, link)
            await carry(link, csms)
            nursery.cancel_scope.cancel()
    except* (OSError, HandshakeError, ConnectionClosed):
        pass


trio.run(serve_websocket, station, "127.0.0.1", PORT, None)
