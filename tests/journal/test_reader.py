"""The reader: order over lanes, reading while it is written, and what damage costs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.support.journal import (
    SMALL,
    chunk,
    chunks,
    crash,
    flip,
    gaps,
    journal_of,
    read_all,
    segments,
    write,
)

from nocwatch.journal.blocks import HEADER_SIZE, encode_block
from nocwatch.journal.cursor import Cursor
from nocwatch.journal.reader import SILENCE_NS_MAX, Reader
from nocwatch.journal.retention import delete_below
from nocwatch.journal.segments import Segment, lane_folder, lane_is_held, list_segments, segment_path
from nocwatch.journal.writer import Writer
from nocwatch.records import RecordKind

BLOCK = HEADER_SIZE + 21  # of a record without data


def test_a_journal_that_is_not_there_yet_has_nothing_new(tmp_path: Path) -> None:
    reader = Reader(tmp_path / "later")
    assert reader.read() == []
    with Writer(tmp_path / "later", 0, SMALL) as writer:
        write(writer, b"x")
        assert chunks(reader.read()) == [b"x"]
        assert reader.read() == []


def test_a_half_written_block_is_waited_for_at_any_byte(tmp_path: Path) -> None:
    folder = lane_folder(tmp_path, 0)
    folder.mkdir()
    first = encode_block(0, 9, 1, [1], [0], b"\0", [b"whole"])
    second = encode_block(0, 9, 2, [2, 3], [0, 0], b"\0\0", [b"written", b"slowly"])
    with segment_path(folder, 1).open("wb", buffering=0) as file, Reader(tmp_path) as reader:
        file.write(first)
        assert chunks(reader.read()) == [b"whole"]
        for byte in second:
            assert reader.read() == []
            file.write(bytes([byte]))
        assert chunks(reader.read()) == [b"written", b"slowly"]
        assert reader.counters["journal_read_corrupt_bytes"] == 0


def test_a_half_written_block_that_is_replaced_by_another_does_not_confuse(tmp_path: Path) -> None:
    folder = lane_folder(tmp_path, 0)
    folder.mkdir()
    path = segment_path(folder, 1)
    given_up = encode_block(0, 9, 1, [1], [0], b"\0", [b"x" * 1000])
    path.write_bytes(given_up[:500])
    with Reader(tmp_path) as reader:
        assert reader.read() == []
        path.write_bytes(encode_block(0, 9, 1, [1], [0], b"\0", [b"y" * 100]))
        assert chunks(reader.read()) == [b"y" * 100]


def test_reading_follows_over_segments_while_they_are_made(tmp_path: Path) -> None:
    with Writer(tmp_path, 0, SMALL) as writer, Reader(tmp_path) as reader:
        for turn in range(10):
            data = b"%d" % turn * 40_000
            write(writer, data)
            assert chunks(read_all(reader)) == [data]
    assert len(segments(tmp_path)) == 4


def test_small_reads_give_the_same_as_large_ones(tmp_path: Path) -> None:
    with Writer(tmp_path, 0, SMALL) as writer:
        for turn in range(20):
            writer.add_chunks(turn, [2, 3, 4], [b"a%d" % turn, b"b", b"c"])
            assert writer.flush_sync()
    everything = Reader(tmp_path).read(1000)
    reader, found = Reader(tmp_path), []
    while more := reader.read(7):
        assert len(more) <= 7
        found += more
        reader = Reader(tmp_path, reader.cursor)
    assert found == everything
    assert len(found) == 60


def test_two_lanes_come_in_the_order_of_time(tmp_path: Path) -> None:
    with Writer(tmp_path, 0, SMALL) as one, Writer(tmp_path, 1, SMALL) as two:
        for at_ns in range(1, 100):
            chunk(one if at_ns % 3 else two, b"%d" % at_ns, at_ns)
            if at_ns % 10 == 0:
                assert one.flush_sync()
                assert two.flush_sync()
    assert [int(data) for data in chunks(journal_of(tmp_path))] == list(range(1, 100))
    reader = Reader(tmp_path)
    pieces = []
    while more := reader.read(4):
        pieces += more
        reader = Reader(tmp_path, reader.cursor)
    assert [int(data) for data in chunks(pieces)] == list(range(1, 100))


def test_at_the_same_moment_the_lower_lane_comes_first(tmp_path: Path) -> None:
    with Writer(tmp_path, 1, SMALL) as two, Writer(tmp_path, 0, SMALL) as one:
        for _ in range(3):
            write(two, b"two", at_ns=5)
            write(one, b"one", at_ns=5)
    assert chunks(journal_of(tmp_path)) == [b"one"] * 3 + [b"two"] * 3


def test_nothing_passes_a_live_lane_that_may_still_bring_something_earlier(tmp_path: Path) -> None:
    with Writer(tmp_path, 0, SMALL) as one, Writer(tmp_path, 1, SMALL) as two, Reader(tmp_path) as reader:
        write(one, b"1", at_ns=10)
        write(two, b"2", at_ns=20)
        assert chunks(read_all(reader)) == [b"1"]
        write(one, b"3", at_ns=15)
        assert chunks(read_all(reader)) == [b"3"]
        one.add(30, RecordKind.TICK, 0, 0, b"{}")
        assert one.flush_sync()
        assert chunks(read_all(reader)) == [b"2"]
        write(two, b"4", at_ns=40)
        assert [r.kind for r in read_all(reader)] == [RecordKind.TICK]
        assert reader.counters["journal_read_late_records"] == 0


@pytest.mark.parametrize("end", [Writer.close, crash])
def test_a_lane_without_a_writer_is_not_waited_for(tmp_path: Path, end: object) -> None:
    now = 0
    with Writer(tmp_path, 0, SMALL) as one, Reader(tmp_path, now_ns=lambda: now) as reader:
        two = Writer(tmp_path, 1, SMALL)
        write(two, b"two", at_ns=10)
        write(one, b"one", at_ns=20)
        assert chunks(read_all(reader)) == [b"two"]
        end(two)  # type: ignore[operator]
        assert chunks(read_all(reader)) == [b"one"]
        now += 2 * SILENCE_NS_MAX
        with Writer(tmp_path, 1, SMALL) as again:
            write(one, b"waits", at_ns=30)
            assert read_all(reader) == []
            write(again, b"back", at_ns=25)
            assert chunks(read_all(reader)) == [b"back"]


def test_an_empty_answer_says_whether_anything_is_held_back(tmp_path: Path) -> None:
    with (
        Writer(tmp_path, 0, SMALL) as first,
        Writer(tmp_path, 1, SMALL) as second,
        Reader(tmp_path) as reader,
    ):
        assert reader.read() == []
        assert not reader.held_back
        write(first, b"waits")
        assert reader.read() == []
        assert reader.held_back
        second.add(1 << 62, RecordKind.CHUNK, 1, 0, b"later")
        assert second.flush_sync()
        assert chunks(reader.read()) == [b"waits"]
        first.close()
        assert chunks(reader.read()) == [b"later"]
        assert not reader.held_back


def test_a_lane_whose_disk_hangs_is_given_up_after_a_while(tmp_path: Path) -> None:
    now = 0
    with Writer(tmp_path, 0, SMALL) as one, Writer(tmp_path, 1, SMALL) as hangs:
        reader = Reader(tmp_path, now_ns=lambda: now)
        write(hangs, b"last", at_ns=100)
        write(one, b"waits", at_ns=150)
        assert chunks(read_all(reader)) == [b"last"]
        now += SILENCE_NS_MAX
        assert chunks(read_all(reader)) == []
        now += 1
        assert chunks(read_all(reader)) == [b"waits"]
        write(one, b"does not wait", at_ns=160)
        assert chunks(read_all(reader)) == [b"does not wait"]
        assert reader.counters["journal_read_late_records"] == 0
        write(hangs, b"late", at_ns=130)
        assert chunks(read_all(reader)) == [b"late"]
        assert reader.counters["journal_read_late_records"] == 1
        write(one, b"waits again", at_ns=170)
        assert chunks(read_all(reader)) == []
        reader.close()


def test_a_clock_that_steps_back_does_not_turn_a_lane_round(tmp_path: Path) -> None:
    with Writer(tmp_path, 0, SMALL) as one, Writer(tmp_path, 1, SMALL) as two:
        write(one, b"a", at_ns=100)
        write(one, b"b", at_ns=40)
        write(two, b"x", at_ns=50)
        write(one, b"c", at_ns=60)
        write(two, b"y", at_ns=110)
    records = journal_of(tmp_path)
    assert chunks(records) == [b"x", b"a", b"b", b"c", b"y"]
    assert [r.at_ns for r in records] == [50, 100, 40, 60, 110]
    reader = Reader(tmp_path)
    assert chunks(reader.read(2)) == [b"x", b"a"]
    reader = Reader(tmp_path, reader.cursor)
    assert chunks(read_all(reader)) == [b"b", b"c", b"y"], "a restart in between must not change the order"


def test_a_clock_that_steps_back_within_a_block_does_not_hide_the_other_lane(tmp_path: Path) -> None:
    with Writer(tmp_path, 0, SMALL) as one, Writer(tmp_path, 1, SMALL) as two:
        for at_ns in (30, 100, 40, 60):
            chunk(one, b"one", at_ns)
        chunk(two, b"two", 70)
    assert [r.at_ns for r in journal_of(tmp_path)] == [30, 70, 100, 40, 60]


def test_what_a_dying_relay_wrote_last_is_not_passed_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It writes and dies between the reader's look at its records and the look at its lock."""
    dying = Writer(tmp_path, 1, SMALL)

    def last_words(folder: Path) -> bool:
        if dying._file._fd >= 0 and folder.name == "lane-1":
            write(dying, b"last words", at_ns=20)
            crash(dying)
        return lane_is_held(folder)

    with Writer(tmp_path, 0, SMALL) as one, Reader(tmp_path) as reader:
        write(dying, b"before", at_ns=10)
        write(one, b"after", at_ns=30)
        monkeypatch.setattr("nocwatch.journal.reader.lane_is_held", last_words)
        assert chunks(read_all(reader)) == [b"before", b"last words", b"after"]


