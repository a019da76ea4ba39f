"""Lists as people use them: worst first, page by page, quick on a large network."""

from __future__ import annotations

import re

import pytest
from tests.support.alerts import HOUR, MINUTE, NOON, PLACES, SECOND, a_flag, alert_settings, cleared
from tests.support.history import (
    a_frame,
    a_session,
    a_station,
    batch_of,
    metered,
    session_changed,
    spoke,
    status,
)

from nocwatch.alerts.alert import AlertState
from nocwatch.alerts.lifecycle import AlertBook
from nocwatch.flags import Category, FlagState, Severity
from nocwatch.network import ConnectorStatus
from nocwatch.sessions import Outcome, Reason
from nocwatch.store import (
    AlertFilter,
    Annotation,
    AuditEntry,
    BadCursorError,
    Batch,
    FlagFilter,
    FrameFilter,
    SessionFilter,
    Store,
)
from nocwatch.store.reads import sessions as session_reads


def ids(page) -> list[str]:
    return [item.id for item in page.items]


def every(fetch, limit: int) -> list[str]:
    """All ids of a list, page by page."""
    found, after = [], None
    while True:
        page = fetch(after, limit)
        assert len(page.items) <= limit
        found += ids(page)
        after = page.next
        if after is None:
            return found


@pytest.fixture
def busy(store):
    """Ten sessions on two stations: even ones on CP1; every third failed; the last still under way; two at one moment."""
    store.apply(
        batch_of(
            a_station("CP1"),
            a_station("CP2"),
            *(
                session_changed(
                    a_session(
                        f"s{n}",
                        station=f"CP{n % 2 + 1}",
                        started=NOON + (n if n != 5 else 4) * HOUR,
                        length=30 * MINUTE,
                        outcome=Outcome.ONGOING
                        if n == 9
                        else Outcome.FAILED
                        if n % 3 == 0
                        else Outcome.SUCCESS,
                        reason=Reason.ZERO_ENERGY if n in (0, 6) else None,
                        transaction=4700 + n,
                        token=f"h:{n % 4:016x}",
                        upstream="main",
                    )
                )
                for n in range(10)
            ),
        )
    )
    return store


def test_newest_session_stands_first(busy):
    assert ids(busy.sessions()) == ["s9", "s8", "s7", "s6", "s5", "s4", "s3", "s2", "s1", "s0"]
    assert ids(busy.sessions(SessionFilter(order="oldest")))[:2] == ["s0", "s1"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (SessionFilter(station="CP2"), "97531"),
        (SessionFilter(stations=("CP1",)), "86420"),
        (SessionFilter(stations=()), ""),
        (SessionFilter(stations=(*(f"X{n}" for n in range(100)), "CP2")), "97531"),
        (SessionFilter(outcomes=(Outcome.FAILED,)), "630"),
        (SessionFilter(outcomes=(Outcome.FAILED, Outcome.ONGOING), station="CP2"), "93"),
        (SessionFilter(reasons=(Reason.ZERO_ENERGY,)), "60"),
        (SessionFilter(ended=False), "9"),
        (SessionFilter(ended=True, station="CP2"), "7531"),
        (SessionFilter(from_ns=NOON + 7 * HOUR), "987"),
        (SessionFilter(until_ns=NOON + 2 * HOUR), "10"),
        (
            SessionFilter(from_ns=NOON + 7 * HOUR + 10 * MINUTE, until_ns=NOON + 8 * HOUR, overlapping=True),
            "7",
        ),
        (SessionFilter(token="h:0000000000000001"), "951"),
        (SessionFilter(text="4707"), "7"),
        (SessionFilter(text="47"), "9876543210"),
        (SessionFilter(text="P2"), "97531"),
        (SessionFilter(text="s3"), "3"),
        (SessionFilter(text="%"), ""),
        (SessionFilter(text="h:0000000000000002", outcomes=(Outcome.FAILED,)), "6"),
        (SessionFilter(connector=2), ""),
        (SessionFilter(upstream="main", late=False, connector=1), "9876543210"),
    ],
)
def test_sessions_by_what_people_ask_for(busy, wanted, found):
    assert ids(busy.sessions(wanted)) == [f"s{n}" for n in found]


def test_search_text_that_fits_many_stations(store):
    store.apply(
        batch_of(
            *(a_station(f"CP{n}") for n in range(100)),
            *(session_changed(a_session(f"s{n}", station=f"CP{n}", started=NOON + n)) for n in range(100)),
        )
    )
    assert ids(store.sessions(SessionFilter(text="CP9"))) == [f"s{n}" for n in [*range(99, 89, -1), 9]]
    assert len(store.sessions(SessionFilter(text="CP"), limit=1000).items) == 100


