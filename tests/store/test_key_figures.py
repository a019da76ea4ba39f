"""Key figures from the store's sums: whatever came in whatever order, they are those of the sessions as they stand."""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.alerts import HOUR, NOON, SECOND
from tests.support.history import a_frame, a_session, a_station, batch_of, session_changed, spoke, status

from nocwatch.frames import Direction
from nocwatch.kpis.counting import counted
from nocwatch.kpis.grouping import Query
from nocwatch.moments import DAY_NS
from nocwatch.network import ConnectorStatus, Station
from nocwatch.registry.places import Place, Places, Scope
from nocwatch.sessions import Milestone, Outcome, Session, SessionStep
from nocwatch.state.changes import StationChanged
from nocwatch.store import Batch, Store, summing
from nocwatch.store.key_figures import Report, key_figures
from nocwatch.store.retention import forget

CHARGING = SessionStep(at_ns=NOON + 20 * SECOND, name=Milestone.CHARGING, milestone=True)
STARTED = SessionStep(at_ns=NOON + 5 * SECOND, name="authorised")
WEEK = Query(from_ns=NOON - 2 * DAY_NS, until_ns=NOON + 5 * DAY_NS)
LATER = NOON + 6 * DAY_NS


def figures_of(store: Store, places: Places, query: Query, now_ns: int) -> Report:
    with store.database.snapshot() as reader:
        return key_figures(reader, places, query, now_ns)


def figure(report: Report, name: str, group: str = "fleet") -> Any:
    return next(
        each for found in report.groups if found.group == group for each in found.figures if each.name == name
    )


def charge(name: str, outcome: Outcome = Outcome.SUCCESS, revision: int = 1, **more: Any) -> Session:
    made = a_session(name, outcome=outcome, revision=revision, **more)
    return Session(
        **{each: getattr(made, each) for each in made.__struct_fields__} | {"steps": (STARTED, CHARGING)}
    )


changes = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.integers(0, 6),
        st.sampled_from(list(Outcome)),
        st.sampled_from([None, 0.0, 50.0, 51.0, 20_000.0]),
        st.integers(0, 90),
        st.sampled_from([(), (CHARGING,), (STARTED, CHARGING), (SessionStep(at_ns=NOON, name="joined"),)]),
        st.sampled_from([None, "Local", "EmergencyStop"]),
    ),
    max_size=25,
)


@settings(deadline=None, max_examples=30)
@given(changes=changes, cuts=st.sets(st.integers(0, 24)), again=st.booleans())
def test_sums_of_any_stream_of_changes_are_those_counted_from_the_final_sessions(
    tmp_path_factory, changes, cuts, again
):
    store = Store.open(f"sqlite:///{tmp_path_factory.mktemp('figures')}/x.db")
    try:
        batch, number = Batch(), 0
        for index, (name, revision, outcome, energy, start, steps, stop) in enumerate(changes):
            session = a_session(
                f"s{name}",
                station=f"CP{name % 2}",
                revision=revision,
                outcome=outcome,
                energy_wh=energy,
                started=NOON + start * HOUR,
                stop_reason=stop,
            )
            session = Session(
                **{each: getattr(session, each) for each in session.__struct_fields__} | {"steps": steps}
            )
            batch.sessions.setdefault(session.id, session)
            if session.revision >= batch.sessions[session.id].revision:
                batch.sessions[session.id] = session
            if index in cuts:
                store.apply(batch)
                if again:
                    store.apply(batch)
                batch, number = Batch(), number + 1
        store.apply(batch)
        kept = store.sessions(limit=1000).items
        cells = [counted(session) for session in kept]
        report = figures_of(store, Places(), WEEK, LATER)
        if kept:
            assert figure(report, "charge_start_success").numerator == sum(cell.delivered for cell in cells)
            assert figure(report, "charge_start_success").denominator == sum(cell.attempts for cell in cells)
            assert figure(report, "session_success").numerator == sum(cell.valid_stops for cell in cells)
            timed = [cell for cell in cells if cell.start_ns is not None]
            assert figure(report, "charge_start_time_p50").number == len(timed)
        by_station = figures_of(
            store, Places(), Query(from_ns=WEEK.from_ns, until_ns=WEEK.until_ns, by="station"), LATER
        )
        for each in (one for found in (*report.groups, *by_station.groups) for one in found.figures):
            assert each.unit != "%" or each.value is None or 0 <= each.value <= 1, each
        for group in by_station.groups:
            mine = [counted(session) for session in kept if session.station == group.group]
            assert figure(by_station, "session_success", group.group).denominator == sum(
                cell.attempts for cell in mine
            )
        assert tables(store) == rebuilt(store)
    finally:
        store.close()


