"""Views as tables: what a person reads for a value, and where a band is drawn."""

from __future__ import annotations

from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.alerts import a_flag

from nocwatch import delays
from nocwatch.console.addresses import NEVER_NS, Address, BadQuery
from nocwatch.console.views import (
    alerts,
    fleet,
    frames,
    jsontext,
    overview,
    refusals,
    sessions,
    stay,
    system,
    timeline,
    words,
)
from nocwatch.console.views.looks import LOOKS, OUTCOMES
from nocwatch.flags import Severity
from nocwatch.frames import Direction
from nocwatch.moments import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from nocwatch.network import Connector, ConnectorStatus, Station
from nocwatch.registry.place import Place
from nocwatch.registry.places import Places
from nocwatch.sessions import Milestone, Outcome, Reason, Session, SessionStep, StartSource
from nocwatch.store.values import Band, Overview, StationFlags, StoredFrame, StoredSample

S = ConnectorStatus
BERLIN = ZoneInfo("Europe/Berlin")
T0 = 1_795_255_200 * SECOND_NS


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "\u2013"),
        (0.0, "0.0"),
        (-0.04, "0.0"),
        (1234567.89, "1\u202f234\u202f567.9"),
        (-1234.5, "\u22121\u202f234.5"),
    ],
)
def test_numbers_part_thousands_and_never_show_what_is_not_known_as_zero(
    value: float | None, text: str
) -> None:
    assert words.number(value, 1) == text


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (300_000, "< 1 ms"),
        (420_000_000, "420 ms"),
        (4_200_000_000, "4.2 s"),
        (38 * SECOND_NS, "38 s"),
        (187 * SECOND_NS, "3 min 07 s"),
        (38 * MINUTE_NS, "38 min"),
        (125 * MINUTE_NS, "2 h 05 min"),
        (3 * DAY_NS + 4 * HOUR_NS, "3 d 4 h"),
    ],
)
def test_spans_have_two_units(length: int, text: str) -> None:
    assert words.span(length).replace("\u00a0", " ") == text


def test_clock_goes_on_beyond_a_day() -> None:
    assert words.clock(26 * HOUR_NS + 61 * SECOND_NS) == "26:01:01"


@pytest.mark.parametrize(
    ("name", "held", "text"),
    [
        ("lag_s", 0.4, "400 ms"),
        ("kept_bytes", 3 * 1024**3, "3.0 GiB"),
        ("seen_at_ns", T0 - MINUTE_NS, "1 min ago"),
        ("alive", False, "no"),
        ("links", 12345, "12\u202f345"),
        ("last_error", "", "\u2013"),
        ("free_ratio", 0.25, "25.0 %"),
    ],
)
def test_values_of_the_system_page_are_read_by_their_unit(name: str, held: object, text: str) -> None:
    assert words.value(name, held, T0).replace("\u00a0", " ") == text


def test_every_state_outcome_reason_and_source_has_its_words() -> None:
    assert set(LOOKS) == set(S)
    assert set(OUTCOMES) == set(Outcome)
    assert set(sessions.REASONS) == set(Reason)
    assert set(sessions.SOURCES) == set(sessions.SOURCES_SHORT) == set(StartSource)


# --- timeline --------------------------------------------------------------------------------------------------------


def band(status: ConnectorStatus, from_h: float, until_h: float | None, connector: int = 1) -> Band:
    until = None if until_h is None else T0 + int(until_h * HOUR_NS)
    return Band(
        station="CP1",
        evse=None,
        connector=connector,
        status=status,
        from_ns=T0 + int(from_h * HOUR_NS),
        until_ns=until,
    )


def drawn(*bands: Band, now_h: float = 24.0) -> timeline.Timeline:
    return timeline.timeline(bands, (), [(0, 1)], T0, T0 + DAY_NS, T0 + int(now_h * HOUR_NS), BERLIN)


