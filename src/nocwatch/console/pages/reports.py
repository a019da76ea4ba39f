"""Key figures of a window, compared with the one before, of everything or by group; the same sums as ``nocwatch report kpis``."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from nocwatch.console.addresses import Address, BadQuery
from nocwatch.console.figures import SCOPES
from nocwatch.console.questions import (
    PICKED,
    WINDOWS,
    asked,
    behind,
    download,
    into,
    query_of,
    socket_of,
    window_of,
)
from nocwatch.console.shell import Console
from nocwatch.console.views import groups
from nocwatch.kpis.grouping import By, Query
from nocwatch.kpis.telling import FIGURE_COLUMNS, figure_rows
from nocwatch.registry.places import Places
from nocwatch.store.key_figures import Report, key_figures
from nocwatch.tables import Cell, csv_lines

ROWS = 100
FIGURE = "session_success"
"""What groups are put in order by, unless asked otherwise."""
BYS = {
    By.FLEET: "everything",
    By.CURRENT: "AC or DC",
    By.UPSTREAM: "CSMS",
}


class ReportPages:
    """Handlers of key figures."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def routes(self) -> list[Route]:
        return [
            Route("/reports", self.figures),
            Route("/reports/figures.csv", self.figures_csv),
        ]

    async def figures(self, request: Request) -> Response:
        address = self.console.address(request)
        window, by = window_of(address, self._now_ns(), self.console.zone), _by(address)
        now = await self._report(query_of(address, window.from_ns, window.until_ns, by))
        length_ns = window.until_ns - window.from_ns
        before = await self._report(query_of(address, window.from_ns - length_ns, window.from_ns, by))
        told = [(each.group, each.figures) for each in now.groups]
        earlier = [(each.group, each.figures) for each in before.groups]
        chosen, page = address.text("figure") or FIGURE, address.whole("page", 1, 1, 1_000_000)
        known = groups.choices(told)
        if told and chosen not in dict(known):
            raise BadQuery(f"figure: one of {', '.join(name for name, _ in known)} is wanted, not {chosen!r}")
        context = {
            "address": address,
            "window": window,
            "windows": [(name, label) for name, label, _ in WINDOWS],
            "before_ns": window.from_ns - length_ns,
            "picked": PICKED,
            "by": by,
            "bys": [(each.value, BYS.get(each, each.value)) for each in By],
            "by_word": BYS.get(by, by.value),
            "groups": len(told),
            "behind": behind(address, window, self.console.services.fleet()),
            "into": into(address, by, self.console.services.fleet()),
            "group_name": self._group_name(by),
            "download": download(address, window),
        }
        if by is By.FLEET:
            figures, former = (told[0][1] if told else []), (earlier[0][1] if earlier else [])
            context |= {
                "sections": groups.sections(figures, former),
                "answers": groups.answers(figures, former),
                "in_service": groups.IN_SERVICE,
                "outages": Address("/reports/uptime", {}).with_(**asked(address, SCOPES)),
            }
            return await self.console.page(request, "figures.html", "Reports", context)
        pages = max(1, -(-len(told) // ROWS))
        page = min(page, pages)
        context |= {
            "table": groups.table(told, earlier, chosen, (page - 1) * ROWS, ROWS),
            "chosen": chosen,
            "choices": known,
            "page": page,
            "pages": pages,
            "first": (page - 1) * ROWS + 1,
        }
        return await self.console.page(request, "figures_by.html", "Reports", context)

    async def figures_csv(self, request: Request) -> Response:
        address = self.console.address(request)
        window, by = window_of(address, self._now_ns(), self.console.zone), _by(address)
        found = await self._report(query_of(address, window.from_ns, window.until_ns, by))
        rows = (row for each in found.groups for row in figure_rows(each.group, each.figures))
        return csv_file("figures.csv", FIGURE_COLUMNS, rows)

    async def _report(self, query: Query) -> Report:
        places, store, now_ns = self.console.services.places, self.console.archive.store, self._now_ns()

        def read() -> Report:
            with store.database.snapshot() as reader:
                return key_figures(reader, places, query, now_ns)

        return await self.console.archive.kept(query, read)

    def _group_name(self, by: By) -> Callable[[str], str]:
        """What people call a group."""
        places, known = self.console.services.places, self.console.services.fleet()
        if by is By.STATION:
            return lambda name: places.place(name).name or name
        if by is By.SITE:
            return places.site_name
        if by is By.CONNECTOR:
            return lambda name: _socket_name(places, *socket_of(name, known))
        return lambda name: name

    def _now_ns(self) -> int:
        return self.console.services.windows_end_ns()


def _by(address: Address) -> By:
    asked = address.words("by", By)
    return asked[0] if asked else By.FLEET


def _socket_name(places: Places, station: str, evse: str | None, connector: str) -> str:
    word = "no connector said" if connector == "-1" else f"connector {connector}"
    called = places.place(station).name or station
    return f"{called} · {word}" if evse is None else f"{called} · EVSE {evse}, {word}"


def csv_file(name: str, columns: tuple[str, ...], rows: Iterable[list[Cell]]) -> Response:
    """A download; no cell of it is a formula."""
    return Response(
        "".join(csv_lines(columns, rows)),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="nocwatch-{name}"'},
    )