@pytest.mark.parametrize("limit", [1, 3, 10, 50])
@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_pages_of_sessions_leave_none_out_and_repeat_none(busy, limit, order):
    paged = every(lambda after, size: busy.sessions(SessionFilter(order=order), after, size), limit)
    assert paged == ids(busy.sessions(SessionFilter(order=order), limit=100))


@pytest.mark.parametrize(
    "cursor", ["", "x", "W10", "WzEsMl0", "WyJhIiwiYiJd", "💥", "WzFlOTksImEiXQ", "A" * 4000]
)
def test_cursor_that_the_store_did_not_give_out(busy, cursor):
    for fetch in (busy.sessions, busy.flags, busy.alerts, busy.frames):
        with pytest.raises(BadCursorError):
            fetch(None, cursor)


def test_sessions_that_come_in_while_paging_shift_nothing(busy):
    first = busy.sessions(limit=3)
    busy.apply(batch_of(session_changed(a_session("new", started=NOON + 20 * HOUR))))
    assert ids(busy.sessions(None, first.next, 3)) == ["s6", "s5", "s4"]


def test_last_session_of_each_station(busy):
    last = busy.last_sessions()
    assert {station: each.id for station, each in last.items()} == {"CP1": "s8", "CP2": "s9"}
    assert (last["CP2"].outcome, last["CP1"].outcome) == (Outcome.ONGOING, Outcome.SUCCESS)
    assert list(busy.last_sessions(["CP1", "unknown"])) == ["CP1"]


@pytest.fixture
def troubled(store):
    batch = Batch()
    flags = [
        a_flag("info", severity=Severity.INFO, at_ns=NOON + 5, key="a"),
        a_flag("old", at_ns=NOON, rule="flapping", summary="CP1 reconnects again and again"),
        a_flag(
            "new", at_ns=NOON + 9, station="CP2", session="s1", category=Category.HARDWARE, rule="faulted"
        ),
        a_flag("critical", severity=Severity.CRITICAL, at_ns=NOON + 1, station=None, subject="site=depot"),
        a_flag("late", at_ns=NOON + 3, late=True),
        a_flag("over", severity=Severity.CRITICAL, at_ns=NOON + 2),
    ]
    book = AlertBook(alert_settings(reopen_for=0), PLACES)
    for flag in [*flags, cleared(flags[5], NOON + HOUR)]:
        batch.add_step(None, flags=[flag], alerts=book.feed(flag))
    by_flag = {alert.flags[0]: alert for alert in batch.alerts}
    batch.add_step(None, alerts=book.acknowledge(by_flag["new"].id, "jo", NOON + HOUR))
    store.apply(batch)
    return store


def test_flags_stand_by_what_needs_a_person(troubled):
    assert ids(troubled.flags()) == ["critical", "new", "late", "old", "info", "over"]
    assert ids(troubled.flags(FlagFilter(order="newest"))) == [
        "new",
        "info",
        "late",
        "over",
        "critical",
        "old",
    ]
    assert every(lambda after, size: troubled.flags(None, after, size), 2) == ids(troubled.flags())
    newest = FlagFilter(order="newest")
    assert every(lambda after, size: troubled.flags(newest, after, size), 1) == ids(troubled.flags(newest))


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (FlagFilter(state=FlagState.RAISED, severities=(Severity.CRITICAL,)), ["critical"]),
        (FlagFilter(state=FlagState.CLEARED), ["over"]),
        (FlagFilter(severities=(Severity.CRITICAL, Severity.INFO)), ["critical", "info", "over"]),
        (FlagFilter(station="CP1"), ["late", "old", "info", "over"]),
        (FlagFilter(stations=("CP2", "CP3")), ["new"]),
        (FlagFilter(session="s1"), ["new"]),
        (FlagFilter(rules=("flapping", "faulted")), ["new", "old"]),
        (FlagFilter(categories=(Category.HARDWARE,)), ["new"]),
        (FlagFilter(late=True), ["late"]),
        (FlagFilter(text="again and"), ["old"]),
        (FlagFilter(text="depot"), ["critical"]),
        (FlagFilter(text="100%"), []),
        (FlagFilter(from_ns=NOON + 2 * HOUR), ["critical", "new", "late", "old", "info"]),
        (FlagFilter(until_ns=NOON + 1), ["old"]),
        (
            FlagFilter(order="newest", state=FlagState.RAISED, severities=(Severity.WARNING,), late=False),
            ["new", "old"],
        ),
    ],
)
def test_flags_by_what_people_ask_for(troubled, wanted, found):
    assert ids(troubled.flags(wanted)) == found


