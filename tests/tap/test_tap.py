"""A journal's records become sightings: who speaks, what passed, how it ended, and what a gap leaves behind."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.wire import Deflater, chunked, frame

from nocwatch.frames import Direction, Frame, Kind, Link, LinkEvent, Tick, parse_frame_ref
from nocwatch.records import Record, RecordKind
from nocwatch.tap.gate import Gate
from nocwatch.tap.tap import NAMELESS_MAX, Tap

RELAY = 1_700_000_000 << 32
ONE, TWO = RELAY | 1, RELAY | 2
CALL = b'[2,"1","Heartbeat",{}]'
ANSWER = b'[3,"1",{"currentTime":"2026-11-21T10:00:00Z"}]'


class Journal:
    """Writes records and feeds them to a tap at once."""

    def __init__(self, lane: int = 0) -> None:
        self.tap = Tap(Gate(b"key"))
        self.lane = lane
        self.sequence = 0

    def record(self, kind: RecordKind, data: bytes, connection: int = 0, direction: int = 0) -> list:
        self.sequence += 1
        return self.tap.feed(
            Record(self.lane, self.sequence, self.sequence * 10, kind, connection, direction, data)
        )

    def link(self, event: str, connection: int = ONE, **fields: object) -> list:
        return self.record(RecordKind.LINK, json.dumps({"event": event, **fields}).encode(), connection)

    def open(self, station: str = "CP1", connection: int = ONE, **fields: object) -> list:
        return self.link(
            "open", connection, station=station, upstream="main", subprotocol="ocpp1.6", **fields
        )

    def says(self, data: bytes, connection: int = ONE) -> list:
        return self.record(RecordKind.CHUNK, data, connection, 0)

    def hears(self, data: bytes, connection: int = ONE) -> list:
        return self.record(RecordKind.CHUNK, data, connection, 1)

    def tick(self, **counters: int) -> list:
        return self.record(RecordKind.TICK, json.dumps(counters).encode())

    def gap(self) -> list:
        return self.record(RecordKind.GAP, b'{"records":1,"bytes":1,"reason":"disk_full"}')


@pytest.fixture
def journal() -> Journal:
    return Journal()


def test_a_call_and_its_answer_are_two_frames_of_one_connection(journal):
    (opened,) = journal.open(remote_address="203.0.113.7:5")
    assert (opened.event, opened.station, opened.subprotocol) == (LinkEvent.OPEN, "CP1", "ocpp1.6")
    (call,) = journal.says(frame(CALL))
    (answer,) = journal.hears(frame(ANSWER, masked=False))
    assert (call.station, call.direction, call.payload, call.received_at_ns) == (
        "CP1",
        Direction.FROM_STATION,
        CALL,
        20,
    )
    assert (answer.direction, answer.payload) == (Direction.FROM_CSMS, ANSWER)
    assert parse_frame_ref(call.ref) == (0, call.sequence) == (0, 2 << 16)


def test_frames_of_one_chunk_are_numbered_within_their_record(journal):
    journal.open()
    seen = journal.says(frame(CALL) + frame(b"", 9) + frame(CALL))
    assert [sighting.ref for sighting in seen] == ["0-2-0", "0-2-1", "0-2-2"]


def test_the_end_of_a_link_carries_the_close_code_that_passed_first(journal):
    journal.open()
    (close,) = journal.hears(frame((1001).to_bytes(2, "big") + b"restart", 8, masked=False))
    assert (close.kind, close.code, close.reason) == (Kind.CLOSE, 1001, "restart")
    journal.says(frame((1000).to_bytes(2, "big"), 8))
    (closed,) = journal.link("closed", by="csms", reason="fin")
    assert isinstance(closed, Link)
    assert (closed.event, closed.code, closed.by, closed.station) == (LinkEvent.CLOSED, 1001, "csms", "CP1")
    assert journal.tap.connections == 0


def test_a_link_that_broke_has_no_close_code(journal):
    journal.open()
    assert journal.link("closed", by="station", reason="reset")[0].code is None


def test_two_sockets_of_one_station_live_side_by_side(journal):
    journal.open(connection=ONE)
    journal.says(frame(CALL)[:9], ONE)
    journal.open(connection=TWO)
    assert journal.says(frame(CALL), TWO)[0].connection == TWO
    journal.link("closed", TWO, by="station")
    assert journal.says(frame(CALL)[9:], ONE)[0].payload == CALL


def test_no_token_passes_the_tap_in_whatever_kind_of_frame(journal):
    journal.open()
    secret = b'{"idTag":"04AABBCC"'
    wire = (
        frame(b'[2,"1","Authorize",{"idTag":"04AABBCC"}]') + frame(secret, 2) + frame(secret, 9) + frame(secret + b"\xff")
        + frame((1008).to_bytes(2, "big") + b"idTag 04AABBCC", 8)
    )  # fmt: skip
    seen = journal.says(wire)
    assert len(seen) == 5
    assert all("04AABBCC" not in repr(sighting) for sighting in seen)


def test_garbage_is_counted_by_its_reason_and_the_talk_goes_on(journal):
    journal.open()
    seen = journal.says(frame(b"\xff\xfe") + frame(CALL))
    assert [(sighting.kind, sighting.reason) for sighting in seen] == [
        (Kind.GARBLED, "bad_utf8"),
        (Kind.TEXT, ""),
    ]
    assert journal.tap.counters["garbled_bad_utf8"] == 1


def test_a_journal_that_begins_in_the_middle_is_understood_once_the_link_is_named(journal):
    assert journal.says(b"tail of a frame") == []
    assert journal.says(frame(CALL)) == []
    assert journal.tap.counters["frames_of_unknown_connections"] == 1
    (opened,) = journal.link("live", station="CP1", subprotocol="ocpp1.6")
    assert opened.event is LinkEvent.OPEN
    assert journal.link("live", station="CP1") == [], "the next segment names it again"
    assert journal.says(frame(CALL))[0].station == "CP1"


def test_a_connection_to_no_station_is_counted_and_is_nobodys_link(journal):
    """``GET / HTTP/1.1``: an opening without a name once came out, and its end never did."""
    assert journal.link("open", station="") == []
    assert journal.says(frame(CALL)) == []
    assert journal.link("closed") == []
    assert journal.tap.counters["connections_without_station"] == 1
    assert journal.tap.connections == 0


def test_connections_nobody_names_are_bounded(journal):
    for number in range(NAMELESS_MAX + 5):
        journal.says(b"?", RELAY | number)
    assert journal.tap.connections == NAMELESS_MAX
    assert journal.tap.counters["unknown_connections_dropped"] == 5


def test_a_gap_cuts_what_was_under_way_and_the_talk_goes_on(journal):
    journal.open()
    journal.says(frame(CALL)[:9])
    (cut,) = journal.gap()
    assert (cut.kind, cut.reason, cut.station) == (Kind.GARBLED, "gap", "CP1")
    assert journal.says(frame(CALL)[9:]) == []
    assert journal.says(frame(CALL))[0].payload == CALL


def test_a_link_that_ended_inside_a_gap_is_closed_once_the_living_are_named(journal):
    journal.open("CP1", ONE)
    journal.open("CP2", TWO)
    journal.gap()
    assert [type(sighting) for sighting in journal.tick()] == [Tick], "nobody has been named yet"
    journal.link("live", TWO, station="CP2")
    _, closed = journal.tick()
    assert (closed.station, closed.event, closed.by, closed.reason) == (
        "CP1",
        LinkEvent.CLOSED,
        "relay",
        "gap",
    )
    assert journal.says(frame(CALL), TWO)[0].station == "CP2"


def test_a_link_that_speaks_after_a_gap_lives(journal):
    journal.open("CP1", ONE)
    journal.open("CP2", TWO)
    journal.gap()
    journal.link("live", TWO, station="CP2")
    journal.says(frame(CALL), ONE)
    assert len(journal.tick()) == 1


def test_a_killed_relay_that_no_station_comes_back_to_leaves_no_links_behind(journal):
    journal.open("CP1", ONE)
    assert len(journal.tick(connections_begin=1_700_000_000)) == 1
    _, lost = journal.tick(connections_begin=1_700_000_060)
    assert (lost.station, lost.event, lost.reason) == ("CP1", LinkEvent.CLOSED, "relay_lost")
    assert len(journal.tick(connections_begin=1_700_000_060)) == 1


def test_links_of_a_worker_that_was_taken_away_end_with_the_first_word_of_the_others(journal):
    journal.lane = 1
    journal.open("CP1", ONE)
    journal.lane = 0
    journal.open("CP2", TWO)
    assert len(journal.tick(workers=2)) == 1
    _, lost = journal.tick(workers=1)
    assert (lost.station, lost.event, lost.reason) == ("CP1", LinkEvent.CLOSED, "relay_lost")
    assert len(journal.tick(workers=1)) == 1


def test_a_killed_relay_leaves_no_links_behind(journal):
    journal.open("CP1", ONE)
    journal.open("CP2", TWO)
    later = RELAY + (60 << 32) | 1
    first, second, opened = journal.open("CP1", later)
    assert {first.station, second.station} == {"CP1", "CP2"}
    assert (first.event, first.by, first.reason) == (LinkEvent.CLOSED, "relay", "relay_lost")
    assert (opened.event, opened.connection) == (LinkEvent.OPEN, later)
    assert len({sighting.ref for sighting in (first, second, opened)}) == 3


def test_refused_and_upstream_events_pass_as_they_are(journal):
    (refused,) = journal.link("refused", station="CP9", http_status=401, reason="upstream", by="csms")
    assert (refused.event, refused.http_status, refused.station) == (LinkEvent.REFUSED, 401, "CP9")
    (down,) = journal.link("upstream_down", 0, upstream="main")
    assert (down.event, down.upstream, down.station) == (LinkEvent.UPSTREAM_DOWN, "main", "")


def test_a_tick_brings_the_relays_counters(journal):
    assert journal.tick(links=3)[0].counters == {"links": 3}


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b'{"event":"sung"}', b'{"event":"open","station":7}', b"\xff"]
)
def test_a_record_that_cannot_be_read_is_counted(journal, data):
    assert journal.record(RecordKind.LINK, data, ONE) == []
    assert journal.record(RecordKind.TICK, b'{"a":"b"}') == []
    assert journal.tap.counters["bad_records"] == 2


def test_compression_is_undone_as_negotiated_for_each_side(journal):
    journal.open(extensions="permessage-deflate; client_no_context_takeover")
    up, down = Deflater(takeover=False), Deflater()
    for _ in range(3):
        assert journal.says(frame(up(CALL), reserved=0x40))[0].payload == CALL
        assert journal.hears(frame(down(ANSWER), masked=False, reserved=0x40))[0].payload == ANSWER


@given(st.lists(st.integers(1, 60), max_size=60), st.integers(0, 40), st.booleans())
@settings(deadline=None, max_examples=60)
def test_a_restart_anywhere_changes_nothing(sizes, restart_at, compressed):
    deflate = Deflater()
    reserved = 0x40 if compressed else 0
    wire = b"".join(
        frame(deflate(text) if compressed else text, reserved=reserved)
        + frame(b"p", 9)
        + frame(b"[2,", final=False)
        + frame(b"]", 0)
        for text in (CALL, ANSWER, b'[2,"2","Authorize",{"idTag":"X"}]')
    )
    runs = []
    for restart in (None, restart_at):
        journal = Journal()
        seen = journal.open(extensions="permessage-deflate" if compressed else None)
        for index, chunk in enumerate(chunked(wire, sizes)):
            if index == restart:
                snapshot = journal.tap.snapshot()
                journal.tap = Tap(Gate(b"key"))
                journal.tap.restore(snapshot)
            seen += journal.says(chunk)
        runs.append((seen, journal.tap.counters))
    assert runs[0] == runs[1]
    assert sum(isinstance(sighting, Frame) for sighting in runs[0][0]) == 9


@given(
    st.lists(
        st.tuples(st.sampled_from(RecordKind), st.binary(max_size=80), st.integers(0, 3), st.integers(0, 1)),
        max_size=30,
    )
)
@settings(deadline=None, max_examples=150)
def test_whatever_the_records_hold_it_never_raises(records):
    journal = Journal()
    journal.open()
    for kind, data, connection, direction in records:
        journal.record(kind, data, RELAY | connection, direction)
    journal.tap.restore(journal.tap.snapshot())
