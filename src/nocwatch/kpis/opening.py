"""When a site is closed, by its opening hours as operators write them: ``Mo-Fr 06:00-22:00; Sa,Su 08:00-20:00``, ``24/7``. Pure.

Times not understood close nothing: what is not known takes no minute off an outage.
"""

from __future__ import annotations

import re
from functools import lru_cache

from nocwatch.kpis.spans import Span, merged
from nocwatch.registry.hours import DAYS, SPAN_MAX_NS, Hours, cuts, local, opened

_SHORT = {name[:2]: name for name in DAYS}
_RULE = re.compile(
    r"(?:(?P<days>[a-z]{2}(?:\s*-\s*[a-z]{2})?(?:\s*,\s*[a-z]{2}(?:\s*-\s*[a-z]{2})?)*)\s+)?"
    r"(?P<times>\d?\d:\d\d\s*-\s*\d?\d:\d\d(?:\s*,\s*\d?\d:\d\d\s*-\s*\d?\d:\d\d)*)"
)


@lru_cache(maxsize=1024)
def opening(text: str) -> tuple[Hours, ...] | None:
    """The times of the week; None where nothing is said, where it is always open, or where the text is not understood."""
    found: list[Hours] = []
    for rule in text.lower().split(";"):
        if not rule.strip():
            continue
        match = _RULE.fullmatch(rule.strip())
        days = _days(match["days"]) if match else None
        if match is None or days is None:
            return None
        for span in match["times"].split(","):
            try:
                found.append(opened(days, span))
            except ValueError:
                return None
    return tuple(found) or None


def _days(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return DAYS
    found: list[str] = []
    for part in text.split(","):
        first, _, last = (_SHORT.get(each.strip(), "") for each in part.partition("-"))
        if not first or ("-" in part and not last):
            return None
        at, until = DAYS.index(first), DAYS.index(last or first)
        found += [DAYS[(at + step) % 7] for step in range((until - at) % 7 + 1)]
    return tuple(found)


def closed(text: str, timezone: str, from_ns: int, until_ns: int) -> list[Span]:
    """Times within the span at which the site is closed."""
    times = opening(text)
    if times is None:
        return []
    # Piece by piece: a report of years is longer than what is looked at hour by hour at once.
    return merged(
        (start, end)
        for begin in range(from_ns, until_ns, SPAN_MAX_NS)
        for start, end in cuts(begin, min(begin + SPAN_MAX_NS, until_ns), timezone, times)
        if not any(each.hold(local(start, timezone)) for each in times)
    )
