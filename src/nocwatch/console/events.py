"""``/api/events``: live changes as server-sent events, for open pages and for API clients.

Events: ``hello`` at the start; ``station``, ``session``, ``flag``, ``alert``, ``frame`` with the whole thing as it stands;
``heartbeat`` every ``HEARTBEAT_S`` with what is wrong with nocwatch itself, by which a page knows that it still receives;
``behind`` when this client was too slow: it is let go, and should read what it shows again and come back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import msgspec
import trio
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from nocwatch.alerts.alert import Alert
from nocwatch.console.api import failure
from nocwatch.console.known import refuse_unknown
from nocwatch.console.live import KINDS, Behind, Closing, Follower, Full, Interest, Thing
from nocwatch.console.parameters import parameters_of
from nocwatch.console.services import Health
from nocwatch.console.shell import Console
from nocwatch.console.views import shapes
from nocwatch.flags import Flag
from nocwatch.frames import Frame
from nocwatch.moments import rfc3339
from nocwatch.network import Station
from nocwatch.sessions import Session

Put: TypeAlias = Callable[[bytes], Awaitable[None]]

HEARTBEAT_S = 10.0
GATHER_S = 0.2
"""Changes are gathered this long before they are written, so that a burst is one write and a thing in it arrives once."""
RETRY_MS = 2000
"""How soon a browser comes back after the connection broke."""


class Events:
    """Handler of the live feed."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def routes(self) -> list[Route]:
        return [Route("/api/events", self.events)]

    async def events(self, request: Request) -> Response:
        refuse_unknown(request.query_params, parameters_of("/api/events"))
        asked = request.query_params.get("kind", "station,session,flag,alert")
        kinds = frozenset(word.strip() for word in asked.split(",") if word.strip())
        station = request.query_params.get("station") or None
        if unknown := sorted(kinds - {*KINDS, "heartbeat"}):
            return failure(400, f"kind: {', '.join(KINDS)} are known, {unknown[0]!r} is not")
        if "frame" in kinds and station is None:
            return failure(400, "kind: frames are told of one station only; name it with station=")
        if len(self.console.services.hub) >= self.console.services.hub.followers_max:
            self.console.services.hub.counters["followers_refused"] += 1
            return failure(503, "As many pages follow as console.live_clients_max allows.")
        return _Stream(self, Interest(kinds - {"heartbeat"}, station))

    async def write(self, interest: Interest, put: Put) -> None:
        """Writes events until the client is let go."""
        hub = self.console.services.hub
        try:
            with hub.follow(interest) as follower:
                await put(f"retry: {RETRY_MS}\n".encode() + self._beat("hello"))
                await self._changes(follower, put)
        except Behind:
            await put(
                _event(
                    "behind",
                    b'{"error":"This client was too slow; read again what you show, and come back."}',
                )
            )
        except Closing:
            await put(_event("closing", b"{}"))
        except Full:
            await put(
                _event("behind", b'{"error":"As many pages follow as console.live_clients_max allows."}')
            )

    async def _changes(self, follower: Follower, put: Put) -> None:
        next_beat = trio.current_time() + HEARTBEAT_S
        while True:
            taken = await follower.take(max(0.0, next_beat - trio.current_time()))
            if taken:
                await put(b"".join([_event(kind, await self._document(thing)) for kind, _, thing in taken]))
                await trio.sleep(GATHER_S)
            if trio.current_time() >= next_beat:
                next_beat = trio.current_time() + HEARTBEAT_S
                # A comment keeps proxies awake, but a page cannot see one: the event is for the page.
                await put(b": heartbeat\n" + self._beat("heartbeat"))

    def _beat(self, name: str) -> bytes:
        services = self.console.services
        health = Health.of(services.status())
        beat = {"now": rfc3339(services.now_ns()), "reasons": health.reasons, "remarks": health.remarks}
        return _event(name, msgspec.json.encode(beat))

    async def _document(self, thing: Thing) -> bytes:
        match thing:
            case Station():
                flags = await self.console.archive.flags_by_station()
                return msgspec.json.encode(
                    shapes.station(thing, self.console.services.places.place(thing.id), flags.get(thing.id))
                )
            case Session():
                return msgspec.json.encode(shapes.session(thing))
            case Flag():
                return msgspec.json.encode(shapes.flag(thing))
            case Alert():
                return msgspec.json.encode(shapes.alert(thing))
            case Frame():
                return msgspec.json.encode(shapes.live_frame(thing))


class _Stream(Response):
    """The answer that goes on, as a task that ends with the connection, so that nobody follows who is not there.

    Starlette's own streams an async generator, and leaves it unclosed when the client goes.
    """

    def __init__(self, events: Events, interest: Interest) -> None:
        super().__init__(
            media_type="text/event-stream", headers={"x-accel-buffering": "no", "cache-control": "no-store"}
        )
        del self.headers["content-length"]
        self._events, self._interest = events, interest

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})

        async def put(data: bytes) -> None:
            await send({"type": "http.response.body", "body": data, "more_body": True})

        async with trio.open_nursery() as nursery:
            nursery.start_soon(_until_gone, receive, nursery.cancel_scope)
            await self._events.write(self._interest, put)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            nursery.cancel_scope.cancel()


async def _until_gone(receive: Receive, scope: trio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


def _event(name: str, data: bytes) -> bytes:
    """``data`` is JSON without line breaks, so one line holds it."""
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
