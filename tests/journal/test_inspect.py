"""What ``nocwatch journal stat``, ``verify`` and ``tail`` tell."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.support.journal import SMALL, chunk, chunks, crash, flip, segments, write

from nocwatch.journal.blocks import HEADER_SIZE
from nocwatch.journal.errors import JournalError
from nocwatch.journal.inspect import stat, tail, verify
from nocwatch.journal.segments import lane_folder
from nocwatch.journal.writer import Writer
from nocwatch.records import RecordKind

BLOCK = HEADER_SIZE + 21 + 1


def test_stat_says_what_is_there_and_who_writes(tmp_path: Path) -> None:
    with Writer(tmp_path, 2, SMALL) as writer:
        for turn in range(7):
            write(writer, b"%d" % turn * 40_000, at_ns=100 + turn)
        [lane] = stat(tmp_path)
        assert (lane.lane, lane.live, lane.ended, lane.segments) == (2, True, False, 3)
        assert (lane.first_sequence, lane.next_sequence) == (1, 8)
        assert (lane.oldest_ns, lane.newest_ns) == (100, 106)
        assert lane.bytes == 7 * (40_000 + HEADER_SIZE + 21)
    segments(tmp_path, 2)[0].path.unlink()
    [lane] = stat(tmp_path)
    assert (lane.live, lane.ended, lane.first_sequence, lane.next_sequence, lane.newest_ns) == (
        False,
        True,
        4,
        8,
        106,
    )


def test_stat_of_a_lane_in_which_nothing_was_written_yet(tmp_path: Path) -> None:
    with Writer(tmp_path, 0, SMALL):
        [lane] = stat(tmp_path)
    assert (lane.live, lane.segments, lane.oldest_ns, lane.newest_ns) == (True, 0, None, None)


@pytest.mark.parametrize("look", [stat, verify, tail])
def test_a_folder_that_is_no_journal_is_said(tmp_path: Path, look: object) -> None:
    with pytest.raises(JournalError, match="there is no journal here"):
        look(tmp_path / "typo")  # type: ignore[operator]


def test_verify_finds_nothing_in_a_healthy_journal_that_is_being_written(tmp_path: Path) -> None:
    with Writer(tmp_path, 0, SMALL) as writer:
        write(writer, *[b"x" * 40_000] * 5)
        with segments(tmp_path)[-1].path.open("ab") as file:
            file.write(b"\x93NWJ half a header")
        verdict = verify(tmp_path)
        assert (verdict.segments, verdict.blocks, verdict.records, verdict.findings) == (2, 5, 5, ())


def test_verify_names_segment_and_offset_of_each_damage(tmp_path: Path) -> None:
    writer = Writer(tmp_path, 0, SMALL)
    write(writer, b"0", b"1", b"2", b"3", b"4")
    crash(writer)
    path = segments(tmp_path)[0].path
    flip(path, BLOCK + 2)  # the second block's magic
    flip(path, 4 * BLOCK - 1)  # the last byte of the fourth one's data
    os.truncate(path, 5 * BLOCK - 4)
    name = "lane-0/00000000000000000001.seg"
    found = verify(tmp_path).findings
    assert [(f.segment, f.offset, f.bytes, f.records, f.what) for f in found] == [
        (name, BLOCK, BLOCK, 0, "magic"),
        (name, 3 * BLOCK, 2 * BLOCK - 4, 1, "body_checksum"),
    ]


def test_verify_tells_a_torn_tail_a_hole_and_a_foreign_segment(tmp_path: Path) -> None:
    writer = Writer(tmp_path, 0, SMALL)
    write(writer, *[b"%d" % turn * 40_000 for turn in range(9)])
    crash(writer)
    _, second, third = segments(tmp_path)
    os.truncate(third.path, third.path.stat().st_size - 7)
    second.path.unlink()
    with Writer(tmp_path / "other", 0, SMALL) as other:
        chunk(other, b"of another journal")
    foreign = segments(tmp_path / "other")[0].path
    foreign.rename(lane_folder(tmp_path, 0) / "00000000000000000012.seg")
    found = verify(tmp_path).findings
    assert [(f.what, f.records) for f in found] == [("hole", 3), ("torn", 1), ("foreign", 0)]


def test_tail_gives_the_last_records_of_all_lanes_in_order(tmp_path: Path) -> None:
    with Writer(tmp_path, 0, SMALL) as one, Writer(tmp_path, 1, SMALL) as two:
        for at_ns in range(40):
            write(one if at_ns % 2 else two, b"%02d" % at_ns + b"x" * 10_000, at_ns=at_ns)
    told = [data[:2] for data in chunks(list(tail(tmp_path, 7)))]
    assert told[-7:] == [b"%02d" % n for n in range(33, 40)]
    assert len(told) < 40, "it begins at a segment, not at the beginning"
    assert len(list(tail(tmp_path, 1000))) == 40
    assert all(record.kind is RecordKind.CHUNK for record in tail(tmp_path, 1000))
