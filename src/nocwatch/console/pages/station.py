"""A station's page: sockets now, their last hours as bands, sessions, flags, frames, and what is known about it."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from nocwatch.console.addresses import Address, BadQuery
from nocwatch.console.shell import Console
from nocwatch.console.views import access, fleet, frames, misfits, plans, timeline, windows, words
from nocwatch.flags import FlagState
from nocwatch.moments import DAY_NS, HOUR_NS, MINUTE_NS
from nocwatch.plans import limit_at
from nocwatch.store.values import FlagFilter, FrameFilter, SessionFilter

SPAN_NS_MIN = 5 * MINUTE_NS
SPAN_NS_MAX = 31 * DAY_NS
"""A month of bands is what a screen can tell apart."""
SPANS = (*windows.SPANS, (7 * DAY_NS, "7 d"), (30 * DAY_NS, "30 d"))
SESSIONS_ON_TIMELINE_MAX = 500
FRAMES = 60


class StationPages:
    """Handlers of one station."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def routes(self) -> list[Route]:
        # Identities may hold slashes, so the longer address is tried first.
        return [
            Route("/stations", _to_the_fleet),
            Route("/stations/", _to_the_fleet),
            Route("/stations/{station:path}/frames", self.frames),
            Route("/stations/{station:path}", self.station),
        ]

    async def station(self, request: Request) -> Response:
        console = self.console
        station_id = request.path_params["station"]
        station = console.services.fleet().get(station_id)
        if station is None:
            return await self._unknown(request, station_id)
        address = console.address(request)
        now_ns, end_ns = console.services.now_ns(), console.services.windows_end_ns()
        usual_ns = await console.archive.usual_span_ns()
        from_ns, until_ns = _window(address, end_ns, usual_ns)
        store = console.archive.store

        def query() -> dict[str, Any]:
            overlapping = SessionFilter(
                station=station_id, from_ns=from_ns, until_ns=until_ns, overlapping=True
            )
            return {
                "bands": store.states(station_id, from_ns, until_ns),
                "on_timeline": store.sessions(overlapping, None, SESSIONS_ON_TIMELINE_MAX).items,
                "sessions": store.sessions(SessionFilter(station=station_id), None, 10).items,
                "flags": store.flags(
                    FlagFilter(station=station_id, from_ns=end_ns - 7 * DAY_NS), None, 10
                ).items,
                "raised": store.flags(FlagFilter(station=station_id, state=FlagState.RAISED), None, 50).items,
                "frames": store.frames(
                    FrameFilter(station=station_id, kinds=frames.TALK), None, FRAMES
                ).items,
                "days": store.kpi_days(station_id, 7, end_ns, console.settings.timezone),
            }

        found = await console.archive.read(query)
        for listed in ("sessions", "on_timeline"):
            found[listed] = console.services.lately(found[listed])
        sockets = [timeline.key(socket.evse, socket.connector) for socket in station.connectors]
        drawn = timeline.timeline(
            found.pop("bands"), found.pop("on_timeline"), sockets, from_ns, until_ns, now_ns, console.zone
        )
        state, since_ns = fleet.state_of(station)
        context = {
            **found,
            "address": address,
            "station": station,
            "place": console.services.places.place(station_id),
            "access": access.facts(station.access, now_ns),
            "state": state,
            "since_ns": since_ns,
            "timeline": drawn,
            "moves": _moves(address, from_ns, until_ns, end_ns, usual_ns),
            "frames": frames.rows(found["frames"], newest_first=True),
            "socket_name": timeline.name,
            "is_hearsay": fleet.is_hearsay,
            "legend": _legend(drawn),
            "week": _week(found["days"]),
            "allowed": {
                (socket.evse, socket.connector): (plans.limit_words(held), plans.why(held), held.nothing)
                for socket in station.connectors
                if (held := limit_at(socket.limits, now_ns)) is not None and held.limit is not None
            },
            "reservations": [(each, plans.booking_row(each)) for each in station.reservations],
            "disagreements": misfits.disagreements(console.services.places.place(station_id), station),
            "misfits": misfits.misfits(console.services.misfits(station_id)),
        }
        return await console.page(request, "station.html", "Fleet", context)

    async def frames(self, request: Request) -> Response:
        console = self.console
        station_id = request.path_params["station"]
        if station_id not in console.services.fleet():
            if f"{station_id}/frames" in console.services.fleet():
                request.path_params["station"] += "/frames"
                return await self.station(request)
            return await self._unknown(request, station_id)
        address = console.address(request)
        action = address.text("action")
        wanted = FrameFilter(
            station=station_id,
            actions=(action,) if action else None,
            troubled=bool(address.yes("troubled")),
            kinds=None if address.yes("pings") else frames.TALK,
            from_ns=address.moment("from"),
            until_ns=address.moment("until"),
            text=address.text("text"),
        )
        after = address.text("after")
        page = await console.archive.read(lambda: console.archive.store.frames(wanted, after, 200))
        context = {
            "address": address,
            "station_id": station_id,
            "place": console.services.places.place(station_id),
            "rows": frames.rows(page.items, newest_first=True),
            "next": page.next,
            "wanted": wanted,
        }
        return await console.page(request, "frames.html", "Fleet", context)

    async def _unknown(self, request: Request, station_id: str) -> Response:
        place = self.console.services.places.place(station_id)
        known = (
            "It is in the registry, and has not connected yet."
            if place.known
            else "Nothing of that name has connected yet."
        )
        context = {
            "title": f"No station {station_id}",
            "text": known + " It appears with its first connection.",
        }
        return await self.console.page(request, "message.html", "Fleet", context, 404)


