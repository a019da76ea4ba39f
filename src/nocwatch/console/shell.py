"""The frame around every page: templates and their filters, rail, theme, trouble band. It renders; it decides nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import tzinfo
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from nocwatch.alerts.acts import Silence
from nocwatch.alerts.alert import AlertState
from nocwatch.alerts.quiet import covered
from nocwatch.console import addresses, guard
from nocwatch.console.addresses import Address
from nocwatch.console.archive import Archive
from nocwatch.console.guard import Tokens
from nocwatch.console.services import Health, Services
from nocwatch.console.settings import ConsoleSettings
from nocwatch.console.views import alerts, looks, ongoing, sessions, words
from nocwatch.flags import Blame, Severity
from nocwatch.moments import rfc3339
from nocwatch.sessions import Session

STATIC = Path(str(resources.files("nocwatch.console"))) / "static"
TEMPLATES = STATIC.parent / "templates"


class Entry(NamedTuple):
    """One line of the rail, with the number of things that wait behind it."""

    name: str
    href: str
    icon: str
    waiting: int = 0
    css: str = "muted"
    title: str = ""


class Shell(NamedTuple):
    """What the base template shows around a page."""

    active: str
    now_ns: int
    stands_still: bool
    zone_name: str
    theme: str
    wall: bool
    query: str
    rail: list[Entry]
    health: Health
    token: str
    by: str

    @staticmethod
    def asset(name: str) -> str:
        """Address of a static file with its content in it, so that a browser may keep it for good."""
        return f"/static/{name}?{_fingerprint(name)}"


@lru_cache(maxsize=64)
def _fingerprint(name: str) -> str:
    return hashlib.blake2b((STATIC / name).read_bytes(), digest_size=6).hexdigest()


class Console:
    """All that the pages share: who to ask and how to render."""

    def __init__(self, services: Services, settings: ConsoleSettings) -> None:
        self.services = services
        self.settings = settings
        self.archive = Archive(services)
        self.tokens = Tokens()
        self.zone: tzinfo = ZoneInfo(settings.timezone)
        self.templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self.templates.filters.update(_filters(self.zone) | _moment_filters(self.zone) | self._names())

    def address(self, request: Request) -> Address:
        return Address(request.url.path, dict(request.query_params))

    async def page(
        self, request: Request, template: str, active: str, context: Mapping[str, Any], status: int = 200
    ) -> Response:
        """Renders a page and gives a new visitor a cookie for forms."""
        visit = self.tokens.visit(request)
        shell = await self._shell(request, active, visit)
        quiet = await self.archive.quiet_flags()
        html = self.render(template, {**context, "shell": shell, "quiet_flags": quiet})
        response = HTMLResponse(html, status)
        _keep_looks(request, response, shell)
        if request.cookies.get(guard.COOKIE) != visit:
            response.set_cookie(guard.COOKIE, visit, httponly=True, samesite="strict", path="/")
        return response

    def render(self, template: str, context: Mapping[str, Any]) -> str:
        base = {"places": self.services.places, "now_ns": self.services.now_ns()}
        return self.templates.get_template(template).render({**base, **context})

    def _names(self) -> dict[str, Any]:
        """Filters that say a rule, station or site by what people call it."""

        def standing(session: Session) -> str:
            return ongoing.in_short(session, self.services.fleet(), self.services.now_ns())

        def rule_name(rule: str) -> str:
            titles = {each.rule: each for each in self.services.rules()}
            return (
                words.rule(rule, titles[rule].detector, titles[rule].title)
                if rule in titles
                else words.sentence(rule)
            )

        def name(key: str, value: str) -> str:
            if key == "rule":
                return rule_name(value)
            if key == "station":
                return self.services.places.place(value).name or value
            return self.services.places.site_name(value) if key == "site" else value

        def covers(silence: Silence | Mapping[str, str]) -> str:
            return covered(silence.matchers if isinstance(silence, Silence) else silence, name)

        return {
            "rule_name": rule_name,
            "covers": covers,
            "site_name": lambda site: name("site", site),
            "standing": standing,
        }

    async def _shell(self, request: Request, active: str, visit: str) -> Shell:
        overview = await self.archive.overview()
        firing, raised = overview.alerts_firing, overview.flags_raised
        rail = [
            Entry("Overview", "/", "overview"),
            Entry("Fleet", "/fleet", "fleet"),
            Entry("Sessions", "/sessions", "sessions"),
            Entry("Flags", "/flags", "flags", sum(raised.values()), _worst_css(raised), "raised"),
            Entry(
                "Alerts",
                "/alerts",
                "alerts",
                sum(firing.values()),
                _worst_css(firing),
                AlertState.FIRING.value,
            ),
            Entry("Reports", "/reports", "reports"),
            Entry("Rules", "/rules", "rules"),
            Entry("System", "/system", "system"),
        ]
        theme = request.query_params.get("theme") or request.cookies.get("nocwatch_theme", "auto")
        wall = request.query_params.get("wall") or request.cookies.get("nocwatch_wall", "0")
        return Shell(
            active,
            self.services.now_ns(),
            self.services.stands_still(),
            self.settings.timezone,
            theme if theme in ("dark", "light") else "auto",
            wall == "1",
            request.query_params.get("q", "")[:200] if active == "Search" else "",
            rail,
            Health.of(self.services.status()),
            self.tokens.token(visit),
            unquote(request.cookies.get("nocwatch_by", ""))[:80],
        )


def _keep_looks(request: Request, response: Response, shell: Shell) -> None:
    """A look that was asked for in the address stays, so that a wall's page keeps it from link to link."""
    for name, held in (("theme", shell.theme), ("wall", "1" if shell.wall else "0")):
        if name in request.query_params:
            response.set_cookie(f"nocwatch_{name}", held, max_age=31536000, samesite="lax", path="/")