def tables(store: Store) -> dict[str, list[tuple]]:
    with store.database.reading() as reader:
        return {
            table: [
                row
                for row in reader.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3, 4, 5")
                if any(each not in (0, "{}") for each in row[last:])
            ]
            for table, last in (
                ("hours", 4),
                ("days", 4),
                ("months", 4),
                ("start_times", 5),
                ("start_months", 4),
            )
        }


def rebuilt(store: Store) -> dict[str, list[tuple]]:
    store.database.write(summing.rebuild_hours)
    return tables(store)


def test_a_verdict_that_changes_moves_the_session_and_counts_it_once(store):
    store.apply(batch_of(session_changed(charge("s1", Outcome.FAILED))))
    assert figure(figures_of(store, Places(), WEEK, LATER), "success_rate").value == 0
    store.apply(batch_of(session_changed(charge("s1", Outcome.SUCCESS, revision=2)), sequence=2))
    found = figures_of(store, Places(), WEEK, LATER)
    assert (figure(found, "success_rate").value, figure(found, "success_rate").number) == (1.0, 1)
    assert figure(found, "charge_start_time_p50").value == pytest.approx(15, rel=0.07)


def test_sums_outlive_their_sessions(store):
    store.apply(batch_of(session_changed(charge("s1"))))
    forget(store, NOON + 1200 * DAY_NS)
    assert store.session("s1") is None
    assert figure(figures_of(store, Places(), WEEK, LATER), "session_success").number == 1


@pytest.mark.parametrize("rows", [1, 2, 3, 2000])
def test_other_definitions_count_anew_what_is_kept_and_keep_the_sums_of_the_rest(tmp_path, monkeypatch, rows):
    monkeypatch.setattr(summing, "RECOUNT_ROWS", rows)
    url = f"sqlite:///{tmp_path}/x.db"
    store = Store.open(url)
    kept = [charge(f"kept{number}", station="CP2") for number in range(3)]
    store.apply(batch_of(session_changed(charge("gone")), *map(session_changed, kept)))

    def as_of_old(writer: Any) -> None:
        writer.execute("DELETE FROM sessions WHERE id = 'gone'")
        # An older nocwatch had counted nothing of the one that is kept.
        writer.execute("UPDATE sessions SET attempts = 0, delivered = 0, valid_stops = 0, start_ns = NULL")
        for table in ("hours", "days"):
            writer.execute(
                f"UPDATE {table} SET attempts = attempts - 3, delivered = delivered - 3 WHERE station = 'CP2'"
            )
        writer.execute("DELETE FROM meta WHERE name = 'kpi_version'")

    store.database.write(as_of_old)
    store.close()
    store = Store.open(url)
    by = Query(from_ns=WEEK.from_ns, until_ns=WEEK.until_ns, by="station")
    found = figures_of(store, Places(), by, LATER)
    assert [figure(found, "charge_start_success", name).numerator for name in ("CP1", "CP2")] == [1, 3]
    store.close()


@pytest.mark.parametrize(("wrong", "anew"), [("start_ns = NULL", False), ("attempts = 0", True)])
def test_visits_are_told_anew_where_other_sessions_are_attempts_and_not_else(
    tmp_path, monkeypatch, wrong, anew
):
    """An upgrade that counts something else of the same attempts costs nobody the minute that all visits take."""
    told = []
    tell_all = summing.chains.tell_all
    monkeypatch.setattr(summing.chains, "tell_all", lambda *them: (told.append(them), tell_all(*them)))
    url = f"sqlite:///{tmp_path}/x.db"
    store = Store.open(url)
    store.apply(batch_of(session_changed(charge("s1"))))

    def as_of_old(writer: Any) -> None:
        writer.execute(f"UPDATE sessions SET {wrong}")
        writer.execute("DELETE FROM meta WHERE name = 'kpi_version'")

    store.database.write(as_of_old)
    store.close()
    told.clear()
    Store.open(url).close()
    assert bool(told) is anew


