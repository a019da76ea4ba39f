"""The pages that concern the whole network: Overview, search, Rules, and System (how nocwatch itself is)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from nocwatch.alerts.alert import AlertState
from nocwatch.console.addresses import path
from nocwatch.console.services import Health
from nocwatch.console.shell import Console
from nocwatch.console.views import fleet, overview, system
from nocwatch.console.views.access import ends_soon
from nocwatch.console.views.fleet import FleetFilter
from nocwatch.console.views.looks import LOOKS
from nocwatch.moments import DAY_NS
from nocwatch.sessions import Outcome
from nocwatch.store.values import AlertFilter, FlagFilter, SessionFilter

FOUND_MAX = 30
ALERTS_MAX = 12
UNDER_WAY_MAX = 6
"""Enough to see that it lives; the list behind it has all."""

UNKNOWN_MAX = 200
"""Stations that the registry lacks, on the System page: who has more of them has not begun with it."""


class HomePages:
    """Handlers of the pages about everything."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def routes(self) -> list[Route]:
        return [
            Route("/", self.overview),
            Route("/search", self.search),
            Route("/rules", self.rules),
            Route("/system", self.system),
        ]

    async def overview(self, request: Request) -> Response:
        console = self.console
        services, store = console.services, console.archive.store
        now_ns, end_ns = services.now_ns(), services.windows_end_ns()
        counted = await console.archive.overview()
        open_states = (AlertState.FIRING, AlertState.ACKNOWLEDGED)
        alerts, days, failed, under_way, flags = await console.archive.read(
            lambda: (
                [
                    each
                    for each in store.alerts(AlertFilter(states=open_states), None, 4 * ALERTS_MAX).items
                    if not each.inhibited_by
                ][:ALERTS_MAX],
                store.kpi_days(None, 1, end_ns, console.settings.timezone),
                store.sessions(
                    SessionFilter(outcomes=(Outcome.FAILED,), from_ns=end_ns - DAY_NS), None, 8
                ).items,
                store.sessions(SessionFilter(outcomes=(Outcome.ONGOING,)), None, UNDER_WAY_MAX).items,
                store.flags(FlagFilter(from_ns=end_ns - DAY_NS, order="newest"), None, 20).items,
            )
        )
        stations = console.services.fleet()
        connectors = fleet.connectors(stations.values())
        status = console.services.status()
        unknown = sum(each.unknown_since_ns is not None for each in stations.values())
        context = {
            "alerts": alerts,
            "failed": failed,
            "under_way": services.lately(under_way),
            "refused": [] if stations else await console.archive.refused(),
            "verdict": overview.verdict(
                fleet.counts(stations.values()),
                counted,
                Health.of(status).reasons,
                overview.upstreams_down(status),
                unknown,
            ),
            "cards": overview.cards(
                fleet.counts(stations.values()),
                connectors,
                counted,
                days[-1] if days else None,
                sum(ends_soon(each, now_ns) for each in stations.values()),
                unknown,
            ),
            "changes": overview.changes(stations.values(), flags, failed, console.services.places, now_ns),
            "connectors": sorted(connectors.items(), key=lambda pair: LOOKS[pair[0]].rank),
            "connector_total": connectors.total(),
        }
        return await console.page(request, "overview.html", "Overview", context)

    async def search(self, request: Request) -> Response:
        """A station, session, flag or alert by its whole name leads there at once; else what fits is listed."""
        console = self.console
        text = console.address(request).text("q")
        if text is None:
            return RedirectResponse("/fleet", 303)
        stations = console.services.fleet()
        if text in stations:
            return RedirectResponse(f"/stations/{path(text)}", 303)
        store = console.archive.store
        sessions, flag, alert, frames = await console.archive.read(
            lambda: (
                store.sessions(SessionFilter(text=text), None, FOUND_MAX).items,
                store.flag(text),
                store.alert(text),
                store.frames_by_ref([text]),
            )
        )
        if flag is not None:
            return RedirectResponse(f"/flags/{path(flag.id)}", 303)
        if alert is not None:
            return RedirectResponse(f"/alerts/{path(alert.id)}", 303)
        if frames:
            return RedirectResponse(f"/frames/{path(text)}", 303)
        if len(sessions) == 1 and sessions[0].id == text:
            return RedirectResponse(f"/sessions/{path(text)}", 303)
        flags = await console.archive.flags_by_station()
        found = fleet.rows(stations.values(), console.services.places, flags, FleetFilter(text=text))
        if len(found) == 1 and not sessions:
            return RedirectResponse(f"/stations/{path(found[0].station.id)}", 303)
        context = {
            "text": text,
            "stations": found[:FOUND_MAX],
            "station_total": len(found),
            "sessions": console.services.lately(sessions),
        }
        return await console.page(request, "search.html", "Search", context)

    async def rules(self, request: Request) -> Response:
        raised = await self.console.archive.read(
            lambda: self.console.archive.store.flags(FlagFilter(), None, 500).items
        )
        counts: dict[str, int] = {}
        for flag in raised:
            if flag.state.value == "raised":
                counts[flag.rule] = counts.get(flag.rule, 0) + 1
        context = {
            "rules": sorted(self.console.services.rules(), key=lambda rule: (rule.category, rule.rule)),
            "raised": counts,
        }
        return await self.console.page(request, "rules.html", "Rules", context)

    async def system(self, request: Request) -> Response:
        status = dict(self.console.services.status())
        health = Health.of(status)
        status.pop("reasons", None)
        status.pop("remarks", None)
        remedies, meanings = status.pop("remedies", {}), status.pop("meanings", {})
        hub = self.console.services.hub
        status.setdefault("console", {"pages_following": len(hub), **hub.counters})
        relay = status.get("relay", {})
        places = self.console.services.places
        # Without a registry all are unknown, and nobody needs to be told.
        unknown = places.unknown(self.console.services.fleet()) if places.stations() else ()
        context = {
            "unknown": unknown[:UNKNOWN_MAX],
            "unknown_count": len(unknown),
            "health": health,
            "remedies": remedies,
            "delays": system.delays(relay),
            "sections": system.sections(status, meanings),
        }
        return await self.console.page(request, "system.html", "System", context)
