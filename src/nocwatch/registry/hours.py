"""Hours of the week as operators write them, and when they begin and end on a clock that is put forward and back. Pure.

What always holds: a time belongs to the day on which its window begins (Friday 22:00 to 06:00 ends on Saturday); the hour that a
zone has twice counts twice, the one that it lacks not at all; the cuts of a span add up to the span.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec

from nocwatch.moments import HOUR_NS, SECOND_NS

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 24 * 60
SPAN_MAX_NS = 400 * 24 * HOUR_NS
"""What is looked at hour by hour; no charge lasts longer, only a clock that was wrong says so."""
_STEP_S = 6 * 3600
"""No zone changes its offset twice within so short a time."""


class Hours(msgspec.Struct, frozen=True):
    """Times of the week. ``until`` not after ``begin``: into the next day."""

    days: tuple[str, ...]
    begin: int
    """Minutes since midnight."""
    until: int

    def hold(self, local: datetime) -> bool:
        """Whether that time of the wall clock is among them."""
        minute, today = local.hour * 60 + local.minute, DAYS[local.weekday()]
        if self.begin < self.until:
            return today in self.days and self.begin <= minute < self.until
        yesterday = DAYS[(local.weekday() - 1) % 7]
        return (today in self.days and minute >= self.begin) or (
            yesterday in self.days and minute < self.until
        )

    def __str__(self) -> str:
        days = "" if len(set(self.days)) == 7 else f"{', '.join(self.days)} "
        return f"{days}{_clock(self.begin)} to {_clock(self.until)}"


def hours(days: Sequence[str], begin: str, until: str) -> Hours:
    """Of keys as they are written: ``22:00``."""
    return Hours(tuple(days), _minutes(begin), _minutes(until))


def opened(days: Sequence[str], span: str) -> Hours:
    """Of opening hours: ``06:00-22:00``, over midnight ``18:00-02:00`` or, as OpenStreetMap writes it, ``18:00-26:00``.

    Raises:
        ValueError: one is no such time, or there are more than 24 hours between them.
    """
    ends = [part.strip() for part in span.split("-")]
    begin, until = map(_minutes, ends)
    if begin >= DAY_MINUTES or until > begin + DAY_MINUTES or any(end[-2:] > "59" for end in ends):
        raise ValueError(
            f"{span.strip()!r} are no hours of a day; write 06:00-22:00, and over midnight 18:00-26:00"
        )
    return Hours(tuple(days), begin, until - DAY_MINUTES if until > DAY_MINUTES else until)


def local(at_ns: int, timezone: str) -> datetime:
    """The wall clock of a zone."""
    return datetime.fromtimestamp(at_ns // SECOND_NS, zone(timezone))


@lru_cache(maxsize=256)
def zone(timezone: str) -> ZoneInfo:
    return ZoneInfo(timezone)


def cuts(from_ns: int, until_ns: int, timezone: str, times: Iterable[Hours]) -> list[tuple[int, int]]:
    """The span in pieces, within each of which none of those hours begins or ends. Beyond ``SPAN_MAX_NS`` there is one last piece."""
    if until_ns <= from_ns:
        return []
    marks = sorted({minute % DAY_MINUTES for each in times for minute in (each.begin, each.until)} | {0})
    end_ns = min(until_ns, from_ns + SPAN_MAX_NS)
    at = {from_ns, until_ns}
    at.update(each for each in _edges(from_ns, end_ns, zone(timezone), marks) if from_ns < each < end_ns)
    if end_ns < until_ns:
        at.add(end_ns)
    ordered = sorted(at)
    return list(pairwise(ordered))


def _edges(from_ns: int, until_ns: int, where: ZoneInfo, marks: list[int]) -> Iterator[int]:
    """Changes of the offset, and each mark of each day under each offset of that time: some too many, none too few."""
    changes, offsets = _offsets(from_ns // SECOND_NS, until_ns // SECOND_NS + 1, where)
    for each in changes:
        yield each * SECOND_NS
    day_s = 24 * 3600
    first = (from_ns // SECOND_NS + min(offsets)) // day_s - 1
    last = (until_ns // SECOND_NS + max(offsets)) // day_s + 1
    for day in range(first, last + 1):
        for mark in marks:
            for offset in offsets:
                yield (day * day_s + mark * 60 - offset) * SECOND_NS


def _offsets(from_s: int, until_s: int, where: ZoneInfo) -> tuple[list[int], set[int]]:
    """When the zone changes its offset within a span, and which offsets it has there."""
    changes = []
    before, offsets = _offset(from_s, where), {_offset(from_s, where)}
    at = from_s
    while at < until_s:
        after = min(at + _STEP_S, until_s)
        offset = _offset(after, where)
        if offset != before:
            low, high = at, after
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if _offset(middle, where) == before else (low, middle)
            changes.append(high)
            offsets.add(offset)
        before, at = offset, after
    return changes, offsets


def _offset(at_s: int, where: ZoneInfo) -> int:
    delta = datetime.fromtimestamp(at_s, UTC).astimezone(where).utcoffset() or timedelta()
    return round(delta.total_seconds())


def _minutes(text: str) -> int:
    hour, _, minute = text.partition(":")
    return int(hour) * 60 + int(minute)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
