"""Lists and caps: who is let in, who is asked to come back and when, and what is remembered of whom."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from nocwatch.proxy.admission import GLOBS_MAX, Admission, AdmissionSettings, Lists
from nocwatch.proxy.failure import Failure
from nocwatch.proxy.rates import RETRY_AFTER_MAX_S, Rate, Rates
from nocwatch.proxy.refusals import NAMED_PER_SECOND, NAMELESS_PER_SECOND, REASONS_MAX, Allowance


def door(**given_settings: object) -> Admission:
    return Admission(AdmissionSettings.model_validate(given_settings))


def said(outcome: Callable[[], None] | Failure | None) -> tuple[int | None, str, int | None] | str:
    if not isinstance(outcome, Failure):
        return "welcome"
    return outcome.status, outcome.reason, outcome.retry_after_s


def test_with_nothing_configured_nobody_is_asked() -> None:
    admission = Admission()
    assert not admission.guards_addresses
    assert not admission.guards_stations
    assert admission.enter("203.0.113.7", 0) is None
    assert admission.station("CP1") is None
    assert admission.addresses == 0


@pytest.mark.parametrize(
    ("lists", "host", "outcome"),
    [
        ({"networks_deny": ["203.0.113.0/24"]}, "203.0.113.7", (403, "network_denied", None)),
        ({"networks_deny": ["203.0.113.0/24"]}, "::ffff:203.0.113.7", (403, "network_denied", None)),
        ({"networks_deny": ["203.0.113.0/24"]}, "203.0.114.7", "welcome"),
        ({"networks_allow": ["10.0.0.0/8", "2001:db8::/32"]}, "10.1.1.1", "welcome"),
        ({"networks_allow": ["10.0.0.0/8", "2001:db8::/32"]}, "2001:db8::1", "welcome"),
        ({"networks_allow": ["10.0.0.0/8"]}, "203.0.113.7", (403, "network_not_allowed", None)),
        ({"networks_allow": ["10.0.0.0/8"]}, "", (403, "network_not_allowed", None)),
        (
            {"networks_allow": ["10.0.0.0/8"], "networks_deny": ["10.6.0.0/16"]},
            "10.6.0.1",
            (403, "network_denied", None),
        ),
        ({"networks_deny": ["10.6.0.0/16"], "uncapped": ["10.6.0.0/16"]}, "10.6.0.1", (403, "network_denied", None)),
    ],
)  # fmt: skip
def test_networks_are_let_in_or_not(lists: dict[str, object], host: str, outcome: object) -> None:
    admission = door(**lists)
    assert admission.guards_addresses
    assert said(admission.enter(host, 0)) == outcome


@pytest.mark.parametrize(
    ("lists", "station", "outcome"),
    [
        ({"stations_deny": ["CP1"]}, "CP1", (403, "station_denied", None)),
        ({"stations_deny": ["CP1"]}, "CP10", "welcome"),
        ({"stations_deny": ["CP1"]}, "cp1", "welcome"),
        ({"stations_deny": ["TEST-*", "x"]}, "TEST-7", (403, "station_denied", None)),
        ({"stations_allow": ["DE-*", "CP?"]}, "CP9", "welcome"),
        ({"stations_allow": ["DE-*", "CP?"]}, "CP10", (403, "station_not_allowed", None)),
        ({"stations_allow": ["DE-*"]}, "DE-1\nX", "welcome"),
        ({"stations_allow": ["DE-*"], "stations_deny": ["DE-13"]}, "DE-13", (403, "station_denied", None)),
        ({"stations_allow": ["*"]}, "", "welcome"),
    ],
)
def test_stations_are_let_in_or_not(lists: dict[str, object], station: str, outcome: object) -> None:
    admission = door(**lists)
    assert admission.guards_stations
    assert not admission.guards_addresses
    assert said(admission.station(station)) == outcome


def test_one_address_has_its_connections_and_no_more_until_one_has_ended() -> None:
    admission = door(address_connections_max=2)
    first, second = admission.enter("203.0.113.7", 0), admission.enter("203.0.113.7", 0)
    assert callable(first)
    assert callable(second)
    assert said(admission.enter("203.0.113.7", 0)) == (429, "address_connections_max", 30)
    assert said(admission.enter("203.0.113.8", 0)) == "welcome"
    first()
    assert said(admission.enter("203.0.113.7", 0)) == "welcome"


def test_the_addresses_of_one_ipv6_network_are_one_customer() -> None:
    admission = door(address_connections_max=1)
    assert callable(admission.enter("2001:db8:0:1::1", 0))
    assert said(admission.enter("2001:db8:0:1:ffff::2", 0)) == (429, "address_connections_max", 30)
    assert said(admission.enter("2001:db8:0:2::1", 0)) == "welcome"


def test_a_depot_behind_one_address_is_not_capped_and_counts_among_all() -> None:
    admission = door(
        address_connections_max=1, address_handshakes_per_second=1, address_burst=1, uncapped=["203.0.113.7"],
        handshakes_per_second=1, burst=3,
    )  # fmt: skip
    assert [said(admission.enter("203.0.113.7", 0)) for _ in range(3)] == ["welcome"] * 3
    assert said(admission.enter("203.0.113.7", 0)) == (503, "handshake_rate", 1)


def test_one_address_that_floods_takes_nothing_of_what_belongs_to_all() -> None:
    admission = door(address_handshakes_per_second=1, address_burst=2, handshakes_per_second=1, burst=4)
    flood = [said(admission.enter("203.0.113.7", 0)) for _ in range(50)]
    assert flood == ["welcome"] * 2 + [(429, "address_rate", 1)] * 48
    assert said(admission.enter("203.0.113.8", 0)) == "welcome"
    assert said(admission.enter("203.0.113.9", 0)) == "welcome"
    assert said(admission.enter("203.0.113.10", 0)) == (503, "handshake_rate", 1)
    assert said(admission.enter("203.0.113.7", 1.0)) == "welcome"


def test_who_is_refused_by_the_rate_of_all_holds_no_connection() -> None:
    admission = door(address_connections_max=1, handshakes_per_second=1, burst=1)
    assert callable(admission.enter("203.0.113.7", 0))
    assert said(admission.enter("203.0.113.8", 0)) == (503, "handshake_rate", 1)
    assert said(admission.enter("203.0.113.8", 1)) == "welcome"


def test_a_fleet_that_comes_back_at_once_is_asked_back_one_after_the_other() -> None:
    admission = door(handshakes_per_second=10, burst=5)
    outcomes = [admission.enter(f"10.0.{each // 256}.{each % 256}", 100.0) for each in range(1000)]
    waits = [each.retry_after_s for each in outcomes if isinstance(each, Failure)]
    assert len(waits) == 995
    minute = waits[:600]
    assert minute == sorted(minute)
    assert all(9 <= minute.count(second) <= 11 for second in range(2, RETRY_AFTER_MAX_S))
    assert (
        waits[600:] == minute[: len(waits) - 600]
    )  # the queue is a minute long: who comes later shares its places


def test_a_reload_changes_lists_and_caps_and_forgets_nobody() -> None:
    admission = door(address_connections_max=2, address_handshakes_per_second=1, address_burst=2)
    leave = admission.enter("203.0.113.7", 0)
    assert callable(leave)
    stricter = {"address_connections_max": 1, "address_handshakes_per_second": 1, "address_burst": 2}
    admission.change(Lists(AdmissionSettings.model_validate({**stricter, "networks_deny": ["10.0.0.0/8"]})))
    assert said(admission.enter("10.0.0.1", 0)) == (403, "network_denied", None)
    assert said(admission.enter("203.0.113.7", 0)) == (429, "address_connections_max", 30)
    leave()
    assert callable(admission.enter("203.0.113.7", 0))
    admission.change(Lists(AdmissionSettings()))
    assert not admission.guards_addresses
    assert said(admission.enter("10.0.0.1", 0)) == "welcome"


def test_a_reload_gives_nobody_a_new_burst_unless_the_rate_is_another() -> None:
    rate = {"handshakes_per_second": 1, "burst": 1}
    admission = door(**rate)
    assert said(admission.enter("203.0.113.7", 0)) == "welcome"
    admission.change(Lists(AdmissionSettings.model_validate({**rate, "networks_deny": ["10.0.0.0/8"]})))
    assert said(admission.enter("203.0.113.7", 0)) == (503, "handshake_rate", 1)
    admission.change(Lists(AdmissionSettings.model_validate({**rate, "burst": 2})))
    assert said(admission.enter("203.0.113.7", 0)) == "welcome"


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.floats(0, 0.5, allow_nan=False)), max_size=60))
def test_what_is_remembered_ends_with_the_last_connection(steps: list[tuple[int, bool, float]]) -> None:
    admission = door(address_connections_max=3, address_handshakes_per_second=5, address_burst=3)
    held: dict[int, list[Callable[[], None]]] = {each: [] for each in range(4)}
    now = 0.0
    for address, leaves, later in steps:
        now += later
        if leaves and held[address]:
            held[address].pop()()
        else:
            outcome = admission.enter(f"10.0.0.{address}", now)
            if callable(outcome):
                held[address].append(outcome)
            elif isinstance(outcome, Failure) and outcome.reason == "address_connections_max":
                assert len(held[address]) == 3
        assert all(len(each) <= 3 for each in held.values())
    for each in held.values():
        while each:
            each.pop()()
    assert admission._connections == {}


@settings(deadline=None, max_examples=100)
@given(
    st.floats(0.1, 100), st.integers(1, 20), st.lists(st.floats(0, 2, allow_nan=False), min_size=1, max_size=80)
)  # fmt: skip
def test_a_rate_lets_no_more_through_than_it_says_and_keeps_its_word(
    per_second: float, burst: int, steps: list[float]
) -> None:
    one, many = Rate(per_second, burst), Rates(per_second, burst, 10)
    now, allowed = 1000.0, []
    for step in steps:
        now += step
        wait = one.wait_s(now)
        alone = many.wait_s(7, now)
        assert (wait is None) == (alone is None)
        if wait is None:
            allowed.append(now)
        else:
            assert 1 <= wait <= RETRY_AFTER_MAX_S
    for index, since in enumerate(allowed):
        for count, until in enumerate(allowed[index:], 1):
            assert count <= burst + (until - since) * per_second + 1e-6


def test_addresses_beyond_those_that_there_is_room_for_are_forgotten_the_oldest_first() -> None:
    rates = Rates(1, 1, keys_max=100)
    for key in range(100):
        assert rates.wait_s(key, 0) is None
    assert rates.wait_s(0, 0) == 1  # heard again: now the youngest
    for key in range(100, 150):
        assert rates.wait_s(key, 0) is None
    assert len(rates) == 100
    assert rates.forgotten == 50
    assert rates.wait_s(0, 0) == 1
    assert rates.wait_s(1, 0) is None
    for key in range(200, 300):
        rates.wait_s(key, 100)
    assert rates.forgotten == 51  # those at rest cost nothing to forget


def test_a_flood_of_refusals_is_told_at_a_bounded_rate_and_hides_no_other() -> None:
    allowance = Allowance()
    told = [allowance.tell("network_denied", False, 10.0) for _ in range(10_000)]
    assert told.count(True) == NAMELESS_PER_SECOND
    assert allowance.tell("address_rate", False, 10.0)
    named = [allowance.tell("answer_401", True, 10.0) for _ in range(10_000)]
    assert named.count(True) == NAMED_PER_SECOND
    later = [allowance.tell("network_denied", False, 11.0) for _ in range(100)]
    assert later.count(True) == NAMELESS_PER_SECOND


def test_reasons_without_end_would_not_be_told() -> None:
    allowance = Allowance()
    assert [allowance.tell(str(each), True, 0) for each in range(REASONS_MAX + 5)][-6:] == [True] + [
        False
    ] * 5


def test_patterns_are_few_since_each_costs_every_handshake_and_plain_names_are_as_many_as_there_are_stations() -> (
    None
):
    AdmissionSettings(stations_allow=[*(f"CP{number}" for number in range(20_000)), *["CP*"] * GLOBS_MAX])
    with pytest.raises(ValidationError, match=f"at most {GLOBS_MAX} may hold"):
        AdmissionSettings(stations_deny=["CP?"] * (GLOBS_MAX + 1))
