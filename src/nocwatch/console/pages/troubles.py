"""Flags and alerts: their lists, their pages, and what people do about them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from nocwatch.alerts.alert import Alert, AlertState
from nocwatch.console import guard
from nocwatch.console.addresses import RANGES, Address, path
from nocwatch.console.shell import Console
from nocwatch.console.views import frames
from nocwatch.errors import NocwatchError
from nocwatch.flags import Category, Flag, FlagState, Severity
from nocwatch.moments import SECOND_NS
from nocwatch.quantities import parse_duration
from nocwatch.store.values import AlertFilter, FlagFilter, StoredFrame

ROWS = 100
PROOFS_MAX = 40
"""Frames that are shown beside a flag; evidence names a handful."""
PROOFS_OPEN = 3
"""Of them those that stand open; the others unfold by a click."""
TEXT_MAX = 500
NAME_MAX = 80
SILENCE_S_MAX = 30 * 86_400
"""A month: what is silent for longer is a rule to change."""


def wanted_flags(address: Address, now_ns: int, default_range: str = "7d") -> tuple[FlagFilter, str]:
    """The filter that an address asks for. A raised flag is shown however old it is."""
    name, from_ns = address.range(default_range, now_ns)
    states = address.words("state", FlagState)
    moment = address.moment("from")
    rule = address.text("rule")
    return FlagFilter(
        station=address.text("station"),
        session=address.text("session"),
        rules=(rule,) if rule else None,
        categories=address.words("category", Category),
        severities=address.words("severity", Severity),
        state=states[0] if states else None,
        from_ns=moment if moment is not None else from_ns,
        until_ns=address.moment("until"),
        late=address.yes("late"),
        text=address.text("text"),
    ), name


def wanted_alerts(address: Address, now_ns: int, default_range: str = "7d") -> tuple[AlertFilter, str]:
    name, from_ns = address.range(default_range, now_ns)
    moment = address.moment("from")
    rule = address.text("rule")
    return AlertFilter(
        station=address.text("station"),
        site=address.text("site"),
        rules=(rule,) if rule else None,
        severities=address.words("severity", Severity),
        states=address.words("state", AlertState),
        receiver=address.text("receiver"),
        flag=address.text("flag"),
        from_ns=moment if moment is not None else from_ns,
        until_ns=address.moment("until"),
        text=address.text("text"),
    ), name


class TroublePages:
    """Handlers of flags and alerts."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def routes(self) -> list[Route]:
        return [
            Route("/flags", self.flags),
            Route("/flags/{flag}", self.flag),
            Route("/flags/{flag}/clear", self.clear, methods=["POST"]),
            Route("/alerts", self.alerts),
            Route("/alerts/{alert}", self.alert),
            Route("/alerts/{alert}/{act:str}", self.act, methods=["POST"]),
        ]

    async def flags(self, request: Request) -> Response:
        console = self.console
        address = console.address(request)
        wanted, range_name = wanted_flags(address, console.services.now_ns())
        after = address.text("after")
        page = await console.archive.read(lambda: console.archive.store.flags(wanted, after, ROWS))
        context = {
            "address": address,
            "wanted": wanted,
            "flags": page.items,
            "next": page.next,
            "range": range_name,
            "ranges": [(name, label) for name, label, _ in RANGES],
            "severities": list(Severity)[::-1],
            "states": list(FlagState),
        }
        return await console.page(request, "flags.html", "Flags", context)

    async def flag(self, request: Request, error: str = "", status: int = 200) -> Response:
        console = self.console
        flag_id = request.path_params["flag"]
        store = console.archive.store

        def query() -> tuple[Flag | None, list[StoredFrame], list[Alert], list[Flag]]:
            flag = store.flag(flag_id)
            if flag is None:
                return None, [], [], []
            refs = [ref for each in flag.evidence for ref in each.frames][:PROOFS_MAX]
            same = FlagFilter(station=flag.station, rules=(flag.rule,), order="newest")
            others = [each for each in store.flags(same, None, 6).items if each.id != flag.id][:5]
            return (
                flag,
                _with_calls(refs, store.frames_by_ref),
                store.alerts(AlertFilter(flag=flag_id), None, 5).items,
                others,
            )

        flag, proof, alerts, others = await console.archive.read(query)
        if flag is None:
            return await console.page(
                request,
                "message.html",
                "Flags",
                {"title": f"No flag {flag_id}", "text": "The list shows those that are kept."},
                404,
            )
        rows = frames.rows(proof)
        named = {ref for each in flag.evidence for ref in each.frames}
        context = {
            "flag": flag,
            "frames": rows,
            "page_refs": {row.ref for row in rows},
            "proofs": named,
            "opened": [row.ref for row in rows if row.ref in named][:PROOFS_OPEN],
            "alerts": alerts,
            "others": others,
            "place": console.services.places.place(flag.station) if flag.station else None,
            "error": error,
        }
        return await console.page(request, "flag.html", "Flags", context, status)

    async def clear(self, request: Request) -> Response:
        async def act(flag: str, by: str, note: str) -> Flag | None:
            if not note:
                raise NocwatchError("A reason is wanted: the next person reads it.")
            return await self.console.services.clear_flag(flag, by, note)

        return await self._do(request, request.path_params["flag"], "flags", act, self.flag)

    async def alerts(self, request: Request) -> Response:
        console = self.console
        address = console.address(request)
        wanted, range_name = wanted_alerts(address, console.services.now_ns())
        after = address.text("after")
        page = await console.archive.read(lambda: console.archive.store.alerts(wanted, after, ROWS))
        context = {
            "address": address,
            "wanted": wanted,
            "alerts": page.items,
            "next": page.next,
            "range": range_name,
            "ranges": [(name, label) for name, label, _ in RANGES],
            "severities": list(Severity)[::-1],
            "states": list(AlertState),
        }
        return await console.page(request, "alerts.html", "Alerts", context)

    async def alert(self, request: Request, error: str = "", status: int = 200) -> Response:
        console = self.console
        alert_id = request.path_params["alert"]
        store = console.archive.store
        alert, history, flags = await console.archive.read(
            lambda: (
                alert := store.alert(alert_id),
                store.alert_history(alert_id) if alert else [],
                store.flags_by_id(alert.flags) if alert else [],
            )
        )
        if alert is None:
            return await console.page(
                request,
                "message.html",
                "Alerts",
                {"title": f"No alert {alert_id}", "text": "The list shows those that are kept."},
                404,
            )
        context = {
            "alert": alert,
            "history": history[::-1],
            "flags": flags,
            "error": error,
            "place": console.services.places.place(alert.station) if alert.station else None,
        }
        return await console.page(request, "alert.html", "Alerts", context, status)

    async def act(self, request: Request) -> Response:
        services = self.console.services
        acts = {
            "acknowledge": services.acknowledge,
            "resolve": services.resolve,
            "silence": self._silence(request),
        }
        act = acts.get(request.path_params["act"])
        if act is None:
            return await self.console.page(
                request,
                "message.html",
                "Alerts",
                {"title": "No such act", "text": "Alerts are acknowledged, resolved or silenced."},
                404,
            )
        return await self._do(request, request.path_params["alert"], "alerts", act, self.alert)

    def _silence(self, request: Request) -> Callable[[str, str, str], Awaitable[Alert | None]]:
        async def silence(alert: str, by: str, note: str) -> Alert | None:
            length = (await guard.posted(request)).get("length", "")
            return await self.console.services.silence(
                alert, by, note, silence_until(length, self.console.services.now_ns())
            )

        return silence

    async def _do(
        self,
        request: Request,
        subject: str,
        where: str,
        act: Callable[[str, str, str], Awaitable[object | None]],
        again: Callable[[Request, str, int], Awaitable[Response]],
    ) -> Response:
        """Checks the form, does it, and leads back to the page; what is wrong stands on the page as a sentence."""
        form = await guard.posted(request)
        if not self.console.tokens.holds(request, form.get("token", "")):
            return await again(
                request, "This form is of an earlier visit. Nothing was done: please press once more.", 403
            )
        try:
            by = checked_name(form.get("by", ""))
            done = await act(subject, by, form.get("note", "").strip()[:TEXT_MAX])
        except NocwatchError as error:
            return await again(request, str(error), 409)
        self.console.archive.stale()
        response = RedirectResponse(f"/{where}/{path(subject)}", 303)
        response.set_cookie(
            "nocwatch_by", quote(by), max_age=31536000, httponly=True, samesite="strict", path="/"
        )
        if done is None:
            return await again(request, "It is not there any more.", 404)
        return response


