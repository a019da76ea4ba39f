"""The console as an ASGI application, and the server that runs it beside the watch: Starlette on hypercorn's trio worker.

What always holds: an error of one request is answered with a sentence and told in the log, and never reaches the watch.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import hypercorn.config
import hypercorn.trio
import trio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from nocwatch.console.addresses import BadQuery
from nocwatch.console.api import Api, answer, failure
from nocwatch.console.events import Events
from nocwatch.console.guard import Guard
from nocwatch.console.known import held_to
from nocwatch.console.pages.fleet import FleetPages
from nocwatch.console.pages.home import HomePages
from nocwatch.console.pages.reports import ReportPages
from nocwatch.console.pages.sessions import SessionPages
from nocwatch.console.pages.silences import SilencePages
from nocwatch.console.pages.station import StationPages
from nocwatch.console.pages.troubles import TroublePages
from nocwatch.console.pages.uptime import UptimePages
from nocwatch.console.services import Health, Services
from nocwatch.console.settings import ConsoleSettings
from nocwatch.console.shell import STATIC, Console
from nocwatch.errors import NocwatchError
from nocwatch.store.errors import BadCursorError, StoreError, StoreUnavailableError

log = logging.getLogger(__name__)

HEAD_BYTES_MAX = 32 * 1024
"""Of a request's head; browsers send some 1 KiB."""
KEEP_ALIVE_S = 30.0


class ConsoleError(NocwatchError):
    """The console cannot be served."""


def make_app(services: Services, settings: ConsoleSettings | None = None) -> Starlette:
    """The console over these services."""
    settings = settings or ConsoleSettings()
    console = Console(services, settings)
    routes: list[Route | Mount] = [
        Route("/healthz", _healthz),
        Route("/readyz", _readiness(services)),
        Mount("/static", StaticFiles(directory=STATIC), name="static"),
        *Api(console).routes(),
        *Events(console).routes(),
    ]
    for pages in (
        HomePages(console),
        FleetPages(console),
        StationPages(console),
        SessionPages(console),
        TroublePages(console),
        SilencePages(console),
        ReportPages(console),
        UptimePages(console),
    ):
        routes += [held_to(route) for route in pages.routes()]
    return Starlette(
        routes=routes,
        middleware=[Middleware(Guard, hosts=settings.hosts_allowed)],
        exception_handlers={
            BadQuery: _said(console, 400),
            BadCursorError: _said(console, 400),
            StoreUnavailableError: _said(console, 503),
            StoreError: _said(console, 500),
            HTTPException: _said(console, None),
            Exception: _surprised,
        },
    )


async def _healthz(_request: Request) -> Response:
    return PlainTextResponse("alive\n")


def _readiness(services: Services) -> Callable[[Request], Awaitable[Response]]:
    async def readyz(_request: Request) -> Response:
        health = Health.of(services.status())
        body = {"ready": not health.reasons, "reasons": health.reasons, "remarks": health.remarks}
        return answer(body, 503 if health.reasons else 200)

    return readyz


def _said(console: Console, status: int | None) -> Callable[[Request, Exception], Awaitable[Response]]:
    """An error as a sentence: as JSON below ``/api/``, else on a page."""

    async def handler(request: Request, error: Exception) -> Response:
        code, sentence = status or 500, str(error)
        if isinstance(error, HTTPException):
            code, sentence = error.status_code, _SENTENCES.get(error.status_code, error.detail)
        if request.url.path.startswith("/api/"):
            return failure(code, sentence)
        if isinstance(error, StoreError) and not isinstance(error, BadCursorError):
            return PlainTextResponse(f"{sentence}\n", code)  # the page's own rail needs the store
        context = {"title": _TITLES.get(code, "It cannot be shown"), "text": sentence}
        return await console.page(request, "message.html", "", context, code)

    return handler


_TITLES = {
    400: "This address cannot be read.",
    404: "There is no such page.",
    405: "That cannot be done here.",
}
_SENTENCES = {404: "Nothing is at this address.", 405: "This address does not take that method."}


async def _surprised(request: Request, _error: Exception) -> Response:
    """A programmer's error: Starlette raises it again behind this answer, and the server logs it with its traceback."""
    sentence = "Something went wrong inside the console. The log of the watch says what."
    if request.url.path.startswith("/api/"):
        return failure(500, sentence)
    return PlainTextResponse(sentence + "\n", 500)


async def serve(
    services: Services,
    settings: ConsoleSettings | None = None,
    *,
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serves until cancelled; ``task_status`` gets the addresses (``http://127.0.0.1:8480``) once they are bound.

    Raises:
        ConsoleError: the address cannot be bound.
    """
    settings = settings or ConsoleSettings()
    config = hypercorn.config.Config()
    config.bind = [f"fd://{_bound(settings).detach()}"]
    config.errorlog = log
    config.include_server_header = False
    config.h11_max_incomplete_size = HEAD_BYTES_MAX
    config.keep_alive_timeout = KEEP_ALIVE_S
    try:
        app: Any = make_app(services, settings)
        await hypercorn.trio.serve(app, config, task_status=task_status)
    finally:
        services.hub.close()


def _bound(settings: ConsoleSettings) -> socket.socket:
    """The server's socket; bound here, so that a port in use is one clear sentence."""
    host, port = settings.address
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise ConsoleError(
            f"console.listen: {settings.listen} cannot be used: {error.strerror or error}"
        ) from None
    return bound
