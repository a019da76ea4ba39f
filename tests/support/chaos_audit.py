"""The chaos's auditor: follows the journal while it is written and compares every chunk with the stream it must be of.

A process of its own, so that an hour of floods need not lie on disk at its end: what it has read, retention may delete.
Which stream a link carries it learns from the stream's first bytes, which name it. Behind a GAP nobody knows how much is
missing: each stream that was under way is found again by its bytes, and compared from there on.

``SIGTERM``: the relay has ended; it reads to the end and goes.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import threading
from pathlib import Path

import msgspec
from tests.support.chaos_plan import HELLO, Plan, Recipe, Stream, Streams, plan_of, read_hello
from tests.support.chaos_tally import AUDIT_COUNTS, Faults, Tally

from nocwatch.journal.reader import Reader
from nocwatch.records import Gap, Record, RecordKind

POLL_S = 0.1
ANCHOR = 96
"""Bytes by which a stream is found again: longer than what OCPP frames have in common."""
_WRITERS_OWN = frozenset({"disk_full", "slow_disk", "write_error"})


class Way:
    """One direction of one connection.

    Attributes:
        at: position of the next byte; None where it is not known, since the beginning or a gap.
        whole: nothing is missing so far.
        early: first bytes, too few yet to hold the name.
    """

    __slots__ = ("at", "early", "stream", "whole")

    def __init__(self, *, whole: bool) -> None:
        self.at: int | None = 0 if whole else None
        self.stream: Stream | None = None
        self.whole = whole
        self.early = b""


class Heard:
    """One connection in the journal."""

    __slots__ = ("began_ns", "lane", "plan", "station", "tls", "ways")

    def __init__(self, record: Record, event: dict[str, str], *, whole: bool) -> None:
        self.station = event["station"]
        self.tls = event["tls"]
        self.lane = record.lane
        self.began_ns = record.at_ns
        self.plan: Plan | None = None
        self.ways = (Way(whole=whole), Way(whole=whole))


class Audit:
    def __init__(self, recipe: Recipe, tally: Tally, faults: Faults) -> None:
        self._recipe = recipe
        self._streams = Streams(recipe)
        self._tally = tally
        self._faults = faults
        self._heard: dict[int, Heard] = {}

    def take(self, record: Record) -> None:
        self._tally.add("records")
        if record.kind is RecordKind.CHUNK:
            self._chunk(record)
        elif record.kind is RecordKind.LINK and record.connection:
            self._link(record)
        elif record.kind is RecordKind.GAP:
            self._gap(record)

    def _link(self, record: Record) -> None:
        event = msgspec.json.decode(record.data)
        name = event["event"]
        if name == "open":
            self._tally.add("opened")
            self._heard[record.connection] = Heard(record, event, whole=True)
        elif name == "refused":
            self._tally.add("refused")
        elif name == "live" and record.connection not in self._heard:
            # Its opening is in a gap, or the disk was full when a segment began.
            self._heard[record.connection] = Heard(record, event, whole=False)
            if not self._tally["gaps"]:
                self._fault("an unheard-of link lives, and no gap hides its opening", record)
        elif name == "closed":
            self._tally.add("closed")
            heard = self._heard.pop(record.connection, None)
            if heard is not None:
                self._closed(heard, event)

    def _closed(self, heard: Heard, event: dict[str, str]) -> None:
        plan = heard.plan
        if plan is None or not all(way.whole for way in heard.ways):
            return
        reached = tuple(way.at for way in heard.ways)
        if reached == plan.totals:
            self._tally.add("whole")
        elif plan.orderly and not plan.leaves:
            said = (
                f"closed by {event['by']} {event['reason']} after {reached} of {plan.totals} [{plan.ending}]"
            )
            self._faults.note("short", "auditor", f"{plan.station}.{plan.attempt}", heard.began_ns, said)

    def _gap(self, record: Record) -> None:
        gap = msgspec.json.decode(record.data, type=Gap)
        self._tally.add("gaps")
        if gap.reason in _WRITERS_OWN:
            self._tally.add(gap.reason)
            self._tally.add("gap_records", gap.records)
            self._tally.add("gap_bytes", gap.bytes)
        else:
            self._tally.add("other_gaps")
            self._fault(f"a gap that no disk explains: {record.data!r}", record)
        for heard in self._heard.values():
            if heard.lane != record.lane:
                continue
            for way in heard.ways:
                way.at, way.whole, way.early = None, False, b""

    def _chunk(self, record: Record) -> None:
        self._tally.add("chunk_bytes", len(record.data))
        heard = self._heard.get(record.connection)
        if heard is None:
            if not self._tally["gaps"]:
                self._fault(f"bytes of a link that nobody opened: {record.data[:60]!r}", record)
            return
        way = heard.ways[record.direction]
        data = way.early + record.data
        if way.at == 0:
            if len(data) < HELLO:
                way.early = data
                return
            way.early = b""
            if not self._begin(heard, record, data):
                return
        if heard.plan is None:
            return
        if way.stream is None:
            way.stream = self._streams.of(heard.plan, record.direction)
        if way.at is not None or self._anchored(way, data, record):
            self._compare(way, data, record)

    def _anchored(self, way: Way, data: bytes, record: Record) -> bool:
        """Finds the place again behind a gap."""
        if len(data) < ANCHOR or way.stream is None:
            return False
        way.at = way.stream.find(data[:ANCHOR])
        if way.at is None:
            self._fault(f"behind a gap, bytes of another stream: {data[:60]!r}", record)
            return False
        self._tally.add("anchored")
        return True

    def _compare(self, way: Way, data: bytes, record: Record) -> None:
        assert way.stream is not None
        assert way.at is not None
        due = way.stream.piece(way.at, len(data))
        if due != data or (way.whole and way.at + len(data) > way.stream.total):
            place = next((i for i, (a, b) in enumerate(zip(data, due, strict=False)) if a != b), len(due))
            self._fault(
                f"at {way.at + place}: {data[place : place + 60]!r}, not {due[place : place + 60]!r}", record
            )
            way.at, way.whole = None, False
            return
        way.at += len(data)
        self._tally.add("checked_bytes", len(data))

    def _begin(self, heard: Heard, record: Record, data: bytes) -> bool:
        name = read_hello(data, record.direction)
        if (
            name is None
            or f"CP{name[0]:06d}" != heard.station
            or (heard.plan and name != (heard.plan.station, heard.plan.attempt))
        ):
            self._fault(f"{heard.station} begins with {data[:HELLO]!r}", record)
            heard.ways[record.direction].at = None
            return False
        if heard.plan is None:
            heard.plan = plan_of(self._recipe, *name)
            if heard.tls != heard.plan.tls:
                self._fault(f"{heard.station} came by {heard.tls}, not {heard.plan.tls}", record)
        return True

    def _fault(self, said: str, record: Record) -> None:
        heard = self._heard.get(record.connection)
        began_ns = heard.began_ns if heard else record.at_ns
        where = f"connection {record.connection} direction {record.direction} sequence {record.sequence}"
        self._faults.note("journal", "auditor", where, began_ns, said)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--tempo", type=float, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    given = parser.parse_args()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    tally = Tally(given.folder / "audit.tally", AUDIT_COUNTS)
    audit = Audit(Recipe(given.seed, given.tempo), tally, Faults(given.folder / "faults.jsonl"))
    with Reader(given.journal) as reader, contextlib.suppress(KeyboardInterrupt):
        while True:
            over = ended.is_set()  # looked at before reading, so that nothing written before it is missed
            records = reader.read()
            for record in records:
                audit.take(record)
            if not records:
                if over:
                    return
                ended.wait(POLL_S)


if __name__ == "__main__":
    main()