def test_answers_of_the_csms_count_once_and_by_action(store):
    store.apply(batch_of(a_station()))
    call = a_frame(1)
    theirs = a_frame(3, direction=Direction.FROM_CSMS)
    batch = Batch()
    batch.add_step(call, [spoke(call, action="Authorize")])
    for sequence, asked, length in ((2, call, SECOND), (4, theirs, 9 * SECOND)):
        if asked is theirs:
            batch.add_step(theirs, [spoke(theirs, action="Reset")])
        answer = a_frame(sequence, payload=b'[3,"1",{}]')
        batch.add_step(answer, [spoke(answer, 3, call_frame=asked.ref, answer_time_ns=length)])
    store.apply(batch)
    store.apply(batch)
    report = figures_of(store, Places(), WEEK, LATER)
    # A report has groups where stations have connectors or sessions.
    store.apply(batch_of(status(ConnectorStatus.AVAILABLE, NOON), sequence=9))
    report = figures_of(store, Places(), WEEK, LATER)
    found = figure(report, "csms_answer_time_p50")
    assert (found.number, found.detail) == (1, "Authorize")
    # The CSMS's own Reset is answered by the station, and says nothing of the CSMS.
    assert sum(each.name == "csms_answer_time_p50" for each in report.groups[0].figures) == 1
    assert found.value == pytest.approx(1.0, rel=0.1)


def updated(at_ns: int, firmware: str) -> StationChanged:
    now = Station(
        id="CP1",
        online=True,
        since_ns=at_ns,
        last_seen_ns=at_ns,
        vendor="ACME",
        firmware=firmware,
        upstream="main",
    )
    return StationChanged(station="CP1", at_ns=at_ns, before=None, now=now)


def test_sessions_belong_to_the_firmware_of_their_time(store):
    store.apply(batch_of(updated(NOON, "1.2")))
    store.apply(batch_of(session_changed(charge("s1", Outcome.FAILED, started=NOON + HOUR)), sequence=2))
    store.apply(batch_of(updated(NOON + 3 * HOUR, "1.3"), sequence=3))
    store.apply(batch_of(session_changed(charge("s2", started=NOON + 4 * HOUR)), sequence=4))
    by = Query(from_ns=WEEK.from_ns, until_ns=WEEK.until_ns, by="firmware")
    found = figures_of(store, Places(), by, LATER)
    assert [(each.group, figure(found, "success_rate", each.group).value) for each in found.groups] == [
        ("1.2", 0.0),
        ("1.3", 1.0),
    ]


def test_groups_and_scopes_go_by_the_registry_and_by_what_booted(store):
    places = Places({"CP2": Place(station="CP2", known=True, site="depot", current="dc", access="public")})
    store.apply(
        batch_of(
            a_station("CP1"), session_changed(charge("s1")), session_changed(charge("s2", station="CP2"))
        )
    )
    for by, names in (
        ("site", ["(unknown)", "depot"]),
        ("vendor", ["(unknown)", "ACME"]),
        ("connector", ["CP1/1", "CP2/1"]),
    ):
        query = Query(from_ns=WEEK.from_ns, until_ns=WEEK.until_ns, by=by)
        assert [each.group for each in figures_of(store, places, query, LATER).groups] == names
    only = Query(from_ns=WEEK.from_ns, until_ns=WEEK.until_ns, scope=Scope(site="dep*"))
    assert figure(figures_of(store, places, only, LATER), "session_success").number == 1


def test_a_session_whose_connector_was_learnt_later_leaves_no_row_behind(store):
    store.apply(batch_of(a_station(), session_changed(charge("s1", connector=None))))
    store.apply(batch_of(session_changed(charge("s1", revision=2)), sequence=2))
    query = Query(from_ns=WEEK.from_ns, until_ns=WEEK.until_ns, by="connector")
    assert [each.group for each in figures_of(store, Places(), query, LATER).groups] == ["CP1/1"]