def test_a_gap_is_empty_and_no_data_is_never_drawn() -> None:
    (lane,) = drawn(band(S.AVAILABLE, 0, 6), band(S.NO_DATA, 6, 12), band(S.AVAILABLE, 18, None)).lanes
    assert [(each.css, each.left, each.width) for each in lane.bands] == [
        ("available", "0.000%", "25.000%"),
        ("available", "75.000%", "25.000%"),
    ]


def test_a_band_that_goes_on_ends_at_now_and_not_at_the_end_of_the_window() -> None:
    (lane,) = drawn(band(S.CHARGING, 0, None), now_h=12).lanes
    assert lane.bands[0].width == "50.000%"
    assert "now" in lane.bands[0].title


def test_a_band_of_a_second_is_still_visible() -> None:
    (lane,) = drawn(band(S.FAULTED, 5, 5 + 1 / 3600)).lanes
    assert float(lane.bands[0].width.rstrip("%")) >= 0.1


def test_the_station_itself_has_a_lane_only_where_it_says_something() -> None:
    own = band(S.AVAILABLE, 0, 24, connector=0)
    assert [lane.name for lane in drawn(own, band(S.AVAILABLE, 0, 24)).lanes] == ["Connector 1"]
    broken = band(S.FAULTED, 2, 3, connector=0)
    assert [lane.name for lane in drawn(own, broken, band(S.AVAILABLE, 0, 24)).lanes] == [
        "Station",
        "Connector 1",
    ]


def test_offline_says_that_it_speaks_of_the_link() -> None:
    (lane,) = drawn(band(S.OFFLINE, 5, 6)).lanes
    assert "what the socket did meanwhile is not known" in lane.bands[0].title


def test_ticks_of_a_day_are_whole_hours_of_the_zone_also_when_summer_time_ends() -> None:
    change = 1_761_429_600 * SECOND_NS  # 2025-10-26 00:00 in Berlin, a day of 25 hours
    labels = [tick.text for tick in timeline.ticks(change, change + 25 * HOUR_NS, BERLIN) if tick.text]
    assert "06:00" in labels
    assert all(text.endswith(":00") or text.startswith(("Sun", "Mon")) for text in labels)


@settings(deadline=None, max_examples=60)
@given(st.integers(5, 60 * 24 * 31), st.integers(0, 3 * 365 * 24 * 60))
def test_on_a_phone_no_label_of_the_time_axis_stands_on_the_next(minutes: int, offset: int) -> None:
    """330 pixels of axis, and a day's name takes 40 of them."""
    start = T0 - offset * MINUTE_NS
    found = timeline.ticks(start, start + minutes * MINUTE_NS, BERLIN)
    shown = [float(tick.left.rstrip("%")) for tick in found if tick.text and not tick.between]
    assert all(later - former > 40 / 330 * 100 for former, later in pairwise(shown))
    assert shown or not any(tick.text for tick in found)


@settings(deadline=None, max_examples=60)
@given(st.integers(5, 60 * 24 * 31), st.integers(0, 3 * 365 * 24 * 60))
def test_ticks_are_few_and_within_the_window(minutes: int, offset: int) -> None:
    start = T0 - offset * MINUTE_NS
    found = timeline.ticks(start, start + minutes * MINUTE_NS, BERLIN)
    assert len(found) <= 40
    assert all(0 <= float(tick.left.rstrip("%")) <= 100 for tick in found)


def test_strip_joins_the_bands_of_a_state_and_shows_four_sockets_at_most() -> None:
    bands = [
        band(S.AVAILABLE, 0, 12),
        band(S.CHARGING, 12, 24),
        *(band(S.AVAILABLE, 0, 24, connector=number) for number in range(2, 9)),
    ]
    strip = timeline.strip(bands, [(0, number) for number in range(1, 9)], T0, T0 + DAY_NS)
    assert strip.height == 4 * 6 + 3 * 2
    assert dict(strip.paths)["charging"] == "M144.0 0h144.0v6h-144.0z"
    assert dict(strip.paths)["available"].count("M") == 4


# --- fleet -----------------------------------------------------------------------------------------------------------


