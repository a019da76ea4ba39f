"""Visits as sums: whatever came in whatever order, they are those that are counted from all attempts as they stand."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.alerts import HOUR, MINUTE, NOON
from tests.support.history import a_session, batch_of, session_changed

from nocwatch.kpis.grouping import By, Query, name_of
from nocwatch.kpis.visits import Attempt, VisitSums, visits
from nocwatch.moments import DAY_NS
from nocwatch.registry.places import Place, Places, Scope
from nocwatch.sessions import Outcome, Session
from nocwatch.store import Store, summing
from nocwatch.store.chains import LINK
from nocwatch.store.key_figures import Report, key_figures
from nocwatch.store.retention import forget

LATER = NOON + 9 * DAY_NS
STATIONS = ("CP1", "CP2", "CP3", "CP4")
PLACES = (
    Places(),
    Places({name: Place(station=name, known=True, site="depot") for name in STATIONS}),
    Places(
        {
            name: Place(station=name, known=True, site=site)
            for name, site in zip(STATIONS, ("depot", "depot", "harbour", ""), strict=True)
        }
    ),
)
OVER = (Outcome.SUCCESS, Outcome.FAILED, Outcome.CANCELLED, Outcome.REJECTED)


def told(report: Report) -> dict[str, VisitSums]:
    """What the report says of visits, by group."""
    found = {}
    for group in report.groups:
        parts = {each.name: each for each in group.figures}
        if (first := parts.get("first_attempt_success")) is not None:
            counts = (parts[name].numerator for name in ("troubled_visits", "failed_visits"))
            found[group.group] = VisitSums(int(first.number), int(first.numerator), *map(int, counts))
    return found


def counted(sessions: Iterable[Session], places: Places, query: Query) -> dict[str, VisitSums]:
    """From all attempts one by one."""
    attempts = sorted(
        (
            Attempt(
                places.place(each.station).site or each.station,
                each.station,
                -1,
                -1 if each.connector is None else each.connector,
                each.token,
                each.started_at_ns,
                each.changed_at_ns if each.stopped_at_ns is None else each.stopped_at_ns,
                each.outcome.value,
            )
            for each in sessions
            if each.over and query.scope.covers(places.place(each.station))
        ),
        key=lambda each: (each.started_at_ns, each.stopped_at_ns),
    )
    found: Counter[tuple[str, VisitSums]] = Counter()
    for first, sums in visits(attempts):
        if query.from_ns <= first.started_at_ns < query.until_ns:
            place = places.place(first.station)
            found[name_of(query.by, place, first.evse, first.connector, ""), sums] += 1
    groups: dict[str, VisitSums] = {}
    for (name, sums), number in found.items():
        groups[name] = groups.get(name, VisitSums()) + sums.times(number)
    return groups


def ask(store: Store, places: Places, query: Query) -> Report:
    with store.database.snapshot() as reader:
        return key_figures(reader, places, query, LATER)


attempts = st.lists(
    st.builds(
        lambda name, revision, station, connector, token, outcome, start, length: a_session(
            f"s{name}",
            revision=revision,
            station=station,
            connector=connector,
            token=token,
            outcome=outcome,
            # Each at a minute of its own, so that which of two came first is no matter of their names.
            started=NOON + start * 7 * MINUTE + (name * 17 + revision) * 1_000_000_000,
            length=length * 5 * MINUTE,
        ),
        name=st.integers(0, 11),
        revision=st.integers(1, 3),
        station=st.sampled_from(["CP1", "CP1", "CP1", *STATIONS]),
        connector=st.sampled_from([None, 1, 1, 2]),
        token=st.sampled_from([None, "", "k1", "k1", "k2"]),
        outcome=st.sampled_from([*OVER, Outcome.SUCCESS, Outcome.FAILED, Outcome.ONGOING]),
        start=st.integers(0, 60),
        length=st.sampled_from([0, 1, 1, 2, 3, 10, 30]),
    ),
    max_size=30,
)
windows = st.builds(
    lambda first, length, by, scope: Query(
        from_ns=NOON + first * HOUR, until_ns=NOON + (first + length) * HOUR, by=by, scope=scope
    ),
    first=st.integers(-15, 6),
    length=st.integers(1, 40),
    by=st.sampled_from([By.FLEET, By.STATION, By.SITE, By.ACCESS]),
    scope=st.sampled_from([Scope(), Scope(), Scope(station="CP1"), Scope(site="depot")]),
)


@settings(deadline=None, max_examples=100)
@given(
    changes=attempts,
    together=st.sets(st.integers(0, 29), max_size=8),
    places=st.sampled_from(PLACES),
    queries=st.lists(windows, min_size=1, max_size=4),
    longest=st.sampled_from([2, 4, 1000, 1000, 1000]),
    anew=st.booleans(),
)
def test_visits_of_any_stream_of_attempts_are_those_counted_from_all_of_them(
    tmp_path_factory, changes, together, places, queries, longest, anew
) -> None:
    store = Store.open(f"sqlite:///{tmp_path_factory.mktemp('visits')}/x.db")
    with pytest.MonkeyPatch.context() as patch:
        for module in ("kpis", "store"):
            patch.setattr(f"nocwatch.{module}.chains.CHAIN_MAX", longest)
        patch.setattr("nocwatch.store.chains.PAGE_ROWS", longest)
        patch.setattr("nocwatch.store.chains.SUMS_ROWS", longest)
        try:
            batch = []
            for index, session in enumerate(changes):
                batch.append(session_changed(session))
                if index not in together:
                    store.apply(batch_of(*batch))
                    batch = []
            store.apply(batch_of(*batch))
            if anew:
                store.database.write(forget_version)
                store.database.write(summing.recount)
            kept = store.sessions(limit=1000).items
            for query in queries:
                assert told(ask(store, places, query)) == counted(kept, places, query)
            sums = tables(store)
            store.database.write(summing.rebuild_hours)
            assert sums == tables(store)
        finally:
            store.close()


def test_whose_station_moves_to_another_site_has_other_visits_at_once(store) -> None:
    """A driver who fails at one station and goes to the next: one visit where both stand at one site, else two."""
    store.apply(
        batch_of(
            session_changed(a_session("s1", token="k1", outcome=Outcome.FAILED, length=2 * MINUTE)),
            session_changed(a_session("s2", station="CP2", token="k1", started=NOON + 9 * MINUTE)),
        )
    )
    query = Query(from_ns=NOON, until_ns=NOON + HOUR)
    alone, together, _ = PLACES
    assert told(ask(store, together, query)) == {"fleet": VisitSums(1, 0, 1, 0)}
    assert told(ask(store, alone, query)) == {"fleet": VisitSums(2, 1, 0, 1)}
    with store.database.reading() as reader:
        assert reader.execute(
            "SELECT count(*) FROM hours WHERE visits_well + visits_failed > 0"
        ).fetchone() == (0,)


def test_an_attempt_that_is_heard_of_late_is_the_first_of_the_visit_that_it_began(store) -> None:
    """And when it turns out to be none, the visit begins with the next again."""
    query = Query(from_ns=NOON, until_ns=NOON + HOUR)
    second = a_session("s2", token="k1", started=NOON + 20 * MINUTE, length=MINUTE)
    store.apply(batch_of(session_changed(second)))
    assert told(ask(store, Places(), query)) == {"fleet": VisitSums(1, 1)}
    first = a_session("s1", token="k1", outcome=Outcome.FAILED, length=2 * MINUTE)
    store.apply(batch_of(session_changed(first), sequence=2))
    assert told(ask(store, Places(), query)) == {"fleet": VisitSums(1, 0, 1, 0)}
    going_on = a_session("s1", token="k1", outcome=Outcome.ONGOING, length=2 * MINUTE, revision=2)
    store.apply(batch_of(session_changed(going_on), sequence=3))
    assert told(ask(store, Places(), query)) == {"fleet": VisitSums(1, 1)}


def test_a_card_that_a_whole_depot_shares_is_not_read_from_its_beginning_at_each_session(
    store, monkeypatch
) -> None:
    for module in ("kpis", "store"):
        monkeypatch.setattr(f"nocwatch.{module}.chains.CHAIN_MAX", 10)
    for number in range(40):
        session = a_session(f"s{number}", token="depot", started=NOON + number * HOUR)
        store.apply(batch_of(session_changed(session), sequence=number))
    with store.database.reading() as reader:
        assert reader.execute("SELECT token, from_ns FROM shared_drivers").fetchall() == [("depot", NOON)]
        assert reader.execute("SELECT count(*) FROM sessions WHERE visit >= 4").fetchone() == (40,)
        plan = " ".join(row[3] for row in reader.execute(f"EXPLAIN QUERY PLAN {_FOLLOWING}", ("depot", NOON)))
    # Rows come as they are asked for: the index has them in order, and only what began at the same time is sorted.
    assert "sessions_token (token=? AND started_at_ns>?)" in plan
    assert "RIGHT PART OF ORDER BY" in plan
    assert told(ask(store, Places(), Query(from_ns=NOON, until_ns=NOON + HOUR))) == {"fleet": VisitSums(1, 1)}


def test_a_late_session_at_the_edge_of_a_shared_cards_time_hides_no_other_of_its_batch(
    store, monkeypatch
) -> None:
    for module in ("kpis", "store"):
        monkeypatch.setattr(f"nocwatch.{module}.chains.CHAIN_MAX", 3)
    for number in range(6):
        session = a_session(f"s{number}", token="depot", started=NOON + number * 20 * MINUTE)
        store.apply(batch_of(session_changed(session), sequence=number))
    early = a_session("early", token="depot", started=NOON - 20 * MINUTE, length=10 * MINUTE)
    hours_later = a_session("later", token="depot", started=NOON + 9 * HOUR)
    store.apply(batch_of(session_changed(early), session_changed(hours_later), sequence=9))
    query = Query(from_ns=NOON - HOUR, until_ns=NOON + 12 * HOUR)
    assert told(ask(store, Places(), query)) == {"fleet": VisitSums(2, 2)}


_FOLLOWING = f"SELECT {LINK} FROM sessions WHERE attempts = 1 AND token = ? AND started_at_ns > ? ORDER BY started_at_ns, 2, id"


def test_visits_outlive_their_sessions(store) -> None:
    store.apply(batch_of(session_changed(a_session("s1", token="k1"))))
    forget(store, NOON + 1200 * DAY_NS)
    assert store.session("s1") is None
    assert told(ask(store, Places(), Query(from_ns=NOON, until_ns=NOON + HOUR))) == {"fleet": VisitSums(1, 1)}


def forget_version(writer: sqlite3.Connection) -> None:
    writer.execute("DELETE FROM meta WHERE name = 'visits_version'")


def tables(store: Store) -> list[tuple]:
    with store.database.reading() as reader:
        return [
            row
            for table in ("hours", "days", "months")
            for row in reader.execute(
                f"SELECT *, visits_well, visits_troubled, visits_failed FROM {table} ORDER BY 1, 2, 3, 4"
            )
            if any(row[4:])
        ]
