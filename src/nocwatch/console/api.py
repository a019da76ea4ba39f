"""The JSON API: what the pages show, as documents. ``openapi.py`` describes it.

A list answers ``{"items": […], "next": cursor or null}`` and takes filters as query parameters; an error answers
``{"error": sentence, "status": code}``. A query parameter that does not exist is an error, so that a misspelt filter is not
a list of everything.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from nocwatch.console import openapi
from nocwatch.console.acts import Acts, NotFound, Refused
from nocwatch.console.addresses import Address, BadQuery
from nocwatch.console.figures import Figures, scope_of
from nocwatch.console.known import refuse_unknown
from nocwatch.console.pages.sessions import of_scope, wanted_sessions
from nocwatch.console.pages.troubles import wanted_alerts, wanted_flags
from nocwatch.console.parameters import parameters_of
from nocwatch.console.shell import Console
from nocwatch.console.views import fleet, kpis, limits, misfits, sessions, shapes
from nocwatch.console.views.fleet import FleetFilter
from nocwatch.frames import Direction
from nocwatch.moments import rfc3339
from nocwatch.money import estimated
from nocwatch.network import ConnectorStatus
from nocwatch.store.values import FrameFilter

LIMIT_DEFAULT = 100
LIMIT_MAX = 1000


def answer(document: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(document), status, media_type="application/json")


def failure(status: int, sentence: str) -> Response:
    return answer({"error": sentence, "status": status}, status)


class Api:
    """Handlers below ``/api/``."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def routes(self) -> list[Route]:
        acts, figures = Acts(self.console), Figures(self.console)
        table: list[tuple[str, Callable[[Request, Address], Awaitable[object]], str]] = [
            ("/api/stations", self.stations, "GET"),
            ("/api/stations/{id}", self.station, "GET"),
            ("/api/sessions", self.sessions, "GET"),
            ("/api/sessions/{id}", self.session, "GET"),
            ("/api/sessions/{id}/curve", self.curve, "GET"),
            ("/api/sessions/{id}/estimate", self.estimate, "GET"),
            ("/api/flags", self.flags, "GET"),
            ("/api/flags/{id}", self.flag, "GET"),
            ("/api/flags/{id}/clear", acts.clear, "POST"),
            ("/api/alerts", self.alerts, "GET"),
            ("/api/alerts/{id}", self.alert, "GET"),
            ("/api/alerts/{id}/acknowledge", acts.acknowledge, "POST"),
            ("/api/alerts/{id}/resolve", acts.resolve, "POST"),
            ("/api/alerts/{id}/silence", acts.silence, "POST"),
            ("/api/silences", acts.silences, "GET"),
            ("/api/silences/{id}", acts.end_silence, "DELETE"),
            ("/api/frames", self.frames, "GET"),
            ("/api/frames/{id}", self.frame, "GET"),
            ("/api/kpis", self.kpis, "GET"),
            ("/api/kpis/figures", figures.figures, "GET"),
            ("/api/kpis/uptime", figures.uptime, "GET"),
            ("/api/status", self.status, "GET"),
            ("/api/openapi.json", self.openapi, "GET"),
        ]
        # A station's identity may hold slashes.
        return [
            Route(at.replace("stations/{id}", "stations/{id:path}"), self._handler(at, act), methods=[method])
            for at, act, method in table
        ]

    def _handler(
        self, at: str, act: Callable[[Request, Address], Awaitable[object]]
    ) -> Callable[[Request], Awaitable[Response]]:
        known = parameters_of(at)

        async def handler(request: Request) -> Response:
            try:
                address = self.console.address(request)
                refuse_unknown(address.values, known)
                return answer(await act(request, address))
            except BadQuery as error:
                return failure(400, str(error))
            except NotFound as error:
                return failure(404, str(error))
            except Refused as error:
                return failure(409, str(error))

        return handler

    # --- stations ------------------------------------------------------------------------------------------------------

    async def stations(self, _request: Request, address: Address) -> object:
        """Ordered worst first; the cursor is a place in that order, so a station that changes meanwhile may move."""
        limit = _limit(address)
        state = address.words("state", ConnectorStatus)
        online = address.yes("online")
        wanted = FleetFilter(
            text=address.text("q") or "",
            state=state[0].value if state else "",
            site=address.text("site") or "",
            flagged=address.text("flagged") or "",
            vendor=address.text("vendor") or "",
        )
        flags = await self.console.archive.flags_by_station()
        places = self.console.services.places
        found = fleet.rows(self.console.services.fleet().values(), places, flags, wanted)
        if online is not None:
            found = [row for row in found if row.station.there is online]
        first = address.whole("after", 0, 0, 10_000_000)
        items = [shapes.station(row.station, row.place, row.flags) for row in found[first : first + limit]]
        return {"items": items, "next": str(first + limit) if first + limit < len(found) else None}

    async def station(self, request: Request, _address: Address) -> object:
        station_id = request.path_params["id"]
        station = self.console.services.fleet().get(station_id)
        if station is None:
            raise NotFound(f"There is no station {station_id!r}.")
        flags = await self.console.archive.flags_by_station()
        place = self.console.services.places.place(station_id)
        return {
            **shapes.station(station, place, flags.get(station_id)),
            "misfits": dict(self.console.services.misfits(station_id)),
            "disagreements": [each._asdict() for each in misfits.disagreements(place, station)],
        }

    # --- sessions, flags, alerts ---------------------------------------------------------------------------------------

    async def sessions(self, _request: Request, address: Address) -> object:
        wanted, _ = wanted_sessions(address, self.console.services.windows_end_ns(), "all")
        after, limit, store = address.text("after"), _limit(address), self.console.archive.store
        places, scope = self.console.services.places, scope_of(address, station=False)
        page = await self.console.archive.read(
            lambda: store.sessions(of_scope(store, places, wanted, scope), after, limit)
        )
        found = self.console.services.lately(page.items)
        return {"items": [shapes.session(each) for each in found], "next": page.next}

    async def session(self, request: Request, _address: Address) -> object:
        session_id = request.path_params["id"]
        found = await self.console.archive.read(lambda: self.console.archive.store.session(session_id))
        if found is None:
            raise NotFound(f"There is no session {session_id!r}.")
        (found,) = self.console.services.lately([found])
        steps = [
            {
                "at": rfc3339(step.at_ns),
                "name": step.name,
                "milestone": step.milestone,
                "text": step.text,
                "frames": list(step.frames),
            }
            for step in found.steps
        ]
        return {**shapes.session(found), **shapes.planned(found), "steps": steps}

    async def curve(self, request: Request, _address: Address) -> object:
        """Columns for a chart: seconds since 1970, then one list of values for each series."""
        session_id, store = request.path_params["id"], self.console.archive.store
        found, samples = await self.console.archive.read(
            lambda: (store.session(session_id), store.samples(session_id))
        )
        if found is None:
            raise NotFound(f"There is no session {session_id!r}.")
        (found,) = self.console.services.lately([found])
        drawn = sessions.curve(found, samples)
        if drawn is None:
            return {"at_s": [], "series": [], "approximated": False, "limits": []}
        series = [{"name": name, "unit": unit, "values": values} for name, unit, values in drawn.series]
        services = self.console.services
        lines = limits.lines(found, samples, services.now_ns(), services.places.place(found.station))
        beside = [
            {"name": name, "unit": "kW", "at_s": line.at_s, "values": line.values} for name, line in lines
        ]
        return {
            "at_s": drawn.at_s,
            "series": series,
            "approximated": drawn.approximated,
            "limits": beside,
        }

    async def estimate(self, request: Request, _address: Address) -> object:
        """What it would cost and save; amounts are text, so that no client makes binary numbers of them."""
        session_id, store = request.path_params["id"], self.console.archive.store
        found, samples = await self.console.archive.read(
            lambda: (store.session(session_id), store.samples(session_id))
        )
        if found is None:
            raise NotFound(f"There is no session {session_id!r}.")
        (found,) = self.console.services.lately([found])
        return estimated(found, samples, self.console.services.places)

    async def flags(self, _request: Request, address: Address) -> object:
        wanted, _ = wanted_flags(address, self.console.services.windows_end_ns(), "all")
        after, limit, store = address.text("after"), _limit(address), self.console.archive.store
        page = await self.console.archive.read(lambda: store.flags(wanted, after, limit))
        return {"items": [shapes.flag(each) for each in page.items], "next": page.next}

    async def flag(self, request: Request, _address: Address) -> object:
        found = await self.console.archive.read(
            lambda: self.console.archive.store.flag(request.path_params["id"])
        )
        if found is None:
            raise NotFound(f"There is no flag {request.path_params['id']!r}.")
        return shapes.flag(found)

    async def alerts(self, _request: Request, address: Address) -> object:
        wanted, _ = wanted_alerts(address, self.console.services.windows_end_ns(), "all")
        after, limit, store = address.text("after"), _limit(address), self.console.archive.store
        page = await self.console.archive.read(lambda: store.alerts(wanted, after, limit))
        return {"items": [shapes.alert(each) for each in page.items], "next": page.next}

    async def alert(self, request: Request, _address: Address) -> object:
        found = await self.console.archive.read(
            lambda: self.console.archive.store.alert(request.path_params["id"])
        )
        if found is None:
            raise NotFound(f"There is no alert {request.path_params['id']!r}.")
        return shapes.alert(found)

    # --- the rest ------------------------------------------------------------------------------------------------------

    async def frames(self, _request: Request, address: Address) -> object:
        action, after, limit = address.text("action"), address.text("after"), _limit(address)
        direction = address.text("direction")
        if direction not in (None, "cp-to-csms", "csms-to-cp"):
            raise BadQuery("direction: cp-to-csms or csms-to-cp is wanted")
        wanted = FrameFilter(
            station=address.text("station"),
            session=address.text("session"),
            actions=(action,) if action else None,
            direction=None if direction is None else Direction(("cp-to-csms", "csms-to-cp").index(direction)),
            message_id=address.text("message_id"),
            from_ns=address.moment("from"),
            until_ns=address.moment("until"),
            troubled=bool(address.yes("troubled")),
            text=address.text("text"),
        )
        page = await self.console.archive.read(
            lambda: self.console.archive.store.frames(wanted, after, limit)
        )
        return {"items": [shapes.stored_frame(each) for each in page.items], "next": page.next}

    async def frame(self, request: Request, _address: Address) -> object:
        found = await self.console.archive.read(
            lambda: self.console.archive.store.frames_by_ref([request.path_params["id"]])
        )
        if not found:
            raise NotFound(f"There is no frame {request.path_params['id']!r}.")
        return shapes.stored_frame(found[0])

    async def kpis(self, _request: Request, address: Address) -> object:
        """Sums by day of the console's time zone, and their pooled ratios over all days."""
        days = address.whole("days", 7, 1, 400)
        station, site, places = address.text("station"), address.text("site"), self.console.services.places
        stations: list[str] | None = None
        if station is not None:
            stations = [station]
        elif site is not None:
            stations = [each for each in self.console.services.fleet() if places.place(each).site == site]
        end_ns, store, zone = (
            self.console.services.windows_end_ns(),
            self.console.archive.store,
            self.console.settings.timezone,
        )
        found = await self.console.archive.read(lambda: store.kpi_days(stations, days, end_ns, zone))
        return {
            "items": [kpis.day(each) for each in found],
            "next": None,
            "timezone": zone,
            "total": kpis.total(found),
        }

    async def status(self, _request: Request, _address: Address) -> object:
        return dict(self.console.services.status())

    async def openapi(self, _request: Request, _address: Address) -> object:
        return openapi.document()


def _limit(address: Address) -> int:
    return address.whole("limit", LIMIT_DEFAULT, 1, LIMIT_MAX)