def test_raised_flags_of_each_station_in_short(troubled):
    short = troubled.raised_by_station()
    assert set(short) == {"CP1", "CP2"}
    assert (short["CP1"].info, short["CP1"].warning, short["CP1"].critical, short["CP1"].worst) == (
        1,
        2,
        0,
        Severity.WARNING,
    )
    assert short["CP1"].flag == "late"
    assert set(troubled.raised_by_station(["CP2"])) == {"CP2"}


def of_flags(page) -> list[str]:
    return [alert.flags[0] for alert in page.items]


def test_alerts_stand_by_what_needs_a_person(troubled):
    assert of_flags(troubled.alerts()) == ["critical", "old", "info", "new", "over"]
    assert every(lambda after, size: troubled.alerts(None, after, size), 2) == ids(troubled.alerts())


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (AlertFilter(states=(AlertState.ACKNOWLEDGED,)), ["new"]),
        (
            AlertFilter(states=(AlertState.FIRING, AlertState.RESOLVED), severities=(Severity.CRITICAL,)),
            ["critical", "over"],
        ),
        (AlertFilter(site="depot", rules=("flapping",)), ["old"]),
        (AlertFilter(station="CP2"), ["new"]),
        (AlertFilter(flag="old"), ["old"]),
        (AlertFilter(receiver="file"), ["critical", "old", "info", "new", "over"]),
        (AlertFilter(receiver="nobody"), []),
        (AlertFilter(text="reconnects"), ["old"]),
        (AlertFilter(from_ns=NOON + 2 * HOUR), ["critical", "old", "info", "new"]),
        (AlertFilter(order="newest"), ["new", "info", "over", "critical", "old"]),
    ],
)
def test_alerts_by_what_people_ask_for(troubled, wanted, found):
    assert of_flags(troubled.alerts(wanted)) == found


def test_alert_tells_its_story(troubled):
    (alert,) = troubled.alerts(AlertFilter(flag="new")).items
    assert troubled.alert(alert.id) == alert
    assert [(moment.state, moment.notice, moment.text) for moment in troubled.alert_history(alert.id)] == [
        (AlertState.FIRING, "firing", "CP2 has had no link for 3 min."),
        (AlertState.ACKNOWLEDGED, "", "jo"),
    ]


def test_overview_counts(troubled):
    seen = troubled.overview(NOON + HOUR)
    assert seen.flags_raised == {"info": 1, "warning": 3, "critical": 1}
    assert seen.alerts_firing == {"info": 1, "warning": 1, "critical": 1}
    assert (seen.alerts_acknowledged, seen.outbox_waiting) == (1, 6)


def test_an_alert_that_another_one_explains_stands_after_those_that_need_a_person(store):
    batch, book = Batch(), AlertBook(alert_settings(), PLACES)
    for flag in (
        a_flag("whole", at_ns=NOON),
        a_flag("part", severity=Severity.CRITICAL, at_ns=NOON + 9, key="b", inhibited_by="whole"),
    ):
        batch.add_step(None, flags=[flag], alerts=book.feed(flag))
    store.apply(batch)
    assert of_flags(store.alerts()) == ["whole", "part"]
    assert every(lambda after, size: store.alerts(None, after, size), 1) == ids(store.alerts())
    assert of_flags(store.alerts(AlertFilter(states=(AlertState.FIRING,)))) == ["whole", "part"]
    assert store.overview(NOON).alerts_firing == {"info": 0, "warning": 1, "critical": 0}
    assert store.overview(NOON).alerts_acknowledged == 0