def test_what_an_evse_went_through_is_told_of_its_connectors_and_not_of_a_connector_zero(store):
    told = [
        (ConnectorStatus.AVAILABLE, NOON),
        (ConnectorStatus.FAULTED, NOON + HOUR),
        (ConnectorStatus.AVAILABLE, NOON + 2 * HOUR),
    ]
    changes = []
    for connector in (1, 2):
        for word, since in told:
            change = status(word, since, connector=connector)
            now = msgspec.structs.replace(change.now, evse=7)
            changes.append(msgspec.structs.replace(change, now=now))
    store.apply(batch_of(*changes))
    query = Query(from_ns=WEEK.from_ns, until_ns=WEEK.until_ns, by="connector")
    found = figures_of(store, Places(), query, LATER)
    assert [each.group for each in found.groups] == ["CP1/7/1", "CP1/7/2"]
    assert [figure(found, "mttr", each.group).value for each in found.groups] == [1.0, 1.0]


def test_whole_days_and_broken_hours_add_up(store):
    for index in range(60):
        store.apply(
            batch_of(session_changed(charge(f"s{index}", started=NOON + index * HOUR)), sequence=index)
        )
    for first, last in ((0, 60), (3, 50), (13, 14), (11, 37)):
        query = Query(from_ns=NOON + first * HOUR, until_ns=NOON + last * HOUR)
        assert figure(figures_of(store, Places(), query, LATER), "session_success").number == last - first


def test_time_is_known_from_the_first_word_on_and_lasting_bands_count(store):
    store.apply(
        batch_of(
            status(ConnectorStatus.AVAILABLE, NOON),
            status(ConnectorStatus.CHARGING, NOON + HOUR),
            status(ConnectorStatus.FAULTED, NOON + 2 * HOUR),
            status(ConnectorStatus.AVAILABLE, NOON + 3 * HOUR),
            status(ConnectorStatus.CHARGING, NOON + 4 * HOUR),
        )
    )
    found = figures_of(store, Places(), Query(from_ns=NOON - HOUR, until_ns=NOON + 5 * HOUR), NOON + 5 * HOUR)
    assert figure(found, "utilisation_charging").value == pytest.approx(2 / 5)
    assert figure(found, "availability").value == pytest.approx(4 / 5)
    assert (figure(found, "mttr").value, figure(found, "mtbf").value) == (1.0, 4.0)


def test_a_store_that_knew_no_refused_attempts_learns_them_from_what_it_has(tmp_path):
    """Of sessions that are kept by themselves, and in the sums of connectors, of the fleet, of hours and of days alike."""
    url = f"sqlite:///{tmp_path}/x.db"
    refused = [
        a_session(f"r{n}", outcome=Outcome.REJECTED, energy_wh=None, started=NOON + n * 30 * HOUR)
        for n in range(3)
    ]
    told = [charge("s1"), charge("s2", Outcome.REJECTED), *refused]
    # In the same hour one that power flowed in although it was refused, and one that was not refused in which none did.
    told += [charge("s3", Outcome.REJECTED, started=NOON + 5 * HOUR)]
    told += [a_session("s4", outcome=Outcome.FAILED, energy_wh=None, started=NOON + 5 * HOUR)]

    def known(store: Store) -> tuple[float | None, list[list[tuple[Any, ...]]]]:
        with store.database.snapshot() as reader:
            sums = [sorted(reader.execute(f"SELECT * FROM {table}")) for table in ("hours", "days", "months")]
        return figure(figures_of(store, Places(), WEEK, LATER), "charger_start_success").denominator, sums

    store = Store.open(url)
    store.apply(batch_of(a_station(), *map(session_changed, told)))
    wanted = known(store)
    store.close()
    old = sqlite3.connect(tmp_path / "x.db")
    for table in ("sessions", "hours", "days"):
        old.execute(f"ALTER TABLE {table} DROP COLUMN refused")
    for later in ("TABLE months", "TABLE start_months", "INDEX sessions_failed"):
        old.execute(f"DROP {later}")
    old.execute("PRAGMA user_version = 5")
    old.commit()
    old.close()
    store = Store.open(url)
    assert known(store) == wanted
    assert wanted[0] == 4
    store.close()


