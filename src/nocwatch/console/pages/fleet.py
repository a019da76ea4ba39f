"""The Fleet page: every station, worst first, in pages of ``ROWS``; and single rows of it for the live feed."""

from __future__ import annotations

from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from nocwatch.console.shell import Console
from nocwatch.console.views import fleet, timeline, windows
from nocwatch.console.views.access import ends_soon
from nocwatch.console.views.fleet import FleetFilter, FleetRow
from nocwatch.console.views.looks import LOOKS
from nocwatch.console.views.timeline import Strip
from nocwatch.moments import DAY_NS, SECOND_NS
from nocwatch.network import ConnectorStatus
from nocwatch.store.values import LastSession

ROWS = 100
"""Rows of a page: some 250 KB of HTML with their strips; a wall shows forty."""
ROWS_AT_ONCE_MAX = 50
"""Single rows that one call of the live feed may ask for; more than that, and it takes the page."""
LEGEND = tuple(
    status
    for status in LOOKS
    if status not in (ConnectorStatus.FINISHING, ConnectorStatus.OCCUPIED, ConnectorStatus.NO_DATA)
)


class Shown(NamedTuple):
    """A row with all that its template shows."""

    fleet: FleetRow
    cells: list[fleet.Cell]
    last: LastSession | None
    strip: Strip


class FleetPages:
    """Handlers of the fleet."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def routes(self) -> list[Route]:
        return [Route("/fleet", self.fleet), Route("/fleet/rows", self.some_rows)]

    async def fleet(self, request: Request) -> Response:
        console = self.console
        address = console.address(request)
        state, now_ns = address.words("state", ConnectorStatus), console.services.now_ns()
        wanted = FleetFilter(
            text=address.text("q") or "",
            state=state[0].value if state else "",
            site=address.text("site") or "",
            flagged=address.text("flagged") or "",
            vendor=address.text("vendor") or "",
            expiring_at_ns=now_ns if address.yes("expiring") else None,
        )
        flags = await console.archive.flags_by_station()
        stations = console.services.fleet().values()
        found = fleet.rows(stations, console.services.places, flags, wanted)
        pages = max(1, -(-len(found) // ROWS))
        page = min(address.whole("page", 1, 1, 1_000_000), pages)
        first = (page - 1) * ROWS
        span_ns = await console.archive.usual_span_ns()
        context = {
            "address": address,
            "wanted": wanted,
            "span_s": span_ns // SECOND_NS,
            "span": windows.called(span_ns),
            "rows": await self._shown(found[first : first + ROWS], span_ns),
            "counts": fleet.counts(stations),
            "total": len(stations),
            "flagged": len(flags),
            "expiring": sum(ends_soon(each, now_ns) for each in stations),
            "matching": len(found),
            "page": page,
            "pages": pages,
            "first": first + 1,
            "last": min(first + ROWS, len(found)),
            "legend": LEGEND,
            "refused": [] if stations else await console.archive.refused(),
        }
        return await console.page(request, "fleet.html", "Fleet", context)

    async def some_rows(self, request: Request) -> Response:
        """Rows of the stations named by ``id``, for a page that shows them already; their strips as long as that page's."""
        ids = request.query_params.getlist("id")[:ROWS_AT_ONCE_MAX]
        stations, places = self.console.services.fleet(), self.console.services.places
        flags = await self.console.archive.flags_by_station()
        found = [fleet.row(stations[each], places, flags.get(each)) for each in ids if each in stations]
        asked = self.console.address(request).text("span")
        span_ns = next((each for each, _ in windows.SPANS if str(each // SECOND_NS) == asked), DAY_NS)
        context = {"rows": await self._shown(found, span_ns), "span": windows.called(span_ns)}
        return HTMLResponse(self.console.render("fleet_rows.html", context))

    async def _shown(self, found: list[FleetRow], span_ns: int) -> list[Shown]:
        now_ns, end_ns = self.console.services.now_ns(), self.console.services.windows_end_ns()
        last, bands = await self.console.archive.rows_of([each.station.id for each in found], span_ns)
        return [
            Shown(
                each,
                fleet.cells(each.station, now_ns),
                last.get(each.station.id),
                timeline.strip(
                    bands.get(each.station.id, ()),
                    [timeline.key(socket.evse, socket.connector) for socket in each.station.connectors],
                    end_ns - span_ns,
                    end_ns,
                ),
            )
            for each in found
        ]