def test_what_was_written_just_before_a_new_segment_is_not_passed_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer fills a segment and begins the next between the reader's look at the end and its look at the folder."""
    looks = 0
    with Writer(tmp_path, 0, SMALL) as writer, Reader(tmp_path) as reader:
        write(writer, b"0" * 40_000)

        def look(folder: Path) -> list[Segment]:
            nonlocal looks
            looks += 1
            if looks == 2:  # the first one finds where to begin
                write(writer, *[b"%d" % turn * 40_000 for turn in (1, 2, 3)])
            return list_segments(folder)

        monkeypatch.setattr("nocwatch.journal.follow.list_segments", look)
        found = read_all(reader)
    assert looks >= 2
    assert [data[:1] for data in chunks(found)] == [b"0", b"1", b"2", b"3"]
    assert gaps(found) == []


def test_a_flipped_bit_costs_one_block_and_says_where(tmp_path: Path) -> None:
    with Writer(tmp_path, 0, SMALL) as writer:
        write(writer, *[b"%d" % turn for turn in range(5)])
    path = segments(tmp_path)[0].path
    block = BLOCK + 1
    healthy = path.read_bytes()
    for offset in range(2 * block, 3 * block):
        path.write_bytes(healthy)
        flip(path, offset, offset % 8)
        reader = Reader(tmp_path)
        records = read_all(reader)
        assert chunks(records) == [b"0", b"1", b"3", b"4"]
        assert [(r.sequence, r.kind) for r in records[2:4]] == [(3, RecordKind.GAP), (4, RecordKind.CHUNK)]
        [gap] = gaps(records)
        assert (gap.records, gap.bytes, gap.reason) == (1, block, "corrupt")
        assert (gap.segment, gap.offset) == ("lane-0/00000000000000000001.seg", 2 * block)
        assert reader.counters["journal_read_corrupt_bytes"] == block


