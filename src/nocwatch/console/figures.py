"""Key figures and uptime as the API answers them: the same sums and names as ``nocwatch report``. The store is read in a thread."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from starlette.requests import Request

from nocwatch.console.addresses import Address, BadQuery
from nocwatch.console.shell import Console
from nocwatch.kpis.grouping import By, Query
from nocwatch.kpis.regulations import Text
from nocwatch.kpis.telling import figure_document, outage_document, uptime_document
from nocwatch.kpis.uptime import PortMonth
from nocwatch.moments import DAY_NS, SECOND_NS, rfc3339
from nocwatch.registry.places import Scope
from nocwatch.store.key_figures import Report, key_figures
from nocwatch.store.uptime import months, uptime_months

DAYS = 30
"""Of figures without ``from``."""
SCOPES = ("station", "site", "team", "operator", "vendor", "model", "current", "access")
"""What stations are picked by; firmware and CSMS pick hours."""
DAYS_MAX = 400
"""Of one question: thirteen months, and what a year of a fleet takes."""


class Figures:
    """Handlers of ``/api/kpis/…``."""

    def __init__(self, console: Console) -> None:
        self.console = console

    async def figures(self, _request: Request, address: Address) -> object:
        now_ns = self.console.services.windows_end_ns()
        until_ns = address.moment("until")
        until_ns = now_ns if until_ns is None else until_ns
        from_ns = address.moment("from")
        from_ns = until_ns - DAYS * DAY_NS if from_ns is None else from_ns
        if not from_ns < until_ns <= from_ns + DAYS_MAX * DAY_NS:
            raise BadQuery(f"from, until: from must be before until, and at most {DAYS_MAX} days before it")
        by = address.words("by", By)
        query = told_apart(
            Query(
                from_ns=from_ns,
                until_ns=until_ns,
                by=by[0] if by else By.FLEET,
                scope=scope_of(address, firmware=address.text("firmware")),
                upstream=address.text("upstream"),
            )
        )
        places, store = self.console.services.places, self.console.archive.store

        def read() -> Report:
            with store.database.snapshot() as reader:
                return key_figures(reader, places, query, now_ns)

        found = await self.console.archive.read(read)
        return {
            "items": [
                {"group": each.group, "figures": [figure_document(figure) for figure in each.figures]}
                for each in found.groups
            ],
            "next": None,
            "from": rfc3339(found.from_ns),
            "until": rfc3339(found.until_ns),
            "by": found.by,
        }

    async def uptime(self, _request: Request, address: Address) -> object:
        now_ns, zone = self.console.services.windows_end_ns(), self.console.settings.timezone
        wanted = month_of(address.text("month"), zone, now_ns)
        texts = [each.value for each in address.words("regulation", Text) or ()]
        places, store, scope = self.console.services.places, self.console.archive.store, scope_of(address)

        def read() -> list[PortMonth]:
            with store.database.snapshot() as reader:
                return uptime_months(reader, places, scope, wanted, now_ns, texts)

        found = await self.console.archive.read(read)
        items = [
            {
                **uptime_document(row),
                "outages": [outage_document(row.regulation, line) for line in row.outages],
            }
            for row in found
        ]
        return {"items": items, "next": None, "timezone": zone}


def scope_of(address: Address, firmware: str | None = None, *, station: bool = True) -> Scope:
    """Which stations the address asks for; without ``station`` what it says of a single one is left to others."""
    names = SCOPES if station else SCOPES[1:]
    return Scope(firmware=firmware, **{name: address.text(name) for name in names})


def told_apart(query: Query) -> Query:
    """The query, if it can be answered: hours are told apart by firmware or by CSMS."""
    if len(query.eras) > 1:
        raise BadQuery("by, firmware, upstream: figures are told apart by firmware or by CSMS, not by both")
    return query


def month_of(text: str | None, zone: str, now_ns: int) -> list[tuple[str, int, int]]:
    if text is None:
        (_, this_ns, _), *_ = months(now_ns, now_ns + 1, zone)
        return months(this_ns - DAY_NS, this_ns, zone)
    if not re.fullmatch(r"(19|20)\d\d-(0[1-9]|1[0-2])", text):
        raise BadQuery(f"month: a month such as 2026-10 is wanted, not {text!r}")
    year, month = int(text[:4]), int(text[5:])
    at_ns = int(datetime(year, month, 15, tzinfo=ZoneInfo(zone)).timestamp()) * SECOND_NS
    found = months(at_ns, at_ns + 1, zone)
    if found[0][1] > now_ns:
        raise BadQuery(f"month: {text} is still to come")
    return found
