"""The only module that reads the clock. All else takes ``now_ns``, so that a replay sees the time of its records.

Lengths of time and moments as text are in ``moments.py``, which pure rooms import; this one they must not.
"""

from __future__ import annotations

import time


def now_ns() -> int:
    """Wall clock in nanoseconds since 1970, UTC."""
    return time.time_ns()


def monotonic_us() -> int:
    """Microseconds of CLOCK_MONOTONIC, as systemd reads it. It never steps; what it counts from means nothing."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
