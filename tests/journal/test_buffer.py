"""What waits in memory: bounded, in order, honest about what it dropped."""

from __future__ import annotations

import msgspec

from nocwatch.journal.buffer import BATCH_BYTES, RECORD_COST, Batch, Buffer
from nocwatch.journal.counters import COUNTERS
from nocwatch.moments import SECOND_NS
from nocwatch.records import Gap, RecordKind

MIB = 1 << 20


def drained(buffer: Buffer) -> list[Batch]:
    batches = []
    while (batch := buffer.take()) is not None:
        batches.append(batch)
    return batches


def test_after_an_overflow_nothing_is_taken_until_there_is_a_quarter_of_room() -> None:
    counters = dict.fromkeys(COUNTERS, 0)
    buffer = Buffer(MIB, counters)
    size = MIB // 16 - RECORD_COST
    for number in range(17):
        buffer.add_chunks(number, [2], [bytes(size)])
    assert (counters["journal_dropped_records"], buffer.cost) == (1, MIB)
    buffer.done(2 * (size + RECORD_COST))
    buffer.add_chunks(17, [2], [bytes(size)])
    assert counters["journal_dropped_records"] == 2
    buffer.done(3 * (size + RECORD_COST))
    buffer.reason = "disk_full"
    buffer.add_chunks(18, [2], [b"again"])
    last = drained(buffer)[-1]
    assert bytes(last.kinds[-2:]) == bytes([RecordKind.GAP, RecordKind.CHUNK])
    assert msgspec.json.decode(last.chunks[-2], type=Gap) == Gap(
        records=2, bytes=2 * size, reason="disk_full"
    )
    assert last.chunks[-1] == b"again"
    assert counters["journal_dropped_bytes"] == 2 * size


def test_when_the_last_observation_was_lost_is_kept_with_how_many() -> None:
    counters = dict.fromkeys(COUNTERS, 0)
    buffer = Buffer(MIB, counters)
    buffer.add(5 * SECOND_NS, RecordKind.CHUNK, 1, 0, b"taken")
    assert counters["journal_dropped_timestamp_seconds"] == 0
    buffer.add_chunks(7 * SECOND_NS, [2], [bytes(MIB)])
    buffer.add(9 * SECOND_NS, RecordKind.TICK, 0, 0, b"taken: the reserve is for ticks")
    assert counters["journal_dropped_timestamp_seconds"] == 7


def test_batches_are_short_enough_for_one_write_each() -> None:
    buffer = Buffer(64 * MIB, dict.fromkeys(COUNTERS, 0))
    for _ in range(100):
        buffer.add_chunks(1, [2] * 10, [bytes(2000)] * 10)
    batches = drained(buffer)
    assert sum(len(batch.times) for batch in batches) == 1000
    assert max(batch.cost for batch in batches) < 2 * BATCH_BYTES


def test_a_new_segment_begins_between_what_was_added_before_and_after() -> None:
    buffer = Buffer(MIB, dict.fromkeys(COUNTERS, 0))
    buffer.add_chunks(1, [2], [b"before"])
    buffer.add_live(2, [(7, b"{}")], begins_segment=True)
    buffer.add_chunks(3, [14], [b"after"])
    assert [(batch.begins_segment, batch.chunks) for batch in drained(buffer)] == [
        (False, [b"before"]),
        (True, [b"{}", b"after"]),
    ]