async def _to_the_fleet(_request: Request) -> Response:
    """Where an address was cut off behind ``/stations``."""
    return RedirectResponse("/fleet", 303)


def _window(address: Address, end_ns: int, usual_ns: int) -> tuple[int, int]:
    """From and until of the timeline; the usual span up to now unless the address says otherwise."""
    until_ns = address.moment("until") or end_ns
    from_ns = address.moment("from")
    if from_ns is None:
        from_ns = (
            until_ns
            - address.whole("span", usual_ns // 10**9, SPAN_NS_MIN // 10**9, SPAN_NS_MAX // 10**9) * 10**9
        )
    if not SPAN_NS_MIN <= until_ns - from_ns <= SPAN_NS_MAX:
        raise BadQuery("from, until: a window of 5 minutes to 31 days is wanted")
    return from_ns, until_ns


def _moves(address: Address, from_ns: int, until_ns: int, last_ns: int, usual_ns: int) -> dict[str, Any]:
    """Addresses of the windows beside this one; a third of a width at a time, so that something known stays in sight."""
    width, step = until_ns - from_ns, (until_ns - from_ns) // 3
    later = min(until_ns + step, last_ns)

    def window(start_ns: int, end_ns: int) -> str:
        if end_ns >= last_ns - MINUTE_NS:
            span = (end_ns - start_ns) // 10**9
            return address.with_(
                **{"from": None, "until": None, "span": None if span == usual_ns // 10**9 else span}
            )
        return address.with_(**{"from": start_ns // 10**9, "until": end_ns // 10**9, "span": None})

    return {
        "earlier": window(from_ns - step, until_ns - step),
        "later": window(later - width, later) if until_ns < last_ns - MINUTE_NS else None,
        "spans": [
            (
                label,
                address.with_(
                    **{"from": None, "until": None, "span": None if length == usual_ns else length // 10**9}
                ),
                length == width,
            )
            for length, label in SPANS
            if length in (usual_ns, width) or length >= HOUR_NS
        ],
    }


def _legend(drawn: timeline.Timeline) -> list[tuple[str, str]]:
    """States that the timeline shows: CSS name and word."""
    return list({band.css: band.word for lane in drawn.lanes for band in lane.bands}.items())


def _week(days: list[Any]) -> dict[str, str]:
    """The last seven days in figures; sums are pooled, ratios never averaged."""
    success, failed = sum(day.success for day in days), sum(day.failed for day in days)
    known = sum(day.known_ns for day in days)
    return {
        "rate": words.percent(success / (success + failed)) if success + failed else words.UNKNOWN,
        "sample": f"{words.number(success)} of {words.number(success + failed)}",
        "energy": words.kwh(sum(day.energy_wh for day in days)),
        "sessions": words.number(sum(day.sessions for day in days)),
        "occupied": words.percent(sum(day.occupied_ns for day in days) / known) if known else words.UNKNOWN,
        "down": words.percent(sum(day.down_ns for day in days) / known) if known else words.UNKNOWN,
    }
