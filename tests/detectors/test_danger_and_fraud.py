"""Faults, success rates, cloned and tried-out tokens."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.support.play import T0_NS, Play
from tests.support.watched import Watched, place, places, window

from nocwatch.detectors.engine import Engine
from nocwatch.detectors.rules import make_rule
from nocwatch.flags import FlagState, Severity
from nocwatch.moments import DAY_NS, HOUR_NS, SECOND_NS
from nocwatch.ocpp.events import AuthorizeAnswered, ComponentReported
from nocwatch.registry.places import TokenFacts
from nocwatch.sessions import Outcome, Reason, Session
from nocwatch.state.changes import SessionChanged
from nocwatch.state.fleet import Fleet

# --- faulted -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "more", "lasts", "severity"),
    [
        ("GroundFailure", {}, 11, Severity.CRITICAL),
        ("GroundFailure", {}, 9, None),
        ("NoError", {}, 11, Severity.WARNING),
        ("NoError", {"vendorErrorCode": "0x0000"}, 11, Severity.WARNING),
        ("OtherError", {"vendorErrorCode": "CX002"}, 1, Severity.CRITICAL),
        ("OtherError", {"info": "cable cut (cx26)"}, 1, Severity.CRITICAL),
        ("OtherError", {"vendorErrorCode": "CX012"}, 1, None),
        ("OtherError", {"vendorErrorCode": "MCX0020"}, 1, None),
    ],
)
def test_fault_lasts_10_s_and_danger_needs_none(
    error: str, more: dict[str, str], lasts: float, severity: Severity | None
) -> None:
    watched = Watched("faulted")
    cp1 = watched.play("CP1").begin()
    cp1.status(1, "Faulted", error, **more)
    watched.wait(lasts - 0.1)
    cp1.status(1, "Available")
    assert [flag.severity for flag in watched.raised] == ([] if severity is None else [severity])
    assert not watched.standing


def test_safety_code_is_critical_whatever_the_status() -> None:
    watched = Watched("faulted")
    cp1 = watched.play("CP1").begin()
    cp1.status(1, "Charging", "OtherError", vendorErrorCode="CX003")
    assert watched.only.severity is Severity.CRITICAL
    assert "CX003 (over-temperature), status not Faulted" in watched.only.summary
    cp1.status(1, "Charging")
    assert watched.cleared


def test_fault_that_gets_a_code_later_becomes_critical() -> None:
    watched = Watched("faulted")
    cp1 = watched.play("CP1").begin()
    cp1.status(1, "Faulted")
    watched.wait(20)
    cp1.status(1, "Faulted", "OverCurrentFailure")
    assert [flag.severity for flag in watched.flags] == [Severity.WARNING, Severity.CRITICAL]
    assert len(watched.raised) == 1


def test_safety_code_of_2x_by_notify_event_and_its_end() -> None:
    watched = Watched("faulted")
    cp1 = watched.play("CP1", "2.0.1").begin()

    def report(**more: Any) -> None:
        event = ComponentReported(
            station="CP1", connection=cp1.connection, at_ns=watched.now_ns, frame="0-1-0", evse=1, connector=1,
            component="Connector", variable="Problem", tech_code="CX025", **more,
        )  # fmt: skip
        watched.flags += watched.engine.feed(watched.now_ns, [event])

    report(value="true")
    assert (watched.only.severity, watched.only.evse) == (Severity.CRITICAL, 1)
    report(cleared=True)
    assert watched.cleared


@pytest.mark.parametrize(
    ("error", "more"),
    [
        ("GroundFailure", {}),
        ("OverCurrentFailure", {}),
        ("OverVoltage", {}),
        ("HighTemperature", {}),
        ("PowerSwitchFailure", {}),
        ("OtherError", {"vendorErrorCode": "groundfault"}),
        ("OtherError", {"info": "E12: GroundFault at start"}),
        ("OtherError", {"vendorErrorCode": "CX026"}),
        ("NoError", {"vendorErrorCode": "GroundFault"}),
    ],
)
def test_nobody_is_told_to_reset_what_may_hurt_someone(error: str, more: dict[str, str]) -> None:
    watched = Watched("faulted")
    watched.play("CP1").begin().status(1, "Faulted", error, **more)
    watched.wait(20)
    flag = watched.only
    assert flag.severity is Severity.CRITICAL
    assert flag.advice.startswith("Dangerous, ")
    assert "do not reset it" in flag.advice
    assert "reset the station" not in flag.advice
    assert "connector 1 out of service" in flag.advice
    assert "dangerous: do not reset" in flag.summary


@pytest.mark.parametrize(
    ("error", "more", "said"),
    [
        ("InternalError", {}, "reset the station once"),
        ("InternalError", {"vendorErrorCode": "E-4711"}, "Look E-4711 up in the vendor's manual before"),
        ("OtherError", {"vendorErrorCode": "E-4711"}, "Look E-4711 up in the vendor's manual before"),
        ("ConnectorLockFailure", {}, "UnlockConnector"),
        ("UnderVoltage", {}, "no reset mends that"),
        ("NoError", {"vendorErrorCode": "0x0000"}, "not why"),
    ],
)
def test_what_is_not_dangerous_has_the_remedy_of_its_code(
    error: str, more: dict[str, str], said: str
) -> None:
    watched = Watched("faulted")
    watched.play("CP1").begin().status(1, "Faulted", error, **more)
    watched.wait(20)
    assert said in watched.only.advice
    assert "Dangerous" not in watched.only.advice


def test_a_vendors_code_is_dangerous_where_the_rule_says_so() -> None:
    watched = Watched(make_rule(rule="f", detector="faulted", settings={"dangerous_codes": ["E-4711"]}))
    watched.play("CP1").begin().status(1, "Faulted", "OtherError", vendorErrorCode="E-4711")
    watched.wait(20)
    assert watched.only.advice.startswith("Dangerous, E-4711: do not reset it")


def test_before_a_reset_it_is_said_whose_sessions_that_would_end() -> None:
    watched = Watched("faulted")
    cp1 = watched.play("CP1").begin(1, 2)
    cp1.start(2)
    cp1.status(1, "Faulted", "InternalError")
    watched.wait(20)
    assert "it ends the 1 session that is under way there" in watched.only.advice


def test_a_code_that_turns_out_dangerous_takes_the_advice_to_reset_back() -> None:
    watched = Watched("faulted")
    cp1 = watched.play("CP1").begin()
    cp1.status(1, "Faulted", "InternalError")
    watched.wait(20)
    cp1.status(1, "Faulted", "GroundFailure")
    assert "reset the station once" in watched.flags[0].advice
    (standing,) = watched.standing
    assert standing.advice.startswith("Dangerous, GroundFailure (ground fault): do not reset it")


def test_a_station_that_says_faulted_where_nothing_is_wrong_is_left_alone_until_it_says_more() -> None:
    watched = Watched("faulted", places=places(place("CP1", quirks=("faulted_without_error",)), place("CP2")))
    for name in ("CP1", "CP2"):
        watched.play(name).begin().status(1, "Faulted")
    watched.wait(600)
    assert watched.only.station == "CP2"
    watched.plays["CP1"].status(1, "Faulted", "ConnectorLockFailure")
    watched.wait(1)
    assert [flag.station for flag in watched.raised] == ["CP2", "CP1"]
    assert watched.raised[1].severity is Severity.CRITICAL


@pytest.mark.parametrize(("status", "told"), [("Available", False), ("Charging", False), ("Faulted", True)])
def test_a_vendors_code_on_a_healthy_connector_of_a_known_station_is_no_danger(
    status: str, told: bool
) -> None:
    quirky = place("CP1", quirks=("vendor_error_on_healthy",))
    for known in (quirky, place("CP1")):
        watched = Watched("faulted", places=places(known))
        watched.play("CP1").begin().status(1, status, vendorErrorCode="CX002")
        watched.wait(1)
        assert bool(watched.raised) is (told or known is not quirky)


def test_a_safety_code_in_the_error_code_counts_whatever_the_vendors_field_is_known_for() -> None:
    watched = Watched("faulted", places=places(place("CP1", quirks=("vendor_error_on_healthy",))))
    watched.play("CP1").begin().status(1, "Available", info="CX002 seen", vendorErrorCode="7")
    assert watched.only.severity is Severity.CRITICAL


def test_offline_does_not_end_a_fault() -> None:
    watched = Watched("faulted")
    cp1 = watched.play("CP1").begin()
    cp1.status(1, "Faulted", "GroundFailure")
    watched.wait(20)
    cp1.close()
    watched.wait(600)
    assert watched.standing


def test_maintenance_keeps_a_fault_quiet() -> None:
    watched = Watched("faulted", places=places(maintenance=[window(0, 600, station="CP1")]))
    cp1 = watched.play("CP1").begin()
    cp1.status(1, "Faulted", "GroundFailure")
    watched.wait(300)
    cp1.status(1, "Available")
    watched.wait(600)
    assert not watched.raised


# --- success_rate_drop -----------------------------------------------------------------------------------------------------


class Rates:
    """Ended sessions straight into the engine, an hour apart unless told."""

    def __init__(self, places_: Any = None, **settings: Any) -> None:
        self.engine = Engine(
            [make_rule(rule="rate", detector="success_rate_drop", settings=settings)],
            places_ or places(),
            Fleet(),
        )
        self.now_ns = T0_NS
        self.flags: list[Any] = []
        self.number = 0

    def end(
        self, station: str, outcome: Outcome, times: int = 1, every_s: float = 60, **more: Any
    ) -> Session:
        session = None
        for _ in range(times):
            self.number += 1
            self.now_ns += round(every_s * SECOND_NS)
            session = Session(
                id=f"s{self.number}", station=station, started_at_ns=self.now_ns - HOUR_NS // 2, stopped_at_ns=self.now_ns,
                changed_at_ns=self.now_ns, outcome=outcome, upstream="main",
                reason=Reason.EV_COMM if outcome is Outcome.FAILED else None, **more,
            )  # fmt: skip
            change = SessionChanged(station=station, at_ns=self.now_ns, before=None, now=session, ended=True)
            self.flags += self.engine.feed(self.now_ns, [change])
        assert session is not None
        return session

    def wait(self, ns: int) -> None:
        self.now_ns += ns
        self.flags += self.engine.feed(self.now_ns)

    @property
    def keys(self) -> list[str]:
        return [flag.key for flag in self.engine.raised]


@pytest.mark.parametrize(
    ("good", "bad", "flags"), [(16, 4, 1), (17, 3, 1), (18, 2, 0), (15, 4, 0), (90, 10, 1), (93, 7, 0)]
)
def test_below_95_percent_and_chance_does_not_explain_it(good: int, bad: int, flags: int) -> None:
    rates = Rates()
    rates.end("CP1", Outcome.SUCCESS, good)
    rates.end("CP1", Outcome.FAILED, bad)
    assert len(rates.keys) == flags


def test_cancelled_and_rejected_do_not_count_unless_told() -> None:
    for settings, flags in (({}, 0), ({"count_cancelled": True, "count_rejected": True}, 1)):
        rates = Rates(**settings)
        rates.end("CP1", Outcome.SUCCESS, 20)
        rates.end("CP1", Outcome.CANCELLED, 10)
        rates.end("CP1", Outcome.REJECTED, 10)
        assert len(rates.keys) == flags


def test_ten_points_under_its_own_28_days() -> None:
    rates = Rates(rate_min=0.5)
    rates.end("CP1", Outcome.SUCCESS, 200)
    rates.wait(3 * DAY_NS)
    rates.end("CP1", Outcome.SUCCESS, 30)
    rates.end("CP1", Outcome.FAILED, 10)
    assert rates.keys == ["station CP1"]
    assert "100.0 % in its 28 days before" in rates.flags[0].summary


def test_one_bad_station_is_not_its_sites_models_or_upstreams_flag() -> None:
    known = places(
        *(
            place(f"CP{number}", "depot", vendor="ACME", model="One", operator="acme")
            for number in range(1, 5)
        )
    )
    rates = Rates(known)
    for number in (2, 3, 4):
        rates.end(f"CP{number}", Outcome.SUCCESS, 20)
    rates.end("CP3", Outcome.FAILED, 1)
    rates.end("CP1", Outcome.FAILED, 20)
    assert rates.keys == ["station CP1"]


def test_sites_and_operators_are_called_by_their_names_where_the_registry_has_any() -> None:
    known = places(
        *(
            place(
                f"CP{number}", "depot", site_name="Kurierdepot Ost", operator="nl", operator_name="Nordlicht"
            )
            for number in range(1, 5)
        )
    )
    rates = Rates(known, by=["site", "operator"])
    for number in range(1, 5):
        rates.end(f"CP{number}", Outcome.SUCCESS, 5)
    for number in range(1, 5):
        rates.end(f"CP{number}", Outcome.FAILED, 3)
    said = {flag.key: flag.summary.partition(":")[0] for flag in rates.engine.raised}
    assert said == {"operator nl": "Operator Nordlicht", "site depot": "Site Kurierdepot Ost"}


def test_trouble_of_a_whole_model_is_one_flag_above_the_others() -> None:
    known = places(
        *(
            place(f"CP{number}", "depot", vendor="ACME", model="One", operator="acme")
            for number in range(1, 5)
        )
    )
    rates = Rates(known)
    for _ in range(5):
        for number in (1, 2, 3, 4):
            rates.end(f"CP{number}", Outcome.SUCCESS)
            rates.end(f"CP{number}", Outcome.FAILED)
    raised = rates.engine.raised
    assert {flag.key.split()[0] for flag in raised} == {"upstream", "operator", "site", "model"}
    assert len([flag for flag in raised if not flag.inhibited_by]) == 1


def test_a_drop_lists_the_failed_sessions_with_their_stations() -> None:
    known = places(place("CP1", "depot", name="Depot 1"), place("CP2", "depot", name="Depot 2"))
    rates = Rates(known, by=("site",))
    for _ in range(10):
        for station in ("CP1", "CP2"):
            rates.end(station, Outcome.SUCCESS)
            rates.end(station, Outcome.FAILED)
    (flag,) = rates.engine.raised
    assert flag.evidence[1].text == "Stations with failures: Depot 1 (CP1), Depot 2 (CP2)."
    assert flag.evidence[1].stations == ("CP1", "CP2")
    listed = flag.evidence[2:]
    assert all(each.session and each.stations[0] in ("CP1", "CP2") for each in listed)
    assert len({each.session for each in listed}) == len(listed) > 3
    assert "EV_COMM" in flag.advice
    assert "What they share is depot" in flag.advice


def test_a_failed_session_whose_verdict_is_revised_is_listed_no_more() -> None:
    rates = Rates(by=("station",))
    rates.end("CP1", Outcome.SUCCESS, 14)
    rates.end("CP1", Outcome.FAILED, 2)
    session = rates.end("CP1", Outcome.FAILED)
    good = msgspec.structs.replace(session, outcome=Outcome.SUCCESS, reason=None)
    change = SessionChanged(station="CP1", at_ns=rates.now_ns, before=session, now=good, revised=True)
    rates.flags += rates.engine.feed(rates.now_ns, [change])
    rates.end("CP1", Outcome.FAILED, 3)
    (flag,) = rates.engine.raised
    assert session.id not in {each.session for each in flag.evidence}
    assert len([each for each in flag.evidence if each.session]) == 5


def test_successes_that_grow_old_raise_no_flag_beside_the_one_it_belongs_below() -> None:
    rates = Rates(
        places(place("CP1", operator="acme"), place("CP2", operator="acme")),
        rate_min=0.5, sessions_min=2, confidence=0.51, by=("upstream", "operator"),
    )  # fmt: skip
    rates.end("CP1", Outcome.SUCCESS, 3)
    rates.wait(24 * HOUR_NS - 40 * 60 * SECOND_NS)
    for station in ("CP1", "CP2"):
        rates.end(station, Outcome.FAILED, 3)
    rates.end("CP1", Outcome.SUCCESS, 3)
    told = [(flag.state.value, bool(flag.inhibited_by)) for flag in rates.flags]
    assert told == [("raised", False), ("raised", True), ("cleared", True), ("cleared", False)]
    rates.wait(HOUR_NS)
    rates.end("CP2", Outcome.FAILED)
    assert rates.keys == ["upstream main", "operator acme"]
    upstream, operator = rates.engine.raised
    assert (upstream.inhibited_by, operator.inhibited_by) == ("", upstream.id)


def test_verdict_that_is_revised_moves_from_failed_to_good() -> None:
    rates = Rates()
    rates.end("CP1", Outcome.SUCCESS, 16)
    failed = [rates.end("CP1", Outcome.FAILED) for _ in range(4)]
    assert rates.keys
    for session in failed:
        now = Session(
            **{name: getattr(session, name) for name in Session.__struct_fields__}
            | {"outcome": Outcome.SUCCESS}
        )
        change = SessionChanged(station="CP1", at_ns=rates.now_ns, before=session, now=now, revised=True)
        rates.flags += rates.engine.feed(rates.now_ns, [change])
    assert not rates.keys
    assert rates.flags[-1].cleared_because == "95.0 % of 20 sessions in 24 h succeeded"


def test_it_clears_when_the_day_is_over() -> None:
    rates = Rates()
    rates.end("CP1", Outcome.SUCCESS, 10)
    rates.end("CP1", Outcome.FAILED, 10)
    rates.wait(25 * HOUR_NS)
    assert rates.flags[-1].state is FlagState.CLEARED
    assert "too few" in rates.flags[-1].cleared_because


def test_sessions_of_a_station_in_maintenance_do_not_count() -> None:
    rates = Rates(places(maintenance=[window(0, 1801, station="CP1")]))
    rates.end("CP1", Outcome.FAILED, 30)
    rates.end("CP1", Outcome.FAILED, 10)
    assert not rates.keys


def test_buckets_stay_bounded_over_a_year() -> None:
    rates = Rates()
    rates.end("CP1", Outcome.SUCCESS, 365 * 6, every_s=4 * 3600)
    running = rates.engine._running["rate"]
    for state in running.states.values():
        assert len(state.hours) <= 24
        assert len(state.days) <= 30


# --- cloned_token_overlap ----------------------------------------------------------------------------------------------------

HAMBURG = {"latitude": 53.5461, "longitude": 9.9663}
BERLIN = {"latitude": 52.5219, "longitude": 13.4132}
NEARBY = {"latitude": 53.5500, "longitude": 9.9700}
NOWHERE: dict[str, float] = {}


def two_cities(second: dict[str, float], **tokens: TokenFacts) -> Watched:
    known = places(place("CP1", "a", **HAMBURG), place("CP2", "b", **second), tokens=tokens)
    return Watched("cloned_token_overlap", places=known)


def start(watched: Watched, station: str) -> tuple[Play, int]:
    play = watched.play(station).begin()
    play.status(1, "Preparing")
    transaction = play.start(1, "TAG")
    play.status(1, "Charging")
    return play, transaction


@pytest.mark.parametrize(("second", "flags"), [(BERLIN, 1), (NEARBY, 0), (NOWHERE, 0)])
def test_one_token_in_two_places(second: dict[str, float], flags: int) -> None:
    watched = two_cities(second)
    start(watched, "CP1")
    start(watched, "CP2")
    assert len(watched.raised) == flags


def test_the_flag_names_both_sessions_and_the_distance() -> None:
    watched = two_cities(BERLIN)
    start(watched, "CP1")
    start(watched, "CP2")
    flag = watched.only
    assert (flag.station, flag.subject) == (None, "TAG")
    assert "km apart" in flag.summary
    assert len({each.session for each in flag.evidence}) == 2
    assert [each.stations for each in flag.evidence] == [("CP1",), ("CP2",)]
    for each in flag.evidence:
        assert '"StartTransaction"' in watched.said(each.frames[0])
        assert '"idTag"' in watched.said(each.frames[0])
    assert f"Block token {flag.subject}" in flag.advice


@pytest.mark.parametrize("facts", [TokenFacts(shared=True), TokenFacts(parent="TAG")])
def test_shared_and_group_tokens_may_be_in_two_places(facts: TokenFacts) -> None:
    watched = two_cities(BERLIN, TAG=facts)
    start(watched, "CP1")
    start(watched, "CP2")
    assert not watched.raised


def test_token_seen_as_a_parent_is_a_group() -> None:
    watched = two_cities(BERLIN)
    cp1 = watched.play("CP9").begin()
    event = AuthorizeAnswered(
        station="CP9", connection=cp1.connection, at_ns=watched.now_ns, frame="0-1-0", token="A", status="Accepted",
        asked_at_ns=watched.now_ns, parent="TAG",
    )  # fmt: skip
    watched.engine.feed(watched.now_ns, [event])
    start(watched, "CP1")
    start(watched, "CP2")
    assert not watched.raised


def test_virtual_id_of_the_csms_starts_many_sessions() -> None:
    watched = two_cities(BERLIN)
    for station in ("CP1", "CP2"):
        play = watched.play(station).begin()
        play.status(1, "Preparing")
        play.remote_start("APP", 1)
        play.start(1, "APP")
        play.status(1, "Charging")
    assert not watched.raised


def test_one_after_the_other_is_a_journey() -> None:
    watched = two_cities(BERLIN)
    cp1, transaction = start(watched, "CP1")
    cp1.stop(transaction, 5000)
    watched.wait(7200)
    start(watched, "CP2")
    assert not watched.raised


@pytest.mark.parametrize("why", ["offline", "free"])
def test_transaction_that_cannot_be_live_is_a_lost_stop(why: str) -> None:
    watched = two_cities(BERLIN)
    cp1, _ = start(watched, "CP1")
    if why == "offline":
        cp1.close()
    else:
        cp1.status(1, "Available")
    watched.wait(60)
    start(watched, "CP2")
    assert not watched.raised


# --- token_brute_force -------------------------------------------------------------------------------------------------------


def tries(
    watched: Watched, play: Play, number: int, every: float = 20, prefix: str = "BAD", status: str = "Invalid"
) -> None:
    for each in range(number):
        play.authorize(f"{prefix}{each}", status)
        watched.wait(every)


@pytest.mark.parametrize(
    ("number", "every", "status", "flags"),
    [
        (9, 20, "Invalid", 0),
        (10, 20, "Invalid", 1),
        (15, 90, "Invalid", 0),
        (12, 20, "Accepted", 0),
        (12, 20, "Blocked", 1),
    ],
)
def test_ten_refused_tokens_in_ten_minutes(number: int, every: float, status: str, flags: int) -> None:
    watched = Watched("token_brute_force")
    tries(watched, watched.play("CP1").begin(), number, every, status=status)
    assert len(watched.raised) == flags


def test_refusals_of_a_start_count_alike() -> None:
    watched = Watched("token_brute_force")
    cp1 = watched.play("CP1").begin()
    for number in range(12):
        transaction = cp1.start(1, f"BAD{number}", status="Invalid")
        cp1.stop(transaction, 1000, "DeAuthorized")
        watched.wait(20)
    assert len(watched.raised) == 1


def test_outage_of_a_provider_on_many_stations_is_none() -> None:
    tokens = {f"ROAM{number}{each}": TokenFacts(provider="tnm") for number in range(3) for each in range(15)}
    watched = Watched("token_brute_force", places=places(tokens=tokens))
    plays = [watched.play(f"CP{number}").begin() for number in range(3)]
    for each in range(15):
        for number, play in enumerate(plays):
            play.authorize(f"ROAM{number}{each}", "Invalid")
        watched.wait(20)
    assert not watched.raised


def test_outage_elsewhere_does_not_hide_the_one_who_tries() -> None:
    """Unknown tokens: two busy stations see a refusal each, the third sees twelve."""
    watched = Watched("token_brute_force")
    for number in (2, 3):
        watched.play(f"CP{number}").begin().authorize(f"ELSE{number}", "Invalid")
    tries(watched, watched.play("CP1").begin(), 12)
    assert watched.only.station == "CP1"


def test_unknown_tokens_refused_everywhere_are_an_outage() -> None:
    watched = Watched("token_brute_force")
    plays = [watched.play(f"CP{number}").begin() for number in range(4)]
    for each in range(15):
        for number, play in enumerate(plays):
            play.authorize(f"UNKNOWN{number}{each}", "Invalid")
        watched.wait(20)
    assert not watched.raised


def test_maintenance_does_not_hide_it() -> None:
    watched = Watched("token_brute_force", places=places(maintenance=[window(0, 10_000, station="CP1")]))
    tries(watched, watched.play("CP1").begin(), 12)
    assert watched.raised
