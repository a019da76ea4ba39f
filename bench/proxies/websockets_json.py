"""A message-level OCPP proxy with ``websockets``: the obvious way, and what nocwatch's relay is compared with.

Usage: websockets_json.py PORT UPSTREAM_PORT. It parses each message as JSON, as a proxy that observes would, and sends it on.
"""

from __future__ import annotations

import asyncio  # noqa: TID251 - it stands for what people write
import json
import sys

from websockets.asyncio.client import connect
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, WebSocketException

PORT, UPSTREAM = int(sys.argv[1]), int(sys.argv[2])
seen = 0


async def carry(source: Connection, target: Connection) -> None:
    global seen  # noqa: PLW0603 - one process, one count
    try:
        async for message in source:
            json.loads(message)
            seen += 1
            await target.send(message)
    except ConnectionClosed:
        pass
    finally:
        await target.close()


async def station(link: ServerConnection) -> None:
    assert link.request is not None
    try:
        protocols = [link.subprotocol] if link.subprotocol else None
        url = f"ws://127.0.0.1:{UPSTREAM}{link.request.path}"
        async with connect(
            url, subprotocols=protocols, compression=None, ping_interval=None, proxy=None
        ) as csms:
            await asyncio.gather(carry(link, csms), carry(csms, link))
    except (OSError, WebSocketException):
        await link.close(1011)


async def main() -> None:
    options = {"subprotocols": ["ocpp1.6"], "compression": None, "ping_interval": None, "backlog": 4096}
    async with serve(station, "127.0.0.1", PORT, **options) as server:
        await server.serve_forever()


asyncio.run(main())
