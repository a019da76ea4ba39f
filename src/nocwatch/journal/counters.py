"""Names of what a lane's writer counts; FORMAT.md says what each counts."""

from __future__ import annotations

COUNTERS = (
    "journal_records",
    "journal_bytes",
    "journal_blocks",
    "journal_written_bytes",
    "journal_segments",
    "journal_syncs",
    "journal_buffered_bytes",
    "journal_dropped_records",
    "journal_dropped_bytes",
    "journal_dropped_timestamp_seconds",
    "journal_write_errors",
    "journal_torn_bytes",
    "journal_expired_segments",
    "journal_expired_bytes",
)
