"""Every query of the charger dashboard on real servers, over days of a station's life; the figures are those of its sessions."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.support.influx import InfluxServer
from tests.support.planned import under_a_limit
from tests.support.play import T0_NS, Play

from nocwatch import clock
from nocwatch.alerts.settings import AlertSettings
from nocwatch.frames import Sighting
from nocwatch.moments import DAY_NS, SECOND_NS
from nocwatch.pipeline import Pipeline
from nocwatch.registry.places import Places
from nocwatch.sessions import Outcome, Session
from nocwatch.sinks.lines import LineMaker
from nocwatch.sinks.usage import Usage
from nocwatch.state.changes import SessionChanged
from nocwatch.state.fleet import Moved

STATION = "O'Brien's (depot/1)"
PLANNED = 'Planned "1"'
"""Another station of the same server: it was limited, reserved, and told its cost."""
PLANS = ("Power and what limits it", "Costs as told", "Reservations")
DAYS = 3


class Life:
    """Three days and a bit of one station with two connectors, up to now; what it leaves in InfluxDB, and what is true."""

    def __init__(self) -> None:
        self.now_ns = clock.now_ns()
        self.today_ns = self.now_ns // DAY_NS * DAY_NS
        self.pipeline = Pipeline([], Places(), AlertSettings())
        self.maker = LineMaker(self.pipeline.place)
        self.usage = Usage(self.maker.tags)
        self.lines: list[str] = []
        self._sessions: dict[str, Session] = {}
        self.planned: Session | None = None
        self.play = Play(
            STATION, feed=self._feed, clock=[(self.today_ns - DAYS * DAY_NS - T0_NS) / SECOND_NS + 30]
        )
        self._live()

    def _feed(self, sighting: Sighting) -> Moved:
        step = self.pipeline.feed(sighting)
        self.lines += self.maker.lines(step) + self.usage.lines(step)
        for change in step.changes:
            if isinstance(change, SessionChanged):
                self._sessions[change.now.id] = change.now
        return Moved(events=list(step.events), changes=list(step.changes))

    def wait(self, seconds: float) -> None:
        while seconds > 0:
            self.play.wait(min(30.0, seconds))
            seconds -= 30.0
            if self.play.clock[0] // 300 != (self.play.clock[0] - 30) // 300:
                self.play.heartbeat()

    def charge(self, minutes: int, energy_wh: float, *, ends: bool = True) -> None:
        play = self.play
        play.status(1, "Preparing")
        self.wait(60)
        transaction = play.start(1, "TAG", 1000)
        play.status(1, "Charging")
        for minute in range(1, minutes + 1):
            self.wait(60)
            if energy_wh:
                play.meter(1, 1000 + energy_wh * minute / minutes, transaction)
        if not ends:
            return
        play.status(1, "Finishing")
        play.stop(transaction, 1000 + energy_wh)
        self.wait(120)
        play.status(1, "Available")

    def _live(self) -> None:
        play = self.play
        play.open()
        play.boot()
        for connector in (1, 2):
            play.status(connector, "Available")
        for day in range(DAYS):
            self.wait(6 * 3600)
            self.charge(60, 20_000)
            self.charge(30, 7_000 + day)
            if day == 1:
                self.charge(5, 0)  # the car never drew anything
                play.status(2, "Faulted", "GroundFailure")
                self.wait(600)
                play.status(2, "Available")
            self._until(self.today_ns - (DAYS - 1 - day) * DAY_NS + 5)
        # What of today has passed is not known to the test's author: an hour or so of charging, up to now.
        left_s = (self.now_ns - play.now_ns) / SECOND_NS
        if left_s > 600:
            self.wait(left_s - 600)
        self.charge(4, 2_500, ends=False)

    def _until(self, at_ns: int) -> None:
        self.wait((at_ns - self.play.now_ns) / SECOND_NS)

    @property
    def sessions(self) -> list[Session]:
        return list(self._sessions.values())

    @property
    def succeeded(self) -> list[Session]:
        return [each for each in self.sessions if each.outcome is Outcome.SUCCESS]


def planned(now_ns: int) -> tuple[list[str], Session]:
    """What a charge of two hours leaves that was reserved, limited and told its cost, all of it within the last three hours."""
    pipeline, maker = Pipeline([], Places(), AlertSettings()), LineMaker(Places().place)
    lines: list[str] = []
    sessions: list[Session] = []

    def feed(sighting: Sighting) -> Moved:
        step = pipeline.feed(sighting)
        lines.extend(maker.lines(step))
        sessions.extend(each.now for each in step.changes if isinstance(each, SessionChanged))
        return Moved(events=list(step.events), changes=list(step.changes))

    clock_s = [(now_ns - T0_NS) / SECOND_NS - 3 * 3600]
    under_a_limit(Play(PLANNED, "2.0.1", feed=feed, clock=clock_s).begin(1, 2))
    return lines, sessions[-1]


@pytest.fixture(scope="module")
def life() -> Life:
    made = Life()
    lines, made.planned = planned(made.now_ns)
    made.lines += lines
    return made


@pytest.fixture
def filled(life: Life, influx: InfluxServer, database: str) -> str:
    for start in range(0, len(life.lines), 5000):
        code, words = influx.write("\n".join(life.lines[start : start + 5000]).encode(), database)
        assert code == 204, words
    return database


def window_ns(time_from: str, now_ns: int) -> tuple[int, int]:
    """Grafana's ``timeFrom``: 24h, 2d, or whole days: 6d/d."""
    number, unit, rounded = re.fullmatch(r"(\d+)([hd])(/d)?", time_from).groups()  # type: ignore[union-attr]
    from_ns = now_ns - int(number) * (DAY_NS if unit == "d" else 3600 * SECOND_NS)
    return (from_ns // DAY_NS * DAY_NS if rounded else from_ns), now_ns


def as_grafana_asks(query: str, station: str, time_from: str, now_ns: int) -> str:
    escaped = re.sub(r"[\\^$*+?.()|{}\[\]/]", lambda match: "\\" + match[0], station)
    from_ns, until_ns = window_ns(time_from, now_ns)
    query = query.replace("${station:regex}", escaped).replace("$timezone", "UTC")
    return query.replace(
        "$timeFilter", f"time >= {from_ns // 10**6}ms and time <= {until_ns // 10**6 + 600_000}ms"
    )


def panels() -> Iterator[Any]:
    file = Path(__file__).resolve().parents[2] / "grafana/dashboards/charger.json"
    yield from json.loads(file.read_text(encoding="utf-8"))["panels"]


class Asked:
    """The dashboard's answers: panel title → reference → series."""

    def __init__(self, life: Life, influx: InfluxServer, database: str) -> None:
        self.answers: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(dict)
        for panel in panels():
            for target in panel["targets"]:
                station = PLANNED if panel["title"].startswith(PLANS) else STATION
                query = as_grafana_asks(target["query"], station, panel["timeFrom"], life.now_ns)
                assert "$" not in query.replace("$/", ""), query
                self.answers[panel["title"]][target["refId"]] = influx.query(query, database)

    def of(self, beginning: str, ref: str = "A") -> list[dict[str, Any]]:
        (title,) = [title for title in self.answers if title.startswith(beginning)]
        return self.answers[title][ref]

    def figure(self, title: str) -> float:
        return float(self.answers[title]["A"][0]["values"][0][1])

    def by_day(self, beginning: str, ref: str = "A") -> dict[int, float]:
        return {
            row[0]: row[1]
            for series in self.of(beginning, ref)
            for row in series["values"]
            if row[1] is not None
        }


@pytest.fixture
def asked(life: Life, influx: InfluxServer, filled: str) -> Asked:
    return Asked(life, influx, filled)


def day_of(session: Session) -> int:
    return session.started_at_ns // DAY_NS * DAY_NS


def test_every_query_gives_rows(asked: Asked) -> None:
    empty = [
        (title, ref)
        for title, answers in asked.answers.items()
        for ref, series in answers.items()
        if not any(each["values"] for each in series)
    ]
    assert empty == []


def test_the_variable_finds_the_station(influx: InfluxServer, filled: str) -> None:
    file = Path(__file__).resolve().parents[2] / "grafana/dashboards/charger.json"
    (variable,) = [v for v in json.loads(file.read_text())["templating"]["list"] if v["name"] == "station"]
    (series,) = influx.query(variable["query"], filled)
    assert {row[1] for row in series["values"]} == {STATION, PLANNED}


def test_ongoing_sessions_are_those_under_way(life: Life, asked: Asked) -> None:
    (session,) = [each for each in life.sessions if not each.over]
    assert asked.figure("Ongoing sessions") == 1
    assert asked.figure("Energy of ongoing sessions") == pytest.approx(session.energy_wh / 1000)  # type: ignore[operator]
    assert asked.figure("Longest ongoing session") == pytest.approx(
        (session.changed_at_ns - session.started_at_ns) / 1e9, abs=61
    )
    (row,) = asked.of("Ongoing sessions, one by one")
    assert row["values"][0][row["columns"].index("Session")] == session.id


def test_success_rate_a_day_agrees_with_the_sessions(life: Life, asked: Asked) -> None:
    good: dict[int, int] = defaultdict(int)
    tried: dict[int, int] = defaultdict(int)
    for session in life.sessions:
        if session.outcome in (Outcome.SUCCESS, Outcome.FAILED):
            tried[day_of(session)] += 1
            good[day_of(session)] += session.outcome is Outcome.SUCCESS
    expected = {day: 100 * good[day] / tried[day] for day in tried}
    fine, poor = asked.by_day("Success rate", "A"), asked.by_day("Success rate", "B")
    assert fine | poor == pytest.approx(expected)
    assert all(rate >= 95 for rate in fine.values())
    assert all(rate < 95 for rate in poor.values())
    assert fine
    assert poor


def test_energy_and_sessions_a_day_agree_with_the_sessions(life: Life, asked: Asked) -> None:
    energy: dict[int, float] = defaultdict(float)
    number: dict[int, int] = defaultdict(int)
    for session in life.sessions:
        if session.over:
            energy[day_of(session)] += (session.energy_wh or 0) / 1000
        if session.outcome is Outcome.SUCCESS:
            number[day_of(session)] += 1
    assert asked.by_day("Energy a day") == pytest.approx(energy)
    assert asked.by_day("Sessions a day, last") == number


def test_the_overview_agrees_with_the_sessions(life: Life, asked: Asked) -> None:
    sessions = life.succeeded
    energy_kwh = sum(each.energy_wh or 0 for each in sessions) / 1000
    duration_s = sum((each.stopped_at_ns or 0) - each.started_at_ns for each in sessions) / 1e9
    assert asked.figure("Sessions, 30 days") == len(sessions) == 2 * DAYS
    assert asked.figure("Sessions a day, 30 days") == pytest.approx(len(sessions) / 30)
    assert asked.figure("Average duration, 30 days") == pytest.approx(duration_s / len(sessions), rel=1e-4)
    assert asked.figure("Average energy, 30 days") == pytest.approx(energy_kwh / len(sessions))
    assert asked.figure("Total energy, 30 days") == pytest.approx(energy_kwh)


def test_utilisation_of_a_whole_day(life: Life, asked: Asked) -> None:
    """60 + 30 minutes of charging, and 60 + 120 s of Preparing and Finishing each, of two connectors' 24 hours."""
    day_ns = life.today_ns - 3 * DAY_NS
    charging, occupied = asked.by_day("Utilisation", "A"), asked.by_day("Utilisation", "B")
    assert charging[day_ns] == pytest.approx(100 * 90 * 60 / (2 * 86_400), rel=0.02)
    assert occupied[day_ns] == pytest.approx(100 * 2 * 180 / (2 * 86_400), rel=0.05)


def test_the_timeline_has_a_band_a_connector_and_no_hole_longer_than_a_quarter(asked: Asked) -> None:
    series = asked.of("Socket events")
    assert {each["tags"]["connector"] for each in series} == {"1", "2"}
    for each in series:
        times = [row[0] for row in each["values"]]
        assert max(b - a for a, b in pairwise(times)) <= 901 * SECOND_NS


def test_the_fault_stands_among_the_latest_errors(asked: Asked) -> None:
    (series,) = asked.of("Latest errors")
    code, source = series["columns"].index("code"), series["columns"].index("source")
    assert ("status", "GroundFailure") in {(row[source], row[code]) for row in series["values"]}


def rows(series: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [dict(zip(each["columns"], row, strict=True)) for each in series for row in each["values"]]


def test_the_limit_steps_as_the_profiles_said_and_ends_with_its_session(life: Life, asked: Asked) -> None:
    found = rows(asked.of("Power and what limits it", "C"))
    assert [row["limit_a"] for row in found] == [20, 10, 0, 16, None]
    assert [row["limited"] for row in found] == [1, 1, 1, 1, 0]
    assert life.planned is not None
    assert life.planned.stopped_at_ns is not None
    assert found[-1]["time"] == pytest.approx(life.planned.stopped_at_ns, abs=10**6)
    assert {row["limit_w"] for row in rows(asked.of("Power and what limits it", "B"))} == {None}
    drawn = [row["power_w"] for row in rows(asked.of("Power and what limits it", "A"))]
    assert max(drawn) <= 11_000


def test_costs_and_reservations_are_those_that_were_told(life: Life, asked: Asked) -> None:
    assert life.planned is not None
    costs = rows(asked.of("Costs as told"))
    assert [row["final"] for row in costs] == [1, *[0] * 6]
    assert {row["session"] for row in costs} == {life.planned.id}
    assert [row["cost"] for row in costs] == sorted((row["cost"] for row in costs), reverse=True)
    told = [(row["reservation"], row["state"]) for row in rows(asked.of("Reservations"))]
    assert told[0] == (32, "standing")
    assert (31, "used") in told
