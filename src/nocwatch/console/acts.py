"""What people do, by the API: acknowledge, resolve, silence, end a silence, clear a flag. The pages' forms are ``pages/doing.py``.

What always holds: nothing is done without a name, and everything goes through the watch, which keeps and audits it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request

from nocwatch.console.addresses import Address, BadQuery
from nocwatch.console.guard import BODY_BYTES_MAX
from nocwatch.console.pages.doing import TEXT_MAX, checked_name, silence_until
from nocwatch.console.shell import Console
from nocwatch.console.views import shapes
from nocwatch.errors import NocwatchError

FIELDS = ("by", "note", "length", "clear_flags")


class NotFound(NocwatchError):  # noqa: N818
    """Nothing of that name."""


class Refused(NocwatchError):  # noqa: N818
    """It cannot be done as things stand."""


class Acts:
    """Handlers below ``/api/`` that change something, and the list of silences."""

    def __init__(self, console: Console) -> None:
        self.console = console

    async def acknowledge(self, request: Request, _address: Address) -> object:
        body = await _body(request)
        return self._done(request, await _act(self.console.services.acknowledge, request, body), shapes.alert)

    async def resolve(self, request: Request, _address: Address) -> object:
        body = await _body(request)
        services = self.console.services

        async def resolve(alert: str, by: str, note: str) -> Any:
            return await services.resolve(alert, by, note, body.get("clear_flags") is True)

        return self._done(request, await _act(resolve, request, body), shapes.alert)

    async def silence(self, request: Request, _address: Address) -> object:
        body = await _body(request)
        try:
            until_ns = silence_until(str(body.get("length", "")), self.console.services.now_ns())
        except NocwatchError as error:
            raise BadQuery(f"length: {error}") from None
        services = self.console.services

        async def silence(alert: str, by: str, note: str) -> Any:
            return await services.silence(alert, by, note, until_ns)

        return self._done(request, await _act(silence, request, body), shapes.alert)

    async def silences(self, _request: Request, _address: Address) -> object:
        found = sorted(self.console.services.silences(), key=lambda each: (each.until_ns, each.id))
        return {"items": [shapes.silence(each) for each in found], "next": None}

    async def end_silence(self, request: Request, address: Address) -> object:
        """By query parameters: a DELETE has no document. No other page can send one without asking first."""
        said = {"by": address.text("by") or "", "note": address.text("note") or ""}
        return self._done(
            request, await _act(self.console.services.end_silence, request, said), shapes.silence
        )

    async def clear(self, request: Request, _address: Address) -> object:
        body = await _body(request)
        if not str(body.get("note", "")).strip():
            raise BadQuery("note: a reason is wanted, the next person reads it")
        return self._done(request, await _act(self.console.services.clear_flag, request, body), shapes.flag)

    def _done(self, request: Request, found: Any, shape: Callable[[Any], object]) -> object:
        if found is None:
            raise NotFound(f"There is no {request.path_params['id']!r}.")
        self.console.archive.stale()
        return shape(found)


async def _body(request: Request) -> dict[str, Any]:
    """The posted document.

    A form of another page cannot have this content type without asking first, so no token is needed here.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise BadQuery("A JSON document is wanted (content-type: application/json).")
    raw = await request.body()
    if len(raw) > BODY_BYTES_MAX:
        raise BadQuery(f"At most {BODY_BYTES_MAX} bytes are wanted.")
    try:
        body = msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise BadQuery(f"The document cannot be read: {error}") from None
    unknown = sorted(set(body) - set(FIELDS))
    if unknown:
        raise BadQuery(f"There is no field {unknown[0]!r} here; known: {', '.join(FIELDS)}.")
    return body


async def _act(act: Callable[[str, str, str], Awaitable[Any]], request: Request, body: dict[str, Any]) -> Any:
    try:
        by = checked_name(str(body.get("by", "")))
    except NocwatchError as error:
        raise BadQuery(f"by: {error}") from None
    try:
        return await act(request.path_params["id"], by, str(body.get("note", "")).strip()[:TEXT_MAX])
    except NocwatchError as error:
        raise Refused(str(error)) from None
