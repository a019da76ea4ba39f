"""Figures of long windows come from the sums of days and of spans of days: they are those of the rows, wherever the window begins."""

from __future__ import annotations

from collections import Counter

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.alerts import HOUR, MINUTE, NOON, SECOND
from tests.support.history import a_session, a_station, batch_of, session_changed, status

from nocwatch.kpis.counting import counted
from nocwatch.kpis.grouping import By, Query
from nocwatch.kpis.opening import closed
from nocwatch.kpis.ports import Port, Try, no_service
from nocwatch.kpis.spans import both, length_ns
from nocwatch.moments import DAY_NS
from nocwatch.network import ConnectorStatus as Status
from nocwatch.network import Station
from nocwatch.registry.places import Place, Places
from nocwatch.sessions import Milestone, Outcome, SessionStep
from nocwatch.state.changes import StationChanged
from nocwatch.store import Store
from nocwatch.store.key_figures import Report, key_figures
from nocwatch.store.reads import service

LATER = NOON + 120 * DAY_NS
OUTCOMES = (Outcome.SUCCESS, Outcome.FAILED, Outcome.REJECTED)


def ask(store: Store, places: Places, query: Query) -> Report:
    with store.database.snapshot() as reader:
        return key_figures(reader, places, query, LATER)


def updated(at_ns: int, firmware: str) -> StationChanged:
    now = Station(id="CP1", online=True, since_ns=at_ns, last_seen_ns=at_ns, firmware=firmware)
    return StationChanged(station="CP1", at_ns=at_ns, before=None, now=now)


sessions = st.lists(
    st.builds(
        lambda name, station, start, outcome, wait: msgspec.structs.replace(
            a_session(
                f"s{name}", station=station, started=NOON + start * HOUR, length=10 * MINUTE, outcome=outcome
            ),
            steps=(
                SessionStep(at_ns=NOON + start * HOUR, name="authorised"),
                SessionStep(
                    at_ns=NOON + start * HOUR + wait * SECOND, name=Milestone.CHARGING, milestone=True
                ),
            ),
        ),
        name=st.integers(0, 50),
        station=st.sampled_from(["CP1", "CP2"]),
        start=st.integers(0, 110 * 24),
        outcome=st.sampled_from(OUTCOMES),
        wait=st.integers(1, 90),
    ),
    min_size=1,
    max_size=40,
    unique_by=lambda session: session.id,
)


@settings(deadline=None, max_examples=25)
@given(
    sessions=sessions,
    windows=st.lists(st.tuples(st.integers(-30, 110 * 24), st.integers(1, 110 * 24)), min_size=1, max_size=6),
    changes=st.lists(st.integers(1, 110 * 24), max_size=4, unique=True),
)
def test_a_window_holds_what_its_sessions_count_for(tmp_path_factory, sessions, windows, changes) -> None:
    store = Store.open(f"sqlite:///{tmp_path_factory.mktemp('long')}/x.db")
    marks = [-100, *sorted(changes)]
    try:
        for n, at in enumerate(marks):
            store.apply(batch_of(updated(NOON + at * HOUR + MINUTE, f"1.{n}"), sequence=n))
        store.apply(batch_of(*map(session_changed, sessions)))
        for first, length in windows:
            window = {"from_ns": NOON + first * HOUR, "until_ns": NOON + (first + length) * HOUR}
            inside = [
                each for each in sessions if window["from_ns"] <= each.started_at_ns < window["until_ns"]
            ]

            def firmware(session, marks=marks):
                begun = [n for n, at in enumerate(marks) if NOON + (at + 1) * HOUR <= session.started_at_ns]
                return f"1.{begun[-1]}" if session.station == "CP1" and begun else "(unknown)"

            for by, name in (
                (By.FLEET, lambda _: "fleet"),
                (By.STATION, lambda each: each.station),
                (By.FIRMWARE, firmware),
            ):
                tries, starts = Counter(), Counter()
                for each in inside:
                    cell = counted(each)
                    tries[name(each)] += cell.attempts
                    starts[name(each)] += cell.start_ns is not None
                found = {
                    group.group: {figure.name: figure for figure in group.figures}
                    for group in ask(store, Places(), Query(**window, by=by)).groups
                }
                told = {group: figures["session_success"].number for group, figures in found.items()}
                assert +Counter(told) == +tries
                told = {group: figures["charge_start_time_p50"].number for group, figures in found.items()}
                assert +Counter(told) == +starts
    finally:
        store.close()


