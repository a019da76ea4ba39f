"""Which query parameters each page takes, and that one which it does not take is told: a misspelt filter is not a list of everything.

The API's are in ``parameters.py``, which describes them too. What always holds: a page without a line here cannot be served.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from nocwatch.console.addresses import BadQuery
from nocwatch.console.figures import SCOPES
from nocwatch.console.pages import sessions
from nocwatch.console.parameters import parameters_of
from nocwatch.console.questions import PICKED

LOOKS = frozenset({"theme", "wall"})
"""Of every page."""
_FIGURES = frozenset({*PICKED, "by", "range", "from", "until"})
_UPTIME = frozenset({*SCOPES, "regulation", "month"})
_PAGED = frozenset({"limit"})
"""What lists of the API have and their pages have not: pages say how many rows they show."""
_NONE: frozenset[str] = frozenset()

PAGES: dict[str, frozenset[str]] = {
    "/": _NONE,
    "/search": frozenset({"q"}),
    "/rules": _NONE,
    "/system": _NONE,
    "/fleet": frozenset({"q", "state", "site", "flagged", "vendor", "expiring", "page"}),
    "/fleet/rows": frozenset({"id", "span"}),
    "/stations": _NONE,
    "/stations/": _NONE,
    # ``span``: of a station whose identity ends in /frames.
    "/stations/{station:path}/frames": frozenset(
        {"action", "troubled", "pings", "from", "until", "text", "after", "span"}
    ),
    "/stations/{station:path}": frozenset({"from", "until", "span"}),
    "/sessions": frozenset(sessions.PICKED) | parameters_of("/api/sessions") - _PAGED,
    "/sessions/{session}": _NONE,
    "/frames/{ref}": _NONE,
    "/flags": parameters_of("/api/flags") - _PAGED,
    "/flags/{flag}": _NONE,
    "/flags/{flag}/text": _NONE,
    "/flags/{flag}/clear": _NONE,
    "/alerts": parameters_of("/api/alerts") - _PAGED,
    "/alerts/{alert}": _NONE,
    "/alerts/{alert}/{act:str}": _NONE,
    "/silences": _NONE,
    "/silences/{silence}/end": _NONE,
    "/reports": _FIGURES | {"figure", "page"},
    "/reports/figures.csv": _FIGURES,
    "/reports/uptime": _UPTIME | {"page"},
    "/reports/uptime.csv": _UPTIME,
    "/reports/outages.csv": _UPTIME,
}


def refuse_unknown(asked: Iterable[str], known: frozenset[str]) -> None:
    """Raises ``BadQuery`` where an address has a parameter that is not known there."""
    if unknown := sorted(set(asked) - known):
        raise BadQuery(
            f"There is no parameter {unknown[0]!r} here; known: {', '.join(sorted(known - LOOKS)) or 'none'}."
        )


def held_to(route: Route) -> Route:
    """The page, which is asked for nothing that it does not know."""
    known, page = PAGES[route.path] | LOOKS, route.endpoint

    async def checked(request: Request) -> Response:
        refuse_unknown(request.query_params, known)
        act: Callable[[Request], Awaitable[Response]] = page
        return await act(request)

    return Route(route.path, checked, methods=sorted(route.methods or ()))
