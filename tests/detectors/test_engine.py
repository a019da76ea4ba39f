"""The frame for all detectors: holding, cooling down, maintenance, lateness, clearing, failing, snapshots, hot reload."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.rules.stories import STORIES
from tests.support.play import T0_NS, Play
from tests.support.watched import Watched, place, places, window

from nocwatch.detectors import running, standing
from nocwatch.detectors.base import Context, Detector, Hears, Settings, Stage
from nocwatch.detectors.engine import Engine
from nocwatch.detectors.rules import Rule, default_rules
from nocwatch.detectors.template import Summary
from nocwatch.flags import Category, Evidence, Flag, FlagState, Severity, derived_id
from nocwatch.frames import Tick
from nocwatch.moments import HOUR_NS, SECOND_NS
from nocwatch.network import ConnectorStatus
from nocwatch.ocpp.events import Heartbeat, StatusReported
from nocwatch.registry.places import House, Place, Places, Scope
from nocwatch.state.changes import LinkClosed
from nocwatch.state.fleet import Fleet


class LampSettings(Settings):
    limit: int = 0


class LampState(msgspec.Struct):
    lit: int = 0


class Lamp(Detector[LampSettings, LampState]):
    """A detector of our own: Faulted lights the lamp, Available puts it out, Reserved breaks it, Unavailable is an event."""

    name = "lamp"
    category = Category.HARDWARE
    severity = Severity.WARNING
    hears: ClassVar[Hears] = (StatusReported,)
    Settings = LampSettings
    State = LampState
    title = "Lamp"
    advice = "Put it out."
    numbers: ClassVar[dict[str, str]] = {"lit": "how often"}

    def on(self, event: Any, context: Context[LampState]) -> None:
        state = context.state(event.station)
        if event.status is ConnectorStatus.FAULTED:
            state.lit += 1
            severity = Severity.CRITICAL if event.error_code else None
            evidence = (Evidence(text=f"lit {state.lit}"),)
            context.raise_flag(event.station, f"lit {state.lit} times", station=event.station, severity=severity,
                               evidence=evidence, numbers={"lit": state.lit})  # fmt: skip
        elif event.status is ConnectorStatus.AVAILABLE:
            context.clear_flag(event.station, "put out")
        elif event.status is ConnectorStatus.UNAVAILABLE:
            context.raise_flag(
                f"{event.station}/{event.frame}", "gone", station=event.station, session="s", event=True
            )
        elif event.status is ConnectorStatus.RESERVED:
            raise KeyError("a bug")


class Lit(Lamp):
    name = "lit"

    def begin(self, station: Any, context: Context[LampState]) -> None:
        context.raise_flag(station.id, "lit from the start", station=station.id, onset_ns=1)


def rule(**more: Any) -> Rule:
    return Rule(name=more.pop("name", "lamp"), detector=more.pop("detector", Lamp(LampSettings())), **more)


class Bench:
    """Statuses at seconds, straight into an engine."""

    def __init__(self, *rules: Rule, places_: Places | None = None) -> None:
        self.fleet = Fleet()
        self.engine = Engine(rules or [rule()], places_ or Places(), self.fleet)
        self.flags: list[Flag] = []

    def say(self, at_s: float, status: str, station: str = "CP1", error: str = "", **more: Any) -> list[Flag]:
        at_ns = T0_NS + round(at_s * SECOND_NS)
        event = StatusReported(
            station=station, connection=1, at_ns=at_ns, frame=f"0-{at_s}-0", evse=None, connector=1,
            status=ConnectorStatus(status), error_code=error, **more,
        )  # fmt: skip
        return self._keep(self.engine.feed(at_ns, [event]))

    def wait(self, at_s: float) -> list[Flag]:
        return self._keep(self.engine.feed(T0_NS + round(at_s * SECOND_NS)))

    def _keep(self, flags: list[Flag]) -> list[Flag]:
        self.flags += flags
        return flags

    def count(self, name: str) -> int:
        return self.engine.counters["lamp"].get(name, 0)


# --- raising and clearing ------------------------------------------------------------------------------------------------


def test_raised_once_and_cleared_once_under_an_id_made_of_rule_key_and_onset() -> None:
    bench = Bench()
    (raised,) = bench.say(1, "Faulted")
    assert raised.id == derived_id("lamp", "CP1", T0_NS + SECOND_NS)
    (cleared,) = bench.say(5, "Available")
    assert (cleared.id, cleared.state, cleared.cleared_because) == (raised.id, FlagState.CLEARED, "put out")
    assert bench.say(6, "Available") == []
    (again,) = bench.say(7, "Faulted")
    assert again.id != raised.id


def test_higher_severity_and_new_evidence_go_into_the_flag_that_stands() -> None:
    bench = Bench()
    bench.say(1, "Faulted")
    (worse,) = bench.say(2, "Faulted", error="GroundFailure")
    assert (worse.severity, worse.summary, len(worse.evidence)) == (Severity.CRITICAL, "lit 2 times", 2)
    assert worse.at_ns == T0_NS + 2 * SECOND_NS
    (milder,) = bench.say(3, "Faulted")
    assert (milder.id, milder.severity) == (worse.id, Severity.CRITICAL)


def test_evidence_is_bounded_and_what_is_left_out_is_counted() -> None:
    bench = Bench()
    for second in range(standing.EVIDENCE_MAX + 5):
        bench.say(second, "Faulted")
    assert len(bench.flags[-1].evidence) == standing.EVIDENCE_MAX
    assert bench.count("evidence_dropped") == 5


def test_rules_severity_labels_and_runbook_are_on_the_flag() -> None:
    bench = Bench(
        rule(severity=Severity.INFO, labels=(("team", "north"),), runbook="https://wiki.example/lamp")
    )
    (flag,) = bench.say(1, "Faulted", error="GroundFailure")
    assert (flag.severity, flag.labels, flag.runbook) == (
        Severity.INFO,
        {"team": "north"},
        "https://wiki.example/lamp",
    )


# --- for, cooldown, clear_after ------------------------------------------------------------------------------------------


def test_for_holds_a_flag_back_until_it_has_lasted() -> None:
    bench = Bench(rule(for_ns=60 * SECOND_NS))
    assert bench.say(0, "Faulted") == []
    assert bench.wait(59) == []
    (flag,) = bench.wait(200)
    assert (flag.onset_at_ns, flag.at_ns) == (T0_NS, T0_NS + 60 * SECOND_NS)


def test_what_is_over_before_for_was_none() -> None:
    bench = Bench(rule(for_ns=60 * SECOND_NS))
    bench.say(0, "Faulted")
    bench.say(30, "Available")
    assert bench.wait(3600) == []
    assert bench.count("not_held") == 1


def test_cooldown_swallows_a_second_flag_but_not_a_lasting_trouble() -> None:
    bench = Bench(rule(cooldown_ns=600 * SECOND_NS))
    bench.say(0, "Faulted")
    bench.say(10, "Available")
    assert bench.say(20, "Faulted") == []
    assert bench.say(30, "Available") == []
    assert bench.say(40, "Faulted") == []
    (flag,) = bench.wait(3600)
    assert flag.at_ns == T0_NS + 610 * SECOND_NS
    assert bench.count("cooldown") == 2


def test_event_about_a_session_cools_the_connector_down() -> None:
    bench = Bench(rule(cooldown_ns=600 * SECOND_NS))
    assert len(bench.say(0, "Unavailable")) == 1
    assert bench.say(300, "Unavailable") == []
    assert len(bench.say(700, "Unavailable")) == 1
    assert bench.count("cooldown") == 1


def test_event_clears_by_itself() -> None:
    bench = Bench(rule(clear_after_ns=2 * HOUR_NS))
    bench.say(0, "Unavailable")
    (cleared,) = bench.wait(3 * 3600)
    assert cleared.at_ns == T0_NS + 2 * HOUR_NS
    assert cleared.cleared_because == "2 h have passed since it was raised"


def test_state_does_not_clear_by_itself() -> None:
    bench = Bench(rule(clear_after_ns=2 * HOUR_NS))
    bench.say(0, "Faulted")
    assert bench.wait(90_000) == []


# --- maintenance, scope, lateness ----------------------------------------------------------------------------------------


def test_maintenance_holds_a_state_back_and_drops_an_event() -> None:
    bench = Bench(places_=places(maintenance=[window(0, 100, station="CP1"), window(90, 200, station="CP*")]))
    assert bench.say(1, "Unavailable") == []
    assert bench.say(2, "Faulted") == []
    (flag,) = bench.wait(300)
    assert flag.at_ns == T0_NS + 200 * SECOND_NS
    assert bench.count("maintenance") == 2


def test_scope_is_by_the_registry_and_by_what_the_boot_says() -> None:
    watched = Watched(rule(scope=Scope(vendor="ACME")))
    cp1 = watched.play("CP1")
    cp1.open()
    cp1.status(1, "Faulted")
    assert not watched.raised
    cp1.boot()
    cp1.status(1, "Faulted")
    assert len(watched.raised) == 1
    cp1.boot(chargePointVendor="Other")
    assert watched.cleared[0].cleared_because == "the station is in the rule's scope no more"


def test_replayed_data_flags_late_and_live_data_takes_that_back() -> None:
    watched = Watched("zero_energy_session")
    cp1 = watched.play("CP1").begin()
    cp1.close()
    watched.wait(3600)
    cp1.open()
    transaction = cp1.start(1, "TAG", 1000, at=cp1.now_s - 3000)
    cp1.stop(transaction, 1000, at=cp1.now_s - 2000)
    assert watched.only.late
    bench = Bench()
    (late,) = bench.say(0, "Faulted", offline=True)
    (live,) = bench.say(1, "Faulted")
    assert (late.late, live.late, late.id) == (True, False, live.id)


# --- a person ------------------------------------------------------------------------------------------------------------


def test_what_a_person_resolved_stays_resolved_while_it_lasts() -> None:
    watched = Watched("station_offline")
    cp1 = watched.play("CP1").begin()
    cp1.close()
    watched.wait(200)
    (cleared,) = watched.engine.resolve(watched.only.id, watched.now_ns, "we know")
    assert (cleared.state, cleared.cleared_because) == (FlagState.CLEARED, "we know")
    watched.wait(900)
    assert len(watched.raised) == 1
    cp1.open()
    cp1.close()
    watched.wait(200)
    assert len(watched.raised) == 2
    assert watched.engine.resolve("no such flag", watched.now_ns, "") == []


# --- failing -------------------------------------------------------------------------------------------------------------


def test_bug_in_one_detector_is_one_flag_about_ourselves_and_stops_nobody() -> None:
    bench = Bench(rule(), rule(name="other"))
    flags = bench.say(0, "Reserved")
    assert [(flag.rule, flag.category, flag.subject) for flag in flags] == [
        ("rule_failed", Category.OURSELVES, "lamp"),
        ("rule_failed", Category.OURSELVES, "other"),
    ]
    assert flags[0].summary == "Rule lamp failed: KeyError: 'a bug'"
    assert "test_engine.py" in flags[0].evidence[0].text
    assert bench.say(1, "Reserved") == []
    assert bench.count("failures") == 2
    assert len(bench.say(2, "Faulted")) == 2
    cleared = [flag for flag in bench.wait(100_000) if flag.rule == "rule_failed"]
    assert [flag.state for flag in cleared] == [FlagState.CLEARED] * 2


def test_template_that_fails_leaves_the_detectors_own_sentence() -> None:
    bench = Bench(rule(summary=Summary("{{ session.energy_wh }}")))
    flags = bench.say(0, "Faulted")
    assert {flag.rule for flag in flags} == {"lamp", "rule_failed"}
    assert next(flag.summary for flag in flags if flag.rule == "lamp") == "lit 1 times"
    assert bench.count("template_failures") == 1


def test_template_says_it_in_the_operators_words() -> None:
    known = places(Place(station="CP1", name="Depot 1", site="depot"))
    text = "{{ station.name }} ({{ place.site }}): {{ summary }}, {{ numbers.lit }} x {{ severity }}"
    bench = Bench(rule(summary=Summary(text)), places_=known)
    (flag,) = bench.say(0, "Faulted")
    assert flag.summary == "Depot 1 (depot): lit 1 times, 1 x warning"


def test_flags_beyond_the_limit_are_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "FLAGS_MAX", 2)
    monkeypatch.setattr(running, "STATES_MAX", 2)
    bench = Bench()
    for number in range(4):
        bench.say(number, "Faulted", f"CP{number}")
    assert (len(bench.flags), bench.count("flags_dropped"), bench.count("states_evicted")) == (2, 2, 2)


def test_fleet_stage_hears_changes_and_answers_to_authorize_only() -> None:
    class Wrong(Lamp):
        stage = Stage.FLEET
        hears: ClassVar[Hears] = (Heartbeat,)

    with pytest.raises(AssertionError, match="cannot hear Heartbeat"):
        Engine([rule(detector=Wrong(LampSettings()))], Places(), Fleet())


# --- hot reload ----------------------------------------------------------------------------------------------------------


def test_reload_keeps_the_state_of_a_rule_whose_manners_changed() -> None:
    bench = Bench(rule(), rule(name="gone"))
    bench.say(0, "Faulted")
    bench.engine.set_rules([rule(cooldown_ns=1, labels=(("a", "b"),))])
    flags = bench.wait(1)
    assert [(flag.rule, flag.state, flag.cleared_because) for flag in flags] == [
        ("gone", FlagState.CLEARED, "the rule was taken away")
    ]
    (flag,) = bench.say(2, "Faulted")
    assert flag.evidence[-1].text == "lit 2"


def test_reload_with_other_settings_drops_the_state_and_leaves_the_flag_to_the_detector() -> None:
    bench = Bench()
    bench.say(0, "Faulted")
    bench.engine.set_rules([rule(detector=Lamp(LampSettings(limit=3)))])
    assert bench.wait(1) == []
    assert bench.count("states_dropped") == 1
    assert [flag.state for flag in bench.say(2, "Available")] == [FlagState.CLEARED]


def test_new_rule_takes_up_what_is_so_already() -> None:
    watched = Watched()
    watched.play("CP1").begin().close()
    watched.wait(600)
    watched.engine.set_rules(default_rules())
    watched.wait(1)
    assert {flag.rule for flag in watched.raised} == {"station_offline"}
    assert watched.only.onset_at_ns < watched.now_ns - 600 * SECOND_NS


def test_rule_that_is_switched_off_takes_its_flags_with_it() -> None:
    bench = Bench()
    bench.say(0, "Faulted")
    bench.engine.set_rules([rule(enabled=False)])
    assert [flag.state for flag in bench.wait(1)] == [FlagState.CLEARED]
    assert bench.say(2, "Faulted") == []


def test_registry_reload_moves_stations_into_and_out_of_scope() -> None:
    watched = Watched(
        rule(scope=Scope(site="depot"), detector=Lit(LampSettings())), places=places(place("CP1", "depot"))
    )
    watched.play("CP1").begin()
    watched.play("CP2").begin()
    watched.plays["CP1"].status(1, "Faulted")
    watched.engine.set_places(places(place("CP2", "depot")))
    watched.wait(1)
    assert {flag.station: flag.state for flag in watched.flags} == {
        "CP1": FlagState.CLEARED,
        "CP2": FlagState.RAISED,
    }


# --- snapshots and replay ------------------------------------------------------------------------------------------------


KNOWN = places(
    place("cloned_token_overlap_fires-CP1", "a", latitude=53.5, longitude=10.0),
    place("cloned_token_overlap_fires-CP2", "b", latitude=52.5, longitude=13.4),
    house=House(update_hosts=("firmware.acme.example", "*.logs.acme.example")),
)


class _Prefixed(Watched):
    """The same fleet, with the story's name before its stations'."""

    def __init__(self, watched: Watched, name: str) -> None:
        self.__dict__ = watched.__dict__
        self._name = name

    def play(self, station: str, version: str = "1.6") -> Play:
        return super().play(f"{self._name}-{station}", version)


def recorded() -> Watched:
    """All stories one after another, on stations of their own, with all detectors."""
    watched = Watched(*default_rules(), places=KNOWN)
    for name, story in STORIES.items():
        story(_Prefixed(watched, name))
    watched.wait(1200)
    return watched


RECORDED = recorded()


def replayed(cut: int | None = None) -> list[Flag]:
    fleet = Fleet()
    engine = Engine(RECORDED.rules, KNOWN, fleet)
    flags: list[Flag] = []
    for number, sighting in enumerate(RECORDED.sightings):
        if number == cut:
            kept = fleet.snapshot(), engine.snapshot()
            fleet = Fleet()
            engine = Engine(RECORDED.rules, KNOWN, fleet)
            fleet.restore(kept[0])
            engine.restore(kept[1])
        moved = fleet.feed(sighting)
        flags += engine.feed(sighting.received_at_ns, [*moved.events, *moved.changes])
    return flags


def test_the_same_journal_twice_gives_the_same_flags() -> None:
    assert {flag.rule for flag in RECORDED.flags} == {rule.name for rule in default_rules()}
    assert replayed() == RECORDED.flags


@settings(max_examples=8, deadline=None)
@given(st.integers(0, len(RECORDED.sightings) - 1))
def test_snapshot_at_any_point_changes_nothing(cut: int) -> None:
    assert replayed(cut) == RECORDED.flags


def test_restored_under_other_rules_drops_and_counts() -> None:
    bench = Bench(rule(), rule(name="gone"))
    bench.say(0, "Faulted")
    other = Bench(rule(detector=Lamp(LampSettings(limit=5))))
    other.engine.restore(bench.engine.snapshot())
    flags = other.wait(1)
    assert [(flag.rule, flag.state) for flag in flags] == [("gone", FlagState.CLEARED)]
    assert other.count("states_dropped") == 1
    assert [flag.rule for flag in other.engine.raised] == ["lamp"]


def test_damaged_snapshot_is_said_to_be_one() -> None:
    with pytest.raises(ValueError, match=r".+"):
        Bench().engine.restore(b"\x93\x01\x02")


def test_time_never_runs_backwards() -> None:
    bench = Bench(rule(for_ns=60 * SECOND_NS))
    bench.say(100, "Faulted")
    assert bench.wait(10) == []
    bench.engine.feed(T0_NS, [LinkClosed(station="CP1", at_ns=T0_NS, connection=1, last=True)])
    (flag,) = bench.wait(161)
    assert flag.at_ns == T0_NS + 160 * SECOND_NS


def test_heartbeat_concerns_no_rule() -> None:
    """A tick and a heartbeat of a healthy station touch nothing."""
    watched = Watched(*default_rules())
    cp1 = watched.play("CP1").begin()
    before = watched.engine.snapshot()
    cp1.heartbeat()
    watched.feed(Tick(lane=0, sequence=1, received_at_ns=watched.now_ns))
    after = watched.engine.snapshot()
    assert len(before) == len(after)
