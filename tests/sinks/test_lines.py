"""Steps as line protocol: what stations say in every alphabet, at the same instant, and again."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.history import a_frame, a_session, metered, session_changed, spoke, status
from tests.support.influx import InfluxServer
from tests.support.play import Play

from nocwatch.frames import Frame, Kind, Tick
from nocwatch.network import ConnectorStatus
from nocwatch.ocpp.events import Misspoke, Oddity
from nocwatch.pipeline import Step
from nocwatch.registry.places import Place
from nocwatch.sessions import Outcome
from nocwatch.sinks.escapes import FOLD_NS, TEXT_BYTES_MAX, string, tag
from nocwatch.sinks.lines import LineMaker, folded

NOON_NS = 1_790_000_000_000_000_000
NASTY = [
    "", " ", ",", "=", '"', "\\", "\\\\", "\n", "\r\n", "\t", "#", "a b", "a,b=c", 'say "hi"', "C:\\temp\\", "\\n", "\\,", "\\ ",
    "ends\\", '\\"', "Zürich", "充電器", "⚡", "\U0001f50c", "\x00", "\x07bell", "\x7f", "'", "`", "{}[]", "a=1i 2", "time", "_field",
    "\u202e", "x" * 3000, "é" * 200, "\ufeff", "\u2028",
]  # fmt: skip


def maker(place: Place | None = None) -> LineMaker:
    return LineMaker(lambda station: place or Place(station=station))


def times(lines: list[str]) -> list[int]:
    return [int(line.rsplit(" ", 1)[1]) for line in lines]


def misspoken(frame: Frame, text: str = "no JSON") -> Step:
    event = Misspoke(
        station=frame.station, connection=frame.connection, at_ns=frame.received_at_ns, frame=frame.ref,
        direction=frame.direction, oddity=next(iter(Oddity)), text=text,
    )  # fmt: skip
    return Step(frame, frame.received_at_ns, events=[event])


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("CP 1", r"CP\ 1"),
        ("a,b=c", r"a\,b\=c"),
        ("C:\\", "C:"),  # it would take the comma after it along
        ("one\ntwo", r"one\ntwo"),
        ("\\", ""),
    ],
)
def test_a_tag_is_escaped_and_never_swallows_what_follows(text: str, escaped: str) -> None:
    assert tag(text) == escaped


def test_a_string_field_keeps_everything_and_is_cut_by_bytes() -> None:
    assert string('say "a\\b"\n') == '"say \\"a\\\\b\\"\n"'
    assert len(string("é" * 40_000).encode()) <= TEXT_BYTES_MAX + 2
    assert string("é" * 40_000).startswith('"éé')


def test_empty_tags_are_left_out() -> None:
    (line,) = maker(Place(station="CP1", site="", operator="\\")).lines(Step(a_frame(1), NOON_NS))
    assert line.startswith("frames,station=CP1,direction=")


@given(record=st.integers(0, 2**40), at_ns=st.integers(0, 2**62))
@settings(deadline=None, max_examples=20)
def test_frames_of_one_chunk_never_share_a_time(record: int, at_ns: int) -> None:
    """A chunk holds 64 KiB: 32,768 empty frames at most, and the index goes to 65,535."""
    assert len({folded(at_ns, record << 16 | index) for index in range(1 << 16)}) == 1 << 16


@given(record=st.integers(0, 2**40), apart=st.integers(1, 63), at_ns=st.integers(0, 2**62))
@settings(deadline=None, max_examples=100)
def test_neighbouring_records_of_one_instant_do_not_share_a_time(record: int, apart: int, at_ns: int) -> None:
    first = {folded(at_ns, record << 16 | index) for index in range(64)}
    second = {folded(at_ns, record + apart << 16 | index) for index in range(64)}
    assert not first & second
    assert all(abs(each - at_ns) < 2 * FOLD_NS for each in first)


def test_the_same_step_gives_the_same_lines_from_another_maker() -> None:
    play = Play().begin(1)
    play.stop(play.start(1), 6000)
    steps = [Step(each, each.received_at_ns) for each in play.sightings]
    assert [maker().lines(each) for each in steps] == [maker().lines(each) for each in steps]


def test_two_bad_frames_of_one_chunk_are_two_errors() -> None:
    made = maker()
    frames = [a_frame(7, payload=b"x"), a_frame(7, payload=b"y")]
    frames[1] = Frame(
        **{name: getattr(frames[1], name) for name in Frame.__struct_fields__} | {"sequence": (7 << 16) + 1}
    )
    errors = [line for frame in frames for line in made.lines(misspoken(frame)) if line.startswith("errors")]
    assert len(set(times(errors))) == 2


def test_states_told_within_one_second_stand_in_the_order_in_which_they_were_told() -> None:
    """Second-granular stamps, an hour late, from a station that was offline, or one whose clock runs ahead."""
    for delay_s in (-30, -0.9, 0, 0.4, 3, 3600):
        made, lines = maker(), []
        for index, word in enumerate(
            (ConnectorStatus.CHARGING, ConnectorStatus.FINISHING, ConnectorStatus.AVAILABLE)
        ):
            change = status(word, NOON_NS)
            told_ns = NOON_NS + int((delay_s + index * 0.2) * 1e9)
            change = type(change)(
                station="CP1", at_ns=told_ns, before=None, now=change.now, event_at_ns=NOON_NS
            )
            lines += made.lines(
                Step(Tick(lane=0, sequence=1, received_at_ns=told_ns), told_ns, changes=[change])
            )
        assert times(lines) == sorted(set(times(lines))), delay_s
        assert all(NOON_NS <= each < NOON_NS + 10**9 for each in times(lines))


def test_a_reading_that_is_no_number_does_not_spoil_its_point() -> None:
    change = metered("s1", NOON_NS, energy_wh=math.inf, power_w=math.nan, voltage_v=230.0)
    lines = maker().lines(Step(None, NOON_NS, changes=[change]))
    assert [line.split(" ")[1] for line in lines] == ['voltage_v=230.0,session="s1"']


def test_a_session_judged_anew_falls_on_its_former_point() -> None:
    made = maker()
    good, bad = (
        a_session("abcdef", outcome=outcome, started=NOON_NS, revision=index)
        for index, outcome in enumerate((Outcome.SUCCESS, Outcome.FAILED))
    )
    one, two = (
        next(
            line
            for line in made.lines(Step(None, NOON_NS, changes=[session_changed(each)]))
            if line.startswith("sessions")
        )
        for each in (good, bad)
    )
    assert (one.split(" ")[0], times([one])) == (two.split(" ")[0], times([two]))
    assert "success=1i" in one
    assert "success=0i" in two


def test_no_token_transaction_or_text_is_ever_a_tag() -> None:
    frame = a_frame(1, payload=b'[2,"unique-id","Heartbeat",{"idTag":"h:0123456789abcdef"}]')
    unknown = spoke(frame, action="InventedByVendor7", known=False)
    for line in maker().lines(Step(frame, NOON_NS, events=[unknown])):
        head = line.split(" ")[0]
        assert "InventedByVendor7" not in head
        assert "unique-id" not in head
        assert "h:0123" not in head


def test_the_server_gives_back_every_text_as_it_was(influx: InfluxServer, database: str) -> None:
    """Station names, sites and payloads as hostile as they come, all in one write: none is refused, none changed."""
    expected_fields, expected_tags, lines = {}, {}, []
    for index, text in enumerate(NASTY):
        frame = Frame(
            lane=0, sequence=index << 16, received_at_ns=NOON_NS + index * 10_000_000, connection=1, station=text or "empty",
            direction=a_frame(1).direction, kind=Kind.TEXT, payload=text.encode(),
        )  # fmt: skip
        made = maker(Place(station=text, site=text)).lines(Step(frame, frame.received_at_ns))
        lines += made
        (at_ns,) = times(made)
        expected_fields[at_ns] = text
        expected_tags[at_ns] = text.replace("\n", r"\n").replace("\r", r"\r").replace("\t", " ").rstrip("\\")
    code, words = influx.write("\n".join(lines).encode(), database)
    assert code == 204, words
    (series,) = influx.query('SELECT "payload", "site" FROM "frames"', database)
    assert {row[0]: row[1] for row in series["values"]} == expected_fields
    assert {row[0]: row[2] or "" for row in series["values"]} == expected_tags