def station(name: str, status: ConnectorStatus | None = S.AVAILABLE, online: bool = True) -> Station:
    sockets = (
        ()
        if status is None
        else (Connector(evse=None, connector=1, status=status, reported=status, since_ns=T0),)
    )
    return Station(id=name, online=online, since_ns=T0, last_seen_ns=T0, connectors=sockets)


def test_order_is_by_what_needs_a_person() -> None:
    stations = [
        station("calm"),
        station("charging", S.CHARGING),
        station("warned"),
        station("gone", online=False),
        station("silent", None),
        station("broken", S.FAULTED),
        station("cloned"),
    ]
    flags = {
        "warned": StationFlags(warning=1, worst=Severity.WARNING),
        "cloned": StationFlags(critical=1, worst=Severity.CRITICAL),
    }
    rows = fleet.rows(stations, Places(), flags, fleet.FleetFilter())
    assert [row.station.id for row in rows] == [
        "broken",
        "cloned",
        "gone",
        "silent",
        "warned",
        "charging",
        "calm",
    ]


def test_a_station_without_a_link_is_offline_whatever_its_sockets_say() -> None:
    assert fleet.state_of(station("x", S.CHARGING, online=False))[0] is S.OFFLINE


# --- sessions --------------------------------------------------------------------------------------------------------


def session(**more: object) -> Session:
    return Session(
        **{"id": "s", "station": "CP1", "started_at_ns": T0, "changed_at_ns": T0 + HOUR_NS, **more}
    )


@pytest.mark.parametrize(
    ("more", "word", "live"),
    [
        ({"phase": Milestone.CREATED}, "Pending", True),
        ({"phase": Milestone.STARTING}, "Starting", True),
        ({"phase": Milestone.CHARGING}, "Charging", True),
        ({"phase": Milestone.CHARGING, "suspended_by": "ev"}, "Suspended", True),
        ({"phase": Milestone.STOPPING}, "Stopping", True),
        ({"outcome": Outcome.SUCCESS, "phase": Milestone.STOPPED}, "Stopped", False),
        ({"outcome": Outcome.SUCCESS, "phase": Milestone.COMPLETED}, "Completed", False),
        ({"outcome": Outcome.FAILED, "reason": Reason.EV_COMM}, "Failed", False),
        ({"outcome": Outcome.CANCELLED, "reason": Reason.NO_PLUG_TIMEOUT}, "Cancelled", False),
        ({"outcome": Outcome.REJECTED, "reason": Reason.AUTH_REJECTED}, "Rejected", False),
    ],
)
def test_banner_says_where_the_session_stands(more: dict[str, object], word: str, live: bool) -> None:
    banner = sessions.banner(session(**more))
    assert (banner.word, banner.live) == (word, live)


def test_cards_leave_out_what_is_not_known() -> None:
    labels = [card.label for card in sessions.cards(session(), T0 + HOUR_NS)]
    assert labels == ["Energy", "Duration"]
    known = sessions.cards(
        session(
            energy_wh=22_000.0, outcome=Outcome.SUCCESS, stopped_at_ns=T0 + 2 * HOUR_NS, meter_start_wh=0.0
        ),
        T0,
    )
    assert [(card.label, card.figure) for card in known] == [
        ("Energy", "22.00"),
        ("Duration", "02:00:00"),
        ("Average power", "11.0"),
    ]


def test_steps_carry_the_time_to_the_next_milestone_across_what_happened_between() -> None:
    steps = sessions.steps(
        session(
            steps=(
                SessionStep(at_ns=T0 + 60 * SECOND_NS, name="charging", milestone=True),
                SessionStep(at_ns=T0, name="created", milestone=True),
                SessionStep(at_ns=T0 + 90 * SECOND_NS, name="suspended_ev"),
                SessionStep(at_ns=T0 + 120 * SECOND_NS, name="stopped", milestone=True),
            )
        )
    )
    assert [(step.name, step.lasted and step.lasted.replace("\u00a0", " ")) for step in steps] == [
        ("Created", "1 min 00 s"),
        ("Charging", "1 min 00 s"),
        ("Suspended EV", None),
        ("Stopped", None),
    ]


