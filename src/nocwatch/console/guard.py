"""What stands before every request: known host, same origin for what changes something, and headers that keep pages tame.

The console has no sign-in in this version and listens on loopback by default. What this guards against is another page in
the operator's browser: it can neither reach the console by a name of its own (host check), nor post a form to it (origin
check and token), nor frame it, nor get a script into it (no inline script, no inline style, autoescape in the templates).
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}

BODY_BYTES_MAX = 16 * 1024
"""Of a posted form or document: a name, a note and a token."""

FIELDS_MAX = 32
"""More than any form of ours has."""

COOKIE = "nocwatch_visit"


class Guard:
    """ASGI middleware. ``hosts`` empty: any host is let in."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str]) -> None:
        self.app = app
        self.hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refused = self._refusal(scope)
        await (refused or self.app)(scope, receive, _with_headers(send, scope))

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if self.hosts and _name(headers.get("host", "")) not in self.hosts:
            return _say(scope, 421, "This console is not known under that name. Add it to console.hosts.")
        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return None
        if not _same_origin(headers):
            return _say(scope, 403, "A form of another site was sent here. Nothing was done.")
        if scope["method"] == "DELETE" and "transfer-encoding" not in headers:
            length = headers.get("content-length", "0")
        else:
            length = headers.get("content-length", "")
        if not length.isdigit() or int(length) > BODY_BYTES_MAX:
            return _say(scope, 413, f"A body of at most {BODY_BYTES_MAX} bytes with its length is wanted.")
        return None


def _name(host: str) -> str:
    """The host without its port."""
    if host.startswith("["):
        return host[1 : host.find("]")].lower()
    return host.rpartition(":")[0].lower() if ":" in host else host.lower()


def _same_origin(headers: Headers) -> bool:
    """What browsers say of themselves; a client that says nothing is no browser, and the token or the JSON type guards."""
    site = headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2].lower() == headers.get("host", "").lower()


def _say(scope: Scope, status: int, sentence: str) -> Response:
    if scope["path"].startswith("/api/"):
        return JSONResponse({"error": sentence, "status": status}, status)
    return PlainTextResponse(sentence + "\n", status)


def _with_headers(send: Send, scope: Scope) -> Send:
    cacheable = scope["path"].startswith("/static/")

    async def sender(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers.setdefault(
                "cache-control", "public, max-age=31536000, immutable" if cacheable else "no-store"
            )
        await send(message)

    return sender


async def posted(request: Request) -> dict[str, str]:
    """Fields of a posted form; the first of each name counts. The guard has bounded the body already."""
    if (
        request.headers.get("content-type", "").partition(";")[0].strip()
        != "application/x-www-form-urlencoded"
    ):
        return {}
    try:
        fields = parse_qs((await request.body()).decode("utf-8", "replace"), max_num_fields=FIELDS_MAX)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}


class Tokens:
    """Tokens in forms: they belong to the visitor's cookie, and to this run of the process.

    A page of another site can send the cookie (were ``SameSite`` not there) but cannot read the token.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def visit(self, request: Request) -> str:
        """The visitor's cookie, or a new one for who has none."""
        held = request.cookies.get(COOKIE, "")
        return held if len(held) == 32 and held.isascii() and held.isalnum() else secrets.token_hex(16)

    def token(self, visit: str) -> str:
        return hmac.new(self._key, visit.encode(), "sha256").hexdigest()

    def holds(self, request: Request, token: str) -> bool:
        visit = request.cookies.get(COOKIE, "")
        return bool(visit) and token.isascii() and hmac.compare_digest(self.token(visit), token)