tried = st.lists(
    st.tuples(
        st.sampled_from([1, 2]),
        st.integers(0, 40),
        st.integers(0, 5),
        st.sampled_from(
            [
                (Outcome.SUCCESS, None),
                (Outcome.FAILED, "charger"),
                (Outcome.FAILED, "charger"),
                (Outcome.FAILED, "driver"),
            ]
        ),
    ),
    max_size=25,
)


@settings(deadline=None, max_examples=40)
@given(tried=tried, first=st.integers(-1, 20), length=st.integers(1, 50))
def test_ports_served_nobody_when_all_their_sessions_say_so(tmp_path_factory, tried, first, length) -> None:
    store = Store.open(f"sqlite:///{tmp_path_factory.mktemp('tries')}/x.db")
    from_ns, until_ns = NOON + first * HOUR, NOON + (first + length) * HOUR
    try:
        store.apply(batch_of(*(status(Status.AVAILABLE, NOON, connector=number) for number in (1, 2))))
        made = [
            a_session(
                f"s{n}",
                connector=connector,
                started=NOON + start * HOUR,
                length=lasts * 20 * MINUTE,
                outcome=outcome,
                blame=blame,
            )
            for n, (connector, start, lasts, (outcome, blame)) in enumerate(tried)
        ]
        store.apply(batch_of(*map(session_changed, made)))
        with store.database.reading() as reader:
            found = service.ports(reader, None, from_ns, until_ns)
        for each in found:
            mine = [
                Try(session.started_at_ns, session.stopped_at_ns, session.outcome.value, session.blame)
                for session in made
                if Port("CP1", -1, session.connector) == each.port
                and from_ns <= session.started_at_ns < until_ns
            ]
            assert no_service(each.tries, until_ns) == no_service(mine, until_ns)
    finally:
        store.close()


@settings(deadline=None, max_examples=15)
@given(
    bands=st.lists(st.tuples(st.integers(0, 90 * 24 * 6), st.sampled_from(list(Status))), max_size=40),
    first=st.integers(-30, 60 * 24),
    length=st.integers(1, 60 * 24),
    opening=st.sampled_from(["06:00-22:00", "Mo-Fr 07:30-20:15; Sa 08:00-18:00"]),
)
def test_closed_hours_take_their_share_of_each_hour(tmp_path_factory, bands, first, length, opening) -> None:
    store = Store.open(f"sqlite:///{tmp_path_factory.mktemp('shut')}/x.db")
    place = Place(station="CP1", known=True, opening_hours=opening, timezone="Europe/Berlin")
    window = NOON + first * HOUR, NOON + (first + length) * HOUR
    try:
        store.apply(batch_of(a_station(), status(Status.AVAILABLE, NOON)))
        store.apply(
            batch_of(
                *(
                    status(word, NOON + at * 10 * MINUTE)
                    for at, word in sorted(bands, key=lambda each: each[0])
                )
            )
        )
        report = ask(
            store, Places({"CP1": place}), Query(from_ns=window[0], until_ns=window[1], by=By.STATION)
        )
        used = {
            figure.name: figure.numerator * 3600e9
            for group in report.groups
            for figure in group.figures
            if figure.name in ("utilisation_occupied", "utilisation_charging")
        }
        until_ns = min(window[1], LATER)
        shut = closed(opening, "Europe/Berlin", window[0], until_ns)
        with store.database.reading() as reader:
            rows = reader.execute(
                "SELECT hour * ?, occupied_ns, charging_ns FROM hours WHERE station = 'CP1'", (HOUR,)
            ).fetchall()
            lasting = reader.execute("SELECT status, from_ns FROM states WHERE until_ns IS NULL").fetchall()
        wanted = {"utilisation_occupied": 0, "utilisation_charging": 0}
        for begin_ns, occupied_ns, charging_ns in rows:
            if window[0] <= begin_ns < window[1]:
                share_ns = length_ns(both([(begin_ns, begin_ns + HOUR)], shut))
                wanted["utilisation_occupied"] += occupied_ns - occupied_ns * share_ns // HOUR
                wanted["utilisation_charging"] += charging_ns - charging_ns * share_ns // HOUR
        for word, since_ns in lasting:
            span = (max(window[0], since_ns), until_ns)
            open_ns = max(0, span[1] - span[0]) - length_ns(both([span], shut))
            if word == Status.CHARGING:
                wanted["utilisation_charging"] += open_ns
            if word in (
                Status.PREPARING,
                Status.CHARGING,
                Status.SUSPENDED_EV,
                Status.SUSPENDED_EVSE,
                Status.FINISHING,
                Status.OCCUPIED,
            ):
                wanted["utilisation_occupied"] += open_ns
        for name, amount in used.items():
            assert abs(amount - wanted[name]) < 1e6
    finally:
        store.close()
