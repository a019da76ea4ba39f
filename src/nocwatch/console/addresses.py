"""A page's address as a value: what its query says, and the address of the same page with something changed. Pure.

URLs hold the state of every page, so that a link in a chat shows a colleague the same. What is wrong in a query is told
with a sentence on a page and in the API; text in it is bounded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar
from urllib.parse import quote, urlencode

from nocwatch.errors import NocwatchError
from nocwatch.moments import DAY_NS, HOUR_NS, SECOND_NS
from nocwatch.store.batch import NONE

WordT = TypeVar("WordT", bound=StrEnum)

NEVER_NS = 9_214_646_400 * SECOND_NS
"""The year 2262: nanoseconds of what is later have no room in the store."""
TEXT_MAX = 200
"""Characters of one query parameter: more than any identity, token hash or search has."""

RANGES: tuple[tuple[str, str, int | None], ...] = (
    ("1h", "1 h", HOUR_NS),
    ("24h", "24 h", DAY_NS),
    ("7d", "7 d", 7 * DAY_NS),
    ("30d", "30 d", 30 * DAY_NS),
    ("all", "All", None),
)
"""Name in the URL, words, length."""


class BadQuery(NocwatchError):  # noqa: N818 — it is the client's query that is bad
    """The address asks for something that does not exist; the message is the sentence to show."""


def path(text: str) -> str:
    """One segment of a path: everything but unreserved characters is percent-encoded, slashes too."""
    return quote(str(text), safe="")


class Address:
    """Path and query parameters of a request; the first value of each name counts."""

    def __init__(self, at: str, values: Mapping[str, str]) -> None:
        self.at = at
        self.values = dict(values)
        for name, value in self.values.items():
            if len(value) > TEXT_MAX and name != "after":
                raise BadQuery(f"{name}: at most {TEXT_MAX} characters")

    def with_(self, **changes: object) -> str:
        """The address with those parameters; None takes one away."""
        values: dict[str, object] = {**self.values, **changes}
        kept = {name: value for name, value in values.items() if value is not None and value != ""}
        return self.at + ("?" + urlencode(kept) if kept else "")

    def without(self, *names: str) -> str:
        return self.with_(**dict.fromkeys(names))

    def text(self, name: str) -> str | None:
        """None where absent or empty."""
        return self.values.get(name, "").strip() or None

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        text = self.text(name)
        if text is None:
            return default
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            raise BadQuery(f"{name}: a whole number from {least} to {most} is wanted, not {text!r}")
        return int(text)

    def number(self, name: str) -> int | None:
        """An EVSE or connector; None where absent or empty, ``store.batch.NONE`` for ``none``: that none was said."""
        if self.text(name) == "none":
            return NONE
        return None if self.text(name) is None else self.whole(name, 0, 0, 10_000_000)

    def words(self, name: str, kind: type[WordT]) -> tuple[WordT, ...] | None:
        """Comma-separated words of an enumeration."""
        text = self.text(name)
        if text is None:
            return None
        try:
            return tuple(kind(word.strip()) for word in text.split(","))
        except ValueError:
            raise BadQuery(f"{name}: one or more of {', '.join(kind)} are wanted, not {text!r}") from None

    def yes(self, name: str) -> bool | None:
        text = self.text(name)
        if text is None:
            return None
        if text.lower() in ("1", "true", "yes"):
            return True
        if text.lower() in ("0", "false", "no"):
            return False
        raise BadQuery(f"{name}: true or false is wanted, not {text!r}")

    def moment(self, name: str) -> int | None:
        """RFC 3339, or seconds since 1970; nanoseconds. What the store has no room for is its first or last moment."""
        text = self.text(name)
        if text is None:
            return None
        if text.isascii() and text.isdigit() and len(text) <= 11:
            return min(int(text) * SECOND_NS, NEVER_NS)
        try:
            moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
            whole = int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())
        except (ValueError, OverflowError):
            raise BadQuery(f"{name}: a time such as 2026-11-21T09:45:00Z is wanted, not {text!r}") from None
        return min(max(whole * SECOND_NS + moment.microsecond * 1000, 0), NEVER_NS)

    def range(
        self, default: str, now_ns: int, ranges: Sequence[tuple[str, str, int | None]] = RANGES
    ) -> tuple[str, int | None]:
        """Name of the range, and where it begins; None for all that there is."""
        name = self.text("range") or default
        for known, _, length in ranges:
            if name == known:
                return name, None if length is None else now_ns - length
        raise BadQuery(f"range: one of {', '.join(known for known, _, _ in ranges)} is wanted, not {name!r}")