def _worst_css(counts: Mapping[str, int]) -> str:
    worst = max(
        (Severity(name) for name, count in counts.items() if count),
        key=lambda severity: severity.rank,
        default=Severity.INFO,
    )
    return looks.SEVERITIES[worst]


_BLAMES = {
    Blame.CHARGER: "charger",
    Blame.CSMS: "CSMS",
    Blame.NETWORK: "network",
    Blame.VEHICLE: "vehicle",
    Blame.DRIVER: "driver",
    Blame.NOCWATCH: "nocwatch",
    Blame.UNKNOWN: "",
}
"""In a list: what is not known stays empty."""


def _filters(zone: tzinfo) -> dict[str, Any]:
    return {
        "path": addresses.path,
        "look": looks.look,
        "outcome_look": looks.OUTCOMES.__getitem__,
        "severity_css": looks.SEVERITIES.__getitem__,
        "rfc3339": rfc3339,
        "kwh": words.kwh,
        "kw": words.kw,
        "number": words.number,
        "percent": words.percent,
        "sentence": words.sentence,
        "label": words.label,
        "socket": sessions.socket,
        "span": words.span,
        "source": sessions.SOURCES_SHORT.__getitem__,
        "absolute": lambda ns: words.absolute(ns, zone),
        "with_times": lambda text: alerts.with_times(
            text, lambda time: words.absolute(words.moment_ns(time), zone)
        ),
        "told": alerts.told,
        "tells_time": alerts.tells_time,
        "time_of_day": lambda ns: words.time_of_day(ns, zone),
        "blame": lambda blame: _BLAMES.get(blame, "") if blame else "",
    }


def _moment_filters(zone: tzinfo) -> dict[str, Any]:
    """Filters that need the moment of the rendering, which is ``now_ns`` of the page's context."""

    @jinja2.pass_context
    def ago(context: jinja2.runtime.Context, at_ns: int) -> str:
        return words.ago(at_ns, context["now_ns"])

    @jinja2.pass_context
    def lasting(context: jinja2.runtime.Context, since_ns: int) -> str:
        return words.brief(context["now_ns"] - since_ns)

    @jinja2.pass_context
    def short(context: jinja2.runtime.Context, at_ns: int) -> str:
        return words.short(at_ns, context["now_ns"], zone)

    @jinja2.pass_context
    def frame_time(context: jinja2.runtime.Context, at_ns: int) -> str:
        return words.frame_time(at_ns, context["now_ns"], zone)

    @jinja2.pass_context
    def session_clock(context: jinja2.runtime.Context, session: Session) -> str:
        return words.clock(sessions.duration_ns(session, context["now_ns"]))

    @jinja2.pass_context
    def value(context: jinja2.runtime.Context, held: Any, name: str) -> str:
        return words.value(name, held, context["now_ns"])

    return {
        "ago": ago,
        "lasting": lasting,
        "short": short,
        "frame_time": frame_time,
        "session_clock": session_clock,
        "value": value,
    }