def test_curve_leaves_out_what_was_never_measured_and_what_is_implausible() -> None:
    samples = [
        StoredSample(at_ns=T0, station="CP1", power_w=1000.0),
        StoredSample(at_ns=T0 + 1, station="CP1", power_w=9e9, implausible="wrapped"),
        StoredSample(at_ns=T0 + SECOND_NS, station="CP1", power_w=2000.0, energy_wh=10.0),
    ]
    curve = sessions.curve(session(), samples)
    assert curve is not None
    assert curve.series == [("Power", "kW", [1.0, 2.0]), ("Energy", "kWh", [None, 0.01])]


def test_without_readings_the_curve_is_a_straight_line_that_says_so() -> None:
    curve = sessions.curve(session(energy_wh=5000.0, stopped_at_ns=T0 + HOUR_NS), [])
    assert curve is not None
    assert curve.approximated
    assert sessions.curve(session(), []) is None


# --- frames ----------------------------------------------------------------------------------------------------------


def frame(number: int, payload: str, **more: object) -> StoredFrame:
    held = {
        "ref": f"0-{number}-0",
        "at_ns": T0 + number * SECOND_NS,
        "station": "CP1",
        "connection": 1,
        "direction": Direction.FROM_STATION,
        "kind": "text",
        "payload": payload,
    }
    return StoredFrame(**{**held, **more})


def test_answers_stand_under_their_calls_also_when_others_passed_between() -> None:
    found = frames.rows(
        [
            frame(1, '[2,"a","Authorize",{}]', type=2, action="Authorize", answer="0-3-0"),
            frame(2, '[2,"b","Heartbeat",{}]', type=2, action="Heartbeat", unanswered=True),
            frame(
                3,
                '[3,"a",{"idTagInfo":{"status":"Blocked"}}]',
                type=3,
                action="Authorize",
                call="0-1-0",
                answer_time_ns=12 * SECOND_NS,
            ),
        ]
    )
    assert [(row.ref, row.under, row.trouble, row.bad) for row in found] == [
        ("0-1-0", False, "", False),
        ("0-3-0", True, "late", False),
        ("0-2-0", False, "no answer in time", True),
    ]
    assert found[1].answer.replace("\u00a0", " ") == "12 s"


def test_a_refusal_stands_out_without_being_an_error() -> None:
    row = frames.row(frame(1, '[3,"a",{"idTagInfo":{"status":"Blocked"}}]', type=3, action="Authorize"))
    assert (row.trouble, row.bad) == ("Blocked", False)


@settings(deadline=None, max_examples=80)
@given(
    st.text(max_size=300),
    st.sampled_from([None, 2, 3, 4, 5, 6]),
    st.sampled_from(["text", "close", "garbled", "link", "ping"]),
)
def test_any_payload_is_a_row(payload: str, kind: int | None, of: str) -> None:
    row = frames.row(frame(1, payload, type=kind, kind=of))
    assert len(row.line) <= jsontext.FOLDED_CHARS_MAX


@settings(deadline=None, max_examples=80)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=30,
    )
)
def test_opened_json_escapes_whatever_is_in_it(value: object) -> None:
    text = str(jsontext.opened(value))
    bare = (
        text.replace('<span class="jk">', "")
        .replace('<span class="js">', "")
        .replace('<span class="jn">', "")
        .replace('<span class="jw">', "")
        .replace("</span>", "")
    )
    assert "<" not in bare
    assert ">" not in bare


# --- addresses, overview ---------------------------------------------------------------------------------------------


