"""Whether a journal has lost observations of late: a remark for whoever asks a process how it is. Pure.

Not the figures: how many were lost since the start stays in the counters, and so in the metrics and on the System page.
What always holds: a loss is told for ``TOLD_FOR_S`` after its last record, and then no longer. A remark that stands for ever
is one that nobody reads, and the next loss would not be noticed below it.
"""

from __future__ import annotations

from collections.abc import Mapping

from nocwatch.moments import SECOND_NS

TOLD_FOR_S = 3600
"""An hour: whoever was away from the screen for lunch still sees it, and the shift after next does not."""


def told(counters: Mapping[str, int], now_ns: int) -> str:
    """``812 records since the start, the last 4 min ago`` of a writer's counters; empty where none was lost of late."""
    dropped = counters.get("journal_dropped_records", 0)
    ago_s = max(0, now_ns // SECOND_NS - counters.get("journal_dropped_timestamp_seconds", 0))
    if not dropped or ago_s > TOLD_FOR_S:
        return ""
    ago = f"{ago_s // 60} min ago" if ago_s >= 60 else "just now"
    return f"{dropped} {'record' if dropped == 1 else 'records'} since the start, the last {ago}"
