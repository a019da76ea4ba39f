"""The writer: what it promises to the relay, and what it leaves on disk when things go wrong."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
import trio
from tests.support.journal import (
    SMALL,
    chunk,
    chunks,
    crash,
    files_no_larger_than,
    flip,
    gaps,
    journal_of,
    read_all,
    segments,
    write,
)

from nocwatch.journal.blocks import HEADER_SIZE, RECORD_DATA_MAX, BlockFlag
from nocwatch.journal.errors import JournalError
from nocwatch.journal.inspect import stat, verify
from nocwatch.journal.lane import RESUME_SKIP
from nocwatch.journal.reader import Reader
from nocwatch.journal.segments import SegmentFile
from nocwatch.journal.settings import JournalSettings
from nocwatch.journal.writer import Writer
from nocwatch.records import Record, RecordKind


def test_a_poll_batch_comes_back_with_its_connections_and_directions(tmp_path: Path) -> None:
    keys, data = [7 << 1, 7 << 1 | 1, 8 << 1], [b"call", b"result", b""]
    with Writer(tmp_path, 0, SMALL) as writer:
        writer.add(99, RecordKind.LINK, 7, 0, b'{"event":"open"}')
        writer.add_chunks(100, keys, data)
        keys.clear()
        data.clear()  # the relay uses its lists again
        writer.add(101, RecordKind.TICK, 0, 0, b"{}")
    records = journal_of(tmp_path)
    assert [(r.sequence, r.at_ns, r.kind, r.connection, r.direction, r.data) for r in records] == [
        (1, 99, RecordKind.LINK, 7, 0, b'{"event":"open"}'),
        (2, 100, RecordKind.CHUNK, 7, 0, b"call"),
        (3, 100, RecordKind.CHUNK, 7, 1, b"result"),
        (4, 100, RecordKind.CHUNK, 8, 0, b""),
        (5, 101, RecordKind.TICK, 0, 0, b"{}"),
    ]
    assert writer.counters["journal_records"] == 5
    assert writer.counters["journal_bytes"] == 16 + 10 + 2


def test_a_restarted_relay_continues_the_sequence(tmp_path: Path) -> None:
    for turn in range(3):
        with Writer(tmp_path, 0, SMALL) as writer:
            assert writer.next_sequence == 1 + turn
            chunk(writer, b"%d" % turn)
    assert [(r.sequence, r.data) for r in journal_of(tmp_path)] == [(1, b"0"), (2, b"1"), (3, b"2")]


def test_a_new_segment_begins_with_the_links_that_are_open_then(tmp_path: Path) -> None:
    live: list[tuple[int, bytes]] = []
    with Writer(tmp_path, 0, SMALL, lambda: live) as writer:
        chunk(writer, b"a" * 70_000)
        assert writer.flush_sync()
        chunk(writer, b"still in the first segment")
        live.append((5, b'{"event":"live","station":"CP-5"}'))
        assert writer.flush_sync()  # the first segment is full: what was added before stays in it
        chunk(writer, b"after")
    first, second = segments(tmp_path)
    records = journal_of(tmp_path)
    assert second.first_sequence == 3
    assert [(r.sequence, r.kind, r.connection) for r in records[2:]] == [
        (3, RecordKind.LINK, 5),
        (4, RecordKind.CHUNK, 7),
    ]
    first.path.unlink()
    assert [r.data for r in journal_of(tmp_path)] == [live[0][1], b"after"]


def test_an_old_segment_is_sealed_though_little_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time_ns()
    monkeypatch.setattr("nocwatch.clock.now_ns", lambda: now)
    with Writer(tmp_path, 0, SMALL) as writer:
        write(writer, b"morning")
        now += 3600 * 10**9
        write(writer, b"later", b"and later")
    assert len(segments(tmp_path)) == 2


def test_a_full_buffer_drops_counts_and_leaves_a_gap_in_place(tmp_path: Path) -> None:
    with Writer(tmp_path, 0, SMALL) as writer:
        for turn in range(30):
            chunk(writer, b"%02d" % turn + b"x" * 99_998)
        dropped = writer.counters["journal_dropped_records"]
        assert dropped == 20
        assert writer.flush_sync()
        chunk(writer, b"again")
    records = journal_of(tmp_path)
    assert [data[:2] for data in chunks(records)] == [b"%02d" % turn for turn in range(10)] + [b"ag"]
    assert [r.kind for r in records[10:]] == [RecordKind.GAP, RecordKind.CHUNK]
    [gap] = gaps(records)
    assert (gap.records, gap.bytes, gap.reason) == (20, 2_000_000, "slow_disk")
    assert [r.sequence for r in records] == list(range(1, 13))


def test_links_and_ticks_have_room_where_chunks_have_none(tmp_path: Path) -> None:
    with Writer(tmp_path, 0, SMALL) as writer:
        for _ in range(30):
            chunk(writer, b"x" * 100_000)
        writer.add(5, RecordKind.LINK, 9, 0, b'{"event":"open"}')
    records = journal_of(tmp_path)
    assert [r.kind for r in records[-2:]] == [RecordKind.GAP, RecordKind.LINK]


def test_a_record_beyond_the_limit_is_dropped_and_counted(tmp_path: Path) -> None:
    settings = JournalSettings.model_validate({"buffer_max": "64MiB"})
    with Writer(tmp_path, 0, settings) as writer:
        writer.add(1, RecordKind.LINES, 0, 0, bytes(RECORD_DATA_MAX + 1))
        writer.add(1, RecordKind.LINES, 0, 0, bytes(RECORD_DATA_MAX))
        chunk(writer, b"x")
    assert [(r.kind, len(r.data)) for r in journal_of(tmp_path)][1:] == [
        (RecordKind.LINES, RECORD_DATA_MAX),
        (RecordKind.CHUNK, 1),
    ]
    assert writer.counters["journal_dropped_bytes"] == RECORD_DATA_MAX + 1


def test_a_second_relay_is_told_who_holds_the_lane(tmp_path: Path) -> None:
    with Writer(tmp_path, 0, SMALL):
        with pytest.raises(
            JournalError, match=rf"lane-0: another relay writes to this lane \(process {os.getpid()}\)"
        ):
            Writer(tmp_path, 0, SMALL)
        Writer(tmp_path, 1, SMALL).close()
    Writer(tmp_path, 0, SMALL).close()


def test_a_folder_without_rights_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        JournalError, match="file/lane-0: the journal cannot be opened for writing: Not a directory"
    ):
        Writer(tmp_path / "file", 0, SMALL)


def test_a_torn_tail_is_cut_at_any_byte_and_its_numbers_are_not_given_again(tmp_path: Path) -> None:
    with_header = 0
    for length in range(0, HEADER_SIZE + 21 + 4, 3):
        root = tmp_path / str(length)
        writer = Writer(root, 0, SMALL)
        write(writer, b"kept")
        size = writer._file.size
        write(writer, b"torn")
        crash(writer)
        os.truncate(segments(root)[0].path, size + length)
        with Writer(root, 0, SMALL) as writer:
            assert writer.counters["journal_torn_bytes"] == length
            chunk(writer, b"new")
        records = journal_of(root)
        assert chunks(records) == [b"kept", b"new"]
        if length >= HEADER_SIZE:
            with_header += 1
            assert [(g.reason, g.records) for g in gaps(records)] == [("hole", 1)]
        else:
            assert gaps(records) == []
    assert with_header


def test_after_a_loss_of_power_numbers_that_readers_may_have_seen_are_left_out(tmp_path: Path) -> None:
    writer = Writer(tmp_path, 0, SMALL)
    write(writer, b"before")
    crash(writer)
    lock = tmp_path / "lane-0" / "lock"
    lock.write_bytes(msgspec.json.encode({"pid": 1, "boot": "another run of the machine"}))
    with Writer(tmp_path, 0, SMALL) as writer:
        assert writer.next_sequence == 2 + RESUME_SKIP
        write(writer, b"after", b"after too")
    records = journal_of(tmp_path)
    assert [(r.sequence, r.kind) for r in records] == [
        (1, RecordKind.CHUNK),
        (2, RecordKind.GAP),
        (2 + RESUME_SKIP, RecordKind.CHUNK),
        (3 + RESUME_SKIP, RecordKind.CHUNK),
    ]
    assert [(g.reason, g.records) for g in gaps(records)] == [("unclean_start", 0)]
    with SegmentFile(segments(tmp_path)[0]) as file:
        flags = [header.flags for _, header in file.headers()]
    assert flags == [0, BlockFlag.RESUMED, 0, BlockFlag.END]


def test_a_damaged_end_leaves_numbers_out_too(tmp_path: Path) -> None:
    """Nobody knows what the last block held, and a reader may have read it while it was good."""
    writer = Writer(tmp_path, 0, SMALL)
    write(writer, b"before", b"read, then damaged")
    crash(writer)
    flip(segments(tmp_path)[0].path, HEADER_SIZE + 21 + 6 + 16)
    with Writer(tmp_path, 0, SMALL) as writer:
        assert writer.next_sequence == 2 + RESUME_SKIP


def test_a_reboot_after_a_good_end_leaves_nothing_out(tmp_path: Path) -> None:
    with Writer(tmp_path, 0, SMALL) as writer:
        chunk(writer, b"before")
    (tmp_path / "lane-0" / "lock").write_bytes(msgspec.json.encode({"pid": 1, "boot": "another run"}))
    with Writer(tmp_path, 0, SMALL) as writer:
        assert writer.next_sequence == 2


def test_a_segment_of_zeros_after_a_loss_of_power_does_not_keep_the_relay_from_starting(
    tmp_path: Path,
) -> None:
    writer = Writer(tmp_path, 0, SMALL)
    write(writer, b"a" * 70_000, b"b", b"c")
    crash(writer)
    last = segments(tmp_path)[-1].path
    last.write_bytes(bytes(last.stat().st_size))
    with Writer(tmp_path, 0, SMALL) as writer:
        chunk(writer, b"new")
    records = journal_of(tmp_path)
    assert chunks(records) == [b"a" * 70_000, b"b", b"new"]
    assert [g.reason for g in gaps(records)] == ["corrupt"]


def test_an_empty_segment_left_by_a_crash_is_gone_on_with(tmp_path: Path) -> None:
    writer = Writer(tmp_path, 0, SMALL)
    write(writer, b"a" * 70_000, b"b", b"c")
    crash(writer)
    os.truncate(segments(tmp_path)[-1].path, 0)
    with Writer(tmp_path, 0, SMALL) as writer:
        chunk(writer, b"new")
    assert len(segments(tmp_path)) == 2
    assert chunks(journal_of(tmp_path)) == [b"a" * 70_000, b"b", b"new"]


def test_good_blocks_behind_a_damaged_one_are_not_cut(tmp_path: Path) -> None:
    writer = Writer(tmp_path, 0, SMALL)
    write(writer, b"1", b"2", b"3")
    crash(writer)
    flip(segments(tmp_path)[0].path, HEADER_SIZE + 22 + 3)
    with Writer(tmp_path, 0, SMALL) as writer:
        assert writer.counters["journal_torn_bytes"] == 0
        chunk(writer, b"4")
    assert chunks(journal_of(tmp_path)) == [b"1", b"3", b"4"]


def test_a_full_disk_loses_only_what_does_not_fit_the_buffer(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    with Writer(tmp_path, 0, SMALL) as writer:
        chunk(writer, b"first" * 4000)
        assert writer.flush_sync()
        with files_no_larger_than(40_000):
            for turn in range(3):
                chunk(writer, b"%d" % turn * 30_000)
                assert not writer.flush_sync()
            assert segments(tmp_path)[0].path.stat().st_size <= 40_000
            assert chunks(read_all(reader)) == [b"first" * 4000]
        assert writer.counters["journal_write_errors"] == 3
        assert writer.counters["journal_dropped_records"] == 0
        assert writer.flush_sync()
        assert chunks(read_all(reader)) == [b"0" * 30_000, b"1" * 30_000, b"2" * 30_000]
        with files_no_larger_than(1000):
            for _ in range(30):
                chunk(writer, b"z" * 100_000)
                assert not writer.flush_sync()
        lost = writer.counters["journal_dropped_records"]
        assert writer.flush_sync()
    [gap] = gaps(read_all(reader))
    assert lost > 10
    assert (gap.records, gap.bytes, gap.reason) == (lost, lost * 100_000, "disk_full")
    assert writer.counters["journal_records"] == 1 + 3 + 30 - lost + 1
    assert reader.counters["journal_read_corrupt_bytes"] == 0, "half-written blocks are cut away"
    assert verify(tmp_path).findings == ()
    reader.close()


def test_what_a_full_disk_refuses_at_the_end_is_counted(tmp_path: Path) -> None:
    writer = Writer(tmp_path, 0, SMALL)
    write(writer, b"x")
    chunk(writer, b"y" * 5000)
    writer.add(1, RecordKind.TICK, 0, 0, b"{}")
    with files_no_larger_than(1000):
        writer.close()
    assert (writer.counters["journal_dropped_records"], writer.counters["journal_dropped_bytes"]) == (2, 5002)
    assert chunks(journal_of(tmp_path)) == [b"x"]


def test_a_disk_that_is_full_to_the_end_counts_each_lost_record_once_and_not_the_gaps_that_tell_of_them(
    tmp_path: Path,
) -> None:
    writer = Writer(tmp_path, 0, SMALL)
    write(writer, b"x")
    added = 0
    with files_no_larger_than(1000):
        while not writer.counters["journal_dropped_records"]:
            chunk(writer, b"y" * 50_000)
            added += 1
        writer.add(1, RecordKind.LINK, 1, 0, b"{}")  # takes of the reserve, behind a GAP
        assert not writer.flush_sync()
        writer.close()
    counters = writer.counters
    assert (counters["journal_dropped_records"], counters["journal_dropped_bytes"]) == (
        added + 1,
        added * 50_000 + 2,
    )
    assert chunks(journal_of(tmp_path)) == [b"x"]


@pytest.fixture
def small_disk(tmp_path: Path) -> object:
    """A file system of one mebibyte; only where this process may mount one. The same story without it is told above."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=40", "none", folder],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("may not mount a file system here; files_no_larger_than covers the writer's part")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_really_full_disk(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    root = small_disk / "journal"
    with (
        Writer(root, 0, SMALL.model_copy(update={"buffer_max": 256 << 10})) as writer,
        Reader(root) as reader,
    ):
        write(writer, b"a" * 30_000)
        ballast.write_bytes(bytes(900_000))
        for turn in range(40):
            chunk(writer, b"%02d" % turn + b"b" * 49_998)
            writer.flush_sync()
        assert writer.counters["journal_write_errors"] > 0
        ballast.unlink()
        assert writer.flush_sync()
        dropped = writer.counters["journal_dropped_records"]
        assert dropped > 0
        records = read_all(reader)
        assert len(chunks(records)) == 41 - dropped
        assert [(g.records, g.reason) for g in gaps(records)] == [(dropped, "disk_full")]


def test_a_relay_starts_on_a_disk_without_room_and_journals_once_there_is(small_disk: Path) -> None:
    number = 0
    with suppress(OSError):
        while True:
            (small_disk / f"inode-{number}").touch()
            number += 1
    root = small_disk / "journal"
    writer = Writer(root, 0, SMALL)
    chunk(writer, b"first")
    assert not writer.flush_sync()
    assert not root.exists()
    assert writer.counters["journal_write_errors"] == 2
    for path in small_disk.iterdir():
        path.unlink()
    assert writer.flush_sync()
    writer.close()
    assert chunks(journal_of(root)) == [b"first"]


def test_a_lane_that_could_not_be_opened_for_want_of_room_is_opened_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(folder: Path) -> None:
        raise JournalError("no room", folder) from OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("nocwatch.journal.writer.LaneLock", no_room)
        writer = Writer(tmp_path, 0, SMALL, lambda: [(3, b'{"event":"live"}')])
        chunk(writer, b"first")
        assert not writer.flush_sync()
    assert writer.flush_sync()
    writer.close()
    assert [(r.sequence, r.data) for r in journal_of(tmp_path)] == [(1, b'{"event":"live"}'), (2, b"first")]


async def until(done: Callable[[], object]) -> None:
    """Another thread writes here; there is nothing to wait on but the file."""
    with trio.fail_after(10):
        while not done():
            await trio.sleep(0.005)


async def test_the_task_writes_by_itself_and_ends_in_good_order(tmp_path: Path) -> None:
    writer = Writer(tmp_path, 0, SMALL)
    found: list[Record] = []
    with Reader(tmp_path) as reader:
        async with trio.open_nursery() as nursery:
            await nursery.start(writer.run)
            chunk(writer, b"soon there")
            await until(lambda: found.extend(reader.read()) or found)
            assert chunks(found) == [b"soon there"]
            chunk(writer, b"at the last moment")
            nursery.cancel_scope.cancel()
        assert chunks(reader.read()) == [b"at the last moment"]
    [lane] = stat(tmp_path)
    assert (lane.ended, lane.live) == (True, False)


async def test_what_was_written_is_put_on_disk_within_a_second_or_so(tmp_path: Path) -> None:
    writer = Writer(tmp_path, 0, SMALL)
    async with trio.open_nursery() as nursery:
        await nursery.start(writer.run)
        chunk(writer, b"x")
        await until(lambda: writer.counters["journal_syncs"])
        nursery.cancel_scope.cancel()


async def test_the_task_lives_through_a_full_disk(tmp_path: Path) -> None:
    writer = Writer(tmp_path, 0, SMALL)
    found: list[Record] = []
    with Reader(tmp_path) as reader:
        async with trio.open_nursery() as nursery:
            await nursery.start(writer.run)
            with files_no_larger_than(100):
                chunk(writer, b"x" * 500)
                await until(lambda: writer.counters["journal_write_errors"] >= 2)
            await until(lambda: found.extend(reader.read()) or found)
            assert chunks(found) == [b"x" * 500]
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize("passes", [True, False])
def test_a_system_that_gives_no_thread_for_a_while_is_a_disk_that_does_not_answer(
    tmp_path: Path, *, passes: bool
) -> None:
    # In a process of its own, since threads that were begun before are kept for a while and would be used again.
    program = textwrap.dedent(
        """
        import sys, threading
        from pathlib import Path
        import trio
        from nocwatch.journal.settings import JournalSettings
        from nocwatch.journal.writer import Writer

        async def main():
            writer = Writer(Path(sys.argv[1]), 0, JournalSettings())
            threading.stack_size(1 << 47)  # more than there are addresses: no thread can be begun
            async with trio.open_nursery() as nursery:
                await nursery.start(writer.run)
                writer.add_chunks(1, [2], [b"seen in a bad hour"])
                with trio.fail_after(20):
                    while writer.counters["journal_write_errors"] < 3:
                        await trio.sleep(0.005)
                    assert writer.counters["journal_records"] == 0
                    if sys.argv[2] == "True":
                        threading.stack_size(0)
                    while sys.argv[2] == "True" and writer.counters["journal_syncs"] == 0:
                        await trio.sleep(0.005)
                writer.add_chunks(2, [2], [b"seen at the end"])
                nursery.cancel_scope.cancel()

        trio.run(main)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path, str(passes)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert chunks(journal_of(tmp_path)) == [b"seen in a bad hour", b"seen at the end"]
    assert (done.stdout + done.stderr).count("can't start new thread") == 1
    assert ("journal_disk_works_again" in done.stdout + done.stderr) == passes


def test_kill_9_loses_nothing_that_was_added_a_second_before(tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        import trio
        from nocwatch.journal.settings import JournalSettings
        from nocwatch.journal.writer import Writer

        async def main():
            settings = JournalSettings.model_validate({"segment_size": "64KiB"})
            writer = Writer(Path(sys.argv[1]), 0, settings)
            async with trio.open_nursery() as nursery:
                await nursery.start(writer.run)
                serial = 0
                while True:
                    now = time.time_ns()
                    writer.add_chunks(now, [2] * 20, [b"%d:" % (serial + n) + b"x" * 200 for n in range(20)])
                    serial += 20
                    print(serial, now, flush=True)
                    await trio.sleep(0.002)

        trio.run(main)
        """
    )
    process = subprocess.Popen([sys.executable, "-c", program, tmp_path], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    seen: list[tuple[int, int]] = []
    for line in process.stdout:
        serial, at_ns = map(int, line.split())
        seen.append((serial, at_ns))
        if at_ns - seen[0][1] > 1_600_000_000:
            break
    process.send_signal(signal.SIGKILL)
    killed_ns = time.time_ns()
    process.wait()
    process.stdout.close()
    with Writer(tmp_path, 0, SMALL) as writer:
        chunk(writer, b"the next relay")
    found = chunks(journal_of(tmp_path))
    assert found.pop() == b"the next relay"
    assert [int(data.split(b":")[0]) for data in found] == list(range(len(found)))
    safe = max(serial for serial, at_ns in seen if at_ns < killed_ns - 1_000_000_000)
    assert safe > 0
    assert len(found) >= safe
    assert len(segments(tmp_path)) > 1
