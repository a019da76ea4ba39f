"""Forms by which people do something: who it was, whether the form is ours, and where it leads. The API's half is ``console/acts.py``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from nocwatch.console import guard
from nocwatch.console.shell import Console
from nocwatch.errors import NocwatchError
from nocwatch.moments import SECOND_NS
from nocwatch.quantities import parse_duration

TEXT_MAX = 500
NAME_MAX = 80
SILENCE_S_MAX = 30 * 86_400
"""A month: what is silent for longer is a rule to change."""


async def do(
    console: Console,
    request: Request,
    subject: str,
    back: str,
    act: Callable[[str, str, str], Awaitable[object | None]],
    again: Callable[[Request, str, int], Awaitable[Response]],
) -> Response:
    """Checks the form, does it, and leads ``back``; what is wrong stands on the page, shown ``again``, as a sentence."""
    form = await guard.posted(request)
    if not console.tokens.holds(request, form.get("token", "")):
        return await again(
            request, "This form is of an earlier visit. Nothing was done: please press once more.", 403
        )
    try:
        by = checked_name(form.get("by", ""))
        done = await act(subject, by, form.get("note", "").strip()[:TEXT_MAX])
    except NocwatchError as error:
        return await again(request, str(error), 409)
    console.archive.stale()
    response = RedirectResponse(back, 303)
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
