"""What is kept, once, whole, and in its highest revision."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.alerts import HOUR, MINUTE, NOON, PLACES, SECOND, a_flag, alert_settings, cleared
from tests.support.history import (
    CallUnanswered,
    Link,
    LinkEvent,
    Misspoke,
    Oddity,
    a_frame,
    a_session,
    a_station,
    batch_of,
    metered,
    session_changed,
    spoke,
    status,
)

from nocwatch.alerts.lifecycle import AlertBook
from nocwatch.flags import FlagState, Severity
from nocwatch.network import ConnectorStatus, Station
from nocwatch.sessions import Outcome
from nocwatch.store import (
    Batch,
    FlagFilter,
    FrameFilter,
    SessionFilter,
    Store,
    StoreError,
    StoreSettings,
    StoreUnavailableError,
    session_rows,
    summing,
)
from nocwatch.store.rollups import COLUMNS

TABLES = (
    "stations",
    "frames",
    "samples",
    "states",
    "connectors",
    "sessions",
    "session_documents",
    "hours",
    "hour_keys",
    "days",
    "start_times",
    "answer_times",
    "eras",
    "flags",
    "alerts",
    "alert_flags",
    "alert_moments",
    "outbox",
    "meta",
)


def contents(store: Store) -> dict[str, list[tuple]]:
    with store.database.reading() as reader:
        # The hours of a sum that came to nothing may stand or not: they say the same.
        return {
            table: [
                row
                for row in reader.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3")
                if table != "hours" or any(row[4:])
            ]
            if table not in ("meta", "session_documents", "alert_flags")
            else reader.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
            for table in TABLES
        }


def a_busy_hour() -> list[Batch]:
    """Steps of two batches, as the watch would make them again after a kill."""
    first, second = Batch(cursor=b"1"), Batch(cursor=b"2")
    book = AlertBook(alert_settings(), PLACES)
    call = a_frame(1)
    answer = a_frame(2, at_ns=NOON + SECOND, payload=b'[3,"1",{}]')
    flag = a_flag()
    first.add_step(call, [spoke(call)], [a_station(), status(ConnectorStatus.AVAILABLE, NOON)])
    first.add_step(
        answer,
        [spoke(answer, 3, call_frame=call.ref, answer_time_ns=SECOND)],
        [
            session_changed(a_session(outcome=Outcome.ONGOING, energy_wh=5.0)),
            status(ConnectorStatus.CHARGING, NOON + MINUTE),
            metered("s1", NOON + MINUTE, power_w=11_000.0),
            metered("s1", NOON + MINUTE, power_w=10_900.0),
        ],
        [flag],
        book.feed(flag),
    )
    over = cleared(flag, NOON + 2 * HOUR)
    odd = a_frame(3, at_ns=NOON + 2 * HOUR, payload=b"nonsense \xff")
    second.add_step(
        odd,
        [
            Misspoke(
                station="CP1",
                connection=7,
                at_ns=NOON,
                frame=odd.ref,
                direction=odd.direction,
                oddity=Oddity.NOT_JSON,
            )
        ],
        [session_changed(a_session(revision=2)), status(ConnectorStatus.AVAILABLE, NOON + 2 * HOUR)],
        [over],
        book.feed(over),
    )
    return [first, second]


def test_same_batches_again_change_nothing(store):
    batches = a_busy_hour()
    for batch in batches:
        store.apply(batch)
    once = contents(store)
    for batch in [*batches, *batches, batches[1]]:
        store.apply(batch)
    assert contents(store) == once
    assert store.cursor() == b"2"


def test_older_batch_again_moves_only_the_cursor_back(store):
    first, second = a_busy_hour()
    store.apply(first)
    store.apply(second)
    newest = contents(store)
    store.apply(first)
    assert {**contents(store), "meta": []} == {**newest, "meta": []}
    assert store.cursor() == b"1"


def test_lower_revision_never_overwrites_a_higher(store):
    store.apply(batch_of(session_changed(a_session(revision=5, outcome=Outcome.SUCCESS))))
    store.apply(batch_of(session_changed(a_session(revision=4, outcome=Outcome.FAILED))))
    assert store.session("s1").outcome is Outcome.SUCCESS
    store.apply(batch_of(session_changed(a_session(revision=6, outcome=Outcome.FAILED))))
    assert store.session("s1").outcome is Outcome.FAILED
    assert len(store.sessions().items) == 1


def test_raised_flag_that_is_read_again_does_not_undo_its_end(store):
    batch = Batch()
    batch.add_step(None, flags=[cleared(a_flag(), NOON + HOUR)])
    store.apply(batch)
    again = Batch()
    again.add_step(None, flags=[a_flag(at_ns=NOON + 2 * HOUR)])
    store.apply(again)
    assert store.flag("f1").state is FlagState.CLEARED
    assert store.flags(FlagFilter(state=FlagState.RAISED)).items == []


def test_worse_flag_takes_the_place_of_the_lesser(store):
    batch = Batch()
    batch.add_step(None, flags=[a_flag(), a_flag(at_ns=NOON + MINUTE, severity=Severity.CRITICAL)])
    store.apply(batch)
    assert store.flag("f1").severity is Severity.CRITICAL
    assert store.overview(NOON).flags_raised == {"info": 0, "warning": 0, "critical": 1}


def test_call_and_answer_know_each_other(store):
    for batch in a_busy_hour():
        store.apply(batch)
    odd, answer, call = store.frames(FrameFilter(station="CP1")).items
    assert (call.answer, call.answer_time_ns, answer.call) == (answer.ref, SECOND, call.ref)
    assert (odd.oddity, odd.payload) == ("not_json", "nonsense \ufffd")
    assert [frame.ref for frame in store.frames(FrameFilter(troubled=True)).items] == [odd.ref]


def test_answer_in_a_later_batch_finds_its_call(store):
    call, answer = a_frame(1), a_frame(2, payload=b'[3,"1",{}]')
    for frame, event in (
        (call, spoke(call)),
        (answer, spoke(answer, 3, call_frame=call.ref, answer_time_ns=5)),
    ):
        batch = Batch()
        batch.add_step(frame, [event])
        store.apply(batch)
    assert store.frames_by_ref([call.ref])[0].answer == answer.ref


def test_of_two_answers_to_one_call_the_first_counts_once_whether_they_come_together_or_not(store):
    call, first, second = a_frame(1), a_frame(2, payload=b'[3,"1",{}]'), a_frame(3, payload=b'[3,"1",{}]')
    batch = Batch()
    batch.add_step(call, [spoke(call)])
    for answer, took_ns in ((first, 5), (second, 9)):
        batch.add_step(answer, [spoke(answer, 3, call_frame=call.ref, answer_time_ns=took_ns)])
    store.apply(batch)
    late = Batch()
    late.add_step(second, [spoke(second, 3, call_frame=call.ref, answer_time_ns=9)])
    store.apply(late)
    held = store.frames_by_ref([call.ref])[0]
    assert (held.answer, held.answer_time_ns) == (first.ref, 5)
    with store.database.reading() as reader:
        assert reader.execute("SELECT sum(number) FROM answer_times").fetchone() == (1,)


def test_the_first_answers_to_a_new_station_are_those_of_its_csms(store):
    call, answer = a_frame(1), a_frame(2, payload=b'[3,"1",{}]')
    known = Station(id=call.station, online=True, since_ns=NOON, last_seen_ns=NOON, upstream="main")
    batch = Batch(stations={known.id: (NOON, known)})
    batch.add_step(call, [spoke(call)])
    batch.add_step(answer, [spoke(answer, 3, call_frame=call.ref, answer_time_ns=5)])
    store.apply(batch)
    with store.database.reading() as reader:
        assert reader.execute("SELECT upstream, number FROM answer_times").fetchall() == [("main", 1)]


def test_a_session_that_goes_on_is_found_by_what_became_of_it(store):
    told = [
        a_session("s1", revision=1, outcome=Outcome.ONGOING, energy_wh=None),
        a_session("s1", revision=2, outcome=Outcome.ONGOING, energy_wh=900.0, token="h:1"),
        a_session("s1", revision=3, outcome=Outcome.ONGOING, energy_wh=1_900.0, token="h:1"),
        a_session("s1", revision=4, outcome=Outcome.FAILED, energy_wh=2_000.0, token="h:1"),
    ]
    for session in told:
        batch = Batch()
        batch.sessions[session.id] = session
        store.apply(batch)
        assert [each.revision for each in store.sessions().items] == [session.revision]
        with store.database.reading() as reader:
            kept = reader.execute("SELECT energy_wh, token, outcome, revision FROM sessions").fetchone()
        assert kept == (session.energy_wh, session.token, session.outcome.value, session.revision)
    assert store.sessions(SessionFilter(outcomes=(Outcome.ONGOING,))).items == []
    assert store.sessions(SessionFilter(token="h:1", outcomes=(Outcome.FAILED,))).items == [told[-1]]


def test_what_sessions_are_found_by_is_what_their_indices_hold(store):
    with store.database.reading() as reader:
        names = [row[1] for row in reader.execute("PRAGMA index_list(sessions)")]
        indexed = {row[2] for name in names for row in reader.execute(f"PRAGMA index_info({name})")}
    assert indexed - {"id"} == set(session_rows.FOUND_BY)


def test_call_without_an_answer_stands_out(store):
    call = a_frame(1)
    batch = Batch()
    batch.add_step(call, [spoke(call)])
    unanswered = CallUnanswered(
        station="CP1",
        connection=7,
        at_ns=NOON,
        frame=call.ref,
        direction=call.direction,
        action="Heartbeat",
        waited_ns=1,
    )
    batch.add_step(a_frame(9), [unanswered])
    store.apply(batch)
    (found,) = store.frames(FrameFilter(troubled=True)).items
    assert (found.ref, found.unanswered) == (call.ref, True)


def test_link_event_stands_among_the_frames(store):
    batch = Batch()
    batch.add_step(
        Link(
            lane=1,
            sequence=5 << 16,
            received_at_ns=NOON,
            connection=7,
            station="CP1",
            event=LinkEvent.CLOSED,
            code=1006,
            by="csms",
        )
    )
    store.apply(batch)
    (link,) = store.frames(FrameFilter(kinds=("link",))).items
    assert (link.ref, link.action, link.code) == ("1-5-0", "closed", 1006)
    assert msgspec.json.decode(link.payload) == {"code": 1006, "by": "csms"}


def test_batch_that_cannot_be_kept_leaves_nothing(store):
    store.apply(batch_of(a_station(), cursor=b"before"))
    bad = batch_of(session_changed(a_session()), cursor=b"after")
    bad.samples.append((1, 2, 3))
    with pytest.raises(sqlite3.Error):
        store.apply(bad)
    assert store.cursor() == b"before"
    assert store.sessions().items == []


def test_full_disk_is_told_by_name_and_healed_by_space(store):
    store.apply(batch_of(a_station(), cursor=b"before"))
    pages = store.database.write(lambda writer: writer.execute("PRAGMA page_count").fetchone()[0])
    store.database._executor.submit(
        lambda: store.database._writer.execute(f"PRAGMA max_page_count = {pages + 2}")
    ).result()
    large = Batch(cursor=b"after")
    for number in range(100):
        large.add_step(a_frame(number, payload=b"x" * 5000))
    with pytest.raises(StoreUnavailableError, match="the disk is full") as caught:
        store.apply(large)
    assert caught.value.reason == "full"
    assert store.cursor() == b"before"
    assert store.frames().items == []
    store.database._executor.submit(
        lambda: store.database._writer.execute("PRAGMA max_page_count = 1000000")
    ).result()
    store.apply(large)
    assert (store.cursor(), store.counts()["frames"]) == (b"after", 100)


def test_database_that_another_process_holds_is_told_by_name(tmp_path):
    store = Store.open(StoreSettings(url=f"sqlite:///{tmp_path}/x.db", busy_timeout="50ms"))
    other = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailableError, match="another process holds") as caught:
        store.apply(batch_of(a_station()))
    assert caught.value.reason == "busy"
    other.execute("ROLLBACK")
    other.close()
    store.apply(batch_of(a_station()))
    assert store.counts()["stations"] == 1
    store.close()


WRITER = textwrap.dedent(
    """
    import sys
    from nocwatch.store import Batch, Store
    from tests.support.history import a_frame, a_session, session_changed
    store = Store.open(sys.argv[1])
    number = 0
    while True:
        batch = Batch(cursor=str(number + 10).encode())
        for _ in range(10):
            batch.add_step(a_frame(number), [], [session_changed(a_session(f"s{number}"))])
            number += 1
        store.apply(batch)
        print(number, flush=True)
    """
)


def test_kill_in_mid_batch_leaves_whole_batches_with_their_cursor(tmp_path):
    url = f"sqlite:///{tmp_path}/x.db"
    with subprocess.Popen([sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, text=True) as process:
        for _ in range(30):
            told = int(process.stdout.readline())
        process.kill()
    store = Store.open(url)
    counts = store.counts()
    assert int(store.cursor()) == counts["frames"] == counts["sessions"] >= told
    store.close()


WORDS = list(ConnectorStatus)
points = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from(WORDS), st.sampled_from([0, 1, 2])), max_size=25
)


@settings(deadline=None, max_examples=40)
@given(points=points, cut=st.integers(0, 25))
def test_bands_have_no_holes_and_no_overlaps_whatever_is_read_again(tmp_path_factory, points, cut):
    store = Store.open(f"sqlite:///{tmp_path_factory.mktemp('bands')}/x.db")
    try:
        changes = [
            status(word, NOON + at * 13 * MINUTE, connector=connector) for at, word, connector in points
        ]
        for part in (changes[:cut], changes, changes):
            store.apply(batch_of(*part))
        expected: dict[int, dict[int, str]] = {}
        for at, word, connector in points:
            expected.setdefault(connector, {})[NOON + at * 13 * MINUTE] = word
        bands = store.states("CP1", 0, NOON + 1000 * HOUR)
        for connector, known in expected.items():
            mine = [band for band in bands if band.connector == connector]
            assert {band.from_ns: band.status for band in mine} == known
            assert [band.until_ns for band in mine] == [*(band.from_ns for band in mine[1:]), None]
        assert hours(store) == rebuilt(store)
    finally:
        store.close()


revisions = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.integers(0, 5),
        st.sampled_from(list(Outcome)),
        st.one_of(st.none(), st.floats(0, 90_000)),
        st.integers(0, 200),
        st.integers(0, 200),
        st.sampled_from([None, 1, 2]),
    ),
    max_size=25,
)


@settings(deadline=None, max_examples=40)
@given(revisions=revisions)
def test_hourly_sums_are_those_of_the_sessions_as_they_stand(tmp_path_factory, revisions):
    store = Store.open(f"sqlite:///{tmp_path_factory.mktemp('hours')}/x.db")
    try:
        changes = [
            session_changed(
                a_session(
                    f"s{name}",
                    station=f"CP{name % 2}",
                    revision=revision,
                    outcome=outcome,
                    energy_wh=energy,
                    started=NOON + start * 7 * MINUTE,
                    length=length * 7 * MINUTE,
                    connector=connector,
                )
            )
            for name, revision, outcome, energy, start, length, connector in revisions
        ]
        for number, change in enumerate(changes):
            store.apply(batch_of(change, sequence=number))
        store.apply(batch_of(*changes))
        assert hours(store) == rebuilt(store)
        kept = store.sessions(limit=1000).items
        total = store.kpi_days(None, 10, NOON + 5 * 24 * HOUR)
        assert sum(day.sessions for day in total) == len(kept)
        assert sum(day.success for day in total) == sum(
            session.outcome is Outcome.SUCCESS for session in kept
        )
        assert sum(day.energy_wh for day in total) == pytest.approx(
            sum(session.energy_wh or 0 for session in kept), abs=0.01
        )
    finally:
        store.close()


def hours(store: Store) -> dict[tuple, tuple]:
    with store.database.reading() as reader:
        names = ", ".join(COLUMNS)
        return {
            row[:4]: row[4:]
            for row in reader.execute(f"SELECT station, evse, connector, hour, {names} FROM hours")
            if any(row[4:])
        }


def rebuilt(store: Store) -> dict[tuple, tuple]:
    store.database.write(summing.rebuild_hours)
    return hours(store)


def test_file_of_another_program_is_not_written_into(tmp_path):
    path = tmp_path / "books.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE books (title)")
    other.commit()
    other.close()
    with pytest.raises(StoreError, match="belongs to another program"):
        Store.open(f"sqlite:///{path}")


def test_file_that_is_no_database_is_told_so(tmp_path):
    path = tmp_path / "x.db"
    path.write_text("this is no database, however long it may be " * 100)
    with pytest.raises(StoreError, match="no SQLite database"):
        Store.open(f"sqlite:///{path}")


def test_file_of_a_newer_nocwatch_is_refused(tmp_path):
    store = Store.open(f"sqlite:///{tmp_path}/x.db")
    store.database.write(lambda writer: writer.execute("PRAGMA user_version = 99"))
    store.close()
    with pytest.raises(StoreError, match="written by a newer nocwatch"):
        Store.open(f"sqlite:///{tmp_path}/x.db")


def test_folder_that_cannot_be_made_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailableError, match=r"x\.db: "):
        Store.open(f"sqlite:///{tmp_path}/file/x.db")


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("postgresql://user:s3cret@host/db", "a PostgreSQL store is not there yet; write sqlite:///"),
        ("mysql://x", "'mysql' is no kind of store"),
        ("sqlite://nocwatch.db", "the store needs a file"),
        ("sqlite:///:memory:", "the store needs a file"),
    ],
)
def test_other_kinds_of_store_are_refused_with_what_would_be_right(url, sentence):
    with pytest.raises(StoreError, match=sentence) as caught:
        Store.open(url)
    assert "s3cret" not in str(caught.value)


def test_closed_store_says_so(store):
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.apply(Batch())
    with pytest.raises(StoreError, match="closed"):
        store.sessions(SessionFilter())


def test_reopened_store_has_everything(tmp_path):
    url = f"sqlite:///{tmp_path}/x.db"
    store = Store.open(url)
    store.apply(batch_of(session_changed(a_session()), cursor=b"here"))
    store.close()
    again = Store.open(url)
    assert again.cursor() == b"here"
    assert again.session("s1") == a_session()
    again.close()
