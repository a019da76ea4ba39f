"""The only module that reads the clock. All else takes ``now_ns``, so that a replay sees the time of its records."""

from __future__ import annotations

import time
from datetime import UTC, datetime

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS


def now_ns() -> int:
    """Wall clock in nanoseconds since 1970, UTC."""
    return time.time_ns()


def rfc3339(at_ns: int) -> str:
    """``2026-11-21T09:45:49.123456Z``: UTC, microseconds, always the same width so that text order is time order."""
    seconds, rest = divmod(at_ns, SECOND_NS)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{rest // 1000:06d}Z"
