"""Stations' time stamps: read in whatever form they come, and believed only where they can be true.

Receive time is the main clock; an event's own time counts where it is plausible.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from nocwatch.moments import HOUR_NS, SECOND_NS

EARLIEST_NS = 1_262_304_000 * SECOND_NS
"""2010: no OCPP-J station is older; 1970 and year 1 are clocks that were never set."""
AHEAD_NS_MAX = 24 * HOUR_NS
"""More than a time zone's worth ahead of receive time is a wrong clock."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TEXT_MAX = 64
_LOOSE = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})[Tt ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?\s*([Zz]|UTC|[+-]\d{1,2}(?::?\d{2})?)?"
)


def parse(text: str) -> int | None:
    """Nanoseconds since 1970, UTC; None where it is no date with a time (RFC 3339, 5.6, read generously).

    A missing offset is taken for UTC, as OCPP recommends it [J16, 201 part 2]; the fraction counts to the microsecond.
    """
    if len(text) > _TEXT_MAX:
        return None
    try:
        moment = _strictly(text) or _loosely(text)
        if moment is None:
            return None
        since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    except (ValueError, OverflowError):
        return None
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1000


def plausible(event_ns: int, received_ns: int) -> bool:
    """Whether a station can have meant it, given when it was heard."""
    return EARLIEST_NS <= event_ns <= received_ns + AHEAD_NS_MAX


def _strictly(text: str) -> datetime | None:
    # The library takes dates alone and week dates too, which nobody means here.
    if text[10:11] != "T" or text[13:14] != ":":
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _loosely(text: str) -> datetime | None:
    """Single digits, a blank for T, small z, a decimal comma, no seconds, second 60, many digits of a fraction."""
    match = _LOOSE.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    leap = second == "60"
    moment = datetime(
        int(year),
        int(month),
        int(day),
        int(hour),
        int(minute),
        59 if leap else int(second or 0),
        int((fraction or "0")[:6].ljust(6, "0")),
        UTC,
    )
    if leap:
        moment += timedelta(seconds=1)
    if offset and offset[0] in "+-":
        digits = offset[1:].replace(":", "")
        hours, minutes = (int(digits[:-2]), int(digits[-2:])) if len(digits) > 2 else (int(digits), 0)
        shift = timedelta(hours=hours, minutes=minutes)
        moment = moment - shift if offset[0] == "+" else moment + shift
    return moment