def test_frames_of_a_session_and_around_it(store):
    batch = Batch()
    for number, at in enumerate((-2 * MINUTE, -30 * SECOND, 0, HOUR, HOUR + 30 * SECOND, 2 * HOUR)):
        frame = a_frame(number, at_ns=NOON + at)
        batch.add_step(frame, [spoke(frame)])
    other = a_frame(50, station="CP2")
    batch.add_step(other, [spoke(other)], [session_changed(a_session())])
    store.apply(batch)
    found = store.frames(FrameFilter(session="s1", order="oldest")).items
    assert [frame.ref for frame in found] == ["0-1-0", "0-2-0", "0-3-0", "0-4-0"]
    assert store.frames(FrameFilter(session="unknown")).items == []
    refs, after = [], None
    while True:
        page = store.frames(FrameFilter(station="CP1"), after, 2)
        refs += [frame.ref for frame in page.items]
        after = page.next
        if after is None:
            break
    assert refs == [f"0-{n}-0" for n in (5, 4, 3, 2, 1, 0)]
    assert [frame.station for frame in store.frames(FrameFilter(from_ns=NOON, until_ns=NOON + 1)).items] == [
        "CP2",
        "CP1",
    ]
    assert (
        store.frames(FrameFilter(text="Heart", actions=("Heartbeat",), message_id="1"), limit=1).items[0].ref
        == "0-5-0"
    )
    assert store.frames(FrameFilter(text="Heart_eat")).items == []


def test_curve_of_a_session(store):
    store.apply(
        batch_of(
            metered("s1", NOON + MINUTE, power_w=2.0),
            metered("s1", NOON, power_w=1.0, soc_percent=40.0, implausible="minus_one"),
            metered(None, NOON),
            metered("s2", NOON),
        )
    )
    assert [(sample.at_ns, sample.power_w) for sample in store.samples("s1")] == [
        (NOON, 1.0),
        (NOON + MINUTE, 2.0),
    ]
    assert (store.samples("s1")[0].soc_percent, store.samples("s1")[0].implausible) == (40.0, "minus_one")


def test_timeline_begins_with_the_band_that_was_there_before(store):
    store.apply(
        batch_of(
            status(ConnectorStatus.AVAILABLE, NOON),
            status(ConnectorStatus.CHARGING, NOON + HOUR),
            status(ConnectorStatus.FAULTED, NOON + 2 * HOUR, error="GroundFailure"),
            status(ConnectorStatus.AVAILABLE, NOON, connector=2),
        )
    )
    bands = store.states("CP1", NOON + 90 * MINUTE, NOON + 3 * HOUR)
    assert [(band.connector, band.status, band.until_ns, band.error_code) for band in bands] == [
        (1, "Charging", NOON + 2 * HOUR, ""),
        (1, "Faulted", None, "GroundFailure"),
        (2, "Available", None, ""),
    ]
    assert [band.status for band in store.states("CP1", NOON + HOUR, NOON + HOUR + 1)] == [
        "Charging",
        "Available",
    ]
    assert store.states("CP1", NOON - 2, NOON) == []
    assert list(store.states_of(["CP1", "CP2"], NOON, NOON + HOUR)) == ["CP1", "CP2"]


def test_days_of_a_connector_add_up(store):
    day = 24 * HOUR
    midnight = NOON - 12 * HOUR
    store.apply(
        batch_of(
            status(ConnectorStatus.AVAILABLE, midnight),
            status(ConnectorStatus.PREPARING, midnight + 23 * HOUR),
            status(ConnectorStatus.CHARGING, midnight + day - 30 * MINUTE),
            status(ConnectorStatus.AVAILABLE, midnight + day + HOUR),
            status(ConnectorStatus.FAULTED, midnight + day + 6 * HOUR),
            status(ConnectorStatus.FAULTED, midnight, connector=0),
            session_changed(
                a_session("a", started=midnight + 23 * HOUR, length=2 * HOUR, energy_wh=20_000.0)
            ),
            session_changed(
                a_session("b", started=midnight + 22 * HOUR, outcome=Outcome.FAILED, energy_wh=None)
            ),
            session_changed(a_session("c", started=midnight + day, outcome=Outcome.ONGOING, energy_wh=500.0)),
        )
    )
    now = midnight + day + 12 * HOUR
    for stations in (None, "CP1", ["CP1", "unknown"]):
        before, first, second = store.kpi_days(stations, 3, now)
        assert (before.known_ns, before.sessions, before.utilisation, before.success_rate) == (
            0,
            0,
            None,
            None,
        )
        assert (first.sessions, first.success, first.failed, first.success_rate) == (2, 1, 1, 0.5)
        assert (second.sessions, second.ongoing) == (1, 1)
        assert (first.energy_wh, second.energy_wh) == (10_000.0, 10_500.0)
        assert (first.known_ns, second.known_ns) == (day, 12 * HOUR)
        assert (first.occupied_ns, first.charging_ns) == (HOUR, 30 * MINUTE)
        assert (second.occupied_ns, second.charging_ns, second.down_ns) == (HOUR, HOUR, 6 * HOUR)
        assert second.availability == 0.5
    assert store.kpi_days("CP2", 1, now)[0].known_ns == 0


