"""``/metrics``, ``/healthz`` and ``/readyz`` of the watch, for Prometheus and for whoever restarts processes."""

from __future__ import annotations

import trio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from nocwatch.sinks.metrics import Tally, exposition
from nocwatch.watch.held import hold
from nocwatch.watch.status import Status


def make_app(status: Status, tally: Tally) -> Starlette:
    """The application that ``metrics.listen`` serves."""

    async def metrics(_: Request) -> Response:
        # Putting 10,000 stations into text takes a quarter of a second: not in the loop.
        body = await trio.to_thread.run_sync(exposition(hold(status), tally.copy()))
        return Response(body, media_type="text/plain; version=0.0.4; charset=utf-8")

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        reasons, remarks = status.ready()
        return JSONResponse(
            {"ready": not reasons, "reasons": reasons, "remarks": remarks},
            status_code=503 if reasons else 200,
        )

    return Starlette(
        routes=[Route("/metrics", metrics), Route("/healthz", healthz), Route("/readyz", readyz)]
    )
