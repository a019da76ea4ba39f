"""How far back a page looks where nobody says: a day, or less as long as there is no day yet. Pure.

A strip of 24 hours over a store of ten minutes is an empty box; nobody sees in it that all works. What is drawn is never more
than what is known, only the scale is another one, and it is said.
"""

from __future__ import annotations

from nocwatch.moments import DAY_NS, HOUR_NS, MINUTE_NS

SPANS = (
    (5 * MINUTE_NS, "5 min"),
    (15 * MINUTE_NS, "15 min"),
    (HOUR_NS, "1 h"),
    (6 * HOUR_NS, "6 h"),
    (DAY_NS, "24 h"),
)
"""Widths and what they are called, the narrowest first."""


def usual(first_ns: int | None, end_ns: int) -> int:
    """The narrowest that holds all there is, and a day at most; a day, too, while there is nothing.

    Args:
        first_ns: from when on anything is known of any socket.
        end_ns: where windows end.
    """
    if first_ns is None:
        return DAY_NS
    return next((span for span, _ in SPANS if end_ns - first_ns <= span), DAY_NS)


def called(span_ns: int) -> str:
    return dict(SPANS)[span_ns]