def test_a_store_of_the_first_form_is_brought_up_and_its_sessions_are_counted(tmp_path):
    """As an installation meets it that was there before there were key figures."""
    url = f"sqlite:///{tmp_path}/x.db"
    store = Store.open(url)
    store.apply(batch_of(a_station(), status(ConnectorStatus.AVAILABLE, NOON), session_changed(charge("s1"))))
    store.close()
    old = sqlite3.connect(tmp_path / "x.db")
    for table in (
        "days",
        "start_times",
        "answer_times",
        "eras",
        "token_prefixes",
        "shared_drivers",
        "months",
        "start_months",
    ):
        old.execute(f"DROP TABLE {table}")
    for index in (
        "states_down",
        "sessions_reservation",
        "sessions_limited",
        "sessions_guests",
        "sessions_asked",
        "sessions_failed",
    ):
        old.execute(f"DROP INDEX {index}")
    for table, columns in (
        (
            "sessions",
            (
                "attempts",
                "delivered",
                "valid_stops",
                "start_ns",
                "cost",
                "currency",
                "reservation",
                "limited",
                "visit",
                "refused",
            ),
        ),
        (
            "hours",
            (
                "attempts",
                "delivered",
                "valid_stops",
                "visits_well",
                "visits_troubled",
                "visits_failed",
                "refused",
            ),
        ),
    ):
        for column in columns:
            old.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    old.execute("DELETE FROM meta WHERE name IN ('kpi_version', 'visits_version')")
    old.execute("PRAGMA user_version = 1")
    old.commit()
    old.close()
    store = Store.open(url)
    found = figures_of(
        store, Places(), Query(from_ns=WEEK.from_ns, until_ns=WEEK.until_ns, by="firmware"), LATER
    )
    assert figure(found, "session_success", "1.2").numerator == 1
    assert figure(found, "charge_start_time_p50", "1.2").number == 1
    assert figure(figures_of(store, Places(), WEEK, LATER), "first_attempt_success").numerator == 1
    assert tables(store) == rebuilt(store)
    store.close()


def test_the_fleet_is_the_sum_of_its_stations(store):
    changes = [
        session_changed(charge(f"s{n}", station=f"CP{n % 3}", started=NOON + n * HOUR)) for n in range(9)
    ]
    bands = [
        status(word, NOON + n * HOUR, station=f"CP{n % 3}") for n, word in enumerate([*ConnectorStatus] * 2)
    ]
    store.apply(batch_of(*changes, *bands))
    whole = figures_of(store, Places(), WEEK, LATER).groups[0].figures
    every = Query(from_ns=WEEK.from_ns, until_ns=WEEK.until_ns, scope=Scope(station="*"))
    assert whole == figures_of(store, Places(), every, LATER).groups[0].figures
    assert figure(figures_of(store, Places(), WEEK, LATER), "utilisation_occupied").value > 0


@pytest.mark.parametrize("way", [1, -1])
def test_attempts_of_a_visit_may_be_kept_in_any_order(store, way):
    failed = charge("s1", Outcome.FAILED, length=60 * SECOND, token="k1", energy_wh=0.0)
    at_last = charge("s2", started=NOON + 120 * SECOND, token="k1")
    # Two at the same moment: the one that ended first came first.
    at_once = charge("s3", Outcome.FAILED, started=NOON + HOUR, length=0, token="k2", energy_wh=0.0)
    again = charge("s4", started=NOON + HOUR, token="k2")
    for session in [failed, at_last, at_once, again][::way]:
        store.apply(batch_of(session_changed(session)))
    report = figures_of(store, Places(), WEEK, LATER)
    assert figure(report, "troubled_visits").numerator == 2
    assert figure(report, "first_attempt_success").numerator == 0
    assert figure(report, "first_attempt_success").denominator == 2
