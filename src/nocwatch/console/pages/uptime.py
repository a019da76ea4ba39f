"""Uptime of ports in a month, stated twice, with the outages behind it; the same as ``nocwatch report uptime``."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from nocwatch.console.addresses import Address
from nocwatch.console.figures import SCOPES, month_of, scope_of
from nocwatch.console.pages.reports import ROWS, csv_file
from nocwatch.console.questions import asked
from nocwatch.console.shell import Console
from nocwatch.console.views import outages
from nocwatch.kpis.regulations import REGULATIONS, Text
from nocwatch.kpis.telling import OUTAGE_COLUMNS, UPTIME_COLUMNS, outage_document, uptime_document
from nocwatch.kpis.uptime import PortMonth
from nocwatch.moments import DAY_NS
from nocwatch.store.uptime import months, uptime_months

MONTHS_BACK = 13


class UptimePages:
    """Handlers of uptime."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def routes(self) -> list[Route]:
        return [
            Route("/reports/uptime", self.uptime),
            Route("/reports/uptime.csv", self.uptime_csv),
            Route("/reports/outages.csv", self.outages_csv),
        ]

    async def uptime(self, request: Request) -> Response:
        address = self.console.address(request)
        wanted, texts = self._months(address), self._texts(address)
        found = await self._uptime(address)
        page = address.whole("page", 1, 1, 1_000_000)
        most = max((sum(row.regulation == name for row in found) for name in REGULATIONS), default=0)
        pages = max(1, -(-most // ROWS))
        page = min(page, pages)
        context = {
            "address": address,
            "picked": SCOPES,
            "month": wanted[0][0],
            "months": self._months_back(wanted[0][0]),
            "from_ns": wanted[0][1],
            "until_ns": min(wanted[0][2], self._now_ns()),
            "chosen": texts[0] if texts else "",
            "regulations": list(Text),
            "texts": outages.texts(found, (page - 1) * ROWS, ROWS),
            "page": page,
            "pages": pages,
            "query": asked(address, (*SCOPES, "regulation", "month")),
        }
        return await self.console.page(request, "uptime.html", "Reports", context)

    async def uptime_csv(self, request: Request) -> Response:
        found = await self._uptime(self.console.address(request))
        return csv_file("uptime.csv", UPTIME_COLUMNS, (list(uptime_document(row).values()) for row in found))

    async def outages_csv(self, request: Request) -> Response:
        found = await self._uptime(self.console.address(request))
        lines = (
            list(outage_document(row.regulation, line).values()) for row in found for line in row.outages
        )
        return csv_file("outages.csv", OUTAGE_COLUMNS, lines)

    async def _uptime(self, address: Address) -> list[PortMonth]:
        scope, now_ns = scope_of(address), self._now_ns()
        wanted, texts = self._months(address), self._texts(address)
        places, store = self.console.services.places, self.console.archive.store

        def read() -> list[PortMonth]:
            with store.database.snapshot() as reader:
                return uptime_months(reader, places, scope, wanted, now_ns, texts)

        return await self.console.archive.kept((scope, tuple(wanted), tuple(texts)), read)

    def _months(self, address: Address) -> list[tuple[str, int, int]]:
        return month_of(address.text("month"), self.console.settings.timezone, self._now_ns())

    def _texts(self, address: Address) -> list[str]:
        return [each.value for each in address.words("regulation", Text) or ()]

    def _months_back(self, asked_for: str) -> list[str]:
        """The newest first; an older one that was asked for stands at the end, lest the choice name another month."""
        now_ns, zone = self._now_ns(), self.console.settings.timezone
        every = months(now_ns - (MONTHS_BACK - 1) * 30 * DAY_NS, now_ns + 1, zone)
        names = [name for name, _, _ in reversed(every)]
        return names if asked_for in names else [*names, asked_for]

    def _now_ns(self) -> int:
        return self.console.services.windows_end_ns()