def test_an_address_keeps_its_filters_when_one_thing_changes() -> None:
    address = Address("/sessions", {"outcome": "failed", "after": "x", "station": "A&B"})
    assert address.with_(range="7d", after=None) == "/sessions?outcome=failed&station=A%26B&range=7d"
    assert address.without("outcome", "station", "after") == "/sessions"


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1795255200", T0),
        ("2026-11-21T10:00:00Z", 1_795_255_200 * SECOND_NS),
        ("2026-11-21T11:00:00+01:00", T0),
        ("0001-01-01", 0),
        ("1969-12-31T23:59:59Z", 0),
        ("9999-12-31T23:59:59Z", NEVER_NS),
        ("99999999999", NEVER_NS),
    ],
)
def test_moments_are_rfc3339_or_seconds(text: str, ns: int) -> None:
    assert Address("/", {"from": text}).moment("from") == ns


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=40))
def test_any_text_in_a_query_is_read_or_refused_with_a_sentence(text: str) -> None:
    refusals: list[str] = []
    for read in (
        lambda a: a.moment("x"),
        lambda a: a.whole("x", 1, 0, 9),
        lambda a: a.yes("x"),
        lambda a: a.words("x", Outcome),
        lambda a: a.range("1h", T0),
    ):
        try:
            read(Address("/", {"x": text, "range": "1h"}))
        except BadQuery as error:
            refusals.append(str(error))
    assert all("wanted" in sentence for sentence in refusals)


def test_a_section_of_sections_is_shown_part_by_part() -> None:
    found = system.sections(
        {
            "sinks": {"influx": {"lag_s": 3, "dropped_points": 2}},
            "receivers": [{"name": "a", "ok": False}],
            "note": "x",
        }
    )
    assert [section.title for section in found] == ["Sinks", "Sinks influx", "Receivers"]
    assert [bad for _, _, _, bad in found[1].pairs] == [False, True]
    assert found[2].lines == [[("name", "a", False), ("ok", False, True)]]


def test_what_another_flag_explains_is_no_news_on_the_overview() -> None:
    whole = a_flag(
        "whole", at_ns=T0, station=None, subject="main", summary="Upstream main: 84.6 % succeeded."
    )
    part = a_flag("part", at_ns=T0, station=None, subject="acme", summary="Operator acme: 84.6 % succeeded.", inhibited_by="whole")  # fmt: skip
    changes = overview.changes([], [whole, part], [], Places(), T0)
    assert [change.text for change in changes] == [whole.summary]


def test_delay_of_the_relay_is_one_line_a_direction() -> None:
    relay = {
        **delays.counters("from_station", delays.Delay((0, 99, 0, 0, 0, 0, 0, 0, 0, 1, 0), 30_000)),
        **delays.counters("from_csms", delays.Delay((0, 0, 0, 0, 0, 0, 97, 3, 0, 0, 0), 900_000)),
    }
    assert system.delays(relay) == [
        "stations to CSMS: 99 of 100 chunks within 0.25 ms",
        "CSMS to stations: 99 of 100 chunks within 25 ms",
    ]
    assert system.delays({"links": 3}) == []
    (section,) = system.sections(
        {"relay": {**relay, "refused_no_route": 3, "journal_lag_s": 1}},
        {"refused": "Stations refused, by reason.", "delay": "x"},
    )
    assert [label for label, *_ in section.pairs] == ["Stations refused, by reason: no route", "Journal lag"]


def test_a_csms_out_of_reach_is_the_headline_and_nocwatch_is_not_to_blame() -> None:
    assert overview.upstreams_down({"relay": {"upstream_up_main": 0, "upstream_up_b": 1, "links": 0}}) == [
        "main"
    ]
    counted = Overview(
        stations=0,
        sessions_ongoing=0,
        sessions_24h={},
        energy_24h_wh=0,
        flags_raised={},
        alerts_firing={"critical": 1},
        alerts_acknowledged=0,
        outbox_waiting=0,
        outbox_given_up=0,
    )
    said = overview.verdict([], counted, [], ["main"])
    assert (said.text, said.css) == ("The CSMS main cannot be reached: stations get 502", "faulted")
    assert overview.verdict([], counted, ["blind"], ["main"]).text == "nocwatch itself needs a look"