def test_days_follow_the_calendar_of_the_time_zone(store):
    # 26 October 2025: Berlin's clocks go back, and the day has 25 hours.
    noon = 1_761_476_400 * SECOND
    (day,) = store.kpi_days(None, 1, noon, "Europe/Berlin")
    assert day.until_ns - day.from_ns == 25 * HOUR


def test_notes_and_audit_of_people(store):
    store.annotate(
        Annotation(subject_kind="session", subject="s1", name="ticket", value="4711", by="jo", at_ns=NOON)
    )
    store.annotate(
        Annotation(subject_kind="session", subject="s1", name="ticket", value="4712", by="mo", at_ns=NOON + 1)
    )
    (note,) = store.annotations("session", "s1")
    assert (note.value, note.by) == ("4712", "mo")
    store.annotate(
        Annotation(subject_kind="session", subject="s1", name="ticket", value="", by="mo", at_ns=NOON + 2)
    )
    assert store.annotations("session", "s1") == []
    for number in range(3):
        store.audit(
            AuditEntry(
                id=0, at_ns=NOON + number, by="jo", action="acknowledge", subject="a1", details="on my way"
            )
        )
    page = store.audit_entries("a1", limit=2)
    assert [entry.at_ns for entry in page.items] == [NOON + 2, NOON + 1]
    assert [entry.at_ns for entry in store.audit_entries("a1", page.next).items] == [NOON]
    assert store.audit_entries("nobody").items == []


PLANS = [
    (SessionFilter(), "sessions_time"),
    (SessionFilter(station="CP1", outcomes=(Outcome.FAILED,)), "sessions_station"),
    (SessionFilter(outcomes=(Outcome.FAILED,), from_ns=NOON), "sessions_outcome"),
    (SessionFilter(ended=False), "sessions_outcome"),
    (SessionFilter(reasons=(Reason.ZERO_ENERGY,)), "sessions_reason"),
    (SessionFilter(token="h:1"), "sessions_token"),
    (SessionFilter(stations=tuple(f"CP{n}" for n in range(500))), "sessions_time"),
    (SessionFilter(late=True), "sessions_time"),
]


@pytest.mark.parametrize(("wanted", "index"), PLANS)
def test_lists_of_sessions_walk_an_index_and_sort_nothing(store: Store, wanted, index):
    with store.database.reading() as reader:
        sql, values = session_reads.statement(reader, wanted, None, 50)
        plan = [row[3] for row in reader.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    walk = next(n for n, step in enumerate(plan) if " sessions " in f"{step} ")
    assert re.search(rf"sessions USING (COVERING )?INDEX {index}\b", plan[walk]), plan
    # Only the fifty rows of the page may be sorted, after the walk.
    documents = next(n for n, step in enumerate(plan) if "session_documents" in step)
    assert not any("TEMP B-TREE" in step for step in plan[walk:documents]), plan


@pytest.mark.parametrize(
    ("sql", "index"),
    [
        (
            "SELECT document FROM flags WHERE rank = 12 ORDER BY onset_at_ns DESC, id DESC LIMIT 50",
            "flags_rank",
        ),
        (
            "SELECT document FROM flags WHERE station = 'x' AND rank = 12 ORDER BY onset_at_ns DESC, id DESC LIMIT 50",
            "flags_station",
        ),
        (
            "SELECT document FROM alerts WHERE rank = 22 ORDER BY started_at_ns DESC, id DESC LIMIT 50",
            "alerts_rank",
        ),
        (
            "SELECT * FROM frames WHERE station = 'x' AND at_ns >= 5 ORDER BY at_ns DESC, id DESC LIMIT 50",
            "frames_station",
        ),
        ("SELECT * FROM frames ORDER BY at_ns DESC, id DESC LIMIT 50", "frames_time"),
        (
            "SELECT * FROM frames WHERE (unanswered = 1 OR error_code <> '' OR oddity <> '') ORDER BY at_ns DESC, id DESC LIMIT 50",
            "frames_troubled",
        ),
        ("SELECT * FROM samples WHERE session = 'x' ORDER BY at_ns", "samples_session"),
        ("SELECT count(*) FROM sessions WHERE outcome = 'ongoing'", "sessions_outcome"),
    ],
)
def test_other_queries_walk_an_index(store, sql, index):
    with store.database.reading() as reader:
        plan = [row[3] for row in reader.execute(f"EXPLAIN QUERY PLAN {sql}")]
    assert index in plan[0], plan
    assert not any("TEMP B-TREE" in step for step in plan), plan
