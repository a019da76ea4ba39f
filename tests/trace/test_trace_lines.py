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
from nocwatch.trace.lines import frame_line, parse_time, wire_text
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
