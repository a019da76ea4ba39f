"""Pages of what was charged and what was said: the list of sessions, one session, and single frames."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from nocwatch.console.addresses import RANGES, Address
from nocwatch.console.figures import SCOPES, scope_of
from nocwatch.console.shell import Console
from nocwatch.console.views import frames, limits, money, ongoing, plans, sessions, stay
from nocwatch.console.views.whose import Whose, of_session
from nocwatch.kpis.counting import CountsAs
from nocwatch.kpis.grouping import UNKNOWN
from nocwatch.moments import SECOND_NS
from nocwatch.money import estimated
from nocwatch.plans import Limited
from nocwatch.registry.places import Places, Scope
from nocwatch.sessions import Outcome, Reason, Session, StartSource
from nocwatch.store.key_figures import place_of, sockets_of, stations_of
from nocwatch.store.store import Store
from nocwatch.store.values import FlagFilter, FrameFilter, SessionFilter, StoredFrame, TokenTotals

ROWS = 100
FRAMES_MAX = 400
"""Of a session's page: a charge of eight hours with a meter reading a minute has 960; what is left out is linked."""
FRAMES_READ_MAX = 4 * FRAMES_MAX
"""Frames of the station that are looked through for them: four busy sockets share a link."""
PICKED = (
    "station",
    "evse",
    "connector",
    *SCOPES[1:],
    "firmware",
    "upstream",
    "reason",
    "token",
    "start_source",
    "late",
    "limited",
    "costed",
    "reservation",
)
"""What a list can be narrowed by; each with a button that takes it away."""
NUMBER_MAX = 2**31
"""Of a reservation: OCPP's integers."""
AROUND = 12
"""Frames before and after the one that is asked for."""


def wanted_sessions(address: Address, now_ns: int, default_range: str = "24h") -> tuple[SessionFilter, str]:
    """The filter that an address asks for, and the name of its time range. Pages and API share it."""
    name, from_ns = address.range(default_range, now_ns)
    sources = address.words("start_source", StartSource)
    cells = address.words("counts_as", CountsAs)
    plans_asked = address.words("limited", Limited)
    firmware, upstream = address.text("firmware"), address.text("upstream")
    moment = address.moment("from")
    found = SessionFilter(
        station=address.text("station"),
        outcomes=address.words("outcome", Outcome),
        reasons=address.words("reason", Reason),
        start_source=sources[0] if sources else None,
        token=address.text("token"),
        upstream="" if upstream == UNKNOWN else upstream,
        from_ns=moment if moment is not None else from_ns,
        until_ns=address.moment("until"),
        late=address.yes("late"),
        ended=address.yes("ended"),
        evse=address.number("evse"),
        connector=address.number("connector"),
        limited=plans_asked[0] if plans_asked else None,
        costed=address.yes("costed"),
        reservation=address.whole("reservation", 0, 0, NUMBER_MAX) if address.text("reservation") else None,
        counts_as=cells[0] if cells else None,
        firmware="" if firmware == UNKNOWN else firmware,
        text=address.text("text"),
    )
    return found, name


def of_scope(store: Store, places: Places, wanted: SessionFilter, scope: Scope) -> SessionFilter:
    """The filter with the stations of the scope. Reads the store: in a thread."""
    with store.database.snapshot() as reader:
        if wanted.station and set("*?[") & set(wanted.station) and not _is_known(reader, wanted.station):
            scope = scope.model_copy(update={"station": wanted.station})
            wanted = msgspec.structs.replace(wanted, station=None)
        place = place_of(reader, places)
        stations, sockets = stations_of(reader, place, scope), sockets_of(reader, place, scope)
    return msgspec.structs.replace(
        wanted,
        stations=None if stations is None else tuple(stations),
        sockets=None if sockets is None else tuple(sockets),
    )


def _is_known(reader: sqlite3.Connection, station: str) -> bool:
    """Identities have stars in them, so that a pattern is told from a name by looking."""
    return reader.execute("SELECT 1 FROM stations WHERE id = ?", (station,)).fetchone() is not None