def checked_name(by: str) -> str:
    """Who did it.

    Raises:
        NocwatchError: with what would be right.
    """
    name = " ".join(by.split())
    if not name or len(name) > NAME_MAX:
        raise NocwatchError(
            f"Your name is wanted (at most {NAME_MAX} characters), so that others know whom to ask."
        )
    return name


def silence_until(length: str, now_ns: int) -> int:
    """When a silence of that length ends.

    Raises:
        NocwatchError: it is no duration, or longer than ``SILENCE_S_MAX``.
    """
    try:
        length_s = parse_duration(length)
    except ValueError as error:
        raise NocwatchError(str(error)) from None
    if not 0 < length_s <= SILENCE_S_MAX:
        raise NocwatchError("A silence lasts up to 30 days.")
    return now_ns + int(length_s) * SECOND_NS


def _with_calls(refs: list[str], by_ref: Callable[[list[str]], list[StoredFrame]]) -> list[StoredFrame]:
    """The frames with the calls that they answer and the answers that they got: one half proves little."""
    found = by_ref(refs)
    known = {frame.ref for frame in found}
    halves = [
        ref for frame in found for ref in (frame.call, frame.answer) if ref is not None and ref not in known
    ]
    return found + (by_ref(halves[:PROOFS_MAX]) if halves else [])