def test_damage_at_the_very_end_is_known_once_something_follows(tmp_path: Path) -> None:
    with Writer(tmp_path, 0, SMALL) as writer, Reader(tmp_path) as reader:
        write(writer, b"0", b"1")
        flip(segments(tmp_path)[0].path, BLOCK + 1 + 3)
        assert chunks(read_all(reader)) == [b"0"]
        write(writer, b"2")
        records = read_all(reader)
        assert chunks(records) == [b"2"]
        assert [g.records for g in gaps(records)] == [1]


def test_a_damaged_first_block_of_the_oldest_segment_is_reported_too(tmp_path: Path) -> None:
    with Writer(tmp_path, 0, SMALL) as writer:
        write(writer, b"0", b"1")
    flip(segments(tmp_path)[0].path, 5)
    records = journal_of(tmp_path)
    assert [g.reason for g in gaps(records)] == ["corrupt"]
    assert chunks(records) == [b"1"]


def test_a_station_cannot_make_up_a_block(tmp_path: Path) -> None:
    """Bytes that look like a block, sent by a peer, are read as data although damage makes the reader search."""
    forged = encode_block(0, 12345, 3, [1], [0], b"\1", [b'{"event":"closed"}'])
    with Writer(tmp_path, 0, SMALL) as writer:
        write(writer, b"0", forged, b"2")
    path = segments(tmp_path)[0].path
    flip(path, BLOCK + 1 + 3)
    records = journal_of(tmp_path)
    assert chunks(records) == [b"0", b"2"]
    assert [g.records for g in gaps(records)] == [1]


