"""Moments and spans as numbers: the lengths of time in nanoseconds, and a moment as text.

Moments are integers, nanoseconds since 1970-01-01T00:00:00Z without leap seconds. Pure: nothing here reads the clock,
which is ``clock.py``'s alone, so that the pure rooms may import this and still replay to the same result.
"""

from __future__ import annotations

from datetime import UTC, datetime

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS


def rfc3339(at_ns: int) -> str:
    """``2026-11-21T09:45:49.123456Z``: UTC, microseconds, always the same width so that text order is time order."""
    seconds, rest = divmod(at_ns, SECOND_NS)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{rest // 1000:06d}Z"
