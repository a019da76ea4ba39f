"""The journal against a plain dict, with crashes, torn tails, flipped bits and restarts in any order."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.support.journal import ROOMY, chunk, crash, flip, read_all, segments

from nocwatch.journal.cursor import load_cursor, save_cursor
from nocwatch.journal.reader import Reader
from nocwatch.journal.writer import Writer
from nocwatch.records import Gap, RecordKind

data_sizes = st.lists(st.sampled_from([0, 1, 5, 100, 30_000]), min_size=1, max_size=6)


class JournalMachine(RuleBasedStateMachine):
    """One lane, one writer at a time, one reader that may be restarted from its saved cursor.

    The model is what has reached the disk: sequence → data. The reader must give exactly that, each once, in order; where
    something cannot be read, a GAP record stands in its place and says how many records it stands for.
    """

    @initialize()
    def begin(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="journal-"))
        self.model: dict[int, bytes] = {}
        self.added: list[bytes] = []
        self.serial = 0
        self.faults = 0
        self.delivered = 0
        self.expected: int | None = None
        self.writer = Writer(self.root, 0, ROOMY)
        self.reader = Reader(self.root)

    def teardown(self) -> None:
        if hasattr(self, "root"):
            crash(self.writer)
            self.reader.close()
            shutil.rmtree(self.root)

    def written(self, before: int) -> None:
        assert self.writer.next_sequence == before + len(self.added)
        self.model.update(enumerate(self.added, before))
        self.added = []

    @rule(sizes=data_sizes)
    def add(self, sizes: list[int]) -> None:
        for size in sizes:
            self.serial += 1
            data = (b"%d:" % self.serial).ljust(size, b"x")
            chunk(self.writer, data, at_ns=self.serial)
            self.added.append(data)

    @rule()
    def flush(self) -> None:
        before = self.writer.next_sequence
        assert self.writer.flush_sync()
        self.written(before)

    @rule()
    def restart_in_good_order(self) -> None:
        before = self.writer.next_sequence
        self.writer.close()
        self.written(before)
        self.open_writer()

    @rule()
    def kill(self) -> None:
        crash(self.writer)
        self.added = []
        self.open_writer()

    @precondition(lambda self: self.added)
    @rule(share=st.floats(0, 0.999))
    def kill_while_writing(self, share: float) -> None:
        """Some prefix of the last write is in the file, cut at any byte."""
        found = segments(self.root)
        name, size = (found[-1].path, found[-1].path.stat().st_size) if found else (None, 0)
        first = self.writer.next_sequence
        assert self.writer.flush_sync()
        last = segments(self.root)[-1].path
        kept = size if last == name else 0
        length = kept + int((last.stat().st_size - kept) * share)
        with last.open("r+b") as file:
            file.truncate(length)
        crash(self.writer)
        # What of it is whole is the model's to know: a reader of our own tells, as verify does.
        with Reader(self.root) as probe:
            whole = {record.sequence for record in read_all(probe) if record.kind is RecordKind.CHUNK}
        self.model.update({first + n: data for n, data in enumerate(self.added) if first + n in whole})
        self.added = []
        self.open_writer()

    @precondition(lambda self: self.model and self.faults < 3)
    @rule(place=st.floats(0, 0.9999), bit=st.integers(0, 7), which=st.integers(0, 5))
    def rot(self, place: float, bit: int, which: int) -> None:
        found = [each for each in segments(self.root) if each.path.stat().st_size]
        if found:
            path = found[which % len(found)].path
            flip(path, int(path.stat().st_size * place), bit)
            self.faults += 1

    def open_writer(self) -> None:
        before = max(self.model, default=0)
        self.writer = Writer(self.root, 0, ROOMY)
        if not self.faults:
            assert self.writer.next_sequence > before, "a number would be given twice"

    @rule(most=st.integers(1, 50))
    def read(self, most: int) -> None:
        for record in self.reader.read(most):
            if self.expected is not None and record.kind is RecordKind.CHUNK:
                assert record.sequence == self.expected, "a hole without a GAP, or something twice"
            self.expected = record.sequence + 1
            if record.kind is RecordKind.GAP:
                gap = msgspec.json.decode(record.data, type=Gap)
                self.expected = record.sequence + gap.records if gap.records else None
            else:
                assert self.model[record.sequence] == record.data
                self.delivered += 1

    @rule()
    def restart_reader(self) -> None:
        save_cursor(self.root / "cursor", self.reader.cursor)
        self.reader.close()
        self.reader = Reader(self.root, load_cursor(self.root / "cursor"))

    @rule()
    def read_to_the_end(self) -> None:
        while True:
            before = self.reader.counters["journal_read_records"]
            self.read(50)
            if self.reader.counters["journal_read_records"] == before:
                break
        if not self.faults:
            assert self.delivered == len(self.model)

    @invariant()
    def nothing_is_dropped(self) -> None:
        if hasattr(self, "writer"):
            assert self.writer.counters["journal_dropped_records"] == 0


JournalMachine.TestCase.settings = settings(deadline=None, max_examples=60, stateful_step_count=30)
TestJournalMachine = JournalMachine.TestCase