def test_a_reader_that_fell_behind_retention_is_told_how_much_is_missing(tmp_path: Path) -> None:
    with Writer(tmp_path, 0, SMALL) as writer, Reader(tmp_path) as open_reader:
        write(writer, *[b"%d" % turn * 40_000 for turn in range(10)])
        assert len(open_reader.read(1)) == 1
        cursor = open_reader.cursor
        for segment in segments(tmp_path)[:2]:
            segment.path.unlink()
        late = read_all(Reader(tmp_path, cursor))
        assert [(g.reason, g.records) for g in gaps(late)] == [("expired", 5)]
        assert chunks(late) == [b"%d" % turn * 40_000 for turn in range(6, 10)]
        still = read_all(open_reader)  # what it has open it may read to the end
        assert [(g.reason, g.records) for g in gaps(still)] == [("expired", 3)]
        assert len(chunks(still)) == 2 + 4
        fresh = journal_of(tmp_path)
        assert gaps(fresh) == []


def test_a_segment_that_someone_took_away_is_a_hole(tmp_path: Path) -> None:
    with Writer(tmp_path, 0, SMALL) as writer:
        write(writer, *[b"%d" % turn * 40_000 for turn in range(9)])
    segments(tmp_path)[1].path.unlink()
    records = journal_of(tmp_path)
    assert [(g.reason, g.records) for g in gaps(records)] == [("hole", 3)]
    assert len(chunks(records)) == 6


@pytest.mark.parametrize("running", [True, False])
def test_a_journal_deleted_and_begun_anew_is_read_from_its_start(tmp_path: Path, running: bool) -> None:
    with Writer(tmp_path, 0, SMALL) as writer:
        write(writer, *[b"old%d" % turn for turn in range(5)])
    reader = Reader(tmp_path)
    assert len(read_all(reader)) == 5
    shutil.rmtree(tmp_path / "lane-0")
    with Writer(tmp_path, 0, SMALL) as writer:
        write(writer, *[b"%d" % turn * 40_000 for turn in range(4)], b"9")
        if not running:
            reader = Reader(tmp_path, reader.cursor)
        found = []
        for _ in range(3):
            found += read_all(reader)
    assert [g.reason for g in gaps(found)] == ["replaced"]
    assert [data[:1] for data in chunks(found)] == [b"0", b"1", b"2", b"3", b"9"]


def test_an_older_copy_put_in_place_is_gone_on_with(tmp_path: Path) -> None:
    with Writer(tmp_path, 0, SMALL) as writer:
        write(writer, b"1", b"2")
    shutil.copytree(tmp_path, tmp_path.with_name("backup"))
    with Writer(tmp_path, 0, SMALL) as writer:
        write(writer, *[b"x"] * 20)
    reader = Reader(tmp_path)
    assert len(read_all(reader)) == 22
    shutil.rmtree(tmp_path)
    tmp_path.with_name("backup").rename(tmp_path)
    reader = Reader(tmp_path, reader.cursor)
    with Writer(tmp_path, 0, SMALL) as writer:
        assert read_all(reader) == []
        write(writer, b"3")
        assert chunks(read_all(reader)) == [b"3"]
    assert reader.counters["journal_read_rewinds"] == 1


def test_the_spool_is_emptied_behind_its_reader(tmp_path: Path) -> None:
    with Writer(tmp_path, 0, SMALL) as spool, Reader(tmp_path) as reader:
        for turn in range(9):
            spool.add(turn, RecordKind.LINES, 0, 0, b"frames,station=CP-1 n=%di\n" % turn + b"#" * 40_000)
            assert spool.flush_sync(durable=True)
        assert len(segments(tmp_path)) == 3
        assert delete_below(tmp_path, Cursor()) == (0, 0)
        taken = reader.read(3)
        assert delete_below(tmp_path, reader.cursor).segments == 1
        rest = read_all(Reader(tmp_path, reader.cursor))
        assert [r.at_ns for r in taken + rest] == list(range(9))
        assert gaps(rest) == []
        read_all(reader)
        assert delete_below(tmp_path, reader.cursor).segments == 1
        assert len(segments(tmp_path)) == 1, "the last one says where the sequence goes on"
