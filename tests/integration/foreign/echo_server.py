"""An echo server that this project did not write, ``websockets``, and what it decoded. ``echo_server.py PORT FILE``.

FILE gets a JSON line for each connection that ended, in the order in which they began: of each whole message its kind,
length and SHA-256.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import sys
from pathlib import Path

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

PORT, FILE = int(sys.argv[1]), Path(sys.argv[2])
numbers = iter(range(1 << 30))


async def echo(connection: ServerConnection) -> None:
    number = next(numbers)
    heard: list[tuple[str, int, str]] = []
    try:
        async for message in connection:
            data = message.encode() if isinstance(message, str) else message
            kind = "text" if isinstance(message, str) else "binary"
            heard.append((kind, len(data), hashlib.sha256(data).hexdigest()))
            await connection.send(message)
    except ConnectionClosed:
        pass  # most cases end in a way that no peer should
    finally:
        with FILE.open("a") as file:
            file.write(json.dumps({"number": number, "heard": heard}) + "\n")


async def main() -> None:
    async with serve(echo, "127.0.0.1", PORT, max_size=None, ping_interval=None):
        await asyncio.Future()


logging.disable(logging.CRITICAL)  # a fuzzing client makes it complain, case after case
asyncio.run(main())
