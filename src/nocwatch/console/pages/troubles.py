"""Flags and alerts: their lists, their pages, and what people do about them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from nocwatch.alerts.alert import Alert, AlertState
from nocwatch.alerts.labels import matchers_like
from nocwatch.console import guard
from nocwatch.console.addresses import RANGES, Address, path
from nocwatch.console.pages.doing import do, silence_until
from nocwatch.console.shell import Console
from nocwatch.console.views import alerts as alert_views
from nocwatch.console.views import frames
from nocwatch.console.views.casetext import case_text
from nocwatch.errors import NocwatchError
from nocwatch.flags import Category, Flag, FlagState, Severity
from nocwatch.store.values import AlertFilter, FlagFilter, StoredFrame

ROWS = 100
PROOFS_MAX = 40
"""Frames that are shown beside a flag; evidence names a handful."""
PROOFS_OPEN = 6
"""Of them those that stand open, a call and its answer each; the others unfold by a click."""
FORMER_READ = 200
"""Earlier flags of the rule that are looked through for those of the same subject."""


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
            Route("/flags/{flag}/text", self.flag_text),
            Route("/flags/{flag}/clear", self.clear, methods=["POST"]),
            Route("/alerts", self.alerts),
            Route("/alerts/{alert}", self.alert),
            Route("/alerts/{alert}/{act:str}", self.act, methods=["POST"]),
        ]

    async def flags(self, request: Request) -> Response:
        console = self.console
        address = console.address(request)
        wanted, range_name = wanted_flags(address, console.services.windows_end_ns())
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
            same = FlagFilter(
                station=flag.station, rules=(flag.rule,), until_ns=flag.onset_at_ns, order="newest"
            )
            others = [each for each in store.flags(same, None, FORMER_READ).items if _earlier(each, flag)][:5]
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
            "opened": [row.ref for row in rows if row.ref in named or row.reply in named][:PROOFS_OPEN],
            "several": len({row.station for row in rows}) > 1 or flag.station is None,
            "alerts": alerts,
            "others": others,
            "place": console.services.places.place(flag.station) if flag.station else None,
            "error": error,
        }
        return await console.page(request, "flag.html", "Flags", context, status)

    async def flag_text(self, request: Request) -> Response:
        """The case as plain text, to be copied into a mail."""
        console, flag_id = self.console, request.path_params["flag"]
        store = console.archive.store

        def query() -> tuple[Flag | None, list[StoredFrame]]:
            flag = store.flag(flag_id)
            refs = [ref for each in flag.evidence for ref in each.frames][:PROOFS_MAX] if flag else []
            return flag, _with_calls(refs, store.frames_by_ref)

        flag, proof = await console.archive.read(query)
        if flag is None:
            return PlainTextResponse(f"There is no flag {flag_id}.\n", 404)
        place = console.services.places.place(flag.station) if flag.station else None
        return PlainTextResponse(case_text(flag, place, proof))

    async def clear(self, request: Request) -> Response:
        async def act(flag: str, by: str, note: str) -> Flag | None:
            if not note:
                raise NocwatchError("A reason is wanted: the next person reads it.")
            return await self.console.services.clear_flag(flag, by, note)

        flag_id = request.path_params["flag"]
        return await do(self.console, request, flag_id, f"/flags/{path(flag_id)}", act, self.flag)

    async def alerts(self, request: Request) -> Response:
        console = self.console
        address = console.address(request)
        wanted, range_name = wanted_alerts(address, console.services.windows_end_ns())
        after = address.text("after")
        page = await console.archive.read(lambda: console.archive.store.alerts(wanted, after, ROWS))
        context = {
            "address": address,
            "wanted": wanted,
            "alerts": page.items,
            "silences": {each.id: each for each in console.services.silences()},
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
        silences = {each.id: each for each in console.services.silences()}
        context = {
            "alert": alert,
            "history": alert_views.history(history),
            "silence": silences.get(alert.silenced_by),
            "like_this": matchers_like(alert),
            "told": alert_views.told(alert),
            "still": alert_views.still(alert),
            "facts": alert_views.facts(alert),
            "group": alert_views.group(alert),
            "as_of_ns": alert_views.said_at_ns(alert, flags),
            "flags": flags,
            "error": error,
            "place": console.services.places.place(alert.station) if alert.station else None,
        }
        return await console.page(request, "alert.html", "Alerts", context, status)

    async def act(self, request: Request) -> Response:
        services = self.console.services
        acts = {
            "acknowledge": services.acknowledge,
            "resolve": self._resolve(request),
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
        alert_id = request.path_params["alert"]
        return await do(self.console, request, alert_id, f"/alerts/{path(alert_id)}", act, self.alert)

    def _resolve(self, request: Request) -> Callable[[str, str, str], Awaitable[Alert | None]]:
        async def resolve(alert: str, by: str, note: str) -> Alert | None:
            clear_flags = "clear_flags" in await guard.posted(request)
            return await self.console.services.resolve(alert, by, note, clear_flags)

        return resolve

    def _silence(self, request: Request) -> Callable[[str, str, str], Awaitable[Alert | None]]:
        async def silence(alert: str, by: str, note: str) -> Alert | None:
            length = (await guard.posted(request)).get("length", "")
            return await self.console.services.silence(
                alert, by, note, silence_until(length, self.console.services.now_ns())
            )

        return silence


def _earlier(other: Flag, flag: Flag) -> bool:
    """Whether the other one is the same trouble of the same subject, at an earlier time."""
    if other.onset_at_ns >= flag.onset_at_ns:
        return False
    if flag.station is None:
        return other.key == flag.key
    return (other.evse, other.connector) == (flag.evse, flag.connector)


def _with_calls(refs: list[str], by_ref: Callable[[list[str]], list[StoredFrame]]) -> list[StoredFrame]:
    """The frames with the calls that they answer and the answers that they got: one half proves little."""
    found = by_ref(refs)
    known = {frame.ref for frame in found}
    halves = [
        ref for frame in found for ref in (frame.call, frame.answer) if ref is not None and ref not in known
    ]
    return found + (by_ref(halves[:PROOFS_MAX]) if halves else [])