@pytest.mark.parametrize(
    ("reason", "status", "said"),
    [
        ("upstream_refused", 502, "nothing listens at the CSMS's address (502)"),
        ("answer_401", 401, "the CSMS answered 401"),
        ("some_new_word", 503, "some new word (503)"),
        ("", None, "refused"),
    ],
)
def test_why_a_station_was_turned_away(reason: str, status: int | None, said: str) -> None:
    assert refusals.why(reason, status) == said


def test_a_sentence_with_a_time_in_it_is_shown_in_the_pages_zone_and_only_once() -> None:
    def show(time: str) -> str:
        return words.absolute(words.moment_ns(time), ZoneInfo("Europe/Berlin"))

    text = "The last connection ended at 2026-11-21 10:02:11 UTC."
    assert alerts.with_times(text, show) == "The last connection ended at 2026-11-21 11:02:11 CET."
    assert alerts.tells_time(text)
    assert (
        alerts.with_times("until 2026-11-21T10:02:11.000000Z: x", show) == "until 2026-11-21 11:02:11 CET: x"
    )
    assert not alerts.tells_time("Six of seven are online.")


NOON_NS = 1_790_000_000 * SECOND_NS


def test_a_running_session_whose_register_fell_is_doubted() -> None:
    live = Session(
        id="s",
        station="CP1",
        started_at_ns=NOON_NS - 3 * MINUTE_NS,
        changed_at_ns=NOON_NS - MINUTE_NS,
        energy_wh=3800.0,
        power_w=140_000.0,
        phase=Milestone.CHARGING,
    )
    samples = [
        StoredSample(at_ns=NOON_NS - 50 * SECOND_NS, station="CP1", energy_wh=1950.0, implausible="fell"),
        StoredSample(at_ns=NOON_NS - 10 * SECOND_NS, station="CP1", energy_wh=3800.0, power_w=140_000.0),
        StoredSample(at_ns=NOON_NS - 5 * SECOND_NS, station="CP1"),
    ]
    energy, _, power = sessions.cards(live, NOON_NS, doubt=sessions.doubtful(samples))
    assert (energy.figure, energy.note) == ("3.80", "register doubtful: it ran backwards")
    assert power.figure == "140.0"
    assert not sessions.doubtful(samples[1:])


@pytest.mark.parametrize(
    ("allowed_s", "minutes", "told"),
    [
        (None, 70, ("1 h 10 min", "", False)),
        (3600.0, 70, ("1 h 10 min", "1 h 00 min", True)),
        (4 * 3600.0, 70, ("1 h 10 min", "4 h 00 min", False)),
        (60.0, 4, None),
    ],
)
def test_how_long_a_vehicle_stayed_after_its_last_energy(
    allowed_s: float | None, minutes: int, told: tuple[str, str, bool] | None
) -> None:
    """The cable of one who is full at noon blocks the place of the next."""
    full_ns = NOON_NS - minutes * MINUTE_NS
    over = Session(
        id="s",
        station="CP1",
        started_at_ns=full_ns - HOUR_NS,
        stopped_at_ns=NOON_NS,
        changed_at_ns=NOON_NS,
        energy_wh=9000.0,
        outcome=Outcome.SUCCESS,
    )
    samples = [
        StoredSample(at_ns=full_ns - 30 * MINUTE_NS, station="CP1", energy_wh=4000.0),
        StoredSample(at_ns=full_ns, station="CP1", energy_wh=9000.0),
        StoredSample(at_ns=full_ns + MINUTE_NS, station="CP1", energy_wh=9000.0),
    ]
    place = Place(station="CP1", overstay_allowed_s=allowed_s)
    found = stay.after_energy(over, samples, place)
    assert (
        None
        if found is None
        else tuple(str(each).replace("\u00a0", " ") if isinstance(each, str) else each for each in found)
    ) == told
    assert stay.after_energy(over, [], place) is None, "of two points nobody knows when the energy ended"
    under_way = msgspec.structs.replace(over, outcome=Outcome.ONGOING, stopped_at_ns=None)
    assert stay.after_energy(under_way, samples, place) is None
