"""A loss is told while somebody may still act on it, and not for ever."""

from __future__ import annotations

import pytest

from nocwatch.journal.drops import TOLD_FOR_S, told
from nocwatch.moments import SECOND_NS

LOST_AT_S = 1_795_255_453
COUNTERS = {"journal_dropped_records": 812, "journal_dropped_timestamp_seconds": LOST_AT_S}


@pytest.mark.parametrize(
    ("after_s", "expected"),
    [
        (-1, "812 records since the start, the last just now"),  # the clock was set back meanwhile
        (0, "812 records since the start, the last just now"),
        (299, "812 records since the start, the last 4 min ago"),
        (TOLD_FOR_S, "812 records since the start, the last 60 min ago"),
        (TOLD_FOR_S + 1, ""),
    ],
)
def test_a_disk_that_was_full_at_night_is_no_news_in_the_afternoon(after_s: int, expected: str) -> None:
    assert told(COUNTERS, (LOST_AT_S + after_s) * SECOND_NS) == expected


def test_a_journal_that_lost_nothing_has_nothing_to_tell() -> None:
    assert told({}, SECOND_NS) == ""
    assert told({"journal_dropped_records": 0, "journal_dropped_timestamp_seconds": 0}, SECOND_NS) == ""