class SessionPages:
    """Handlers of sessions and frames."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def routes(self) -> list[Route]:
        return [
            Route("/sessions", self.listed),
            Route("/sessions/{session}", self.session),
            Route("/frames/{ref}", self.frame),
        ]

    async def listed(self, request: Request) -> Response:
        console = self.console
        address = console.address(request)
        wanted, range_name = wanted_sessions(address, console.services.windows_end_ns())
        after = address.text("after")
        store, places, scope = (
            console.archive.store,
            console.services.places,
            scope_of(address, station=False),
        )
        page = await console.archive.read(
            lambda: store.sessions(of_scope(store, places, wanted, scope), after, ROWS)
        )
        context = {
            "address": address,
            "wanted": wanted,
            "behind": sessions.BEHIND.get(wanted.counts_as, ""),
            "picked": PICKED,
            "sessions": console.services.lately(page.items),
            "next": page.next,
            "range": "" if wanted.until_ns or address.text("from") else range_name,
            "ranges": RANGES_SHOWN,
            "outcomes": list(Outcome),
        }
        return await console.page(request, "sessions.html", "Sessions", context)

    async def session(self, request: Request) -> Response:
        console = self.console
        session_id = request.path_params["session"]
        store, imports = console.archive.store, console.services.places.imports

        def query() -> tuple[Session | None, Any, Any, Any, Sequence[int], TokenTotals | None]:
            session = store.session(session_id)
            if session is None:
                return None, [], [], [], (), None
            return (
                session,
                _frames_of(store, session),
                store.flags(FlagFilter(session=session_id), None, 20).items,
                store.samples(session_id),
                store.starts_ns(session) if imports.of_number(session) else (),
                store.totals(session.token),
            )

        session, around, flags, samples, starts_ns, totals = await console.archive.read(query)
        if session is None:
            text = "Sessions are kept for some years; an older one is gone. The list shows what is there."
            return await console.page(
                request, "message.html", "Sessions", {"title": f"No session {session_id}", "text": text}, 404
            )
        now_ns = console.services.now_ns()
        kept, (session,) = session, console.services.lately([session])
        if totals is not None:  # the sums of its token know of it what the store knows
            newer_wh = (session.energy_wh or 0.0) - (kept.energy_wh or 0.0)
            totals = msgspec.structs.replace(totals, energy_wh=totals.energy_wh + newer_wh)
        station = console.services.fleet().get(session.station)
        banner = ongoing.standing(session, station, now_ns)
        if banner is not None:
            session = ongoing.without_power(session)
        elif detail := ongoing.quiet(session, station, now_ns):
            banner = sessions.banner(session)._replace(detail=detail)
        curve = sessions.curve(session, samples)
        found, more_frames = around
        rows = frames.rows(
            [frame for frame, _ in found],
            of_station={frame.ref for frame, whose in found if whose is Whose.STATION},
        )
        proofs = {ref for each in (*session.blame_evidence, *session.issues) for ref in each.frames}
        places = console.services.places
        estimate = estimated(session, samples, places)
        bill = money.panel(estimate)
        lines = limits.lines(session, samples, now_ns, places.place(session.station))
        context = {
            "session": session,
            "banner": banner or sessions.banner(session),
            "cards": [
                *sessions.cards(
                    session, now_ns, bill.total if bill else "", doubt=sessions.doubtful(samples)
                ),
                *plans.cards(session),
            ],
            "bill": bill,
            "stayed": stay.after_energy(session, samples, places.place(session.station)),
            "plan": plans.panel(session, now_ns),
            "costs": plans.costs(
                session, estimate.price.total if estimate.price else None, estimate.currency
            ),
            "imported": money.imported(imports.of_session(session, starts_ns)),
            "access": places.access(session),
            "driver": places.people.driver(session.token),
            "vehicle": places.people.vehicle(session.token),
            "totals": totals,
            "links": [
                (label, address)
                for label, address in (
                    ("Session in the CSMS", places.session_link(session)),
                    ("Station in the CSMS", places.station_link(session.station)),
                    ("Receipt", places.session_link(session, "receipt")),
                    ("Refund", places.session_link(session, "refund")),
                )
                if address
            ],
            "steps": sessions.steps(session),
            "curve": curve,
            "sketch": sessions.sketch(curve) if curve else "",
            "sketch_limit": limits.sketch(curve, lines) if curve and lines else "",
            "flags": flags,
            "frames": rows,
            "more_frames": more_frames,
            "proofs": proofs,
            "page_refs": {row.ref for row in rows},
            "place": places.place(session.station),
            "token": places.token(session.token),
            "reason": sessions.REASONS.get(session.reason) if session.reason else "",
            "source": sessions.SOURCES[session.start_source],
            "socket_words": sessions.socket(session),
        }
        return await console.page(request, "session.html", "Sessions", context)

    async def frame(self, request: Request) -> Response:
        """One frame with what passed around it on its station."""
        console = self.console
        ref = request.path_params["ref"]
        store = console.archive.store

        def query() -> tuple[Any, list[Any]]:
            found = store.frames_by_ref([ref])
            if not found:
                return None, []
            frame = found[0]
            before = FrameFilter(
                kinds=frames.TALK,
                station=frame.station,
                until_ns=frame.at_ns,
                from_ns=frame.at_ns - 600 * SECOND_NS,
            )
            after = FrameFilter(
                kinds=frames.TALK,
                station=frame.station,
                from_ns=frame.at_ns,
                until_ns=frame.at_ns + 600 * SECOND_NS,
                order="oldest",
            )
            around = [
                *store.frames(before, None, AROUND).items,
                frame,
                *store.frames(after, None, AROUND).items,
            ]
            return frame, [*{each.ref: each for each in around}.values()]

        frame, around = await console.archive.read(query)
        if frame is None:
            text = "Frames are kept for some weeks (store.frames_for); this one is older, or never was."
            return await console.page(
                request, "message.html", "Fleet", {"title": f"No frame {ref}", "text": text}, 404
            )
        context = {
            "frame": frame,
            "rows": frames.rows(around),
            "row": frames.row(frame),
            "place": console.services.places.place(frame.station),
        }
        return await console.page(request, "frame.html", "Fleet", context)


def _frames_of(store: Store, session: Session) -> tuple[list[tuple[StoredFrame, Whose]], bool]:
    """Its own frames and the station's, the oldest first, and whether there are more. Reads the store: in a thread."""
    wanted = FrameFilter(session=session.id, kinds=frames.TALK, order="oldest")
    read: list[StoredFrame] = []
    after: str | None = None
    while True:
        page = store.frames(wanted, after, FRAMES_MAX)
        read += page.items
        after = page.next
        found = of_session(read, session)
        if after is None or len(found) >= FRAMES_MAX or len(read) >= FRAMES_READ_MAX:
            return found[:FRAMES_MAX], after is not None or len(found) > FRAMES_MAX


RANGES_SHOWN = [(name, label) for name, label, _ in RANGES]
