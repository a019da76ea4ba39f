"""The silences in force: who tells nobody of what, until when and why; and how one is ended."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from nocwatch.alerts.alert import AlertState
from nocwatch.console import guard
from nocwatch.console.addresses import path
from nocwatch.console.pages.doing import do
from nocwatch.console.shell import Console
from nocwatch.store.values import AlertFilter

QUIETED_MAX = 500
"""Open alerts that are looked at for those that a silence keeps quiet: more than a person reads."""


class SilencePages:
    """Handlers of silences."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def routes(self) -> list[Route]:
        return [
            Route("/silences", self.silences),
            Route("/silences/{silence}/end", self.end, methods=["POST"]),
        ]

    async def silences(self, request: Request, error: str = "", status: int = 200) -> Response:
        store = self.console.archive.store
        alerts = await self.console.archive.read(
            lambda: store.alerts(AlertFilter(states=(AlertState.FIRING,)), None, QUIETED_MAX).items
        )
        quieted: dict[str, list[object]] = {}
        for alert in alerts:
            if alert.silenced_by:
                quieted.setdefault(alert.silenced_by, []).append(alert)
        found = sorted(self.console.services.silences(), key=lambda each: (each.until_ns, each.id))
        context = {"silences": found, "quieted": quieted, "error": error}
        return await self.console.page(request, "silences.html", "Alerts", context, status)

    async def end(self, request: Request) -> Response:
        """Leads back to the alert from whose page it was asked for, else to the list."""
        alert = (await guard.posted(request)).get("alert", "")
        back = f"/alerts/{path(alert)}" if alert else "/silences"
        silence = request.path_params["silence"]
        return await do(
            self.console, request, silence, back, self.console.services.end_silence, self.silences
        )
