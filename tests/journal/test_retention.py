"""What is kept and what is not."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.journal import SMALL, chunks, journal_of, segments, write

from nocwatch.journal.retention import expire
from nocwatch.journal.settings import JournalSettings
from nocwatch.journal.writer import Writer
from nocwatch.moments import SECOND_NS

NOW_NS = 1_800_000_000 * SECOND_NS
DAY = 86400


def settings(**keys: str) -> JournalSettings:
    return JournalSettings.model_validate({"keep_for": "14d", "size_max": "1GiB"} | keys)


def four_segments(root: Path, lane: int = 0, days_ago: tuple[float, ...] = (4, 3, 2, 1)) -> list[int]:
    """Sizes of four segments of one lane, last written so many days ago."""
    with Writer(root, lane, SMALL) as writer:
        write(writer, *[b"%d" % turn * 300_000 for turn in range(7)])
    found = segments(root, lane)
    assert len(found) == 4
    for segment, days in zip(found, days_ago, strict=True):
        at_ns = NOW_NS - int(days * DAY) * SECOND_NS
        os.utime(segment.path, ns=(at_ns, at_ns))
    return [segment.path.stat().st_size for segment in found]


def test_segments_go_once_their_last_record_is_too_old(tmp_path: Path) -> None:
    sizes = four_segments(tmp_path)
    assert expire(tmp_path, settings(keep_for="5d"), NOW_NS) == (0, 0)
    assert expire(tmp_path, settings(keep_for="60h"), NOW_NS) == (2, sizes[0] + sizes[1])
    assert len(segments(tmp_path)) == 2
    assert chunks(journal_of(tmp_path))[0][:1] in (b"3", b"4")


def test_the_last_segment_stays_however_old_it_is(tmp_path: Path) -> None:
    four_segments(tmp_path)
    assert expire(tmp_path, settings(keep_for="1h"), NOW_NS).segments == 3
    with Writer(tmp_path, 0, SMALL) as writer:
        assert writer.next_sequence == 8


def test_the_oldest_go_first_when_all_lanes_together_are_too_large(tmp_path: Path) -> None:
    old = four_segments(tmp_path, 0, (40, 30, 20, 10))
    new = four_segments(tmp_path, 1, (35, 34, 33, 9))
    bound = sum(old) + sum(new) - old[0] - new[0] - 1
    assert bound > 1 << 20
    expired = expire(tmp_path, settings(keep_for="300d", size_max=f"{bound}B"), NOW_NS)
    assert expired.segments == 3
    assert len(segments(tmp_path, 0)) == 3
    assert len(segments(tmp_path, 1)) == 2


def test_a_clock_that_was_set_back_does_not_make_a_hole(tmp_path: Path) -> None:
    """The second segment's file says that it is older than the first: it must not go before it."""
    four_segments(tmp_path, 0, (5, 100, 4, 1))
    assert expire(tmp_path, settings(), NOW_NS) == (0, 0)


def test_the_writer_expires_what_its_settings_no_longer_keep(tmp_path: Path) -> None:
    four_segments(tmp_path, 0, (4000, 3000, 2000, 1000))
    with Writer(tmp_path, 0, SMALL) as writer:
        writer.retain()
        assert writer.counters["journal_expired_segments"] == 3
        assert writer.counters["journal_expired_bytes"] > 600_000
    assert len(segments(tmp_path)) == 1


def test_a_journal_that_is_not_there_has_nothing_to_expire(tmp_path: Path) -> None:
    assert expire(tmp_path / "nowhere", settings(), NOW_NS) == (0, 0)
