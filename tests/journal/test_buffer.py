"""What waits in memory: bounded, in order, honest about what it dropped."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

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


def everything(buffer: Buffer) -> list[tuple[RecordKind, bytes]]:
    return [
        (RecordKind(kind), data)
        for batch in drained(buffer)
        for kind, data in zip(batch.kinds, batch.chunks, strict=True)
    ]


def test_an_hour_of_a_full_disk_is_one_hole_however_many_link_events_pass_in_it() -> None:
    """The reserve is for them, and not for the GAPs between them."""
    counters = dict.fromkeys(COUNTERS, 0)
    buffer = Buffer(MIB, counters)
    buffer.reason = "disk_full"
    while not counters["journal_dropped_records"]:
        buffer.add_chunks(1, [2], [bytes(1000)])
    passed = 0
    for number in range(200):
        buffer.add(2, RecordKind.LINK, number, 0, b"{}")
        buffer.add_chunks(3, [number << 1] * 2, [b"lost", b"lost too"])
        passed += 1
    assert counters["journal_dropped_records"] == 1 + 2 * passed
    buffer.done(buffer.cost // 2)
    buffer.add_chunks(4, [2], [b"again"])
    records = everything(buffer)
    assert [data for kind, data in records if kind is RecordKind.LINK] == [b"{}"] * passed
    gaps = [msgspec.json.decode(data, type=Gap) for kind, data in records if kind is RecordKind.GAP]
    assert gaps == [
        Gap(records=1, bytes=1000, reason="disk_full"),
        Gap(records=2 * passed, bytes=passed * len(b"lostlost too"), reason="disk_full"),
    ]
    assert [kind for kind, _ in records[-2:]] == [RecordKind.GAP, RecordKind.CHUNK]


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("chunks"), st.lists(st.integers(500, 3_000), min_size=1, max_size=3)),
        st.tuples(st.just("link"), st.lists(st.integers(1, 300), min_size=1, max_size=3)),
        st.tuples(st.just("lines"), st.lists(st.integers(1, 1_000), min_size=1, max_size=1)),
        st.tuples(st.sampled_from(["write", "settle"]), st.just([])),
    ),
    min_size=4,
    max_size=60,
)


class Overflowing:
    """A small buffer, all that it was offered, and all that left it.

    Attributes:
        offered: name of each record, and whether it was dropped.
        written: kinds and data.
    """

    def __init__(self) -> None:
        self.counters = dict.fromkeys(COUNTERS, 0)
        self.buffer = Buffer(8 << 10, self.counters)
        self.offered: list[tuple[bytes, bool]] = []
        self.written: list[tuple[RecordKind, bytes]] = []

    def step(self, what: str, sizes: list[int]) -> None:
        if what == "chunks":
            data = [self._named(index, size) for index, size in enumerate(sizes)]
            self._offer(lambda: self.buffer.add_chunks(1, [2] * len(data), data), data)
        elif what in ("link", "lines"):
            kind = RecordKind[what.upper()]
            for size in sizes:
                data = [self._named(0, size)]
                self._offer(lambda data=data: self.buffer.add(1, kind, 1, 0, data[0]), data)  # type: ignore[misc]
        elif what == "write" and (batch := self.buffer.take()) is not None:
            self._keep(batch)
            self.buffer.done(batch.cost)
        elif what == "settle":
            self.buffer.settle()

    def end(self) -> None:
        self.buffer.settle()
        for batch in drained(self.buffer):
            self._keep(batch)

    def _named(self, index: int, size: int) -> bytes:
        return b"%08d" % (len(self.offered) + index) + bytes(size)

    def _offer(self, add: Callable[[], None], data: list[bytes]) -> None:
        before = self.counters["journal_dropped_records"]
        add()
        dropped = self.counters["journal_dropped_records"] - before
        assert dropped in (0, len(data))
        self.offered += [(each[:8], dropped > 0) for each in data]

    def _keep(self, batch: Batch) -> None:
        self.written += zip(map(RecordKind, batch.kinds), batch.chunks, strict=True)


@given(_STEPS)
@example(
    [
        ("chunks", [500, 2055]),
        ("chunks", [500, 1513, 3000]),
        ("link", [1]),
        ("chunks", [500]),
        ("chunks", [2900]),
        ("link", [1]),
    ]
)
@settings(deadline=None, max_examples=300)
def test_what_was_dropped_and_what_the_gaps_say_is_the_same_whatever_came_and_went(
    steps: list[tuple[str, list[int]]],
) -> None:
    story = Overflowing()
    for what, sizes in steps:
        story.step(what, sizes)
    story.end()
    written = story.written
    gaps = [msgspec.json.decode(data, type=Gap) for kind, data in written if kind is RecordKind.GAP]
    assert sum(gap.records for gap in gaps) == story.counters["journal_dropped_records"]
    assert sum(gap.bytes for gap in gaps) == story.counters["journal_dropped_bytes"]
    assert all(gap.records for gap in gaps)
    places = {data[:8]: place for place, (kind, data) in enumerate(written) if kind is not RecordKind.GAP}
    marks = [place for place, (kind, _) in enumerate(written) if kind is RecordKind.GAP]
    last, lost, told = -1, False, False
    for name, dropped in story.offered:
        if dropped:
            lost = True
            continue
        place = places[name]
        ends = written[place][0] is not RecordKind.LINK
        if lost and (ends or not told):
            assert any(last < mark < place for mark in marks), (name, last, place)
            lost, told = False, True
        told = told and not ends
        last = place


@given(_STEPS)
@settings(deadline=None, max_examples=300)
def test_between_two_chunks_stand_no_more_than_two_gaps(steps: list[tuple[str, list[int]]]) -> None:
    story = Overflowing()
    for what, sizes in steps:
        if what != "settle":  # the disk works again: whatever is lost after that is another hole
            story.step(what, sizes)
    story.end()
    between = 0
    for kind, _ in story.written:
        between = 0 if kind not in (RecordKind.GAP, RecordKind.LINK) else between + (kind is RecordKind.GAP)
        assert between <= 2
