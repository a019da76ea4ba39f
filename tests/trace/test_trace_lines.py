"""Traces of others and our own: read as they are, written so that they can be read again."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nocwatch.errors import NocwatchError
from nocwatch.frames import Direction, Frame, Kind, Link, LinkEvent, Tick
from nocwatch.tap.gate import Gate
from nocwatch.trace.lines import DIRECTIONS, frame_line, parse_time, wire_text
from nocwatch.trace.parsing import parse_line
from nocwatch.trace.reading import read_traces
from nocwatch.trace.replay import REPLAY_KEY

GATE = Gate(REPLAY_KEY)


def write(folder: Path, *lines: dict[str, object]) -> Path:
    path = folder / "trace.jsonl"
    path.write_bytes(b"\n".join(msgspec.json.encode(line) for line in lines))
    return path


def call(at: str, action: str, payload: object, **more: object) -> dict[str, object]:
    return {
        "schemaVersion": "1.1", "timestamp": at, "transport": "json", "direction": "cp-to-csms", "messageType": "CALL",
        "action": action, "payload": payload, "chargePointId": "CP1", **more,
    }  # fmt: skip


def answer(at: str, payload: object, **more: object) -> dict[str, object]:
    return {
        "schemaVersion": "1.1", "timestamp": at, "transport": "json", "direction": "csms-to-cp", "messageType": "CALLRESULT",
        "payload": payload, "chargePointId": "CP1", **more,
    }  # fmt: skip


def test_a_trace_without_link_lines_opens_the_connection_at_its_first_message(tmp_path: Path) -> None:
    trace = write(tmp_path, call("2026-01-01T12:00:00Z", "Heartbeat", {}, messageId="1"))
    link, frame = read_traces([trace], GATE)
    assert isinstance(link, Link)
    assert link.event is LinkEvent.OPEN
    assert isinstance(frame, Frame)
    assert frame.payload == b'[2,"1","Heartbeat",{}]'
    assert frame.connection == link.connection


def test_an_answer_without_an_id_answers_the_oldest_call_that_waits(tmp_path: Path) -> None:
    trace = write(
        tmp_path,
        call("2026-01-01T12:00:00Z", "Heartbeat", {}),
        answer("2026-01-01T12:00:00.2Z", {"currentTime": "2026-01-01T12:00:00Z"}),
    )
    frames = [each for each in read_traces([trace], GATE) if isinstance(each, Frame)]
    called, answered = (msgspec.json.decode(each.payload) for each in frames)
    assert called[1] == answered[1]


def test_time_passes_between_the_lines_and_on_to_until(tmp_path: Path) -> None:
    trace = write(
        tmp_path,
        call("2026-01-01T12:00:00.5Z", "Heartbeat", {}, messageId="1"),
        call("2026-01-01T12:00:03.5Z", "Heartbeat", {}, messageId="2"),
    )
    seen = list(read_traces([trace], GATE, parse_time("2026-01-01T12:00:05Z")))
    ticks = [each.received_at_ns // 10**9 % 60 for each in seen if isinstance(each, Tick)]
    assert ticks == [1, 2, 3, 4, 5]
    assert [each.sequence for each in seen] == sorted({each.sequence for each in seen})


def test_two_live_connections_of_one_station_are_told_apart(tmp_path: Path) -> None:
    trace = write(
        tmp_path,
        {"timestamp": "2026-01-01T12:00:00Z", "chargePointId": "CP1", "link": "open", "connection": "a"},
        {"timestamp": "2026-01-01T12:00:01Z", "chargePointId": "CP1", "link": "open", "connection": "b"},
        call("2026-01-01T12:00:02Z", "Heartbeat", {}, messageId="1", meta={"connection": "a"}),
        call("2026-01-01T12:00:03Z", "Heartbeat", {}, messageId="1", meta={"connection": "b"}),
        {
            "timestamp": "2026-01-01T12:00:04Z",
            "chargePointId": "CP1",
            "link": "closed",
            "connection": "a",
            "by": "station",
        },
    )
    seen = [each for each in read_traces([trace], GATE) if not isinstance(each, Tick)]
    a, b = seen[0].connection, seen[1].connection
    assert a != b
    assert [each.connection for each in seen] == [a, b, a, b, a]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "no line of a trace"),
        ('{"timestamp": "yesterday", "direction": "cp-to-csms", "messageType": "CALL"}', "is no time stamp"),
        ('{"timestamp": "2026-01-01T12:00:00Z", "messageType": "CALL"}', "direction is missing"),
        (
            '{"timestamp": "2026-01-01T12:00:00Z", "direction": "sideways", "messageType": "CALL"}',
            "direction",
        ),
        ('{"timestamp": "2026-01-01T12:00:00Z", "link": "open"}', "needs chargePointId"),
        ('{"timestamp": "2026-01-01T12:00:00Z", "chargePointId": "CP1", "link": "ping"}', "needs by"),
    ],
)
def test_a_broken_line_is_told_with_file_and_line(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "broken.jsonl"
    path.write_text(f"\n{line}\n")
    with pytest.raises(NocwatchError, match=rf"broken\.jsonl:2: .*{message}"):
        list(read_traces([path], GATE))


@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_raise_anything_but_a_sentence(text: bytes) -> None:
    try:
        line = parse_line(text)
    except ValueError:
        return
    wire_text(line, "1")


def test_tokens_of_a_trace_are_hashed_on_their_way_in(tmp_path: Path) -> None:
    trace = write(tmp_path, call("2026-01-01T12:00:00Z", "Authorize", {"idTag": "04A1B2C3D4"}, messageId="1"))
    assert not any(
        b"04A1B2C3D4" in each.payload for each in read_traces([trace], GATE) if isinstance(each, Frame)
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.one_of(
        JSON.map(msgspec.json.encode),
        st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")),
    )
)
def test_whatever_text_passed_its_line_brings_the_very_same_text_back(payload: bytes) -> None:
    frame = Frame(
        lane=0, sequence=1 << 16, received_at_ns=10**18, connection=1, station="CP1",
        direction=Direction.FROM_STATION, kind=Kind.TEXT, payload=payload.decode("utf-8", "replace").encode(),
    )  # fmt: skip
    line = frame_line(frame, "1.6", None)
    assert line is not None
    again = parse_line(msgspec.json.encode(line))
    assert wire_text(again, "x") == frame.payload
    assert again.at_ns == frame.received_at_ns


def test_a_line_that_is_nested_too_deeply_is_told_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "trace.jsonl"
    deep = b"[" * 100_000 + b"]" * 100_000
    file.write_bytes(
        b'{"timestamp":"2026-11-21T09:00:00Z","direction":"cp-to-csms","messageType":"CALL","payload":'
        + deep
        + b"}"
    )
    with pytest.raises(NocwatchError, match=r"trace\.jsonl:1: no line of a trace: it is nested too deeply"):
        list(read_traces([file], GATE))


def test_a_line_dated_1970_does_not_make_time_pass_second_by_second_for_decades(tmp_path: Path) -> None:
    trace = write(
        tmp_path,
        call("1970-01-01T00:00:00Z", "Heartbeat", {}, messageId="1"),
        call("2026-01-01T12:00:00Z", "Heartbeat", {}, messageId="2"),
    )
    seen = list(read_traces([trace], GATE))
    assert len(seen) < 200_000
    times = [each.received_at_ns for each in seen]
    assert times == sorted(times)
    assert isinstance(seen[-1], Frame)


TIMES = [
    ("2026-11-21T09:45:49Z", "2026-11-21T09:45:49Z"),
    ("2026-11-21T09:45:49", "2026-11-21T09:45:49Z"),
    ("2026-11-21t09:45:49.5z", "2026-11-21T09:45:49.5Z"),
    ("2026-11-21 09:45:49,500", "2026-11-21T09:45:49.5Z"),
    ("2026-11-21T11:45:49.500+02:00", "2026-11-21T09:45:49.5Z"),
    ("2026-11-21T04:15:49.5-0530", "2026-11-21T09:45:49.5Z"),
    ("20261121T094549.500Z", "2026-11-21T09:45:49.5Z"),
    ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
]


@pytest.mark.parametrize(("written", "meant"), TIMES)
def test_a_time_is_read_however_rfc_3339_and_its_neighbours_write_it(written: str, meant: str) -> None:
    assert parse_time(written) == parse_time(meant)


def test_a_fraction_keeps_its_nanoseconds() -> None:
    assert parse_time("2026-11-21T09:45:49.123456789Z") % 10**9 == 123_456_789
    assert parse_time("2026-11-21T09:45:49.1234567891Z") % 10**9 == 123_456_789


def parsed(**more: object) -> bytes:
    line = {**call("2026-01-01T12:00:00Z", "Heartbeat", {}, messageId="1"), **more}
    return wire_text(parse_line(msgspec.json.encode(line)), "1")


def test_fields_that_the_format_has_not_are_no_matter_of_ours_whatever_stands_in_them() -> None:
    """``reason``, ``tls`` or ``link`` of another tool mean something else than on a link line of ours."""
    beat = b'[2,"1","Heartbeat",{}]'
    for name in (
        "reason",
        "tls",
        "connection",
        "code",
        "by",
        "link",
        "upstream",
        "extensions",
        "remoteAddress",
    ):
        for value in (None, 5, True, {"a": [1]}, "open"):
            assert parsed(**{name: value}) == beat


WORDS = [
    ({"direction": "CP_TO_CSMS"}, Direction.FROM_STATION),
    ({"direction": "station-to-csms"}, Direction.FROM_STATION),
    ({"direction": "cs-to-csms"}, Direction.FROM_STATION),
    ({"direction": "csms-to-chargepoint"}, Direction.FROM_CSMS),
    ({"direction": "csms_to_cs"}, Direction.FROM_CSMS),
]


@pytest.mark.parametrize(("more", "direction"), WORDS)
def test_who_speaks_is_told_by_any_word_that_says_it(more: dict[str, object], direction: Direction) -> None:
    line = parse_line(msgspec.json.encode({**call("2026-01-01T12:00:00Z", "Heartbeat", {}), **more}))
    assert DIRECTIONS[line.direction or "cp-to-csms"] is direction


@pytest.mark.parametrize("word", ["in", "out", "inbound", "request", "cp-to-cp", ""])
def test_a_word_that_hangs_on_whose_log_it_was_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="direction"):
        parse_line(msgspec.json.encode({**call("2026-01-01T12:00:00Z", "Heartbeat", {}), "direction": word}))


TYPES = [
    ({"messageType": 2}, b'[2,"1","Heartbeat",{}]'),
    ({"messageType": "call"}, b'[2,"1","Heartbeat",{}]'),
    ({"messageType": "CALL_RESULT"}, b'[3,"1",{}]'),
    (
        {"messageType": "SEND", "action": "NotifyPeriodicEventStream"},
        b'[6,"1","NotifyPeriodicEventStream",{}]',
    ),
    ({"messageType": "CALLRESULTERROR", "error": {"code": "X"}}, b'[5,"1","X","",{}]'),
    ({"messageType": "CALLERROR", "error": {"code": None, "description": None}}, b'[4,"1","","",{}]'),
    ({"messageType": "CALLERROR", "error": None}, b'[4,"1","","",{}]'),
    ({"messageType": "PING", "raw": '[3,"9",{}]'}, b'[3,"9",{}]'),
    ({"raw": [2, "9", "Heartbeat", {}]}, b'[2,"9","Heartbeat",{}]'),
    ({"raw": ""}, b'[2,"1","Heartbeat",{}]'),
    ({"transport": "soap", "raw": "<soap:Envelope/>"}, b'[2,"1","Heartbeat",{}]'),
]


@pytest.mark.parametrize(("more", "text"), TYPES, ids=[str(more) for more, _ in TYPES])
def test_the_message_is_told_by_raw_or_made_of_its_parts(more: dict[str, object], text: bytes) -> None:
    assert parsed(**more) == text


def test_ids_may_be_numbers_and_answers_may_lack_them(tmp_path: Path) -> None:
    """The text alone in the call, the payload alone in its answer; another call is answered meanwhile."""
    trace = write(
        tmp_path,
        call("2026-01-01T12:00:00Z", "Heartbeat", None, raw='[2,"77","Heartbeat",{}]', chargePointId=4711),
        call("2026-01-01T12:00:01Z", "StatusNotification", {}, messageId=78, chargePointId=4711),
        answer("2026-01-01T12:00:02Z", {}, messageId=78, chargePointId=4711),
        answer("2026-01-01T12:00:03Z", {"currentTime": "2026-01-01T12:00:03Z"}, chargePointId=4711),
    )
    frames = [each for each in read_traces([trace], GATE) if isinstance(each, Frame)]
    assert [msgspec.json.decode(each.payload)[1] for each in frames] == ["77", "78", "78", "77"]
    assert {each.station for each in frames} == {"4711"}
    assert len({each.connection for each in frames}) == 1


def test_a_trace_of_ours_stays_in_its_order_where_the_clock_was_set_back(tmp_path: Path) -> None:
    """The answer bears an earlier time than its call, and came after it: link lines are ours alone."""
    opened = {"timestamp": "2026-01-01T12:00:00Z", "chargePointId": "CP1", "link": "open"}
    lines = [
        call("2026-01-01T12:00:05Z", "Heartbeat", {}, messageId="1"),
        answer("2026-01-01T12:00:04Z", {}, messageId="1"),
    ]

    def told(trace: Path) -> list[int]:
        frames = [each for each in read_traces([trace], GATE) if isinstance(each, Frame)]
        return [msgspec.json.decode(each.payload)[0] for each in frames]

    assert told(write(tmp_path, opened, *lines)) == [2, 3]
    assert told(write(tmp_path, *lines)) == [3, 2]
